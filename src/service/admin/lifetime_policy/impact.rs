//! What a change of the policy would do: every running session and refresh family is judged by today's rules and by the changed ones.
//!
//! The tables are read as they lie, each once and all at the same time, and put together here: that is a second for a million sessions,
//! where the database would look up each family's session in as many places of the disk. The rule that judges them is the server's own.

use std::collections::{BTreeSet, HashMap};
use std::iter::Peekable;
use std::sync::Arc;

use chrono::TimeDelta;

use super::{RuleChange, all_clients};
use crate::domain::acr::Acr;
use crate::domain::client::Client;
use crate::domain::clock::Timestamp;
use crate::domain::group::GroupName;
use crate::domain::id::{SessionId, UserId};
use crate::domain::lifetime::Limits;
use crate::domain::lifetime_rule::LifetimeRule;
use crate::domain::scope::OFFLINE_ACCESS;
use crate::protocol::lifetime_policy::{ClientPolicy, Policy};
use crate::protocol::session::{Deadlines, Standing, Times, by_standing as session_by_standing, past};
use crate::protocol::token::family::by_standing as family_by_standing;
use crate::service::admin::{Admin, AdminError};
use crate::store::running::{self, ClientIndex, GroupsOf, RunningClientSession, RunningFamily, RunningSession, Wanted};
use crate::store::{Store, StoreError, sessions};

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

impl Admin {
    /// What `changes` would do to what runs now. Nothing is changed. Sessions are judged as on the issuer's own pages, families as their client's.
    pub async fn lifetime_impact(&self, default: &Limits, changes: Vec<RuleChange>) -> Result<Impact, AdminError> {
        let before = self.lifetime_policy(default).await?;
        let after = changed(&before, changes, self.now());
        let (tables, now) = (Tables::read(&self.store, [&before, &after]).await?, self.now());
        let (tables, policies) = (Arc::new(tables), Arc::new((before, after)));
        let (of_families, both) = (tables.clone(), policies.clone());
        let families = tokio::task::spawn_blocking(move || of_families.count_families(&both.0, &both.1, now));
        let sessions = tokio::task::spawn_blocking(move || tables.count_sessions(&policies.0, &policies.1, now));
        let counted = tokio::try_join!(sessions, families).map_err(|error| AdminError::Refused(format!("counting failed: {error}")))?;
        let ((mut impact, ended_at_once), of_families) = counted;
        impact.families = of_families.families;
        for (horizon, families) in impact.horizons.iter_mut().zip(of_families.horizons) {
            (horizon.families, horizon.families_changed) = (families.families, families.families_changed);
        }
        for session in ended_at_once {
            // One that is gone by now is no example.
            if let Some(session) = self.store.read(move |db| sessions::find(db, session)).await? {
                impact.sample.push(Sample { session: session.id, user: session.user_id });
            }
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

/// Everything that is judged, in the order of the sessions' ids.
struct Tables {
    clients: Vec<Client>,
    groups: GroupsOf,
    sessions: Vec<RunningSession>,
    client_sessions: Vec<RunningClientSession>,
    families: Vec<RunningFamily>,
}

impl Tables {
    /// Reads no more than the two policies ask for.
    async fn read(store: &Store, policies: [&Policy; 2]) -> Result<Self, StoreError> {
        let clients = all_clients(store).await?;
        let places: HashMap<String, ClientIndex> = (0..).zip(&clients).map(|(place, client)| (client.id.as_str().to_owned(), place)).collect();
        let (places, of_families) = (Arc::new(places.clone()), Arc::new(places));
        let named: BTreeSet<GroupName> = policies.into_iter().flat_map(Policy::groups).cloned().collect();
        let named: Vec<GroupName> = named.into_iter().collect();
        let wanted = Wanted { user: !named.is_empty(), acr: policies.into_iter().any(Policy::names_acr) };
        let only_ended = !policies.into_iter().any(|policy| policy.ends_client_sessions(clients.iter()));
        let (families, (sessions, groups), client_sessions) = tokio::try_join!(
            store.survey(move |db| running::families(db, wanted, &of_families)),
            store.survey(move |db| running::sessions(db, wanted, &named)),
            store.survey(move |db| running::client_sessions(db, only_ended, &places)),
        )?;
        Ok(Self { clients, groups, sessions, client_sessions, families })
    }

    /// The counts of sessions, and the first of those that would end at once.
    fn count_sessions(&self, before: &Policy, after: &Policy, now: Timestamp) -> (Impact, Vec<SessionId>) {
        let (mut impact, mut ended_at_once) = (Impact::default(), Vec::new());
        let mut pages = Both::new(before, after, None);
        for session in self.sessions.iter().filter(|session| session.ended.is_none()) {
            let (old, new) = pages.of(&self.groups, session.groups, session.acr);
            let standing = standing_of_session(session);
            let Ok(as_it_is) = session_by_standing(&standing, None, old, now) else { continue };
            let changed = session_by_standing(&standing, None, new, now).ok();
            if ended_at_once.len() < SAMPLE && changed.is_none() {
                ended_at_once.push(session.id);
            }
            impact.sessions += 1;
            for (horizon, ahead) in impact.horizons.iter_mut().zip(HORIZONS) {
                horizon.sessions += u64::from(has_ended(Some(as_it_is), now + ahead));
                horizon.sessions_changed += u64::from(has_ended(changed, now + ahead));
            }
        }
        (impact, ended_at_once)
    }

    fn count_families(&self, before: &Policy, after: &Policy, now: Timestamp) -> Impact {
        let mut impact = Impact::default();
        let mut at_clients: Vec<Both> = self.clients.iter().map(|client| Both::new(before, after, Some(client))).collect();
        let (mut sessions, mut client_sessions) = (self.sessions.iter().peekable(), self.client_sessions.iter().peekable());
        for family in &self.families {
            let Some(both) = at_clients.get_mut(family.client as usize) else { continue };
            let session = walk_to(&mut sessions, &family.session, |session| session.id);
            let client_session = walk_to(&mut client_sessions, &(family.session, family.client), |of| (of.session, of.client));
            let (client_session, outlives) = (client_session.map(standing_of_client_session), family.offline && both.offline_allowed);
            let (set, acr) = session.map_or_else(|| (self.groups.of(family.user), family.acr), |session| (session.groups, session.acr));
            let (old, new) = both.of(&self.groups, set, acr);
            let (session, times) = (session.map(standing_of_session), Times { created_at: family.created_at, last_used_at: family.last_used_at });
            let judged = |limits| family_by_standing(times, outlives, session.as_ref(), client_session.as_ref(), limits, now).ok();
            let (Some(as_it_is), changed) = (judged(old), judged(new)) else { continue };
            impact.families += 1;
            for (horizon, ahead) in impact.horizons.iter_mut().zip(HORIZONS) {
                horizon.families += u64::from(has_ended(Some(as_it_is), now + ahead));
                horizon.families_changed += u64::from(has_ended(changed, now + ahead));
            }
        }
        impact
    }
}

/// The row of this key, if there is one: rows and keys come in the same order.
fn walk_to<'a, T, K: Ord>(rows: &mut Peekable<std::slice::Iter<'a, T>>, key: &K, key_of: impl Fn(&T) -> K) -> Option<&'a T> {
    while rows.next_if(|row| key_of(row) < *key).is_some() {}
    rows.peek().copied().filter(|row| key_of(row) == *key)
}

/// Not used meanwhile, it ends when it was said to.
fn has_ended(deadlines: Option<Deadlines>, then: Timestamp) -> bool {
    deadlines.is_none_or(|ends| past(ends.absolute, then) || past(ends.idle, then))
}

const fn standing_of_session(session: &RunningSession) -> Standing {
    Standing { times: Times { created_at: session.created_at, last_used_at: session.last_used_at }, remembered: session.remembered, ended: session.ended }
}

const fn standing_of_client_session(of: &RunningClientSession) -> Standing {
    Standing { times: Times { created_at: of.created_at, last_used_at: of.last_used_at }, remembered: true, ended: of.ended }
}

/// The limits of both policies for one client, by whose they are: most people have the same.
struct Both {
    before: ClientPolicy,
    after: ClientPolicy,
    /// Whether families of the client may outlive their session.
    offline_allowed: bool,
    known: HashMap<(Option<u32>, Option<Acr>), (Limits, Limits)>,
}

impl Both {
    fn new(before: &Policy, after: &Policy, client: Option<&Client>) -> Self {
        let offline_allowed = client.is_some_and(|client| client.metadata.scope.contains(OFFLINE_ACCESS));
        Self { before: ClientPolicy::new(before, client), after: ClientPolicy::new(after, client), offline_allowed, known: HashMap::new() }
    }

    /// Where no rule names a group or an acr, none was read, and none makes a difference.
    fn of(&mut self, groups: &GroupsOf, set: Option<u32>, acr: Option<Acr>) -> (&Limits, &Limits) {
        let (before, after) = (&self.before, &self.after);
        let (old, new) = self.known.entry((set, acr)).or_insert_with(|| {
            let groups = groups.groups(set);
            (before.limits(Some(&groups), acr), after.limits(Some(&groups), acr))
        });
        (old, new)
    }
}
