//! Clients: registering, changing, giving a new secret.

use super::{Admin, AdminError, Guard, Memo, console, lifetime_policy, not_found};
use crate::domain::client::{Caution, Client, ClientMetadata};
use crate::domain::client_secret::SecretOverlap;
use crate::domain::clock::Timestamp;
use crate::domain::event::{Actor, EventKind, Object};
use crate::domain::id::ClientId;
use crate::domain::secret::Secret;
use crate::domain::session::EndReason;
use crate::service::telling_end;
use crate::store::client_lists::{self, ClientFilter, Place};
use crate::store::listed::{Order, Page};
use crate::store::tree::{self, Node};
use crate::store::{StoreError, clients, events, logout_notices};

/// A client to be registered.
#[derive(Debug, Clone)]
pub struct NewClient {
    pub id: ClientId,
    pub metadata: ClientMetadata,
}

/// A client that was just registered, and its secret if it has one.
pub type Registered = (Client, Option<Secret<String>>);

/// What a client proves itself by from now on.
#[derive(Debug, Clone)]
pub struct NewSecret {
    /// Told here and nowhere again.
    pub secret: Secret<String>,
    /// Until when the one before works beside it, if it does.
    pub previous_expires_at: Option<Timestamp>,
}

/// A change of a client: its metadata as a whole, and whether it is disabled.
pub type ClientChange = Box<dyn FnOnce(&mut Client) + Send>;

/// Puts into the log what may not have been meant.
pub(super) fn caution(id: &ClientId, cautions: &[Caution]) {
    for caution in cautions {
        tracing::warn!(event = caution.event(), client = %id, "{caution}");
    }
}

impl Admin {
    /// Registers a client. A confidential one gets a secret, which is told here and nowhere again.
    pub async fn create_client(&self, new: NewClient) -> Result<Registered, AdminError> {
        self.create_client_once(new, None).await
    }

    /// The same, and `memo` writes down what is answered.
    pub async fn create_client_once(&self, new: NewClient, memo: Option<Memo<Registered>>) -> Result<Registered, AdminError> {
        console::is_not_the_consoles(&new.id)?;
        new.metadata.check(&new.id)?;
        let secret = (!new.metadata.is_public()).then(|| Secret::<String>::generate(self.entropy.as_ref()));
        let now = self.now();
        let client = Client {
            id: new.id,
            metadata: new.metadata,
            secret_digest: secret.as_ref().map(Secret::digest),
            previous_secret: None,
            disabled_at: None,
            managed_by_file: false,
            created_at: now,
            updated_at: now,
        };
        let (registered, occasion) = ((client.clone(), secret.clone()), self.occasion(now));
        let inserted = self.store.write(move |db| {
            let row = &registered.0;
            clients::insert(db, row)?;
            events::record(db, &occasion.event(EventKind::ClientCreated, Object::Client(row.id.clone())).with("metadata", &row.metadata))?;
            memo.map_or(Ok(()), |memo| memo.write(db, &registered, now))
        });
        match inserted.await {
            Err(StoreError::Conflict) => Err(AdminError::Exists { what: "client", name: client.id.to_string() }),
            other => {
                other?;
                tracing::info!(event = "client.created", client = %client.id, "a client was registered");
                caution(&client.id, &client.metadata.cautions(None));
                Ok((client, secret))
            }
        }
    }

    /// Whether a client could be registered by this id now.
    pub async fn is_free_for_a_client(&self, id: &ClientId) -> Result<(), AdminError> {
        console::is_not_the_consoles(id)?;
        match self.client(id).await {
            Ok(_) => Err(AdminError::Exists { what: "client", name: id.to_string() }),
            Err(AdminError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Clients by id, those after `after`.
    pub async fn clients(&self, after: Option<ClientId>, limit: u32) -> Result<Vec<Client>, AdminError> {
        Ok(self.store.scan(move |db| clients::list(db, after.as_ref(), limit)).await?)
    }

    /// Those of them who are wanted, also the other way round. Where not everyone is, a page may hold less than `limit` though there is a next one.
    pub async fn clients_by_id(&self, filter: ClientFilter, order: Order, after: Option<ClientId>, limit: u32) -> Result<Page<Client, ClientId>, AdminError> {
        Ok(self.store.scan(move |db| client_lists::by_id(db, &filter, order, after.as_ref(), limit)).await?)
    }

    /// The same in the order they were registered, or the other way round.
    pub async fn clients_by_time(&self, filter: ClientFilter, order: Order, after: Option<Place>, limit: u32) -> Result<Page<Client, Place>, AdminError> {
        Ok(self.store.scan(move |db| client_lists::by_time(db, &filter, order, after, limit)).await?)
    }

    pub async fn client(&self, id: &ClientId) -> Result<Client, AdminError> {
        let lookup = id.clone();
        self.store.read(move |db| clients::find(db, &lookup)).await?.ok_or_else(|| not_found("client", id))
    }

    /// Changes a client as it is at that moment. A public client that becomes confidential has no secret until it is given one.
    pub async fn update_client(&self, id: &ClientId, change: ClientChange) -> Result<Client, AdminError> {
        self.try_update_client(id, |client| {
            change(client);
            Ok(())
        })
        .await
    }

    /// The same, and the change may be refused when it sees what is there.
    pub async fn try_update_client(
        &self,
        id: &ClientId,
        change: impl FnOnce(&mut Client) -> Result<(), AdminError> + Send + 'static,
    ) -> Result<Client, AdminError> {
        let (lookup, now) = (id.clone(), self.now());
        let occasion = self.occasion(now);
        let changed = self.store.write_at_length(move |db| {
            let Some(before) = clients::find_held(db, &lookup)? else { return Ok(None) };
            let mut client = before.clone();
            let (created_at, secrets, enabled) = (client.created_at, (client.secret_digest, client.previous_secret), client.disabled_at.is_none());
            if let Err(refused) = change(&mut client) {
                return Ok(Some(Err(refused)));
            }
            // What a change may not touch.
            (client.id, client.created_at, client.updated_at) = (lookup, created_at, now);
            (client.secret_digest, client.previous_secret) = if client.metadata.is_public() { (None, None) } else { secrets };
            if let Err(refused) = client.metadata.check(&client.id) {
                return Ok(Some(Err(refused.into())));
            }
            if before.metadata != client.metadata
                && let Err(refused) = console::is_not_the_issuers(&before)
            {
                return Ok(Some(Err(refused)));
            }
            clients::upsert(db, &client)?;
            let tell = |kind| occasion.event(kind, Object::Client(client.id.clone()));
            if before.metadata != client.metadata {
                events::record(db, &tell(EventKind::ClientUpdated).with_changes(&before.metadata, &client.metadata))?;
            }
            if before.disabled_at.is_some() && client.disabled_at.is_none() {
                // Until now: whoever looked at it before it was disabled may have given it something since.
                clients::end_tokens(db, &client.id, now)?;
                events::record(db, &tell(EventKind::ClientEnabled))?;
            }
            // Ended, not only refused while it lasts: what a thief has must not come back to life with the client.
            if enabled && client.disabled_at.is_some() {
                let ended = tree::end(db, &Node::Client(client.id.clone()), EndReason::ClientDisabled, now)?;
                clients::end_tokens(db, &client.id, now)?;
                events::record(db, &telling_end(tell(EventKind::ClientDisabled), EndReason::ClientDisabled, &ended))?;
            }
            Ok(Some(Ok((before.metadata, client))))
        });
        let (before, client) = changed.await?.ok_or_else(|| not_found("client", id))??;
        tracing::info!(event = "client.updated", client = %client.id, "a client was changed");
        caution(&client.id, &client.metadata.cautions(Some(&before)));
        Ok(client)
    }

    /// A new secret, told here and nowhere again; the old one is dead at once.
    pub async fn rotate_client_secret(&self, id: &ClientId) -> Result<Secret<String>, AdminError> {
        Ok(self.rotate_client_secret_if(id, SecretOverlap::NONE, Box::new(|_| Ok(()))).await?.secret)
    }

    /// The same, unless `guard` refuses when it sees the client; and the old one works beside the new one for `overlap`. One that is older
    /// still is dead at once: there are never more than two.
    pub async fn rotate_client_secret_if(&self, id: &ClientId, overlap: SecretOverlap, guard: Guard<Client>) -> Result<NewSecret, AdminError> {
        self.rotate_client_secret_once(id, overlap, guard, None).await
    }

    /// The same, and `memo` writes down what is answered.
    pub async fn rotate_client_secret_once(
        &self,
        id: &ClientId,
        overlap: SecretOverlap,
        guard: Guard<Client>,
        memo: Option<Memo<NewSecret>>,
    ) -> Result<NewSecret, AdminError> {
        let secret = Secret::<String>::generate(self.entropy.as_ref());
        let (lookup, now, by_operator) = (id.clone(), self.now(), self.actor == Actor::CommandLine);
        let occasion = self.occasion(now);
        let set = self.store.write(move |db| {
            let Some(client) = clients::find_held(db, &lookup)? else { return Ok(Err(not_found("client", &lookup))) };
            if let Err(refused) = guard(&client) {
                return Ok(Err(refused));
            }
            if client.metadata.is_public() {
                return Ok(Err(AdminError::PublicClient(lookup)));
            }
            let previous = overlap.previous(client.secret_digest, now);
            clients::set_secret(db, &lookup, secret.digest(), previous, now)?;
            clients::note_secret_by_operator(db, &lookup, by_operator)?;
            let event = occasion.event(EventKind::ClientSecretRotated, Object::Client(lookup));
            let event = previous.iter().fold(event, |event, previous| event.with("previous_secret_expires_at", previous.expires_at));
            events::record(db, &event)?;
            let made = NewSecret { secret, previous_expires_at: previous.map(|previous| previous.expires_at) };
            memo.map_or(Ok(()), |memo| memo.write(db, &made, now))?;
            Ok(Ok(made))
        });
        let made = set.await??;
        tracing::info!(event = "client.secret_rotated", client = %id, previous_expires_at = made.previous_expires_at.map(tracing::field::display), "a client got a new secret");
        Ok(made)
    }

    /// Ends the secret before the present one, if it still works, unless `guard` refuses when it sees the client.
    pub async fn end_previous_client_secret(&self, id: &ClientId, guard: Guard<Client>) -> Result<Client, AdminError> {
        let (lookup, now) = (id.clone(), self.now());
        let occasion = self.occasion(now);
        let ended = self.store.write(move |db| {
            let Some(client) = clients::find_held(db, &lookup)? else { return Ok(Err(not_found("client", &lookup))) };
            if let Err(refused) = guard(&client) {
                return Ok(Err(refused));
            }
            if client.live_previous_secret(now).is_none() {
                return Ok(Ok(client));
            }
            clients::end_previous_secret(db, &lookup, now)?;
            events::record(db, &occasion.event(EventKind::ClientPreviousSecretEnded, Object::Client(lookup)))?;
            Ok(Ok(Client { previous_secret: None, updated_at: now, ..client }))
        });
        let client = ended.await??;
        tracing::info!(event = "client.previous_secret_ended", client = %id, "only the present secret of a client works");
        Ok(client)
    }

    /// Deletes a client with its client sessions, consents and refresh families, and the lifetime rules that are for it.
    pub async fn delete_client(&self, id: &ClientId) -> Result<(), AdminError> {
        self.delete_client_if(id, Box::new(|_| Ok(()))).await
    }

    /// The same, unless `guard` refuses when it sees the client.
    pub async fn delete_client_if(&self, id: &ClientId, guard: Guard<Client>) -> Result<(), AdminError> {
        let (lookup, mark, occasion) = (id.clone(), lifetime_policy::mark(self.entropy.as_ref()), self.occasion(self.now()));
        let deleted = self.store.write_at_length(move |db| {
            let Some(client) = clients::find_held(db, &lookup)? else { return Ok(Err(not_found("client", &lookup))) };
            if let Err(refused) = guard(&client).and_then(|()| console::is_not_the_issuers(&client)) {
                return Ok(Err(refused));
            }
            lifetime_policy::forget_client(db, &lookup, &mark, &occasion)?;
            clients::delete(db, &lookup)?;
            logout_notices::forget_client(db, &lookup)?;
            events::record(db, &occasion.event(EventKind::ClientDeleted, Object::Client(lookup)))?;
            Ok(Ok(()))
        });
        deleted.await??;
        tracing::info!(event = "client.deleted", client = %id, "a client was deleted");
        Ok(())
    }
}
