//! What every backend of the store must do, run on SQLite and on PostgreSQL; what only one of them can do stands at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use gatekey::domain::acr::Acr;
use gatekey::domain::authorization_code::RedeemedCode;
use gatekey::domain::client::{Client, ClientKind, ClientMetadata};
use gatekey::domain::clock::Timestamp;
use gatekey::domain::consent::Consent;
use gatekey::domain::entropy::{SystemEntropy, random};
use gatekey::domain::id::{ClientId, GrantId, LinkId, SessionId, UserId};
use gatekey::domain::refresh_family::{Grant, RefreshFamily};
use gatekey::domain::scope::Scope;
use gatekey::domain::secret::{Digest, Secret};
use gatekey::domain::session::{EndReason, Session};
use gatekey::domain::signing_key::{SigningAlg, SigningKey};
use gatekey::domain::user::{Profile, User};
use gatekey::store::redeemed_codes::Redemption;
use gatekey::store::refresh_families::Step;
use gatekey::store::sessions::Touch;
use gatekey::store::tree::{self, EndedCounts, Node};
use gatekey::store::{self, Migrate, OpenError, Options, Store, StoreError, migrate};
use tempfile::TempDir;

#[derive(Clone, Copy)]
enum Backend {
    Sqlite,
    Postgres,
}

/// A database of its own, gone when dropped.
struct Database {
    url: String,
    _directory: Option<TempDir>,
    dropped: Option<(String, String)>,
}

fn admin_url() -> String {
    std::env::var("GATEKEY_TEST_POSTGRES_URL").expect("GATEKEY_TEST_POSTGRES_URL is not set: run tests/run, which starts a PostgreSQL for the tests")
}

impl Database {
    fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let directory = TempDir::new().unwrap();
                let url = format!("sqlite://{}", directory.path().join("gatekey.db").display());
                Self { url, _directory: Some(directory), dropped: None }
            }
            Backend::Postgres => {
                let (admin, name) = (admin_url(), format!("store_{}", UserId::generate(now(), &SystemEntropy).0.simple()));
                PgConnection::establish(&admin).unwrap().batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
                let mut url = url::Url::parse(&admin).unwrap();
                url.set_path(&name);
                Self { url: url.into(), _directory: None, dropped: Some((admin, name)) }
            }
        }
    }

    async fn open(&self) -> Store {
        Store::open(&Options { pool_size: 4, ..Options::new(&self.url) }).await.unwrap()
    }

    /// Runs SQL behind the store's back.
    fn execute(&self, sql: &str) {
        match self.url.strip_prefix("sqlite://") {
            Some(path) => SqliteConnection::establish(path).unwrap().batch_execute(sql).unwrap(),
            None => PgConnection::establish(&self.url).unwrap().batch_execute(sql).unwrap(),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some((admin, name)) = &self.dropped {
            let _ = PgConnection::establish(admin).and_then(|mut conn| {
                let _ = conn.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
                Ok(())
            });
        }
    }
}

/// Each test, on both. A current-thread runtime is the harder one: nothing may block or need another worker.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod sqlite { $(#[tokio::test] async fn $name() { super::$name(super::Database::new(super::Backend::Sqlite)).await; })* }
        mod postgres { $(#[tokio::test] async fn $name() { super::$name(super::Database::new(super::Backend::Postgres)).await; })* }
    };
}

on_both! {
    every_value_comes_back
    facts_follow_the_tree
    one_of_64_rotates
    one_of_64_redeems
    hot_writes_mix_and_answer_their_own_row
    a_redemption_is_all_or_nothing
    a_redemption_reopens_an_ended_client_session
    touch_moves_forward_only
    a_failing_unit_harms_no_neighbour
    a_dropped_caller_leaves_nothing_half_done
    ending_a_session_ends_what_is_below
    ending_honours_offline_access
    ending_a_user_a_pair_or_a_grant
    a_one_time_link_works_once
    consents_grow
    clients_are_declared_again
    small_tables_keep_their_word
    lists_are_paged
    two_stores_share_one_database
    two_starts_at_once
    a_full_queue_is_unavailable
    close_finishes_what_is_queued
    a_newer_database_is_left_alone
    pending_migrations_are_told
}

fn now() -> Timestamp {
    static STEP: AtomicU32 = AtomicU32::new(0);
    // Ids are made of it, so it moves; no clock is read.
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::milliseconds(i64::from(STEP.fetch_add(1, Ordering::Relaxed)))
}

fn client(id: &str) -> Client {
    let mut metadata = ClientMetadata::defaults(ClientKind::Spa, "An application");
    metadata.redirect_uris = vec![gatekey::domain::redirect_uri::RedirectUri::parse("https://app.example.com/callback").unwrap()];
    metadata.web_origins = vec![gatekey::domain::redirect_uri::WebOrigin::parse("https://app.example.com").unwrap()];
    let at = now();
    Client { id: ClientId::parse(id).unwrap(), metadata, secret_digest: None, disabled_at: None, managed_by_file: false, created_at: at, updated_at: at }
}

fn user(name: &str) -> User {
    let at = now();
    User {
        id: UserId::generate(at, &SystemEntropy),
        username: name.to_owned(),
        profile: Profile { name: Some("Ann Example".to_owned()), email: Some("ann@example.com".to_owned()), email_verified: true, ..Profile::default() },
        password_hash: Some(Secret::new("$argon2id$old".to_owned())),
        password_changed_at: at,
        admin: false,
        disabled_at: None,
        managed_by_file: false,
        created_at: at,
        updated_at: at,
    }
}

fn session(user: &User) -> Session {
    let at = now();
    Session {
        id: SessionId::generate(at, &SystemEntropy),
        cookie_digest: Digest(random(&SystemEntropy)),
        user_id: user.id,
        created_at: at,
        auth_time: at,
        last_used_at: at,
        acr: Acr::Password,
        user_agent: Some("a browser".to_owned()),
        network: Some("192.0.2.1".to_owned()),
        ended: None,
    }
}

fn redemption(session: &Session, client: &Client, scope: Option<&str>) -> Redemption {
    let at = now();
    let id = GrantId::generate(at, &SystemEntropy);
    let code = RedeemedCode {
        id,
        client_id: client.id.clone(),
        user_id: session.user_id,
        session_id: session.id,
        redeemed_at: at,
        keep_until: at + TimeDelta::minutes(10),
        ended: None,
    };
    let family = scope.map(|scope| RefreshFamily {
        id,
        client_id: client.id.clone(),
        user_id: session.user_id,
        session_id: session.id,
        grant: Grant {
            scope: Scope::parse(scope).unwrap(),
            resources: vec!["https://api.example.com/".to_owned()],
            auth_time: session.auth_time,
            acr: session.acr,
        },
        secret: Secret::new(random(&SystemEntropy)),
        generation: 1,
        rotated_at: at,
        created_at: at,
        last_used_at: at,
        ended: None,
    });
    Redemption { code, family }
}

struct World {
    store: Store,
    user: User,
    session: Session,
    client: Client,
}

async fn world(database: &Database) -> World {
    let (store, user, client) = (database.open().await, user("ann"), client("app"));
    let session = session(&user);
    let (u, c, s) = (user.clone(), client.clone(), session.clone());
    let wrote = store.write(move |conn| {
        store::users::insert(conn, &u)?;
        store::clients::insert(conn, &c)?;
        store::sessions::insert(conn, &s)
    });
    wrote.await.unwrap();
    World { store, user, session, client }
}

impl World {
    async fn redeem(&self, scope: Option<&str>) -> Redemption {
        let redemption = redemption(&self.session, &self.client, scope);
        assert_eq!(self.store.redeem(redemption.clone()).await, Ok(true));
        redemption
    }

    async fn family(&self, id: GrantId) -> RefreshFamily {
        self.store.read(move |conn| store::refresh_families::find(conn, id)).await.unwrap().expect("the family")
    }

    async fn end(&self, node: Node, reason: EndReason) -> EndedCounts {
        self.store.write(move |conn| tree::end(conn, &node, reason, now())).await.unwrap()
    }
}

async fn every_value_comes_back(database: Database) {
    let w = world(&database).await;
    let r = w.redeem(Some("openid offline_access")).await;
    let (id, session, client, name) = (r.code.id, w.session.id, w.client.id.clone(), w.user.username.clone());
    let found = w.store.scan(move |conn| {
        Ok((
            store::users::find_by_username(conn, &name)?,
            store::sessions::find(conn, session)?,
            store::clients::find(conn, &client)?,
            store::redeemed_codes::find(conn, id)?,
            store::refresh_families::find(conn, id)?,
            store::client_sessions::find(conn, session, &client)?,
        ))
    });
    let (user, session, client, code, family, pair) = found.await.unwrap();
    let (user, session, client, code, family, pair) = (user.unwrap(), session.unwrap(), client.unwrap(), code.unwrap(), family.unwrap(), pair.unwrap());
    let sent = r.family.unwrap();
    assert_eq!((user.id, user.profile, user.password_changed_at), (w.user.id, w.user.profile.clone(), w.user.password_changed_at));
    assert_eq!((session.id, session.cookie_digest, session.auth_time), (w.session.id, w.session.cookie_digest, w.session.auth_time));
    assert_eq!((client.metadata, client.created_at), (w.client.metadata.clone(), w.client.created_at));
    assert_eq!((code.redeemed_at, code.keep_until, code.ended), (r.code.redeemed_at, r.code.keep_until, None));
    assert_eq!((family.grant, family.secret.expose(), family.generation), (sent.grant, sent.secret.expose(), 1));
    assert_eq!((pair.created_at, pair.last_used_at, pair.ended), (r.code.redeemed_at, r.code.redeemed_at, None));
}

async fn facts_follow_the_tree(database: Database) {
    let w = world(&database).await;
    let (cookie, app) = (w.session.cookie_digest, w.client.id.clone());
    let read = |client: Option<ClientId>| w.store.read(move |conn| store::sessions::facts(conn, &cookie, client.as_ref()));
    let facts = read(Some(app.clone())).await.unwrap().unwrap();
    assert!(facts.client_session.is_none() && facts.consent.is_none());
    let r = w.redeem(Some("openid")).await;
    let consent = Consent { user_id: w.user.id, client_id: app.clone(), scope: Scope::parse("openid").unwrap(), granted_at: now() };
    w.store.write(move |conn| store::consents::grant(conn, &consent)).await.unwrap();
    let facts = read(Some(app)).await.unwrap().unwrap();
    assert_eq!((facts.session.id, facts.user.id), (w.session.id, w.user.id));
    assert!(facts.client_session.is_some() && facts.consent.is_some());
    assert!(read(None).await.unwrap().unwrap().client_session.is_none());
    let unknown = w.store.read(|conn| store::sessions::facts(conn, &Digest([0; 32]), None)).await.unwrap();
    assert!(unknown.is_none());

    let id = r.code.id;
    let family = w.store.read(move |conn| store::refresh_families::facts(conn, id)).await.unwrap().unwrap();
    assert_eq!(family.user.unwrap().id, w.user.id);
    assert_eq!(family.session.unwrap().id, w.session.id);
    assert!(family.client_session.is_some() && family.consent.is_some());

    let bare = w.redeem(None).await.code.id;
    for (grant, has_family) in [(id, true), (bare, false)] {
        let facts = w.store.read(move |conn| store::grants::facts(conn, grant)).await.unwrap().unwrap();
        assert_eq!((facts.family.is_some(), facts.ended, facts.client_id), (has_family, None, w.client.id.clone()));
        w.end(Node::Grant(grant), EndReason::RevokedByClient).await;
        let facts = w.store.read(move |conn| store::grants::facts(conn, grant)).await.unwrap().unwrap();
        assert_eq!(facts.ended.unwrap().reason, EndReason::RevokedByClient);
    }
    // A swept code: its family speaks for the grant.
    database.execute("DELETE FROM redeemed_codes");
    assert!(w.store.read(move |conn| store::grants::facts(conn, id)).await.unwrap().is_some());
    assert!(w.store.read(move |conn| store::grants::facts(conn, bare)).await.unwrap().is_none());
}

/// Runs 64 futures at once and counts those that answered true.
async fn winners<F: Future<Output = Result<bool, StoreError>> + Send + 'static>(each: impl Fn() -> F) -> usize {
    let tasks: Vec<_> = (0..64).map(|_| tokio::spawn(each())).collect();
    let mut count = 0;
    for task in tasks {
        count += usize::from(task.await.unwrap().unwrap());
    }
    count
}

async fn one_of_64_rotates(database: Database) {
    let w = world(&database).await;
    let id = w.redeem(Some("openid")).await.code.id;
    for expected in 1..=5 {
        let at = now();
        let won = winners(|| {
            let store = w.store.clone();
            async move { store.rotate(Step { id, expected, next: expected + 1, at }).await }
        });
        assert_eq!(won.await, 1);
        let family = w.family(id).await;
        assert_eq!((family.generation, family.rotated_at, family.last_used_at), (expected + 1, at, at));
    }
    assert_eq!(w.store.rotate(Step { id, expected: 1, next: 2, at: now() }).await, Ok(false));
    // Forward over a gap, as after a restored backup.
    assert_eq!(w.store.rotate(Step { id, expected: 6, next: 40, at: now() }).await, Ok(true));
    w.end(Node::Grant(id), EndReason::ReuseDetected).await;
    assert_eq!(w.store.rotate(Step { id, expected: 40, next: 41, at: now() }).await, Ok(false));
}

async fn one_of_64_redeems(database: Database) {
    let w = world(&database).await;
    let r = redemption(&w.session, &w.client, Some("openid"));
    let won = winners(|| {
        let (store, mut mine) = (w.store.clone(), r.clone());
        // Every caller has drawn a family secret of its own.
        mine.family.as_mut().unwrap().secret = Secret::new(random(&SystemEntropy));
        async move { store.redeem(mine).await }
    });
    assert_eq!(won.await, 1);
    assert_eq!(w.family(r.code.id).await.generation, 1);
}

async fn hot_writes_mix_and_answer_their_own_row(database: Database) {
    let w = world(&database).await;
    let mut families = Vec::new();
    for _ in 0..8 {
        families.push(w.redeem(Some("openid")).await.code.id);
    }
    let mut tasks = Vec::new();
    for (i, id) in families.iter().copied().enumerate() {
        // Odd ones are told a generation that is not there. Two steps in a row may meet in one batch.
        let (store, expected) = (w.store.clone(), 1 + (i as u64 % 2) * 7);
        tasks.push(tokio::spawn(async move { (i % 2 == 0, store.rotate(Step { id, expected, next: expected + 1, at: now() }).await) }));
        let (store, touch) = (w.store.clone(), Touch { session_id: w.session.id, client_id: Some(w.client.id.clone()), at: now() });
        tasks.push(tokio::spawn(async move { (true, store.touch(touch).await.map(|()| true)) }));
        let (store, r) = (w.store.clone(), redemption(&w.session, &w.client, None));
        tasks.push(tokio::spawn(async move { (true, store.redeem(r).await) }));
        // Names a client that is not there: it fails, and only it.
        let (store, mut r) = (w.store.clone(), redemption(&w.session, &w.client, None));
        r.code.client_id = ClientId::parse("nobody").unwrap();
        tasks.push(tokio::spawn(async move {
            let result = store.redeem(r).await;
            assert_eq!(result, Err(StoreError::Conflict));
            (false, Ok(false))
        }));
    }
    for task in tasks {
        let (expected, result) = task.await.unwrap();
        assert_eq!(result, Ok(expected));
    }
}

async fn a_redemption_is_all_or_nothing(database: Database) {
    let w = world(&database).await;
    let mut r = redemption(&w.session, &w.client, Some("openid"));
    let id = r.code.id;
    // The family's user is gone: the last of the inserts fails.
    let gone = UserId::generate(now(), &SystemEntropy);
    (r.code.user_id, r.family.as_mut().unwrap().user_id) = (gone, gone);
    assert_eq!(w.store.redeem(r.clone()).await, Err(StoreError::Conflict));
    r.code.user_id = w.user.id;
    assert!(matches!(w.store.redeem(r).await, Err(StoreError::Query(_))), "a family of another user than the code's");
    let (session, app) = (w.session.id, w.client.id.clone());
    let left = w.store.read(move |conn| Ok((store::redeemed_codes::find(conn, id)?, store::client_sessions::find(conn, session, &app)?)));
    let (code, pair) = left.await.unwrap();
    assert!(code.is_none() && pair.is_none());

    // A session that has ended gives nothing more; a code redeemed before its end is still told to be a replay.
    let before = w.redeem(Some("openid")).await;
    w.end(Node::Session(w.session.id), EndReason::RevokedByAdmin).await;
    assert_eq!(w.store.redeem(redemption(&w.session, &w.client, Some("openid offline_access"))).await, Err(StoreError::Conflict));
    assert_eq!(w.store.redeem(before).await, Ok(false));
}

async fn a_redemption_reopens_an_ended_client_session(database: Database) {
    let w = world(&database).await;
    let first = w.redeem(None).await;
    let second = w.redeem(None).await;
    let (session, app) = (w.session.id, w.client.id.clone());
    let pair = || {
        let app = app.clone();
        w.store.read(move |conn| store::client_sessions::find(conn, session, &app))
    };
    let live = pair().await.unwrap().unwrap();
    assert_eq!((live.created_at, live.last_used_at), (first.code.redeemed_at, second.code.redeemed_at));
    w.end(Node::ClientSession(session, app.clone()), EndReason::RevokedByUser).await;
    assert!(pair().await.unwrap().unwrap().ended.is_some());
    let third = w.redeem(None).await;
    let reopened = pair().await.unwrap().unwrap();
    assert_eq!((reopened.created_at, reopened.ended), (third.code.redeemed_at, None));
}

async fn touch_moves_forward_only(database: Database) {
    let w = world(&database).await;
    w.redeem(None).await;
    let (session, app, early, late) = (w.session.id, w.client.id.clone(), now(), now() + TimeDelta::hours(1));
    for at in [late, early] {
        w.store.touch(Touch { session_id: session, client_id: Some(app.clone()), at }).await.unwrap();
    }
    let read = w.store.read(move |conn| Ok((store::sessions::find(conn, session)?, store::client_sessions::find(conn, session, &app)?)));
    let (session, pair) = read.await.unwrap();
    assert_eq!((session.unwrap().last_used_at, pair.unwrap().last_used_at), (late, late));
}

async fn a_failing_unit_harms_no_neighbour(database: Database) {
    let store = database.open().await;
    let tasks: Vec<_> = (0..60)
        .map(|i| {
            let store = store.clone();
            tokio::spawn(async move {
                let result = store.write(move |conn| {
                    store::users::insert(conn, &user(&format!("user{i}")))?;
                    match i % 3 {
                        0 => Ok(()),
                        1 => Err(StoreError::Query("refused after the insert".to_owned())),
                        _ => panic!("a unit that panics after the insert (expected in this test)"),
                    }
                });
                (i, result.await)
            })
        })
        .collect();
    for task in tasks {
        let (i, result) = task.await.unwrap();
        assert_eq!(result.is_ok(), i % 3 == 0, "{result:?}");
    }
    let users = store.scan(|conn| store::users::list(conn, None, 100)).await.unwrap();
    assert_eq!(users.len(), 20);
    assert_eq!(store.write(|conn| store::users::insert(conn, &user("user0"))).await, Err(StoreError::Conflict));
}

async fn a_dropped_caller_leaves_nothing_half_done(database: Database) {
    let store = database.open().await;
    for i in 0..40 {
        let write = store.write(move |conn| {
            store::users::insert(conn, &user(&format!("a{i}")))?;
            store::users::insert(conn, &user(&format!("b{i}")))
        });
        // Polled once, so that it is queued, then dropped.
        let _ = tokio::time::timeout(Duration::ZERO, write).await;
    }
    store.close().await;
    let names: Vec<String> = database.open().await.scan(|conn| store::users::list(conn, None, 100)).await.unwrap().into_iter().map(|u| u.username).collect();
    for i in 0..40 {
        assert_eq!(names.contains(&format!("a{i}")), names.contains(&format!("b{i}")), "{names:?}");
    }
}

async fn ending_a_session_ends_what_is_below(database: Database) {
    let w = world(&database).await;
    let mut grants = Vec::new();
    for _ in 0..20 {
        grants.push(w.redeem(Some("openid offline_access")).await.code.id);
    }
    w.end(Node::Grant(grants[0]), EndReason::ReuseDetected).await;
    for node in [
        Node::Session(SessionId::generate(now(), &SystemEntropy)),
        Node::ClientSession(w.session.id, ClientId::parse("other").unwrap()),
        Node::Grant(grants[0]),
        Node::User(UserId::generate(now(), &SystemEntropy)),
        Node::UserClient(w.user.id, ClientId::parse("other").unwrap()),
    ] {
        let statements = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&statements);
        let ended = w.store.write(move |conn| {
            conn.set_instrumentation(move |event: diesel::connection::InstrumentationEvent<'_>| {
                if matches!(event, diesel::connection::InstrumentationEvent::StartQuery { .. }) {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
            let ended = tree::end(conn, &node, EndReason::RevokedByAdmin, now());
            conn.set_instrumentation(|_: diesel::connection::InstrumentationEvent<'_>| {});
            ended
        });
        assert_eq!(ended.await, Ok(EndedCounts::default()));
        let statements = statements.load(Ordering::Relaxed);
        assert!((1..=3).contains(&statements), "{statements} statements");
    }
    let counts = w.end(Node::Session(w.session.id), EndReason::RevokedByAdmin).await;
    assert_eq!(counts, EndedCounts { sessions: 1, client_sessions: 1, families: 19, codes: 0 });
    // What had ended keeps its reason, and nothing ends twice.
    assert_eq!(w.family(grants[0]).await.ended.unwrap().reason, EndReason::ReuseDetected);
    assert_eq!(w.family(grants[1]).await.ended.unwrap().reason, EndReason::RevokedByAdmin);
    assert_eq!(w.end(Node::Session(w.session.id), EndReason::Logout).await, EndedCounts::default());
}

async fn ending_honours_offline_access(database: Database) {
    for (reason, survives) in EndReason::ALL.map(|reason| {
        use EndReason::{ExpiredAbsolute, ExpiredIdle, Logout, Superseded};
        (reason, matches!(reason, Logout | ExpiredIdle | ExpiredAbsolute | Superseded))
    }) {
        let w = if reason == EndReason::Logout { world(&database).await } else { another_session(&database).await };
        let offline = w.redeem(Some("openid offline_access")).await.code.id;
        let online = w.redeem(Some("openid")).await.code.id;
        w.end(Node::Session(w.session.id), reason).await;
        assert_eq!(w.family(offline).await.ended.is_none(), survives, "{reason:?}");
        assert!(w.family(online).await.ended.is_some(), "{reason:?}");
    }
}

async fn another_session(database: &Database) -> World {
    let store = database.open().await;
    let user = store.read(|conn| store::users::find_by_username(conn, "ann")).await.unwrap().unwrap();
    let session = session(&user);
    let s = session.clone();
    store.write(move |conn| store::sessions::insert(conn, &s)).await.unwrap();
    World { store, user, session, client: client("app") }
}

async fn ending_a_user_a_pair_or_a_grant(database: Database) {
    let w = world(&database).await;
    let one = w.redeem(Some("openid")).await.code.id;
    let counts = w.end(Node::UserClient(w.user.id, w.client.id.clone()), EndReason::ConsentWithdrawn).await;
    assert_eq!(counts, EndedCounts { client_sessions: 1, families: 1, ..EndedCounts::default() });
    assert_eq!(w.family(one).await.ended.unwrap().reason, EndReason::ConsentWithdrawn);
    w.redeem(Some("openid offline_access")).await;
    let counts = w.end(Node::User(w.user.id), EndReason::PasswordChanged).await;
    assert_eq!(counts, EndedCounts { sessions: 1, client_sessions: 1, families: 1, codes: 0 });
    // Deleting the user takes all of it away.
    let (user, client) = (w.user.id, w.client.id.clone());
    assert_eq!(w.store.write(move |conn| store::users::delete(conn, user)).await, Ok(true));
    assert!(w.store.read(move |conn| store::refresh_families::find(conn, one)).await.unwrap().is_none());
    assert_eq!(w.store.write(move |conn| store::clients::delete(conn, &client)).await, Ok(true));
}

async fn a_one_time_link_works_once(database: Database) {
    let store = database.open().await;
    let (at, digest) = (now(), Digest(random(&SystemEntropy)));
    let link = LinkId::generate(at, &SystemEntropy);
    store.write(move |conn| store::one_time_links::insert(conn, link, "first-admin", &digest, at + TimeDelta::hours(1), at)).await.unwrap();
    assert_eq!(store.write(move |conn| store::one_time_links::consume(conn, "other", &digest, at)).await, Ok(false));
    assert_eq!(store.write(move |conn| store::one_time_links::consume(conn, "first-admin", &digest, at + TimeDelta::hours(1))).await, Ok(false));
    assert_eq!(store.read(move |conn| store::one_time_links::valid(conn, "first-admin", &digest, at)).await, Ok(true));
    let won = winners(|| {
        let store = store.clone();
        async move { store.write(move |conn| store::one_time_links::consume(conn, "first-admin", &digest, at)).await }
    });
    assert_eq!(won.await, 1);
    assert_eq!(store.read(move |conn| store::one_time_links::valid(conn, "first-admin", &digest, at)).await, Ok(false));
}

async fn consents_grow(database: Database) {
    let w = world(&database).await;
    let words = ["openid", "profile", "email", "address", "phone"];
    let tasks: Vec<_> = words
        .iter()
        .map(|word| {
            let consent = Consent { user_id: w.user.id, client_id: w.client.id.clone(), scope: Scope::parse(word).unwrap(), granted_at: now() };
            let store = w.store.clone();
            tokio::spawn(async move { store.write(move |conn| store::consents::grant(conn, &consent)).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let (user, client) = (w.user.id, w.client.id.clone());
    let (found, c) = (client.clone(), client);
    let consent = w.store.read(move |conn| store::consents::find(conn, user, &found)).await.unwrap().unwrap();
    assert_eq!(consent.scope, Scope::parse(&words.join(" ")).unwrap());
    assert_eq!(w.store.write(move |conn| store::consents::withdraw(conn, user, &c)).await, Ok(true));
}

async fn clients_are_declared_again(database: Database) {
    let store = database.open().await;
    let mut declared = client("service");
    declared.metadata = ClientMetadata::defaults(ClientKind::Machine, "A service");
    let secret = Digest(random(&SystemEntropy));
    let first = Client { secret_digest: Some(secret), ..declared.clone() };
    let again = Client { updated_at: now(), created_at: now(), managed_by_file: true, ..declared };
    let id = again.id.clone();
    store.write(move |conn| store::clients::upsert(conn, &first).and_then(|()| store::clients::upsert(conn, &again))).await.unwrap();
    let find = id.clone();
    let found = store.read(move |conn| store::clients::find(conn, &find)).await.unwrap().unwrap();
    assert!(found.secret_digest == Some(secret) && found.managed_by_file && found.created_at < found.updated_at);
    assert_eq!(store.write(move |conn| store::clients::set_secret(conn, &id, Digest([7; 32]), now())).await, Ok(true));
    let public = client("app");
    store.write(move |conn| store::clients::upsert(conn, &public)).await.unwrap();
    let origins = store.scan(store::clients::origins).await.unwrap();
    assert_eq!(origins[0], (ClientId::parse("app").unwrap(), vec!["https://app.example.com".to_owned()]));
}

async fn small_tables_keep_their_word(database: Database) {
    let store = database.open().await;
    assert_eq!(store.write(|conn| store::meta::insert_once(conn, "check", "one")).await, Ok("one".to_owned()));
    assert_eq!(store.write(|conn| store::meta::insert_once(conn, "check", "two")).await, Ok("one".to_owned()));
    assert_eq!(store.read(|conn| store::meta::get(conn, "check")).await, Ok(Some("one".to_owned())));
    let at = now();
    let key = SigningKey {
        kid: "k1".to_owned(),
        alg: SigningAlg::Es256,
        public_jwk: "{}".to_owned(),
        sealed_private: vec![1, 2],
        announced_at: at,
        active_from: at,
        retired_at: None,
    };
    let again = key.clone();
    store.write(move |conn| store::signing_keys::insert(conn, &key)).await.unwrap();
    assert_eq!(store.write(move |conn| store::signing_keys::insert(conn, &again)).await, Err(StoreError::Conflict));
    store.write(move |conn| store::signing_keys::set_retired(conn, "k1", at)).await.unwrap();
    assert_eq!(store.read(store::signing_keys::list).await.unwrap()[0].retired_at, Some(at));

    let ann = User { admin: true, ..user("ann") };
    let id = ann.id;
    store.write(move |conn| store::users::insert(conn, &ann)).await.unwrap();
    assert_eq!(store.read(store::users::count_admins).await, Ok(1));
    let (old, new) = (Secret::new("$argon2id$old".to_owned()), Secret::new("$argon2id$new".to_owned()));
    let (o, n) = (old.clone(), new.clone());
    assert_eq!(store.write(move |conn| store::users::rehash(conn, id, &o, &n)).await, Ok(true));
    assert_eq!(store.write(move |conn| store::users::rehash(conn, id, &old, &new)).await, Ok(false));
    store.write(move |conn| store::users::set_disabled(conn, id, Some(at), at)).await.unwrap();
    store.write(move |conn| store::users::set_password(conn, id, &Secret::new("x".to_owned()), at)).await.unwrap();
    assert_eq!(store.read(store::users::count_admins).await, Ok(0));
    let found = store.read(move |conn| store::users::find(conn, id)).await.unwrap().unwrap();
    assert_eq!((found.disabled_at, found.password_changed_at), (Some(at), at));
    assert_eq!(store.write(move |conn| store::users::update(conn, &User { username: "ann2".to_owned(), ..found })).await, Ok(true));
    store.ping().await.unwrap();
}

async fn lists_are_paged(database: Database) {
    let w = world(&database).await;
    for i in 0..5 {
        let other = user(&format!("u{i}"));
        let s = session(&w.user);
        w.store.write(move |conn| store::users::insert(conn, &other).and_then(|()| store::sessions::insert(conn, &s))).await.unwrap();
        w.redeem(Some("openid")).await;
    }
    let id = w.user.id;
    let page = w.store.scan(move |conn| {
        let first = store::sessions::list(conn, Some(id), None, 4)?;
        let rest = store::sessions::list(conn, Some(id), first.last().map(|s| s.id), 4)?;
        let families = store::refresh_families::list_by_user(conn, id, None, 10)?;
        let first_users = store::users::list(conn, None, 4)?;
        let other_users = store::users::list(conn, first_users.last().map(|u| u.id), 4)?;
        let clients = store::clients::list(conn, None, 10)?;
        Ok((first.len(), rest.len(), families.len(), first_users.len(), other_users.len(), clients.len()))
    });
    assert_eq!(page.await, Ok((4, 2, 5, 4, 2, 1)));
}

async fn two_stores_share_one_database(database: Database) {
    let w = world(&database).await;
    let other = database.open().await;
    let id = w.redeem(Some("openid")).await.code.id;
    let turn = AtomicU32::new(0);
    for expected in 1..=5 {
        let won = winners(|| {
            let store = if turn.fetch_add(1, Ordering::Relaxed) % 2 == 0 { w.store.clone() } else { other.clone() };
            async move { store.rotate(Step { id, expected, next: expected + 1, at: now() }).await }
        });
        assert_eq!(won.await, 1);
    }
    assert_eq!(w.family(id).await.generation, 6);
}

async fn two_starts_at_once(database: Database) {
    let options = Options::new(&database.url);
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let options = options.clone();
            tokio::spawn(async move { Store::open(&options).await })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap().ping().await.unwrap();
    }
}

async fn a_full_queue_is_unavailable(database: Database) {
    let store = Store::open(&Options { pool_size: 2, queue: 4, ..Options::new(&database.url) }).await.unwrap();
    let gate = Arc::new(std::sync::Barrier::new(2));
    let (held, s) = (Arc::clone(&gate), store.clone());
    let (started, begun) = tokio::sync::oneshot::channel();
    let blocker = tokio::spawn(async move {
        s.write(move |_| {
            let _ = started.send(());
            held.wait();
            Ok(())
        })
        .await
    });
    begun.await.unwrap();
    // The one writing thread is held, so four wait and the fifth is refused at once.
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let s = store.clone();
            tokio::spawn(async move { s.write(|_| Ok(())).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let before = Instant::now();
    assert!(matches!(store.write(|_| Ok(())).await, Err(StoreError::Unavailable(_))));
    assert!(before.elapsed() < Duration::from_secs(1));
    tokio::task::spawn_blocking(move || gate.wait()).await.unwrap();
    blocker.await.unwrap().unwrap();
    for write in waiting {
        write.await.unwrap().unwrap();
    }
}

async fn close_finishes_what_is_queued(database: Database) {
    let store = database.open().await;
    let tasks: Vec<_> = (0..30)
        .map(|i| {
            let store = store.clone();
            tokio::spawn(async move { store.write(move |conn| store::users::insert(conn, &user(&format!("u{i}")))).await })
        })
        .collect();
    tokio::task::yield_now().await;
    store.close().await;
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert!(matches!(store.write(|_| Ok(())).await, Err(StoreError::Unavailable(_))));
    store.close().await;
    assert_eq!(database.open().await.scan(|conn| store::users::list(conn, None, 100)).await.unwrap().len(), 30);
}

async fn a_newer_database_is_left_alone(database: Database) {
    database.open().await.close().await;
    database.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')");
    assert!(matches!(Store::open(&Options::new(&database.url)).await, Err(OpenError::NewerDatabase(_))));
    assert!(matches!(migrate::run(&Options::new(&database.url)).await, Err(OpenError::NewerDatabase(_))));
}

async fn pending_migrations_are_told(database: Database) {
    let options = Options { migrate: Migrate::RequireCurrent, ..Options::new(&database.url) };
    let before = migrate::status(&options).await.unwrap();
    assert!(before.applied.is_empty() && !before.pending.is_empty());
    assert!(matches!(Store::open(&options).await, Err(OpenError::MigrationsPending(_) | OpenError::FileMissing(_))));
    assert_eq!(migrate::run(&options).await.unwrap(), before.pending);
    assert_eq!(migrate::status(&options).await.unwrap().applied, before.pending);
    assert!(migrate::run(&options).await.unwrap().is_empty());
    Store::open(&options).await.unwrap().ping().await.unwrap();
}

/// The same tables with the same columns, required or not, in both databases.
#[tokio::test]
async fn migrations_give_both_databases_the_same_tables() {
    #[derive(QueryableByName, Debug, PartialEq)]
    struct Column {
        #[diesel(sql_type = diesel::sql_types::Text)]
        place: String,
    }
    let (lite, post) = (Database::new(Backend::Sqlite), Database::new(Backend::Postgres));
    lite.open().await.close().await;
    post.open().await.close().await;
    let in_sqlite = diesel::sql_query(
        "SELECT m.name || '.' || c.name || CASE WHEN c.\"notnull\" THEN ' required' ELSE '' END AS place \
         FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\'",
    )
    .load::<Column>(&mut SqliteConnection::establish(lite.url.strip_prefix("sqlite://").unwrap()).unwrap())
    .unwrap();
    let in_postgres = diesel::sql_query(
        "SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'NO' THEN ' required' ELSE '' END AS place \
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%'",
    )
    .load::<Column>(&mut PgConnection::establish(&post.url).unwrap())
    .unwrap();
    assert!(in_sqlite.len() > 70, "{in_sqlite:?}");
    let only_in = |these: &[Column], those: &[Column]| these.iter().filter(|c| !those.contains(c)).map(|c| c.place.clone()).collect::<Vec<_>>();
    assert_eq!((only_in(&in_sqlite, &in_postgres), only_in(&in_postgres, &in_sqlite)), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn what_cannot_be_opened_says_why_and_is_not_touched() {
    let directory = TempDir::new().unwrap();
    let open = |name: &str| {
        let url = format!("sqlite://{}", directory.path().join(name).display());
        async move { Store::open(&Options::new(&url)).await.map(|_| ()) }
    };
    assert!(matches!(open("missing/gatekey.db").await, Err(OpenError::DirectoryMissing(_))));
    std::fs::write(directory.path().join("text"), "this is no database, only a text that is long enough to be looked at ".repeat(40)).unwrap();
    assert!(matches!(open("text").await, Err(OpenError::NotADatabase(_))));
    assert!(std::fs::read_to_string(directory.path().join("text")).unwrap().starts_with("this is no database"));
    SqliteConnection::establish(directory.path().join("foreign.db").to_str().unwrap()).unwrap().batch_execute("CREATE TABLE theirs (a)").unwrap();
    assert!(matches!(open("foreign.db").await, Err(OpenError::ForeignDatabase(_))));
    open("gatekey.db").await.unwrap();
    let path = directory.path().join("gatekey.db");
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions).unwrap();
    assert!(matches!(open("gatekey.db").await, Err(OpenError::NotWritable { .. })));
    assert_eq!(Store::open(&Options::new("mysql://x")).await.unwrap_err(), OpenError::BadUrl);
}

/// An address where nothing listens: told within seconds, without the password.
#[tokio::test]
async fn an_unreachable_postgres_is_told_soon() {
    let before = Instant::now();
    let error = Store::open(&Options::new("postgres://gatekey:hunter2@127.0.0.1:1/gatekey")).await.unwrap_err();
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
    assert!(!error.to_string().contains("hunter2") && !error.to_string().contains('\n'), "{error}");
    assert!(before.elapsed() < Duration::from_secs(10));
    let debug = format!("{:?}", Options::new("postgres://gatekey:hunter2@127.0.0.1:1/gatekey"));
    assert!(!debug.contains("hunter2"), "{debug}");
}

/// A database that another process keeps locked costs callers a 503, not a hang, and serves again when it is let go.
#[tokio::test]
async fn a_locked_sqlite_is_unavailable_and_recovers() {
    let database = Database::new(Backend::Sqlite);
    let store = database.open().await;
    let mut other = SqliteConnection::establish(database.url.strip_prefix("sqlite://").unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let before = Instant::now();
    assert!(matches!(store.write(|conn| store::users::insert(conn, &user("ann"))).await, Err(StoreError::Unavailable(_))));
    assert!(before.elapsed() < Duration::from_secs(20));
    other.batch_execute("ROLLBACK").unwrap();
    store.write(|conn| store::users::insert(conn, &user("ann"))).await.unwrap();
}

/// All connections of the pool are cut at once: no more than the requests under way fail, and it serves again by itself.
#[tokio::test]
async fn postgres_connections_that_are_cut_are_replaced() {
    let database = Database::new(Backend::Postgres);
    let w = world(&database).await;
    let id = w.redeem(Some("openid")).await.code.id;
    for _ in 0..8 {
        w.store.read(|conn| store::meta::get(conn, "x")).await.unwrap();
    }
    PgConnection::establish(&admin_url())
        .unwrap()
        .batch_execute(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", database.dropped.as_ref().unwrap().1))
        .unwrap();
    let first = w.store.rotate(Step { id, expected: 1, next: 2, at: now() }).await;
    assert!(matches!(first, Ok(true) | Err(StoreError::Unavailable(_))), "{first:?}");
    let mut failed = 0;
    for _ in 0..20 {
        match w.store.write(|conn| store::meta::insert_once(conn, "x", "y")).await {
            Ok(_) => {}
            Err(StoreError::Unavailable(_)) => failed += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(failed <= 4, "{failed} of 20 failed after the cut");
    w.store.ping().await.unwrap();
}

#[tokio::test]
async fn a_read_only_postgres_is_unavailable() {
    let database = Database::new(Backend::Postgres);
    database.open().await.close().await;
    let name = &database.dropped.as_ref().unwrap().1;
    database.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let store = database.open().await;
    assert!(matches!(store.write(|conn| store::users::insert(conn, &user("ann"))).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
}

/// A unit that swallows a conflict must not be answered as if it were committed.
#[tokio::test]
async fn a_swallowed_conflict_is_no_silent_loss_on_postgres() {
    let w = world(&Database::new(Backend::Postgres)).await;
    let twin = w.client.clone();
    let result = w.store.write(move |conn| {
        store::meta::insert_once(conn, "before", "1")?;
        let _ = store::clients::insert(conn, &twin);
        Ok(())
    });
    let answered = result.await;
    let there = w.store.read(|conn| store::meta::get(conn, "before")).await;
    assert!(answered.is_err() || there.as_ref().is_ok_and(Option::is_some), "{answered:?} {there:?}");
}
