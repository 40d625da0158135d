//! What is told of a person: by scope, and by name with the `claims` parameter (OIDC Core §5).

use gatekey::domain::client::GrantType;
use gatekey::domain::consent::Consent;
use gatekey::domain::id::ClientId;
use gatekey::domain::profile::{Address, Details, KeptDetails};
use gatekey::domain::scope::Scope;
use gatekey::settings::Settings;
use gatekey::store::{clients, consents};
use serde_json::{Value, json};

use crate::support::app::{App, OWN_PAGE, PAGE, PASSWORD, SERVER};
use crate::support::browser::form_with;
use crate::support::database::{Database, each_database};
use crate::support::network::parameter;

each_database!(
    every_scope_tells_its_claims,
    what_is_unset_is_left_out,
    a_declared_profile_is_written_once,
    claims_asked_for_by_name,
    without_a_family_too,
    consent_covers_what_is_asked_for_by_name,
    a_subject_asked_for_is_the_only_one_served,
    nobody_is_recognised_without_consent,
    an_essential_acr_is_a_condition,
    what_is_malformed_is_refused_and_what_is_unknown_ignored,
);

const EVERYTHING: &str = "openid profile email address phone";

fn full() -> KeptDetails {
    let text = |value: &str| Some(value.to_owned());
    let details = Details {
        middle_name: text("Beth"),
        nickname: text("Ally"),
        profile: text("https://people.example.test/alice"),
        picture: text("https://people.example.test/alice.jpg"),
        website: text("https://alice.example.test/"),
        gender: text("female"),
        birthdate: text("1990-12-31"),
        zoneinfo: text("Europe/Vienna"),
        locale: text("de-AT"),
        phone_number: text("+14155550123"),
        phone_number_verified: Some(true),
        address: Some(Address { formatted: text("1 Example Street\n1010 Vienna"), country: text("Austria"), ..Address::default() }),
    };
    KeptDetails::of(&details.checked().unwrap())
}

/// Alice with all there is to tell, and a page of the operator's own that may ask for all of it.
fn with_everything(settings: &mut Settings) {
    let alice = &mut settings.users[0].profile;
    (alice.given_name, alice.family_name, alice.details) = (Some("Alice".to_owned()), Some("Example".to_owned()), full());
    let own = settings.clients.iter_mut().find(|client| client.id.as_str() == OWN_PAGE).unwrap();
    own.metadata.scope = Scope::parse(&format!("{EVERYTHING} offline_access")).unwrap();
}

/// OIDC Core §5.1, §5.1.1, §5.4: all nineteen claims, each by its scope; the ID token leaves address and phone to userinfo.
async fn every_scope_tells_its_claims(database: Database) {
    let app = App::start_with(database, with_everything).await;
    let mut browser = app.browser();
    let party = app.relying_party(OWN_PAGE);
    let tokens = app.sign_in(&mut browser, &party, EVERYTHING).await;
    let alice = app.user("alice").await;
    let told = party.userinfo(&tokens.access).await.json();
    let expected = json!({
        "sub": alice.id,
        "name": "Alice Example",
        "given_name": "Alice",
        "family_name": "Example",
        "middle_name": "Beth",
        "nickname": "Ally",
        "preferred_username": "alice",
        "profile": "https://people.example.test/alice",
        "picture": "https://people.example.test/alice.jpg",
        "website": "https://alice.example.test/",
        "gender": "female",
        "birthdate": "1990-12-31",
        "zoneinfo": "Europe/Vienna",
        "locale": "de-AT",
        "updated_at": alice.updated_at.timestamp(),
        "email": "alice@example.test",
        "email_verified": true,
        "phone_number": "+14155550123",
        "phone_number_verified": true,
        "address": {"formatted": "1 Example Street\n1010 Vienna", "country": "Austria"},
    });
    assert_eq!(told, expected);
    let id = party.claims(tokens.id.as_ref().unwrap()).await;
    for (name, value) in expected.as_object().unwrap() {
        let left_to_userinfo = ["phone_number", "phone_number_verified", "address"].contains(&name.as_str());
        assert_eq!(id.get(name), Some(value).filter(|_| !left_to_userinfo), "{name}");
    }

    // What discovery announces is what there is (OIDC Discovery §3).
    let metadata = app.network.get(&party.endpoint(".well-known/openid-configuration"), &[]).await.json();
    let announced = |name: &str| metadata[name].as_array().unwrap_or_else(|| panic!("{name}: {metadata}")).clone();
    for scope in EVERYTHING.split(' ').chain(["offline_access"]) {
        assert!(announced("scopes_supported").contains(&json!(scope)), "{scope}");
    }
    for name in expected.as_object().unwrap().keys().chain(id.keys()) {
        assert!(announced("claims_supported").contains(&json!(name)), "{name}");
    }
    assert_eq!(metadata["claims_parameter_supported"], true);

    // Each scope by itself.
    for (scope, names) in [
        ("openid", "sub"),
        ("openid email", "email email_verified sub"),
        ("openid address", "address sub"),
        ("openid phone", "phone_number phone_number_verified sub"),
    ] {
        let tokens = party.exchange(&party.code(&app.silently(&mut browser, &party, scope, &[]).await)).await;
        let told = party.userinfo(&tokens.access).await.json();
        let mut told: Vec<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
        told.sort_unstable();
        assert_eq!(told.join(" "), names, "{scope}");
    }
}

/// OIDC Core §5.3.2: left out, not null and not empty.
async fn what_is_unset_is_left_out(database: Database) {
    let app = App::start_with(database, with_everything).await;
    let mut browser = app.browser();
    let party = app.relying_party(OWN_PAGE);
    let response = app.authorize_as(&mut browser, &party.authorize(EVERYTHING, &[]), "bobby").await;
    let tokens = party.exchange(&party.code(&response)).await;
    let told = party.userinfo(&tokens.access).await.json();
    let mut names: Vec<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["email", "email_verified", "name", "preferred_username", "sub", "updated_at"]);
}

/// A second start finds the details as they were declared, and writes nothing; a change in the file is a change here.
async fn a_declared_profile_is_written_once(database: Database) {
    let app = App::start_with(database, with_everything).await;
    let before = app.user("alice").await;
    assert_eq!(before.profile.details, full());
    app.advance(chrono::TimeDelta::minutes(1));
    let again = app.replica("again").await;
    assert_eq!(again.user("alice").await.updated_at, before.updated_at);
    let mut settings = app.settings.clone();
    settings.users[0].profile.details = KeptDetails::default();
    let changed = App::on(app.database.clone(), settings, app.clock.clone(), "changed").await;
    let after = changed.user("alice").await;
    assert_eq!((after.profile.details, after.updated_at), (KeptDetails::default(), app.now()));
}

fn names(value: &Value) -> Vec<String> {
    let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
    names.sort();
    names
}

const BY_NAME: &str = r#"{"userinfo": {"name": null, "email": {"essential": true}, "phone_number": null, "nickname#de": null, "groups": null},
    "id_token": {"email": null, "birthdate": {"essential": true}, "auth_time": {"essential": true}, "phone_number": null}}"#;

/// OIDC Core §5.5: told where they were asked for, after a refresh too; only what the client may ask for by scope.
async fn claims_asked_for_by_name(database: Database) {
    let app = App::start_with(database, |settings| {
        with_everything(settings);
        for client in &mut settings.clients {
            if [OWN_PAGE, SERVER].contains(&client.id.as_str()) {
                client.metadata.scope = Scope::parse("openid profile email").unwrap();
            }
        }
    })
    .await;
    let mut browser = app.browser();
    let server = app.relying_party(SERVER);
    let url = server.authorize("openid", &[("claims", BY_NAME)]);
    let first = server.exchange(&server.code(&app.authorize_as(&mut browser, &url, "alice").await)).await;
    let second = server.refresh(first.refresh()).await;
    for tokens in [&first, &second] {
        assert_eq!(tokens.json["scope"], "openid");
        assert_eq!(names(&server.userinfo(&tokens.access).await.json()), ["email", "name", "sub"]);
        let id = server.claims(tokens.id.as_ref().unwrap()).await;
        assert_eq!((&id["email"], &id["birthdate"]), (&json!("alice@example.test"), &json!("1990-12-31")));
        for absent in ["name", "phone_number", "email_verified", "groups"] {
            assert_eq!(id.get(absent), None, "{absent}");
        }
        // How userinfo knows is nobody else's business.
        let seen = server.introspect(&tokens.access).await;
        assert_eq!((seen["active"].clone(), seen.get("userinfo_claims"), seen.get("gid")), (json!(true), None, None));
    }

    // Beside the scope, not in its place.
    let both = server.authorize("openid profile", &[("claims", r#"{"userinfo": {"email": null}}"#), ("prompt", "none")]);
    let tokens = server.exchange(&server.code(&browser.visit(both.as_str()).await.left())).await;
    let told = server.userinfo(&tokens.access).await.json();
    assert_eq!((&told["nickname"], &told["email"]), (&json!("Ally"), &json!("alice@example.test")));

    // A code that carries every name still fits into a URL with room to spare.
    let every = gatekey::domain::claim::Claim::ALL.map(|claim| format!("\"{}\": null", claim.as_str())).join(",");
    let all = format!("{{\"userinfo\": {{{every}}}, \"id_token\": {{{every}}}}}");
    let code = server.code(&app.silently(&mut browser, &server, "openid", &[("claims", &all)]).await);
    assert!(code.len() < 2048, "{}", code.len());
    server.exchange(&code).await;

    // The client's registration is narrowed: felt at once, at userinfo and at the next ID token.
    app.write(|db| {
        let mut client = clients::find(db, &ClientId::parse(SERVER).unwrap())?.unwrap();
        client.metadata.scope = Scope::parse("openid profile").unwrap();
        clients::upsert(db, &client)
    })
    .await;
    assert_eq!(names(&server.userinfo(&second.access).await.json()), ["name", "sub"]);
    let third = server.refresh(second.refresh()).await;
    assert_eq!(server.claims(third.id.as_ref().unwrap()).await.get("email"), None);
}

/// A client without refresh tokens leaves no family: its access token carries what userinfo must know.
async fn without_a_family_too(database: Database) {
    let app = App::start_with(database, |settings| {
        let server = settings.clients.iter_mut().find(|client| client.id.as_str() == SERVER).unwrap();
        server.metadata.grant_types = vec![GrantType::AuthorizationCode];
        server.metadata.first_party = false;
    })
    .await;
    let mut browser = app.browser();
    let server = app.relying_party(SERVER);
    let url = server.authorize("openid", &[("claims", BY_NAME)]);
    let tokens = server.exchange(&server.code(&app.authorize_as(&mut browser, &url, "alice").await)).await;
    assert_eq!(tokens.refresh, None);
    assert_eq!(names(&server.userinfo(&tokens.access).await.json()), ["email", "name", "sub"]);
    // Consent is judged by what the token says: withdrawn and given again for less, the token is dead.
    let (alice, client, now) = (app.user("alice").await.id, ClientId::parse(SERVER).unwrap(), app.now());
    app.write(move |db| {
        consents::withdraw(db, alice, &client)?;
        consents::grant(db, &Consent { user_id: alice, client_id: client, scope: Scope::parse("openid profile").unwrap(), granted_at: now })
    })
    .await;
    assert_eq!(server.userinfo(&tokens.access).await.status.as_u16(), 401);
}

/// CS-03, OIDC Core §5.5: what was allowed by scope does not allow more by name; and what was asked for by name is lost with the consent.
async fn consent_covers_what_is_asked_for_by_name(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let party = app.relying_party(PAGE);
    app.sign_in(&mut browser, &party, "openid").await;
    for claims in [r#"{"userinfo": {"email": null}}"#, r#"{"id_token": {"email": {"essential": true}}}"#] {
        assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[("claims", claims)]).await), "consent_required", "{claims}");
    }
    let page = browser.visit(party.authorize("openid", &[("claims", r#"{"userinfo": {"email": null}}"#)]).as_str()).await.page();
    assert!(page.text().contains("See your email address"), "{}", page.text());
    assert_eq!(party.error(&browser.submit(&form_with(&page, "decision"), Some("deny")).await.left()), "access_denied");
    let page = browser.visit(party.authorize("openid", &[("claims", r#"{"userinfo": {"email": null}}"#)]).as_str()).await.page();
    let response = browser.submit(&form_with(&page, "decision"), Some("allow")).await.left();
    let tokens = party.exchange(&party.code(&response)).await;
    assert_eq!(tokens.json["scope"], "openid", "the scope is what was asked for as scope");
    assert_eq!(names(&party.userinfo(&tokens.access).await.json()), ["email", "sub"]);
    // Remembered.
    party.code(&app.silently(&mut browser, &party, "openid", &[("claims", r#"{"userinfo": {"email": null}}"#)]).await);
    // Withdrawn, and then allowed again without the e-mail address: what asked for it is dead.
    let (alice, client) = (app.user("alice").await.id, ClientId::parse(PAGE).unwrap());
    app.write(move |db| consents::withdraw(db, alice, &client)).await;
    app.sign_in(&mut browser, &party, "openid").await;
    assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 401);
    party.refused(tokens.refresh()).await;
}

/// OIDC Core §3.1.2.2, §5.5.1: like an `id_token_hint` of another (PN-02, PN-04).
async fn a_subject_asked_for_is_the_only_one_served(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let party = app.relying_party(OWN_PAGE);
    app.sign_in(&mut browser, &party, "openid").await;
    let (alice, bobby) = (app.user("alice").await.id, app.user("bobby").await.id);
    let asking = |member: &str, subject: &str| json!({ member: { "sub": { "value": subject } } }).to_string();
    for member in ["id_token", "userinfo"] {
        party.code(&app.silently(&mut browser, &party, "openid", &[("claims", &asking(member, &alice.to_string()))]).await);
        // No oracle between somebody else and nobody.
        for other in [bobby.to_string(), "nobody".to_owned()] {
            let response = app.silently(&mut browser, &party, "openid", &[("claims", &asking(member, &other))]).await;
            assert_eq!(party.error(&response), "account_selection_required", "{member} {other}");
        }
    }
    // With a page, the sign-in of that very user is what helps.
    let page = browser.visit(party.authorize("openid", &[("claims", &asking("id_token", &bobby.to_string()))]).as_str()).await.page();
    let form = form_with(&page, "password");
    let again = browser.submit(&form.clone().fill("username", "alice").fill("password", PASSWORD), None).await.page();
    let landing = browser.submit(&form_with(&again, "password").fill("username", "bobby").fill("password", PASSWORD), None).await;
    let tokens = party.exchange(&party.code(&landing.left())).await;
    assert_eq!(party.claims(tokens.id.as_ref().unwrap()).await["sub"], bobby.to_string());
}

/// PN-02: an application that a user has allowed nothing cannot try names on whoever is signed in.
async fn nobody_is_recognised_without_consent(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &app.relying_party(OWN_PAGE), "openid").await;
    app.advance(chrono::TimeDelta::minutes(1));
    let party = app.relying_party(PAGE);
    let (alice, bobby) = (app.user("alice").await.id.to_string(), app.user("bobby").await.id.to_string());
    for more in [("max_age", "600"), ("max_age", "1")] {
        for subject in [alice.as_str(), &bobby, "nobody"] {
            let claims = json!({"id_token": {"sub": {"value": subject}}}).to_string();
            let response = app.silently(&mut browser, &party, "openid", &[("claims", &claims), more]).await;
            assert_eq!(party.error(&response), "consent_required", "{subject}");
        }
    }
    // The control: once it is allowed something, it is told.
    app.sign_in(&mut browser, &party, "openid").await;
    let claims = json!({"id_token": {"sub": {"value": bobby}}}).to_string();
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[("claims", &claims)]).await), "account_selection_required");
}

/// OIDC Core §5.5.1.1 and OpenID Connect Core Error Code unmet_authentication_requirements 1.0; `acr_values` (§3.1.2.1) never refuses. PN-08
async fn an_essential_acr_is_a_condition(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let party = app.relying_party(OWN_PAGE);
    let unmet = r#"{"id_token": {"acr": {"essential": true, "values": ["urn:example:silver", "urn:example:gold"]}}}"#;

    // Nobody is signed in: that comes first, and only after the sign-in is it known that it does not do.
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[("claims", unmet)]).await), "login_required");
    let response = app.authorize_as(&mut browser, &party.authorize("openid", &[("claims", unmet)]), "alice").await;
    assert_eq!(party.error(&response), "unmet_authentication_requirements");
    assert!(parameter(&response, "error_description").unwrap().contains("acr_values_supported"));
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[("claims", unmet)]).await), "unmet_authentication_requirements");

    let met = r#"{"id_token": {"acr": {"essential": true, "values": ["urn:example:gold", "urn:gatekey:acr:pwd"]}, "auth_time": {"essential": true}}}"#;
    let voluntary = r#"{"id_token": {"acr": {"values": ["urn:example:gold"]}}}"#;
    for changes in [("claims", met), ("claims", voluntary), ("acr_values", "urn:example:gold urn:example:silver"), ("acr_values", "urn:gatekey:acr:pwd")] {
        let tokens = party.exchange(&party.code(&app.silently(&mut browser, &party, "openid", &[changes]).await)).await;
        let id = party.claims(tokens.id.as_ref().unwrap()).await;
        assert_eq!(id["acr"], "urn:gatekey:acr:pwd", "it tells the truth: {changes:?}");
        assert_eq!(id["auth_time"], app.seconds(), "always there");
    }
}

/// OIDC Core §5.5, §5.2, §3.1.2.1, §15.1. DS-04
async fn what_is_malformed_is_refused_and_what_is_unknown_ignored(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let party = app.relying_party(OWN_PAGE);
    app.sign_in(&mut browser, &party, "openid").await;
    let long = format!("{{\"userinfo\": {{\"{}\": null}}}}", "x".repeat(4100));
    let deep = format!("{{\"x\": {}{}}}", "[".repeat(200), "]".repeat(200));
    for claims in ["{", "[]", "null", "\"email\"", r#"{"userinfo": "email"}"#, r#"{"id_token": {"acr": 1}}"#, &long, &deep] {
        let response = app.silently(&mut browser, &party, "openid", &[("claims", claims)]).await;
        assert_eq!(party.error(&response), "invalid_request", "{claims}");
        assert!(parameter(&response, "error_description").unwrap().contains("claims"), "{response}");
    }
    for changes in [
        ("claims", "{}"),
        ("claims", r#"{"userinfo": {"verified_claims": {"claims": {"given_name": null}}, "name#ja": {"essential": true}}, "other": 1}"#),
        ("claims_locales", "de-AT ja-Kana-JP"),
        ("ui_locales", "tlh de"),
        ("display", "page"),
        ("display", "popup"),
        ("display", "touch"),
        ("display", "wap"),
        ("display", "hologram"),
    ] {
        party.code(&app.silently(&mut browser, &party, "openid", &[changes]).await);
    }
    // Not an OpenID request: it means nothing, whatever it is.
    party.code(&app.silently(&mut browser, &party, "email", &[("claims", "{")]).await);
}
