//! Since when what a client is given counts. A client that was deleted and registered anew by the same id is another one, and one that was stopped
//! gets nothing back when it is enabled.

use super::clock::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenure {
    /// When the client was registered.
    pub began_at: Timestamp,
    /// When it was last disabled, or enabled again: if it ever was.
    pub stopped_at: Option<Timestamp>,
    /// When all that users had allowed it was last ended, if it ever was. What it got for itself goes on.
    pub grants_ended_at: Option<Timestamp>,
}

impl Tenure {
    /// Of a client that was always there, and from which nothing was taken.
    #[cfg(test)]
    pub(crate) const UNBROKEN: Self = Self { began_at: Timestamp::UNIX_EPOCH, stopped_at: None, grants_ended_at: None };

    /// As it is judged at `now`. A registration in the future is of a clock that was ahead and has been set right: until then it would refuse all that
    /// the client is given, so it bounds nothing.
    pub fn as_of(self, now: Timestamp) -> Self {
        if self.began_at > now { Self { began_at: Timestamp::MIN_UTC, ..self } } else { self }
    }

    /// Whether what was given in that millisecond, since 1970, is the present client's, and not of before it was last stopped.
    ///
    /// What was given in the millisecond of the registration lives: it may be the first that the new client got. What was given in that of the stop is
    /// dead: better that a client that is enabled in the same instant asks again than that a thief's token lives.
    pub fn covers(&self, given_in: i64) -> bool {
        self.began_at.timestamp_millis() <= given_in && self.stopped_at.is_none_or(|stopped_at| stopped_at.timestamp_millis() < given_in)
    }

    /// Whether what a user allowed then, a code or what came of one, may still count. Of the same millisecond as above.
    pub fn covers_grant(&self, given_in: i64) -> bool {
        self.covers(given_in) && !self.has_ended_grant(given_in)
    }

    /// Whether what a user allowed then has been ended with all else that the client had. For what goes with the client's row when it is deleted: that
    /// needs not be held against when the client was registered, by another replica's clock perhaps.
    pub fn has_ended_grant(&self, given_in: i64) -> bool {
        self.stopped_at.max(self.grants_ended_at).is_some_and(|ended_at| given_in <= ended_at.timestamp_millis())
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;

    fn at(microseconds: i64) -> Timestamp {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(1_800_000_000) + TimeDelta::microseconds(microseconds)
    }

    fn in_millisecond_of(microseconds: i64) -> i64 {
        at(microseconds).timestamp_millis()
    }

    /// A client's first token is never refused, one from before a stop never accepted.
    #[test]
    fn of_a_millisecond_the_registration_spares_all_and_the_stop_none() {
        let new = Tenure { began_at: at(2500), ..Tenure::UNBROKEN };
        let stopped = Tenure { stopped_at: Some(at(9500)), ..new };
        for (given, of_new, of_stopped) in
            [(1999, false, false), (2000, true, false), (2999, true, false), (9000, true, false), (9999, true, false), (10_000, true, true)]
        {
            let given_in = in_millisecond_of(given);
            assert_eq!((new.covers(given_in), stopped.covers(given_in)), (of_new, of_stopped), "{given}");
        }
    }

    /// A clock that is set back, or a client that was stopped before the one of the same id was deleted: neither mark outdoes the other.
    #[test]
    fn both_marks_hold() {
        let odd = Tenure { began_at: at(9000), stopped_at: Some(at(2000)), grants_ended_at: None };
        assert_eq!([3000, 9000].map(|given| odd.covers(in_millisecond_of(given))), [false, true]);
    }

    #[test]
    fn a_registration_in_the_future_refuses_nothing() {
        let ahead = Tenure { began_at: at(9000), stopped_at: Some(at(2000)), grants_ended_at: None };
        assert!(ahead.as_of(at(5000)).covers(in_millisecond_of(4000)));
        assert!(!ahead.as_of(at(5000)).covers(in_millisecond_of(2000)), "the other marks hold");
        assert_eq!(ahead.as_of(at(9000)), ahead);
    }

    #[test]
    fn what_users_allowed_ends_without_what_the_client_got_for_itself() {
        let ended = Tenure { began_at: at(1000), stopped_at: Some(at(3000)), grants_ended_at: Some(at(5000)) };
        for (given, covers, covers_grant, has_ended) in
            [(999, false, false, true), (3999, false, false, true), (4000, true, false, true), (5999, true, false, true), (6000, true, true, false)]
        {
            let given_in = in_millisecond_of(given);
            assert_eq!((ended.covers(given_in), ended.covers_grant(given_in), ended.has_ended_grant(given_in)), (covers, covers_grant, has_ended), "{given}");
        }
        // The later of the two ends counts, whichever it is.
        let stopped = Tenure { stopped_at: Some(at(7000)), ..ended };
        assert!(stopped.has_ended_grant(in_millisecond_of(7999)) && !stopped.has_ended_grant(in_millisecond_of(8000)));
        let never = Tenure { stopped_at: None, grants_ended_at: None, ..ended };
        let (before, first) = (in_millisecond_of(999), in_millisecond_of(1000));
        assert!(never.covers_grant(first) && !never.covers_grant(before) && !never.has_ended_grant(before));
    }
}
