//! The life of a signing key as a pure rule: instants in, state out. Every replica with the same rows agrees, without a message.
//!
//! Announced → Active → Retiring → Retired, never backwards. A key signs from `active_from` until the next key of its algorithm
//! may sign; it then stays in the JWKS for `retire_after`, so that the last token it signed can be verified to its end.
//! Retiring a key by hand ends it at that instant wherever it stands. It does not wake its predecessor, whose announcement
//! verifiers may have dropped: whoever retires the active key by hand makes a new one first.

use chrono::TimeDelta;

use crate::domain::clock::Timestamp;
use crate::domain::signing_key::{KeyState, SigningKey};

/// The instants at which one key changes its state, once its neighbours are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    pub active_from: Timestamp,
    /// When the next key of the algorithm takes over; `None` while none is announced.
    pub superseded_at: Option<Timestamp>,
    /// When it leaves the JWKS: by hand, or `retire_after` past the moment it was superseded.
    pub retires_at: Option<Timestamp>,
}

impl Life {
    /// A clock that runs behind may read a key from before its announcement: it is then merely early in the JWKS.
    pub fn state(&self, now: Timestamp) -> KeyState {
        if self.retires_at.is_some_and(|at| at <= now) {
            KeyState::Retired
        } else if now < self.active_from {
            KeyState::Announced
        } else if self.superseded_at.is_none_or(|at| now < at) {
            KeyState::Active
        } else {
            KeyState::Retiring
        }
    }

    /// The next instant after `now` at which [`Life::state`] gives another answer.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let state = self.state(now);
        let mut instants: Vec<Timestamp> = [Some(self.active_from), self.superseded_at, self.retires_at].into_iter().flatten().collect();
        instants.sort_unstable();
        instants.into_iter().find(|at| *at > now && self.state(*at) != state)
    }
}

/// The lives of `keys`, in the same order. Algorithms do not touch each other.
pub fn lives(keys: &[SigningKey], retire_after: TimeDelta) -> Vec<Life> {
    keys.iter().map(|key| life(key, keys, retire_after.max(TimeDelta::zero()))).collect()
}

fn life(key: &SigningKey, all: &[SigningKey], retire_after: TimeDelta) -> Life {
    // Keys that may sign from the same instant are told apart by their kid: any total order does, if all replicas share it.
    let order = |key: &SigningKey| (key.active_from, key.announced_at, key.kid.clone());
    let superseded_at = all
        .iter()
        .filter(|other| other.alg == key.alg && order(other) > order(key))
        // A key retired before its turn came never signs, so it supersedes nobody.
        .filter(|other| other.retired_at.is_none_or(|at| at > other.active_from))
        .map(|other| other.active_from)
        .min();
    let outlived = superseded_at.and_then(|at| at.checked_add_signed(retire_after));
    Life { active_from: key.active_from, superseded_at, retires_at: [key.retired_at, outlived].into_iter().flatten().min() }
}
