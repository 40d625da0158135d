//! An issuer on a manual clock with seeded entropy, its clients and one user.

use std::sync::{Arc, OnceLock};

use argon2::password_hash::PasswordHasher;
use chrono::{DateTime, TimeDelta};
use gatekey::Issuer;
use gatekey::domain::client::{ClientKind, ClientMetadata};
use gatekey::domain::clock::{Clock, ManualClock, Timestamp};
use gatekey::domain::entropy::SystemEntropy;
use gatekey::domain::group::Groups;
use gatekey::domain::id::ClientId;
use gatekey::domain::redirect_uri::{RedirectUri, WebOrigin};
use gatekey::domain::scope::Scope;
use gatekey::domain::secret::{Digest, Secret};
use gatekey::domain::signing_key::SigningAlg;
use gatekey::domain::user::{Profile, User};
use gatekey::service::admin::{Admin, Installation};
use gatekey::service::password_reset;
use gatekey::settings::{DeclaredClient, DeclaredUser, MasterKeySource, Settings};
use gatekey::store::{Connection, Options, Store, StoreError, clients, users};
use poem::Response;
use poem::endpoint::BoxEndpoint;
use url::Url;

use super::browser::{Browser, FRAME};
use super::database::Database;
use super::entropy::SeededEntropy;
use super::network::{Answer, Network};
use super::relying_party::{RelyingParty, Tokens};
use super::rsa_key;

pub const ISSUER: &str = "https://id.example.test/";
pub const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
pub const PASSWORD: &str = "correct horse battery staple";
/// A secret with signs that HTTP Basic must encode (RFC 6749 §2.3.1).
pub const SECRET: &str = "secret: 100% of + and / in 43 characters or more";

/// A page that asks for consent, with https://app.example.test as its origin.
pub const PAGE: &str = "page";
/// Another one, which some test plays the thief with.
pub const OTHER_PAGE: &str = "other-page";
/// A page of the operator's own: no consent.
pub const OWN_PAGE: &str = "own-page";
/// A confidential client of the operator's own; may introspect.
pub const SERVER: &str = "server";
/// Acts for itself.
pub const MACHINE: &str = "machine";

pub struct App {
    pub database: Arc<Database>,
    pub clock: Arc<ManualClock>,
    pub network: Network,
    pub issuer: String,
    /// The database from beside the issuer: for looking at it, and for what an admin does.
    pub store: Store,
    pub settings: Settings,
    pub running: Issuer,
}

/// The settings of the tests: each may change them before it starts.
pub fn settings(issuer: &str, database: &Database) -> Settings {
    let mut settings = Settings::for_issuer(issuer).unwrap();
    settings.database.url = database.url().to_owned();
    settings.database.pool_size = 4;
    settings.master_key = MasterKeySource::Text(Secret::new(MASTER_KEY.to_owned()));
    // Cheap to compute; what the parameters do is tested where hashing is.
    settings.passwords.memory_kib = 64;
    settings.passwords.iterations = 1;
    settings.clients = vec![
        client(PAGE, ClientKind::Spa, "https://app.example.test", |_| {}),
        client(OTHER_PAGE, ClientKind::Spa, "https://other.example.test", |_| {}),
        client(OWN_PAGE, ClientKind::Spa, "https://own.example.test", |c| c.first_party = true),
        client(SERVER, ClientKind::Web, "https://server.example.test", |c| {
            c.first_party = true;
            c.resources = vec!["https://api.example.test/".to_owned()];
        }),
        client(MACHINE, ClientKind::Machine, "https://machine.example.test", |c| {
            c.redirect_uris.clear();
            c.scope = Scope::parse("jobs:run jobs:read").unwrap();
        }),
    ];
    settings.users = vec![user("alice", "Alice Example"), user("bobby", "Bobby Example")];
    settings
}

/// A client with `<origin>/callback`, `<origin>/signed-out` and its origin registered.
pub fn client(id: &str, kind: ClientKind, origin: &str, change: impl FnOnce(&mut ClientMetadata)) -> DeclaredClient {
    let mut metadata = ClientMetadata::defaults(kind, &format!("The {id}"));
    metadata.redirect_uris = vec![RedirectUri::parse(&format!("{origin}/callback")).unwrap()];
    metadata.post_logout_redirect_uris = vec![RedirectUri::parse(&format!("{origin}/signed-out")).unwrap()];
    metadata.web_origins = vec![WebOrigin::parse(origin).unwrap()];
    change(&mut metadata);
    let secret_digest = (!metadata.is_public()).then(|| Digest::of(SECRET.as_bytes()));
    DeclaredClient { id: ClientId::parse(id).unwrap(), metadata, secret_digest }
}

fn user(username: &str, name: &str) -> DeclaredUser {
    let email = Some(format!("{username}@example.test"));
    let profile = Profile { name: Some(name.to_owned()), email, email_verified: true, ..Profile::default() };
    DeclaredUser { username: username.to_owned(), profile, groups: Groups::default(), role: None, password_hash: Some(Secret::new(password_hash().to_owned())) }
}

/// Of [`PASSWORD`], with the parameters of [`settings`].
pub fn password_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let params = argon2::Params::new(64, 1, 1, None).unwrap();
        let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        argon2.hash_password_with_salt(PASSWORD.as_bytes(), b"salt of the tests").unwrap().to_string()
    })
}

async fn issuer(settings: &Settings, clock: &Arc<ManualClock>, seed: &str) -> Issuer {
    let entropy = Arc::new(SeededEntropy::new(seed));
    Issuer::builder(settings.clone()).clock(clock.clone()).entropy(entropy).background(false).build().await.unwrap()
}

impl App {
    pub async fn start(database: Database) -> Self {
        Self::start_with(database, |_| {}).await
    }

    pub async fn start_with(database: Database, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(ISSUER, &database);
        change(&mut settings);
        let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
        let store = Store::open(&Options::new(&settings.database.url)).await.unwrap();
        if settings.keys.algorithms.contains(&SigningAlg::Rs256) {
            rsa_key::give(&store, clock.now()).await;
        }
        let running = issuer(&settings, &clock, "first").await;
        Self::of(running, store, Arc::new(database), settings, clock)
    }

    /// One more issuer on the same database and clock, as a second replica is.
    pub async fn replica(&self, seed: &str) -> Self {
        Self::on(self.database.clone(), self.settings.clone(), self.clock.clone(), seed).await
    }

    pub async fn on(database: Arc<Database>, settings: Settings, clock: Arc<ManualClock>, seed: &str) -> Self {
        let running = issuer(&settings, &clock, seed).await;
        let store = Store::open(&Options::new(&settings.database.url)).await.unwrap();
        Self::of(running, store, database, settings, clock)
    }

    fn of(running: Issuer, store: Store, database: Arc<Database>, settings: Settings, clock: Arc<ManualClock>) -> Self {
        let issuer = settings.issuer.as_str().to_owned();
        Self { database, clock, network: Network::new(running.routes()), issuer, store, settings, running }
    }

    /// For a host that has more than one issuer.
    pub fn routes(&self) -> BoxEndpoint<'static, Response> {
        self.running.routes()
    }

    /// Stops the issuer; the database stays.
    pub async fn stop(self) -> Arc<Database> {
        self.running.close().await;
        self.store.close().await;
        self.database
    }

    pub fn advance(&self, step: TimeDelta) {
        self.clock.advance(step);
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn seconds(&self) -> i64 {
        self.clock.now().timestamp()
    }

    pub fn browser(&self) -> Browser {
        Browser::new(self.network.clone(), self.clock.clone())
    }

    /// A browser at this address.
    pub fn browser_at(&self, address: &str) -> Browser {
        Browser::new(self.network.seen_from(address), self.clock.clone())
    }

    pub fn relying_party(&self, client_id: &str) -> RelyingParty {
        let client = self.settings.clients.iter().find(|client| client.id.as_str() == client_id).unwrap();
        let redirect_uri = client.metadata.redirect_uris.first().map_or("", RedirectUri::as_str);
        let party = RelyingParty::new(&self.network, &self.issuer, client_id, redirect_uri);
        if client.secret_digest.is_some() { party.with_secret(SECRET) } else { party }
    }

    /// From an authorization URL to the application's answer: signs in and allows when a page asks for it.
    pub async fn authorize_as(&self, browser: &mut Browser, url: &Url, username: &str) -> Url {
        browser.authorize_as(url, username, PASSWORD).await
    }

    /// Signs alice in at an application, whatever that takes.
    pub async fn sign_in(&self, browser: &mut Browser, party: &RelyingParty, scope: &str) -> Tokens {
        let response = self.authorize_as(browser, &party.authorize(scope, &[]), "alice").await;
        party.exchange(&party.code(&response)).await
    }

    /// What a hidden frame in the application is answered to `prompt=none`: never a page.
    pub async fn silently(&self, browser: &mut Browser, party: &RelyingParty, scope: &str, changes: &[(&str, &str)]) -> Url {
        let mut all = vec![("prompt", "none")];
        all.extend(changes);
        browser.navigate(&party.authorize(scope, &all), FRAME).await.left()
    }

    /// The sign-in page of a correct request.
    pub async fn sign_in_page(&self, browser: &mut Browser, party: &RelyingParty) -> Answer {
        browser.visit(party.authorize("openid", &[]).as_str()).await.page()
    }

    /// What a command administers with.
    pub async fn admin(&self) -> Admin {
        Installation::open_existing(&self.settings).await.unwrap().admin(self.clock.clone(), Arc::new(SystemEntropy))
    }

    /// A link by which the user sets a new password, good for an hour.
    pub async fn reset_link(&self, username: &str) -> String {
        let (admin, user) = (self.admin().await, self.user(username).await.id);
        let reset = admin.start_password_reset(user, password_reset::LIFETIME, Box::new(|_| Ok(()))).await.unwrap();
        password_reset::address(&self.settings.issuer, &reset.secret)
    }

    pub async fn user(&self, username: &str) -> User {
        let name = username.to_owned();
        self.store.read(move |db| users::find_by_username(db, &name)).await.unwrap().unwrap()
    }

    /// An application that gets nothing any more.
    pub async fn disable_client(&self, id: &str) {
        let (id, now) = (ClientId::parse(id).unwrap(), self.now());
        self.write(move |db| {
            let mut client = clients::find(db, &id)?.unwrap();
            client.disabled_at = Some(now);
            clients::upsert(db, &client)
        })
        .await;
    }

    /// What an admin does.
    pub async fn write<T: Send + 'static>(&self, change: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> T {
        self.store.write(change).await.unwrap()
    }
}
