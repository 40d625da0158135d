//! Moves what the write-ahead log holds into the SQLite file, on a thread of its own, so that no caller waits for it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::Integer;

use super::queue::Queue;
use crate::store::connection::AnyConnection as Connection;

/// A checkpoint after so many units of work, or after the interval if there were fewer.
const UNITS: usize = 1_000;
const INTERVAL: Duration = Duration::from_secs(1);
/// Under writes without a pause the log never empties by itself; beyond so many pages (64 MiB) the writer lets it begin anew.
const LOG_LIMIT: i32 = 16_384;

pub(super) struct Checkpointer {
    since_last: AtomicUsize,
    log_is_long: AtomicBool,
    wake: Queue<()>,
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = Integer)]
    log: i32,
}

impl Checkpointer {
    pub(super) fn new() -> Self {
        Self { since_last: AtomicUsize::new(0), log_is_long: AtomicBool::new(false), wake: Queue::new(1) }
    }

    /// Told by the writer between two groups.
    pub(super) fn written(&self, units: usize, writer: &mut Connection) {
        let before = self.since_last.fetch_add(units, Ordering::Relaxed);
        if before == 0 || before + units >= UNITS {
            // Full means that it is awake already.
            let _ = self.wake.push(());
        }
        if self.log_is_long.swap(false, Ordering::Relaxed) {
            // Between two groups nobody writes here, and the checkpointer has moved nearly all: this is short. A reader may prevent it; then later.
            let _ = diesel::sql_query("PRAGMA wal_checkpoint(RESTART)").get_result::<Checkpoint>(writer);
        }
    }

    pub(super) fn run(&self, conn: &mut Connection) {
        while self.wake.take().is_some() {
            // Gather a while, so that a quiet server flushes the file once a second and not once a write.
            let deadline = Instant::now() + INTERVAL;
            while self.since_last.load(Ordering::Relaxed) < UNITS && Instant::now() < deadline {
                if self.wake.wait_until(deadline) {
                    break;
                }
                let _ = self.wake.try_take();
            }
            self.since_last.store(0, Ordering::Relaxed);
            match diesel::sql_query("PRAGMA wal_checkpoint(PASSIVE)").get_result::<Checkpoint>(conn) {
                Ok(checkpoint) if checkpoint.log > LOG_LIMIT => self.log_is_long.store(true, Ordering::Relaxed),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "checkpoint failed"),
            }
        }
    }

    pub(super) fn close(&self) {
        self.wake.close();
    }
}
