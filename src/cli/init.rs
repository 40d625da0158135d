//! `gatekey init`: a commented settings file and a master key to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Done, Failure, Place, output};
use crate::domain::entropy::SystemEntropy;
use crate::jose::derive::MasterKey;
use crate::service::admin::{Installation, InstallationError};
use crate::settings::{DEFAULT_FILE, MasterKeySource, Settings, template::TEMPLATE};
use crate::store::OpenError;

/// Write a commented gatekey.toml and a master key file (mode 0600)
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatekey init                                        gatekey.toml and gatekey.key in this directory
  gatekey init --config /etc/gatekey/gatekey.toml     another place for the settings
  gatekey init --key-only                             only the master key, where the settings say

No key is made for a database that has lost its own: a new one would open nothing of it.")]
pub(super) struct Init {
    /// Write only the master key file that the settings name
    #[arg(long)]
    key_only: bool,
}

impl Init {
    pub(super) fn run(self, place: &Place) -> Done {
        let file = place.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
        // Nothing is written before all of it may be.
        let settings = if self.key_only { place.settings()? } else { Settings::without_file(place.flags())? };
        if !self.key_only && file.exists() {
            return Err(exists(&file));
        }
        refuse_for_a_lost_key(&settings)?;
        let mut written = Vec::new();
        if !self.key_only {
            write_settings(&file)?;
            written.push(file);
        }
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
        let config = place.config.as_ref().map(|file| format!(" --config {}", as_word(&file.display().to_string()))).unwrap_or_default();
        // The URL itself may hold a password.
        let database = if place.database.is_some() { ", with the same --database" } else { "" };
        output::print(&format!("Keep a copy of the master key apart from the database's. Next: gatekey serve{config}{database}\n"))
    }
}

/// A server would not start with a new key for a database that was made with another one, and who had replaced the key would look for the fault elsewhere.
fn refuse_for_a_lost_key(settings: &Settings) -> Done {
    let MasterKeySource::File(path) = &settings.master_key else { return Ok(()) };
    if path.exists() {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(Installation::has_a_key(settings)) {
        Ok(false) => Ok(()),
        Ok(true) => Err(Failure(format!(
            "the database was made with a master key, and there is no file `{}`: no other key opens what is sealed in that database. Put the old file back, or name it with `master_key_file` or GATEKEY_MASTER_KEY; if it is lost, restore a backup of which you have the key, or begin with another database (--database)",
            path.display()
        ))),
        // The server may be started after this.
        Err(InstallationError::Store(why @ (OpenError::Unreachable { .. } | OpenError::LoginRefused { .. }))) => {
            eprintln!("gatekey: warning: whether the database was made with another master key cannot be seen ({why})");
            Ok(())
        }
        Err(why) => Err(why.into()),
    }
}

fn exists(file: &Path) -> Failure {
    let shown = file.display();
    Failure(format!("{shown} exists already and is left as it is: name another with --config, or use --key-only for the key alone"))
}

fn write_settings(file: &Path) -> Done {
    let shown = file.display();
    let mut opened = OpenOptions::new().write(true).create_new(true).open(file).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => exists(file),
        _ => Failure(format!("{shown} cannot be written ({error}): make its directory writable, or name another file with --config")),
    })?;
    opened.write_all(TEMPLATE.as_bytes()).map_err(|error| Failure(format!("{shown} cannot be written ({error})")))
}

/// As a shell takes it for one word.
fn as_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_is_one_word() {
        for (text, word) in [("/etc/gatekey.toml", "/etc/gatekey.toml"), ("my file", "'my file'"), ("it's", r"'it'\''s'"), ("", "''"), ("$x", "'$x'")] {
            assert_eq!(as_word(text), word);
        }
    }
}
