//! Input that nobody means well by: it is refused or taken as it is, and never answered with a failure of the server.

use std::io::Write;
use std::sync::{Arc, Mutex};

use poem::http::Method;

use crate::support::app::{App, OWN_PAGE, PASSWORD, SERVER};
use crate::support::browser::{Landing, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::network::Answer;

each_database!(odd_text_in_every_parameter, bodies_that_are_none, names_of_users_mean_one_user, a_resource_that_is_none_is_no_target, nobody_writes_a_log_line);

const ODD: &[&str] = &["\0", "a\0b", "\u{feff}x", "\u{1f600}\u{10ffff}", "%", "_", "' OR '1'='1", "\\", "\r\n", "é\u{301}", "\u{202e}abc"];

fn honest(answer: &Answer, what: &str) {
    assert!(!answer.status.is_server_error(), "{what}: {} {}", answer.status, answer.text());
}

/// JO-11, AC-16, DS-04: both databases say the same.
async fn odd_text_in_every_parameter(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let tokens = app.sign_in(&mut app.browser(), &party, "openid").await;
    let long = "x".repeat(9_000);
    for odd in ODD.iter().copied().chain([long.as_str()]) {
        for name in [
            "client_id",
            "redirect_uri",
            "scope",
            "state",
            "nonce",
            "prompt",
            "max_age",
            "code_challenge",
            "login_hint",
            "id_token_hint",
            "ui_locales",
            "resource",
            "claims",
        ] {
            if let Landing::Page(page) = app.browser().visit(party.authorize("openid", &[(name, odd)]).as_str()).await {
                honest(&page, &format!("{name}={:?}", &odd[..odd.len().min(20)]));
            }
        }
        for (grant, name) in [
            ("authorization_code", "code"),
            ("authorization_code", "redirect_uri"),
            ("authorization_code", "code_verifier"),
            ("refresh_token", "refresh_token"),
            ("refresh_token", "scope"),
            (odd, "x"),
        ] {
            honest(&party.post("oauth/token", &[("grant_type", grant), (name, odd)]).await, name);
        }
        let unknown = [("grant_type", "refresh_token"), ("client_id", odd), ("refresh_token", tokens.refresh())];
        honest(&app.network.post_form(&party.endpoint("oauth/token"), &[], &unknown).await, "client_id");
        honest(&app.relying_party(SERVER).post("oauth/introspect", &[("token", odd)]).await, "introspect");
        honest(&party.revoke(odd).await, "revoke");
        if !odd.contains(['\0', '\r']) && odd.is_ascii() {
            honest(&party.userinfo(odd).await, "userinfo");
        }
        let logout = url::Url::parse_with_params(
            &party.endpoint("oidc/logout"),
            [("id_token_hint", odd), ("state", odd), ("client_id", odd), ("post_logout_redirect_uri", odd)],
        )
        .unwrap();
        honest(&app.browser().visit(logout.as_str()).await.page(), "logout");

        let mut browser = app.browser();
        let form = form_with(&app.sign_in_page(&mut browser, &party).await, "password");
        for wrong in [
            form.clone().fill("username", odd).fill("password", PASSWORD),
            form.clone().fill("username", "alice").fill("password", odd),
            form.clone().fill("ticket", odd),
        ] {
            let answer = browser.submit_as(&wrong, None, OWN_FORM).await;
            honest(&answer, "sign-in");
            assert_eq!(answer.location(), None);
        }
    }
    // The control.
    party.refresh(tokens.refresh()).await;
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

/// What an attacker would like to be read in the log.
const FORGED: &str = "x\r\n2027-01-15T08:00:00.000000Z  INFO signed in event=\"login.succeeded\" forged\n\u{1b}[31mforged";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// ASVS 16.4.1, in the program's text form: whatever a request says, a line of the log is one event of ours.
async fn nobody_writes_a_log_line(database: Database) {
    let app = App::start(database).await;
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(move || writer.clone()).finish();
    // The runtime has this one thread.
    let listening = tracing::subscriber::set_default(subscriber);
    let party = app.relying_party(SERVER);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, "openid").await;
    let names = [
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "state",
        "nonce",
        "prompt",
        "display",
        "max_age",
        "code_challenge",
        "code_challenge_method",
        "login_hint",
        "id_token_hint",
        "ui_locales",
        "acr_values",
        "resource",
        "claims",
        "request",
        "request_uri",
        FORGED,
    ];
    for name in names {
        for prompt in ["none", "login"] {
            browser.visit(party.authorize("openid", &[("prompt", prompt), (name, FORGED)]).as_str()).await;
        }
    }
    let first = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh())];
    for name in ["grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "resource", "token", FORGED] {
        for grant in ["refresh_token", "authorization_code", "client_credentials", FORGED] {
            let mut fields = vec![("grant_type", grant), first[1], ("code", "x"), ("token", "x")];
            fields.retain(|(field, _)| *field != name);
            fields.push((name, FORGED));
            for path in ["oauth/token", "oauth/introspect", "oauth/revoke"] {
                party.post(path, &fields).await;
                app.network.post_form(&party.endpoint(path), &[], &fields).await;
            }
        }
    }
    let mut stranger = app.browser();
    let form = form_with(&app.sign_in_page(&mut stranger, &party).await, "password");
    stranger.submit_as(&form.fill("username", FORGED).fill("password", FORGED), None, OWN_FORM).await;
    let hint = url::Url::parse_with_params(&party.endpoint("oidc/logout"), [("id_token_hint", FORGED), ("client_id", FORGED)]).unwrap();
    stranger.visit(hint.as_str()).await;
    drop(listening);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("login.succeeded") && log.contains("authorization refused") && log.contains("invalid_target"), "the log was heard: {log}");
    for line in log.split(['\n', '\r']).filter(|line| !line.is_empty()) {
        assert!(line.starts_with("20") && !line.starts_with("2027-01-15T08:00:00.000000Z"), "not a line of ours: {line:?}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}
