//! `[database]`: where everything is kept.

use std::fmt;

use serde::Deserialize;

use super::SettingsError;
use super::known::{Key, Kind, key};
use super::sources::Sources;

pub(super) const KEYS: &[Key] = &[
    key("database.url", Kind::Text, "\"postgres://gatekey@db.example.com/gatekey\""),
    key("database.pool_size", Kind::Whole, "16"),
    key("database.queue", Kind::Whole, "2048"),
];

/// Which database, and how much may wait for it.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseSettings {
    /// `sqlite://path` or `postgres://…`.
    pub url: String,
    /// Connections held open (SQLite: for reading, beside the one that writes; PostgreSQL: four at least).
    pub pool_size: u32,
    /// Units of work that may wait; one more is answered 503 at once.
    pub queue: usize,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self { url: "sqlite://gatekey.db".to_owned(), pool_size: 8, queue: 1024 }
    }
}

impl DatabaseSettings {
    /// The URL without its password, for messages and logs.
    pub fn shown_url(&self) -> String {
        let Ok(mut url) = url::Url::parse(&self.url) else { return self.url.clone() };
        if url.password().is_some() && url.set_password(Some("***")).is_ok() { url.to_string() } else { self.url.clone() }
    }
}

impl fmt::Debug for DatabaseSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseSettings").field("url", &self.shown_url()).field("pool_size", &self.pool_size).field("queue", &self.queue).finish()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    url: Option<String>,
    pool_size: Option<u32>,
    queue: Option<usize>,
}

impl Raw {
    pub(super) fn validated(self, sources: &Sources) -> Result<DatabaseSettings, SettingsError> {
        let default = DatabaseSettings::default();
        let settings = DatabaseSettings {
            url: self.url.unwrap_or(default.url),
            pool_size: self.pool_size.unwrap_or(default.pool_size),
            queue: self.queue.unwrap_or(default.queue),
        };
        let known = ["sqlite://", "postgres://", "postgresql://"];
        if !known.iter().any(|scheme| settings.url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty())) {
            // The text may hold a password: it is not repeated.
            return Err(SettingsError::refused(
                sources,
                &["database", "url"],
                "this is no database URL: write `sqlite://FILE` or `postgres://USER@HOST/DATABASE`",
            ));
        }
        if !(1..=1000).contains(&settings.pool_size) {
            return Err(SettingsError::refused(sources, &["database", "pool_size"], "write a number from 1 to 1000, such as `8`"));
        }
        if !(1..=1_000_000).contains(&settings.queue) {
            return Err(SettingsError::refused(sources, &["database", "queue"], "write a number from 1 to 1000000, such as `1024`"));
        }
        Ok(settings)
    }
}
