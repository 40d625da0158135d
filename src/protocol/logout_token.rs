//! The logout token (Back-Channel Logout 1.0 §2.4): what an application is told of the end of a session.

use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use crate::domain::clock::Timestamp;
use crate::domain::id::ClientId;

/// The `typ` of the header: explicit, so that it passes for no other token (§2.4, RFC 8725 §3.11).
pub const TYP: &str = "logout+jwt";

/// The member of `events` that makes it a logout token.
pub const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// §2.4: preferably two minutes at most. Each try has a new one.
const LIFETIME: TimeDelta = TimeDelta::seconds(120);

pub struct LogoutToken<'a> {
    pub issuer: &'a str,
    pub client_id: &'a ClientId,
    /// Who the user is to this client.
    pub subject: &'a str,
    /// The client session, by the name its ID tokens gave it.
    pub sid: &'a str,
    /// Never the same twice (`jti`).
    pub id: &'a str,
    pub issued_at: Timestamp,
}

impl LogoutToken<'_> {
    /// There is no `nonce`: it MUST NOT be there, lest the token pass for an ID token (§2.4).
    pub fn claims(&self) -> Map<String, Value> {
        let claims = [
            ("iss", json!(self.issuer)),
            ("sub", json!(self.subject)),
            ("aud", json!(self.client_id)),
            ("iat", json!(self.issued_at.timestamp())),
            ("exp", json!((self.issued_at + LIFETIME).timestamp())),
            ("jti", json!(self.id)),
            ("events", json!({ EVENT: {} })),
            ("sid", json!(self.sid)),
        ];
        claims.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    /// §2.4: all that it must have, and nothing that would let it pass for an ID token.
    #[test]
    fn it_says_what_it_must() {
        let (client_id, issued_at) = (ClientId::parse("app").unwrap(), DateTime::from_timestamp(1_000, 0).unwrap());
        let token = LogoutToken { issuer: "https://id.test/", client_id: &client_id, subject: "sub", sid: "sid", id: "jti", issued_at };
        let expected = json!({
            "iss": "https://id.test/", "sub": "sub", "aud": "app", "iat": 1_000, "exp": 1_120, "jti": "jti",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "sid": "sid",
        });
        assert_eq!(Value::Object(token.claims()), expected);
    }
}
