//! `[lifetimes]`: how long things last.

use serde::Deserialize;

use super::SettingsError;
use super::known::{Key, Kind, key};
use super::sources::Sources;
use crate::domain::duration::Lifetime;
use crate::domain::lifetime::Limits;

pub(super) const KEYS: &[Key] = &[
    key("lifetimes.session_absolute", Kind::Duration, "\"P365D\""),
    key("lifetimes.session_idle", Kind::Duration, "\"P30D\""),
    key("lifetimes.client_session_absolute", Kind::Duration, "\"PT12H\""),
    key("lifetimes.client_session_idle", Kind::Duration, "\"PT1H\""),
    key("lifetimes.refresh_absolute", Kind::Duration, "\"P1Y\""),
    key("lifetimes.refresh_idle", Kind::Duration, "\"P60D\""),
    key("lifetimes.access_token", Kind::Duration, "\"PT5M\""),
    key("lifetimes.id_token", Kind::Duration, "\"PT5M\""),
    key("lifetimes.code", Kind::Duration, "\"PT30S\""),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    session_absolute: Option<Lifetime>,
    session_idle: Option<Lifetime>,
    client_session_absolute: Option<Lifetime>,
    client_session_idle: Option<Lifetime>,
    refresh_absolute: Option<Lifetime>,
    refresh_idle: Option<Lifetime>,
    access_token: Option<Lifetime>,
    id_token: Option<Lifetime>,
    code: Option<Lifetime>,
}

impl Raw {
    pub(super) fn validated(self, sources: &Sources) -> Result<Limits, SettingsError> {
        let default = Limits::default();
        let limits = Limits {
            session_absolute: self.session_absolute.unwrap_or(default.session_absolute),
            session_idle: self.session_idle.unwrap_or(default.session_idle),
            client_session_absolute: self.client_session_absolute.unwrap_or(default.client_session_absolute),
            client_session_idle: self.client_session_idle.unwrap_or(default.client_session_idle),
            refresh_absolute: self.refresh_absolute.unwrap_or(default.refresh_absolute),
            refresh_idle: self.refresh_idle.unwrap_or(default.refresh_idle),
            access_token: self.access_token.unwrap_or(default.access_token),
            id_token: self.id_token.unwrap_or(default.id_token),
            code: self.code.unwrap_or(default.code),
        };
        for (name, lifetime) in [("access_token", limits.access_token), ("id_token", limits.id_token)] {
            if lifetime == Lifetime::Unlimited {
                return Err(SettingsError::refused(sources, &["lifetimes", name], ENDLESS_TOKEN));
            }
        }
        if let Some(name) = limits.zero() {
            return Err(SettingsError::refused(sources, &["lifetimes", name], "it would end as it begins: write a duration such as `\"PT8H\"`"));
        }
        // FAPI 2.0 Security Profile §5.3.2.1-11.
        let longest = chrono::TimeDelta::seconds(60);
        if !matches!(limits.code, Lifetime::Limited(code) if code <= longest) {
            return Err(SettingsError::refused(
                sources,
                &["lifetimes", "code"],
                format!("`{}` is too long: an authorization code lives for `PT60S` at most (FAPI 2.0 §5.3.2.1)", limits.code),
            ));
        }
        Ok(limits)
    }
}

/// `exp` is required in both (RFC 9068 §2.2, OIDC Core §2), and a key could never retire while a token signed with it lives.
pub(super) const ENDLESS_TOKEN: &str = "a token must end: write a duration such as `\"PT10M\"`, and make the session or the refresh token long instead";
