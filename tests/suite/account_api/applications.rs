//! Which applications have access: listed as the user's own page shows them, and withdrawn as it does.

use chrono::TimeDelta;
use gatekey::domain::clock::Timestamp;
use gatekey::domain::event::EventKind;
use gatekey::domain::id::{ClientId, GrantId};
use gatekey::domain::refresh_family::RefreshFamily;
use gatekey::store::events::{self, Filter};
use gatekey::store::refresh_families;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::support::app::{OTHER_PAGE, OWN_PAGE, SERVER};
use crate::support::database::each_database;

each_database!(
    applications_are_listed,
    none_is_hidden_behind_many_of_another,
    withdrawing_takes_all_that_it_has,
    ac_13_nothing_else_is_written_and_nobody_elses
);

async fn applications_are_listed(database: Database) {
    let app = start(database).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &app.relying_party(PAGE), "openid email offline_access").await;
    app.sign_in(&mut browser, &app.relying_party(OWN_PAGE), "openid").await;
    app.sign_in(&mut browser, &app.relying_party(OTHER_PAGE), "openid profile").await;
    app.advance(TimeDelta::minutes(5));
    let token = token(&app, &mut browser, "alice", &all_scopes()).await;
    // Bobby's are bobby's.
    let party = app.relying_party(OTHER_ACCOUNT_PAGE);
    app.authorize_as(&mut app.browser(), &party.authorize("openid", &[("resource", AUDIENCE)]), "bobby").await;

    let (mut path, mut listed) = ("/applications?limit=2".to_owned(), Vec::new());
    loop {
        let page = get(&app, &path, &token).await;
        listed.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/applications?limit=2&after={next}");
    }
    let ids: Vec<&str> = listed.iter().map(|one| one["client_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [ACCOUNT_PAGE, OTHER_PAGE, OWN_PAGE, PAGE]);
    let began = "2027-01-15T08:00:00+00:00";
    let page = json!({
        "client_id": PAGE, "name": "The page", "first_party": false, "scope": "email offline_access openid", "offline": true,
        "since": began, "last_used_at": began,
    });
    assert_eq!(listed[3], page);
    assert_eq!((&listed[2]["first_party"], &listed[2]["offline"], &listed[1]["offline"]), (&json!(true), &json!(false), &json!(false)));
    assert_eq!(get(&app, "/applications?limit=4", &token).await.get("next"), None);
    for path in ["/applications?limit=0", "/applications?limit=201", "/applications?after=%20", "/applications?after="] {
        assert_problem(&send(&app, Method::GET, path, Some(&token)).await, 400, "request-malformed", path);
    }
}

/// However many refresh tokens one application has got since, another that may go on while the user is away can be seen, and its access taken.
async fn none_is_hidden_behind_many_of_another(database: Database) {
    let app = start(database).await;
    let server = app.relying_party(SERVER);
    let mut gone = app.browser();
    let kept = app.sign_in(&mut gone, &server, "openid offline_access").await;
    let out = format!("{}oidc/logout?id_token_hint={}", app.issuer, kept.id.as_ref().unwrap());
    gone.visit(&out).await.page();
    let mut browser = app.browser();
    app.sign_in(&mut browser, &app.relying_party(OWN_PAGE), "openid offline_access").await;
    let token = token(&app, &mut browser, "alice", &all_scopes()).await;
    let listed = async || {
        let page = get(&app, "/applications", &token).await;
        page["items"].as_array().unwrap().iter().map(|one| one["client_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [ACCOUNT_PAGE, OWN_PAGE, SERVER]);
    app.write(|db| {
        let families = refresh_families::facts_after(db, GrantId(Uuid::nil()), 10)?;
        let of_page = families.iter().find(|facts| facts.family.client_id.as_str() == OWN_PAGE).unwrap();
        (0..600).try_for_each(|n| {
            let id = GrantId(Uuid::from_u128(u128::MAX - n));
            refresh_families::insert(db, &RefreshFamily { id, ..of_page.family.clone() })
        })
    })
    .await;
    assert_eq!(listed().await, [ACCOUNT_PAGE, OWN_PAGE, SERVER]);
    // Nor behind one of its own that cannot be used.
    let alice = app.user("alice").await.id;
    app.write(move |db| {
        let families = refresh_families::facts_of_pair(db, alice, &ClientId::parse(SERVER).unwrap(), 10)?;
        let mut dead = RefreshFamily { id: GrantId(Uuid::from_u128(u128::MAX - 1000)), ..families[0].family.clone() };
        dead.grant.auth_time = Timestamp::UNIX_EPOCH;
        refresh_families::insert(db, &dead)?;
        let page = refresh_families::facts_of_pair(db, alice, &ClientId::parse(OWN_PAGE).unwrap(), 1)?;
        (1001..1401).try_for_each(|n| refresh_families::insert(db, &RefreshFamily { id: GrantId(Uuid::from_u128(u128::MAX - n)), ..page[0].family.clone() }))
    })
    .await;
    assert_eq!(listed().await, [ACCOUNT_PAGE, OWN_PAGE, SERVER]);
    let withdrawn = send(&app, Method::DELETE, &format!("/applications/{SERVER}"), Some(&token)).await;
    assert_eq!(withdrawn.status.as_u16(), 204);
    server.refused(kept.refresh()).await;
    assert_eq!(listed().await, [ACCOUNT_PAGE, OWN_PAGE]);
}

async fn withdrawing_takes_all_that_it_has(database: Database) {
    let app = start(database).await;
    let (page, other) = (app.relying_party(PAGE), app.relying_party(OTHER_PAGE));
    let (mut desk, mut phone) = (app.browser(), app.browser());
    let here = app.sign_in(&mut desk, &page, "openid offline_access").await;
    let there = app.sign_in(&mut phone, &page, "openid").await;
    let others = app.sign_in(&mut desk, &other, "openid offline_access").await;
    let bobbys = page.exchange(&page.code(&app.authorize_as(&mut app.browser(), &page.authorize("openid offline_access", &[]), "bobby").await)).await;
    let token = token(&app, &mut desk, "alice", &all_scopes()).await;

    let withdrawn = send(&app, Method::DELETE, &format!("/applications/{PAGE}"), Some(&token)).await;
    assert_eq!((withdrawn.status.as_u16(), withdrawn.text()), (204, ""));
    page.refused(here.refresh()).await;
    for access in [&here.access, &there.access] {
        assert_eq!(page.userinfo(access).await.status.as_u16(), 401);
    }
    assert_eq!(page.error(&app.silently(&mut desk, &page, "openid", &[]).await), "consent_required");
    // Nothing else: another application, another user, and the session itself go on.
    other.refresh(others.refresh()).await;
    page.refresh(bobbys.refresh()).await;
    assert_eq!(get(&app, "/sessions", &token).await["items"].as_array().unwrap().len(), 2);
    assert_problem(&send(&app, Method::DELETE, &format!("/applications/{PAGE}"), Some(&token)).await, 404, "not-found", "it has nothing any more");

    let filter = Filter { kind: Some(EventKind::ConsentWithdrawn), ..Filter::default() };
    let events = app.store.read(move |db| events::list(db, &filter, None, 9)).await.unwrap();
    let [event] = &events[..] else { panic!("{events:?}") };
    let told = event.detail.fields();
    assert_eq!((&told["by"], &told["application"]), (&json!("account_api"), &json!(ACCOUNT_PAGE)));

    // An application may take its own access back: then its token is of no use.
    assert_eq!(send(&app, Method::DELETE, &format!("/applications/{ACCOUNT_PAGE}"), Some(&token)).await.status.as_u16(), 204);
    assert_eq!(kind_of(&app, &token).await, "token-invalid");
}

/// AC-13, AD-02: what is not in the document is not done, whoever asks and whatever is sent along.
async fn ac_13_nothing_else_is_written_and_nobody_elses(database: Database) {
    let app = start(database).await;
    let page = app.relying_party(PAGE);
    let bobbys = page.exchange(&page.code(&app.authorize_as(&mut app.browser(), &page.authorize("openid offline_access", &[]), "bobby").await)).await;
    let alice = signed_in(&app, "alice").await;
    let before = app.user("alice").await;
    let bobby = app.user("bobby").await.id.to_string();
    let path = format!("/applications/{PAGE}");
    for sent in [format!("?user={bobby}"), format!("?user_id={bobby}&sub={bobby}")] {
        assert_problem(&send(&app, Method::DELETE, &format!("{path}{sent}"), Some(&alice)).await, 400, "request-malformed", &sent);
    }
    assert_problem(&send(&app, Method::DELETE, &path, Some(&alice)).await, 404, "not-found", "the control");
    let body = json!({ "user_id": bobby, "sub": bobby });
    assert_problem(&send_json(&app, Method::DELETE, &path, &alice, &body).await, 404, "not-found", "a body");
    for (method, path) in
        [(Method::PATCH, "/profile"), (Method::PUT, "/profile"), (Method::POST, "/profile"), (Method::PATCH, "/password"), (Method::POST, "/password")]
    {
        let body = json!({ "email_verified": true, "role": "administrator", "username": "root", "current_password": "x", "new_password": "y" });
        assert_problem(&send_json(&app, method.clone(), path, &alice, &body).await, 405, "method-not-allowed", &format!("{method} {path}"));
    }
    for path in ["/users", "/users/me", &format!("/users/{bobby}"), &format!("/profile/{bobby}"), "/me", "/roles"] {
        assert_problem(&send_json(&app, Method::PUT, path, &alice, &json!({ "role": "administrator" })).await, 404, "not-found", path);
    }
    let after = app.user("alice").await;
    assert_eq!((after.role, after.profile, after.username), (before.role, before.profile, before.username));
    page.refresh(bobbys.refresh()).await;
    // The control.
    let mut browser = app.browser();
    app.sign_in(&mut browser, &page, "openid").await;
    assert_eq!(send(&app, Method::DELETE, &path, Some(&alice)).await.status.as_u16(), 204);
}
