//! The table of what is counted by the hour.

use diesel::prelude::*;
use diesel::upsert::excluded;
use uuid::Uuid;

use super::connection::{AnyConnection as Connection, on_each};
use super::error::StoreError;
use super::row::{at, id};
use super::schema::{sessions, statistics};
use super::sql_types::Instant;
use crate::domain::clock::Timestamp;
use crate::domain::statistics::{Counted, Hour, HourCounts};

const TABLE: &str = "statistics";
/// How many sessions there were: what it is called beside the words of [`Counted`].
const LIVE_SESSIONS: &str = "live_sessions";

/// Adds to what the hour has. Rows are held in one order, so that no two replicas wait for each other.
pub fn add(conn: &mut Connection, hour: Hour, counts: &[(Counted, u64)]) -> Result<(), StoreError> {
    let mut counts: Vec<(&str, u64)> = counts.iter().map(|(what, amount)| (what.as_str(), *amount)).collect();
    counts.sort_unstable();
    for (what, amount) in counts {
        let row = (statistics::hour.eq(at(hour.start())), statistics::what.eq(what), statistics::amount.eq(i64::try_from(amount).unwrap_or(i64::MAX)));
        on_each!(
            conn,
            diesel::insert_into(statistics::table)
                .values(row)
                .on_conflict((statistics::hour, statistics::what))
                .do_update()
                .set(statistics::amount.eq(statistics::amount + excluded(statistics::amount)))
                .execute(conn)
        )?;
    }
    Ok(())
}

/// Writes down how many sessions have not been ended; what was counted earlier in the hour is replaced.
pub fn set_live_sessions(conn: &mut Connection, hour: Hour, amount: u64) -> Result<(), StoreError> {
    let amount = i64::try_from(amount).unwrap_or(i64::MAX);
    let row = (statistics::hour.eq(at(hour.start())), statistics::what.eq(LIVE_SESSIONS), statistics::amount.eq(amount));
    on_each!(
        conn,
        diesel::insert_into(statistics::table)
            .values(row)
            .on_conflict((statistics::hour, statistics::what))
            .do_update()
            .set(statistics::amount.eq(excluded(statistics::amount)))
            .execute(conn)
    )?;
    Ok(())
}

/// What these hours had, in their order; one of which nothing is known had nothing.
pub fn of(conn: &mut Connection, hours: &[Hour]) -> Result<Vec<HourCounts>, StoreError> {
    let mut found: Vec<HourCounts> = hours.iter().copied().map(HourCounts::new).collect();
    let (Some(first), Some(last)) = (hours.first(), hours.last()) else { return Ok(found) };
    let between = statistics::hour.between(at(first.start()), at(last.start()));
    for (hour, what, amount) in statistics::table.filter(between).load::<(Instant, String, i64)>(conn)? {
        let amount = u64::try_from(amount).map_err(|_| StoreError::corrupt(TABLE, "amount is negative"))?;
        let Some(counts) = found.iter_mut().find(|counts| counts.hour.start() == hour.0) else { continue };
        match Counted::parse(&what) {
            Some(what) => counts.set(what, amount),
            None if what == LIVE_SESSIONS => counts.live_sessions = Some(amount),
            // Counted by a newer version that shares the database.
            None => {}
        }
    }
    Ok(found)
}

/// How many sessions have not been ended: counted up to `at_most`, beyond that as it was last written down.
pub fn live_sessions(conn: &mut Connection, at_most: u32) -> Result<u64, StoreError> {
    // The index `sessions_live` is asked for by its own column, and walked from its beginning.
    let some = sessions::table
        .filter(sessions::end_reason.is_null())
        .filter(sessions::id.gt(id(Uuid::nil())))
        .order(sessions::id)
        .select(sessions::id)
        .limit(i64::from(at_most));
    let counted = some.load::<super::sql_types::Id>(conn)?.len() as u64;
    if counted < u64::from(at_most) {
        return Ok(counted);
    }
    let written = statistics::table.filter(statistics::what.eq(LIVE_SESSIONS)).order(statistics::hour.desc()).select(statistics::amount).limit(1);
    let written = written.load::<i64>(conn)?.first().copied().and_then(|amount| u64::try_from(amount).ok());
    Ok(written.map_or(counted, |written| written.max(counted)))
}

/// Deletes what is older than `before`; how many rows went.
pub fn sweep(conn: &mut Connection, before: Timestamp) -> Result<u64, StoreError> {
    Ok(diesel::delete(statistics::table.filter(statistics::hour.lt(at(before)))).execute(conn)? as u64)
}
