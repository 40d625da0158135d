//! `[logout]`: how applications are told that a session has ended.

use std::path::PathBuf;

use chrono::TimeDelta;
use serde::Deserialize;

use super::SettingsError;
use super::known::{Key, Kind, key};
use super::sources::Sources;
use crate::domain::duration::Lifetime;
use crate::domain::network::Network;

pub(super) const KEYS: &[Key] = &[
    key("logout.allow_private_networks", Kind::Flag, "true"),
    key("logout.allow_networks", Kind::Texts, "[\"10.1.0.0/16\", \"127.0.0.1\"]"),
    key("logout.ca_file", Kind::Text, "\"/etc/gatekey/internal-ca.pem\""),
    key("logout.retry_for", Kind::Duration, "\"PT6H\""),
];

/// Whom logout notices may be sent to, and for how long it is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutSettings {
    /// Applications may have private addresses (RFC 1918, RFC 4193, RFC 6598): never loopback, link-local or a cloud's metadata service.
    pub allow_private_networks: bool,
    /// Addresses and networks that applications may have besides public ones, whatever they are.
    pub allow_networks: Vec<Network>,
    /// PEM certificates that are trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// From the end of the session.
    pub retry_for: TimeDelta,
}

impl Default for LogoutSettings {
    fn default() -> Self {
        Self { allow_private_networks: false, allow_networks: Vec::new(), ca_file: None, retry_for: TimeDelta::days(1) }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    allow_private_networks: bool,
    allow_networks: Vec<Network>,
    ca_file: Option<PathBuf>,
    retry_for: Option<Lifetime>,
}

impl Raw {
    pub(super) fn validated(self, sources: &Sources) -> Result<LogoutSettings, SettingsError> {
        let refused = |message| SettingsError::refused(sources, &["logout", "retry_for"], message);
        let retry_for = match self.retry_for {
            None => LogoutSettings::default().retry_for,
            Some(Lifetime::Limited(delta)) if (TimeDelta::minutes(1)..=TimeDelta::days(30)).contains(&delta) => delta,
            Some(_) => return Err(refused("write a duration from `\"PT1M\"` to `\"P30D\"`: an application that is gone for good must not be asked for ever")),
        };
        Ok(LogoutSettings { allow_private_networks: self.allow_private_networks, allow_networks: self.allow_networks, ca_file: self.ca_file, retry_for })
    }
}
