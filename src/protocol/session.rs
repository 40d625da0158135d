//! What a session may still do at `now`: judged when it is used, from its instants and today's limits.

use chrono::TimeDelta;

use crate::domain::client_session::ClientSession;
use crate::domain::clock::Timestamp;
use crate::domain::duration::{Lifetime, earlier};
use crate::domain::lifetime::Limits;
use crate::domain::session::{EndReason, Session};
use crate::domain::user::User;

/// When a usable session ends by itself; `None` is never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deadlines {
    pub absolute: Option<Timestamp>,
    /// If it is not used before.
    pub idle: Option<Timestamp>,
}

/// Why a session cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    Ended(EndReason),
    UserDisabled,
    PasswordChanged,
    ExpiredAbsolute,
    ExpiredIdle,
    /// Only this client has to ask again; the session itself goes on.
    ClientSessionEnded(EndReason),
    ClientSessionExpiredAbsolute,
    ClientSessionExpiredIdle,
}

impl Unusable {
    /// For the log: which of them it was.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ended(reason) => reason.as_str(),
            Self::UserDisabled => "user_disabled",
            Self::PasswordChanged => "password_changed",
            Self::ExpiredAbsolute => "expired_absolute",
            Self::ExpiredIdle => "expired_idle",
            Self::ClientSessionEnded(_) => "client_session_ended",
            Self::ClientSessionExpiredAbsolute => "client_session_expired_absolute",
            Self::ClientSessionExpiredIdle => "client_session_expired_idle",
        }
    }
}

/// Judges a session for a client, or by itself when there is no client session yet.
pub fn judge(session: &Session, user: &User, client_session: Option<&ClientSession>, limits: &Limits, now: Timestamp) -> Result<Deadlines, Unusable> {
    if let Some(barred) = barred(session, user) {
        return Err(barred);
    }
    by_standing(&Standing::of_session(session), client_session.map(Standing::of_client_session).as_ref(), limits, now)
}

/// What the user's own row says against a session that nobody has ended.
pub fn barred(session: &Session, user: &User) -> Option<Unusable> {
    if session.ended.is_some() {
        None
    } else if user.disabled_at.is_some() {
        Some(Unusable::UserDisabled)
    } else {
        (session.auth_time < user.password_changed_at).then_some(Unusable::PasswordChanged)
    }
}

/// When something began and was last used: all that expiry is judged from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
}

impl Times {
    pub const fn of_session(session: &Session) -> Self {
        Self { created_at: session.created_at, last_used_at: session.last_used_at }
    }

    pub const fn of_client_session(client_session: &ClientSession) -> Self {
        Self { created_at: client_session.created_at, last_used_at: client_session.last_used_at }
    }
}

/// A session, or a client session, without whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub times: Times,
    /// Of a session only: a client session has its limits whether the session is remembered or not.
    pub remembered: bool,
    pub ended: Option<EndReason>,
}

impl Standing {
    pub fn of_session(session: &Session) -> Self {
        Self { times: Times::of_session(session), remembered: session.remembered, ended: session.ended.map(|ended| ended.reason) }
    }

    pub fn of_client_session(client_session: &ClientSession) -> Self {
        Self { times: Times::of_client_session(client_session), remembered: true, ended: client_session.ended.map(|ended| ended.reason) }
    }
}

/// The judgement but for what the user's own row says.
pub fn by_standing(session: &Standing, client_session: Option<&Standing>, limits: &Limits, now: Timestamp) -> Result<Deadlines, Unusable> {
    if let Some(reason) = session.ended {
        return Err(Unusable::Ended(reason));
    }
    // An ended client session does not bar the session from starting a new one; its grants died with it.
    let client_session = client_session.filter(|client_session| client_session.ended.is_none()).map(|client_session| client_session.times);
    by_time(session.times, session.remembered, client_session, limits, now)
}

/// The part of the judgement that is the clock's.
pub fn by_time(session: Times, remembered: bool, client_session: Option<Times>, limits: &Limits, now: Timestamp) -> Result<Deadlines, Unusable> {
    let absolute = limits.absolute_of(remembered).after(session.created_at);
    let idle = limits.idle_of(remembered).after(session.last_used_at);
    if past(absolute, now) {
        return Err(Unusable::ExpiredAbsolute);
    }
    if past(idle, now) {
        return Err(Unusable::ExpiredIdle);
    }
    let Some(client_session) = client_session else {
        return Ok(Deadlines { absolute, idle });
    };
    let client_absolute = limits.client_session_absolute.after(client_session.created_at);
    let client_idle = limits.client_session_idle.after(client_session.last_used_at);
    if past(client_absolute, now) {
        return Err(Unusable::ClientSessionExpiredAbsolute);
    }
    if past(client_idle, now) {
        return Err(Unusable::ClientSessionExpiredIdle);
    }
    Ok(Deadlines { absolute: earlier(absolute, client_absolute), idle: earlier(idle, client_idle) })
}

/// Whether the clock alone has ended the session, by these limits.
pub fn is_past_its_end(session: &Session, limits: &Limits, now: Timestamp) -> bool {
    by_time(Times::of_session(session), session.remembered, None, limits, now).is_err()
}

/// Why a session has ended for everybody by the clock alone, if it has; `longest` are the longest limits that its user has at any application. What
/// has ended otherwise, or is barred by something else, is not to be called expired.
pub fn over_for_all(session: &Session, user: &User, longest: &Limits, now: Timestamp) -> Option<EndReason> {
    match judge(session, user, None, longest, now) {
        Err(Unusable::ExpiredIdle) => Some(EndReason::ExpiredIdle),
        Err(Unusable::ExpiredAbsolute) => Some(EndReason::ExpiredAbsolute),
        _ => None,
    }
}

/// The same for a grant already made: an ended client session means the grant is dead.
pub fn judge_grant(session: &Session, user: &User, client_session: Option<&ClientSession>, limits: &Limits, now: Timestamp) -> Result<Deadlines, Unusable> {
    alive(client_session.map(Standing::of_client_session).as_ref())?;
    judge(session, user, client_session, limits, now)
}

/// The same but for what the user's own row says.
pub fn grant_by_standing(session: &Standing, client_session: Option<&Standing>, limits: &Limits, now: Timestamp) -> Result<Deadlines, Unusable> {
    alive(client_session)?;
    by_standing(session, client_session, limits, now)
}

fn alive(client_session: Option<&Standing>) -> Result<(), Unusable> {
    client_session.and_then(|client_session| client_session.ended).map_or(Ok(()), |reason| Err(Unusable::ClientSessionEnded(reason)))
}

/// An end belongs to the time after it: at the very instant the session has ended.
pub fn past(end: Option<Timestamp>, now: Timestamp) -> bool {
    end.is_some_and(|end| now >= end)
}

/// Whether a use at `now` is worth writing down, of the session or of the client session.
pub fn use_is_due(session: &Session, client_session: Option<&ClientSession>, limits: &Limits, now: Timestamp) -> bool {
    touch_is_due(session.last_used_at, limits.idle_of(session.remembered), now)
        || client_session.is_some_and(|client_session| touch_is_due(client_session.last_used_at, limits.client_session_idle, now))
}

/// At most once a minute, so that a read path stays a read path; and never so seldom that a short idle limit would end what is
/// in use. Not less often for a long limit: another client may judge the same session by a shorter one.
pub fn touch_is_due(last_used_at: Timestamp, idle: Lifetime, now: Timestamp) -> bool {
    let minute = TimeDelta::seconds(60);
    let every = match idle {
        Lifetime::Limited(idle) => minute.min(idle / 4),
        Lifetime::Unlimited => minute,
    };
    now.signed_duration_since(last_used_at) >= every
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::acr::Acr;
    use crate::domain::client::{Client, ClientMetadata};
    use crate::domain::id::{ClientId, SessionId, UserId};
    use crate::domain::secret::Digest;
    use crate::domain::session::Ended;
    use crate::domain::user::Profile;
    use chrono::{DateTime, Utc};
    use proptest::prelude::*;
    use uuid::Uuid;

    pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    pub(crate) fn user() -> User {
        User {
            id: UserId(Uuid::from_u128(1)),
            username: "ada".into(),
            profile: Profile::default(),
            groups: crate::domain::group::Groups::default(),
            password_hash: None,
            password_changed_at: at(-1),
            role: None,
            disabled_at: None,
            managed_by_file: false,
            created_at: at(-1),
            updated_at: at(-1),
        }
    }

    pub(crate) fn session() -> Session {
        Session {
            id: SessionId(Uuid::from_u128(2)),
            cookie_digest: Digest::of(b"cookie"),
            user_id: UserId(Uuid::from_u128(1)),
            created_at: at(0),
            auth_time: at(0),
            last_used_at: at(0),
            acr: Acr::Password,
            remembered: true,
            user_agent: None,
            network: None,
            device: None,
            ended: None,
        }
    }

    /// Without a secret, and nothing of it but what it is registered with.
    pub(crate) fn a_client(id: &str, metadata: ClientMetadata) -> Client {
        Client {
            id: ClientId::parse(id).unwrap(),
            metadata,
            secret_digest: None,
            previous_secret: None,
            disabled_at: None,
            managed_by_file: false,
            created_at: at(0),
            updated_at: at(0),
        }
    }

    pub(crate) fn client_session() -> ClientSession {
        ClientSession {
            session_id: session().id,
            client_id: ClientId::parse("app").unwrap(),
            created_at: at(0),
            last_used_at: at(0),
            ended: None,
            last_ended_at: None,
        }
    }

    #[test]
    fn each_reason_is_told_apart() {
        let limits = Limits { session_absolute: Lifetime::seconds(100), session_idle: Lifetime::seconds(10), ..Limits::default() };
        assert_eq!(judge(&session(), &user(), None, &limits, at(9)), Ok(Deadlines { absolute: Some(at(100)), idle: Some(at(10)) }));
        assert_eq!(judge(&session(), &user(), None, &limits, at(10)), Err(Unusable::ExpiredIdle));
        assert_eq!(judge(&session(), &user(), None, &limits, at(100)), Err(Unusable::ExpiredAbsolute));
        let ended = Session { ended: Some(Ended { at: at(1), reason: EndReason::Logout }), ..session() };
        assert_eq!(judge(&ended, &user(), None, &limits, at(2)), Err(Unusable::Ended(EndReason::Logout)));
        let disabled = User { disabled_at: Some(at(1)), ..user() };
        assert_eq!(judge(&session(), &disabled, None, &limits, at(2)), Err(Unusable::UserDisabled));
        let changed = User { password_changed_at: at(1), ..user() };
        assert_eq!(judge(&session(), &changed, None, &limits, at(2)), Err(Unusable::PasswordChanged));
        let signed_in_by_the_new_one = User { password_changed_at: session().auth_time, ..user() };
        assert!(judge(&session(), &signed_in_by_the_new_one, None, &limits, at(2)).is_ok());
    }

    /// What the clock has ended is called so; what ended otherwise, or is barred, is not.
    #[test]
    fn only_the_clock_makes_a_session_over() {
        let limits = Limits { session_absolute: Lifetime::seconds(100), session_idle: Lifetime::seconds(10), ..Limits::default() };
        let over = |session: &Session, user: &User, now| over_for_all(session, user, &limits, at(now));
        for (now, reason) in [(9, None), (10, Some(EndReason::ExpiredIdle)), (99, Some(EndReason::ExpiredIdle)), (100, Some(EndReason::ExpiredAbsolute))] {
            assert_eq!(over(&session(), &user(), now), reason, "{now}");
            assert_eq!(is_past_its_end(&session(), &limits, at(now)), reason.is_some(), "{now}");
        }
        let ended = Session { ended: Some(Ended { at: at(1), reason: EndReason::Logout }), ..session() };
        assert_eq!(over(&ended, &user(), 100), None);
        assert_eq!(over(&session(), &User { disabled_at: Some(at(1)), ..user() }, 100), None);
        assert_eq!(over(&session(), &User { password_changed_at: at(1), ..user() }, 100), None);
    }

    /// A line of the log names one reason.
    #[test]
    fn each_reason_has_a_word_of_its_own() {
        use Unusable as U;
        let reasons = [
            U::UserDisabled,
            U::PasswordChanged,
            U::ExpiredAbsolute,
            U::ExpiredIdle,
            U::ClientSessionEnded(EndReason::Logout),
            U::ClientSessionExpiredAbsolute,
            U::ClientSessionExpiredIdle,
        ];
        let mut words: Vec<&str> = reasons.into_iter().map(U::as_str).chain(EndReason::ALL.map(|reason| U::Ended(reason).as_str())).collect();
        words.sort_unstable();
        words.dedup();
        // Those that a session is judged by are the words of its end, so that a search finds both.
        let shared = [U::UserDisabled, U::PasswordChanged, U::ExpiredAbsolute, U::ExpiredIdle];
        assert!(shared.into_iter().all(|reason| EndReason::parse(reason.as_str()).is_some()));
        assert_eq!(words.len(), reasons.len() + EndReason::ALL.len() - shared.len());
    }

    /// The limits of a client may be tighter than those of the session, and end the client's part only; they never prolong.
    #[test]
    fn the_client_session_is_judged_beside_the_session() {
        let limits = Limits {
            session_absolute: Lifetime::seconds(1000),
            session_idle: Lifetime::seconds(500),
            client_session_absolute: Lifetime::seconds(100),
            client_session_idle: Lifetime::seconds(10),
            ..Limits::default()
        };
        let judged = |limits: &Limits, now| judge(&session(), &user(), Some(&client_session()), limits, at(now));
        assert_eq!(judged(&limits, 9), Ok(Deadlines { absolute: Some(at(100)), idle: Some(at(10)) }));
        assert_eq!(judged(&limits, 10), Err(Unusable::ClientSessionExpiredIdle));
        assert_eq!(judged(&limits, 100), Err(Unusable::ClientSessionExpiredAbsolute));
        assert_eq!(judged(&limits, 500), Err(Unusable::ExpiredIdle));
        assert_eq!(judged(&limits, 1000), Err(Unusable::ExpiredAbsolute));
        let looser = Limits { client_session_absolute: Lifetime::Unlimited, client_session_idle: Lifetime::seconds(5000), ..limits };
        assert_eq!(judged(&looser, 499), Ok(Deadlines { absolute: Some(at(1000)), idle: Some(at(500)) }));
        assert_eq!(judged(&looser, 500), Err(Unusable::ExpiredIdle));
    }

    /// Without "stay signed in" a session has limits of its own, and the shorter of both count: not to be remembered never prolongs.
    #[test]
    fn a_session_that_is_not_remembered_ends_sooner() {
        let limits = Limits {
            session_absolute: Lifetime::seconds(1000),
            session_idle: Lifetime::seconds(500),
            unremembered_absolute: Lifetime::seconds(100),
            unremembered_idle: Lifetime::seconds(10),
            ..Limits::default()
        };
        let unremembered = Session { remembered: false, ..session() };
        let judged = |session: &Session, limits: &Limits, now| judge(session, &user(), None, limits, at(now));
        assert_eq!(judged(&session(), &limits, 499), Ok(Deadlines { absolute: Some(at(1000)), idle: Some(at(500)) }));
        assert_eq!(judged(&unremembered, &limits, 9), Ok(Deadlines { absolute: Some(at(100)), idle: Some(at(10)) }));
        assert_eq!(judged(&unremembered, &limits, 10), Err(Unusable::ExpiredIdle));
        assert_eq!(judged(&unremembered, &limits, 100), Err(Unusable::ExpiredAbsolute));
        let looser = Limits { unremembered_absolute: Lifetime::Unlimited, unremembered_idle: Lifetime::seconds(501), ..limits };
        assert_eq!(judged(&unremembered, &looser, 499), judged(&session(), &limits, 499));
        assert_eq!(judged(&unremembered, &looser, 500), Err(Unusable::ExpiredIdle));
        // A use is written down often enough for the limit that counts.
        assert!(use_is_due(&unremembered, None, &limits, at(3)) && !use_is_due(&session(), None, &limits, at(3)));
    }

    /// Whoever left one application can come back to it; what it was given before is dead.
    #[test]
    fn an_ended_client_session_ends_its_grants_only() {
        let limits = Limits { client_session_idle: Lifetime::seconds(10), ..Limits::default() };
        let ended = ClientSession { ended: Some(Ended { at: at(1), reason: EndReason::RevokedByUser }), ..client_session() };
        let of_the_session = judge(&session(), &user(), None, &limits, at(20));
        assert!(of_the_session.is_ok());
        assert_eq!(judge(&session(), &user(), Some(&ended), &limits, at(20)), of_the_session);
        assert_eq!(judge_grant(&session(), &user(), Some(&ended), &limits, at(20)), Err(Unusable::ClientSessionEnded(EndReason::RevokedByUser)));
        assert_eq!(judge_grant(&session(), &user(), None, &limits, at(20)), of_the_session);
        assert_eq!(judge_grant(&session(), &user(), Some(&client_session()), &limits, at(20)), Err(Unusable::ClientSessionExpiredIdle));
    }

    #[test]
    fn a_use_is_written_once_a_minute_or_in_a_quarter_of_the_idle_limit() {
        for (idle, every) in [(Lifetime::seconds(40), 10), (Lifetime::seconds(240), 60), (Lifetime::seconds(1_000_000), 60), (Lifetime::Unlimited, 60)] {
            for (now, due) in [(0, false), (every - 1, false), (every, true), (every + 1, true)] {
                assert_eq!(touch_is_due(at(0), idle, at(now)), due, "{idle} {now}");
            }
        }
    }

    #[test]
    fn a_use_is_due_when_it_is_for_either_of_the_two() {
        let (old, new) = (session(), Session { last_used_at: at(99), ..session() });
        let (old_client, new_client) = (client_session(), ClientSession { last_used_at: at(99), ..client_session() });
        for (session, client_session, due) in
            [(&old, None, true), (&new, None, false), (&old, Some(&new_client), true), (&new, Some(&old_client), true), (&new, Some(&new_client), false)]
        {
            assert_eq!(use_is_due(session, client_session, &Limits::default(), at(100)), due, "{session:?} {client_session:?}");
        }
        let short = Limits { client_session_idle: Lifetime::seconds(4), ..Limits::default() };
        assert!(use_is_due(&new, Some(&new_client), &short, at(100)), "the client's own limit counts for its part");
        assert!(!use_is_due(&new, None, &short, at(100)));
    }

    proptest! {
        /// Refused once by expiry, refused for ever; a longer limit never ends earlier.
        #[test]
        fn expiry_is_final_and_monotonic(absolute in 1i64..1_000_000, idle in 1i64..1_000_000, t in 0i64..2_000_000, later in 0i64..2_000_000) {
            let limits = Limits { session_absolute: Lifetime::seconds(absolute), session_idle: Lifetime::seconds(idle), ..Limits::default() };
            let ok = |limits: &Limits, t| judge(&session(), &user(), None, limits, at(t)).is_ok();
            prop_assert_eq!(ok(&limits, t), t < absolute && t < idle);
            if !ok(&limits, t) {
                prop_assert!(!ok(&limits, t + later));
            }
            let unlimited = Limits { session_absolute: Lifetime::Unlimited, session_idle: Lifetime::Unlimited, ..limits };
            prop_assert!(ok(&unlimited, t));
        }

        /// A session used at least every half idle limit never ends by idling, though uses are written down seldom.
        #[test]
        fn seldom_writes_never_end_a_session_in_use(idle in 4i64..10_000_000, uses in prop::collection::vec(1i64..100, 1..40)) {
            let limits = Limits { session_absolute: Lifetime::Unlimited, session_idle: Lifetime::seconds(idle), ..Limits::default() };
            let mut session = session();
            let mut t = 0;
            for step in uses {
                t += (idle * step / 200).max(1).min(idle / 2);
                prop_assert!(judge(&session, &user(), None, &limits, at(t)).is_ok());
                if touch_is_due(session.last_used_at, limits.session_idle, at(t)) {
                    session.last_used_at = at(t);
                }
            }
        }
    }
}
