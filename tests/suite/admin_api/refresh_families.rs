//! Refresh token families, and what else hangs on sessions: listed, looked at, ended.

use serde_json::json;

use super::*;
use crate::support::database::each_database;
use crate::support::relying_party::Tokens;

each_database!(refresh_families_are_listed_and_ended, a_reused_token_is_told_of_its_family, sessions_are_listed_by_client_and_state);

/// The id of a family of the user's, and the tokens it is known by.
pub async fn a_family(app: &App, username: &str) -> (String, Tokens) {
    let party = app.relying_party(OWN_PAGE);
    let response = app.authorize_as(&mut app.browser(), &party.authorize("openid offline_access", &[]), username).await;
    let tokens = party.exchange(&party.code(&response)).await;
    let token = robot_token(app, AUDIENCE, &["sessions:read".to_owned()]).await;
    let page = get(app, &format!("/refresh-families?limit=200&user={}", app.user(username).await.id), &token).await;
    (page["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned(), tokens)
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

async fn refresh_families_are_listed_and_ended(database: Database) {
    let app = start(database).await;
    let mut made = Vec::new();
    for username in ["alice", "bobby", "alice"] {
        made.push(a_family(&app, username).await);
        app.advance(chrono::TimeDelta::seconds(1));
    }
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let list = async |query: &str| get(&app, &format!("/refresh-families?{query}"), &token).await;
    let all: Vec<&str> = made.iter().map(|(id, _)| id.as_str()).collect();
    let first = list("limit=2").await;
    assert_eq!(ids(&first), all[..2]);
    let second = list(&format!("limit=2&after={}", first["next"].as_str().unwrap())).await;
    assert_eq!((ids(&second), second.get("next")), (vec![all[2]], None));
    let alice = app.user("alice").await.id;
    assert_eq!(ids(&list(&format!("user={alice}")).await), [all[0], all[2]]);
    assert_eq!(ids(&list(&format!("client={OWN_PAGE}")).await), all);
    assert_eq!(ids(&list(&format!("client={PAGE}")).await), [""; 0]);
    let session = first["items"][0]["session_id"].as_str().unwrap();
    assert_eq!(ids(&list(&format!("session={session}")).await), [all[0]]);
    let of_session = get(&app, &format!("/sessions/{session}/clients"), &token).await;
    assert_eq!((of_session["clients"][0]["client_id"].as_str(), &of_session["refresh_families"][0]), (Some(OWN_PAGE), &first["items"][0]), "{of_session}");

    let shown = get(&app, &format!("/refresh-families/{}", all[0]), &token).await;
    assert_eq!((&shown["family"]["kind"], &shown["family"]["generation"]), (&json!("offline_access"), &json!(1)), "the first");
    assert_eq!(shown["family"]["generation"], first["items"][0]["generation"]);
    assert!(!shown.to_string().contains("secret"), "{shown}");
    // What happened to it, only who may read events is told.
    let reader = robot_token(&app, AUDIENCE, &["sessions:read".to_owned()]).await;
    assert_eq!(get(&app, &format!("/refresh-families/{}", all[0]), &reader).await.get("events"), None);

    let end = async |id: &str| send(&app, Method::POST, &format!("/refresh-families/{id}/end"), Some(&token)).await;
    let ended = end(all[0]).await.json();
    assert_eq!(ended["end_reason"], "revoked_by_admin");
    let party = app.relying_party(OWN_PAGE);
    party.refused(made[0].1.refresh()).await;
    party.refresh(made[2].1.refresh()).await;
    app.advance(chrono::TimeDelta::seconds(1));
    assert_eq!(end(all[0]).await.json()["ended_at"], ended["ended_at"], "ending again changes nothing");
    assert_eq!(ids(&list("state=ended").await), [all[0]]);
    assert_eq!(ids(&list("state=live").await), all[1..]);
    let events = get(&app, &format!("/refresh-families/{}", all[0]), &token).await["events"].as_array().unwrap().clone();
    assert_eq!((events[0]["kind"].as_str(), events[0]["actor"]["id"].as_str()), (Some("grant.revoked"), Some(ROBOT)), "{events:?}");

    let nobody = "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d";
    for (method, path, status, kind) in [
        (Method::GET, format!("/refresh-families/{nobody}"), 404, "not-found"),
        (Method::POST, format!("/refresh-families/{nobody}/end"), 404, "not-found"),
        (Method::GET, format!("/sessions/{nobody}/clients"), 404, "not-found"),
        (Method::GET, "/refresh-families/1".to_owned(), 400, "request-malformed"),
        (Method::GET, "/refresh-families?state=dead".to_owned(), 400, "request-malformed"),
        (Method::GET, "/refresh-families?client=a%20b".to_owned(), 400, "request-malformed"),
        (Method::GET, "/refresh-families?session=x".to_owned(), 400, "request-malformed"),
        (Method::GET, "/sessions?state=dead".to_owned(), 400, "request-malformed"),
        (Method::GET, "/sessions?client=a%20b".to_owned(), 400, "request-malformed"),
    ] {
        assert_problem(&send(&app, method.clone(), &path, Some(&token)).await, status, kind, &format!("{method} {path}"));
    }
}

async fn a_reused_token_is_told_of_its_family(database: Database) {
    let app = start(database).await;
    let (id, tokens) = a_family(&app, "alice").await;
    let party = app.relying_party(OWN_PAGE);
    app.advance(chrono::TimeDelta::minutes(5));
    let next = party.refresh(tokens.refresh()).await;
    party.refresh(next.refresh()).await;
    app.advance(chrono::TimeDelta::minutes(5));
    party.refused(tokens.refresh()).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let shown = get(&app, &format!("/refresh-families/{id}"), &token).await;
    assert_eq!(shown["family"]["end_reason"], "reuse_detected", "{shown}");
    assert_eq!(shown["family"]["generation"], 3, "the number of the newest, which came of two renewals: {shown}");
    assert!(shown["events"].as_array().unwrap().iter().any(|event| event["kind"] == "refresh.reuse_detected"), "{shown}");
}

async fn sessions_are_listed_by_client_and_state(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let (page, own, mut browser) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE), app.browser());
    app.sign_in(&mut browser, &own, "openid").await;
    app.sign_in(&mut browser, &page, "openid").await;
    let both = newest_session(&app, "alice").await;
    app.advance(chrono::TimeDelta::seconds(1));
    app.sign_in(&mut app.browser(), &own, "openid").await;
    let one = newest_session(&app, "alice").await;
    assert_ne!(both, one);
    let list = async |query: &str| get(&app, &format!("/sessions?{query}"), &token).await;
    let alice = app.user("alice").await.id;
    assert_eq!(ids(&list(&format!("client={PAGE}")).await), [&both]);
    assert_eq!(ids(&list(&format!("client={OWN_PAGE}")).await), [&both, &one]);
    let of_both = format!("client={OWN_PAGE}&user={alice}&limit=1");
    let first = list(&of_both).await;
    assert_eq!(ids(&first), [&both]);
    assert_eq!(ids(&list(&format!("{of_both}&after={}", first["next"].as_str().unwrap())).await), [&one]);
    assert_eq!(ids(&list(&format!("client={PAGE}&user={}", app.user("bobby").await.id)).await), [""; 0]);
    assert_eq!((ids(&list("state=live").await), ids(&list("state=ended").await)), (vec![&*both, &*one], vec![]));
    // The share of one application ends; the session goes on.
    send(&app, Method::POST, &format!("/clients/{PAGE}/sessions/end"), Some(&token)).await;
    assert_eq!(
        (ids(&list(&format!("client={PAGE}&state=live")).await), ids(&list(&format!("client={PAGE}&state=ended&user={alice}")).await)),
        (vec![], vec![&*both])
    );
    send(&app, Method::POST, &format!("/sessions/{one}/end"), Some(&token)).await;
    assert_eq!((ids(&list("state=live").await), ids(&list(&format!("state=ended&user={alice}")).await)), (vec![&*both], vec![&*one]));
}
