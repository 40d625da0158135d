//! Logout that an application asks for: end the session, or ask first.

use super::authorize::Cookies;
use super::ticket::Logout;
use super::{Core, Failure, subject, telling_end};
use crate::domain::client::Client;
use crate::domain::event::{Actor, EventKind, Object};
use crate::domain::id::ClientId;
use crate::domain::secret::Digest;
use crate::domain::session::{EndReason, Session};
use crate::protocol::end_session::{After, CameFrom, Decision, Hint, decide, decide_auth0, frame};
use crate::protocol::params::Params;
use crate::store::sessions::SessionFacts;
use crate::store::{client_sessions, clients, events, sessions, tree};

#[derive(Debug)]
pub enum Outcome {
    /// The session has ended (or there was none): clear the cookie, tell the applications by frames at these addresses, then go.
    Ended { after: After, frames: Vec<String> },
    /// Show the confirmation page.
    Confirm { username: String, pending: Logout },
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
    let (client, facts) = load(core, client_id.as_ref(), cookies.session).await?;
    let session = facts.as_ref().map(|facts| &facts.session);
    // Whom the hint names can only be told of a client that is still there: it says by which name it knows its users.
    let hint = hint.map(|hint| {
        let user = session.zip(client.as_ref()).map(|(session, client)| (session.user_id, hint.names(core, client, session.user_id)));
        Hint { user: user.and_then(|(user, named)| named.then_some(user)), client_id: hint.client_id, sid: hint.sid }
    });
    let sid = session.zip(client_id.as_ref()).map(|(session, client)| core.sids.sid(session.id, client));
    let decision = decide(params, hint.as_ref(), client.as_ref(), session, sid.as_deref());
    apply(core, decision, facts).await
}

/// The same as Auth0's libraries ask for it.
pub async fn start_auth0(core: &Core, params: &Params, came_from: CameFrom<'_>, cookies: Cookies<'_>) -> Result<Outcome, Failure> {
    let client_id = params.get("client_id").and_then(|id| ClientId::parse(id).ok());
    let (client, facts) = load(core, client_id.as_ref(), cookies.session).await?;
    let own_session = facts.as_ref().and_then(|facts| facts.client_session.as_ref()).is_some_and(|client_session| client_session.ended.is_none());
    let decision = decide_auth0(params, client.as_ref(), came_from, facts.is_some(), own_session)?;
    apply(core, decision, facts).await
}

/// The client, and the session of the cookie if it has not ended.
async fn load(core: &Core, client_id: Option<&ClientId>, cookie: Option<Digest>) -> Result<(Option<Client>, Option<SessionFacts>), Failure> {
    let id = client_id.cloned();
    let loaded = core.store.read(move |db| {
        let client = match &id {
            Some(id) => clients::find(db, id)?,
            None => None,
        };
        let facts = match cookie {
            Some(cookie) => sessions::facts(db, &cookie, id.as_ref())?,
            None => None,
        };
        Ok((client, facts))
    });
    let (client, facts) = loaded.await?;
    Ok((client, facts.filter(|facts| facts.session.ended.is_none())))
}

async fn apply(core: &Core, decision: Decision, facts: Option<SessionFacts>) -> Result<Outcome, Failure> {
    match decision {
        Decision::NothingToEnd(after) => Ok(Outcome::Ended { after, frames: Vec::new() }),
        Decision::End(after) => {
            let frames = match facts {
                Some(facts) => end(core, &facts.session).await?,
                None => Vec::new(),
            };
            Ok(Outcome::Ended { after, frames })
        }
        Decision::Confirm(after) => {
            let redirect = match after {
                After::Redirect(url) => Some(url),
                After::SignedOutPage => None,
            };
            Ok(Outcome::Confirm { username: facts.map(|facts| facts.user.username).unwrap_or_default(), pending: Logout { redirect } })
        }
    }
}

/// The user said yes: where to go, and the frames to load before.
pub async fn confirm(core: &Core, pending: Logout, cookie: Option<Digest>) -> Result<(After, Vec<String>), Failure> {
    let mut frames = Vec::new();
    if let Some(cookie) = cookie {
        let facts = core.store.read(move |db| sessions::facts(db, &cookie, None)).await?;
        if let Some(facts) = facts.filter(|facts| facts.session.ended.is_none()) {
            frames = end(core, &facts.session).await?;
        }
    }
    Ok((pending.redirect.map_or(After::SignedOutPage, After::Redirect), frames))
}

/// Ends the session; the addresses that its applications want loaded in frames.
async fn end(core: &Core, session: &Session) -> Result<Vec<String>, Failure> {
    let (now, id, user) = (core.now(), session.id, session.user_id);
    let occasion = core.occasion(Actor::User(user), now);
    let ended = core.store.write(move |db| {
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
