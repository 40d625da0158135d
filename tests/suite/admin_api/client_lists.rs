//! Clients listed in each order, by a word in their id or name, and by whether they are disabled: page by page, and all together.

use gatekey::domain::client::{Client, ClientMetadata};
use gatekey::domain::id::ClientId;
use gatekey::domain::redirect_uri::RedirectUri;
use gatekey::store::clients as table;
use serde_json::json;

use super::*;
use crate::support::database::each_database;

each_database!(
    every_order_comes_page_by_page,
    clients_are_found_by_id_name_and_state,
    pages_go_on_past_many_that_are_not_wanted,
    what_comes_and_goes_meanwhile_disturbs_no_page,
    a_client_cursor_of_another_order_is_refused,
    what_cannot_be_asked_of_clients_is_told
);

const ORDERS: [&str; 4] = ["id", "id_desc", "created_at", "created_at_desc"];

/// The ids on the pages of this size, in their order, and how many pages they were.
async fn pages(app: &App, token: &str, query: &str, limit: usize) -> (Vec<String>, usize) {
    let (mut found, mut after) = (Vec::new(), String::new());
    for number in 1..2_000 {
        let page = get(app, &format!("/clients?{query}&limit={limit}{after}"), token).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit, "{page}");
        found.extend(items.iter().map(|client| client["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { return (found, number) };
        after = format!("&after={next}");
    }
    panic!("{query} has no last page: {found:?}");
}

async fn all(app: &App, token: &str, query: &str, limit: usize) -> Vec<String> {
    pages(app, token, query, limit).await.0
}

fn a_client(app: &App, id: &str, name: &str, milliseconds: i64, disabled: bool) -> Client {
    let at = app.now() + chrono::TimeDelta::milliseconds(milliseconds);
    let redirect_uris = vec![RedirectUri::parse("https://page.example.test/cb").unwrap()];
    Client {
        id: ClientId::parse(id).unwrap(),
        metadata: ClientMetadata { redirect_uris, ..ClientMetadata::defaults(ClientKind::Spa, name) },
        secret_digest: None,
        previous_secret: None,
        disabled_at: disabled.then_some(at),
        managed_by_file: false,
        created_at: at,
        updated_at: at,
    }
}

async fn add(app: &App, id: &str, name: &str, milliseconds: i64, disabled: bool) {
    let client = a_client(app, id, name, milliseconds, disabled);
    app.write(move |db| table::insert(db, &client)).await;
}

/// Of one moment there are several, and the bytes of their ids come in another order than the letters in a dictionary.
async fn some(app: &App) {
    for (id, name, milliseconds, disabled) in [
        ("notes", "Notes", 3_000, false),
        ("a-b", "Meine Fotos", 1_000, false),
        ("ab", "Émile’s 100%", 1_000, true),
        ("B", "NOTES of old", 1_000, true),
        ("a.b", "under_score", 1_000, false),
        ("~z", "ÉCOLE", 2_000, false),
        ("my-NOTES", "Other", 0, true),
    ] {
        add(app, id, name, milliseconds, disabled).await;
    }
}

/// Every client there is, as it is kept.
async fn kept(app: &App) -> Vec<Client> {
    app.store.scan(|db| table::list(db, None, 10_000)).await.unwrap()
}

fn ids<'a>(clients: impl IntoIterator<Item = &'a Client>) -> Vec<String> {
    clients.into_iter().map(|client| client.id.to_string()).collect()
}

fn reversed(mut list: Vec<String>) -> Vec<String> {
    list.reverse();
    list
}

async fn every_order_comes_page_by_page(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &["clients:read".to_owned()]).await;
    some(&app).await;
    let by_id = kept(&app).await;
    let mut by_time = by_id.clone();
    by_time.sort_by(|one, other| (one.created_at, one.id.as_str()).cmp(&(other.created_at, other.id.as_str())));
    let at_once = ids(&by_time).into_iter().filter(|id| ["a-b", "ab", "B", "a.b"].contains(&id.as_str())).collect::<Vec<_>>();
    assert_eq!(at_once, ["B", "a-b", "a.b", "ab"], "by bytes");
    assert_ne!(ids(&by_id), ids(&by_time));
    assert_eq!(all(&app, &token, "", 200).await, ids(&by_id), "by id unless something else is asked for");
    type Wanted = fn(&Client) -> bool;
    let filters: [(&str, Wanted); 4] = [
        ("", |_| true),
        ("&state=active", |client| client.disabled_at.is_none()),
        ("&search=NOTES", |client| ["notes", "B", "my-NOTES"].contains(&client.id.as_str())),
        ("&search=notes&state=disabled", |client| ["B", "my-NOTES"].contains(&client.id.as_str())),
    ];
    for (filter, wanted) in filters {
        let [by_id, by_time] = [&by_id, &by_time].map(|list| ids(list.iter().filter(|client| wanted(client))));
        for limit in [1, 2, 3, 200] {
            let sorted = async |sort: &str| all(&app, &token, &format!("sort={sort}{filter}"), limit).await;
            assert_eq!(sorted("id").await, by_id, "{filter} by {limit}");
            assert_eq!(reversed(sorted("id_desc").await), by_id, "{filter} by {limit}");
            assert_eq!(sorted("created_at").await, by_time, "{filter} by {limit}");
            assert_eq!(reversed(sorted("created_at_desc").await), by_time, "{filter} by {limit}");
        }
    }
}

async fn clients_are_found_by_id_name_and_state(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &["clients:read".to_owned()]).await;
    some(&app).await;
    for (query, expected) in [
        ("search=notes", &["my-NOTES", "B", "notes"][..]),
        ("search=%20%20NoTeS%20", &["my-NOTES", "B", "notes"]),
        ("search=a-B", &["a-b"]),
        ("search=otos", &["a-b"]),
        ("search=meine%20f", &["a-b"]),
        ("search=%C3%A9", &["ab", "~z"]),
        ("search=%C3%89COLE", &["~z"]),
        // Signs that a pattern would make something of are themselves.
        ("search=%25", &["ab"]),
        ("search=_", &["a.b"]),
        ("search=%5C", &[]),
        ("search=%00", &[]),
        ("search=a%00b", &[]),
        ("search=notes&state=active", &["notes"]),
        ("search=notes&state=disabled", &["my-NOTES", "B"]),
        ("state=disabled", &["my-NOTES", "B", "ab"]),
        ("search=redirect_uris", &[]),
    ] {
        for limit in [1, 200] {
            assert_eq!(all(&app, &token, &format!("sort=created_at&{query}"), limit).await, expected, "{query} by {limit}");
        }
    }
    // One that is disabled, or enabled, is so in the list at once.
    let all_scopes = robot_token(&app, AUDIENCE, &all_scopes()).await;
    for (act, expected) in [("disable", &["B", "my-NOTES", "notes"][..]), ("enable", &["B", "my-NOTES"])] {
        assert_eq!(send(&app, Method::POST, &format!("/clients/notes/{act}"), Some(&all_scopes)).await.status.as_u16(), 200);
        let mut found = all(&app, &token, "search=notes&state=disabled", 50).await;
        found.sort_unstable();
        assert_eq!(found, expected, "{act}");
    }
    // A search for nothing is none.
    assert_eq!(all(&app, &token, "search=%20", 200).await, ids(&kept(&app).await));
}

/// More than a page looks at, and few of them wanted: pages come empty, none leaves one out, none shows one twice, and none looks further.
async fn pages_go_on_past_many_that_are_not_wanted(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &["clients:read".to_owned()]).await;
    let wanted = [3, 499, 500, 501, 1001, 1204];
    // Not all at once: what one write does has to be done in a few seconds, on a busy machine too.
    for first in (0..1205).step_by(241) {
        let name = |number| if wanted.contains(&number) { "Wanted" } else { "Another" };
        let clients: Vec<Client> =
            (first..first + 241).map(|number| a_client(&app, &format!("many-{number:04}"), name(number), number, wanted.contains(&number))).collect();
        app.write(move |db| clients.iter().try_for_each(|client| table::insert(db, client))).await;
    }
    let expected: Vec<String> = wanted.iter().map(|number| format!("many-{number:04}")).collect();
    for sort in ORDERS {
        for filter in ["search=wanted", "state=disabled&search=many-", "search=WANT&state=disabled"] {
            for limit in [1, 5, 200] {
                let found = all(&app, &token, &format!("sort={sort}&{filter}"), limit).await;
                assert_eq!(if sort.ends_with("_desc") { reversed(found) } else { found }, expected, "{sort} {filter} by {limit}");
            }
        }
        let found = pages(&app, &token, &format!("sort={sort}&search=nobody%20has%20this"), 1).await;
        assert_eq!(found, (Vec::new(), kept(&app).await.len().div_ceil(500)), "{sort}: 500 are looked at for a page");
        // The control: of all there are, a page is full.
        assert_eq!(get(&app, &format!("/clients?sort={sort}&limit=200"), &token).await["items"].as_array().unwrap().len(), 200);
    }
}

async fn what_comes_and_goes_meanwhile_disturbs_no_page(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    for (number, sort) in ORDERS.into_iter().enumerate() {
        let place = i64::try_from(number).unwrap() * 1_000;
        for letter in ["c", "f", "i", "l"] {
            add(&app, &format!("{letter}{number}"), &format!("round {number}"), place, false).await;
        }
        let query = format!("/clients?sort={sort}&search=round%20{number}&limit=2");
        let page = get(&app, &query, &token).await;
        let shown: Vec<&str> = page["items"].as_array().unwrap().iter().map(|client| client["id"].as_str().unwrap()).collect();
        // The one on which the page ended is gone, and others come before and after it.
        assert_eq!(send(&app, Method::DELETE, &format!("/clients/{}", shown[1]), Some(&token)).await.status.as_u16(), 204);
        for letter in ["a", "g", "m"] {
            add(&app, &format!("{letter}{number}"), &format!("round {number}"), place, false).await;
        }
        let rest = get(&app, &format!("{query}0&after={}", page["next"].as_str().unwrap()), &token).await;
        let rest: Vec<String> = rest["items"].as_array().unwrap().iter().map(|client| client["id"].as_str().unwrap()[..1].to_owned()).collect();
        let expected = if sort.ends_with("_desc") { ["g", "f", "c", "a"] } else { ["g", "i", "l", "m"] };
        assert_eq!(rest, expected, "{sort}: what comes after the place is shown, what comes before is not");
    }
}

async fn a_client_cursor_of_another_order_is_refused(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    some(&app).await;
    let next = async |query: &str| get(&app, &format!("/clients?{query}&limit=2"), &token).await["next"].as_str().unwrap().to_owned();
    let (id, time) = (next("sort=id").await, next("sort=created_at").await);
    for sort in ORDERS {
        for filter in ["", "&search=o", "&state=active"] {
            let query = format!("sort={sort}{filter}");
            let own = next(&query).await;
            get(&app, &format!("/clients?{query}&after={own}"), &token).await;
            for other in [&id, &time].into_iter().filter(|other| **other != own) {
                let answer = send(&app, Method::GET, &format!("/clients?{query}&after={other}"), Some(&token)).await;
                assert_problem(&answer, 400, "request-malformed", &query);
                assert!(answer.json()["detail"].as_str().unwrap().starts_with("The parameter `after` is of another list: "), "{}", answer.text());
            }
        }
    }
    for list in ["users?", "users?sort=username", "users?search=a", "sessions?", "events?"] {
        let answer = send(&app, Method::GET, &format!("/{list}&after={time}&before={time}"), Some(&token)).await;
        assert_problem(&answer, 400, "request-malformed", list);
    }
}

async fn what_cannot_be_asked_of_clients_is_told(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &["clients:read".to_owned()]).await;
    let long = format!("search={}", "x".repeat(255));
    for query in ["sort=name", "sort=", "sort=-id", "sort=ID", "state=ended", "state=live", "state=", &long, "after=", "after=notes", "after=."] {
        assert_problem(&send(&app, Method::GET, &format!("/clients?{query}"), Some(&token)).await, 400, "request-malformed", query);
    }
    // What stands for the list is right, and the place is none.
    some(&app).await;
    let mut at = std::collections::BTreeMap::new();
    for sort in ORDERS {
        let next = get(&app, &format!("/clients?sort={sort}&limit=1"), &token).await["next"].as_str().unwrap().to_owned();
        at.insert(sort, format!("sort={sort}&after={}.", next.split_once('.').unwrap().0));
    }
    for (sort, place) in [
        ("id", ""),
        ("id", "a%00"),
        ("id_desc", "a%20b"),
        ("created_at", ""),
        ("created_at", "time,"),
        ("created_at", "time,1"),
        ("created_at", "time,x,a"),
        ("created_at", "time,1,a%00"),
        ("created_at", "time,1,a,b"),
        ("created_at_desc", "time,9223372036854775807,a"),
        ("created_at_desc", "time,-9223372036854775808,a"),
        ("created_at_desc", "time,253402300800000000,a"),
    ] {
        let answer = send(&app, Method::GET, &format!("/clients?{}{place}", at[sort]), Some(&token)).await;
        assert_problem(&answer, 400, "request-malformed", place);
        assert!(answer.json()["detail"].as_str().unwrap().starts_with("The parameter `after` is malformed: "), "{place}: {}", answer.text());
    }
    // The controls: as long as it may be, and the first and the last time that there is.
    let (long, first) = (format!("search={}", "x".repeat(254)), format!("{}time,-62167219200000000,a", at["created_at_desc"]));
    for query in [&long, &first, &format!("{}time,253402300799999999,a", at["created_at"])] {
        assert_eq!(get(&app, &format!("/clients?{query}"), &token).await["items"], json!([]), "{query}");
    }
    // Who may not read clients is told nothing of them by any filter.
    let other = robot_token(&app, AUDIENCE, &["users:read".to_owned()]).await;
    let answer = send(&app, Method::GET, "/clients?search=a&state=active&sort=created_at", Some(&other)).await;
    assert_problem(&answer, 403, "scope-insufficient", "another scope");
}
