//! `prompt=none`: it never shows a page, and it says why not (OIDC Core §3.1.2.1, §3.1.2.6).

use chrono::TimeDelta;
use gatekey::domain::session::EndReason;
use gatekey::store::consents;
use gatekey::store::tree::{self, Node};

use crate::support::app::{App, OTHER_PAGE, OWN_PAGE, PAGE};
use crate::support::attack::{ask_as, session_cookie, told};
use crate::support::browser::{Browser, CROSS_SITE_FRAME};
use crate::support::database::{Database, each_database};
use crate::support::log::listen;
use crate::support::network::parameter;

each_database!(
    without_consent_consent_is_required,
    it_succeeds_and_writes_nothing_that_counts_as_signing_in,
    a_frame_of_another_site_gets_its_answer,
    a_browser_that_may_send_its_cookies_is_asked_to,
    the_log_says_why_each_time,
);

/// OIDC Core §3.1.2.6; CS-03: what was never allowed, and what goes beyond it.
async fn without_consent_consent_is_required(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let party = app.relying_party(PAGE);
    app.sign_in(&mut browser, &party, "openid profile").await;
    party.code(&app.silently(&mut browser, &party, "openid profile", &[]).await);
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    for more in ["openid profile email", "openid offline_access"] {
        assert_eq!(party.error(&app.silently(&mut browser, &party, more, &[]).await), "consent_required", "{more}");
    }
    let other = app.relying_party(OTHER_PAGE);
    assert_eq!(other.error(&app.silently(&mut browser, &other, "openid", &[]).await), "consent_required");
    // The operator's own application needs none.
    let own = app.relying_party(OWN_PAGE);
    own.code(&app.silently(&mut browser, &own, "openid profile email offline_access", &[]).await);
    // CS-05: withdrawn is withdrawn.
    let alice = app.user("alice").await.id;
    app.write(move |db| consents::withdraw(db, alice, &gatekey::domain::id::ClientId::parse(PAGE).unwrap())).await;
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid profile", &[]).await), "consent_required");
}

/// It renews without a password and changes nothing of the sign-in: same auth_time, same end, same `sid`.
async fn it_succeeds_and_writes_nothing_that_counts_as_signing_in(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &party, "openid").await;
    let first = party.claims(first.id.as_ref().unwrap()).await;
    for _ in 0..3 {
        app.advance(TimeDelta::hours(20));
        let response = app.silently(&mut browser, &party, "openid", &[]).await;
        assert_eq!(parameter(&response, "error"), None);
        let tokens = party.exchange(&party.code(&response)).await;
        let claims = party.claims(tokens.id.as_ref().unwrap()).await;
        for name in ["sub", "sid", "auth_time", "session_expiry", "acr"] {
            assert_eq!(claims[name], first[name], "{name}");
        }
        assert_eq!(claims["iat"], app.seconds());
    }
}

/// With cookies allowed the session is found; where the browser keeps them back the answer is login_required.
async fn a_frame_of_another_site_gets_its_answer(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let url = party.authorize("openid", &[("prompt", "none")]);
    party.code(&browser.navigate(&url, CROSS_SITE_FRAME).await.left());
    browser.jar.clear();
    assert_eq!(party.error(&browser.navigate(&url, CROSS_SITE_FRAME).await.left()), "login_required");
}

/// Storage Access Headers: only where it can help (a silent request from a frame, without the cookies that the user lets it have), and only
/// for an origin of the client's own.
async fn a_browser_that_may_send_its_cookies_is_asked_to(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let (name, value) = session_cookie(&browser);
    let cookie = format!("{name}={value}");
    let waiting = [("sec-fetch-storage-access", "inactive"), ("sec-fetch-dest", "iframe"), ("origin", "https://own.example.test")];
    let asked = |mode: &str, prompt: &str| party.authorize("openid", &[("prompt", prompt), ("response_mode", mode)]).to_string();
    for mode in ["", "web_message"] {
        let answer = app.network.get(&asked(mode, "none"), &waiting).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (401, 0));
        assert_eq!(answer.header("activate-storage-access"), Some("retry; allowed-origin=\"https://own.example.test\""));
        assert_eq!((answer.header("vary"), answer.header("cache-control")), (Some("Sec-Fetch-Storage-Access"), Some("no-store")));
        // What it is for.
        let mut again = waiting.to_vec();
        again[0].1 = "active";
        again.push(("cookie", &cookie));
        let answer = app.network.get(&asked(mode, "none"), &again).await;
        assert!(told(&answer).1.contains_key("code"), "{mode}");
        assert_eq!((answer.header("vary"), answer.header("activate-storage-access")), (Some("Sec-Fetch-Storage-Access"), None));
        // Anything else is answered at once.
        for (what, prompt, change) in [
            ("no permission", "none", (0, "none")),
            ("no frame", "none", (1, "document")),
            ("another origin", "none", (2, "https://evil.test")),
            ("another client's origin", "none", (2, "https://app.example.test")),
            ("no origin", "none", (2, "null")),
            ("not silent", "login", (0, "inactive")),
        ] {
            let mut headers = waiting.to_vec();
            headers[change.0].1 = change.1;
            let answer = app.network.get(&asked(mode, prompt), &headers).await;
            assert_eq!(answer.header("activate-storage-access"), None, "{what}");
            assert_ne!(answer.status.as_u16(), 401, "{what}");
        }
        // With a cookie there is nothing to ask for, whatever it is worth.
        let mut with = waiting.to_vec();
        with.push(("cookie", &cookie));
        assert_eq!(app.network.get(&asked(mode, "none"), &with).await.header("activate-storage-access"), None);
    }
    let unknown = party.authorize("openid", &[("prompt", "none"), ("client_id", "nobody")]);
    assert_eq!(app.network.get(unknown.as_str(), &waiting).await.status.as_u16(), 400);
}

/// The application hears `login_required`, whatever it was; the operator reads which it was.
async fn the_log_says_why_each_time(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let (name, _) = session_cookie(&browser);
    let asked = |more| party.authorize("openid", &[("prompt", "none"), more]);
    let heard = listen();
    let said = |reason: &str| heard.count(&format!("error=\"login_required\" reason={reason}"));
    let refused = async |browser: &mut Browser, more, reason: &str| {
        let answer = ask_as(browser, &asked(more), CROSS_SITE_FRAME).await;
        assert_eq!(told(&answer).1["error"], "login_required");
        assert_eq!(said(reason), 1, "{reason}: {}", heard.text());
    };
    let nothing = ("display", "page");
    refused(&mut app.browser(), nothing, "no_cookie").await;
    let odd = app.network.get(asked(nothing).as_str(), &[("cookie", &format!("{name}={}", "x".repeat(43)))]).await;
    assert_eq!((told(&odd).1["error"].as_str(), said("no_session")), ("login_required", 1), "{}", heard.text());
    app.advance(TimeDelta::seconds(60));
    refused(&mut browser, ("max_age", "59"), "max_age").await;
    let mut ended = app.browser();
    app.sign_in(&mut ended, &party, "openid").await;
    app.advance(TimeDelta::days(13));
    // The control.
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    app.advance(TimeDelta::days(7));
    refused(&mut ended, nothing, "expired_idle").await;
    app.advance(TimeDelta::days(11));
    refused(&mut browser, nothing, "expired_absolute").await;
    let mut last = app.browser();
    app.sign_in(&mut last, &party, "openid").await;
    let (alice, now) = (app.user("alice").await.id, app.now());
    app.write(move |db| tree::end(db, &Node::User(alice), EndReason::RevokedByAdmin, now)).await;
    refused(&mut last, nothing, "revoked_by_admin").await;
}
