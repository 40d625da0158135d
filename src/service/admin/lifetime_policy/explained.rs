//! What a running server would say of a session, and why.

use crate::domain::client::Client;
use crate::domain::client_session::ClientSession;
use crate::domain::id::SessionId;
use crate::domain::lifetime::Limits;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::protocol::lifetime_policy::explain::{Explanation, explain};
use crate::protocol::lifetime_policy::{ClientPolicy, Subject};
use crate::protocol::session::{Deadlines, Unusable, judge};
use crate::service::admin::{Admin, AdminError, not_found};
use crate::store::{client_sessions, sessions, users};

/// A session as the server judges it at its next use: by a client, or without one on the issuer's own pages.
#[derive(Debug, Clone)]
pub struct ExplainedSession {
    pub session: Session,
    pub user: User,
    /// The client's part of it; absent without a client, and where the client was given nothing in it yet.
    pub client_session: Option<ClientSession>,
    /// Where each limit comes from.
    pub limits: Vec<Explanation>,
    /// Until when it can be used, or why it cannot.
    pub verdict: Result<Deadlines, Unusable>,
}

impl Admin {
    /// Judges a session by the rules of this moment. Nothing is written, not even that it is past its end.
    pub async fn explain_session(&self, default: &Limits, id: SessionId, client: Option<&Client>) -> Result<ExplainedSession, AdminError> {
        let policy = self.lifetime_policy(default).await?;
        let client_id = client.map(|client| client.id.clone());
        let found = self.store.read(move |db| {
            let Some(session) = sessions::find(db, id)? else { return Ok(None) };
            let Some(user) = users::find(db, session.user_id)? else { return Ok(None) };
            let client_session = client_id.map(|client| client_sessions::find(db, id, &client)).transpose()?.flatten();
            Ok(Some((session, user, client_session)))
        });
        let (session, user, client_session) = found.await?.ok_or_else(|| not_found("session", id))?;
        let limits = ClientPolicy::new(&policy, client).limits(Some(&user.groups), Some(session.acr));
        let verdict = judge(&session, &user, client_session.as_ref(), &limits, self.now());
        let limits = explain(&policy, &Subject { client, groups: Some(&user.groups), acr: Some(session.acr) });
        Ok(ExplainedSession { session, user, client_session, limits, verdict })
    }
}
