//! Nobody reaches further than they do: not by what the settings file will give at the next start, not by a limit that is the policy's, not with a
//! sign-in of long ago.

use gatekey::domain::group::Groups;
use gatekey::service::admin::declare;
use gatekey::settings::{DeclaredUser, Settings};
use serde_json::json;

use super::*;
use crate::support::database::each_database;
use crate::support::relying_party::RelyingParty;

each_database!(
    ad_04_what_was_registered_first_gains_nothing_by_the_file,
    ad_04_what_the_file_gives_counts_while_it_is_taken_away,
    lifetimes_of_a_client_are_the_policys,
    no_lifetime_is_beyond_the_calendar,
    what_an_old_sign_in_may_not_do,
    a_rule_is_deleted_by_what_the_query_says_and_nothing_else,
    a_precondition_that_is_no_text_is_refused,
);

const MACHINE_OF_THE_FILE: &str = "backup-robot";

fn machine(scope: &str) -> Value {
    let resource = if scope.is_empty() { OTHER_AUDIENCE } else { AUDIENCE };
    json!({"name": "Backup", "kind": "machine", "scope": scope, "resources": [resource]})
}

/// The settings, with a machine that has power, and no secret.
fn declaring_machine(settings: &Settings, scope: &str) -> Settings {
    let mut changed = settings.clone();
    changed.clients.push(client(MACHINE_OF_THE_FILE, ClientKind::Machine, "https://backup.example.test", |c| {
        c.redirect_uris.clear();
        c.scope = Scope::parse(scope).unwrap();
        c.resources = vec![if scope.is_empty() { OTHER_AUDIENCE } else { AUDIENCE }.to_owned()];
    }));
    changed.clients.last_mut().unwrap().secret_digest = None;
    changed
}

async fn asks_with(app: &App, id: &str, secret: &str, scope: &str) -> Answer {
    let party = RelyingParty::new(&app.network, &app.issuer, id, "").with_secret(secret);
    party.post("oauth/token", &[("grant_type", "client_credentials"), ("resource", AUDIENCE), ("scope", scope)]).await
}

/// A developer takes the id in time, and keeps the secret.
async fn ad_04_what_was_registered_first_gains_nothing_by_the_file(database: Database) {
    let app = start(database).await;
    let developer = robot_token(&app, AUDIENCE, &["clients:write".to_owned()]).await;
    let made = send_json(&app, Method::POST, "/clients", &developer, &json!({"id": MACHINE_OF_THE_FILE, "metadata": machine("")})).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text());
    let secret = made.json()["client_secret"].as_str().unwrap().to_owned();
    let works = async |app: &App| {
        let party = RelyingParty::new(&app.network, &app.issuer, MACHINE_OF_THE_FILE, "").with_secret(&secret);
        party.post("oauth/token", &[("grant_type", "client_credentials"), ("resource", OTHER_AUDIENCE)]).await.status.as_u16()
    };
    assert_eq!(works(&app).await, 200);
    // The control: what the file declares with no more power keeps its secret.
    let admin = app.admin().await;
    declare(&admin, &declaring_machine(&app.settings, "")).await.unwrap();
    assert_eq!(works(&app).await, 200);

    let second = "users:read roles:grant";
    app.write(|db| {
        let id = gatekey::domain::id::ClientId::parse(MACHINE_OF_THE_FILE).unwrap();
        let mut there = gatekey::store::clients::find(db, &id)?.unwrap();
        there.managed_by_file = false;
        gatekey::store::clients::upsert(db, &there)
    })
    .await;
    declare(&admin, &declaring_machine(&app.settings, second)).await.unwrap();
    let refused = asks_with(&app, MACHINE_OF_THE_FILE, &secret, second).await;
    assert_eq!((refused.status.as_u16(), refused.error().as_str()), (401, "invalid_client"), "{}", refused.text());
    // Once more changes nothing, and a secret that it is given since is kept.
    let whole = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let rotated = send(&app, Method::POST, &format!("/clients/{MACHINE_OF_THE_FILE}/secret"), Some(&whole)).await;
    let fresh = rotated.json()["client_secret"].as_str().unwrap().to_owned();
    declare(&admin, &declaring_machine(&app.settings, second)).await.unwrap();
    assert_eq!(asks_with(&app, MACHINE_OF_THE_FILE, &fresh, second).await.status.as_u16(), 200);
    admin.store.close().await;
}

/// An administrator weakens for now what the file will strengthen again: until then nobody who can do less lays hands on it.
async fn ad_04_what_the_file_gives_counts_while_it_is_taken_away(database: Database) {
    let app = App::start_with(database, |settings| {
        *settings = declaring_machine(settings, "users:read roles:grant");
        let scope = Scope::parse(&format!("openid {}", all_scopes().join(" "))).unwrap();
        settings.clients.push(client(ROBOT, ClientKind::Machine, "https://robot.example.test", |c| {
            c.redirect_uris.clear();
            c.scope = scope;
            c.resources = vec![AUDIENCE.to_owned(), OTHER_AUDIENCE.to_owned()];
        }));
        declare_ops(settings);
        settings.users[1].role = Some(AdminRole::Administrator);
    })
    .await;
    let whole = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let some: Vec<String> = ["users:write", "users:read", "users:reset-password", "clients:write", "clients:read"].map(str::to_owned).to_vec();
    let some = robot_token(&app, AUDIENCE, &some).await;

    let weakened = send_json(&app, Method::PUT, &format!("/clients/{MACHINE_OF_THE_FILE}"), &whole, &machine("")).await;
    assert_eq!(weakened.status.as_u16(), 200, "{}", weakened.text());
    let path = format!("/clients/{MACHINE_OF_THE_FILE}");
    assert_problem(&send(&app, Method::POST, &format!("{path}/secret"), Some(&some)).await, 403, "privilege-exceeded", "a secret");
    assert_problem(&send_json(&app, Method::PUT, &path, &some, &machine("")).await, 403, "privilege-exceeded", "replaced");
    assert_problem(&send(&app, Method::DELETE, &path, Some(&some)).await, 403, "privilege-exceeded", "deleted");
    assert_eq!(send(&app, Method::POST, &format!("{path}/secret"), Some(&whole)).await.status.as_u16(), 200, "the control");
    let other = json!({"id": "other-robot", "metadata": machine("")});
    assert_eq!(send_json(&app, Method::POST, "/clients", &some, &other).await.status.as_u16(), 201, "the control");
    assert_eq!(send(&app, Method::POST, "/clients/other-robot/secret", Some(&some)).await.status.as_u16(), 200, "the control");

    let (ops, alice) = (app.user("ops").await.id, app.user("alice").await.id);
    let role = send_json(&app, Method::PUT, &format!("/users/{ops}/role"), &whole, &json!({"role": "support"})).await;
    assert_eq!(role.status.as_u16(), 200, "{}", role.text());
    let role = send_json(&app, Method::PUT, &format!("/users/{ops}/role"), &whole, &json!({"role": null})).await;
    assert_eq!(role.status.as_u16(), 200, "{}", role.text());
    for path in ["disable", "enable"] {
        assert_problem(&send(&app, Method::POST, &format!("/users/{ops}/{path}"), Some(&some)).await, 403, "privilege-exceeded", path);
        assert_eq!(send(&app, Method::POST, &format!("/users/{alice}/{path}"), Some(&some)).await.status.as_u16(), 200, "the control");
    }
    assert_problem(&send(&app, Method::DELETE, &format!("/users/{ops}"), Some(&some)).await, 403, "privilege-exceeded", "deleted");
    assert_problem(&send(&app, Method::POST, &format!("/users/{ops}/password-reset"), Some(&some)).await, 403, "privilege-exceeded", "a reset");
    // Nor does anybody take the name while nobody has it.
    assert_eq!(send(&app, Method::DELETE, &format!("/users/{ops}"), Some(&whole)).await.status.as_u16(), 204);
    assert_problem(&send_json(&app, Method::POST, "/users", &some, &json!({"username": "ops"})).await, 403, "privilege-exceeded", "made");
    assert_problem(&send_json(&app, Method::PUT, &format!("/users/{alice}"), &some, &json!({"username": "ops"})).await, 403, "privilege-exceeded", "renamed");
    assert_eq!(send_json(&app, Method::POST, "/users", &some, &json!({"username": "ops2"})).await.status.as_u16(), 201, "the control");
}

async fn lifetimes_of_a_client_are_the_policys(database: Database) {
    let app = start(database).await;
    let scopes = |more: &[&str]| [&["clients:write"][..], more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let (some, both) = (robot_token(&app, AUDIENCE, &scopes(&[])).await, robot_token(&app, AUDIENCE, &scopes(&["lifetimes:write"])).await);
    let body = |idle: Option<&str>| {
        let mut body = json!({"name": "Notes", "kind": "spa", "redirect_uris": ["https://notes.example.test/cb"]});
        if let Some(idle) = idle {
            body["lifetimes"] = json!({"session_idle": idle});
        }
        body
    };
    let create = |id: &str, idle| json!({"id": id, "metadata": body(idle)});
    for path in ["/clients", "/client-check"] {
        assert_problem(&send_json(&app, Method::POST, path, &some, &create("notes", Some("PT1H"))).await, 403, "privilege-exceeded", path);
    }
    assert_eq!(send_json(&app, Method::POST, "/clients", &some, &create("plain", None)).await.status.as_u16(), 201, "the control");
    assert_eq!(send_json(&app, Method::POST, "/clients", &both, &create("notes", Some("PT1H"))).await.status.as_u16(), 201, "the control");
    for (id, idle) in [("notes", Some("PT2H")), ("notes", None), ("plain", Some("PT2H"))] {
        let replaced = send_json(&app, Method::PUT, &format!("/clients/{id}"), &some, &body(idle)).await;
        assert_problem(&replaced, 403, "privilege-exceeded", id);
    }
    // What stays as it is, is nobody's change.
    assert_eq!(send_json(&app, Method::PUT, "/clients/notes", &some, &body(Some("PT1H"))).await.status.as_u16(), 200);
    assert_eq!(send_json(&app, Method::PUT, "/clients/notes", &both, &body(None)).await.status.as_u16(), 200);
}

/// A lifetime that overflowed stopped the keys from being read, and with them the server.
async fn no_lifetime_is_beyond_the_calendar(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    for (wrong, limit) in [("PT9223372036854775S", "access_token"), ("P1001Y", "id_token")] {
        let metadata = json!({"name": "x", "kind": "machine", "lifetimes": {limit: wrong}});
        let made = send_json(&app, Method::POST, "/clients", &token, &json!({"id": "boom", "metadata": metadata})).await;
        assert_problem(&made, 422, "invalid", wrong);
        assert_eq!(made.json()["errors"][0]["pointer"], format!("/metadata/lifetimes/{limit}"), "{}", made.text());
        let rule = send_json(&app, Method::PUT, "/lifetime-rules", &token, &json!({"selector": {}, "limits": {limit: wrong}})).await;
        assert_problem(&rule, 422, "invalid", wrong);
    }
    // Elsewhere it is as good as none.
    let endless = json!({"session_absolute": "P9000Y", "refresh_idle": "PT9223372036854775S"});
    let rule = send_json(&app, Method::PUT, "/lifetime-rules", &token, &json!({"selector": {"client": OWN_PAGE}, "limits": endless})).await;
    assert!(rule.status.is_success(), "{}", rule.text());
    assert_eq!(rule.json()["limits"], json!({"session_absolute": "unlimited", "refresh_idle": "unlimited"}));
    // The longest that there is: the keys are read, their retirement is a time, and a token is given.
    let longest = json!({"access_token": "P1000Y", "id_token": "P1000Y", "session_absolute": "P1000Y", "refresh_absolute": "P1000Y"});
    let rule = send_json(&app, Method::PUT, "/lifetime-rules", &token, &json!({"selector": {}, "limits": longest})).await;
    assert!(rule.status.is_success(), "{}", rule.text());
    assert_eq!(send(&app, Method::POST, "/keys/rotate", Some(&token)).await.status.as_u16(), 201);
    app.advance(chrono::TimeDelta::days(3));
    let app = App::on(app.database.clone(), app.settings.clone(), app.clock.clone(), "again").await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let keys = get(&app, "/keys", &token).await;
    for key in keys["items"].as_array().unwrap() {
        if let Some(at) = key["retires_at"].as_str() {
            assert!(chrono::DateTime::parse_from_rfc3339(at).is_ok() && at.starts_with("30"), "{keys}");
        }
    }
    let session = a_session(&app, "alice").await;
    get(&app, &format!("/sessions/{session}"), &token).await;
}

/// Somebody to whom the file gives a role.
fn declare_ops(settings: &mut Settings) {
    let ops = DeclaredUser { username: "ops".to_owned(), groups: Groups::default(), role: Some(AdminRole::Administrator), ..settings.users[0].clone() };
    settings.users.push(ops);
}

async fn what_an_old_sign_in_may_not_do(database: Database) {
    let app = start_with(database, declare_ops).await;
    let robot = robot_token(&app, AUDIENCE, &all_scopes()).await;
    // Until the next start nobody is called so.
    assert_eq!(send(&app, Method::DELETE, &format!("/users/{}", app.user("ops").await.id), Some(&robot)).await.status.as_u16(), 204);
    let (party, mut browser) = (app.relying_party(CONSOLE), app.browser());
    let scope = format!("openid {}", all_scopes().join(" "));
    let response = app.authorize_as(&mut browser, &party.authorize(&scope, &[("resource", AUDIENCE)]), "bobby").await;
    let fresh = party.exchange(&party.code(&response)).await.access;
    let alice = app.user("alice").await.id;
    let helper = super::users::register(&app, "helper", Some(AdminRole::Support)).await;
    let put_rule = async |token: &str| {
        let rule = json!({"selector": {"client": OWN_PAGE}, "limits": {"session_idle": "PT1H"}});
        send_json(&app, Method::PUT, "/lifetime-rules", token, &rule).await
    };
    let delete_rule = async |token: &str| send(&app, Method::DELETE, &format!("/lifetime-rules?client={OWN_PAGE}"), Some(token)).await;
    let web = |kind: &str, uri: &str, first_party: bool| json!({"name": "Shop", "kind": kind, "redirect_uris": [uri], "first_party": first_party});
    let shop = "https://shop.example.test/cb";
    for (id, first_party) in [("shop", false), ("own-shop", true)] {
        let made = send_json(&app, Method::POST, "/clients", &robot, &json!({"id": id, "metadata": web("web", shop, first_party)})).await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text());
    }
    let replace = async |token: &str, id: &str, body: Value| send_json(&app, Method::PUT, &format!("/clients/{id}"), token, &body).await;
    let act = async |token: &str, user, act: &str| send(&app, Method::POST, &format!("/users/{user}/{act}"), Some(token)).await;
    let rename = async |token: &str, user, name: &str| send_json(&app, Method::PUT, &format!("/users/{user}"), token, &json!({"username": name})).await;
    let member = async |token: &str, method, user| send(&app, method, &format!("/groups/staff/members/{user}"), Some(token)).await;

    // The controls: all of it may be done right after signing in.
    assert!(put_rule(&fresh).await.status.is_success());
    assert_eq!(delete_rule(&fresh).await.status.as_u16(), 204);
    assert!(put_rule(&fresh).await.status.is_success());
    for what in ["disable", "enable", "sessions/end"] {
        assert_eq!(act(&fresh, helper, what).await.status.as_u16(), 200, "{what}");
    }
    assert_eq!(rename(&fresh, helper, "helper2").await.status.as_u16(), 200);
    assert_eq!(member(&fresh, Method::PUT, helper).await.status.as_u16(), 200);
    assert_eq!(member(&fresh, Method::DELETE, helper).await.status.as_u16(), 204);
    assert_eq!(replace(&fresh, "own-shop", web("web", "https://shop.example.test/new", true)).await.status.as_u16(), 200);

    let mut limited = web("web", shop, false);
    limited["lifetimes"] = json!({"session_absolute": "PT1S"});
    app.advance(chrono::TimeDelta::minutes(11));
    // The session lives on, and gives a token that is new, of a sign-in that is not.
    let response = app.silently(&mut browser, &party, &scope, &[("resource", AUDIENCE)]).await;
    let bobby = party.exchange(&party.code(&response)).await.access;
    for (answer, what) in [
        (put_rule(&bobby).await, "a rule"),
        (delete_rule(&bobby).await, "no rule"),
        (act(&bobby, helper, "disable").await, "somebody who may do something is disabled"),
        (act(&bobby, helper, "enable").await, "somebody who may do something is enabled"),
        (act(&bobby, helper, "sessions/end").await, "somebody who may do something is signed out"),
        (rename(&bobby, helper, "helper3").await, "somebody who may do something is called otherwise"),
        (member(&bobby, Method::PUT, helper).await, "somebody who may do something comes into a group"),
        (member(&bobby, Method::DELETE, helper).await, "somebody who may do something leaves a group"),
        (rename(&bobby, alice, "ops").await, "somebody gets the name that the file gives a role"),
        (send_json(&app, Method::POST, "/users", &bobby, &json!({"username": "ops"})).await, "somebody is made by it"),
        (replace(&bobby, "shop", web("spa", shop, false)).await, "the secret goes"),
        (replace(&bobby, "own-shop", web("web", shop, true)).await, "where nobody is asked"),
        (replace(&bobby, "own-shop", web("web", "https://shop.example.test/new", false)).await, "asked from now on, to be moved"),
        (replace(&bobby, "shop", web("web", shop, true)).await, "nobody is asked any more"),
        (send_json(&app, Method::PUT, "/clients/shop", &bobby, &limited).await, "limits of its own"),
    ] {
        assert_problem(&answer, 401, "authentication-too-old", what);
    }
    // What does no harm goes on; and machines prove who they are with each token.
    for what in ["disable", "enable", "sessions/end"] {
        assert_eq!(act(&bobby, alice, what).await.status.as_u16(), 200, "{what}");
    }
    assert_eq!(rename(&bobby, alice, "alice2").await.status.as_u16(), 200);
    assert_eq!(member(&bobby, Method::PUT, alice).await.status.as_u16(), 200);
    assert_eq!(member(&bobby, Method::DELETE, alice).await.status.as_u16(), 204);
    assert_eq!(send_json(&app, Method::POST, "/users", &bobby, &json!({"username": "anna"})).await.status.as_u16(), 201);
    // A machine may all of it, and it is done.
    assert_eq!(rename(&robot_token(&app, AUDIENCE, &all_scopes()).await, helper, "helper3").await.status.as_u16(), 200);
    assert_eq!(replace(&bobby, "shop", web("web", "https://shop.example.test/new", false)).await.status.as_u16(), 200);
    assert_eq!(replace(&bobby, "own-shop", web("web", "https://shop.example.test/new", true)).await.status.as_u16(), 200);
    assert_eq!(delete_rule(&robot_token(&app, AUDIENCE, &all_scopes()).await).await.status.as_u16(), 204);
}

/// The 401 of an operation speaks of it where its text does.
#[test]
fn what_asks_for_a_recent_sign_in_says_so() {
    for (document, least) in [(document(), 20), (serde_json::from_str(&crate::account_api::printed()).unwrap(), 4)] {
        let mut asking = 0;
        for operation in document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values()) {
            let says = operation["description"].as_str().unwrap().contains("recent sign-in");
            let unauthorized = operation["responses"]["401"]["description"].as_str().unwrap();
            assert_eq!(unauthorized.contains("authentication-too-old"), says, "{}", operation["operationId"]);
            asking += usize::from(says);
        }
        assert!(asking >= least, "{asking}");
    }
}

async fn a_rule_is_deleted_by_what_the_query_says_and_nothing_else(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    for selector in [json!({}), json!({"client": OWN_PAGE})] {
        let rule = json!({"selector": selector, "limits": {"session_idle": "PT1H"}});
        assert!(send_json(&app, Method::PUT, "/lifetime-rules", &token, &rule).await.status.is_success());
    }
    for query in ["clinet=notes", "Client=notes", "client=own-page&client=x", "client=x&group=staff&group=y", "x"] {
        assert_problem(&send(&app, Method::DELETE, &format!("/lifetime-rules?{query}"), Some(&token)).await, 400, "request-malformed", query);
    }
    assert_eq!(get(&app, "/lifetime-rules", &token).await["rules"].as_array().unwrap().len(), 2, "nothing was deleted");
    for (query, left) in [(format!("?client={OWN_PAGE}"), 1), (String::new(), 0)] {
        assert_eq!(send(&app, Method::DELETE, &format!("/lifetime-rules{query}"), Some(&token)).await.status.as_u16(), 204, "the control");
        assert_eq!(get(&app, "/lifetime-rules", &token).await["rules"].as_array().unwrap().len(), left);
    }
}

async fn a_precondition_that_is_no_text_is_refused(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let made = json!({"id": "notes", "metadata": {"name": "Notes", "kind": "spa", "redirect_uris": ["https://notes.example.test/cb"]}});
    assert_eq!(send_json(&app, Method::POST, "/clients", &token, &made).await.status.as_u16(), 201);
    let change = made["metadata"].to_string();
    let put = async |tag: &str| request(&app, Method::PUT, "/clients/notes", Some(&token), &[("if-match", tag)], &change).await;
    assert_problem(&put("\"\u{ff}\"").await, 400, "request-malformed", "no text");
    assert_problem(&put("\"other\"").await, 412, "precondition-failed", "another");
    assert_eq!(put("*").await.status.as_u16(), 200, "the control");
}
