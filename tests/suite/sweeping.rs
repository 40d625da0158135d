//! Sweeping: what is over is ended and forgotten, what somebody still needs stays, and no table grows without end.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection};
use gatekey::domain::duration::Lifetime;
use gatekey::domain::event::{Actor, EventKind};
use gatekey::domain::id::{GrantId, SessionId};
use gatekey::domain::refresh_family::RefreshFamily;
use gatekey::domain::session::EndReason;
use gatekey::store::events::{self, Filter};
use gatekey::store::tree::{self, Node};
use gatekey::store::{self, refresh_families, sessions};
use uuid::Uuid;

use crate::account::add_user;
use crate::support::app::{App, OWN_PAGE, PAGE, SERVER};
use crate::support::browser::form_with;
use crate::support::database::{Backend, Database, each_database, run};

each_database!(
    in_a_year_the_tables_stop_growing,
    what_somebody_needs_stays,
    nothing_is_ended_while_one_application_takes_it,
    two_replicas_sweep_at_once,
    what_is_kept_is_as_long_as_the_settings_say,
);

/// On PostgreSQL, where a row can be held: one that cannot be ended is left for the next pass, and all that comes after it has its turn.
#[test]
fn one_that_cannot_be_ended_keeps_nothing_behind_it() {
    run(Backend::Postgres, |database| async move {
        let app = App::start(database).await;
        let own = app.relying_party(OWN_PAGE);
        for _ in 0..3 {
            app.sign_in(&mut app.browser(), &own, "openid").await;
        }
        let first = app.store.scan(|db| store::sweep::sessions(db, SessionId(Uuid::nil()), 1)).await.unwrap()[0].0.id;
        app.advance(TimeDelta::days(400));
        let mut operator = PgConnection::establish(app.database.url()).unwrap();
        operator.batch_execute(&format!("BEGIN; SELECT FROM sessions WHERE id = '{}' FOR UPDATE", first.0)).unwrap();
        let swept = app.running.sweep().await.unwrap();
        assert_eq!((swept.ended_sessions, swept.left), (2, 1), "{swept:?}");
        assert_eq!(swept.codes, 3, "{swept:?}");
        operator.batch_execute("ROLLBACK").unwrap();
        let swept = app.running.sweep().await.unwrap();
        assert_eq!((swept.ended_sessions, swept.left), (1, 0), "{swept:?}");
    });
}

const TABLES: [&str; 7] = ["sessions", "client_sessions", "refresh_families", "redeemed_codes", "one_time_links", "throttle_buckets", "events"];

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn counts(app: &App) -> BTreeMap<&'static str, i64> {
    let sql = |table: &str| diesel::sql_query(format!("SELECT count(*) AS count FROM {table}"));
    match app.database.backend() {
        Backend::Sqlite => {
            let mut db = SqliteConnection::establish(app.database.url().trim_start_matches("sqlite://")).unwrap();
            TABLES.map(|table| (table, sql(table).get_result::<Count>(&mut db).unwrap().count)).into()
        }
        Backend::Postgres => {
            let mut db = PgConnection::establish(app.database.url()).unwrap();
            TABLES.map(|table| (table, sql(table).get_result::<Count>(&mut db).unwrap().count)).into()
        }
    }
}

/// A year of somebody who signs in every morning with another browser, renews in both ways, mistypes the password once, signs out every
/// third day, and once a week has a code left over, sees the first start's link and is handed one to
/// a new password.
async fn in_a_year_the_tables_stop_growing(database: Database) {
    let app = App::start_with(database, |settings| {
        // Shorter than the year, so that it can be seen to work.
        settings.sessions.keep_ended = Lifetime::seconds(30 * 86_400);
        settings.events.retention = Lifetime::seconds(90 * 86_400);
    })
    .await;
    let (page, own) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE));
    add_user(&app, "rosa").await;
    let mut most: Vec<BTreeMap<&str, i64>> = Vec::new();
    for day in 0..365 {
        let mut browser = app.browser_at("192.0.2.7");
        let form = form_with(&browser.visit(&own.endpoint("login")).await.page(), "password");
        browser.submit(&form.fill("username", "alice").fill("password", "mistyped"), None).await;
        let offline = app.sign_in(&mut browser, &page, "openid offline_access").await;
        let online = app.sign_in(&mut browser, &own, "openid").await;
        app.advance(TimeDelta::hours(2));
        own.refresh(online.refresh()).await;
        page.refresh(offline.refresh()).await;
        let silent = own.code(&app.silently(&mut browser, &own, "openid", &[]).await);
        let tokens = own.exchange(&silent).await;
        if day % 3 == 0 {
            browser.visit(&own.endpoint(&format!("oidc/logout?id_token_hint={}", tokens.id.unwrap()))).await;
        }
        if day % 7 == 0 {
            app.running.first_admin_link().await.unwrap();
            app.reset_link("rosa").await;
        }
        app.advance(TimeDelta::hours(22));
        app.running.sweep().await.unwrap();
        if day % 73 == 0 {
            most.push(BTreeMap::new());
        }
        let fifth = most.last_mut().unwrap();
        for (table, count) in counts(&app) {
            let most = fifth.entry(table).or_insert(0);
            *most = count.max(*most);
        }
    }
    println!("the most rows in each fifth of the year, {:?}: {most:#?}", app.database.backend());
    let (third, last) = (&most[2], &most[4]);
    for table in TABLES {
        // Not one row more than in the middle of the year; and the work of a year would be far more.
        assert!(last[table] <= third[table], "{table} grows: {} rows, then {}", third[table], last[table]);
        assert!(last[table] < 1000, "{table}: {}", last[table]);
    }
    // Of what lives nothing is gone: the last fortnight's sessions, unless signed out, and nobody's chains of the last month.
    assert!(last["sessions"] >= 40 && last["refresh_families"] >= 60 && last["events"] >= 180, "{last:?}");
    assert!(last["redeemed_codes"] <= 10 && last["throttle_buckets"] <= 4 && last["one_time_links"] <= 2, "{last:?}");
}

/// What is still good stays good, and with it what it is judged by; then all of it goes.
async fn what_somebody_needs_stays(database: Database) {
    let app = App::start_with(database, |settings| settings.lifetimes.refresh_absolute = Lifetime::Unlimited).await;
    let server = app.relying_party(SERVER);
    let mut tokens = app.sign_in(&mut app.browser(), &server, "openid offline_access").await;
    let (chain, session) = only_family(&app).await;
    for _ in 0..20 {
        app.advance(TimeDelta::days(20));
        app.running.sweep().await.unwrap();
        tokens = server.refresh(tokens.refresh()).await;
        assert_eq!(server.introspect(&tokens.access).await["active"], true);
    }
    // Ended a year ago, and still there: how it ended says what the chain may do.
    let ended = app.store.read(move |db| sessions::find(db, session)).await.unwrap().unwrap().ended.unwrap();
    assert!(ended.reason == EndReason::ExpiredIdle && app.now() - ended.at > TimeDelta::days(300));

    // Nobody uses the chain for longer than it may idle; then for longer than what has ended is kept.
    app.advance(TimeDelta::days(30) + TimeDelta::minutes(59));
    assert_eq!(app.running.sweep().await.unwrap().ended_families, 0, "an hour's grace for what another replica has judged");
    app.advance(TimeDelta::minutes(1));
    assert_eq!(app.running.sweep().await.unwrap().ended_families, 1);
    let family = app.store.read(move |db| refresh_families::find(db, chain)).await.unwrap().unwrap();
    assert_eq!(family.ended.unwrap().reason, EndReason::ExpiredIdle);
    server.refused(tokens.refresh()).await;
    app.advance(TimeDelta::days(90));
    let swept = app.running.sweep().await.unwrap();
    assert_eq!((swept.sessions, swept.families), (1, 0), "the session is not needed any more, the chain is kept for ninety days to the second");
    app.advance(TimeDelta::seconds(1));
    assert_eq!(app.running.sweep().await.unwrap().families, 1);
    // It reads the same to whoever comes with a token of it.
    server.refused(tokens.refresh()).await;
    assert_eq!(server.introspect(&tokens.access).await["active"], false);
    assert_eq!((counts(&app)["sessions"], counts(&app)["client_sessions"], counts(&app)["refresh_families"]), (0, 0, 0));

    // A chain that was written at the very moment its session was revoked is not forgotten alive.
    app.sign_in(&mut app.browser(), &server, "openid offline_access").await;
    let (chain, session) = only_family(&app).await;
    let now = app.now();
    let missed = app.store.read(move |db| refresh_families::find(db, chain)).await.unwrap().unwrap();
    app.write(move |db| {
        tree::end(db, &Node::Session(session), EndReason::RevokedByAdmin, now)?;
        refresh_families::insert(db, &RefreshFamily { id: GrantId(Uuid::from_u128(7)), ..missed })
    })
    .await;
    app.advance(TimeDelta::hours(1));
    assert_eq!(app.running.sweep().await.unwrap().ended_families, 1);
    let missed = app.store.read(|db| refresh_families::find(db, GrantId(Uuid::from_u128(7)))).await.unwrap().unwrap();
    assert_eq!(missed.ended.unwrap().reason, EndReason::RevokedByAdmin);
}

async fn only_family(app: &App) -> (GrantId, SessionId) {
    let families = app.store.scan(|db| refresh_families::facts_after(db, GrantId(Uuid::nil()), 10)).await.unwrap();
    assert_eq!(families.len(), 1);
    (families[0].family.id, families[0].family.session_id)
}

/// A limit of one application says nothing of the session: it is over when no application would take it any more.
async fn nothing_is_ended_while_one_application_takes_it(database: Database) {
    let app = App::start_with(database, |settings| {
        let patient = settings.clients.iter_mut().find(|client| client.id.as_str() == SERVER).unwrap();
        patient.metadata.lifetimes.session_absolute = Some(Lifetime::Unlimited);
        patient.metadata.lifetimes.session_idle = Some("P60D".parse().unwrap());
    })
    .await;
    let (own, patient) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    for _ in 0..14 {
        app.advance(TimeDelta::days(59));
        assert_eq!(app.running.sweep().await.unwrap().ended_sessions, 0);
        assert_eq!(own.error(&app.silently(&mut browser, &own, "openid", &[]).await), "login_required");
        patient.code(&app.silently(&mut browser, &patient, "openid", &[]).await);
    }
    app.advance(TimeDelta::days(60) + TimeDelta::hours(1));
    assert_eq!(app.running.sweep().await.unwrap().ended_sessions, 1);
    // Told as what the server found, with all that it ended.
    let ended = Filter { kind: Some(EventKind::SessionEnded), ..Filter::default() };
    let told = app.store.scan(move |db| events::list(db, &ended, None, 10)).await.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0].actor, &told[0].detail.fields()["reason"], told[0].user), (&Actor::Server, &"expired_idle".into(), Some(app.user("alice").await.id)));
}

/// Each thing is ended once and told once, and what one leaves to the other is done the next time.
async fn two_replicas_sweep_at_once(database: Database) {
    let app = App::start(database).await;
    let replica = app.replica("second").await;
    let own = app.relying_party(OWN_PAGE);
    for _ in 0..12 {
        app.sign_in(&mut app.browser(), &own, "openid").await;
    }
    let both = async || {
        let (one, other) = tokio::join!(app.running.sweep(), replica.running.sweep());
        (one.unwrap(), other.unwrap())
    };
    app.advance(TimeDelta::days(31));
    let (one, other) = both().await;
    assert_eq!(one.ended_sessions + other.ended_sessions, 12, "{one:?} {other:?}");
    let ended = Filter { kind: Some(EventKind::SessionEnded), ..Filter::default() };
    assert_eq!(app.store.scan(move |db| events::list(db, &ended, None, 100)).await.unwrap().len(), 12);
    app.advance(TimeDelta::days(91));
    let mut deleted = (0, 0);
    // The families first, and the sessions that they hung on after them.
    for _ in 0..3 {
        let (one, other) = both().await;
        deleted = (deleted.0 + one.sessions + other.sessions, deleted.1 + one.families + other.families);
    }
    assert_eq!(deleted, (12, 12));
    assert_eq!((counts(&app)["sessions"], counts(&app)["refresh_families"], counts(&app)["redeemed_codes"]), (0, 0, 0));
}

async fn what_is_kept_is_as_long_as_the_settings_say(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.sessions.keep_ended = "P1D".parse().unwrap();
        settings.events.retention = Lifetime::Unlimited;
    })
    .await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &own, "openid").await;
    browser.visit(&own.endpoint(&format!("oidc/logout?id_token_hint={}", tokens.id.unwrap()))).await;
    app.advance(TimeDelta::days(1));
    app.running.sweep().await.unwrap();
    assert_eq!((counts(&app)["sessions"], counts(&app)["refresh_families"]), (1, 1));
    let events = counts(&app)["events"];
    app.advance(TimeDelta::days(3650));
    app.running.sweep().await.unwrap();
    assert_eq!((counts(&app)["sessions"], counts(&app)["refresh_families"], counts(&app)["events"]), (0, 0, events));
}
