//! A consistent copy of a SQLite database that may be in use.
//!
//! 1. Look at both sides, before anything is written.
//! 2. `VACUUM INTO` an unfinished file beside the target, from a connection of its own: one read transaction, so the copy is the state
//!    of one moment, and writers go on.
//! 3. Mark it as a copy (`restored.rs`), flush it, and give it its name.
//!
//! Whatever fails, an earlier copy of that name is still there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use tokio::sync::oneshot;

use super::connection::AnyConnection as Connection;
use super::location::Location;
use super::migrate::{self, OpenError};
use super::{Options, StoreError, restored};
use crate::domain::clock::Timestamp;
use crate::domain::entropy::{SystemEntropy, random};

/// How often progress is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Why there is no copy. Each prints as one line that says what to do; what was there before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("this database is in PostgreSQL, whose own tool copies it best: run `{0}` (it asks for the password; PGPASSWORD or ~/.pgpass give it)")]
    UsePgDump(String),
    #[error("nothing has been set up in the database at {0} yet: there is nothing to copy")]
    Empty(String),
    #[error("`{0}` is there already: name another file, or replace it with --force")]
    Exists(String),
    #[error("`{0}` is a directory: name a file in it")]
    IsDirectory(String),
    #[error("the directory of `{0}` does not exist: create it, or name another file")]
    DirectoryMissing(String),
    #[error("`{0}` is the database itself, or one of its side files: name another file")]
    IsTheDatabase(String),
    #[error("`{0}` is no name that SQLite can take (it is not UTF-8): name another file")]
    BadName(String),
    #[error("`{path}` cannot be written ({why}): free space or give the user write access to the directory, then try again")]
    NotWritable { path: String, why: String },
    #[error("the database could not be copied: {0}: check it and its disk, then try again")]
    Failed(String),
}

/// Copies the database to `target` and answers the size in bytes. `progress` is told now and then how many bytes of about how many are
/// written. A future dropped before it is done leaves nothing behind.
pub async fn run(options: &Options, target: &Path, overwrite: bool, now: Timestamp, mut progress: impl FnMut(u64, u64)) -> Result<u64, BackupError> {
    let source = match Location::parse(&options.url)? {
        Location::Sqlite(path) => path,
        Location::Postgres(url) => return Err(BackupError::UsePgDump(pg_dump(&url.without_secrets(), target))),
    };
    let target = std::path::absolute(target).map_err(|error| not_writable(target, &error))?;
    judge(&source, &target, overwrite)?;
    let status = migrate::status(options).await?;
    if let Some(path) = status.missing {
        return Err(OpenError::FileMissing(path).into());
    }
    if status.applied.is_empty() {
        return Err(BackupError::Empty(source.display().to_string()));
    }
    let unfinished = Unfinished::create(&target)?;
    let mut copied = copy_on_a_thread(source.clone(), unfinished.0.clone(), now)?;
    let expected = fs::metadata(&source).map_or(0, |metadata| metadata.len());
    loop {
        match tokio::time::timeout(LOOK_EVERY, &mut copied).await {
            Ok(Ok(result)) => break result?,
            Ok(Err(_)) => return Err(BackupError::Failed("the copying thread died".to_owned())),
            Err(_) => progress(fs::metadata(&unfinished.0).map_or(0, |metadata| metadata.len()), expected),
        }
    }
    unfinished.publish(&target, overwrite)
}

fn pg_dump(url: &str, target: &Path) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    format!("pg_dump --format=custom --file={} {}", quoted(&target.to_string_lossy()), quoted(url))
}

fn not_writable(path: &Path, error: &io::Error) -> BackupError {
    BackupError::NotWritable { path: path.display().to_string(), why: error.to_string() }
}

/// Whether `target` can be a copy of `source`.
fn judge(source: &Path, target: &Path, overwrite: bool) -> Result<(), BackupError> {
    let shown = || target.display().to_string();
    if target.to_str().is_none() {
        return Err(BackupError::BadName(shown()));
    }
    if target.is_dir() || target.file_name().is_none() {
        return Err(BackupError::IsDirectory(shown()));
    }
    let real = |path: &Path| fs::canonicalize(path).ok();
    let Some(directory) = target.parent().and_then(real) else {
        return Err(BackupError::DirectoryMissing(shown()));
    };
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut side = source.as_os_str().to_owned();
        side.push(suffix);
        let side = PathBuf::from(side);
        let same_name = side.parent().and_then(real).as_ref() == Some(&directory) && side.file_name() == target.file_name();
        if same_name || (side.exists() && real(&side) == real(target)) {
            return Err(BackupError::IsTheDatabase(shown()));
        }
    }
    if target.symlink_metadata().is_ok() && !overwrite {
        return Err(BackupError::Exists(shown()));
    }
    Ok(())
}

/// The file while it is not whole. It goes when this value does.
struct Unfinished(PathBuf);

impl Unfinished {
    fn create(target: &Path) -> Result<Self, BackupError> {
        let mut name = target.as_os_str().to_owned();
        // A name of its own: in a container a process that was killed and the next one have the same id.
        name.push(format!(".{:016x}.unfinished", u64::from_be_bytes(random(&SystemEntropy))));
        let path = PathBuf::from(name);
        let mut create = OpenOptions::new();
        create.write(true).create_new(true);
        // It holds what the database holds: for the owner alone, from its first byte.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut create, 0o600);
        create.open(&path).map_err(|error| not_writable(&path, &error))?;
        Ok(Self(path))
    }

    /// Under its name at once or not at all; on disk, name and content, when this returns.
    fn publish(self, target: &Path, overwrite: bool) -> Result<u64, BackupError> {
        let failed = |error: io::Error| not_writable(target, &error);
        let file = File::open(&self.0).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        if overwrite {
            fs::rename(&self.0, target).map_err(failed)?;
        } else {
            // A link, unlike a renaming, never replaces what somebody put there meanwhile.
            match fs::hard_link(&self.0, target) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(BackupError::Exists(target.display().to_string())),
                // A file system without links.
                Err(_) if target.symlink_metadata().is_err() => fs::rename(&self.0, target).map_err(failed)?,
                linked => linked.map_err(failed)?,
            }
        }
        // Without its second name, so that the flush of the directory covers that too.
        drop(self);
        let directory = target.parent().unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
        Ok(bytes)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Not there any more if it was renamed.
        let _ = fs::remove_file(&self.0);
    }
}

fn copy_on_a_thread(source: PathBuf, target: PathBuf, now: Timestamp) -> Result<oneshot::Receiver<Result<(), BackupError>>, BackupError> {
    let (reply, answer) = oneshot::channel();
    let spawned = std::thread::Builder::new().name("gatekey-backup".to_owned()).spawn(move || {
        // Nobody listens if the command was interrupted.
        let _ = reply.send(copy(&source, &target, now));
    });
    spawned.map(|_| answer).map_err(|error| BackupError::Failed(error.to_string()))
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn copy(source: &Path, target: &Path, now: Timestamp) -> Result<(), BackupError> {
    let failed = |error: StoreError| match error {
        StoreError::Unavailable(why) if why.contains("full") || why.contains("disk I/O") => {
            BackupError::NotWritable { path: target.display().to_string(), why }
        }
        other => BackupError::Failed(other.to_string()),
    };
    {
        let mut conn = open(source).map_err(failed)?;
        // Parameters are names of files to SQLite as they stand; an absolute one is never taken for a URI.
        diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(target.to_string_lossy()).execute(&mut conn).map_err(|error| failed(error.into()))?;
    }
    let mut conn = Connection::Sqlite(open(target).map_err(failed)?);
    let marked = restored::mark(&mut conn, now).and_then(|()| {
        // It was written a moment ago by this very process: what is wrong with it now was wrong in memory or on the way.
        Ok(diesel::sql_query("SELECT count(*) AS count FROM pragma_quick_check WHERE quick_check <> 'ok'").get_result::<Count>(&mut conn)?.count)
    });
    match marked.map_err(failed)? {
        0 => Ok(()),
        _ => Err(BackupError::Failed("the copy is not sound".to_owned())),
    }
}

fn open(path: &Path) -> Result<SqliteConnection, StoreError> {
    let mut conn = <SqliteConnection as diesel::Connection>::establish(&path.to_string_lossy()).map_err(|error| StoreError::unavailable(error.to_string()))?;
    conn.batch_execute("PRAGMA busy_timeout = 5000")?;
    Ok(conn)
}
