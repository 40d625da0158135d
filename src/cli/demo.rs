//! `gatekey demo`: see `crate::demo`.

use std::path::PathBuf;

use clap::Args;

use super::{Done, Failure, Place, logging};
use crate::demo::{self, Options};
use crate::settings::{LogLevel, LogSettings};

/// Run an issuer, a small application and a small API on this machine, to look at
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatekey demo
  gatekey demo --data demo-data                       keep the database between runs
  gatekey demo --issuer-port 9080 --app-port 9081 --api-port 9082")]
pub(super) struct Demo {
    #[arg(long, value_name = "PORT", default_value_t = Options::default().issuer_port)]
    issuer_port: u16,
    #[arg(long, value_name = "PORT", default_value_t = Options::default().app_port)]
    app_port: u16,
    #[arg(long, value_name = "PORT", default_value_t = Options::default().api_port)]
    api_port: u16,
    /// Keep the database and the master key in this directory
    #[arg(long, value_name = "DIRECTORY")]
    data: Option<PathBuf>,
}

impl Demo {
    pub(super) fn run(self, place: &Place) -> Done {
        // A variable that is set for other commands is no request.
        if place.config.is_some() && place.config != std::env::var_os("GATEKEY_CONFIG").map(PathBuf::from) {
            let why = "the demo has settings of its own and reads no file: leave out `--config`; `gatekey serve` runs the issuer of a settings file";
            return Err(Failure(why.to_owned()));
        }
        if place.database.is_some() {
            return Err(Failure("the demo has a database of its own: leave out `--database`; `--data DIRECTORY` keeps it".to_owned()));
        }
        logging::start(&LogSettings { level: LogLevel::Warn, ..LogSettings::default() });
        let Self { issuer_port, app_port, api_port, data } = self;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        Ok(runtime.block_on(demo::run(Options { issuer_port, app_port, api_port, data }))?)
    }
}
