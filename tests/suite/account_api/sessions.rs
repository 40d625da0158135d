//! Where the user is signed in: listed page by page, shown, ended.

use chrono::TimeDelta;
use gatekey::domain::event::EventKind;
use gatekey::store::events::{self, Filter};
use gatekey::store::sessions;
use serde_json::json;

use super::*;
use crate::support::app::OWN_PAGE;
use crate::support::database::each_database;

each_database!(
    the_account_is_shown,
    sessions_are_listed_page_by_page,
    a_session_ends_for_good,
    all_others_end,
    a_token_that_outlived_its_session_ends_nothing,
    what_was_never_there,
    each_application_knows_a_session_by_its_own_id,
);

async fn the_account_is_shown(database: Database) {
    let app = start(database).await;
    let carol = add_user(&app, "carol").await;
    let (alices, carols) = (get(&app, "/profile", &signed_in(&app, "alice").await).await, get(&app, "/profile", &signed_in(&app, "carol").await).await);
    assert_eq!((&alices["username"], &alices["sub"]), (&json!("alice"), &json!(app.user("alice").await.id.to_string())));
    assert_eq!(alices["profile"], json!({ "name": "Alice Example", "email": "alice@example.test", "email_verified": true }));
    // The settings file says what alice's password is, and would undo a change.
    assert_eq!((&alices["password_changeable"], &carols["password_changeable"]), (&json!(false), &json!(true)));
    assert_eq!(carols["sub"], carol.to_string());
}

async fn sessions_are_listed_page_by_page(database: Database) {
    let app = start(database).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(another_session(&app, "alice").await);
        app.advance(TimeDelta::seconds(1));
    }
    let (mut browser, own) = (app.browser_at("192.0.2.7"), app.relying_party(OWN_PAGE));
    browser.user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0".to_owned();
    app.sign_in(&mut browser, &own, "openid").await;
    app.advance(TimeDelta::seconds(1));
    let token = token(&app, &mut browser, "alice", &all_scopes()).await;
    another_session(&app, "bobby").await;
    let here = current(&app, &token).await;
    ids.push(here["id"].as_str().unwrap().to_owned());
    assert_eq!((&here["network"], &here["user_agent"]), (&json!("192.0.2.7"), &json!(browser.user_agent)));
    let applications = json!([{ "client_id": ACCOUNT_PAGE, "name": "The account-page" }, { "client_id": OWN_PAGE, "name": "The own-page" }]);
    assert_eq!(here["applications"], applications, "the last used first");
    let (ends, unused) = (here["ends_at"].as_str().unwrap(), here["ends_unused_at"].as_str().unwrap());
    assert!(here["created_at"].as_str().unwrap() < unused && unused < ends, "{here}");

    let (mut path, mut listed, mut sizes) = ("/sessions?limit=2".to_owned(), Vec::new(), Vec::new());
    loop {
        let page = get(&app, &path, &token).await;
        let items = page["items"].as_array().unwrap().clone();
        sizes.push(items.len());
        listed.extend(items.into_iter().map(|session| session["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/sessions?limit=2&after={next}");
    }
    assert_eq!(sizes, [2, 2, 1]);
    ids.reverse();
    assert_eq!(listed, ids, "the newest first, each once, and nobody else's");
    assert_eq!(get(&app, "/sessions?limit=5", &token).await.get("next"), None, "a full last page has no next one");
    for session in get(&app, "/sessions", &token).await["items"].as_array().unwrap() {
        assert_eq!(&get(&app, &format!("/sessions/{}", session["id"].as_str().unwrap()), &token).await, session);
    }

    // What could not be used any more is not there.
    for _ in 0..15 {
        app.advance(TimeDelta::days(1));
        app.silently(&mut browser, &own, "openid", &[]).await;
    }
    let token = self::token(&app, &mut browser, "alice", &all_scopes()).await;
    let left = get(&app, "/sessions", &token).await;
    assert_eq!((left["items"].as_array().unwrap().len(), &left["items"][0]["current"]), (1, &json!(true)), "{left}");
    assert_problem(&send(&app, Method::GET, &format!("/sessions/{}", ids[2]), Some(&token)).await, 404, "not-found", "past its end");
}

async fn a_session_ends_for_good(database: Database) {
    let app = start(database).await;
    let (mut phone, page) = (app.browser(), app.relying_party(PAGE));
    let phones = app.sign_in(&mut phone, &page, "openid offline_access").await;
    let phones_token = token(&app, &mut phone, "alice", &all_scopes()).await;
    let id = current(&app, &phones_token).await["id"].as_str().unwrap().to_owned();
    let mut desk = app.browser();
    let desks = token(&app, &mut desk, "alice", &all_scopes()).await;
    assert_eq!(page.userinfo(&phones.access).await.status.as_u16(), 200);

    let path = format!("/sessions/{id}/end");
    let ended = send(&app, Method::POST, &path, Some(&desks)).await;
    assert_eq!((ended.status.as_u16(), ended.text()), (204, ""));
    assert_eq!(page.userinfo(&phones.access).await.status.as_u16(), 401);
    page.refused(phones.refresh()).await;
    assert_eq!(page.error(&app.silently(&mut phone, &page, "openid", &[]).await), "login_required");
    assert_eq!(kind_of(&app, &phones_token).await, "token-invalid");
    assert_eq!(send(&app, Method::POST, &path, Some(&desks)).await.status.as_u16(), 204, "ending again changes nothing");
    assert_problem(&send(&app, Method::GET, &format!("/sessions/{id}"), Some(&desks)).await, 404, "not-found", "it has ended");

    // It is told whose doing it was, and by which application; once.
    let filter = Filter { kind: Some(EventKind::SessionRevoked), ..Filter::default() };
    let events = app.store.read(move |db| events::list(db, &filter, None, 9)).await.unwrap();
    let [event] = &events[..] else { panic!("{events:?}") };
    let alice = app.user("alice").await.id;
    assert_eq!((event.actor.clone(), event.user), (gatekey::domain::event::Actor::User(alice), Some(alice)));
    let told = event.detail.fields();
    assert_eq!((&told["reason"], &told["application"], &told["sessions"]), (&json!("revoked_by_user"), &json!(ACCOUNT_PAGE), &json!(1)));

    // Signing out of where one is asks for nothing, however long ago the sign-in was.
    app.advance(TimeDelta::hours(1));
    let desks = token(&app, &mut desk, "alice", &all_scopes()).await;
    let here = current(&app, &desks).await["id"].as_str().unwrap().to_owned();
    assert_eq!(send(&app, Method::POST, &format!("/sessions/{here}/end"), Some(&desks)).await.status.as_u16(), 204);
    assert_eq!(kind_of(&app, &desks).await, "token-invalid");
}

async fn all_others_end(database: Database) {
    let app = start(database).await;
    let (mut phone, page) = (app.browser(), app.relying_party(PAGE));
    let phones = app.sign_in(&mut phone, &page, "openid offline_access").await;
    another_session(&app, "alice").await;
    let bobbys = signed_in(&app, "bobby").await;
    let mut desk = app.browser();
    let here = app.sign_in(&mut desk, &page, "openid offline_access").await;
    let desks = token(&app, &mut desk, "alice", &all_scopes()).await;
    let ended = send(&app, Method::POST, "/sessions/end-others", Some(&desks)).await;
    assert_eq!((ended.status.as_u16(), ended.json()), (200, json!({ "sessions": 2 })));
    page.refused(phones.refresh()).await;
    page.refresh(here.refresh()).await;
    let left = get(&app, "/sessions", &desks).await;
    assert_eq!((left["items"].as_array().unwrap().len(), &left["items"][0]["current"]), (1, &json!(true)));
    assert_eq!(kind_of(&app, &bobbys).await, "accepted");
    assert_eq!(send(&app, Method::POST, "/sessions/end-others", Some(&desks)).await.json(), json!({ "sessions": 0 }));
}

/// A token with `offline_access` lives on when the session is over: it reads, and has no session in which somebody proved who they are.
async fn a_token_that_outlived_its_session_ends_nothing(database: Database) {
    let app = start(database).await;
    let mut browser = app.browser();
    let scopes: Vec<&str> = all_scopes().into_iter().chain(["offline_access"]).collect();
    let away = token(&app, &mut browser, "alice", &scopes).await;
    let hint = tokens_for(&app, &mut browser, "alice", AUDIENCE, &["account:profile:read"]).await.id.unwrap();
    browser.visit(&format!("{}oidc/logout?id_token_hint={hint}", app.issuer)).await.page();
    let other = another_session(&app, "alice").await;
    let listed = get(&app, "/sessions", &away).await;
    let items = listed["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["current"]), (1, &json!(false)), "{listed}");
    for path in [format!("/sessions/{other}/end"), "/sessions/end-others".to_owned()] {
        assert_problem(&send(&app, Method::POST, &path, Some(&away)).await, 401, "authentication-too-old", &path);
    }
    assert_eq!(get(&app, "/sessions", &away).await, listed);
}

async fn what_was_never_there(database: Database) {
    let app = start(database).await;
    let token = signed_in(&app, "alice").await;
    for path in ["/sessions?limit=0", "/sessions?limit=201", "/sessions?limit=ten", "/sessions?after=x", "/sessions?after="] {
        assert_problem(&send(&app, Method::GET, path, Some(&token)).await, 400, "request-malformed", path);
    }
    // Nor does the id that an administrator knows it by lead to it.
    let alice = app.user("alice").await.id;
    let own = app.store.read(move |db| sessions::list(db, Some(alice), None, 9)).await.unwrap();
    for none in ["mJ0rYxVb3Qd0w5o7LZkT2A", "1", &own[0].id.to_string()] {
        assert_problem(&send(&app, Method::GET, &format!("/sessions/{none}"), Some(&token)).await, 404, "not-found", none);
        assert_problem(&send(&app, Method::POST, &format!("/sessions/{none}/end"), Some(&token)).await, 404, "not-found", none);
    }
    assert_eq!(kind_of(&app, &token).await, "accepted");
}

/// Two applications cannot join what they know of a browser: each calls it by the `sid` of its own ID tokens.
async fn each_application_knows_a_session_by_its_own_id(database: Database) {
    let app = start(database).await;
    let mut browser = app.browser();
    let mut known = Vec::new();
    for client in [ACCOUNT_PAGE, OTHER_ACCOUNT_PAGE] {
        let party = app.relying_party(client);
        let url = party.authorize("openid account:sessions:read", &[("resource", AUDIENCE)]);
        let tokens = party.exchange(&party.code(&app.authorize_as(&mut browser, &url, "alice").await)).await;
        let id = current(&app, &tokens.access).await["id"].as_str().unwrap().to_owned();
        assert_eq!(party.claims(tokens.id.as_deref().unwrap()).await["sid"], id, "{client}");
        known.push((tokens.access, id));
    }
    let [(one, ones), (_, others)] = &known[..] else { panic!("{known:?}") };
    assert_ne!(ones, others);
    assert_problem(&send(&app, Method::GET, &format!("/sessions/{others}"), Some(one)).await, 404, "not-found", "another application's");
    assert_eq!(get(&app, &format!("/sessions/{ones}"), one).await["current"], true);
}
