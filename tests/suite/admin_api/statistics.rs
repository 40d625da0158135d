//! How much happens, by the hour.

use chrono::TimeDelta;
use serde_json::json;

use super::*;
use crate::support::browser::form_with;
use crate::support::database::each_database;

each_database!(what_happens_is_counted_by_the_hour, replicas_add_up_what_each_has_counted, sessions_are_counted_by_the_sweep, a_page_of_live_sessions_is_full);

async fn points(app: &App, query: &str) -> Vec<Value> {
    let token = robot_token(app, AUDIENCE, &["statistics:read".to_owned()]).await;
    get(app, &format!("/statistics{query}"), &token).await["points"].as_array().unwrap().clone()
}

fn counts(point: &Value) -> [u64; 5] {
    ["sign_ins", "failed_sign_ins", "silent_renewals", "refresh_renewals", "reuses"].map(|name| point[name].as_u64().unwrap())
}

async fn what_happens_is_counted_by_the_hour(database: Database) {
    let app = start(database).await;
    let (own, mut browser) = (app.relying_party(OWN_PAGE), app.browser());
    let form = form_with(&browser.visit(&own.endpoint("login")).await.page(), "password");
    browser.submit(&form.fill("username", "alice").fill("password", "mistyped"), None).await;
    let first = app.sign_in(&mut browser, &own, "openid offline_access").await;
    own.code(&app.silently(&mut browser, &own, "openid", &[]).await);
    // A refusal renews nothing.
    own.error(&app.silently(&mut app.browser(), &own, "openid", &[]).await);
    assert_eq!(points(&app, "").await.last().map(counts), Some([1, 1, 1, 0, 0]));

    app.advance(TimeDelta::hours(1));
    let next = own.refresh(first.refresh()).await;
    // Another hour, another retry: within the overlap it is answered, and is a renewal.
    own.refresh(first.refresh()).await;
    own.refresh(next.refresh()).await;
    app.advance(TimeDelta::minutes(5));
    own.refused(first.refresh()).await;
    let all = points(&app, "").await;
    assert_eq!(all.len(), 25, "a day, and the hour that goes on");
    assert_eq!(all[23..].iter().map(counts).collect::<Vec<_>>(), [[1, 1, 1, 0, 0], [0, 0, 0, 3, 1]]);
    assert!(all[..23].iter().all(|point| counts(point) == [0; 5] && point.get("live_sessions").is_none()), "{all:?}");
    let at: Vec<&str> = all.iter().map(|point| point["at"].as_str().unwrap()).collect();
    assert!(at.is_sorted_by(|one, other| one < other) && at.iter().all(|at| at.contains(":00:00")), "{at:?}");

    // Asked for by the times, and no more than there may be.
    let time = |text: &str| text.replace("+00:00", "Z");
    let (before, now) = (time(at[23]), time(at[24]));
    assert_eq!(points(&app, &format!("?since={before}&until={before}")).await.iter().map(counts).collect::<Vec<_>>(), [[1, 1, 1, 0, 0]]);
    assert_eq!(points(&app, &format!("?since={before}")).await.len(), 2);
    let month = app.now() - TimeDelta::days(31);
    assert_eq!(points(&app, &format!("?since={}", month.format("%Y-%m-%dT%H:%M:%SZ"))).await.len(), 745);
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let longer = (month - TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%SZ");
    for query in [
        format!("since={longer}"),
        format!("since={now}&until={before}"),
        "since=yesterday".to_owned(),
        "until=x".to_owned(),
        "since=-0001-01-01T00:00:00Z&until=-0001-01-01T01:00:00Z".to_owned(),
        "until=-262143-01-01T00:00:00Z".to_owned(),
    ] {
        let answer = send(&app, Method::GET, &format!("/statistics?{query}"), Some(&token)).await;
        assert_problem(&answer, 400, "request-malformed", &query);
    }
}

async fn replicas_add_up_what_each_has_counted(database: Database) {
    let app = start(database).await;
    let other = app.replica("replica").await;
    for app in [&app, &other] {
        app.sign_in(&mut app.browser(), &app.relying_party(OWN_PAGE), "openid").await;
    }
    assert_eq!(points(&app, "").await.last().map(counts), Some([1, 0, 0, 0, 0]), "what the other one has counted is not written yet");
    assert_eq!(points(&other, "").await.last().map(counts), Some([2, 0, 0, 0, 0]));
    // What is not written when a server ends is written then.
    other.sign_in(&mut other.browser(), &other.relying_party(OWN_PAGE), "openid").await;
    other.stop().await;
    assert_eq!(points(&app, "").await.last().map(counts), Some([3, 0, 0, 0, 0]));
}

async fn sessions_are_counted_by_the_sweep(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let ended = a_session(&app, "alice").await;
    a_session(&app, "alice").await;
    a_session(&app, "bobby").await;
    send(&app, Method::POST, &format!("/sessions/{ended}/end"), Some(&token)).await;
    app.running.sweep().await.unwrap();
    let shown = get(&app, "/statistics", &token).await;
    assert_eq!((&shown["live_sessions"], &shown["points"][24]["live_sessions"], &shown["step_seconds"]), (&json!(2), &json!(2), &json!(3600)), "{shown}");
    // Counted now, whatever was written down.
    a_session(&app, "alice").await;
    let shown = get(&app, "/statistics", &token).await;
    assert_eq!((&shown["live_sessions"], &shown["points"][24]["live_sessions"]), (&json!(3), &json!(2)));
    app.running.sweep().await.unwrap();
    assert_eq!(get(&app, "/statistics", &token).await["points"][24]["live_sessions"], 3, "the later count of an hour holds");

    app.advance(TimeDelta::days(400) + TimeDelta::hours(1));
    let swept = app.running.sweep().await.unwrap();
    assert!(swept.statistics >= 2, "{swept:?}");
    assert_eq!(app.running.sweep().await.unwrap().statistics, 0);
}

/// However many ended ones are before and between them.
async fn a_page_of_live_sessions_is_full(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let mut live = Vec::new();
    for turn in 0..9 {
        let session = a_session(&app, "alice").await;
        app.advance(TimeDelta::seconds(1));
        if turn % 3 == 2 {
            live.push(session);
        } else {
            send(&app, Method::POST, &format!("/sessions/{session}/end"), Some(&token)).await;
        }
    }
    let first = get(&app, "/sessions?state=live&limit=2", &token).await;
    let ids = |page: &Value| page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&first), live[..2]);
    let second = get(&app, &format!("/sessions?state=live&limit=2&after={}", first["next"].as_str().unwrap()), &token).await;
    assert_eq!((ids(&second), second.get("next")), (live[2..].to_vec(), None));
}
