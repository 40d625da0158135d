//! The lifetime policy: its rules, why a limit is what it is, and what a change would do.

mod explained;
mod impact;

use std::sync::Arc;

use super::{Admin, AdminError, not_found};
use crate::domain::client::Client;
use crate::domain::entropy::Entropy;
use crate::domain::event::{EventKind, Object, Occasion};
use crate::domain::id::ClientId;
use crate::domain::lifetime::{LimitOverrides, Limits};
use crate::domain::lifetime_rule::{LifetimeRule, Selector};
use crate::domain::secret::Secret;
use crate::protocol::lifetime_policy::Policy;
use crate::settings::lifetime_rules::DeclaredRule;
use crate::store::registered::{self, RegisteredLimits};
use crate::store::{Connection, Store, StoreError, clients, events, lifetime_rules};

pub use explained::ExplainedSession;
pub use impact::{HORIZONS, Horizon, Impact, Sample};

/// A change of the policy: what the rule of a selector becomes. Without limits it is taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleChange {
    pub selector: Selector,
    pub limits: LimitOverrides,
}

/// A rule before and after it was changed; absent where there was none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub before: Option<LifetimeRule>,
    pub after: Option<LifetimeRule>,
}

impl Admin {
    /// The policy in force: the settings' limits and the rules.
    pub async fn lifetime_policy(&self, default: &Limits) -> Result<Policy, AdminError> {
        let rules = self.store.read(lifetime_rules::all).await?;
        Ok(Policy { default: *default, rules: Arc::new(rules) })
    }

    /// The clients that are registered with limits of their own: each is a rule for that client.
    pub async fn clients_with_lifetimes(&self) -> Result<Vec<RegisteredLimits>, AdminError> {
        Ok(self.store.scan(registered::with_limits).await?)
    }

    /// Changes the rule of a selector as it is at that moment. Running sessions are judged by it from their next use on.
    pub async fn change_lifetime_rule(&self, selector: Selector, change: impl FnOnce(&mut LimitOverrides) + Send + 'static) -> Result<Changed, AdminError> {
        self.try_change_lifetime_rule(selector, |_, limits| {
            change(limits);
            Ok(())
        })
        .await
    }

    /// The same, and the change may be refused when it sees all the rules there are.
    pub async fn try_change_lifetime_rule(
        &self,
        selector: Selector,
        change: impl FnOnce(&[LifetimeRule], &mut LimitOverrides) -> Result<(), AdminError> + Send + 'static,
    ) -> Result<Changed, AdminError> {
        let (mark, occasion) = (mark(self.entropy.as_ref()), self.occasion(self.now()));
        let rule = selector.clone();
        let changed = self.store.write(move |db| {
            // First, for it holds off others: a client that is being deleted meanwhile is seen, or takes the rule with it.
            lifetime_rules::begin_change(db, &mark)?;
            if let Some(client) = &rule.client
                && clients::find(db, client)?.is_none()
            {
                return Ok(Err(not_found("client", client)));
            }
            let there = lifetime_rules::all(db)?;
            let before = there.iter().find(|there| there.selector == rule).cloned();
            let mut limits = before.as_ref().map(|rule| rule.limits).unwrap_or_default();
            if let Err(refused) = change(&there, &mut limits) {
                return Ok(Err(refused));
            }
            if let Err((limit, why)) = limits.check() {
                return Ok(Err(AdminError::Refused(format!("`{}`: {why}", limit.as_str()))));
            }
            // One that the file declared goes with the file's.
            let managed_by_file = before.as_ref().is_some_and(|before| before.managed_by_file);
            write(db, &rule, before, limits, managed_by_file, &occasion).map(Ok)
        });
        let changed = changed.await??;
        tracing::info!(event = "lifetime_policy.changed", rule = %selector, "a rule of the lifetime policy was changed");
        Ok(changed)
    }
}

/// Writes the declared rules, and takes away those that a file declared before and no longer does.
pub fn declare(db: &mut Connection, declared: Vec<DeclaredRule>, mark: &str, occasion: &Occasion) -> Result<(), StoreError> {
    let there = lifetime_rules::all(db)?;
    let gone = |rule: &&LifetimeRule| rule.managed_by_file && !declared.iter().any(|declared| declared.selector == rule.selector);
    let is_there =
        |declared: &DeclaredRule| there.iter().any(|rule| rule.managed_by_file && rule.selector == declared.selector && rule.limits == declared.limits);
    let gone: Vec<&LifetimeRule> = there.iter().filter(gone).collect();
    if gone.is_empty() && declared.iter().all(is_there) {
        return Ok(());
    }
    lifetime_rules::begin_change(db, mark)?;
    for rule in gone {
        write(db, &rule.selector, Some(rule.clone()), LimitOverrides::default(), true, occasion)?;
    }
    for rule in declared.iter().filter(|declared| !is_there(declared)) {
        let before = there.iter().find(|there| there.selector == rule.selector).cloned();
        write(db, &rule.selector, before, rule.limits, true, occasion)?;
    }
    Ok(())
}

/// Takes away the rules that are for a client, whoever else they are for.
pub fn forget_client(db: &mut Connection, client: &ClientId, mark: &str, occasion: &Occasion) -> Result<(), StoreError> {
    lifetime_rules::begin_change(db, mark)?;
    for rule in lifetime_rules::of_client(db, client)? {
        write(db, &rule.selector.clone(), Some(rule), LimitOverrides::default(), false, occasion)?;
    }
    Ok(())
}

/// The rule of the selector becomes this; without limits there is none.
fn write(
    db: &mut Connection,
    selector: &Selector,
    before: Option<LifetimeRule>,
    limits: LimitOverrides,
    managed_by_file: bool,
    occasion: &Occasion,
) -> Result<Changed, StoreError> {
    let after = (!limits.is_empty()).then(|| LifetimeRule { selector: selector.clone(), limits, managed_by_file, updated_at: occasion.at });
    match &after {
        Some(rule) => lifetime_rules::put(db, rule)?,
        None => drop(lifetime_rules::remove(db, selector)?),
    }
    let limits_of = |rule: &Option<LifetimeRule>| rule.as_ref().map(|rule| rule.limits);
    if limits_of(&before) != limits_of(&after) {
        let event = occasion.event(EventKind::LifetimePolicyChanged, Object::LifetimePolicy);
        let whom = event.with("client", &selector.client).with("group", &selector.group).with("acr", selector.acr);
        events::record(db, &whom.with_changes(&limits_of(&before), &limits_of(&after)))?;
    }
    Ok(Changed { before, after })
}

/// A mark that was never used before.
pub fn mark(entropy: &dyn Entropy) -> String {
    Secret::<String>::generate(entropy).expose().clone()
}

/// `session_idle=PT1H access_token=PT5M`
pub fn limits_text(limits: &LimitOverrides) -> String {
    limits.iter().map(|(limit, value)| format!("{}={value}", limit.as_str())).collect::<Vec<_>>().join(" ")
}

/// Clients read at once.
const PAGE: u32 = 1000;

async fn all_clients(store: &Store) -> Result<Vec<Client>, StoreError> {
    let mut all: Vec<Client> = Vec::new();
    loop {
        let last = all.last().map(|client| client.id.clone());
        let page = store.scan(move |db| clients::list(db, last.as_ref(), PAGE)).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}
