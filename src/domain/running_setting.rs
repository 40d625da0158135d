//! Settings that may change while the server runs: those that its own work in the background reads.

use super::duration::Lifetime;

/// The words are those of the settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunningSetting {
    EventsRetention,
    SessionsKeepEnded,
    KeysRotateEvery,
}

impl RunningSetting {
    pub const ALL: [Self; 3] = [Self::EventsRetention, Self::SessionsKeepEnded, Self::KeysRotateEvery];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventsRetention => "events.retention",
            Self::SessionsKeepEnded => "sessions.keep_ended",
            Self::KeysRotateEvery => "keys.rotate_every",
        }
    }

    /// Why it cannot be `value`, if it cannot; `announce` is for how long a signing key is announced.
    pub fn check(self, value: Lifetime, announce: Lifetime) -> Result<(), &'static str> {
        match self {
            Self::EventsRetention if Lifetime::seconds(86_400).is_longer_than(value) => {
                Err("events that are gone within a day tell nobody anything: write a duration such as `P400D`, or `unlimited`")
            }
            Self::KeysRotateEvery if !value.is_longer_than(announce) => Err("it must be longer than `keys.announce`"),
            Self::EventsRetention | Self::SessionsKeepEnded | Self::KeysRotateEvery => Ok(()),
        }
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Default,
    /// The settings file, the environment, or the program that the server is a part of.
    File,
    /// Somebody, while the server ran.
    Api,
}

/// A setting as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    pub setting: RunningSetting,
    pub value: Lifetime,
    pub source: Source,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_held_to_the_rule_of_the_settings_file() {
        let announce = Lifetime::seconds(2 * 86_400);
        let fits = |setting: RunningSetting, text: &str| setting.check(text.parse().unwrap(), announce).is_ok();
        for (setting, good, bad) in [
            (RunningSetting::EventsRetention, &["P1D", "P400D", "unlimited"][..], &["PT23H59M59S", "PT0S"][..]),
            (RunningSetting::SessionsKeepEnded, &["PT0S", "P90D", "unlimited"], &[]),
            (RunningSetting::KeysRotateEvery, &["P3D", "unlimited"], &["P2D", "PT0S"]),
        ] {
            assert!(good.iter().all(|text| fits(setting, text)) && !bad.iter().any(|text| fits(setting, text)), "{setting:?}");
        }
    }
}
