//! Starting a password reset: what comes back, who may, for whom, and what is told of it.

use gatekey::domain::event::EventKind;
use serde_json::json;

use super::*;
use crate::account::add_user;
use crate::support::browser::{OWN_FORM, form_with};
use crate::support::database::each_database;

each_database!(
    a_reset_is_started_here_and_finished_by_the_user,
    what_is_in_the_way_of_a_reset_is_told,
    a_reset_asks_for_a_recent_sign_in,
    ad_04_nobody_starts_a_reset_for_who_can_do_more,
    ad_05_a_reset_tells_the_administrator_no_password,
    ad_07_a_reset_tells_nobody_who_there_is,
);

const NOBODY: &str = "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d";
const NEW: &str = "wrong donkey battery clip";

async fn token(app: &App, scopes: &[&str]) -> String {
    robot_token(app, AUDIENCE, &scopes.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>()).await
}

async fn start_reset(app: &App, token: &str, user: &str, body: &Value) -> Answer {
    send_json(app, Method::POST, &format!("/users/{user}/password-reset"), token, body).await
}

/// The user's part.
async fn finish(app: &App, link: &str) -> Answer {
    let mut browser = app.browser();
    let form = form_with(&browser.visit(link).await.page(), "new_password");
    browser.submit_as(&form.fill("new_password", NEW).fill("password_again", NEW), None, OWN_FORM).await
}

async fn a_reset_is_started_here_and_finished_by_the_user(database: Database) {
    let app = start(database).await;
    let token = token(&app, &["users:reset-password", "users:read", "events:read"]).await;
    // Somebody who never had a password gets the first one in the same way. A body says more, and may be left out.
    let user = users::register(&app, "carol", None).await.to_string();
    let started = send(&app, Method::POST, &format!("/users/{user}/password-reset"), Some(&token)).await;
    assert_eq!(started.status.as_u16(), 201, "{}", started.text());
    let started = started.json();
    let link = started["link"].as_str().unwrap();
    assert!(link.starts_with(&format!("{}reset-password?link=", app.issuer)) && link.len() == app.issuer.len() + 20 + 43, "{link}");
    let expires = |json: &Value| json["expires_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap() - app.now();
    assert_eq!(expires(&started), chrono::TimeDelta::hours(1));
    for seconds in [60, 604_800] {
        let other = start_reset(&app, &token, &user, &json!({"expires_in": seconds})).await.json();
        assert_eq!(expires(&other), chrono::TimeDelta::seconds(seconds));
    }
    assert_eq!(app.browser().visit(link).await.page().status.as_u16(), 400, "the newer ones took its place");
    assert_eq!(get(&app, &format!("/users/{user}"), &token).await["has_password"], false, "nothing has changed yet");
    app.advance(chrono::TimeDelta::seconds(1));
    let started = start_reset(&app, &token, &user, &json!({"expires_in": 86_400})).await.json();
    let link = started["link"].as_str().unwrap();
    app.advance(chrono::TimeDelta::seconds(86_399));
    assert_eq!(finish(&app, link).await.status.as_u16(), 200);
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    assert_eq!(get(&app, &format!("/users/{user}"), &token).await["has_password"], true);

    // Told: who started it, and that it was used. The two have the link's id in common.
    let told = get(&app, &format!("/events?user={user}&limit=10"), &token).await;
    let told = told["items"].as_array().unwrap();
    let (used, begun) = (&told[0], &told[1]);
    assert_eq!((used["kind"].as_str(), used["actor"]["kind"].as_str()), (Some(EventKind::UserPasswordSet.as_str()), Some("anybody")));
    assert_eq!((begun["kind"].as_str(), begun["actor"]["id"].as_str()), (Some(EventKind::UserPasswordResetStarted.as_str()), Some(ROBOT)));
    assert_eq!((&used["detail"]["by"], &used["detail"]["link"]), (&json!("reset_link"), &begun["detail"]["link"]));
    assert!(begun["detail"]["expires_at"].is_string() && begun["detail"]["link"].is_string(), "{begun}");
    assert_eq!(told.iter().filter(|event| event["kind"] == "user.password_reset_started").count(), 4);
}

async fn what_is_in_the_way_of_a_reset_is_told(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let user = users::register(&app, "carol", None).await.to_string();
    for seconds in [0, 59, 604_801] {
        let refused = start_reset(&app, &token, &user, &json!({"expires_in": seconds})).await;
        assert_problem(&refused, 422, "invalid", &seconds.to_string());
        assert_eq!(refused.json()["errors"][0]["pointer"], "/expires_in");
    }
    for body in
        [json!({"expires_in": -1}), json!({"expires_in": "3600"}), json!({"expires_in": 3600, "password": NEW}), json!({"password_hash": "x"}), json!([])]
    {
        assert_problem(&start_reset(&app, &token, &user, &body).await, 400, "request-malformed", &body.to_string());
    }
    let form = request(&app, Method::POST, &format!("/users/{user}/password-reset"), Some(&token), &[("content-type", "text/plain")], "{}").await;
    assert_problem(&form, 415, "request-malformed", "no JSON");
    assert_problem(&start_reset(&app, &token, NOBODY, &json!({})).await, 404, "not-found", "nobody");
    // The settings file says alice's.
    let declared = start_reset(&app, &token, &app.user("alice").await.id.to_string(), &json!({})).await;
    assert_problem(&declared, 409, "conflict", "declared");
    assert!(declared.json()["detail"].as_str().unwrap().contains("settings file"));
    assert_eq!(send(&app, Method::POST, &format!("/users/{user}/disable"), Some(&token)).await.status.as_u16(), 200);
    let disabled = start_reset(&app, &token, &user, &json!({})).await;
    assert_problem(&disabled, 409, "conflict", "disabled");
    assert!(disabled.json()["detail"].as_str().unwrap().contains("disabled"));
    send(&app, Method::POST, &format!("/users/{user}/enable"), Some(&token)).await;
    assert_eq!(start_reset(&app, &token, &user, &json!({})).await.status.as_u16(), 201, "the control");
}

async fn a_reset_asks_for_a_recent_sign_in(database: Database) {
    let app = start(database).await;
    let user = users::register(&app, "carol", None).await.to_string();
    users::give_role(&app, "alice", Some(AdminRole::Support)).await;
    let (party, mut browser) = (app.relying_party(CONSOLE), app.browser());
    let scope = "openid users:read users:reset-password";
    let url = party.authorize(scope, &[("resource", AUDIENCE)]);
    let fresh = party.exchange(&party.code(&app.authorize_as(&mut browser, &url, "alice").await)).await.access;
    assert_eq!(start_reset(&app, &fresh, &user, &json!({})).await.status.as_u16(), 201, "the control, by support");
    app.advance(chrono::TimeDelta::minutes(11));
    let response = app.silently(&mut browser, &party, scope, &[("resource", AUDIENCE)]).await;
    let old = party.exchange(&party.code(&response)).await.access;
    assert_problem(&start_reset(&app, &old, &user, &json!({})).await, 401, "authentication-too-old", "a sign-in of eleven minutes ago");
}

async fn ad_04_nobody_starts_a_reset_for_who_can_do_more(database: Database) {
    let app = start(database).await;
    let mut users_of = Vec::new();
    for (name, role) in [("root", Some(AdminRole::Administrator)), ("dev", Some(AdminRole::Developer)), ("helper", Some(AdminRole::Support)), ("plain", None)] {
        users_of.push(users::register(&app, name, role).await.to_string());
    }
    let [root, dev, helper, plain] = &users_of[..] else { panic!() };
    users::give_role(&app, "alice", Some(AdminRole::Support)).await;
    let (alice, _) = user_tokens(&app, "alice").await;
    let (bobby, _) = user_tokens(&app, "bobby").await;
    let some = token(&app, &["users:read", "users:write", "users:reset-password"]).await;
    for (token, who, refused, allowed) in [
        (&some, "a machine", &[root, dev, helper][..], &[plain][..]),
        (&alice, "support", &[root, dev], &[helper, plain]),
        (&bobby, "an administrator", &[], &[root, dev, helper, plain]),
    ] {
        for user in refused {
            assert_problem(&start_reset(&app, token, user, &json!({})).await, 403, "privilege-exceeded", who);
        }
        for user in allowed {
            assert_eq!(start_reset(&app, token, user, &json!({})).await.status.as_u16(), 201, "{who}");
        }
    }
    // What was begun for somebody without a role is no way to the role that they were given since.
    let link = start_reset(&app, &some, plain, &json!({})).await.json()["link"].as_str().unwrap().to_owned();
    let role = send_json(&app, Method::PUT, &format!("/users/{plain}/role"), &bobby, &json!({"role": "administrator"})).await;
    assert_eq!(role.status.as_u16(), 200, "{}", role.text());
    assert_eq!(app.browser().visit(&link).await.page().status.as_u16(), 400);
    assert_problem(&start_reset(&app, &some, plain, &json!({})).await, 403, "privilege-exceeded", "an administrator by now");
}

async fn ad_05_a_reset_tells_the_administrator_no_password(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let user = add_user(&app, "carol").await.to_string();
    let before = app.user("carol").await.password_hash.unwrap().expose().clone();
    let started = start_reset(&app, &token, &user, &json!({})).await;
    assert!(!started.text().contains("argon2") && !started.text().contains(&before));
    let link = started.json()["link"].as_str().unwrap().to_owned();
    let secret = link.split_once("?link=").unwrap().1;
    assert_eq!(app.user("carol").await.password_hash.unwrap().expose(), &before, "starting it changes no password");
    // Neither the link nor what the user then chose is told again.
    assert_eq!(finish(&app, &link).await.status.as_u16(), 200);
    for path in [format!("/users/{user}"), format!("/events?user={user}&limit=200"), format!("/events?object={user}&limit=200")] {
        let text = get(&app, &path, &token).await.to_string();
        assert!(!text.contains(secret) && !text.contains("argon2") && !text.contains(NEW), "{path}: {text}");
    }
    let exported = send(&app, Method::GET, "/events/export?limit=1000", Some(&token)).await;
    assert!(exported.text().contains("user.password_reset_started") && !exported.text().contains(secret), "{}", exported.text());
}

async fn ad_07_a_reset_tells_nobody_who_there_is(database: Database) {
    let app = start(database).await;
    let there = users::register(&app, "carol", None).await.to_string();
    let but: Vec<String> = all_scopes().into_iter().filter(|scope| scope != "users:reset-password").collect();
    let low = robot_token(&app, AUDIENCE, &but).await;
    let (one, other) = (start_reset(&app, &low, &there, &json!({})).await, start_reset(&app, &low, NOBODY, &json!({})).await);
    assert_problem(&one, 403, "scope-insufficient", "there");
    assert_eq!(one.text(), other.text());
}
