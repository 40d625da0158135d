//! `gatekey backup`: a consistent copy of the database, while the issuer serves.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use super::{Done, Failure, Place, output};
use crate::domain::clock::{Clock, SystemClock};
use crate::settings::MasterKeySource;
use crate::store::{Options, backup};

/// How often somebody who watches, and a log, is told how far it is.
const AT_A_TERMINAL: Duration = Duration::from_millis(250);
const IN_A_LOG: Duration = Duration::from_secs(10);

/// Copy the SQLite database to a file, while the issuer serves
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatekey backup /var/backups/gatekey.db
  gatekey backup --force /var/backups/latest.db      replace an earlier copy

The copy is what was committed at one moment. The file is for its owner alone (mode 0600) and appears when it is whole and on disk.
It does not hold the master key: keep a copy of gatekey.key apart from it. With PostgreSQL use pg_dump.")]
pub(super) struct Backup {
    /// The file to write
    file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

impl Backup {
    pub(super) fn run(self, place: &Place) -> Done {
        let settings = place.settings()?;
        let options = Options::new(&settings.database.url);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let bytes = runtime.block_on(async {
            let mut progress = Progress::new();
            let copying = backup::run(&options, &self.file, self.force, SystemClock.now(), |written, of| progress.show(written, of));
            tokio::select! {
                copied = copying => copied.map_err(Failure::from),
                // The unfinished file goes with the future.
                _ = tokio::signal::ctrl_c() => Err(Failure("interrupted: nothing was written".to_owned())),
            }
        })?;
        let key = match &settings.master_key {
            MasterKeySource::File(path) => path.display().to_string(),
            MasterKeySource::Text(_) => "GATEKEY_MASTER_KEY".to_owned(),
        };
        let file = self.file.display();
        output::print(&format!("Wrote {file} ({}). It is of use only with the master key: keep a copy of {key} apart from it.\n", size(bytes)))
    }
}

fn size(bytes: u64) -> String {
    if bytes < 10 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
}

struct Progress {
    terminal: bool,
    told: Instant,
    open_line: bool,
}

impl Progress {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), told: Instant::now(), open_line: false }
    }

    fn show(&mut self, written: u64, of: u64) {
        let every = if self.terminal { AT_A_TERMINAL } else { IN_A_LOG };
        if self.told.elapsed() < every {
            return;
        }
        self.told = Instant::now();
        let percent = (written * 100).checked_div(of).unwrap_or(0).min(100);
        // Whoever does not listen misses nothing.
        let mut out = std::io::stderr();
        let _ = if self.terminal {
            self.open_line = true;
            write!(out, "\rcopied {percent}% of {} ", size(of)).and_then(|()| out.flush())
        } else {
            writeln!(out, "copied {percent}% of {}", size(of))
        };
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.open_line {
            eprintln!();
        }
    }
}
