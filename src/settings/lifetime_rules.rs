//! `[[lifetime_rules]]`: rules of the lifetime policy, each for a client, a group, an acr, or everybody.

use serde::Deserialize;

use super::SettingsError;
use super::known::{Key, Kind, key};
use super::sources::Sources;
use crate::domain::acr::Acr;
use crate::domain::duration::Lifetime;
use crate::domain::group::GroupName;
use crate::domain::id::ClientId;
use crate::domain::lifetime::LimitOverrides;
use crate::domain::lifetime_rule::Selector;

pub(super) const KEYS: &[Key] = &[
    key("lifetime_rules[].client", Kind::Text, "\"payroll\""),
    key("lifetime_rules[].group", Kind::Text, "\"staff\""),
    key("lifetime_rules[].acr", Kind::Text, "\"urn:gatekey:acr:pwd\""),
    key("lifetime_rules[].session_absolute", Kind::Duration, "\"PT12H\""),
    key("lifetime_rules[].session_idle", Kind::Duration, "\"PT1H\""),
    key("lifetime_rules[].unremembered_absolute", Kind::Duration, "\"PT12H\""),
    key("lifetime_rules[].unremembered_idle", Kind::Duration, "\"PT1H\""),
    key("lifetime_rules[].client_session_absolute", Kind::Duration, "\"PT12H\""),
    key("lifetime_rules[].client_session_idle", Kind::Duration, "\"PT30M\""),
    key("lifetime_rules[].refresh_absolute", Kind::Duration, "\"P1Y\""),
    key("lifetime_rules[].refresh_idle", Kind::Duration, "\"P30D\""),
    key("lifetime_rules[].access_token", Kind::Duration, "\"PT5M\""),
    key("lifetime_rules[].id_token", Kind::Duration, "\"PT5M\""),
    key("lifetime_rules[].code", Kind::Duration, "\"PT30S\""),
];

/// A rule of the settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredRule {
    pub selector: Selector,
    pub limits: LimitOverrides,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    client: Option<ClientId>,
    group: Option<GroupName>,
    acr: Option<Acr>,
    session_absolute: Option<Lifetime>,
    session_idle: Option<Lifetime>,
    unremembered_absolute: Option<Lifetime>,
    unremembered_idle: Option<Lifetime>,
    client_session_absolute: Option<Lifetime>,
    client_session_idle: Option<Lifetime>,
    refresh_absolute: Option<Lifetime>,
    refresh_idle: Option<Lifetime>,
    access_token: Option<Lifetime>,
    id_token: Option<Lifetime>,
    code: Option<Lifetime>,
}

pub(super) fn validated(raw: Vec<Raw>, sources: &Sources) -> Result<Vec<DeclaredRule>, SettingsError> {
    let mut rules: Vec<DeclaredRule> = Vec::with_capacity(raw.len());
    for (i, raw) in raw.into_iter().enumerate() {
        let at = i.to_string();
        let refused = |message: String| SettingsError::refused(sources, &["lifetime_rules", &at], message);
        let selector = Selector { client: raw.client, group: raw.group, acr: raw.acr };
        let limits = LimitOverrides {
            session_absolute: raw.session_absolute,
            session_idle: raw.session_idle,
            unremembered_absolute: raw.unremembered_absolute,
            unremembered_idle: raw.unremembered_idle,
            client_session_absolute: raw.client_session_absolute,
            client_session_idle: raw.client_session_idle,
            refresh_absolute: raw.refresh_absolute,
            refresh_idle: raw.refresh_idle,
            access_token: raw.access_token,
            id_token: raw.id_token,
            code: raw.code,
        };
        limits.check().map_err(|(limit, why)| SettingsError::refused(sources, &["lifetime_rules", &at, limit.as_str()], why))?;
        if limits.is_empty() {
            return Err(refused(format!("the rule for {selector} sets no limit: write one, such as `session_idle = \"PT1H\"`")));
        }
        if rules.iter().any(|rule| rule.selector == selector) {
            return Err(refused(format!("there are two rules for {selector}: put their limits into one")));
        }
        rules.push(DeclaredRule { selector, limits });
    }
    Ok(rules)
}
