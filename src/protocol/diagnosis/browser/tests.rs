use super::*;
use crate::domain::client::{ClientKind, ClientMetadata};
use crate::domain::redirect_uri::{RedirectUri, WebOrigin};
use crate::protocol::diagnosis::Level;
use crate::protocol::session::tests::{a_client, at};

const ISSUER: &str = "https://id.example.com/";
const ORIGIN: &str = "https://app.example.com";

fn client(change: impl FnOnce(&mut ClientMetadata)) -> Client {
    let mut metadata = ClientMetadata::defaults(ClientKind::Spa, "App");
    metadata.redirect_uris = vec![RedirectUri::parse("https://secret.example.com/callback").unwrap()];
    metadata.web_origins = [ORIGIN, "https://app.other.test", "https://secret.example.com"].map(|origin| WebOrigin::parse(origin).unwrap()).to_vec();
    metadata.fedcm = true;
    change(&mut metadata);
    a_client("app", metadata)
}

fn facts<'a>(client: &'a Client, origin: Option<&'a str>) -> PageFacts<'a> {
    PageFacts { client, issuer: ISSUER, cookie_in_foreign_frames: true, origin, arrived: Arrived::default() }
}

/// The codes. What is not as it should be says what to change; nothing tells what is registered.
fn codes(found: &[Finding]) -> Vec<&'static str> {
    for finding in found {
        assert!(finding.level() == Level::Ok || finding.change.is_some(), "{finding:?}");
        assert!(!format!("{finding:?}").contains("secret"), "{finding:?}");
    }
    found.iter().map(|finding| finding.code.as_str()).collect()
}

#[test]
fn the_application_and_its_page() {
    let told = |origin, change: fn(&mut ClientMetadata)| codes(&page(&facts(&client(change), origin)));
    assert_eq!(told(None, |_| ()), ["client-enabled", "origin-unknown"]);
    assert_eq!(told(Some(ORIGIN), |_| ()), ["client-enabled", "origin-registered", "same-site", "frame-works"]);
    assert_eq!(told(Some("https://app.other.test"), |_| ()), ["client-enabled", "origin-registered", "cross-site", "frame-limited"]);
    assert_eq!(told(Some("https://evil.test"), |_| ()), ["client-enabled", "web-origin-missing", "cross-site"]);
    assert_eq!(told(Some(ORIGIN), |metadata| metadata.may_be_framed = false), ["client-enabled", "origin-registered", "same-site", "frames-refused"]);
    let client = client(|_| ());
    let lax = PageFacts { cookie_in_foreign_frames: false, ..facts(&client, Some("https://app.other.test")) };
    assert_eq!(codes(&page(&lax))[3], "frame-without-cookie");
}

#[test]
fn the_way_here() {
    let client = client(|_| ());
    let told = |issuer: &'static str, arrived: Arrived<'static>| codes(&way(&PageFacts { issuer, arrived, ..facts(&client, None) }));
    let well = Arrived { host: Some("id.example.com"), forwarded_for: true, from_trusted: Some(true), ..Arrived::default() };
    assert_eq!(told(ISSUER, well.clone()), ["arrives-unchanged"]);
    assert_eq!(told(ISSUER, Arrived { host: Some("ID.example.com:443"), ..well.clone() }), ["arrives-unchanged"]);
    assert_eq!(told(ISSUER, Arrived { host: Some("secret.internal:8080"), ..well.clone() }), ["host-differs"]);
    assert_eq!(told(ISSUER, Arrived { host: Some("secret:8080"), forwarded_host: Some("id.example.com, x"), ..well.clone() }), ["arrives-unchanged"]);
    assert_eq!(told(ISSUER, Arrived { forwarded_host: Some("secret.test"), ..well.clone() }), ["host-differs"]);
    assert_eq!(told(ISSUER, Arrived { forwarded_proto: Some("https"), ..well.clone() }), ["arrives-unchanged"]);
    assert_eq!(told(ISSUER, Arrived { forwarded_proto: Some("http, https"), ..well.clone() }), ["scheme-differs"]);
    assert_eq!(told(ISSUER, Arrived { from_trusted: Some(false), ..well.clone() }), ["proxy-not-trusted"]);
    assert_eq!(told(ISSUER, Arrived { forwarded_for: false, ..well.clone() }), ["forwarded-for-missing"]);
    assert_eq!(told(ISSUER, Arrived { from_trusted: None, forwarded_for: false, ..well.clone() }), ["arrives-unchanged"]);
    assert_eq!(
        told("http://localhost:8080/", Arrived { host: Some("localhost:8080"), from_trusted: Some(false), ..Arrived::default() }),
        ["arrives-unchanged"]
    );
    assert_eq!(told("http://localhost:8080/", Arrived { host: Some("localhost"), ..Arrived::default() }), ["host-differs"]);
}

/// A browser with which nothing is wrong, at a page of the issuer's site.
fn well() -> BrowserFacts<'static> {
    BrowserFacts {
        seen: Some(ISSUER),
        asked_at: Some(at(0)),
        framed: true,
        cookie: true,
        access: Some(true),
        inactive: false,
        fedcm: Fedcm::Available,
        headers: FramingHeaders {
            frame_options: None,
            policy: Some("default-src 'none'; frame-ancestors https://app.example.com; base-uri 'none'"),
            opener_policy: None,
        },
    }
}

fn told(facts_of_browser: &BrowserFacts<'_>) -> Vec<&'static str> {
    let client = client(|_| ());
    codes(&browser(&facts(&client, Some(ORIGIN)), facts_of_browser, at(0)))
}

const WELL: [&str; 5] = ["address-agrees", "clock-agrees", "framing-headers-agree", "cookie-arrives", "fedcm-available"];

#[test]
fn a_browser_with_which_nothing_is_wrong() {
    assert_eq!(told(&well()), WELL);
    assert_eq!(told(&BrowserFacts { seen: None, asked_at: None, ..well() }), WELL[2..]);
}

#[test]
fn where_it_is_and_what_its_clock_says() {
    for (seen, expected) in [
        ("https://id.example.com", "address-agrees"),
        ("http://id.example.com/", "issuer-mismatch"),
        ("https://id.example.com:8443/", "issuer-mismatch"),
        ("https://10.0.0.7/", "issuer-mismatch"),
        ("https://id.example.com/auth/", "issuer-mismatch"),
    ] {
        assert_eq!(told(&BrowserFacts { seen: Some(seen), ..well() })[0], expected, "{seen}");
    }
    for (seconds, expected) in [(5, "clock-agrees"), (6, "clock-skew"), (-6, "clock-skew"), (60, "clock-skew"), (61, "clock-wrong"), (-3600, "clock-wrong")] {
        assert_eq!(told(&BrowserFacts { asked_at: Some(at(seconds)), ..well() })[1], expected, "{seconds}");
    }
}

#[test]
fn what_of_cookies_passes_in_a_frame_and_in_a_window() {
    let framed = |cookie, access, inactive| told(&BrowserFacts { cookie, access, inactive, ..well() })[3];
    assert_eq!(framed(true, Some(true), false), "cookie-arrives");
    assert_eq!(framed(true, None, false), "cookie-arrives");
    assert_eq!(framed(false, Some(false), true), "storage-access-given");
    assert_eq!(framed(false, Some(true), false), "cookie-absent");
    assert_eq!(framed(false, Some(false), false), "cookies-blocked");
    assert_eq!(framed(false, None, false), "storage-access-unsupported");
    let window = |cookie| told(&BrowserFacts { cookie, framed: false, ..well() })[3..5].to_vec();
    assert_eq!((window(true), window(false)), (vec!["cookie-arrives", "frame-not-tried"], vec!["cookie-absent", "frame-not-tried"]));
}

#[test]
fn fedcm() {
    let told = |fedcm| told(&BrowserFacts { fedcm, ..well() })[4];
    assert_eq!((told(Fedcm::Missing), told(Fedcm::NotAllowed)), ("fedcm-missing", "fedcm-not-allowed"));
    let without = client(|metadata| metadata.fedcm = false);
    for (fedcm, expected) in [(Fedcm::Available, "fedcm-not-registered"), (Fedcm::NotAllowed, "fedcm-not-registered"), (Fedcm::Missing, "fedcm-missing")] {
        assert_eq!(codes(&browser(&facts(&without, Some(ORIGIN)), &BrowserFacts { fedcm, ..well() }, at(0)))[4], expected);
    }
}

#[test]
fn headers_that_something_on_the_way_changed() {
    let policy = "default-src 'none'; frame-ancestors https://app.example.com; base-uri 'none'";
    let judged = |frame_options, policy, opener_policy| told(&BrowserFacts { headers: FramingHeaders { frame_options, policy, opener_policy }, ..well() })[2];
    assert_eq!(judged(None, Some(policy), None), "framing-headers-agree");
    for (frame_options, policy, opener_policy) in [
        (Some("DENY"), Some(policy), None),
        (Some("SAMEORIGIN"), Some(policy), None),
        (None, None, None),
        (None, Some(&*format!("{policy}, frame-ancestors 'self'")), None),
        (None, Some("frame-ancestors 'self'"), None),
        (None, Some("default-src 'self'"), None),
        (None, Some(policy), Some("same-origin")),
    ] {
        assert_eq!(judged(frame_options, policy, opener_policy), "framing-headers-changed", "{frame_options:?} {policy:?}");
    }
    // A page that nobody may hold says so, and its header is the server's own.
    let still = client(|metadata| metadata.may_be_framed = false);
    for (client, origin) in [(&still, Some(ORIGIN)), (&client(|_| ()), Some("https://evil.test")), (&client(|_| ()), None)] {
        let headers = FramingHeaders { frame_options: Some("DENY"), policy: Some("frame-ancestors 'none'; base-uri 'none'"), opener_policy: None };
        assert_eq!(codes(&browser(&facts(client, origin), &BrowserFacts { headers, ..well() }, at(0)))[2], "framing-headers-agree");
        assert_eq!(codes(&browser(&facts(client, origin), &well(), at(0)))[2], "framing-headers-changed");
    }
}
