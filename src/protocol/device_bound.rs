//! Device Bound Session Credentials (W3C Web Application Security WG, draft of February 2026): the rules for a session whose cookie is worth
//! nothing away from the device it was given to.
//!
//! A browser that knows how makes a key that does not leave the device, and shows at the sign-in that it holds it. From then on the session
//! wants a second cookie beside its own, which lasts some minutes and is given only to who shows the key again. Browsers without the feature
//! never show a key, and their sessions are as they were.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde::Serialize;
use url::Url;

use crate::domain::clock::Timestamp;
use crate::domain::held_sessions::DeviceProof;
use crate::domain::session::Session;

/// What the browser may sign with: the algorithms of the specification but `none`.
pub const ALGORITHMS: [&str; 2] = ["ES256", "RS256"];

/// What is asked of the browser has to be done by then: to make a key, or to sign, and to come back. A TPM takes seconds.
pub const CHALLENGE_LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// What a request may be late by. One that set out before the browser had the second cookie, or while it still had it, is not refused for
/// arriving without, or with one that has just run out.
pub const ON_THE_WAY: TimeDelta = TimeDelta::seconds(10);

/// What the log says of whoever [`lacks_proof`].
pub const DEVICE_PROOF_MISSING: &str = "device_proof_missing";

/// Whether the session is bound to a device and nothing shows that the request comes from there. What was shown counts for the very session
/// and the very key: the second cookie of another session, or of the same one before its last sign-in, is none.
pub fn lacks_proof(session: &Session, proof: &DeviceProof, now: Timestamp) -> bool {
    let Some(device) = &session.device else { return false };
    match proof {
        DeviceProof::NotAsked => false,
        DeviceProof::Shown { session: of, key, until } if *of == session.id && *key == device.digest() && now < *until => false,
        DeviceProof::Shown { .. } | DeviceProof::Missing => now >= device.bound_at + ON_THE_WAY,
    }
}

/// More hosts than these do not go into one answer.
pub const MOST_INITIATORS: usize = 1000;

/// The hosts of these addresses, each once, in order: whose pages may make the browser show the key before a request of theirs goes on
/// (`allowed_refresh_initiators`). Without that an application's frame, or its link, would arrive without the second cookie, though it could
/// be had.
pub fn initiators<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let host = |address: &str| {
        let url = Url::parse(address).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| url.host_str().map(str::to_owned)).flatten()
    };
    addresses.into_iter().filter_map(host).collect::<BTreeSet<String>>().into_iter().take(MOST_INITIATORS).collect()
}

/// What the browser is told of its session (§9.6 "JSON Session Instruction Format").
#[derive(Debug, Serialize)]
pub struct Instructions<'a> {
    pub session_identifier: &'a str,
    pub refresh_url: String,
    pub scope: Scope<'a>,
    pub credentials: [Credential<'a>; 1],
    pub allowed_refresh_initiators: &'a [String],
}

/// Where the second cookie is wanted.
#[derive(Debug, Serialize)]
pub struct Scope<'a> {
    pub origin: &'a str,
    pub include_site: bool,
    pub scope_specification: Vec<Rule>,
}

/// The last one that matches counts.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Rule {
    #[serde(rename = "type")]
    kind: &'static str,
    domain: &'static str,
    path: String,
}

#[derive(Debug, Serialize)]
pub struct Credential<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub name: &'a str,
    /// As they are set: the browser compares them.
    pub attributes: &'a str,
}

/// What looks at no session, below the issuer's path: no request to it is to wait for a key.
const WITHOUT_A_SESSION: [&str; 9] = ["account/api", "admin", "assets", "dbsc", "healthz", "oauth", "readyz", "userinfo", ".well-known"];

impl<'a> Scope<'a> {
    /// All of the issuer's pages, and nothing else that its origin has.
    pub fn of(origin: &'a str, base_path: &str) -> Self {
        let rule = |kind, path: String| Rule { kind, domain: "*", path };
        let mut rules = Vec::new();
        if base_path != "/" {
            rules.push(rule("exclude", "/".to_owned()));
            rules.push(rule("include", base_path.to_owned()));
        }
        rules.extend(WITHOUT_A_SESSION.iter().map(|path| rule("exclude", format!("{base_path}{path}"))));
        Self { origin, include_site: false, scope_specification: rules }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::SessionId;
    use crate::domain::session::DeviceKey;
    use crate::protocol::session::tests::{at, session};
    use uuid::Uuid;

    fn bound() -> Session {
        Session { device: Some(DeviceKey { public: b"key".to_vec(), bound_at: at(100) }), ..session() }
    }

    fn shown(until: i64) -> DeviceProof {
        DeviceProof::Shown { session: session().id, key: bound().device.unwrap().digest(), until: at(until) }
    }

    #[test]
    fn only_a_bound_session_wants_a_proof() {
        assert!(!lacks_proof(&session(), &DeviceProof::Missing, at(1_000_000)));
        assert!(lacks_proof(&bound(), &DeviceProof::Missing, at(1_000_000)));
        assert!(!lacks_proof(&bound(), &DeviceProof::NotAsked, at(1_000_000)));
    }

    #[test]
    fn a_proof_is_of_this_session_and_this_key_and_has_an_end() {
        assert!(!lacks_proof(&bound(), &shown(2000), at(1999)));
        assert!(lacks_proof(&bound(), &shown(2000), at(2000)));
        let DeviceProof::Shown { session, key, until } = shown(2000) else { panic!() };
        let other = SessionId(Uuid::from_u128(77));
        assert!(lacks_proof(&bound(), &DeviceProof::Shown { session: other, key, until }, at(1000)));
        let key = DeviceKey { public: b"yek".to_vec(), bound_at: at(100) }.digest();
        assert!(lacks_proof(&bound(), &DeviceProof::Shown { session, key, until }, at(1000)));
    }

    #[test]
    fn what_was_on_its_way_when_the_session_was_bound_still_counts() {
        for (now, lacks) in [(99, false), (100, false), (109, false), (110, true), (111, true)] {
            assert_eq!(lacks_proof(&bound(), &DeviceProof::Missing, at(now)), lacks, "{now}");
        }
    }

    #[test]
    fn hosts_come_once_and_in_order() {
        let addresses = [
            "https://b.example.test/callback",
            "https://a.example.test",
            "https://b.example.test:8443/other",
            "http://127.0.0.1:4000/callback",
            "http://[::1]/callback",
            "com.example.app:/callback",
            "no address",
        ];
        assert_eq!(initiators(addresses), ["127.0.0.1", "[::1]", "a.example.test", "b.example.test"]);
        let many: Vec<String> = (0..MOST_INITIATORS + 5).map(|number| format!("https://a{number:05}.example.test")).collect();
        let hosts = initiators(many.iter().map(String::as_str));
        assert_eq!((hosts.len(), hosts.last().unwrap().as_str()), (MOST_INITIATORS, "a00999.example.test"));
    }

    /// Every path that a browser goes to with its session, and none that it does not.
    #[test]
    fn the_scope_is_the_pages() {
        for (base_path, outside) in [("/", None), ("/id/", Some("/elsewhere"))] {
            let scope = Scope::of("https://id.example.test", base_path);
            assert!(!scope.include_site);
            // §8.2, "Identify if a URL is in scope of a session".
            let includes = |path: &str| {
                let matches = |rule: &&Rule| {
                    let pattern = rule.path.as_str();
                    path == pattern || (pattern.ends_with('/') && path.starts_with(pattern)) || path.starts_with(&format!("{pattern}/"))
                };
                scope.scope_specification.iter().rev().find(matches).is_none_or(|rule| rule.kind == "include")
            };
            for page in
                ["", "authorize", "login", "select-account", "consent", "account", "account/sessions/end", "oidc/logout", "oidc/check-session", "v2/logout"]
            {
                assert!(includes(&format!("{base_path}{page}")), "{base_path}{page}");
            }
            for other in [
                "oauth/token",
                "oauth/revoke",
                "userinfo",
                ".well-known/jwks.json",
                "assets/gatekey.css",
                "dbsc/refresh",
                "dbsc/register",
                "healthz",
                "admin/api/v1/users",
                "account/api/v1/sessions",
            ] {
                assert!(!includes(&format!("{base_path}{other}")), "{base_path}{other}");
            }
            assert!(outside.is_none_or(|path| !includes(path)));
        }
    }
}
