//! `[sessions]`: what is kept of sessions that have ended.

use serde::Deserialize;

use super::known::{Key, Kind, key};
use crate::domain::duration::Lifetime;

pub(super) const KEYS: &[Key] = &[key("sessions.keep_ended", Kind::Duration, "\"P30D\"")];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    /// How long a session or refresh family that has ended can still be seen. Nothing that is refused depends on it.
    pub keep_ended: Lifetime,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { keep_ended: Lifetime::seconds(90 * 86_400) }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    keep_ended: Option<Lifetime>,
}

impl Raw {
    pub(super) fn validated(self) -> SessionSettings {
        SessionSettings { keep_ended: self.keep_ended.unwrap_or(SessionSettings::default().keep_ended) }
    }
}
