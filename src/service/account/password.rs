//! A new password, for whoever knows the old one.

use chrono::TimeDelta;

use super::{Sender, SignedIn};
use crate::domain::event::{Actor, EventKind, Object};
use crate::domain::secret::Secret;
use crate::domain::session::{EndReason, Session};
use crate::service::known_browser::KnownBrowser;
use crate::service::passwords::{UnfitPassword, Verdict};
use crate::service::{Core, Failure, telling_end, throttle};
use crate::store::tree::{self, EndedCounts, Node};
use crate::store::{StoreError, events, sessions, users};

#[derive(Debug)]
pub enum Change {
    /// This browser stays signed in, under this cookie, and is known by the other value as one that knows the new password; every other
    /// session has ended, and every family.
    Done {
        cookie: Secret<String>,
        known: String,
    },
    /// The old one is not right.
    Wrong,
    /// Too many were not right: nothing was looked at, and it can be tried again after this long.
    Wait(TimeDelta),
    Unfit(UnfitPassword),
    /// The settings file says what it is.
    Declared,
    /// The session has ended meanwhile.
    NotSignedIn,
}

/// The old password is counted and slowed like one at a sign-in: a session that somebody found open is no way to guess at it.
pub async fn change(core: &Core, signed_in: &SignedIn, old: Secret<String>, new: Secret<String>, sender: Sender) -> Result<Change, Failure> {
    let user = &signed_in.user;
    if core.declares_password_of(user) {
        return Ok(Change::Declared);
    }
    if let Err(unfit) = core.passwords.judge(&new) {
        return Ok(Change::Unfit(unfit));
    }
    let account = core.throttle.account(&user.username);
    let known = sender.known.as_ref().and_then(|browser| browser.known_to(&account, user.password_changed_at));
    let counted = match throttle::admit(core, &account, sender.origin.network, known).await? {
        Ok(counted) => counted,
        Err(wait) => return Ok(Change::Wait(wait)),
    };
    let changed = check(core, signed_in, old, new, sender).await;
    if !matches!(changed, Ok(Change::Wrong)) {
        throttle::take_back(core, counted).await;
    }
    changed
}

async fn check(core: &Core, signed_in: &SignedIn, old: Secret<String>, new: Secret<String>, sender: Sender) -> Result<Change, Failure> {
    let stored = signed_in.user.password_hash.clone();
    let busy = |busy: crate::service::passwords::Busy| Failure::Unavailable(busy.to_string());
    let verdict = core.passwords.verify(old, stored.clone()).await.map_err(busy)?;
    let (user, session) = (signed_in.user.id, signed_in.session.id);
    let (Verdict::Match { .. }, Some(stored)) = (verdict, stored) else {
        tracing::info!(event = "user.password_refused", user = %user, session = %session, "the old password was not right");
        return Ok(Change::Wrong);
    };
    let account = core.throttle.account(&signed_in.user.username);
    let hash = core.passwords.hash(new).await.map_err(busy)?;
    let now = core.now();
    let cookie = Secret::<String>::generate(core.entropy.as_ref());
    // Who knows the password has just proved who they are: the session goes on as after a sign-in.
    let fresh = Session {
        cookie_digest: cookie.digest(),
        created_at: now,
        auth_time: now,
        last_used_at: now,
        user_agent: sender.origin.user_agent.map(|text| text.chars().take(300).collect()),
        network: sender.origin.network.map(|address| address.to_string()),
        ..signed_in.session.clone()
    };
    let occasion = core.occasion(Actor::User(user), now);
    let done = core.store.write(move |db| {
        // Conditional on the hash that was compared: of two changes at once the second finds another.
        if !users::change_password(db, user, &stored, &hash, now)? {
            return Ok(false);
        }
        let elsewhere = tree::end(db, &Node::Elsewhere(user, session), EndReason::PasswordChanged, now)?;
        // The applications of this session are not signed out, but they have to come for new tokens.
        let here = tree::end(db, &Node::FamiliesOf(session), EndReason::PasswordChanged, now)?;
        let ended = EndedCounts { families: elsewhere.families + here.families, ..elsewhere };
        let event = occasion.event(EventKind::UserPasswordSet, Object::User(user)).with("kept", session);
        events::record(db, &telling_end(event, EndReason::PasswordChanged, &ended))?;
        // Rolls all of it back: the session was ended by somebody who wanted it ended.
        if sessions::sign_in_again(db, session, &fresh)? { Ok(true) } else { Err(StoreError::Conflict) }
    });
    match done.await {
        Ok(true) => {
            tracing::info!(event = "user.password_set", user = %user, session = %session, "a user changed their password");
            Ok(Change::Done { cookie, known: KnownBrowser::remember(core, sender.known.as_ref(), account, now) })
        }
        Ok(false) => Ok(Change::Wrong),
        Err(StoreError::Conflict) => Ok(Change::NotSignedIn),
        Err(error) => Err(error.into()),
    }
}
