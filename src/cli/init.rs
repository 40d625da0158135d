//! `gatekey init`: a commented settings file and a master key to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Done, Failure, Place, output};
use crate::domain::entropy::SystemEntropy;
use crate::jose::derive::MasterKey;
use crate::settings::{DEFAULT_FILE, MasterKeySource, template::TEMPLATE};

/// Write a commented gatekey.toml and a master key file (mode 0600)
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatekey init                                        gatekey.toml and gatekey.key in this directory
  gatekey init --config /etc/gatekey/gatekey.toml     another place for the settings
  gatekey init --key-only                             only the master key, where the settings say")]
pub(super) struct Init {
    /// Write only the master key file that the settings name
    #[arg(long)]
    key_only: bool,
}

impl Init {
    pub(super) fn run(self, place: &Place) -> Done {
        let mut written = Vec::new();
        if !self.key_only {
            let file = place.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
            write_settings(&file)?;
            written.push(file);
        }
        let settings = place.settings()?;
        match &settings.master_key {
            MasterKeySource::File(path) if !self.key_only && path.exists() => {
                output::print(&format!("Left {} as it is\n", path.display()))?;
            }
            MasterKeySource::File(path) => {
                settings.master_key.create(&MasterKey::generate(&SystemEntropy).to_text())?;
                written.push(path.clone());
            }
            MasterKeySource::Text(_) if self.key_only => {
                return Err(Failure("GATEKEY_MASTER_KEY is set, so no file is needed: unset it to have one made".to_owned()));
            }
            MasterKeySource::Text(_) => output::print("The master key comes from GATEKEY_MASTER_KEY\n")?,
        }
        for path in &written {
            output::print(&format!("Wrote {}\n", path.display()))?;
        }
        output::print("Keep a copy of the master key apart from the database's. Next: gatekey serve\n")
    }
}

fn write_settings(file: &Path) -> Done {
    let shown = file.display();
    let mut opened = OpenOptions::new().write(true).create_new(true).open(file).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure(format!("{shown} exists already and is left as it is: name another with --config, or use --key-only for the key alone"))
        }
        _ => Failure(format!("{shown} cannot be written ({error}): make its directory writable, or name another file with --config")),
    })?;
    opened.write_all(TEMPLATE.as_bytes()).map_err(|error| Failure(format!("{shown} cannot be written ({error})")))
}
