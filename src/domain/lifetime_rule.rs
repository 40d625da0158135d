//! A rule of the lifetime policy: whom it is for, and the limits it sets.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::acr::Acr;
use super::clock::Timestamp;
use super::group::GroupName;
use super::id::ClientId;
use super::lifetime::LimitOverrides;

/// Whom a rule is for: what is absent is anybody's. There is one rule a selector.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Selector {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<Acr>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifetimeRule {
    pub selector: Selector,
    pub limits: LimitOverrides,
    /// Declared in `gatekey.toml`: the file wins at each start.
    pub managed_by_file: bool,
    pub updated_at: Timestamp,
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = [
            self.client.as_ref().map(|client| format!("client {client}")),
            self.group.as_ref().map(|group| format!("group {group}")),
            self.acr.map(|acr| format!("acr {}", acr.as_str())),
        ]
        .into_iter()
        .flatten()
        .collect();
        f.write_str(if parts.is_empty() { "everybody" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}
