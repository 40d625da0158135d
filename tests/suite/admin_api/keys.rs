//! Signing keys: listed, rotated, retired.

use serde_json::json;

use super::*;
use crate::support::database::each_database;

each_database!(keys_are_listed_rotated_and_retired, it_is_told_which_keys_the_server_makes);

async fn rotate(app: &App, body: &Value) -> Answer {
    let token = robot_token(app, AUDIENCE, &all_scopes()).await;
    send_json(app, Method::POST, "/keys/rotate", &token, body).await
}

/// A key that signs nothing yet: its id.
pub async fn an_announced_key(app: &App) -> String {
    let token = robot_token(app, AUDIENCE, &["keys:read".to_owned()]).await;
    let keys = get(app, "/keys", &token).await;
    // One that was not retired since, for who tried may not.
    if let Some(there) = keys["items"].as_array().unwrap().iter().find(|key| key["state"] == "announced" && key["alg"] == "EdDSA") {
        return there["kid"].as_str().unwrap().to_owned();
    }
    loop {
        let made = rotate(app, &json!({"alg": "EdDSA"})).await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text());
        // The first of its algorithm signs at once.
        if made.json()["state"] == "announced" {
            return made.json()["kid"].as_str().unwrap().to_owned();
        }
    }
}

async fn keys_are_listed_rotated_and_retired(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let keys = async || get(&app, "/keys", &token).await["items"].as_array().unwrap().clone();
    let state = async |kid: &str| keys().await.iter().find(|key| key["kid"] == kid).map(|key| key["state"].as_str().unwrap().to_owned());
    let retire = async |kid: &str| send(&app, Method::POST, &format!("/keys/{kid}/retire"), Some(&token)).await;
    let first = keys().await.into_iter().find(|key| key["alg"] == "ES256").unwrap()["kid"].as_str().unwrap().to_owned();
    assert!(keys().await.iter().all(|key| key.as_object().unwrap().keys().all(|name| !name.contains("private") && name != "d")));
    assert_problem(&retire(&first).await, 409, "conflict", "the one that signs");
    assert_problem(&retire("nobody").await, 404, "not-found", "no key");

    let next = rotate(&app, &json!({})).await;
    assert_eq!((next.status.as_u16(), &next.json()["state"], &next.json()["alg"]), (201, &json!("announced"), &json!("ES256")), "{}", next.text());
    assert_problem(&rotate(&app, &json!({})).await, 409, "conflict", "the next one is announced");
    assert_problem(&rotate(&app, &json!({"alg": "HS256"})).await, 400, "request-malformed", "no such algorithm");
    assert_problem(&send(&app, Method::POST, "/keys/rotate", Some(&token)).await, 409, "conflict", "no body: as one without members");
    let next = next.json()["kid"].as_str().unwrap().to_owned();
    assert_eq!(retire(&next).await.status.as_u16(), 204);
    assert_eq!(state(&next).await.as_deref(), Some("retired"));

    app.advance(chrono::TimeDelta::seconds(1));
    let at_once = rotate(&app, &json!({"at_once": true})).await.json();
    assert_eq!((&at_once["state"], state(&first).await.as_deref()), (&json!("active"), Some("retiring")));
    assert_eq!(retire(&first).await.status.as_u16(), 204, "another one signs now");
    // The token that asked was signed by it.
    app.advance(chrono::TimeDelta::minutes(2));
    assert_problem(&send(&app, Method::GET, "/keys", Some(&token)).await, 401, "token-invalid", "signed by a key that is retired");
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let keys = get(&app, "/keys", &token).await["items"].as_array().unwrap().clone();
    assert!(keys.iter().any(|key| key["kid"] == first.as_str() && key["state"] == "retired"), "{keys:?}");
}

/// Of the algorithms in use, those that are rotated by themselves; none where that is switched off.
async fn it_is_told_which_keys_the_server_makes(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let rotated = async || get(&app, "/keys", &token).await["rotated_by_server"].clone();
    let at_first = rotated().await;
    assert!(at_first.as_array().unwrap().contains(&json!("ES256")) && !at_first.as_array().unwrap().contains(&json!("EdDSA")), "{at_first}");
    // A key alone is no use of its algorithm; a client is.
    an_announced_key(&app).await;
    assert_eq!(rotated().await, at_first);
    let metadata = json!({"name": "Ed", "kind": "spa", "redirect_uris": ["https://ed.example.test/cb"], "id_token_signed_response_alg": "EdDSA"});
    let made = send_json(&app, Method::POST, "/clients", &token, &json!({"id": "ed", "metadata": metadata})).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text());
    app.advance(chrono::TimeDelta::minutes(2));
    assert!(rotated().await.as_array().unwrap().contains(&json!("EdDSA")), "heard of within a minute");
    let never = send_json(&app, Method::PUT, "/settings", &token, &json!({"keys_rotate_every": "unlimited"})).await;
    assert_eq!(never.status.as_u16(), 200, "{}", never.text());
    assert_eq!(rotated().await, json!([]));
}
