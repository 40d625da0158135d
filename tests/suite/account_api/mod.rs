//! The account API over HTTP: what users may do with their own things, from an application's page, and what nobody may do with another's.

mod activity;
mod applications;
mod cross_origin;
mod matrix;
mod password;
mod queries;
mod sessions;

use std::process::Command;

use gatekey::domain::account_scope::AccountScope;
use gatekey::domain::admin_scope::{AdminRole, AdminScope};
use gatekey::domain::client::ClientKind;
use gatekey::domain::scope::Scope;
use gatekey::settings::Settings;
use poem::http::Method;
use serde_json::Value;

use crate::account::add_user;
use crate::admin_api::assert_problem;
use crate::support::api::Api;
use crate::support::app::{App, PAGE, client};
use crate::support::browser::Browser;
use crate::support::database::Database;
use crate::support::network::Answer;
use crate::support::openapi::Document;
use crate::support::relying_party::{Tokens, tokens};

pub const AUDIENCE: &str = "urn:gatekey:account";
const OTHER_AUDIENCE: &str = "https://api.example.test/";
/// An application of the operator's with an account page of its own.
pub const ACCOUNT_PAGE: &str = "account-page";
pub const ACCOUNT_PAGE_ORIGIN: &str = "https://my.example.test";
/// Another one, somebody else's: users are asked.
pub const OTHER_ACCOUNT_PAGE: &str = "other-account-page";
/// Has the same scopes, and no user.
const ROBOT: &str = "account-robot";

static API: Api = Api::new("account/api/v1", printed);

pub fn printed() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_gatekey")).args(["openapi", "--account"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn document() -> &'static Document {
    API.document()
}

fn all_scopes() -> Vec<&'static str> {
    AccountScope::ALL.iter().map(|scope| scope.as_str()).collect()
}

/// An issuer with an application for the API, and a machine that would like to be one; bobby is an administrator.
async fn start(database: Database) -> App {
    start_with(database, |_| {}).await
}

async fn start_with(database: Database, change: impl FnOnce(&mut Settings)) -> App {
    App::start_with(database, |settings| {
        change(settings);
        let admin: Vec<&str> = AdminScope::ALL.iter().map(|scope| scope.as_str()).collect();
        let scope = Scope::parse(&format!("openid offline_access {} {}", all_scopes().join(" "), admin.join(" "))).unwrap();
        let resources: Vec<String> = [OTHER_AUDIENCE, AUDIENCE, crate::admin_api::AUDIENCE].map(str::to_owned).to_vec();
        settings.clients.push(client(ACCOUNT_PAGE, ClientKind::Spa, ACCOUNT_PAGE_ORIGIN, |c| {
            c.first_party = true;
            c.scope = scope;
            c.resources = resources.clone();
        }));
        settings.clients.push(client(OTHER_ACCOUNT_PAGE, ClientKind::Spa, "https://elsewhere.example.test", |c| {
            c.scope = Scope::parse(&format!("openid offline_access {}", all_scopes().join(" "))).unwrap();
            c.resources = vec![AUDIENCE.to_owned()];
        }));
        settings.clients.push(client(ROBOT, ClientKind::Machine, "https://robot.example.test", |c| {
            c.redirect_uris.clear();
            c.scope = Scope::parse(&all_scopes().join(" ")).unwrap();
            c.resources = resources;
        }));
        for user in &mut settings.users {
            user.role = (user.username == "bobby").then_some(AdminRole::Administrator);
        }
    })
    .await
}

/// What the application gets for whoever is signed in with this browser; signs `username` in where nobody is.
async fn tokens_for(app: &App, browser: &mut Browser, username: &str, audience: &str, scopes: &[&str]) -> Tokens {
    let party = app.relying_party(ACCOUNT_PAGE);
    let url = party.authorize(&format!("openid {}", scopes.join(" ")), &[("resource", audience)]);
    let response = app.authorize_as(browser, &url, username).await;
    party.exchange(&party.code(&response)).await
}

/// A token for the API with these scopes.
async fn token(app: &App, browser: &mut Browser, username: &str, scopes: &[&str]) -> String {
    tokens_for(app, browser, username, AUDIENCE, scopes).await.access
}

/// The same with every scope, in a browser of its own.
async fn signed_in(app: &App, username: &str) -> String {
    token(app, &mut app.browser(), username, &all_scopes()).await
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

/// The session that a token comes from.
async fn current(app: &App, token: &str) -> Value {
    let page = get(app, "/sessions?limit=200", token).await;
    let mut current = page["items"].as_array().unwrap().iter().filter(|session| session["current"] == true);
    let (one, more) = (current.next().unwrap_or_else(|| panic!("no current one: {page}")).clone(), current.next());
    assert_eq!(more, None, "{page}");
    one
}

/// A session of a user in some other browser, at an application that asks for consent.
async fn another_session(app: &App, username: &str) -> String {
    let (mut browser, page) = (app.browser(), app.relying_party(PAGE));
    app.authorize_as(&mut browser, &page.authorize("openid", &[]), username).await;
    let token = token(app, &mut browser, username, &["account:sessions:read"]).await;
    current(app, &token).await["id"].as_str().unwrap().to_owned()
}

fn assert_done(answer: &Answer, what: &str) {
    assert!(answer.status.is_success(), "{what}: {} {}", answer.status, answer.text());
}

async fn kind_of(app: &App, token: &str) -> String {
    let answer = send(app, Method::GET, "/sessions?limit=1", Some(token)).await;
    if answer.status.is_success() { "accepted".to_owned() } else { answer.json()["type"].as_str().unwrap().replace("urn:gatekey:problem:", "") }
}
