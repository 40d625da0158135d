//! Users listed by group, state and role: each page by page, together, and with a search.

use std::collections::BTreeSet;

use gatekey::domain::entropy::SystemEntropy;
use gatekey::domain::group::{GroupName, Groups};
use gatekey::domain::id::UserId;
use gatekey::domain::user::User;
use gatekey::store::users as table;
use serde_json::json;

use super::*;
use crate::support::database::each_database;

each_database!(
    users_are_listed_by_what_they_are,
    pages_go_on_past_many_who_are_not_wanted,
    a_group_is_as_the_users_say_whoever_writes_them,
    what_cannot_be_asked_for_is_told
);

/// All that the pages of this size show, in their order.
async fn all(app: &App, token: &str, query: &str, limit: usize) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), String::new());
    for _ in 0..2_000 {
        let page = get(app, &format!("/users?{query}&limit={limit}{after}"), token).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit, "{page}");
        found.extend(items.iter().map(|user| user["username"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { return found };
        after = format!("&after={next}");
    }
    panic!("{query} has no last page: {found:?}");
}

fn groups(names: &[&str]) -> Groups {
    Groups::of(names.iter().map(|name| GroupName::parse(name).unwrap()))
}

async fn users_are_listed_by_what_they_are(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    for (name, groups, role, disabled) in [
        ("anna", &["staff"][..], None, false),
        ("annabel", &["staff", "vienna"], Some(AdminRole::Support), false),
        ("anton", &["staff.vienna"], None, true),
        ("berta", &["vienna"], Some(AdminRole::Administrator), true),
        ("cecil", &[], Some(AdminRole::Support), true),
        ("dora", &["staff", "vienna"], None, true),
    ] {
        let id = users::register(&app, name, role).await;
        let body = json!({"username": name, "groups": groups, "profile": {"email": format!("{name}@an.example")}});
        assert_eq!(send_json(&app, Method::PUT, &format!("/users/{id}"), &token, &body).await.status.as_u16(), 200);
        if disabled {
            assert_eq!(send(&app, Method::POST, &format!("/users/{id}/disable"), Some(&token)).await.status.as_u16(), 200);
        }
        app.advance(chrono::TimeDelta::seconds(1));
    }
    for (query, expected) in [
        ("group=staff", &["anna", "annabel", "dora"][..]),
        ("group=vienna", &["annabel", "berta", "dora"]),
        ("group=staff.vienna", &["anton"]),
        ("group=nobody", &[]),
        ("state=disabled", &["anton", "berta", "cecil", "dora"]),
        ("state=active&role=support", &["annabel"]),
        ("role=support", &["annabel", "cecil"]),
        ("role=administrator", &["bobby", "berta"]),
        ("role=auditor", &[]),
        ("role=administrator&state=active", &["bobby"]),
        ("group=vienna&state=disabled", &["berta", "dora"]),
        ("group=vienna&role=support", &["annabel"]),
        ("group=vienna&role=administrator&state=disabled", &["berta"]),
        ("group=vienna&role=administrator&state=active", &[]),
        ("search=an&group=staff", &["anna", "annabel"]),
        ("search=an&state=disabled", &["anton"]),
        ("search=an&state=active", &["anna", "annabel"]),
        ("search=an&role=support&group=vienna", &["annabel"]),
        ("search=dora@an&state=disabled", &["dora"]),
        ("search=dora@an&state=active", &[]),
    ] {
        for limit in [1, 2, 200] {
            assert_eq!(all(&app, &token, query, limit).await, expected, "{query} by {limit}");
        }
    }
    assert_eq!(
        all(&app, &token, "state=active", 2).await.into_iter().collect::<BTreeSet<_>>(),
        ["alice", "bobby", "anna", "annabel"].map(str::to_owned).into()
    );
}

/// More than a page looks at, and few of them wanted: pages come empty, none leaves one out, none shows one twice.
async fn pages_go_on_past_many_who_are_not_wanted(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let (alice, now) = (app.user("alice").await, app.now());
    let wanted: Vec<String> = [3, 499, 500, 501, 1001, 1204].map(|number| format!("user-{number:04}")).into();
    let expected = wanted.clone();
    // Not all at once: what one write does has to be done in a few seconds, on a busy machine too.
    for first in (0..1205).step_by(241) {
        let (alice, wanted) = (alice.clone(), wanted.clone());
        app.write(move |db| {
            for number in first..first + 241 {
                let username = format!("user-{number:04}");
                let at = now + chrono::TimeDelta::milliseconds(number);
                let disabled_at = wanted.contains(&username).then_some(now);
                table::insert(db, &User { id: UserId::generate(at, &SystemEntropy), username, groups: groups(&["many"]), disabled_at, ..alice.clone() })?;
            }
            Ok(())
        })
        .await;
    }
    for query in ["group=many&state=disabled", "state=disabled", "search=user-&state=disabled", "search=user-&group=many&state=disabled"] {
        for limit in [1, 5, 200] {
            assert_eq!(all(&app, &token, query, limit).await, expected, "{query} by {limit}");
        }
    }
    for query in ["group=many&state=disabled", "state=disabled"] {
        let mut newest = all(&app, &token, &format!("{query}&sort=created_at_desc"), 5).await;
        newest.reverse();
        assert_eq!(newest, expected, "{query}, backwards");
    }
    assert_eq!(all(&app, &token, "group=many&state=active", 200).await.len(), 1205 - expected.len());
    assert_eq!(all(&app, &token, "group=many", 200).await.len(), 1205);
    assert_eq!(all(&app, &token, "group=many&role=support", 200).await, Vec::<String>::new());
}

/// Who is in a group is what the user says, however that is written: by this program, by one from before the lists, by hand.
async fn a_group_is_as_the_users_say_whoever_writes_them(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    for name in ["anna", "berta"] {
        users::register(&app, name, None).await;
        app.advance(chrono::TimeDelta::seconds(1));
    }
    let write = async |sql: &'static str| app.write(move |db| Ok(diesel::RunQueryDsl::execute(diesel::sql_query(sql), db)?)).await;
    let of = async |group: &str| all(&app, &token, &format!("group={group}"), 50).await;
    for (sql, a, b) in [
        ("UPDATE users SET group_names = 'a b' WHERE username = 'anna'", &["anna"][..], &["anna"][..]),
        ("UPDATE users SET group_names = 'b' WHERE username IN ('anna', 'berta')", &[], &["anna", "berta"]),
        ("UPDATE users SET group_names = 'a c' WHERE username = 'berta'", &["berta"], &["anna"]),
        ("UPDATE users SET name = 'Anna' WHERE username = 'anna'", &["berta"], &["anna"]),
        ("UPDATE users SET group_names = '' WHERE username = 'anna'", &["berta"], &[]),
        ("UPDATE users SET group_names = 'b' WHERE username = 'anna'", &["berta"], &["anna"]),
        ("UPDATE users SET group_names = NULL WHERE username = 'anna'", &["berta"], &[]),
        ("DELETE FROM users WHERE username = 'berta'", &[], &[]),
    ] {
        write(sql).await;
        assert_eq!(
            (of("a").await.as_slice(), of("b").await.as_slice()),
            (a.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>().as_slice(), b.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>().as_slice()),
            "{sql}"
        );
    }
}

async fn what_cannot_be_asked_for_is_told(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &["users:read".to_owned()]).await;
    for query in [
        "group=Staff",
        "group=",
        "group=a%20b",
        "group=%00",
        "state=ended",
        "state=",
        "role=root",
        "role=Support",
        "group=staff&after=x",
        "search=a&group=staff&after=x",
    ] {
        assert_problem(&send(&app, Method::GET, &format!("/users?{query}"), Some(&token)).await, 400, "request-malformed", query);
    }
    assert_eq!(get(&app, "/users?group=staff&state=active&role=support", &token).await["items"], json!([]), "the control");
}
