//! Since when what a client is given counts. A client that was deleted and registered anew by the same id is another one, and one that was stopped
//! gets nothing back when it is enabled.

use super::clock::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenure {
    /// When the client was registered.
    pub began_at: Timestamp,
    /// When it was last disabled, if it ever was.
    pub stopped_at: Option<Timestamp>,
}

impl Tenure {
    /// Whether what was given at that moment is the present client's, and not of before it was last stopped.
    ///
    /// What was given in the very instant of the registration lives: it may be the first that the new client got. What was given in the very
    /// instant of the stop is dead: better that a client that is enabled in the same instant asks again than that a thief's token lives.
    pub fn covers(&self, given_at: Timestamp) -> bool {
        self.began_at <= given_at && self.stopped_at.is_none_or(|stopped_at| stopped_at < given_at)
    }

    /// The same where only the millisecond is known, since 1970: what is said of the instant holds for all of it.
    pub fn covers_millisecond(&self, given_in: i64) -> bool {
        self.began_at.timestamp_millis() <= given_in && self.stopped_at.is_none_or(|stopped_at| stopped_at.timestamp_millis() < given_in)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;

    fn at(microseconds: i64) -> Timestamp {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(1_800_000_000) + TimeDelta::microseconds(microseconds)
    }

    #[test]
    fn of_the_present_client_and_after_its_last_stop() {
        let new = Tenure { began_at: at(2500), stopped_at: None };
        let stopped = Tenure { stopped_at: Some(at(9500)), ..new };
        for (given, of_new, of_stopped) in [(0, false, false), (2499, false, false), (2500, true, false), (9500, true, false), (9501, true, true)] {
            assert_eq!((new.covers(at(given)), stopped.covers(at(given))), (of_new, of_stopped), "{given}");
        }
    }

    /// A client's first token is never refused, one from before a stop never accepted.
    #[test]
    fn of_a_millisecond_the_registration_spares_all_and_the_stop_none() {
        let new = Tenure { began_at: at(2500), stopped_at: None };
        let stopped = Tenure { stopped_at: Some(at(9500)), ..new };
        for (given, of_new, of_stopped) in
            [(1999, false, false), (2000, true, false), (2999, true, false), (9000, true, false), (9999, true, false), (10_000, true, true)]
        {
            let given_in = at(given).timestamp_millis();
            assert_eq!((new.covers_millisecond(given_in), stopped.covers_millisecond(given_in)), (of_new, of_stopped), "{given}");
        }
    }

    /// A clock that is set back, or a client that was stopped before the one of the same id was deleted: neither mark outdoes the other.
    #[test]
    fn both_marks_hold() {
        let odd = Tenure { began_at: at(9000), stopped_at: Some(at(2000)) };
        assert_eq!([at(3000), at(9000)].map(|given| odd.covers(given)), [false, true]);
    }
}
