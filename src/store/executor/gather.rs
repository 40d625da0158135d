//! The reads of PostgreSQL that every refresh makes, of many callers in one statement, as the writes of [`batch`](super::batch) are:
//! what a point read costs there is the round trip, not the row.
//!
//! Whoever asks is answered from a statement that began after the question, so nobody sees less than by asking alone.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use diesel::PgConnection;
use tokio::sync::oneshot;

use super::batch::postgres;
use super::postgres::Pool;
use super::queue::Queue;
use super::unit::guarded;
use crate::domain::id::{ClientId, GrantId};
use crate::store::clients::{self, MarkedClient};
use crate::store::error::StoreError;
use crate::store::refresh_families::{self, FamilyFacts};

type Caller<T> = oneshot::Sender<Result<Option<T>, StoreError>>;

/// What is asked for by its key.
pub(super) enum Question {
    Client(ClientId, Caller<MarkedClient>),
    Family(GrantId, Caller<FamilyFacts>),
}

const LIMIT: usize = 256;

/// The gathering thread.
pub(super) fn run(queue: &Queue<Question>, pool: &Pool) {
    while let Some(first) = queue.take() {
        let (mut of_clients, mut of_families) = (Vec::new(), Vec::new());
        for question in std::iter::once(first).chain(queue.drain(LIMIT - 1)) {
            match question {
                Question::Client(id, caller) => of_clients.push((id, caller)),
                Question::Family(id, caller) => of_families.push((id, caller)),
            }
        }
        answer(pool, of_clients, clients::marked_each);
        answer(pool, of_families, refresh_families::facts_of_each);
    }
}

/// Rows by their keys; one that cannot be read is an error of its own and harms no neighbour.
type Found<K, T> = Result<HashMap<K, Result<T, StoreError>>, StoreError>;

fn answer<K: Hash + Eq + Clone, T: Clone>(pool: &Pool, mut asked: Vec<(K, Caller<T>)>, read: impl FnOnce(&mut PgConnection, &[K]) -> Found<K, T>) {
    asked.retain(|(_, caller)| !caller.is_closed());
    if asked.is_empty() {
        return;
    }
    let keys: Vec<K> = asked.iter().map(|(key, _)| key.clone()).collect::<HashSet<K>>().into_iter().collect();
    let found = pool.lend(|pooled| guarded(&mut pooled.conn, |conn| read(postgres(conn)?, &keys)));
    for (key, caller) in asked {
        let answer = match &found {
            Ok(found) => found.get(&key).cloned().transpose(),
            Err(error) => Err(error.clone()),
        };
        // The caller may have gone.
        let _ = caller.send(answer);
    }
}
