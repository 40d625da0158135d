//! The lifetime policy: its rules changed, a limit explained, a change tried out.

use gatekey::domain::client::{Client, ClientMetadata};
use gatekey::domain::duration::Lifetime;
use gatekey::domain::id::ClientId;
use gatekey::domain::lifetime::LimitOverrides;
use gatekey::store::clients as table;
use serde_json::json;

use super::*;
use crate::query_plans::Judge;
use crate::support::database::each_database;
use crate::support::statements;

each_database!(
    lifetime_rules_are_put_and_deleted,
    what_very_many_clients_are_registered_with_is_listed,
    what_breaks_a_rule_of_lifetimes_is_told_by_its_member,
    ad_11_a_lifetime_rule_is_not_changed_by_who_read_others,
    a_limit_is_explained_with_every_candidate,
    explaining_somebody_asks_for_the_scope_to_read_them,
    a_change_of_lifetimes_is_tried_out,
);

fn rule(selector: Value, limits: Value) -> Value {
    json!({"selector": selector, "limits": limits})
}

/// Puts a rule for a group, beside the API's own tests.
pub async fn put_rule(app: &App, group: &str) {
    let token = robot_token(app, AUDIENCE, &["lifetimes:write".to_owned()]).await;
    let answer = send_json(app, Method::PUT, "/lifetime-rules", &token, &rule(json!({"group": group}), json!({"session_idle": "PT8H"}))).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
}

async fn lifetime_rules_are_put_and_deleted(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let put = async |body: &Value| send_json(&app, Method::PUT, "/lifetime-rules", &token, body).await;
    let before = get(&app, "/lifetime-rules", &token).await;
    assert_eq!(before["settings"].as_object().unwrap().len(), 11, "every limit has a default: {before}");
    let made = put(&rule(json!({"client": PAGE, "acr": "urn:gatekey:acr:pwd"}), json!({"session_idle": "PT1H", "refresh_idle": "P7D"}))).await;
    assert_eq!((made.status.as_u16(), made.json()["managed_by_file"].as_bool()), (200, Some(false)), "{}", made.text());
    put(&rule(json!({}), json!({"session_idle": "P2D"}))).await;
    // As a whole: what the second change leaves out is no longer there.
    let replaced = put(&rule(json!({"client": PAGE, "acr": "urn:gatekey:acr:pwd"}), json!({"session_idle": "unlimited"}))).await.json();
    assert_eq!(replaced["limits"], json!({"session_idle": "unlimited"}));
    let listed = get(&app, "/lifetime-rules", &token).await;
    let rules = listed["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 2, "{listed}");
    assert!(rules.contains(&replaced) && rules.iter().any(|rule| rule["selector"] == json!({})), "{listed}");

    let delete = async |query: &str| send(&app, Method::DELETE, &format!("/lifetime-rules{query}"), Some(&token)).await;
    // Exactly this selector, not those it is part of.
    assert_problem(&delete(&format!("?client={PAGE}")).await, 404, "not-found", "a part of a selector");
    assert_eq!(delete(&format!("?client={PAGE}&acr=urn:gatekey:acr:pwd")).await.status.as_u16(), 204);
    assert_problem(&delete(&format!("?client={PAGE}&acr=urn:gatekey:acr:pwd")).await, 404, "not-found", "it is gone");
    assert_eq!(delete("").await.status.as_u16(), 204, "that for everybody");
    assert_problem(&delete("").await, 404, "not-found", "it is gone");
    for query in ["?client=a%20b", "?group=Staff", "?acr=nonsense", "?client="] {
        assert_problem(&delete(query).await, 400, "request-malformed", query);
    }
    assert_eq!(get(&app, "/lifetime-rules", &token).await, before);
    // It is told who did what.
    let told = app.store.scan(|db| gatekey::store::events::list(db, &gatekey::store::events::Filter::default(), None, 200)).await.unwrap();
    let told: Vec<_> = told.iter().filter(|event| event.kind.as_str() == "lifetime_policy.changed").collect();
    assert_eq!(told.len(), 5);
    assert!(told.iter().all(|event| event.actor.id().as_deref() == Some(ROBOT)), "{told:?}");
}

/// All of them in one answer, by their ids in the order of the bytes, for no more statements than of a few, and by an index.
async fn what_very_many_clients_are_registered_with_is_listed(database: Database) {
    let seen = statements::watch(&database);
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let list = async || get(&app, "/lifetime-rules", &token).await;
    let before = list().await;
    assert_eq!(before["registered"], json!([]), "the control");
    seen.lock().unwrap().clear();
    let cost = statements::least(&app.database, async || drop(list().await)).await;

    // Three of four have limits, no two the same.
    let limits = |number: i64| match number % 4 {
        0 => (LimitOverrides::default(), json!({})),
        1 => (
            LimitOverrides { session_idle: Some(Lifetime::seconds(number * 86_400)), ..LimitOverrides::default() },
            json!({"session_idle": format!("P{number}D")}),
        ),
        2 => (
            LimitOverrides { session_absolute: Some(Lifetime::Unlimited), refresh_idle: Some(Lifetime::seconds(number * 86_400)), ..LimitOverrides::default() },
            json!({"session_absolute": "unlimited", "refresh_idle": format!("P{number}D")}),
        ),
        _ => (
            LimitOverrides {
                code: Some(Lifetime::seconds(number % 59 + 1)),
                client_session_absolute: Some(Lifetime::seconds(number * 86_400)),
                ..LimitOverrides::default()
            },
            json!({"code": format!("PT{}S", number % 59 + 1), "client_session_absolute": format!("P{number}D")}),
        ),
    };
    let id = |number: i64| format!("{}{number}", ["a", "b-", "B.", "~"][(number / 4 % 4) as usize]);
    let now = app.now();
    let clients: Vec<Client> = (0..2_000)
        .map(|number| Client {
            id: ClientId::parse(&id(number)).unwrap(),
            metadata: ClientMetadata { lifetimes: limits(number).0, ..ClientMetadata::defaults(ClientKind::Spa, "Many") },
            secret_digest: None,
            previous_secret: None,
            disabled_at: (number % 5 == 0).then_some(now),
            managed_by_file: number % 7 == 0,
            created_at: now,
            updated_at: now,
        })
        .collect();
    app.write(move |db| clients.iter().try_for_each(|client| table::insert(db, client))).await;

    let mut expected: Vec<(String, Value)> = (0..2_000).filter(|number| number % 4 != 0).map(|number| (id(number), limits(number).1)).collect();
    expected.sort_by(|(one, _), (other, _)| one.as_bytes().cmp(other.as_bytes()));
    assert_eq!(expected.len(), 1_500);
    let registered = |answer: &Value| -> Vec<(String, Value)> {
        let listed = answer["registered"].as_array().unwrap().iter();
        listed.map(|one| (one["client"].as_str().unwrap().to_owned(), one["limits"].clone())).collect()
    };
    let answer = list().await;
    let other = registered(&answer).into_iter().zip(&expected).find(|(one, other)| one != *other);
    assert_eq!((registered(&answer).len(), other), (1_500, None));
    assert_eq!((&answer["settings"], &answer["rules"]), (&before["settings"], &before["rules"]));
    assert_eq!(statements::least(&app.database, async || drop(list().await)).await, cost);

    // By the planner itself, with all that is there.
    let seen: Vec<String> = seen.lock().unwrap().iter().filter(|sql| sql.starts_with("SELECT") && sql.contains("clients.lifetimes")).cloned().collect();
    assert!(!seen.is_empty(), "the statement was seen");
    let mut judge = Judge::of(&app.database);
    for sql in &seen {
        assert_eq!(judge.scan(sql), None, "{sql}");
        let without = sql.split(" WHERE ").next().unwrap();
        assert!(judge.scan(without).is_some(), "the control: {without}");
    }

    // What comes and goes is there and gone.
    let (gone, changed) = (expected.remove(700).0, &mut expected[900]);
    changed.1 = json!({"session_idle": "PT1H"});
    let metadata = json!({"name": "Many", "kind": "spa", "redirect_uris": ["https://many.example.test/cb"], "lifetimes": {"session_idle": "PT1H"}});
    let put = send_json(&app, Method::PUT, &format!("/clients/{}", changed.0), &token, &metadata).await;
    assert_eq!(put.status.as_u16(), 200, "{}", put.text());
    assert_eq!(send(&app, Method::DELETE, &format!("/clients/{gone}"), Some(&token)).await.status.as_u16(), 204);
    assert!(registered(&list().await) == expected, "one is gone and one is another");
}

async fn what_breaks_a_rule_of_lifetimes_is_told_by_its_member(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let limits = json!({"session_idle": "PT1H"});
    for (selector, limits, pointer) in [
        (json!({"client": "a b"}), limits.clone(), "/selector/client"),
        (json!({"client": "nobody"}), limits.clone(), "/selector/client"),
        (json!({"group": "Staff"}), limits.clone(), "/selector/group"),
        (json!({"acr": "nonsense"}), limits.clone(), "/selector/acr"),
        (json!({}), json!({}), "/limits"),
        (json!({}), json!({"session_idle": "5m"}), "/limits/session_idle"),
        (json!({}), json!({"session_idle": "PT0S"}), "/limits/session_idle"),
        (json!({}), json!({"access_token": "unlimited"}), "/limits/access_token"),
        (json!({}), json!({"code": "PT61S"}), "/limits/code"),
    ] {
        let answer = send_json(&app, Method::PUT, "/lifetime-rules", &token, &rule(selector.clone(), limits.clone())).await;
        assert_problem(&answer, 422, "invalid", pointer);
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{}", answer.text());
        if pointer != "/limits" {
            let answer = send_json(&app, Method::POST, "/lifetime-rules/dry-run", &token, &json!({"changes": [rule(selector, limits)]})).await;
            assert_problem(&answer, 422, "invalid", pointer);
            assert_eq!(answer.json()["errors"][0]["pointer"], format!("/changes/0{pointer}"), "{}", answer.text());
        }
    }
    for (question, pointer) in [
        (json!({"client": "a b"}), "/client"),
        (json!({"client": "nobody"}), "/client"),
        (json!({"user": "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d"}), "/user"),
        (json!({"user": "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d", "groups": []}), "/groups"),
        (json!({"groups": ["staff", "Staff"]}), "/groups/1"),
        (json!({"acr": "nonsense"}), "/acr"),
        (json!({"session": "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d"}), "/session"),
        (json!({"session": "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d", "acr": "urn:gatekey:acr:pwd"}), "/session"),
    ] {
        let answer = send_json(&app, Method::POST, "/lifetime-rules/explain", &token, &question).await;
        assert_problem(&answer, 422, "invalid", pointer);
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{question}: {}", answer.text());
    }
    let two = json!({"changes": [rule(json!({}), json!({})), rule(json!({}), limits.clone())]});
    let answer = send_json(&app, Method::POST, "/lifetime-rules/dry-run", &token, &two).await;
    assert_eq!((answer.status.as_u16(), answer.json()["errors"][0]["pointer"].as_str()), (422, Some("/changes/1/selector")), "{}", answer.text());
    for body in [json!({"changes": []}), json!({"changes": vec![rule(json!({}), limits.clone()); 101]}), json!({"selector": {}, "limits": {}})] {
        assert_problem(&send_json(&app, Method::POST, "/lifetime-rules/dry-run", &token, &body).await, 400, "request-malformed", "changes");
    }
    assert_eq!(get(&app, "/lifetime-rules", &token).await["rules"], json!([]), "nothing was changed");
    assert_eq!(send_json(&app, Method::PUT, "/lifetime-rules", &token, &rule(json!({}), limits)).await.status.as_u16(), 200, "the control");
}

async fn ad_11_a_lifetime_rule_is_not_changed_by_who_read_others(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let tag = async || send(&app, Method::GET, "/lifetime-rules", Some(&token)).await.header("etag").unwrap().to_owned();
    let read = tag().await;
    let put = async |tag: &str, idle: &str| {
        let body = rule(json!({"group": "staff"}), json!({"session_idle": idle})).to_string();
        request(&app, Method::PUT, "/lifetime-rules", Some(&token), &[("if-match", tag)], &body).await
    };
    let (one, other) = tokio::join!(put(&read, "PT1H"), put(&read, "PT2H"));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412], "{} {}", one.text(), other.text());
    let delete = async |tag: &str| request(&app, Method::DELETE, "/lifetime-rules?group=staff", Some(&token), &[("if-match", tag)], "").await;
    assert_problem(&delete(&read).await, 412, "precondition-failed", "read before the change");
    assert_eq!(delete(&tag().await).await.status.as_u16(), 204, "the control");
}

async fn a_limit_is_explained_with_every_candidate(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    for (selector, idle) in [(json!({}), "P3D"), (json!({"group": "staff"}), "PT8H"), (json!({"client": PAGE, "group": "staff"}), "PT2H")] {
        send_json(&app, Method::PUT, "/lifetime-rules", &token, &rule(selector, json!({"session_idle": idle}))).await;
    }
    let explain = async |question: Value| send_json(&app, Method::POST, "/lifetime-rules/explain", &token, &question).await.json();
    let idle = |explanation: &Value| {
        let limits = explanation["limits"].as_array().unwrap();
        assert_eq!(limits.len(), 11);
        let one = limits.iter().find(|limit| limit["limit"] == "session_idle").unwrap().clone();
        assert_eq!(one["value"], one["candidates"][0]["value"], "the first one wins");
        one["candidates"].as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let default = get(&app, "/lifetime-rules", &token).await["settings"]["session_idle"].as_str().unwrap().to_owned();
    let at_page = explain(json!({"client": PAGE, "groups": ["others", "staff"]})).await;
    assert_eq!(idle(&at_page), ["PT2H", "PT8H", "P3D", &default]);
    let one = at_page["limits"].as_array().unwrap().iter().find(|limit| limit["limit"] == "session_idle").unwrap();
    assert_eq!(one["candidates"][0], json!({"source": "rule", "selector": {"client": PAGE, "group": "staff"}, "value": "PT2H"}));
    assert_eq!(one["candidates"][3], json!({"source": "settings", "value": default}));
    assert_eq!(idle(&explain(json!({"groups": ["staff"]})).await), ["PT8H", "P3D", &default]);
    assert_eq!(idle(&explain(json!({})).await), ["P3D", &default]);
    // A user's groups, and a session's user.
    let mut alice = app.user("alice").await;
    alice.groups = gatekey::domain::group::Groups::of([gatekey::domain::group::GroupName::parse("staff").unwrap()]);
    let (id, changed) = (alice.id, alice.clone());
    app.write(move |db| gatekey::store::users::update(db, &changed)).await;
    assert_eq!(idle(&explain(json!({"user": id.to_string()})).await), ["PT8H", "P3D", &default]);
    let session = a_session(&app, "alice").await;
    let explained = explain(json!({"session": session})).await;
    assert_eq!(idle(&explained), ["PT8H", "P3D", &default]);
    let judged = &explained["session"];
    assert_eq!((judged["user_id"].as_str(), judged.get("unusable"), judged.get("client_session")), (Some(&*id.to_string()), None, None), "{judged}");
    let at = |value: &Value| chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap();
    assert_eq!(at(&judged["idle_expires_at"]) - at(&judged["last_used_at"]), chrono::TimeDelta::hours(8));
    app.advance(chrono::TimeDelta::hours(9));
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let explained = send_json(&app, Method::POST, "/lifetime-rules/explain", &token, &json!({"session": session, "client": OWN_PAGE})).await.json();
    assert_eq!(explained["session"]["unusable"], "expired_idle", "{explained}");
    assert_eq!(explained["session"].get("idle_expires_at"), None);
    // Nothing was written: it is for the next use, or the sweep, to end it.
    assert_eq!(get(&app, &format!("/sessions/{session}"), &token).await.get("ended_at"), None);
}

async fn explaining_somebody_asks_for_the_scope_to_read_them(database: Database) {
    let app = start(database).await;
    let (session, user) = (a_session(&app, "alice").await, app.user("alice").await.id.to_string());
    for (question, scope) in [(json!({"user": user}), "users:read"), (json!({"session": session}), "sessions:read")] {
        let lacking = robot_token(&app, AUDIENCE, &["lifetimes:read".to_owned()]).await;
        let answer = send_json(&app, Method::POST, "/lifetime-rules/explain", &lacking, &question).await;
        assert_problem(&answer, 403, "scope-insufficient", scope);
        assert!(answer.header("www-authenticate").unwrap().ends_with(&format!("scope=\"{scope}\"")), "{answer:?}");
        let with = robot_token(&app, AUDIENCE, &["lifetimes:read".to_owned(), scope.to_owned()]).await;
        assert_eq!(send_json(&app, Method::POST, "/lifetime-rules/explain", &with, &question).await.status.as_u16(), 200, "the control");
    }
}

async fn a_change_of_lifetimes_is_tried_out(database: Database) {
    let app = start(database).await;
    let session = a_session(&app, "alice").await;
    app.advance(chrono::TimeDelta::minutes(30));
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let trial = json!({"changes": [rule(json!({}), json!({"session_idle": "PT10M", "refresh_idle": "PT10M"}))]});
    let dry_run = async |token: &str, trial: &Value| send_json(&app, Method::POST, "/lifetime-rules/dry-run", token, trial).await.json();
    let impact = dry_run(&token, &trial).await;
    assert_eq!(impact["sessions"], 1, "{impact}");
    let horizons = impact["horizons"].as_array().unwrap();
    assert_eq!(horizons.iter().map(|horizon| horizon["ahead"].as_str().unwrap()).collect::<Vec<_>>(), ["PT0S", "P1D", "P7D"]);
    assert_eq!((&horizons[0]["sessions"], &horizons[0]["sessions_changed"]), (&json!(0), &json!(1)));
    assert_eq!(impact["sample"], json!([{"session_id": session, "user_id": app.user("alice").await.id.to_string()}]));
    // Whose session it is, only who may read sessions is told.
    let reader = robot_token(&app, AUDIENCE, &["lifetimes:read".to_owned()]).await;
    let without = dry_run(&reader, &trial).await;
    assert_eq!((&without["sessions"], without.get("sample")), (&json!(1), None));
    // Nothing was changed.
    assert_eq!(get(&app, "/lifetime-rules", &token).await["rules"], json!([]));
    // A rule that is taken away is tried out by no limits.
    send_json(&app, Method::PUT, "/lifetime-rules", &token, &rule(json!({}), json!({"session_idle": "PT40M"}))).await;
    let impact = dry_run(&token, &json!({"changes": [rule(json!({}), json!({}))]})).await;
    assert_eq!((&impact["horizons"][1]["sessions"], &impact["horizons"][1]["sessions_changed"]), (&json!(1), &json!(0)), "{impact}");
}
