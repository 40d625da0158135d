//! `[passwords]`: how passwords are hashed (argon2id, RFC 9106) and how many at a time.

use serde::Deserialize;

use super::SettingsError;
use super::known::{Key, Kind, key};
use super::sources::Sources;

pub(super) const KEYS: &[Key] = &[
    key("passwords.memory_kib", Kind::Whole, "65536"),
    key("passwords.iterations", Kind::Whole, "3"),
    key("passwords.parallelism", Kind::Whole, "1"),
    key("passwords.max_concurrent", Kind::Whole, "4"),
    key("passwords.min_length", Kind::Whole, "12"),
];

/// argon2id's parameters and the bounds around it. A change is applied to each user at the next sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordSettings {
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    pub iterations: u32,
    pub parallelism: u32,
    /// Threads that hash: each takes one core and `memory_kib` while it works.
    pub max_concurrent: u32,
    /// In characters.
    pub min_length: u32,
}

impl Default for PasswordSettings {
    fn default() -> Self {
        Self { memory_kib: 19_456, iterations: 2, parallelism: 1, max_concurrent: 2, min_length: 8 }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    memory_kib: Option<u32>,
    iterations: Option<u32>,
    parallelism: Option<u32>,
    max_concurrent: Option<u32>,
    min_length: Option<u32>,
}

impl Raw {
    pub(super) fn validated(self, sources: &Sources) -> Result<PasswordSettings, SettingsError> {
        let default = PasswordSettings::default();
        let settings = PasswordSettings {
            memory_kib: self.memory_kib.unwrap_or(default.memory_kib),
            iterations: self.iterations.unwrap_or(default.iterations),
            parallelism: self.parallelism.unwrap_or(default.parallelism),
            max_concurrent: self.max_concurrent.unwrap_or(default.max_concurrent),
            min_length: self.min_length.unwrap_or(default.min_length),
        };
        let refused = |name, message: String| Err(SettingsError::refused(sources, &["passwords", name], message));
        if !(1..=64).contains(&settings.parallelism) {
            return refused("parallelism", "write a number from 1 to 64, such as `1`".to_owned());
        }
        // RFC 9106 §3.1: at least eight blocks of 1 KiB a lane.
        let least = 8 * settings.parallelism;
        if !(least..=4_194_304).contains(&settings.memory_kib) {
            return refused("memory_kib", format!("write a number from {least} to 4194304 (KiB), such as `19456`"));
        }
        if !(1..=1000).contains(&settings.iterations) {
            return refused("iterations", "write a number from 1 to 1000, such as `2`".to_owned());
        }
        if !(1..=256).contains(&settings.max_concurrent) {
            return refused("max_concurrent", "write a number from 1 to 256, such as `2`".to_owned());
        }
        if !(1..=256).contains(&settings.min_length) {
            return refused("min_length", "write a number from 1 to 256, such as `8`".to_owned());
        }
        Ok(settings)
    }
}
