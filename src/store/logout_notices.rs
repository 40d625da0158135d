//! The table of logout notices: the outbox of what applications have still to be told. Its rows are made by a trigger of `client_sessions`
//! (see the migration), so that no way of ending one forgets to.
//!
//! A notice is due when its `next_try_at` has come. Who takes one moves that instant past the time that the sending may take: of several
//! replicas one sends it, and when that one crashes the notice is simply due again.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::connection::{AnyConnection as Connection, on_each};
use super::error::StoreError;
use super::row::{at, client_id, id};
use super::schema::logout_notices::{self, columns, table};
use super::sql_types::{DbId, DbInstant, Id, Instant};
use crate::domain::clock::Timestamp;
use crate::domain::id::{ClientId, SessionId, UserId};
use crate::domain::logout_notice::LogoutNotice;

const TABLE: &str = "logout_notices";

#[derive(Queryable, QueryableByName)]
struct LogoutNoticeRow {
    #[diesel(sql_type = DbId)]
    session_id: Id,
    #[diesel(sql_type = Text)]
    client_id: String,
    #[diesel(sql_type = DbId)]
    user_id: Id,
    #[diesel(sql_type = DbInstant)]
    ended_at: Instant,
    #[diesel(sql_type = BigInt)]
    attempts: i64,
    #[diesel(sql_type = Nullable<DbInstant>)]
    next_try_at: Option<Instant>,
    #[diesel(sql_type = Nullable<DbInstant>)]
    last_tried_at: Option<Instant>,
    #[diesel(sql_type = Nullable<Text>)]
    last_error: Option<String>,
    #[diesel(sql_type = Nullable<DbInstant>)]
    gave_up_at: Option<Instant>,
}

impl TryFrom<LogoutNoticeRow> for LogoutNotice {
    type Error = StoreError;

    fn try_from(row: LogoutNoticeRow) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: SessionId(row.session_id.0),
            client_id: client_id(TABLE, row.client_id)?,
            user_id: UserId(row.user_id.0),
            ended_at: row.ended_at.0,
            attempts: u32::try_from(row.attempts).map_err(|_| StoreError::corrupt(TABLE, "attempts is no count"))?,
            next_try_at: row.next_try_at.map(|at| at.0),
            last_tried_at: row.last_tried_at.map(|at| at.0),
            last_error: row.last_error,
            gave_up_at: row.gave_up_at.map(|at| at.0),
        })
    }
}

/// Not many at once of one client, so that one that does not answer keeps nobody else waiting.
const DUE: &str = "SELECT session_id, client_id, user_id, ended_at, attempts, next_try_at, last_tried_at, last_error, gave_up_at FROM ( \
        SELECT *, row_number() OVER (PARTITION BY client_id ORDER BY next_try_at) AS place FROM logout_notices WHERE next_try_at <= $1 \
    ) AS due WHERE place <= $2 ORDER BY session_id, client_id LIMIT $3";

/// Notices that are due, at most `of_each` of one client.
pub fn due(conn: &mut Connection, of_each: u32, limit: u32, now: Timestamp) -> Result<Vec<LogoutNotice>, StoreError> {
    let query = diesel::sql_query(DUE).bind::<DbInstant, _>(at(now)).bind::<BigInt, _>(i64::from(of_each)).bind::<BigInt, _>(i64::from(limit));
    let rows = on_each!(conn, query.load::<LogoutNoticeRow>(conn))?;
    rows.into_iter().map(LogoutNotice::try_from).collect()
}

/// Exactly this try of exactly this notice: whoever holds an older one changes nothing.
macro_rules! exactly {
    ($notice:expr) => {
        table
            .find((id($notice.session_id.0), $notice.client_id.as_str()))
            .filter(columns::ended_at.eq(at($notice.ended_at)))
            .filter(columns::attempts.eq(i64::from($notice.attempts)))
    };
}

/// Takes those of the notices that nobody else has taken since they were read. Until `until` they are the caller's.
pub fn take(conn: &mut Connection, notices: &[LogoutNotice], until: Timestamp, now: Timestamp) -> Result<Vec<LogoutNotice>, StoreError> {
    let mut taken = Vec::with_capacity(notices.len());
    for notice in notices {
        let attempts = notice.attempts.saturating_add(1);
        let changed = diesel::update(exactly!(notice).filter(columns::next_try_at.eq(notice.next_try_at.map(at))))
            .set((columns::attempts.eq(i64::from(attempts)), columns::next_try_at.eq(Some(at(until))), columns::last_tried_at.eq(Some(at(now)))))
            .execute(conn)?;
        if changed == 1 {
            taken.push(LogoutNotice { attempts, next_try_at: Some(until), last_tried_at: Some(now), ..notice.clone() });
        }
    }
    Ok(taken)
}

/// The application has heard, or there is nobody left to tell. False: it is no longer the caller's.
pub fn remove(conn: &mut Connection, taken: &LogoutNotice) -> Result<bool, StoreError> {
    Ok(diesel::delete(exactly!(taken)).execute(conn)? == 1)
}

/// The try failed: when the next one is, or never (`None`). False: it is no longer the caller's.
pub fn failed(conn: &mut Connection, taken: &LogoutNotice, why: &str, next: Option<Timestamp>, now: Timestamp) -> Result<bool, StoreError> {
    let gave_up_at = if next.is_none() { Some(at(now)) } else { None };
    let changed = diesel::update(exactly!(taken))
        .set((columns::last_error.eq(Some(why)), columns::next_try_at.eq(next.map(at)), columns::gave_up_at.eq(gave_up_at)))
        .execute(conn)?;
    Ok(changed == 1)
}

/// All of the client that are due wait until then: it does not answer.
pub fn postpone(conn: &mut Connection, client: &ClientId, until: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    diesel::update(table.filter(columns::client_id.eq(client.as_str())).filter(columns::next_try_at.le(at(now))))
        .set(columns::next_try_at.eq(Some(at(until))))
        .execute(conn)?;
    Ok(())
}

/// Makes every notice due, or those of one client, given up or not. How many.
pub fn retry(conn: &mut Connection, client: Option<&ClientId>, now: Timestamp) -> Result<u64, StoreError> {
    let change = (columns::next_try_at.eq(Some(at(now))), columns::gave_up_at.eq(None::<Instant>));
    let changed = match client {
        Some(client) => diesel::update(table.filter(columns::client_id.eq(client.as_str()))).set(change).execute(conn)?,
        None => diesel::update(table).set(change).execute(conn)?,
    };
    Ok(changed as u64)
}

/// The client is deleted: there is nobody to tell.
pub fn forget_client(conn: &mut Connection, client: &ClientId) -> Result<u64, StoreError> {
    Ok(diesel::delete(table.filter(columns::client_id.eq(client.as_str()))).execute(conn)? as u64)
}

/// Forgets those that were given up before then.
pub fn forget(conn: &mut Connection, before: Timestamp) -> Result<u64, StoreError> {
    Ok(diesel::delete(table.filter(columns::gave_up_at.lt(at(before)))).execute(conn)? as u64)
}

/// Notices by session and client, those after `after`, of one client or of all.
pub fn list(conn: &mut Connection, client: Option<&ClientId>, after: Option<&(SessionId, ClientId)>, limit: u32) -> Result<Vec<LogoutNotice>, StoreError> {
    let mut query = logout_notices::table.order((columns::session_id, columns::client_id)).limit(i64::from(limit)).into_boxed();
    if let Some(client) = client {
        query = query.filter(columns::client_id.eq(client.as_str().to_owned()));
    }
    if let Some((session, client)) = after {
        let session = id(session.0);
        query = query.filter(columns::session_id.gt(session).or(columns::session_id.eq(session).and(columns::client_id.gt(client.as_str().to_owned()))));
    }
    query.load::<LogoutNoticeRow>(conn)?.into_iter().map(LogoutNotice::try_from).collect()
}
