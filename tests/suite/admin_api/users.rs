//! Users: created, looked for, changed, locked out, given a role, and by whom.

use std::sync::Arc;

use gatekey::domain::group::Groups;
use gatekey::domain::id::UserId;
use gatekey::domain::user::Profile;
use gatekey::service::admin::{Installation, NewUser};
use serde_json::json;

use super::*;
use crate::support::database::each_database;
use crate::support::entropy::SeededEntropy;

each_database!(
    users_are_created_and_replaced,
    users_are_found_by_the_first_letters,
    users_are_locked_out_and_let_in,
    all_sessions_of_a_user_are_ended,
    what_breaks_a_rule_of_users_is_told_by_its_member,
    ad_02_what_is_not_of_the_user_is_refused,
    ad_04_nobody_touches_a_user_or_grants_a_role_that_can_do_more,
    ad_05_no_administrator_reads_or_sets_a_password,
    ad_07_who_may_not_read_users_does_not_learn_who_there_is,
    ad_11_of_two_changes_of_a_user_one_is_told_that_it_is_late,
    ad_12_names_hold_nothing_that_a_log_or_a_table_would_run,
);

const NOBODY: &str = "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d";

/// A user without a password, made beside the API.
pub async fn register(app: &App, username: &str, role: Option<AdminRole>) -> UserId {
    let entropy = Arc::new(SeededEntropy::new(&format!("{username} {}", app.now())));
    let admin = Installation::open_existing(&app.settings).await.unwrap().admin(app.clock.clone(), entropy);
    let new = NewUser { username: username.to_owned(), profile: Profile::default(), groups: Groups::default(), role, password_hash: None };
    admin.create_user(new).await.unwrap().id
}

/// The user has the role from now on.
pub async fn give_role(app: &App, username: &str, role: Option<AdminRole>) {
    let user = gatekey::domain::user::User { role, ..app.user(username).await };
    app.write(move |db| gatekey::store::users::update(db, &user)).await;
}

async fn token(app: &App, scopes: &[&str]) -> String {
    robot_token(app, AUDIENCE, &scopes.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>()).await
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect()
}

async fn users_are_created_and_replaced(database: Database) {
    let app = start(database).await;
    let token = token(&app, &["users:read", "users:write"]).await;
    let body = json!({
        "username": " Carol ",
        "profile": {
            "name": "Carol Example", "email": "carol@example.test", "email_verified": true, "birthdate": "1990-12-31",
            "phone_number": "+14155550123", "address": {"country": "Austria"},
        },
        "groups": ["staff", "admins", "staff"],
    });
    let made = send_json(&app, Method::POST, "/users", &token, &body).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text());
    let user = made.json();
    assert_eq!((user["username"].as_str(), &user["groups"]), (Some("carol"), &json!(["admins", "staff"])));
    assert_eq!((user["has_password"].as_bool(), user.get("role"), user.get("disabled_at")), (Some(false), None, None));
    let profile = json!({
        "name": "Carol Example", "email": "carol@example.test", "email_verified": true, "birthdate": "1990-12-31",
        "phone_number": "+14155550123", "phone_number_verified": false, "address": {"country": "Austria"},
    });
    assert_eq!(user["profile"], profile);
    let path = format!("/users/{}", user["id"].as_str().unwrap());
    let shown = send(&app, Method::GET, &path, Some(&token)).await;
    assert_eq!((shown.json(), shown.header("etag")), (user.clone(), made.header("etag")));
    assert_problem(&send_json(&app, Method::POST, "/users", &token, &json!({"username": "CAROL"})).await, 409, "already-exists", "the name is taken");
    assert_problem(&send_json(&app, Method::PUT, &path, &token, &json!({"username": "alice"})).await, 409, "already-exists", "another's name");

    // What was read can be sent back as it is; what is left out is gone.
    let same = json!({"username": user["username"], "profile": user["profile"], "groups": user["groups"]});
    let replaced = send_json(&app, Method::PUT, &path, &token, &same).await;
    assert_eq!((replaced.status.as_u16(), &replaced.json()["profile"]), (200, &profile));
    let bare = send_json(&app, Method::PUT, &path, &token, &json!({"username": "caroline"})).await.json();
    assert_eq!((&bare["username"], &bare["profile"], &bare["groups"], &bare["id"]), (&json!("caroline"), &json!({}), &json!([]), &user["id"]));

    // Pages in the order they were created.
    let first = get(&app, "/users?limit=2", &token).await;
    let next = first["next"].as_str().unwrap();
    let second = get(&app, &format!("/users?limit=2&after={next}"), &token).await;
    let mut both = [names(&first), names(&second)].concat();
    both.sort_unstable();
    assert_eq!((names(&first).len(), both, second.get("next")), (2, vec!["alice", "bobby", "caroline"], None));
    assert_eq!(send(&app, Method::DELETE, &path, Some(&token)).await.status.as_u16(), 204);
    for method in [Method::GET, Method::DELETE] {
        assert_problem(&send(&app, method, &path, Some(&token)).await, 404, "not-found", "gone");
    }
    for act in ["disable", "enable"] {
        assert_problem(&send(&app, Method::POST, &format!("{path}/{act}"), Some(&token)).await, 404, "not-found", act);
    }
    assert_problem(&send_json(&app, Method::PUT, &path, &token, &same).await, 404, "not-found", "gone");
    for path in ["/users/alice", "/users?after=alice", "/users?search=a&after=alice", "/users?limit=0"] {
        assert_problem(&send(&app, Method::GET, path, Some(&token)).await, 400, "request-malformed", path);
    }
}

async fn users_are_found_by_the_first_letters(database: Database) {
    let app = start(database).await;
    let token = token(&app, &["users:read", "users:write"]).await;
    for (username, email) in [
        ("anna", Some("Anna@Example.test")),
        ("annabel", None),
        ("berta", Some("ANN@example.test")),
        ("per%cent", Some("per_cent@example.test")),
        ("ärger", Some("x@example.test")),
        ("an", Some("zz@example.test")),
        ("zoe", Some("anna@example.test")),
        ("anna@example.test", Some("anna@example.test")),
    ] {
        let body = json!({"username": username, "profile": {"email": email}});
        let made = send_json(&app, Method::POST, "/users", &token, &body).await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text());
        app.advance(chrono::TimeDelta::seconds(1));
    }
    let found = async |search: &str, limit: usize| {
        let (mut found, mut after) = (Vec::new(), String::new());
        for _ in 0..50 {
            let page = get(&app, &format!("/users?search={search}&limit={limit}{after}"), &token).await;
            assert!(names(&page).len() <= limit, "{page}");
            found.extend(names(&page).into_iter().map(str::to_owned));
            let Some(next) = page["next"].as_str() else { return found };
            after = format!("&after={next}");
        }
        panic!("{search} has no last page: {found:?}");
    };
    // By name or address, each once, in the order of what was found; the pages' size does not matter.
    for limit in [1, 2, 3, 200] {
        assert_eq!(found("aNN", limit).await, ["berta", "anna", "zoe", "anna@example.test", "annabel"].map(str::to_owned), "{limit}");
    }
    let alike = found("anna@example.test", 1).await;
    assert_eq!(alike.len(), 3, "one name and two addresses: {alike:?}");
    assert_eq!(found("%C3%84R", 50).await, ["ärger"]);
    assert_eq!(found("%20anna%20", 50).await.len(), 4);
    for (search, expected) in [("per%25", "per%cent"), ("per_", "per%cent"), ("PER_", "per%cent")] {
        assert_eq!(found(search, 50).await, [expected], "{search}");
    }
    for nobody in ["nn", "%25", "_", "anna%00", "an%20na", "%F4%8F%BF%BF", "'%20OR%201=1"] {
        assert_eq!(found(nobody, 50).await, Vec::<String>::new(), "{nobody}");
    }
    assert!(found("", 50).await.len() > 8, "no search is a list");
}

async fn users_are_locked_out_and_let_in(database: Database) {
    let app = start(database).await;
    let token = token(&app, &["users:read", "users:write", "sessions:read"]).await;
    let session = a_session(&app, "alice").await;
    let path = format!("/users/{}", app.user("alice").await.id);
    let post = async |act: &str| send(&app, Method::POST, &format!("{path}/{act}"), Some(&token)).await;
    let disabled = post("disable").await;
    assert!(disabled.json()["disabled_at"].is_string(), "{}", disabled.text());
    assert_eq!(get(&app, &format!("/sessions/{session}"), &token).await["end_reason"], "user_disabled");
    app.advance(chrono::TimeDelta::seconds(1));
    let again = post("disable").await;
    assert_eq!((again.json(), again.header("etag")), (disabled.json(), disabled.header("etag")), "doing it again changes nothing");
    assert_eq!(get(&app, &path, &token).await, disabled.json());
    let enabled = post("enable").await.json();
    assert_eq!((enabled.get("disabled_at"), post("enable").await.json()), (None, enabled.clone()));
    let again = a_session(&app, "alice").await;
    assert_eq!(get(&app, &format!("/sessions/{again}"), &token).await.get("ended_at"), None, "the user may sign in again");
}

async fn all_sessions_of_a_user_are_ended(database: Database) {
    let app = start(database).await;
    let token = token(&app, &["sessions:read", "sessions:end"]).await;
    for _ in 0..2 {
        app.sign_in(&mut app.browser(), &app.relying_party(OWN_PAGE), "openid offline_access").await;
    }
    let bobbys = a_session(&app, "bobby").await;
    let end = async |user: &str| send(&app, Method::POST, &format!("/users/{user}/sessions/end"), Some(&token)).await;
    let alice = app.user("alice").await.id.to_string();
    let ended = end(&alice).await.json();
    assert_eq!(ended, json!({"sessions": 2, "client_sessions": 2, "refresh_families": 2}));
    assert_eq!(end(&alice).await.json(), json!({"sessions": 0, "client_sessions": 0, "refresh_families": 0}));
    assert_eq!(get(&app, &format!("/sessions/{bobbys}"), &token).await.get("ended_at"), None, "another's goes on");
    assert_problem(&end(NOBODY).await, 404, "not-found", "nobody");
}

async fn what_breaks_a_rule_of_users_is_told_by_its_member(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let profile = |profile: Value| json!({"username": "carol", "profile": profile});
    for (body, pointer) in [
        (json!({"username": ""}), "/username"),
        (json!({"username": "two words"}), "/username"),
        (json!({"username": "x".repeat(129)}), "/username"),
        (json!({"username": "carol", "groups": ["staff", "Not one"]}), "/groups/1"),
        (profile(json!({"name": " "})), "/profile/name"),
        (profile(json!({"email": "nobody"})), "/profile/email"),
        (profile(json!({"email_verified": true})), "/profile/email_verified"),
        (profile(json!({"birthdate": "31.12.1990"})), "/profile/birthdate"),
        (profile(json!({"picture": "javascript:alert(1)"})), "/profile/picture"),
        (profile(json!({"address": {"country": ""}})), "/profile/address/country"),
        (profile(json!({"phone_number_verified": true})), "/profile/phone_number_verified"),
    ] {
        let answer = send_json(&app, Method::POST, "/users", &token, &body).await;
        assert_problem(&answer, 422, "invalid", pointer);
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{}", answer.text());
    }
    let carol = register(&app, "carol", None).await;
    let unsaid = send_json(&app, Method::PUT, &format!("/users/{carol}/role"), &token, &json!({})).await;
    assert_problem(&unsaid, 422, "invalid", "no role");
    assert_eq!(unsaid.json()["errors"][0]["pointer"], "/role");
    let unknown = send_json(&app, Method::PUT, &format!("/users/{carol}/role"), &token, &json!({"role": "root"})).await;
    assert_problem(&unknown, 400, "request-malformed", "no role of ours");
}

async fn ad_02_what_is_not_of_the_user_is_refused(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let alice = format!("/users/{}", app.user("alice").await.id);
    let before = get(&app, &alice, &token).await;
    for (member, value) in [
        ("role", json!("administrator")),
        ("admin", json!(true)),
        ("id", json!(NOBODY)),
        ("password", json!("correct horse battery staple")),
        ("password_hash", json!("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$bmV3bmV3bmV3")),
        ("has_password", json!(true)),
        ("disabled_at", json!(null)),
        ("managed_by_file", json!(true)),
    ] {
        for (method, path, name) in [(Method::POST, "/users", "carol"), (Method::PUT, alice.as_str(), "alice")] {
            let mut body = json!({"username": name});
            body[member] = value.clone();
            assert_problem(&send_json(&app, method, path, &token, &body).await, 400, "request-malformed", member);
        }
        let mut body = json!({"username": "carol", "profile": {}});
        body["profile"][member] = value;
        assert_problem(&send_json(&app, Method::POST, "/users", &token, &body).await, 400, "request-malformed", member);
    }
    assert_eq!(get(&app, &alice, &token).await, before);
    assert_eq!(get(&app, "/users?search=carol", &token).await["items"], json!([]), "nothing was made");
    assert_eq!(send_json(&app, Method::POST, "/users", &token, &json!({"username": "carol"})).await.status.as_u16(), 201, "the control");
}

async fn ad_04_nobody_touches_a_user_or_grants_a_role_that_can_do_more(database: Database) {
    let app = start(database).await;
    let (some, all) = (token(&app, &["users:read", "users:write", "sessions:end"]).await, robot_token(&app, AUDIENCE, &all_scopes()).await);
    let root = format!("/users/{}", register(&app, "root", Some(AdminRole::Administrator)).await);
    let helper = format!("/users/{}", register(&app, "helper", Some(AdminRole::Support)).await);
    let plain = format!("/users/{}", register(&app, "plain", None).await);
    let acts = |path: &str| {
        let body = json!({"username": "renamed", "profile": {"email": "mine@example.test"}}).to_string();
        [
            (Method::PUT, path.to_owned(), body),
            (Method::POST, format!("{path}/disable"), String::new()),
            (Method::POST, format!("{path}/enable"), String::new()),
            (Method::DELETE, path.to_owned(), String::new()),
        ]
    };
    for path in [&root, &helper] {
        let before = get(&app, path, &all).await;
        for (method, path, body) in acts(path) {
            assert_problem(&request(&app, method.clone(), &path, Some(&some), &[], &body).await, 403, "privilege-exceeded", &format!("{method} {path}"));
        }
        assert_eq!(get(&app, path, &all).await, before);
        // Whoever may end sessions may end an administrator's: that gives no power.
        assert_eq!(send(&app, Method::POST, &format!("{path}/sessions/end"), Some(&some)).await.status.as_u16(), 200);
    }
    // The controls: somebody without a role by the same caller, and the administrator by who can do as much.
    for (path, token) in [(&plain, &some), (&root, &all)] {
        for (method, path, body) in acts(path) {
            let answer = request(&app, method.clone(), &path, Some(token), &[], &body).await;
            assert!(answer.status.is_success(), "{method} {path}: {}", answer.text());
        }
    }

    // A role is granted, and taken away, by who has all of it.
    let mut scopes: Vec<&str> = AdminRole::Support.scopes().iter().map(AdminScope::as_str).collect();
    scopes.push("roles:grant");
    let granter = token(&app, &scopes).await;
    let (dora, boss) = (register(&app, "dora", None).await, register(&app, "boss", Some(AdminRole::Administrator)).await);
    let grant =
        async |token: &str, user: UserId, role: Value| send_json(&app, Method::PUT, &format!("/users/{user}/role"), token, &json!({"role": role})).await;
    for role in ["administrator", "developer", "auditor"] {
        assert_problem(&grant(&granter, dora, role.into()).await, 403, "privilege-exceeded", role);
    }
    for role in [Value::Null, "support".into()] {
        assert_problem(&grant(&granter, boss, role).await, 403, "privilege-exceeded", "an administrator is not made less");
    }
    assert_eq!(grant(&granter, dora, "support".into()).await.json()["role"], "support");
    assert_eq!(grant(&granter, dora, Value::Null).await.json().get("role"), None);
    assert_eq!(grant(&all, dora, "administrator".into()).await.json()["role"], "administrator", "the control");
    assert_eq!(grant(&all, boss, Value::Null).await.json().get("role"), None);
    // Who may write users but not grant roles does not.
    assert_problem(&grant(&some, boss, "support".into()).await, 403, "scope-insufficient", "no roles:grant");

    // An administrator's token that was asked for less is good for less.
    let (party, url) = (app.relying_party(CONSOLE), app.relying_party(CONSOLE).authorize("openid roles:grant", &[("resource", AUDIENCE)]));
    let response = app.authorize_as(&mut app.browser(), &url, "bobby").await;
    let bobby = party.exchange(&party.code(&response)).await.access;
    assert_problem(&grant(&bobby, boss, "auditor".into()).await, 403, "privilege-exceeded", "of an administrator with less scope");
}

async fn ad_05_no_administrator_reads_or_sets_a_password(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let alice = app.user("alice").await;
    let hash = alice.password_hash.as_ref().unwrap().expose().clone();
    let path = format!("/users/{}", alice.id);
    for path in [path.as_str(), "/users", "/users?search=alice"] {
        let text = get(&app, path, &token).await.to_string();
        assert!(text.contains("\"has_password\":true") && !text.contains(&hash) && !text.contains("$argon2"), "{text}");
    }
    // Nothing in the document is a password, or says that one goes in.
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for member in schema["properties"].as_object().into_iter().flatten().map(|(member, _)| member) {
            assert!(!member.contains("password") || member == "has_password", "{name}.{member}");
        }
    }
    // A change by the API leaves it as it is.
    assert_eq!(send_json(&app, Method::PUT, &path, &token, &json!({"username": "alice"})).await.status.as_u16(), 200);
    assert_eq!(app.user("alice").await.password_hash.unwrap().expose(), &hash);
}

async fn ad_07_who_may_not_read_users_does_not_learn_who_there_is(database: Database) {
    let app = start(database).await;
    let but: Vec<String> = all_scopes().into_iter().filter(|scope| !scope.starts_with("users:") && scope != "roles:grant").collect();
    let (low, all) = (robot_token(&app, AUDIENCE, &but).await, robot_token(&app, AUDIENCE, &all_scopes()).await);
    let (there, nobody) = (app.user("alice").await.id.to_string(), NOBODY.to_owned());
    let told = async |method: Method, path: String, headers: &[(&str, &str)], body: &str| {
        let answer = request(&app, method, &path, Some(&low), headers, body).await;
        assert_problem(&answer, 403, "scope-insufficient", &path);
        assert_eq!(answer.header("etag"), None);
        answer.text().to_owned()
    };
    for headers in [&[][..], &[("if-match", "\"x\"")][..]] {
        for (method, act, body) in [
            (Method::GET, "", ""),
            (Method::PUT, "", "{\"username\":\"alice\"}"),
            (Method::DELETE, "", ""),
            (Method::POST, "/disable", ""),
            (Method::PUT, "/role", "{\"role\":null}"),
        ] {
            let one = told(method.clone(), format!("/users/{there}{act}"), headers, body).await;
            assert_eq!(one, told(method, format!("/users/{nobody}{act}"), headers, body).await);
        }
    }
    assert_eq!(
        told(Method::POST, "/users".to_owned(), &[], "{\"username\":\"alice\"}").await,
        told(Method::POST, "/users".to_owned(), &[], "{\"username\":\"x\"}").await
    );
    assert_eq!(told(Method::GET, "/users?search=alice".to_owned(), &[], "").await, told(Method::GET, "/users?search=zzz".to_owned(), &[], "").await);
    assert!(send(&app, Method::GET, &format!("/users/{there}"), Some(&all)).await.header("etag").is_some(), "the control");
}

async fn ad_11_of_two_changes_of_a_user_one_is_told_that_it_is_late(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let path = format!("/users/{}", register(&app, "carol", None).await);
    let tag = send(&app, Method::GET, &path, Some(&token)).await.header("etag").unwrap().to_owned();
    let put = async |name: &str, tag: &str| {
        let body = json!({"username": "carol", "profile": {"name": name}}).to_string();
        request(&app, Method::PUT, &path, Some(&token), &[("if-match", tag)], &body).await
    };
    let (one, other) = tokio::join!(put("One", &tag), put("Other", &tag));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412], "{} {}", one.text(), other.text());
    let (won, late) = if one.status.is_success() { (&one, &other) } else { (&other, &one) };
    assert_problem(late, 412, "precondition-failed", "the later of two");
    assert_eq!(get(&app, &path, &token).await["profile"]["name"], won.json()["profile"]["name"]);
    let role = request(&app, Method::PUT, &format!("{path}/role"), Some(&token), &[("if-match", &tag)], "{\"role\":\"auditor\"}").await;
    assert_problem(&role, 412, "precondition-failed", "a role for what was changed");
    let delete = async |tag: &str| request(&app, Method::DELETE, &path, Some(&token), &[("if-match", tag)], "").await;
    assert_problem(&delete(&tag).await, 412, "precondition-failed", "deleting what was changed");
    assert_eq!(delete(won.header("etag").unwrap()).await.status.as_u16(), 204, "the control");
}

async fn ad_12_names_hold_nothing_that_a_log_or_a_table_would_run(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let create =
        async |username: &str, name: &str| send_json(&app, Method::POST, "/users", &token, &json!({"username": username, "profile": {"name": name}})).await;
    for broken in ["a\r\nuser.created x", "a\nb", "a\tb", "a\u{0}b", "a\u{1b}[2J"] {
        for member in ["name", "given_name", "family_name", "nickname"] {
            let body = json!({"username": "carol", "profile": {member: broken}});
            assert_problem(&send_json(&app, Method::POST, "/users", &token, &body).await, 422, "invalid", broken);
        }
        assert_problem(&create(broken, "Carol").await, 422, "invalid", broken);
    }
    // What a spreadsheet would take for a formula is a name like any other: this API answers with JSON, where it is text.
    let made = create("carol", "=cmd()").await;
    assert_eq!((made.status.as_u16(), &made.json()["profile"]["name"]), (201, &json!("=cmd()")));
    assert_eq!(made.header("content-type"), Some("application/json"));
}
