//! `gatekey doctor`: what is wrong or will not work, and what to change.

use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::output::{self, plain};
use super::{Address, Done, Failure, Place};
use crate::domain::clock::SystemClock;
use crate::domain::entropy::SystemEntropy;
use crate::domain::id::ClientId;
use crate::protocol::diagnosis::{Code, Finding, Level};
use crate::service::diagnosis::{Diagnosis, diagnose};
use crate::settings::{Flags, Settings};

/// Say what is wrong or will not work, and what to change; exit code 1 if something does not work
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatekey doctor                      settings, database, keys, and what the issuer's own address answers
  gatekey doctor --client notes       and whether that application can sign in and renew silently, and how
  gatekey doctor --issuer https://id.example.com/     of a server that was started with that flag
  gatekey doctor --json

Nothing is changed. One request is sent, to the issuer's own address. The words are explained in docs/diagnosis.md.")]
pub(super) struct Doctor {
    /// An application to look at too
    #[arg(long, value_name = "ID", value_parser = ClientId::parse)]
    client: Option<ClientId>,
    #[command(flatten)]
    address: Address,
    /// The address and port that the server was told to listen on
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) fn run(self, place: &Place) -> Done {
        let flags = Flags { listen: self.listen, ..place.at(self.address).flags() };
        let (issuer, Diagnosis { server, client }) = match Settings::load(place.config.as_deref(), flags) {
            Err(why) => (None, Diagnosis { server: vec![Finding::new(Code::SettingsRefused, why.to_string())], client: Vec::new() }),
            Ok(settings) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let diagnosis = runtime.block_on(diagnose(&settings, self.client.as_ref(), Arc::new(SystemClock), Arc::new(SystemEntropy)));
                (Some(settings.issuer.as_str().to_owned()), diagnosis)
            }
        };
        let of = |level| server.iter().chain(&client).filter(|finding| finding.level() == level).count();
        let (problems, notes) = (of(Level::Problem), of(Level::Note));
        if self.json {
            let about = |about, found: &[Finding]| found.iter().map(|finding| as_json(about, finding)).collect::<Vec<_>>();
            let findings = [about("server", &server), about("client", &client)].concat();
            output::json(&json!({ "issuer": issuer, "client": self.client, "findings": findings, "problems": problems, "notes": notes }))?;
        } else {
            let mut text = section(&issuer.map_or_else(|| "Settings".to_owned(), |issuer| format!("Server {issuer}")), &server);
            if let Some(id) = self.client.filter(|_| !client.is_empty()) {
                text += "\n";
                text += &section(&format!("Client {id}"), &client);
            }
            output::print(&format!("{text}\n{}, {}\n", output::count(problems, "problem"), output::count(notes, "note")))?;
        }
        if problems == 0 { Ok(()) } else { Err(Failure(format!("{} found: see what each says to change", output::count(problems, "problem")))) }
    }
}

fn section(title: &str, found: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let first = format!("  {:7}  {}: {}\n", finding.level().as_str(), finding.code.as_str(), one_line(&finding.text));
        let change = finding.change.as_ref().map(|change| format!("           -> {}\n", one_line(change))).unwrap_or_default();
        first + &change
    };
    format!("{}\n{}", plain(title), found.iter().map(line).collect::<String>())
}

/// As errors are printed: one line, whatever the cause wrote.
fn one_line(text: &str) -> String {
    plain(&text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; "))
}

fn as_json(about: &str, finding: &Finding) -> Value {
    json!({ "about": about, "code": finding.code.as_str(), "level": finding.level().as_str(), "text": finding.text, "change": finding.change })
}
