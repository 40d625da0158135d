//! A new password, for whoever knows the old one.

use std::net::IpAddr;

use chrono::TimeDelta;

use super::actions::By;
use super::{Sender, SignedIn};
use crate::domain::clock::Timestamp;
use crate::domain::event::{Actor, EventKind, Object};
use crate::domain::secret::Secret;
use crate::domain::session::{EndReason, Session};
use crate::domain::user::User;
use crate::service::known_browser::KnownBrowser;
use crate::service::passwords::{UnfitPassword, Verdict};
use crate::service::{Core, Failure, request, telling_end, throttle};
use crate::store::tree::{self, EndedCounts, Node};
use crate::store::{Connection, StoreError, events, sessions, users};

/// What came of it. `T` is what whoever asked goes on with: everything else has ended.
#[derive(Debug)]
pub enum Change<T> {
    Done(T),
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

/// This browser stays signed in, under this cookie, and is known by the other value as one that knows the new password.
#[derive(Debug)]
pub struct Renewed {
    pub cookie: Secret<String>,
    pub known: String,
}

/// Whose password is changed, in which session, and how that is told.
struct Asked<'a> {
    user: &'a User,
    session: &'a Session,
    network: Option<IpAddr>,
    known: Option<&'a KnownBrowser>,
    by: By,
}

/// On the user's own page. The old password is counted and slowed like one at a sign-in: a session that somebody found open is no way to
/// guess at it.
pub async fn change(core: &Core, signed_in: &SignedIn, old: Secret<String>, new: Secret<String>, sender: Sender) -> Result<Change<Renewed>, Failure> {
    let session = signed_in.session.clone();
    let asked = Asked { user: &signed_in.user, session: &signed_in.session, network: sender.origin.network, known: sender.known.as_ref(), by: By::AccountPage };
    let cookie = Secret::<String>::generate(core.entropy.as_ref());
    let fresh = Session {
        cookie_digest: cookie.digest(),
        user_agent: sender.origin.user_agent.map(|text| text.chars().take(300).collect()),
        network: sender.origin.network.map(|address| address.to_string()),
        ..session
    };
    let renewed = |now| {
        let account = core.throttle.account(&signed_in.user.username);
        Renewed { cookie, known: KnownBrowser::remember(core, sender.known.as_ref(), account, now) }
    };
    Ok(attempt(core, &asked, old, new, Some(fresh)).await?.map(renewed))
}

/// The same in an application, for the user of its token, counted as from a browser that nobody knows.
///
/// The session ends too. It could only go on under the cookie that it has, because the answer goes to the application and not to the browser: whoever has a copy
/// of that cookie, and may be the reason for the new password, would stay signed in, and by an `auth_time` of now even as somebody who has just
/// proved who they are. Nor can it go on as it was: a sign-in of before the change is one by a password that counts no more.
pub async fn change_by_token(core: &Core, user: &User, session: &Session, old: Secret<String>, new: Secret<String>, by: By) -> Result<Change<()>, Failure> {
    let asked = Asked { user, session, network: request::network(), known: None, by };
    Ok(attempt(core, &asked, old, new, None).await?.map(|_| ()))
}

impl<T> Change<T> {
    fn map<U>(self, done: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Done(what) => Change::Done(done(what)),
            Self::Wrong => Change::Wrong,
            Self::Wait(wait) => Change::Wait(wait),
            Self::Unfit(unfit) => Change::Unfit(unfit),
            Self::Declared => Change::Declared,
            Self::NotSignedIn => Change::NotSignedIn,
        }
    }
}

/// `fresh`: as what the session goes on, from now. `None`: it ends with the others.
async fn attempt(core: &Core, asked: &Asked<'_>, old: Secret<String>, new: Secret<String>, fresh: Option<Session>) -> Result<Change<Timestamp>, Failure> {
    let user = asked.user;
    if core.declares_password_of(user) {
        return Ok(Change::Declared);
    }
    if let Err(unfit) = core.passwords.judge(&new) {
        return Ok(Change::Unfit(unfit));
    }
    let account = core.throttle.account(&user.username);
    let known = asked.known.and_then(|browser| browser.known_to(&account, user.password_changed_at));
    let counted = match throttle::admit(core, &account, asked.network, known).await? {
        Ok(counted) => counted,
        Err(wait) => return Ok(Change::Wait(wait)),
    };
    let changed = check(core, asked, old, new, fresh).await;
    if !matches!(changed, Ok(Change::Wrong)) {
        throttle::take_back(core, counted).await;
    }
    changed
}

async fn check(core: &Core, asked: &Asked<'_>, old: Secret<String>, new: Secret<String>, fresh: Option<Session>) -> Result<Change<Timestamp>, Failure> {
    let stored = asked.user.password_hash.clone();
    let busy = |busy: crate::service::passwords::Busy| Failure::Unavailable(busy.to_string());
    let verdict = core.passwords.verify(old, stored.clone()).await.map_err(busy)?;
    let (user, session) = (asked.user.id, asked.session.id);
    let (Verdict::Match { .. }, Some(stored)) = (verdict, stored) else {
        tracing::info!(event = "user.password_refused", user = %user, session = %session, "the old password was not right");
        return Ok(Change::Wrong);
    };
    let hash = core.passwords.hash(new).await.map_err(busy)?;
    let now = core.now();
    let (occasion, by) = (core.occasion(Actor::User(user), now), asked.by.clone());
    let done = core.store.write_at_length(move |db| {
        // Conditional on the hash that was compared: of two changes at once the second finds another.
        if !users::change_password(db, user, &stored, &hash, now)? {
            return Ok(false);
        }
        let event = by.with_application(occasion.event(EventKind::UserPasswordSet, Object::User(user)));
        let (ended, event) = match fresh {
            Some(fresh) => (goes_on(db, &fresh, now)?, event.with("kept", session)),
            None if sessions::find(db, session)?.is_some_and(|session| session.ended.is_none()) => {
                (tree::end(db, &Node::User(user), EndReason::PasswordChanged, now)?, event)
            }
            None => return Err(StoreError::Conflict),
        };
        events::record(db, &telling_end(event, EndReason::PasswordChanged, &ended))?;
        Ok(true)
    });
    match done.await {
        Ok(true) => {
            tracing::info!(event = "user.password_set", user = %user, session = %session, "a user changed their password");
            Ok(Change::Done(now))
        }
        Ok(false) => Ok(Change::Wrong),
        Err(StoreError::Conflict) => Ok(Change::NotSignedIn),
        Err(error) => Err(error.into()),
    }
}

/// Ends all but the session, which goes on as after a sign-in: who knows the password has just proved who they are.
fn goes_on(db: &mut Connection, fresh: &Session, now: Timestamp) -> Result<EndedCounts, StoreError> {
    let elsewhere = tree::end(db, &Node::Elsewhere(fresh.user_id, fresh.id), EndReason::PasswordChanged, now)?;
    // The applications of this session are not signed out, but they have to come for new tokens.
    let here = tree::end(db, &Node::FamiliesOf(fresh.id), EndReason::PasswordChanged, now)?;
    let fresh = Session { created_at: now, auth_time: now, last_used_at: now, ..fresh.clone() };
    // Otherwise all of it is rolled back: the session was ended by somebody who wanted it ended.
    if !sessions::sign_in_again(db, fresh.id, &fresh)? {
        return Err(StoreError::Conflict);
    }
    Ok(EndedCounts { families: elsewhere.families + here.families, ..elsewhere })
}
