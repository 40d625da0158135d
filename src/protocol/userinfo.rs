//! Which claims a scope gives (OIDC Core §5.4), for userinfo and the ID token alike.

use serde_json::{Map, Value};

use crate::domain::scope::Scope;
use crate::domain::user::User;

/// The claims about `user` that `scope` allows; `sub` always.
pub fn claims(user: &User, scope: &Scope) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".into(), user.id.to_string().into());
    let mut set = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            claims.insert(name.into(), value.as_str().into());
        }
    };
    let profile = &user.profile;
    if scope.contains("profile") {
        set("name", &profile.name);
        set("given_name", &profile.given_name);
        set("family_name", &profile.family_name);
        set("preferred_username", &Some(user.username.clone()));
    }
    if scope.contains("email") {
        set("email", &profile.email);
    }
    if scope.contains("profile") {
        claims.insert("updated_at".into(), user.updated_at.timestamp().into());
    }
    if scope.contains("email") && profile.email.is_some() {
        claims.insert("email_verified".into(), profile.email_verified.into());
    }
    claims
}

/// The claims that discovery announces.
pub const SUPPORTED: [&str; 19] = [
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "sid",
    "at_hash",
    "session_expiry",
    "name",
    "given_name",
    "family_name",
    "preferred_username",
    "updated_at",
    "email",
    "email_verified",
];
