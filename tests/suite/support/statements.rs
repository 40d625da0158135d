//! Counts the SQL statements that go to each database, and writes down what goes to one that is watched.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, Once};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

use super::database::{Backend, Database};

static COUNTS: Mutex<Option<HashMap<String, u64>>> = Mutex::new(None);

/// The statements of one database, each once.
pub type Statements = Arc<Mutex<BTreeSet<String>>>;

/// The databases whose statements are collected, by what their URL or path has in it.
static WATCHED: Mutex<Vec<(String, Statements)>> = Mutex::new(Vec::new());

/// One for each connection: it learns whose it is when that is established. There is one kind for the whole process.
#[derive(Default)]
struct Counter {
    database: String,
    seen: Option<Statements>,
}

impl Instrumentation for Counter {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => {
                self.database = url.to_owned();
                let watched = WATCHED.lock().unwrap();
                self.seen = watched.iter().find(|(name, _)| url.contains(name.as_str())).map(|(_, statements)| statements.clone());
            }
            InstrumentationEvent::StartQuery { query, .. } => {
                if let Some(seen) = &self.seen {
                    let text = query.to_string();
                    let sql = text.split(" -- binds").next().unwrap_or_default().trim();
                    if ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].iter().any(|verb| sql.starts_with(verb)) {
                        seen.lock().unwrap().insert(sql.to_owned());
                    }
                }
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
    ONCE.call_once(|| set_default_instrumentation(|| Some(Box::new(Counter::default()))).unwrap());
}

/// The same, and what the statements are.
pub fn watch(database: &Database) -> Statements {
    let statements = Statements::default();
    let name = database.url().trim_start_matches("sqlite://").rsplit('/').take(2).collect::<Vec<_>>();
    let name = if database.backend() == Backend::Sqlite { format!("{}/{}", name[1], name[0]) } else { name[0].to_owned() };
    WATCHED.lock().unwrap().push((name, statements.clone()));
    count();
    statements
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
