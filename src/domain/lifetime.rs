//! How long things last: the limits in force, and the overrides a client may carry.

use serde::{Deserialize, Serialize};

use super::duration::Lifetime;

/// The limits in force for one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub session_absolute: Lifetime,
    pub session_idle: Lifetime,
    pub client_session_absolute: Lifetime,
    pub client_session_idle: Lifetime,
    pub refresh_absolute: Lifetime,
    pub refresh_idle: Lifetime,
    pub access_token: Lifetime,
    pub id_token: Lifetime,
    /// At most 60 seconds (FAPI 2.0 §5.3.2.1-11); the settings refuse more.
    pub code: Lifetime,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            session_absolute: Lifetime::seconds(30 * 86_400),
            session_idle: Lifetime::seconds(14 * 86_400),
            client_session_absolute: Lifetime::Unlimited,
            client_session_idle: Lifetime::Unlimited,
            refresh_absolute: Lifetime::seconds(90 * 86_400),
            refresh_idle: Lifetime::seconds(30 * 86_400),
            access_token: Lifetime::seconds(600),
            id_token: Lifetime::seconds(600),
            code: Lifetime::seconds(60),
        }
    }
}

/// Limits that one client sets for itself; what is absent comes from the instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitOverrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_absolute: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_idle: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_session_absolute: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_session_idle: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_absolute: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_idle: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Lifetime>,
}

impl Limits {
    /// The first limit that is zero: what ends as it begins cannot be meant.
    pub fn zero(&self) -> Option<&'static str> {
        let limits = [
            ("session_absolute", self.session_absolute),
            ("session_idle", self.session_idle),
            ("client_session_absolute", self.client_session_absolute),
            ("client_session_idle", self.client_session_idle),
            ("refresh_absolute", self.refresh_absolute),
            ("refresh_idle", self.refresh_idle),
            ("access_token", self.access_token),
            ("id_token", self.id_token),
            ("code", self.code),
        ];
        limits.into_iter().find(|(_, lifetime)| *lifetime == Lifetime::seconds(0)).map(|(name, _)| name)
    }

    /// The instance's limits with a client's own put over them, each limit by itself.
    pub fn with(self, client: &LimitOverrides) -> Self {
        Self {
            session_absolute: client.session_absolute.unwrap_or(self.session_absolute),
            session_idle: client.session_idle.unwrap_or(self.session_idle),
            client_session_absolute: client.client_session_absolute.unwrap_or(self.client_session_absolute),
            client_session_idle: client.client_session_idle.unwrap_or(self.client_session_idle),
            refresh_absolute: client.refresh_absolute.unwrap_or(self.refresh_absolute),
            refresh_idle: client.refresh_idle.unwrap_or(self.refresh_idle),
            access_token: client.access_token.unwrap_or(self.access_token),
            id_token: client.id_token.unwrap_or(self.id_token),
            code: self.code,
        }
    }
}
