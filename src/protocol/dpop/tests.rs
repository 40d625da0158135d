use proptest::prelude::*;

use super::*;
use crate::protocol::session::tests::at;

const URL: &str = "https://id.test/oauth/token";

fn key(byte: u8) -> KeyThumbprint {
    KeyThumbprint::of(&Digest([byte; 32]))
}

fn proof() -> DpopProof {
    DpopProof { key: key(1), jti: "one".to_owned(), htm: "POST".to_owned(), htu: URL.to_owned(), iat: at(100).timestamp(), ath: None }
}

fn judged(proof: &DpopProof, url: &str, access_token: Option<&str>, now: i64) -> Result<(), ErrorCode> {
    judge(proof, &Request { method: "POST", url, access_token }, at(now)).map_err(|error| error.code)
}

const REFUSED: Result<(), ErrorCode> = Err(ErrorCode::InvalidDpopProof);

/// DP-01.
#[test]
fn a_proof_is_for_one_request() {
    assert_eq!(judged(&proof(), URL, None, 100), Ok(()));
    for odd in [
        DpopProof { htm: "GET".to_owned(), ..proof() },
        DpopProof { htm: "post".to_owned(), ..proof() },
        DpopProof { htm: String::new(), ..proof() },
        DpopProof { jti: String::new(), ..proof() },
        DpopProof { jti: "x".repeat(LONGEST_JTI + 1), ..proof() },
        DpopProof { iat: i64::MAX, ..proof() },
        DpopProof { iat: i64::MIN, ..proof() },
    ] {
        assert_eq!(judged(&odd, URL, None, 100), REFUSED, "{odd:?}");
    }
    assert_eq!(judged(&DpopProof { jti: "x".repeat(LONGEST_JTI), ..proof() }, URL, None, 100), Ok(()));
}

/// RFC 9449 §4.3, 11: within 5 minutes, either way; who is refused is told to look at the clock.
#[test]
fn a_proof_is_of_now() {
    for (now, taken) in [(100, true), (400, true), (401, false), (-200, true), (-201, false), (3700, false), (-3500, false)] {
        assert_eq!(judged(&proof(), URL, None, now).is_ok(), taken, "{now}");
    }
    let error = judge(&proof(), &Request { method: "POST", url: URL, access_token: None }, at(500)).unwrap_err();
    assert!(error.description.contains("clock"), "{}", error.description);
    assert_eq!(error.reason, "made 400 seconds ago");
    // For as long as any replica may take it.
    assert!(remembered_until(&proof()) >= at(100) + WINDOW + TimeDelta::minutes(1));
}

/// RFC 9449 §7.1.
#[test]
fn a_proof_is_for_one_access_token() {
    let ath = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";
    for (text, taken) in [(Some(ath.to_owned()), true), (None, false), (Some(String::new()), false), (Some(format!("{ath}=")), false)] {
        let proof = DpopProof { ath: text, ..proof() };
        assert_eq!(judged(&proof, URL, Some("abc"), 100).is_ok(), taken, "{proof:?}");
        assert_eq!(judged(&proof, URL, Some("abd"), 100), REFUSED);
        // Where there is none, it says nothing.
        assert_eq!(judged(&proof, URL, None, 100), Ok(()));
    }
}

/// DP-02: RFC 9449 §4.3, 9; RFC 3986 §6.2.2, §6.2.3.
#[test]
fn addresses_are_compared_by_what_they_mean() {
    let same = |htu: &str, url: &str| judged(&DpopProof { htu: htu.to_owned(), ..proof() }, url, None, 100).is_ok();
    for htu in [
        URL,
        "HTTPS://ID.TEST/oauth/token",
        "https://id.test:443/oauth/token",
        "https://id.test/oauth/token?x=1",
        "https://id.test/oauth/token#x",
        "https://id.test/./oauth/x/../token",
        "https://id.test/%6Fauth/tok%65n",
    ] {
        assert!(same(htu, URL), "{htu}");
    }
    for htu in [
        "https://id.test/oauth/token/",
        "https://id.test/oauth/Token",
        "https://id.test//oauth/token",
        "https://id.test/oauth%2Ftoken",
        "http://id.test/oauth/token",
        "https://id.test:8443/oauth/token",
        "https://id.test.evil.test/oauth/token",
        "https://other.test/oauth/token",
        "https://id.test/userinfo",
        "https://user@id.test/oauth/token",
        "https://:x@id.test/oauth/token",
        "https:\\\\id.test\\oauth\\token",
        "https://id.test/oauth/to\nken",
        " https://id.test/oauth/token",
        "//id.test/oauth/token",
        "/oauth/token",
        "oauth/token",
        "data:id.test/oauth/token",
        "",
    ] {
        assert!(!same(htu, URL), "{htu}");
    }
    assert!(same("http://[::1]:80/a%c3%a9", "http://[0:0:0:0:0:0:0:1]/a%C3%A9") && same("http://localhost:80", "http://localhost/"));
    // Nothing is for what is no address.
    for odd in ["", "x", "https://id.test/a%2", "https://id.test/%%34", "https://id.test/%+1", "https://id.test/%"] {
        assert!(!same(odd, odd), "{odd}");
    }
}

/// DP-02: how browsers and libraries write the same address (the URL Standard's path percent-encode set, before and after `^` came into it). What
/// is reserved stays apart from its encoding (RFC 3986 §2.2), and what is encoded twice from what is once.
#[test]
fn what_parsers_leave_raw_means_its_encoding() {
    let same = |one: &str, other: &str| {
        let [one, other] = [one, other].map(|path| format!("https://id.test/{path}"));
        let judged = |htu: &str, url: &str| judged(&DpopProof { htu: htu.to_owned(), ..proof() }, url, None, 100).is_ok();
        assert_eq!(judged(&one, &other), judged(&other, &one), "{one} {other}");
        judged(&one, &other)
    };
    // What a browser's parser makes of it, and what stands in the request line.
    let parsed = |path: &str| url::Url::parse(&format!("https://id.test/{path}")).unwrap().path()[1..].to_owned();
    for (raw, upper, lower) in
        [("a|b", "a%7Cb", "a%7cb"), ("a^b", "a%5Eb", "a%5eb"), ("{a}", "%7Ba%7D", "%7ba%7d"), ("|{^}/%41|", "%7C%7B%5E%7D/A%7C", "%7c%7b%5e%7d/%41|")]
    {
        for one in [raw, upper, lower, &parsed(raw), &parsed(upper)] {
            for other in [raw, upper, lower, &parsed(raw), &parsed(lower)] {
                assert!(same(one, other), "{one} {other}");
            }
        }
        for other in ["a", "ab", "a%257Cb", "a%25", "a%7Bb", "%7B%7Ba", "A%7CB", "a/b", "a!b"] {
            assert!(!same(raw, other), "{raw} {other}");
        }
        assert!(!same(raw, &upper.replace('%', "%25")), "encoded twice");
    }
    // Neither what is reserved nor what nobody leaves raw.
    for (one, other) in [
        ("a[b]", "a%5Bb%5D"),
        ("a@b", "a%40b"),
        ("a'b", "a%27b"),
        ("a+b", "a%2Bb"),
        ("a;b", "a%3Bb"),
        ("a<b", "a%3Cb"),
        ("a\"b", "a%22b"),
        ("a`b", "a%60b"),
        ("a\\b", "a%5Cb"),
        ("a\\b", "a/b"),
    ] {
        assert!(!same(one, other), "{one} {other}");
        assert!(same(other, other), "{other}");
    }
    // In a query, which is not compared, they are nothing; in the name of a host they are none.
    assert!(same("a?{x}|^", "a") && same("a", "a#{|}^"));
    for host in ["i{d.test", "i}d.test", "i|d.test", "i^d.test"] {
        let url = format!("https://{host}/");
        assert_eq!(judged(&DpopProof { htu: url.clone(), ..proof() }, &url, None, 100), REFUSED, "{url}");
    }
}

/// RT-15: never without the key, whatever it was asked with.
#[test]
fn a_bound_refresh_token_is_for_its_key() {
    let refused = |bound: Option<&KeyThumbprint>, shown: Option<&KeyThumbprint>| may_refresh(bound, shown).err().map(|error| error.code);
    let (own, other) = (key(1), key(2));
    assert_eq!(refused(Some(&own), Some(&own)), None);
    assert_eq!(refused(Some(&own), Some(&other)), Some(ErrorCode::InvalidGrant));
    assert_eq!(refused(Some(&own), None), Some(ErrorCode::InvalidDpopProof));
    assert_eq!((refused(None, None), refused(None, Some(&own))), (None, None));
}

/// DP-06.
#[test]
fn a_token_comes_by_its_own_scheme() {
    let refused = |bound: Option<&KeyThumbprint>, scheme, shown: Option<&KeyThumbprint>| may_present(bound, scheme, shown).err().map(|error| error.code);
    let (own, other) = (key(1), key(2));
    assert_eq!(refused(None, Scheme::Bearer, None), None);
    assert_eq!(refused(Some(&own), Scheme::Dpop, Some(&own)), None);
    for shown in [None, Some(&own)] {
        assert_eq!(refused(Some(&own), Scheme::Bearer, shown), Some(ErrorCode::InvalidToken));
        assert_eq!(refused(None, Scheme::Dpop, shown), Some(ErrorCode::InvalidToken));
    }
    assert_eq!(refused(Some(&own), Scheme::Dpop, Some(&other)), Some(ErrorCode::InvalidToken));
    assert_eq!(refused(Some(&own), Scheme::Dpop, None), Some(ErrorCode::InvalidDpopProof));
}

proptest! {
    /// What is normal stays as it is, and says no more than it did.
    #[test]
    fn normalising_once_is_enough(path in "[a-zA-Z0-9/%._~:@!^{|}-]{0,30}") {
        if let Some(once) = normal(&format!("https://id.test/{path}")) {
            prop_assert_eq!(normal(&once), Some(once.clone()));
            prop_assert!(once.starts_with("https://id.test/"));
        }
    }
}
