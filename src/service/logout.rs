//! Logout that an application asks for: end the session, or ask first.

use super::accounts::{self, Account};
use super::authorize::Cookies;
use super::ticket::Logout;
use super::{Core, Failure, subject, telling_end};
use crate::domain::client::Client;
use crate::domain::event::{Actor, EventKind, Object};
use crate::domain::held_sessions::{Held, HeldSessions};
use crate::domain::id::{ClientId, SessionId};
use crate::domain::session::{EndReason, Session};
use crate::domain::user::User;
use crate::protocol::end_session::{After, CameFrom, Decision, Hint, decide, decide_auth0, frame};
use crate::protocol::params::Params;
use crate::store::{client_sessions, clients, events, tree};

#[derive(Debug)]
pub enum Outcome {
    /// Somebody was signed out (or nobody was signed in).
    Ended(Ended),
    /// Show the confirmation page: whom to sign out is the user's to say.
    Confirm { accounts: Vec<Signed>, pending: Logout },
}

/// What has ended: tell the applications by frames at these addresses, then go.
#[derive(Debug)]
pub struct Ended {
    pub after: After,
    pub frames: Vec<String>,
    /// Who is still signed in. No other cookie opens anything any more.
    pub left: Vec<(Held, bool)>,
}

/// Somebody who is signed in.
#[derive(Debug)]
pub struct Signed {
    pub session: SessionId,
    pub user: User,
}

pub async fn start(core: &Core, params: &Params, cookies: Cookies<'_>) -> Result<Outcome, Failure> {
    // It may be expired, but it must be an ID token of ours (§2).
    let hint = match params.get("id_token_hint") {
        Some(token) => subject::hint(core, token).await,
        None => None,
    };
    let named = params.get("client_id").and_then(|id| ClientId::parse(id).ok());
    // §2: when both are there they must agree; else there is no client to trust a redirect of.
    let client_id = match (&hint, named) {
        (Some(hint), Some(named)) if hint.client_id != named => None,
        (Some(hint), _) => Some(hint.client_id.clone()),
        (None, named) => named,
    };
    let (client, accounts) = load(core, client_id.as_ref(), cookies.sessions).await?;
    let judged = |account: Option<&Account>| {
        let session = account.map(|account| &account.facts.session);
        // Whom the hint names can only be told of a client that is still there: it says by which name it knows its users.
        let hint = hint.as_ref().map(|hint| {
            let user = session.zip(client.as_ref()).map(|(session, client)| (session.user_id, hint.names(core, client, session.user_id)));
            Hint { user: user.and_then(|(user, named)| named.then_some(user)), client_id: hint.client_id.clone(), sid: hint.sid.clone() }
        });
        let sid = session.zip(client_id.as_ref()).map(|(session, client)| core.sids.sid(session.id, client));
        decide(params, hint.as_ref(), client.as_ref(), session, sid.as_deref())
    };
    // Of several accounts it is the one that the hint is of.
    let ends = accounts.iter().position(|account| matches!(judged(Some(account)), Decision::End(_)));
    let decision = judged(ends.and_then(|index| accounts.get(index)).or(accounts.first()));
    apply(core, decision, ends, accounts).await
}

/// The same as Auth0's libraries ask for it.
pub async fn start_auth0(core: &Core, params: &Params, came_from: CameFrom<'_>, cookies: Cookies<'_>) -> Result<Outcome, Failure> {
    let client_id = params.get("client_id").and_then(|id| ClientId::parse(id).ok());
    let (client, accounts) = load(core, client_id.as_ref(), cookies.sessions).await?;
    let is_own = |account: &Account| account.facts.client_session.as_ref().is_some_and(|client_session| client_session.ended.is_none());
    let mut own = accounts.iter().enumerate().filter(|(_, account)| is_own(account)).map(|(index, _)| index);
    // Of several accounts that use the application nobody says which is meant.
    let own = own.next().filter(|_| own.next().is_none());
    let decision = decide_auth0(params, client.as_ref(), came_from, !accounts.is_empty(), own.is_some())?;
    apply(core, decision, own, accounts).await
}

/// The client, and the browser's sessions that have not been ended.
async fn load(core: &Core, client_id: Option<&ClientId>, held: HeldSessions) -> Result<(Option<Client>, Vec<Account>), Failure> {
    let id = client_id.cloned();
    let loaded = core.store.read(move |db| {
        let client = match &id {
            Some(id) => clients::find(db, id)?,
            None => None,
        };
        Ok((client, accounts::load(db, &held, id.as_ref())?))
    });
    let (client, accounts) = loaded.await?;
    Ok((client, accounts.into_iter().filter(|account| account.facts.session.ended.is_none()).collect()))
}

async fn apply(core: &Core, decision: Decision, own: Option<usize>, accounts: Vec<Account>) -> Result<Outcome, Failure> {
    match decision {
        Decision::NothingToEnd(after) => Ok(Outcome::Ended(Ended { after, frames: Vec::new(), left: Vec::new() })),
        Decision::End(after) => {
            let ends = own.and_then(|own| accounts.get(own)).map(|account| account.facts.session.id);
            Ok(Outcome::Ended(end(core, after, accounts, |account| Some(account.facts.session.id) == ends).await?))
        }
        Decision::Confirm(after) => {
            let redirect = match after {
                After::Redirect(url) => Some(url),
                After::SignedOutPage => None,
            };
            // Away from its device a session can be ended, but not whose it is be learnt.
            let now = core.now();
            let shown = accounts.into_iter().filter(|account| !account.is_off_its_device(now));
            let accounts = shown.map(|account| Signed { session: account.facts.session.id, user: account.facts.user }).collect();
            Ok(Outcome::Confirm { accounts, pending: Logout { redirect } })
        }
    }
}

/// The user said yes: to signing out of one account, or of all.
pub async fn confirm(core: &Core, pending: Logout, session: Option<SessionId>, held: HeldSessions) -> Result<Ended, Failure> {
    let (_, accounts) = load(core, None, held).await?;
    let after = pending.redirect.map_or(After::SignedOutPage, After::Redirect);
    end(core, after, accounts, |account| session.is_none_or(|session| account.facts.session.id == session)).await
}

async fn end(core: &Core, after: After, accounts: Vec<Account>, ends: impl Fn(&Account) -> bool) -> Result<Ended, Failure> {
    let mut frames = Vec::new();
    let (ending, left): (Vec<Account>, Vec<Account>) = accounts.into_iter().partition(ends);
    for account in ending {
        frames.extend(end_session(core, &account.facts.session).await?);
    }
    Ok(Ended { after, frames, left: left.iter().map(|account| (account.held, account.facts.session.remembered)).collect() })
}

/// Ends the session; the addresses that its applications want loaded in frames.
async fn end_session(core: &Core, session: &Session) -> Result<Vec<String>, Failure> {
    let (now, id, user) = (core.now(), session.id, session.user_id);
    let occasion = core.occasion(Actor::User(user), now);
    let ended = core.store.write_at_length(move |db| {
        let told = client_sessions::clients_of(db, id)?;
        let ended = tree::end(db, &tree::Node::Session(id), EndReason::Logout, now)?;
        if ended.sessions > 0 {
            events::record(db, &telling_end(occasion.event(EventKind::SessionEnded, Object::Session(id)).of(user), EndReason::Logout, &ended))?;
        }
        Ok(told)
    });
    let told = ended.await?;
    tracing::info!(event = "session.ended", session = %id, reason = EndReason::Logout.as_str(), "signed out");
    let address = |client: &Client| Some(frame(client.metadata.frontchannel_logout_uri.as_ref()?, core.issuer(), &core.sids.sid(id, &client.id)));
    Ok(told.iter().filter_map(address).collect())
}
