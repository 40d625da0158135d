//! The server: settings, database, keys, and what its own address answers.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use chrono::{DateTime, TimeDelta};
use serde_json::Value;
use url::Url;

use super::{Code, Finding};
use crate::domain::clock::Timestamp;
use crate::domain::signing_key::SigningAlg;

/// Two clocks that differ by more than this are told of. HTTP dates have whole seconds.
const SKEW: TimeDelta = TimeDelta::seconds(5);
/// The leeway that client libraries allow; beyond it they refuse tokens.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);

#[derive(Debug, Clone)]
pub struct ServerFacts<'a> {
    /// Byte for byte.
    pub issuer: &'a str,
    pub listen: SocketAddr,
    pub trusted: Trusted,
    /// Whether sessions are to be bound to devices.
    pub device_bound: bool,
    pub installation: &'a Installation,
    pub discovery: &'a Discovery,
}

/// Whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trusted {
    Nobody,
    Some,
    Everybody,
}

/// The database and its master key.
#[derive(Debug, Clone)]
pub enum Installation {
    /// With a line that says what to do.
    Unopened(Unopened, String),
    /// `Err`: why the signing keys cannot be read.
    Opened(Result<Keys, String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unopened {
    Missing,
    Pending,
    NotSetUp,
    MasterKey,
    Other,
}

#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// What the settings keep ready, and what some client's tokens are signed with.
    pub needed: BTreeSet<SigningAlg>,
    pub signing: BTreeSet<SigningAlg>,
    /// The ids of those that a clock far ahead has announced.
    pub ahead: Vec<String>,
}

/// What came of asking for the discovery document at the issuer's own address.
#[derive(Debug, Clone)]
pub enum Discovery {
    NoConnection(String),
    NoTls(String),
    /// Somebody took the connection.
    NoHttp(String),
    Answered(Answer),
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub date: Option<String>,
    pub age: Option<String>,
    pub body: Vec<u8>,
    /// By this machine's clock.
    pub asked_at: Timestamp,
    pub answered_at: Timestamp,
}

pub fn diagnose(facts: &ServerFacts<'_>) -> Vec<Finding> {
    let mut found = installation(facts.installation);
    found.extend(address(facts));
    found.extend(discovery(facts));
    found
}

fn installation(installation: &Installation) -> Vec<Finding> {
    let keys = match installation {
        Installation::Unopened(why, text) => {
            let code = match why {
                Unopened::Missing => Code::DatabaseMissing,
                Unopened::Pending => Code::DatabasePending,
                Unopened::NotSetUp => Code::NotSetUp,
                Unopened::MasterKey => Code::MasterKeyUnusable,
                Unopened::Other => Code::DatabaseUnusable,
            };
            return vec![Finding::new(code, text)];
        }
        Installation::Opened(keys) => keys,
    };
    let mut found = vec![Finding::new(Code::DatabaseReady, "the database is there and up to date, and the master key is its own")];
    let keys = match keys {
        Err(why) => {
            found.push(
                Finding::new(Code::SigningKeysUnreadable, format!("the signing keys cannot be read: {why}")).change("restore the database from a backup"),
            );
            return found;
        }
        Ok(keys) => keys,
    };
    for kid in &keys.ahead {
        let text = format!("the signing key {kid} was announced by a clock that was far ahead; it signs from then only");
        found.push(Finding::new(Code::SigningKeyAhead, text).change(format!("set that clock, then: gatekey key retire {kid}")));
    }
    for alg in keys.needed.difference(&keys.signing).map(|alg| alg.as_str()) {
        let text = format!("no {alg} key signs yet: it is made by itself with the first token that needs it, and verifiers have to fetch the JWKS again then");
        found.push(Finding::new(Code::SigningKeyMissing, text).change(format!("make it now, by gatekey key rotate --alg {alg}")));
    }
    if keys.needed.is_subset(&keys.signing) {
        let all: Vec<&str> = keys.needed.iter().map(|alg| alg.as_str()).collect();
        found.push(Finding::new(Code::SigningKeysReady, format!("a key signs for every algorithm in use: {}", all.join(", "))));
    }
    found
}

/// The issuer's address against that which the server listens on, and the proxy between.
fn address(facts: &ServerFacts<'_>) -> Vec<Finding> {
    let Ok(issuer) = Url::parse(facts.issuer) else { return Vec::new() };
    let mut found = Vec::new();
    if issuer.scheme() == "http" {
        let text = format!("the issuer {} is for this machine only: browsers elsewhere cannot reach it", facts.issuer);
        found.push(
            Finding::new(Code::IssuerLocal, text)
                .change("for anything but development, set `issuer` to the https URL that applications will use, and put a proxy with TLS in front"),
        );
        if let Some(port) = issuer.port_or_known_default()
            && port != facts.listen.port()
        {
            let text = format!("every link of the issuer leads to port {port}, but `listen` says port {}", facts.listen.port());
            found.push(Finding::new(Code::IssuerPort, text).change("unless something forwards the one to the other, make them the same"));
        }
        if facts.device_bound {
            let text = "`sessions.device_bound` has no effect: browsers bind sessions only to an issuer with https, on this machine too";
            found.push(Finding::new(Code::DeviceBoundWithoutTls, text).change("set `issuer` to an https URL, or leave `sessions.device_bound` off"));
        }
    } else {
        // The server speaks plain HTTP only, so somebody else ends the TLS.
        match facts.trusted {
            Trusted::Nobody => {
                let text = "the issuer is https, so a proxy ends the TLS, but `trust_proxy` is empty: all visitors have the proxy's address, and one who guesses at passwords makes the others wait";
                let change = "set `trust_proxy` to the proxy's address, such as [\"127.0.0.1\"], and let the proxy send X-Forwarded-For";
                found.push(Finding::new(Code::ProxyNotTrusted, text).change(change));
            }
            Trusted::Some => found.push(Finding::new(Code::ProxyTrusted, "`trust_proxy` names the proxies whose X-Forwarded-For is believed")),
            Trusted::Everybody => {}
        }
        if !facts.listen.ip().is_loopback() {
            let text = format!("the server listens on {} in plain HTTP: whoever reaches that port goes past the proxy and its TLS", facts.listen);
            found.push(
                Finding::new(Code::ListensInTheClear, text)
                    .change("let only the proxy reach it: `listen` on 127.0.0.1, or a network of their own, as containers have it"),
            );
        }
    }
    if facts.trusted == Trusted::Everybody {
        let text = "`trust_proxy` holds every address: each visitor says by X-Forwarded-For what address he has, and is never slowed for guessing at passwords";
        found.push(Finding::new(Code::EverybodyTrusted, text).change("name the proxies' own addresses in `trust_proxy`"));
    }
    found
}

fn discovery(facts: &ServerFacts<'_>) -> Vec<Finding> {
    let url = format!("{}/.well-known/openid-configuration", facts.issuer.trim_end_matches('/'));
    let https = facts.issuer.starts_with("https:");
    let answer = match facts.discovery {
        Discovery::NoConnection(why) => {
            let change = if https {
                "start `gatekey serve` and the proxy in front of it; check the name in the DNS, and that this machine may reach it".to_owned()
            } else {
                format!("start `gatekey serve`, which listens on {} by these settings", facts.listen)
            };
            return vec![Finding::new(Code::ServerUnreachable, format!("nothing answers at {url}: {why}")).change(change)];
        }
        Discovery::NoTls(why) => {
            let change = "give the proxy a valid certificate for this name with its whole chain; if your own authority issued it, name that in `logout.ca_file`, and know that every application has to trust it too";
            return vec![Finding::new(Code::TlsRefused, format!("no TLS at {url}: {why}")).change(change)];
        }
        Discovery::NoHttp(why) => {
            return vec![Finding::new(Code::DiscoveryForeign, format!("what listens at {url} answers as no issuer does: {why}")).change(foreign(https))];
        }
        Discovery::Answered(answer) => answer,
    };
    let mut found = vec![document(facts.issuer, &url, answer)];
    found.extend(clock(answer));
    found
}

/// What to do about another program at the issuer's address; with `https` there is a proxy.
const fn foreign(https: bool) -> &'static str {
    if https {
        "another program answers at this address: let the proxy pass it to Gatekey, or correct `issuer`"
    } else {
        "another program has this port: stop it, or choose another port for `issuer` and `listen` (--issuer, --listen)"
    }
}

fn document(issuer: &str, url: &str, answer: &Answer) -> Finding {
    let status = answer.status;
    match status {
        200 => {}
        300..=399 => {
            let to = answer.location.as_deref().unwrap_or("nowhere");
            let text =
                format!("{url} is redirected ({status}) to {to}: many client libraries follow no redirect here, and the others take what they find there");
            return Finding::new(Code::DiscoveryRedirected, text).change("take the redirect out of the proxy, or set `issuer` to the address that it leads to");
        }
        404 => {
            let below_a_path = Url::parse(issuer).is_ok_and(|issuer| issuer.path() != "/");
            let change = if below_a_path {
                "let the proxy pass the path on unchanged: Gatekey expects it whole, with the path of the issuer"
            } else {
                "let the proxy pass every path to Gatekey; check that it is Gatekey that answers there"
            };
            return Finding::new(Code::DiscoveryNotFound, format!("{url} is not found (404)")).change(change);
        }
        502..=504 => {
            let text = format!("{url} answers {status}: most likely a proxy that does not reach Gatekey");
            return Finding::new(Code::ProxyWithoutServer, text)
                .change("start `gatekey serve`, and let the proxy ask it at its `listen` address, in plain HTTP/1.1");
        }
        _ => {
            let text = format!("{url} answers {status} instead of the document");
            return Finding::new(Code::DiscoveryRefused, text)
                .change("let everybody read it: no sign-in, address filter or challenge of the proxy may stand before it");
        }
    }
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(theirs) = document.get("issuer").and_then(Value::as_str) else {
        let text = format!("what answers at {url} is no discovery document");
        return Finding::new(Code::DiscoveryForeign, text).change(foreign(issuer.starts_with("https:")));
    };
    if theirs == issuer {
        return Finding::new(Code::DiscoveryAnswers, format!("{url} answers, as this very issuer"));
    }
    let text = format!("{url} answers as the issuer `{theirs}`, but these settings say `{issuer}`: {}", difference(theirs, issuer));
    Finding::new(Code::IssuerMismatch, text)
        .change("start the server with these settings, or correct `issuer` here (and GATEKEY_ISSUER, --issuer); applications compare it byte for byte")
}

/// In what two issuers differ first.
pub(super) fn difference(one: &str, other: &str) -> &'static str {
    if one.trim_end_matches('/') == other.trim_end_matches('/') {
        return "one ends with a slash, the other does not";
    }
    match (Url::parse(one), Url::parse(other)) {
        (Ok(one), Ok(other)) if one.scheme() != other.scheme() => "one is https, the other http",
        (Ok(one), Ok(other)) if one.host() != other.host() => "another host",
        (Ok(one), Ok(other)) if one.port_or_known_default() != other.port_or_known_default() => "another port",
        _ => "another path",
    }
}

/// What it means that two clocks differ by so much.
pub(super) fn skew(by: TimeDelta) -> Code {
    match by {
        _ if by > LEEWAY => Code::ClockWrong,
        _ if by > SKEW => Code::ClockSkew,
        _ => Code::ClockAgrees,
    }
}

/// The answer's date against this machine's clock, while the request was under way. What a cache on the way kept is older by `Age` (RFC 9111 §5.1).
fn clock(answer: &Answer) -> Option<Finding> {
    let date = DateTime::parse_from_rfc2822(answer.date.as_deref()?).ok()?.to_utc();
    let age = answer.age.as_deref().map_or(Some(0), |age| age.trim().parse().ok())?;
    let there = date.checked_add_signed(TimeDelta::try_seconds(age)?)?;
    // The date has whole seconds: it was that second, up to its end.
    let (earliest, latest) = (there, there.checked_add_signed(TimeDelta::seconds(1))?);
    let (ahead, behind) = (earliest.signed_duration_since(answer.answered_at), answer.asked_at.signed_duration_since(latest));
    let (by, which) = if ahead > TimeDelta::zero() { (ahead, "ahead of") } else { (behind.max(TimeDelta::zero()), "behind") };
    let code = skew(by);
    if code == Code::ClockAgrees {
        return Some(Finding::new(code, "the clock there and this machine's agree"));
    }
    let text = format!("the clock at the issuer's address is {} s {which} this machine's", by.num_seconds());
    let change = "let NTP set both: every replica, and the machines that check tokens, go by their own";
    Some(Finding::new(code, text).change(change))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn answer(status: u16, body: &str) -> Answer {
        let date = Some(at(0).format("%a, %d %b %Y %H:%M:%S GMT").to_string());
        Answer { status, location: None, date, age: None, body: body.as_bytes().to_vec(), asked_at: at(0), answered_at: at(0) }
    }

    fn opened() -> Installation {
        let both = BTreeSet::from([SigningAlg::Es256, SigningAlg::Rs256]);
        Installation::Opened(Ok(Keys { needed: both.clone(), signing: both, ahead: Vec::new() }))
    }

    fn facts<'a>(issuer: &'a str, installation: &'a Installation, discovery: &'a Discovery) -> ServerFacts<'a> {
        ServerFacts { issuer, listen: "127.0.0.1:8080".parse().unwrap(), trusted: Trusted::Some, device_bound: false, installation, discovery }
    }

    fn codes(found: &[Finding]) -> Vec<&'static str> {
        found.iter().map(|finding| finding.code.as_str()).collect()
    }

    /// Whatever is no `ok` says what to change, but where the line of an error does.
    fn check(found: &[Finding]) {
        for finding in found {
            let says = finding.change.is_some() || finding.text.contains(": ") || finding.level() == super::super::Level::Ok;
            assert!(says, "{finding:?}");
        }
    }

    fn asked(issuer: &str, answered: Answer) -> Vec<&'static str> {
        let (installation, discovery) = (opened(), Discovery::Answered(answered));
        let found = diagnose(&facts(issuer, &installation, &discovery));
        check(&found);
        codes(&found)
            .into_iter()
            .filter(|code| !["database-ready", "signing-keys-ready", "proxy-trusted", "clock-agrees", "issuer-local"].contains(code))
            .collect()
    }

    #[test]
    fn what_the_issuers_address_answers_is_told_apart() {
        const ISSUER: &str = "https://id.example.com/";
        let document = |issuer: &str| format!(r#"{{"issuer":"{issuer}"}}"#);
        for (issuer, answered, expected) in [
            (ISSUER, answer(200, &document(ISSUER)), "discovery-answers"),
            (ISSUER, answer(200, &document("https://id.example.com")), "issuer-mismatch"),
            (ISSUER, answer(200, &document("http://id.example.com/")), "issuer-mismatch"),
            (ISSUER, answer(200, "<html>"), "discovery-foreign"),
            (ISSUER, answer(200, r#"{"issuer":7}"#), "discovery-foreign"),
            (ISSUER, answer(301, ""), "discovery-redirected"),
            (ISSUER, answer(404, ""), "discovery-not-found"),
            ("https://id.example.com/tenant", answer(404, ""), "discovery-not-found"),
            (ISSUER, answer(502, ""), "proxy-without-server"),
            (ISSUER, answer(503, ""), "proxy-without-server"),
            (ISSUER, answer(401, ""), "discovery-refused"),
            (ISSUER, answer(500, ""), "discovery-refused"),
        ] {
            assert_eq!(asked(issuer, answered), [expected], "{issuer}");
        }
        for (one, expected) in [
            ("https://id.example.com", "slash"),
            ("http://id.example.com/", "https"),
            ("https://id.example.org/", "host"),
            ("https://id.example.com:8443/", "port"),
            ("https://id.example.com/auth/", "path"),
        ] {
            assert!(difference(one, ISSUER).contains(expected), "{one}");
        }
    }

    #[test]
    fn clocks_are_compared_as_finely_as_a_date_allows() {
        let told = |local: i64, age: Option<&str>| {
            let age = age.map(str::to_owned);
            clock(&Answer { asked_at: at(local), answered_at: at(local + 1), age, ..answer(200, "") }).map(|finding| finding.code.as_str())
        };
        for (local, expected) in [
            (0, "clock-agrees"),
            (6, "clock-agrees"),
            (7, "clock-skew"),
            (61, "clock-skew"),
            (62, "clock-wrong"),
            (-6, "clock-agrees"),
            (-7, "clock-skew"),
            (-63, "clock-wrong"),
        ] {
            assert_eq!(told(local, None), Some(expected), "{local}");
        }
        assert_eq!(told(600, Some("600")), Some("clock-agrees"), "from a cache");
        assert_eq!(told(0, Some("soon")), None);
        assert_eq!(clock(&Answer { date: None, ..answer(200, "") }), None);
        assert_eq!(clock(&Answer { date: Some("yesterday".to_owned()), ..answer(200, "") }), None);
    }

    #[test]
    fn a_server_that_is_not_there_is_one_finding() {
        let installation = opened();
        for (discovery, expected) in [
            (Discovery::NoConnection("refused".to_owned()), "server-unreachable"),
            (Discovery::NoTls("expired".to_owned()), "tls-refused"),
            (Discovery::NoHttp("silent".to_owned()), "discovery-foreign"),
        ] {
            let found = diagnose(&facts("https://id.example.com/", &installation, &discovery));
            check(&found);
            assert_eq!(codes(&found), ["database-ready", "signing-keys-ready", "proxy-trusted", expected]);
        }
    }

    #[test]
    fn the_proxy_and_the_address() {
        let (installation, discovery) = (opened(), Discovery::NoConnection(String::new()));
        let told = |issuer: &str, listen: &str, trusted| {
            let facts = ServerFacts { listen: listen.parse().unwrap(), trusted, ..facts(issuer, &installation, &discovery) };
            let found = address(&facts);
            check(&found);
            codes(&found)
        };
        assert_eq!(told("https://id.test/", "127.0.0.1:8080", Trusted::Nobody), ["proxy-not-trusted"]);
        assert_eq!(told("https://id.test/", "127.0.0.1:8080", Trusted::Some), ["proxy-trusted"]);
        assert_eq!(told("https://id.test/", "0.0.0.0:8080", Trusted::Some), ["proxy-trusted", "listens-in-the-clear"]);
        assert_eq!(told("https://id.test/", "[::1]:8080", Trusted::Everybody), ["everybody-trusted"]);
        assert_eq!(told("http://localhost:8080/", "127.0.0.1:8080", Trusted::Nobody), ["issuer-local"]);
        assert_eq!(told("http://localhost/", "127.0.0.1:8080", Trusted::Nobody), ["issuer-local", "issuer-port"]);
        let bound = |issuer| {
            let found = address(&ServerFacts { device_bound: true, ..facts(issuer, &installation, &discovery) });
            check(&found);
            codes(&found)
        };
        assert_eq!(bound("http://localhost:8080/"), ["issuer-local", "device-bound-without-tls"]);
        assert_eq!(bound("https://id.test/"), ["proxy-trusted"]);
    }

    #[test]
    fn the_installation_and_its_keys() {
        let told = |installation: Installation| {
            let found = super::installation(&installation);
            check(&found);
            codes(&found)
        };
        for (why, expected) in [
            (Unopened::Missing, "database-missing"),
            (Unopened::Pending, "database-pending"),
            (Unopened::NotSetUp, "not-set-up"),
            (Unopened::MasterKey, "master-key-unusable"),
            (Unopened::Other, "database-unusable"),
        ] {
            assert_eq!(told(Installation::Unopened(why, "it is away: bring it back".to_owned())), [expected]);
        }
        assert_eq!(told(opened()), ["database-ready", "signing-keys-ready"]);
        assert_eq!(told(Installation::Opened(Err("sealed".to_owned()))), ["database-ready", "signing-keys-unreadable"]);
        let (es, rs) = (BTreeSet::from([SigningAlg::Es256]), BTreeSet::from([SigningAlg::Es256, SigningAlg::Rs256]));
        let keys = Keys { needed: rs, signing: es, ahead: vec!["kid".to_owned()] };
        assert_eq!(told(Installation::Opened(Ok(keys))), ["database-ready", "signing-key-ahead", "signing-key-missing"]);
    }
}
