//! The table of what failed lately: for each thing that is counted, the instant from which it is as if nothing had happened.

use diesel::prelude::*;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::row::{at, bytes32};
use super::schema::throttle_buckets;
use super::sql_types::Instant;
use crate::domain::clock::Timestamp;
use crate::domain::throttle::BucketKey;

/// The instants of those that have one. Nothing is held: what is read may be old by the time it is used.
pub fn find(conn: &mut Connection, keys: &[BucketKey]) -> Result<Vec<(BucketKey, Timestamp)>, StoreError> {
    let keys = keys.iter().map(|key| key.0.to_vec());
    let rows = throttle_buckets::table.filter(throttle_buckets::key.eq_any(keys)).load::<(Vec<u8>, Instant)>(conn)?;
    rows.into_iter().map(|(key, free_at)| Ok((BucketKey(bytes32("throttle_buckets", key)?), free_at.0))).collect()
}

/// The same, held until the commit, rows made where there are none: of two that ask for one key, the second waits and sees what the first wrote.
pub fn hold(conn: &mut Connection, keys: &[BucketKey], now: Timestamp) -> Result<Vec<(BucketKey, Timestamp)>, StoreError> {
    let conn = match conn {
        // One writer at a time: nothing can come in between.
        Connection::Sqlite(_) => return find(conn, keys),
        Connection::Postgres(conn) => conn,
    };
    // Everybody in one order, so that no two wait for each other.
    let mut keys: Vec<Vec<u8>> = keys.iter().map(|key| key.0.to_vec()).collect();
    keys.sort();
    let rows: Vec<_> = keys.iter().map(|key| (throttle_buckets::key.eq(key), throttle_buckets::free_at.eq(at(now)))).collect();
    // One statement that holds whatever it meets: between two, a sweep could take away the row that the first has seen.
    let held = diesel::insert_into(throttle_buckets::table)
        .values(rows)
        .on_conflict(throttle_buckets::key)
        .do_update()
        .set(throttle_buckets::key.eq(diesel::upsert::excluded(throttle_buckets::key)))
        .returning((throttle_buckets::key, throttle_buckets::free_at));
    held.load::<(Vec<u8>, Instant)>(conn)?.into_iter().map(|(key, free_at)| Ok((BucketKey(bytes32("throttle_buckets", key)?), free_at.0))).collect()
}

/// Writes an instant; `None` deletes the row.
pub fn set(conn: &mut Connection, key: BucketKey, free_at: Option<Timestamp>) -> Result<(), StoreError> {
    let key = key.0.to_vec();
    let Some(free_at) = free_at else {
        diesel::delete(throttle_buckets::table.find(&key)).execute(conn)?;
        return Ok(());
    };
    let row = (throttle_buckets::key.eq(&key), throttle_buckets::free_at.eq(at(free_at)));
    let change = throttle_buckets::free_at.eq(at(free_at));
    match conn {
        Connection::Sqlite(conn) => {
            diesel::insert_into(throttle_buckets::table).values(row).on_conflict(throttle_buckets::key).do_update().set(change).execute(conn)?
        }
        Connection::Postgres(conn) => {
            diesel::insert_into(throttle_buckets::table).values(row).on_conflict(throttle_buckets::key).do_update().set(change).execute(conn)?
        }
    };
    Ok(())
}

/// Deletes some rows whose instant has passed, so that the table stays as small as what happened lately. Rows that another caller holds
/// are left to the next. Answers how many went.
pub fn sweep(conn: &mut Connection, now: Timestamp, at_most: i64) -> Result<usize, StoreError> {
    let past = throttle_buckets::table.select(throttle_buckets::key).filter(throttle_buckets::free_at.lt(at(now))).limit(at_most);
    let keys: Vec<Vec<u8>> = match conn {
        Connection::Sqlite(conn) => past.load(conn)?,
        Connection::Postgres(conn) => past.for_update().skip_locked().load(conn)?,
    };
    if keys.is_empty() {
        return Ok(0);
    }
    Ok(diesel::delete(throttle_buckets::table.filter(throttle_buckets::key.eq_any(keys))).execute(conn)?)
}

/// How many rows there are.
pub fn count(conn: &mut Connection) -> Result<i64, StoreError> {
    Ok(throttle_buckets::table.count().get_result(conn)?)
}
