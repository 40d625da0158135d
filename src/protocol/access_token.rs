//! JWT access tokens (RFC 9068).

use serde_json::{Map, Value, json};

use crate::domain::acr::Acr;
use crate::domain::claim::ClaimSet;
use crate::domain::client::Client;
use crate::domain::clock::Timestamp;
use crate::domain::dpop::KeyThumbprint;
use crate::domain::duration::Lifetime;
use crate::domain::id::{ClientId, GrantId};
use crate::domain::scope::{OPENID, Scope};
use crate::domain::tenure::Tenure;
use crate::protocol::error::OAuthError;

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
    /// The key without which it is nothing (RFC 9449 §6.1).
    pub bound_to: Option<&'a KeyThumbprint>,
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

/// How whoever has the token must show that it is theirs (RFC 7800 §3.1).
const CONFIRMATION: &str = "cnf";

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
        if let Some(key) = self.bound_to {
            set(CONFIRMATION, json!({ "jkt": key.as_str() }));
        }
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
        told(&audience).unwrap_or_default()
    }
}

/// The claims that were asked for by name at userinfo.
pub fn userinfo_claims(claims: &Map<String, Value>) -> ClaimSet {
    claims.get(USERINFO_CLAIMS).and_then(Value::as_str).map(ClaimSet::parse).unwrap_or_default()
}

/// The key that the token is bound to (RFC 9449 §6.1). `Err`: it is bound to something that is not understood here, and so for nobody (RFC 7800 §3.1).
pub fn bound_to(claims: &Map<String, Value>) -> Result<Option<KeyThumbprint>, OAuthError> {
    let Some(confirmation) = claims.get(CONFIRMATION) else { return Ok(None) };
    let key = confirmation.as_object().filter(|methods| methods.len() == 1).and_then(|methods| methods.get("jkt")?.as_str());
    let key = key.and_then(|text| KeyThumbprint::parse(text).ok());
    key.map(Some).ok_or_else(|| OAuthError::invalid_token("bound to what is not understood"))
}

/// Whether `claims` are meant for `audience` (RFC 9068 §4).
pub fn is_for(claims: &Map<String, Value>, audience: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(several)) => several.iter().any(|aud| aud.as_str() == Some(audience)),
        _ => false,
    }
}

/// Whether they still are: the issuer itself is never taken away, an API is with the client's registration for it.
pub fn is_still_for(claims: &Map<String, Value>, client: &Client, audience: &str) -> bool {
    is_for(claims, audience) && still_may_have(claims, client, audience)
}

fn still_may_have(claims: &Map<String, Value>, client: &Client, audience: &str) -> bool {
    is_of(claims, audience) || client.metadata.has_resource(audience)
}

/// What the token says, narrowed to what its client is still registered for; `scope` is so already. `None`: it is for nobody any more.
pub fn narrowed(claims: &Map<String, Value>, scope: &Scope, client: &Client) -> Option<Map<String, Value>> {
    let mut audience: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    audience.retain(|audience| still_may_have(claims, client, audience));
    let audience = told(&audience)?;
    let mut claims = claims.clone();
    claims.insert("scope".to_owned(), scope.to_string().into());
    claims.insert("aud".to_owned(), audience);
    Some(claims)
}

/// `aud`: one by itself, several as an array (RFC 7519 §4.1.3).
fn told(audience: &[&str]) -> Option<Value> {
    match audience {
        [] => None,
        [one] => Some(json!(one)),
        several => Some(json!(several)),
    }
}

/// Whether the token is of this issuer; whoever verified its signature only knows that its key is.
pub fn is_of(claims: &Map<String, Value>, issuer: &str) -> bool {
    claims.get("iss").and_then(Value::as_str) == Some(issuer)
}

/// Whether the token is of this issuer and alive by its own words.
pub fn is_current(claims: &Map<String, Value>, issuer: &str, now: Timestamp) -> bool {
    let seconds = |name: &str| claims.get(name).and_then(Value::as_i64);
    is_of(claims, issuer)
        && seconds("exp").is_some_and(|exp| now.timestamp() < exp)
        // Another replica's clock may be a little ahead (P10).
        && seconds("iat").is_some_and(|iat| iat <= now.timestamp() + 60)
}

/// Whether the token is not older than a token may get by today's limits, whatever they were when it was issued.
pub fn is_young_enough(claims: &Map<String, Value>, limit: Lifetime, now: Timestamp) -> bool {
    match (claims.get("iat").and_then(Value::as_i64), limit) {
        (Some(iat), Lifetime::Limited(limit)) => now.timestamp().saturating_sub(iat) < limit.num_seconds(),
        (Some(_), Lifetime::Unlimited) => true,
        (None, _) => false,
    }
}

/// The millisecond it was issued in, since 1970. `iat` tells seconds only (RFC 7519 §2 would let it tell more, but many readers of tokens take whole
/// ones alone); the `jti` is made of the same instant, and tells more. Of a token that has no such `jti`, the millisecond its second began.
pub fn issued_in(claims: &Map<String, Value>) -> Option<i64> {
    let jti = claims.get("jti").and_then(Value::as_str).and_then(|jti| jti.parse::<GrantId>().ok());
    jti.and_then(GrantId::millisecond).or_else(|| claims.get("iat")?.as_i64()?.checked_mul(1000))
}

/// Whether the token was given to the client as it is registered now, and after it was last stopped.
pub fn is_of_tenure(claims: &Map<String, Value>, tenure: &Tenure) -> bool {
    issued_in(claims).is_some_and(|given_in| tenure.covers(given_in))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::claim::Claim;
    use crate::protocol::session::tests::at;

    const ISSUER: &str = "https://id.test/";

    /// The claims of a token with this scope and these resources; of a person, or of a machine.
    fn claims(scope: &str, resources: &[&str], person: bool) -> Map<String, Value> {
        let (client_id, scope) = (ClientId::parse("app").unwrap(), Scope::parse(scope).unwrap());
        let resources: Vec<String> = resources.iter().map(|resource| (*resource).to_owned()).collect();
        let user = UserFacts {
            auth_time: at(-100),
            acr: Acr::Password,
            sid: "sid",
            grant: GrantId(Uuid::from_u128(7)),
            userinfo_claims: ClaimSet::parse(Claim::Email.as_str()),
        };
        AccessToken {
            issuer: ISSUER,
            subject: "sub",
            client_id: &client_id,
            scope: &scope,
            resources: &resources,
            jti: "jti".to_owned(),
            issued_at: at(0),
            expires_at: at(600),
            bound_to: None,
            user: person.then_some(user),
        }
        .claims()
    }

    /// RFC 9068 §2.2.
    #[test]
    fn a_person_is_told_of_and_a_machine_has_nobody_to_tell_of() {
        let expected = json!({
            "iss": ISSUER, "sub": "sub", "aud": ISSUER, "client_id": "app", "scope": "openid", "jti": "jti",
            "iat": at(0).timestamp(), "exp": at(600).timestamp(), "auth_time": at(-100).timestamp(), "acr": "urn:gatekey:acr:pwd", "amr": ["pwd"],
            "sid": "sid", "gid": "00000000-0000-0000-0000-000000000007", "userinfo_claims": "email",
        });
        assert_eq!(Value::Object(claims("openid", &[], true)), expected);
        let names: Vec<String> = claims("jobs:run", &[], false).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["iss", "sub", "aud", "client_id", "scope", "jti", "iat", "exp"]);
    }

    /// OIDC Core §5.5: names are for userinfo, which only `openid` opens.
    #[test]
    fn names_travel_with_openid_only() {
        assert_eq!(userinfo_claims(&claims("openid", &[], true)).to_string(), "email");
        assert!(userinfo_claims(&claims("notes:read", &[], true)).is_empty());
        assert!(!claims("notes:read", &[], true).contains_key("userinfo_claims"));
        let (client_id, scope) = (ClientId::parse("app").unwrap(), Scope::parse("openid").unwrap());
        let user = UserFacts { auth_time: at(0), acr: Acr::Password, sid: "sid", grant: GrantId(Uuid::nil()), userinfo_claims: ClaimSet::default() };
        let plain = AccessToken {
            issuer: ISSUER,
            subject: "sub",
            client_id: &client_id,
            scope: &scope,
            resources: &[],
            jti: String::new(),
            issued_at: at(0),
            expires_at: at(1),
            bound_to: None,
            user: Some(user),
        };
        assert!(!plain.claims().contains_key("userinfo_claims"));
    }

    /// RFC 9068 §3, RFC 8707 §2: the API; and this server, where it can be asked about the person.
    #[test]
    fn the_audience() {
        let aud = |scope, resources: &[&str], person| claims(scope, resources, person)["aud"].clone();
        assert_eq!(aud("notes:read", &["https://api.test/"], true), "https://api.test/");
        assert_eq!(aud("openid", &["https://api.test/"], true), json!(["https://api.test/", ISSUER]));
        assert_eq!(aud("notes:read", &["https://a.test/", "https://b.test/"], true), json!(["https://a.test/", "https://b.test/"]));
        assert_eq!(aud("notes:read", &[], true), ISSUER);
        // A machine that was registered with `openid` is still nobody.
        assert_eq!(aud("openid", &["https://api.test/"], false), "https://api.test/");
    }

    /// RFC 9449 §6.1, RFC 7800 §3.1: what is not understood binds all the same.
    #[test]
    fn what_a_token_is_bound_to() {
        let key = KeyThumbprint::parse("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs").unwrap();
        let with = |cnf: Value| Map::from_iter([("cnf".to_owned(), cnf)]);
        assert_eq!(bound_to(&with(json!({ "jkt": key.as_str() }))), Ok(Some(key.clone())));
        assert_eq!(bound_to(&claims("openid", &[], true)), Ok(None));
        for odd in [json!(null), json!({}), json!("x"), json!({ "jkt": "x" }), json!({ "x5t#S256": key.as_str() }), json!({ "jkt": key.as_str(), "jwk": {} })] {
            assert!(bound_to(&with(odd.clone())).is_err(), "{odd}");
        }
    }

    #[test]
    fn an_audience_is_compared_whole() {
        let with = |aud: Value| Map::from_iter([("aud".to_owned(), aud)]);
        for (aud, meant) in [
            (json!("https://api.test/"), true),
            (json!(["https://other.test/", "https://api.test/"]), true),
            (json!("https://api.test"), false),
            (json!("https://api.test/v2"), false),
            (json!(["https://other.test/"]), false),
            (json!([]), false),
            (json!({"https://api.test/": true}), false),
            (json!(null), false),
        ] {
            assert_eq!(is_for(&with(aud.clone()), "https://api.test/"), meant, "{aud}");
        }
        assert!(!is_for(&Map::new(), "https://api.test/"));
    }

    /// RFC 7519 §4.1.4: at the instant of `exp` it is over. The clock of another replica may be a minute ahead.
    #[test]
    fn current_is_of_this_issuer_between_iat_and_exp() {
        let claims = claims("openid", &[], true);
        for (now, current) in [(0, true), (599, true), (600, false), (601, false), (-60, true), (-61, false)] {
            assert_eq!(is_current(&claims, ISSUER, at(now)), current, "{now}");
        }
        assert!(!is_current(&claims, "https://id.test", at(0)));
        for missing in ["iss", "exp", "iat"] {
            let mut less = claims.clone();
            less.remove(missing);
            assert!(!is_current(&less, ISSUER, at(0)), "{missing}");
        }
        for (name, odd) in [("exp", json!("9999999999")), ("exp", json!(1e300)), ("iat", json!(null)), ("iss", json!([ISSUER]))] {
            let mut changed = claims.clone();
            changed.insert(name.to_owned(), odd);
            assert!(!is_current(&changed, ISSUER, at(0)), "{name}");
        }
    }

    #[test]
    fn a_limit_shortened_since_is_felt() {
        let claims = json!({ "iat": at(0).timestamp() }).as_object().cloned().unwrap();
        assert!(is_young_enough(&claims, Lifetime::seconds(60), at(59)) && !is_young_enough(&claims, Lifetime::seconds(60), at(60)));
        assert!(is_young_enough(&claims, Lifetime::Unlimited, at(1_000_000)));
        assert!(!is_young_enough(&Map::new(), Lifetime::Unlimited, at(0)));
    }

    #[test]
    fn issued_in_the_millisecond_of_the_jti_or_the_second_of_the_iat() {
        use crate::domain::entropy::SystemEntropy;
        let now = at(5) + chrono::TimeDelta::microseconds(123_456);
        let with = |jti: Value| json!({ "jti": jti, "iat": now.timestamp() }).as_object().cloned().unwrap();
        let exact = with(GrantId::generate(now, &SystemEntropy).to_string().into());
        assert_eq!(issued_in(&exact), Some(now.timestamp_millis()));
        for odd in [json!("jti"), json!(7), json!(null), json!(Uuid::from_u128(7).to_string()), json!(Uuid::max().to_string())] {
            assert_eq!(issued_in(&with(odd.clone())), Some(now.timestamp() * 1000), "{odd}");
        }
        assert_eq!(issued_in(&Map::new()), None);
        let stopped = |stopped_at| Tenure { began_at: at(0), stopped_at: Some(stopped_at), grants_ended_at: None };
        assert!(is_of_tenure(&exact, &Tenure { began_at: now, stopped_at: None, grants_ended_at: None }));
        assert!(!is_of_tenure(&exact, &Tenure { began_at: now + chrono::TimeDelta::milliseconds(1), stopped_at: None, grants_ended_at: None }));
        assert!(is_of_tenure(&exact, &stopped(now - chrono::TimeDelta::milliseconds(1))));
        assert!(!is_of_tenure(&exact, &stopped(now)));
        assert!(!is_of_tenure(&Map::new(), &Tenure { began_at: at(0), stopped_at: None, grants_ended_at: None }));
    }
}
