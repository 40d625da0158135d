//! The life of a signing key as a pure rule: instants in, state out. Every replica with the same rows agrees, without a message.
//!
//! Announced → Active → Retiring → Retired, never backwards. A key signs from `active_from` until the next key of its algorithm
//! may sign; it then stays in the JWKS for `retire_after`, so that the last token it signed can be verified to its end.
//! Retiring a key by hand ends it at that instant wherever it stands. It does not wake its predecessor, whose announcement
//! verifiers may have dropped: whoever retires the active key by hand makes a new one first.

use chrono::TimeDelta;

use crate::domain::clock::Timestamp;
use crate::domain::signing_key::{KeyState, SigningAlg, SigningKey};

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

/// When keys follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// How long a key is in the JWKS before it signs.
    pub announce: TimeDelta,
    /// How long a key signs before the next one does; `None`: until somebody makes the next one.
    pub every: Option<TimeDelta>,
}

/// How far a clock may be ahead, and what keys it announces still believed.
const SKEW: TimeDelta = TimeDelta::hours(1);

impl Schedule {
    /// Whether a clock that is far ahead announced this key: it signs later than any that is announced at `now`. Nobody may have to wait for
    /// it with the next one, which can be years.
    pub fn is_out_of_time(&self, active_from: Timestamp, now: Timestamp) -> bool {
        now.checked_add_signed(self.announce).and_then(|announced| announced.checked_add_signed(SKEW)).is_some_and(|latest| active_from > latest)
    }
}

/// Whether a key of `alg` is to be made at `now`, and from when it is to sign. The next one is made in time to be announced before its
/// turn; if that time was missed, because nobody asked, its turn comes later. The first one signs at once: no verifier waits for it.
pub fn due(keys: &[SigningKey], alg: SigningAlg, schedule: Schedule, now: Timestamp) -> Option<Timestamp> {
    let of_alg: Vec<Life> = keys.iter().zip(lives(keys, TimeDelta::zero())).filter(|(key, _)| key.alg == alg).map(|(_, life)| life).collect();
    if of_alg.iter().any(|life| life.state(now) == KeyState::Announced && !schedule.is_out_of_time(life.active_from, now)) {
        return None;
    }
    let Some(active) = of_alg.iter().find(|life| life.state(now) == KeyState::Active) else {
        return Some(now);
    };
    let turn = active.active_from.checked_add_signed(schedule.every?)?;
    let announced = now.checked_add_signed(schedule.announce)?;
    (turn <= announced).then_some(announced)
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

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn key(number: usize, alg: SigningAlg, announced: i64, active: i64, retired: Option<i64>) -> SigningKey {
        SigningKey {
            kid: format!("kid-{number}"),
            alg,
            public_jwk: String::new(),
            sealed_private: Vec::new(),
            announced_at: at(announced),
            active_from: at(active),
            retired_at: retired.map(at),
        }
    }

    /// Up to eight keys of two algorithms, announced and taking over in any order, some at the same instant; when `by_hand`,
    /// some retired by hand.
    fn keys(by_hand: bool) -> impl Strategy<Value = Vec<SigningKey>> {
        let retired = if by_hand { prop::option::of(0i64..60).boxed() } else { Just(None).boxed() };
        prop::collection::vec((any::<bool>(), 0i64..30, 0i64..30, retired), 1..8).prop_map(|drawn| {
            let make = |(number, (es256, announced, wait, retired)): (usize, (bool, i64, i64, Option<i64>))| {
                let alg = if es256 { SigningAlg::Es256 } else { SigningAlg::Rs256 };
                key(number, alg, announced, announced + wait, retired.map(|after| announced + after))
            };
            drawn.into_iter().enumerate().map(make).collect()
        })
    }

    /// Every second at which something may happen, and the last moment before each.
    fn instants() -> impl Iterator<Item = Timestamp> {
        (-1..160).flat_map(|second| [at(second) - TimeDelta::microseconds(1), at(second)])
    }

    #[test]
    fn a_rotation_walks_through_all_states() {
        let rows = [key(1, SigningAlg::Es256, 0, 0, None), key(2, SigningAlg::Es256, 10, 20, None)];
        let lives = lives(&rows, TimeDelta::seconds(5));
        let states = |second| (lives[0].state(at(second)), lives[1].state(at(second)));
        assert_eq!(states(0), (KeyState::Active, KeyState::Announced));
        assert_eq!(states(19), (KeyState::Active, KeyState::Announced));
        assert_eq!(states(20), (KeyState::Retiring, KeyState::Active));
        assert_eq!(states(24), (KeyState::Retiring, KeyState::Active));
        assert_eq!(states(25), (KeyState::Retired, KeyState::Active));
    }

    #[test]
    fn a_key_retired_before_its_turn_supersedes_nobody() {
        let rows = [key(1, SigningAlg::Es256, 0, 0, None), key(2, SigningAlg::Es256, 10, 20, Some(15))];
        let lives = lives(&rows, TimeDelta::seconds(5));
        assert_eq!((lives[0].state(at(20)), lives[1].state(at(20))), (KeyState::Active, KeyState::Retired));
        assert_eq!(lives[0].superseded_at, None);
    }

    #[test]
    fn retiring_the_active_key_by_hand_does_not_wake_its_predecessor() {
        let rows = [key(1, SigningAlg::Es256, 0, 0, None), key(2, SigningAlg::Es256, 10, 20, Some(22))];
        let lives = lives(&rows, TimeDelta::seconds(5));
        assert_eq!((lives[0].state(at(22)), lives[1].state(at(22))), (KeyState::Retiring, KeyState::Retired));
    }

    #[test]
    fn instants_beyond_the_calendar_mean_never() {
        let rows = [key(1, SigningAlg::Es256, 0, 0, None), key(2, SigningAlg::Es256, 1, 1, None)];
        assert_eq!(lives(&rows, TimeDelta::MAX)[0].retires_at, None);
    }

    #[test]
    fn the_next_key_is_due_in_time_to_be_announced() {
        let schedule = Schedule { announce: TimeDelta::seconds(10), every: Some(TimeDelta::seconds(100)) };
        let due = |rows: &[SigningKey], second| super::due(rows, SigningAlg::Es256, schedule, at(second));
        let first = key(1, SigningAlg::Es256, 0, 0, None);
        assert_eq!(due(&[], 7), Some(at(7)), "the first signs at once");
        assert_eq!(due(&[key(1, SigningAlg::Rs256, 0, 0, None)], 7), Some(at(7)), "algorithms do not touch each other");
        assert_eq!((due(std::slice::from_ref(&first), 0), due(std::slice::from_ref(&first), 89)), (None, None));
        assert_eq!(due(std::slice::from_ref(&first), 90), Some(at(100)));
        assert_eq!(due(std::slice::from_ref(&first), 5000), Some(at(5010)), "late, and still announced");
        let rows = [first, key(2, SigningAlg::Es256, 90, 100, None)];
        assert_eq!((due(&rows, 95), due(&rows, 100), due(&rows, 189), due(&rows, 190)), (None, None, None, Some(at(200))));
        // A clock that runs behind sees the first key of another replica as announced: that is no reason for another first one.
        assert_eq!(due(&rows, -30), None);
        let never = Schedule { every: None, ..schedule };
        assert_eq!(super::due(&rows, SigningAlg::Es256, never, at(100_000)), None);
        assert_eq!(super::due(&[key(1, SigningAlg::Es256, 0, 0, Some(20))], SigningAlg::Es256, never, at(30)), Some(at(30)), "all were retired by hand");
    }

    /// A replica whose clock is years ahead made the first keys, or the next ones: the others do not wait for them.
    #[test]
    fn a_key_of_a_clock_that_is_ahead_keeps_nobody_waiting() {
        const YEARS: i64 = 100_000_000;
        let schedule = Schedule { announce: TimeDelta::seconds(10), every: Some(TimeDelta::seconds(100)) };
        let due = |rows: &[SigningKey], second| super::due(rows, SigningAlg::Es256, schedule, at(second));
        let (first, ahead) = (key(1, SigningAlg::Es256, 0, 0, None), key(2, SigningAlg::Es256, YEARS, YEARS + 10, None));
        assert_eq!(due(std::slice::from_ref(&ahead), 7), Some(at(7)), "a first key");
        let rows = [first.clone(), ahead.clone()];
        assert_eq!((due(&rows, 89), due(&rows, 90)), (None, Some(at(100))), "the next one");
        let rows = [first, ahead, key(3, SigningAlg::Es256, 90, 100, None)];
        assert_eq!((due(&rows, 95), due(&rows, 189), due(&rows, 190)), (None, None, Some(at(200))), "and those after it");
        let states: Vec<KeyState> = lives(&rows, TimeDelta::seconds(5)).iter().map(|life| life.state(at(106))).collect();
        assert_eq!(states, [KeyState::Retired, KeyState::Announced, KeyState::Active]);
        // One that is an hour ahead is believed.
        assert_eq!(due(&[key(4, SigningAlg::Es256, 3600, 3610, None)], 0), None);
        assert_eq!(due(&[key(4, SigningAlg::Es256, 3600, 3611, None)], 0), Some(at(0)));
    }

    proptest! {
        /// Whoever looks every now and then and makes what is due: a key is always announced in full, and a verifier that fetches no less
        /// often than that never meets a key it does not have.
        #[test]
        fn nobody_meets_a_key_that_was_not_announced(looks in prop::collection::vec(1i64..40, 1..60), every in 20i64..60, announce in 1i64..20) {
            let schedule = Schedule { announce: TimeDelta::seconds(announce), every: Some(TimeDelta::seconds(every)) };
            let mut rows: Vec<SigningKey> = Vec::new();
            let mut now = 0;
            for (number, wait) in looks.into_iter().enumerate() {
                if let Some(from) = super::due(&rows, SigningAlg::Es256, schedule, at(now)) {
                    prop_assert!(rows.is_empty() || from == at(now) + schedule.announce);
                    rows.push(SigningKey { active_from: from, ..key(number, SigningAlg::Es256, now, now, None) });
                }
                let signing = lives(&rows, TimeDelta::seconds(5)).iter().filter(|life| life.state(at(now)) == KeyState::Active).count();
                prop_assert_eq!(signing, 1);
                now += wait;
            }
        }

        #[test]
        fn exactly_one_key_of_an_algorithm_signs_once_one_may(rows in keys(false), retire_after in 0i64..20) {
            let lives = lives(&rows, TimeDelta::seconds(retire_after));
            for alg in [SigningAlg::Es256, SigningAlg::Rs256] {
                let first = rows.iter().filter(|row| row.alg == alg).map(|row| row.active_from).min();
                for now in instants() {
                    let active = rows.iter().zip(&lives).filter(|(row, life)| row.alg == alg && life.state(now) == KeyState::Active).count();
                    prop_assert_eq!(active, usize::from(first.is_some_and(|first| first <= now)));
                }
            }
        }

        #[test]
        fn no_key_signs_before_its_time_nor_two_at_once_nor_after_retirement(rows in keys(true), retire_after in 0i64..20) {
            let lives = lives(&rows, TimeDelta::seconds(retire_after));
            for now in instants() {
                let mut signing = Vec::new();
                for (row, life) in rows.iter().zip(&lives) {
                    let state = life.state(now);
                    if state == KeyState::Active {
                        prop_assert!(row.active_from <= now);
                        prop_assert!(!signing.contains(&row.alg));
                        signing.push(row.alg);
                    }
                    prop_assert!(row.retired_at.is_none_or(|at| at > now) || state == KeyState::Retired);
                }
            }
        }

        #[test]
        fn a_key_that_signed_stays_published_for_the_whole_time_after(rows in keys(false), retire_after in 0i64..20) {
            let retire_after = TimeDelta::seconds(retire_after);
            for life in lives(&rows, retire_after) {
                // States never go back (below), so the last moment speaks for all before it.
                for now in instants().filter(|now| life.state(*now) == KeyState::Active) {
                    prop_assert_ne!(life.state(now + retire_after), KeyState::Retired);
                }
            }
        }

        #[test]
        fn states_never_go_back(rows in keys(true), retire_after in 0i64..20) {
            let rank = |state| match state {
                KeyState::Announced => 0,
                KeyState::Active => 1,
                KeyState::Retiring => 2,
                KeyState::Retired => 3,
            };
            for life in lives(&rows, TimeDelta::seconds(retire_after)) {
                let ranks: Vec<i32> = instants().map(|now| rank(life.state(now))).collect();
                prop_assert!(ranks.is_sorted());
            }
        }

        #[test]
        fn the_next_change_is_the_next_change(rows in keys(true), retire_after in 0i64..20) {
            for life in lives(&rows, TimeDelta::seconds(retire_after)) {
                let walk: Vec<Timestamp> = instants().collect();
                let mut seen = None;
                for pair in walk.windows(2).rev() {
                    seen = if life.state(pair[0]) == life.state(pair[1]) { seen } else { Some(pair[1]) };
                    prop_assert_eq!(life.next_change(pair[0]), seen);
                }
            }
        }

        #[test]
        fn replicas_agree_whatever_the_order_of_the_rows(rows in keys(true), retire_after in 0i64..20) {
            let retire_after = TimeDelta::seconds(retire_after);
            let mut reversed: Vec<SigningKey> = rows.iter().rev().cloned().collect();
            let mut backwards = lives(&reversed, retire_after);
            backwards.reverse();
            prop_assert_eq!(lives(&rows, retire_after), backwards);
            // And a life is not touched by a key of another algorithm.
            reversed.retain(|row| row.alg == SigningAlg::Es256);
            let alone: Vec<Life> = lives(&reversed, retire_after);
            let among: Vec<Life> = rows.iter().zip(lives(&rows, retire_after)).rev().filter(|(row, _)| row.alg == SigningAlg::Es256).map(|(_, life)| life).collect();
            prop_assert_eq!(alone, among);
        }
    }
}
