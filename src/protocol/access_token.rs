//! JWT access tokens (RFC 9068).

use serde_json::{Map, Value, json};

use crate::domain::acr::Acr;
use crate::domain::claim::ClaimSet;
use crate::domain::clock::Timestamp;
use crate::domain::id::{ClientId, GrantId};
use crate::domain::scope::{OPENID, Scope};

/// The `typ` of the header (RFC 9068 §2.1).
pub const TYP: &str = "at+jwt";

/// What an access token says.
pub struct AccessToken<'a> {
    pub issuer: &'a str,
    /// Who the user is to this client, or the client id of a machine (RFC 9068 §2.2).
    pub subject: &'a str,
    pub client_id: &'a ClientId,
    pub scope: &'a Scope,
    pub resources: &'a [String],
    pub jti: String,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    /// There when a user signed in.
    pub user: Option<UserFacts<'a>>,
}

pub struct UserFacts<'a> {
    pub auth_time: Timestamp,
    pub acr: Acr,
    pub sid: &'a str,
    /// Which grant it belongs to: introspection and userinfo ask whether that still lives.
    pub grant: GrantId,
    /// What was asked for by name at userinfo (OIDC Core §5.5).
    pub userinfo_claims: ClaimSet,
}

/// A private claim: the names of the claims that userinfo tells beside those of the scope. The token carries them because a grant without
/// a refresh family leaves no row that could.
const USERINFO_CLAIMS: &str = "userinfo_claims";

/// The private claims: what they say is between this server and itself, so introspection leaves them out.
pub const PRIVATE: [&str; 2] = ["gid", USERINFO_CLAIMS];

impl AccessToken<'_> {
    pub fn claims(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("iss", self.issuer.into());
        set("sub", self.subject.into());
        set("aud", self.audience());
        set("client_id", self.client_id.as_str().into());
        set("scope", self.scope.to_string().into());
        set("jti", self.jti.clone().into());
        set("iat", self.issued_at.timestamp().into());
        set("exp", self.expires_at.timestamp().into());
        if let Some(user) = &self.user {
            set("auth_time", user.auth_time.timestamp().into());
            set("acr", user.acr.as_str().into());
            set("amr", json!(user.acr.amr()));
            set("sid", user.sid.into());
            set("gid", user.grant.to_string().into());
            if !user.userinfo_claims.is_empty() && self.scope.contains(OPENID) {
                set(USERINFO_CLAIMS, user.userinfo_claims.to_string().into());
            }
        }
        claims
    }

    /// The APIs asked for; the issuer itself when there is none, and beside them when userinfo may be asked.
    fn audience(&self) -> Value {
        let mut audience: Vec<&str> = self.resources.iter().map(String::as_str).collect();
        if audience.is_empty() || (self.scope.contains(OPENID) && self.user.is_some()) {
            audience.push(self.issuer);
        }
        match audience.as_slice() {
            [one] => json!(one),
            several => json!(several),
        }
    }
}

/// The claims that were asked for by name at userinfo.
pub fn userinfo_claims(claims: &Map<String, Value>) -> ClaimSet {
    claims.get(USERINFO_CLAIMS).and_then(Value::as_str).map(ClaimSet::parse).unwrap_or_default()
}

/// Whether `claims` are meant for `audience` (RFC 9068 §4).
pub fn is_for(claims: &Map<String, Value>, audience: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(several)) => several.iter().any(|aud| aud.as_str() == Some(audience)),
        _ => false,
    }
}

/// Whether the token is of this issuer and alive by its own words.
pub fn is_current(claims: &Map<String, Value>, issuer: &str, now: Timestamp) -> bool {
    let seconds = |name: &str| claims.get(name).and_then(Value::as_i64);
    claims.get("iss").and_then(Value::as_str) == Some(issuer)
        && seconds("exp").is_some_and(|exp| now.timestamp() < exp)
        // Another replica's clock may be a little ahead (P10).
        && seconds("iat").is_some_and(|iat| iat <= now.timestamp() + 60)
}
