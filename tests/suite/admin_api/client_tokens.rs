//! What a client was given ends with it: nothing of it comes back when the client is enabled, or registered anew by the same id.

use chrono::TimeDelta;
use serde_json::json;

use super::*;
use crate::support::database::each_database;
use crate::support::relying_party::RelyingParty;

each_database!(
    ad_11_a_machines_token_does_not_come_back_with_its_client,
    ad_11_a_users_token_does_not_come_back_with_its_client,
    ad_11_a_client_that_an_older_version_disabled_gets_nothing_back,
    ad_11_what_was_given_while_the_client_was_stopped_is_dead,
    a_client_registered_by_a_clock_that_was_ahead_gets_what_works,
);

pub(super) const URI: &str = "https://short.example.test/callback";

/// Registers a client, and acts as it.
pub(super) async fn register(app: &App, id: &str, metadata: &Value) -> RelyingParty {
    let token = robot_token(app, AUDIENCE, &all_scopes()).await;
    let made = send_json(app, Method::POST, "/clients", &token, &json!({"id": id, "metadata": metadata})).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text());
    let party = RelyingParty::new(&app.network, &app.issuer, id, URI);
    match made.json()["client_secret"].as_str() {
        Some(secret) => party.with_secret(secret),
        None => party,
    }
}

/// Disables it, enables it, deletes it.
pub(super) async fn act(app: &App, method: Method, path: &str) {
    let token = robot_token(app, AUDIENCE, &all_scopes()).await;
    let status = send(app, method, path, Some(&token)).await.status.as_u16();
    assert!(status == 200 || status == 204, "{path}: {status}");
}

async fn machine(app: &App) -> RelyingParty {
    register(app, "worker", &json!({"name": "Worker", "kind": "machine", "scope": "users:read", "resources": [AUDIENCE]})).await
}

async fn machines_token(party: &RelyingParty) -> String {
    tokens(&party.post("oauth/token", &[("grant_type", "client_credentials"), ("resource", AUDIENCE), ("scope", "users:read")]).await).access
}

/// What this API and introspection say to a machine's token.
async fn judged(app: &App, party: &RelyingParty, token: &str) -> (u16, bool) {
    let status = send(app, Method::GET, "/users", Some(token)).await.status.as_u16();
    (status, party.introspect(token).await["active"].as_bool().unwrap())
}

async fn ad_11_a_machines_token_does_not_come_back_with_its_client(database: Database) {
    let app = start(database).await;
    let worker = machine(&app).await;
    let old = machines_token(&worker).await;
    assert_eq!(judged(&app, &worker, &old).await, (200, true), "the control: given in the instant of the registration");
    act(&app, Method::POST, "/clients/worker/disable").await;
    assert_eq!(send(&app, Method::GET, "/users", Some(&old)).await.status.as_u16(), 401);
    act(&app, Method::POST, "/clients/worker/enable").await;
    assert_eq!(judged(&app, &worker, &old).await, (401, false), "enabled");
    // The control: the next one, in the same second.
    app.advance(TimeDelta::milliseconds(1));
    let new = machines_token(&worker).await;
    assert_eq!(judged(&app, &worker, &new).await, (200, true));
    // Enabling what is enabled, and another change, end nothing.
    act(&app, Method::POST, "/clients/worker/enable").await;
    assert_eq!((judged(&app, &worker, &new).await, judged(&app, &worker, &old).await), ((200, true), (401, false)));
    app.advance(TimeDelta::milliseconds(1));
    act(&app, Method::DELETE, "/clients/worker").await;
    let again = machine(&app).await;
    for dead in [&old, &new] {
        assert_eq!(judged(&app, &again, dead).await, (401, false), "another client by the same id");
    }
    assert_eq!(judged(&app, &again, &machines_token(&again).await).await, (200, true), "the control");
    app.stop().await;
}

/// Of a client that gets no refresh tokens: there is no family that could have been ended.
async fn ad_11_a_users_token_does_not_come_back_with_its_client(database: Database) {
    let app = start(database).await;
    let metadata = json!({"name": "Short", "kind": "spa", "redirect_uris": [URI], "grant_types": ["authorization_code"], "first_party": true});
    let short = register(&app, "short", &metadata).await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &short, "openid").await;
    assert!(first.refresh.is_none());
    let lives = async |token: &str| short.userinfo(token).await.status.as_u16() == 200;
    assert!(lives(&first.access).await, "the control");
    act(&app, Method::POST, "/clients/short/disable").await;
    assert!(!lives(&first.access).await);
    act(&app, Method::POST, "/clients/short/enable").await;
    app.advance(TimeDelta::milliseconds(1));
    assert!(!lives(&first.access).await);
    // The client begins its share in the session anew: that is no new life for what it had before.
    let second = short.exchange(&short.code(&app.silently(&mut browser, &short, "openid", &[]).await)).await;
    assert_eq!((lives(&second.access).await, lives(&first.access).await), (true, false));
    app.advance(TimeDelta::milliseconds(1));
    act(&app, Method::DELETE, "/clients/short").await;
    register(&app, "short", &metadata).await;
    assert!(!lives(&second.access).await, "another client by the same id");
    let third = short.exchange(&short.code(&app.silently(&mut browser, &short, "openid", &[]).await)).await;
    assert_eq!((lives(&third.access).await, lives(&second.access).await, lives(&first.access).await), (true, false, false));
    app.stop().await;
}

/// While replicas of two versions run, the older one writes nothing but that the client is disabled.
async fn ad_11_a_client_that_an_older_version_disabled_gets_nothing_back(database: Database) {
    let app = start(database).await;
    let worker = machine(&app).await;
    let old = machines_token(&worker).await;
    assert_eq!(judged(&app, &worker, &old).await, (200, true), "the control");
    app.advance(TimeDelta::seconds(1));
    app.disable_client("worker").await;
    app.advance(TimeDelta::seconds(1));
    act(&app, Method::POST, "/clients/worker/enable").await;
    assert_eq!(judged(&app, &worker, &old).await, (401, false));
    app.advance(TimeDelta::milliseconds(1));
    assert_eq!(judged(&app, &worker, &machines_token(&worker).await).await, (200, true), "the control");
    app.stop().await;
}

/// Whoever looked at the client before it was disabled gives it something a moment later: a token of the time between is put there so.
async fn ad_11_what_was_given_while_the_client_was_stopped_is_dead(database: Database) {
    let app = start(database).await;
    let worker = machine(&app).await;
    app.advance(TimeDelta::seconds(1));
    let stopped_at = app.now();
    app.advance(TimeDelta::milliseconds(2));
    let late = machines_token(&worker).await;
    assert_eq!(judged(&app, &worker, &late).await, (200, true), "the control");
    app.write(move |db| {
        let id = gatekey::domain::id::ClientId::parse("worker").unwrap();
        let mut client = gatekey::store::clients::find(db, &id)?.unwrap();
        client.disabled_at = Some(stopped_at);
        gatekey::store::clients::upsert(db, &client)?;
        gatekey::store::clients::end_tokens(db, &id, stopped_at)
    })
    .await;
    assert_eq!(send(&app, Method::GET, "/users", Some(&late)).await.status.as_u16(), 401);
    act(&app, Method::POST, "/clients/worker/enable").await;
    assert_eq!(judged(&app, &worker, &late).await, (401, false), "enabled");
    let same = machines_token(&worker).await;
    assert_eq!(judged(&app, &worker, &same).await, (401, false), "in the millisecond of the enabling");
    app.advance(TimeDelta::milliseconds(1));
    assert_eq!(judged(&app, &worker, &machines_token(&worker).await).await, (200, true), "the control");
    app.stop().await;
}

/// A clock that was ahead, and has been set right: the registration is in the future, and refuses nothing until then.
async fn a_client_registered_by_a_clock_that_was_ahead_gets_what_works(database: Database) {
    let app = start(database).await;
    app.advance(TimeDelta::days(1));
    let worker = machine(&app).await;
    let short = register(&app, "short", &json!({"name": "Short", "kind": "spa", "redirect_uris": [URI], "first_party": true})).await;
    app.advance(TimeDelta::days(-1));
    let (token, mut browser) = (machines_token(&worker).await, app.browser());
    assert_eq!(judged(&app, &worker, &token).await, (200, true));
    let given = app.sign_in(&mut browser, &short, "openid").await;
    assert_eq!(short.userinfo(&given.access).await.status.as_u16(), 200);
    let next = short.refresh(given.refresh()).await;
    // What is ended is ended, by the clock that is right.
    app.advance(TimeDelta::milliseconds(1));
    for id in ["worker", "short"] {
        act(&app, Method::POST, &format!("/clients/{id}/disable")).await;
        act(&app, Method::POST, &format!("/clients/{id}/enable")).await;
    }
    app.advance(TimeDelta::milliseconds(1));
    assert_eq!(judged(&app, &worker, &token).await, (401, false));
    assert_eq!(short.userinfo(&next.access).await.status.as_u16(), 401);
    short.refused(next.refresh()).await;
    assert_eq!(judged(&app, &worker, &machines_token(&worker).await).await, (200, true), "the control");
    app.stop().await;
}
