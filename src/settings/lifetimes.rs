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
    key("lifetimes.unremembered_absolute", Kind::Duration, "\"PT12H\""),
    key("lifetimes.unremembered_idle", Kind::Duration, "\"PT1H\""),
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
    unremembered_absolute: Option<Lifetime>,
    unremembered_idle: Option<Lifetime>,
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
            unremembered_absolute: self.unremembered_absolute.unwrap_or(default.unremembered_absolute),
            unremembered_idle: self.unremembered_idle.unwrap_or(default.unremembered_idle),
            client_session_absolute: self.client_session_absolute.unwrap_or(default.client_session_absolute),
            client_session_idle: self.client_session_idle.unwrap_or(default.client_session_idle),
            refresh_absolute: self.refresh_absolute.unwrap_or(default.refresh_absolute),
            refresh_idle: self.refresh_idle.unwrap_or(default.refresh_idle),
            access_token: self.access_token.unwrap_or(default.access_token),
            id_token: self.id_token.unwrap_or(default.id_token),
            code: self.code.unwrap_or(default.code),
        };
        limits.check().map_err(|(limit, why)| SettingsError::refused(sources, &["lifetimes", limit.as_str()], why))?;
        Ok(limits)
    }
}
