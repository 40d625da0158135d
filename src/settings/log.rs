//! `[log]`: what is written to standard error.

use serde::Deserialize;

use super::known::{Key, Kind, key};

pub(super) const KEYS: &[Key] = &[key("log.format", Kind::Text, "\"json\""), key("log.level", Kind::Text, "\"debug\"")];

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogSettings {
    pub format: LogFormat,
    pub level: LogLevel,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    format: Option<LogFormat>,
    level: Option<LogLevel>,
}

impl Raw {
    pub(super) fn validated(self) -> LogSettings {
        LogSettings { format: self.format.unwrap_or_default(), level: self.level.unwrap_or_default() }
    }
}
