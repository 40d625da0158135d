//! The authorization code flow with PKCE, from the first redirect to the end of the session.

use chrono::TimeDelta;
use poem::http::Method;
use serde_json::json;

use crate::support::app::{App, OWN_PAGE, PAGE, PASSWORD, SERVER};
use crate::support::browser::form_with;
use crate::support::database::{Database, each_database};
use crate::support::form::forms;

each_database!(the_whole_way, id_token_says_who_and_how_long, response_modes, a_wrong_password_says_nothing, request_objects_are_refused_by_name,);

/// Sign-in, code, tokens, userinfo, refresh, revoke, introspect, logout: one client through it all.
async fn the_whole_way(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let server = app.relying_party(SERVER);

    let tokens = app.sign_in(&mut browser, &server, "openid profile email").await;
    let claims = server.claims(tokens.id.as_ref().unwrap()).await;
    assert_eq!(claims["sub"], app.user("alice").await.id.to_string());

    // OIDC Core §5.3.2
    let userinfo = server.userinfo(&tokens.access).await;
    assert_eq!(userinfo.status.as_u16(), 200);
    assert_eq!(userinfo.json()["sub"], claims["sub"]);
    assert_eq!(userinfo.json()["email"], "alice@example.test");
    assert_eq!(userinfo.json()["name"], "Alice Example");

    // RFC 7662 §2.2
    let active = server.introspect(&tokens.access).await;
    assert_eq!((&active["active"], &active["client_id"], &active["sub"]), (&json!(true), &json!(SERVER), &claims["sub"]));
    assert_eq!(server.introspect(tokens.refresh()).await["active"], true);

    // RFC 6749 §6
    let second = server.refresh(tokens.refresh()).await;
    assert_ne!(second.refresh(), tokens.refresh());
    assert_eq!(server.introspect(&second.access).await["active"], true);

    // RFC 7009 §2.1: the grant ends, and with it every token of it. TI-02
    assert_eq!(server.revoke(second.refresh()).await.status.as_u16(), 200);
    server.refused(second.refresh()).await;
    for dead in [&tokens.access, &second.access, &tokens.refresh.unwrap(), second.refresh.as_ref().unwrap()] {
        assert_eq!(server.introspect(dead).await, json!({"active": false}));
    }
    assert_eq!(server.userinfo(&second.access).await.status.as_u16(), 401);

    // The session is untouched by that; a new grant needs no password.
    let response = app.silently(&mut browser, &server, "openid", &[]).await;
    let third = server.exchange(&server.code(&response)).await;

    // RP-Initiated Logout §2: with the hint nobody is asked, and everything below the session is dead. LO-05
    let hint = third.id.clone().unwrap();
    let end = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", "https://server.example.test/signed-out"), ("state", "s t")];
    let end = url::Url::parse_with_params(&server.endpoint("oidc/logout"), end).unwrap();
    let left = browser.visit(end.as_str()).await.left();
    assert_eq!(left.as_str(), "https://server.example.test/signed-out?state=s+t");
    server.refused(third.refresh()).await;
    assert_eq!(server.introspect(&third.access).await, json!({"active": false}));
    assert_eq!(server.userinfo(&third.access).await.status.as_u16(), 401);
    assert_eq!(server.error(&app.silently(&mut browser, &server, "openid", &[]).await), "login_required");
}

/// OIDC Core §2, §3.1.3.6; RFC 9068 §2.2; and what the application learns of its deadlines.
async fn id_token_says_who_and_how_long(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.lifetimes.session_absolute = "P7D".parse().unwrap();
        settings.lifetimes.session_idle = "P2D".parse().unwrap();
    })
    .await;
    let mut browser = app.browser();
    let party = app.relying_party(PAGE);
    let began = app.seconds();
    let response = app.authorize_as(&mut browser, &party.authorize("openid profile", &[]), "alice").await;
    app.advance(TimeDelta::seconds(5));
    let first = party.exchange(&party.code(&response)).await;

    let id = party.claims(first.id.as_ref().unwrap()).await;
    assert_eq!(id["iss"], app.issuer.as_str());
    assert_eq!(id["aud"], PAGE);
    assert_eq!(id["nonce"], party.nonce.as_str());
    assert_eq!(id["auth_time"], began);
    assert_eq!(id["iat"], began + 5);
    assert_eq!(id["amr"], json!(["pwd"]));
    assert_eq!(id["session_expiry"], began + 7 * 86_400);
    assert_eq!(id["preferred_username"], "alice");
    assert_eq!(id.get("email"), None, "not asked for");
    assert_eq!(first.json["session_expires_at"], began + 7 * 86_400);
    assert_eq!(first.json["session_idle_expires_at"], began + 2 * 86_400);

    let access = party.claims(&first.access).await;
    assert_eq!(access["client_id"], PAGE);
    assert_eq!(access["sid"], id["sid"]);
    assert_eq!(access["exp"], began + 5 + first.json["expires_in"].as_i64().unwrap());

    // OIDC Core §12.2: the same iss, sub, aud and auth_time; no nonce.
    app.advance(TimeDelta::minutes(1));
    let second = party.refresh(first.refresh()).await;
    let refreshed = party.claims(second.id.as_ref().unwrap()).await;
    for name in ["iss", "sub", "aud", "auth_time", "sid", "session_expiry"] {
        assert_eq!(refreshed[name], id[name], "{name}");
    }
    assert_eq!(refreshed.get("nonce"), None);
    assert_ne!(refreshed["at_hash"], id["at_hash"]);

    // Each application knows the session by another name.
    let other = app.relying_party(OWN_PAGE);
    let response = app.silently(&mut browser, &other, "openid", &[]).await;
    let elsewhere = other.claims(other.exchange(&other.code(&response)).await.id.as_ref().unwrap()).await;
    assert_eq!(elsewhere["sub"], id["sub"]);
    assert_ne!(elsewhere["sid"], id["sid"]);
}

/// OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode §2.
async fn response_modes(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let party = app.relying_party(OWN_PAGE);
    app.sign_in(&mut browser, &party, "openid").await;

    let fragment = browser.visit(party.authorize("openid", &[("response_mode", "fragment")]).as_str()).await.left();
    assert_eq!(fragment.query(), None);
    let fields: std::collections::HashMap<_, _> = form_urlencoded::parse(fragment.fragment().unwrap().as_bytes()).into_owned().collect();
    assert_eq!(fields["state"], party.state);
    party.exchange(&fields["code"]).await;

    let posted = browser.visit(party.authorize("openid", &[("response_mode", "form_post")]).as_str()).await.page();
    let form = forms(&posted.url, posted.text()).remove(0);
    assert_eq!((form.action.as_str(), form.method.as_str()), (party.redirect_uri.as_str(), "post"));
    assert_eq!(form.field("state").unwrap().value, party.state);
    assert_eq!(form.field("iss").unwrap().value, app.issuer);
    party.exchange(&form.field("code").unwrap().value).await;

    // A refusal travels the same way (MX-01).
    let refused = browser.visit(party.authorize("openid", &[("response_mode", "form_post"), ("prompt", "bogus")]).as_str()).await.page();
    let form = forms(&refused.url, refused.text()).remove(0);
    assert_eq!(form.field("error").unwrap().value, "invalid_request");
    assert_eq!(form.field("iss").unwrap().value, app.issuer);

    // OIDC Core §3.1.2.1: the authorization endpoint takes POST too.
    let body = party.authorize("openid", &[]).query().unwrap().to_owned();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = app.network.send(Method::POST, &party.endpoint("authorize"), &headers, body).await;
    assert!(answer.status.is_success() || answer.status.as_u16() == 303, "{} {}", answer.status, answer.text());
    if answer.status.is_success() {
        form_with(&answer, "password");
    }
}

/// AC-01: an unknown user, a wrong password and a disabled account read the same.
async fn a_wrong_password_says_nothing(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let bob = app.user("bobby").await.id;
    let now = app.now();
    app.write(move |db| gatekey::store::users::set_disabled(db, bob, Some(now), now)).await;
    let mut seen = Vec::new();
    for (username, password) in [("alice", "wrong horse battery staple"), ("nobod", PASSWORD), ("bobby", PASSWORD)] {
        let mut browser = app.browser();
        let page = app.sign_in_page(&mut browser, &party).await;
        let form = form_with(&page, "password").fill("username", username).fill("password", password);
        let answer = browser.submit(&form, None).await.page();
        assert!(!answer.text().contains(password), "the password is not sent back");
        let shown = form_with(&answer, "password");
        assert_eq!(shown.field("username").unwrap().value, username, "what was typed is kept");
        seen.push((answer.status, answer.text().len(), browser.jar.all().len()));
        // The control: from the same page the right password works.
        if username == "alice" {
            let landing = browser.submit(&shown.fill("password", PASSWORD), None).await;
            party.code(&landing.left());
        }
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

/// OIDC Core §6: request objects are refused by name.
async fn request_objects_are_refused_by_name(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let party = app.relying_party(OWN_PAGE);
    for (name, error) in [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")] {
        let response = browser.visit(party.authorize("openid", &[(name, "https://evil.test/x")]).as_str()).await.left();
        assert_eq!(party.error(&response), error);
    }
}
