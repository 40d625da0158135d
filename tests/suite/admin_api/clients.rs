//! Clients: registered, shown, replaced, deleted, and by whom.

use std::sync::Arc;

use gatekey::domain::client::ClientMetadata;
use gatekey::domain::id::ClientId;
use gatekey::domain::redirect_uri::RedirectUri;
use gatekey::service::admin::{Installation, NewClient};
use serde_json::json;

use super::*;
use crate::support::database::each_database;
use crate::support::entropy::SeededEntropy;
use crate::support::relying_party::RelyingParty;

each_database!(
    clients_are_registered_and_replaced,
    an_empty_scope_is_none_and_not_the_default,
    what_breaks_a_rule_is_told_by_its_member,
    ad_02_what_is_not_of_the_client_is_refused,
    ad_04_nobody_makes_or_touches_a_client_that_can_do_more,
    ad_04_power_is_given_by_who_has_just_signed_in,
    a_token_is_good_for_no_audience_that_its_client_has_lost,
    ad_11_of_two_changes_one_is_told_that_it_is_late,
    what_is_dangerous_asks_for_a_recent_sign_in,
    jo_04_a_member_that_comes_twice_is_refused,
);

/// A client of the kind `spa`, made beside the API.
pub async fn register(app: &App, id: &str) {
    let redirect_uris = vec![RedirectUri::parse("https://page.example.test/cb").unwrap()];
    let metadata = ClientMetadata { redirect_uris, ..ClientMetadata::defaults(ClientKind::Spa, id) };
    let admin =
        Installation::open_existing(&app.settings).await.unwrap().admin(app.clock.clone(), Arc::new(SeededEntropy::new(&format!("{id} {}", app.now()))));
    admin.create_client(NewClient { id: ClientId::parse(id).unwrap(), metadata }).await.unwrap();
}

fn page(name: &str) -> Value {
    json!({"name": name, "kind": "spa", "redirect_uris": ["https://notes.example.test/cb"]})
}

async fn clients_are_registered_and_replaced(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &["clients:read".to_owned(), "clients:write".to_owned(), "lifetimes:write".to_owned()]).await;
    let post = async |body: &Value| send_json(&app, Method::POST, "/clients", &token, body).await;
    let made = post(&json!({"id": "notes", "metadata": page("Notes")})).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text());
    let client = made.json()["client"].clone();
    assert_eq!((client["id"].as_str(), client["metadata"]["web_origins"][0].as_str()), (Some("notes"), Some("https://notes.example.test")));
    assert_eq!((made.json().get("client_secret"), client["metadata"]["authentication"].as_str()), (None, Some("none")));
    assert_problem(&post(&json!({"id": "notes", "metadata": page("Again")})).await, 409, "already-exists", "the id is taken");

    // A secret is told once, and is good.
    let made = post(&json!({"id": "worker", "metadata": {"name": "Worker", "kind": "machine", "scope": "notes:read", "resources": [OTHER_AUDIENCE]}})).await;
    let secret = made.json()["client_secret"].as_str().unwrap().to_owned();
    assert!(!get(&app, "/clients/worker", &token).await.to_string().contains(&secret));
    let basic = format!("Basic {}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("worker:{secret}")));
    let fields = [("grant_type", "client_credentials"), ("scope", "notes:read")];
    let granted = app.network.post_form(&format!("{}oauth/token", app.issuer), &[("authorization", &basic)], &fields).await;
    assert_eq!(granted.status.as_u16(), 200, "{}", granted.text());

    // What was read can be sent back as it is; what is left out has its default again.
    let shown = send(&app, Method::GET, "/clients/notes", Some(&token)).await;
    let (tag, mut metadata) = (shown.header("etag").unwrap().to_owned(), shown.json()["metadata"].clone());
    assert_eq!(made.header("etag").unwrap().len(), tag.len());
    let same = send_json(&app, Method::PUT, "/clients/notes", &token, &metadata).await;
    assert_eq!((same.status.as_u16(), &same.json()["metadata"]), (200, &metadata));
    (metadata["name"], metadata["lifetimes"]) = ("My notes".into(), json!({"session_idle": "PT1H"}));
    app.advance(chrono::TimeDelta::seconds(1));
    let changed = send_json(&app, Method::PUT, "/clients/notes", &token, &metadata).await;
    assert_eq!((&changed.json()["metadata"], changed.header("etag") == Some(tag.as_str())), (&metadata, false));
    let back = send_json(&app, Method::PUT, "/clients/notes", &token, &page("Notes")).await.json();
    assert_eq!((&back["metadata"]["name"], back["metadata"].get("lifetimes")), (&json!("Notes"), None));

    let first = get(&app, "/clients?limit=1", &token).await;
    let listed = get(&app, &format!("/clients?limit=2&after={}", first["next"].as_str().unwrap()), &token).await;
    assert_eq!((listed["items"][0]["id"].as_str() > first["items"][0]["id"].as_str(), listed["items"].as_array().unwrap().len()), (true, 2));
    assert_eq!(send(&app, Method::DELETE, "/clients/notes", Some(&token)).await.status.as_u16(), 204);
    for method in [Method::GET, Method::DELETE] {
        assert_problem(&send(&app, method, "/clients/notes", Some(&token)).await, 404, "not-found", "it is gone");
    }
    assert_problem(&send_json(&app, Method::PUT, "/clients/notes", &token, &page("Notes")).await, 404, "not-found", "it is gone");
    assert_problem(&send(&app, Method::GET, "/clients/a%20b", Some(&token)).await, 404, "not-found", "no id");
    assert_problem(&send(&app, Method::GET, "/clients?after=a%20b", Some(&token)).await, 400, "request-malformed", "no id");
}

/// OIDC Core §11: `offline_access` is for the client that may ask for it. One that is registered for nothing may not; one that says nothing may.
async fn an_empty_scope_is_none_and_not_the_default(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &["clients:read".to_owned(), "clients:write".to_owned()]).await;
    let mut metadata = page("Notes");
    (metadata["scope"], metadata["first_party"]) = ("".into(), true.into());
    let made = send_json(&app, Method::POST, "/clients", &token, &json!({"id": "notes", "metadata": metadata})).await;
    assert_eq!((made.status.as_u16(), &made.json()["client"]["metadata"]["scope"]), (201, &json!("")), "{}", made.text());
    let party = RelyingParty::new(&app.network, &app.issuer, "notes", "https://notes.example.test/cb");
    let mut browser = app.browser();
    app.authorize_as(&mut browser, &app.relying_party(OWN_PAGE).authorize("openid", &[]), "alice").await;
    for scope in ["openid offline_access", "offline_access", "openid", ""] {
        assert_eq!(party.error(&app.silently(&mut browser, &party, scope, &[]).await), "invalid_scope", "{scope}");
    }
    metadata["scope"] = "openid".into();
    assert_eq!(send_json(&app, Method::PUT, "/clients/notes", &token, &metadata).await.status.as_u16(), 200);
    let narrow = party.exchange(&party.code(&app.silently(&mut browser, &party, "openid offline_access", &[]).await)).await;
    assert_eq!(narrow.json["scope"], "openid");

    // The control: what is left out is the default of its kind.
    metadata.as_object_mut().unwrap().remove("scope");
    let back = send_json(&app, Method::PUT, "/clients/notes", &token, &metadata).await.json();
    assert_eq!(back["metadata"]["scope"], "email offline_access openid profile");
    let offline = party.exchange(&party.code(&app.silently(&mut browser, &party, "openid offline_access", &[]).await)).await;
    assert_eq!(offline.json["scope"], "offline_access openid");
}

async fn what_breaks_a_rule_is_told_by_its_member(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let with = |member: &str, value: Value| {
        let mut metadata = page("Notes");
        metadata[member] = value;
        metadata
    };
    for (metadata, pointer) in [
        (with("name", " ".into()), "/metadata/name"),
        (with("redirect_uris", json!([])), "/metadata/redirect_uris"),
        (with("redirect_uris", json!(["https://a.test/", "http://a.test/"])), "/metadata/redirect_uris/1"),
        (with("post_logout_redirect_uris", json!(["javascript:alert(1)"])), "/metadata/post_logout_redirect_uris/0"),
        (with("web_origins", json!(["https://a.test/path"])), "/metadata/web_origins/0"),
        (with("scope", "a\"b".into()), "/metadata/scope"),
        (with("authentication", "client_secret_basic".into()), "/metadata/authentication"),
        (with("grant_types", json!(["client_credentials"])), "/metadata/grant_types"),
        (with("require_pkce", false.into()), "/metadata/require_pkce"),
        (with("refresh_overlap", "unlimited".into()), "/metadata/refresh_overlap"),
        (with("refresh_overlap", "soon".into()), "/metadata/refresh_overlap"),
        (with("lifetimes", json!({"session_idle": "5m"})), "/metadata/lifetimes/session_idle"),
        (with("lifetimes", json!({"code": "PT5M"})), "/metadata/lifetimes/code"),
        (with("resources", json!(["no uri"])), "/metadata/resources"),
        (with("frontchannel_logout_uri", "https://elsewhere.test/".into()), "/metadata/frontchannel_logout_uri"),
        (with("policy_uri", "javascript:alert(1)".into()), "/metadata/policy_uri"),
    ] {
        let answer = send_json(&app, Method::POST, "/clients", &token, &json!({"id": "notes", "metadata": metadata})).await;
        assert_problem(&answer, 422, "invalid", pointer);
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{}", answer.text());
    }
    let answer = send_json(&app, Method::POST, "/clients", &token, &json!({"id": "a b", "metadata": page("Notes")})).await;
    assert_problem(&answer, 422, "invalid", "/id");
    assert_eq!(answer.json()["errors"][0]["pointer"], "/id");
    // What is no JSON, no object, or of another type is malformed.
    for body in ["{", "[]", "null", "\"\"", "{\"id\":1,\"metadata\":{}}", "{\"id\":\"notes\"}"] {
        assert_problem(&request(&app, Method::POST, "/clients", Some(&token), &[], body).await, 400, "request-malformed", body);
    }
    let body = json!({"id": "notes", "metadata": page("Notes")}).to_string();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "nonsense"] {
        let answer = request(&app, Method::POST, "/clients", Some(&token), &[("content-type", content_type)], &body).await;
        assert_problem(&answer, 415, "request-malformed", content_type);
    }
    let long = json!({"id": "notes", "metadata": page(&"x".repeat(70_000))}).to_string();
    assert_problem(&request(&app, Method::POST, "/clients", Some(&token), &[], &long).await, 413, "request-malformed", "a long body");
    assert_eq!(request(&app, Method::POST, "/clients", Some(&token), &[], &body).await.status.as_u16(), 201, "the control");
}

async fn ad_02_what_is_not_of_the_client_is_refused(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    for (member, value) in
        [("secret_digest", json!("sha256:00")), ("client_secret", json!("mine")), ("managed_by_file", json!(true)), ("role", json!("administrator"))]
    {
        let mut body = json!({"id": "notes", "metadata": page("Notes")});
        body[member] = value.clone();
        assert_problem(&send_json(&app, Method::POST, "/clients", &token, &body).await, 400, "request-malformed", member);
        let mut body = json!({"id": "notes", "metadata": page("Notes")});
        body["metadata"][member] = value;
        assert_problem(&send_json(&app, Method::POST, "/clients", &token, &body).await, 400, "request-malformed", member);
    }
    assert_problem(&send(&app, Method::GET, "/clients/notes", Some(&token)).await, 404, "not-found", "nothing was made");
    let body = json!({"id": "notes", "metadata": page("Notes")});
    assert_eq!(send_json(&app, Method::POST, "/clients", &token, &body).await.status.as_u16(), 201, "the control");
}

async fn ad_04_nobody_makes_or_touches_a_client_that_can_do_more(database: Database) {
    let app = start(database).await;
    let some = robot_token(&app, AUDIENCE, &["clients:read".to_owned(), "clients:write".to_owned()]).await;
    let all = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let robot = |scope: &str| json!({"name": "Robot", "kind": "machine", "scope": scope, "resources": [AUDIENCE]});
    let create =
        async |token: &str, id: &str, scope: &str| send_json(&app, Method::POST, "/clients", token, &json!({"id": id, "metadata": robot(scope)})).await;
    let refused = create(&some, "robber", "clients:read users:write sessions:end").await;
    assert_problem(&refused, 403, "privilege-exceeded", "more than the caller has");
    assert!(refused.json()["detail"].as_str().unwrap().contains("`users:write sessions:end`"), "{}", refused.text());
    assert_eq!(create(&some, "equal", "clients:read clients:write").await.status.as_u16(), 201, "as much as the caller has");
    assert_eq!(create(&all, "strong", "users:write").await.status.as_u16(), 201, "the control");

    // Nor one that reaches into the account of whoever opens a page of it, without asking them.
    let own = |first_party: bool| {
        let scope = "openid account:sessions:end account:profile:read";
        json!({"name": "Own page", "kind": "spa", "first_party": first_party, "redirect_uris": ["https://own.example.test/callback"], "scope": scope, "resources": ["urn:gatekey:account"]})
    };
    for (id, token, first_party, status) in [("own", &some, true, 403), ("asks", &some, false, 201), ("own", &all, true, 201)] {
        let made = send_json(&app, Method::POST, "/clients", token, &json!({"id": id, "metadata": own(first_party)})).await;
        assert_eq!(made.status.as_u16(), status, "{id}: {}", made.text());
    }
    assert_problem(&send_json(&app, Method::PUT, "/clients/asks", &some, &own(true)).await, 403, "privilege-exceeded", "it would ask no more");
    // It asks, but not those who have allowed it: once it is there, its pages are moved, and its secret is changed, by nobody who could not do as much.
    let mut moved = own(false);
    moved["redirect_uris"] = json!(["https://evil.example.test/callback"]);
    assert_problem(&send_json(&app, Method::PUT, "/clients/asks", &some, &moved).await, 403, "privilege-exceeded", "moved");
    for (method, path) in [(Method::POST, "/clients/asks/secret"), (Method::POST, "/clients/asks/enable"), (Method::DELETE, "/clients/asks")] {
        assert_problem(&send(&app, method, path, Some(&some)).await, 403, "privilege-exceeded", path);
    }
    // Nor does one become such a client that was another, for it may have been one before.
    let plain = json!({"name": "Own page", "kind": "spa", "redirect_uris": ["https://own.example.test/callback"]});
    assert_eq!(send_json(&app, Method::PUT, "/clients/asks", &all, &plain).await.status.as_u16(), 200);
    assert_problem(&send_json(&app, Method::PUT, "/clients/asks", &some, &moved).await, 403, "privilege-exceeded", "what was allowed then");
    assert_eq!(send_json(&app, Method::PUT, "/clients/asks", &all, &moved).await.status.as_u16(), 200, "the control");

    // Nor is one that can do more changed, made weaker, or deleted.
    for scope in ["users:write", "clients:read", ""] {
        assert_problem(&send_json(&app, Method::PUT, "/clients/strong", &some, &robot(scope)).await, 403, "privilege-exceeded", scope);
    }
    assert_problem(&send_json(&app, Method::PUT, "/clients/equal", &some, &robot("users:write")).await, 403, "privilege-exceeded", "raised");
    assert_problem(&send(&app, Method::DELETE, "/clients/strong", Some(&some)).await, 403, "privilege-exceeded", "deleted");
    assert_eq!(get(&app, "/clients/strong", &some).await["metadata"]["scope"], "users:write");
    assert_eq!(send_json(&app, Method::PUT, "/clients/strong", &all, &robot("clients:read")).await.status.as_u16(), 200, "the control");
    assert_eq!(send(&app, Method::DELETE, "/clients/strong", Some(&some)).await.status.as_u16(), 204, "weak enough by now");
}

/// Power that outlasts the sign-in by which it was given takes a recent one: otherwise a session that was left open is enough to make a machine, which is
/// never asked.
async fn ad_04_power_is_given_by_who_has_just_signed_in(database: Database) {
    let app = start(database).await;
    let robot = |scope: &str| json!({"name": "Robot", "kind": "machine", "scope": scope, "resources": [AUDIENCE]});
    let (party, mut browser) = (app.relying_party(CONSOLE), app.browser());
    let scope = format!("openid {}", all_scopes().join(" "));
    let response = app.authorize_as(&mut browser, &party.authorize(&scope, &[("resource", AUDIENCE)]), "bobby").await;
    let bobby = party.exchange(&party.code(&response)).await.access;
    let create =
        async |token: &str, id: &str, scope: &str| send_json(&app, Method::POST, "/clients", token, &json!({"id": id, "metadata": robot(scope)})).await;
    assert_eq!(create(&bobby, "early", "users:read").await.status.as_u16(), 201, "the control");
    app.advance(chrono::TimeDelta::minutes(11));
    let response = app.silently(&mut browser, &party, &scope, &[("resource", AUDIENCE)]).await;
    let bobby = party.exchange(&party.code(&response)).await.access;
    let robots = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let check = json!({"id": "late", "metadata": robot("users:read")});
    assert_problem(&create(&bobby, "late", "users:read").await, 401, "authentication-too-old", "made");
    assert_problem(&send_json(&app, Method::POST, "/client-check", &bobby, &check).await, 401, "authentication-too-old", "checked");
    for (scope, what) in [("users:read users:write", "raised"), ("", "made weaker")] {
        assert_problem(&send_json(&app, Method::PUT, "/clients/early", &bobby, &robot(scope)).await, 401, "authentication-too-old", what);
    }
    assert_eq!(get(&app, "/clients/early", &robots).await["metadata"]["scope"], "users:read");
    assert_problem(&send(&app, Method::GET, "/clients/late", Some(&robots)).await, 404, "not-found", "nothing was made");

    // The controls: a client without power, and whoever has signed in again.
    assert_eq!(create(&bobby, "weak", "").await.status.as_u16(), 201);
    assert_eq!(send_json(&app, Method::PUT, "/clients/weak", &bobby, &robot("")).await.status.as_u16(), 200);
    assert_problem(&send_json(&app, Method::PUT, "/clients/weak", &bobby, &robot("users:read")).await, 401, "authentication-too-old", "given power");
    let (bobby, _) = user_tokens(&app, "bobby").await;
    assert_eq!(create(&bobby, "late", "users:read").await.status.as_u16(), 201);
}

/// What is taken out of a registration is taken from the tokens that were given before.
async fn a_token_is_good_for_no_audience_that_its_client_has_lost(database: Database) {
    let app = start(database).await;
    let all = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let robot = |resources: &[&str]| json!({"name": "Robot", "kind": "machine", "scope": "users:read", "resources": resources});
    let made = send_json(&app, Method::POST, "/clients", &all, &json!({"id": "other", "metadata": robot(&[AUDIENCE])})).await.json();
    let party = RelyingParty::new(&app.network, &app.issuer, "other", "").with_secret(made["client_secret"].as_str().unwrap());
    let fields = [("grant_type", "client_credentials"), ("resource", AUDIENCE), ("scope", "users:read")];
    let token = tokens(&party.post("oauth/token", &fields).await).access;
    assert_eq!(send(&app, Method::GET, "/users", Some(&token)).await.status.as_u16(), 200, "the control");
    assert_eq!(send_json(&app, Method::PUT, "/clients/other", &all, &robot(&["https://api.test/"])).await.status.as_u16(), 200);
    assert_problem(&send(&app, Method::GET, "/users", Some(&token)).await, 401, "token-invalid", "its client is for another API");
}

async fn ad_11_of_two_changes_one_is_told_that_it_is_late(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    register(&app, "notes").await;
    let tag = send(&app, Method::GET, "/clients/notes", Some(&token)).await.header("etag").unwrap().to_owned();
    let put = async |name: &str, tag: &str| request(&app, Method::PUT, "/clients/notes", Some(&token), &[("if-match", tag)], &page(name).to_string()).await;
    let (one, other) = tokio::join!(put("One", &tag), put("Other", &tag));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412], "{} {}", one.text(), other.text());
    let (won, late) = if one.status.is_success() { (&one, &other) } else { (&other, &one) };
    assert_problem(late, 412, "precondition-failed", "the later of two");
    assert_eq!(get(&app, "/clients/notes", &token).await["metadata"]["name"], won.json()["metadata"]["name"]);
    let delete = async |tag: &str| request(&app, Method::DELETE, "/clients/notes", Some(&token), &[("if-match", tag)], "").await;
    assert_problem(&delete(&tag).await, 412, "precondition-failed", "deleting what was changed");
    assert_eq!(delete(won.header("etag").unwrap()).await.status.as_u16(), 204, "the control");
}

/// RFC 9470: an administrator who signed in long ago is asked to do so again; a machine has nobody to ask.
async fn what_is_dangerous_asks_for_a_recent_sign_in(database: Database) {
    let app = start(database).await;
    register(&app, "notes").await;
    let (party, mut browser) = (app.relying_party(CONSOLE), app.browser());
    let scope = "openid clients:read clients:write";
    let response = app.authorize_as(&mut browser, &party.authorize(scope, &[("resource", AUDIENCE)]), "bobby").await;
    party.exchange(&party.code(&response)).await;
    app.advance(chrono::TimeDelta::minutes(11));
    // The session lives on, and gives a token that is new, of a sign-in that is not.
    let response = app.silently(&mut browser, &party, scope, &[("resource", AUDIENCE)]).await;
    let bobby = party.exchange(&party.code(&response)).await.access;
    let old = send(&app, Method::DELETE, "/clients/notes", Some(&bobby)).await;
    assert_problem(&old, 401, "authentication-too-old", "a sign-in of eleven minutes ago");
    assert!(old.header("www-authenticate").unwrap().ends_with("max_age=\"600\""), "{old:?}");
    assert_eq!(get(&app, "/clients/notes", &bobby).await["id"], "notes", "reading is not dangerous");
    let response = app.silently(&mut browser, &party, scope, &[("resource", AUDIENCE), ("max_age", "600")]).await;
    assert_eq!(party.error(&response), "login_required", "what the answer says to ask for is not had without the user");
    let response = app.authorize_as(&mut browser, &party.authorize(scope, &[("resource", AUDIENCE), ("max_age", "600")]), "bobby").await;
    let bobby = party.exchange(&party.code(&response)).await.access;
    assert_eq!(send(&app, Method::DELETE, "/clients/notes", Some(&bobby)).await.status.as_u16(), 204);
    register(&app, "notes").await;
    let robot = robot_token(&app, AUDIENCE, &all_scopes()).await;
    assert_eq!(send(&app, Method::DELETE, "/clients/notes", Some(&robot)).await.status.as_u16(), 204, "a machine");
}

async fn jo_04_a_member_that_comes_twice_is_refused(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let body = |more: &str| format!("{{\"id\":\"notes\",\"metadata\":{{\"name\":\"Notes\",\"kind\":\"spa\",\"redirect_uris\":[\"https://a.test/\"]{more}}}}}");
    let twice = request(&app, Method::POST, "/clients", Some(&token), &[], &body(",\"redirect_uris\":[\"https://b.test/\"]")).await;
    assert_problem(&twice, 400, "request-malformed", "twice");
    assert_eq!(request(&app, Method::POST, "/clients", Some(&token), &[], &body("")).await.status.as_u16(), 201, "the control");
}
