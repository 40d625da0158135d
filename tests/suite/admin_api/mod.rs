//! The admin API over HTTP: one file a resource, and the matrix of who may do what.

mod client_actions;
mod client_lists;
mod client_secrets;
mod client_tokens;
mod clients;
mod consents;
mod declared;
mod documented;
mod ended_codes;
mod events;
mod groups;
mod idempotency;
mod keys;
mod last_administrator;
mod lifetimes;
mod matrix;
mod misfits;
mod password_reset;
mod queries;
mod reach;
mod refresh_families;
mod sessions;
mod settings;
mod sorting;
mod statistics;
mod user_lists;
mod users;

use std::process::Command;

use gatekey::domain::admin_scope::{AdminRole, AdminScope};
use gatekey::domain::client::ClientKind;
use gatekey::domain::scope::Scope;
use gatekey::settings::Settings;
use poem::http::Method;
use serde_json::Value;

use crate::support::api::Api;
use crate::support::app::{App, OWN_PAGE, PAGE, client};
use crate::support::database::Database;
use crate::support::network::Answer;
use crate::support::relying_party::tokens;

pub const AUDIENCE: &str = "urn:gatekey:admin";
const OTHER_AUDIENCE: &str = "https://api.example.test/";
const ROBOT: &str = "admin-robot";
const CONSOLE: &str = "admin-console";

/// One operation of the document.
struct Operation {
    id: String,
    method: Method,
    path: String,
    scope: String,
    /// The example of its body.
    body: Option<Value>,
}

pub fn document() -> Value {
    serde_json::from_str(&printed()).unwrap()
}

static API: Api = Api::new("admin/api/v1", printed);

pub fn printed() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_gatekey")).arg("openapi").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn operations() -> Vec<Operation> {
    let mut found = Vec::new();
    let document = document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no operationId")).to_owned();
            let scopes: Vec<&str> = operation["security"][0]["access_token"].as_array().unwrap().iter().map(|scope| scope.as_str().unwrap()).collect();
            let [scope] = scopes[..] else { panic!("{id} names one scope: {scopes:?}") };
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let body = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str().map(|name| {
                let name = name.trim_start_matches("#/components/schemas/");
                document["components"]["schemas"][name]["example"].clone()
            });
            found.push(Operation { id, method, path: path.clone(), scope: scope.to_owned(), body });
        }
    }
    assert!(found.len() >= 4, "the document was read");
    found
}

fn all_scopes() -> Vec<String> {
    AdminScope::ALL.iter().map(|scope| scope.as_str().to_owned()).collect()
}

/// An issuer with a machine and a page for the API; bobby is an administrator, alice is none.
async fn start(database: Database) -> App {
    start_with(database, |_| {}).await
}

/// The same with more in its settings.
async fn start_with(database: Database, change: impl FnOnce(&mut Settings)) -> App {
    App::start_with(database, |settings| {
        change(settings);
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
            user.role = user.role.or((user.username == "bobby").then_some(AdminRole::Administrator));
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
pub fn forged(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{other}{}", &signature[1..])
}

async fn send(app: &App, method: Method, path: &str, token: Option<&str>) -> Answer {
    API.request(app, method, path, token, &[], "").await
}

/// The same with a body of JSON.
async fn send_json(app: &App, method: Method, path: &str, token: &str, body: &Value) -> Answer {
    API.request(app, method, path, Some(token), &[], &body.to_string()).await
}

async fn request(app: &App, method: Method, path: &str, token: Option<&str>, headers: &[(&str, &str)], body: &str) -> Answer {
    API.request(app, method, path, token, headers, body).await
}

async fn get(app: &App, path: &str, token: &str) -> Value {
    API.get(app, path, token).await
}

/// Fails unless the answer is this problem (RFC 9457 §3), with a challenge where one belongs (RFC 6750 §3).
pub fn assert_problem(answer: &Answer, status: u16, kind: &str, what: &str) {
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
        "scope-insufficient" | "administrator-required" | "privilege-exceeded" | "user-required" => Some("insufficient_scope"),
        "authentication-too-old" => Some("insufficient_user_authentication"),
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
