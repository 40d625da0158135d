//! The table of client sessions: one row a pair of session and client, written when a code is redeemed.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::clients::ClientRow;
use super::connection::{AnyConnection as Connection, on_each};
use super::error::StoreError;
use super::kept::{Value, statement, with, written};
use super::row::{client_id, ended, id};
use super::schema::{client_sessions, clients, sessions};
use super::sql_types::{DbId, DbInstant, Id, Instant};
use crate::domain::client::Client;
use crate::domain::client_session::ClientSession;
use crate::domain::clock::Timestamp;
use crate::domain::id::{ClientId, SessionId, UserId};

const TABLE: &str = "client_sessions";

#[derive(Queryable)]
pub(super) struct ClientSessionRow {
    session_id: Id,
    client_id: String,
    created_at: Instant,
    last_used_at: Instant,
    ended_at: Option<Instant>,
    end_reason: Option<String>,
    grants_valid_from: Option<Instant>,
}

impl TryFrom<ClientSessionRow> for ClientSession {
    type Error = StoreError;

    fn try_from(row: ClientSessionRow) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: SessionId(row.session_id.0),
            client_id: client_id(TABLE, row.client_id)?,
            created_at: row.created_at.0,
            last_used_at: row.last_used_at.0,
            ended: ended(TABLE, row.ended_at, row.end_reason)?,
            last_ended_at: row.grants_valid_from.map(|at| at.0),
        })
    }
}

pub fn find(conn: &mut Connection, session: SessionId, client: &ClientId) -> Result<Option<ClientSession>, StoreError> {
    let query = client_sessions::table.find((id(session.0), client.as_str()));
    let row = on_each!(conn, query.get_result::<ClientSessionRow>(conn)).optional()?;
    row.map(ClientSession::try_from).transpose()
}

/// Those of one session by client, ended ones too, those after `after`.
pub fn list(conn: &mut Connection, session: SessionId, after: Option<&ClientId>, limit: u32) -> Result<Vec<ClientSession>, StoreError> {
    let after = after.map_or("", ClientId::as_str);
    let query = client_sessions::table.filter(client_sessions::session_id.eq(id(session.0))).filter(client_sessions::client_id.gt(after));
    let query = query.order(client_sessions::client_id).limit(i64::from(limit));
    query.load::<ClientSessionRow>(conn)?.into_iter().map(ClientSession::try_from).collect()
}

/// The client sessions of these sessions that have not been ended.
pub fn list_open(conn: &mut Connection, sessions: &[SessionId]) -> Result<Vec<ClientSession>, StoreError> {
    let sessions: Vec<Id> = sessions.iter().map(|session| id(session.0)).collect();
    let query = client_sessions::table.filter(client_sessions::session_id.eq_any(sessions)).filter(client_sessions::ended_at.is_null());
    query.load::<ClientSessionRow>(conn)?.into_iter().map(ClientSession::try_from).collect()
}

/// Those of a user, ended ones too: of the newest session first, `limit` at most.
pub fn list_by_user(conn: &mut Connection, user: UserId, limit: u32) -> Result<Vec<ClientSession>, StoreError> {
    let query = client_sessions::table
        .inner_join(sessions::table.on(sessions::id.eq(client_sessions::session_id)))
        .filter(sessions::user_id.eq(id(user.0)))
        .order(sessions::id.desc())
        .limit(i64::from(limit))
        .select(client_sessions::all_columns);
    on_each!(conn, query.load::<ClientSessionRow>(conn))?.into_iter().map(ClientSession::try_from).collect()
}

/// The applications that a session is live in.
pub fn clients_of(conn: &mut Connection, session: SessionId) -> Result<Vec<Client>, StoreError> {
    let query = client_sessions::table
        .inner_join(clients::table.on(clients::id.eq(client_sessions::client_id)))
        .filter(client_sessions::session_id.eq(id(session.0)))
        .filter(client_sessions::ended_at.is_null())
        .order(clients::id)
        .select(clients::all_columns);
    on_each!(conn, query.load::<ClientRow>(conn))?.into_iter().map(Client::try_from).collect()
}

/// The user has signed in again for this application: its own limits count anew.
pub fn restart(conn: &mut Connection, session: SessionId, client: &ClientId, now: Timestamp) -> Result<(), StoreError> {
    diesel::update(client_sessions::table.find((id(session.0), client.as_str())).filter(client_sessions::ended_at.is_null()))
        .set((client_sessions::created_at.eq(Instant(now)), client_sessions::last_used_at.eq(Instant(now))))
        .execute(conn)?;
    Ok(())
}

/// What happens to the row when a code is redeemed: a new pair begins, a live one is used, an ended one begins anew
/// (the families of its earlier life stay ended, and `grants_valid_from` goes on telling when that was). The text is the same for both databases.
pub(super) const ON_REDEMPTION: &str = "ON CONFLICT (session_id, client_id) DO UPDATE SET \
     created_at = CASE WHEN client_sessions.ended_at IS NULL THEN client_sessions.created_at ELSE excluded.created_at END, \
     last_used_at = CASE WHEN client_sessions.last_used_at > excluded.last_used_at THEN client_sessions.last_used_at ELSE excluded.last_used_at END, \
     ended_at = NULL, end_reason = NULL";

written!(Redeem = format!("INSERT INTO client_sessions (session_id, client_id, created_at, last_used_at) VALUES (?, ?, ?, ?) {ON_REDEMPTION}"));

pub(super) fn redeem(conn: &mut Connection, session: SessionId, client: &ClientId, now: Timestamp) -> Result<(), StoreError> {
    let conn = match conn {
        Connection::Sqlite(conn) => {
            let instant = now.timestamp_micros();
            let values = [Value::Blob(session.0.as_bytes()), Value::Text(client.as_str()), Value::Integer(instant), Value::Integer(instant)];
            with::<Redeem, _>(values).execute(conn)?;
            return Ok(());
        }
        Connection::Postgres(conn) => conn,
    };
    let now = Instant(now);
    let upsert = statement("INSERT INTO client_sessions (session_id, client_id, created_at, last_used_at) VALUES (")
        .bind::<DbId, _>(id(session.0))
        .sql(", ")
        .bind::<Text, _>(client.as_str())
        .sql(", ")
        .bind::<DbInstant, _>(now)
        .sql(", ")
        .bind::<DbInstant, _>(now)
        .sql(") ")
        .sql(ON_REDEMPTION);
    upsert.execute(conn)?;
    Ok(())
}
