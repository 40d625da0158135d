//! What a user can end: a session, all others, an application's access.

use serde::{Deserialize, Serialize};

use super::SignedIn;
use crate::domain::event::{Actor, Event, EventKind, Object};
use crate::domain::id::{ClientId, SessionId, UserId};
use crate::domain::session::EndReason;
use crate::protocol::account::is_proved;
use crate::service::ticket::Content;
use crate::service::{Core, Failure, telling_end};
use crate::store::tree::{self, EndedCounts, Node};
use crate::store::{consents, events, sessions};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Sign out there.
    EndSession(SessionId),
    /// Sign out everywhere but here. What an application was given elsewhere ends too.
    EndOthers,
    /// The application has to ask again.
    Withdraw(ClientId),
}

/// An action that waits for the password. It is of this user in this session, and of nobody else in this browser.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Waiting {
    user: UserId,
    session: SessionId,
    pub action: Action,
}

impl Content for Waiting {
    const PURPOSE: &'static str = "action on the own account";
}

impl Waiting {
    pub fn of(signed_in: &SignedIn, action: Action) -> Self {
        Self { user: signed_in.user.id, session: signed_in.session.id, action }
    }

    pub fn is_of(&self, signed_in: &SignedIn) -> bool {
        (self.user, self.session) == (signed_in.user.id, signed_in.session.id)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acted {
    Done,
    /// The sign-in is too long ago: ask for the password first. Nothing was done.
    ProveFirst,
    /// It is not there, or not this user's, which reads the same.
    NotFound,
}

/// Does it, if it is this user's to do. What has ended before stays as it is and counts as done: two clicks are no mistake.
pub async fn act(core: &Core, signed_in: &SignedIn, action: &Action) -> Result<Acted, Failure> {
    if !is_proved(&signed_in.session, core.now()) {
        return Ok(Acted::ProveFirst);
    }
    let done = carry_out(core, signed_in.user.id, signed_in.session.id, action, &By::AccountPage).await?;
    Ok(done.map_or(Acted::NotFound, |_| Acted::Done))
}

/// The same once it is proved who is there: what ended. `None`: it is not there, or not this user's.
pub async fn carry_out(core: &Core, user: UserId, here: SessionId, action: &Action, by: &By) -> Result<Option<EndedCounts>, Failure> {
    let now = core.now();
    let occasion = core.occasion(Actor::User(user), now);
    let who = by.clone();
    let acted: Option<EndedCounts> = match action.clone() {
        Action::EndSession(session) => {
            let end = move |db: &mut _| {
                if sessions::find(db, session)?.is_none_or(|found| found.user_id != user) {
                    return Ok(None);
                }
                let ended = tree::end(db, &Node::Session(session), EndReason::RevokedByUser, now)?;
                if ended != EndedCounts::default() {
                    let event = occasion.event(EventKind::SessionRevoked, Object::Session(session)).of(user);
                    let event = who.with_application(event);
                    events::record(db, &telling_end(event, EndReason::RevokedByUser, &ended))?;
                }
                Ok(Some(ended))
            };
            core.store.write_at_length(end).await?
        }
        Action::EndOthers => {
            let end = move |db: &mut _| {
                let ended = tree::end(db, &Node::Elsewhere(user, here), EndReason::RevokedByUser, now)?;
                if ended != EndedCounts::default() {
                    let event = occasion.event(EventKind::SessionRevoked, Object::User(user)).with("kept", here);
                    let event = who.with_application(event);
                    events::record(db, &telling_end(event, EndReason::RevokedByUser, &ended))?;
                }
                Ok(Some(ended))
            };
            core.store.write_at_length(end).await?
        }
        Action::Withdraw(client) => withdraw(core, user, client, by).await?,
    };
    let Some(ended) = acted else { return Ok(None) };
    match action {
        Action::EndSession(session) => tracing::info!(event = "session.revoked", user = %user, session = %session, "a session was ended by its user"),
        Action::EndOthers => {
            tracing::info!(event = "session.revoked", user = %user, sessions = ended.sessions, kept = %here, "all other sessions were ended by their user");
        }
        // Said already.
        Action::Withdraw(_) => {}
    }
    Ok(Some(ended))
}

/// Who takes an application's access back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The user, on their own page.
    AccountPage,
    /// The user, in this application, which may do that for them.
    AccountApi(ClientId),
    /// A page of the application itself, through the user's browser: the user need not have known.
    Fedcm,
}

impl By {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::AccountPage => "account_page",
            Self::AccountApi(_) => "account_api",
            Self::Fedcm => "fedcm",
        }
    }

    /// The event says which application it was.
    pub(super) fn with_application(&self, event: Event) -> Event {
        match self {
            Self::AccountApi(client) => event.with("application", client),
            Self::AccountPage | Self::Fedcm => event,
        }
    }
}

/// The application has to ask again, and what it was given ends. `None`: it had nothing.
pub async fn withdraw(core: &Core, user: UserId, client: ClientId, by: &By) -> Result<Option<EndedCounts>, Failure> {
    let now = core.now();
    let (occasion, id, who) = (core.occasion(Actor::User(user), now), client.clone(), by.clone());
    let ended = core.store.write_at_length(move |db| {
        let consented = consents::withdraw(db, user, &id)?;
        let ended = tree::end(db, &Node::UserClient(user, id.clone()), EndReason::ConsentWithdrawn, now)?;
        if !consented && ended == EndedCounts::default() {
            return Ok(None);
        }
        let event = occasion.event(EventKind::ConsentWithdrawn, Object::Client(id)).of(user).with("by", who.as_str());
        let event = who.with_application(event);
        events::record(db, &telling_end(event, EndReason::ConsentWithdrawn, &ended))?;
        Ok(Some(ended))
    });
    let ended = ended.await?;
    if let Some(ended) = &ended {
        tracing::info!(event = "consent.withdrawn", user = %user, client = %client, families = ended.families, by = by.as_str(), "access withdrawn");
    }
    Ok(ended)
}
