//! Who may do what: every operation of the document, as everybody who may not and as those who may (AD-01).

use gatekey::settings::Settings;

use super::*;
use crate::support::app::PAGE;
use crate::support::database::{Backend, each_database};
use crate::support::network::Network;

each_database!(
    ad_01_every_operation_refuses_whoever_may_not,
    ad_01_each_role_reaches_as_far_as_its_scopes,
    ad_08_other_spellings_of_a_path_decide_alike,
    ad_08_a_path_that_is_no_text_is_refused_below_a_path_too,
    ad_10_the_cookies_of_an_administrator_open_nothing
);

/// A request that succeeds for whoever may, on something made for it alone. An operation that is not known here fails the test: say how it is
/// called, so that it is in the matrix.
async fn sample(app: &App, operation: &Operation, turn: usize) -> (String, String) {
    let Operation { id, path, body, .. } = operation;
    let mut body = body.clone();
    let victim = match path.split('/').nth(1).unwrap() {
        "server" | "settings" | "statistics" => String::new(),
        "sessions" if id == "session_end_client" => {
            let session = sessions::a_shared_session(app, "alice").await;
            return (path.replace("{id}", &session).replace("{client_id}", OWN_PAGE), String::new());
        }
        "sessions" => a_session(app, "alice").await,
        "refresh-families" => refresh_families::a_family(app, "alice").await.0,
        "keys" if id == "key_retire" => keys::an_announced_key(app).await,
        "keys" | "events" => String::new(),
        "client-check" => {
            body.as_mut().unwrap()["id"] = format!("client-{turn}").into();
            String::new()
        }
        "clients" => {
            let name = format!("client-{id}-{turn}");
            if id == "client_create" {
                body.as_mut().unwrap()["id"] = name.clone().into();
            } else if id.ends_with("_secret") {
                client_actions::register_machine(app, &name).await;
            } else {
                clients::register(app, &name).await;
            }
            name
        }
        "lifetime-rules" if id == "lifetime_rule_delete" => {
            let group = format!("group-{turn}");
            lifetimes::put_rule(app, &group).await;
            return (format!("{path}?group={group}"), String::new());
        }
        "lifetime-rules" => String::new(),
        "groups" if id == "group_list" => String::new(),
        "groups" => {
            let user = users::register(app, &format!("user-{id}-{turn}"), None).await.to_string();
            return (path.replace("{name}", "staff").replace("{user_id}", &user), String::new());
        }
        "users" => {
            let name = format!("user-{id}-{turn}");
            if let Some(username) = body.as_mut().and_then(|body| body.get_mut("username")) {
                *username = name.clone().into();
            }
            // A role is granted by who has all of it: the matrix is of the operation alone.
            if id == "user_set_role" {
                body.as_mut().unwrap()["role"] = Value::Null;
            }
            if id == "user_create" {
                String::new()
            } else {
                let user = users::register(app, &name, None).await;
                consents::consent(app, user, PAGE).await;
                user.to_string()
            }
        }
        other => panic!("{id}: the matrix does not know how to call /{other}"),
    };
    (path.replace("{id}", &victim).replace("{client_id}", PAGE).replace("{kid}", &victim), body.map(|body| body.to_string()).unwrap_or_default())
}

async fn ad_01_every_operation_refuses_whoever_may_not(database: Database) {
    let app = start(database).await;
    let (alice, _) = user_tokens(&app, "alice").await;
    let (bobby, bobbys_id_token) = user_tokens(&app, "bobby").await;
    let scopes = all_scopes();
    let elsewhere = robot_token(&app, OTHER_AUDIENCE, &scopes).await;
    for operation in operations() {
        let Operation { id, method, scope, .. } = &operation;
        let (path, body) = sample(&app, &operation, 0).await;
        let call = async |token: Option<&str>| request(&app, method.clone(), &path, token, &[], &body).await;
        let only = robot_token(&app, AUDIENCE, std::slice::from_ref(scope)).await;
        let others: Vec<String> = scopes.iter().filter(|other| *other != scope).cloned().collect();
        let but = robot_token(&app, AUDIENCE, &others).await;

        assert_problem(&call(None).await, 401, "token-missing", id);
        // RFC 6750 §2.3 is not offered: a token in a query ends up in logs.
        let in_query = send(&app, method.clone(), &format!("{path}{}access_token={only}", if path.contains('?') { '&' } else { '?' }), None).await;
        assert_problem(&in_query, 401, "token-missing", id);
        let basic = [("authorization", "Basic YWRtaW4tcm9ib3Q6eA==")];
        let basic = app.network.send(method.clone(), &format!("{}admin/api/v1{path}", app.issuer), &basic, "").await;
        assert_problem(&basic, 401, "token-missing", id);
        assert_problem(&call(Some("no-token")).await, 401, "token-invalid", id);
        assert_problem(&call(Some(&forged(&only))).await, 401, "token-invalid", id);
        assert_problem(&call(Some(&bobbys_id_token)).await, 401, "token-invalid", id);
        assert_problem(&call(Some(&elsewhere)).await, 401, "token-invalid", id);
        let lacking = call(Some(&but)).await;
        assert_problem(&lacking, 403, "scope-insufficient", id);
        assert!(lacking.header("www-authenticate").unwrap().ends_with(&format!("scope=\"{scope}\"")), "{id}");
        assert_problem(&call(Some(&alice)).await, 403, "administrator-required", id);

        // The controls: the same request is answered to whoever may.
        assert_success(&call(Some(&only)).await, &format!("{id}: a machine with this scope alone"));
        let (path, body) = sample(&app, &operation, 1).await;
        assert_success(&request(&app, method.clone(), &path, Some(&bobby), &[], &body).await, &format!("{id}: an administrator"));
    }
}

/// A user with a role is let in exactly where its bundle has the operation's scope, from the next call on; nobody else's token matters.
async fn ad_01_each_role_reaches_as_far_as_its_scopes(database: Database) {
    let app = start(database).await;
    // With every scope that there is: what stops it is the role.
    let (alice, _) = user_tokens(&app, "alice").await;
    for (turn, role) in AdminRole::ALL.into_iter().enumerate() {
        users::give_role(&app, "alice", Some(role)).await;
        let scopes: Vec<&str> = role.scopes().iter().map(|scope| scope.as_str()).collect();
        assert_eq!(get(&app, "/server", &alice).await["scopes"], serde_json::json!(scopes), "what {} is told of its reach", role.as_str());
        for operation in operations() {
            let Operation { id, method, scope, .. } = &operation;
            let what = format!("{id} as {}", role.as_str());
            let (path, body) = sample(&app, &operation, turn).await;
            let answer = request(&app, method.clone(), &path, Some(&alice), &[], &body).await;
            if role.scopes().iter().any(|held| held.as_str() == scope) {
                assert_success(&answer, &what);
            } else {
                assert_problem(&answer, 403, "administrator-required", &what);
            }
        }
    }
    users::give_role(&app, "alice", None).await;
    assert_problem(&send(&app, Method::GET, "/server", Some(&alice)).await, 403, "administrator-required", "no role any more");
}

fn assert_success(answer: &Answer, what: &str) {
    assert!(answer.status.is_success(), "{what}: {} {}", answer.status, answer.text());
}

/// No header and no other way of writing the path reaches what the token does not allow, or does what the method does not say.
async fn ad_08_other_spellings_of_a_path_decide_alike(database: Database) {
    let app = start(database).await;
    let id = a_session(&app, "alice").await;
    let reader = robot_token(&app, AUDIENCE, &["sessions:read".to_owned()]).await;
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
        format!("/sessions/x/..;/{id}/end"),
        format!("/../v1/sessions/{id}/end"),
        format!("/./sessions/{id}/end"),
    ] {
        let answer = send(&app, Method::POST, &other, Some(&reader)).await;
        assert!(matches!(answer.status.as_u16(), 400 | 403 | 404 | 405), "{other}: {} {}", answer.status, answer.text());
    }
    // What is no text names nothing, whoever asks and in whatever part of the path.
    for garbled in ["/users/%ff", "/sessions/%c3%28/end", "/%80", "/groups/staff%ed%a0%80/members/x"] {
        for token in [Some(&*reader), None] {
            assert_problem(&send(&app, Method::GET, garbled, token).await, 400, "request-malformed", garbled);
        }
    }
    assert_problem(&send(&app, Method::GET, "/users/caf%c3%a9", Some(&reader)).await, 400, "request-malformed", "the control: text, but no id");
    assert_problem(&send(&app, Method::GET, "/caf%c3%a9", Some(&reader)).await, 404, "not-found", "the control: text, but no path");
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let overridden = request(&app, Method::GET, &format!("/sessions/{id}"), Some(&reader), &[(name, "DELETE")], "").await;
        assert_eq!(overridden.status.as_u16(), 200, "{name}");
        assert_eq!(overridden.json().get("ended_at"), None, "{name}");
    }
    for method in [Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PATCH] {
        let answer = send(&app, method.clone(), &path, Some(&reader)).await;
        assert!(!answer.status.is_success(), "{method}: {}", answer.status);
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some("POST")), "{method}");
    }
    assert_eq!(get(&app, &format!("/sessions/{id}"), &reader).await.get("ended_at"), None);
    // The control.
    let ender = robot_token(&app, AUDIENCE, &["sessions:end".to_owned()]).await;
    assert_success(&send(&app, Method::POST, &path, Some(&ender)).await, "who may");
}

/// As a host mounts the issuer, below a path and at its root.
async fn ad_08_a_path_that_is_no_text_is_refused_below_a_path_too(database: Database) {
    let mut below = App::start_with(database, |settings| settings.issuer = Settings::for_issuer("https://id.example.test/auth/").unwrap().issuer).await;
    below.network = Network::new(below.running.mounted());
    let second = match below.database.backend() {
        Backend::Sqlite => Database::create(Backend::Sqlite),
        Backend::Postgres => Database::create(Backend::Postgres),
    };
    let mut root = App::start(second).await;
    root.network = Network::new(root.running.mounted());
    for app in [&below, &root] {
        for garbled in ["/users/%FF", "/sessions/%c3%28/end", "/%80"] {
            assert_problem(&send(app, Method::GET, garbled, None).await, 400, "request-malformed", garbled);
        }
        // The controls: a path that is text, the pages, and what is not there.
        assert_problem(&send(app, Method::GET, "/users/caf%c3%a9", None).await, 401, "token-missing", "text");
        for (path, status) in [("", 200), ("openapi/gatekey-admin", 200), ("nothing", 404), ("assets/%FF", 404), ("%FF", 404)] {
            let answer = app.network.get(&format!("{}{path}", app.issuer), &[]).await;
            assert_eq!((answer.status.as_u16(), answer.header("x-request-id").is_some()), (status, true), "{path}");
        }
    }
    let root = below.network.get("https://id.example.test/auth", &[]).await;
    assert_eq!(root.status.as_u16(), 200, "without the slash");
    for outside in ["https://id.example.test/", "https://id.example.test/authx/admin/api/v1/server"] {
        assert_eq!(below.network.get(outside, &[]).await.status.as_u16(), 404, "{outside}");
    }
}

/// The scopes that the document names are those there are, and each is somebody's.
#[test]
fn every_scope_is_in_the_document_and_in_a_role() {
    let document = document();
    let flows = &document["components"]["securitySchemes"]["access_token"]["flows"];
    for flow in ["clientCredentials", "authorizationCode"] {
        let mut named: Vec<&str> = flows[flow]["scopes"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut known: Vec<&str> = AdminScope::ALL.iter().map(|scope| scope.as_str()).collect();
        named.sort_unstable();
        known.sort_unstable();
        assert_eq!(named, known, "{flow}");
    }
    assert!(AdminScope::ALL.iter().all(|scope| AdminRole::Administrator.scopes().contains(*scope)));
}

/// A browser in which an administrator is signed in, and a page of another site that sends what a form can send, and what it cannot.
async fn ad_10_the_cookies_of_an_administrator_open_nothing(database: Database) {
    let app = start(database).await;
    let session = a_session(&app, "alice").await;
    let mut browser = app.browser();
    let party = app.relying_party(CONSOLE);
    let url = party.authorize(&format!("openid {}", all_scopes().join(" ")), &[("resource", AUDIENCE)]);
    let tokens = party.exchange(&party.code(&app.authorize_as(&mut browser, &url, "bobby").await)).await;
    let cookies = browser.cookies(&url);
    assert!(cookies.contains('='), "signed in: {cookies}");
    let path = format!("{}admin/api/v1/sessions/{session}/end", app.issuer);
    for content_type in ["application/x-www-form-urlencoded", "text/plain", "application/json"] {
        let headers = [("cookie", &*cookies), ("origin", "https://elsewhere.example.test"), ("sec-fetch-site", "cross-site"), ("content-type", content_type)];
        for body in ["", "{}", "x=y"] {
            assert_problem(&app.network.send(Method::POST, &path, &headers, body).await, 401, "token-missing", content_type);
        }
        let read = format!("{}admin/api/v1/users", app.issuer);
        assert_problem(&app.network.send(Method::GET, &read, &headers, "").await, 401, "token-missing", content_type);
        // A token where a form can put it is none.
        let in_form = format!("access_token={}", tokens.access);
        assert_problem(&app.network.send(Method::POST, &path, &headers, &in_form).await, 401, "token-missing", content_type);
    }
    let live = get(&app, &format!("/sessions/{session}"), &tokens.access).await;
    assert!(live.get("ended_at").is_none(), "{live}");
    // The control: the same browser's token, where a token belongs.
    assert_success(&send(&app, Method::POST, &format!("/sessions/{session}/end"), Some(&tokens.access)).await, "with the token");
}
