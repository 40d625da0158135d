//! Whether this database has been put back from a copy, and since when.
//!
//! What was used up after the copy was taken is unused in it: a code that was redeemed, a one-time link that was followed. So from the
//! first start on a copy, whatever was given out before that start is refused. The copy says so itself where Gatekey made it
//! ([`mark`]); others are known by [`identity`], which a copy does not have. A false alarm does little harm: codes of the last minute and
//! links that nobody has followed yet are refused. Refresh tokens are none of this: they prove their own generation.

use chrono::DateTime;
use diesel::prelude::*;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::{meta, one_time_links};
use crate::domain::clock::Timestamp;

/// The mark of a copy: when it was taken.
const COPIED_AT: &str = "copied_at";
const IDENTITY: &str = "database_identity";
const RESTORED_AT: &str = "restored_at";

/// What a start learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// Codes issued until then are refused. `None`: the database was never put back.
    pub restored_at: Option<Timestamp>,
    /// This very start noticed it: of many replicas exactly one does.
    pub now: Option<Sign>,
}

/// How a restored database is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It carries the mark of a copy.
    Marked,
    /// It is another file, database or server than it was.
    Moved,
}

/// Marks the database as a copy: the first start on it is then the first after a restore.
pub fn mark(conn: &mut Connection, now: Timestamp) -> Result<(), StoreError> {
    meta::set(conn, COPIED_AT, &now.to_rfc3339())
}

/// To be called at a start, in one unit of work, before anything is redeemed.
pub fn notice(conn: &mut Connection, identity: &str, now: Timestamp) -> Result<Notice, StoreError> {
    meta::lock(conn, "restore_lock")?;
    let marked = meta::remove(conn, COPIED_AT)?;
    let known = meta::get(conn, IDENTITY)?;
    let moved = known.as_ref().is_some_and(|known| !may_be_one(known, identity));
    let before = meta::get(conn, RESTORED_AT)?.map(|text| parse(&text)).transpose()?;
    let known_now = known.as_ref().filter(|_| !moved).map_or_else(|| identity.to_owned(), |known| filled(identity, known));
    if known.as_ref() != Some(&known_now) {
        meta::set(conn, IDENTITY, &known_now)?;
    }
    if !marked && !moved {
        // One that was noticed by a clock that was ahead must not refuse every code until then: nothing given out before this start
        // is issued later than now, and what claims to be is refused for that.
        return Ok(Notice { restored_at: before.map(|before| before.min(now)), now: None });
    }
    one_time_links::use_up_all(conn, now)?;
    meta::set(conn, RESTORED_AT, &now.to_rfc3339())?;
    Ok(Notice { restored_at: Some(now), now: Some(if marked { Sign::Marked } else { Sign::Moved }) })
}

/// What a role may not read of the server, or a server does not say.
const UNTOLD: &str = "?";

/// Whether two identities can be of one database: what one of them does not tell makes no difference.
fn may_be_one(known: &str, found: &str) -> bool {
    let (known, found): (Vec<&str>, Vec<&str>) = (known.split(' ').collect(), found.split(' ').collect());
    known.len() == found.len() && known.iter().zip(&found).all(|(known, found)| known == found || *known == UNTOLD || *found == UNTOLD)
}

/// What was found, with what was known where it does not tell: a start by a role that may read less forgets nothing.
fn filled(found: &str, known: &str) -> String {
    let parts = found.split(' ').zip(known.split(' ')).map(|(found, known)| if found == UNTOLD { known } else { found });
    parts.collect::<Vec<_>>().join(" ")
}

fn parse(text: &str) -> Result<Timestamp, StoreError> {
    DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).map_err(|error| StoreError::corrupt("meta", format_args!("{RESTORED_AT}: {error}")))
}

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// What this database has and a copy of it has not: the file, or the server, its timeline, the database and the table within.
/// To be called outside a transaction: what the server keeps from ordinary users, or does not know, is left out.
pub fn identity(conn: &mut Connection) -> Result<String, StoreError> {
    match conn {
        Connection::Sqlite(conn) => {
            let file = diesel::sql_query("SELECT file AS value FROM pragma_database_list WHERE name = 'main'").get_result::<Value>(conn)?.value;
            let metadata = std::fs::metadata(&file).map_err(|error| StoreError::unavailable(format!("{file}: {error}")))?;
            // Numbers of files are given out again; with the time of birth they are not.
            let born = metadata.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |since| since.as_micros());
            #[cfg(unix)]
            let number = std::os::unix::fs::MetadataExt::ino(&metadata);
            #[cfg(not(unix))]
            let number = 0;
            Ok(format!("file {number} {born}"))
        }
        Connection::Postgres(conn) => {
            let mut identity = "database".to_owned();
            for part in [
                "(SELECT system_identifier FROM pg_control_system())",
                // A server that was restored to a point in time, or took over from another, goes on in a new timeline.
                "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)",
                "(SELECT oid FROM pg_database WHERE datname = current_database())",
                "'meta'::regclass::oid",
            ] {
                let found = diesel::sql_query(format!("SELECT ({part})::text AS value")).get_result::<Value>(conn).map_err(StoreError::from);
                match found {
                    Ok(Value { value }) => identity.push_str(&format!(" {value}")),
                    Err(StoreError::Query(_)) => identity.push_str(&format!(" {UNTOLD}")),
                    Err(error) => return Err(error),
                }
            }
            Ok(identity)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_makes_no_difference() {
        let all = "database 7 00000001 5 16400";
        for (found, one) in [
            (all, true),
            ("database ? 00000001 5 16400", true),
            ("database ? ? ? ?", true),
            ("database 8 00000001 5 16400", false),
            ("database ? 00000002 5 16400", false),
            ("database 7 00000001 5 16401", false),
            ("database 7 00000001 5", false),
            ("file 7 00000001", false),
        ] {
            assert_eq!((may_be_one(all, found), may_be_one(found, all)), (one, one), "{found}");
        }
        assert_eq!(filled("database ? 00000001 ? 16400", all), all);
        assert_eq!(filled(all, "database ? ? 5 16400"), all);
    }
}
