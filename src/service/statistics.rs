//! How much happens, by the hour. Requests count in memory, which costs them nothing that can be measured; what was counted is added to the database
//! a few times a minute, by each replica what it has counted. A process that is killed takes at most that much along: statistics, no audit
//! trail (that is the events' affair).

use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Core;
use crate::domain::statistics::{Counted, Hour};
use crate::store::{StoreError, statistics};

const EVERY: Duration = Duration::from_secs(15);

/// What was counted and is not written down yet.
#[derive(Debug, Default)]
pub struct Tally([AtomicU64; Counted::ALL.len()]);

impl Tally {
    pub fn count(&self, what: Counted) {
        self.add(what, 1);
    }

    fn add(&self, what: Counted, amount: u64) {
        if let Some(count) = self.0.get(what as usize) {
            count.fetch_add(amount, Ordering::Relaxed);
        }
    }

    fn take(&self) -> Vec<(Counted, u64)> {
        let taken = Counted::ALL.into_iter().zip(&self.0).map(|(what, count)| (what, count.swap(0, Ordering::Relaxed)));
        taken.filter(|(_, amount)| *amount > 0).collect()
    }
}

/// Writes down what was counted, as long as there is an issuer that counts.
pub async fn run(core: Weak<Core>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(core) = core.upgrade() else { return };
        write_down(&core).await;
    }
}

/// Adds what was counted to the hour that it is now. What cannot be written is kept for the next time.
pub async fn write_down(core: &Core) {
    let counts = core.tally.take();
    if counts.is_empty() {
        return;
    }
    let (hour, written) = (Hour::of(core.now()), counts.clone());
    if let Err(error) = core.store.write(move |db| statistics::add(db, hour, &written)).await {
        for (what, amount) in counts {
            core.tally.add(what, amount);
        }
        tracing::debug!(%error, "what was counted could not be written down yet");
    }
}

/// Writes down how many sessions there are, as the sweep has counted them.
pub async fn note_live_sessions(core: &Core, amount: u64) -> Result<(), StoreError> {
    let hour = Hour::of(core.now());
    core.store.write(move |db| statistics::set_live_sessions(db, hour, amount)).await
}
