//! Refresh tokens: rotation is idempotent, and reuse ends the family (RFC 6749 §6, RFC 9700 §4.14.2).

use chrono::TimeDelta;
use diesel::{Connection, PgConnection, RunQueryDsl};
use gatekey::domain::duration::Lifetime;
use gatekey::domain::refresh_family::RefreshFamily;
use gatekey::store::{clients, consents, refresh_families};
use serde_json::json;

use crate::support::app::{App, MACHINE, OTHER_PAGE, OWN_PAGE, PAGE, SERVER};
use crate::support::database::{Backend, Database, each_database};
use crate::support::relying_party::{RelyingParty, Tokens};

each_database!(
    it_rotates,
    a_retry_gets_the_same_successor,
    reuse_ends_the_family,
    an_ancestor_is_known_by_its_generation_not_its_time,
    a_strict_client_has_no_second_try,
    a_restored_backup_logs_nobody_out,
    another_client_is_refused_and_harms_nothing,
    a_stranger_harms_nothing,
    it_expires,
    it_dies_with_what_it_hangs_on,
    offline_access_survives_a_logout,
    other_tokens_are_no_refresh_tokens,
    ten_thousand_generations_are_one_row,
);

/// A family of alice at an application of the operator's own.
async fn family(app: &App, party: &RelyingParty) -> Tokens {
    app.sign_in(&mut app.browser(), party, "openid").await
}

pub async fn stored(app: &App) -> Vec<RefreshFamily> {
    let alice = app.user("alice").await.id;
    app.store.scan(move |db| refresh_families::list_by_user(db, alice, None, 100)).await.unwrap()
}

async fn it_rotates(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut tokens = family(&app, &party).await;
    let mut seen = vec![tokens.refresh().to_owned()];
    for _ in 0..10 {
        tokens = party.refresh(tokens.refresh()).await;
        assert!(tokens.refresh().starts_with("gk_rt_"));
        assert!(!seen.contains(&tokens.refresh().to_owned()));
        assert!(tokens.id.is_some(), "an OpenID refresh brings an ID token");
        assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 200);
        seen.push(tokens.refresh().to_owned());
    }
    let families = stored(&app).await;
    assert_eq!((families.len(), families[0].generation), (1, 11));
}

/// RT-07, P2: the answer was lost; the same request again, three times in thirty seconds, byte for byte the same successor.
async fn a_retry_gets_the_same_successor(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let first = family(&app, &party).await;
    let second = party.refresh(first.refresh()).await;
    for _ in 0..2 {
        app.advance(TimeDelta::seconds(10));
        let replayed = party.refresh(first.refresh()).await;
        assert_eq!(replayed.refresh(), second.refresh());
        assert_ne!(replayed.access, second.access, "the access token is a fresh one");
        assert_eq!(party.userinfo(&replayed.access).await.status.as_u16(), 200);
    }
    assert_eq!(stored(&app).await[0].generation, 2);
    party.refresh(second.refresh()).await;
}

/// RT-01, RT-08: after the overlap, and inside it once the successor has been used.
async fn reuse_ends_the_family(database: Database) {
    let app = App::start(database).await;
    let server = app.relying_party(SERVER);
    let late = family(&app, &server).await;
    let second = server.refresh(late.refresh()).await;
    app.advance(TimeDelta::seconds(31));
    server.refused(late.refresh()).await;
    server.refused(second.refresh()).await;
    assert_eq!(server.introspect(&second.access).await, json!({"active": false}));

    let early = family(&app, &server).await;
    let second = server.refresh(early.refresh()).await;
    let third = server.refresh(second.refresh()).await;
    server.refused(early.refresh()).await;
    server.refused(third.refresh()).await;
    assert_eq!(server.introspect(&third.access).await, json!({"active": false}));

    // RT-18: a thousand times more harms nobody else.
    let other = family(&app, &server).await;
    for _ in 0..20 {
        server.refused(early.refresh()).await;
    }
    server.refresh(other.refresh()).await;
}

/// RT-03: a clock that stands still hides no reuse.
async fn an_ancestor_is_known_by_its_generation_not_its_time(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let first = family(&app, &party).await;
    let second = party.refresh(first.refresh()).await;
    let third = party.refresh(second.refresh()).await;
    let fourth = party.refresh(third.refresh()).await;
    // The direct predecessor is a retry, at whatever time.
    assert_eq!(party.refresh(third.refresh()).await.refresh(), fourth.refresh());
    party.refused(second.refresh()).await;
    party.refused(fourth.refresh()).await;
}

/// `refresh_overlap` of 0: single use, without a second chance.
async fn a_strict_client_has_no_second_try(database: Database) {
    let app = App::start_with(database, |settings| {
        let strict = settings.clients.iter_mut().find(|client| client.id.as_str() == OWN_PAGE).unwrap();
        strict.metadata.refresh_overlap = Lifetime::seconds(0);
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let first = family(&app, &party).await;
    let second = party.refresh(first.refresh()).await;
    party.refused(first.refresh()).await;
    party.refused(second.refresh()).await;
}

/// P12: the database is older than the tokens it gave out. The newest token proves its own generation; nobody is logged out,
/// and what was used before the restore is still reuse.
async fn a_restored_backup_logs_nobody_out(database: Database) {
    let backend = database.backend();
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let first = family(&app, &party).await;
    let second = party.refresh(first.refresh()).await;
    let (clock, settings) = (app.clock.clone(), app.settings.clone());

    let database = app.stop().await;
    let backup = database.back_up();
    let app = App::on(database, settings.clone(), clock.clone(), "before the loss").await;
    let party = app.relying_party(OWN_PAGE);
    let third = party.refresh(second.refresh()).await;
    let fourth = party.refresh(third.refresh()).await;
    let database = app.stop().await;
    match backend {
        Backend::Sqlite => database.restore(&backup),
        // The same loss, by hand.
        Backend::Postgres => {
            let mut connection = PgConnection::establish(database.url()).unwrap();
            let changed = diesel::sql_query("UPDATE refresh_families SET generation = generation - 2").execute(&mut connection).unwrap();
            assert_eq!(changed, 1);
        }
    }

    let app = App::on(database, settings, clock, "after the loss").await;
    let party = app.relying_party(OWN_PAGE);
    assert_eq!(stored(&app).await[0].generation, 2, "the backup is what is there");
    let fifth = party.refresh(fourth.refresh()).await;
    assert_eq!(stored(&app).await[0].generation, 5);
    assert_eq!(party.refresh(fourth.refresh()).await.refresh(), fifth.refresh());
    let sixth = party.refresh(fifth.refresh()).await;
    party.refused(third.refresh()).await;
    party.refused(sixth.refresh()).await;
}

/// RFC 6749 §10.4; RT-09, RT-10: whoever else presents it learns nothing and ends nothing.
async fn another_client_is_refused_and_harms_nothing(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let first = family(&app, &party).await;
    let second = party.refresh(first.refresh()).await;
    for thief in [OTHER_PAGE, SERVER] {
        let thief = app.relying_party(thief);
        for token in [first.refresh(), second.refresh()] {
            thief.refused(token).await;
        }
    }
    party.refresh(second.refresh()).await;

    // A confidential client's token needs the client's secret.
    let server = app.relying_party(SERVER);
    let tokens = family(&app, &server).await;
    for secret in [None, Some("wrong".to_owned())] {
        let unproven = RelyingParty { secret, ..server.clone() };
        let answer = unproven.try_refresh(tokens.refresh()).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (401, "invalid_client"));
    }
    server.refresh(tokens.refresh()).await;
}

/// A token whose MAC does not verify is unknown, and ends nothing.
async fn a_stranger_harms_nothing(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let first = family(&app, &party).await;
    let second = party.refresh(first.refresh()).await;
    let token = second.refresh();
    for at in (6..token.len()).step_by(5) {
        let other = if token.as_bytes()[at] == b'A' { 'B' } else { 'A' };
        party.refused(&format!("{}{other}{}", &token[..at], &token[at + 1..])).await;
    }
    // CO-11: not quite the token is not the token.
    for changed in [format!("{token}="), format!("{token}A"), token[..token.len() - 1].to_owned(), format!("{token}\0"), token.replace("gk_rt_", "GK_RT_")] {
        party.refused(&changed).await;
    }
    party.refresh(token).await;
}

/// RT-13: use moves the idle end, never the absolute one.
async fn it_expires(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.lifetimes.session_absolute = Lifetime::Unlimited;
        settings.lifetimes.session_idle = Lifetime::Unlimited;
        settings.lifetimes.refresh_absolute = "P10D".parse().unwrap();
        settings.lifetimes.refresh_idle = "P2D".parse().unwrap();
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let idle = family(&app, &party).await;
    let mut used = family(&app, &party).await;
    for _ in 0..5 {
        app.advance(TimeDelta::days(2) - TimeDelta::seconds(1));
        used = party.refresh(used.refresh()).await;
    }
    party.refused(idle.refresh()).await;
    app.advance(TimeDelta::seconds(4));
    used = party.refresh(used.refresh()).await;
    app.advance(TimeDelta::seconds(1));
    party.refused(used.refresh()).await;
}

/// RT-12.
async fn it_dies_with_what_it_hangs_on(database: Database) {
    let app = App::start(database).await;
    // The consent is withdrawn.
    let page = app.relying_party(PAGE);
    let tokens = family(&app, &page).await;
    let (alice, id) = (app.user("alice").await.id, clients_id(PAGE));
    app.write(move |db| consents::withdraw(db, alice, &id)).await;
    page.refused(tokens.refresh()).await;

    // The client is disabled: nothing is said of the token.
    let party = app.relying_party(OWN_PAGE);
    let tokens = family(&app, &party).await;
    let now = app.now();
    app.write(move |db| {
        let mut client = clients::find(db, &clients_id(OWN_PAGE))?.unwrap();
        client.disabled_at = Some(now);
        clients::upsert(db, &client)
    })
    .await;
    let answer = party.try_refresh(tokens.refresh()).await;
    assert_eq!((answer.status.as_u16(), answer.error().as_str()), (401, "invalid_client"));

    // The session ends by a logout.
    let server = app.relying_party(SERVER);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &server, "openid").await;
    let tokens = server.refresh(tokens.refresh()).await;
    let hint = tokens.id.clone().unwrap();
    browser.visit(&format!("{}?id_token_hint={hint}", server.endpoint("oidc/logout"))).await.page();
    server.refused(tokens.refresh()).await;
}

fn clients_id(id: &str) -> gatekey::domain::id::ClientId {
    gatekey::domain::id::ClientId::parse(id).unwrap()
}

/// OIDC Core §11, Back-Channel Logout §2.7: what was granted for when the user is away goes on; the rest ends.
async fn offline_access_survives_a_logout(database: Database) {
    let app = App::start(database).await;
    let server = app.relying_party(SERVER);
    let mut browser = app.browser();
    let offline = app.sign_in(&mut browser, &server, "openid offline_access").await;
    let online = app.sign_in(&mut browser, &server, "openid").await;
    let hint = online.id.clone().unwrap();
    browser.visit(&format!("{}?id_token_hint={hint}", server.endpoint("oidc/logout"))).await.page();
    server.refused(online.refresh()).await;
    let next = server.refresh(offline.refresh()).await;
    assert_eq!(server.introspect(&next.access).await["active"], true);
    // Revoked is revoked, offline or not.
    server.revoke(next.refresh()).await;
    server.refused(next.refresh()).await;
}

/// CO-06, RT-14, RT-20.
async fn other_tokens_are_no_refresh_tokens(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, "openid").await;
    let code = party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    for text in [&tokens.access, tokens.id.as_ref().unwrap(), &code, "gk_rt_", "gk_rt_AAAA"] {
        party.refused(text).await;
    }
    // The code was not spent by that, nor is a refresh token an access token.
    party.exchange(&code).await;
    assert_eq!(party.userinfo(tokens.refresh()).await.status.as_u16(), 401);
    assert_eq!(party.userinfo(tokens.id.as_ref().unwrap()).await.status.as_u16(), 401);
    // RFC 6749 §3.2: parameters come in the body.
    let query = format!("{}?grant_type=refresh_token&client_id={OWN_PAGE}&refresh_token={}", party.endpoint("oauth/token"), tokens.refresh());
    let answer = app.network.post_form(&query, &[], &[]).await;
    assert_eq!(answer.status.as_u16() / 100, 4, "{}", answer.text());
    assert!(matches!(answer.error().as_str(), "invalid_request" | "invalid_client"));
    // A machine has no user, so no refresh token (RFC 6749 §4.4.3).
    let machine = app.relying_party(MACHINE);
    let answer = machine.post("oauth/token", &[("grant_type", "client_credentials"), ("scope", "jobs:read")]).await;
    let machine_tokens = crate::support::relying_party::tokens(&answer);
    assert_eq!((machine_tokens.refresh, machine_tokens.id), (None, None));
    let answer = machine.try_refresh(tokens.refresh()).await;
    assert_eq!(answer.error(), "unauthorized_client");
}

/// RT-17, RT-19: a long-lived family stays one row, and its first token is still known for what it is.
async fn ten_thousand_generations_are_one_row(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let first = family(&app, &party).await;
    let second = party.refresh(first.refresh()).await;
    let id = stored(&app).await[0].id;
    app.store.rotate(refresh_families::Step { id, expected: 2, next: 10_000, at: app.now() }).await.unwrap();
    app.advance(TimeDelta::seconds(31));
    party.refused(first.refresh()).await;
    let families = stored(&app).await;
    assert_eq!(families.len(), 1);
    assert_eq!(families[0].ended.unwrap().reason, gatekey::domain::session::EndReason::ReuseDetected);
    party.refused(second.refresh()).await;
}
