//! `gatekey restored`: tells Gatekey that its database was put back from a copy, where it cannot see that by itself.

use clap::Args;

use super::{Done, Place, output};
use crate::service::restored;

/// Say that the database was put back in a way that leaves no sign, such as a snapshot of the whole disk
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  gatekey restored

Not needed after `gatekey backup`, pg_dump, or a copy put where no file was: those are noticed. At the next start, authorization
codes and one-time links given out before it are refused.")]
pub(super) struct Restored {}

impl Restored {
    pub(super) fn run(self, place: &Place) -> Done {
        place.administer(async |admin, _| Ok(restored::mark(&admin.store, admin.clock.now()).await?))?;
        output::print("Noted. Now start `gatekey serve`, or restart it: codes and one-time links given out before that are refused from then on.\n")
    }
}
