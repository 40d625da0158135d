//! What every backend of the store must do, run on SQLite and on PostgreSQL, and what only one of them can do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use gatekey::domain::acr::Acr;
use gatekey::domain::authorization_code::RedeemedCode;
use gatekey::domain::claim::{ClaimSet, NamedClaims};
use gatekey::domain::client::{Client, ClientKind, ClientMetadata};
use gatekey::domain::clock::Timestamp;
use gatekey::domain::consent::Consent;
use gatekey::domain::dpop::KeyThumbprint;
use gatekey::domain::entropy::{SystemEntropy, random};
use gatekey::domain::group::Groups;
use gatekey::domain::id::{ClientId, GrantId, LinkId, SessionId, UserId};
use gatekey::domain::refresh_family::{Grant, KeyBinding, RefreshFamily};
use gatekey::domain::scope::Scope;
use gatekey::domain::secret::{Digest, Secret};
use gatekey::domain::session::{EndReason, Ended, Session};
use gatekey::domain::signing_key::{SigningAlg, SigningKey};
use gatekey::domain::user::{Profile, User};
use gatekey::store::redeemed_codes::Redemption;
use gatekey::store::refresh_families::Step;
use gatekey::store::sessions::Touch;
use gatekey::store::tree::{self, EndedCounts, Node};
use gatekey::store::{self, Migrate, OpenError, Options, Store, StoreError, migrate};
use tempfile::TempDir;

/// Each test, on both. A current-thread runtime is the harder one: nothing may block or need another worker.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod sqlite { $(#[tokio::test] async fn $name() { super::$name(super::Database::new(super::Backend::Sqlite)).await; })* }
        mod postgres { $(#[tokio::test] async fn $name() { super::$name(super::Database::new(super::Backend::Postgres)).await; })* }
    };
}

mod concurrency;
mod grants;
mod opening;
mod outages;
mod tables;

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
        if let Some((admin, name)) = &self.dropped
            && let Ok(mut conn) = PgConnection::establish(admin)
        {
            let _ = conn.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
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
    Client {
        id: ClientId::parse(id).unwrap(),
        metadata,
        secret_digest: None,
        previous_secret: None,
        disabled_at: None,
        managed_by_file: false,
        created_at: at,
        updated_at: at,
    }
}

fn user(name: &str) -> User {
    let at = now();
    User {
        id: UserId::generate(at, &SystemEntropy),
        username: name.to_owned(),
        profile: Profile { name: Some("Ann Example".to_owned()), email: Some("ann@example.com".to_owned()), email_verified: true, ..Profile::default() },
        groups: Groups::default(),
        password_hash: Some(Secret::new("$argon2id$old".to_owned())),
        password_changed_at: at,
        role: None,
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
        remembered: true,
        user_agent: Some("a browser".to_owned()),
        network: Some("192.0.2.1".to_owned()),
        device: None,
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
            claims: NamedClaims { userinfo: ClaimSet::parse("email phone_number"), ..NamedClaims::default() },
        },
        bound_to: None,
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

/// Runs 64 futures at once and counts those that answered true.
async fn winners<F: Future<Output = Result<bool, StoreError>> + Send + 'static>(each: impl Fn() -> F) -> usize {
    let tasks: Vec<_> = (0..64).map(|_| tokio::spawn(each())).collect();
    let mut count = 0;
    for task in tasks {
        count += usize::from(task.await.unwrap().unwrap());
    }
    count
}
