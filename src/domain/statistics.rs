//! What is counted, by the hour: how much an issuer has to do, and what it has to fear. Nothing in it is of one user or one application.

use chrono::TimeDelta;

use super::clock::Timestamp;

macro_rules! counted {
    ($($name:ident $word:literal $means:literal;)*) => {
        /// What happens so often that it is worth drawing. The words are stored: one is never renamed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Counted {
            $(#[doc = $means] $name,)*
        }

        impl Counted {
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$name,)*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

counted! {
    SignIns "sign_ins" "Somebody proved who they are.";
    FailedSignIns "failed_sign_ins" "Somebody did not: a wrong password, an unknown or a disabled account.";
    SilentRenewals "silent_renewals" "`prompt=none` was answered with a code.";
    RefreshRenewals "refresh_renewals" "A refresh token was answered with tokens.";
    Reuses "reuses" "An old refresh token came back.";
}

impl Counted {
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|counted| counted.as_str() == text)
    }
}

/// An hour by the clock of UTC: by its first instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(Timestamp);

impl Hour {
    pub const LENGTH: TimeDelta = TimeDelta::hours(1);

    /// The hour in which `at` is.
    pub fn of(at: Timestamp) -> Self {
        // Not by chrono, which counts nanoseconds for it and ends in 2262.
        let since = TimeDelta::microseconds(at.timestamp_micros().rem_euclid(3_600_000_000));
        Self(at.checked_sub_signed(since).unwrap_or(at))
    }

    pub const fn start(self) -> Timestamp {
        self.0
    }

    pub fn next(self) -> Option<Self> {
        self.0.checked_add_signed(Self::LENGTH).map(Self)
    }

    /// The hours from that of `since` up to that of `until`; `None` if they are more than `at_most`.
    pub fn between(since: Timestamp, until: Timestamp, at_most: usize) -> Option<Vec<Self>> {
        let (mut hours, last) = (Vec::new(), Self::of(until));
        let mut hour = Self::of(since);
        while hour <= last {
            if hours.len() == at_most {
                return None;
            }
            hours.push(hour);
            hour = hour.next()?;
        }
        Some(hours)
    }
}

/// What one hour had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourCounts {
    pub hour: Hour,
    counts: [u64; Counted::ALL.len()],
    /// How many sessions had not been ended, when that was last counted in this hour.
    pub live_sessions: Option<u64>,
}

impl HourCounts {
    pub fn new(hour: Hour) -> Self {
        Self { hour, counts: [0; Counted::ALL.len()], live_sessions: None }
    }

    pub fn get(&self, what: Counted) -> u64 {
        self.counts.get(what as usize).copied().unwrap_or_default()
    }

    pub fn set(&mut self, what: Counted, amount: u64) {
        if let Some(count) = self.counts.get_mut(what as usize) {
            *count = amount;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_hour_begins_with_the_clock() {
        let hour = Hour::of(at("2026-11-28T09:59:59.999999Z"));
        assert_eq!(hour.start(), at("2026-11-28T09:00:00Z"));
        assert_eq!(Hour::of(at("2026-11-28T09:00:00Z")), hour);
        assert_eq!(Hour::of(at("2026-11-28T10:00:00Z")), hour.next().unwrap());
        assert_eq!(Hour::of(at("1492-10-12T02:30:00.000001Z")).start(), at("1492-10-12T02:00:00Z"));
        assert_eq!(Hour::of(at("2300-01-01T00:30:00Z")).start(), at("2300-01-01T00:00:00Z"));
    }

    #[test]
    fn hours_between_two_times_are_both_of_theirs_and_all_between() {
        let hours = Hour::between(at("2026-11-28T09:30:00Z"), at("2026-11-28T11:00:00Z"), 3).unwrap();
        let starts: Vec<Timestamp> = hours.into_iter().map(Hour::start).collect();
        assert_eq!(starts, [at("2026-11-28T09:00:00Z"), at("2026-11-28T10:00:00Z"), at("2026-11-28T11:00:00Z")]);
        assert_eq!(Hour::between(at("2026-11-28T09:30:00Z"), at("2026-11-28T12:00:00Z"), 3), None, "one more than may be");
        assert_eq!(Hour::between(at("2026-11-28T12:30:00Z"), at("2026-11-28T11:00:00Z"), 3), Some(vec![]));
    }

    #[test]
    fn each_count_is_kept_by_itself() {
        let mut counts = HourCounts::new(Hour::of(at("2026-11-28T09:30:00Z")));
        for (amount, what) in (1..).zip(Counted::ALL) {
            counts.set(what, amount);
            assert_eq!(Counted::parse(what.as_str()), Some(what));
        }
        for (amount, what) in (1..).zip(Counted::ALL) {
            assert_eq!(counts.get(what), amount);
        }
        assert_eq!(Counted::parse("live_sessions"), None, "how many there are is not how often something happened");
    }
}
