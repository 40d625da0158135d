//! Rules of the lifetime policy, as the API tells and takes them.

use poem_openapi::Object;
use poem_openapi::types::Example;

use super::limits::Limits;
use super::problem::{ChangeProblem, Problem};
use crate::domain::acr::Acr;
use crate::domain::clock::Timestamp;
use crate::domain::group::{GroupName, Groups};
use crate::domain::id::ClientId;
use crate::domain::lifetime_rule;

/// Whom a rule is for. What is absent is anybody's: an empty one is for everybody. There is one rule a selector.
#[derive(Debug, Clone, Default, Object)]
#[oai(rename = "LifetimeSelector", example, skip_serializing_if_is_none, deny_unknown_fields)]
pub struct Selector {
    /// Only at this client.
    pub client: Option<String>,
    /// Only for users in this group.
    pub group: Option<String>,
    /// Only for sign-ins of this level or a higher one.
    pub acr: Option<String>,
}

/// A rule of the lifetime policy.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct LifetimeRule {
    pub selector: Selector,
    pub limits: Limits,
    /// Whether it is declared in the settings file, which wins at each start.
    pub managed_by_file: bool,
    pub updated_at: Timestamp,
}

/// What the rule of a selector is to be, as a whole.
#[derive(Debug, Object)]
#[oai(example, deny_unknown_fields)]
pub struct RuleChange {
    pub selector: Selector,
    pub limits: Limits,
}

impl Selector {
    /// The selector; `at` is where it is in the body, as a JSON pointer.
    pub fn parse(&self, at: &str) -> Result<lifetime_rule::Selector, ChangeProblem> {
        self.read().map_err(|(member, why)| ChangeProblem::invalid_member(&format!("{at}/{member}"), why))
    }

    /// The selector, from parameters of these names.
    pub fn of_parameters(&self) -> Result<lifetime_rule::Selector, Problem> {
        self.read().map_err(|(member, why)| Problem::malformed(format!("The parameter `{member}` is malformed: {why}")))
    }

    fn read(&self) -> Result<lifetime_rule::Selector, (&'static str, String)> {
        Ok(lifetime_rule::Selector {
            client: self.client.as_deref().map(|client| ClientId::parse(client).map_err(|error| ("client", format!("{error}.")))).transpose()?,
            group: self.group.as_deref().map(|group| GroupName::parse(group).map_err(|error| ("group", format!("{error}.")))).transpose()?,
            acr: self.acr.as_deref().map(|acr| acr_of(acr).map_err(|why| ("acr", why))).transpose()?,
        })
    }
}

/// The level of a sign-in.
pub fn acr_of(text: &str) -> Result<Acr, String> {
    Acr::parse(text).ok_or_else(|| format!("There is no acr `{text}`: they are {}.", Acr::ALL.map(Acr::as_str).join(", ")))
}

/// The groups of a body; `at` is where they are, as a JSON pointer.
pub fn groups_of(names: &[String], at: &str) -> Result<Groups, ChangeProblem> {
    let one = |(i, name): (usize, &String)| GroupName::parse(name).map_err(|error| ChangeProblem::invalid_member(&format!("{at}/{i}"), format!("{error}.")));
    Ok(Groups::of(names.iter().enumerate().map(one).collect::<Result<Vec<_>, _>>()?))
}

impl From<&lifetime_rule::Selector> for Selector {
    fn from(selector: &lifetime_rule::Selector) -> Self {
        Self {
            client: selector.client.as_ref().map(ToString::to_string),
            group: selector.group.as_ref().map(ToString::to_string),
            acr: selector.acr.map(|acr| acr.as_str().to_owned()),
        }
    }
}

impl From<&lifetime_rule::LifetimeRule> for LifetimeRule {
    fn from(rule: &lifetime_rule::LifetimeRule) -> Self {
        Self {
            selector: Selector::from(&rule.selector),
            limits: Limits::from(&rule.limits),
            managed_by_file: rule.managed_by_file,
            updated_at: rule.updated_at,
        }
    }
}

impl Example for Selector {
    fn example() -> Self {
        Self { group: Some("staff".to_owned()), ..Self::default() }
    }
}

impl Example for LifetimeRule {
    fn example() -> Self {
        let RuleChange { selector, limits } = RuleChange::example();
        Self { selector, limits, managed_by_file: false, updated_at: Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(1_767_256_200) }
    }
}

impl Example for RuleChange {
    fn example() -> Self {
        Self { selector: Selector::example(), limits: Limits::example() }
    }
}
