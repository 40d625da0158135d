//! How long and how often an application is asked to hear of a logout: exponential steps, each between half and whole, for a bounded time.

use chrono::TimeDelta;

use crate::domain::clock::Timestamp;
use crate::domain::logout_notice::LogoutNotice;

const FIRST_STEP: TimeDelta = TimeDelta::seconds(5);
const LONGEST_STEP: TimeDelta = TimeDelta::hours(1);

/// What follows a try that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    TryAt(Timestamp),
    /// It has been tried for as long as it is tried.
    GiveUp,
}

/// What follows the failure of the try that `notice.attempts` counts last. `random` spreads those that failed together.
pub fn after_failure(notice: &LogoutNotice, retry_for: TimeDelta, random: u16, now: Timestamp) -> Next {
    let next = now + wait(notice.attempts, random);
    if next > notice.ended_at + retry_for { Next::GiveUp } else { Next::TryAt(next) }
}

/// How long to wait after `attempts` tries that failed.
pub fn wait(attempts: u32, random: u16) -> TimeDelta {
    let doubled = 1i32.checked_shl(attempts.saturating_sub(1).min(16)).unwrap_or(i32::MAX);
    let half = (FIRST_STEP * doubled).min(LONGEST_STEP) / 2;
    half + TimeDelta::microseconds(half.num_microseconds().unwrap_or(0) / i64::from(u16::MAX) * i64::from(random))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::id::{ClientId, SessionId, UserId};

    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn notice(attempts: u32) -> LogoutNotice {
        LogoutNotice {
            session_id: SessionId(Uuid::nil()),
            client_id: ClientId::parse("app").unwrap(),
            user_id: UserId(Uuid::nil()),
            ended_at: at(0),
            attempts,
            next_try_at: None,
            last_tried_at: None,
            last_error: None,
            gave_up_at: None,
        }
    }

    #[test]
    fn the_steps_double_up_to_an_hour() {
        let steps: Vec<i64> = (1..=13).map(|attempts| wait(attempts, u16::MAX).num_seconds()).collect();
        assert_eq!(steps[..4], [4, 9, 19, 39], "a hair below 5, 10, 20, 40");
        assert!(steps.iter().skip(10).all(|step| (3590..=3600).contains(step)), "{steps:?}");
        assert_eq!(wait(1, 0), TimeDelta::milliseconds(2500));
    }

    #[test]
    fn it_is_tried_to_the_very_end_and_no_longer() {
        let (retry_for, step) = (TimeDelta::hours(3), TimeDelta::milliseconds(2500));
        let last = at(0) + retry_for - step;
        assert_eq!(after_failure(&notice(1), retry_for, 0, at(0)), Next::TryAt(at(0) + step));
        assert_eq!(after_failure(&notice(1), retry_for, 0, last), Next::TryAt(at(0) + retry_for));
        assert_eq!(after_failure(&notice(1), retry_for, 0, last + TimeDelta::microseconds(1)), Next::GiveUp);
    }

    proptest! {
        /// Never at once, never later than the time it is tried for; the tries of one notice are few.
        #[test]
        fn it_ends(random in any::<u16>(), hours in 1i64..720) {
            let retry_for = TimeDelta::hours(hours);
            let (mut now, mut tries) = (at(0), 1u32);
            while let Next::TryAt(next) = after_failure(&notice(tries), retry_for, random, now) {
                prop_assert!(next >= now + TimeDelta::milliseconds(2500) && next <= at(0) + retry_for);
                prop_assert!(next - now <= LONGEST_STEP);
                now = next;
                tries += 1;
            }
            prop_assert!(i64::from(tries) <= 2 * hours + 14, "{tries}");
        }

        #[test]
        fn any_count_has_a_step(attempts in any::<u32>(), random in any::<u16>()) {
            let step = wait(attempts, random);
            prop_assert!(step >= FIRST_STEP / 2 && step <= LONGEST_STEP);
        }
    }
}
