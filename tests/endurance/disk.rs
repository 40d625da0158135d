//! The disk under SQLite is full: writes are refused with 503, reads go on, nothing is half done, and room is all it needs. P6.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::families;
use crate::installation::{Installation, Kind};
use crate::traffic::{READS, Retry, STEADY, Traffic, WRITES, judge};

/// A small disk of its own, gone with it.
struct Disk(PathBuf);

impl Disk {
    /// Needs root, as `mount` does.
    fn mount(place: &Path) -> Result<Self, String> {
        let path = place.join("small").join("disk");
        std::fs::create_dir_all(&path).unwrap();
        // Small, but not so small that what the callers write by themselves fills it again.
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256m,mode=0700", "tmpfs"]).arg(&path).output().unwrap();
        if !mounted.status.success() {
            let why = String::from_utf8_lossy(&mounted.stderr).trim().to_owned();
            return Err(format!("no small disk could be mounted ({why}): run this as root, or as `unshare --user --map-root-user --mount …`"));
        }
        Ok(Self(path))
    }

    /// Fills what is left.
    fn fill(&self) {
        let mut file = File::options().append(true).create(true).open(self.0.join("ballast")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

pub fn run(place: &Path) -> Result<String, String> {
    let disk = Disk::mount(place)?;
    let installation = Installation::new(place, Kind::Sqlite, None, 1, Some(&disk.0));
    let mut process = installation.serve(0);
    installation.create_user();
    let traffic = Traffic::start(&installation, Retry::Good);
    std::thread::sleep(Duration::from_secs(1));
    let began = Instant::now();
    // The log still has room of its own for a while; whatever SQLite gives back is taken too.
    while began.elapsed() < Duration::from_secs(8) {
        disk.fill();
        std::thread::sleep(Duration::from_millis(10));
    }
    std::fs::remove_file(disk.0.join("ballast")).unwrap();
    let ended = Instant::now();
    std::thread::sleep(Duration::from_secs(3));
    let seen = traffic.stop();
    let verdict = judge(&seen, began, ended, &[WRITES, &["readyz"]], &[STEADY, READS])?;
    if !process.runs() {
        return Err("the server ended".to_owned());
    }
    families::sound(&installation)?;
    let ended = families::all(&installation).values().filter(|family| family.ended).count();
    if ended > 0 {
        return Err(format!("{ended} families ended in it"));
    }
    installation.no_panic()?;
    let (well, _) = process.terminate();
    if !well {
        return Err("it did not stop well".to_owned());
    }
    Ok(format!("{verdict}\nreads went on, every code answered 503 was still good, integrity_check ok"))
}
