//! What happened to an account: of the audit trail what is the user's to know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::event::{Event, Object};
use crate::domain::id::{ClientId, EventId, GrantId, UserId};
use crate::protocol::account::{Happened, KINDS, happened};
use crate::service::known_clients::KnownClient;
use crate::service::{Core, Failure};
use crate::store::{StoreError, events, grants};

/// A part of it, the newest first.
#[derive(Debug)]
pub struct Activity {
    pub happened: Vec<Happened>,
    /// There is older: it comes after this one.
    pub next: Option<EventId>,
    /// The applications that it names.
    pub clients: BTreeMap<ClientId, Arc<KnownClient>>,
}

/// What happened before `before`, or from the newest on.
pub async fn list(core: &Core, user: UserId, before: Option<EventId>, limit: u32) -> Result<Activity, Failure> {
    let (asked, parsed) = (limit.saturating_add(1), Arc::clone(&core.clients));
    let found = core.store.scan(move |db| {
        let mut found: Vec<Event> = events::list_of(db, user, &KINDS, before, asked)?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().map(|event| event.id).filter(|_| more);
        // Of a grant the trail names no application; the grant does.
        let grants: Vec<GrantId> = found.iter().filter_map(|event| if let Object::Grant(id) = &event.object { Some(*id) } else { None }).collect();
        let owners: BTreeMap<GrantId, ClientId> = grants::clients(db, &grants)?.into_iter().collect();
        let happened: Vec<Happened> = found.iter().map(|event| happened(event, user, |grant| owners.get(&grant).cloned())).collect();
        let mut clients = BTreeMap::new();
        for id in happened.iter().filter_map(|one| one.application.as_ref()).collect::<BTreeSet<_>>() {
            if let Some(client) = parsed.find(db, id)? {
                clients.insert(id.clone(), client);
            }
        }
        Ok::<_, StoreError>(Activity { happened, next, clients })
    });
    Ok(found.await?)
}
