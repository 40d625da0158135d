//! `[server]`: what a connection may cost.

use std::time::Duration;

use serde::Deserialize;

use super::SettingsError;
use super::known::{Key, Kind, key};
use super::sources::Sources;
use crate::domain::duration::Lifetime;

pub(super) const KEYS: &[Key] = &[key("server.max_connections", Kind::Whole, "10000"), key("server.request_timeout", Kind::Duration, "\"PT10S\"")];

/// Bounds on what strangers can hold open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerSettings {
    /// Connections of `gatekey serve` at once. One more is answered 503 and closed.
    pub max_connections: u32,
    /// How long the head of a request may take to arrive, counted from the connection's opening or its last answer, and then its body;
    /// and how long the other side may take over an answer.
    pub request_timeout: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self { max_connections: 4096, request_timeout: Duration::from_secs(30) }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    max_connections: Option<u32>,
    request_timeout: Option<Lifetime>,
}

impl Raw {
    pub(super) fn validated(self, sources: &Sources) -> Result<ServerSettings, SettingsError> {
        let default = ServerSettings::default();
        let max_connections = self.max_connections.unwrap_or(default.max_connections);
        if !(1..=1_000_000).contains(&max_connections) {
            return Err(SettingsError::refused(sources, &["server", "max_connections"], "write a number from 1 to 1000000, such as `4096`"));
        }
        let request_timeout = match self.request_timeout {
            None => Some(default.request_timeout),
            Some(Lifetime::Limited(time)) => time.to_std().ok().filter(|time| (Duration::from_secs(1)..=Duration::from_secs(600)).contains(time)),
            Some(Lifetime::Unlimited) => None,
        };
        let Some(request_timeout) = request_timeout else {
            return Err(SettingsError::refused(
                sources,
                &["server", "request_timeout"],
                "that lets a stranger hold a connection too long, or an honest one too short: write a duration from `\"PT1S\"` to `\"PT10M\"`",
            ));
        };
        Ok(ServerSettings { max_connections, request_timeout })
    }
}
