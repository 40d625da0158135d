//! `[sessions]`: how long a browser remembers them, and what is kept of those that have ended.

use chrono::TimeDelta;
use serde::Deserialize;

use super::SettingsError;
use super::known::{Key, Kind, key};
use super::sources::Sources;
use crate::domain::duration::Lifetime;
use crate::domain::held_sessions::MOST_ACCOUNTS;

pub(super) const KEYS: &[Key] = &[
    key("sessions.keep_ended", Kind::Duration, "\"P30D\""),
    key("sessions.remember_me", Kind::Text, "\"ask\""),
    key("sessions.accounts_per_browser", Kind::Whole, "1"),
    key("sessions.device_bound", Kind::Text, "\"where_supported\""),
    key("sessions.device_proof", Kind::Duration, "\"PT5M\""),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    /// How long a session or refresh family that has ended can still be seen. Nothing that is refused depends on it.
    pub keep_ended: Lifetime,
    pub remember_me: RememberMe,
    /// How many accounts a browser is signed in with at a time, 1 to [`MOST_ACCOUNTS`]; one more ends the one that was chosen longest ago.
    pub accounts_per_browser: usize,
    pub device_bound: DeviceBound,
    /// For how long the browser need not show the device's key again: what a copied cookie is good for at most.
    pub device_proof: TimeDelta,
}

/// Whether sessions are bound to a key that does not leave the device (Device Bound Session Credentials).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceBound {
    #[default]
    Off,
    /// Those of browsers that know how; the others go on as they are.
    WhereSupported,
}

/// Whether a browser keeps the session's cookie when it is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RememberMe {
    /// Always; nobody is asked.
    #[default]
    Always,
    /// The sign-in page has a box to tick.
    Ask,
    /// Never; nobody is asked.
    Never,
}

impl RememberMe {
    /// The box of the sign-in page, where it has one: whether it is ticked.
    pub fn offers(self, ticked: bool) -> Option<bool> {
        (self == Self::Ask).then_some(ticked)
    }

    /// Whether a session is to be remembered whose sign-in came with the box ticked, or not.
    pub const fn decide(self, ticked: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Ask => ticked,
            Self::Never => false,
        }
    }
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            keep_ended: Lifetime::seconds(90 * 86_400),
            remember_me: RememberMe::default(),
            accounts_per_browser: MOST_ACCOUNTS,
            device_bound: DeviceBound::default(),
            device_proof: TimeDelta::minutes(10),
        }
    }
}

/// Browsers sign a few times in some minutes and no more, so that less than some minutes is for trying things out.
const SHORTEST_PROOF: TimeDelta = TimeDelta::seconds(10);
const LONGEST_PROOF: TimeDelta = TimeDelta::days(1);

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    keep_ended: Option<Lifetime>,
    remember_me: Option<RememberMe>,
    accounts_per_browser: Option<usize>,
    device_bound: Option<DeviceBound>,
    device_proof: Option<Lifetime>,
}

impl Raw {
    pub(super) fn validated(self, sources: &Sources) -> Result<SessionSettings, SettingsError> {
        let default = SessionSettings::default();
        let accounts_per_browser = self.accounts_per_browser.unwrap_or(default.accounts_per_browser);
        if !(1..=MOST_ACCOUNTS).contains(&accounts_per_browser) {
            return Err(SettingsError::refused(sources, &["sessions", "accounts_per_browser"], "write a number from 1 to 5"));
        }
        let (keep_ended, remember_me) = (self.keep_ended.unwrap_or(default.keep_ended), self.remember_me.unwrap_or(default.remember_me));
        let device_proof = match self.device_proof {
            None => default.device_proof,
            Some(Lifetime::Limited(length)) if (SHORTEST_PROOF..=LONGEST_PROOF).contains(&length) => length,
            Some(_) => return Err(SettingsError::refused(sources, &["sessions", "device_proof"], "write a duration from PT10S to P1D")),
        };
        let device_bound = self.device_bound.unwrap_or(default.device_bound);
        Ok(SessionSettings { keep_ended, remember_me, accounts_per_browser, device_bound, device_proof })
    }
}
