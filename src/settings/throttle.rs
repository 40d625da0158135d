//! `[throttle]`: how often a sign-in may fail before the next try has to wait.

use chrono::TimeDelta;
use serde::Deserialize;

use super::SettingsError;
use super::known::{Key, Kind, key};
use super::sources::Sources;
use crate::domain::duration::Lifetime;
use crate::domain::throttle::Rate;

pub(super) const KEYS: &[Key] = &[
    key("throttle.enabled", Kind::Flag, "false"),
    key("throttle.place_burst", Kind::Whole, "10"),
    key("throttle.place_wait", Kind::Duration, "\"PT30S\""),
    key("throttle.account_burst", Kind::Whole, "100"),
    key("throttle.account_wait", Kind::Duration, "\"PT5S\""),
    key("throttle.network_burst", Kind::Whole, "200"),
    key("throttle.network_wait", Kind::Duration, "\"PT1S\""),
];

/// How many sign-ins may fail at once, and how long one more takes after that. Only failures count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleSettings {
    /// Off only where something in front does the same.
    pub enabled: bool,
    /// At one account, from one network or from one browser that the account has been signed in with.
    pub place: Rate,
    /// At one account, from everywhere but the browsers it has been signed in with.
    pub account: Rate,
    /// At all accounts together, from one network.
    pub network: Rate,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        let rate = |burst, seconds| Rate { burst, wait: TimeDelta::seconds(seconds) };
        Self { enabled: true, place: rate(5, 60), account: rate(50, 10), network: rate(50, 5) }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    enabled: Option<bool>,
    place_burst: Option<u32>,
    place_wait: Option<Lifetime>,
    account_burst: Option<u32>,
    account_wait: Option<Lifetime>,
    network_burst: Option<u32>,
    network_wait: Option<Lifetime>,
}

impl Raw {
    pub(super) fn validated(self, sources: &Sources) -> Result<ThrottleSettings, SettingsError> {
        let default = ThrottleSettings::default();
        let rate = |burst: (&str, Option<u32>), wait: (&str, Option<Lifetime>), default: Rate| {
            let refused = |name, message| Err(SettingsError::refused(sources, &["throttle", name], message));
            let rate = Rate {
                burst: burst.1.unwrap_or(default.burst),
                wait: match wait.1 {
                    None => default.wait,
                    Some(Lifetime::Limited(wait)) => wait,
                    Some(Lifetime::Unlimited) => return refused(wait.0, "this would lock people out for good: write a duration such as `\"PT1M\"`"),
                },
            };
            if !(1..=100_000).contains(&rate.burst) {
                return refused(burst.0, "write a number from 1 to 100000, such as `5`");
            }
            if !(TimeDelta::seconds(1)..=TimeDelta::hours(1)).contains(&rate.wait) {
                return refused(wait.0, "write a duration from `\"PT1S\"` to `\"PT1H\"`: longer would lock people out whose names others know");
            }
            Ok(rate)
        };
        Ok(ThrottleSettings {
            enabled: self.enabled.unwrap_or(default.enabled),
            place: rate(("place_burst", self.place_burst), ("place_wait", self.place_wait), default.place)?,
            account: rate(("account_burst", self.account_burst), ("account_wait", self.account_wait), default.account)?,
            network: rate(("network_burst", self.network_burst), ("network_wait", self.network_wait), default.network)?,
        })
    }
}
