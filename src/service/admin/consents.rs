//! Consents: what users have allowed clients, and taking it back for them.

use super::{Admin, AdminError, not_found};
use crate::domain::consent::Consent;
use crate::domain::event::{EventKind, Object};
use crate::domain::id::{ClientId, UserId};
use crate::domain::session::EndReason;
use crate::service::telling_end;
use crate::store::listed::Order;
use crate::store::tree::{self, Node};
use crate::store::{consents, events, users};

impl Admin {
    /// What a user has consented to, by client, or the other way round, those that then come after `after`.
    pub async fn consents(&self, user: UserId, order: Order, after: Option<ClientId>, limit: u32) -> Result<Vec<Consent>, AdminError> {
        let found = self.store.scan(move |db| {
            let known = users::find(db, user)?.is_some();
            known.then(|| consents::list(db, user, order, after.as_ref(), limit)).transpose()
        });
        found.await?.ok_or_else(|| not_found("user", user))
    }

    /// The application has to ask again, and what it was given ends.
    pub async fn withdraw_consent(&self, user: UserId, client: &ClientId) -> Result<(), AdminError> {
        let (now, id) = (self.now(), client.clone());
        let occasion = self.occasion(now);
        let withdrawn = self.store.write_at_length(move |db| {
            if !consents::withdraw(db, user, &id)? {
                return Ok(false);
            }
            let ended = tree::end(db, &Node::UserClient(user, id.clone()), EndReason::ConsentWithdrawn, now)?;
            let event = occasion.event(EventKind::ConsentWithdrawn, Object::Client(id)).of(user);
            events::record(db, &telling_end(event, EndReason::ConsentWithdrawn, &ended))?;
            Ok(true)
        });
        if !withdrawn.await? {
            return Err(not_found("consent", client));
        }
        tracing::info!(event = "consent.withdrawn", user = %user, client = %client, "an administrator withdrew a consent");
        Ok(())
    }
}
