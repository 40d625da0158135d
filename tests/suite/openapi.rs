//! The admin API: its document is the one checked in, and every operation in it refuses whoever may not.

use std::process::Command;

use gatekey::domain::client::ClientKind;
use gatekey::domain::scope::Scope;
use poem::http::Method;
use serde_json::Value;

use crate::support::app::{App, OWN_PAGE, client};
use crate::support::database::{Database, each_database};
use crate::support::network::Answer;
use crate::support::relying_party::tokens;

each_database!(every_operation_refuses_whoever_may_not, sessions_are_listed_and_ended, a_token_dies_with_what_it_hangs_on, an_ended_session_is_of_no_use);

const AUDIENCE: &str = "urn:gatekey:admin";
const OTHER_AUDIENCE: &str = "https://api.example.test/";
const ROBOT: &str = "admin-robot";
const CONSOLE: &str = "admin-console";

/// One operation of the document.
struct Operation {
    id: String,
    method: Method,
    path: String,
    scope: String,
}

fn document() -> Value {
    serde_json::from_str(&printed()).unwrap()
}

fn printed() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_gatekey")).arg("openapi").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn operations() -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, methods) in document()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no operationId")).to_owned();
            let scopes: Vec<&str> = operation["security"][0]["access_token"].as_array().unwrap().iter().map(|scope| scope.as_str().unwrap()).collect();
            let [scope] = scopes[..] else { panic!("{id} names one scope: {scopes:?}") };
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            found.push(Operation { id, method, path: path.clone(), scope: scope.to_owned() });
        }
    }
    assert!(found.len() >= 4, "the document was read");
    found
}

fn all_scopes() -> Vec<String> {
    let mut scopes: Vec<String> = operations().into_iter().map(|operation| operation.scope).collect();
    scopes.sort();
    scopes.dedup();
    scopes
}

#[test]
fn the_document_is_the_one_checked_in() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/gatekey-admin.json");
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    let first = printed().lines().zip(checked_in.lines()).find(|(now, then)| now != then).map(|(now, then)| format!("now:  {now}\nthen: {then}"));
    assert!(
        printed() == checked_in,
        "the admin API is not the one that openapi/gatekey-admin.json describes. If the change is meant:\n  cargo run -- openapi > openapi/gatekey-admin.json\n{}",
        first.unwrap_or_else(|| "one is longer than the other".to_owned())
    );
}

#[test]
fn the_document_says_what_a_reader_needs() {
    let document = document();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(id.split_once('_').is_some_and(|(resource, verb)| !resource.is_empty() && !verb.is_empty()), "resource_verb: {id}");
            assert!(operation["summary"].is_string() && operation["description"].is_string(), "{method} {path}");
            let success = &operation["responses"]["200"];
            assert!(success["content"]["application/json"].is_object() && success["description"] != "", "{id}");
            for status in ["400", "401", "403", "404", "503"] {
                assert!(operation["responses"][status]["content"]["application/problem+json"].is_object(), "{id} {status}");
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{id}: {parameter}");
            }
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name}");
        assert!(schema["type"] != "object" || schema["example"].is_object(), "{name} has an example");
    }
}

/// An issuer with a machine and a page for the API; bobby is an administrator, alice is none.
async fn start(database: Database) -> App {
    App::start_with(database, |settings| {
        let scope = Scope::parse(&format!("openid {}", all_scopes().join(" "))).unwrap();
        settings.clients.push(client(ROBOT, ClientKind::Machine, "https://robot.example.test", |c| {
            c.redirect_uris.clear();
            c.scope = scope.clone();
            c.resources = vec![AUDIENCE.to_owned(), OTHER_AUDIENCE.to_owned()];
        }));
        settings.clients.push(client(CONSOLE, ClientKind::Spa, "https://console.example.test", |c| {
            c.first_party = true;
            c.scope = scope;
            c.resources = vec![AUDIENCE.to_owned()];
        }));
        for user in &mut settings.users {
            user.admin = user.username == "bobby";
        }
    })
    .await
}

async fn robot_token(app: &App, audience: &str, scopes: &[String]) -> String {
    let fields = [("grant_type", "client_credentials"), ("resource", audience), ("scope", &scopes.join(" "))];
    tokens(&app.relying_party(ROBOT).post("oauth/token", &fields).await).access
}

/// A user's access token for the API, with every scope, and the ID token beside it.
async fn user_tokens(app: &App, username: &str) -> (String, String) {
    let party = app.relying_party(CONSOLE);
    let url = party.authorize(&format!("openid {}", all_scopes().join(" ")), &[("resource", AUDIENCE)]);
    let response = app.authorize_as(&mut app.browser(), &url, username).await;
    let tokens = party.exchange(&party.code(&response)).await;
    (tokens.access, tokens.id.unwrap())
}

/// The token with another signature.
fn forged(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{other}{}", &signature[1..])
}

async fn send(app: &App, method: Method, path: &str, token: Option<&str>) -> Answer {
    let url = format!("{}admin/api/v1{path}", app.issuer);
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<(&str, &str)> = bearer.as_deref().map(|value| ("authorization", value)).into_iter().collect();
    let answer = app.network.send(method, &url, &headers, "").await;
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    assert!(answer.header("x-request-id").is_some(), "{path}");
    answer
}

async fn get(app: &App, path: &str, token: &str) -> Value {
    let answer = send(app, Method::GET, path, Some(token)).await;
    assert_eq!(answer.status.as_u16(), 200, "{path} {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()
}

/// Fails unless the answer is this problem (RFC 9457 §3), with a challenge where one belongs (RFC 6750 §3).
fn assert_problem(answer: &Answer, status: u16, kind: &str, what: &str) {
    assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
    let json = answer.json();
    assert_eq!(json["type"], format!("urn:gatekey:problem:{kind}"), "{what}");
    assert_eq!(json["status"], status, "{what}");
    assert!(json["title"].is_string() && json["detail"].is_string(), "{what}: {json}");
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge.is_some_and(|challenge| challenge.starts_with("Bearer realm=\"gatekey\"")), matches!(status, 401 | 403), "{what}: {challenge:?}");
    let code = challenge.and_then(|challenge| challenge.split("error=\"").nth(1)?.split('"').next());
    let expected = match kind {
        "token-invalid" => Some("invalid_token"),
        "scope-insufficient" | "administrator-required" => Some("insufficient_scope"),
        _ => None,
    };
    assert_eq!(code, expected, "{what}");
}

async fn a_session(app: &App, username: &str) -> String {
    let party = app.relying_party(OWN_PAGE);
    app.authorize_as(&mut app.browser(), &party.authorize("openid", &[]), username).await;
    newest_session(app, username).await
}

async fn newest_session(app: &App, username: &str) -> String {
    let token = robot_token(app, AUDIENCE, &["sessions:read".to_owned()]).await;
    let page = get(app, &format!("/sessions?user={}&limit=200", app.user(username).await.id), &token).await;
    page["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned()
}

async fn every_operation_refuses_whoever_may_not(database: Database) {
    let app = start(database).await;
    let victim = a_session(&app, "alice").await;
    let (alice, _) = user_tokens(&app, "alice").await;
    let (bobby, bobbys_id_token) = user_tokens(&app, "bobby").await;
    let scopes = all_scopes();
    let elsewhere = robot_token(&app, OTHER_AUDIENCE, &scopes).await;
    for operation in operations() {
        let Operation { id, method, scope, .. } = &operation;
        let path = operation.path.replace("{id}", &victim);
        let call = async |token: Option<&str>| send(&app, method.clone(), &path, token).await;
        let only = robot_token(&app, AUDIENCE, std::slice::from_ref(scope)).await;
        let others: Vec<String> = scopes.iter().filter(|other| *other != scope).cloned().collect();
        let but = robot_token(&app, AUDIENCE, &others).await;

        assert_problem(&call(None).await, 401, "token-missing", id);
        // RFC 6750 §2.3 is not offered: a token in a query ends up in logs.
        let in_query = send(&app, method.clone(), &format!("{path}?access_token={only}"), None).await;
        assert_problem(&in_query, 401, "token-missing", id);
        let basic = [("authorization", "Basic YWRtaW4tcm9ib3Q6eA==")];
        let basic = app.network.send(method.clone(), &format!("{}admin/api/v1{path}", app.issuer), &basic, "").await;
        assert_problem(&basic, 401, "token-missing", id);
        assert_problem(&call(Some("no-token")).await, 401, "token-invalid", id);
        assert_problem(&call(Some(&forged(&only))).await, 401, "token-invalid", id);
        assert_problem(&call(Some(&bobbys_id_token)).await, 401, "token-invalid", id);
        assert_problem(&call(Some(&elsewhere)).await, 401, "token-invalid", id);
        let lacking = call(Some(&but)).await;
        assert_problem(&lacking, 403, "scope-insufficient", id);
        assert!(lacking.header("www-authenticate").unwrap().ends_with(&format!("scope=\"{scope}\"")), "{id}");
        assert_problem(&call(Some(&alice)).await, 403, "administrator-required", id);

        // The controls: the same request is answered to whoever may.
        assert_eq!(call(Some(&only)).await.status.as_u16(), 200, "{id}: a machine with this scope alone");
        assert_eq!(call(Some(&bobby)).await.status.as_u16(), 200, "{id}: an administrator");
    }
}

async fn sessions_are_listed_and_ended(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let server = get(&app, "/server", &token).await;
    assert_eq!((server["version"].as_str().unwrap(), server["issuer"].as_str().unwrap()), (env!("CARGO_PKG_VERSION"), app.issuer.as_str()));
    assert!(app.settings.database.url.starts_with(server["database"].as_str().unwrap()), "{server}");

    let mut begun = Vec::new();
    for username in ["alice", "bobby", "alice", "alice", "alice"] {
        begun.push((username, a_session(&app, username).await));
        app.advance(chrono::TimeDelta::seconds(1));
    }
    // Pages of two, in the order they were begun, each session once.
    let (mut path, mut listed, mut sizes) = ("/sessions?limit=2".to_owned(), Vec::new(), Vec::new());
    loop {
        let page = get(&app, &path, &token).await;
        let items = page["items"].as_array().unwrap().clone();
        sizes.push(items.len());
        listed.extend(items.into_iter().map(|session| session["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/sessions?limit=2&after={next}");
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(listed, begun.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>());
    // A last page that is full has no next one, and one user's sessions are only that user's.
    let alice = app.user("alice").await.id;
    let page = get(&app, &format!("/sessions?user={alice}&limit=4"), &token).await;
    assert!(page["items"].as_array().unwrap().iter().all(|session| session["user_id"] == alice.to_string()));
    assert_eq!((page["items"].as_array().unwrap().len(), page.get("next")), (4, None));

    let (_, id) = &begun[0];
    let before = get(&app, &format!("/sessions/{id}"), &token).await;
    assert_eq!((before["user_id"].as_str().unwrap(), before.get("ended_at")), (alice.to_string().as_str(), None));
    let end = async || send(&app, Method::POST, &format!("/sessions/{id}/end"), Some(&token)).await;
    let ended = end().await.json();
    assert_eq!(ended["end_reason"], "revoked_by_admin");
    app.advance(chrono::TimeDelta::seconds(1));
    let again = end().await;
    assert_eq!((again.status.as_u16(), again.json()), (200, ended.clone()), "ending again changes nothing");
    assert_eq!(get(&app, &format!("/sessions/{id}"), &token).await, ended);

    let nobody = "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d";
    for (method, path, status, kind) in [
        (Method::GET, format!("/sessions/{nobody}"), 404, "not-found"),
        (Method::POST, format!("/sessions/{nobody}/end"), 404, "not-found"),
        (Method::GET, "/sessions/1".to_owned(), 400, "request-malformed"),
        (Method::POST, "/sessions/1/end".to_owned(), 400, "request-malformed"),
        (Method::GET, "/sessions?limit=0".to_owned(), 400, "request-malformed"),
        (Method::GET, "/sessions?limit=201".to_owned(), 400, "request-malformed"),
        (Method::GET, "/sessions?limit=ten".to_owned(), 400, "request-malformed"),
        (Method::GET, "/sessions?user=alice".to_owned(), 400, "request-malformed"),
        (Method::GET, "/sessions?after=x".to_owned(), 400, "request-malformed"),
        (Method::GET, "/nothing".to_owned(), 404, "not-found"),
        (Method::DELETE, "/sessions".to_owned(), 405, "method-not-allowed"),
    ] {
        assert_problem(&send(&app, method.clone(), &path, Some(&token)).await, status, kind, &format!("{method} {path}"));
    }
    let malformed = send(&app, Method::GET, "/sessions/1", Some(&token)).await.json();
    assert!(malformed["detail"].as_str().unwrap().starts_with("The id in the path is malformed: not a UUID: "), "{malformed}");
    let malformed = send(&app, Method::GET, "/sessions?limit=ten", Some(&token)).await.json();
    assert!(malformed["detail"].as_str().unwrap().starts_with("The parameter `limit` is malformed: not a number"), "{malformed}");
    for (limit, expected) in [(0, "1 or more"), (201, "200 or less")] {
        let malformed = send(&app, Method::GET, &format!("/sessions?limit={limit}"), Some(&token)).await.json();
        assert_eq!(malformed["detail"], format!("The parameter `limit` is malformed: it must be {expected}."), "{malformed}");
    }
    let of_nobody = get(&app, &format!("/sessions?user={nobody}"), &token).await;
    assert_eq!(of_nobody["items"].as_array().unwrap().len(), 0);
}

/// What hung on the session has ended with it.
async fn an_ended_session_is_of_no_use(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let (party, mut browser) = (app.relying_party(OWN_PAGE), app.browser());
    let tokens = app.sign_in(&mut browser, &party, "openid offline_access").await;
    let id = newest_session(&app, "alice").await;
    assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 200);
    send(&app, Method::POST, &format!("/sessions/{id}/end"), Some(&token)).await;
    assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 401);
    party.refused(tokens.refresh()).await;
    let response = app.silently(&mut browser, &party, "openid", &[]).await;
    assert_eq!(party.error(&response), "login_required");
}

async fn a_token_dies_with_what_it_hangs_on(database: Database) {
    let app = start(database).await;
    let (robot, (bobby, _)) = (robot_token(&app, AUDIENCE, &all_scopes()).await, user_tokens(&app, "bobby").await);
    let kind = async |token: &str| {
        let answer = send(&app, Method::GET, "/server", Some(token)).await;
        if answer.status.is_success() { "accepted".to_owned() } else { answer.json()["type"].as_str().unwrap().replace("urn:gatekey:problem:", "") }
    };
    assert_eq!((kind(&robot).await.as_str(), kind(&bobby).await.as_str()), ("accepted", "accepted"));

    // Who is an administrator is read with every request, not from the token.
    let mut user = app.user("bobby").await;
    user.admin = false;
    let changed = user.clone();
    app.write(move |db| gatekey::store::users::update(db, &changed)).await;
    assert_eq!(kind(&bobby).await, "administrator-required");
    user.admin = true;
    app.write(move |db| gatekey::store::users::update(db, &user)).await;
    assert_eq!(kind(&bobby).await, "accepted");

    // An administrator may end the session that the call is made from.
    let id = newest_session(&app, "bobby").await;
    send(&app, Method::POST, &format!("/sessions/{id}/end"), Some(&bobby)).await;
    assert_eq!(kind(&bobby).await, "token-invalid");

    app.advance(chrono::TimeDelta::days(1));
    assert_eq!(kind(&robot).await, "token-invalid", "expired");
}
