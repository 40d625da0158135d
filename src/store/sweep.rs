//! Forgetting: rows are looked at in the order of their ids, a page at a time, and deleted some hundred in one unit of work. The ids are
//! in the order in which the rows were made, so no table needs an index for it that a request would have to write.
//!
//! Several replicas may do it at once: each condition is asked again where the row is held, and a row that somebody else holds is left
//! to the next time.

use diesel::prelude::*;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::row::{at, id};
use super::schema::{events, one_time_links, redeemed_codes, refresh_families, sessions, users};
use super::sessions::SessionRow;
use super::sql_types::{Id, Instant};
use super::users::UserRow;
use crate::domain::clock::Timestamp;
use crate::domain::id::{EventId, GrantId, LinkId, SessionId};
use crate::domain::session::Session;
use crate::domain::user::User;

/// Sessions with their users, ended ones too, those after `after`.
pub fn sessions(conn: &mut Connection, after: SessionId, limit: i64) -> Result<Vec<(Session, User)>, StoreError> {
    let query = sessions::table
        .inner_join(users::table.on(users::id.eq(sessions::user_id)))
        .filter(sessions::id.gt(id(after.0)))
        .order(sessions::id)
        .limit(limit)
        .select((sessions::all_columns, users::all_columns));
    let rows = query.load::<(SessionRow, UserRow)>(conn)?;
    rows.into_iter().map(|(session, user)| Ok((session.try_into()?, user.into()))).collect()
}

/// The ids of redeemed codes after `after`, and until when each is kept.
pub fn codes(conn: &mut Connection, after: GrantId, limit: i64) -> Result<Vec<(GrantId, Timestamp)>, StoreError> {
    let query = redeemed_codes::table.filter(redeemed_codes::id.gt(id(after.0))).order(redeemed_codes::id).limit(limit);
    let rows = query.select((redeemed_codes::id, redeemed_codes::keep_until)).load::<(Id, Instant)>(conn)?;
    Ok(rows.into_iter().map(|(code, until)| (GrantId(code.0), until.0)).collect())
}

/// The ids of one-time links after `after`, and until when each would work.
pub fn links(conn: &mut Connection, after: LinkId, limit: i64) -> Result<Vec<(LinkId, Timestamp)>, StoreError> {
    let query = one_time_links::table.filter(one_time_links::id.gt(id(after.0))).order(one_time_links::id).limit(limit);
    let rows = query.select((one_time_links::id, one_time_links::expires_at)).load::<(Id, Instant)>(conn)?;
    Ok(rows.into_iter().map(|(link, until)| (LinkId(link.0), until.0)).collect())
}

/// Of these rows those for which the condition holds and that nobody else holds.
macro_rules! held {
    ($conn:ident, $table:ident, $ids:expr, $condition:expr) => {{
        let query = $table::table.select($table::id).filter($table::id.eq_any($ids)).filter($condition).order($table::id);
        match $conn {
            Connection::Sqlite(conn) => query.load::<Id>(conn)?,
            Connection::Postgres(conn) => query.for_update().skip_locked().load::<Id>(conn)?,
        }
    }};
}

macro_rules! delete {
    ($conn:ident, $table:ident, $ids:expr) => {{
        let ids: Vec<Id> = $ids;
        if ids.is_empty() { 0 } else { diesel::delete($table::table.filter($table::id.eq_any(ids))).execute($conn)? as u64 }
    }};
}

/// Deletes those of the sessions that were ended before `before`, with their client sessions; not one that a living family hangs on:
/// how the session ended says what the family may do.
pub fn delete_sessions(conn: &mut Connection, ids: &[SessionId], before: Timestamp) -> Result<u64, StoreError> {
    let mut over = held!(conn, sessions, ids.iter().map(|session| id(session.0)), sessions::ended_at.lt(at(before)));
    if over.is_empty() {
        return Ok(0);
    }
    let needed = refresh_families::table.filter(refresh_families::session_id.eq_any(over.clone())).filter(refresh_families::ended_at.is_null());
    let needed = needed.select(refresh_families::session_id).load::<Id>(conn)?;
    over.retain(|session| !needed.contains(session));
    Ok(delete!(conn, sessions, over))
}

/// Deletes those of the families that were ended before `before`.
pub fn delete_families(conn: &mut Connection, ids: &[GrantId], before: Timestamp) -> Result<u64, StoreError> {
    let over = held!(conn, refresh_families, ids.iter().map(|family| id(family.0)), refresh_families::ended_at.lt(at(before)));
    Ok(delete!(conn, refresh_families, over))
}

/// Deletes those of the codes that need not be kept any more.
pub fn delete_codes(conn: &mut Connection, ids: &[GrantId], now: Timestamp) -> Result<u64, StoreError> {
    let over = held!(conn, redeemed_codes, ids.iter().map(|code| id(code.0)), redeemed_codes::keep_until.lt(at(now)));
    Ok(delete!(conn, redeemed_codes, over))
}

/// Deletes those of the links that work no more.
pub fn delete_links(conn: &mut Connection, ids: &[LinkId], now: Timestamp) -> Result<u64, StoreError> {
    let over = held!(conn, one_time_links, ids.iter().map(|link| id(link.0)), one_time_links::expires_at.lt(at(now)));
    Ok(delete!(conn, one_time_links, over))
}

/// Deletes the oldest events from before `before`.
pub fn delete_events(conn: &mut Connection, before: Timestamp, at_most: i64) -> Result<u64, StoreError> {
    let old = events::table.select(events::id).filter(events::id.lt(id(EventId::first_at(before).0))).order(events::id).limit(at_most);
    let old = match conn {
        Connection::Sqlite(conn) => old.load::<Id>(conn)?,
        Connection::Postgres(conn) => old.for_update().skip_locked().load::<Id>(conn)?,
    };
    Ok(delete!(conn, events, old))
}
