//! Refreshing: rotation is idempotent, reuse of anything older ends the family.
//!
//! | presented generation | decision |
//! | --- | --- |
//! | the newest | **rotate** to the next |
//! | the one before, within the overlap | **replay**: the same successor again |
//! | any older, or the one before after the overlap | **reuse**: end the family |
//! | a younger one than the store knows (its MAC proves that we issued it) | the store lost writes: **rotate forward** |
//!
//! Order is by generation, never by a clock. The write is one conditional UPDATE on the generation this decision saw.

use crate::domain::client::Client;
use crate::domain::client_session::ClientSession;
use crate::domain::clock::Timestamp;
use crate::domain::consent::Consent;
use crate::domain::duration::{Lifetime, earlier};
use crate::domain::lifetime::Limits;
use crate::domain::refresh_family::{PresentedRefreshToken, RefreshFamily};
use crate::domain::session::{EndReason, Session};
use crate::domain::user::User;
use crate::protocol::session::{Deadlines, Unusable, judge_grant, past};
use crate::protocol::token::outlives_session;

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
    if presented.generation == current {
        return match current.checked_add(1) {
            Some(next) => Decision::Rotate { next },
            None => Decision::Refuse("generations exhausted"),
        };
    }
    if presented.generation > current {
        return match presented.generation.checked_add(1) {
            Some(next) => Decision::RotateForward { next },
            None => Decision::Refuse("generations exhausted"),
        };
    }
    // Only the direct predecessor, and only while its successor has not itself been used.
    let predecessor = presented.generation.checked_add(1) == Some(current);
    let overlap = client.metadata.refresh_overlap;
    let within = !past(overlap.after(family.rotated_at), now) || (lost_race && overlap != Lifetime::seconds(0));
    if predecessor && overlap != Lifetime::Unlimited && within {
        return Decision::Replay { current };
    }
    Decision::Reuse
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
    let absolute = limits.refresh_absolute.after(family.created_at);
    let idle = limits.refresh_idle.after(family.last_used_at);
    if past(absolute, now) {
        return Err(Dead::Expired(EndReason::ExpiredAbsolute));
    }
    if past(idle, now) {
        return Err(Dead::Expired(EndReason::ExpiredIdle));
    }
    if outlives_session(&family.grant, client) {
        // A code redeemed at the very moment its session was revoked leaves a family that the ending did not see.
        if let Some(ended) = facts.session.and_then(|session| session.ended).filter(|ended| !ended.reason.spares_offline_access()) {
            return Err(Dead::Refused(ended.reason.as_str()));
        }
        return Ok(Deadlines { absolute, idle });
    }
    let Some(session) = facts.session else {
        return Err(Dead::Refused("session is gone"));
    };
    match judge_grant(session, user, facts.client_session, limits, now) {
        Ok(session) => Ok(Deadlines { absolute: earlier(absolute, session.absolute), idle: earlier(idle, session.idle) }),
        Err(unusable) => Err(unusable.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::acr::Acr;
    use crate::domain::claim::NamedClaims;
    use crate::domain::client::{ClientKind, ClientMetadata};
    use crate::domain::id::{ClientId, GrantId};
    use crate::domain::refresh_family::Grant;
    use crate::domain::scope::Scope;
    use crate::domain::secret::Secret;
    use crate::domain::session::Ended;
    use crate::protocol::session::tests::{at, session, user};
    use proptest::prelude::*;
    use uuid::Uuid;

    const FAMILY: GrantId = GrantId(Uuid::from_u128(7));

    fn client(overlap: i64) -> Client {
        let metadata = ClientMetadata { first_party: true, refresh_overlap: Lifetime::seconds(overlap), ..ClientMetadata::defaults(ClientKind::Spa, "App") };
        Client {
            id: ClientId::parse("app").unwrap(),
            metadata,
            secret_digest: None,
            disabled_at: None,
            managed_by_file: false,
            created_at: at(0),
            updated_at: at(0),
        }
    }

    fn family(scope: &str) -> RefreshFamily {
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

    #[test]
    fn strict_clients_have_no_overlap() {
        let client = client(0);
        assert_eq!(run(&family("openid"), 4, &client, &Limits::default(), 0), Decision::Reuse);
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
