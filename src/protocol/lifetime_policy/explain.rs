//! Why a limit is what it is: every rule that speaks of it, and which one wins.

use super::{Policy, Specificity, Subject, applies};
use crate::domain::duration::Lifetime;
use crate::domain::lifetime::Limit;
use crate::domain::lifetime_rule::Selector;

/// Where a value is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `[lifetimes]`, or what is built in.
    Settings,
    /// The client's own registration.
    Client,
    Rule(Selector),
}

/// A value of the limit that applies to the subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub source: Source,
    pub specificity: Specificity,
    pub value: Lifetime,
}

/// What is to be said of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub limit: Limit,
    pub value: Lifetime,
    /// The first one wins; the others would, in this order, if those before them were taken away.
    pub candidates: Vec<Candidate>,
}

/// Each limit of the subject.
pub fn explain(policy: &Policy, subject: &Subject<'_>) -> Vec<Explanation> {
    Limit::ALL.into_iter().map(|limit| of_limit(limit, policy, subject)).collect()
}

fn of_limit(limit: Limit, policy: &Policy, subject: &Subject<'_>) -> Explanation {
    let default = policy.default.get(limit);
    let mut candidates = vec![Candidate { source: Source::Settings, specificity: Specificity::Default, value: default }];
    if let Some(value) = subject.client.and_then(|client| client.metadata.lifetimes.get(limit)) {
        candidates.push(Candidate { source: Source::Client, specificity: Specificity::Client, value });
    }
    for rule in policy.rules.iter().filter(|rule| applies(&rule.selector, subject)) {
        if let Some(value) = rule.limits.get(limit) {
            candidates.push(Candidate { source: Source::Rule(rule.selector.clone()), specificity: Specificity::of(&rule.selector), value });
        }
    }
    candidates.sort_by(|a, b| b.specificity.cmp(&a.specificity).then_with(|| shorter_first(a.value, b.value)));
    Explanation { limit, value: candidates.first().map_or(default, |winner| winner.value), candidates }
}

fn shorter_first(a: Lifetime, b: Lifetime) -> std::cmp::Ordering {
    a.is_longer_than(b).cmp(&b.is_longer_than(a))
}
