//! Which rows somebody else holds, so that one held row makes only those wait who want it.
//!
//! Ending or deleting something with very much below it holds all of that for seconds; so does an operator in the middle of a transaction.
//! Asked for only after a batch has waited in vain, and for a moment after that.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};

use super::batch::postgres;
use crate::domain::id::ClientId;
use crate::store::connection::AnyConnection as Connection;
use crate::store::error::StoreError;
use crate::store::redeemed_codes::Redemption;
use crate::store::refresh_families::Step;
use crate::store::sessions::Touch;
use crate::store::sql_types::{DbId, Id};

#[derive(QueryableByName)]
struct Ordinal {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Of `count` items those whose ordinals, from 1 on, were found.
fn flags(count: usize, found: &[Ordinal]) -> Vec<bool> {
    (1_i64..).take(count).map(|n| found.iter().any(|ordinal| ordinal.n == n)).collect()
}

/// A row that is not there is nobody's.
const FAMILIES: &str = "WITH free AS (SELECT id FROM refresh_families WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) \
    SELECT i.n AS n FROM UNNEST($1) WITH ORDINALITY AS i (id, n) JOIN refresh_families AS f ON f.id = i.id WHERE i.id NOT IN (SELECT id FROM free)";

pub(super) fn families(conn: &mut Connection, steps: &[Step]) -> Result<Vec<bool>, StoreError> {
    let ids = steps.iter().map(|step| Id(step.id.0)).collect::<Vec<_>>();
    let found = diesel::sql_query(FAMILIES).bind::<Array<DbId>, _>(ids).load::<Ordinal>(postgres(conn)?)?;
    Ok(flags(steps.len(), &found))
}

/// The rows that a redemption locks: its session, the row of the pair, and by foreign keys its user and its client.
const OF_REDEMPTIONS: &str = "WITH i AS MATERIALIZED (SELECT * FROM UNNEST($1, $2, $3) WITH ORDINALITY AS i (session, client, usr, n)), \
    s AS (SELECT id FROM sessions WHERE id = ANY($1) ORDER BY id FOR SHARE SKIP LOCKED), \
    p AS (SELECT c.session_id, c.client_id FROM client_sessions AS c JOIN i ON c.session_id = i.session AND c.client_id = i.client \
        FOR NO KEY UPDATE OF c SKIP LOCKED), \
    c AS (SELECT id FROM clients WHERE id = ANY($2) FOR KEY SHARE SKIP LOCKED), \
    u AS (SELECT id FROM users WHERE id = ANY($3) FOR KEY SHARE SKIP LOCKED) \
    SELECT i.n AS n FROM i WHERE \
        (EXISTS (SELECT FROM sessions WHERE id = i.session) AND i.session NOT IN (SELECT id FROM s)) OR \
        (EXISTS (SELECT FROM client_sessions WHERE session_id = i.session AND client_id = i.client) \
            AND NOT EXISTS (SELECT FROM p WHERE p.session_id = i.session AND p.client_id = i.client)) OR \
        (EXISTS (SELECT FROM clients WHERE id = i.client) AND i.client NOT IN (SELECT id FROM c)) OR \
        (EXISTS (SELECT FROM users WHERE id = i.usr) AND i.usr NOT IN (SELECT id FROM u))";

pub(super) fn of_redemptions(conn: &mut Connection, redemptions: &[Redemption]) -> Result<Vec<bool>, StoreError> {
    let codes = || redemptions.iter().map(|redemption| &redemption.code);
    let found = diesel::sql_query(OF_REDEMPTIONS)
        .bind::<Array<DbId>, _>(codes().map(|code| Id(code.session_id.0)).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(codes().map(|code| code.client_id.as_str()).collect::<Vec<_>>())
        .bind::<Array<DbId>, _>(codes().map(|code| Id(code.user_id.0)).collect::<Vec<_>>())
        .load::<Ordinal>(postgres(conn)?)?;
    Ok(flags(redemptions.len(), &found))
}

/// The session, the row of the pair, the family. A touch that names no client or family comes with a row that is not there.
const OF_TOUCHES: &str = "WITH i AS MATERIALIZED (SELECT * FROM UNNEST($1, $2, $3) WITH ORDINALITY AS i (session, client, family, n)), \
    s AS (SELECT id FROM sessions WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED), \
    p AS (SELECT c.session_id, c.client_id FROM client_sessions AS c JOIN i ON c.session_id = i.session AND c.client_id = i.client \
        FOR NO KEY UPDATE OF c SKIP LOCKED), \
    f AS (SELECT id FROM refresh_families WHERE id = ANY($3) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) \
    SELECT i.n AS n FROM i WHERE \
        (EXISTS (SELECT FROM sessions WHERE id = i.session) AND i.session NOT IN (SELECT id FROM s)) OR \
        (EXISTS (SELECT FROM client_sessions WHERE session_id = i.session AND client_id = i.client) \
            AND NOT EXISTS (SELECT FROM p WHERE p.session_id = i.session AND p.client_id = i.client)) OR \
        (EXISTS (SELECT FROM refresh_families WHERE id = i.family) AND i.family NOT IN (SELECT id FROM f))";

pub(super) fn of_touches(conn: &mut Connection, touches: &[Touch]) -> Result<Vec<bool>, StoreError> {
    let found = diesel::sql_query(OF_TOUCHES)
        .bind::<Array<DbId>, _>(touches.iter().map(|touch| Id(touch.session_id.0)).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(touches.iter().map(|touch| touch.client_id.as_ref().map_or("", ClientId::as_str)).collect::<Vec<_>>())
        .bind::<Array<DbId>, _>(touches.iter().map(|touch| Id(touch.family_id.map_or(uuid::Uuid::nil(), |family| family.0))).collect::<Vec<_>>())
        .load::<Ordinal>(postgres(conn)?)?;
    Ok(flags(touches.len(), &found))
}
