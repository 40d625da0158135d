//! Sweeping: what has ended is written down and, after its time, forgotten. A task of the issuer's does it once an hour, off the way of
//! requests: it reads a page at a time, writes small units of work, and pauses between them.
//!
//! 1. Sessions past every limit that any application gives them are ended, and so are refresh families past their own ([`crate::protocol::sweep`]).
//! 2. What was ended longer ago than it is kept is deleted; a session only when no living family hangs on it any more.
//! 3. Redeemed codes, one-time links, answers to idempotent requests, used proofs and counts of failed sign-ins are deleted when they say nothing any more, events past
//!    their retention, statistics after 400 days.
//!
//! Nothing here is needed for a right answer: whatever is past its limits is refused when it is used. Several replicas may sweep at once.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use chrono::TimeDelta;
use uuid::Uuid;

use super::access_token::limits_of;
use super::keys::stored;
use super::known_clients::KnownClient;
use super::statistics::note_live_sessions;
use super::{Core, running_settings, telling_end};
use crate::domain::clock::Timestamp;
use crate::domain::duration::Lifetime;
use crate::domain::event::{Event, EventKind, Object, Occasion};
use crate::domain::id::{ClientId, GrantId, LinkId, SessionId};
use crate::domain::running_setting::RunningSetting;
use crate::domain::session::{EndReason, Session};
use crate::protocol::idempotency_key::KEPT;
use crate::protocol::lifetime_policy::longest_session;
use crate::protocol::sweep::{family_over, kept_since, session_over};
use crate::store::refresh_families::{self, FamilyFacts};
use crate::store::tree::{self, EndedCounts, Node};
use crate::store::{Connection, StoreError, events, idempotent_answers, statistics, sweep, throttle_buckets, used_proofs};

/// Rows that are looked at together, and that one unit of work deletes at most.
const BATCH: i64 = 250;
const EVERY: Duration = Duration::from_secs(3600);
/// After a start there is other work to do.
const FIRST: Duration = Duration::from_secs(60);
/// A year can be laid beside the one before.
const STATISTICS: TimeDelta = TimeDelta::days(400);
/// Units of one table that may fail before it is given up.
const LEFT: u64 = 20;
/// Between two batches, so that at most a small part of the database's time goes into sweeping.
const PAUSE: Duration = Duration::from_millis(20);

/// What one pass over all tables has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Found past their limits, and ended.
    pub ended_sessions: u64,
    pub ended_families: u64,
    /// Deleted.
    pub sessions: u64,
    pub families: u64,
    pub codes: u64,
    pub links: u64,
    pub throttle_buckets: u64,
    pub events: u64,
    pub statistics: u64,
    /// Answers that are given again to whoever asks again.
    pub answers: u64,
    /// Proofs that were used, and are too old to be used again.
    pub proofs: u64,
    /// What could not be ended or deleted, somebody held it perhaps: it is looked at again the next time.
    pub left: u64,
}

/// Sweeps as long as there is an issuer to sweep for.
pub async fn run(core: Weak<Core>) {
    tokio::time::sleep(FIRST).await;
    while let Some(core) = core.upgrade() {
        match pass(&core, PAUSE).await {
            Ok(swept) if swept == Swept::default() => {}
            Ok(swept) => swept.tell(),
            Err(error) => tracing::warn!(%error, "not all that is over could be cleared away; it is tried again in an hour"),
        }
        drop(core);
        tokio::time::sleep(EVERY).await;
    }
}

/// One pass over all tables.
pub async fn pass(core: &Core, pause: Duration) -> Result<Swept, StoreError> {
    let value = async |setting| running_settings::value(&core.store, &core.settings, setting).await;
    let (keep_ended, retention) = (value(RunningSetting::SessionsKeepEnded).await?, value(RunningSetting::EventsRetention).await?);
    let mut pass = Pass { core, now: core.now(), pause, keep_ended, retention, swept: Swept::default(), failed: 0 };
    // Whatever becomes of one table, the others have their turn.
    let mut first = Ok(());
    let mut next = |outcome: Result<(), StoreError>| match outcome {
        Ok(()) => {}
        Err(error) if first.is_ok() => first = Err(error),
        Err(error) => tracing::warn!(%error, "another table could not be cleared either"),
    };
    next(pass.sessions().await);
    next(pass.families().await);
    next(pass.codes().await);
    next(pass.links().await);
    next(pass.throttle_buckets().await);
    next(pass.events().await);
    next(pass.statistics().await);
    next(pass.answers().await);
    next(pass.proofs().await);
    if first.is_err() && pass.swept != Swept::default() {
        pass.swept.tell();
    }
    first.map(|()| pass.swept)
}

impl Swept {
    fn tell(self) {
        let Self { ended_sessions, ended_families, sessions, families, codes, links, throttle_buckets, events, statistics, answers, proofs, left } = self;
        tracing::info!(
            event = "store.swept",
            ended_sessions,
            ended_families,
            sessions,
            families,
            codes,
            links,
            throttle_buckets,
            events,
            statistics,
            answers,
            proofs,
            left,
            "what was over has been cleared away"
        );
    }
}

struct Pass<'a> {
    core: &'a Core,
    now: Timestamp,
    pause: Duration,
    /// As they are at the beginning of the pass.
    keep_ended: Lifetime,
    retention: Lifetime,
    swept: Swept,
    /// Units of this table that failed.
    failed: u64,
}

impl Pass<'_> {
    /// What was ended before this is kept no longer.
    fn forgotten(&self) -> Option<Timestamp> {
        kept_since(self.keep_ended, self.now)
    }

    async fn sessions(&mut self) -> Result<(), StoreError> {
        // Read afresh: what the keys remember of it may be from the last request.
        let registered = stored(&self.core.store, &self.core.settings.lifetimes).await?.registered;
        let (mut after, mut live) = (SessionId(Uuid::nil()), 0_u64);
        loop {
            let clients = Arc::clone(&self.core.clients);
            // The policy with each page: one that has been lengthened meanwhile spares what is still to be looked at.
            let (page, policy) = self.core.store.scan(move |db| Ok((sweep::sessions(db, after, BATCH)?, clients.policy(db)?))).await?;
            let Some((last, _)) = page.last() else { return note_live_sessions(self.core, live).await };
            after = last.id;
            for (session, user) in &page {
                let longest = longest_session(&policy, &registered, &user.groups, session.acr);
                if let Some(reason) = session_over(session, &longest, self.now) {
                    let ended = self.end_session(session, reason).await;
                    self.swept.ended_sessions += self.done(ended)?;
                } else if session.ended.is_none() {
                    live += 1;
                }
            }
            let gone = self.gone(page.iter().map(|(session, _)| (session.id, session.ended.map(|ended| ended.at))));
            if let Some((gone, before)) = gone {
                let deleted = self.core.store.write_at_length(move |db| sweep::delete_sessions(db, &gone, before)).await;
                self.swept.sessions += self.done(deleted)?;
            }
            self.rest().await;
        }
    }

    async fn families(&mut self) -> Result<(), StoreError> {
        self.failed = 0;
        let mut after = GrantId(Uuid::nil());
        loop {
            let clients = Arc::clone(&self.core.clients);
            let read = self.core.store.scan(move |db| {
                let page = refresh_families::facts_after(db, after, BATCH)?;
                let mut known: HashMap<ClientId, Option<Arc<KnownClient>>> = HashMap::new();
                for facts in page.iter().filter(|facts| facts.family.ended.is_none()) {
                    if !known.contains_key(&facts.family.client_id) {
                        let client = clients.find(db, &facts.family.client_id)?;
                        known.insert(facts.family.client_id.clone(), client);
                    }
                }
                Ok((page, known))
            });
            let (page, known) = read.await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.family.id;
            for facts in &page {
                let Some(Some(client)) = known.get(&facts.family.client_id) else { continue };
                let limits = limits_of(client, facts.user.as_ref(), facts.session.as_ref(), Some(&facts.family));
                if let Some(reason) = family_over(&facts.family, facts.session.as_ref(), &limits, self.now) {
                    let ended = self.end_family(facts, reason).await;
                    self.swept.ended_families += self.done(ended)?;
                }
            }
            let gone = self.gone(page.iter().map(|facts| (facts.family.id, facts.family.ended.map(|ended| ended.at))));
            if let Some((gone, before)) = gone {
                let deleted = self.core.store.write_at_length(move |db| sweep::delete_families(db, &gone, before)).await;
                self.swept.families += self.done(deleted)?;
            }
            self.rest().await;
        }
    }

    /// What one unit did. One that could not be done is left for the next pass, so that nothing behind it waits for ever; with a database that
    /// is not there, the pass is over soon.
    fn done(&mut self, outcome: Result<u64, StoreError>) -> Result<u64, StoreError> {
        match outcome {
            Err(error) if self.failed < LEFT => {
                tracing::warn!(%error, "something that is over could not be cleared away; it is tried again in an hour");
                self.swept.left += 1;
                self.failed += 1;
                Ok(0)
            }
            outcome => outcome,
        }
    }

    async fn codes(&mut self) -> Result<(), StoreError> {
        let (now, mut after) = (self.now, GrantId(Uuid::nil()));
        loop {
            let page = self.core.store.scan(move |db| sweep::codes(db, after, BATCH)).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            let over: Vec<GrantId> = page.into_iter().filter(|(_, until)| *until < now).map(|(code, _)| code).collect();
            if !over.is_empty() {
                self.swept.codes += self.core.store.write(move |db| sweep::delete_codes(db, &over, now)).await?;
            }
            self.rest().await;
        }
    }

    async fn links(&mut self) -> Result<(), StoreError> {
        let (now, mut after) = (self.now, LinkId(Uuid::nil()));
        loop {
            let page = self.core.store.scan(move |db| sweep::links(db, after, BATCH)).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            let over: Vec<LinkId> = page.into_iter().filter(|(_, until)| *until < now).map(|(link, _)| link).collect();
            if !over.is_empty() {
                self.swept.links += self.core.store.write(move |db| sweep::delete_links(db, &over, now)).await?;
            }
            self.rest().await;
        }
    }

    async fn throttle_buckets(&mut self) -> Result<(), StoreError> {
        let now = self.now;
        loop {
            let gone = self.core.store.write(move |db| throttle_buckets::sweep(db, now, BATCH)).await? as u64;
            self.swept.throttle_buckets += gone;
            if gone == 0 {
                return Ok(());
            }
            self.rest().await;
        }
    }

    async fn statistics(&mut self) -> Result<(), StoreError> {
        let Some(before) = self.now.checked_sub_signed(STATISTICS) else { return Ok(()) };
        self.swept.statistics += self.core.store.write(move |db| statistics::sweep(db, before)).await?;
        Ok(())
    }

    async fn events(&mut self) -> Result<(), StoreError> {
        let Some(before) = kept_since(self.retention, self.now) else { return Ok(()) };
        loop {
            let gone = self.core.store.write(move |db| sweep::delete_events(db, before, BATCH)).await?;
            self.swept.events += gone;
            if gone == 0 {
                return Ok(());
            }
            self.rest().await;
        }
    }

    async fn answers(&mut self) -> Result<(), StoreError> {
        let kept_since = self.now - KEPT;
        loop {
            let gone = self.core.store.write(move |db| idempotent_answers::sweep(db, kept_since, BATCH)).await? as u64;
            self.swept.answers += gone;
            if gone == 0 {
                return Ok(());
            }
            self.rest().await;
        }
    }

    async fn proofs(&mut self) -> Result<(), StoreError> {
        let now = self.now;
        loop {
            let gone = self.core.store.write(move |db| used_proofs::sweep(db, now, BATCH)).await? as u64;
            self.swept.proofs += gone;
            if gone == 0 {
                return Ok(());
            }
            self.rest().await;
        }
    }

    /// Of these, with the instants of their ends, those that are kept no longer.
    fn gone<I>(&self, ended: impl Iterator<Item = (I, Option<Timestamp>)>) -> Option<(Vec<I>, Timestamp)> {
        let before = self.forgotten()?;
        let gone: Vec<I> = ended.filter(|(_, at)| at.is_some_and(|at| at < before)).map(|(id, _)| id).collect();
        (!gone.is_empty()).then_some((gone, before))
    }

    async fn end_session(&self, session: &Session, reason: EndReason) -> Result<u64, StoreError> {
        let (id, event) = (session.id, self.tell(EventKind::SessionEnded, Object::Session(session.id)).of(session.user_id));
        let now = self.now;
        self.core.store.write_at_length(move |db| Ok(end(db, &Node::Session(id), reason, event, now)?.sessions)).await
    }

    async fn end_family(&self, facts: &FamilyFacts, reason: EndReason) -> Result<u64, StoreError> {
        let family = &facts.family;
        let event = self.tell(EventKind::GrantEnded, Object::Grant(family.id)).of(family.user_id).with("client", &family.client_id);
        let (id, now) = (family.id, self.now);
        self.core.store.write(move |db| Ok(end(db, &Node::Grant(id), reason, event, now)?.families)).await
    }

    fn tell(&self, kind: EventKind, object: Object) -> Event {
        Occasion::of_server(self.now, &self.core.entropy).event(kind, object)
    }

    async fn rest(&self) {
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
    }
}

fn end(db: &mut Connection, node: &Node, reason: EndReason, event: Event, now: Timestamp) -> Result<EndedCounts, StoreError> {
    let ended = tree::end(db, node, reason, now)?;
    if ended != EndedCounts::default() {
        events::record(db, &telling_end(event, reason, &ended))?;
    }
    Ok(ended)
}
