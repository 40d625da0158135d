//! Signing in: the one way a session begins.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;

use super::accounts::{self, Account};
use super::browser_state::BrowserState;
use super::known_browser::{AccountTag, KnownBrowser, KnownTo};
use super::passwords::Verdict;
use super::{Core, Failure, telling_end, throttle};
use crate::domain::acr::Acr;
use crate::domain::clock::Timestamp;
use crate::domain::event::{Actor, EventKind, Object};
use crate::domain::held_sessions::{DeviceProof, Held, HeldSessions, Slot};
use crate::domain::id::{ClientId, SessionId};
use crate::domain::secret::Secret;
use crate::domain::session::{EndReason, Session};
use crate::domain::statistics::Counted;
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
    /// The browser's sessions so far.
    pub held: HeldSessions,
    pub known: Option<KnownBrowser>,
    /// The application that asked.
    pub client: Option<ClientId>,
    /// Whether the browser is to remember the session when it is closed. `None`: as it was, for the page did not ask.
    pub remember: Option<bool>,
}

#[derive(Debug)]
pub enum SignIn {
    /// A new session began; and the cookie value by which the browser is known from now on.
    Done { begun: Box<Begun>, known: String },
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
        Ok(None) => {
            core.tally.count(Counted::FailedSignIns);
            Ok(SignIn::Wrong)
        }
        Ok(Some((begun, password_since))) => {
            core.tally.count(Counted::SignIns);
            throttle::take_back(core, counted).await;
            Ok(SignIn::Done { begun: Box::new(begun), known: KnownBrowser::remember(core, known.as_ref(), account, password_since) })
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

/// The new session, and since when the password is this one; `None` if the password is wrong, the account not there or disabled.
async fn check(core: &Core, attempt: Attempt<'_>) -> Result<Option<(Begun, Timestamp)>, Failure> {
    let name = normal_username(attempt.username);
    let network = attempt.origin.network.map(|address| address.to_string());
    // What cannot be a user name is looked up nowhere, and then takes the same time as an unknown one.
    let user = if is_username(&name) { core.store.read(move |db| users::find_by_username(db, &name)).await? } else { None };
    let stored = user.as_ref().and_then(|user| user.password_hash.clone());
    let verdict = core.passwords.verify(attempt.password.clone(), stored.clone()).await.map_err(|busy| Failure::Unavailable(busy.to_string()))?;
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
        upgrade(core, &user, stored, attempt.password.clone()).await;
    }
    let Some(begun) = begin(core, &user, attempt).await? else {
        tracing::info!(event = "login.failed", reason = "the account changed meanwhile", user = %user.id, "sign-in refused");
        return Ok(None);
    };
    tracing::info!(event = "login.succeeded", user = %user.id, session = %begun.session, "signed in");
    Ok(Some((begun, user.password_changed_at)))
}

/// A session as the browser learns of it.
#[derive(Debug)]
pub struct Begun {
    pub session: SessionId,
    /// The secret that only this browser will know.
    pub cookie: Secret<String>,
    pub held: Held,
    pub remembered: bool,
    /// The sessions of other accounts that go on beside it, and whether the browser keeps each. What else it holds opens nothing any more.
    pub beside: Vec<(Held, bool)>,
}

impl Begun {
    /// All that the browser holds from now on.
    pub fn sessions(&self) -> HeldSessions {
        self.beside.iter().map(|(held, _)| *held).chain([self.held]).collect()
    }

    pub fn browser_state(&self, core: &Core) -> BrowserState {
        BrowserState::of_sessions(core, self.beside.iter().copied().chain([(self.held, self.remembered)]).collect(), None)
    }
}

/// Begins a session for somebody who has proved who they are; `None` if the account changed while the password was being checked.
///
/// Who is signed in already, and signs in again, keeps the session with all that hangs on it: only the cookie and the time of the
/// sign-in are new, and the client session of the application that asked. Other people's sessions go on beside it, as many as may.
async fn begin(core: &Core, user: &User, attempt: Attempt<'_>) -> Result<Option<Begun>, Failure> {
    let Attempt { origin, held, client, remember, .. } = attempt;
    let now = core.now();
    let cookie = Secret::<String>::generate(core.entropy.as_ref());
    let mut session = Session {
        id: SessionId::generate(now, core.entropy.as_ref()),
        cookie_digest: cookie.digest(),
        user_id: user.id,
        created_at: now,
        auth_time: now,
        last_used_at: now,
        acr: Acr::Password,
        remembered: remember.unwrap_or_else(|| core.settings.sessions.remember_me.decide(false)),
        user_agent: origin.user_agent.map(|text| text.chars().take(300).collect()),
        network: origin.network.map(|address| address.to_string()),
        device: None,
        ended: None,
    };
    let occasion = core.occasion(Actor::User(user.id), now);
    let (verified, clients, registered) = (user.password_changed_at, Arc::clone(&core.clients), core.keys.registered(core).await);
    let most_beside = core.settings.sessions.accounts_per_browser.saturating_sub(1);
    let digest = session.cookie_digest;
    let begun = core.store.write(move |db| {
        // Held until the commit: a change of password or a disabling comes wholly before, and is seen here, or wholly after, and ends
        // what is begun here.
        let unchanged = users::find_held(db, session.user_id)?.is_some_and(|user| user.disabled_at.is_none() && user.password_changed_at == verified);
        if !unchanged {
            return Ok(None);
        }
        let accounts = accounts::load(db, &held, None)?.into_iter().filter(|account| account.facts.session.ended.is_none());
        let (mine, mut beside): (Vec<Account>, Vec<Account>) = accounts.partition(|account| account.facts.user.id == session.user_id);
        let mut over = beside.split_off(most_beside.min(beside.len()));
        let mut same: Option<Account> = None;
        for account in mine {
            // By the longest limits that the user has anywhere: a session that lives on for one application is not taken from it.
            let limits = longest_session(&clients.policy(db)?, &registered, &account.facts.user.groups, account.facts.session.acr);
            if same.is_none() && judge(&account.facts.session, &account.facts.user, None, &limits, now).is_ok() {
                same = Some(account);
            } else {
                over.push(account);
            }
        }
        let mut again = false;
        if let Some(account) = &same {
            session.remembered = remember.unwrap_or(account.facts.session.remembered);
            again = sessions::sign_in_again(db, account.facts.session.id, &session)?;
        }
        let slot = match same {
            Some(account) if again => {
                session.id = account.facts.session.id;
                if let Some(client) = &client {
                    client_sessions::restart(db, session.id, client, now)?;
                }
                account.held.slot
            }
            _ => {
                sessions::insert(db, &session)?;
                let taken = |slot: &Slot| beside.iter().any(|account| account.held.slot == *slot);
                // There are more than may be beside.
                Slot::ALL.into_iter().find(|slot| !taken(slot)).unwrap_or(Slot::FIRST)
            }
        };
        for account in over {
            let Account { facts, .. } = account;
            let ended = tree::end(db, &tree::Node::Session(facts.session.id), EndReason::Superseded, now)?;
            let event = occasion.event(EventKind::SessionEnded, Object::Session(facts.session.id)).of(facts.user.id);
            events::record(db, &telling_end(event, EndReason::Superseded, &ended))?;
        }
        let event = occasion.event(EventKind::LoginSucceeded, Object::Session(session.id)).of(session.user_id);
        events::record(db, &event.with("client", &client).with("acr", session.acr).with("again", again))?;
        let chosen = if beside.is_empty() { 0 } else { held.next_choice(now) };
        let beside = beside.into_iter().map(|account| (account.held, account.facts.session.remembered)).collect();
        Ok(Some((session, Held { slot, digest, chosen, device: DeviceProof::Missing }, beside)))
    });
    Ok(begun.await?.map(|(session, held, beside)| Begun { session: session.id, cookie, held, remembered: session.remembered, beside }))
}

/// The parameters of the hash have changed since: hash again while the password is at hand. Failing is harmless.
async fn upgrade(core: &Core, user: &User, old: Option<Secret<String>>, password: Secret<String>) {
    let (Ok(new), Some(old)) = (core.passwords.hash(password).await, old) else { return };
    let id = user.id;
    if let Err(error) = core.store.write(move |db| users::rehash(db, id, &old, &new)).await {
        tracing::warn!(%error, "a password hash could not be upgraded");
    }
}
