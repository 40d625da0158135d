//! `[admin]`: how the issuer is administered.

use serde::Deserialize;

use super::known::{Key, Kind, key};

pub(super) const KEYS: &[Key] = &[key("admin.console", Kind::Flag, "false")];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminSettings {
    /// Whether there is a console at `/admin`, and the client it signs in by.
    pub console: bool,
}

impl Default for AdminSettings {
    fn default() -> Self {
        Self { console: true }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    console: Option<bool>,
}

impl Raw {
    pub(super) fn validated(self) -> AdminSettings {
        AdminSettings { console: self.console.unwrap_or(AdminSettings::default().console) }
    }
}
