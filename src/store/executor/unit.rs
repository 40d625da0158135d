//! A unit of work on its way: the closure, then its result, then the answer to the caller.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread::Builder;

use tokio::sync::{mpsc, oneshot};

use super::queue::{Queue, Refused};
use crate::store::connection::AnyConnection as Connection;
use crate::store::error::StoreError;
use crate::store::migrate::OpenError;

/// How a unit stays all-or-nothing among the others of its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Atomicity {
    /// It has several statements: a savepoint around them.
    Savepoint,
    /// It is one statement, which is atomic by itself: half the cost.
    OneStatement,
}

/// A unit of work whose type of answer is forgotten.
pub(super) trait Unit: Send {
    fn atomicity(&self) -> Atomicity;
    /// Nobody waits for the answer any more. Before the unit has begun, that means it need not.
    fn is_abandoned(&self) -> bool;
    /// Does the work and keeps the result. A panic becomes an error.
    fn run(&mut self, conn: &mut Connection) -> Result<(), StoreError>;
    /// Tells the caller: the result of the work if `committed`, else why there is none.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

pub(super) type Work = Box<dyn Unit>;

pub(super) type Answer<T> = oneshot::Receiver<Result<T, StoreError>>;

struct Task<T, F> {
    work: Option<F>,
    atomicity: Atomicity,
    result: Option<Result<T, StoreError>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

pub(super) fn unit<T, F>(atomicity: Atomicity, work: F) -> (Work, Answer<T>)
where
    T: Send + 'static,
    F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
{
    let (caller, answer) = oneshot::channel();
    (Box::new(Task { work: Some(work), atomicity, result: None, caller }), answer)
}

/// Runs `work`; a panic in it is an error like any other, so that it harms neither the thread nor its neighbours.
pub(super) fn guarded<T>(conn: &mut Connection, work: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(|| work(conn))).unwrap_or_else(|_| Err(StoreError::Query("a unit of work panicked".to_owned())))
}

impl<T, F> Unit for Task<T, F>
where
    T: Send,
    F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send,
{
    fn atomicity(&self) -> Atomicity {
        self.atomicity
    }

    fn is_abandoned(&self) -> bool {
        self.caller.is_closed()
    }

    fn run(&mut self, conn: &mut Connection) -> Result<(), StoreError> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let result = guarded(conn, work);
        let told = result.as_ref().map(|_| ()).map_err(Clone::clone);
        self.result = Some(result);
        told
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (self.result, committed) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(error)) => Err(error),
            (Some(result), Ok(())) => result,
            (None, Ok(())) => Err(StoreError::unavailable("the unit of work did not run")),
        };
        // The caller may have gone; what is committed stays.
        let _ = self.caller.send(result);
    }
}

pub(super) fn refused(refused: Refused) -> StoreError {
    StoreError::unavailable(match refused {
        Refused::Full => "too many requests are waiting for the database",
        Refused::Closed => "the store is closed",
    })
}

pub(super) async fn submit<T: Send + 'static>(
    queue: &Queue<Work>,
    atomicity: Atomicity,
    work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (work, answer) = unit(atomicity, work);
    queue.push(work).map_err(refused)?;
    answer.await.unwrap_or_else(|_| Err(StoreError::unavailable("the store's thread died")))
}

/// The store's threads, so that `close` can wait for them without blocking a runtime. Nothing is ever sent: each thread holds a
/// sender, and the channel ends when the last of them is dropped.
pub(super) struct Threads {
    alive: Mutex<Option<mpsc::Sender<()>>>,
    ended: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

impl Threads {
    pub(super) fn new() -> Self {
        let (alive, ended) = mpsc::channel(1);
        Self { alive: Mutex::new(Some(alive)), ended: tokio::sync::Mutex::new(ended) }
    }

    pub(super) fn spawn(&self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
        let alive = self.alive.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        let spawned = Builder::new().name(format!("gatekey-{name}")).spawn(move || {
            body();
            drop(alive);
        });
        spawned.map(|_| ()).map_err(|error| OpenError::Other(format!("no thread could be started: {error}")))
    }

    /// Runs `body` on a thread that is there for nothing else.
    pub(super) async fn run<T: Send + 'static>(&self, name: &str, body: impl FnOnce() -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        if self.alive.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).is_none() {
            return Err(refused(Refused::Closed));
        }
        let (caller, answer) = oneshot::channel();
        // Nobody listens if the caller has gone.
        let spawned = self.spawn(name, move || drop(caller.send(body())));
        spawned.map_err(|error| StoreError::unavailable(error.to_string()))?;
        answer.await.unwrap_or_else(|_| Err(StoreError::unavailable("the store's thread died")))
    }

    /// Returns when every thread has ended. Their queues must have been closed.
    pub(super) async fn ended(&self) {
        self.alive.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let _ = self.ended.lock().await.recv().await;
    }
}
