//! Sessions: listed page by page, shown, ended.

use std::collections::{BTreeSet, HashMap};

use gatekey::domain::client::{Client, ClientMetadata};
use gatekey::domain::id::ClientId;
use gatekey::domain::redirect_uri::RedirectUri;
use serde_json::json;

use super::*;
use crate::support::app::OTHER_PAGE;
use crate::support::database::each_database;
use crate::support::relying_party::RelyingParty;

each_database!(
    sessions_are_listed_and_ended,
    a_token_dies_with_what_it_hangs_on,
    an_ended_session_is_of_no_use,
    one_applications_share_is_ended,
    what_hangs_on_a_session_comes_in_pages,
    more_applications_than_a_page_holds_come_in_pages,
);

/// A session in which an application has a share.
pub async fn a_shared_session(app: &App, username: &str) -> String {
    let party = app.relying_party(OWN_PAGE);
    let response = app.authorize_as(&mut app.browser(), &party.authorize("openid", &[]), username).await;
    party.exchange(&party.code(&response)).await;
    // Not simply the newest: those of one millisecond come in no order.
    let (user, token) = (app.user(username).await.id, robot_token(app, AUDIENCE, &["sessions:read".to_owned()]).await);
    let page = get(app, &format!("/sessions?user={user}&client={OWN_PAGE}&state=live&limit=200"), &token).await;
    page["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned()
}

async fn sessions_are_listed_and_ended(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let server = get(&app, "/server", &token).await;
    assert_eq!((server["version"].as_str().unwrap(), server["issuer"].as_str().unwrap()), (env!("CARGO_PKG_VERSION"), app.issuer.as_str()));
    assert!(app.settings.database.url.starts_with(server["database"].as_str().unwrap()), "{server}");
    assert_eq!(server["scopes"], serde_json::json!(all_scopes()));
    let narrow = robot_token(&app, AUDIENCE, &["server:read".to_owned()]).await;
    assert_eq!(get(&app, "/server", &narrow).await["scopes"], serde_json::json!(["server:read"]));

    let mut begun = Vec::new();
    for username in ["alice", "bobby", "alice", "alice", "alice"] {
        begun.push((username, a_session(&app, username).await));
        app.advance(chrono::TimeDelta::seconds(1));
    }
    // Pages of two, in the order they were begun, each session once.
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
    assert_eq!(listed, begun.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>());
    // A last page that is full has no next one, and one user's sessions are only that user's.
    let alice = app.user("alice").await.id;
    let page = get(&app, &format!("/sessions?user={alice}&limit=4"), &token).await;
    assert!(page["items"].as_array().unwrap().iter().all(|session| session["user_id"] == alice.to_string()));
    assert_eq!((page["items"].as_array().unwrap().len(), page.get("next")), (4, None));

    let (_, id) = &begun[0];
    let before = get(&app, &format!("/sessions/{id}"), &token).await;
    assert_eq!((before["user_id"].as_str().unwrap(), before.get("ended_at")), (alice.to_string().as_str(), None));
    let end = async || send(&app, Method::POST, &format!("/sessions/{id}/end"), Some(&token)).await;
    let ended = end().await.json();
    assert_eq!(ended["end_reason"], "revoked_by_admin");
    app.advance(chrono::TimeDelta::seconds(1));
    let again = end().await;
    assert_eq!((again.status.as_u16(), again.json()), (200, ended.clone()), "ending again changes nothing");
    assert_eq!(get(&app, &format!("/sessions/{id}"), &token).await, ended);

    let nobody = "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d";
    for (method, path, status, kind) in [
        (Method::GET, format!("/sessions/{nobody}"), 404, "not-found"),
        (Method::POST, format!("/sessions/{nobody}/end"), 404, "not-found"),
        (Method::GET, "/sessions/1".to_owned(), 400, "request-malformed"),
        (Method::POST, "/sessions/1/end".to_owned(), 400, "request-malformed"),
        (Method::GET, "/sessions?limit=0".to_owned(), 400, "request-malformed"),
        (Method::GET, "/sessions?limit=201".to_owned(), 400, "request-malformed"),
        (Method::GET, "/sessions?limit=ten".to_owned(), 400, "request-malformed"),
        (Method::GET, "/sessions?user=alice".to_owned(), 400, "request-malformed"),
        (Method::GET, "/sessions?after=x".to_owned(), 400, "request-malformed"),
        (Method::GET, "/nothing".to_owned(), 404, "not-found"),
        (Method::DELETE, "/sessions".to_owned(), 405, "method-not-allowed"),
    ] {
        assert_problem(&send(&app, method.clone(), &path, Some(&token)).await, status, kind, &format!("{method} {path}"));
    }
    let malformed = send(&app, Method::GET, "/sessions/1", Some(&token)).await.json();
    assert_eq!(malformed["detail"], "The id in the path is malformed: it must be a UUID, such as 0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d.");
    let malformed = send(&app, Method::GET, "/sessions?limit=ten", Some(&token)).await.json();
    assert_eq!(malformed["detail"], "The parameter `limit` is malformed: it must be a whole number.");
    for path in ["/sessions?sort=foo", "/sessions?sort="] {
        let malformed = send(&app, Method::GET, path, Some(&token)).await.json();
        let detail = malformed["detail"].as_str().unwrap();
        assert!(detail.starts_with("The parameter `sort` is malformed: it must be one of `") && detail.contains("`, `"), "{detail}");
    }
    for (limit, expected) in [(0, "1 or more"), (201, "200 or less")] {
        let malformed = send(&app, Method::GET, &format!("/sessions?limit={limit}"), Some(&token)).await.json();
        assert_eq!(malformed["detail"], format!("The parameter `limit` is malformed: it must be {expected}."), "{malformed}");
    }
    let of_nobody = get(&app, &format!("/sessions?user={nobody}"), &token).await;
    assert_eq!(of_nobody["items"].as_array().unwrap().len(), 0);
}

/// What hung on the session has ended with it.
async fn an_ended_session_is_of_no_use(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let (party, mut browser) = (app.relying_party(OWN_PAGE), app.browser());
    let tokens = app.sign_in(&mut browser, &party, "openid offline_access").await;
    let id = newest_session(&app, "alice").await;
    assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 200);
    send(&app, Method::POST, &format!("/sessions/{id}/end"), Some(&token)).await;
    assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 401);
    party.refused(tokens.refresh()).await;
    let response = app.silently(&mut browser, &party, "openid", &[]).await;
    assert_eq!(party.error(&response), "login_required");
}

/// What one application was given in the session is dead, whatever its scope; the session goes on, for others and, asked anew, for this one.
async fn one_applications_share_is_ended(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let (page, own, mut browser) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE), app.browser());
    let mut chains = Vec::new();
    for scope in ["openid", "openid offline_access"] {
        chains.push(app.sign_in(&mut browser, &page, scope).await);
    }
    let beside = app.sign_in(&mut browser, &own, "openid offline_access").await;
    let id = newest_session(&app, "alice").await;
    app.advance(chrono::TimeDelta::seconds(1));
    // The same application in another session.
    let elsewhere = app.sign_in(&mut app.browser(), &page, "openid offline_access").await;
    let elsewhere_id = newest_session(&app, "alice").await;
    assert_ne!(id, elsewhere_id);
    app.advance(chrono::TimeDelta::seconds(1));

    let end = async |session: &str, client: &str| send(&app, Method::POST, &format!("/sessions/{session}/clients/{client}/end"), Some(&token)).await;
    let nobody = "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d";
    for (session, client, what) in [
        (nobody, PAGE, "session"),
        (&*id, OTHER_PAGE, "client session"),
        (&*elsewhere_id, OWN_PAGE, "client session"),
        (&*id, "nobody", "client session"),
        (&*id, "a%20b", "client session"),
    ] {
        let answer = end(session, client).await;
        assert_problem(&answer, 404, "not-found", client);
        assert_eq!(answer.json()["detail"], format!("There is no such {what}."));
    }
    assert_problem(&end("1", PAGE).await, 400, "request-malformed", "no id");
    for live in chains.iter().chain([&beside, &elsewhere]) {
        assert_eq!(page.userinfo(&live.access).await.status.as_u16(), 200, "nothing was ended by what was refused");
    }

    let ended = end(&id, PAGE).await.json();
    assert_eq!((&ended["client_session"]["client_id"], &ended["client_session"]["end_reason"]), (&json!(PAGE), &json!("revoked_by_admin")), "{ended}");
    assert_eq!(ended["refresh_families"], 2, "{ended}");
    for dead in &chains {
        assert_eq!(page.userinfo(&dead.access).await.status.as_u16(), 401);
        page.refused(dead.refresh()).await;
    }
    assert_eq!(own.userinfo(&beside.access).await.status.as_u16(), 200, "the other application in the session");
    own.refresh(beside.refresh()).await;
    assert_eq!(page.userinfo(&elsewhere.access).await.status.as_u16(), 200, "the same application in another session");
    page.refresh(elsewhere.refresh()).await;
    assert_eq!(get(&app, &format!("/sessions/{id}"), &token).await.get("ended_at"), None);
    let below = get(&app, &format!("/sessions/{id}/clients"), &token).await;
    let ended_at: HashMap<&str, bool> =
        below["clients"].as_array().unwrap().iter().map(|share| (share["client_id"].as_str().unwrap(), share.get("ended_at").is_some())).collect();
    assert_eq!(ended_at, HashMap::from([(PAGE, true), (OWN_PAGE, false)]), "{below}");

    app.advance(chrono::TimeDelta::seconds(1));
    let again = end(&id, PAGE).await.json();
    assert_eq!((&again["client_session"], &again["refresh_families"]), (&ended["client_session"], &json!(0)), "ending again changes nothing");

    // Told once, of the session, with whose share it was.
    let told = get(&app, &format!("/events?object={id}&kind=session.revoked"), &token).await;
    let [event] = &told["items"].as_array().unwrap()[..] else { panic!("{told}") };
    assert_eq!(event["detail"], json!({"client": PAGE, "reason": "revoked_by_admin", "client_sessions": 1, "refresh_families": 2}), "{event}");
    assert_eq!((&event["object"], &event["actor"]["id"]), (&json!({"kind": "session", "id": id}), &json!(ROBOT)), "{event}");
    assert_eq!(event["user_id"], app.user("alice").await.id.to_string(), "{event}");

    app.advance(chrono::TimeDelta::milliseconds(1));
    // The session answers whom it knows: another share begins, and what was given in the one before stays dead.
    let response = app.silently(&mut browser, &page, "openid", &[]).await;
    let anew = page.exchange(&page.code(&response)).await;
    assert_eq!(page.userinfo(&anew.access).await.status.as_u16(), 200);
    for dead in &chains {
        assert_eq!(page.userinfo(&dead.access).await.status.as_u16(), 401);
        page.refused(dead.refresh()).await;
    }
    assert_eq!(end(&id, PAGE).await.json()["client_session"]["end_reason"], "revoked_by_admin", "and that one can be ended too");
    assert_eq!(page.userinfo(&anew.access).await.status.as_u16(), 401);
}

/// Applications by their ids, and of each the newest families that a page has room for.
async fn what_hangs_on_a_session_comes_in_pages(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let (mut browser, mut made) = (app.browser(), HashMap::new());
    for (client, times) in [(PAGE, 1), (OWN_PAGE, 52), (OTHER_PAGE, 2)] {
        let party = app.relying_party(client);
        for _ in 0..times {
            app.sign_in(&mut browser, &party, "openid offline_access").await;
            app.advance(chrono::TimeDelta::milliseconds(1));
        }
        made.insert(client, times);
    }
    let id = newest_session(&app, "alice").await;
    let all = get(&app, &format!("/refresh-families?session={id}&limit=200"), &token).await["items"].as_array().unwrap().clone();
    assert_eq!(all.len(), made.values().sum::<usize>());

    let whole = get(&app, &format!("/sessions/{id}/clients"), &token).await;
    let clients =
        |below: &Value| -> Vec<String> { below["clients"].as_array().unwrap().iter().map(|share| share["client_id"].as_str().unwrap().to_owned()).collect() };
    assert_eq!((clients(&whole), whole.get("next")), (vec![OTHER_PAGE.to_owned(), OWN_PAGE.to_owned(), PAGE.to_owned()], None));
    // Of the one with very many the oldest two are left out, and nothing else; the order is that in which they were made.
    let left_out: Vec<Value> = all.iter().filter(|family| family["client_id"] == OWN_PAGE).take(2).cloned().collect();
    let expected: Vec<Value> = all.iter().filter(|family| !left_out.contains(family)).cloned().collect();
    assert_eq!(whole["refresh_families"], json!(expected));

    let (mut after, mut listed, mut beside) = (String::new(), Vec::new(), Vec::new());
    loop {
        let page = get(&app, &format!("/sessions/{id}/clients?limit=1{after}"), &token).await;
        let of_page = clients(&page);
        assert_eq!(of_page.len(), 1);
        let families = page["refresh_families"].as_array().unwrap().clone();
        assert!(families.iter().all(|family| family["client_id"] == of_page[0]), "{page}");
        assert_eq!(families.len(), made[&*of_page[0]].min(50));
        listed.extend(of_page);
        beside.extend(families);
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(listed, clients(&whole));
    assert_eq!(beside.len(), expected.len());

    for query in ["limit=0", "limit=201", "after=a%20b"] {
        assert_problem(&send(&app, Method::GET, &format!("/sessions/{id}/clients?{query}"), Some(&token)).await, 400, "request-malformed", query);
    }
}

/// Each once, whatever the size of the pages, ended or not, and none of another session's.
async fn more_applications_than_a_page_holds_come_in_pages(database: Database) {
    const URI: &str = "https://many.example.test/cb";
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    // In the order of the bytes, which is not that of a dictionary.
    let mut names: Vec<String> = (0..53).map(|number| format!("{}{number}", ["a", "b-", "B.", "~"][number % 4])).collect();
    names.sort_unstable();
    let (now, all) = (app.now(), names.clone());
    app.write(move |db| {
        let redirect_uris = vec![RedirectUri::parse(URI).unwrap()];
        let metadata = ClientMetadata { redirect_uris, first_party: true, ..ClientMetadata::defaults(ClientKind::Spa, "Many") };
        all.iter().try_for_each(|name| {
            let (id, metadata) = (ClientId::parse(name).unwrap(), metadata.clone());
            let client = Client {
                id,
                metadata,
                secret_digest: None,
                previous_secret: None,
                disabled_at: None,
                managed_by_file: false,
                created_at: now,
                updated_at: now,
            };
            gatekey::store::clients::insert(db, &client)
        })
    })
    .await;
    let mut browser = app.browser();
    // Not in their order.
    for name in names.iter().step_by(2).chain(names.iter().skip(1).step_by(2)) {
        app.sign_in(&mut browser, &RelyingParty::new(&app.network, &app.issuer, name, URI), "openid offline_access").await;
    }
    let id = newest_session(&app, "alice").await;
    app.advance(chrono::TimeDelta::seconds(1));
    let mut another = app.browser();
    for name in [PAGE, OWN_PAGE] {
        app.sign_in(&mut another, &app.relying_party(name), "openid offline_access").await;
    }
    let other = newest_session(&app, "alice").await;
    let ended: Vec<&String> = names.iter().step_by(10).collect();
    for name in &ended {
        let answer = send(&app, Method::POST, &format!("/sessions/{id}/clients/{name}/end"), Some(&token)).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    }

    // Unless it is said otherwise, fifty.
    let first = get(&app, &format!("/sessions/{id}/clients"), &token).await;
    assert_eq!((first["clients"].as_array().unwrap().len(), first["next"].is_string()), (50, true));
    for limit in [1, 7, 50, 52, 53, 54, 200] {
        let (mut after, mut sizes, mut shares, mut families) = (String::new(), Vec::new(), Vec::new(), Vec::new());
        loop {
            let page = get(&app, &format!("/sessions/{id}/clients?limit={limit}{after}"), &token).await;
            let of_page = page["clients"].as_array().unwrap().clone();
            let clients = |list: &[Value]| list.iter().map(|one| one["client_id"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>();
            assert_eq!(clients(page["refresh_families"].as_array().unwrap()), clients(&of_page), "{limit}: those beside are of the page");
            sizes.push(of_page.len());
            shares.extend(of_page);
            families.extend(page["refresh_families"].as_array().unwrap().iter().map(|family| family["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        let (whole, rest) = (53 / limit, 53 % limit);
        assert_eq!(sizes, [vec![limit; whole], vec![rest; usize::from(rest > 0)]].concat(), "{limit}");
        assert_eq!(shares.iter().map(|share| share["client_id"].as_str().unwrap()).collect::<Vec<_>>(), names, "{limit}");
        let told: Vec<_> = shares.iter().filter(|share| share.get("ended_at").is_some()).map(|share| share["client_id"].as_str().unwrap()).collect();
        assert_eq!(told, ended, "{limit}");
        assert_eq!((families.len(), families.iter().collect::<BTreeSet<_>>().len()), (53, 53), "{limit}: one of each");
    }
    let beside = get(&app, &format!("/sessions/{other}/clients"), &token).await;
    let beside: Vec<_> = beside["clients"].as_array().unwrap().iter().map(|share| share["client_id"].as_str().unwrap()).collect();
    assert_eq!(beside, [OWN_PAGE, PAGE], "the control");
}

async fn a_token_dies_with_what_it_hangs_on(database: Database) {
    let app = start(database).await;
    let (robot, (bobby, _)) = (robot_token(&app, AUDIENCE, &all_scopes()).await, user_tokens(&app, "bobby").await);
    let kind = async |token: &str| {
        let answer = send(&app, Method::GET, "/server", Some(token)).await;
        if answer.status.is_success() { "accepted".to_owned() } else { answer.json()["type"].as_str().unwrap().replace("urn:gatekey:problem:", "") }
    };
    assert_eq!((kind(&robot).await.as_str(), kind(&bobby).await.as_str()), ("accepted", "accepted"));

    // Who is an administrator is read with every request, not from the token.
    let mut user = app.user("bobby").await;
    user.role = None;
    let changed = user.clone();
    app.write(move |db| gatekey::store::users::update(db, &changed)).await;
    assert_eq!(kind(&bobby).await, "administrator-required");
    user.role = Some(AdminRole::Administrator);
    app.write(move |db| gatekey::store::users::update(db, &user)).await;
    assert_eq!(kind(&bobby).await, "accepted");

    // An administrator may end the session that the call is made from.
    let id = newest_session(&app, "bobby").await;
    send(&app, Method::POST, &format!("/sessions/{id}/end"), Some(&bobby)).await;
    assert_eq!(kind(&bobby).await, "token-invalid");

    app.advance(chrono::TimeDelta::days(1));
    assert_eq!(kind(&robot).await, "token-invalid", "expired");
}
