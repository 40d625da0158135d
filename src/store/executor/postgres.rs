//! PostgreSQL: worker threads over an r2d2 pool, a transaction for each write, and one thread that batches the hot writes.
//!
//! Nothing waits for ever: connecting, statements and locks have limits on the server, and a caller stops waiting by itself when the
//! server says nothing at all. A connection that gave an error it should not is thrown away; after one broke, the others are tried
//! before they are used again, so that a restart of the server costs one failed request and none of this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use tokio::sync::oneshot;

use super::batch::{self, Hot};
use super::queue::Queue;
use super::unit::{Answer, Atomicity, Threads, Work, refused, unit};
use crate::store::Options;
use crate::store::connection::AnyConnection as Connection;
use crate::store::error::StoreError;
use crate::store::location::PostgresUrl;
use crate::store::migrate::OpenError;
use crate::store::redeemed_codes::Redemption;
use crate::store::refresh_families::Step;
use crate::store::sessions::Touch;

/// How long a free connection is waited for: so soon is a dead server known to be one.
const POOL_PATIENCE: Duration = Duration::from_secs(1);
/// How long a caller waits for any answer at all; the server's own limits are shorter.
const PATIENCE: Duration = Duration::from_secs(2);
const SCAN_PATIENCE: Duration = Duration::from_secs(11);
/// A connection that has rested longer is tried before it is used: firewalls forget quiet ones.
const RESTED: Duration = Duration::from_secs(30);

const SESSION: &str = "SET statement_timeout = '1800ms'; SET lock_timeout = '1500ms'; SET idle_in_transaction_session_timeout = '15s'; \
                       SET default_transaction_isolation = 'read committed'; SET client_min_messages = warning; SET TIME ZONE 'UTC'";

pub(in crate::store) struct Executor {
    reads_and_writes: Arc<Queue<Job>>,
    hot: Arc<Queue<Hot>>,
    threads: Threads,
}

enum Job {
    Read(Work),
    Scan(Work),
    Write(Work),
}

/// Makes connections for the pool.
struct Manager {
    url: PostgresUrl,
    /// How many connections have broken so far: what was tried before the latest is to be tried again.
    broken: AtomicU64,
}

pub(super) struct Pooled {
    pub(super) conn: Connection,
    discard: bool,
    tried: (u64, Instant),
}

impl Pooled {
    /// Looks at a result for what it says of the connection.
    pub(super) fn judge<T>(&mut self, result: &Result<T, StoreError>) {
        if let Err(error) = result {
            self.discard |= !error.spares_connection();
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct ConnectError(String);

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = ConnectError;

    fn connect(&self) -> Result<Pooled, ConnectError> {
        let failed = |message: String| ConnectError(self.url.redact(&message));
        let mut conn = <PgConnection as diesel::Connection>::establish(self.url.expose()).map_err(|error| failed(error.to_string()))?;
        // English messages, where the user may ask for them.
        let _ = conn.batch_execute("SET lc_messages = 'C'");
        conn.batch_execute(SESSION).map_err(|error| failed(error.to_string()))?;
        Ok(Pooled { conn: Connection::Postgres(conn), discard: false, tried: (self.broken.load(Ordering::Relaxed), Instant::now()) })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), ConnectError> {
        let broken = self.broken.load(Ordering::Relaxed);
        if pooled.tried.0 != broken || pooled.tried.1.elapsed() > RESTED {
            diesel::sql_query("SELECT 1").execute(&mut pooled.conn).map_err(|error| ConnectError(error.to_string()))?;
        }
        pooled.tried = (broken, Instant::now());
        Ok(())
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        if pooled.discard {
            self.broken.fetch_add(1, Ordering::Relaxed);
        }
        pooled.discard
    }
}

/// Lends connections to the threads.
#[derive(Clone)]
pub(super) struct Pool(r2d2::Pool<Manager>);

/// What r2d2 says of a failed connect goes nowhere: the caller is told, and the log with it.
#[derive(Debug)]
struct Silent;

impl r2d2::HandleError<ConnectError> for Silent {
    fn handle_error(&self, _: ConnectError) {}
}

impl Pool {
    fn open(url: &PostgresUrl, size: u32) -> Result<Self, OpenError> {
        let manager = Manager { url: url.clone(), broken: AtomicU64::new(0) };
        r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(1))
            .connection_timeout(POOL_PATIENCE)
            .test_on_check_out(true)
            .max_lifetime(None)
            .error_handler(Box::new(Silent))
            .build(manager)
            .map(Self)
            .map_err(|error| crate::store::migrate::connect_error(url, &error.to_string()))
    }

    pub(super) fn lend<T>(&self, f: impl FnOnce(&mut Pooled) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut pooled = self.0.get().map_err(|error| StoreError::unavailable(format!("no connection to PostgreSQL: {error}")))?;
        let result = f(&mut pooled);
        pooled.judge(&result);
        result
    }
}

impl Executor {
    pub(in crate::store) fn start(url: &PostgresUrl, options: &Options) -> Result<Self, OpenError> {
        // One connection is for the batches of the hot writes.
        let size = options.pool_size.max(2);
        let pool = Pool::open(url, size)?;
        let executor = Self { reads_and_writes: Arc::new(Queue::new(options.queue)), hot: Arc::new(Queue::new(options.queue)), threads: Threads::new() };
        for _ in 1..size {
            let (queue, pool) = (Arc::clone(&executor.reads_and_writes), pool.clone());
            executor.threads.spawn("worker", move || {
                while let Some(job) = queue.take() {
                    job.run(&pool);
                }
            })?;
        }
        let hot = Arc::clone(&executor.hot);
        executor.threads.spawn("batch", move || batch::run(&hot, &pool))?;
        Ok(executor)
    }

    pub(super) async fn read<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        self.submit(Job::Read, PATIENCE, f).await
    }

    pub(super) async fn scan<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        self.submit(Job::Scan, SCAN_PATIENCE, f).await
    }

    pub(super) async fn write<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        self.submit(Job::Write, PATIENCE, f).await
    }

    async fn submit<T: Send + 'static>(
        &self,
        kind: fn(Work) -> Job,
        patience: Duration,
        f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (work, answer) = unit(Atomicity::Savepoint, f);
        self.reads_and_writes.push(kind(work)).map_err(refused)?;
        within(patience, answer).await
    }

    pub(super) async fn rotate(&self, step: Step) -> Result<bool, StoreError> {
        let (caller, answer) = oneshot::channel();
        self.hot.push(Hot::Rotate(step, caller)).map_err(refused)?;
        within(PATIENCE, answer).await
    }

    pub(super) async fn redeem(&self, redemption: Redemption) -> Result<bool, StoreError> {
        redemption.check()?;
        let (caller, answer) = oneshot::channel();
        self.hot.push(Hot::Redeem(Box::new(redemption), caller)).map_err(refused)?;
        within(PATIENCE, answer).await
    }

    pub(super) async fn touch(&self, touch: Touch) -> Result<(), StoreError> {
        let (caller, answer) = oneshot::channel();
        self.hot.push(Hot::Touch(touch, caller)).map_err(refused)?;
        within(PATIENCE, answer).await
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        self.read(|conn| {
            #[derive(QueryableByName)]
            struct Setting {
                #[diesel(sql_type = diesel::sql_types::Text)]
                read_only: String,
            }
            let setting = diesel::sql_query("SELECT current_setting('transaction_read_only') AS read_only").get_result::<Setting>(conn)?;
            if setting.read_only == "off" { Ok(()) } else { Err(StoreError::unavailable("PostgreSQL is read-only")) }
        })
        .await
    }

    fn stop(&self) {
        self.reads_and_writes.close();
        self.hot.close();
    }

    pub(super) async fn close(&self) {
        self.stop();
        self.threads.ended().await;
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn within<T>(patience: Duration, answer: Answer<T>) -> Result<T, StoreError> {
    match tokio::time::timeout(patience, answer).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(StoreError::unavailable("the store's thread died")),
        Err(_) => Err(StoreError::unavailable("PostgreSQL does not answer")),
    }
}

impl Job {
    fn run(self, pool: &Pool) {
        let (Self::Read(work) | Self::Scan(work) | Self::Write(work)) = &self;
        if work.is_abandoned() {
            return;
        }
        match self {
            Self::Read(mut work) => {
                let outcome = pool.lend(|pooled| work.run(&mut pooled.conn));
                work.answer(outcome);
            }
            Self::Scan(mut work) => {
                let outcome = pool.lend(|pooled| scan(&mut pooled.conn, &mut work));
                work.answer(outcome);
            }
            Self::Write(mut work) => {
                let outcome = pool.lend(|pooled| write(&mut pooled.conn, &mut work));
                work.answer(outcome);
            }
        }
    }
}

/// A long read gets a longer limit, for this transaction alone.
fn scan(conn: &mut Connection, work: &mut Work) -> Result<(), StoreError> {
    transaction(conn, |conn| {
        conn.batch_execute("SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '10s'")?;
        work.run(conn)
    })
}

fn write(conn: &mut Connection, work: &mut Work) -> Result<(), StoreError> {
    transaction(conn, |conn| work.run(conn))
}

pub(super) fn transaction<T>(conn: &mut Connection, f: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
    let postgres = |conn: &mut Connection, step: fn(&mut PgConnection) -> QueryResult<()>| match conn {
        Connection::Postgres(conn) => step(conn).map_err(StoreError::from),
        Connection::Sqlite(_) => Err(StoreError::Query("an SQLite connection in the pool of PostgreSQL".to_owned())),
    };
    postgres(conn, AnsiTransactionManager::begin_transaction)?;
    match f(conn) {
        Ok(value) => postgres(conn, AnsiTransactionManager::commit_transaction).map(|()| value),
        Err(error) => match postgres(conn, AnsiTransactionManager::rollback_transaction) {
            Ok(()) => Err(error),
            // It could not even be undone: the server does that when it sees the connection go.
            Err(lost) => Err(StoreError::unavailable(lost.to_string())),
        },
    }
}
