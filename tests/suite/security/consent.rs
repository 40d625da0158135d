//! J. Consent and scopes: what was asked, of whom, for which application, and no more.

use chrono::TimeDelta;
use gatekey::domain::client::ClientKind;
use gatekey::domain::id::ClientId;
use gatekey::domain::redirect_uri::RedirectUri;
use gatekey::domain::scope::Scope;
use gatekey::domain::session::EndReason;
use gatekey::store::tree::{self, Node};
use gatekey::store::{consents, users};
use poem::http::Method;
use serde_json::json;

use crate::support::app::{App, MACHINE, OWN_PAGE, PAGE, PASSWORD, SERVER, client};
use crate::support::attack::{ask, state};
use crate::support::browser::{Browser, Landing, form_with};
use crate::support::database::{Database, each_database};
use crate::support::form::{Field, Form};
use crate::support::network::Answer;
use crate::support::relying_party::{RelyingParty, Tokens, tokens};

each_database!(
    cs_01_a_form_cannot_widen_the_scope,
    cs_02_whoever_cannot_be_told_apart_is_asked_about_each_time,
    cs_03_more_is_asked_for_again,
    cs_04_no_scope_that_is_not_registered,
    cs_05_a_withdrawn_consent_is_felt_at_once,
    cs_07_a_profile_overrides_no_claim,
);

/// alice at the consent page of a request.
async fn consent_page(browser: &mut Browser, party: &RelyingParty, scope: &str) -> Answer {
    let page = browser.visit(party.authorize(scope, &[]).as_str()).await.page();
    if !page.text().contains("type=\"password\"") {
        return page;
    }
    browser.submit(&form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD), None).await.page()
}

fn with(mut form: Form, name: &str, value: &str) -> Form {
    form.fields.push(Field { name: name.to_owned(), value: value.to_owned(), kind: "hidden".to_owned() });
    form
}

/// RFC 6749 §3.3, RFC 9700 §2.3.
async fn cs_01_a_form_cannot_widen_the_scope(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let allowed = Scope::parse("openid profile email offline_access").unwrap();
    for (scope, field, value) in [
        ("openid profile", "scope", "openid profile email"),
        ("openid profile", "scopes", "email"),
        ("openid profile", "scope[]", "email"),
        ("openid profile", "scope", ""),
        ("openid openid profile", "scope_email", "on"),
        ("openid profile unknown:scope admin", "granted_scopes", "admin"),
    ] {
        let user = app.user("alice").await.id;
        app.write(move |db| consents::withdraw(db, user, &ClientId::parse(PAGE).unwrap())).await;
        let mut browser = app.browser();
        let page = consent_page(&mut browser, &party, scope).await;
        let form = with(form_with(&page, "decision"), field, value);
        let granted = party.exchange(&party.code(&browser.submit(&form, Some("allow")).await.left())).await;
        assert_eq!(granted.json["scope"], "openid profile", "{scope}, {field}={value}");
        let consent = app.store.read(move |db| consents::find(db, user, &ClientId::parse(PAGE).unwrap())).await.unwrap().unwrap();
        assert!(consent.scope == Scope::parse("openid profile").unwrap() && consent.scope.is_subset(&allowed));
    }
    // The same field twice is no form at all; scopes of any length are one answer or the other.
    let mut browser = app.browser();
    let page = consent_page(&mut browser, &party, "openid email").await;
    let form = with(with(form_with(&page, "decision"), "decision", "allow"), "scope", "email");
    let before = state(&app).await;
    let answer = browser.submit_as(&form, Some("allow"), crate::support::browser::OWN_FORM).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (400, None));
    let long = format!("openid {}", "x".repeat(50 * 1024));
    let many: String = (0..8_000).map(|i| format!("s{i} ")).collect();
    for (scope, error) in
        [(long.as_str(), "invalid_request"), (&many, "invalid_request"), ("unknown:scope", "invalid_scope"), ("a\"b", "invalid_scope"), ("", "invalid_scope")]
    {
        let response = ask(&mut browser, &party.authorize(scope, &[])).await.location().unwrap();
        assert_eq!(party.error(&response), error, "{}", &scope[..scope.len().min(20)]);
    }
    let huge = form_urlencoded::Serializer::new(String::new()).extend_pairs(party.parameters(&"x ".repeat(100 * 1024))).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = app.network.send(Method::POST, &party.endpoint("authorize"), &headers, huge).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (413, None), "100 kB");
    assert_eq!(state(&app).await, before);
}

/// RFC 8252 §8.6, ASVS 10.7.1: anything on the user's device can have a native application's loopback port or scheme, so a yes given once
/// says nothing of who asks today. An https address belongs to somebody: there it is remembered.
async fn cs_02_whoever_cannot_be_told_apart_is_asked_about_each_time(database: Database) {
    let app = App::start_with(database, |settings| {
        for (id, first_party) in [("native", false), ("own-native", true)] {
            settings.clients.push(client(id, ClientKind::Native, "https://native.example.test", |client| {
                client.first_party = first_party;
                client.redirect_uris.extend(["http://127.0.0.1/cb", "com.example.app:/callback"].iter().map(|uri| RedirectUri::parse(uri).unwrap()));
            }));
        }
    })
    .await;
    for id in ["native", "own-native"] {
        let claimed = app.relying_party(id);
        let mut browser = app.browser();
        app.sign_in(&mut browser, &claimed, "openid").await;
        for uri in ["http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", "com.example.app:/callback"] {
            let party = RelyingParty { redirect_uri: uri.to_owned(), ..claimed.clone() };
            for _ in 0..2 {
                app.advance(TimeDelta::seconds(1));
                let before = state(&app).await;
                assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "consent_required", "{id} {uri}");
                let page = browser.visit(party.authorize("openid", &[]).as_str()).await.page();
                let form = form_with(&page, "decision");
                // Coming back to the page, or to a page of before, is no answer.
                form_with(&browser.visit(page.url.as_str()).await.page(), "decision");
                assert_eq!(party.error(&browser.clone().submit(&form, Some("deny")).await.left()), "access_denied");
                assert_eq!(state(&app).await.families, before.families);
                party.exchange(&party.code(&browser.submit(&form, Some("allow")).await.left())).await;
            }
        }
        // The control: an address that is the application's own, https, is remembered.
        claimed.code(&app.silently(&mut browser, &claimed, "openid", &[]).await);
    }
    // A page's address is its own too.
    let page = app.relying_party(PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &page, "openid").await;
    page.code(&app.silently(&mut browser, &page, "openid", &[]).await);
}

/// ASVS 10.7.2: another scope, other claims, access while nobody is there.
async fn cs_03_more_is_asked_for_again(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid profile").await;
    for less in ["openid profile", "openid", "profile"] {
        party.code(&app.silently(&mut browser, &party, less, &[]).await);
    }
    let before = state(&app).await;
    for more in ["openid profile email", "openid offline_access", "email", "openid profile email offline_access"] {
        assert_eq!(party.error(&app.silently(&mut browser, &party, more, &[]).await), "consent_required", "{more}");
        form_with(&browser.visit(party.authorize(more, &[]).as_str()).await.page(), "decision");
    }
    // Nor does another application have it, or another user, or the client when it refreshes.
    let other = app.relying_party(crate::support::app::OTHER_PAGE);
    assert_eq!(other.error(&app.silently(&mut browser, &other, "openid", &[]).await), "consent_required");
    assert_eq!(state(&app).await, before);
    let granted = party.exchange(&party.code(&app.silently(&mut browser, &party, "openid profile", &[]).await)).await;
    let wider = party.post("oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", granted.refresh()), ("scope", "openid profile email")]).await;
    assert_eq!((wider.status.as_u16(), wider.error().as_str()), (400, "invalid_scope"));
    assert!(party.userinfo(&granted.access).await.json().get("email").is_none());
    // The control: asked, allowed, and then silent.
    let page = browser.visit(party.authorize("openid email", &[]).as_str()).await.page();
    party.code(&browser.submit(&form_with(&page, "decision"), Some("allow")).await.left());
    party.code(&app.silently(&mut browser, &party, "openid profile email", &[]).await);
}

/// RFC 6749 §4.4, §3.3.
async fn cs_04_no_scope_that_is_not_registered(database: Database) {
    let app = App::start(database).await;
    let machine = app.relying_party(MACHINE);
    let before = state(&app).await;
    for scope in ["jobs:run admin", "admin", "openid", "offline_access", "jobs:run offline_access", "sessions:end", "JOBS:RUN", "*", "jobs:*", "a\"b"] {
        let answer = machine.post("oauth/token", &[("grant_type", "client_credentials"), ("scope", scope)]).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_scope"), "{scope}");
    }
    for resource in ["urn:gatekey:admin", "https://evil.test/", app.issuer.as_str()] {
        let answer = machine.post("oauth/token", &[("grant_type", "client_credentials"), ("resource", resource)]).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_target"), "{resource}");
    }
    // A client that is not a machine gets none at all.
    for other in [SERVER, OWN_PAGE] {
        let answer = app.relying_party(other).post("oauth/token", &[("grant_type", "client_credentials"), ("scope", "openid")]).await;
        assert_eq!(answer.error(), "unauthorized_client", "{other}");
    }
    for scope in ["jobs:run", "jobs:read jobs:run", ""] {
        let granted = tokens(&machine.post("oauth/token", &[("grant_type", "client_credentials"), ("scope", scope)]).await);
        let expected = if scope.is_empty() { "jobs:read jobs:run" } else { scope };
        assert_eq!((granted.json["scope"].as_str(), granted.refresh), (Some(expected), None));
    }
    assert_eq!(state(&app).await, before);
}

/// ASVS 10.7.3, 10.4.9; on a second replica too, and a narrower yes afterwards does not bring the wider grant back.
async fn cs_05_a_withdrawn_consent_is_felt_at_once(database: Database) {
    let app = App::start_with(database, |settings| {
        // One client whose grants have no refresh family.
        settings.clients.push(client("no-refresh", ClientKind::Spa, "https://nr.example.test", |client| {
            client.grant_types.retain(|grant| *grant == gatekey::domain::client::GrantType::AuthorizationCode);
        }));
    })
    .await;
    let replica = app.replica("second").await;
    for id in [PAGE, "no-refresh"] {
        let parties = [app.relying_party(id), replica.relying_party(id)];
        let party = &parties[0];
        let mut browser = app.browser();
        let granted: Vec<Tokens> = vec![
            app.sign_in(&mut browser, party, "openid email").await,
            if id == PAGE {
                app.sign_in(&mut browser, party, "openid email offline_access").await
            } else {
                app.sign_in(&mut browser, party, "openid email").await
            },
        ];
        let other = app.relying_party(OWN_PAGE);
        let untouched = app.sign_in(&mut browser, &other, "openid").await;
        let alice = app.user("alice").await.id;
        let (client_id, now) = (ClientId::parse(id).unwrap(), app.now());
        // What withdrawing is: the row and what hangs on it, in one unit.
        app.write(move |db| {
            consents::withdraw(db, alice, &client_id)?;
            tree::end(db, &Node::UserClient(alice, client_id), EndReason::ConsentWithdrawn, now)
        })
        .await;
        let dead = async || {
            for party in &parties {
                for tokens in &granted {
                    assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 401, "{id}");
                    if let Some(refresh) = &tokens.refresh {
                        party.refused(refresh).await;
                    }
                }
            }
        };
        dead().await;
        assert_eq!(party.error(&app.silently(&mut browser, party, "openid", &[]).await), "consent_required");
        // Allowed again, and less: what was given before stays dead.
        app.advance(TimeDelta::seconds(1));
        let page = browser.visit(party.authorize("openid", &[]).as_str()).await.page();
        let fresh = party.exchange(&party.code(&browser.submit(&form_with(&page, "decision"), Some("allow")).await.left())).await;
        dead().await;
        // The controls: the new grant, and another application's.
        assert_eq!(parties[1].userinfo(&fresh.access).await.status.as_u16(), 200);
        other.refresh(untouched.refresh()).await;
        // Allowed again, and as much. (An access token without a family, of the few minutes before, says no more than what is allowed now.)
        if id != PAGE {
            continue;
        }
        app.advance(TimeDelta::seconds(1));
        let page = browser.visit(party.authorize("openid email offline_access", &[]).as_str()).await.page();
        party.exchange(&party.code(&browser.submit(&form_with(&page, "decision"), Some("allow")).await.left())).await;
        dead().await;
    }
    replica.stop().await;
}

/// There are no claims of one's own making; what a profile says comes below what the issuer says, and beside it.
async fn cs_07_a_profile_overrides_no_claim(database: Database) {
    let app = App::start(database).await;
    let alice = app.user("alice").await;
    let hostile = "admin\",\"sub\":\"root\",\"x\":\"";
    let (id, named) =
        (alice.id, gatekey::domain::user::Profile { name: Some(hostile.to_owned()), given_name: Some("iss".to_owned()), ..alice.profile.clone() });
    app.write(move |db| users::update(db, &gatekey::domain::user::User { profile: named, ..alice })).await;
    let server = app.relying_party(SERVER);
    let tokens = app.sign_in(&mut app.browser(), &server, "openid profile email").await;
    let told = server.claims(tokens.id.as_ref().unwrap()).await;
    let userinfo = server.userinfo(&tokens.access).await.json();
    let access = server.claims(&tokens.access).await;
    for (claims, aud) in [(&told, json!(SERVER)), (&access, access["aud"].clone())] {
        assert_eq!((&claims["sub"], &claims["iss"], &claims["aud"]), (&json!(id.to_string()), &json!(app.issuer), &aud));
        assert_eq!((&claims["acr"], &claims["amr"]), (&json!("urn:gatekey:acr:pwd"), &json!(["pwd"])));
        assert!(claims["exp"].is_number() && claims["iat"].is_number() && claims["auth_time"].is_number());
    }
    assert_eq!((&told["name"], &userinfo["name"], &userinfo["sub"]), (&json!(hostile), &json!(hostile), &json!(id.to_string())));
    assert_eq!(access["client_id"], SERVER);
    assert!(!access.contains_key("act") && !told.contains_key("act"));
    // Nor does a request: parameters that look like claims are none.
    let mut browser = app.browser();
    let url = server
        .authorize("openid", &[("sub", "root"), ("iss", "https://evil.test/"), ("aud", "x"), ("acr", "high"), ("auth_time", "0"), ("claims_override", "{}")]);
    let Landing::Page(page) = browser.visit(url.as_str()).await else { panic!("nobody is signed in") };
    let code = server.code(&browser.submit(&form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD), None).await.left());
    let claims = server.claims(server.exchange(&code).await.id.as_ref().unwrap()).await;
    assert_eq!((&claims["sub"], &claims["iss"], &claims["acr"]), (&json!(id.to_string()), &json!(app.issuer), &json!("urn:gatekey:acr:pwd")));
}
