//! Sessions: who is signed in where, and ending it.

use super::{Admin, AdminError, Guard, not_found};
use crate::domain::client_session::ClientSession;
use crate::domain::event::{EventKind, Object};
use crate::domain::id::{ClientId, GrantId, SessionId, UserId};
use crate::domain::refresh_family::RefreshFamily;
use crate::domain::session::{EndReason, Session};
use crate::domain::user::User;
use crate::service::telling_end;
use crate::store::listed::{self, FamilyFilter, Order, Page, SessionFilter};
use crate::store::tree::{self, EndedCounts, Node};
use crate::store::{client_sessions, clients, events, refresh_families, sessions, users};

/// How many refresh families of each application are told beside a session's applications.
pub const FAMILIES_OF_EACH: usize = 50;

impl Admin {
    /// Sessions in the order they were begun, of one user or of all, ended ones too, those after `after`.
    pub async fn sessions(&self, user: Option<UserId>, after: Option<SessionId>, limit: u32) -> Result<Vec<Session>, AdminError> {
        Ok(self.store.scan(move |db| sessions::list(db, user, after, limit)).await?)
    }

    /// The same, page by page, of whom and of what the filter says, also the other way round.
    pub async fn sessions_page(
        &self,
        filter: SessionFilter,
        order: Order,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Page<Session, SessionId>, AdminError> {
        Ok(self.store.scan(move |db| listed::sessions(db, &filter, order, after, limit)).await?)
    }

    /// Refresh families in the order they were made, or the other way round, ended ones too, page by page.
    pub async fn refresh_families(
        &self,
        filter: FamilyFilter,
        order: Order,
        after: Option<GrantId>,
        limit: u32,
    ) -> Result<Page<RefreshFamily, GrantId>, AdminError> {
        Ok(self.store.scan(move |db| listed::families(db, &filter, order, after, limit)).await?)
    }

    pub async fn refresh_family(&self, id: GrantId) -> Result<RefreshFamily, AdminError> {
        self.store.read(move |db| refresh_families::find(db, id)).await?.ok_or_else(|| not_found("refresh token family", id))
    }

    /// Ends a refresh family and the access tokens that came of it; its session goes on.
    pub async fn end_refresh_family(&self, id: GrantId) -> Result<EndedCounts, AdminError> {
        let now = self.now();
        let occasion = self.occasion(now);
        let ended = self.store.write(move |db| {
            let Some(family) = refresh_families::find(db, id)? else { return Ok(None) };
            let counts = tree::end(db, &Node::Grant(id), EndReason::RevokedByAdmin, now)?;
            if counts != EndedCounts::default() {
                let event = occasion.event(EventKind::GrantRevoked, Object::Grant(id)).of(family.user_id);
                events::record(db, &telling_end(event, EndReason::RevokedByAdmin, &counts))?;
            }
            Ok(Some(counts))
        });
        let counts = ended.await?.ok_or_else(|| not_found("refresh token family", id))?;
        tracing::info!(event = "grant.revoked", grant = %id, "a refresh token family was ended by an administrator");
        Ok(counts)
    }

    /// Ends all that a client has from whomever: its share in every session, and its refresh families. The sessions themselves go on.
    pub async fn end_sessions_at(&self, client: &ClientId) -> Result<EndedCounts, AdminError> {
        let (lookup, now) = (client.clone(), self.now());
        let occasion = self.occasion(now);
        let ended = self.store.write_at_length(move |db| {
            if clients::find(db, &lookup)?.is_none() {
                return Ok(None);
            }
            let counts = tree::end(db, &Node::Client(lookup.clone()), EndReason::RevokedByAdmin, now)?;
            clients::end_grants(db, &lookup, now)?;
            if counts != EndedCounts::default() {
                let event = occasion.event(EventKind::SessionRevoked, Object::Client(lookup));
                events::record(db, &telling_end(event, EndReason::RevokedByAdmin, &counts))?;
            }
            Ok(Some(counts))
        });
        let counts = ended.await?.ok_or_else(|| not_found("client", client))?;
        tracing::info!(event = "session.revoked", client = %client, "all that a client had was ended by an administrator");
        Ok(counts)
    }

    pub async fn session(&self, id: SessionId) -> Result<Session, AdminError> {
        self.store.read(move |db| sessions::find(db, id)).await?.ok_or_else(|| not_found("session", id))
    }

    /// What hangs on a session, ended or not, page by page: its applications by their ids, and the newest refresh families of each of them, in the
    /// order they were made, [`FAMILIES_OF_EACH`] at most. [`Admin::refresh_families`] has all.
    pub async fn below_session(
        &self,
        id: SessionId,
        after: Option<ClientId>,
        limit: u32,
    ) -> Result<(Page<ClientSession, ClientId>, Vec<RefreshFamily>), AdminError> {
        let found = self.store.scan(move |db| {
            let mut items = client_sessions::list(db, id, after.as_ref(), limit.saturating_add(1))?;
            let more = items.len() > limit as usize;
            items.truncate(limit as usize);
            let clients: Vec<&ClientId> = items.iter().map(|share| &share.client_id).collect();
            let families = listed::newest_families(db, id, &clients, FAMILIES_OF_EACH)?;
            let next = if more { items.last().map(|share| share.client_id.clone()) } else { None };
            Ok((Page { items, next }, families))
        });
        Ok(found.await?)
    }

    /// Ends one client's share in a session: what it was given there, its refresh families and the access tokens. The session goes on.
    pub async fn end_client_session(&self, id: SessionId, client: &ClientId) -> Result<(ClientSession, EndedCounts), AdminError> {
        let (at, now) = (client.clone(), self.now());
        let occasion = self.occasion(now);
        let ended = self.store.write_at_length(move |db| {
            let Some(session) = sessions::find(db, id)? else { return Ok(Err("session")) };
            if client_sessions::find(db, id, &at)?.is_none() {
                return Ok(Err("client session"));
            }
            let counts = tree::end(db, &Node::ClientSession(id, at.clone()), EndReason::RevokedByAdmin, now)?;
            if counts != EndedCounts::default() {
                let event = occasion.event(EventKind::SessionRevoked, Object::Session(id)).of(session.user_id).with("client", &at);
                events::record(db, &telling_end(event, EndReason::RevokedByAdmin, &counts))?;
            }
            Ok(client_sessions::find(db, id, &at)?.map(|share| (share, counts)).ok_or("client session"))
        });
        let (share, counts) = ended.await?.map_err(|what| not_found(what, id))?;
        tracing::info!(event = "session.revoked", session = %id, client = %client, "a client's share in a session was ended by an administrator");
        Ok((share, counts))
    }

    /// Ends a session and all below it, at once and everywhere.
    pub async fn end_session(&self, id: SessionId) -> Result<EndedCounts, AdminError> {
        let now = self.now();
        let occasion = self.occasion(now);
        let ended = self.store.write_at_length(move |db| {
            let Some(session) = sessions::find(db, id)? else { return Ok(None) };
            let counts = tree::end(db, &Node::Session(id), EndReason::RevokedByAdmin, now)?;
            if counts != EndedCounts::default() {
                let event = occasion.event(EventKind::SessionRevoked, Object::Session(id)).of(session.user_id);
                events::record(db, &telling_end(event, EndReason::RevokedByAdmin, &counts))?;
            }
            Ok(Some(counts))
        });
        let counts = ended.await?.ok_or_else(|| not_found("session", id))?;
        tracing::info!(event = "session.revoked", session = %id, "a session was ended by an administrator");
        Ok(counts)
    }

    /// Ends every session of a user, and what would outlive them.
    pub async fn end_sessions_of(&self, user: UserId) -> Result<EndedCounts, AdminError> {
        self.end_sessions_of_if(user, Box::new(|_| Ok(()))).await
    }

    /// The same, unless `guard` refuses when it sees the user.
    pub async fn end_sessions_of_if(&self, user: UserId, guard: Guard<User>) -> Result<EndedCounts, AdminError> {
        let now = self.now();
        let occasion = self.occasion(now);
        let ended = self.store.write_at_length(move |db| {
            let Some(found) = users::find(db, user)? else { return Ok(Err(not_found("user", user))) };
            if let Err(refused) = guard(&found) {
                return Ok(Err(refused));
            }
            let counts = tree::end(db, &Node::User(user), EndReason::RevokedByAdmin, now)?;
            if counts != EndedCounts::default() {
                let event = occasion.event(EventKind::SessionRevoked, Object::User(user));
                events::record(db, &telling_end(event, EndReason::RevokedByAdmin, &counts))?;
            }
            Ok(Ok(counts))
        });
        let counts = ended.await??;
        tracing::info!(event = "session.revoked", user = %user, sessions = counts.sessions, "all sessions of a user were ended by an administrator");
        Ok(counts)
    }
}
