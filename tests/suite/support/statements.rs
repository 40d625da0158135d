//! Counts the SQL statements that go to each database.

use std::collections::HashMap;
use std::sync::{Mutex, Once};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

use super::database::Database;

static COUNTS: Mutex<Option<HashMap<String, u64>>> = Mutex::new(None);

/// One for each connection: it learns whose it is when that is established.
struct Counter {
    database: String,
}

impl Instrumentation for Counter {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => self.database = url.to_owned(),
            InstrumentationEvent::StartQuery { .. } => {
                let mut counts = COUNTS.lock().unwrap();
                *counts.get_or_insert_default().entry(self.database.clone()).or_default() += 1;
            }
            _ => {}
        }
    }
}

/// Call before the first connection of the test: later ones are counted.
pub fn count() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_default_instrumentation(|| Some(Box::new(Counter { database: String::new() }))).unwrap());
}

/// The fewest that `work` took in a few tries: a pool now and then asks its connections whether they live.
pub async fn least(database: &Database, mut work: impl AsyncFnMut()) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..5 {
        let before = so_far(database);
        work().await;
        least = least.min(so_far(database) - before);
    }
    least
}

/// How many there were so far.
pub fn so_far(database: &Database) -> u64 {
    let counts = COUNTS.lock().unwrap();
    // A PostgreSQL URL comes with what the store adds to it.
    let (url, end) = (database.url().trim_start_matches("sqlite://"), |rest: &str| rest.is_empty() || rest.starts_with('?'));
    let found = counts.iter().flatten().filter(|(known, _)| known.strip_prefix(url).is_some_and(end)).map(|(_, count)| count).sum();
    assert!(found > 0, "nothing was counted for {url}");
    found
}
