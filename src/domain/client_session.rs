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
    /// When it was last ended, though it has begun anew since: what was allowed at that moment or before is dead.
    pub last_ended_at: Option<Timestamp>,
}

impl ClientSession {
    /// Whether what the user allowed in that millisecond (since 1970), a code or what came of one, has been ended with the pair. Of the very millisecond
    /// it has: better that the application asks again than that what was ended lives.
    pub fn has_ended_grant(&self, given_in: i64) -> bool {
        self.ended.map(|ended| ended.at).max(self.last_ended_at).is_some_and(|ended_at| given_in <= ended_at.timestamp_millis())
    }
}
