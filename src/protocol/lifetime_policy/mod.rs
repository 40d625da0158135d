//! The lifetime policy: whose limits are which.
//!
//! Limits come from the settings, from rules, and from what a client is registered with (a rule for that client). For each limit by
//! itself the most specific one that applies wins; of several equally specific ones that for the highest `acr`, then the shortest.

pub mod explain;
pub mod simulate;

use std::sync::Arc;

use crate::domain::acr::Acr;
use crate::domain::client::Client;
use crate::domain::duration::Lifetime;
use crate::domain::group::{GroupName, Groups};
use crate::domain::lifetime::{Limit, LimitOverrides, Limits};
use crate::domain::lifetime_rule::{LifetimeRule, Selector};

/// Everything that is decided from: the settings' limits and the rules in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub default: Limits,
    pub rules: Arc<Vec<LifetimeRule>>,
}

impl Policy {
    /// The groups that rules name: no other group matters.
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        self.rules.iter().filter_map(|rule| rule.selector.group.as_ref())
    }

    /// Whether a rule names an acr: else it does not matter how somebody signed in.
    pub fn names_acr(&self) -> bool {
        self.rules.iter().any(|rule| rule.selector.acr.is_some())
    }

    /// Whether a client session may end before its session does, at any of the clients.
    pub fn ends_client_sessions<'a>(&'a self, clients: impl Iterator<Item = &'a Client>) -> bool {
        let limited = |absolute, idle| absolute != Lifetime::Unlimited || idle != Lifetime::Unlimited;
        let set = |limits: &LimitOverrides| {
            limited(limits.client_session_absolute.unwrap_or(Lifetime::Unlimited), limits.client_session_idle.unwrap_or(Lifetime::Unlimited))
        };
        limited(self.default.client_session_absolute, self.default.client_session_idle)
            || self.rules.iter().any(|rule| set(&rule.limits))
            || clients.map(|client| &client.metadata.lifetimes).any(set)
    }
}

/// Whom the limits are asked for, as far as it matters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    /// Absent when no application asks, as on the issuer's own pages.
    pub client: Option<&'a Client>,
    /// Absent when a client acts for itself.
    pub groups: Option<&'a Groups>,
    pub acr: Option<Acr>,
}

/// How narrowly a rule says whom it is for. The order is that of their weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Specificity {
    /// The settings, or what is built in.
    Default,
    /// A rule for everybody.
    Instance,
    Acr,
    Group,
    Client,
    Two,
    Three,
}

impl Specificity {
    pub const fn of(selector: &Selector) -> Self {
        match (selector.client.is_some(), selector.group.is_some(), selector.acr.is_some()) {
            (false, false, false) => Self::Instance,
            (false, false, true) => Self::Acr,
            (false, true, false) => Self::Group,
            (true, false, false) => Self::Client,
            (true, true, true) => Self::Three,
            _ => Self::Two,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Instance => "everybody",
            Self::Acr => "acr",
            Self::Group => "group",
            Self::Client => "client",
            Self::Two => "two of them",
            Self::Three => "client, group and acr",
        }
    }
}

/// Whether what `selector` says is true of the subject; what it does not say is true of everybody.
pub fn applies(selector: &Selector, subject: &Subject<'_>) -> bool {
    selector.client.as_ref().is_none_or(|id| subject.client.is_some_and(|client| client.id == *id))
        && selector.group.as_ref().is_none_or(|group| subject.groups.is_some_and(|groups| groups.contains(group)))
        && reaches(subject.acr, selector)
}

/// Whether a sign-in of this level is what the rule is for: of its `acr`, or of a higher one.
fn reaches(acr: Option<Acr>, selector: &Selector) -> bool {
    selector.acr.is_none_or(|wanted| acr.is_some_and(|acr| acr.satisfies(wanted)))
}

/// For each limit the value that wins so far, and by what right.
#[derive(Debug, Clone, Copy)]
struct Winners([(Specificity, Lifetime); Limit::ALL.len()]);

impl Winners {
    fn new(default: &Limits) -> Self {
        Self(Limit::ALL.map(|limit| (Specificity::Default, default.get(limit))))
    }

    fn consider(&mut self, specificity: Specificity, limits: &LimitOverrides) {
        for (winner, limit) in self.0.iter_mut().zip(Limit::ALL) {
            let Some(value) = limits.get(limit) else { continue };
            if specificity > winner.0 || (specificity == winner.0 && winner.1.is_longer_than(value)) {
                *winner = (specificity, value);
            }
        }
    }

    fn limits(&self) -> Limits {
        let mut values = self.0.iter().map(|(_, value)| *value);
        // There is a value for each of them, in the order of `Limit::ALL`.
        Limits::each(|limit| values.next().unwrap_or_else(|| Limits::default().get(limit)))
    }
}

/// The policy as it concerns one client, or the issuer's own pages: most requests then need no more than a copy.
#[derive(Debug, Clone)]
pub struct ClientPolicy {
    /// What holds whoever the user is.
    winners: Winners,
    limits: Limits,
    /// The rules that depend on the user or on how they signed in.
    depending: Vec<(Specificity, LifetimeRule)>,
}

impl ClientPolicy {
    pub fn new(policy: &Policy, client: Option<&Client>) -> Self {
        let mut winners = Winners::new(&policy.default);
        if let Some(client) = client {
            winners.consider(Specificity::Client, &client.metadata.lifetimes);
        }
        let mut depending = Vec::new();
        for rule in policy.rules.iter() {
            let of_client = rule.selector.client.as_ref().is_none_or(|id| client.is_some_and(|client| client.id == *id));
            if !of_client {
                continue;
            }
            if rule.selector.group.is_none() && rule.selector.acr.is_none() {
                winners.consider(Specificity::of(&rule.selector), &rule.limits);
            } else {
                depending.push((Specificity::of(&rule.selector), rule.clone()));
            }
        }
        Self { winners, limits: winners.limits(), depending }
    }

    /// The limits in force for a user of these groups, signed in like that.
    pub fn limits(&self, groups: Option<&Groups>, acr: Option<Acr>) -> Limits {
        if self.depending.is_empty() {
            return self.limits;
        }
        let mut winners = self.winners;
        for (specificity, rule) in &self.depending {
            let of_group = rule.selector.group.as_ref().is_none_or(|group| groups.is_some_and(|groups| groups.contains(group)));
            if of_group && reaches(acr, &rule.selector) {
                winners.consider(*specificity, &rule.limits);
            }
        }
        winners.limits()
    }
}

/// The longest limits that a session of such a user has at any client: past them it has ended for everybody. `registered` has the longest
/// that clients are registered with.
pub fn longest_session(policy: &Policy, registered: &LimitOverrides, groups: &Groups, acr: Acr) -> Limits {
    let mut limits = ClientPolicy::new(policy, None).limits(Some(groups), Some(acr));
    let of_user = |selector: &Selector| selector.group.as_ref().is_none_or(|group| groups.contains(group)) && reaches(Some(acr), selector);
    let of_clients = policy.rules.iter().filter(|rule| rule.selector.client.is_some() && of_user(&rule.selector)).map(|rule| &rule.limits);
    for longer in of_clients.chain([registered]) {
        limits.session_absolute = longer_of(limits.session_absolute, longer.session_absolute);
        limits.session_idle = longer_of(limits.session_idle, longer.session_idle);
        limits.unremembered_absolute = longer_of(limits.unremembered_absolute, longer.unremembered_absolute);
        limits.unremembered_idle = longer_of(limits.unremembered_idle, longer.unremembered_idle);
    }
    limits
}

fn longer_of(one: Lifetime, other: Option<Lifetime>) -> Lifetime {
    other.filter(|other| other.is_longer_than(one)).unwrap_or(one)
}

#[cfg(test)]
mod tests;
