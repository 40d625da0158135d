//! What happened to an account, as its user is told.

use chrono::TimeDelta;
use serde_json::json;

use super::*;
use crate::support::app::PASSWORD;
use crate::support::database::each_database;

each_database!(what_happened_is_told_page_by_page, who_it_was_is_told_and_not_which_administrator);

async fn what_happened_is_told_page_by_page(database: Database) {
    let app = start(database).await;
    add_user(&app, "carol").await;
    let page = app.relying_party(PAGE);
    let mut desk = app.browser_at("192.0.2.7");
    let first = page.exchange(&page.code(&app.authorize_as(&mut desk, &page.authorize("openid offline_access", &[]), "carol").await)).await;
    app.advance(TimeDelta::minutes(1));
    // An old refresh token comes back.
    let second = page.refresh(first.refresh()).await;
    app.advance(TimeDelta::minutes(1));
    page.refresh(second.refresh()).await;
    page.refused(first.refresh()).await;
    app.advance(TimeDelta::minutes(1));
    let phone = another_session(&app, "carol").await;
    app.advance(TimeDelta::minutes(1));
    another_session(&app, "bobby").await;
    let token = token(&app, &mut desk, "carol", &all_scopes()).await;
    assert_eq!(send(&app, Method::DELETE, &format!("/applications/{PAGE}"), Some(&token)).await.status.as_u16(), 204);
    assert_eq!(send(&app, Method::POST, "/sessions/end-others", Some(&token)).await.status.as_u16(), 200);
    let desks_session = current(&app, &token).await["id"].clone();
    app.advance(TimeDelta::minutes(1));
    let body = json!({ "current_password": PASSWORD, "new_password": "wrong donkey battery clip" });
    assert_eq!(send_json(&app, Method::PUT, "/password", &token, &body).await.status.as_u16(), 204);
    app.advance(TimeDelta::minutes(1));
    let party = app.relying_party(ACCOUNT_PAGE);
    let url = party.authorize(&format!("openid {}", all_scopes().join(" ")), &[("resource", AUDIENCE)]);
    let token = party.exchange(&party.code(&desk.authorize_as(&url, "carol", "wrong donkey battery clip").await)).await.access;

    let (mut path, mut events) = ("/activity?limit=3".to_owned(), Vec::new());
    loop {
        let page = get(&app, &path, &token).await;
        events.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/activity?limit=3&after={next}");
    }
    assert!(events.windows(2).all(|pair| pair[0]["id"].as_str() > pair[1]["id"].as_str()), "the newest first, each once");
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    let said = |event: &Value| format!("{} {} {}", text(event, "kind"), text(event, "by"), event["application"]["client_id"].as_str().unwrap());
    // Of one instant in the order of their words.
    let mut told: Vec<(String, String)> = events.iter().map(|event| (text(event, "at"), said(event))).collect();
    told.sort();
    let told: Vec<String> = told.into_iter().map(|(_, said)| said).collect();
    let expected = [
        format!("consent.granted user {PAGE}"),
        format!("login.succeeded user {PAGE}"),
        format!("refresh.reuse_detected application {PAGE}"),
        format!("login.succeeded user {PAGE}"),
        format!("consent.withdrawn user {PAGE}"),
        format!("session.revoked user {ACCOUNT_PAGE}"),
        format!("user.password_set user {ACCOUNT_PAGE}"),
        format!("login.succeeded user {ACCOUNT_PAGE}"),
    ];
    assert_eq!(told, expected, "{events:#?}");
    let of = |kind: &str| events.iter().filter(|event| event["kind"] == kind).collect::<Vec<_>>();
    let [again, phones, desks] = of("login.succeeded")[..] else { panic!("{events:#?}") };
    assert_eq!((&desks["network"], &desks["session"]), (&json!("192.0.2.7"), &desks_session));
    assert_eq!((&again["network"], &again["session"]), (&json!("192.0.2.7"), &current(&app, &token).await["id"]));
    assert_eq!((&phones["session"], &of("refresh.reuse_detected")[0]["reason"]), (&json!(phone), &json!("reuse_detected")));
    for path in ["/activity?limit=0", "/activity?limit=201", "/activity?after=x"] {
        assert_problem(&send(&app, Method::GET, path, Some(&token)).await, 400, "request-malformed", path);
    }
}

/// An administrator ends a session: the user is told that one did, and neither which nor from where.
async fn who_it_was_is_told_and_not_which_administrator(database: Database) {
    let app = start(database).await;
    let token = signed_in(&app, "alice").await;
    // Sessions of one millisecond come in no order.
    app.advance(TimeDelta::seconds(1));
    another_session(&app, "alice").await;
    let bobby = app.user("bobby").await.id;
    let mut browser = app.browser_at("203.0.113.9");
    let admin: Vec<&str> = AdminScope::ALL.iter().map(|scope| scope.as_str()).collect();
    let admins = tokens_for(&app, &mut browser, "bobby", crate::admin_api::AUDIENCE, &admin).await.access;
    let alice = app.user("alice").await.id;
    let bearer = [("authorization", &*format!("Bearer {admins}"))];
    let sessions = app.network.get(&format!("{}admin/api/v1/sessions?user={alice}&limit=200", app.issuer), &bearer).await.json();
    let id = sessions["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap();
    app.advance(TimeDelta::seconds(1));
    let network = app.network.seen_from("203.0.113.9");
    let ended = network.send(Method::POST, &format!("{}admin/api/v1/sessions/{id}/end", app.issuer), &bearer, "").await;
    assert_eq!(ended.status.as_u16(), 200, "{}", ended.text());

    let told = get(&app, "/activity?limit=1", &token).await;
    let event = &told["items"][0];
    assert_eq!((&event["kind"], &event["by"], &event["reason"]), (&json!("session.revoked"), &json!("administrator"), &json!("revoked_by_admin")));
    let whole = get(&app, "/activity?limit=200", &token).await.to_string();
    assert!(!whole.contains("203.0.113.9") && !whole.contains(&bobby.to_string()), "{whole}");
}
