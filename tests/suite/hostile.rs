//! Input that nobody means well by: it is refused or taken as it is, and never answered with a failure of the server.

use poem::http::Method;

use crate::support::app::{App, OWN_PAGE, PASSWORD, SERVER};
use crate::support::browser::{Landing, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::network::Answer;

each_database!(odd_text_in_every_parameter, bodies_that_are_none, names_of_users_mean_one_user);

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
