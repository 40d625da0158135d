//! Input that nobody means well by: it is refused or taken as it is, and never answered with a failure of the server.

use poem::http::Method;

use crate::support::app::{App, OWN_PAGE, PASSWORD, SERVER};
use crate::support::browser::{OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::log::listen;
use crate::support::network::Answer;

each_database!(
    other_methods_are_told_which_there_are,
    bodies_that_are_none,
    the_log_says_what_was_not_read,
    names_of_users_mean_one_user,
    a_resource_that_is_none_is_no_target,
);

const ODD: &[&str] = &["\0", "a\0b", "\u{feff}x", "\u{1f600}\u{10ffff}", "%", "_", "' OR '1'='1", "\\", "\r\n", "é\u{301}", "\u{202e}abc"];

fn honest(answer: &Answer, what: &str) {
    assert!(!answer.status.is_server_error(), "{what}: {} {}", answer.status, answer.text());
}

/// RFC 9110 §15.5.6.
async fn other_methods_are_told_which_there_are(database: Database) {
    let app = App::start(database).await;
    let delete = async |path: &str| app.network.send(Method::DELETE, &format!("{}{path}", app.issuer), &[], "").await;
    for (path, allow) in [("", "GET, HEAD"), ("oauth/token", "OPTIONS, POST"), ("userinfo", "OPTIONS, GET, HEAD, POST"), ("consent", "GET, HEAD, POST")] {
        let answer = delete(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow"), answer.header("cache-control")), (405, Some(allow), Some("no-store")), "{path}");
    }
}

/// DS-01, DS-11, JO-11.
async fn bodies_that_are_none(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let form = "application/x-www-form-urlencoded";
    let refresh = format!("grant_type=refresh_token&client_id={OWN_PAGE}&refresh_token=x");
    let big = format!("{refresh}&padding={}", "x".repeat(1 << 20));
    let many = format!("{refresh}{}", "&a=b".repeat(10_000));
    for (content_type, body) in [
        (form, big.as_str()),
        (form, &many),
        (form, "grant_type=%ff%fe"),
        (form, "%"),
        (form, "=&=&="),
        ("text/plain", &refresh),
        ("multipart/form-data; boundary=x", "--x--"),
        ("application/json", "{"),
        ("", &refresh),
    ] {
        for path in ["oauth/token", "oauth/revoke", "oauth/introspect", "login", "consent", "authorize", "oidc/logout"] {
            let answer = app.network.send(Method::POST, &party.endpoint(path), &[("content-type", content_type)], body).await;
            assert!(!answer.status.is_success() || path == "oidc/logout", "{path}: {content_type}: {}", answer.status);
            honest(&answer, &format!("{path}: {content_type}"));
        }
    }
    let answer =
        app.network.send(Method::POST, &party.endpoint("oauth/token"), &[("content-type", form), ("content-encoding", "gzip")], refresh.as_str()).await;
    assert!(answer.status.is_client_error());
}

/// In the words of the rest of the log.
async fn the_log_says_what_was_not_read(database: Database) {
    let app = App::start(database).await;
    let heard = listen();
    let send = async |path: &str, headers: &[(&str, &str)], body: String| {
        app.network.send(Method::POST, &format!("{}{path}", app.issuer), headers, body).await;
    };
    let big = "x".repeat(1 << 17);
    send("oauth/token", &[], big).await;
    send("oauth/token", &[("content-encoding", "gzip")], String::new()).await;
    send("oauth/token?client_secret=hush", &[], String::new()).await;
    send("oauth/token", &[("host", "evil.test")], String::new()).await;
    for words in
        ["reason=\"body_too_long\"", "reason=\"body_encoded\"", "reason=\"secret_in_address\" name=\"client_secret\"", "reason=\"header_twice\" name=\"host\""]
    {
        assert_eq!(heard.count(&format!("refused before it was read {words}")), 1, "{words}: {}", heard.text());
    }
    assert_eq!(heard.count("hush"), 0);
}

/// AC-15: capitals and spaces are forgiven, look-alikes are other people.
async fn names_of_users_mean_one_user(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut subjects = vec![];
    for name in ["alice", "ALICE", " Alice "] {
        let response = app.authorize_as(&mut app.browser(), &party.authorize("openid", &[]), name).await;
        let tokens = party.exchange(&party.code(&response)).await;
        subjects.push(party.claims(tokens.id.as_ref().unwrap()).await["sub"].clone());
    }
    assert!(subjects.iter().all(|sub| *sub == subjects[0]));
    for other in ["аlice", "ａlice", "alice\u{200b}", "al%", "alic_", "alice@example.test"] {
        let mut browser = app.browser();
        let form = form_with(&app.sign_in_page(&mut browser, &party).await, "password").fill("username", other).fill("password", PASSWORD);
        let answer = browser.submit_as(&form, None, OWN_FORM).await;
        assert_eq!(answer.location(), None, "{other}");
    }
}

/// RFC 8707 §2: at every endpoint that takes one, and nothing is spent by it.
async fn a_resource_that_is_none_is_no_target(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(SERVER);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, "openid").await;
    let code = party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    let exchange = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &party.redirect_uri), ("code_verifier", &party.verifier)];
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh())];
    for odd in ODD.iter().copied().chain(["https://api.example.test", "https://api.example.test/#x", "https://evil.test/", FORGED]) {
        let response = app.silently(&mut browser, &party, "openid", &[("resource", odd)]).await;
        assert_eq!(party.error(&response), "invalid_target", "{odd:?}");
        for request in [&exchange[..], &refresh] {
            let answer = party.post("oauth/token", &[request, &[("resource", odd)]].concat()).await;
            assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_target"), "{odd:?}");
        }
    }
    // The control.
    let right = [("resource", "https://api.example.test/")];
    party.code(&app.silently(&mut browser, &party, "openid", &right).await);
    for request in [&exchange[..], &refresh] {
        let answer = party.post("oauth/token", &[request, &right].concat()).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    }
}

/// What an attacker would like to be read in a log.
const FORGED: &str = "x\r\n2027-01-15T08:00:00.000000Z  INFO signed in event=\"login.succeeded\" forged\n\u{1b}[31mforged";
