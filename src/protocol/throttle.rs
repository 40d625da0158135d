//! Failed sign-ins are slowed, never locked (OWASP ASVS 5.0 §6.1.1, §6.3.1).
//!
//! What is counted is kept as one instant: from then on it is as if nothing had happened (the generic cell rate algorithm; ITU-T
//! I.371 calls that instant the theoretical arrival time). Each try moves it on by `wait`; one that would move it further than
//! `burst · wait` ahead of now is refused before anything is computed.

use chrono::TimeDelta;

use crate::domain::clock::Timestamp;
use crate::domain::throttle::Rate;

/// How far the clocks of two replicas may be apart: between them no try comes for free.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// What is kept of one thing that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// `None`: nothing happened lately.
    pub free_at: Option<Timestamp>,
    pub rate: Rate,
}

/// May one more try be made? It must be allowed by every bucket, and then counts in all of them: the new instants, in the same order.
/// `Err`: how long to wait; then it counts in none.
pub fn decide(buckets: &[Bucket], now: Timestamp) -> Result<Vec<Timestamp>, TimeDelta> {
    let charged: Vec<Result<Timestamp, TimeDelta>> = buckets.iter().map(|bucket| charge(*bucket, now)).collect();
    match charged.iter().filter_map(|charge| charge.err()).max() {
        Some(wait) => Err(wait),
        None => Ok(charged.into_iter().flatten().collect()),
    }
}

fn charge(bucket: Bucket, now: Timestamp) -> Result<Timestamp, TimeDelta> {
    let Rate { burst, wait } = bucket.rate;
    let most = wait * i32::try_from(burst.max(1)).unwrap_or(i32::MAX);
    let free_at = bucket.free_at.unwrap_or(now).max(now);
    // An instant that no try can have written: the clock was set back, or the rate made smaller. Nobody is locked out by that: one try
    // is let through, and writes an instant that can be.
    let free_at = if free_at > now + most + SKEW { now + most - wait } else { free_at };
    let used = free_at + wait - now;
    if used <= most { Ok(free_at + wait) } else { Err(used - most) }
}

/// The try did not fail, or was not made after all: it is taken back. `None`: nothing is left of what was counted.
pub fn refund(free_at: Timestamp, rate: Rate, now: Timestamp) -> Option<Timestamp> {
    Some(free_at - rate.wait).filter(|free_at| *free_at > now)
}

/// Whether this try was the last before waiting begins: what the log tells once, not with every refusal.
pub fn is_last(free_at: Timestamp, rate: Rate, now: Timestamp) -> bool {
    charge(Bucket { free_at: Some(free_at), rate }, now).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn rate(burst: u32, wait: i64) -> Rate {
        Rate { burst, wait: TimeDelta::seconds(wait) }
    }

    /// Tries at these instants; the answers.
    fn tries(rate: Rate, times: &[i64]) -> Vec<bool> {
        let mut free_at = None;
        times
            .iter()
            .map(|time| match decide(&[Bucket { free_at, rate }], at(*time)) {
                Ok(charged) => {
                    free_at = charged.first().copied();
                    true
                }
                Err(_) => false,
            })
            .collect()
    }

    #[test]
    fn a_burst_and_then_one_for_each_wait() {
        assert_eq!(tries(rate(3, 60), &[0, 0, 0, 0, 59, 60, 61, 119, 120]), [true, true, true, false, false, true, false, false, true]);
        assert_eq!(tries(rate(1, 10), &[0, 5, 10]), [true, false, true]);
    }

    #[test]
    fn the_wait_is_told_exactly() {
        let full = Bucket { free_at: Some(at(180)), rate: rate(3, 60) };
        assert_eq!(decide(&[full], at(0)), Err(TimeDelta::seconds(60)));
        assert_eq!(decide(&[full], at(45)), Err(TimeDelta::seconds(15)));
        assert!(decide(&[full], at(60)).is_ok());
    }

    #[test]
    fn one_that_refuses_keeps_the_others_uncharged_and_the_longest_wait_is_told() {
        let (free, short, long) = (
            Bucket { free_at: None, rate: rate(5, 60) },
            Bucket { free_at: Some(at(60)), rate: rate(1, 60) },
            Bucket { free_at: Some(at(300)), rate: rate(1, 300) },
        );
        assert_eq!(decide(&[free, short, long], at(0)), Err(TimeDelta::seconds(300)));
        assert_eq!(decide(&[free], at(0)), Ok(vec![at(60)]));
        assert_eq!(decide(&[], at(0)), Ok(vec![]));
    }

    /// What another replica can have written, its clock ahead by as much as clocks may be, is waited for. What lies beyond was written before the
    /// clock was set back or the rate made smaller: it counts as a burst just used up, so one more gets through and the next waits.
    #[test]
    fn an_instant_out_of_reach_locks_nobody_out() {
        let rate = rate(3, 60);
        let tried = |free_at| decide(&[Bucket { free_at: Some(free_at), rate }], at(0));
        let reach = at(180) + SKEW;
        assert_eq!(tried(reach), Err(TimeDelta::seconds(60) + SKEW));
        for beyond in [reach + TimeDelta::microseconds(1), at(1_000_000)] {
            let charged = tried(beyond);
            assert_eq!(charged, Ok(vec![at(180)]));
            assert_eq!(tried(charged.unwrap()[0]), Err(TimeDelta::seconds(60)));
        }
    }

    #[test]
    fn what_is_taken_back_leaves_nothing() {
        assert_eq!(refund(at(60), rate(5, 60), at(0)), None);
        assert_eq!(refund(at(120), rate(5, 60), at(0)), Some(at(60)));
    }

    #[test]
    fn the_last_one_is_known() {
        assert!(is_last(at(180), rate(3, 60), at(0)));
        assert!(!is_last(at(120), rate(3, 60), at(0)));
    }

    proptest! {
        /// Whatever the tries, in any stretch of time no more get through than the burst and one for each wait in it.
        #[test]
        fn never_more_than_the_rate(burst in 1u32..20, wait in 1i64..100, steps in prop::collection::vec(0i64..50, 1..200)) {
            let rate = rate(burst, wait);
            let times: Vec<i64> = steps.iter().scan(0, |time, step| { *time += step; Some(*time) }).collect();
            let passed: Vec<i64> = times.iter().zip(tries(rate, &times)).filter(|(_, ok)| *ok).map(|(time, _)| *time).collect();
            for (i, first) in passed.iter().enumerate() {
                for (n, last) in passed[i..].iter().enumerate() {
                    prop_assert!((n as i64) <= i64::from(burst) + (last - first) / wait);
                }
            }
        }

        /// Whoever waits as long as was told gets through, whatever is in the row: after a flood, after a step of the clock either way.
        #[test]
        fn slow_never_locked(burst in 1u32..20, wait in 1i64..100, free in -10_000i64..10_000) {
            let bucket = Bucket { free_at: Some(at(free)), rate: rate(burst, wait) };
            if let Err(told) = decide(&[bucket], at(0)) {
                prop_assert!(told <= TimeDelta::seconds(wait) + SKEW && told > TimeDelta::zero());
                prop_assert!(decide(&[bucket], at(0) + told).is_ok());
            }
        }

        /// Two replicas whose clocks differ let no more through than one: a flood at both at once, without time passing.
        #[test]
        fn replicas_do_not_add_up(burst in 1u32..20, wait in 1i64..100, skew in -300i64..=300) {
            let rate = rate(burst, wait);
            let (mut free_at, mut passed) = (None, 0);
            for i in 0..200 {
                let now = at(if i % 2 == 0 { 0 } else { skew });
                if let Ok(charged) = decide(&[Bucket { free_at, rate }], now) {
                    free_at = charged.first().copied();
                    passed += 1;
                }
            }
            prop_assert!(i64::from(passed) <= i64::from(burst) + skew.abs() / wait + 1);
        }

        /// A try that is taken back has not been: in total nothing is counted.
        #[test]
        fn refunds_undo(burst in 1u32..20, wait in 1i64..100, used in 0.0..1.0f64) {
            let rate = rate(burst, wait);
            let before = (i64::from(burst) * wait) as f64 * used;
            let free_at = Some(at(before as i64)).filter(|free| *free > at(0));
            if let Ok(charged) = decide(&[Bucket { free_at, rate }], at(0)) {
                prop_assert_eq!(refund(charged[0], rate, at(0)), free_at);
            }
        }
    }
}
