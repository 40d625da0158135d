//! A logout notice: what an application has still to be told of the end of a session (Back-Channel Logout 1.0).

use serde::Serialize;

use super::clock::Timestamp;
use super::id::{ClientId, SessionId, UserId};

/// One application, one session. It is there until the application has answered that it heard, or long after it was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogoutNotice {
    pub session_id: SessionId,
    pub client_id: ClientId,
    /// Whose session it was.
    pub user_id: UserId,
    /// When the client session ended.
    pub ended_at: Timestamp,
    /// How often it was sent, the sending under way included.
    pub attempts: u32,
    /// `None`: never again.
    pub next_try_at: Option<Timestamp>,
    pub last_tried_at: Option<Timestamp>,
    pub last_error: Option<String>,
    pub gave_up_at: Option<Timestamp>,
}
