//! The administrator's operations on a real database: what they change, what they end with it, and what they refuse.

use chrono::{DateTime, TimeDelta};

use super::*;
use crate::domain::acr::Acr;
use crate::domain::client::{ClientKind, ClientMetadata};
use crate::domain::client_secret::SecretOverlap;
use crate::domain::clock::ManualClock;
use crate::domain::entropy::SystemEntropy;
use crate::domain::group::Groups;
use crate::domain::id::{ClientId, SessionId, UserId};
use crate::domain::lifetime::Limits;
use crate::domain::redirect_uri::RedirectUri;
use crate::domain::secret::{Digest, Secret};
use crate::domain::session::{EndReason, Session};
use crate::domain::signing_key::{KeyState, SigningAlg};
use crate::domain::user::Profile;
use crate::settings::{DeclaredClient, MasterKeySource, Settings};
use crate::store::{OpenError, Options, migrate, sessions};

struct Bench {
    admin: Admin,
    clock: Arc<ManualClock>,
    settings: Settings,
    _directory: tempfile::TempDir,
}

async fn bench(toml: &str) -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = Settings::from_toml(toml).unwrap();
    settings.database.url = format!("sqlite://{}", directory.path().join("gatekey.db").display());
    settings.master_key = MasterKeySource::File(directory.path().join("gatekey.key"));
    let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
    let installation = Installation::open(&settings, &SystemEntropy).await.unwrap();
    let admin = installation.admin(clock.clone(), Arc::new(SystemEntropy));
    Bench { admin, clock, settings, _directory: directory }
}

fn hash(text: &str) -> Option<Secret<String>> {
    Some(Secret::new(text.to_owned()))
}

impl Bench {
    async fn user(&self, name: &str) -> UserId {
        let new = NewUser { username: name.to_owned(), profile: Profile::default(), groups: Groups::default(), role: None, password_hash: hash("first") };
        self.admin.create_user(new).await.unwrap().id
    }

    async fn signed_in(&self, user_id: UserId) -> SessionId {
        let now = self.clock.now();
        let session = Session {
            id: SessionId::generate(now, &SystemEntropy),
            cookie_digest: Secret::<String>::generate(&SystemEntropy).digest(),
            user_id,
            created_at: now,
            auth_time: now,
            last_used_at: now,
            acr: Acr::Password,
            remembered: true,
            user_agent: None,
            network: None,
            device: None,
            ended: None,
        };
        let id = session.id;
        self.admin.store.write(move |db| sessions::insert(db, &session)).await.unwrap();
        id
    }

    async fn end_reason(&self, session: SessionId) -> Option<EndReason> {
        let found = self.admin.store.read(move |db| sessions::find(db, session)).await.unwrap();
        found.unwrap().ended.map(|ended| ended.reason)
    }
}

fn web(name: &str) -> ClientMetadata {
    ClientMetadata { redirect_uris: vec![RedirectUri::parse("https://rp.test/cb").unwrap()], ..ClientMetadata::defaults(ClientKind::Web, name) }
}

#[tokio::test]
async fn a_user_name_is_taken_once_and_found_in_any_case() {
    let bench = bench("").await;
    let alice = bench.user(" Alice ").await;
    assert_eq!(bench.admin.user("ALICE").await.unwrap().id, alice);
    assert_eq!(bench.admin.user(&alice.to_string()).await.unwrap().username, "alice");
    let again = NewUser { username: "aLiCe".to_owned(), profile: Profile::default(), groups: Groups::default(), role: None, password_hash: None };
    assert!(matches!(bench.admin.create_user(again).await, Err(AdminError::Exists { .. })));
    let bad = NewUser { username: "a\nb".to_owned(), profile: Profile::default(), groups: Groups::default(), role: None, password_hash: None };
    assert!(matches!(bench.admin.create_user(bad).await, Err(AdminError::Refused(_))));
    let impostor = bench.user(&alice.to_string()).await;
    assert_ne!(impostor, alice);
    assert_eq!(bench.admin.user(&alice.to_string()).await.unwrap().id, alice, "an id taken as a name hides nobody");
    assert!(matches!(bench.admin.user("nobody").await, Err(AdminError::NotFound { .. })));
}

/// ASVS 7.4.2, 7.4.3: disabling an account and changing its password end its sessions, and nobody else's.
#[tokio::test]
async fn disabling_and_a_new_password_sign_out_everywhere() {
    let bench = bench("").await;
    let (alice, bob) = (bench.user("alice").await, bench.user("bob").await);
    let (first, second, other) = (bench.signed_in(alice).await, bench.signed_in(alice).await, bench.signed_in(bob).await);
    bench.clock.advance(TimeDelta::minutes(1));
    bench.admin.set_password(alice, Secret::new("second".to_owned())).await.unwrap();
    assert_eq!(bench.end_reason(first).await, Some(EndReason::PasswordChanged));
    assert_eq!(bench.end_reason(second).await, Some(EndReason::PasswordChanged));
    assert_eq!(bench.admin.user("alice").await.unwrap().password_changed_at, bench.clock.now());
    let third = bench.signed_in(alice).await;
    bench.admin.disable_user(alice).await.unwrap();
    assert_eq!(bench.end_reason(third).await, Some(EndReason::UserDisabled));
    assert_eq!(bench.end_reason(first).await, Some(EndReason::PasswordChanged), "what has ended keeps its reason");
    bench.admin.enable_user(alice).await.unwrap();
    assert_eq!(bench.admin.user("alice").await.unwrap().disabled_at, None);
    assert_eq!(bench.end_reason(other).await, None);
    bench.admin.delete_user(alice).await.unwrap();
    assert!(matches!(bench.admin.disable_user(alice).await, Err(AdminError::NotFound { .. })));
}

#[tokio::test]
async fn sessions_are_ended_one_by_one_or_all_of_a_user() {
    let bench = bench("").await;
    let alice = bench.user("alice").await;
    let (first, second) = (bench.signed_in(alice).await, bench.signed_in(alice).await);
    assert_eq!(bench.admin.end_session(first).await.unwrap().sessions, 1);
    assert_eq!((bench.end_reason(first).await, bench.end_reason(second).await), (Some(EndReason::RevokedByAdmin), None));
    assert_eq!(bench.admin.end_session(first).await.unwrap().sessions, 0, "it had ended before");
    assert_eq!(bench.admin.end_sessions_of(alice).await.unwrap().sessions, 1);
    assert_eq!(bench.admin.sessions(Some(alice), None, 10).await.unwrap().len(), 2);
    let nobody = SessionId(uuid::Uuid::nil());
    assert!(matches!(bench.admin.end_session(nobody).await, Err(AdminError::NotFound { .. })));
}

#[tokio::test]
async fn a_client_secret_is_told_once_and_stored_as_a_digest() {
    let bench = bench("").await;
    let id = ClientId::parse("site").unwrap();
    let (client, secret) = bench.admin.create_client(NewClient { id: id.clone(), metadata: web("Site") }).await.unwrap();
    let secret = secret.unwrap();
    assert_eq!(client.secret_digest, Some(secret.digest()));
    assert!(matches!(bench.admin.create_client(NewClient { id: id.clone(), metadata: web("Site") }).await, Err(AdminError::Exists { .. })));
    let next = bench.admin.rotate_client_secret(&id).await.unwrap();
    assert_ne!(next.expose(), secret.expose());
    assert_eq!(bench.admin.client(&id).await.unwrap().secret_digest, Some(next.digest()));
    // A change keeps the secret; one that breaks a rule changes nothing.
    let changed = bench.admin.update_client(&id, Box::new(|client| client.metadata.name = "Other".to_owned())).await.unwrap();
    assert_eq!((changed.metadata.name.as_str(), changed.secret_digest), ("Other", Some(next.digest())));
    let refused = bench.admin.update_client(&id, Box::new(|client| client.metadata.redirect_uris.clear())).await;
    assert!(matches!(refused, Err(AdminError::Client(InvalidClient::NoRedirectUri(_)))));
    assert_eq!(bench.admin.client(&id).await.unwrap().metadata, changed.metadata);
    let spa = ClientMetadata { redirect_uris: changed.metadata.redirect_uris.clone(), ..ClientMetadata::defaults(ClientKind::Spa, "Page") };
    let page = ClientId::parse("page").unwrap();
    assert!(bench.admin.create_client(NewClient { id: page.clone(), metadata: spa }).await.unwrap().1.is_none());
    assert!(matches!(bench.admin.rotate_client_secret(&page).await, Err(AdminError::PublicClient(_))));
    bench.admin.delete_client(&id).await.unwrap();
    assert_eq!(bench.admin.clients(None, 10).await.unwrap().len(), 1);
    // The console's id is the issuer's own.
    let spa = ClientMetadata { redirect_uris: changed.metadata.redirect_uris.clone(), ..ClientMetadata::defaults(ClientKind::Spa, "Mine") };
    let taken = bench.admin.create_client(NewClient { id: ClientId::parse(super::CONSOLE).unwrap(), metadata: spa }).await;
    assert!(matches!(taken, Err(AdminError::Refused(_))));
}

#[tokio::test]
async fn the_secret_before_goes_with_the_present_one_and_when_the_file_says_otherwise() {
    let bench = bench("").await;
    let id = ClientId::parse("site").unwrap();
    let (_, first) = bench.admin.create_client(NewClient { id: id.clone(), metadata: web("Site") }).await.unwrap();
    let overlap = SecretOverlap::seconds(60).unwrap();
    let rotate = async || bench.admin.rotate_client_secret_if(&id, overlap, Box::new(|_| Ok(()))).await.unwrap();
    let read = async || bench.admin.client(&id).await.unwrap();
    let previous = async || read().await.previous_secret.map(|previous| (previous.digest, previous.expires_at));
    let second = rotate().await;
    let end = bench.clock.now() + TimeDelta::seconds(60);
    assert_eq!((previous().await, second.previous_expires_at), (Some((first.unwrap().digest(), end)), Some(end)));
    // Not by a change, nor by declaring it without a word of its secret, nor with this very secret.
    bench.admin.update_client(&id, Box::new(|client| client.previous_secret = None)).await.unwrap();
    let declared = async |digest: Option<Digest>| {
        let mut settings = bench.settings.clone();
        let metadata = ClientMetadata { name: format!("Declared with {}", digest.is_some()), ..web("Site") };
        settings.clients = vec![DeclaredClient { id: id.clone(), metadata, secret_digest: digest }];
        declare(&bench.admin, &settings).await.unwrap();
    };
    declared(None).await;
    declared(Some(second.secret.digest())).await;
    assert!(read().await.managed_by_file && previous().await.is_some_and(|(_, at)| at == end));
    // The file names another: that one alone.
    let third = Digest::of(b"of the file");
    declared(Some(third)).await;
    assert_eq!((read().await.secret_digest, previous().await), (Some(third), None));
    // One that was made since dies at the next start, and so does what was kept beside it.
    rotate().await;
    assert_eq!(previous().await.map(|(digest, _)| digest), Some(third));
    declared(Some(third)).await;
    assert_eq!((read().await.secret_digest, previous().await), (Some(third), None));
    // A public client has none.
    rotate().await;
    let spa = ClientMetadata { redirect_uris: web("Site").redirect_uris, ..ClientMetadata::defaults(ClientKind::Spa, "Site") };
    bench.admin.update_client(&id, Box::new(|client| client.metadata = spa)).await.unwrap();
    assert_eq!((read().await.secret_digest, previous().await), (None, None));
    // Confidential again, it gets one for the first time: there is none before.
    bench.admin.update_client(&id, Box::new(|client| client.metadata = web("Site"))).await.unwrap();
    assert_eq!((rotate().await.previous_expires_at, previous().await), (None, None));
}

const DECLARED: &str = "[[clients]]\nid = \"notes\"\nkind = \"web\"\nredirect_uris = [\"https://rp.test/cb\"]\n\
                        [[users]]\nusername = \"alice\"\nname = \"Alice\"\npassword_hash = \"$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g\"";

/// A second start writes nothing: no session ends, no `updated_at` moves.
#[tokio::test]
async fn declaring_again_changes_nothing() {
    let bench = bench(DECLARED).await;
    declare(&bench.admin, &bench.settings).await.unwrap();
    let alice = bench.admin.user("alice").await.unwrap();
    assert!(alice.managed_by_file);
    let session = bench.signed_in(alice.id).await;
    bench.clock.advance(TimeDelta::days(1));
    declare(&bench.admin, &bench.settings).await.unwrap();
    assert_eq!(bench.end_reason(session).await, None);
    let again = bench.admin.user("alice").await.unwrap();
    assert_eq!((again.updated_at, again.password_changed_at), (alice.updated_at, alice.password_changed_at));
    let notes = bench.admin.client(&ClientId::parse("notes").unwrap()).await.unwrap();
    assert_eq!(notes.updated_at, notes.created_at);
}

#[tokio::test]
async fn the_file_wins_but_for_what_it_does_not_say() {
    let bench = bench(DECLARED).await;
    declare(&bench.admin, &bench.settings).await.unwrap();
    let id = ClientId::parse("notes").unwrap();
    let secret = bench.admin.rotate_client_secret(&id).await.unwrap();
    let now = bench.clock.now();
    let change = move |client: &mut crate::domain::client::Client| (client.metadata.name, client.disabled_at) = ("Changed".to_owned(), Some(now));
    bench.admin.update_client(&id, Box::new(change)).await.unwrap();
    let alice = bench.admin.user("alice").await.unwrap().id;
    bench
        .admin
        .update_user(
            alice,
            Box::new(|user| {
                user.profile.name = None;
                Ok(())
            }),
        )
        .await
        .unwrap();
    bench.admin.disable_user(alice).await.unwrap();
    let mut settings = bench.settings.clone();
    settings.users[0].password_hash = hash("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$bmV3bmV3bmV3");
    let session = bench.signed_in(alice).await;
    declare(&bench.admin, &settings).await.unwrap();

    let client = bench.admin.client(&id).await.unwrap();
    assert_eq!(client.metadata.name, "notes");
    assert_eq!(client.secret_digest, Some(secret.digest()), "a secret the file does not name stays");
    assert!(client.disabled_at.is_some(), "a restart does not bring back what was stopped");
    let user = bench.admin.user("alice").await.unwrap();
    assert_eq!(user.profile.name.as_deref(), Some("Alice"));
    assert!(user.disabled_at.is_some());
    assert_eq!(bench.end_reason(session).await, Some(EndReason::PasswordChanged));
}

#[tokio::test]
async fn a_key_is_announced_before_it_signs_and_the_signing_one_cannot_go() {
    let bench = bench("").await;
    let (limits, announce) = (Limits::default(), Activation::Announced(bench.settings.keys.announce));
    let states = async || -> Vec<KeyState> { bench.admin.keys(&limits).await.unwrap().iter().map(|key| key.state).collect() };
    let first = bench.admin.rotate_key(SigningAlg::Es256, announce, &limits).await.unwrap();
    assert_eq!(first.state, KeyState::Active, "nobody waits for the first");
    bench.clock.advance(TimeDelta::hours(1));
    let second = bench.admin.rotate_key(SigningAlg::Es256, announce, &limits).await.unwrap();
    assert_eq!(second.state, KeyState::Announced);
    assert!(matches!(bench.admin.rotate_key(SigningAlg::Es256, announce, &limits).await, Err(AdminError::NextKeyAnnounced { .. })));
    assert!(matches!(bench.admin.retire_key(&first.kid, &limits).await, Err(AdminError::KeySigns { .. })));
    bench.clock.advance(TimeDelta::days(1));
    assert_eq!(states().await, [KeyState::Active, KeyState::Announced], "a verifier may keep the JWKS for a day");
    bench.clock.advance(TimeDelta::days(1));
    assert_eq!(states().await, [KeyState::Retiring, KeyState::Active]);
    bench.admin.retire_key(&first.kid, &limits).await.unwrap();
    assert_eq!(states().await, [KeyState::Retired, KeyState::Active]);
    bench.clock.advance(TimeDelta::hours(1));
    let third = bench.admin.rotate_key(SigningAlg::Es256, Activation::AtOnce, &limits).await.unwrap();
    assert_eq!(third.state, KeyState::Active);
    assert_eq!(states().await, [KeyState::Retired, KeyState::Retiring, KeyState::Active]);
    assert!(matches!(bench.admin.retire_key("unknown", &limits).await, Err(AdminError::NotFound { .. })));
}

/// A database without its key, or with another, is refused; neither is changed.
#[tokio::test]
async fn a_lost_or_wrong_master_key_is_noticed() {
    let bench = bench("").await;
    let MasterKeySource::File(path) = &bench.settings.master_key else { panic!("a file") };
    let right = std::fs::read(path).unwrap();
    std::fs::remove_file(path).unwrap();
    let lost = Installation::open(&bench.settings, &SystemEntropy).await.err().unwrap();
    assert!(matches!(lost, InstallationError::MasterKeySource(crate::settings::MasterKeyError::Missing(_))), "{lost}");
    assert!(!path.exists(), "no new key is made beside a database that has one");
    bench.settings.master_key.create(&crate::jose::derive::MasterKey::generate(&SystemEntropy).to_text()).unwrap();
    let wrong = Installation::open(&bench.settings, &SystemEntropy).await.err().unwrap();
    assert!(matches!(wrong, InstallationError::OtherMasterKey), "{wrong}");
    std::fs::write(path, right).unwrap();
    assert!(Installation::open(&bench.settings, &SystemEntropy).await.is_ok());
}

/// What only looks makes no database, no key, and does not bind a database to the key it happens to have.
#[tokio::test]
async fn an_installation_that_is_not_there_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.database.url = format!("sqlite://{}", directory.path().join("gatekey.db").display());
    settings.master_key = MasterKeySource::File(directory.path().join("gatekey.key"));
    let refused = async || Installation::open_existing(&settings).await.err().unwrap();
    let missing = refused().await;
    assert!(matches!(&missing, InstallationError::Store(OpenError::FileMissing(_))), "{missing}");
    assert!(missing.to_string().contains("gatekey serve") && missing.to_string().contains("--database"), "{missing}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);

    std::fs::write(directory.path().join("gatekey.db"), "").unwrap();
    assert!(matches!(refused().await, InstallationError::Store(OpenError::MigrationsPending(_))));
    assert_eq!(std::fs::metadata(directory.path().join("gatekey.db")).unwrap().len(), 0, "it was not migrated");

    migrate::run(&Options::new(&settings.database.url)).await.unwrap();
    settings.master_key.create(&crate::jose::derive::MasterKey::generate(&SystemEntropy).to_text()).unwrap();
    assert!(matches!(refused().await, InstallationError::NotSetUp));
    Installation::open(&settings, &SystemEntropy).await.unwrap();
    assert!(Installation::open_existing(&settings).await.is_ok());
}

#[tokio::test]
async fn a_malformed_master_key_is_named_with_its_place() {
    let bench = bench("").await;
    let MasterKeySource::File(path) = &bench.settings.master_key else { panic!("a file") };
    std::fs::write(path, "short").unwrap();
    let message = Installation::open(&bench.settings, &SystemEntropy).await.err().unwrap().to_string();
    assert!(message.contains(&path.display().to_string()) && message.contains("restore the one this database was made with"), "{message}");
    let settings = Settings { master_key: MasterKeySource::Text(Secret::new("short".to_owned())), ..bench.settings.clone() };
    assert!(Installation::open_existing(&settings).await.err().unwrap().to_string().contains("GATEKEY_MASTER_KEY"));
}
