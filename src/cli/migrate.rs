//! `gatekey migrate`: bring the database up to date, or say whether it is.

use clap::Args;

use super::{Done, Failure, Place, output};
use crate::store::{OpenError, Options, migrate};

/// Bring the database up to date, or check whether it is
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatekey migrate             apply what is pending, all or nothing
  gatekey migrate --check     change nothing; exit code 1 if something is pending")]
pub(super) struct Migrate {
    /// Change nothing; fail if something is pending
    #[arg(long)]
    check: bool,
}

impl Migrate {
    pub(super) fn run(self, place: &Place) -> Done {
        let settings = place.settings()?;
        let options = Options::new(&settings.database.url);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            if self.check {
                let status = migrate::status(&options).await?;
                if let Some(path) = status.missing {
                    return Err(OpenError::FileMissing(path).into());
                }
                if !status.pending.is_empty() {
                    return Err(Failure(format!("pending: {}: run `gatekey migrate`", status.pending.join(", "))));
                }
                return output::print(&format!("The database is up to date ({}).\n", output::count(status.applied.len(), "migration")));
            }
            let applied = migrate::run(&options).await?;
            for name in &applied {
                output::print(&format!("Applied {name}\n"))?;
            }
            output::print("The database is up to date.\n")
        })
    }
}
