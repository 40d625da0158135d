//! Events: page by page, and as lines of JSON.

use serde_json::json;

use super::*;
use crate::support::database::each_database;

each_database!(events_are_listed_page_by_page, ad_12_nothing_in_an_event_ends_its_line);

fn items(page: &Value) -> Vec<Value> {
    page["items"].as_array().unwrap().clone()
}

async fn events_are_listed_page_by_page(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let mut sessions = Vec::new();
    for username in ["alice", "bobby", "alice"] {
        sessions.push(a_session(&app, username).await);
        app.advance(chrono::TimeDelta::seconds(1));
    }
    send(&app, Method::POST, &format!("/sessions/{}/end", sessions[0]), Some(&token)).await;
    let all = items(&get(&app, "/events?limit=200", &token).await);
    // Pages of two hold the same, in the same order.
    let (mut path, mut paged) = ("/events?limit=2".to_owned(), Vec::new());
    loop {
        let page = get(&app, &path, &token).await;
        paged.extend(items(&page));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/events?limit=2&before={next}");
    }
    assert_eq!(paged, all);
    assert!(all.iter().map(|event| event["id"].as_str().unwrap()).is_sorted_by(|one, other| one > other), "the newest first");
    let newest = &all[0];
    assert_eq!((&newest["kind"], &newest["object"]), (&json!("session.revoked"), &json!({"kind": "session", "id": sessions[0]})), "{newest}");
    assert_eq!(newest["actor"], json!({"kind": "client", "id": ROBOT}));

    let alice = app.user("alice").await.id.to_string();
    let of = async |query: &str| items(&get(&app, &format!("/events?limit=200&{query}"), &token).await);
    let chosen = |fits: &dyn Fn(&Value) -> bool| all.iter().filter(|event| fits(event)).cloned().collect::<Vec<_>>();
    assert_eq!(of(&format!("user={alice}")).await, chosen(&|event| event["user_id"] == alice.as_str()));
    assert_eq!(of("kind=login.succeeded").await, chosen(&|event| event["kind"] == "login.succeeded"));
    assert_eq!(of("kind=login.succeeded").await.len(), 3);
    assert_eq!(of(&format!("object={}", sessions[0])).await, chosen(&|event| event["object"]["id"] == sessions[0].as_str()));
    assert_eq!(of("object=%00").await, Vec::<Value>::new(), "no text of a database");
    let since = newest["at"].as_str().unwrap().replace('+', "%2B");
    assert_eq!(of(&format!("since={since}")).await, vec![newest.clone()]);
    for query in ["kind=nonsense", "user=alice", "since=yesterday", "before=x", "since=-0001-01-01T00:00:00Z", "limit=0", "limit=201"] {
        assert_problem(&send(&app, Method::GET, &format!("/events?{query}"), Some(&token)).await, 400, "request-malformed", query);
    }

    // The export has the same events, and says where the older ones are.
    let (mut query, mut exported) = ("?limit=2&kind=login.succeeded".to_owned(), Vec::new());
    loop {
        let answer = send(&app, Method::GET, &format!("/events/export{query}"), Some(&token)).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/x-ndjson")), "{}", answer.text());
        exported.extend(answer.text().lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        let Some(link) = answer.header("link") else { break };
        query = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        assert!(query.contains("kind=login.succeeded"), "{query}");
    }
    assert_eq!(exported, of("kind=login.succeeded").await);
    for query in ["kind=nonsense", "limit=0", "limit=5001"] {
        assert_problem(&send(&app, Method::GET, &format!("/events/export?{query}"), Some(&token)).await, 400, "request-malformed", query);
    }
}

/// A name that is a formula to a spreadsheet, and one that would begin a line of its own, are texts in a line of JSON.
async fn ad_12_nothing_in_an_event_ends_its_line(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let names = ["=HYPERLINK(\"https://evil.test\",\"x\")", "x\r\n{\"kind\":\"forged\"}", "+1\u{2028}\u{85}\t@SUM(A1)"];
    for (i, name) in names.iter().enumerate() {
        let metadata = json!({"name": name, "kind": "spa", "redirect_uris": ["https://notes.example.test/cb"]});
        let made = send_json(&app, Method::POST, "/clients", &token, &json!({"id": format!("notes-{i}"), "metadata": metadata})).await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text());
    }
    let answer = send(&app, Method::GET, "/events/export?kind=client.created", Some(&token)).await;
    assert_eq!((answer.header("content-type"), answer.header("x-content-type-options")), (Some("application/x-ndjson"), Some("nosniff")));
    let text = answer.text();
    assert!(text.ends_with('\n') && !text.contains('\r'), "{text}");
    let lines: Vec<Value> = text.trim_end_matches('\n').split('\n').map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|event| event["kind"] == "client.created" && event.is_object()), "{text}");
    let told: Vec<&str> = lines.iter().filter_map(|event| event["detail"]["metadata"]["name"].as_str()).collect();
    for name in names {
        assert!(told.contains(&name), "it is told as it is: {told:?}");
    }
    assert!(text.lines().all(|line| line.starts_with('{')), "no cell begins with a formula");
}
