//! An installation: a database and the master key that belongs to it. Whoever opens one learns at once when they do not.

use std::sync::Arc;

use super::Admin;
use crate::domain::clock::Clock;
use crate::domain::entropy::Entropy;
use crate::domain::event::Actor;
use crate::domain::secret::Secret;
use crate::jose::derive::{InvalidMasterKey, MasterKey};
use crate::jose::sealed::Sealer;
use crate::settings::{MasterKeyError, MasterKeySource, Settings};
use crate::store::{Migrate, OpenError, Options, Store, StoreError, meta, migrate};

/// The name under which the database remembers which master key it belongs to.
const CHECK: &str = "master_key_check";

/// An open database and its master key.
pub struct Installation {
    pub store: Store,
    pub master: MasterKey,
}

/// Why an installation cannot be opened. Each prints as one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(transparent)]
    MasterKeySource(#[from] MasterKeyError),
    #[error(
        "the master key in {place} is malformed: {why}: restore the one this database was made with (only for a first start, `openssl rand -base64 32` makes one)"
    )]
    MasterKey { place: String, why: InvalidMasterKey },
    #[error(
        "nothing has been set up in this database yet: run `gatekey serve` first, or create the first user or client, or name the right one with --database or --config"
    )]
    NotSetUp,
    #[error("the master key is not the one this database was made with: bring back the old key file, or the old GATEKEY_MASTER_KEY")]
    OtherMasterKey,
    #[error(transparent)]
    Read(#[from] StoreError),
}

impl Installation {
    /// Opens and migrates the database and reads the master key; makes one on the very first start, when nothing was sealed under an earlier one.
    pub async fn open(settings: &Settings, entropy: &dyn Entropy) -> Result<Self, InstallationError> {
        // A malformed or exposed key is noticed before a database is made or migrated.
        let loaded = load(settings)?;
        let store = Store::open(&options(settings, Migrate::Apply)).await?;
        let master = match loaded {
            Some(master) => master,
            None => first_master_key(settings, &store, entropy).await?,
        };
        let check = master.check_value();
        let mine = check.clone();
        if store.write(move |db| meta::insert_once(db, CHECK, &mine)).await? != check {
            return Err(InstallationError::OtherMasterKey);
        }
        Ok(Self { store, master })
    }

    /// Opens an installation that is there: makes and migrates nothing.
    pub async fn open_existing(settings: &Settings) -> Result<Self, InstallationError> {
        let loaded = load(settings)?;
        let store = Store::open(&options(settings, Migrate::RequireCurrent)).await?;
        let Some(check) = store.read(|db| meta::get(db, CHECK)).await? else { return Err(InstallationError::NotSetUp) };
        let master = match loaded {
            Some(master) => master,
            // The error of the missing file says what to do.
            None => parse(settings, &settings.master_key.load()?)?,
        };
        if master.check_value() != check {
            return Err(InstallationError::OtherMasterKey);
        }
        Ok(Self { store, master })
    }

    /// Whether the database was made with a master key, whatever has become of it. Nothing is made or migrated.
    pub async fn has_a_key(settings: &Settings) -> Result<bool, InstallationError> {
        let options = options(settings, Migrate::RequireCurrent);
        match migrate::status(&options).await {
            Err(OpenError::DirectoryMissing(_)) => return Ok(false),
            Ok(status) if status.applied.is_empty() => return Ok(false),
            other => other?,
        };
        let store = Store::open(&options).await?;
        let check = store.read(|db| meta::get(db, CHECK)).await;
        store.close().await;
        Ok(check?.is_some())
    }

    /// The database's own half of what seals codes and tokens: random, made once.
    pub async fn salt(&self, entropy: &dyn Entropy) -> Result<Secret<String>, InstallationError> {
        let fresh = Secret::<String>::generate(entropy);
        Ok(self.store.write(move |db| meta::insert_once(db, "salt", fresh.expose()).map(Secret::new)).await?)
    }

    /// What seals the private halves of signing keys.
    pub fn key_sealer(&self) -> Sealer {
        Sealer::new(self.master.subkey("signing keys"))
    }

    /// What the command line administers with.
    pub fn admin(&self, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Admin {
        Admin { store: self.store.clone(), clock, entropy, sealer: self.key_sealer(), actor: Actor::CommandLine }
    }
}

fn options(settings: &Settings, migrate: Migrate) -> Options {
    Options { pool_size: settings.database.pool_size, queue: settings.database.queue, migrate, ..Options::new(&settings.database.url) }
}

/// The master key, if there is one.
fn load(settings: &Settings) -> Result<Option<MasterKey>, InstallationError> {
    match settings.master_key.load() {
        Ok(text) => parse(settings, &text).map(Some),
        Err(MasterKeyError::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn parse(settings: &Settings, text: &Secret<String>) -> Result<MasterKey, InstallationError> {
    MasterKey::parse(text.expose()).map_err(|why| InstallationError::MasterKey {
        place: match &settings.master_key {
            MasterKeySource::File(path) => format!("`{}`", path.display()),
            MasterKeySource::Text(_) => "GATEKEY_MASTER_KEY".to_owned(),
        },
        why,
    })
}

async fn first_master_key(settings: &Settings, store: &Store, entropy: &dyn Entropy) -> Result<MasterKey, InstallationError> {
    if store.read(|db| meta::get(db, CHECK)).await?.is_some() {
        // Lost: the error of the missing file says what to do. Or another start made it since this one looked.
        return parse(settings, &settings.master_key.load()?);
    }
    let key = MasterKey::generate(entropy);
    match settings.master_key.create(&key.to_text()) {
        Ok(()) => {
            tracing::info!(event = "master_key.created", "made a master key: keep a copy of it apart from the database's");
            Ok(key)
        }
        // Another start was quicker: its key is the one.
        Err(MasterKeyError::Exists(_)) => parse(settings, &settings.master_key.load()?),
        Err(error) => Err(error.into()),
    }
}
