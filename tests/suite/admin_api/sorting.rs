//! The orders that lists come in: each the other one backwards, whatever is left out by a filter, and nothing shown twice or left out while rows come.

use gatekey::domain::entropy::SystemEntropy;
use gatekey::domain::group::{GroupName, Groups};
use gatekey::domain::id::UserId;
use gatekey::domain::user::User;
use gatekey::store::users as table;

use serde_json::json;

use super::*;
use crate::support::app::{MACHINE, SERVER};
use crate::support::database::each_database;

each_database!(
    every_list_comes_both_ways,
    users_come_by_name_both_ways,
    groups_and_consents_come_both_ways,
    events_come_both_ways,
    events_are_followed_from_where_one_was,
    rows_that_come_meanwhile_disturb_no_page,
    orders_that_no_index_has_are_refused,
    a_cursor_of_another_order_is_refused
);

/// What follows the page after which `after` goes on.
struct Walk<'a> {
    app: &'a App,
    token: &'a str,
    query: String,
    next: Option<String>,
    over: bool,
}

impl<'a> Walk<'a> {
    fn of(app: &'a App, token: &'a str, query: &str) -> Self {
        Self { app, token, query: query.to_owned(), next: None, over: false }
    }

    /// The ids, or of users and groups the names, on the next page.
    async fn page(&mut self, limit: usize) -> Vec<String> {
        // Events come the newest first, and are then asked for by what they are older than.
        let by = if self.query.starts_with("/events?") && !self.query.contains("sort=at&") { "before" } else { "after" };
        let after = self.next.take().map_or(String::new(), |next| format!("&{by}={next}"));
        let page = get(self.app, &format!("{}&limit={limit}{after}", self.query), self.token).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit, "{page}");
        self.next = page["next"].as_str().map(str::to_owned);
        self.over = self.next.is_none();
        let named = |item: &Value| ["username", "id", "name", "client_id"].iter().find_map(|member| item[*member].as_str()).unwrap().to_owned();
        items.iter().map(named).collect()
    }

    async fn rest(&mut self, limit: usize) -> Vec<String> {
        let mut found = Vec::new();
        for _ in 0..1_000 {
            if self.over {
                return found;
            }
            found.extend(self.page(limit).await);
        }
        panic!("{} has no last page", self.query);
    }
}

async fn all(app: &App, token: &str, query: &str, limit: usize) -> Vec<String> {
    Walk::of(app, token, query).rest(limit).await
}

fn reversed(mut list: Vec<String>) -> Vec<String> {
    list.reverse();
    list
}

/// Adds a user who is all of this: made in this second after the start, in the group or not, with the role or without, disabled or not.
async fn add(app: &App, username: &str, second: i64, group: bool, role: Option<AdminRole>, disabled: bool) {
    let (alice, at) = (app.user("alice").await, app.now() + chrono::TimeDelta::seconds(second));
    let groups = Groups::of(group.then(|| GroupName::parse("staff").unwrap()));
    let user = User { id: UserId::generate(at, &SystemEntropy), username: username.to_owned(), groups, role, disabled_at: disabled.then_some(at), ..alice };
    app.write(move |db| table::insert(db, &user)).await;
}

/// In the order they were made. Of their names the bytes come in another order than the letters in a dictionary.
const NAMES: [&str; 8] = ["nina", "an-na", "zoë", "anna", "émile", "_dora", "an.a", "b"];

async fn users(app: &App) {
    for (n, name) in NAMES.into_iter().enumerate() {
        let role = [None, Some(AdminRole::Support), Some(AdminRole::Administrator)][n % 3];
        add(app, name, 1 + i64::try_from(n).unwrap(), n % 2 == 0, role, n % 4 > 1).await;
    }
}

async fn every_list_comes_both_ways(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    users(&app).await;
    let (page, own) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE));
    let mut both = app.browser();
    app.sign_in(&mut both, &own, "openid offline_access").await;
    app.sign_in(&mut both, &page, "openid offline_access").await;
    for username in ["bobby", "alice", "bobby", "alice", "alice"] {
        app.advance(chrono::TimeDelta::seconds(1));
        super::refresh_families::a_family(&app, username).await;
    }
    let sessions = all(&app, &token, "/sessions?", 200).await;
    assert_eq!(sessions.len(), 6);
    for id in [&sessions[1], &sessions[4]] {
        assert_eq!(send(&app, Method::POST, &format!("/sessions/{id}/end"), Some(&token)).await.status.as_u16(), 200);
    }
    let (alice, session) = (app.user("alice").await.id, &sessions[0]);
    for (list, filter, how_many) in [
        ("users", String::new(), 10),
        ("users", "&group=staff".to_owned(), 4),
        ("users", "&state=disabled".to_owned(), 4),
        ("users", "&state=active".to_owned(), 6),
        ("users", "&role=support".to_owned(), 3),
        ("users", "&role=administrator".to_owned(), 3),
        ("users", "&group=staff&state=disabled".to_owned(), 2),
        ("users", "&role=support&state=active".to_owned(), 2),
        ("users", "&group=nobody".to_owned(), 0),
        ("sessions", String::new(), 6),
        ("sessions", format!("&user={alice}"), 4),
        ("sessions", format!("&client={OWN_PAGE}"), 6),
        ("sessions", format!("&client={PAGE}"), 1),
        ("sessions", "&state=live".to_owned(), 4),
        ("sessions", "&state=ended".to_owned(), 2),
        ("sessions", format!("&user={alice}&client={OWN_PAGE}"), 4),
        ("sessions", format!("&user={alice}&state=live"), 3),
        ("sessions", format!("&client={OWN_PAGE}&state=live"), 4),
        ("sessions", format!("&user={alice}&client={OWN_PAGE}&state=ended"), 1),
        ("refresh-families", String::new(), 7),
        ("refresh-families", format!("&user={alice}"), 5),
        ("refresh-families", format!("&client={OWN_PAGE}"), 6),
        ("refresh-families", format!("&client={PAGE}"), 1),
        ("refresh-families", format!("&client={OWN_PAGE}&state=live"), 4),
        ("refresh-families", format!("&session={session}"), 2),
        ("refresh-families", "&state=live".to_owned(), 5),
        ("refresh-families", format!("&user={alice}&client={OWN_PAGE}&state=live"), 3),
        ("refresh-families", format!("&session={session}&client={PAGE}"), 1),
    ] {
        let plain = all(&app, &token, &format!("/{list}?{filter}"), 200).await;
        assert_eq!(plain.len(), how_many, "{list}{filter}: {plain:?}");
        for limit in [1, 2, 3, 200] {
            let sorted = async |sort: &str| all(&app, &token, &format!("/{list}?sort={sort}{filter}"), limit).await;
            assert_eq!(sorted("created_at").await, plain, "{list}{filter} by {limit}");
            assert_eq!(reversed(sorted("created_at_desc").await), plain, "{list}{filter} by {limit}, backwards");
        }
    }
    let newest = all(&app, &token, "/users?sort=created_at_desc", 3).await;
    assert_eq!(newest[..NAMES.len()], reversed(NAMES.map(str::to_owned).to_vec()));
}

async fn users_come_by_name_both_ways(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    users(&app).await;
    // The last name that there can be is before the end, too.
    let last = "\u{10ffff}".repeat(128);
    add(&app, &last, 20, false, None, false).await;
    let expected = ["_dora", "alice", "an-na", "an.a", "anna", "b", "bobby", "nina", "zoë", "émile", &last].map(str::to_owned).to_vec();
    for limit in [1, 2, 3, 200] {
        assert_eq!(all(&app, &token, "/users?sort=username", limit).await, expected, "by {limit}");
        assert_eq!(reversed(all(&app, &token, "/users?sort=username_desc", limit).await), expected, "by {limit}, backwards");
    }
    // The name on which a page ended is gone meanwhile: the next one goes on where it was.
    let mut walk = Walk::of(&app, &token, "/users?sort=username");
    assert_eq!(walk.page(3).await, expected[..3]);
    let renamed = User { username: "zz".to_owned(), ..app.user("an-na").await };
    app.write(move |db| table::update(db, &renamed)).await;
    assert_eq!(walk.page(3).await, expected[3..6]);
}

/// A group is there by a user, by a rule, or by both: wherever a page ends.
async fn groups_and_consents_come_both_ways(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    for (name, groups) in [("anna", &["staff", "a-team"][..]), ("berta", &["staff", "b.two"]), ("cecil", &["staff.vienna", "zz"])] {
        let made = send_json(&app, Method::POST, "/users", &token, &json!({"username": name, "groups": groups})).await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text());
    }
    for group in ["0", "b", "staff", "ruled", "zzz"] {
        lifetimes::put_rule(&app, group).await;
    }
    let alice = app.user("alice").await.id;
    for client in [PAGE, OWN_PAGE, MACHINE, SERVER] {
        super::consents::consent(&app, alice, client).await;
    }
    let groups = ["0", "a-team", "b", "b.two", "ruled", "staff", "staff.vienna", "zz", "zzz"].map(str::to_owned);
    assert_eq!(all(&app, &token, "/groups?", 200).await, groups);
    let consents = format!("/users/{alice}/consents?");
    for (list, by, how_many) in [("/groups?", "name", groups.len()), (&consents, "client_id", 4)] {
        let plain = all(&app, &token, list, 200).await;
        assert_eq!(plain.len(), how_many, "{plain:?}");
        for limit in [1, 2, 3, 4, 200] {
            assert_eq!(all(&app, &token, &format!("{list}sort={by}"), limit).await, plain, "{list} by {limit}");
            assert_eq!(reversed(all(&app, &token, &format!("{list}sort={by}_desc"), limit).await), plain, "{list} by {limit}, backwards");
        }
        for sort in ["", "created_at", &format!("-{by}"), &by.to_uppercase()] {
            assert_problem(&send(&app, Method::GET, &format!("{list}sort={sort}"), Some(&token)).await, 400, "request-malformed", list);
        }
    }
}

async fn events_come_both_ways(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let (alice, bobby) = (app.user("alice").await.id, app.user("bobby").await.id);
    for username in ["alice", "bobby", "alice"] {
        let session = a_session(&app, username).await;
        app.advance(chrono::TimeDelta::seconds(1));
        assert_eq!(send(&app, Method::POST, &format!("/sessions/{session}/end"), Some(&token)).await.status.as_u16(), 200);
    }
    let since = app.now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    for username in ["bobby", "alice", "bobby"] {
        app.advance(chrono::TimeDelta::seconds(1));
        a_session(&app, username).await;
    }
    for (filter, least) in [
        (String::new(), 10),
        (format!("&user={alice}"), 4),
        (format!("&object={bobby}"), 1),
        ("&kind=login.succeeded".to_owned(), 6),
        (format!("&since={since}"), 3),
        (format!("&user={alice}&kind=login.succeeded"), 3),
        (format!("&user={bobby}&since={since}&kind=login.succeeded"), 2),
    ] {
        let newest_first = all(&app, &token, &format!("/events?{filter}"), 200).await;
        assert!(newest_first.len() >= least, "{filter}: {newest_first:?}");
        for limit in [1, 2, 3, 200] {
            assert_eq!(all(&app, &token, &format!("/events?sort=at_desc{filter}"), limit).await, newest_first, "{filter} by {limit}");
            assert_eq!(reversed(all(&app, &token, &format!("/events?sort=at&{filter}"), limit).await), newest_first, "{filter} by {limit}, by time");
            // As lines, by the links.
            for (sort, expected) in [("at", reversed(newest_first.clone())), ("at_desc", newest_first.clone())] {
                let (mut path, mut found) = (format!("/events/export?sort={sort}&limit={limit}{filter}"), Vec::new());
                loop {
                    let answer = send(&app, Method::GET, &path, Some(&token)).await;
                    let text = answer.text();
                    found.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned()));
                    let Some(link) = answer.header("link") else { break };
                    path = format!("/events/export{}", link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap());
                }
                assert_eq!(found, expected, "{filter} by {limit}, {sort}");
            }
        }
        // Between two of them, whichever comes first.
        let (after, before) = (newest_first.last().unwrap(), newest_first.first().unwrap());
        let inner = &newest_first[1.min(newest_first.len())..newest_first.len().saturating_sub(1).max(1)];
        let between = format!("&after={after}&before={before}{filter}");
        assert_eq!(get(&app, &format!("/events?limit=200{between}"), &token).await["items"].as_array().unwrap().len(), inner.len(), "{between}");
        let by_time = get(&app, &format!("/events?limit=200&sort=at{between}"), &token).await["items"].as_array().unwrap().clone();
        assert_eq!(reversed(by_time.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()), inner, "{between}");
    }
    for query in ["sort=created_at", "sort=", "sort=AT", "after=x", "after=", "sort=at&after=%00"] {
        for list in ["events", "events/export"] {
            assert_problem(&send(&app, Method::GET, &format!("/{list}?{query}"), Some(&token)).await, 400, "request-malformed", query);
        }
    }
}

/// A program that collects events asks for what has come since the last one it has.
async fn events_are_followed_from_where_one_was(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let last = all(&app, &token, "/events?", 200).await[0].clone();
    let since = format!("/events/export?sort=at&after={last}");
    let none = send(&app, Method::GET, &since, Some(&token)).await;
    assert_eq!((none.status.as_u16(), none.text(), none.header("link")), (200, "", None));
    app.advance(chrono::TimeDelta::seconds(1));
    a_session(&app, "alice").await;
    let come = send(&app, Method::GET, &since, Some(&token)).await;
    let kinds: Vec<_> = come.text().lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].clone()).collect();
    assert_eq!(kinds, [json!("login.succeeded")]);
}

async fn rows_that_come_meanwhile_disturb_no_page(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    users(&app).await;
    let mut number = 100;
    for (sort, filter) in [
        ("created_at", ""),
        ("created_at_desc", ""),
        ("created_at", "&group=staff"),
        ("created_at_desc", "&group=staff"),
        ("username", ""),
        ("username_desc", ""),
    ] {
        let query = format!("/users?sort={sort}{filter}");
        let before = all(&app, &token, &query, 200).await;
        let (mut walk, mut found) = (Walk::of(&app, &token, &query), Vec::new());
        while !walk.over {
            found.extend(walk.page(2).await);
            if number % 100 < 12 {
                // The newest, and by name the first, one in the middle and the last.
                for letter in ["0", "m", "\u{fffd}"] {
                    add(&app, &format!("{letter}{number}"), number, true, None, false).await;
                    number += 1;
                }
            }
        }
        number = (number / 100 + 1) * 100;
        let mut once = found.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), found.len(), "{query} shows one twice: {found:?}");
        found.retain(|name| before.contains(name));
        assert_eq!(found, before, "{query}");
    }
    let sessions = {
        for username in ["alice", "bobby", "alice", "alice"] {
            a_session(&app, username).await;
            app.advance(chrono::TimeDelta::seconds(1));
        }
        all(&app, &token, "/sessions?sort=created_at_desc", 200).await
    };
    let mut walk = Walk::of(&app, &token, "/sessions?sort=created_at_desc");
    let mut found = walk.page(2).await;
    let newest = a_session(&app, "alice").await;
    found.extend(walk.rest(1).await);
    assert_eq!(found, sessions, "what came later is on no page that follows");
    assert_eq!(all(&app, &token, "/sessions?sort=created_at_desc", 200).await[0], newest);
}

async fn orders_that_no_index_has_are_refused(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    for query in [
        "sort=username&group=staff",
        "sort=username&state=active",
        "sort=username_desc&state=disabled",
        "sort=username_desc&role=support",
        "sort=username&search=a",
        "sort=created_at&search=a",
        "sort=created_at_desc&search=a&group=staff",
    ] {
        let answer = send(&app, Method::GET, &format!("/users?{query}"), Some(&token)).await;
        assert_problem(&answer, 422, "invalid", query);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("The parameter `sort` ") && detail.contains("Leave out "), "{query}: {detail}");
    }
    for path in [
        "/users?sort=name",
        "/users?sort=",
        "/users?sort=-created_at",
        "/sessions?sort=username",
        "/sessions?sort=last_used_at",
        "/refresh-families?sort=CREATED_AT",
    ] {
        assert_problem(&send(&app, Method::GET, path, Some(&token)).await, 400, "request-malformed", path);
    }
    // The controls: the same without what does not go together, and a search for nothing is none.
    for query in ["sort=username", "sort=username_desc&search=%20", "sort=created_at_desc&group=staff&state=active&role=support", "search=a&group=staff"] {
        get(&app, &format!("/users?{query}"), &token).await;
    }
}

async fn a_cursor_of_another_order_is_refused(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    users(&app).await;
    let next = async |query: &str| get(&app, &format!("/users?{query}&limit=1"), &token).await["next"].as_str().unwrap().to_owned();
    let queries = ["", "sort=created_at", "sort=created_at_desc", "group=staff", "sort=username", "sort=username_desc", "search=an", "search=a"];
    let mut all = Vec::new();
    for query in queries {
        all.push((query, next(query).await));
    }
    for (query, own) in &all {
        get(&app, &format!("/users?{query}&limit=7&after={own}"), &token).await;
        for (_, other) in all.iter().filter(|(other, _)| other != query) {
            let answer = send(&app, Method::GET, &format!("/users?{query}&after={other}"), Some(&token)).await;
            assert_problem(&answer, 400, "request-malformed", query);
            assert!(answer.json()["detail"].as_str().unwrap().starts_with("The parameter `after` is of another list: "), "{}", answer.text());
        }
    }
}
