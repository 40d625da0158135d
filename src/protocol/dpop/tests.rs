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
    fn normalising_once_is_enough(path in "[a-zA-Z0-9/%._~:@!-]{0,30}") {
        if let Some(once) = normal(&format!("https://id.test/{path}")) {
            prop_assert_eq!(normal(&once), Some(once.clone()));
            prop_assert!(once.starts_with("https://id.test/"));
        }
    }
}
