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
//!
//! A public client's family that is not bound to a key becomes so by its first step that is taken with one ([`binds`]); from then on nothing
//! is given without it, and tokens of before go on showing a thief ([`with_key`]).

use std::cmp::Ordering;

use crate::domain::client::Client;
use crate::domain::client_session::ClientSession;
use crate::domain::clock::Timestamp;
use crate::domain::consent::Consent;
use crate::domain::dpop::KeyThumbprint;
use crate::domain::duration::Lifetime;
use crate::domain::lifetime::Limits;
use crate::domain::refresh_family::{PresentedRefreshToken, RefreshFamily};
use crate::domain::session::{EndReason, Session};
use crate::domain::tenure::Tenure;
use crate::domain::user::User;
use crate::protocol::dpop::may_refresh;
use crate::protocol::error::OAuthError;
use crate::protocol::session::{Deadlines, Standing, Times, Unusable, barred, past, touch_is_due, use_is_due};
use crate::protocol::token::{family, outlives_session, stands_for_session};

/// What is known of the family. A `None` is a row that is gone.
pub struct Facts<'a> {
    pub family: &'a RefreshFamily,
    pub user: Option<&'a User>,
    pub session: Option<&'a Session>,
    pub client_session: Option<&'a ClientSession>,
    pub consent: Option<&'a Consent>,
    /// Of the family's client.
    pub tenure: &'a Tenure,
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

/// What of a decision stands with the key that was shown, or none. By a token that was given out bound nothing is given, written or ended
/// without the key (RFC 9449 §5). One that was a bearer token when it was given may be brought by its owner, and a thief had the key bound: only
/// its bound successor takes the key. That it comes again too late still ends the family, and what is over is over whatever is shown, so that
/// whoever brings it learns to sign in again.
pub fn with_key(
    decision: Decision,
    presented: PresentedRefreshToken,
    family: &RefreshFamily,
    client: &Client,
    shown: Option<&KeyThumbprint>,
) -> Result<Decision, OAuthError> {
    let Some(binding) = family.bound_to.as_ref().filter(|_| family.client_id == client.id) else { return Ok(decision) };
    if !of_before(presented, family) || matches!(decision, Decision::Replay { .. }) {
        may_refresh(Some(&binding.key), shown)?;
    }
    Ok(decision)
}

/// Whether the token was given out before its family had the key that it has.
pub fn of_before(presented: PresentedRefreshToken, family: &RefreshFamily) -> bool {
    family.bound_to.as_ref().is_some_and(|binding| presented.generation < binding.since)
}

/// The key that a step binds the family to, if it has none: RFC 9449 §5, for public clients alone. Only a step does, since only then nobody
/// else has been given the token that is bound.
pub fn binds(family: &RefreshFamily, client: &Client, shown: Option<&KeyThumbprint>) -> Option<KeyThumbprint> {
    shown.filter(|_| family.bound_to.is_none() && client.metadata.is_public()).cloned()
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
    // A code redeemed at the very moment its client was disabled, or all that it had was ended, leaves a family that the ending did not see.
    if facts.tenure.has_ended_grant(family.given_in()) {
        return Err(Dead::Refused("client_ended"));
    }
    if family::is_of_before(family.given_in(), facts.client_session) {
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
pub(crate) mod tests;
