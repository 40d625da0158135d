//! What runs, seen as a whole: sessions and refresh families with no more than their ends are judged from.
//!
//! Each is one pass through one table, in the order in which it lies on the disk, and comes back in the order of the sessions, so that
//! they can be put together by walking along them. Put together by the database, a million rows cost as many look-ups in as many places.

use std::collections::HashMap;

use diesel::connection::DefaultLoadingMode;
use diesel::dsl::case_when;
use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Bool, Nullable, Text};

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::row::acr;
use super::schema::{client_sessions, refresh_families, sessions, users};
use super::sql_types::{DbId, DbInstant, Id, Instant};
use crate::domain::acr::Acr;
use crate::domain::clock::Timestamp;
use crate::domain::group::{GroupName, Groups};
use crate::domain::id::{SessionId, UserId};
use crate::domain::refresh_family::Grant;
use crate::domain::session::EndReason;

/// What is asked of each row beyond its times; what is not asked for is not read, and absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    pub user: bool,
    pub acr: bool,
}

/// A client by its place in a list of all.
pub type ClientIndex = u32;

#[derive(Debug, Clone)]
pub struct RunningSession {
    pub id: SessionId,
    /// The groups of its user: see [`GroupsOf`].
    pub groups: Option<u32>,
    pub acr: Option<Acr>,
    pub remembered: bool,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub ended: Option<EndReason>,
}

#[derive(Debug, Clone)]
pub struct RunningClientSession {
    pub session: SessionId,
    pub client: ClientIndex,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub ended: Option<EndReason>,
}

#[derive(Debug, Clone)]
pub struct RunningFamily {
    pub session: SessionId,
    pub client: ClientIndex,
    /// Of one with `offline_access`, as is the acr of its grant: others have those of their session.
    pub user: Option<UserId>,
    pub acr: Option<Acr>,
    /// It was granted `offline_access`.
    pub offline: bool,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
}

/// Who is in which groups. Many users are in the same ones.
#[derive(Debug, Default)]
pub struct GroupsOf {
    sets: Vec<Groups>,
    sets_of: HashMap<UserId, u32>,
}

impl GroupsOf {
    fn add(&mut self, groups: Groups) -> u32 {
        self.sets.push(groups);
        self.sets.len() as u32 - 1
    }

    /// Those of a user, by a number; nobody's have none.
    pub fn of(&self, user: Option<UserId>) -> Option<u32> {
        self.sets_of.get(&user?).copied()
    }

    pub fn groups(&self, set: Option<u32>) -> Groups {
        set.and_then(|set| self.sets.get(set as usize)).cloned().unwrap_or_default()
    }
}

/// Loads page after page, so that what was read is not there twice: SQLite hands out row after row, PostgreSQL by a cursor. (Its own way
/// of row after row costs three times as much.)
macro_rules! each_row {
    ($conn:ident, $query:expr, $types:ty, $row:ty, $each:expr) => {
        match $conn {
            Connection::Sqlite(conn) => $query.load_iter::<$row, DefaultLoadingMode>(conn)?.try_for_each(|row| $each(row?)),
            Connection::Postgres(conn) => {
                Declare($query).execute(conn)?;
                let mut more = true;
                while more {
                    more = false;
                    for row in sql::<$types>(FETCH).load_iter::<$row, DefaultLoadingMode>(conn)? {
                        more = true;
                        $each(row?)?;
                    }
                }
                diesel::sql_query("CLOSE running").execute(conn)?;
                Ok(())
            }
        }
    };
}

const FETCH: &str = "FETCH 10000 FROM running";

/// A query that is begun, and read by [`FETCH`].
struct Declare<Q>(Q);

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Declare<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("DECLARE running NO SCROLL CURSOR FOR ");
        self.0.walk_ast(out)
    }
}

impl<Q> QueryId for Declare<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q, Conn> RunQueryDsl<Conn> for Declare<Q> {}

/// All sessions, ended ones too: a family may have outlived its own. And who is in one of the groups named.
pub fn sessions(conn: &mut Connection, wanted: Wanted, named: &[GroupName]) -> Result<(Vec<RunningSession>, GroupsOf), StoreError> {
    let groups = if named.is_empty() { GroupsOf::default() } else { groups(conn, named)? };
    type Types = (DbId, Nullable<DbId>, Nullable<Text>, Bool, DbInstant, DbInstant, Nullable<Text>);
    type Row = (Id, Option<Id>, Option<String>, bool, Instant, Instant, Option<String>);
    let query = sessions::table.select((
        sessions::id,
        case_when(wanted.user.into_sql::<Bool>(), sessions::user_id),
        case_when(wanted.acr.into_sql::<Bool>(), sessions::acr),
        sessions::remembered,
        sessions::created_at,
        sessions::last_used_at,
        sessions::end_reason,
    ));
    let mut found = Vec::new();
    each_row!(conn, query, Types, Row, |(session, user, acr_text, remembered, created_at, last_used_at, reason): Row| {
        found.push(RunningSession {
            id: SessionId(session.0),
            groups: groups.of(user.map(|user| UserId(user.0))),
            acr: acr_text.map(|text| acr("sessions", &text)).transpose()?,
            remembered,
            created_at: created_at.0,
            last_used_at: last_used_at.0,
            ended: end("sessions", reason)?,
        });
        Ok::<(), StoreError>(())
    })?;
    // They lie nearly in this order, which is for the stable way to notice.
    found.sort_by_key(|session| session.id);
    Ok((found, groups))
}

/// All client sessions, or only those that have ended. Those of clients that are not in `clients` are left out.
pub fn client_sessions(conn: &mut Connection, only_ended: bool, clients: &HashMap<String, ClientIndex>) -> Result<Vec<RunningClientSession>, StoreError> {
    type Types = (DbId, Text, DbInstant, DbInstant, Nullable<Text>);
    type Row = (Id, String, Instant, Instant, Option<String>);
    let query = client_sessions::table.filter(client_sessions::ended_at.is_not_null().or((!only_ended).into_sql::<Bool>())).select((
        client_sessions::session_id,
        client_sessions::client_id,
        client_sessions::created_at,
        client_sessions::last_used_at,
        client_sessions::end_reason,
    ));
    let mut found = Vec::new();
    each_row!(conn, query, Types, Row, |(session, client, created_at, last_used_at, reason): Row| {
        if let Some(client) = clients.get(&client) {
            found.push(RunningClientSession {
                session: SessionId(session.0),
                client: *client,
                created_at: created_at.0,
                last_used_at: last_used_at.0,
                ended: end("client_sessions", reason)?,
            });
        }
        Ok::<(), StoreError>(())
    })?;
    found.sort_by_key(|of| (of.session, of.client));
    Ok(found)
}

/// All refresh families that have not been ended. Those of clients that are not in `clients` are left out.
pub fn families(conn: &mut Connection, wanted: Wanted, clients: &HashMap<String, ClientIndex>) -> Result<Vec<RunningFamily>, StoreError> {
    type Types = (DbId, Text, Nullable<DbId>, Nullable<Text>, Bool, DbInstant, DbInstant);
    type Row = (Id, String, Option<Id>, Option<String>, bool, Instant, Instant);
    let query = refresh_families::table.filter(refresh_families::ended_at.is_null()).select((
        refresh_families::session_id,
        refresh_families::client_id,
        case_when(refresh_families::offline.and(wanted.user.into_sql::<Bool>()), refresh_families::user_id),
        // Long: read only where nothing else may say how the user had signed in.
        case_when(refresh_families::offline.and(wanted.acr.into_sql::<Bool>()), refresh_families::grant_facts),
        refresh_families::offline,
        refresh_families::created_at,
        refresh_families::last_used_at,
    ));
    let mut found = Vec::new();
    each_row!(conn, query, Types, Row, |(session, client, user, grant, offline, created_at, last_used_at): Row| {
        if let Some(client) = clients.get(&client) {
            found.push(RunningFamily {
                session: SessionId(session.0),
                client: *client,
                user: user.map(|user| UserId(user.0)),
                acr: grant.map(|grant| acr_of(&grant)).transpose()?,
                offline,
                created_at: created_at.0,
                last_used_at: last_used_at.0,
            });
        }
        Ok::<(), StoreError>(())
    })?;
    found.sort_unstable_by_key(|family| (family.session, family.client));
    Ok(found)
}

fn groups(conn: &mut Connection, named: &[GroupName]) -> Result<GroupsOf, StoreError> {
    type Types = (DbId, Nullable<Text>);
    type Row = (Id, Option<String>);
    let query = users::table.filter(users::group_names.is_not_null()).select((users::id, users::group_names));
    let (mut found, mut known) = (GroupsOf::default(), HashMap::<String, Option<u32>>::new());
    each_row!(conn, query, Types, Row, |(user, text): Row| {
        let text = text.unwrap_or_default();
        let set = known.get(&text).copied().unwrap_or_else(|| {
            let groups = Groups::from_text(Some(text.clone()));
            let set = named.iter().any(|name| groups.contains(name)).then(|| found.add(groups));
            known.insert(text, set);
            set
        });
        if let Some(set) = set {
            found.sets_of.insert(UserId(user.0), set);
        }
        Ok::<(), StoreError>(())
    })?;
    Ok(found)
}

fn end(table: &str, reason: Option<String>) -> Result<Option<EndReason>, StoreError> {
    reason.map(|reason| EndReason::parse(&reason).ok_or_else(|| StoreError::corrupt(table, format_args!("unknown end_reason `{reason}`")))).transpose()
}

fn acr_of(grant: &str) -> Result<Acr, StoreError> {
    Ok(serde_json::from_str::<Grant>(grant).map_err(|error| StoreError::corrupt("refresh_families", format_args!("grant_facts: {error}")))?.acr)
}
