//! What runs: sessions and refresh families that have not been ended, with no more than their ends are judged from. For looking at all of
//! them, a page at a time, in the order of their ids.

use diesel::dsl::case_when;
use diesel::prelude::*;

use super::connection::{AnyConnection as Connection, on_each};
use super::error::StoreError;
use super::row::{acr, client_id, id};
use super::schema::{client_sessions, refresh_families, sessions, users};
use super::sql_types::{Id, Instant};
use crate::domain::acr::Acr;
use crate::domain::clock::Timestamp;
use crate::domain::group::Groups;
use crate::domain::id::{ClientId, GrantId, SessionId, UserId};
use crate::domain::refresh_family::Grant;

/// When something began, and when it was last used.
pub type BeganAndUsed = (Timestamp, Timestamp);

/// The same of a session, and whether it is remembered.
pub type OfSession = (Timestamp, Timestamp, bool);

#[derive(Debug, Clone)]
pub struct RunningSession {
    pub id: SessionId,
    pub user_id: UserId,
    pub groups: Groups,
    pub acr: Acr,
    pub times: OfSession,
}

#[derive(Debug, Clone)]
pub struct RunningFamily {
    pub id: GrantId,
    pub client_id: ClientId,
    pub groups: Groups,
    /// That of its session, or of its grant where the session is gone.
    pub acr: Acr,
    /// It was granted `offline_access`.
    pub offline: bool,
    pub times: BeganAndUsed,
    /// Absent when it is gone or has ended.
    pub session: Option<OfSession>,
    /// The same.
    pub client_session: Option<BeganAndUsed>,
}

/// Those after `after`.
pub fn sessions(conn: &mut Connection, after: Option<SessionId>, limit: i64) -> Result<Vec<RunningSession>, StoreError> {
    let after = id(after.map_or(uuid::Uuid::nil(), |after| after.0));
    let query = sessions::table
        .inner_join(users::table.on(users::id.eq(sessions::user_id)))
        .filter(sessions::id.gt(after))
        .filter(sessions::ended_at.is_null())
        .order(sessions::id)
        .limit(limit)
        .select((sessions::id, sessions::user_id, users::group_names, sessions::acr, sessions::created_at, sessions::last_used_at, sessions::remembered));
    let rows = on_each!(conn, query.load::<(Id, Id, Option<String>, String, Instant, Instant, bool)>(conn))?;
    rows.into_iter()
        .map(|(session, user, groups, acr_text, created_at, last_used_at, remembered)| {
            Ok(RunningSession {
                id: SessionId(session.0),
                user_id: UserId(user.0),
                groups: Groups::from_text(groups),
                acr: acr("sessions", &acr_text)?,
                times: (created_at.0, last_used_at.0, remembered),
            })
        })
        .collect()
}

type SessionColumns = (String, Instant, Instant, bool, Option<Instant>);
type FamilyRow = (Id, String, bool, Instant, Instant, Option<String>, Option<String>, Option<SessionColumns>, Option<(Instant, Instant, Option<Instant>)>);

/// Those after `after`.
pub fn families(conn: &mut Connection, after: Option<GrantId>, limit: i64) -> Result<Vec<RunningFamily>, StoreError> {
    let after = id(after.map_or(uuid::Uuid::nil(), |after| after.0));
    let of_family = client_sessions::session_id.eq(refresh_families::session_id).and(client_sessions::client_id.eq(refresh_families::client_id));
    let query = refresh_families::table
        .inner_join(users::table.on(users::id.eq(refresh_families::user_id)))
        .left_join(sessions::table.on(sessions::id.eq(refresh_families::session_id)))
        .left_join(client_sessions::table.on(of_family))
        .filter(refresh_families::id.gt(after))
        .filter(refresh_families::ended_at.is_null())
        .order(refresh_families::id)
        .limit(limit)
        .select((
            refresh_families::id,
            refresh_families::client_id,
            refresh_families::offline,
            refresh_families::created_at,
            refresh_families::last_used_at,
            // Long, and read only where nothing else says how the user had signed in.
            case_when(sessions::id.nullable().is_null(), refresh_families::grant_facts.nullable()),
            users::group_names,
            (sessions::acr, sessions::created_at, sessions::last_used_at, sessions::remembered, sessions::ended_at).nullable(),
            (client_sessions::created_at, client_sessions::last_used_at, client_sessions::ended_at).nullable(),
        ));
    on_each!(conn, query.load::<FamilyRow>(conn))?.into_iter().map(RunningFamily::try_from).collect()
}

impl TryFrom<FamilyRow> for RunningFamily {
    type Error = StoreError;

    fn try_from((family, client, offline, created_at, last_used_at, grant, groups, session, client_session): FamilyRow) -> Result<Self, StoreError> {
        const TABLE: &str = "refresh_families";
        let acr = match (&session, grant) {
            (Some((text, ..)), _) => acr("sessions", text)?,
            (None, Some(grant)) => serde_json::from_str::<Grant>(&grant).map_err(|error| StoreError::corrupt(TABLE, format_args!("grant_facts: {error}")))?.acr,
            (None, None) => return Err(StoreError::corrupt(TABLE, "neither a session nor grant_facts")),
        };
        Ok(Self {
            id: GrantId(family.0),
            client_id: client_id(TABLE, client)?,
            groups: Groups::from_text(groups),
            acr,
            offline,
            times: (created_at.0, last_used_at.0),
            session: session
                .filter(|(.., ended_at)| ended_at.is_none())
                .map(|(_, created_at, last_used_at, remembered, _)| (created_at.0, last_used_at.0, remembered)),
            client_session: client_session.filter(|(.., ended_at)| ended_at.is_none()).map(|(created_at, last_used_at, _)| (created_at.0, last_used_at.0)),
        })
    }
}
