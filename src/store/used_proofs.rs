//! The table of proofs that were used (RFC 9449 §11.1): a unique insert makes a proof single-use, whatever races for it, on whichever replica.

use diesel::prelude::*;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::row::at;
use super::schema::used_proofs;
use super::sql_types::Instant;
use crate::domain::clock::Timestamp;

/// A proof on its way to be used. Digests, of which the database alone tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedProof {
    pub name: [u8; 32],
    /// What is asked for with it, if the same may be asked again.
    pub used_for: Option<[u8; 32]>,
    pub keep_until: Timestamp,
}

#[derive(Insertable)]
#[diesel(table_name = used_proofs, treat_none_as_default_value = false)]
struct UsedProofRow<'a> {
    name: &'a [u8],
    used_for: Option<&'a [u8]>,
    keep_until: Instant,
}

/// Uses the proof up. True: it was not used before, or for the same. Of many at once with nothing in common exactly one gets true.
pub fn take(conn: &mut Connection, proof: &UsedProof) -> Result<bool, StoreError> {
    let row = UsedProofRow { name: &proof.name, used_for: proof.used_for.as_ref().map(<[u8; 32]>::as_slice), keep_until: at(proof.keep_until) };
    let first = match conn {
        Connection::Sqlite(conn) => diesel::insert_into(used_proofs::table).values(&row).on_conflict_do_nothing().execute(conn)?,
        Connection::Postgres(conn) => diesel::insert_into(used_proofs::table).values(&row).on_conflict_do_nothing().execute(conn)?,
    };
    let Some(asked) = row.used_for.filter(|_| first == 0) else { return Ok(first == 1) };
    let before = used_proofs::table.find(row.name).select(used_proofs::used_for).get_result::<Option<Vec<u8>>>(conn).optional()?;
    Ok(before.flatten().is_some_and(|before| before == asked))
}

/// Deletes some that need not be known any more. Rows that another caller holds are left to the next. Answers how many went.
pub fn sweep(conn: &mut Connection, now: Timestamp, at_most: i64) -> Result<usize, StoreError> {
    let old = used_proofs::table.select(used_proofs::name).filter(used_proofs::keep_until.lt(at(now))).limit(at_most);
    let names: Vec<Vec<u8>> = match conn {
        Connection::Sqlite(conn) => old.load(conn)?,
        Connection::Postgres(conn) => old.for_update().skip_locked().load(conn)?,
    };
    if names.is_empty() {
        return Ok(0);
    }
    Ok(diesel::delete(used_proofs::table.filter(used_proofs::name.eq_any(names))).execute(conn)?)
}
