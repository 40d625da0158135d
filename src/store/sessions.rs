//! The table of sessions, and what one request needs to know of a session in one query.

use diesel::prelude::*;
use diesel::sql_types::Nullable;
use uuid::Uuid;

use super::client_sessions::ClientSessionRow;
use super::clients::{MARK_VALUES, Marked, MarkedClient, the_mark};
use super::connection::{AnyConnection as Connection, on_each};
use super::consents::ConsentRow;
use super::error::StoreError;
use super::kept::{Value, with, written};
use super::row::{acr, at, digest, ended, ended_columns, id};
use super::schema::{client_sessions, clients, consents, refresh_families, sessions, users};
use super::sql_types::{Id, Instant};
use super::users::UserRow;
use crate::domain::client_session::ClientSession;
use crate::domain::clock::Timestamp;
use crate::domain::consent::Consent;
use crate::domain::id::{ClientId, GrantId, SessionId, UserId};
use crate::domain::secret::Digest;
use crate::domain::session::{DeviceKey, Session};
use crate::domain::user::User;

const TABLE: &str = "sessions";

#[derive(Queryable, Insertable)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
pub(super) struct SessionRow {
    id: Id,
    cookie_digest: Vec<u8>,
    user_id: Id,
    created_at: Instant,
    auth_time: Instant,
    last_used_at: Instant,
    acr: String,
    user_agent: Option<String>,
    network: Option<String>,
    ended_at: Option<Instant>,
    end_reason: Option<String>,
    remembered: bool,
    device_key: Option<Vec<u8>>,
    device_bound_at: Option<Instant>,
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: SessionId(row.id.0),
            cookie_digest: digest(TABLE, row.cookie_digest)?,
            user_id: UserId(row.user_id.0),
            created_at: row.created_at.0,
            auth_time: row.auth_time.0,
            last_used_at: row.last_used_at.0,
            acr: acr(TABLE, &row.acr)?,
            remembered: row.remembered,
            user_agent: row.user_agent,
            network: row.network,
            device: device(row.device_key, row.device_bound_at)?,
            ended: ended(TABLE, row.ended_at, row.end_reason)?,
        })
    }
}

/// The two columns of a device's key belong together.
fn device(key: Option<Vec<u8>>, bound_at: Option<Instant>) -> Result<Option<DeviceKey>, StoreError> {
    match (key, bound_at) {
        (None, None) => Ok(None),
        (Some(public), Some(bound_at)) => Ok(Some(DeviceKey { public, bound_at: bound_at.0 })),
        _ => Err(StoreError::corrupt(TABLE, "device_key without device_bound_at, or the reverse")),
    }
}

/// What `/authorize` decides from: the session of a cookie, its user, and of one client the client session and the consent.
#[derive(Debug, Clone)]
pub struct SessionFacts {
    pub session: Session,
    pub user: User,
    pub client_session: Option<ClientSession>,
    pub consent: Option<Consent>,
}

/// A use of a session, and of a client session and a refresh family if they are named, to be remembered as their last.
#[derive(Debug, Clone)]
pub struct Touch {
    pub session_id: SessionId,
    pub client_id: Option<ClientId>,
    /// Only one that does not rotate: a step says of itself that it was a use.
    pub family_id: Option<GrantId>,
    pub at: Timestamp,
}

/// Adds a session. `Conflict`: the cookie is taken, or the user is gone.
pub fn insert(conn: &mut Connection, session: &Session) -> Result<(), StoreError> {
    let (ended_at, end_reason) = ended_columns(session.ended);
    let row = SessionRow {
        id: id(session.id.0),
        cookie_digest: session.cookie_digest.0.to_vec(),
        user_id: id(session.user_id.0),
        created_at: at(session.created_at),
        auth_time: at(session.auth_time),
        last_used_at: at(session.last_used_at),
        acr: session.acr.as_str().to_owned(),
        user_agent: session.user_agent.clone(),
        network: session.network.clone(),
        ended_at,
        end_reason,
        remembered: session.remembered,
        device_key: session.device.as_ref().map(|device| device.public.clone()),
        device_bound_at: session.device.as_ref().map(|device| at(device.bound_at)),
    };
    diesel::insert_into(sessions::table).values(row).execute(conn)?;
    Ok(())
}

/// The user of a live session has signed in again: the same node of the tree, with the cookie, the times and the browser of `fresh`, which is
/// bound to no device yet. `false`: it has ended meanwhile.
pub fn sign_in_again(conn: &mut Connection, session_id: SessionId, fresh: &Session) -> Result<bool, StoreError> {
    let changed = diesel::update(sessions::table.find(id(session_id.0)).filter(sessions::ended_at.is_null()))
        .set((
            sessions::cookie_digest.eq(fresh.cookie_digest.0.to_vec()),
            sessions::created_at.eq(at(fresh.created_at)),
            sessions::auth_time.eq(at(fresh.auth_time)),
            sessions::last_used_at.eq(at(fresh.last_used_at)),
            sessions::acr.eq(fresh.acr.as_str()),
            sessions::remembered.eq(fresh.remembered),
            sessions::user_agent.eq(&fresh.user_agent),
            sessions::network.eq(&fresh.network),
            sessions::device_key.eq(None::<Vec<u8>>),
            sessions::device_bound_at.eq(None::<Instant>),
        ))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Binds the live session of this cookie to a device, once: `false` if it is bound already, or there is none.
pub fn bind(conn: &mut Connection, cookie: &Digest, device: &DeviceKey) -> Result<bool, StoreError> {
    let unbound =
        sessions::table.filter(sessions::cookie_digest.eq(cookie.0.as_slice())).filter(sessions::ended_at.is_null()).filter(sessions::device_key.is_null());
    let bound = (sessions::device_key.eq(device.public.as_slice()), sessions::device_bound_at.eq(at(device.bound_at)));
    Ok(diesel::update(unbound).set(bound).execute(conn)? == 1)
}

pub fn find(conn: &mut Connection, session_id: SessionId) -> Result<Option<Session>, StoreError> {
    let query = sessions::table.find(id(session_id.0));
    on_each!(conn, query.get_result::<SessionRow>(conn)).optional()?.map(Session::try_from).transpose()
}

/// The same, and holds the row until the transaction ends: nobody uses or ends it meanwhile.
pub fn find_held(conn: &mut Connection, session_id: SessionId) -> Result<Option<Session>, StoreError> {
    let query = sessions::table.find(id(session_id.0));
    let row = match conn {
        // One writer at a time: nothing can change it.
        Connection::Sqlite(conn) => query.get_result::<SessionRow>(conn).optional()?,
        Connection::Postgres(conn) => query.for_update().get_result::<SessionRow>(conn).optional()?,
    };
    row.map(Session::try_from).transpose()
}

/// A session with its user.
pub fn find_with_user(conn: &mut Connection, session_id: SessionId) -> Result<Option<(Session, User)>, StoreError> {
    let query = sessions::table.inner_join(users::table.on(users::id.eq(sessions::user_id))).filter(sessions::id.eq(id(session_id.0)));
    let query = query.select((sessions::all_columns, users::all_columns));
    let row = on_each!(conn, query.get_result::<(SessionRow, UserRow)>(conn)).optional()?;
    row.map(|(session, user)| Ok((session.try_into()?, user.into()))).transpose()
}

/// The session whose cookie has this digest, ended or not, with all that a decision needs, in one query.
pub fn facts(conn: &mut Connection, cookie: &Digest, client: Option<&ClientId>) -> Result<Option<SessionFacts>, StoreError> {
    let cookie = cookie.0.as_slice();
    let Some(client) = client else {
        let query = sessions::table.inner_join(users::table.on(users::id.eq(sessions::user_id))).filter(sessions::cookie_digest.eq(cookie));
        let query = query.select((sessions::all_columns, users::all_columns));
        let row = on_each!(conn, query.get_result::<(SessionRow, UserRow)>(conn)).optional()?;
        return row
            .map(|(session, user)| Ok(SessionFacts { session: session.try_into()?, user: user.into(), client_session: None, consent: None }))
            .transpose();
    };
    let client_session_of = client_sessions::session_id.eq(sessions::id).and(client_sessions::client_id.eq(client.as_str().to_owned()));
    let consent_of = consents::user_id.eq(sessions::user_id).and(consents::client_id.eq(client.as_str().to_owned()));
    let query = sessions::table
        .inner_join(users::table.on(users::id.eq(sessions::user_id)))
        .left_join(client_sessions::table.on(client_session_of))
        .left_join(consents::table.on(consent_of))
        .filter(sessions::cookie_digest.eq(cookie))
        .select((sessions::all_columns, users::all_columns, client_sessions::all_columns.nullable(), consents::all_columns.nullable()));
    on_each!(conn, query.get_result::<FactsRow>(conn)).optional()?.map(facts_of).transpose()
}

/// The query of [`facts_with_client`].
macro_rules! with_client {
    ($cookie:expr, $client:expr) => {{
        let client_session_of = client_sessions::session_id.eq(sessions::id).and(client_sessions::client_id.eq(clients::id));
        let consent_of = consents::user_id.eq(sessions::user_id).and(consents::client_id.eq(clients::id));
        clients::table
            .left_join(sessions::table.on(sessions::cookie_digest.eq($cookie)))
            .left_join(users::table.on(users::id.eq(sessions::user_id)))
            .left_join(client_sessions::table.on(client_session_of))
            .left_join(consents::table.on(consent_of))
            .filter(clients::id.eq($client))
            .select((
                (clients::all_columns, the_mark!()),
                sessions::all_columns.nullable(),
                users::all_columns.nullable(),
                client_sessions::all_columns.nullable(),
                consents::all_columns.nullable(),
            ))
    }};
}

written!(WithClient: (
    Marked,
    Nullable<sessions::SqlType>,
    Nullable<users::SqlType>,
    Nullable<client_sessions::SqlType>,
    Nullable<consents::SqlType>,
) = with_client!(Vec::new(), ""));

type WithClientRow = (MarkedClient, Option<SessionRow>, Option<UserRow>, Option<ClientSessionRow>, Option<ConsentRow>);

/// The client of a request, and the facts of the first session cookie that came with it, in one query: each statement costs as much as
/// the row that it finds, and every silent renewal asks for both. `None`: there is no such client.
pub fn facts_with_client(conn: &mut Connection, cookie: &Digest, client: &ClientId) -> Result<Option<(MarkedClient, Option<SessionFacts>)>, StoreError> {
    let row = match conn {
        Connection::Sqlite(conn) => {
            let [mark, single] = MARK_VALUES;
            let values = [mark, single, Value::Blob(&cookie.0), Value::Text(client.as_str())];
            with::<WithClient, _>(values).get_result::<WithClientRow>(conn)
        }
        Connection::Postgres(conn) => with_client!(cookie.0.to_vec(), client.as_str()).get_result::<WithClientRow>(conn),
    };
    let Some((client, session, user, client_session, consent)) = row.optional()? else { return Ok(None) };
    let facts = session.zip(user).map(|(session, user)| facts_of((session, user, client_session, consent))).transpose()?;
    Ok(Some((client, facts)))
}

/// The query of [`facts_of_code`].
macro_rules! of_code {
    ($session:expr, $user:expr, $client:expr) => {
        sessions::table
            .inner_join(users::table.on(users::id.eq($user)))
            .left_join(client_sessions::table.on(client_sessions::session_id.eq(sessions::id).and(client_sessions::client_id.eq($client))))
            .left_join(consents::table.on(consents::user_id.eq(users::id).and(consents::client_id.eq($client))))
            .filter(sessions::id.eq($session))
            .select((sessions::all_columns, users::all_columns, client_sessions::all_columns.nullable(), consents::all_columns.nullable()))
    };
}

written!(OfCode: (
    sessions::SqlType,
    users::SqlType,
    Nullable<client_sessions::SqlType>,
    Nullable<consents::SqlType>,
) = of_code!(id(Uuid::nil()), id(Uuid::nil()), String::new()));

/// What a code is decided from: its session and its user, if both are still there, and what the user has with its client.
pub fn facts_of_code(conn: &mut Connection, session: SessionId, user: UserId, client: &ClientId) -> Result<Option<SessionFacts>, StoreError> {
    let row = match conn {
        Connection::Sqlite(conn) => {
            let client = client.as_str();
            let values = [Value::Blob(user.0.as_bytes()), Value::Text(client), Value::Text(client), Value::Blob(session.0.as_bytes())];
            with::<OfCode, _>(values).get_result::<FactsRow>(conn)
        }
        Connection::Postgres(conn) => of_code!(id(session.0), id(user.0), client.as_str().to_owned()).get_result::<FactsRow>(conn),
    };
    row.optional()?.map(facts_of).transpose()
}

type FactsRow = (SessionRow, UserRow, Option<ClientSessionRow>, Option<ConsentRow>);

fn facts_of((session, user, client_session, consent): FactsRow) -> Result<SessionFacts, StoreError> {
    Ok(SessionFacts {
        session: session.try_into()?,
        user: user.into(),
        client_session: client_session.map(ClientSession::try_from).transpose()?,
        consent: consent.map(Consent::try_from).transpose()?,
    })
}

/// Sessions in the order they were made, of one user or of all, ended ones too, those after `after`.
pub fn list(conn: &mut Connection, user: Option<UserId>, after: Option<SessionId>, limit: u32) -> Result<Vec<Session>, StoreError> {
    let mut query = sessions::table.order(sessions::id).limit(i64::from(limit)).into_boxed();
    if let Some(user) = user {
        query = query.filter(sessions::user_id.eq(id(user.0)));
    }
    if let Some(after) = after {
        query = query.filter(sessions::id.gt(id(after.0)));
    }
    query.load::<SessionRow>(conn)?.into_iter().map(Session::try_from).collect()
}

/// Sessions of a user that have not been ended, the newest first, those made before `before`. Whether they can still be used is not
/// judged here.
pub fn list_open(conn: &mut Connection, user: UserId, before: Option<SessionId>, limit: u32) -> Result<Vec<Session>, StoreError> {
    let mut query = sessions::table
        .filter(sessions::user_id.eq(id(user.0)))
        .filter(sessions::ended_at.is_null())
        .order(sessions::id.desc())
        .limit(i64::from(limit))
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(sessions::id.lt(id(before.0)));
    }
    query.load::<SessionRow>(conn)?.into_iter().map(Session::try_from).collect()
}

/// The ids of a user's sessions, ended ones too, the newest first.
pub fn ids_of(conn: &mut Connection, user: UserId, limit: u32) -> Result<Vec<SessionId>, StoreError> {
    let query = sessions::table.filter(sessions::user_id.eq(id(user.0))).order(sessions::id.desc()).limit(i64::from(limit)).select(sessions::id);
    Ok(query.load::<Id>(conn)?.into_iter().map(|id| SessionId(id.0)).collect())
}

/// Moves `last_used_at` forward, never back, and never of what has ended. [`Store::touch`](super::Store::touch) is the fast way to it.
pub fn touch(conn: &mut Connection, touch: &Touch) -> Result<(), StoreError> {
    let now = at(touch.at);
    diesel::update(sessions::table.find(id(touch.session_id.0)).filter(sessions::ended_at.is_null()).filter(sessions::last_used_at.lt(now)))
        .set(sessions::last_used_at.eq(now))
        .execute(conn)?;
    if let Some(client) = &touch.client_id {
        let pair = client_sessions::table.find((id(touch.session_id.0), client.as_str()));
        diesel::update(pair.filter(client_sessions::ended_at.is_null()).filter(client_sessions::last_used_at.lt(now)))
            .set(client_sessions::last_used_at.eq(now))
            .execute(conn)?;
    }
    if let Some(family) = touch.family_id {
        let family = refresh_families::table.find(id(family.0)).filter(refresh_families::ended_at.is_null());
        diesel::update(family.filter(refresh_families::last_used_at.lt(now))).set(refresh_families::last_used_at.eq(now)).execute(conn)?;
    }
    Ok(())
}
