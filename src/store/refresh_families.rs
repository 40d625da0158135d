//! The table of refresh families: one row a family for ever. A rotation is one conditional UPDATE.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use uuid::Uuid;

use super::client_sessions::ClientSessionRow;
use super::connection::{AnyConnection as Connection, on_each};
use super::consents::ConsentRow;
use super::error::StoreError;
use super::kept::{Kept, Value, statement, with, written};
use super::row::{at, bytes32, client_id, ended, ended_columns, id};
use super::schema::{client_sessions, consents, refresh_families, sessions, users};
use super::sessions::SessionRow;
use super::sql_types::{DbId, DbInstant, Id, Instant};
use super::users::UserRow;
use crate::domain::client_session::ClientSession;
use crate::domain::clock::Timestamp;
use crate::domain::consent::Consent;
use crate::domain::dpop::KeyThumbprint;
use crate::domain::id::{ClientId, GrantId, SessionId, UserId};
use crate::domain::refresh_family::{KeyBinding, RefreshFamily};
use crate::domain::scope::OFFLINE_ACCESS;
use crate::domain::secret::Secret;
use crate::domain::session::Session;
use crate::domain::user::User;

const TABLE: &str = "refresh_families";

#[derive(Queryable, Insertable)]
#[diesel(table_name = refresh_families, treat_none_as_default_value = false)]
pub(super) struct RefreshFamilyRow {
    pub(super) id: Id,
    pub(super) client_id: String,
    pub(super) user_id: Id,
    pub(super) session_id: Id,
    pub(super) grant_facts: String,
    pub(super) offline: bool,
    pub(super) secret: Vec<u8>,
    pub(super) generation: i64,
    pub(super) rotated_at: Instant,
    pub(super) created_at: Instant,
    pub(super) last_used_at: Instant,
    pub(super) ended_at: Option<Instant>,
    pub(super) end_reason: Option<String>,
    pub(super) jkt: Option<String>,
    /// None beside a `jkt`: it has been there from the first on.
    pub(super) bound_generation: Option<i64>,
}

impl TryFrom<RefreshFamilyRow> for RefreshFamily {
    type Error = StoreError;

    fn try_from(row: RefreshFamilyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: GrantId(row.id.0),
            client_id: client_id(TABLE, row.client_id)?,
            user_id: UserId(row.user_id.0),
            session_id: SessionId(row.session_id.0),
            grant: serde_json::from_str(&row.grant_facts).map_err(|error| StoreError::corrupt(TABLE, format_args!("grant_facts: {error}")))?,
            secret: Secret::new(bytes32(TABLE, row.secret)?),
            generation: u64::try_from(row.generation).map_err(|_| StoreError::corrupt(TABLE, "generation is negative"))?,
            rotated_at: row.rotated_at.0,
            created_at: row.created_at.0,
            last_used_at: row.last_used_at.0,
            ended: ended(TABLE, row.ended_at, row.end_reason)?,
            bound_to: row.jkt.map(|jkt| binding(jkt, row.bound_generation)).transpose()?,
        })
    }
}

fn binding(jkt: String, generation: Option<i64>) -> Result<KeyBinding, StoreError> {
    let key = KeyThumbprint::try_from(jkt).map_err(|error| StoreError::corrupt(TABLE, format_args!("jkt: {error}")))?;
    let since = u64::try_from(generation.unwrap_or(1)).map_err(|_| StoreError::corrupt(TABLE, "bound_generation is negative"))?;
    Ok(KeyBinding { key, since })
}

impl TryFrom<&RefreshFamily> for RefreshFamilyRow {
    type Error = StoreError;

    fn try_from(family: &RefreshFamily) -> Result<Self, StoreError> {
        let (ended_at, end_reason) = ended_columns(family.ended);
        Ok(Self {
            id: id(family.id.0),
            client_id: family.client_id.as_str().to_owned(),
            user_id: id(family.user_id.0),
            session_id: id(family.session_id.0),
            grant_facts: serde_json::to_string(&family.grant).map_err(|error| StoreError::Query(error.to_string()))?,
            offline: family.grant.scope.contains(OFFLINE_ACCESS),
            secret: family.secret.expose().to_vec(),
            generation: column_generation(family.generation)?,
            rotated_at: at(family.rotated_at),
            created_at: at(family.created_at),
            last_used_at: at(family.last_used_at),
            ended_at,
            end_reason,
            jkt: family.bound_to.as_ref().map(|binding| binding.key.as_str().to_owned()),
            bound_generation: family.bound_to.as_ref().filter(|binding| binding.since > 1).map(|binding| column_generation(binding.since)).transpose()?,
        })
    }
}

pub(super) fn column_generation(generation: u64) -> Result<i64, StoreError> {
    i64::try_from(generation).map_err(|_| StoreError::Query(format!("generation {generation} does not fit its column")))
}

/// What a refresh is decided from.
#[derive(Debug, Clone)]
pub struct FamilyFacts {
    pub family: RefreshFamily,
    pub user: Option<User>,
    pub session: Option<Session>,
    pub client_session: Option<ClientSession>,
    pub consent: Option<Consent>,
}

/// One step of a family: from the generation that was decided upon to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub id: GrantId,
    pub expected: u64,
    pub next: u64,
    pub at: Timestamp,
    /// The key that the next generation is bound to, and every later one; one that is there stays.
    pub bind_to: Option<KeyThumbprint>,
}

/// Adds a family. Codes bring theirs by `redeemed_codes::redeem`. `Conflict`: the id is taken, or user or client is gone.
pub fn insert(conn: &mut Connection, family: &RefreshFamily) -> Result<(), StoreError> {
    let row = RefreshFamilyRow::try_from(family)?;
    match conn {
        Connection::Sqlite(conn) => {
            let instant = |at: Instant| Value::Integer(at.0.timestamp_micros());
            with::<Insert, _>([
                Value::Blob(row.id.0.as_bytes()),
                Value::Text(&row.client_id),
                Value::Blob(row.user_id.0.as_bytes()),
                Value::Blob(row.session_id.0.as_bytes()),
                Value::Text(&row.grant_facts),
                Value::Integer(i64::from(row.offline)),
                Value::Blob(&row.secret),
                Value::Integer(row.generation),
                instant(row.rotated_at),
                instant(row.created_at),
                instant(row.last_used_at),
                Value::or_null(row.ended_at, instant),
                Value::or_null(row.end_reason.as_deref(), Value::Text),
                Value::or_null(row.jkt.as_deref(), Value::Text),
                Value::or_null(row.bound_generation, Value::Integer),
            ])
            .execute(conn)?
        }
        Connection::Postgres(conn) => diesel::insert_into(refresh_families::table).values(row).execute(conn)?,
    };
    Ok(())
}

written!(
    Insert = "INSERT INTO refresh_families (id, client_id, user_id, session_id, grant_facts, offline, secret, generation, rotated_at, created_at, \
                   last_used_at, ended_at, end_reason, jkt, bound_generation) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
);

pub fn find(conn: &mut Connection, family: GrantId) -> Result<Option<RefreshFamily>, StoreError> {
    refresh_families::table.find(id(family.0)).get_result::<RefreshFamilyRow>(conn).optional()?.map(RefreshFamily::try_from).transpose()
}

/// Whether there is or was one that has not been swept, ended or not.
pub(super) fn exists(conn: &mut Connection, family: GrantId) -> Result<bool, StoreError> {
    Ok(refresh_families::table.find(id(family.0)).select(refresh_families::id).get_result::<Id>(conn).optional()?.is_some())
}

type FactsRow = (RefreshFamilyRow, Option<UserRow>, Option<SessionRow>, Option<ClientSessionRow>, Option<ConsentRow>);

/// Families with all that a decision about them needs, in one query.
macro_rules! with_facts {
    () => {
        refresh_families::table
            .left_join(users::table.on(users::id.eq(refresh_families::user_id)))
            .left_join(sessions::table.on(sessions::id.eq(refresh_families::session_id)))
            .left_join(
                client_sessions::table
                    .on(client_sessions::session_id.eq(refresh_families::session_id).and(client_sessions::client_id.eq(refresh_families::client_id))),
            )
            .left_join(consents::table.on(consents::user_id.eq(refresh_families::user_id).and(consents::client_id.eq(refresh_families::client_id))))
            .select((
                refresh_families::all_columns,
                users::all_columns.nullable(),
                sessions::all_columns.nullable(),
                client_sessions::all_columns.nullable(),
                consents::all_columns.nullable(),
            ))
    };
}

written!(OneWithFacts: (
    refresh_families::SqlType,
    Nullable<users::SqlType>,
    Nullable<sessions::SqlType>,
    Nullable<client_sessions::SqlType>,
    Nullable<consents::SqlType>,
) = with_facts!().filter(refresh_families::id.eq(id(Uuid::nil()))));

/// The facts of one family. [`Store::family`](super::Store::family) is the fast way to it.
pub fn facts(conn: &mut Connection, family: GrantId) -> Result<Option<FamilyFacts>, StoreError> {
    let row = match conn {
        Connection::Sqlite(conn) => with::<OneWithFacts, _>([Value::Blob(family.0.as_bytes())]).get_result::<FactsRow>(conn),
        Connection::Postgres(conn) => with_facts!().filter(refresh_families::id.eq(id(family.0))).get_result::<FactsRow>(conn),
    };
    row.optional()?.map(FamilyFacts::try_from).transpose()
}

/// The same of the families after `after`, in the order they were made, ended ones too: for looking at all of them.
pub fn facts_after(conn: &mut Connection, after: GrantId, limit: i64) -> Result<Vec<FamilyFacts>, StoreError> {
    let query = with_facts!().filter(refresh_families::id.gt(id(after.0))).order(refresh_families::id).limit(limit);
    let rows = on_each!(conn, query.load::<FactsRow>(conn))?;
    rows.into_iter().map(FamilyFacts::try_from).collect()
}

/// The same of several; those that there are.
pub(super) fn facts_of_each(conn: &mut PgConnection, families: &[GrantId]) -> Result<HashMap<GrantId, Result<FamilyFacts, StoreError>>, StoreError> {
    let query = with_facts!().filter(refresh_families::id.eq_any(families.iter().map(|family| id(family.0))));
    Ok(Kept(query).load::<FactsRow>(conn)?.into_iter().map(|row| (GrantId(row.0.id.0), FamilyFacts::try_from(row))).collect())
}

impl TryFrom<FactsRow> for FamilyFacts {
    type Error = StoreError;

    fn try_from((family, user, session, client_session, consent): FactsRow) -> Result<Self, StoreError> {
        Ok(Self {
            family: family.try_into()?,
            user: user.map(User::from),
            session: session.map(Session::try_from).transpose()?,
            client_session: client_session.map(ClientSession::try_from).transpose()?,
            consent: consent.map(Consent::try_from).transpose()?,
        })
    }
}

/// A user's families that have not been ended, the newest first, with all that a decision about them needs.
pub fn facts_of_user(conn: &mut Connection, user: UserId, limit: u32) -> Result<Vec<FamilyFacts>, StoreError> {
    let query = with_facts!()
        .filter(refresh_families::user_id.eq(id(user.0)))
        .filter(refresh_families::ended_at.is_null())
        .order(refresh_families::id.desc())
        .limit(i64::from(limit));
    on_each!(conn, query.load::<FactsRow>(conn))?.into_iter().map(FamilyFacts::try_from).collect()
}

/// The same of one client, those first that were used last.
pub fn facts_of_pair(conn: &mut Connection, user: UserId, client: &ClientId, limit: u32) -> Result<Vec<FamilyFacts>, StoreError> {
    let query = with_facts!()
        .filter(refresh_families::user_id.eq(id(user.0)))
        .filter(refresh_families::client_id.eq(client.as_str()))
        .filter(refresh_families::ended_at.is_null())
        .order(refresh_families::last_used_at.desc())
        .limit(i64::from(limit));
    on_each!(conn, query.load::<FactsRow>(conn))?.into_iter().map(FamilyFacts::try_from).collect()
}

/// The first client after `after` that has a family of the user's, ended or not: the way from client to client without reading their families.
pub fn next_client(conn: &mut Connection, user: UserId, after: Option<&ClientId>) -> Result<Option<ClientId>, StoreError> {
    let after = after.map_or("", ClientId::as_str);
    let query = refresh_families::table.filter(refresh_families::user_id.eq(id(user.0))).filter(refresh_families::client_id.gt(after));
    let next = query.order(refresh_families::client_id).select(refresh_families::client_id).first::<String>(conn).optional()?;
    next.map(|next| client_id(TABLE, next)).transpose()
}

/// [`EndReason::ReuseDetected`](crate::domain::session::EndReason) spelled out: an index of these rows alone is only used for what the
/// statement itself says, not for a value that comes with it.
const BY_REUSE: &str = "refresh_families.end_reason = 'reuse_detected'";

/// A user's families that ended since then because an old token came back, the last one first, each with its session if that is still known.
pub fn ended_by_reuse(conn: &mut Connection, user: UserId, since: Timestamp, limit: u32) -> Result<Vec<(RefreshFamily, Option<Session>)>, StoreError> {
    let query = refresh_families::table
        .left_join(sessions::table.on(sessions::id.eq(refresh_families::session_id)))
        .filter(refresh_families::user_id.eq(id(user.0)))
        .filter(diesel::dsl::sql::<Bool>(BY_REUSE))
        .filter(refresh_families::ended_at.gt(Some(at(since))))
        .order(refresh_families::ended_at.desc())
        .limit(i64::from(limit))
        .select((refresh_families::all_columns, sessions::all_columns.nullable()));
    let rows = on_each!(conn, query.load::<(RefreshFamilyRow, Option<SessionRow>)>(conn))?;
    rows.into_iter().map(|(family, session)| Ok((family.try_into()?, session.map(Session::try_from).transpose()?))).collect()
}

/// A user's families in the order they were made, ended ones too, those after `after`.
pub fn list_by_user(conn: &mut Connection, user: UserId, after: Option<GrantId>, limit: u32) -> Result<Vec<RefreshFamily>, StoreError> {
    let mut query = refresh_families::table.filter(refresh_families::user_id.eq(id(user.0))).order(refresh_families::id).limit(i64::from(limit)).into_boxed();
    if let Some(after) = after {
        query = query.filter(refresh_families::id.gt(id(after.0)));
    }
    query.load::<RefreshFamilyRow>(conn)?.into_iter().map(RefreshFamily::try_from).collect()
}

/// Takes the step if the family still is where it was decided upon. False: nothing changed; load it and decide again.
/// [`Store::rotate`](super::Store::rotate) is the fast way to it.
pub fn rotate(conn: &mut Connection, step: &Step) -> Result<bool, StoreError> {
    let (expected, next) = (column_generation(step.expected)?, column_generation(step.next)?);
    let key = step.bind_to.as_ref().map(KeyThumbprint::as_str);
    let changed = match conn {
        Connection::Sqlite(conn) => {
            let now = step.at.timestamp_micros();
            with::<Rotate, _>([
                Value::Integer(next),
                Value::Integer(now),
                Value::Integer(now),
                Value::or_null(key, Value::Text),
                Value::or_null(key.map(|_| next), Value::Integer),
                Value::Blob(step.id.0.as_bytes()),
                Value::Integer(expected),
            ])
            .execute(conn)?
        }
        Connection::Postgres(conn) => statement("UPDATE refresh_families SET generation = ")
            .bind::<BigInt, _>(next)
            .sql(", rotated_at = ")
            .bind::<DbInstant, _>(at(step.at))
            .sql(", last_used_at = ")
            .bind::<DbInstant, _>(at(step.at))
            .sql(", jkt = COALESCE(jkt, ")
            .bind::<Nullable<Text>, _>(key)
            .sql("), bound_generation = CASE WHEN jkt IS NULL THEN ")
            .bind::<Nullable<BigInt>, _>(key.map(|_| next))
            .sql(" ELSE bound_generation END WHERE id = ")
            .bind::<DbId, _>(id(step.id.0))
            .sql(" AND generation = ")
            .bind::<BigInt, _>(expected)
            .sql(" AND ended_at IS NULL")
            .execute(conn)?,
    };
    Ok(changed == 1)
}

// On the right there is what was before, also of a column that is set.
written!(
    Rotate = "UPDATE refresh_families SET generation = ?, rotated_at = ?, last_used_at = ?, jkt = COALESCE(jkt, ?), \
                   bound_generation = CASE WHEN jkt IS NULL THEN ? ELSE bound_generation END WHERE id = ? AND generation = ? AND ended_at IS NULL"
);
