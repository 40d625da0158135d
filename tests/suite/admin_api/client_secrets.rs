//! A client's secret is replaced while the one before still works.

use chrono::TimeDelta;
use serde_json::json;

use super::client_actions::{register_machine, status_of_grant};
use super::*;
use crate::support::database::each_database;

each_database!(
    the_old_secret_works_until_its_time_and_not_after,
    a_further_rotation_ends_the_oldest,
    the_old_secret_is_ended_before_its_time,
    a_disabled_client_has_no_use_of_either_secret,
    an_overlap_that_cannot_be_is_refused,
);

async fn rotate(app: &App, body: &Value) -> Value {
    let token = robot_token(app, AUDIENCE, &all_scopes()).await;
    let rotated = send_json(app, Method::POST, "/clients/worker/secret", &token, body).await;
    assert_eq!(rotated.status.as_u16(), 200, "{}", rotated.text());
    rotated.json()
}

fn secret(rotated: &Value) -> &str {
    rotated["client_secret"].as_str().unwrap()
}

/// Whether each of these secrets is taken, at the issuer and at its replica.
async fn taken(replicas: [&App; 2], secrets: &[&str]) -> Vec<bool> {
    let mut taken = Vec::new();
    for secret in secrets {
        let [here, there] = [status_of_grant(replicas[0], "worker", secret).await, status_of_grant(replicas[1], "worker", secret).await];
        assert_eq!(here, there, "the replicas agree");
        taken.push(here == 200);
    }
    taken
}

async fn shown(app: &App) -> Value {
    let token = robot_token(app, AUDIENCE, &all_scopes()).await;
    get(app, "/clients/worker", &token).await
}

async fn the_old_secret_works_until_its_time_and_not_after(database: Database) {
    let app = start(database).await;
    let replica = app.replica("replica").await;
    let old = register_machine(&app, "worker").await;
    assert_eq!(taken([&app, &replica], &[&old]).await, [true], "both replicas know the client as it was");
    let until = app.now() + TimeDelta::hours(1);
    let rotated = rotate(&app, &json!({"overlap": 3600})).await;
    let (new, told) = (secret(&rotated).to_owned(), &rotated["previous_secret_expires_at"]);
    assert_eq!(told.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap(), until);
    let of_both = async || taken([&app, &replica], &[&old, &new]).await;
    assert_eq!((of_both().await, &shown(&replica).await["previous_secret_expires_at"]), (vec![true, true], told));
    app.advance(TimeDelta::hours(1) - TimeDelta::microseconds(1));
    assert_eq!((of_both().await, &shown(&app).await["previous_secret_expires_at"]), (vec![true, true], told));
    // Nothing is read anew: what both replicas remember of the client is judged by the clock.
    app.advance(TimeDelta::microseconds(1));
    assert_eq!((of_both().await, shown(&app).await.get("previous_secret_expires_at")), (vec![false, true], None));

    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let events = get(&app, "/events?object=worker&kind=client.secret_rotated", &token).await;
    assert_eq!((events["items"].as_array().unwrap().len(), events["items"][0]["actor"]["id"].as_str()), (1, Some(ROBOT)));
    let until = events["items"][0]["detail"]["previous_secret_expires_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!(until, app.now());
    let everything = format!("{events} {}", get(&app, "/clients?limit=200", &token).await);
    assert!(![old, new].iter().any(|secret| everything.contains(secret.as_str())) && !everything.contains("digest"));
}

async fn a_further_rotation_ends_the_oldest(database: Database) {
    let app = start(database).await;
    let replica = app.replica("replica").await;
    let first = register_machine(&app, "worker").await;
    let second = rotate(&app, &json!({"overlap": 2_592_000})).await;
    assert_eq!(taken([&app, &replica], &[&first, secret(&second)]).await, [true, true], "the control");
    let third = rotate(&app, &json!({"overlap": 60})).await;
    let of_all = async |more: &[&str]| taken([&app, &replica], &[&[&*first, secret(&second), secret(&third)], more].concat()).await;
    assert_eq!(of_all(&[]).await, [false, true, true]);
    // Without a word of an overlap everything that was before is dead: the body may be left out, or say nothing.
    let fourth = rotate(&app, &json!({})).await;
    assert_eq!((of_all(&[secret(&fourth)]).await, fourth.get("previous_secret_expires_at")), (vec![false, false, false, true], None));
    rotate(&app, &json!({"overlap": 60})).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let bare = request(&app, Method::POST, "/clients/worker/secret", Some(&token), &[("content-type", "application/json")], "").await;
    assert_eq!(bare.status.as_u16(), 200, "{}", bare.text());
    assert_eq!(of_all(&[secret(&fourth), secret(&bare.json())]).await, [false, false, false, false, true]);
}

async fn the_old_secret_is_ended_before_its_time(database: Database) {
    let app = start(database).await;
    let replica = app.replica("replica").await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let old = register_machine(&app, "worker").await;
    let new = rotate(&app, &json!({"overlap": 3600})).await;
    assert_eq!(taken([&app, &replica], &[&old, secret(&new)]).await, [true, true], "the control");
    let end = async |id: &str| send(&app, Method::POST, &format!("/clients/{id}/secret/end-previous"), Some(&token)).await;
    let ended = end("worker").await;
    assert_eq!((ended.status.as_u16(), ended.json().get("previous_secret_expires_at")), (200, None), "{}", ended.text());
    assert_eq!(taken([&app, &replica], &[&old, secret(&new)]).await, [false, true]);
    // Again, and of a client that never had one, it changes nothing.
    assert_eq!((end("worker").await.header("etag"), end(PAGE).await.status.as_u16()), (ended.header("etag"), 200));
    assert_problem(&end("nobody").await, 404, "not-found", "no client");
    let events = get(&app, "/events?object=worker&kind=client.previous_secret_ended", &token).await;
    assert_eq!(events["items"].as_array().unwrap().len(), 1, "{events}");
}

async fn a_disabled_client_has_no_use_of_either_secret(database: Database) {
    let app = start(database).await;
    let replica = app.replica("replica").await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let old = register_machine(&app, "worker").await;
    let new = rotate(&app, &json!({"overlap": 120})).await;
    let both = [&*old, secret(&new)];
    for (action, right) in [("disable", false), ("enable", true)] {
        send(&app, Method::POST, &format!("/clients/worker/{action}"), Some(&token)).await;
        assert_eq!(taken([&app, &replica], &both).await, [right, right], "{action}");
    }
    // While it is disabled the time goes on.
    send(&app, Method::POST, "/clients/worker/disable", Some(&token)).await;
    app.advance(TimeDelta::minutes(2));
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    send(&app, Method::POST, "/clients/worker/enable", Some(&token)).await;
    assert_eq!(taken([&app, &replica], &both).await, [false, true]);
}

async fn an_overlap_that_cannot_be_is_refused(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let secret = register_machine(&app, "worker").await;
    let longer = send_json(&app, Method::POST, "/clients/worker/secret", &token, &json!({"overlap": 2_592_001})).await;
    assert_problem(&longer, 422, "invalid", "more than 30 days");
    assert_eq!(longer.json()["errors"][0]["pointer"], "/overlap", "{}", longer.text());
    for overlap in [json!(-1), json!(0.5), json!("PT1H"), json!(true), json!(u64::MAX)] {
        let refused = send_json(&app, Method::POST, "/clients/worker/secret", &token, &json!({"overlap": overlap})).await;
        assert_problem(&refused, 400, "request-malformed", &overlap.to_string());
    }
    for body in ["{\"overlap\": 60, \"overlap\": 0}", "{\"until\": 60}", "60", "null", "{"] {
        let refused = request(&app, Method::POST, "/clients/worker/secret", Some(&token), &[], body).await;
        assert_problem(&refused, 400, "request-malformed", body);
    }
    let as_a_form =
        request(&app, Method::POST, "/clients/worker/secret", Some(&token), &[("content-type", "application/x-www-form-urlencoded")], "overlap=60").await;
    assert_problem(&as_a_form, 415, "request-malformed", "a form");
    assert_eq!(status_of_grant(&app, "worker", &secret).await, 200, "nothing was done");
    rotate(&app, &json!({"overlap": 60})).await;
    assert_eq!(status_of_grant(&app, "worker", &secret).await, 200, "the control");
}
