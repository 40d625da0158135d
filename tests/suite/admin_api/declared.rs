//! What the settings file declares, and who was there before it.

use gatekey::domain::account_scope;
use gatekey::domain::client_secret::SecretOverlap;
use gatekey::domain::event::Actor;
use gatekey::domain::id::ClientId;
use gatekey::domain::secret::Digest;
use gatekey::service::admin::declare;
use gatekey::settings::Settings;
use gatekey::store::clients;
use serde_json::json;

use super::*;
use crate::support::database::each_database;
use crate::support::log;
use crate::support::relying_party::RelyingParty;

each_database!(
    ad_04_power_that_the_file_gives_later_goes_to_no_secret_of_before,
    ad_04_a_secret_is_dropped_where_the_file_lets_nobody_be_asked,
    that_the_files_power_ended_a_previous_secret_is_told,
    a_user_who_was_there_before_the_file_gave_power_is_told,
    what_was_stored_before_lifetimes_had_a_longest_is_read,
);

const ROBOT_OF_THE_FILE: &str = "backup-robot";
const POWER: &str = "users:read roles:grant";
const DROPPED: &str = "client.secret_dropped";

fn robot_metadata(scope: &str) -> gatekey::domain::client::ClientMetadata {
    let declared = client(ROBOT_OF_THE_FILE, ClientKind::Machine, "https://backup.example.test", |c| {
        c.redirect_uris.clear();
        c.post_logout_redirect_uris.clear();
        c.web_origins.clear();
        c.scope = Scope::parse(scope).unwrap();
        c.resources = vec![AUDIENCE.to_owned(), OTHER_AUDIENCE.to_owned()];
    });
    declared.metadata
}

/// The settings, with a machine of this scope, and no secret.
fn declaring_robot(settings: &Settings, scope: &str) -> Settings {
    let mut changed = settings.clone();
    let metadata = robot_metadata(scope);
    changed.clients.push(gatekey::settings::DeclaredClient { id: robot_id(), metadata, secret_digest: None });
    changed
}

fn robot_id() -> ClientId {
    ClientId::parse(ROBOT_OF_THE_FILE).unwrap()
}

async fn works(app: &App, secret: &str) -> bool {
    let party = RelyingParty::new(&app.network, &app.issuer, ROBOT_OF_THE_FILE, "").with_secret(secret);
    let answer = party.post("oauth/token", &[("grant_type", "client_credentials"), ("resource", OTHER_AUDIENCE)]).await;
    assert!(answer.status.is_success() || answer.error() == "invalid_client", "{}", answer.text());
    answer.status.is_success()
}

async fn forget(app: &App) {
    app.write(|db| clients::delete(db, &robot_id()).map(drop)).await;
}

/// Who registered it, or made its secret over the API, was somebody who needed no power for that.
async fn ad_04_power_that_the_file_gives_later_goes_to_no_secret_of_before(database: Database) {
    let app = start(database).await;
    let (listening, admin) = (log::listen(), app.admin().await);
    let developer = robot_token(&app, AUDIENCE, &["clients:write".to_owned()]).await;
    let register = async |app: &App| {
        let metadata = json!({"name": "Backup", "kind": "machine", "resources": [AUDIENCE, OTHER_AUDIENCE]});
        let made = send_json(app, Method::POST, "/clients", &developer, &json!({"id": ROBOT_OF_THE_FILE, "metadata": metadata})).await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text());
        made.json()["client_secret"].as_str().unwrap().to_owned()
    };
    let rotate = async |app: &App| {
        let rotated = send(app, Method::POST, &format!("/clients/{ROBOT_OF_THE_FILE}/secret"), Some(&developer)).await;
        assert_eq!(rotated.status.as_u16(), 200, "{}", rotated.text());
        rotated.json()["client_secret"].as_str().unwrap().to_owned()
    };
    let by_command = async || admin.rotate_client_secret(&robot_id()).await.unwrap().expose().clone();
    let (plain, strong) = (declaring_robot(&app.settings, ""), declaring_robot(&app.settings, POWER));

    for (what, dropped) in [("registered", true), ("made over the API", true), ("made by a command before", true), ("made by a command", false)] {
        let mut secret = register(&app).await;
        if what == "made by a command before" {
            secret = by_command().await;
        }
        // It is the file's from here on, as powerless as before.
        declare(&admin, &plain).await.unwrap();
        match what {
            "made over the API" => secret = rotate(&app).await,
            "made by a command" => secret = by_command().await,
            _ => {}
        }
        assert!(works(&app, &secret).await, "{what}");
        let before = listening.count(DROPPED);
        declare(&admin, &strong).await.unwrap();
        assert_eq!((works(&app, &secret).await, listening.count(DROPPED) - before), (!dropped, usize::from(dropped)), "{what}");
        // Once more changes nothing, and one that is made since is kept.
        let fresh = by_command().await;
        declare(&admin, &strong).await.unwrap();
        assert!(works(&app, &fresh).await, "{what}");
        forget(&app).await;
    }
    // A new one beside one that still works is the operator's; who made the one before is not known, and with more power that one goes.
    let naming = |settings: &Settings, secret: &str| {
        let mut named = settings.clone();
        named.clients.last_mut().unwrap().secret_digest = Some(Digest::of(secret.as_bytes()));
        named
    };
    for named in [false, true] {
        let secret = register(&app).await;
        declare(&admin, &plain).await.unwrap();
        let overlap = SecretOverlap::seconds(86_400).unwrap();
        let next = admin.rotate_client_secret_if(&robot_id(), overlap, Box::new(|_| Ok(()))).await.unwrap().secret.expose().clone();
        assert!(works(&app, &secret).await && works(&app, &next).await, "the control");
        declare(&admin, &if named { naming(&strong, &next) } else { strong.clone() }).await.unwrap();
        assert_eq!((works(&app, &secret).await, works(&app, &next).await), (false, true), "{named}");
        forget(&app).await;
    }
    // What the file named is the operator's, also when it names it no more.
    for settings in [&naming(&plain, "of the file"), &plain, &strong] {
        declare(&admin, settings).await.unwrap();
        assert!(works(&app, "of the file").await);
    }
    forget(&app).await;
    // So is one that a command made beside another: also when the file names it for a while, and changes other things meanwhile.
    declare(&admin, &plain).await.unwrap();
    by_command().await;
    let next = admin.rotate_client_secret_if(&robot_id(), SecretOverlap::seconds(1).unwrap(), Box::new(|_| Ok(()))).await.unwrap().secret.expose().clone();
    app.clock.advance(chrono::TimeDelta::seconds(2));
    let mut renamed = naming(&plain, &next);
    renamed.clients.last_mut().unwrap().metadata.name = "Another name".into();
    for settings in [&renamed, &plain, &strong] {
        declare(&admin, settings).await.unwrap();
        assert!(works(&app, &next).await);
    }
    admin.store.close().await;
}

/// Who registered the client with scopes of the account API had to ask each user; by the file it asks nobody.
async fn ad_04_a_secret_is_dropped_where_the_file_lets_nobody_be_asked(database: Database) {
    let app = start(database).await;
    let (listening, admin) = (log::listen(), app.admin().await);
    let developer = robot_token(&app, AUDIENCE, &["clients:write".to_owned()]).await;
    let scope = format!("openid {}", account_scope::AccountScope::PasswordChange.as_str());
    let declaring = |id: &str, scope: &str, first_party: bool| {
        let mut changed = app.settings.clone();
        let mut declared = client(id, ClientKind::Web, "https://profile.example.test", |c| {
            c.scope = Scope::parse(scope).unwrap();
            c.resources = vec![account_scope::AUDIENCE.to_owned()];
            c.first_party = first_party;
        });
        declared.secret_digest = None;
        changed.clients.push(declared);
        changed
    };
    for (id, scope, first_party, dropped) in
        [("asking", &*scope, false, false), ("own-without", "openid", true, false), ("own", &*scope, true, true), ("own-later", &*scope, true, true)]
    {
        let uri = "https://profile.example.test/callback";
        let metadata = json!({"name": "Profile", "kind": "web", "redirect_uris": [uri], "scope": scope, "resources": [account_scope::AUDIENCE]});
        let made = send_json(&app, Method::POST, "/clients", &developer, &json!({"id": id, "metadata": metadata})).await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text());
        let secret = made.json()["client_secret"].as_str().unwrap().to_owned();
        let party = RelyingParty::new(&app.network, &app.issuer, id, uri).with_secret(&secret);
        let proves_itself = async || {
            let error = party.post("oauth/token", &[("grant_type", "authorization_code"), ("code", "none"), ("redirect_uri", uri)]).await.error();
            assert!(error == "invalid_grant" || error == "invalid_client", "{error}");
            error == "invalid_grant"
        };
        assert!(proves_itself().await, "{id}: the control");
        if id == "own-later" {
            declare(&admin, &declaring(id, scope, false)).await.unwrap();
            assert!(proves_itself().await, "{id}: no more power than before");
        }
        let before = listening.count(DROPPED);
        declare(&admin, &declaring(id, scope, first_party)).await.unwrap();
        assert_eq!((proves_itself().await, listening.count(DROPPED) - before), (!dropped, usize::from(dropped)), "{id}");
        let whole = robot_token(&app, AUDIENCE, &all_scopes()).await;
        assert_eq!(get(&app, &format!("/clients/{id}"), &whole).await["metadata"]["first_party"], first_party, "{id}");
    }
    admin.store.close().await;
}

/// As an event, at the start that does it, once. Where nothing ended, or more than that one, there is no such event.
async fn that_the_files_power_ended_a_previous_secret_is_told(database: Database) {
    const KIND: &str = "client.previous_secret_ended";
    let app = start(database).await;
    let admin = app.admin().await;
    let starts = async |settings: &Settings, seed: &str| {
        App::on(app.database.clone(), settings.clone(), app.clock.clone(), seed).await.stop().await;
    };
    let events = async |kind: &str| {
        let token = robot_token(&app, AUDIENCE, &["events:read".to_owned()]).await;
        get(&app, &format!("/events?object={ROBOT_OF_THE_FILE}&kind={kind}&limit=200"), &token).await["items"].as_array().unwrap().clone()
    };
    let (plain, strong) = (declaring_robot(&app.settings, ""), declaring_robot(&app.settings, POWER));
    let mut renamed = plain.clone();
    renamed.clients.last_mut().unwrap().metadata.name = "Another name".into();
    let hour = Some(3_600);
    for (what, overlap, settings, first_works, next_works, told) in [
        ("one that works", hour, &strong, false, true, 1),
        ("one whose time is over", Some(60), &strong, false, true, 0),
        ("one that somebody ended", hour, &strong, false, true, 0),
        ("one that a rotation ended", None, &strong, false, true, 0),
        ("one beside a secret that is dropped", hour, &strong, false, false, 0),
        ("no power", hour, &renamed, true, true, 0),
        ("nothing new", hour, &plain, true, true, 0),
    ] {
        starts(&plain, &format!("{what}, before")).await;
        let first = admin.rotate_client_secret(&robot_id()).await.unwrap().expose().clone();
        let overlap = overlap.map_or(SecretOverlap::NONE, |seconds| SecretOverlap::seconds(seconds).unwrap());
        let by = if next_works { admin.clone() } else { admin.acting_as(Actor::Client(ClientId::parse(ROBOT).unwrap())) };
        let next = by.rotate_client_secret_if(&robot_id(), overlap, Box::new(|_| Ok(()))).await.unwrap().secret.expose().clone();
        app.advance(chrono::TimeDelta::seconds(61));
        if what == "one that somebody ended" {
            admin.end_previous_client_secret(&robot_id(), Box::new(|_| Ok(()))).await.unwrap();
        }
        assert_eq!(works(&app, &first).await, !matches!(what, "one whose time is over" | "one that somebody ended" | "one that a rotation ended"), "{what}");
        assert!(works(&app, &next).await, "{what}: the control");

        let (before, rotated) = (events(KIND).await.len(), events("client.secret_rotated").await.len());
        starts(settings, &format!("{what}, after")).await;
        assert_eq!((works(&app, &first).await, works(&app, &next).await), (first_works, next_works), "{what}");
        let after = events(KIND).await;
        assert_eq!(after.len() - before, told, "{what}: {after:?}");
        // One that is dropped takes the one before along, and is what is told.
        assert_eq!(events("client.secret_rotated").await.len() - rotated, usize::from(!next_works), "{what}");
        if told == 1 {
            let event = &after[0];
            assert_eq!(event["actor"], json!({"kind": "settings_file"}), "{event}");
            assert_eq!(event["object"], json!({"kind": "client", "id": ROBOT_OF_THE_FILE}), "{event}");
            let at = event["at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
            assert_eq!((at, event.get("user_id")), (app.now(), None), "{event}");
            let updated = &events("client.updated").await[0];
            assert_eq!((&updated["at"], &updated["actor"]), (&event["at"], &event["actor"]), "what gave the power is told beside it: {updated}");
            assert!(![&first, &next].iter().any(|secret| format!("{event} {updated}").contains(secret.as_str())), "{event} {updated}");
        }
        starts(settings, &format!("{what}, again")).await;
        assert_eq!(events(KIND).await.len() - before, told, "{what}: once");
        forget(&app).await;
    }
    admin.store.close().await;
}

/// Somebody may have taken the name in time. It may also be the very person, so nothing is refused.
async fn a_user_who_was_there_before_the_file_gave_power_is_told(database: Database) {
    const TOLD: &str = "user.declared_with_power";
    let app = start(database).await;
    let (listening, admin) = (log::listen(), app.admin().await);
    for (name, role, told) in [("ops", Some(AdminRole::Auditor), true), ("plain", None, false)] {
        super::users::register(&app, name, None).await;
        let mut settings = app.settings.clone();
        let mut declared = settings.users[0].clone();
        (declared.username, declared.role, declared.password_hash) = (name.to_owned(), role, None);
        settings.users.push(declared);
        let before = listening.count(TOLD);
        declare(&admin, &settings).await.unwrap();
        assert_eq!((app.user(name).await.role, listening.count(TOLD) - before), (role, usize::from(told)), "{name}");
        if told {
            let (text, id) = (listening.text(), app.user(name).await.id.to_string());
            let line = text.lines().find(|line| line.contains(TOLD)).unwrap();
            assert!(line.contains("WARN") && line.contains(&id) && !line.contains(name), "{line}");
        }
        // Told once; and what is the file's already is given more without a word.
        settings.users.last_mut().unwrap().role = Some(AdminRole::Administrator);
        declare(&admin, &settings).await.unwrap();
        assert_eq!((app.user(name).await.role, listening.count(TOLD) - before), (Some(AdminRole::Administrator), usize::from(told)), "{name}");
    }
    admin.store.close().await;
}

/// A database of before: what is longer than a thousand years is unlimited now, wherever it is read.
async fn what_was_stored_before_lifetimes_had_a_longest_is_read(database: Database) {
    const LONG: &str = r#"{"session_absolute":"P9000Y","refresh_absolute":"PT9223372036854775S","access_token":"PT9223372036854775S","id_token":"P1001Y"}"#;
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let made = json!({"id": "old", "metadata": {"name": "Old", "kind": "spa", "redirect_uris": ["https://old.example.test/cb"], "first_party": true}});
    assert_eq!(send_json(&app, Method::POST, "/clients", &token, &made).await.status.as_u16(), 201);
    let rule = json!({"selector": {"client": OWN_PAGE}, "limits": {"session_idle": "PT1H"}});
    assert!(send_json(&app, Method::PUT, "/lifetime-rules", &token, &rule).await.status.is_success());
    app.write(|db| {
        let statements = [
            format!("UPDATE clients SET metadata = replace(metadata, '\"lifetimes\":{{}}', '\"lifetimes\":{LONG}') WHERE id = 'old'"),
            format!("UPDATE lifetime_rules SET limits = '{LONG}'"),
        ];
        statements.into_iter().try_for_each(|statement| Ok(diesel::RunQueryDsl::execute(diesel::sql_query(statement), db).map(drop)?))
    })
    .await;
    let app = App::on(app.database.clone(), app.settings.clone(), app.clock.clone(), "again").await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let unlimited = json!({"session_absolute": "unlimited", "refresh_absolute": "unlimited", "access_token": "unlimited", "id_token": "unlimited"});
    assert_eq!(get(&app, "/clients/old", &token).await["metadata"]["lifetimes"], unlimited);
    let policy = get(&app, "/lifetime-rules", &token).await;
    assert_eq!(policy["registered"], json!([{"client": "old", "limits": unlimited}]));
    assert_eq!(policy["rules"][0]["limits"], unlimited);
    assert_eq!(send(&app, Method::POST, "/keys/rotate", Some(&token)).await.status.as_u16(), 201);
    app.advance(chrono::TimeDelta::days(3));
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let keys = get(&app, "/keys", &token).await;
    let retires_at = keys["items"].as_array().unwrap().iter().find_map(|key| key["retires_at"].as_str()).unwrap_or_else(|| panic!("{keys}"));
    assert!(chrono::DateTime::parse_from_rfc3339(retires_at).is_ok(), "{keys}");
    // Sessions and refresh tokens by them go on; a token ends.
    let party = RelyingParty::new(&app.network, &app.issuer, "old", "https://old.example.test/cb");
    let given = app.sign_in(&mut app.browser(), &party, "openid").await;
    assert_eq!(party.userinfo(&party.refresh(given.refresh()).await.access).await.status.as_u16(), 200);
    assert!(party.claims(&given.access).await["exp"].as_i64().is_some());
    let session = a_session(&app, "alice").await;
    get(&app, &format!("/sessions/{session}"), &token).await;
}
