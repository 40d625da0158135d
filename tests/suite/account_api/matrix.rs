//! Who may do what: every operation of the document, as everybody who may not and as whoever may (AD-01, AD-03).

use chrono::TimeDelta;
use gatekey::domain::client::Client;
use gatekey::domain::id::ClientId;
use gatekey::store::{clients, users};
use serde_json::json;

use super::*;
use crate::admin_api::forged;
use crate::support::app::PASSWORD;
use crate::support::database::each_database;

each_database!(
    ad_01_every_operation_refuses_whoever_may_not,
    ad_03_what_is_somebody_elses_is_as_if_it_were_not_there,
    ad_08_other_spellings_of_a_path_decide_alike,
    a_token_dies_with_what_it_hangs_on,
);

/// One operation of the document.
#[derive(Clone)]
struct Operation {
    id: String,
    method: Method,
    path: String,
    scope: String,
}

/// What must not be done by whoever finds a browser open. A sign-in that is long ago is good for the rest.
const RECENT: [&str; 4] = ["session_end", "session_end_others", "application_withdraw", "password_change"];

fn operations() -> Vec<Operation> {
    let all = document().operations().into_iter().map(|(path, method, operation)| {
        let id = operation["operationId"].as_str().unwrap().to_owned();
        let scopes = operation["security"][0]["access_token"].as_array().unwrap();
        let [scope] = &scopes[..] else { panic!("{id} names one scope: {scopes:?}") };
        Operation { id, method: Method::from_bytes(method.as_bytes()).unwrap(), path: path.to_owned(), scope: scope.as_str().unwrap().to_owned() }
    });
    let all: Vec<Operation> = all.collect();
    assert!(RECENT.iter().all(|id| all.iter().any(|operation| operation.id == *id)), "the document was read");
    all
}

/// A request that succeeds for this user, on something made for it alone. An operation that is not known here fails the test: say how it is
/// called, so that it is in the matrix.
async fn sample(app: &App, operation: &Operation, username: &str) -> (String, String) {
    let Operation { id, path, .. } = operation;
    match id.as_str() {
        "account_show" | "session_list" | "application_list" | "activity_list" => (path.clone(), String::new()),
        "application_withdraw" => {
            another_session(app, username).await;
            (path.replace("{client_id}", PAGE), String::new())
        }
        "password_change" => (path.clone(), json!({ "current_password": PASSWORD, "new_password": PASSWORD }).to_string()),
        "session_show" | "session_end" => (path.replace("{id}", &another_session(app, username).await), String::new()),
        "session_end_others" => {
            another_session(app, username).await;
            (path.clone(), String::new())
        }
        other => panic!("{other}: the matrix does not know how to call it"),
    }
}

async fn call(app: &App, operation: &Operation, (path, body): &(String, String), token: Option<&str>) -> Answer {
    request(app, operation.method.clone(), path, token, &[], body).await
}

async fn ad_01_every_operation_refuses_whoever_may_not(database: Database) {
    let app = start(database).await;
    let every_scope = all_scopes().join(" ");
    let fields = [("grant_type", "client_credentials"), ("resource", AUDIENCE), ("scope", every_scope.as_str())];
    let admin: Vec<&str> = AdminScope::ALL.iter().map(|scope| scope.as_str()).collect();
    let every: Vec<&str> = all_scopes().into_iter().chain(admin).collect();
    for operation in operations() {
        let Operation { id, method, scope, .. } = &operation;
        let username = format!("user-{}", id.replace('_', "-"));
        add_user(&app, &username).await;
        let mut browser = app.browser();
        let only = token(&app, &mut browser, &username, &[scope]).await;
        let others: Vec<&str> = all_scopes().into_iter().filter(|other| other != scope).collect();
        let but = token(&app, &mut browser, &username, &others).await;
        let admins = tokens_for(&app, &mut browser, &username, crate::admin_api::AUDIENCE, &every).await;
        let elsewhere = tokens_for(&app, &mut browser, &username, OTHER_AUDIENCE, &every).await.access;
        let bobbys = tokens_for(&app, &mut app.browser(), "bobby", crate::admin_api::AUDIENCE, &every).await.access;
        let machine = tokens(&app.relying_party(ROBOT).post("oauth/token", &fields).await).access;
        let request = sample(&app, &operation, &username).await;

        assert_problem(&call(&app, &operation, &request, None).await, 401, "token-missing", id);
        // RFC 6750 §2.3 is not offered: a token in a query ends up in logs.
        let in_query = (format!("{}?access_token={only}", request.0), request.1.clone());
        assert_problem(&call(&app, &operation, &in_query, None).await, 401, "token-missing", id);
        // The session's own cookie opens nothing here.
        let cookies: Vec<String> = browser.jar.all().iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        let with_cookies =
            app.network.send(method.clone(), &format!("{}account/api/v1{}", app.issuer, request.0), &[("cookie", &cookies.join("; "))], "").await;
        assert_problem(&with_cookies, 401, "token-missing", id);
        for (what, bad) in [
            ("no token at all", "no-token"),
            ("forged", &forged(&only)),
            ("an ID token", &admins.id.clone().unwrap()),
            ("for the admin API", &admins.access),
            ("an administrator's", &bobbys),
            ("for an ordinary API", &elsewhere),
        ] {
            assert_problem(&call(&app, &operation, &request, Some(bad)).await, 401, "token-invalid", &format!("{id}: {what}"));
        }
        let lacking = call(&app, &operation, &request, Some(&but)).await;
        assert_problem(&lacking, 403, "scope-insufficient", id);
        assert!(lacking.header("www-authenticate").unwrap().ends_with(&format!("scope=\"{scope}\"")), "{id}");
        assert_problem(&call(&app, &operation, &request, Some(&machine)).await, 403, "user-required", id);

        // A sign-in that was long ago does for what is not dangerous, and a new one for the rest (RFC 9470).
        app.advance(TimeDelta::minutes(11));
        let old = token(&app, &mut browser, &username, &[scope]).await;
        let answer = call(&app, &operation, &request, Some(&old)).await;
        if RECENT.contains(&id.as_str()) {
            assert_problem(&answer, 401, "authentication-too-old", id);
            assert!(answer.header("www-authenticate").unwrap().ends_with("max_age=\"600\""), "{id}");
        } else {
            assert_done(&answer, &format!("{id}: signed in long ago"));
        }
        let party = app.relying_party(ACCOUNT_PAGE);
        let url = party.authorize(&format!("openid {scope}"), &[("resource", AUDIENCE), ("max_age", "600")]);
        let again = party.exchange(&party.code(&app.authorize_as(&mut browser, &url, &username).await)).await.access;

        // The control: the same request is answered to whoever may.
        assert_done(&call(&app, &operation, &request, Some(&again)).await, &format!("{id}: a user with this scope alone"));

        // A user who is locked out, and a session that was ended.
        let request = sample(&app, &operation, &username).await;
        let (mut second, mut third) = (app.browser(), app.browser());
        let locked_out = token(&app, &mut second, &username, &[scope]).await;
        let ends = token(&app, &mut third, &username, &["account:sessions:read", "account:sessions:end", scope]).await;
        let here = current(&app, &ends).await["id"].as_str().unwrap().to_owned();
        assert_done(&send(&app, Method::POST, &format!("/sessions/{here}/end"), Some(&ends)).await, "ended from within");
        assert_problem(&call(&app, &operation, &request, Some(&ends)).await, 401, "token-invalid", &format!("{id}: ended"));
        let (user, now) = (app.user(&username).await.id, app.now());
        assert!(app.write(move |db| users::set_disabled(db, user, Some(now), now)).await);
        assert_problem(&call(&app, &operation, &request, Some(&locked_out)).await, 401, "token-invalid", &format!("{id}: disabled"));
    }
}

/// AD-03: another user's id, an invented one and one that has never been written are answered alike, and nothing comes of it.
async fn ad_03_what_is_somebody_elses_is_as_if_it_were_not_there(database: Database) {
    let app = start(database).await;
    let (alice, bobby) = (signed_in(&app, "alice").await, signed_in(&app, "bobby").await);
    let bobbys = [current(&app, &bobby).await["id"].as_str().unwrap().to_owned(), another_session(&app, "bobby").await];
    let mut tried = 0;
    for operation in operations().into_iter().filter(|operation| operation.path.contains('{')) {
        let named = |name: &str| operation.path.replace("{id}", name).replace("{client_id}", name);
        let (theirs, invented) = match operation.path.contains("{client_id}") {
            // Bobby lets it in; alice never has.
            true => (vec![PAGE.to_owned()], "no-such-client".to_owned()),
            false => (bobbys.to_vec(), "mJ0rYxVb3Qd0w5o7LZkT2A".to_owned()),
        };
        let answer_to = async |name: &str| {
            let answer = send(&app, operation.method.clone(), &named(name), Some(&alice)).await;
            assert_problem(&answer, 404, "not-found", &format!("{} {name}", operation.id));
            answer.text().to_owned()
        };
        let expected = answer_to(&invented).await;
        for theirs in theirs {
            assert_eq!(answer_to(&theirs).await, expected, "{}", operation.id);
            tried += 1;
        }
    }
    assert!(tried >= 4, "{tried}");
    assert_eq!(get(&app, "/sessions", &bobby).await["items"].as_array().unwrap().len(), 2, "nothing came of it");
    // No parameter and no member names another user.
    for (path, method, operation) in document().operations() {
        let names = operation["parameters"].as_array().into_iter().flatten().map(|parameter| parameter["name"].as_str().unwrap());
        let unexpected: Vec<&str> = names.filter(|name| !["id", "client_id", "after", "limit"].contains(name)).collect();
        assert!(unexpected.is_empty(), "{method} {path}: {unexpected:?}");
    }
    let bobbys_id = app.user("bobby").await.id;
    for path in ["/profile", "/sessions", "/applications", "/activity"] {
        let plain = get(&app, path, &alice).await;
        for (name, value) in
            [("user", bobbys_id.to_string()), ("user_id", bobbys_id.to_string()), ("sub", bobbys_id.to_string()), ("username", "bobby".to_owned())]
        {
            let answer = send(&app, Method::GET, &format!("{path}?{name}={value}"), Some(&alice)).await;
            assert_problem(&answer, 400, "request-malformed", &format!("{path} {name}"));
        }
        assert_eq!(get(&app, path, &alice).await, plain, "{path}: the control");
    }
}

/// No header and no other way of writing the path reaches what the token does not allow.
async fn ad_08_other_spellings_of_a_path_decide_alike(database: Database) {
    let app = start(database).await;
    let mut browser = app.browser();
    let reader = token(&app, &mut browser, "alice", &["account:sessions:read"]).await;
    let id = current(&app, &reader).await["id"].as_str().unwrap().to_owned();
    let path = format!("/sessions/{id}/end");
    assert_problem(&send(&app, Method::POST, &path, Some(&reader)).await, 403, "scope-insufficient", "the canonical path");
    for other in [
        format!("/sessions/{id}/end/"),
        format!("//sessions/{id}/end"),
        format!("/sessions//{id}/end"),
        format!("/sessions%2f{id}%2fend"),
        format!("/sessions/{id}/%65nd"),
        format!("/sessions/{id};x=1/end"),
        format!("/Sessions/{id}/END"),
        format!("/../v1/sessions/{id}/end"),
        "/sessions/end-others/".to_owned(),
        "/sessions/END-OTHERS".to_owned(),
    ] {
        let answer = send(&app, Method::POST, &other, Some(&reader)).await;
        assert!(matches!(answer.status.as_u16(), 400 | 403 | 404 | 405), "{other}: {} {}", answer.status, answer.text());
    }
    for garbled in ["/sessions/%ff", "/sessions/%c3%28/end", "/%80"] {
        let answer = request(&app, Method::GET, garbled, Some(&reader), &[("origin", ACCOUNT_PAGE_ORIGIN)], "").await;
        assert_problem(&answer, 400, "request-malformed", garbled);
        assert_eq!(answer.header("access-control-allow-origin"), Some(ACCOUNT_PAGE_ORIGIN), "the application's page can read why");
    }
    assert_problem(&send(&app, Method::GET, "/caf%c3%a9", Some(&reader)).await, 404, "not-found", "the control: text, but no path");
    for method in [Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PATCH, Method::GET] {
        let answer = send(&app, method.clone(), &path, Some(&reader)).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some("POST")), "{method}");
    }
    // What is beside: the page's own forms are not the API's.
    assert_problem(&send(&app, Method::GET, "/nothing", Some(&reader)).await, 404, "not-found", "no path");
    assert_eq!(kind_of(&app, &reader).await, "accepted", "nothing was ended");
}

async fn a_token_dies_with_what_it_hangs_on(database: Database) {
    let app = start(database).await;
    let alice = signed_in(&app, "alice").await;
    assert_eq!(kind_of(&app, &alice).await, "accepted");

    // What the client is registered with is felt at once.
    let id = ClientId::parse(ACCOUNT_PAGE).unwrap();
    let registered: Client = app.store.read(move |db| clients::find(db, &id)).await.unwrap().unwrap();
    let mut narrowed = registered.clone();
    narrowed.metadata.scope = Scope::parse("openid account:profile:read").unwrap();
    app.write(move |db| clients::upsert(db, &narrowed)).await;
    assert_eq!(kind_of(&app, &alice).await, "scope-insufficient");
    app.write(move |db| clients::upsert(db, &registered)).await;
    assert_eq!(kind_of(&app, &alice).await, "accepted");
    app.disable_client(ACCOUNT_PAGE).await;
    assert_eq!(kind_of(&app, &alice).await, "token-invalid");
}
