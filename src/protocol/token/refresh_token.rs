//! Refreshing: rotation is idempotent, reuse of anything older ends the family.
//!
//! | presented generation | decision |
//! | --- | --- |
//! | the newest | **rotate** to the next |
//! | the one before, within the overlap | **replay**: the same successor again |
//! | any older, or the one before after the overlap | **reuse**: end the family |
//! | a younger one than the store knows (its MAC proves that we issued it) | the store lost writes: **rotate forward** |
//!
//! Where it stands for the session (`online_access`), the newest **stays**: the same token again, however often it comes.
//!
//! Order is by generation, never by a clock. The write is one conditional UPDATE on the generation this decision saw.

use std::cmp::Ordering;

use crate::domain::client::Client;
use crate::domain::client_session::ClientSession;
use crate::domain::clock::Timestamp;
use crate::domain::consent::Consent;
use crate::domain::duration::Lifetime;
use crate::domain::lifetime::Limits;
use crate::domain::refresh_family::{PresentedRefreshToken, RefreshFamily};
use crate::domain::session::{EndReason, Session};
use crate::domain::user::User;
use crate::protocol::session::{Deadlines, Standing, Times, Unusable, barred, past, touch_is_due, use_is_due};
use crate::protocol::token::{family, outlives_session, stands_for_session};

/// What is known of the family. A `None` is a row that is gone.
pub struct Facts<'a> {
    pub family: &'a RefreshFamily,
    pub user: Option<&'a User>,
    pub session: Option<&'a Session>,
    pub client_session: Option<&'a ClientSession>,
    pub consent: Option<&'a Consent>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Write `next` where the generation is still the one seen, and answer with it.
    Rotate { next: u64 },
    /// Write nothing; answer with the generation that is there.
    Replay { current: u64 },
    /// It does not rotate: write no step, and answer with the same token. It was a use of the session and of the family.
    Stay { current: u64 },
    /// As [`Decision::Rotate`], and warn: the database is older than the tokens it gave out.
    RotateForward { next: u64 },
    /// End the family, then refuse.
    Reuse,
    /// Its time is over: write that down, so that a longer limit tomorrow revives nothing, then refuse.
    Expired(EndReason),
    /// Refuse, end nothing.
    Refuse(&'static str),
}

/// Why a family cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dead {
    Expired(EndReason),
    Refused(&'static str),
}

impl Dead {
    /// For the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired(reason) => reason.as_str(),
            Self::Refused(reason) => reason,
        }
    }
}

impl From<Unusable> for Dead {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::ExpiredAbsolute | Unusable::ClientSessionExpiredAbsolute => Self::Expired(EndReason::ExpiredAbsolute),
            Unusable::ExpiredIdle | Unusable::ClientSessionExpiredIdle => Self::Expired(EndReason::ExpiredIdle),
            other => Self::Refused(other.as_str()),
        }
    }
}

/// `presented` has been verified against the family's secret.
///
/// `lost_race`: this very call saw the generation as the newest a moment ago, and another caller was quicker. Then the successor is
/// owed whatever the clocks of two replicas say.
pub fn decide(presented: PresentedRefreshToken, facts: &Facts<'_>, client: &Client, limits: &Limits, lost_race: bool, now: Timestamp) -> Decision {
    let family = facts.family;
    // Another client cannot harm the family by presenting its token (RFC 6749 §10.4).
    if family.client_id != client.id {
        return Decision::Refuse("refresh token of another client");
    }
    if family.ended.is_some() {
        return Decision::Refuse("family has ended");
    }
    match usable(facts, client, limits, now) {
        Ok(_) => {}
        Err(Dead::Expired(reason)) => return Decision::Expired(reason),
        Err(Dead::Refused(reason)) => return Decision::Refuse(reason),
    }
    let current = family.generation;
    let exhausted = Decision::Refuse("generations exhausted");
    let stays = stands_for_session(&family.grant, client);
    match presented.generation.cmp(&current) {
        Ordering::Equal if stays => Decision::Stay { current },
        // The very token that came is the one to go on with.
        Ordering::Greater if stays => Decision::RotateForward { next: presented.generation },
        Ordering::Equal => current.checked_add(1).map_or(exhausted, |next| Decision::Rotate { next }),
        Ordering::Greater => presented.generation.checked_add(1).map_or(exhausted, |next| Decision::RotateForward { next }),
        Ordering::Less => {
            // Only the direct predecessor, and only while its successor has not itself been used. Without an overlap a token is used once,
            // whatever the clock of this replica says; and one without an end is none.
            let predecessor = presented.generation.checked_add(1) == Some(current);
            let overlap = client.metadata.refresh_overlap;
            let none = overlap == Lifetime::Unlimited || overlap == Lifetime::seconds(0);
            let within = lost_race || !past(overlap.after(family.rotated_at), now);
            if predecessor && !none && within { Decision::Replay { current } } else { Decision::Reuse }
        }
    }
}

/// Family end = min(absolute limit, session end unless `offline_access`); idle restarts on use.
pub fn usable(facts: &Facts<'_>, client: &Client, limits: &Limits, now: Timestamp) -> Result<Deadlines, Dead> {
    let family = facts.family;
    let Some(user) = facts.user else {
        return Err(Dead::Refused("user is gone"));
    };
    if user.disabled_at.is_some() {
        return Err(Dead::Refused("user_disabled"));
    }
    if family.grant.auth_time < user.password_changed_at {
        return Err(Dead::Refused("password_changed"));
    }
    if !client.metadata.first_party && !facts.consent.is_some_and(|consent| family.grant.is_within(&consent.scope)) {
        return Err(Dead::Refused("consent_withdrawn"));
    }
    if family::is_of_before(family.created_at, facts.client_session) {
        return Err(Dead::Refused("client_session_ended"));
    }
    let outlives = outlives_session(&family.grant, client);
    // What hangs on a session hangs on the password that began it.
    if let Some(barred) = facts.session.filter(|_| !outlives).and_then(|session| barred(session, user)) {
        return Err(barred.into());
    }
    let times = Times { created_at: family.created_at, last_used_at: family.last_used_at };
    let (session, client_session) = (facts.session.map(Standing::of_session), facts.client_session.map(Standing::of_client_session));
    family::by_standing(times, outlives, session.as_ref(), client_session.as_ref(), limits, now)
}

/// What a refresh is a use of, beside the step it takes, and is worth writing down now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// The session, and the application's part of it.
    pub session: bool,
    /// The family itself, where no step says that it was used.
    pub family: bool,
}

/// A family that hangs on the session uses it, so an application that renews this way keeps it from idling just as one that renews by
/// `prompt=none`. One with `offline_access` does not: it works while nobody is there.
pub fn used(facts: &Facts<'_>, client: &Client, limits: &Limits, now: Timestamp) -> Used {
    let family = facts.family;
    let Some(session) = facts.session.filter(|_| !outlives_session(&family.grant, client)) else {
        return Used::default();
    };
    Used {
        session: use_is_due(session, facts.client_session, limits, now),
        family: stands_for_session(&family.grant, client) && touch_is_due(family.last_used_at, limits.refresh_idle, now),
    }
}

/// The family's own limits, which are the clock's alone.
pub fn by_time(family: Times, limits: &Limits, now: Timestamp) -> Result<Deadlines, EndReason> {
    let absolute = limits.refresh_absolute.after(family.created_at);
    let idle = limits.refresh_idle.after(family.last_used_at);
    if past(absolute, now) {
        return Err(EndReason::ExpiredAbsolute);
    }
    if past(idle, now) {
        return Err(EndReason::ExpiredIdle);
    }
    Ok(Deadlines { absolute, idle })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::acr::Acr;
    use crate::domain::claim::NamedClaims;
    use crate::domain::client::{ClientKind, ClientMetadata};
    use crate::domain::id::{ClientId, GrantId};
    use crate::domain::refresh_family::Grant;
    use crate::domain::scope::Scope;
    use crate::domain::secret::Secret;
    use crate::domain::session::Ended;
    use crate::protocol::session::tests::{at, client_session, session, user};
    use proptest::prelude::*;
    use uuid::Uuid;

    const FAMILY: GrantId = GrantId(Uuid::from_u128(7));

    fn client(overlap: i64) -> Client {
        let metadata = ClientMetadata { first_party: true, refresh_overlap: Lifetime::seconds(overlap), ..ClientMetadata::defaults(ClientKind::Spa, "App") };
        Client {
            id: ClientId::parse("app").unwrap(),
            metadata,
            secret_digest: None,
            previous_secret: None,
            disabled_at: None,
            managed_by_file: false,
            created_at: at(0),
            updated_at: at(0),
        }
    }

    /// One with a secret, which may ask for either.
    fn asking_online(overlap: i64) -> Client {
        let scope = Scope::parse("openid offline_access online_access").unwrap();
        let metadata =
            ClientMetadata { first_party: true, scope, refresh_overlap: Lifetime::seconds(overlap), ..ClientMetadata::defaults(ClientKind::Web, "App") };
        Client { metadata, ..client(overlap) }
    }

    /// Of the client `app`, in its fifth generation.
    pub(crate) fn family(scope: &str) -> RefreshFamily {
        RefreshFamily {
            id: FAMILY,
            client_id: ClientId::parse("app").unwrap(),
            user_id: user().id,
            session_id: session().id,
            grant: Grant { scope: Scope::parse(scope).unwrap(), resources: vec![], auth_time: at(0), acr: Acr::Password, claims: NamedClaims::default() },
            secret: Secret::new([1; 32]),
            generation: 5,
            rotated_at: at(0),
            created_at: at(0),
            last_used_at: at(0),
            ended: None,
        }
    }

    fn run(family: &RefreshFamily, generation: u64, client: &Client, limits: &Limits, now: i64) -> Decision {
        let (user, session) = (user(), session());
        let facts = Facts { family, user: Some(&user), session: Some(&session), client_session: None, consent: None };
        decide(PresentedRefreshToken { family_id: FAMILY, generation }, &facts, client, limits, false, at(now))
    }

    #[test]
    fn the_table() {
        let (family, client, limits) = (family("openid offline_access"), client(30), Limits::default());
        let d = |generation, now| run(&family, generation, &client, &limits, now);
        assert!(matches!(d(5, 10), Decision::Rotate { next: 6 }));
        assert!(matches!(d(4, 29), Decision::Replay { current: 5 }));
        assert_eq!(d(4, 30), Decision::Reuse);
        assert_eq!(d(3, 1), Decision::Reuse);
        assert!(matches!(d(9, 1), Decision::RotateForward { next: 10 }));
    }

    /// `online_access`: the same token however often and whenever it comes, and whatever the overlap; only what never was newest is reuse.
    #[test]
    fn what_stands_for_the_session_stays() {
        let online = family("openid online_access");
        for overlap in [0, 30] {
            let client = asking_online(overlap);
            for now in [0, 1, 29, 30, 100_000] {
                assert_eq!(run(&online, 5, &client, &Limits::default(), now), Decision::Stay { current: 5 }, "{overlap} {now}");
            }
            assert_eq!(run(&online, 3, &client, &Limits::default(), 1), Decision::Reuse);
            // The database lost writes: what came is what it goes on with.
            assert_eq!(run(&online, 7, &client, &Limits::default(), 1), Decision::RotateForward { next: 7 });
            assert_eq!(run(&online, u64::MAX, &client, &Limits::default(), 1), Decision::RotateForward { next: u64::MAX });
        }
        // Who may ask for it no more is back to tokens that rotate; and so is a client without a secret, whatever it is registered with.
        let mut narrowed = asking_online(30);
        narrowed.metadata.scope = Scope::parse("openid").unwrap();
        assert_eq!(run(&online, 5, &narrowed, &Limits::default(), 1), Decision::Rotate { next: 6 });
        let mut public = client(30);
        public.metadata.scope = Scope::parse("openid online_access").unwrap();
        assert_eq!(run(&online, 5, &public, &Limits::default(), 1), Decision::Rotate { next: 6 });
    }

    /// It ends with the session, and by its own limits as well, which its uses move on.
    #[test]
    fn what_stands_for_the_session_ends_with_it() {
        let limits = Limits { session_idle: Lifetime::seconds(100), refresh_idle: Lifetime::seconds(50), ..Limits::default() };
        let (client, online) = (asking_online(30), family("openid online_access"));
        assert_eq!(run(&online, 5, &client, &limits, 49), Decision::Stay { current: 5 });
        assert_eq!(run(&online, 5, &client, &limits, 50), Decision::Expired(EndReason::ExpiredIdle));
        let used = RefreshFamily { last_used_at: at(60), ..online };
        assert_eq!(run(&used, 5, &client, &limits, 98), Decision::Stay { current: 5 });
        assert_eq!(run(&used, 5, &client, &limits, 100), Decision::Expired(EndReason::ExpiredIdle), "the session was not used");
    }

    /// What a refresh is a use of: of nothing while nobody is there; of the session else, and of the family where no step says it.
    #[test]
    fn a_refresh_is_a_use() {
        let (client, limits) = (asking_online(30), Limits { refresh_idle: Lifetime::seconds(40), ..Limits::default() });
        let used = |scope: &str, session: Option<&Session>, now| {
            let facts = Facts { family: &family(scope), user: None, session, client_session: None, consent: None };
            let used = used(&facts, &client, &limits, at(now));
            (used.session, used.family)
        };
        let session = session();
        for (now, online, rotating) in [(9, (false, false), (false, false)), (10, (false, true), (false, false)), (60, (true, true), (true, false))] {
            assert_eq!(used("openid online_access", Some(&session), now), online, "{now}");
            assert_eq!(used("openid", Some(&session), now), rotating, "{now}");
            assert_eq!(used("openid offline_access", Some(&session), now), (false, false), "{now}");
            assert_eq!(used("openid", None, now), (false, false), "{now}");
        }
    }

    #[test]
    fn strict_clients_have_no_overlap() {
        let client = client(0);
        for now in [0, 10, -10] {
            assert_eq!(run(&family("openid"), 4, &client, &Limits::default(), now), Decision::Reuse, "also by the clock of a replica that is behind: {now}");
        }
    }

    #[test]
    fn another_client_ends_nothing() {
        let other = Client { id: ClientId::parse("other").unwrap(), ..client(30) };
        assert!(matches!(run(&family("openid"), 1, &other, &Limits::default(), 1), Decision::Refuse(_)));
    }

    #[test]
    fn a_family_without_offline_access_ends_with_its_session() {
        let limits = Limits { session_idle: Lifetime::seconds(10), ..Limits::default() };
        assert_eq!(run(&family("openid"), 5, &client(30), &limits, 10), Decision::Expired(EndReason::ExpiredIdle));
        assert!(matches!(run(&family("openid offline_access"), 5, &client(30), &limits, 10), Decision::Rotate { .. }));
    }

    /// RFC 9700 §4.14.2 leaves it to the server how a lost answer is made good: whoever was a moment too late by this very call gets the successor
    /// even where another replica's clock is ahead; but a client without an overlap never.
    #[test]
    fn who_lost_a_race_is_owed_the_successor() {
        let lost = |family: &RefreshFamily, generation, overlap, now| {
            let (user, session) = (user(), session());
            let facts = Facts { family, user: Some(&user), session: Some(&session), client_session: None, consent: None };
            decide(PresentedRefreshToken { family_id: FAMILY, generation }, &facts, &client(overlap), &Limits::default(), true, at(now))
        };
        let family = family("openid offline_access");
        assert_eq!(lost(&family, 4, 30, 1000), Decision::Replay { current: 5 });
        assert_eq!(lost(&family, 4, 0, 1000), Decision::Reuse);
        assert_eq!(lost(&family, 3, 30, 1), Decision::Reuse);
        // An overlap without an end is not taken for one (`check` refuses to register it).
        let mut unlimited = client(30);
        unlimited.metadata.refresh_overlap = Lifetime::Unlimited;
        assert_eq!(run(&family, 4, &unlimited, &Limits::default(), 1), Decision::Reuse);
    }

    #[test]
    fn generations_end_before_they_begin_again() {
        let (client, limits) = (client(30), Limits::default());
        let last = RefreshFamily { generation: u64::MAX, ..family("openid offline_access") };
        assert!(matches!(run(&last, u64::MAX, &client, &limits, 1), Decision::Refuse(_)));
        assert_eq!(run(&last, u64::MAX - 1, &client, &limits, 1), Decision::Replay { current: u64::MAX });
        assert!(matches!(run(&family("openid offline_access"), u64::MAX, &client, &limits, 1), Decision::Refuse(_)));
    }

    /// What is judged of a family at `now`, with a session that is there or is not, and this consent.
    fn judged(family: &RefreshFamily, client: &Client, limits: &Limits, session: Option<&Session>, consent: Option<&str>, now: i64) -> Result<Deadlines, Dead> {
        let user = user();
        let scope = |text| Scope::parse(text).unwrap();
        let consent = consent.map(|text| Consent { user_id: user.id, client_id: client.id.clone(), scope: scope(text), granted_at: at(0) });
        usable(&Facts { family, user: Some(&user), session, client_session: None, consent: consent.as_ref() }, client, limits, at(now))
    }

    /// The limits of the family, and those of its session unless the user allowed more (OIDC Core §11): whatever ends first.
    #[test]
    fn a_family_ends_at_the_first_of_its_ends() {
        let limits = Limits {
            refresh_absolute: Lifetime::seconds(1000),
            refresh_idle: Lifetime::seconds(100),
            session_absolute: Lifetime::seconds(500),
            session_idle: Lifetime::seconds(50),
            ..Limits::default()
        };
        let (client, session) = (client(30), session());
        let offline = |now, limits: &Limits| judged(&family("openid offline_access"), &client, limits, Some(&session), None, now);
        assert_eq!(offline(99, &limits), Ok(Deadlines { absolute: Some(at(1000)), idle: Some(at(100)) }));
        assert_eq!(offline(100, &limits), Err(Dead::Expired(EndReason::ExpiredIdle)));
        assert_eq!(offline(1000, &limits), Err(Dead::Expired(EndReason::ExpiredAbsolute)));
        let online = |now, limits: &Limits| judged(&family("openid"), &client, limits, Some(&session), None, now);
        assert_eq!(online(49, &limits), Ok(Deadlines { absolute: Some(at(500)), idle: Some(at(50)) }));
        assert_eq!(online(50, &limits), Err(Dead::Expired(EndReason::ExpiredIdle)));
        let shorter = Limits { session_absolute: Lifetime::seconds(40), ..limits };
        assert_eq!(online(40, &shorter), Err(Dead::Expired(EndReason::ExpiredAbsolute)));
        assert!(offline(40, &shorter).is_ok());
        // Of a client that may ask for it no more, the grant hangs on the session again.
        let mut narrowed = client.clone();
        narrowed.metadata.scope = Scope::parse("openid").unwrap();
        assert_eq!(judged(&family("openid offline_access"), &narrowed, &limits, Some(&session), None, 50), Err(Dead::Expired(EndReason::ExpiredIdle)));
    }

    /// OIDC Back-Channel Logout §2.7: `offline_access` outlives a session that came to its end, not one that was ended on purpose.
    #[test]
    fn what_a_session_leaves_behind() {
        let (client, limits) = (client(30), Limits::default());
        let judged = |scope, session: Option<&Session>| judged(&family(scope), &client, &limits, session, None, 10);
        assert!(judged("openid offline_access", None).is_ok());
        assert!(matches!(judged("openid", None), Err(Dead::Refused(_))));
        for reason in EndReason::ALL {
            let ended = Session { ended: Some(Ended { at: at(5), reason }), ..session() };
            assert_eq!(judged("openid offline_access", Some(&ended)).is_ok(), reason.spares_offline_access(), "{reason:?}");
            assert_eq!(judged("openid", Some(&ended)), Err(Dead::Refused(reason.as_str())), "{reason:?}");
        }
    }

    #[test]
    fn a_client_session_ends_what_hangs_on_the_session() {
        let (user, session, client) = (user(), session(), client(30));
        let limits = Limits { client_session_idle: Lifetime::seconds(20), client_session_absolute: Lifetime::seconds(40), ..Limits::default() };
        let judged = |scope: &str, ended: Option<Ended>, now| {
            let client_session = ClientSession { ended, ..client_session() };
            let facts = Facts { family: &family(scope), user: Some(&user), session: Some(&session), client_session: Some(&client_session), consent: None };
            usable(&facts, &client, &limits, at(now))
        };
        let ended = Some(Ended { at: at(1), reason: EndReason::RevokedByUser });
        assert!(judged("openid", None, 19).is_ok());
        assert_eq!(judged("openid", None, 20), Err(Dead::Expired(EndReason::ExpiredIdle)));
        assert_eq!(judged("openid", None, 40), Err(Dead::Expired(EndReason::ExpiredAbsolute)));
        assert_eq!(judged("openid", ended, 10), Err(Dead::Refused("client_session_ended")));
        assert!(judged("openid offline_access", ended, 50).is_ok());
    }

    /// The user is asked first: whoever is gone, shut out, or has changed the password since has no family any more.
    #[test]
    fn the_user_must_still_stand_behind_it() {
        let (session, client, family) = (session(), client(30), family("openid offline_access"));
        let judged = |user: Option<&User>| {
            usable(&Facts { family: &family, user, session: Some(&session), client_session: None, consent: None }, &client, &Limits::default(), at(10))
        };
        let ada = user();
        assert!(judged(Some(&ada)).is_ok());
        assert!(matches!(judged(None), Err(Dead::Refused(_))));
        assert_eq!(judged(Some(&User { disabled_at: Some(at(1)), ..user() })), Err(Dead::Refused("user_disabled")));
        assert_eq!(judged(Some(&User { password_changed_at: at(1), ..user() })), Err(Dead::Refused("password_changed")));
        assert!(judged(Some(&User { password_changed_at: at(0), ..user() })).is_ok(), "signed in at that instant, with the new one");
        // A family that hangs on a session hangs on the password that began that one, too; one that outlives it on its own.
        let old = Session { auth_time: at(-2), ..session };
        let of = |scope| {
            let family = self::family(scope);
            usable(&Facts { family: &family, user: Some(&ada), session: Some(&old), client_session: None, consent: None }, &client, &Limits::default(), at(10))
        };
        assert_eq!(of("openid").unwrap_err(), Dead::Refused("password_changed"));
        assert!(of("openid offline_access").is_ok());
    }

    /// What the user has allowed may shrink: a family is worth no more than that (RFC 6749 §6: never more than was granted).
    #[test]
    fn consent_that_is_gone_is_felt() {
        let (own, session, limits) = (client(30), session(), Limits::default());
        let mut other = own.clone();
        other.metadata.first_party = false;
        let judged = |client: &Client, consent| judged(&family("openid offline_access"), client, &limits, Some(&session), consent, 10);
        assert!(judged(&own, None).is_ok(), "of one's own application nobody is asked");
        assert!(judged(&other, Some("openid offline_access email")).is_ok());
        assert_eq!(judged(&other, Some("openid")), Err(Dead::Refused("consent_withdrawn")));
        assert_eq!(judged(&other, None), Err(Dead::Refused("consent_withdrawn")));
    }

    /// What has run out is written down as that; every other reason only stands in the log.
    #[test]
    fn what_ends_is_told_by_its_word() {
        assert_eq!(Dead::Expired(EndReason::ExpiredIdle).as_str(), "expired_idle");
        assert_eq!(Dead::Refused("user is gone").as_str(), "user is gone");
        let (client, session) = (client(30), session());
        let limits = Limits { refresh_idle: Lifetime::seconds(10), ..Limits::default() };
        assert_eq!(run(&family("openid offline_access"), 5, &client, &limits, 10), Decision::Expired(EndReason::ExpiredIdle));
        let ended = Session { ended: Some(Ended { at: at(5), reason: EndReason::RevokedByAdmin }), ..session };
        let user = user();
        let facts = Facts { family: &family("openid"), user: Some(&user), session: Some(&ended), client_session: None, consent: None };
        let decision = decide(PresentedRefreshToken { family_id: FAMILY, generation: 5 }, &facts, &client, &limits, false, at(6));
        assert_eq!(decision, Decision::Refuse("revoked_by_admin"));
    }

    proptest! {
        /// After an end nothing but a refusal; a clock cannot bring a generation back.
        #[test]
        fn never_after_an_end(generation in 0u64..12, now in -1_000_000i64..1_000_000) {
            let ended = RefreshFamily { ended: Some(Ended { at: at(0), reason: EndReason::Logout }), ..family("openid offline_access") };
            prop_assert!(matches!(run(&ended, generation, &client(30), &Limits::default(), now), Decision::Refuse(_)));
        }

        /// Exactly one generation can be stepped from, exactly one replayed; everything older is reuse at any time.
        #[test]
        fn one_live_generation(generation in 0u64..12, now in 0i64..1_000_000) {
            match run(&family("openid offline_access"), generation, &client(30), &Limits::default(), now) {
                Decision::Rotate { next } => prop_assert!(generation == 5 && next == 6),
                Decision::Replay { current } => prop_assert!(generation == 4 && current == 5 && now < 30),
                Decision::RotateForward { next } => prop_assert!(generation > 5 && next == generation + 1),
                Decision::Reuse => prop_assert!(generation < 5),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
