//! A client session: one application as seen by one session. Its row is written when the first code is redeemed, so that
//! issuing a code writes nothing. The `sid` the application learns is derived from the pair and stored nowhere.

use super::clock::Timestamp;
use super::id::{ClientId, SessionId};
use super::session::Ended;

#[derive(Debug, Clone)]
pub struct ClientSession {
    pub session_id: SessionId,
    pub client_id: ClientId,
    /// When the pair began, or the user last signed in for this client.
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub ended: Option<Ended>,
}
