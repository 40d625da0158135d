//! `Idempotency-Key`: what is sent again is done once, and answered as it was.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use tokio::sync::Barrier;

use super::client_actions::{register_machine, status_of_grant};
use super::*;
use crate::security::secrets::tables;
use crate::support::database::{each_database, each_database_on_threads};

each_database!(
    the_same_key_gives_the_same_answer_and_does_nothing_twice,
    a_key_belongs_to_its_caller_and_operation,
    a_key_that_was_used_for_something_else_is_refused,
    a_malformed_key_is_refused_and_nothing_is_done,
    a_refused_request_keeps_no_key,
    privilege_is_asked_before_an_answer_is_given_again,
    what_is_gone_is_not_told_as_made,
    a_secret_that_works_no_more_is_not_told_again,
    a_key_is_forgotten_after_a_day,
    the_database_tells_neither_answers_nor_keys,
);

mod at_once {
    use super::*;

    each_database_on_threads!(sixteen_at_once_on_two_replicas_make_one);
}

/// The operations that take a key: where, what with, and the kind of event that tells of each.
fn requests() -> [(&'static str, Value, u16, &'static str); 4] {
    [
        ("/users", json!({"username": "carol", "profile": {"name": "Carol"}}), 201, "user.created"),
        ("/clients", machine("made"), 201, "client.created"),
        ("/clients/worker/secret", json!({"overlap": 3600}), 200, "client.secret_rotated"),
        ("/keys/rotate", json!({"alg": "ES256"}), 201, "key.created"),
    ]
}

fn machine(id: &str) -> Value {
    json!({"id": id, "metadata": {"name": id, "kind": "machine", "scope": "notes:read", "resources": [OTHER_AUDIENCE]}})
}

async fn post(app: &App, path: &str, token: &str, key: &str, body: &Value) -> Answer {
    request(app, Method::POST, path, Some(token), &[("idempotency-key", key)], &body.to_string()).await
}

async fn told(app: &App, kind: &str) -> usize {
    let token = robot_token(app, AUDIENCE, &all_scopes()).await;
    get(app, &format!("/events?kind={kind}&limit=200"), &token).await["items"].as_array().unwrap().len()
}

fn assert_replayed(answer: &Answer, first: &Answer, what: &str) {
    assert_eq!((answer.status, answer.text(), answer.header("etag")), (first.status, first.text(), first.header("etag")), "{what}");
    assert_eq!((answer.header("idempotent-replayed"), first.header("idempotent-replayed")), (Some("true"), None), "{what}");
}

async fn the_same_key_gives_the_same_answer_and_does_nothing_twice(database: Database) {
    let app = start(database).await;
    let replica = app.replica("replica").await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    register_machine(&app, "worker").await;
    for (path, body, status, kind) in requests() {
        let before = told(&app, kind).await;
        let first = post(&app, path, &token, "one", &body).await;
        assert_eq!(first.status.as_u16(), status, "{path} {}", first.text());
        app.advance(TimeDelta::seconds(1));
        for (again, key) in [(&app, "one"), (&replica, "one"), (&replica, "\"one\"")] {
            assert_replayed(&post(again, path, &token, key, &body).await, &first, path);
        }
        let body = format!("  {body}\n");
        let spaced = request(&app, Method::POST, path, Some(&token), &[("idempotency-key", "one")], &body).await;
        assert_replayed(&spaced, &first, path);
        assert_eq!(told(&app, kind).await, before + 1, "{path}");
    }
    // The secrets that were told work, and the one that was replaced does too.
    let secret = async |path: &str, body: &Value| post(&replica, path, &token, "one", body).await.json()["client_secret"].as_str().unwrap().to_owned();
    let [_, (made, as_made, ..), (rotated, as_rotated, ..), _] = requests();
    assert_eq!(status_of_grant(&app, "made", &secret(made, &as_made).await).await, 200);
    assert_eq!(status_of_grant(&app, "worker", &secret(rotated, &as_rotated).await).await, 200);
    // The control: without a key, and with another one, each is a request of its own.
    let (path, body) = ("/clients/worker/secret", json!({}));
    let first = post(&app, path, &token, "two", &body).await;
    for other in [post(&app, path, &token, "three", &body).await, send_json(&app, Method::POST, path, &token, &body).await] {
        assert!(other.status.is_success() && other.header("idempotent-replayed").is_none() && other.text() != first.text());
    }
}

async fn a_key_belongs_to_its_caller_and_operation(database: Database) {
    let app = start(database).await;
    let robot = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let (bobby, _) = user_tokens(&app, "bobby").await;
    let first = post(&app, "/users", &robot, "one", &json!({"username": "carol"})).await;
    assert_eq!(first.status.as_u16(), 201, "{}", first.text());
    // Another caller does not learn of it, with the same request and with another.
    assert_problem(&post(&app, "/users", &bobby, "one", &json!({"username": "carol"})).await, 409, "already-exists", "of a user");
    let of_bobby = post(&app, "/users", &bobby, "one", &json!({"username": "dave"})).await;
    assert_eq!((of_bobby.status.as_u16(), of_bobby.header("idempotent-replayed")), (201, None), "{}", of_bobby.text());
    // Nor does another user of the same application.
    users::give_role(&app, "alice", Some(AdminRole::Administrator)).await;
    let (alice, _) = user_tokens(&app, "alice").await;
    assert_eq!(post(&app, "/users", &alice, "one", &json!({"username": "erin"})).await.status.as_u16(), 201);
    // Another operation has keys of its own.
    let client = post(&app, "/clients", &robot, "one", &machine("made")).await;
    assert_eq!((client.status.as_u16(), client.header("idempotent-replayed")), (201, None), "{}", client.text());
    // The control: the caller is who it is, not the token that it holds.
    let newer = robot_token(&app, AUDIENCE, &["users:write".to_owned()]).await;
    assert_replayed(&post(&app, "/users", &newer, "one", &json!({"username": "carol"})).await, &first, "another token");
}

async fn a_key_that_was_used_for_something_else_is_refused(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    register_machine(&app, "worker").await;
    register_machine(&app, "other").await;
    for (path, body, ..) in requests() {
        let first = post(&app, path, &token, "one", &body).await;
        assert!(first.status.is_success(), "{path} {}", first.text());
        let mut other = body.clone();
        match path {
            "/users" => other["username"] = json!("dave"),
            "/clients" => other["metadata"]["name"] = json!("Another"),
            "/keys/rotate" => other["at_once"] = json!(true),
            _ => other["overlap"] = json!(60),
        }
        assert_problem(&post(&app, path, &token, "one", &other).await, 422, "idempotency-key-reused", path);
        assert_replayed(&post(&app, path, &token, "one", &body).await, &first, path);
    }
    let [_, _, (_, body, ..), _] = requests();
    assert_problem(&post(&app, "/clients/other/secret", &token, "one", &body).await, 422, "idempotency-key-reused", "of another client");
}

async fn a_malformed_key_is_refused_and_nothing_is_done(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    register_machine(&app, "worker").await;
    let long = "x".repeat(256);
    for (path, body, _, kind) in requests() {
        let before = told(&app, kind).await;
        for key in ["", " ", "\"\"", "\"open", &long, "a\tb"] {
            assert_problem(&post(&app, path, &token, key, &body).await, 400, "request-malformed", &format!("{path} {key:?}"));
        }
        let not_text = [("authorization", &*format!("Bearer {token}")), ("content-type", "application/json"), ("idempotency-key", "schlüssel")];
        let url = format!("{}admin/api/v1{path}", app.issuer);
        assert_problem(&app.network.send(Method::POST, &url, &not_text, body.to_string()).await, 400, "request-malformed", "no ASCII");
        let twice = request(&app, Method::POST, path, Some(&token), &[("idempotency-key", "a"), ("idempotency-key", "b")], &body.to_string()).await;
        assert_problem(&twice, 400, "request-malformed", "two keys");
        assert_eq!(told(&app, kind).await, before, "{path}");
        assert!(post(&app, path, &token, &long[..255], &body).await.status.is_success(), "the control: {path}");
    }
}

async fn a_refused_request_keeps_no_key(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let refused = post(&app, "/users", &token, "one", &json!({"username": "alice"})).await;
    assert_problem(&refused, 409, "already-exists", "the name is taken");
    assert_problem(&post(&app, "/users", &token, "one", &json!({"username": "no body"})).await, 422, "invalid", "no user name");
    assert_eq!(post(&app, "/users", &token, "one", &json!({"username": "carol"})).await.status.as_u16(), 201);

    let (path, body) = ("/clients/worker/secret", json!({}));
    assert_problem(&post(&app, path, &token, "one", &body).await, 404, "not-found", "no client yet");
    register_machine(&app, "worker").await;
    let rotated = post(&app, path, &token, "one", &body).await;
    assert_eq!((rotated.status.as_u16(), rotated.header("idempotent-replayed")), (200, None));

    assert_eq!(post(&app, "/keys/rotate", &token, "one", &json!({})).await.status.as_u16(), 201);
    assert_problem(&post(&app, "/keys/rotate", &token, "two", &json!({})).await, 409, "conflict", "the next key is announced");
    app.advance(TimeDelta::days(3));
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let made = post(&app, "/keys/rotate", &token, "two", &json!({})).await;
    assert_eq!((made.status.as_u16(), made.header("idempotent-replayed")), (201, None), "{}", made.text());
}

async fn privilege_is_asked_before_an_answer_is_given_again(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    register_machine(&app, "worker").await;
    for (path, body, ..) in requests() {
        assert!(post(&app, path, &token, "one", &body).await.status.is_success(), "{path}");
        let less = robot_token(&app, AUDIENCE, &["sessions:read".to_owned()]).await;
        assert_problem(&post(&app, path, &less, "one", &body).await, 403, "scope-insufficient", path);
    }
    // A user who is an administrator no more, and one whose sign-in is no longer recent.
    let (bobby, _) = user_tokens(&app, "bobby").await;
    let [_, _, (path, body, ..), _] = requests();
    assert_eq!(post(&app, path, &bobby, "one", &body).await.status.as_u16(), 200);
    app.advance(TimeDelta::minutes(11));
    let answer = post(&app, path, &bobby, "one", &body).await;
    assert!(answer.status.as_u16() == 401 && !answer.text().contains("client_secret"), "{}", answer.text());
    // AD-04: a client that can do more by now than the caller keeps its secret to itself.
    let some = robot_token(&app, AUDIENCE, &["clients:write".to_owned()]).await;
    let all = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let made = post(&app, "/clients", &some, "two", &machine("growing")).await;
    let rotated = post(&app, "/clients/growing/secret", &some, "two", &json!({"overlap": 3600})).await;
    assert_eq!((made.status.as_u16(), rotated.status.as_u16()), (201, 200));
    let strong = json!({"name": "Strong", "kind": "machine", "scope": "users:write", "resources": [AUDIENCE]});
    assert_eq!(send_json(&app, Method::PUT, "/clients/growing", &all, &strong).await.status.as_u16(), 200);
    for (path, body) in [("/clients", machine("growing")), ("/clients/growing/secret", json!({"overlap": 3600}))] {
        assert_problem(&post(&app, path, &some, "two", &body).await, 403, "privilege-exceeded", path);
        let control = post(&app, path, &all, "two", &body).await;
        assert_eq!(control.header("idempotent-replayed"), Some("true"), "the control: {path} {}", control.text());
    }
}

async fn what_is_gone_is_not_told_as_made(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    register_machine(&app, "worker").await;
    let mut made = Vec::new();
    for (path, body, ..) in requests() {
        made.push(post(&app, path, &token, "one", &body).await.json());
    }
    let gone = [
        (Method::DELETE, format!("/users/{}", made[0]["id"].as_str().unwrap())),
        (Method::DELETE, "/clients/made".to_owned()),
        (Method::DELETE, "/clients/worker".to_owned()),
        (Method::POST, format!("/keys/{}/retire", made[3]["kid"].as_str().unwrap())),
    ];
    for (method, path) in gone {
        assert_eq!(send(&app, method, &path, Some(&token)).await.status.as_u16(), 204, "{path}");
    }
    for (path, body, ..) in requests() {
        let (status, kind) = if path == "/clients/worker/secret" { (404, "not-found") } else { (409, "conflict") };
        assert_problem(&post(&app, path, &token, "one", &body).await, status, kind, path);
    }
    // Made again by another request, it is not what was made then.
    app.advance(TimeDelta::seconds(1));
    register_machine(&app, "worker").await;
    assert_eq!(send_json(&app, Method::POST, "/clients", &token, &machine("made")).await.status.as_u16(), 201);
    for (path, body, ..) in &requests()[1..3] {
        assert_problem(&post(&app, path, &token, "one", body).await, 409, "conflict", path);
    }
}

async fn a_secret_that_works_no_more_is_not_told_again(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    register_machine(&app, "worker").await;
    let rotate = async |overlap: u32| send_json(&app, Method::POST, "/clients/worker/secret", &token, &json!({"overlap": overlap})).await;
    let first = post(&app, "/clients/worker/secret", &token, "one", &json!({})).await;
    let made = post(&app, "/clients", &token, "one", &machine("made")).await;
    assert_eq!((first.status.as_u16(), made.status.as_u16()), (200, 201));
    // Beside another one it works, and is told: the control.
    assert_eq!(rotate(3600).await.status.as_u16(), 200);
    assert_replayed(&post(&app, "/clients/worker/secret", &token, "one", &json!({})).await, &first, "it is the previous one now");
    assert_eq!(rotate(0).await.status.as_u16(), 200);
    assert_eq!(send_json(&app, Method::POST, "/clients/made/secret", &token, &json!({})).await.status.as_u16(), 200);
    for (path, body) in [("/clients/worker/secret", json!({})), ("/clients", machine("made"))] {
        let dead = post(&app, path, &token, "one", &body).await;
        assert_problem(&dead, 409, "conflict", path);
        assert!(dead.json()["detail"].as_str().unwrap().contains("has been replaced since"), "{}", dead.text());
    }
}

async fn a_key_is_forgotten_after_a_day(database: Database) {
    let app = start(database).await;
    let body = json!({});
    let rotate = async || {
        let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
        post(&app, "/clients/worker/secret", &token, "one", &body).await
    };
    register_machine(&app, "worker").await;
    let first = rotate().await;
    app.advance(TimeDelta::hours(24) - TimeDelta::microseconds(1));
    app.running.sweep().await.unwrap();
    assert_replayed(&rotate().await, &first, "just before");
    // Whether it was swept by then or not.
    app.advance(TimeDelta::microseconds(1));
    let second = rotate().await;
    assert!(second.header("idempotent-replayed").is_none() && second.text() != first.text());
    assert_replayed(&rotate().await, &second, "of the second");
    app.advance(TimeDelta::hours(24));
    let kept = || tables(&app.database).into_iter().find(|table| table.name == "idempotent_answers").unwrap().rows.len();
    assert_eq!(kept(), 1);
    app.running.sweep().await.unwrap();
    assert_eq!(kept(), 0);
    assert!(rotate().await.header("idempotent-replayed").is_none());
}

async fn the_database_tells_neither_answers_nor_keys(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let key = "a-key-that-is-long-enough-to-be-found";
    let made = post(&app, "/clients", &token, key, &machine("made")).await.json();
    let rotated = post(&app, "/clients/made/secret", &token, key, &json!({})).await.json();
    let kept: String = tables(&app.database).into_iter().flat_map(|table| table.rows).collect::<Vec<_>>().join("\n").to_lowercase();
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for secret in [&made["client_secret"], &rotated["client_secret"], &json!(key)] {
        let secret = secret.as_str().unwrap();
        assert!(!kept.contains(&secret.to_lowercase()) && !kept.contains(&hex(secret)), "{secret}");
    }
    assert!(kept.contains("notes:read"), "the control: what is kept is searched");
}

/// One is made, one event tells of it, and all hear the same; whoever is told to wait may ask again and hears it too.
async fn sixteen_at_once_on_two_replicas_make_one(database: Database) {
    let app = Arc::new(start(database).await);
    let replica = Arc::new(app.replica("replica").await);
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    register_machine(&app, "worker").await;
    for (path, body, status, kind) in requests() {
        let before = told(&app, kind).await;
        let barrier = Arc::new(Barrier::new(16));
        let callers: Vec<_> = (0..16)
            .map(|i| {
                let (app, barrier) = (if i % 2 == 0 { app.clone() } else { replica.clone() }, barrier.clone());
                let (token, body) = (token.clone(), body.clone());
                tokio::spawn(async move {
                    barrier.wait().await;
                    post(&app, path, &token, "one", &body).await
                })
            })
            .collect();
        let mut answers = Vec::new();
        for caller in callers {
            answers.push(caller.await.unwrap());
        }
        let (made, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.header("idempotent-replayed").is_none());
        let [made] = &made[..] else { panic!("{path}: {} were not replayed", made.len()) };
        assert_eq!(made.status.as_u16(), status, "{path} {}", made.text());
        others.iter().for_each(|other| assert_replayed(other, made, path));
        assert_eq!(told(&app, kind).await, before + 1, "{path}");
    }
}
