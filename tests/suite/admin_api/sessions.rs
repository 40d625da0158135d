//! Sessions: listed page by page, shown, ended.

use super::*;
use crate::support::database::each_database;

each_database!(sessions_are_listed_and_ended, a_token_dies_with_what_it_hangs_on, an_ended_session_is_of_no_use);

async fn sessions_are_listed_and_ended(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let server = get(&app, "/server", &token).await;
    assert_eq!((server["version"].as_str().unwrap(), server["issuer"].as_str().unwrap()), (env!("CARGO_PKG_VERSION"), app.issuer.as_str()));
    assert!(app.settings.database.url.starts_with(server["database"].as_str().unwrap()), "{server}");
    assert_eq!(server["scopes"], serde_json::json!(all_scopes()));
    let narrow = robot_token(&app, AUDIENCE, &["server:read".to_owned()]).await;
    assert_eq!(get(&app, "/server", &narrow).await["scopes"], serde_json::json!(["server:read"]));

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
    user.role = None;
    let changed = user.clone();
    app.write(move |db| gatekey::store::users::update(db, &changed)).await;
    assert_eq!(kind(&bobby).await, "administrator-required");
    user.role = Some(AdminRole::Administrator);
    app.write(move |db| gatekey::store::users::update(db, &user)).await;
    assert_eq!(kind(&bobby).await, "accepted");

    // An administrator may end the session that the call is made from.
    let id = newest_session(&app, "bobby").await;
    send(&app, Method::POST, &format!("/sessions/{id}/end"), Some(&bobby)).await;
    assert_eq!(kind(&bobby).await, "token-invalid");

    app.advance(chrono::TimeDelta::days(1));
    assert_eq!(kind(&robot).await, "token-invalid", "expired");
}
