//! The table of redeemed codes: a unique insert makes a code single-use (RFC 6749 §4.1.2), whatever races for it.

use diesel::prelude::*;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::row::{at, client_id, ended, ended_columns, id};
use super::schema::{redeemed_codes, sessions};
use super::sql_types::{Id, Instant};
use super::{client_sessions, refresh_families};
use crate::domain::authorization_code::RedeemedCode;
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
    let row = RedeemedCodeRow::from(code);
    match conn {
        Connection::Sqlite(conn) => diesel::insert_into(redeemed_codes::table).values(&row).on_conflict_do_nothing().execute(conn)?,
        Connection::Postgres(conn) => diesel::insert_into(redeemed_codes::table).values(&row).on_conflict_do_nothing().execute(conn)?,
    };
    Ok(())
}

/// Redeems a code, all or nothing. False: it had been redeemed before, and nothing was written.
/// `Conflict`: user, session or client is gone, or the session has ended. [`Store::redeem`](super::Store::redeem) is the fast way to it.
pub fn redeem(conn: &mut Connection, redemption: &Redemption) -> Result<bool, StoreError> {
    redemption.check()?;
    let code = &redemption.code;
    let row = RedeemedCodeRow::from(code);
    let first = match conn {
        Connection::Sqlite(conn) => diesel::insert_into(redeemed_codes::table).values(&row).on_conflict_do_nothing().execute(conn)?,
        Connection::Postgres(conn) => diesel::insert_into(redeemed_codes::table).values(&row).on_conflict_do_nothing().execute(conn)?,
    };
    if first == 0 {
        return Ok(false);
    }
    // Judged here once more, under the write lock: a family added to a session that is being ended would be missed by the end.
    let session = sessions::table.find(id(code.session_id.0)).filter(sessions::ended_at.is_null());
    let live = match conn {
        Connection::Sqlite(conn) => session.select(sessions::id).get_result::<Id>(conn).optional()?,
        Connection::Postgres(conn) => session.select(sessions::id).for_share().get_result::<Id>(conn).optional()?,
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
