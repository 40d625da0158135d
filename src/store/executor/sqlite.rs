//! SQLite: one writer thread that groups commits, reads on connections of their own, checkpoints off the write path.
//!
//! A group is: BEGIN IMMEDIATE; each unit in its savepoint; COMMIT, which waits for the disk; then every caller is answered.
//! While one group waits for the disk, the next one gathers. Diesel's own `transaction()` is not used: it begins deferred, and a
//! deferred transaction that reads before it writes fails under concurrency whatever the time-out.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::checkpoint::Checkpointer;
use super::queue::Queue;
use super::unit::{Atomicity, Threads, Work, guarded, submit};
use crate::store::Options;
use crate::store::connection::{AnyConnection as Connection, on_each};
use crate::store::error::StoreError;
use crate::store::kept::statement;
use crate::store::meta;
use crate::store::migrate::OpenError;

/// How long another process may hold the write lock before callers are told.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// How long another start may be at the file.
const OPEN_PATIENCE: Duration = Duration::from_secs(5);
/// How often the lock is asked for. SQLite's own waiting grows to 100 ms a try, with which one of two busy processes starves.
const LOCK_INTERVAL: Duration = Duration::from_micros(500);
/// Units in one transaction at most: beyond this, grouping more gains nothing and only makes the first caller wait.
const GROUP_LIMIT: usize = 512;
const SCAN_THREADS: usize = 2;

pub(in crate::store) struct Executor {
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
    readers_kept: usize,
    writes: Arc<Queue<Work>>,
    scans: Arc<Queue<Work>>,
    checkpointer: Arc<Checkpointer>,
    /// A group was lost since the last proof that something can be written: the disk is full, or broken.
    doubtful: Arc<AtomicBool>,
    threads: Threads,
}

impl Executor {
    pub(in crate::store) fn start(path: &Path, options: &Options) -> Result<Self, OpenError> {
        let failed = |error: StoreError| OpenError::Other(error.to_string());
        // Before any other connection: this one turns the file to WAL.
        let writer = connect(path, Role::Writer).map_err(failed)?;
        let executor = Self {
            path: path.to_owned(),
            readers: Mutex::new(vec![connect(path, Role::Reader).map_err(failed)?]),
            readers_kept: usize::try_from(options.pool_size).unwrap_or(8).max(1),
            writes: Arc::new(Queue::new(options.queue)),
            scans: Arc::new(Queue::new(options.queue)),
            checkpointer: Arc::new(Checkpointer::new()),
            doubtful: Arc::new(AtomicBool::new(false)),
            threads: Threads::new(),
        };
        let writes = Arc::clone(&executor.writes);
        let mut writer = Writer { conn: writer, checkpointer: Arc::clone(&executor.checkpointer), doubtful: Arc::clone(&executor.doubtful) };
        executor.threads.spawn("writer", move || writer.run(&writes))?;
        let (mut conn, checkpointer) = (connect(path, Role::Writer).map_err(failed)?, Arc::clone(&executor.checkpointer));
        executor.threads.spawn("checkpoint", move || checkpointer.run(&mut conn))?;
        for _ in 0..SCAN_THREADS {
            let (mut conn, scans) = (connect(path, Role::Reader).map_err(failed)?, Arc::clone(&executor.scans));
            executor.threads.spawn("scan", move || {
                while let Some(mut work) = scans.take() {
                    if !work.is_abandoned() {
                        let _ = work.run(&mut conn);
                        work.answer(Ok(()));
                    }
                }
            })?;
        }
        Ok(executor)
    }

    /// Runs on the caller's thread: a hop to another costs more than a point read.
    pub(super) fn read<T>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.readers.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        let mut conn = match idle {
            Some(conn) => conn,
            // As many as threads read at once, at most.
            None => connect(&self.path, Role::Reader)?,
        };
        let result = guarded(&mut conn, f);
        if result.as_ref().err().is_none_or(StoreError::spares_connection) {
            let mut readers = self.readers.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            if readers.len() < self.readers_kept {
                readers.push(conn);
            }
        }
        result
    }

    pub(super) async fn scan<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        submit(&self.scans, Atomicity::OneStatement, f).await
    }

    pub(super) async fn survey<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        let path = self.path.clone();
        self.threads.run("survey", move || guarded(&mut connect(&path, Role::Reader)?, f)).await
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        atomicity: Atomicity,
        f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        submit(&self.writes, atomicity, f).await
    }

    /// Takes and gives back the write lock: nothing is written, no flush is waited for. That says nothing of a full disk, so after a write
    /// that was lost it has to write something.
    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        if !self.doubtful.load(Ordering::Relaxed) {
            return self.write(Atomicity::OneStatement, |_| Ok(())).await;
        }
        self.write(Atomicity::Savepoint, prove_writable).await?;
        self.doubtful.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn stop(&self) {
        self.writes.close();
        self.scans.close();
        self.checkpointer.close();
    }

    pub(super) async fn close(&self) {
        self.stop();
        self.threads.ended().await;
        let mut readers = self.readers.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // The last to leave empties the log into the file and removes it, if it has read of it. The threads' connections leave at once, and of two
        // that leave at once each finds the other there; so one that has surely read goes after them, alone.
        if let Some(last) = readers.first_mut() {
            let _ = meta::get(last, "writable");
        }
        readers.clear();
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.stop();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Reader,
    Writer,
}

fn connect(path: &Path, role: Role) -> Result<Connection, StoreError> {
    let mut conn = <SqliteConnection as diesel::Connection>::establish(&path.to_string_lossy()).map_err(|error| StoreError::unavailable(error.to_string()))?;
    // Turning to WAL and recovering after a crash need the file alone for a moment: there SQLite's own patience is right.
    conn.batch_execute("PRAGMA busy_timeout = 5000;")?;
    let settings = match role {
        // FULL: what has been answered survives a power cut. No automatic checkpoint: it would run inside some caller's COMMIT.
        Role::Writer => {
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 0; PRAGMA busy_timeout = 0;"
        }
        Role::Reader => "PRAGMA foreign_keys = ON; PRAGMA query_only = ON; PRAGMA busy_timeout = 500;",
    };
    // Of two that turn the file to WAL at once, SQLite refuses one at once and without its patience, lest they wait for each other.
    let deadline = Instant::now() + OPEN_PATIENCE;
    loop {
        match conn.batch_execute(settings).map_err(StoreError::from) {
            Err(StoreError::Unavailable(why)) if why.contains("locked") && Instant::now() < deadline => std::thread::sleep(LOCK_INTERVAL),
            result => return result.map(|()| Connection::Sqlite(conn)),
        }
    }
}

/// A statement that the connection keeps prepared.
fn run(conn: &mut Connection, sql: &'static str) -> Result<(), StoreError> {
    on_each!(conn, statement(sql).execute(conn))?;
    Ok(())
}

/// Another value each time: SQLite does not write what is there already.
fn prove_writable(conn: &mut Connection) -> Result<(), StoreError> {
    let next = if meta::get(conn, "writable")?.as_deref() == Some("yes") { "again" } else { "yes" };
    meta::set(conn, "writable", next)
}

struct Writer {
    conn: Connection,
    checkpointer: Arc<Checkpointer>,
    doubtful: Arc<AtomicBool>,
}

impl Writer {
    fn run(&mut self, queue: &Queue<Work>) {
        while let Some(first) = queue.take() {
            if first.is_abandoned() {
                continue;
            }
            if let Err(error) = self.begin() {
                tracing::warn!(%error, "the database gives no write lock");
                // Everyone who waited behind it has waited as long: they are told too, instead of waiting once more each.
                // They are gathered before the first is answered, so that nobody who came after the answer is among them.
                let behind = queue.drain(usize::MAX);
                first.answer(Err(error.clone()));
                for work in behind {
                    work.answer(Err(error.clone()));
                }
                continue;
            }
            let (done, outcome) = self.group(first, queue);
            let outcome = outcome.and_then(|()| run(&mut self.conn, "COMMIT"));
            if let Err(error) = &outcome {
                tracing::error!(%error, units = done.len(), "a group of writes was not committed");
                self.doubtful.store(true, Ordering::Relaxed);
                let _ = run(&mut self.conn, "ROLLBACK");
            }
            // Nothing of a lost group is in the database, whatever its units thought of it.
            let outcome = outcome.map_err(|error| StoreError::unavailable(format!("the write was not committed: {error}")));
            let count = done.len();
            for work in done {
                work.answer(outcome.clone());
            }
            self.checkpointer.written(count, &mut self.conn);
        }
    }

    /// Gets the write lock, against other processes on the same file.
    fn begin(&mut self) -> Result<(), StoreError> {
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match run(&mut self.conn, "BEGIN IMMEDIATE") {
                Err(StoreError::Unavailable(why)) if why.contains("locked") && Instant::now() < deadline => std::thread::sleep(LOCK_INTERVAL),
                result => return result,
            }
        }
    }

    /// Runs units until none waits or the group is full. `Err`: the transaction itself was lost.
    fn group(&mut self, first: Work, queue: &Queue<Work>) -> (Vec<Work>, Result<(), StoreError>) {
        let mut done = Vec::new();
        let mut next = Some(first);
        while let Some(mut work) = next.take() {
            if !work.is_abandoned() {
                let outcome = self.one(&mut work);
                done.push(work);
                if outcome.is_err() {
                    return (done, outcome);
                }
            }
            if done.len() < GROUP_LIMIT {
                next = queue.try_take();
            }
        }
        (done, Ok(()))
    }

    fn one(&mut self, work: &mut Work) -> Result<(), StoreError> {
        if work.atomicity() == Atomicity::OneStatement {
            if work.run(&mut self.conn).is_err() {
                return self.still_in_transaction();
            }
            return Ok(());
        }
        run(&mut self.conn, "SAVEPOINT unit")?;
        if work.run(&mut self.conn).is_err() {
            // Fails if SQLite has rolled back the whole transaction by itself (disk full, IO error).
            run(&mut self.conn, "ROLLBACK TO unit")?;
        }
        run(&mut self.conn, "RELEASE unit")
    }

    /// After some errors SQLite has rolled back the whole transaction by itself. A BEGIN tells: inside a transaction it is refused.
    fn still_in_transaction(&mut self) -> Result<(), StoreError> {
        match run(&mut self.conn, "BEGIN") {
            Err(_) => Ok(()),
            Ok(()) => Err(StoreError::unavailable("SQLite rolled the transaction back")),
        }
    }
}
