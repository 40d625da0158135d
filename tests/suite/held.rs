//! Two changes that meet at one row: a transaction from beside the issuer holds it until whoever comes second is surely there.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::PasswordHasher;
use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use diesel::{PgConnection, QueryableByName, RunQueryDsl, SqliteConnection};
use gatekey::domain::clock::ManualClock;
use gatekey::domain::secret::Secret;
use gatekey::domain::session::EndReason;
use gatekey::domain::throttle::BucketKey;
use gatekey::store::tree::{self, Node};
use gatekey::store::{Connection, sessions, throttle_buckets, users};

use crate::refresh::stored;
use crate::support::app::{App, OWN_PAGE, PASSWORD};
use crate::support::browser::{OWN_FORM, form_with};
use crate::support::database::{Backend, Database, each_database, run};
use crate::support::relying_party::tokens;

each_database!(a_password_changes_while_it_is_checked, a_race_lost_to_a_replica_with_another_clock);

/// A transaction of a connection of its own.
struct Held(Connection);

impl Held {
    fn begin(database: &Database) -> Self {
        use diesel::Connection as _;
        let (mut connection, begin) = match database.backend() {
            Backend::Sqlite => {
                let path = database.url().trim_start_matches("sqlite://");
                (Connection::Sqlite(SqliteConnection::establish(path).unwrap()), "PRAGMA foreign_keys = ON; BEGIN IMMEDIATE")
            }
            Backend::Postgres => (Connection::Postgres(PgConnection::establish(database.url()).unwrap()), "BEGIN"),
        };
        connection.batch_execute(begin).unwrap();
        Self(connection)
    }

    /// Until so many wait for the row, and no longer than the issuer is ready to. SQLite does not tell who waits; there reads are
    /// answered at once, so that whoever had time to read and to check a password is now waiting to write.
    async fn until_waited_for(&mut self, waiting: i64) {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = BigInt)]
            count: i64,
        }
        for _ in 0..30 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if matches!(self.0, Connection::Postgres(_)) {
                let query =
                    "SELECT count(*) AS count FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
                let Count { count } = diesel::sql_query(query).get_result(&mut self.0).unwrap();
                if count >= waiting {
                    return;
                }
            }
        }
    }

    fn commit(mut self) {
        self.0.batch_execute("COMMIT").unwrap();
    }
}

const NEW_PASSWORD: &str = "another horse, another battery";

/// ASVS 7.4.3: the old password was right when it was looked up, and is not any more when the session would begin.
async fn a_password_changes_while_it_is_checked(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let alice = app.user("alice").await.id;
    let mut browser = app.browser();
    let form = form_with(&app.sign_in_page(&mut browser, &party).await, "password").fill("username", "alice").fill("password", PASSWORD);
    let params = argon2::Params::new(64, 1, 1, None).unwrap();
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let hash = Secret::new(argon2.hash_password_with_salt(NEW_PASSWORD.as_bytes(), b"salt of the tests").unwrap().to_string());

    app.advance(TimeDelta::seconds(1));
    let mut held = Held::begin(&app.database);
    assert!(users::set_password(&mut held.0, alice, &hash, app.now()).unwrap());
    tree::end(&mut held.0, &Node::User(alice), EndReason::PasswordChanged, app.now()).unwrap();
    // One, so that it has all of the time for which the issuer waits.
    let attempt = tokio::spawn(async move {
        let answer = browser.submit_as(&form, None, OWN_FORM).await;
        (browser, answer)
    });
    held.until_waited_for(1).await;
    assert!(!attempt.is_finished(), "it found the old password right and wants to begin a session");
    held.commit();
    let (mut browser, answer) = attempt.await.unwrap();
    assert_eq!(answer.location(), None, "{}", answer.status);
    assert!(!browser.jar.all().iter().any(|cookie| !cookie.name.ends_with("-browser")), "no session");
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "login_required");
    let sessions = app.store.scan(move |db| sessions::list(db, Some(alice), None, 100)).await.unwrap();
    assert!(sessions.iter().all(|session| session.ended.is_some()), "{sessions:?}");

    // The control: the old one is wrong, the new one is right.
    let mut browser = app.browser();
    let form = form_with(&app.sign_in_page(&mut browser, &party).await, "password").fill("username", "alice");
    assert_eq!(browser.submit_as(&form.clone().fill("password", PASSWORD), None, OWN_FORM).await.location(), None);
    party.code(&browser.submit(&form.fill("password", NEW_PASSWORD), None).await.left());
}

/// Failures are counted by a write that holds what it judges; a sweep of another replica that has the row in its hands, and then takes it
/// away, leaves nobody uncounted. On PostgreSQL only: SQLite has one writer.
#[test]
fn a_count_that_is_swept_while_it_is_asked_for() {
    run(Backend::Postgres, async |database| {
        let app = App::start(database).await;
        let (key, now) = (BucketKey([7; 32]), app.now());
        app.write(move |db| throttle_buckets::set(db, key, Some(now - TimeDelta::seconds(1)))).await;
        let mut sweep = Held::begin(&app.database);
        sweep.0.batch_execute("SELECT key FROM throttle_buckets FOR UPDATE").unwrap();
        let store = app.store.clone();
        let held = tokio::spawn(async move { store.write(move |db| throttle_buckets::hold(db, &[key], now)).await.unwrap() });
        sweep.until_waited_for(1).await;
        assert!(!held.is_finished());
        sweep.0.batch_execute("DELETE FROM throttle_buckets").unwrap();
        sweep.commit();
        assert_eq!(held.await.unwrap(), [(key, now)], "a row to hold, and held");
        assert_eq!(app.store.scan(throttle_buckets::count).await.unwrap(), 1);
    });
}

/// P4: two tabs present one token to two replicas at the same moment, and the clocks of these are twice the overlap apart.
/// The one that comes second saw the token as the newest, and is owed the successor.
async fn a_race_lost_to_a_replica_with_another_clock(database: Database) {
    let app = App::start(database).await;
    for skew in [60, -60] {
        let clock = Arc::new(ManualClock::new(app.now() + TimeDelta::seconds(skew)));
        let replica = App::on(app.database.clone(), app.settings.clone(), clock, &format!("off by {skew}")).await;
        let parties = [app.relying_party(OWN_PAGE), replica.relying_party(OWN_PAGE)];
        let first = app.sign_in(&mut app.browser(), &parties[0], "openid").await;
        let mut token = first.refresh().to_owned();
        let before = stored(&app).await.len();
        for round in 0..6 {
            let mut held = Held::begin(&app.database);
            held.0.batch_execute("UPDATE refresh_families SET generation = generation").unwrap();
            // Each in turn is the first to come.
            let [one, two] = [&parties[round % 2], &parties[(round + 1) % 2]].map(|party| {
                let (party, token) = (party.clone(), token.clone());
                tokio::spawn(async move { party.try_refresh(&token).await })
            });
            held.until_waited_for(2).await;
            assert!(!one.is_finished() && !two.is_finished());
            held.commit();
            let (one, two) = (tokens(&one.await.unwrap()), tokens(&two.await.unwrap()));
            assert_eq!(one.refresh(), two.refresh(), "one successor");
            assert_ne!(one.refresh(), token);
            token = one.refresh().to_owned();
        }
        let families = stored(&app).await;
        assert_eq!(families.len(), before);
        assert!(families.iter().any(|family| family.generation == 7 && family.ended.is_none()), "{skew}");
        // The control: reuse is reuse on either.
        parties[0].refused(first.refresh()).await;
        parties[1].refused(&token).await;
        replica.running.close().await;
        replica.store.close().await;
    }
}
