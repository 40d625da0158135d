//! Clients: a new secret, disabled and enabled, all that one has ended, a registration checked.

use serde_json::json;

use super::*;
use crate::support::database::each_database;

each_database!(
    a_new_secret_is_told_once_and_the_old_one_is_dead,
    ad_04_nobody_gets_the_secret_of_a_client_that_can_do_more,
    a_disabled_client_is_of_no_use_until_it_is_enabled,
    all_that_a_client_has_is_ended,
    a_registration_is_checked_without_being_made,
    the_consoles_client_is_stopped_but_not_changed,
);

/// A machine, made by the API. Its secret.
pub async fn register_machine(app: &App, id: &str) -> String {
    let token = robot_token(app, AUDIENCE, &all_scopes()).await;
    let metadata = json!({"name": id, "kind": "machine", "scope": "notes:read", "resources": [OTHER_AUDIENCE]});
    let made = send_json(app, Method::POST, "/clients", &token, &json!({"id": id, "metadata": metadata})).await;
    made.json()["client_secret"].as_str().unwrap_or_else(|| panic!("{}", made.text())).to_owned()
}

pub async fn status_of_grant(app: &App, id: &str, secret: &str) -> u16 {
    let basic = format!("Basic {}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{id}:{secret}")));
    let fields = [("grant_type", "client_credentials"), ("scope", "notes:read")];
    app.network.post_form(&format!("{}oauth/token", app.issuer), &[("authorization", &basic)], &fields).await.status.as_u16()
}

async fn a_new_secret_is_told_once_and_the_old_one_is_dead(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let old = register_machine(&app, "worker").await;
    assert_eq!(status_of_grant(&app, "worker", &old).await, 200, "the control");
    let rotated = send(&app, Method::POST, "/clients/worker/secret", Some(&token)).await;
    assert_eq!(rotated.status.as_u16(), 200, "{}", rotated.text());
    let new = rotated.json()["client_secret"].as_str().unwrap().to_owned();
    assert_eq!((status_of_grant(&app, "worker", &old).await, status_of_grant(&app, "worker", &new).await), (401, 200));
    assert!(!get(&app, "/clients/worker", &token).await.to_string().contains(&new));
    assert!(!get(&app, "/events?object=worker", &token).await.to_string().contains(&new));
    assert_problem(&send(&app, Method::POST, &format!("/clients/{PAGE}/secret"), Some(&token)).await, 409, "conflict", "a public client");
    assert_problem(&send(&app, Method::POST, "/clients/nobody/secret", Some(&token)).await, 404, "not-found", "no client");
}

async fn ad_04_nobody_gets_the_secret_of_a_client_that_can_do_more(database: Database) {
    let app = start(database).await;
    let all = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let some = robot_token(&app, AUDIENCE, &["clients:write".to_owned()]).await;
    let strong = json!({"name": "Strong", "kind": "machine", "scope": "users:write", "resources": [AUDIENCE]});
    send_json(&app, Method::POST, "/clients", &all, &json!({"id": "strong", "metadata": strong.clone()})).await;
    for action in ["secret", "secret/end-previous", "disable", "enable"] {
        let path = format!("/clients/strong/{action}");
        assert_problem(&send(&app, Method::POST, &path, Some(&some)).await, 403, "privilege-exceeded", action);
        assert_eq!(send(&app, Method::POST, &path, Some(&all)).await.status.as_u16(), 200, "the control: {action}");
    }
    let check = json!({"id": "stronger", "metadata": strong});
    assert_problem(&send_json(&app, Method::POST, "/client-check", &some, &check).await, 403, "privilege-exceeded", "checked");
    assert_eq!(send_json(&app, Method::POST, "/client-check", &all, &check).await.status.as_u16(), 200, "the control");
}

async fn a_disabled_client_is_of_no_use_until_it_is_enabled(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let secret = register_machine(&app, "worker").await;
    let post = async |action: &str, tag: Option<&str>| {
        let headers: Vec<(&str, &str)> = tag.map(|tag| ("if-match", tag)).into_iter().collect();
        request(&app, Method::POST, &format!("/clients/worker/{action}"), Some(&token), &headers, "").await
    };
    let read = send(&app, Method::GET, "/clients/worker", Some(&token)).await.header("etag").unwrap().to_owned();
    let disabled = post("disable", Some(&read)).await;
    assert!(disabled.json()["disabled_at"].is_string(), "{}", disabled.text());
    assert_eq!(status_of_grant(&app, "worker", &secret).await, 401);
    assert_problem(&post("enable", Some(&read)).await, 412, "precondition-failed", "read before it was disabled");
    app.advance(chrono::TimeDelta::seconds(1));
    assert_eq!(post("disable", None).await.json()["disabled_at"], disabled.json()["disabled_at"], "disabling again changes nothing");
    assert_eq!(post("enable", None).await.json().get("disabled_at"), None);
    assert_eq!(status_of_grant(&app, "worker", &secret).await, 200);
    for action in ["disable", "enable"] {
        assert_problem(&send(&app, Method::POST, &format!("/clients/nobody/{action}"), Some(&token)).await, 404, "not-found", action);
    }
}

async fn all_that_a_client_has_is_ended(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let (page, own) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE));
    let mut browser = app.browser();
    let here = app.sign_in(&mut browser, &page, "openid offline_access").await;
    let elsewhere = app.sign_in(&mut browser, &own, "openid offline_access").await;
    let end = async |id: &str| send(&app, Method::POST, &format!("/clients/{id}/sessions/end"), Some(&token)).await;
    assert_eq!(end(PAGE).await.json(), json!({"client_sessions": 1, "refresh_families": 1}));
    page.refused(here.refresh()).await;
    assert_eq!(page.userinfo(&here.access).await.status.as_u16(), 401);
    // The session and its other applications go on.
    own.refresh(elsewhere.refresh()).await;
    assert_eq!(end(PAGE).await.json(), json!({"client_sessions": 0, "refresh_families": 0}), "ending again changes nothing");
    assert_problem(&end("nobody").await, 404, "not-found", "no client");
    let told = get(&app, &format!("/events?object={PAGE}&kind=session.revoked"), &token).await;
    assert_eq!((told["items"].as_array().unwrap().len(), told["items"][0]["actor"]["id"].as_str()), (1, Some(ROBOT)), "{told}");
}

async fn a_registration_is_checked_without_being_made(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let check = async |body: &Value| send_json(&app, Method::POST, "/client-check", &token, body).await;
    let good = json!({"id": "notes", "metadata": {"name": "Notes", "kind": "spa", "redirect_uris": ["https://notes.example.test/cb"]}});
    let checked = check(&good).await;
    assert_eq!(checked.status.as_u16(), 200, "{}", checked.text());
    assert_eq!((&checked.json()["confidential"], &checked.json()["metadata"]["authentication"]), (&json!(false), &json!("none")));
    assert_problem(&send(&app, Method::GET, "/clients/notes", Some(&token)).await, 404, "not-found", "nothing was made");
    let mut bad = good.clone();
    bad["metadata"]["redirect_uris"] = json!(["http://notes.example.test/cb"]);
    // The same answer as creating it has.
    let (checked, created) = (check(&bad).await, send_json(&app, Method::POST, "/clients", &token, &bad).await);
    assert_problem(&checked, 422, "invalid", "a redirect URI that is not https");
    assert_eq!(checked.json(), created.json());
    assert_eq!(send_json(&app, Method::POST, "/clients", &token, &good).await.status.as_u16(), 201);
    assert_problem(&check(&good).await, 409, "already-exists", "it is there by now");
}

/// What the issuer registers by itself for its console, and would again at the next start.
async fn the_consoles_client_is_stopped_but_not_changed(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let path = "/clients/gatekey-console";
    let there = get(&app, path, &token).await;
    let new = json!({"id": "gatekey-console", "metadata": {"name": "Mine", "kind": "spa", "redirect_uris": ["https://mine.example.test/cb"]}});
    let (checked, created) =
        (send_json(&app, Method::POST, "/client-check", &token, &new).await, send_json(&app, Method::POST, "/clients", &token, &new).await);
    assert_problem(&checked, 422, "invalid", "checked");
    assert_eq!(checked.json(), created.json());
    assert_problem(&send_json(&app, Method::PUT, path, &token, &new["metadata"]).await, 422, "invalid", "replaced");
    assert_problem(&send(&app, Method::DELETE, path, Some(&token)).await, 422, "invalid", "deleted");
    assert_eq!(get(&app, path, &token).await, there);
    // The controls: as it is it may be put, it is stopped and let go on like any other, and another one is deleted.
    assert_eq!(send_json(&app, Method::PUT, path, &token, &there["metadata"]).await.status.as_u16(), 200);
    for (act, disabled) in [("disable", true), ("enable", false)] {
        let answer = send(&app, Method::POST, &format!("{path}/{act}"), Some(&token)).await;
        assert_eq!((answer.status.as_u16(), answer.json().get("disabled_at").is_some()), (200, disabled), "{act}");
    }
    assert_eq!(send(&app, Method::POST, &format!("{path}/sessions/end"), Some(&token)).await.status.as_u16(), 200);
    assert_eq!(send(&app, Method::DELETE, &format!("/clients/{PAGE}"), Some(&token)).await.status.as_u16(), 204);
}
