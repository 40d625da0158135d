//! The ID token (OIDC Core §2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::session::Deadlines;
use super::userinfo;
use crate::domain::clock::Timestamp;
use crate::domain::id::ClientId;
use crate::domain::refresh_family::Grant;
use crate::domain::scope::Scope;
use crate::domain::secret::Digest;
use crate::domain::user::User;

/// The `typ` of the header.
pub const TYP: &str = "JWT";

/// What an ID token says.
pub struct IdToken<'a> {
    pub issuer: &'a str,
    pub client_id: &'a ClientId,
    pub user: &'a User,
    pub scope: &'a Scope,
    pub grant: &'a Grant,
    pub sid: &'a str,
    /// From the authorization request; absent on refresh (OIDC Core §12.2).
    pub nonce: Option<&'a str>,
    pub access_token: &'a str,
    pub session: Deadlines,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

impl IdToken<'_> {
    pub fn claims(&self) -> Map<String, Value> {
        let mut claims = userinfo::claims(self.user, self.scope);
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("iss", self.issuer.into());
        set("aud", self.client_id.as_str().into());
        set("iat", self.issued_at.timestamp().into());
        set("exp", self.expires_at.timestamp().into());
        // The original sign-in, also after a refresh (OIDC Core §12.2).
        set("auth_time", self.grant.auth_time.timestamp().into());
        set("acr", self.grant.acr.as_str().into());
        set("amr", json!(self.grant.acr.amr()));
        set("sid", self.sid.into());
        set("at_hash", half_hash(self.access_token).into());
        if let Some(nonce) = self.nonce {
            set("nonce", nonce.into());
        }
        // When the session ends whatever the user does: an application can warn first.
        if let Some(end) = self.session.absolute {
            set("session_expiry", end.timestamp().into());
        }
        claims
    }
}

/// The left half of the token's SHA-256 (OIDC Core §3.1.3.6; every algorithm here is a SHA-256 one, and for Ed25519 the practice is the same).
fn half_hash(token: &str) -> String {
    let Digest(hash) = Digest::of(token.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.split_at(16).0)
}
