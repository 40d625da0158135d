//! Failed sign-ins are slowed before anything is computed, in one place for all replicas.
//!
//! 1. What a try counts towards is named: where it comes from, and which account it is for ([`Throttle::counts`]).
//! 2. It is counted before the password is looked at, by a write that holds what it judges: two hundred at once get no further than
//!    the limit, on any number of replicas ([`admit`]).
//! 3. Only failures count: anything else is taken back ([`take_back`]).
//!
//! A browser that the account has been signed in with is counted by itself and by nothing else, so whoever guesses at an account
//! from elsewhere, or from the same network, slows down nobody who is known.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;

use super::known_browser::{AccountTag, KnownTo};
use super::{Core, Failure};
use crate::domain::clock::Timestamp;
use crate::domain::event::{Actor, EventKind, Object};
use crate::domain::throttle::{BucketKey, Rate};
use crate::jose::keyed_digest::KeyedDigest;
use crate::protocol::throttle::{Bucket, decide, is_last, refund};
use crate::store::{events, throttle_buckets};

/// Rows that a counted try clears away: more than it can add, so that the table does not grow.
const SWEPT: i64 = 8;
/// A routed IPv6 prefix may be one attacker's, who has thousands of lines in it, or a town's: together it may fail as often as so many lines.
const LINES_OF_A_PREFIX: u32 = 4;

/// Names what is counted.
pub struct Throttle {
    names: KeyedDigest,
    /// When the trail was last told that a limit was reached. A stranger can go on reaching it, and must not fill the database.
    told: Arc<Mutex<HashMap<BucketKey, Timestamp>>>,
}

/// The trail hears of one limit once in this time from one replica; the log each time.
const TOLD_EVERY: TimeDelta = TimeDelta::hours(1);
/// More limits than are reached in an hour by other than a flood of addresses.
const TOLD_OF: usize = 1024;

/// One thing a try counts towards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count {
    key: BucketKey,
    rate: Rate,
    /// For the log.
    what: &'static str,
}

/// A try that has been counted.
#[derive(Debug)]
#[must_use = "a try that did not fail has to be taken back"]
pub struct Counted(Vec<Count>);

impl Throttle {
    pub fn new(names: KeyedDigest) -> Self {
        Self { names, told: Arc::default() }
    }

    /// The name of an account, there or not: `username` in its normal form.
    pub fn account(&self, username: &str) -> AccountTag {
        let digest = self.names.of(&[b"account", username.as_bytes()]);
        let (half, _) = digest.split_at(16);
        half.try_into().unwrap_or_default()
    }

    fn counts(&self, core: &Core, account: &AccountTag, network: Option<IpAddr>, known: Option<KnownTo<'_>>) -> Vec<Count> {
        let settings = &core.settings.throttle;
        let count = |what: &'static str, rate: Rate, parts: &[&[u8]]| {
            let parts: Vec<&[u8]> = std::iter::once(what.as_bytes()).chain(parts.iter().copied()).collect();
            Count { key: BucketKey(self.names.of(&parts)), rate, what }
        };
        if let Some(browser) = known {
            return vec![count("known browser", settings.place, &[browser.id(), account])];
        }
        let (line, routed) = prefixes(network);
        let mut counts = vec![
            count("network", settings.network, &[&line]),
            count("account from network", settings.place, &[&line, account]),
            count("account", settings.account, &[account]),
        ];
        if let Some(routed) = routed {
            counts.push(count("routed prefix", settings.network.times(LINES_OF_A_PREFIX), &[&routed]));
            counts.push(count("account from routed prefix", settings.place.times(LINES_OF_A_PREFIX), &[&routed, account]));
        }
        counts
    }
}

/// What one line gets at least: an IPv4 address or an IPv6 /64; and for IPv6 the /48 around it, the most that one subscriber usually gets
/// (RFC 6177 §2). Callers without an address are one network.
fn prefixes(network: Option<IpAddr>) -> (Vec<u8>, Option<Vec<u8>>) {
    match network.map(|address| address.to_canonical()) {
        None => (Vec::new(), None),
        Some(IpAddr::V4(address)) => (address.octets().to_vec(), None),
        Some(IpAddr::V6(address)) => {
            let first = |bytes: usize| address.octets().into_iter().take(bytes).collect();
            (first(8), Some(first(6)))
        }
    }
}

/// Counts a try; `known`: the browser, if it is known to the account. `Err`: it may not be made now; how long to wait. Then nothing was
/// counted, and hardly anything done.
pub async fn admit(core: &Core, account: &AccountTag, network: Option<IpAddr>, known: Option<KnownTo<'_>>) -> Result<Result<Counted, TimeDelta>, Failure> {
    if !core.settings.throttle.enabled {
        return Ok(Ok(Counted(Vec::new())));
    }
    let counts = core.throttle.counts(core, account, network, known);
    let now = core.now();
    // A look without holding anything: a flood that is refused anyway costs a read.
    let keys: Vec<BucketKey> = counts.iter().map(|count| count.key).collect();
    let (looked_at, held) = (keys.clone(), counts.clone());
    let found = core.store.read(move |db| throttle_buckets::find(db, &looked_at)).await?;
    if let Err(wait) = decide(&buckets(&counts, &found), now) {
        tracing::debug!(event = "login.throttled", seconds = wait.num_seconds(), "a sign-in has to wait");
        return Ok(Err(wait));
    }
    let (occasion, told) = (core.occasion(Actor::Anybody, now), Arc::clone(&core.throttle.told));
    let decided = core.store.write(move |db| {
        let found = throttle_buckets::hold(db, &keys, now)?;
        let decision = decide(&buckets(&held, &found), now);
        if let Ok(instants) = &decision {
            for (count, free_at) in held.iter().zip(instants) {
                throttle_buckets::set(db, count.key, Some(*free_at))?;
                if is_last(*free_at, count.rate, now) && is_news(&told, count.key, now) {
                    events::record(db, &occasion.event(EventKind::LoginLimitReached, Object::Instance).with("what", count.what))?;
                }
            }
            throttle_buckets::sweep(db, now, SWEPT)?;
        }
        Ok(decision)
    });
    let instants = match decided.await? {
        Ok(instants) => instants,
        Err(wait) => return Ok(Err(wait)),
    };
    for (count, free_at) in counts.iter().zip(instants) {
        if is_last(free_at, count.rate, now) {
            // Once for each `wait`, however long the flood.
            let network = network.map(|address| address.to_string());
            tracing::warn!(event = "login.limit_reached", what = count.what, network, "too many sign-ins failed: the next ones have to wait");
        }
    }
    Ok(Ok(Counted(counts)))
}

fn is_news(told: &Mutex<HashMap<BucketKey, Timestamp>>, key: BucketKey, now: Timestamp) -> bool {
    let mut told = told.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if told.get(&key).is_some_and(|before| now.signed_duration_since(*before).abs() < TOLD_EVERY) {
        return false;
    }
    if told.len() >= TOLD_OF {
        told.retain(|_, before| now.signed_duration_since(*before).abs() < TOLD_EVERY);
    }
    // So many at once are a flood, and the trail has enough of it.
    let room = told.len() < TOLD_OF;
    if room {
        told.insert(key, now);
    }
    room
}

fn buckets(counts: &[Count], found: &[(BucketKey, Timestamp)]) -> Vec<Bucket> {
    let free_at = |key: BucketKey| found.iter().find(|(found, _)| *found == key).map(|(_, free_at)| *free_at);
    counts.iter().map(|count| Bucket { free_at: free_at(count.key), rate: count.rate }).collect()
}

/// The try did not fail. If this cannot be written, it stays counted: that is the safe side.
pub async fn take_back(core: &Core, Counted(counts): Counted) {
    if counts.is_empty() {
        return;
    }
    let now = core.now();
    let written = core.store.write(move |db| {
        let keys: Vec<BucketKey> = counts.iter().map(|count| count.key).collect();
        let found = throttle_buckets::hold(db, &keys, now)?;
        for count in &counts {
            if let Some((_, free_at)) = found.iter().find(|(key, _)| *key == count.key) {
                throttle_buckets::set(db, count.key, refund(*free_at, count.rate, now))?;
            }
        }
        Ok(())
    });
    if let Err(error) = written.await {
        tracing::warn!(%error, "a sign-in that did not fail stays counted as one that did");
    }
}
