//! What has come to its end though nobody has asked for it since. The rules are those by which it is judged when it is used; what is
//! found here is written down, so that it can be forgotten in time.

use chrono::TimeDelta;

use crate::domain::clock::Timestamp;
use crate::domain::duration::Lifetime;
use crate::domain::lifetime::Limits;
use crate::domain::refresh_family::RefreshFamily;
use crate::domain::scope::OFFLINE_ACCESS;
use crate::domain::session::{EndReason, Session};
use crate::protocol::session::past;

/// Nothing is ended by a sweep that was alive so short a while ago: a use may have been judged by another replica's clock and not be
/// written down yet.
const GRACE: TimeDelta = TimeDelta::hours(1);

/// Why a session is over, if it is: past `longest`, the longest limits that it has at any application. While one of them would still
/// take it, it is left alone.
pub fn session_over(session: &Session, longest: &Limits, now: Timestamp) -> Option<EndReason> {
    if session.ended.is_some() {
        return None;
    }
    expired(longest.absolute_of(session.remembered), session.created_at, longest.idle_of(session.remembered), session.last_used_at, now)
}

/// Why a family is over, if it is: past its own limits, or the session that it hangs on has ended and it was missed.
pub fn family_over(family: &RefreshFamily, session: Option<&Session>, limits: &Limits, now: Timestamp) -> Option<EndReason> {
    if family.ended.is_some() {
        return None;
    }
    let expired = expired(limits.refresh_absolute, family.created_at, limits.refresh_idle, family.last_used_at, now);
    if expired.is_some() {
        return expired;
    }
    // What was granted, not what the client may ask for today: that may be more again tomorrow.
    let offline = family.grant.scope.contains(OFFLINE_ACCESS);
    match session {
        Some(session) => {
            let ended = session.ended.filter(|ended| ended.at <= now - GRACE && !(offline && ended.reason.spares_offline_access()));
            ended.map(|ended| ended.reason)
        }
        None if offline => None,
        None => Some(EndReason::ExpiredAbsolute),
    }
}

fn expired(absolute: Lifetime, began: Timestamp, idle: Lifetime, used: Timestamp, now: Timestamp) -> Option<EndReason> {
    let long_past = |end: Option<Timestamp>| past(end.and_then(|end| end.checked_add_signed(GRACE)), now);
    if long_past(absolute.after(began)) {
        Some(EndReason::ExpiredAbsolute)
    } else if long_past(idle.after(used)) {
        Some(EndReason::ExpiredIdle)
    } else {
        None
    }
}

/// What happened before this instant has been kept for long enough; `None`: everything is kept.
pub fn kept_since(keep: Lifetime, now: Timestamp) -> Option<Timestamp> {
    match keep {
        Lifetime::Limited(keep) => now.checked_sub_signed(keep),
        Lifetime::Unlimited => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::session::Ended;
    use crate::protocol::session::judge;
    use crate::protocol::session::tests::{at, session, user};
    use crate::protocol::token::refresh_token::tests::family;

    const HOUR: i64 = 3600;

    fn limits(absolute: Lifetime, idle: Lifetime) -> Limits {
        Limits { session_absolute: absolute, session_idle: idle, refresh_absolute: absolute, refresh_idle: idle, ..Limits::default() }
    }

    #[test]
    fn over_an_hour_after_its_end() {
        let limits = limits(Lifetime::seconds(100), Lifetime::seconds(10));
        let over = |seconds| (session_over(&session(), &limits, at(seconds)), family_over(&family("openid"), Some(&session()), &limits, at(seconds)));
        assert_eq!(over(HOUR + 9), (None, None));
        assert_eq!(over(HOUR + 10), (Some(EndReason::ExpiredIdle), Some(EndReason::ExpiredIdle)));
        assert_eq!(over(HOUR + 100), (Some(EndReason::ExpiredAbsolute), Some(EndReason::ExpiredAbsolute)));
    }

    #[test]
    fn what_is_unlimited_is_never_over() {
        let limits = limits(Lifetime::Unlimited, Lifetime::Unlimited);
        let later = at(100 * 365 * 24 * HOUR);
        assert_eq!((session_over(&session(), &limits, later), family_over(&family("openid"), Some(&session()), &limits, later)), (None, None));
    }

    /// A family that was written at the very moment its session was ended hangs on what has ended.
    #[test]
    fn a_family_follows_its_session() {
        let ended = |reason| Session { ended: Some(Ended { at: at(0), reason }), ..session() };
        let over = |scope: &str, session: Option<&Session>| family_over(&family(scope), session, &Limits::default(), at(HOUR));
        assert_eq!(over("openid", Some(&ended(EndReason::Logout))), Some(EndReason::Logout));
        assert_eq!(over("openid offline_access", Some(&ended(EndReason::Logout))), None);
        assert_eq!(over("openid offline_access", Some(&ended(EndReason::RevokedByAdmin))), Some(EndReason::RevokedByAdmin));
        assert_eq!((over("openid", None), over("openid offline_access", None)), (Some(EndReason::ExpiredAbsolute), None));
        assert_eq!(family_over(&family("openid"), Some(&ended(EndReason::Logout)), &Limits::default(), at(HOUR - 1)), None);
    }

    #[test]
    fn how_long_things_are_kept() {
        assert_eq!(kept_since(Lifetime::seconds(10), at(100)), Some(at(90)));
        assert_eq!(kept_since(Lifetime::Unlimited, at(100)), None);
        assert_eq!(kept_since(Lifetime::Limited(chrono::TimeDelta::MAX), at(100)), None, "longer than there has been time");
    }

    proptest! {
        /// A sweep ends nothing that somebody could still use.
        #[test]
        fn what_is_usable_is_not_over(
            absolute in 1i64..100_000, idle in 1i64..100_000, used in 0i64..100_000, now in 0i64..200_000, remembered: bool,
        ) {
            let limits = limits(Lifetime::seconds(absolute), Lifetime::seconds(idle));
            let session = Session { last_used_at: at(used), remembered, ..session() };
            if judge(&session, &user(), None, &limits, at(now)).is_ok() {
                prop_assert_eq!(session_over(&session, &limits, at(now)), None);
            }
        }
    }
}
