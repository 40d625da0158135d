//! Signing in: the one way a session begins.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;

use super::known_browser::{AccountTag, KnownBrowser, KnownTo};
use super::passwords::Verdict;
use super::{Core, Failure, telling_end, throttle};
use crate::domain::acr::Acr;
use crate::domain::clock::Timestamp;
use crate::domain::event::{Actor, EventKind, Object};
use crate::domain::id::{ClientId, SessionId};
use crate::domain::secret::{Digest, Secret};
use crate::domain::session::{EndReason, Session};
use crate::domain::user::{User, is_username, normal_username};
use crate::protocol::lifetime_policy::longest_session;
use crate::protocol::session::judge;
use crate::store::{client_sessions, events, sessions, tree, users};

/// Where a sign-in comes from. Shown to the user later; of the two only the network is judged by, and only how often it has failed.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub user_agent: Option<String>,
    pub network: Option<IpAddr>,
}

/// What somebody sends to sign in.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// As it was typed.
    pub username: &'a str,
    pub password: Secret<String>,
    pub origin: Origin,
    /// The browser's session so far.
    pub old_cookie: Option<Digest>,
    pub known: Option<KnownBrowser>,
    /// The application that asked.
    pub client: Option<ClientId>,
}

#[derive(Debug)]
pub enum SignIn {
    /// A new session began: the cookie value that only this browser will know, and the one by which it is known from now on.
    Done { cookie: Secret<String>, known: String },
    /// Unknown user, wrong password and disabled account read the same and take the same time (ASVS 6.3.8).
    Wrong,
    /// Too many failed: nothing was looked at, and it can be tried again after this long.
    Wait(TimeDelta),
}

/// Checks the password and begins a session for this browser, under a new cookie (no fixation, ASVS 7.2.4). Counted before anything
/// is looked at; what does not fail is taken back.
pub async fn sign_in(core: &Core, attempt: Attempt<'_>) -> Result<SignIn, Failure> {
    let name = normal_username(attempt.username);
    let account = core.throttle.account(&name);
    let known = attempt.known.clone();
    let by_now = still_known(core, known.as_ref(), &account, name).await?;
    let counted = match throttle::admit(core, &account, attempt.origin.network, by_now).await? {
        Ok(counted) => counted,
        Err(wait) => return Ok(SignIn::Wait(wait)),
    };
    match check(core, attempt).await {
        Ok(None) => Ok(SignIn::Wrong),
        Ok(Some((cookie, password_since))) => {
            throttle::take_back(core, counted).await;
            Ok(SignIn::Done { cookie, known: KnownBrowser::remember(core, known.as_ref(), account, password_since) })
        }
        Err(failure) => {
            throttle::take_back(core, counted).await;
            Err(failure)
        }
    }
}

/// The browser, if it has been signed in with the account by the password of today. Looked up only for one that has met the account, so
/// that nobody learns from it which accounts there are.
async fn still_known<'a>(core: &Core, known: Option<&'a KnownBrowser>, account: &AccountTag, name: String) -> Result<Option<KnownTo<'a>>, Failure> {
    let Some(browser) = known.filter(|browser| browser.has_met(account)) else { return Ok(None) };
    let user = core.store.read(move |db| users::find_by_username(db, &name)).await?;
    Ok(user.and_then(|user| browser.known_to(account, user.password_changed_at)))
}

/// The cookie of the new session, and since when the password is this one; `None` if the password is wrong, the account not there or disabled.
async fn check(core: &Core, attempt: Attempt<'_>) -> Result<Option<(Secret<String>, Timestamp)>, Failure> {
    let Attempt { username, password, origin, old_cookie, client, .. } = attempt;
    let name = normal_username(username);
    let network = origin.network.map(|address| address.to_string());
    // What cannot be a user name is looked up nowhere, and then takes the same time as an unknown one.
    let user = if is_username(&name) { core.store.read(move |db| users::find_by_username(db, &name)).await? } else { None };
    let stored = user.as_ref().and_then(|user| user.password_hash.clone());
    let verdict = core.passwords.verify(password.clone(), stored.clone()).await.map_err(|busy| Failure::Unavailable(busy.to_string()))?;
    let (Verdict::Match { rehash }, Some(user)) = (verdict, user) else {
        tracing::info!(event = "login.failed", reason = "unknown user or wrong password", network = network.as_deref(), "sign-in refused");
        return Ok(None);
    };
    if user.disabled_at.is_some() {
        tracing::info!(event = "login.failed", reason = "user_disabled", user = %user.id, network = network.as_deref(), "sign-in refused");
        return Ok(None);
    }
    // A declared hash belongs to the file.
    if rehash && !core.declares_password_of(&user) {
        upgrade(core, &user, stored, password).await;
    }
    let Some((session, cookie)) = begin(core, &user, origin, old_cookie, client).await? else {
        tracing::info!(event = "login.failed", reason = "the account changed meanwhile", user = %user.id, "sign-in refused");
        return Ok(None);
    };
    tracing::info!(event = "login.succeeded", user = %user.id, session = %session, "signed in");
    Ok(Some((cookie, user.password_changed_at)))
}

/// Begins a session for somebody who has proved who they are; `None` if the account changed while the password was being checked.
///
/// Who is signed in already, and signs in again, keeps the session with all that hangs on it: only the cookie and the time of the
/// sign-in are new, and the client session of the application that asked. Another person's session is ended.
async fn begin(
    core: &Core,
    user: &User,
    origin: Origin,
    old_cookie: Option<Digest>,
    client: Option<ClientId>,
) -> Result<Option<(SessionId, Secret<String>)>, Failure> {
    let now = core.now();
    let cookie = Secret::<String>::generate(core.entropy.as_ref());
    let session = Session {
        id: SessionId::generate(now, core.entropy.as_ref()),
        cookie_digest: cookie.digest(),
        user_id: user.id,
        created_at: now,
        auth_time: now,
        last_used_at: now,
        acr: Acr::Password,
        user_agent: origin.user_agent.map(|text| text.chars().take(300).collect()),
        network: origin.network.map(|address| address.to_string()),
        ended: None,
    };
    let occasion = core.occasion(Actor::User(user.id), now);
    let (verified, clients, registered) = (user.password_changed_at, Arc::clone(&core.clients), core.keys.registered(core).await);
    let begun = core.store.write(move |db| {
        // Held until the commit: a change of password or a disabling comes wholly before, and is seen here, or wholly after, and ends
        // what is begun here.
        let unchanged = users::find_held(db, session.user_id)?.is_some_and(|user| user.disabled_at.is_none() && user.password_changed_at == verified);
        if !unchanged {
            return Ok(None);
        }
        let old = match old_cookie {
            Some(cookie) => sessions::facts(db, &cookie, None)?.filter(|facts| facts.session.ended.is_none()),
            None => None,
        };
        let signed_in = |id, again: bool| {
            let event = occasion.event(EventKind::LoginSucceeded, Object::Session(id)).of(session.user_id);
            event.with("client", &client).with("acr", session.acr).with("again", again)
        };
        if let Some(old) = old {
            // By the longest limits that the user has anywhere: a session that lives on for one application is not taken from it.
            let limits = longest_session(&clients.policy(db)?, &registered, &old.user.groups, old.session.acr);
            let same = old.user.id == session.user_id && judge(&old.session, &old.user, None, &limits, now).is_ok();
            if same && sessions::sign_in_again(db, old.session.id, &session)? {
                if let Some(client) = &client {
                    client_sessions::restart(db, old.session.id, client, now)?;
                }
                events::record(db, &signed_in(old.session.id, true))?;
                return Ok(Some(old.session.id));
            }
            let ended = tree::end(db, &tree::Node::Session(old.session.id), EndReason::Superseded, now)?;
            let event = occasion.event(EventKind::SessionEnded, Object::Session(old.session.id)).of(old.user.id);
            events::record(db, &telling_end(event, EndReason::Superseded, &ended))?;
        }
        sessions::insert(db, &session)?;
        events::record(db, &signed_in(session.id, false))?;
        Ok(Some(session.id))
    });
    Ok(begun.await?.map(|id| (id, cookie)))
}

/// The parameters of the hash have changed since: hash again while the password is at hand. Failing is harmless.
async fn upgrade(core: &Core, user: &User, old: Option<Secret<String>>, password: Secret<String>) {
    let (Ok(new), Some(old)) = (core.passwords.hash(password).await, old) else { return };
    let id = user.id;
    if let Err(error) = core.store.write(move |db| users::rehash(db, id, &old, &new)).await {
        tracing::warn!(%error, "a password hash could not be upgraded");
    }
}
