//! The command line: one subcommand a file. Each reads the settings, calls the library and prints; a mistake is one line on
//! standard error that says what to do, and a non-zero exit code.

mod backup;
mod client;
mod demo;
mod doctor;
mod event;
mod init;
mod input;
mod key;
mod limit;
mod logging;
mod logout_notice;
mod migrate;
mod openapi;
mod output;
mod policy;
mod process;
mod restored;
mod serve;
mod session;
mod user;

use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

use crate::domain::clock::SystemClock;
use crate::domain::entropy::{Entropy, SystemEntropy};
use crate::service::admin::{Admin, Installation};
use crate::settings::{Flags, Settings};

/// The authorization server you embed: users, sessions, tokens.
#[derive(Debug, Parser)]
#[command(name = "gatekey", version, propagate_version = true, disable_help_subcommand = true, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  gatekey demo                          look at it: an issuer, an application and an API on this machine
  gatekey init                          write gatekey.toml and the master key
  gatekey serve                         run the issuer
  gatekey user create alice --admin     create a user; the password is asked for
  gatekey client create notes --kind spa --redirect-uri https://notes.example.com/callback

`gatekey COMMAND --help` has more of them. Every key of the settings is in docs/configuration.md.";

/// Where the installation is: flags that every command takes.
#[derive(Debug, Clone, Args)]
struct Place {
    /// The settings file [default: gatekey.toml, if it is there]
    #[arg(long, value_name = "FILE", global = true, env = "GATEKEY_CONFIG")]
    config: Option<PathBuf>,
    /// The database: sqlite://FILE or postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "URL", global = true)]
    database: Option<String>,
    /// Of the commands that have an [`Address`].
    #[arg(skip)]
    issuer: Option<String>,
}

/// The issuer's own address: a flag of the commands that answer there, ask there, or print a link to there.
#[derive(Debug, Args)]
struct Address {
    /// The issuer's URL, byte for byte as applications configure it
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Init(init::Init),
    Serve(serve::Serve),
    Migrate(migrate::Migrate),
    Doctor(doctor::Doctor),
    Openapi(openapi::OpenApi),
    #[command(subcommand)]
    User(user::User),
    #[command(subcommand)]
    Client(client::Client),
    #[command(subcommand)]
    Session(session::Session),
    #[command(subcommand)]
    Policy(policy::Policy),
    #[command(subcommand)]
    Key(key::Key),
    #[command(subcommand)]
    LogoutNotice(logout_notice::LogoutNotice),
    #[command(subcommand)]
    Event(event::Event),
    Backup(backup::Backup),
    Restored(restored::Restored),
}

/// Why a command stopped: the line that is printed.
#[derive(Debug)]
struct Failure(String);

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

type Done = Result<(), Failure>;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    process::keep_memory_private();
    crate::jose::begin();
    let Cli { place, command } = Cli::parse();
    let done = match command {
        Command::Demo(command) => command.run(&place),
        Command::Init(command) => command.run(&place),
        Command::Serve(command) => command.run(&place),
        Command::Migrate(command) => command.run(&place),
        Command::Doctor(command) => command.run(&place),
        Command::Openapi(command) => command.run(),
        Command::User(command) => command.run(&place),
        Command::Client(command) => command.run(&place),
        Command::Session(command) => command.run(&place),
        Command::Policy(command) => command.run(&place),
        Command::Key(command) => command.run(&place),
        Command::LogoutNotice(command) => command.run(&place),
        Command::Event(command) => command.run(&place),
        Command::Backup(command) => command.run(&place),
        Command::Restored(command) => command.run(&place),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(message)) => {
            // One line, whatever the cause wrote.
            eprintln!("gatekey: {}", message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; "));
            ExitCode::FAILURE
        }
    }
}

impl Place {
    fn at(&self, address: Address) -> Self {
        Self { issuer: address.issuer, ..self.clone() }
    }

    fn flags(&self) -> Flags {
        Flags { issuer: self.issuer.clone(), database_url: self.database.clone(), ..Flags::default() }
    }

    fn settings(&self) -> Result<Settings, Failure> {
        Ok(Settings::load(self.config.as_deref(), self.flags())?)
    }

    /// Opens the installation, does `work` as its administrator, and closes it: what was queued is then written. One that is not there is not made.
    fn administer<T>(&self, work: impl AsyncFnOnce(&Admin, &Settings) -> Result<T, Failure>) -> Result<T, Failure> {
        self.opened(async |settings, _| Ok(Installation::open_existing(settings).await?), work)
    }

    /// The same for what may be the first thing done: database and master key are made if they are not there.
    fn administer_new<T>(&self, work: impl AsyncFnOnce(&Admin, &Settings) -> Result<T, Failure>) -> Result<T, Failure> {
        self.opened(async |settings, entropy| Ok(Installation::open(settings, entropy).await?), work)
    }

    fn opened<T>(
        &self,
        open: impl AsyncFnOnce(&Settings, &dyn Entropy) -> Result<Installation, Failure>,
        work: impl AsyncFnOnce(&Admin, &Settings) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let settings = self.settings()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
            let installation = open(&settings, entropy.as_ref()).await?;
            let admin = installation.admin(Arc::new(SystemClock), entropy);
            let done = work(&admin, &settings).await;
            admin.store.close().await;
            done
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// Every subcommand says what it is for and shows an example.
    #[test]
    fn every_command_has_help_with_an_example() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} says nothing of itself", command.get_name());
            if command.has_subcommands() {
                command.get_subcommands().for_each(check);
            } else {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example"), "{} has no example", command.get_name());
            }
        }
        check(&Cli::command());
    }

    /// The examples of the help are commands that the parser takes.
    #[test]
    fn the_examples_parse() {
        fn examples(command: &clap::Command, found: &mut Vec<String>) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            found.extend(help.lines().filter_map(|line| line.trim().strip_prefix("gatekey ").map(str::to_owned)));
            command.get_subcommands().for_each(|command| examples(command, found));
        }
        let mut found = Vec::new();
        examples(&Cli::command(), &mut found);
        assert!(found.len() > 20, "{}", found.len());
        for example in found {
            // What follows two spaces is an explanation; a pipe's or file's end is not ours.
            let words = example.split("  ").next().unwrap_or_default().split_whitespace().take_while(|word| !["<", ">", "|"].contains(word));
            let arguments: Vec<&str> = std::iter::once("gatekey").chain(words).collect();
            if let Err(error) = Cli::try_parse_from(&arguments) {
                panic!("{arguments:?}: {error}");
            }
        }
    }
}
