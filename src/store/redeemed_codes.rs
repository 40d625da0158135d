//! The table of redeemed codes: a unique insert makes a code single-use (RFC 6749 §4.1.2), whatever races for it.

use diesel::prelude::*;
use uuid::Uuid;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::kept::{Value, with, written};
use super::row::{at, client_id, ended, ended_columns, id};
use super::schema::{redeemed_codes, sessions};
use super::sql_types::{DbId, Id, Instant};
use super::{client_sessions, refresh_families};
use crate::domain::authorization_code::RedeemedCode;
use crate::domain::clock::Timestamp;
use crate::domain::id::{GrantId, SessionId, UserId};
use crate::domain::refresh_family::RefreshFamily;

const TABLE: &str = "redeemed_codes";

#[derive(Queryable, Insertable)]
#[diesel(table_name = redeemed_codes, treat_none_as_default_value = false)]
pub(super) struct RedeemedCodeRow {
    id: Id,
    client_id: String,
    user_id: Id,
    session_id: Id,
    redeemed_at: Instant,
    keep_until: Instant,
    ended_at: Option<Instant>,
    end_reason: Option<String>,
}

impl From<&RedeemedCode> for RedeemedCodeRow {
    fn from(code: &RedeemedCode) -> Self {
        let (ended_at, end_reason) = ended_columns(code.ended);
        Self {
            id: id(code.id.0),
            client_id: code.client_id.as_str().to_owned(),
            user_id: id(code.user_id.0),
            session_id: id(code.session_id.0),
            redeemed_at: at(code.redeemed_at),
            keep_until: at(code.keep_until),
            ended_at,
            end_reason,
        }
    }
}

impl TryFrom<RedeemedCodeRow> for RedeemedCode {
    type Error = StoreError;

    fn try_from(row: RedeemedCodeRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: GrantId(row.id.0),
            client_id: client_id(TABLE, row.client_id)?,
            user_id: UserId(row.user_id.0),
            session_id: SessionId(row.session_id.0),
            redeemed_at: row.redeemed_at.0,
            keep_until: row.keep_until.0,
            ended: ended(TABLE, row.ended_at, row.end_reason)?,
        })
    }
}

/// All that the redemption of a code writes: the code's row, the client session it opens or uses, the refresh family if there is one.
#[derive(Debug, Clone)]
pub struct Redemption {
    pub code: RedeemedCode,
    pub family: Option<RefreshFamily>,
}

pub fn find(conn: &mut Connection, grant: GrantId) -> Result<Option<RedeemedCode>, StoreError> {
    redeemed_codes::table.find(id(grant.0)).get_result::<RedeemedCodeRow>(conn).optional()?.map(RedeemedCode::try_from).transpose()
}

impl Redemption {
    /// The family is the code's own: same id, client, user and session. Anything else is a fault of the caller.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let code = &self.code;
        let own = |family: &RefreshFamily| {
            (family.id, &family.client_id, family.user_id, family.session_id) == (code.id, &code.client_id, code.user_id, code.session_id)
        };
        if self.family.as_ref().is_none_or(own) { Ok(()) } else { Err(StoreError::Query("the refresh family is not that of the code".to_owned())) }
    }
}

/// Makes a code useless without redeeming it: nothing but its row is written, so that nothing that has ended begins anew. One that has been
/// redeemed is useless already: the row of that may have been swept since, and then its refresh family still says so. A row written beside
/// it would end the family's access tokens, for whoever finds an old code.
pub fn burn(conn: &mut Connection, code: &RedeemedCode) -> Result<(), StoreError> {
    if refresh_families::exists(conn, code.id)? {
        return Ok(());
    }
    take(conn, code)?;
    Ok(())
}

written!(
    Take = "INSERT INTO redeemed_codes (id, client_id, user_id, session_id, redeemed_at, keep_until, ended_at, end_reason) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
);

/// False: it is there already.
fn take(conn: &mut Connection, code: &RedeemedCode) -> Result<bool, StoreError> {
    let taken = match conn {
        Connection::Sqlite(conn) => {
            let instant = |at: Timestamp| Value::Integer(at.timestamp_micros());
            with::<Take, _>([
                Value::Blob(code.id.0.as_bytes()),
                Value::Text(code.client_id.as_str()),
                Value::Blob(code.user_id.0.as_bytes()),
                Value::Blob(code.session_id.0.as_bytes()),
                instant(code.redeemed_at),
                instant(code.keep_until),
                Value::or_null(code.ended, |ended| instant(ended.at)),
                Value::or_null(code.ended, |ended| Value::Text(ended.reason.as_str())),
            ])
            .execute(conn)?
        }
        Connection::Postgres(conn) => diesel::insert_into(redeemed_codes::table).values(RedeemedCodeRow::from(code)).on_conflict_do_nothing().execute(conn)?,
    };
    Ok(taken == 1)
}

written!(Live: DbId = sessions::table.find(id(Uuid::nil())).filter(sessions::ended_at.is_null()).select(sessions::id));

/// Redeems a code, all or nothing. False: it had been redeemed before, and nothing was written.
/// `Conflict`: user, session or client is gone, or the session has ended. [`Store::redeem`](super::Store::redeem) is the fast way to it.
pub fn redeem(conn: &mut Connection, redemption: &Redemption) -> Result<bool, StoreError> {
    redemption.check()?;
    let code = &redemption.code;
    if !take(conn, code)? {
        return Ok(false);
    }
    // Judged here once more, under the write lock: a family added to a session that is being ended would be missed by the end.
    let live = match conn {
        Connection::Sqlite(conn) => with::<Live, _>([Value::Blob(code.session_id.0.as_bytes())]).get_result::<Id>(conn).optional()?,
        Connection::Postgres(conn) => {
            let session = sessions::table.find(id(code.session_id.0)).filter(sessions::ended_at.is_null());
            session.select(sessions::id).for_share().get_result::<Id>(conn).optional()?
        }
    };
    if live.is_none() {
        return Err(StoreError::Conflict);
    }
    client_sessions::redeem(conn, code.session_id, &code.client_id, code.redeemed_at)?;
    if let Some(family) = &redemption.family {
        refresh_families::insert(conn, family)?;
    }
    Ok(true)
}
