//! What stands behind an access token: the grant it came from, followed up the tree.

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::{client_sessions, redeemed_codes, refresh_families, sessions, users};
use crate::domain::client_session::ClientSession;
use crate::domain::clock::Timestamp;
use crate::domain::id::{ClientId, GrantId};
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
    pub redeemed_at: Timestamp,
}

/// The grant, whether it lives or not. `None`: it is unknown here. The row of a code may be swept long before its family ends;
/// then the family speaks for the grant.
pub fn facts(conn: &mut Connection, grant: GrantId) -> Result<Option<GrantFacts>, StoreError> {
    let code = redeemed_codes::find(conn, grant)?;
    let family = refresh_families::find(conn, grant)?;
    let (client_id, user_id, session_id, redeemed_at) = match (&code, &family) {
        (Some(code), _) => (code.client_id.clone(), code.user_id, code.session_id, code.redeemed_at),
        (None, Some(family)) => (family.client_id.clone(), family.user_id, family.session_id, family.created_at),
        (None, None) => return Ok(None),
    };
    Ok(Some(GrantFacts {
        ended: family.as_ref().and_then(|family| family.ended).or(code.and_then(|code| code.ended)),
        user: users::find(conn, user_id)?,
        session: sessions::find(conn, session_id)?,
        client_session: client_sessions::find(conn, session_id, &client_id)?,
        client_id,
        family,
        redeemed_at,
    }))
}
