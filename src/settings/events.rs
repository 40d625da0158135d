//! `[events]`: the audit trail.

use serde::Deserialize;

use super::SettingsError;
use super::known::{Key, Kind, key};
use super::sources::Sources;
use crate::domain::duration::Lifetime;

pub(super) const KEYS: &[Key] = &[key("events.retention", Kind::Duration, "\"P2Y\"")];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSettings {
    /// How long an event is kept.
    pub retention: Lifetime,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self { retention: Lifetime::seconds(400 * 86_400) }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    retention: Option<Lifetime>,
}

impl Raw {
    pub(super) fn validated(self, sources: &Sources) -> Result<EventSettings, SettingsError> {
        let retention = self.retention.unwrap_or(EventSettings::default().retention);
        if Lifetime::seconds(86_400).is_longer_than(retention) {
            return Err(SettingsError::refused(
                sources,
                &["events", "retention"],
                "events that are gone within a day tell nobody anything: write a duration such as `\"P400D\"`, or `\"unlimited\"`",
            ));
        }
        Ok(EventSettings { retention })
    }
}
