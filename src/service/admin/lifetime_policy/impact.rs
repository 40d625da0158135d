//! What a change of the policy would do: every running session and refresh family is judged by today's rules and by the changed ones.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::TimeDelta;

use super::RuleChange;
use crate::domain::acr::Acr;
use crate::domain::client::Client;
use crate::domain::clock::Timestamp;
use crate::domain::group::Groups;
use crate::domain::id::{ClientId, GrantId, SessionId, UserId};
use crate::domain::lifetime::Limits;
use crate::domain::lifetime_rule::LifetimeRule;
use crate::domain::scope::OFFLINE_ACCESS;
use crate::protocol::lifetime_policy::{ClientPolicy, Policy};
use crate::protocol::session::{Times, by_time};
use crate::protocol::token::refresh_token;
use crate::service::admin::{Admin, AdminError};
use crate::store::running::{self, BeganAndUsed, OfSession, RunningFamily, RunningSession};
use crate::store::{Store, StoreError, clients};

/// Until when it is looked: now, a day, a week.
pub const HORIZONS: [TimeDelta; 3] = [TimeDelta::zero(), TimeDelta::days(1), TimeDelta::days(7)];

/// Of what runs now, how much will have ended by then if it is not used meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Horizon {
    /// By the rules as they are.
    pub sessions: u64,
    pub families: u64,
    /// By the rules as they would be.
    pub sessions_changed: u64,
    pub families_changed: u64,
}

/// A session that the change would end at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub session: SessionId,
    pub user: UserId,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Impact {
    /// What runs now, by the rules as they are.
    pub sessions: u64,
    pub families: u64,
    /// For each of [`HORIZONS`].
    pub horizons: [Horizon; HORIZONS.len()],
    /// Some of the sessions that would end at once.
    pub sample: Vec<Sample>,
}

const SAMPLE: usize = 10;
/// Rows a query; between two queries others have their turn.
const PAGE: i64 = 20_000;

impl Admin {
    /// What `changes` would do to what runs now. Nothing is changed. Sessions are judged as on the issuer's own pages, families as their client's.
    pub async fn lifetime_impact(&self, default: &Limits, changes: Vec<RuleChange>) -> Result<Impact, AdminError> {
        let before = self.lifetime_policy(default).await?;
        let after = changed(&before, changes, self.now());
        let now = self.now();
        let (sessions, families) = tokio::try_join!(sessions(&self.store, before.clone(), after.clone(), now), families(&self.store, before, after, now))?;
        let mut impact = sessions;
        impact.families = families.families;
        for (horizon, families) in impact.horizons.iter_mut().zip(families.horizons) {
            (horizon.families, horizon.families_changed) = (families.families, families.families_changed);
        }
        Ok(impact)
    }
}

fn changed(policy: &Policy, changes: Vec<RuleChange>, now: Timestamp) -> Policy {
    let mut rules: Vec<LifetimeRule> = policy.rules.as_ref().clone();
    for change in changes {
        rules.retain(|rule| rule.selector != change.selector);
        if !change.limits.is_empty() {
            rules.push(LifetimeRule { selector: change.selector, limits: change.limits, managed_by_file: false, updated_at: now });
        }
    }
    Policy { default: policy.default, rules: Arc::new(rules) }
}

/// The limits of both policies for one client, by whose they are: most people have the same.
struct Both {
    before: ClientPolicy,
    after: ClientPolicy,
    /// Whether families of the client may outlive their session.
    offline_allowed: bool,
    known: HashMap<(Groups, Acr), (Limits, Limits)>,
}

impl Both {
    fn new(before: &Policy, after: &Policy, client: Option<&Client>) -> Self {
        let offline_allowed = client.is_some_and(|client| client.metadata.scope.contains(OFFLINE_ACCESS));
        Self { before: ClientPolicy::new(before, client), after: ClientPolicy::new(after, client), offline_allowed, known: HashMap::new() }
    }

    fn of(&mut self, groups: &Groups, acr: Acr) -> (Limits, Limits) {
        if let Some(known) = self.known.get(&(groups.clone(), acr)) {
            return *known;
        }
        let both = (self.before.limits(Some(groups), Some(acr)), self.after.limits(Some(groups), Some(acr)));
        self.known.insert((groups.clone(), acr), both);
        both
    }
}

async fn sessions(store: &Store, before: Policy, after: Policy, now: Timestamp) -> Result<Impact, StoreError> {
    let (mut impact, mut both, mut last) = (Impact::default(), Both::new(&before, &after, None), None);
    loop {
        let page: Vec<RunningSession> = store.scan(move |db| running::sessions(db, last, PAGE)).await?;
        let Some(end) = page.last() else { return Ok(impact) };
        last = Some(end.id);
        for session in page {
            let (old, new) = both.of(&session.groups, session.acr);
            let lives = |limits: &Limits, then| session_lives(session.times, None, limits, then);
            if !lives(&old, now) {
                continue;
            }
            impact.sessions += 1;
            for (horizon, ahead) in impact.horizons.iter_mut().zip(HORIZONS) {
                horizon.sessions += u64::from(!lives(&old, now + ahead));
                horizon.sessions_changed += u64::from(!lives(&new, now + ahead));
            }
            if impact.sample.len() < SAMPLE && !lives(&new, now) {
                impact.sample.push(Sample { session: session.id, user: session.user_id });
            }
        }
    }
}

async fn families(store: &Store, before: Policy, after: Policy, now: Timestamp) -> Result<Impact, StoreError> {
    let (mut impact, mut of_clients): (Impact, HashMap<ClientId, Option<Both>>) = (Impact::default(), HashMap::new());
    let mut last: Option<GrantId> = None;
    loop {
        let page: Vec<RunningFamily> = store.scan(move |db| running::families(db, last, PAGE)).await?;
        let Some(end) = page.last() else { return Ok(impact) };
        last = Some(end.id);
        for family in page {
            if !of_clients.contains_key(&family.client_id) {
                let id = family.client_id.clone();
                let client = store.read(move |db| clients::find(db, &id)).await?;
                of_clients.insert(family.client_id.clone(), client.map(|client| Both::new(&before, &after, Some(&client))));
            }
            let Some(Some(both)) = of_clients.get_mut(&family.client_id) else { continue };
            let offline_allowed = both.offline_allowed;
            let (old, new) = both.of(&family.groups, family.acr);
            let lives = |limits: &Limits, then| family_lives(&family, offline_allowed, limits, then);
            if !lives(&old, now) {
                continue;
            }
            impact.families += 1;
            for (horizon, ahead) in impact.horizons.iter_mut().zip(HORIZONS) {
                horizon.families += u64::from(!lives(&old, now + ahead));
                horizon.families_changed += u64::from(!lives(&new, now + ahead));
            }
        }
    }
}

fn session_lives((created_at, last_used_at, remembered): OfSession, client_session: Option<BeganAndUsed>, limits: &Limits, then: Timestamp) -> bool {
    by_time(Times { created_at, last_used_at }, remembered, client_session.map(times), limits, then).is_ok()
}

fn family_lives(family: &RunningFamily, offline_allowed: bool, limits: &Limits, then: Timestamp) -> bool {
    let by_session = match family.session {
        _ if family.offline && offline_allowed => true,
        Some(session) => session_lives(session, family.client_session, limits, then),
        None => false,
    };
    by_session && refresh_token::by_time(times(family.times), limits, then).is_ok()
}

const fn times((created_at, last_used_at): BeganAndUsed) -> Times {
    Times { created_at, last_used_at }
}
