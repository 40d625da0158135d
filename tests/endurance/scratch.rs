//! The directory of all that a run makes, gone when it ends, also when it is interrupted.

use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Scratch(tempfile::TempDir);

impl Scratch {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("gatekey-endurance.").tempdir().unwrap();
        // PostgreSQL runs as another user and must get through.
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
        let path = folder.path().to_owned();
        std::thread::spawn(move || {
            interrupted();
            clear(&path);
            std::process::exit(130);
        });
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate()).unwrap(), signal(SignalKind::interrupt()).unwrap());
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });
}

/// Ends the servers that say where they are, and removes everything.
fn clear(folder: &PathBuf) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let pids = std::fs::read_to_string(entry.path().join("data/postmaster.pid")).or_else(|_| std::fs::read_to_string(entry.path().join("pids")));
        // The first line of PostgreSQL's file, every line of ours.
        let only_first = entry.path().join("data").is_dir();
        for pid in pids.unwrap_or_default().lines().take(if only_first { 1 } else { usize::MAX }) {
            send("-CONT", pid);
            send(if only_first { "-QUIT" } else { "-KILL" }, pid);
        }
        let _ = Command::new("umount").arg(entry.path().join("disk")).stderr(std::process::Stdio::null()).status();
    }
    std::thread::sleep(std::time::Duration::from_millis(200));
    let _ = std::fs::remove_dir_all(folder);
}

/// Sends a signal, such as `-STOP`, to the process.
pub fn send(signal: &str, pid: &str) {
    let _ = Command::new("kill").args([signal, pid]).stderr(std::process::Stdio::null()).status();
}
