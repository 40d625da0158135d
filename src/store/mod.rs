//! The store: everything Gatekey keeps, in SQLite or PostgreSQL. The only layer that names diesel.
//!
//! The module is the resource, the function is the verb: `refresh_families::facts(conn, id)`. Every such function is plain and
//! takes a [`Connection`]; only [`Store`] is async, and it alone decides on which thread and in which transaction they run.

pub mod backup;
pub mod client_lists;
pub mod client_sessions;
pub mod clients;
pub mod connection;
pub mod consents;
mod error;
pub mod events;
mod executor;
pub mod grants;
pub mod groups;
pub mod idempotent_answers;
mod kept;
pub mod lifetime_rules;
pub mod listed;
mod location;
pub mod logout_notices;
pub mod meta;
pub mod migrate;
pub mod one_time_links;
pub mod redeemed_codes;
pub mod refresh_families;
pub mod registered;
pub mod restored;
mod row;
pub mod running;
mod schema;
pub mod sessions;
pub mod signing_keys;
mod sql_types;
pub mod statistics;
pub mod sweep;
pub mod throttle_buckets;
pub mod tree;
pub mod used_proofs;
pub mod user_lists;
pub mod user_search;
pub mod users;

use std::fmt;
use std::sync::Arc;

pub use connection::AnyConnection as Connection;
pub use error::StoreError;
pub use migrate::OpenError;

use crate::domain::id::{ClientId, GrantId};
use executor::Executor;
use location::Location;

/// How to open a store.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://relative/path`, `sqlite:///absolute/path` or `postgres://user:password@host/database`.
    pub url: String,
    /// PostgreSQL: connections kept, at least 4. SQLite: idle read connections kept.
    pub pool_size: u32,
    /// How many units of work may wait; one more is answered `Unavailable` at once.
    pub queue: usize,
    pub migrate: Migrate,
}

/// What to do when the database is older than this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// Bring it up to date; replicas may start at the same time.
    Apply,
    /// Refuse to open it.
    RequireCurrent,
}

impl Options {
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), pool_size: 8, queue: 1024, migrate: Migrate::Apply }
    }
}

/// Leaves the password of the URL out.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("backend", &Location::parse(&self.url).map(|location| location.backend()))
            .field("pool_size", &self.pool_size)
            .field("queue", &self.queue)
            .field("migrate", &self.migrate)
            .finish_non_exhaustive()
    }
}

/// The handle to an open database. Clones share one set of threads; when the last one is dropped, they finish what is queued and stop.
#[derive(Clone)]
pub struct Store {
    executor: Arc<Executor>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("backend", &self.backend()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database, migrating it if the options say so. The work happens on a thread of its own.
    pub async fn open(options: &Options) -> Result<Self, OpenError> {
        let options = options.clone();
        let executor = migrate::on_a_thread(move || {
            let location = Location::parse(&options.url)?;
            migrate::prepare(&location, options.migrate)?;
            Executor::start(&location, &options)
        })
        .await?;
        Ok(Self { executor: Arc::new(executor) })
    }

    /// A point read of microseconds. On SQLite it runs right here, on PostgreSQL on a worker thread; nothing in it may write.
    pub async fn read<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        self.executor.read(f).await
    }

    /// What every request asks of a client.
    pub async fn client(&self, id: ClientId) -> Result<Option<clients::MarkedClient>, StoreError> {
        self.executor.client(id).await
    }

    /// A refresh family with all that a decision about it needs.
    pub async fn family(&self, id: GrantId) -> Result<Option<refresh_families::FamilyFacts>, StoreError> {
        self.executor.family(id).await
    }

    /// A longer read, such as a list: always on another thread.
    pub async fn scan<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        self.executor.scan(f).await
    }

    /// A read of whole tables, of seconds: on a thread and a connection of its own, so that nobody waits behind it.
    pub async fn survey<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        self.executor.survey(f).await
    }

    /// One unit of work, all or nothing, answered after it is durable. `Err` rolls it back, so a refusal that must leave a mark is a
    /// value in `Ok`. A future dropped before its unit began leaves nothing; dropped later, the unit is finished whole. After
    /// `Unavailable` from a connection that broke or a time-out, the unit may have been committed: write units that can be tried again.
    pub async fn write<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        self.executor.write(f).await
    }

    /// The same of a unit that may change very many rows, such as ending or deleting something with all below it: how many that is, nobody knows
    /// before. On PostgreSQL each of its statements has half an hour, where others are broken off after two seconds, and half the workers at most are
    /// at such units. Its caller waits for a minute; what is not answered then goes on while the process does, and whoever asks again finds it done.
    pub async fn write_at_length<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        self.executor.write_at_length(f).await
    }

    /// Takes a step of a refresh family. False: no row changed; load the family and decide again.
    pub async fn rotate(&self, step: refresh_families::Step) -> Result<bool, StoreError> {
        self.executor.rotate(step).await
    }

    /// Redeems an authorization code. False: it had been redeemed before, and nothing was written.
    /// `Conflict`: its user, client or session is gone, or the session has ended meanwhile.
    pub async fn redeem(&self, redemption: redeemed_codes::Redemption) -> Result<bool, StoreError> {
        self.executor.redeem(redemption).await
    }

    /// Remembers a use of a session, and of a client session if named.
    pub async fn touch(&self, touch: sessions::Touch) -> Result<(), StoreError> {
        self.executor.touch(touch).await
    }

    /// Whether the database would take a write now.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.executor.ping().await
    }

    /// `sqlite` or `postgres`.
    pub fn backend(&self) -> &'static str {
        self.executor.backend()
    }

    /// Takes no more work, finishes what is queued, and returns when every thread has stopped.
    pub async fn close(&self) {
        self.executor.close().await;
    }
}
