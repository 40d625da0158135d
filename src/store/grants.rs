//! What stands behind an access token: the grant it came from, followed up the tree in one query.

use diesel::prelude::*;
use diesel::sql_types::Nullable;
use uuid::Uuid;

use super::client_sessions::ClientSessionRow;
use super::connection::{AnyConnection as Connection, on_each};
use super::error::StoreError;
use super::kept::{Value, with, written};
use super::redeemed_codes::RedeemedCodeRow;
use super::refresh_families::RefreshFamilyRow;
use super::row::{client_id, id};
use super::schema::{client_sessions, redeemed_codes, refresh_families, sessions, users};
use super::sessions::SessionRow;
use super::sql_types::Id;
use super::users::UserRow;
use crate::domain::authorization_code::RedeemedCode;
use crate::domain::client_session::ClientSession;
use crate::domain::id::{ClientId, GrantId, UserId};
use crate::domain::refresh_family::RefreshFamily;
use crate::domain::session::{Ended, Session};
use crate::domain::user::User;

/// What introspection and userinfo decide from.
#[derive(Debug, Clone)]
pub struct GrantFacts {
    /// Of the family, or of the redeemed code where there is no family.
    pub ended: Option<Ended>,
    pub client_id: ClientId,
    pub user: Option<User>,
    pub session: Option<Session>,
    pub client_session: Option<ClientSession>,
    pub family: Option<RefreshFamily>,
    /// See [`GrantId::given_in`].
    pub given_in: i64,
}

type CodeRow = (RedeemedCodeRow, Option<RefreshFamilyRow>, Option<UserRow>, Option<SessionRow>, Option<ClientSessionRow>);
type FamilyRow = (RefreshFamilyRow, Option<UserRow>, Option<SessionRow>, Option<ClientSessionRow>);

macro_rules! with_facts {
    ($grant:expr) => {
        redeemed_codes::table
            .left_join(refresh_families::table.on(refresh_families::id.eq(redeemed_codes::id)))
            .left_join(users::table.on(users::id.eq(redeemed_codes::user_id)))
            .left_join(sessions::table.on(sessions::id.eq(redeemed_codes::session_id)))
            .left_join(
                client_sessions::table
                    .on(client_sessions::session_id.eq(redeemed_codes::session_id).and(client_sessions::client_id.eq(redeemed_codes::client_id))),
            )
            .filter(redeemed_codes::id.eq($grant))
            .select((
                redeemed_codes::all_columns,
                refresh_families::all_columns.nullable(),
                users::all_columns.nullable(),
                sessions::all_columns.nullable(),
                client_sessions::all_columns.nullable(),
            ))
    };
}

written!(WithFacts: (
    redeemed_codes::SqlType,
    Nullable<refresh_families::SqlType>,
    Nullable<users::SqlType>,
    Nullable<sessions::SqlType>,
    Nullable<client_sessions::SqlType>,
) = with_facts!(id(Uuid::nil())));

/// The grant, whether it lives or not. `None`: it is unknown here.
pub fn facts(conn: &mut Connection, grant: GrantId) -> Result<Option<GrantFacts>, StoreError> {
    let row = match conn {
        Connection::Sqlite(conn) => with::<WithFacts, _>([Value::Blob(grant.0.as_bytes())]).get_result::<CodeRow>(conn),
        Connection::Postgres(conn) => with_facts!(id(grant.0)).get_result::<CodeRow>(conn),
    };
    let row = row.optional()?;
    let Some((code, family, user, session, client_session)) = row else {
        return facts_without_code(conn, grant);
    };
    let code = RedeemedCode::try_from(code)?;
    let family = family.map(RefreshFamily::try_from).transpose()?;
    Ok(Some(GrantFacts {
        ended: family.as_ref().and_then(|family| family.ended).or(code.ended),
        client_id: code.client_id,
        user: user.map(User::from),
        session: session.map(Session::try_from).transpose()?,
        client_session: client_session.map(ClientSession::try_from).transpose()?,
        family,
        given_in: code.id.given_in(code.redeemed_at),
    }))
}

/// Who gave the grant.
pub fn user(conn: &mut Connection, grant: GrantId) -> Result<Option<UserId>, StoreError> {
    let family = refresh_families::table.find(id(grant.0)).select(refresh_families::user_id).get_result::<Id>(conn).optional()?;
    let user = match family {
        Some(user) => Some(user),
        None => redeemed_codes::table.find(id(grant.0)).select(redeemed_codes::user_id).get_result::<Id>(conn).optional()?,
    };
    Ok(user.map(|user| UserId(user.0)))
}

/// Which clients these grants were given to, as far as that is still known.
pub fn clients(conn: &mut Connection, grants: &[GrantId]) -> Result<Vec<(GrantId, ClientId)>, StoreError> {
    let ids: Vec<Id> = grants.iter().map(|grant| id(grant.0)).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let families = refresh_families::table.filter(refresh_families::id.eq_any(ids.clone())).select((refresh_families::id, refresh_families::client_id));
    let codes = redeemed_codes::table.filter(redeemed_codes::id.eq_any(ids)).select((redeemed_codes::id, redeemed_codes::client_id));
    let mut found: Vec<(Id, String)> = families.load(conn)?;
    found.extend(codes.load::<(Id, String)>(conn)?);
    found.into_iter().map(|(grant, client)| Ok((GrantId(grant.0), client_id("grants", client)?))).collect()
}

/// The row of a code may be swept long before its family ends; then the family speaks for the grant.
fn facts_without_code(conn: &mut Connection, grant: GrantId) -> Result<Option<GrantFacts>, StoreError> {
    let query = refresh_families::table
        .left_join(users::table.on(users::id.eq(refresh_families::user_id)))
        .left_join(sessions::table.on(sessions::id.eq(refresh_families::session_id)))
        .left_join(
            client_sessions::table
                .on(client_sessions::session_id.eq(refresh_families::session_id).and(client_sessions::client_id.eq(refresh_families::client_id))),
        )
        .filter(refresh_families::id.eq(id(grant.0)))
        .select((refresh_families::all_columns, users::all_columns.nullable(), sessions::all_columns.nullable(), client_sessions::all_columns.nullable()));
    let row = on_each!(conn, query.get_result::<FamilyRow>(conn)).optional()?;
    row.map(|(family, user, session, client_session)| {
        let family = RefreshFamily::try_from(family)?;
        Ok(GrantFacts {
            ended: family.ended,
            client_id: family.client_id.clone(),
            user: user.map(User::from),
            session: session.map(Session::try_from).transpose()?,
            client_session: client_session.map(ClientSession::try_from).transpose()?,
            given_in: family.given_in(),
            family: Some(family),
        })
    })
    .transpose()
}
