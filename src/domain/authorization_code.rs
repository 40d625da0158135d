//! An authorization code carries its own facts, sealed; only its redemption leaves a row.

use super::clock::Timestamp;
use super::dpop::KeyThumbprint;
use super::id::{ClientId, GrantId, SessionId, UserId};
use super::refresh_family::Grant;
use super::session::Ended;

/// The sealed content of a code (RFC 6749 §4.1.2, RFC 7636 §4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// Unique; becomes the id of the grant, and of the refresh family if there is one.
    pub id: GrantId,
    pub client_id: ClientId,
    /// Absent from a code that was handed to a page by FedCM, which redirects nowhere.
    pub redirect_uri: Option<String>,
    pub user_id: UserId,
    pub session_id: SessionId,
    pub grant: Grant,
    pub nonce: Option<String>,
    /// The S256 challenge, base64url as sent. Absent only for a client that is registered to go without.
    pub code_challenge: Option<String>,
    /// The key that must be shown for it (RFC 9449 §10).
    pub dpop_jkt: Option<KeyThumbprint>,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

impl AuthorizationCode {
    /// See [`GrantId::given_in`].
    pub fn given_in(&self) -> i64 {
        self.id.given_in(self.issued_at)
    }
}

/// The row a redemption leaves: it makes the code single-use and lets a second redemption end what the first one issued.
#[derive(Debug, Clone)]
pub struct RedeemedCode {
    pub id: GrantId,
    pub client_id: ClientId,
    pub user_id: UserId,
    pub session_id: SessionId,
    pub redeemed_at: Timestamp,
    /// Until then the row is needed; later the code has expired, and so has every access token it gave without a family.
    pub keep_until: Timestamp,
    pub ended: Option<Ended>,
}
