//! When the database is away: an honest 503, soon, in a form that client libraries survive; then everything goes on. P6.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection};

use crate::support::app::{App, OWN_PAGE, SERVER};
use crate::support::database::{Backend, Database, run};
use crate::support::network::Answer;
use crate::support::served::Served;

/// Far more than the queues allow themselves; a hang is longer.
const SOON: Duration = Duration::from_secs(10);

fn unavailable(answer: &Answer, began: Instant) {
    assert_eq!(answer.status.as_u16(), 503, "{}: {}", answer.url, answer.text());
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{}", answer.url);
    assert!(began.elapsed() < SOON, "{} took {:?}", answer.url, began.elapsed());
}

/// Never JSON: client libraries drop their refresh token on a JSON error.
fn unavailable_token(answer: &Answer, began: Instant) {
    unavailable(answer, began);
    assert!(answer.header("content-type").unwrap().starts_with("text/plain"), "{:?}", answer.headers);
}

#[test]
fn postgresql_goes_away_and_comes_back() {
    run(Backend::Postgres, |database| async move {
        let server = std::env::var("GATEKEY_TEST_POSTGRES_URL").unwrap();
        let name = url::Url::parse(database.url()).unwrap().path().trim_start_matches('/').to_owned();
        let app = App::start(database).await;
        let party = app.relying_party(SERVER);
        let mut browser = app.browser();
        let tokens = app.sign_in(&mut browser, &party, "openid").await;

        let mut admin = PgConnection::establish(&server).unwrap();
        let mut on_server = |statement: String| diesel::sql_query(statement).execute(&mut admin).unwrap();
        on_server(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
        on_server(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"));

        let began = Instant::now();
        unavailable_token(&party.try_refresh(tokens.refresh()).await, began);
        let began = Instant::now();
        unavailable_token(&party.post("oauth/introspect", &[("token", &tokens.access)]).await, began);
        let began = Instant::now();
        unavailable(&party.userinfo(&tokens.access).await, began);
        let began = Instant::now();
        unavailable(&browser.visit(party.authorize("openid", &[("prompt", "none")]).as_str()).await.page(), began);
        let began = Instant::now();
        let own_page = browser.visit(&party.endpoint("account")).await.page();
        unavailable(&own_page, began);
        assert!(own_page.text().contains("back in a moment"), "{}", own_page.text());
        let began = Instant::now();
        let ready = app.network.get(&party.endpoint("readyz"), &[]).await;
        assert_eq!(ready.status.as_u16(), 503);
        assert!(began.elapsed() < SOON);
        // What does not need the database goes on.
        for path in ["healthz", ".well-known/jwks.json", ".well-known/openid-configuration"] {
            assert_eq!(app.network.get(&party.endpoint(path), &[]).await.status.as_u16(), 200, "{path}");
        }

        on_server(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
        let deadline = Instant::now() + SOON;
        let answer = loop {
            let answer = party.try_refresh(tokens.refresh()).await;
            if answer.status.as_u16() != 503 {
                break answer;
            }
            assert!(Instant::now() < deadline, "it does not come back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let next = crate::support::relying_party::tokens(&answer);
        assert_eq!(party.refresh(tokens.refresh()).await.refresh(), next.refresh(), "nobody was logged out, nothing was half done");
        party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    });
}

#[test]
fn another_program_locks_the_sqlite_file() {
    run(Backend::Sqlite, |database: Database| async move {
        let path = database.url().trim_start_matches("sqlite://").to_owned();
        let app = App::start(database).await;
        let party = app.relying_party(OWN_PAGE);
        let mut browser = app.browser();
        let tokens = app.sign_in(&mut browser, &party, "openid").await;

        let mut other = SqliteConnection::establish(&path).unwrap();
        other.batch_execute("PRAGMA busy_timeout = 5000; BEGIN EXCLUSIVE").unwrap();
        let began = Instant::now();
        unavailable_token(&party.try_refresh(tokens.refresh()).await, began);
        // Reading goes on beside it: silent authentication reads.
        party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
        assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 200);
        other.batch_execute("ROLLBACK").unwrap();

        let next = party.refresh(tokens.refresh()).await;
        assert_eq!(party.refresh(tokens.refresh()).await.refresh(), next.refresh());
    });
}

/// The disk under SQLite is full: from the first write that was refused, nobody is sent here, until one succeeds.
#[test]
fn a_full_disk_is_not_ready() {
    run(Backend::Sqlite, async |database| {
        let server = Served::start(database, "", "[log]\nlevel = \"error\"\n");
        let party = server.relying_party(OWN_PAGE);
        let mut token = server.sign_in(&mut server.browser(), &party, "openid").await.refresh.unwrap();
        let ready = || server.raw("GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").status;
        // The log of the database grows by a page with each refresh, until it may not.
        server.no_file_beyond(Some(64 * 1024));
        assert_eq!(ready(), 200, "nobody has been refused yet");
        let mut refreshed = 0;
        let refused = loop {
            let answer = party.try_refresh(&token).await;
            if answer.status.as_u16() != 200 {
                break answer;
            }
            token = answer.json()["refresh_token"].as_str().unwrap().to_owned();
            refreshed += 1;
            assert!(refreshed < 1_000, "there is room for everything");
        };
        unavailable_token(&refused, Instant::now());
        for _ in 0..3 {
            assert_eq!(ready(), 503, "after {refreshed} refreshes");
        }
        server.no_file_beyond(None);
        assert_eq!(ready(), 200);
        party.refresh(&token).await;
        assert_eq!(ready(), 200);
    });
}
