//! The hot writes of PostgreSQL, many callers in one statement: a round trip and a flush each is what makes a transaction slow there.
//!
//! What is queued is taken together and split by kind; each kind is one statement, atomic by itself. Two writes of one row never stand
//! in one statement: the later waits for the next round of the same batch. If a statement fails for a reason that one row may have
//! caused, every row is tried by itself, so that it harms no neighbour; if a row is held by somebody else, the others are
//! done without it ([`held`]), and for a moment after that it is asked before whether one is.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Timestamptz};
use tokio::sync::oneshot;

use super::held;
use super::postgres::{LOCK_TIMEOUT, Pool, transaction};
use super::queue::Queue;
use super::unit::guarded;
use crate::domain::dpop::KeyThumbprint;
use crate::domain::id::{ClientId, GrantId, SessionId};
use crate::store::client_sessions::ON_REDEMPTION;
use crate::store::connection::AnyConnection as Connection;
use crate::store::error::StoreError;
use crate::store::kept::Kept;
use crate::store::redeemed_codes::Redemption;
use crate::store::refresh_families::{RefreshFamilyRow, Step, column_generation};
use crate::store::sessions::Touch;
use crate::store::sql_types::{DbId, Id};

type Caller<T> = oneshot::Sender<Result<T, StoreError>>;

/// A write that many callers do at once.
pub(super) enum Hot {
    Rotate(Step, Caller<bool>),
    Redeem(Box<Redemption>, Caller<bool>),
    Touch(Touch, Caller<()>),
}

impl Hot {
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Rotate(_, caller) | Self::Redeem(_, caller) => caller.is_closed(),
            Self::Touch(_, caller) => caller.is_closed(),
        }
    }
}

const BATCH_LIMIT: usize = 256;

/// How long after a held row was wanted it is asked first which rows are held: whoever wants it comes again, and the others must not wait with them each
/// time.
const WARY: Duration = Duration::from_secs(2);

/// The batching thread.
pub(super) fn run(queue: &Queue<Hot>, pool: &Pool) {
    let mut batcher = Batcher { pool, wary_until: None };
    while let Some(first) = queue.take() {
        let mut rotations = Vec::new();
        let mut redemptions = Vec::new();
        let mut touches = Vec::new();
        for hot in std::iter::once(first).chain(queue.drain(BATCH_LIMIT - 1)) {
            if hot.is_abandoned() {
                continue;
            }
            match hot {
                Hot::Rotate(step, caller) => rotations.push((step, caller)),
                Hot::Redeem(redemption, caller) => redemptions.push((*redemption, caller)),
                Hot::Touch(touch, caller) => touches.push((touch, caller)),
            }
        }
        batcher.rounds(rotations, |step: &Step| (step.id, step.expected), |step| step.id, &Kind { together: rotate, held: held::families });
        let redeeming = Kind { together: redeem, held: held::of_redemptions };
        batcher.rounds(redemptions, |redemption: &Redemption| redemption.code.id, |redemption| redemption.code.id, &redeeming);
        batcher.touch_all(touches);
    }
}

/// What is done with several items at once.
struct Kind<T> {
    together: fn(&mut Connection, &[T]) -> Result<Vec<bool>, StoreError>,
    /// Which of them somebody else keeps from being done.
    held: fn(&mut Connection, &[T]) -> Result<Vec<bool>, StoreError>,
}

struct Batcher<'a> {
    pool: &'a Pool,
    wary_until: Option<Instant>,
}

impl Batcher<'_> {
    /// Runs the items in as many rounds as the busiest row needs. Of items with the same `same` one at most can succeed: where the first
    /// was decided, the others are answered false without asking. Items with another `same` but the same `row` take turns.
    fn rounds<T: Clone, S: std::hash::Hash + Eq, R: std::hash::Hash + Eq + Ord>(
        &mut self,
        items: Vec<(T, Caller<bool>)>,
        same: impl Fn(&T) -> S,
        row: impl Fn(&T) -> R,
        kind: &Kind<T>,
    ) {
        let mut waiting = items;
        while !waiting.is_empty() {
            let mut rows: HashMap<R, S> = HashMap::new();
            let (mut round, mut callers, mut losers, mut later) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            // In the order of the rows, so that two replicas lock them in the same order.
            waiting.sort_by_key(|(item, _)| row(item));
            for (item, caller) in waiting {
                match rows.get(&row(&item)) {
                    None => {
                        rows.insert(row(&item), same(&item));
                        round.push(item);
                        callers.push(caller);
                    }
                    Some(there) if *there == same(&item) => losers.push((round.len() - 1, item, caller)),
                    Some(_) => later.push((item, caller)),
                }
            }
            let results = self.done(&round, kind);
            for (winner, item, caller) in losers {
                match results.get(winner) {
                    // Undecided: the next one of them has its turn.
                    Some(Err(error)) if !matches!(error, StoreError::Unavailable(_)) => later.push((item, caller)),
                    Some(Err(error)) => drop(caller.send(Err(error.clone()))),
                    _ => drop(caller.send(Ok(false))),
                }
            }
            for (caller, result) in callers.into_iter().zip(results) {
                let _ = caller.send(result);
            }
            waiting = later;
        }
    }

    /// Of several uses of one row only the latest is written.
    fn touch_all(&mut self, touches: Vec<(Touch, Caller<()>)>) {
        if touches.is_empty() {
            return;
        }
        let (touches, callers): (Vec<Touch>, Vec<Caller<()>>) = touches.into_iter().unzip();
        let results = self.done(&touches, &Kind { together: touch, held: held::of_touches });
        for (caller, result) in callers.into_iter().zip(results) {
            let _ = caller.send(result.map(drop));
        }
    }

    /// All of them in one statement. If that waits in vain for a row, or did lately, the held ones are told apart first: the others are done, and then
    /// what was held only for that moment; so whoever wants a row that somebody goes on holding waits by themselves.
    fn done<T: Clone>(&mut self, items: &[T], kind: &Kind<T>) -> Vec<Result<bool, StoreError>> {
        if !self.is_wary() {
            match self.together(items, kind) {
                Err(error) if error.is_of_a_held_row() => self.wary_until = Some(Instant::now() + WARY),
                outcome => return self.or_each(outcome, items, kind),
            }
        }
        let failed = |error: StoreError| items.iter().map(|_| Err(error.clone())).collect();
        let held = match self.held(items, kind) {
            Ok(held) => held,
            Err(error) => return failed(error),
        };
        let of = |wanted: bool| items.iter().zip(&held).filter(move |(_, held)| **held == wanted).map(|(item, _)| item.clone()).collect::<Vec<T>>();
        let (free, waiting) = (of(false), of(true));
        let done = match free.as_slice() {
            [] => Vec::new(),
            free => {
                let outcome = self.together(free, kind);
                self.or_each(outcome, free, kind)
            }
        };
        let waited = if waiting.is_empty() { Vec::new() } else { self.again(&waiting, kind) };
        let (mut done, mut waited) = (done.into_iter(), waited.into_iter());
        held.into_iter().map(|held| if held { waited.next() } else { done.next() }.unwrap_or_else(|| Err(of_a_held_row()))).collect()
    }

    /// Those that somebody held a moment ago.
    fn again<T: Clone>(&mut self, items: &[T], kind: &Kind<T>) -> Vec<Result<bool, StoreError>> {
        let held = self.held(items, kind).unwrap_or_else(|_| vec![true; items.len()]);
        let free: Vec<T> = items.iter().zip(&held).filter(|(_, held)| !**held).map(|(item, _)| item.clone()).collect();
        if free.len() < items.len() {
            self.wary_until = Some(Instant::now() + WARY);
        }
        let mut done = if free.is_empty() { Vec::new() } else { self.each(&free, kind) }.into_iter();
        held.into_iter().map(|held| if held { None } else { done.next() }.unwrap_or_else(|| Err(of_a_held_row()))).collect()
    }

    fn is_wary(&self) -> bool {
        self.wary_until.is_some_and(|until| Instant::now() < until)
    }

    fn held<T>(&self, items: &[T], kind: &Kind<T>) -> Result<Vec<bool>, StoreError> {
        self.pool.lend(|pooled| guarded(&mut pooled.conn, |conn| (kind.held)(conn, items)))
    }

    fn together<T>(&self, items: &[T], kind: &Kind<T>) -> Result<Vec<bool>, StoreError> {
        self.pool.lend(|pooled| guarded(&mut pooled.conn, |conn| (kind.together)(conn, items)))
    }

    /// Where one of them may be the reason that it failed together, each is tried by itself.
    fn or_each<T>(&self, together: Result<Vec<bool>, StoreError>, items: &[T], kind: &Kind<T>) -> Vec<Result<bool, StoreError>> {
        match together {
            Ok(results) => results.into_iter().map(Ok).collect(),
            Err(error @ StoreError::Unavailable(_)) if !error.is_of_a_held_row() => items.iter().map(|_| Err(error.clone())).collect(),
            Err(error) if items.len() < 2 => vec![Err(error)],
            Err(_) => self.each(items, kind),
        }
    }

    /// None of them waits long: what is held is held by somebody who keeps it, or by what no row shows, such as a key that is just being inserted.
    fn each<T>(&self, items: &[T], kind: &Kind<T>) -> Vec<Result<bool, StoreError>> {
        let results = self.pool.lend(|pooled| {
            pooled.conn.batch_execute("SET lock_timeout = '50ms'")?;
            let one = |conn: &mut Connection, item: &T| guarded(conn, |conn| (kind.together)(conn, std::slice::from_ref(item)));
            let results: Vec<_> = items.iter().map(|item| one(&mut pooled.conn, item).map(|results| results.first().copied().unwrap_or(false))).collect();
            results.iter().for_each(|result| pooled.judge(result));
            pooled.conn.batch_execute(LOCK_TIMEOUT)?;
            Ok(results)
        });
        results.unwrap_or_else(|error: StoreError| items.iter().map(|_| Err(error.clone())).collect())
    }
}

fn of_a_held_row() -> StoreError {
    StoreError::unavailable("somebody else holds the row")
}

#[derive(QueryableByName)]
struct Changed {
    #[diesel(sql_type = DbId)]
    id: Id,
}

fn changed(rows: Vec<Changed>, ids: impl Iterator<Item = GrantId>) -> Vec<bool> {
    let rows: HashSet<Id> = rows.into_iter().map(|row| row.id).collect();
    ids.map(|id| rows.contains(&Id(id.0))).collect()
}

/// A step that binds comes with a proof, which is used up in the same unit of work, and so does not come here today; but none is half-written.
const ROTATE: &str = "UPDATE refresh_families AS family \
    SET generation = step.next, rotated_at = step.at, last_used_at = step.at, jkt = COALESCE(family.jkt, step.jkt), \
    bound_generation = CASE WHEN family.jkt IS NULL AND step.jkt IS NOT NULL THEN step.next ELSE family.bound_generation END \
    FROM UNNEST($1, $2, $3, $4, $5) AS step (id, expected, next, at, jkt) \
    WHERE family.id = step.id AND family.generation = step.expected AND family.ended_at IS NULL \
    RETURNING family.id AS id";

fn rotate(conn: &mut Connection, steps: &[Step]) -> Result<Vec<bool>, StoreError> {
    let expected = steps.iter().map(|step| column_generation(step.expected)).collect::<Result<Vec<i64>, _>>()?;
    let next = steps.iter().map(|step| column_generation(step.next)).collect::<Result<Vec<i64>, _>>()?;
    let update = diesel::sql_query(ROTATE)
        .bind::<Array<DbId>, _>(steps.iter().map(|step| Id(step.id.0)).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(expected)
        .bind::<Array<BigInt>, _>(next)
        .bind::<Array<Timestamptz>, _>(steps.iter().map(|step| step.at).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(steps.iter().map(|step| step.bind_to.as_ref().map(KeyThumbprint::as_str)).collect::<Vec<_>>());
    let rows = Kept(update).load::<Changed>(postgres(conn)?)?;
    Ok(changed(rows, steps.iter().map(|step| step.id)))
}

pub(super) fn postgres(conn: &mut Connection) -> Result<&mut PgConnection, StoreError> {
    match conn {
        Connection::Postgres(conn) => Ok(conn),
        Connection::Sqlite(_) => Err(StoreError::Query("a batch on SQLite".to_owned())),
    }
}

/// Locks the sessions against being ended until the redemption is committed: who ends one later sees the new family, and ends it too.
const LIVE_SESSIONS: &str = "SELECT id FROM sessions WHERE id = ANY($1) AND ended_at IS NULL ORDER BY id FOR SHARE";

fn redeem_sql() -> &'static str {
    use std::sync::LazyLock;
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "WITH input AS MATERIALIZED ( \
                SELECT * FROM UNNEST($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
                AS i (id, client_id, user_id, session_id, redeemed_at, keep_until, \
                    family, grant_facts, offline, secret, generation, rotated_at, created_at, last_used_at, jkt)), \
            codes AS ( \
                INSERT INTO redeemed_codes (id, client_id, user_id, session_id, redeemed_at, keep_until) \
                SELECT id, client_id, user_id, session_id, redeemed_at, keep_until FROM input \
                ON CONFLICT (id) DO NOTHING RETURNING id), \
            pairs AS ( \
                INSERT INTO client_sessions (session_id, client_id, created_at, last_used_at) \
                SELECT session_id, client_id, max(redeemed_at), max(redeemed_at) FROM input JOIN codes USING (id) \
                GROUP BY session_id, client_id ORDER BY session_id, client_id {ON_REDEMPTION}), \
            families AS ( \
                INSERT INTO refresh_families (id, client_id, user_id, session_id, grant_facts, offline, secret, generation, rotated_at, created_at, last_used_at, jkt) \
                SELECT id, client_id, user_id, session_id, grant_facts, offline, secret, generation, rotated_at, created_at, last_used_at, jkt \
                FROM input JOIN codes USING (id) WHERE family) \
            SELECT id FROM codes"
        )
    });
    &SQL
}

fn redeem(conn: &mut Connection, redemptions: &[Redemption]) -> Result<Vec<bool>, StoreError> {
    transaction(conn, |conn| redeem_in_transaction(conn, redemptions))
}

fn redeem_in_transaction(conn: &mut Connection, redemptions: &[Redemption]) -> Result<Vec<bool>, StoreError> {
    let conn = postgres(conn)?;
    let mut sessions: Vec<Id> = redemptions.iter().map(|redemption| Id(redemption.code.session_id.0)).collect();
    sessions.sort_unstable();
    sessions.dedup();
    let live = Kept(diesel::sql_query(LIVE_SESSIONS).bind::<Array<DbId>, _>(&sessions)).load::<Changed>(conn)?;
    // The code must be refused as redeemed even if its session has ended; that is rare, and found out alone.
    if live.len() < sessions.len() {
        if let [only] = redemptions {
            let known: i64 = crate::store::schema::redeemed_codes::table
                .filter(crate::store::schema::redeemed_codes::id.eq(crate::store::row::id(only.code.id.0)))
                .count()
                .get_result(conn)?;
            if known == 1 {
                return Ok(vec![false]);
            }
        }
        return Err(StoreError::Conflict);
    }
    let families = redemptions.iter().map(|r| r.family.as_ref().map(RefreshFamilyRow::try_from).transpose()).collect::<Result<Vec<_>, _>>()?;
    let codes = || redemptions.iter().map(|redemption| &redemption.code);
    let family = || families.iter().map(Option::as_ref);
    let instant = |of: fn(&RefreshFamilyRow) -> DateTime<Utc>| family().map(|f| f.map(of)).collect::<Vec<_>>();
    let insert = diesel::sql_query(redeem_sql())
        .bind::<Array<DbId>, _>(codes().map(|code| Id(code.id.0)).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(codes().map(|code| code.client_id.as_str()).collect::<Vec<_>>())
        .bind::<Array<DbId>, _>(codes().map(|code| Id(code.user_id.0)).collect::<Vec<_>>())
        .bind::<Array<DbId>, _>(codes().map(|code| Id(code.session_id.0)).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(codes().map(|code| code.redeemed_at).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(codes().map(|code| code.keep_until).collect::<Vec<_>>())
        .bind::<Array<Bool>, _>(family().map(|f| f.is_some()).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(family().map(|f| f.map(|f| f.grant_facts.as_str())).collect::<Vec<_>>())
        .bind::<Array<Nullable<Bool>>, _>(family().map(|f| f.map(|f| f.offline)).collect::<Vec<_>>())
        .bind::<Array<Nullable<Binary>>, _>(family().map(|f| f.map(|f| f.secret.as_slice())).collect::<Vec<_>>())
        .bind::<Array<Nullable<BigInt>>, _>(family().map(|f| f.map(|f| f.generation)).collect::<Vec<_>>())
        .bind::<Array<Nullable<Timestamptz>>, _>(instant(|f| f.rotated_at.0))
        .bind::<Array<Nullable<Timestamptz>>, _>(instant(|f| f.created_at.0))
        .bind::<Array<Nullable<Timestamptz>>, _>(instant(|f| f.last_used_at.0))
        .bind::<Array<Nullable<Text>>, _>(family().map(|f| f.and_then(|f| f.jkt.as_deref())).collect::<Vec<_>>());
    let rows = Kept(insert).load::<Changed>(conn)?;
    Ok(changed(rows, codes().map(|code| code.id)))
}

const TOUCH_SESSIONS: &str = "UPDATE sessions AS s SET last_used_at = t.at FROM UNNEST($1, $2) AS t (id, at) \
    WHERE s.id = t.id AND s.ended_at IS NULL AND s.last_used_at < t.at";
const TOUCH_CLIENT_SESSIONS: &str = "UPDATE client_sessions AS c SET last_used_at = t.at FROM UNNEST($1, $2, $3) AS t (id, client_id, at) \
    WHERE c.session_id = t.id AND c.client_id = t.client_id AND c.ended_at IS NULL AND c.last_used_at < t.at";
const TOUCH_FAMILIES: &str = "UPDATE refresh_families AS f SET last_used_at = t.at FROM UNNEST($1, $2) AS t (id, at) \
    WHERE f.id = t.id AND f.ended_at IS NULL AND f.last_used_at < t.at";

fn touch(conn: &mut Connection, touches: &[Touch]) -> Result<Vec<bool>, StoreError> {
    let sessions = latest(touches.iter().map(|touch| (touch.session_id, touch.at)));
    let pairs = latest(touches.iter().filter_map(|touch| Some(((touch.session_id, touch.client_id.clone()?), touch.at))));
    let families = latest(touches.iter().filter_map(|touch| Some((touch.family_id?, touch.at))));
    touch_rows(postgres(conn)?, &sessions, &pairs, &families)?;
    Ok(vec![true; touches.len()])
}

type Uses<K> = Vec<(K, DateTime<Utc>)>;

/// In the order of the rows, so that two replicas lock them in the same order.
fn latest<K: std::hash::Hash + Ord>(uses: impl Iterator<Item = (K, DateTime<Utc>)>) -> Uses<K> {
    let mut latest: HashMap<K, DateTime<Utc>> = HashMap::new();
    for (row, at) in uses {
        let last = latest.entry(row).or_insert(at);
        *last = at.max(*last);
    }
    let mut latest: Uses<K> = latest.into_iter().collect();
    latest.sort();
    latest
}

fn touch_rows(conn: &mut PgConnection, sessions: &Uses<SessionId>, pairs: &Uses<(SessionId, ClientId)>, families: &Uses<GrantId>) -> Result<(), StoreError> {
    let update = diesel::sql_query(TOUCH_SESSIONS)
        .bind::<Array<DbId>, _>(sessions.iter().map(|(id, _)| Id(id.0)).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(sessions.iter().map(|(_, at)| *at).collect::<Vec<_>>());
    update.execute(conn)?;
    if !pairs.is_empty() {
        let update = diesel::sql_query(TOUCH_CLIENT_SESSIONS)
            .bind::<Array<DbId>, _>(pairs.iter().map(|((id, _), _)| Id(id.0)).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(pairs.iter().map(|((_, client), _)| client.as_str()).collect::<Vec<_>>())
            .bind::<Array<Timestamptz>, _>(pairs.iter().map(|(_, at)| *at).collect::<Vec<_>>());
        update.execute(conn)?;
    }
    if !families.is_empty() {
        let update = diesel::sql_query(TOUCH_FAMILIES)
            .bind::<Array<DbId>, _>(families.iter().map(|(id, _)| Id(id.0)).collect::<Vec<_>>())
            .bind::<Array<Timestamptz>, _>(families.iter().map(|(_, at)| *at).collect::<Vec<_>>());
        update.execute(conn)?;
    }
    Ok(())
}
