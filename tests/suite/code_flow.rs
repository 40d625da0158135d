//! The authorization code flow with PKCE, from the first redirect to the end of the session.

use chrono::TimeDelta;
use poem::http::Method;
use serde_json::{Value, json};

use crate::support::app::{App, OTHER_PAGE, OWN_PAGE, PAGE, PASSWORD, SERVER};
use crate::support::browser::{Landing, form_with};
use crate::support::database::{Database, each_database};
use crate::support::form::forms;
use crate::support::network::parameter;
use crate::support::relying_party::tokens;

each_database!(
    the_whole_way,
    id_token_says_who_and_how_long,
    response_modes,
    a_wrong_password_says_nothing,
    pkce_is_not_optional,
    a_wrong_redirect_uri_is_a_page,
    duplicate_parameters_are_refused,
    a_code_works_once,
    a_code_is_bound_to_its_client_and_its_minute,
    other_response_types_and_grants_are_refused,
);

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

/// RFC 7636 §4.4.1, §4.6; RFC 9700 §2.1.1. PK-05, PK-06, PK-07.
async fn pkce_is_not_optional(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let party = app.relying_party(OWN_PAGE);
    app.sign_in(&mut browser, &party, "openid").await;

    for changes in [
        &[("code_challenge", "")][..],
        &[("code_challenge_method", "")],
        &[("code_challenge_method", "plain")],
        &[("code_challenge", "too-short")],
        &[("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=")],
    ] {
        let response = browser.visit(party.authorize("openid", changes).as_str()).await.left();
        assert_eq!(party.error(&response), "invalid_request", "{changes:?}");
    }

    for verifier in ["", "short", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl", &party.challenge()] {
        let response = app.silently(&mut browser, &party, "openid", &[]).await;
        let code = party.code(&response);
        let wrong = crate::support::relying_party::RelyingParty { verifier: verifier.to_owned(), ..party.clone() };
        let answer = wrong.try_exchange(&code).await;
        assert_eq!(answer.status.as_u16(), 400, "{verifier:?}: {}", answer.text());
        assert!(matches!(answer.error().as_str(), "invalid_grant" | "invalid_request"), "{}", answer.text());
    }
    // The control.
    let response = app.silently(&mut browser, &party, "openid", &[]).await;
    party.exchange(&party.code(&response)).await;
}

/// RFC 9700 §4.1.3, RFC 6749 §4.1.2.1. RU-01, RU-02, RU-03, RU-04, RU-06, RU-12, ER-01: nobody is redirected, and nothing is said to strangers.
async fn a_wrong_redirect_uri_is_a_page(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let party = app.relying_party(OWN_PAGE);
    app.sign_in(&mut browser, &party, "openid").await;
    let mut wrong: Vec<String> = [
        "https://own.example.test/callback/",
        "https://own.example.test/CALLBACK",
        "https://own.example.test/callback?x=1",
        "https://own.example.test/callback;x",
        "https://own.example.test:443/callback",
        "https://own.example.test/callback%2f",
        "https://own.example.test/callback#x",
        "https://own.example.test/callback/../evil",
        "https://own.example.test@evil.test/callback",
        "https://own.example.test.evil.test/callback",
        "https://own.example.test\\@evil.test/callback",
        "//evil.test",
        " https://own.example.test/callback",
        "https://own.example.test/callback\r\nx: y",
        "javascript:alert(1)",
        "https://app.example.test/callback",
    ]
    .map(str::to_owned)
    .to_vec();
    wrong.push(String::new());
    for uri in &wrong {
        let page = browser.visit(party.authorize("openid", &[("redirect_uri", uri)]).as_str()).await.page();
        assert_eq!(page.status.as_u16(), 400, "{uri:?}");
        assert!(page.header("content-type").unwrap().starts_with("text/html"));
        assert!(!page.text().contains("gk_ac_"), "no code for {uri:?}");
    }
    for client in ["nobody", ""] {
        let page = browser.visit(party.authorize("openid", &[("client_id", client)]).as_str()).await.page();
        assert_eq!(page.status.as_u16(), 400);
    }
    // The control.
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
}

/// RFC 6749 §3.1, §3.2: a parameter comes once. RU-13.
async fn duplicate_parameters_are_refused(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let party = app.relying_party(OWN_PAGE);
    let first = app.sign_in(&mut browser, &party, "openid").await;
    let good = party.authorize("openid", &[]);
    for (name, value) in [("redirect_uri", "https://evil.test/"), ("client_id", PAGE), ("redirect_uri", party.redirect_uri.as_str())] {
        let mut twice = good.clone();
        twice.query_pairs_mut().append_pair(name, value);
        assert_eq!(browser.visit(twice.as_str()).await.page().status.as_u16(), 400, "{name}={value}");
    }
    for name in ["scope", "state", "nonce", "prompt", "code_challenge"] {
        let mut twice = good.clone();
        twice.query_pairs_mut().append_pair(name, "none").append_pair(name, "none");
        let refused = match browser.visit(twice.as_str()).await {
            Landing::Page(page) => page.status.as_u16() == 400,
            Landing::Left(url) => parameter(&url, "error").as_deref() == Some("invalid_request"),
        };
        assert!(refused, "{name}");
    }
    let refresh = first.refresh();
    let answer = party.post("oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", refresh), ("refresh_token", refresh)]).await;
    assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_request"));
    // The control: it was not spent by that.
    party.refresh(refresh).await;
}

/// RFC 6749 §4.1.2: a second redemption is refused and ends what the first one issued. CO-01.
async fn a_code_works_once(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let server = app.relying_party(SERVER);
    for wait in [0, 1, 30] {
        let code = server.code(&app.authorize_as(&mut browser, &server.authorize("openid", &[]), "alice").await);
        let first = server.exchange(&code).await;
        let second = server.refresh(first.refresh()).await;
        assert_eq!(server.introspect(&first.access).await["active"], true);
        app.advance(TimeDelta::seconds(wait));
        let again = server.try_exchange(&code).await;
        assert_eq!((again.status.as_u16(), again.error().as_str()), (400, "invalid_grant"));
        server.refused(second.refresh()).await;
        server.refused(first.refresh()).await;
        assert_eq!(server.introspect(&first.access).await, json!({"active": false}));
        assert_eq!(server.introspect(&second.access).await, json!({"active": false}));
        assert_eq!(server.userinfo(&second.access).await.status.as_u16(), 401);
        // Its owner is still signed in.
        server.code(&app.silently(&mut browser, &server, "openid", &[]).await);
    }
}

/// RFC 6749 §4.1.3, FAPI 2.0 §5.3.2.1-11. CO-04, CO-06, CO-07, CO-11, RU-14.
async fn a_code_is_bound_to_its_client_and_its_minute(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let party = app.relying_party(OWN_PAGE);
    let tokens_of_first = app.sign_in(&mut browser, &party, "openid").await;
    let mut code = async || party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    let refused = |answer: crate::support::network::Answer| assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_grant"));

    // Another client, with its own redirect URI or with the first one's.
    let thief = app.relying_party(OTHER_PAGE);
    refused(thief.try_exchange(&code().await).await);
    let stolen = crate::support::relying_party::RelyingParty { redirect_uri: party.redirect_uri.clone(), ..thief };
    refused(stolen.try_exchange(&code().await).await);
    let other_uri = crate::support::relying_party::RelyingParty { redirect_uri: "https://own.example.test/other".to_owned(), ..party.clone() };
    refused(other_uri.try_exchange(&code().await).await);

    // 59 s are fine; 61 s are not.
    let in_time = code().await;
    app.advance(TimeDelta::seconds(59));
    party.exchange(&in_time).await;
    let late = code().await;
    app.advance(TimeDelta::seconds(61));
    refused(party.try_exchange(&late).await);
    // A clock that goes back brings no used code to life.
    app.advance(TimeDelta::seconds(-30));
    refused(party.try_exchange(&in_time).await);

    // What is not a code is no code; what is not quite the code is none either.
    for text in [tokens_of_first.refresh(), &tokens_of_first.access, tokens_of_first.id.as_ref().unwrap(), "x"] {
        refused(party.try_exchange(text).await);
    }
    let code = code().await;
    for changed in [format!("{code}="), format!("{code}A"), code[..code.len() - 1].to_owned(), format!(" {code}"), format!("{code}\n"), code.to_uppercase()] {
        refused(party.try_exchange(&changed).await);
    }
    tokens(&party.try_exchange(&code).await);
}

/// RFC 9700 §2.1.2, §2.4. RM-06.
async fn other_response_types_and_grants_are_refused(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let party = app.relying_party(OWN_PAGE);
    for response_type in ["token", "id_token", "id_token token", "code token", "code id_token", "none"] {
        let response = browser.visit(party.authorize("openid", &[("response_type", response_type)]).as_str()).await.left();
        assert_eq!(party.error(&response), "unsupported_response_type", "{response_type}");
    }
    for (grant, fields) in [("password", [("username", "alice"), ("password", PASSWORD)]), ("implicit", [("a", "b"), ("c", "d")])] {
        let answer = party.post("oauth/token", &[&[("grant_type", grant)], &fields[..]].concat()).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "unsupported_grant_type"));
    }
    // OIDC Core §6: request objects are refused by name.
    for (name, error) in [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")] {
        let response = browser.visit(party.authorize("openid", &[(name, "https://evil.test/x")]).as_str()).await.left();
        assert_eq!(party.error(&response), error);
    }
    let metadata: Value = app.network.get(&party.endpoint(".well-known/openid-configuration"), &[]).await.json();
    assert_eq!(metadata["response_types_supported"], json!(["code"]));
    assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]), "PK-09");
    assert_eq!(metadata["issuer"], app.issuer.as_str());
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true, "MX-01");
}
