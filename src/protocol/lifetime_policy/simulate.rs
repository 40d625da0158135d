//! How often will they be asked? A described usage is walked on a virtual clock, and judged by the rules that judge a running server.

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};

use crate::domain::clock::Timestamp;
use crate::domain::lifetime::Limits;
use crate::protocol::session::{Times, Unusable, by_time};

/// How somebody uses an application: every so often, in these hours of these days (UTC).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// At least a minute.
    pub every: TimeDelta,
    /// The first hour of a day, and the one that is no more: 9 and 17.
    pub hours: (u32, u32),
    /// Monday first.
    pub weekdays: [bool; 7],
    /// Days, counted from 1, on which nothing is used: the first and the last of each time away.
    pub away: Vec<(u32, u32)>,
}

impl Default for Usage {
    fn default() -> Self {
        Self { every: TimeDelta::hours(1), hours: (0, 24), weekdays: [true; 7], away: Vec::new() }
    }
}

/// Somebody is asked to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub at: Timestamp,
    /// `None`: there was no session yet.
    pub why: Option<Unusable>,
}

/// What came of the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    pub uses: u64,
    pub asked: Vec<Asked>,
}

/// Walks `days` days from `begins`. Each use is one silent renewal: it is judged, and counted as a use as the server would. Closing the
/// browser is no part of it.
pub fn walk(limits: &Limits, remembered: bool, usage: &Usage, begins: Timestamp, days: u32) -> Walk {
    let every = usage.every.max(TimeDelta::minutes(1));
    let ends = begins.checked_add_signed(TimeDelta::days(i64::from(days))).unwrap_or(DateTime::<Utc>::MAX_UTC);
    // Session and client session begin and are used together here.
    let mut signed_in: Option<Times> = None;
    let mut walk = Walk { uses: 0, asked: Vec::new() };
    let mut now = begins;
    while now < ends {
        if is_used(usage, begins, now) {
            walk.uses += 1;
            let verdict = signed_in.as_ref().map(|times| by_time(*times, remembered, Some(*times), limits, now));
            match (verdict, &mut signed_in) {
                // Uses are at least a minute apart, so the server would write each of them down (`touch_is_due`).
                (Some(Ok(_)), Some(times)) => times.last_used_at = now,
                (verdict, _) => {
                    walk.asked.push(Asked { at: now, why: verdict.and_then(Result::err) });
                    signed_in = Some(Times { created_at: now, last_used_at: now });
                }
            }
        }
        let Some(next) = now.checked_add_signed(every) else { break };
        now = next;
    }
    walk
}

fn is_used(usage: &Usage, begins: Timestamp, now: Timestamp) -> bool {
    let weekday = usize::try_from(now.weekday().num_days_from_monday()).unwrap_or(0);
    let day = (now - begins).num_days() + 1;
    let away = usage.away.iter().any(|(first, last)| (i64::from(*first)..=i64::from(*last)).contains(&day));
    (usage.hours.0..usage.hours.1).contains(&now.hour()) && usage.weekdays.get(weekday).is_some_and(|used| *used) && !away
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::duration::Lifetime;

    /// Monday, 4 January 2027.
    fn monday() -> Timestamp {
        DateTime::from_timestamp(1_799_020_800, 0).unwrap()
    }

    fn days_of(walk: &Walk) -> Vec<i64> {
        walk.asked.iter().map(|asked| (asked.at - monday()).num_days() + 1).collect()
    }

    fn limits(absolute: &str, idle: &str) -> Limits {
        Limits { session_absolute: absolute.parse().unwrap(), session_idle: idle.parse().unwrap(), ..Limits::default() }
    }

    #[test]
    fn an_absolute_limit_asks_again_when_it_is_reached() {
        let walk = walk(&limits("P7D", "unlimited"), true, &Usage::default(), monday(), 28);
        assert_eq!(days_of(&walk), [1, 8, 15, 22]);
        assert_eq!(
            walk.asked.iter().map(|asked| asked.why).collect::<Vec<_>>(),
            [None, Some(Unusable::ExpiredAbsolute), Some(Unusable::ExpiredAbsolute), Some(Unusable::ExpiredAbsolute)]
        );
        assert_eq!(walk.uses, 28 * 24);
    }

    /// Nine to five on working days: the night is longer than eight hours, the weekend longer than a day.
    #[test]
    fn an_idle_limit_asks_again_after_a_pause() {
        let office = Usage { every: TimeDelta::minutes(30), hours: (9, 17), weekdays: [true, true, true, true, true, false, false], away: Vec::new() };
        assert_eq!(days_of(&walk(&limits("unlimited", "PT8H"), true, &office, monday(), 14)), [1, 2, 3, 4, 5, 8, 9, 10, 11, 12]);
        assert_eq!(days_of(&walk(&limits("unlimited", "P1D"), true, &office, monday(), 14)), [1, 8]);
        assert_eq!(days_of(&walk(&limits("unlimited", "P3D"), true, &office, monday(), 14)), [1]);
        let away = Usage { away: vec![(3, 9)], ..office };
        assert_eq!(days_of(&walk(&limits("unlimited", "P3D"), true, &away, monday(), 14)), [1, 10]);
    }

    #[test]
    fn ten_years_without_limits_ask_once() {
        let walk = walk(&limits("unlimited", "unlimited"), true, &Usage { every: TimeDelta::minutes(20), ..Usage::default() }, monday(), 3650);
        assert_eq!((walk.asked.len(), walk.uses), (1, 3650 * 72));
    }

    /// Whoever does not want to be remembered is asked more often, and by the same limits as anybody where those are shorter.
    #[test]
    fn without_being_remembered() {
        let limits = Limits { unremembered_absolute: Lifetime::seconds(2 * 86_400), unremembered_idle: Lifetime::Unlimited, ..limits("P7D", "unlimited") };
        assert_eq!(days_of(&walk(&limits, false, &Usage::default(), monday(), 8)), [1, 3, 5, 7]);
        assert_eq!(days_of(&walk(&limits, true, &Usage::default(), monday(), 8)), [1, 8]);
        let longer = Limits { unremembered_absolute: Lifetime::Unlimited, ..limits };
        assert_eq!(days_of(&walk(&longer, false, &Usage::default(), monday(), 8)), [1, 8]);
    }

    #[test]
    fn a_client_session_counts_too() {
        let of_client = Limits { client_session_absolute: Lifetime::seconds(2 * 86_400), ..limits("unlimited", "unlimited") };
        assert_eq!(days_of(&walk(&of_client, true, &Usage::default(), monday(), 6)), [1, 3, 5]);
    }
}
