//! PostgreSQL: worker threads over an r2d2 pool, a transaction for each write, and one thread that batches the hot writes.
//!
//! Nothing waits for ever: connecting, statements and locks have limits on the server, and a caller stops waiting by itself when the
//! server says nothing at all. A connection that gave an error it should not is thrown away; after one broke, the others are tried
//! before they are used again, so that a restart of the server costs one failed request and none of this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use tokio::sync::{Semaphore, oneshot};

use super::batch::{self, Hot};
use super::gather::{self, Question};
use super::queue::Queue;
use super::unit::{Answer, Atomicity, Threads, Work, guarded, refused, unit};
use crate::domain::id::{ClientId, GrantId};
use crate::store::Options;
use crate::store::clients::MarkedClient;
use crate::store::connection::AnyConnection as Connection;
use crate::store::error::{StoreError, one_line};
use crate::store::location::PostgresUrl;
use crate::store::migrate::OpenError;
use crate::store::redeemed_codes::Redemption;
use crate::store::refresh_families::{FamilyFacts, Step};
use crate::store::sessions::Touch;

/// How long a free connection is waited for: so soon is a dead server known to be one.
const POOL_PATIENCE: Duration = Duration::from_millis(700);
/// How long a caller waits for any answer at all. The wait for a lock is so short that a request may meet two of them;
/// a statement that has begun may end after its caller was told to ask again, and then finds it done.
const PATIENCE: Duration = Duration::from_millis(950);
/// The same while the last that was heard of the server is that it cannot serve: a request that asks twice must not wait twice.
const SHORT_PATIENCE: Duration = Duration::from_millis(250);
const SCAN_PATIENCE: Duration = Duration::from_secs(11);
const LENGTH_PATIENCE: Duration = Duration::from_secs(60);
/// A connection that has rested longer is tried before it is used: firewalls forget quiet ones.
const RESTED: Duration = Duration::from_secs(30);

const SESSION: &str = "SET statement_timeout = '1800ms'; SET idle_in_transaction_session_timeout = '15s'; \
                       SET default_transaction_isolation = 'read committed'; SET client_min_messages = warning; SET TIME ZONE 'UTC'";

/// How long a row that somebody holds is waited for.
pub(super) const LOCK_TIMEOUT: &str = "SET lock_timeout = '450ms'";

pub(in crate::store) struct Executor {
    url: PostgresUrl,
    reads_and_writes: Arc<Queue<Job>>,
    hot: Arc<Queue<Hot>>,
    questions: Arc<Queue<Question>>,
    /// Of the workers half at most are at a long unit.
    at_length: Arc<Semaphore>,
    threads: Threads,
    away: Arc<AtomicBool>,
}

enum Job {
    Read(Work),
    Scan(Work),
    Write(Work),
    WriteAtLength(Work),
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

fn connect(url: &PostgresUrl) -> Result<Connection, ConnectError> {
    let failed = |message: String| ConnectError(one_line(&message));
    let mut conn = <PgConnection as diesel::Connection>::establish(url.expose()).map_err(|error| failed(error.to_string()))?;
    // English messages, where the user may ask for them.
    let _ = conn.batch_execute("SET lc_messages = 'C'");
    conn.batch_execute(SESSION).and_then(|()| conn.batch_execute(LOCK_TIMEOUT)).map_err(|error| failed(error.to_string()))?;
    Ok(Connection::Postgres(conn))
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = ConnectError;

    fn connect(&self) -> Result<Pooled, ConnectError> {
        Ok(Pooled { conn: connect(&self.url)?, discard: false, tried: (self.broken.load(Ordering::Relaxed), Instant::now()) })
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
pub(super) struct Pool {
    connections: r2d2::Pool<Manager>,
    /// No connection is to be had, or nothing is said on those that there are.
    away: Arc<AtomicBool>,
}

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
            .map(|connections| Self { connections, away: Arc::new(AtomicBool::new(false)) })
            .map_err(|error| crate::store::migrate::connect_error(url, &error.to_string()))
    }

    pub(super) fn lend<T>(&self, f: impl FnOnce(&mut Pooled) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut pooled = self.connections.get().map_err(|error| {
            self.away.store(true, Ordering::Relaxed);
            StoreError::unavailable(format!("no connection to PostgreSQL: {error}"))
        })?;
        let result = f(&mut pooled);
        pooled.judge(&result);
        result
    }
}

impl Executor {
    pub(in crate::store) fn start(url: &PostgresUrl, options: &Options) -> Result<Self, OpenError> {
        // A connection for each thread: one for the batches of the hot writes, one for the gathered reads, and two workers' at least. With
        // fewer, a long statement of one would make the others wait, and what they say to that is that the server is away.
        let size = options.pool_size.max(4);
        let pool = Pool::open(url, size)?;
        let executor = Self {
            url: url.clone(),
            reads_and_writes: Arc::new(Queue::new(options.queue)),
            hot: Arc::new(Queue::new(options.queue)),
            questions: Arc::new(Queue::new(options.queue)),
            at_length: Arc::new(Semaphore::new((size as usize - 2) / 2)),
            threads: Threads::new(),
            away: Arc::clone(&pool.away),
        };
        for _ in 2..size {
            let (queue, pool) = (Arc::clone(&executor.reads_and_writes), pool.clone());
            executor.threads.spawn("worker", move || {
                while let Some(job) = queue.take() {
                    job.run(&pool);
                }
            })?;
        }
        let (questions, gathering) = (Arc::clone(&executor.questions), pool.clone());
        executor.threads.spawn("gather", move || gather::run(&questions, &gathering))?;
        let hot = Arc::clone(&executor.hot);
        executor.threads.spawn("batch", move || batch::run(&hot, &pool))?;
        Ok(executor)
    }

    pub(super) async fn read<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        self.submit(Job::Read, f).await
    }

    pub(super) async fn scan<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        self.submit_long(Job::Scan, SCAN_PATIENCE, f).await
    }

    pub(super) async fn survey<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        let url = self.url.clone();
        self.threads
            .run("survey", move || {
                let mut conn = connect(&url).map_err(|error| StoreError::unavailable(error.to_string()))?;
                transaction(&mut conn, |conn| {
                    conn.batch_execute("SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '5min'")?;
                    guarded(conn, f)
                })
            })
            .await
    }

    pub(super) async fn write<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        self.submit(Job::Write, f).await
    }

    pub(super) async fn write_at_length<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = tokio::time::timeout(self.patience(), Arc::clone(&self.at_length).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(StoreError::unavailable("too much is being ended at once")) };
        let f = move |conn: &mut Connection| {
            // Until its statements are done, whether or not its caller still waits.
            let _turn = turn;
            f(conn)
        };
        self.submit_long(Job::WriteAtLength, LENGTH_PATIENCE, f).await
    }

    /// What takes long is waited for once the server has said a word; a server that says none is not waited for longer than by others.
    async fn submit_long<T: Send + 'static>(
        &self,
        kind: fn(Work) -> Job,
        patience: Duration,
        f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (begun, begins) = oneshot::channel();
        let (work, answer) = unit(Atomicity::Savepoint, move |conn| {
            // Nobody listens if the caller has gone.
            let _ = begun.send(());
            f(conn)
        });
        self.reads_and_writes.push(kind(work)).map_err(refused)?;
        match tokio::time::timeout(self.patience(), begins).await {
            Ok(begun) => {
                if begun.is_ok() {
                    // The server has said a word.
                    self.away.store(false, Ordering::Relaxed);
                }
                match tokio::time::timeout(patience, answer).await {
                    Ok(Ok(answer)) => answer,
                    Ok(Err(_)) => Err(StoreError::unavailable("the store's thread died")),
                    Err(_) => Err(StoreError::unavailable("PostgreSQL needs longer for this than is waited for")),
                }
            }
            Err(_) => self.within(Duration::ZERO, answer).await,
        }
    }

    async fn submit<T: Send + 'static>(
        &self,
        kind: fn(Work) -> Job,
        f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (work, answer) = unit(Atomicity::Savepoint, f);
        self.reads_and_writes.push(kind(work)).map_err(refused)?;
        self.within(self.patience(), answer).await
    }

    pub(super) async fn client(&self, id: ClientId) -> Result<Option<MarkedClient>, StoreError> {
        let (caller, answer) = oneshot::channel();
        self.questions.push(Question::Client(id, caller)).map_err(refused)?;
        self.within(self.patience(), answer).await
    }

    pub(super) async fn family(&self, id: GrantId) -> Result<Option<FamilyFacts>, StoreError> {
        let (caller, answer) = oneshot::channel();
        self.questions.push(Question::Family(id, caller)).map_err(refused)?;
        self.within(self.patience(), answer).await
    }

    pub(super) async fn rotate(&self, step: Step) -> Result<bool, StoreError> {
        let (caller, answer) = oneshot::channel();
        self.hot.push(Hot::Rotate(step, caller)).map_err(refused)?;
        self.within(self.patience(), answer).await
    }

    pub(super) async fn redeem(&self, redemption: Redemption) -> Result<bool, StoreError> {
        redemption.check()?;
        let (caller, answer) = oneshot::channel();
        self.hot.push(Hot::Redeem(Box::new(redemption), caller)).map_err(refused)?;
        self.within(self.patience(), answer).await
    }

    pub(super) async fn touch(&self, touch: Touch) -> Result<(), StoreError> {
        let (caller, answer) = oneshot::channel();
        self.hot.push(Hot::Touch(touch, caller)).map_err(refused)?;
        self.within(self.patience(), answer).await
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

    fn patience(&self) -> Duration {
        if self.away.load(Ordering::Relaxed) { SHORT_PATIENCE } else { PATIENCE }
    }

    async fn within<T>(&self, patience: Duration, answer: Answer<T>) -> Result<T, StoreError> {
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(Ok(value))) => {
                self.away.store(false, Ordering::Relaxed);
                Ok(value)
            }
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_)) => Err(StoreError::unavailable("the store's thread died")),
            Err(_) => {
                self.away.store(true, Ordering::Relaxed);
                Err(StoreError::unavailable("PostgreSQL does not answer"))
            }
        }
    }

    fn stop(&self) {
        self.reads_and_writes.close();
        self.hot.close();
        self.questions.close();
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

impl Job {
    fn run(self, pool: &Pool) {
        let (Self::Read(work) | Self::Scan(work) | Self::Write(work) | Self::WriteAtLength(work)) = &self;
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
                let outcome = pool.lend(|pooled| transaction(&mut pooled.conn, |conn| work.run(conn)));
                work.answer(outcome);
            }
            Self::WriteAtLength(mut work) => {
                let outcome = pool.lend(|pooled| transaction_at_length(&mut pooled.conn, |conn| work.run(conn)));
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

/// Not diesel's `transaction()`: to a COMMIT after a failed statement PostgreSQL answers with a silent ROLLBACK, so a unit that passed
/// over an error would be told that it is durable. The SELECT fails in such a transaction; it travels with the COMMIT and costs no round trip.
pub(super) fn transaction<T>(conn: &mut Connection, f: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
    transaction_begun_by("BEGIN", conn, f)
}

/// One whose statements may change very many rows; no round trip more.
fn transaction_at_length<T>(conn: &mut Connection, f: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
    transaction_begun_by("BEGIN; SET LOCAL statement_timeout = '30min'; SET LOCAL lock_timeout = '5s'", conn, f)
}

fn transaction_begun_by<T>(begin: &str, conn: &mut Connection, f: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
    conn.batch_execute(begin)?;
    let result = f(conn).and_then(|value| {
        conn.batch_execute("SELECT 1; COMMIT")?;
        Ok(value)
    });
    if result.is_err() {
        // If it cannot be undone, the connection is no good: the server undoes it when it sees the connection go.
        conn.batch_execute("ROLLBACK").map_err(|lost| StoreError::unavailable(lost.to_string()))?;
    }
    result
}
