//! Groups: which there are, how many are in them, and who puts whom into one.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatekey::domain::event::EventKind;
use gatekey::domain::group::{GroupName, Groups};
use gatekey::service::admin::declare;
use gatekey::settings::{DeclaredUser, Settings};
use serde_json::json;
use tokio::task::JoinSet;

use super::*;
use crate::support::database::{each_database, each_database_on_threads};

/// What happens at once happens on several threads.
mod at_once {
    use super::*;

    each_database_on_threads!(users_of_the_file_and_others_change_groups);
}

each_database!(
    groups_are_those_that_somebody_names,
    a_group_is_filled_one_by_one,
    nobody_is_in_more_groups_than_an_event_holds,
    sizes_are_right_after_many_at_once,
    ad_04_nobody_puts_who_can_do_more_into_a_group
);

const NOBODY: &str = "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d";

async fn token(app: &App, scopes: &[&str]) -> String {
    robot_token(app, AUDIENCE, &scopes.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>()).await
}

/// Every group by the pages of this size: how many are in it, how many rules are for it.
async fn all(app: &App, token: &str, limit: usize) -> BTreeMap<String, (u64, u64)> {
    let (mut found, mut after) = (BTreeMap::new(), String::new());
    loop {
        let page = get(app, &format!("/groups?limit={limit}{after}"), token).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit, "{page}");
        for group in items {
            let name = group["name"].as_str().unwrap().to_owned();
            assert!(found.last_key_value().is_none_or(|(last, _)| *last < name), "in order, each once: {page}");
            found.insert(name, (group["members"].as_u64().unwrap(), group["rules"].as_u64().unwrap()));
        }
        let Some(next) = page["next"].as_str() else { return found };
        after = format!("&after={next}");
    }
}

async fn member(app: &App, method: Method, group: &str, user: &str, token: &str) -> Answer {
    send(app, method, &format!("/groups/{group}/members/{user}"), Some(token)).await
}

async fn groups_are_those_that_somebody_names(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    assert_eq!(all(&app, &token, 50).await, BTreeMap::new());
    for (name, groups) in [("anna", &["staff", "a-team"][..]), ("berta", &["staff"]), ("cecil", &["staff.vienna"]), ("dora", &[])] {
        let made = send_json(&app, Method::POST, "/users", &token, &json!({"username": name, "groups": groups})).await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text());
    }
    for group in ["staff", "ruled", "zoo"] {
        lifetimes::put_rule(&app, group).await;
    }
    let rule = json!({"selector": {"client": OWN_PAGE, "group": "staff"}, "limits": {"session_idle": "PT1H"}});
    let put = send_json(&app, Method::PUT, "/lifetime-rules", &token, &rule).await;
    assert!(put.status.is_success(), "{}", put.text());
    let expected = [("a-team", (1, 0)), ("ruled", (0, 1)), ("staff", (2, 2)), ("staff.vienna", (1, 0)), ("zoo", (0, 1))];
    let expected: BTreeMap<String, (u64, u64)> = expected.map(|(name, counts)| (name.to_owned(), counts)).into();
    for limit in [1, 2, 5, 200] {
        assert_eq!(all(&app, &token, limit).await, expected, "{limit}");
    }
    // Nobody is in it any more, and nothing is for it: it is gone.
    let cecil = app.user("cecil").await.id;
    assert_eq!(send(&app, Method::DELETE, &format!("/users/{cecil}"), Some(&token)).await.status.as_u16(), 204);
    assert_eq!(send(&app, Method::DELETE, "/lifetime-rules?group=zoo", Some(&token)).await.status.as_u16(), 204);
    assert_eq!(all(&app, &token, 50).await.into_keys().collect::<Vec<_>>(), ["a-team", "ruled", "staff"]);
    for query in ["after=Staff", "after=", "after=%00", "limit=0", "limit=201"] {
        assert_problem(&send(&app, Method::GET, &format!("/groups?{query}"), Some(&token)).await, 400, "request-malformed", query);
    }
}

async fn a_group_is_filled_one_by_one(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let id = users::register(&app, "carol", None).await;
    let user = id.to_string();
    let session = a_session(&app, "alice").await;
    app.advance(chrono::TimeDelta::seconds(1));
    let added = member(&app, Method::PUT, "vienna", &user, &token).await;
    assert_eq!((added.status.as_u16(), &added.json()["groups"]), (200, &json!(["vienna"])), "{}", added.text());
    app.advance(chrono::TimeDelta::seconds(1));
    let again = member(&app, Method::PUT, "vienna", &user, &token).await;
    assert_eq!((again.json(), again.header("etag")), (added.json(), added.header("etag")), "doing it again changes nothing");
    assert_eq!(member(&app, Method::PUT, "staff", &user, &token).await.json()["groups"], json!(["staff", "vienna"]));
    assert_eq!(
        all(&app, &token, 50).await.into_iter().map(|(name, (members, _))| (name, members)).collect::<Vec<_>>(),
        [("staff".to_owned(), 1), ("vienna".to_owned(), 1)]
    );
    for _ in 0..2 {
        assert_eq!(member(&app, Method::DELETE, "vienna", &user, &token).await.status.as_u16(), 204);
    }
    assert_eq!(get(&app, &format!("/users/{user}"), &token).await["groups"], json!(["staff"]));
    // Told once for each change, as any change of a user.
    let told = get(&app, &format!("/events?user={user}&kind={}", EventKind::UserUpdated.as_str()), &token).await;
    let told: Vec<_> = told["items"].as_array().unwrap().iter().map(|event| event["detail"]["after"]["groups"].clone()).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.contains(&json!(["staff", "vienna"])) && told.contains(&json!(["vienna"])) && told.contains(&json!(["staff"])));
    // Nobody was signed out by it.
    assert_eq!(get(&app, &format!("/sessions/{session}"), &token).await.get("ended_at"), None);
    for method in [Method::PUT, Method::DELETE] {
        assert_problem(&member(&app, method.clone(), "staff", NOBODY, &token).await, 404, "not-found", "nobody");
        assert_problem(&member(&app, method.clone(), "staff", "carol", &token).await, 400, "request-malformed", "no id");
        for wrong in ["Staff", "a%20b", "%C3%A4", &"x".repeat(65)] {
            assert_problem(&member(&app, method.clone(), wrong, &user, &token).await, 400, "request-malformed", wrong);
        }
    }
}

/// Of changes at once, of users that share groups in both orders, none waits for another for ever and none is lost.
async fn sizes_are_right_after_many_at_once(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let mut users_of = Vec::new();
    for number in 0..8 {
        users_of.push(users::register(&app, &format!("user-{number}"), None).await.to_string());
    }
    let (app, second) = (&app, &app.replica("second").await);
    let put = async |number: usize, groups: Vec<String>| {
        let body = json!({"username": format!("user-{number}"), "groups": groups});
        let at = if number.is_multiple_of(2) { app } else { second };
        let answer = send_json(at, Method::PUT, &format!("/users/{}", users_of[number]), &token, &body).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    };
    for round in 0..6 {
        let groups =
            |number: usize| (0..6).filter(|group| !(number + group + round).is_multiple_of(3)).map(|group| format!("group-{group}")).collect::<Vec<_>>();
        tokio::join!(
            put(0, groups(0)),
            put(1, groups(1)),
            put(2, groups(2)),
            put(3, groups(3)),
            put(4, groups(4)),
            put(5, groups(5)),
            put(6, groups(6)),
            put(7, groups(7)),
        );
        let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for group in (0..8).flat_map(groups) {
            expected.entry(group).or_default().0 += 1;
        }
        assert_eq!(all(app, &token, 3).await, expected, "round {round}");
    }
    second.running.close().await;
}

async fn nobody_is_in_more_groups_than_an_event_holds(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let id = users::register(&app, "carol", None).await.to_string();
    let with = |count: usize| {
        let groups: Vec<String> = (0..count).map(|n| format!("group-{n}")).collect();
        json!({"username": "carol", "profile": {}, "groups": groups})
    };
    let replace = async |count: usize| send_json(&app, Method::PUT, &format!("/users/{id}"), &token, &with(count)).await;
    assert_problem(&replace(101).await, 422, "invalid", "as a whole");
    assert_eq!(replace(100).await.status.as_u16(), 200, "the control");
    assert_problem(&member(&app, Method::PUT, "one-more", &id, &token).await, 422, "invalid", "one by one");
    assert_eq!(member(&app, Method::PUT, "group-7", &id, &token).await.status.as_u16(), 200, "is in it already");
    assert_eq!(get(&app, &format!("/users/{id}"), &token).await["groups"].as_array().unwrap().len(), 100);
}

async fn ad_04_nobody_puts_who_can_do_more_into_a_group(database: Database) {
    let app = start(database).await;
    let (some, whole) = (token(&app, &["users:read", "users:write"]).await, robot_token(&app, AUDIENCE, &all_scopes()).await);
    let helper = users::register(&app, "helper", Some(AdminRole::Support)).await.to_string();
    let plain = users::register(&app, "plain", None).await.to_string();
    assert_eq!(member(&app, Method::PUT, "staff", &helper, &whole).await.status.as_u16(), 200);
    for method in [Method::PUT, Method::DELETE] {
        for group in ["staff", "other"] {
            assert_problem(&member(&app, method.clone(), group, &helper, &some).await, 403, "privilege-exceeded", group);
        }
        assert!(member(&app, method.clone(), "staff", &plain, &some).await.status.is_success(), "the control");
    }
    assert_eq!(get(&app, &format!("/users/{helper}"), &whole).await["groups"], json!(["staff"]));
    // Who may only read changes nothing.
    let reader = token(&app, &["users:read"]).await;
    assert_problem(&member(&app, Method::PUT, "staff", &plain, &reader).await, 403, "scope-insufficient", "a reader");
}

/// In every round another half of the groups.
fn in_round(number: usize, round: usize) -> Vec<String> {
    (0..6).filter(|group| (number * 5 + group + round).is_multiple_of(2)).map(|group| format!("group-{group}")).collect()
}

/// The settings with five more users; reversed, in another order and in other groups.
fn declaring(settings: &Settings, round: usize, reversed: bool) -> Settings {
    let user = |number: usize| DeclaredUser {
        username: format!("declared-{number}"),
        groups: Groups::of(in_round(number + usize::from(reversed), round).iter().map(|name| GroupName::parse(name).unwrap())),
        ..settings.users[0].clone()
    };
    let mut changed = settings.clone();
    changed.users.extend((0..5).map(user));
    if reversed {
        changed.users.reverse();
    }
    changed
}

/// A start writes all users of the file in one transaction. Starts with files that differ, and changes of single users, wait for one another, never in
/// a circle; and nobody is counted twice.
async fn users_of_the_file_and_others_change_groups(database: Database) {
    const ROUNDS: usize = 12;
    let app = Arc::new(start(database).await);
    declare(&app.admin().await, &declaring(&app.settings, 0, false)).await.unwrap();
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;

    let mut tasks = JoinSet::new();
    for reversed in [false, true] {
        let (app, admin) = (Arc::clone(&app), app.admin().await);
        tasks.spawn(async move {
            for round in 1..=ROUNDS {
                declare(&admin, &declaring(&app.settings, round, reversed)).await.unwrap();
            }
            admin.store.close().await;
        });
    }
    for number in 0..4 {
        // One of the file's, and one of nobody's.
        let username = format!("{}-{number}", if number % 2 == 0 { "declared" } else { "user" });
        let user = if number % 2 == 0 { app.user(&username).await.id } else { users::register(&app, &username, None).await };
        let (app, token) = (Arc::clone(&app), token.clone());
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                let body = json!({"username": username, "groups": in_round(number, round)});
                let answer = send_json(&app, Method::PUT, &format!("/users/{user}"), &token, &body).await;
                assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for user in get(&app, "/users?limit=200", &token).await["items"].as_array().unwrap() {
        for group in user["groups"].as_array().unwrap() {
            expected.entry(group.as_str().unwrap().to_owned()).or_default().0 += 1;
        }
    }
    assert!(!expected.is_empty());
    assert_eq!(all(&app, &token, 50).await, expected);
}
