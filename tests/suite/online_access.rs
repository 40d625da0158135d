//! `online_access`: a refresh token that stands for the session. It stays the same, using it uses the session, and each ends the other.

use chrono::TimeDelta;
use gatekey::domain::client::{ClientKind, ClientMetadata, GrantType};
use gatekey::domain::event::{Actor, EventKind};
use gatekey::domain::id::ClientId;
use gatekey::domain::scope::Scope;
use gatekey::domain::session::{EndReason, Session};
use gatekey::settings::Settings;
use gatekey::store::tree::{self, Node};
use gatekey::store::{events, sessions};
use serde_json::json;

use crate::backchannel_logout::{ONE, TWO, listening};
use crate::refresh::stored;
use crate::support::app::{App, MACHINE, MASTER_KEY, PASSWORD, SERVER, client};
use crate::support::browser::form_with;
use crate::support::database::{Database, each_database, program};
use crate::support::receiver::Receiver;

each_database!(
    it_stays_the_same_and_uses_the_session,
    it_idles_by_its_own_limit_unless_it_is_used,
    it_ends_with_the_session,
    it_ends_with_the_part_of_its_application,
    giving_it_back_signs_the_user_out,
    an_access_token_given_back_ends_the_grant_alone,
    a_dead_one_signs_nobody_out,
    a_registration_that_is_narrowed_makes_it_rotate,
    it_is_asked_for_by_name_and_not_beside_offline_access,
    it_is_dropped_where_it_cannot_be_given,
    the_consent_page_says_what_it_is,
    the_command_tells_the_kinds,
);

/// The operator's own, with a secret; may ask for either kind.
pub const ONLINE: &str = "online";
/// The same, but its users are asked.
pub const ASKING_ONLINE: &str = "asking-online";
pub const ONLINE_SCOPE: &str = "openid online_access";

fn register(settings: &mut Settings, change: impl Fn(&mut ClientMetadata)) {
    for (id, first_party) in [(ONLINE, true), (ASKING_ONLINE, false)] {
        settings.clients.push(client(id, ClientKind::Web, &format!("https://{id}.example.test"), |client| {
            client.first_party = first_party;
            client.scope = Scope::parse("openid profile offline_access online_access").unwrap();
            change(client);
        }));
    }
}

pub async fn app(database: Database) -> App {
    app_with(database, |_| {}).await
}

pub async fn app_with(database: Database, change: impl FnOnce(&mut Settings)) -> App {
    App::start_with(database, |settings| {
        register(settings, |_| {});
        change(settings);
    })
    .await
}

pub async fn only_session(app: &App) -> Session {
    let alice = app.user("alice").await.id;
    let mut sessions = app.store.scan(move |db| sessions::list(db, Some(alice), None, 100)).await.unwrap();
    assert_eq!(sessions.len(), 1);
    sessions.remove(0)
}

/// However often, whenever, at whichever replica: byte for byte the same, and the row takes no step. The answer tells the session's ends, moved on.
async fn it_stays_the_same_and_uses_the_session(database: Database) {
    let app = app(database).await;
    let replica = app.replica("second").await;
    let (party, other) = (app.relying_party(ONLINE), replica.relying_party(ONLINE));
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
    assert_eq!(tokens.json["scope"], "online_access openid");
    let began = only_session(&app).await;
    let day = 86_400;
    for step in 1..=20 {
        // Longer apart than the replay of a token that rotates could be; together longer than the session idles.
        app.advance(TimeDelta::days(1));
        for party in [&party, &other] {
            let next = party.refresh(tokens.refresh()).await;
            assert_eq!(next.refresh(), tokens.refresh(), "{step}");
            assert_ne!(next.access, tokens.access);
            assert!(next.id.is_some());
            assert_eq!(next.json["session_expires_at"], began.created_at.timestamp() + 30 * day, "{step}");
            assert_eq!(next.json["session_idle_expires_at"], app.seconds() + 14 * day, "{step}");
            assert_eq!(party.introspect(&next.access).await["active"], true);
            assert_eq!(party.userinfo(&next.access).await.status.as_u16(), 200);
        }
        assert_eq!(only_session(&app).await.last_used_at, app.now());
    }
    // The use is written down once a minute at most.
    let used = app.now();
    app.advance(TimeDelta::seconds(59));
    party.refresh(tokens.refresh()).await;
    assert_eq!((only_session(&app).await.last_used_at, stored(&app).await[0].last_used_at), (used, used));
    app.advance(TimeDelta::seconds(1));
    party.refresh(tokens.refresh()).await;
    assert_eq!((only_session(&app).await.last_used_at, stored(&app).await[0].last_used_at), (app.now(), app.now()));
    let families = stored(&app).await;
    assert_eq!((families.len(), families[0].generation, families[0].rotated_at, families[0].ended), (1, 1, began.created_at, None));
    // The session is alive for silent renewal too, which the refreshes alone have kept it for; its absolute end nothing moves.
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    let looked = party.introspect(tokens.refresh()).await;
    assert_eq!((&looked["active"], &looked["scope"], &looked["token_type"]), (&json!(true), &json!("online_access openid"), &json!("refresh_token")));
    app.advance(TimeDelta::seconds(began.created_at.timestamp() + 30 * day - app.seconds()));
    party.refused(tokens.refresh()).await;
    other.refused(tokens.refresh()).await;
    assert_eq!(party.introspect(tokens.refresh()).await, json!({"active": false}));
    replica.stop().await;
}

/// The limits of refresh tokens hold for it as well, for this client by itself: its uses move the idle one, nothing the absolute one.
async fn it_idles_by_its_own_limit_unless_it_is_used(database: Database) {
    let app = App::start_with(database, |settings| {
        register(settings, |client| {
            client.lifetimes.refresh_idle = Some("PT4M".parse().unwrap());
            client.lifetimes.refresh_absolute = Some("PT1H".parse().unwrap());
        });
    })
    .await;
    let party = app.relying_party(ONLINE);
    let mut browser = app.browser();
    let (used, idle) = (app.sign_in(&mut browser, &party, ONLINE_SCOPE).await, app.sign_in(&mut browser, &party, ONLINE_SCOPE).await);
    for _ in 0..19 {
        app.advance(TimeDelta::minutes(3));
        party.refresh(used.refresh()).await;
    }
    party.refused(idle.refresh()).await;
    // One that has run out ends itself and not the session; giving it back then signs nobody out.
    assert_eq!(party.revoke(idle.refresh()).await.status.as_u16(), 200);
    assert_eq!(only_session(&app).await.ended, None);
    app.advance(TimeDelta::minutes(3));
    party.refused(used.refresh()).await;
    let reasons: Vec<_> = stored(&app).await.iter().map(|family| family.ended.unwrap().reason).collect();
    assert!(reasons.len() == 2 && reasons.contains(&EndReason::ExpiredAbsolute) && reasons.contains(&EndReason::ExpiredIdle), "{reasons:?}");
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
}

/// By whatever it ends. P1.
async fn it_ends_with_the_session(database: Database) {
    let app = app_with(database, |settings| settings.sessions.accounts_per_browser = 1).await;
    let (party, server) = (app.relying_party(ONLINE), app.relying_party(SERVER));
    for end in ["logout", "administrator", "user", "another user", "idle"] {
        let mut browser = app.browser();
        let tokens = app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
        let others = app.sign_in(&mut browser, &server, "openid").await;
        party.refresh(tokens.refresh()).await;
        let family = stored(&app).await.into_iter().find(|family| family.ended.is_none() && family.client_id.as_str() == ONLINE).unwrap();
        let (now, session) = (app.now(), Node::Session(family.session_id));
        match end {
            "logout" => drop(browser.visit(&format!("{}?id_token_hint={}", server.endpoint("oidc/logout"), others.id.unwrap())).await.page()),
            "administrator" => drop(app.write(move |db| tree::end(db, &session, EndReason::RevokedByAdmin, now)).await),
            "user" => drop(app.write(move |db| tree::end(db, &session, EndReason::RevokedByUser, now)).await),
            "another user" => drop(app.authorize_as(&mut browser, &server.authorize("openid", &[("prompt", "login")]), "bobby").await),
            _ => app.advance(TimeDelta::days(14)),
        }
        party.refused(tokens.refresh()).await;
        for dead in [tokens.refresh(), tokens.access.as_str()] {
            assert_eq!(party.introspect(dead).await, json!({"active": false}), "{end}");
        }
        assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 401, "{end}");
        app.advance(TimeDelta::minutes(5));
    }
    // Who signs in again in the same browser goes on with the same session, and so does the token.
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
    app.advance(TimeDelta::minutes(5));
    let again = app.authorize_as(&mut browser, &party.authorize("openid", &[("prompt", "login")]), "alice").await;
    party.code(&again);
    assert_eq!(party.refresh(tokens.refresh()).await.refresh(), tokens.refresh());
}

async fn it_ends_with_the_part_of_its_application(database: Database) {
    let app = app(database).await;
    let (party, server) = (app.relying_party(ONLINE), app.relying_party(SERVER));
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
    let others = app.sign_in(&mut browser, &server, "openid").await;
    let (session, now) = (only_session(&app).await.id, app.now());
    let part = Node::ClientSession(session, ClientId::parse(ONLINE).unwrap());
    app.write(move |db| tree::end(db, &part, EndReason::ConsentWithdrawn, now)).await;
    party.refused(tokens.refresh()).await;
    // What is dead ends nothing else.
    party.revoke(tokens.refresh()).await;
    assert_eq!(only_session(&app).await.ended, None);
    server.refresh(others.refresh()).await;
}

/// RFC 7009: the session ends, for every application in it, and they are told; but what was granted for while nobody is there goes on.
async fn giving_it_back_signs_the_user_out(database: Database) {
    let (one, two) = (Receiver::start(), Receiver::start());
    let app = app_with(database, |settings| {
        listening(settings, &one.url("/logout"), &two.url("/logout"));
        let one = settings.clients.iter_mut().find(|client| client.id.as_str() == ONE).unwrap();
        one.metadata.scope = Scope::parse("openid online_access").unwrap();
    })
    .await;
    let (party, other, server) = (app.relying_party(ONE), app.relying_party(TWO), app.relying_party(SERVER));
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
    let second = app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
    let (others, offline) = (app.sign_in(&mut browser, &other, "openid").await, app.sign_in(&mut browser, &server, "openid offline_access").await);
    // The same user in another browser, which it is nothing to: later, for sessions stand in the order in which they were made.
    app.advance(TimeDelta::seconds(1));
    let mut elsewhere = app.browser();
    let kept = app.sign_in(&mut elsewhere, &party, ONLINE_SCOPE).await;
    party.refresh(tokens.refresh()).await;

    // A stranger's word for it changes nothing (RFC 7009 §2.1), nor does a letter of it that is another.
    server.revoke(tokens.refresh()).await;
    other.revoke(tokens.refresh()).await;
    let forged = format!("{}{}", &tokens.refresh()[..60], if tokens.refresh()[60..].starts_with('A') { "B" } else { "A" });
    party.revoke(&format!("{forged}{}", &tokens.refresh()[61..])).await;
    party.refresh(tokens.refresh()).await;

    let answer = party.revoke(tokens.refresh()).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, ""));
    for (party, dead) in [(&party, &tokens), (&party, &second), (&other, &others)] {
        party.refused(dead.refresh()).await;
        assert_eq!(party.introspect(&dead.access).await, json!({"active": false}));
        assert_eq!(party.userinfo(&dead.access).await.status.as_u16(), 401);
    }
    for party in [&party, &other, &server] {
        assert_eq!(party.error(&app.silently(&mut browser, party, "openid", &[]).await), "login_required");
    }
    let goes_on = server.refresh(offline.refresh()).await;
    assert_eq!(server.introspect(&goes_on.access).await["active"], true);
    party.refresh(kept.refresh()).await;
    party.code(&app.silently(&mut elsewhere, &party, "openid", &[]).await);

    let alice = app.user("alice").await.id;
    let sessions = app.store.scan(move |db| sessions::list(db, Some(alice), None, 100)).await.unwrap();
    assert_eq!(sessions.iter().map(|session| session.ended.map(|ended| ended.reason)).collect::<Vec<_>>(), [Some(EndReason::RevokedByClient), None]);
    let filter = events::Filter { kind: Some(EventKind::SessionEnded), ..events::Filter::default() };
    let told = app.store.scan(move |db| events::list(db, &filter, None, 10)).await.unwrap();
    assert_eq!((told.len(), &told[0].actor, told[0].user), (1, &Actor::Client(ClientId::parse(ONE).unwrap()), Some(alice)));
    let detail = told[0].detail.fields();
    assert_eq!(
        (&detail["reason"], &detail["sessions"], &detail["client_sessions"], &detail["refresh_families"]),
        (&json!("revoked_by_client"), &json!(1), &json!(3), &json!(3))
    );

    app.running.deliver_logout_notices().await;
    assert_eq!((one.take().len(), two.take().len()), (1, 1));
    // Once more is done already.
    assert_eq!(party.revoke(tokens.refresh()).await.status.as_u16(), 200);
    app.running.deliver_logout_notices().await;
    assert_eq!((one.take().len(), two.take().len()), (0, 0));
    party.refresh(kept.refresh()).await;
}

/// It is what an application hands to others.
async fn an_access_token_given_back_ends_the_grant_alone(database: Database) {
    let app = app(database).await;
    let party = app.relying_party(ONLINE);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
    party.revoke(&tokens.access).await;
    party.refused(tokens.refresh()).await;
    assert_eq!(only_session(&app).await.ended, None);
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    // And what has ended is no right to sign anybody out.
    party.revoke(tokens.refresh()).await;
    assert_eq!(only_session(&app).await.ended, None);
}

/// Signing somebody out is a right that the user gave, and may take back.
async fn a_dead_one_signs_nobody_out(database: Database) {
    let app = app(database).await;
    let party = app.relying_party(ASKING_ONLINE);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
    party.refresh(tokens.refresh()).await;
    // The row of the family lives on: it is judged, not only looked up.
    let alice = app.user("alice").await.id;
    assert!(app.write(move |db| gatekey::store::consents::withdraw(db, alice, &ClientId::parse(ASKING_ONLINE).unwrap())).await);
    party.refused(tokens.refresh()).await;
    party.revoke(tokens.refresh()).await;
    assert_eq!(only_session(&app).await.ended, None);
}

/// A client that may ask for it no more: from the next use on it is a token like any other that hangs on the session.
async fn a_registration_that_is_narrowed_makes_it_rotate(database: Database) {
    let app = app(database).await;
    let party = app.relying_party(ONLINE);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
    let set = async |scope: &'static str| {
        app.write(move |db| {
            let mut client = gatekey::store::clients::find(db, &ClientId::parse(ONLINE).unwrap())?.unwrap();
            client.metadata.scope = Scope::parse(scope).unwrap();
            gatekey::store::clients::upsert(db, &client)
        })
        .await;
    };
    set("openid").await;
    let second = party.refresh(tokens.refresh()).await;
    assert_ne!(second.refresh(), tokens.refresh());
    assert_eq!(second.json["scope"], "openid");
    // Allowed again, the newest stays; the one before is good for a retry only.
    set(ONLINE_SCOPE).await;
    app.advance(TimeDelta::hours(1));
    assert_eq!(party.refresh(second.refresh()).await.refresh(), second.refresh());
    set("openid").await;
    party.revoke(second.refresh()).await;
    party.refused(second.refresh()).await;
    assert_eq!(only_session(&app).await.ended, None, "narrowed, it ends its grant alone");
}

async fn it_is_asked_for_by_name_and_not_beside_offline_access(database: Database) {
    let app = app(database).await;
    let party = app.relying_party(ONLINE);
    let mut browser = app.browser();
    let rotating = app.sign_in(&mut browser, &party, "openid").await;
    assert_ne!(party.refresh(rotating.refresh()).await.refresh(), rotating.refresh(), "without the scope it rotates");
    // Both are the client's to ask for, one at a time.
    app.sign_in(&mut browser, &party, "openid offline_access").await;
    for prompt in [("prompt", "none"), ("prompt", "")] {
        let response = browser.navigate(&party.authorize("openid online_access offline_access", &[prompt]), crate::support::browser::LINK).await.left();
        assert_eq!(party.error(&response), "invalid_request");
    }
    // Asked for by default, it would surprise: it has to be registered.
    let server = app.relying_party(SERVER);
    let tokens = app.sign_in(&mut browser, &server, ONLINE_SCOPE).await;
    assert_eq!(tokens.json["scope"], "openid");
    let discovery = app.network.get(&party.endpoint(".well-known/openid-configuration"), &[]).await.json();
    assert!(discovery["scopes_supported"].as_array().unwrap().contains(&json!("online_access")));
}

/// To a client without a secret, without the refresh grant, or that acts for itself.
async fn it_is_dropped_where_it_cannot_be_given(database: Database) {
    let everything = Scope::parse("openid offline_access online_access jobs:run").unwrap();
    let app = App::start_with(database, |settings| {
        register(settings, |client| client.grant_types = vec![GrantType::AuthorizationCode]);
        // As no settings file and no command would register it.
        settings.clients.push(client("public", ClientKind::Spa, "https://public.example.test", |client| client.first_party = true));
        settings.clients.iter_mut().find(|client| client.id.as_str() == MACHINE).unwrap().metadata.scope = everything.clone();
    })
    .await;
    app.write(move |db| {
        let mut client = gatekey::store::clients::find(db, &ClientId::parse("public").unwrap())?.unwrap();
        client.metadata.scope = everything;
        gatekey::store::clients::upsert(db, &client)
    })
    .await;
    let mut browser = app.browser();
    let (code_only, public, machine) = (app.relying_party(ONLINE), app.relying_party("public"), app.relying_party(MACHINE));
    let tokens = app.sign_in(&mut browser, &code_only, ONLINE_SCOPE).await;
    assert_eq!((&tokens.json["scope"], &tokens.refresh), (&json!("openid"), &None));
    let tokens = app.sign_in(&mut browser, &public, "openid online_access offline_access").await;
    assert_eq!(tokens.json["scope"], "offline_access openid");
    let tokens = app.sign_in(&mut browser, &public, ONLINE_SCOPE).await;
    assert_eq!(tokens.json["scope"], "openid");
    assert_ne!(public.refresh(tokens.refresh()).await.refresh(), tokens.refresh(), "it rotates");
    public.revoke(tokens.refresh()).await;
    assert_eq!(only_session(&app).await.ended, None);
    let answer = machine.post("oauth/token", &[("grant_type", "client_credentials")]).await;
    assert_eq!(answer.json()["scope"], "jobs:run");
}

async fn the_consent_page_says_what_it_is(database: Database) {
    let app = app(database).await;
    let party = app.relying_party(ASKING_ONLINE);
    let mut browser = app.browser();
    let page = browser.visit(party.authorize("openid profile online_access", &[]).as_str()).await.page();
    let form = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
    let page = browser.submit(&form, None).await.page();
    for words in ["Share your sign-in", "Signing out there signs you out here", "as long as you are signed in here"] {
        assert!(page.text().contains(words), "{words}: {}", page.text());
    }
    let tokens = party.exchange(&party.code(&browser.submit(&form_with(&page, "decision"), Some("allow")).await.left())).await;
    assert_eq!(party.refresh(tokens.refresh()).await.refresh(), tokens.refresh());
    // The user's own page names it.
    let page = browser.visit(&party.endpoint("account")).await.page();
    assert!(page.text().contains("Share your sign-in") && page.text().contains("Only while you are signed in"), "{}", page.text());
}

/// `gatekey session show`, beside the server.
async fn the_command_tells_the_kinds(database: Database) {
    let app = app(database).await;
    let (party, server) = (app.relying_party(ONLINE), app.relying_party(SERVER));
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
    let rotating = app.sign_in(&mut browser, &party, "openid").await;
    app.sign_in(&mut browser, &server, "openid offline_access").await;
    party.revoke(rotating.refresh()).await;
    let (folder, session) = (tempfile::tempdir().unwrap(), only_session(&app).await.id.to_string());
    std::fs::write(folder.path().join("gatekey.toml"), format!("issuer = \"{}\"\n[database]\nurl = \"{}\"\n", app.issuer, app.database.url())).unwrap();
    let run = |arguments: &[&str]| {
        let output = program(folder.path()).args(["session", "show"]).args(arguments).env("GATEKEY_MASTER_KEY", MASTER_KEY).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    let (done, said) = run(&[&session, "--json"]);
    assert!(done, "{said}");
    let shown: serde_json::Value = serde_json::from_str(&said).unwrap();
    let mut kinds: Vec<_> = shown["refresh_tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| (token["kind"].as_str().unwrap(), token["client_id"].as_str().unwrap(), token["end_reason"].as_str()))
        .collect();
    kinds.sort_unstable();
    let expected = [("offline_access", SERVER, None), ("online_access", ONLINE, None), ("session", ONLINE, Some("revoked_by_client"))];
    assert_eq!((kinds, &shown["session"]["id"], &shown["session"]["username"]), (expected.to_vec(), &json!(session), &json!("alice")));
    assert_eq!(shown["applications"].as_array().unwrap().len(), 2);
    let (done, said) = run(&[&session]);
    assert!(done && ["online_access", "offline_access", "(revoked_by_client)", "APPLICATION", "alice"].iter().all(|words| said.contains(words)), "{said}");
    for (id, words) in [("nobody", "is not a session id"), ("0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d", "0198c5f2")] {
        let (done, said) = run(&[id]);
        assert!(!done && said.contains(words), "{said}");
    }
}
