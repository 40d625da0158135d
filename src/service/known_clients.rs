//! The clients as they were last read, with the lifetime policy as it concerns each.
//!
//! The row, and the mark of the rules with it, is read at every request, so a change by whomever is felt at the next one, on every
//! replica; only what is the same as before is not parsed again.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::domain::acr::Acr;
use crate::domain::client::Client;
use crate::domain::group::Groups;
use crate::domain::id::ClientId;
use crate::domain::lifetime::Limits;
use crate::domain::lifetime_rule::LifetimeRule;
use crate::domain::tenure::Tenure;
use crate::domain::user::User;
use crate::protocol::lifetime_policy::{ClientPolicy, Policy};
use crate::store::clients::{self, MarkedClient};
use crate::store::{Connection, Store, StoreError, lifetime_rules};

/// A client, and what limits it gives whom.
#[derive(Debug)]
pub struct KnownClient {
    client: Client,
    policy: ClientPolicy,
    tenure: Tenure,
}

impl Deref for KnownClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl KnownClient {
    /// The limits in force for this user, signed in like that.
    pub fn limits(&self, user: &User, acr: Acr) -> Limits {
        self.policy.limits(Some(&user.groups), Some(acr))
    }

    /// Since when what it is given counts.
    pub const fn tenure(&self) -> &Tenure {
        &self.tenure
    }

    /// The limits in force while nobody has signed in, or for a client that acts for itself.
    pub fn limits_alone(&self) -> Limits {
        self.policy.limits(None, None)
    }
}

/// More clients than are asked for in one breath; beyond that they are parsed again.
const REMEMBERED: usize = 1024;

type Rules = (Option<String>, Arc<Vec<LifetimeRule>>);

pub struct KnownClients {
    /// The settings' limits.
    default: Limits,
    known: Mutex<HashMap<String, (MarkedClient, Arc<KnownClient>)>>,
    /// By their mark.
    rules: Mutex<Rules>,
}

impl KnownClients {
    pub fn new(default: Limits) -> Self {
        Self { default, known: Mutex::default(), rules: Mutex::default() }
    }

    pub fn find(&self, db: &mut Connection, id: &ClientId) -> Result<Option<Arc<KnownClient>>, StoreError> {
        clients::marked(db, id)?.map(|marked| self.of(db, marked)).transpose()
    }

    /// The client of a row that has just been read.
    pub fn of(&self, db: &mut Connection, marked: MarkedClient) -> Result<Arc<KnownClient>, StoreError> {
        if let Some(known) = self.unchanged(&marked) {
            return Ok(known);
        }
        // Read after the mark: never older than it.
        let rules = self.rules(db, marked.rules())?;
        self.remember(marked, rules)
    }

    /// The same by the store's fast way.
    pub async fn get(self: &Arc<Self>, store: &Store, id: &ClientId) -> Result<Option<Arc<KnownClient>>, StoreError> {
        let Some(marked) = store.client(id.clone()).await? else { return Ok(None) };
        if let Some(known) = self.unchanged(&marked) {
            return Ok(Some(known));
        }
        let (this, id) = (Arc::clone(self), id.clone());
        store.read(move |db| this.find(db, &id)).await
    }

    /// The limits in force where no application asks, as on the issuer's own pages.
    pub fn limits(&self, db: &mut Connection, groups: &Groups, acr: Acr) -> Result<Limits, StoreError> {
        let policy = self.policy(db)?;
        Ok(ClientPolicy::new(&policy, None).limits(Some(groups), Some(acr)))
    }

    /// The whole policy.
    pub fn policy(&self, db: &mut Connection) -> Result<Policy, StoreError> {
        let mark = lifetime_rules::mark(db)?;
        Ok(Policy { default: self.default, rules: self.rules(db, mark.as_deref())? })
    }

    fn unchanged(&self, marked: &MarkedClient) -> Option<Arc<KnownClient>> {
        held(&self.known).get(marked.id()).filter(|(known, _)| known == marked).map(|(_, client)| Arc::clone(client))
    }

    fn rules(&self, db: &mut Connection, mark: Option<&str>) -> Result<Arc<Vec<LifetimeRule>>, StoreError> {
        let (known, rules) = held(&self.rules).clone();
        if known.as_deref() == mark {
            return Ok(rules);
        }
        let rules = Arc::new(lifetime_rules::all(db)?);
        *held(&self.rules) = (mark.map(str::to_owned), Arc::clone(&rules));
        Ok(rules)
    }

    fn remember(&self, marked: MarkedClient, rules: Arc<Vec<LifetimeRule>>) -> Result<Arc<KnownClient>, StoreError> {
        let (client, tenure) = (marked.clone().parse()?, marked.tenure());
        let policy = ClientPolicy::new(&Policy { default: self.default, rules }, Some(&client));
        let known = Arc::new(KnownClient { client, policy, tenure });
        let mut remembered = held(&self.known);
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(marked.id().to_owned(), (marked, Arc::clone(&known)));
        Ok(known)
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
