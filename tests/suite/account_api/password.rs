//! A new password: for whoever knows the present one, and nobody else.

use std::sync::Arc;

use chrono::TimeDelta;
use gatekey::domain::event::EventKind;
use gatekey::store::events::{self, Filter};
use serde_json::json;

use super::*;
use crate::support::app::PASSWORD;
use crate::support::browser::{OWN_FORM, form_with};
use crate::support::database::{each_database, each_database_on_threads};

/// What happens at once happens on several threads.
mod at_once {
    use super::*;

    each_database_on_threads!(ac_04_guessing_at_once_is_slowed_like_a_sign_in);
}

each_database!(
    ac_22_a_password_changes_only_for_who_knows_it,
    ad_02_no_other_member_is_taken,
    a_declared_password_is_not_changed,
    guesses_here_and_at_the_sign_in_count_together,
);

const NEW_PASSWORD: &str = "wrong donkey battery clip";

async fn change(app: &App, token: &str, current: &str, new: &str) -> Answer {
    send_json(app, Method::PUT, "/password", token, &json!({ "current_password": current, "new_password": new })).await
}

fn assert_member(answer: &Answer, pointer: &str) {
    assert_problem(answer, 422, "invalid", pointer);
    assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{}", answer.text());
}

async fn sign_in_with(app: &App, username: &str, password: &str) -> u16 {
    let mut browser = app.browser();
    let page = app.sign_in_page(&mut browser, &app.relying_party(PAGE)).await;
    let form = form_with(&page, "password").fill("username", username).fill("password", password);
    browser.submit_as(&form, None, OWN_FORM).await.status.as_u16()
}

/// Whether somebody gets in with this password.
async fn signs_in(app: &App, username: &str, password: &str) -> bool {
    let status = sign_in_with(app, username, password).await;
    assert!(matches!(status, 303 | 422), "{status}");
    status == 303
}

async fn ac_22_a_password_changes_only_for_who_knows_it(database: Database) {
    let app = start(database).await;
    let carol = add_user(&app, "carol").await;
    let page = app.relying_party(PAGE);
    let (mut desk, mut phone) = (app.browser(), app.browser());
    let phones = page.exchange(&page.code(&app.authorize_as(&mut phone, &page.authorize("openid offline_access", &[]), "carol").await)).await;
    let desks = page.exchange(&page.code(&app.authorize_as(&mut desk, &page.authorize("openid offline_access", &[]), "carol").await)).await;
    let account = tokens_for(&app, &mut desk, "carol", AUDIENCE, &all_scopes()).await;
    let token = &account.access;

    assert_member(&change(&app, token, "not the password", NEW_PASSWORD).await, "/current_password");
    assert_member(&change(&app, token, "", NEW_PASSWORD).await, "/current_password");
    assert_member(&change(&app, token, PASSWORD, "short").await, "/new_password");
    assert_member(&change(&app, token, PASSWORD, "").await, "/new_password");
    assert_member(&change(&app, token, PASSWORD, &"x".repeat(1025)).await, "/new_password");
    assert!(!signs_in(&app, "carol", NEW_PASSWORD).await && signs_in(&app, "carol", PASSWORD).await, "nothing was changed");
    let phones = page.refresh(phones.refresh()).await;

    app.advance(TimeDelta::minutes(1));
    let changed = change(&app, token, PASSWORD, NEW_PASSWORD).await;
    assert_eq!((changed.status.as_u16(), changed.text()), (204, ""));
    assert!(signs_in(&app, "carol", NEW_PASSWORD).await && !signs_in(&app, "carol", PASSWORD).await);
    // Every refresh token is over and every session; this one too, because its cookie is as old as the password: of who has a copy of it nobody
    // knows.
    assert_eq!(kind_of(&app, token).await, "token-invalid");
    page.refused(phones.refresh()).await;
    page.refused(desks.refresh()).await;
    for browser in [&mut phone, &mut desk] {
        assert_eq!(page.error(&app.silently(browser, &page, "openid", &[]).await), "login_required");
    }
    // Who signs in with the new one is where they were.
    let party = app.relying_party(ACCOUNT_PAGE);
    let url = party.authorize(&format!("openid {}", all_scopes().join(" ")), &[("resource", AUDIENCE)]);
    let again = party.exchange(&party.code(&desk.authorize_as(&url, "carol", NEW_PASSWORD).await)).await.access;
    let left = get(&app, "/sessions", &again).await;
    assert_eq!(left["items"].as_array().unwrap().len(), 2, "this one, and that of whoever tried the new one: {left}");
    let shown = get(&app, "/profile", &again).await;
    assert_eq!(shown["password_changed_at"], "2027-01-15T08:01:00+00:00");

    let filter = Filter { user: Some(carol), kind: Some(EventKind::UserPasswordSet), ..Filter::default() };
    let events = app.store.read(move |db| events::list(db, &filter, None, 9)).await.unwrap();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&event.detail.fields()["application"], &event.detail.fields()["reason"]), (&json!(ACCOUNT_PAGE), &json!("password_changed")));
    assert!(event.detail.fields().get("kept").is_none() && !event.detail.text().contains(NEW_PASSWORD));
}

/// Two hundred at once, over two replicas: hardly any is looked at, and a stolen token is no way to guess. The right one is not looked at either
/// while one has to wait.
async fn ac_04_guessing_at_once_is_slowed_like_a_sign_in(database: Database) {
    let app = Arc::new(start_with(database, |settings| settings.database.queue = 4096).await);
    add_user(&app, "carol").await;
    let token = signed_in(&app, "carol").await;
    let replica = Arc::new(app.replica("second").await);
    let guess = |n: usize| {
        let (app, token) = (Arc::clone(if n.is_multiple_of(2) { &app } else { &replica }), token.clone());
        tokio::spawn(async move { change(&app, &token, &format!("guess {n}"), NEW_PASSWORD).await })
    };
    let tasks: Vec<_> = (0..200).map(guess).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    let of = |status: u16| answers.iter().filter(|answer| answer.status.as_u16() == status).count();
    assert_eq!(of(422), 5, "as many as at a sign-in");
    // A machine that is busy with other things says of some that it is too busy, which tells them no more.
    assert!(of(429) > 0 && of(429) + of(503) == 195, "{} {}", of(429), of(503));
    for answer in answers.iter().filter(|answer| answer.status.as_u16() == 429) {
        assert_problem(answer, 429, "too-many-attempts", "one more");
        assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    }
    let right = change(&app, &token, PASSWORD, NEW_PASSWORD).await;
    assert_problem(&right, 429, "too-many-attempts", "the right one, too soon");
    let wait: i64 = right.header("retry-after").unwrap().parse().unwrap();
    // The control: after the time that was told it is looked at.
    app.advance(TimeDelta::seconds(wait));
    assert_eq!(change(&app, &token, PASSWORD, NEW_PASSWORD).await.status.as_u16(), 204);
}

/// Whoever guesses in an application has used up the guesses at the sign-in page, from the same place.
async fn guesses_here_and_at_the_sign_in_count_together(database: Database) {
    let app = start(database).await;
    add_user(&app, "carol").await;
    let token = signed_in(&app, "carol").await;
    for n in 0..app.settings.throttle.place.burst {
        assert_member(&change(&app, &token, &format!("guess {n}"), NEW_PASSWORD).await, "/current_password");
    }
    assert_eq!(sign_in_with(&app, "carol", PASSWORD).await, 429);
    // What was not a guess is not counted: somebody else is not slowed.
    add_user(&app, "dave").await;
    assert!(signs_in(&app, "dave", PASSWORD).await);
}

async fn ad_02_no_other_member_is_taken(database: Database) {
    let app = start(database).await;
    let carol = add_user(&app, "carol").await;
    let token = signed_in(&app, "carol").await;
    let bobby = app.user("bobby").await.id.to_string();
    for (name, value) in [
        ("user_id", json!(bobby)),
        ("username", json!("bobby")),
        ("sub", json!(bobby)),
        ("id", json!(bobby)),
        ("role", json!("administrator")),
        ("password_hash", json!("$argon2id$x")),
        ("email_verified", json!(true)),
    ] {
        let mut body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
        body[name] = value;
        assert_problem(&send_json(&app, Method::PUT, "/password", &token, &body).await, 400, "request-malformed", name);
    }
    let twice = format!(r#"{{"current_password":"{PASSWORD}","new_password":"{NEW_PASSWORD}","new_password":"another one of them"}}"#);
    for (what, headers, body, status) in [
        ("twice", &[][..], twice, 400),
        ("a list", &[], format!(r#"{{"current_password":["{PASSWORD}"],"new_password":"{NEW_PASSWORD}"}}"#), 400),
        ("missing", &[], format!(r#"{{"new_password":"{NEW_PASSWORD}"}}"#), 400),
        ("no JSON", &[], format!("current_password={PASSWORD}"), 400),
        ("a form", &[("content-type", "application/x-www-form-urlencoded")], format!("current_password={PASSWORD}&new_password={NEW_PASSWORD}"), 415),
        ("too long", &[], json!({ "current_password": "x".repeat(70_000), "new_password": NEW_PASSWORD }).to_string(), 413),
    ] {
        let answer = request(&app, Method::PUT, "/password", Some(&token), headers, &body).await;
        assert_problem(&answer, status, "request-malformed", what);
        assert!(!answer.text().contains(PASSWORD) && !answer.text().contains(NEW_PASSWORD), "{what}: {}", answer.text());
        if ["a list", "missing"].contains(&what) {
            assert_eq!(answer.json()["errors"][0]["pointer"], "/current_password", "{what}: {}", answer.text());
        }
    }
    assert!(signs_in(&app, "carol", PASSWORD).await);
    let user = app.user("carol").await;
    assert_eq!((user.id, user.role), (carol, None));
    // The control.
    assert_eq!(change(&app, &token, PASSWORD, NEW_PASSWORD).await.status.as_u16(), 204);
}

async fn a_declared_password_is_not_changed(database: Database) {
    let app = start(database).await;
    let alice = signed_in(&app, "alice").await;
    assert_problem(&change(&app, &alice, PASSWORD, NEW_PASSWORD).await, 409, "conflict", "the settings file would undo it");
    assert!(signs_in(&app, "alice", PASSWORD).await);
    assert_eq!(kind_of(&app, &alice).await, "accepted");
}
