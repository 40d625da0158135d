//! The table of answers that are given again to whoever sends the same `Idempotency-Key`. Names and answers come here such that the database
//! alone tells neither.

use diesel::prelude::*;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::row::at;
use super::schema::idempotent_answers;
use super::sql_types::Instant;
use crate::domain::clock::Timestamp;

/// The sealed answer of this name, and when it was given.
pub fn find(conn: &mut Connection, name: &[u8; 32]) -> Result<Option<(Vec<u8>, Timestamp)>, StoreError> {
    let query = idempotent_answers::table.find(name.as_slice()).select((idempotent_answers::sealed, idempotent_answers::answered_at));
    Ok(query.get_result::<(Vec<u8>, Instant)>(conn).optional()?.map(|(sealed, answered_at)| (sealed, answered_at.0)))
}

/// Adds an answer, in the place of one from before `kept_since`. `Conflict`: another request of this name was answered since.
pub fn insert(conn: &mut Connection, name: &[u8; 32], sealed: &[u8], now: Timestamp, kept_since: Timestamp) -> Result<(), StoreError> {
    let forgotten = idempotent_answers::table.find(name.as_slice()).filter(idempotent_answers::answered_at.le(at(kept_since)));
    diesel::delete(forgotten).execute(conn)?;
    diesel::insert_into(idempotent_answers::table)
        .values((idempotent_answers::name.eq(name.as_slice()), idempotent_answers::sealed.eq(sealed), idempotent_answers::answered_at.eq(at(now))))
        .execute(conn)?;
    Ok(())
}

/// Deletes some that were given at `kept_since` or before. Rows that another caller holds are left to the next. Answers how many went.
pub fn sweep(conn: &mut Connection, kept_since: Timestamp, at_most: i64) -> Result<usize, StoreError> {
    let old = idempotent_answers::table.select(idempotent_answers::name).filter(idempotent_answers::answered_at.le(at(kept_since))).limit(at_most);
    let names: Vec<Vec<u8>> = match conn {
        Connection::Sqlite(conn) => old.load(conn)?,
        Connection::Postgres(conn) => old.for_update().skip_locked().load(conn)?,
    };
    if names.is_empty() {
        return Ok(0);
    }
    Ok(diesel::delete(idempotent_answers::table.filter(idempotent_answers::name.eq_any(names))).execute(conn)?)
}
