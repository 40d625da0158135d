//! How much happened, by the hour.

use super::{Admin, AdminError};
use crate::domain::statistics::{Hour, HourCounts};
use crate::service::{Core, statistics as counting};
use crate::store::statistics;

/// Beyond this many, sessions are not counted for one answer.
const COUNTED: u32 = 10_000;

pub struct Statistics {
    pub hours: Vec<HourCounts>,
    pub live_sessions: u64,
}

impl Admin {
    /// What these hours had. What this process has counted lately is in it.
    pub async fn statistics(&self, core: &Core, hours: Vec<Hour>) -> Result<Statistics, AdminError> {
        counting::write_down(core).await;
        let read = self.store.scan(move |db| Ok(Statistics { hours: statistics::of(db, &hours)?, live_sessions: statistics::live_sessions(db, COUNTED)? }));
        Ok(read.await?)
    }
}
