//! Where a user is signed in, as an application may learn it: page by page.
//!
//! A session's own id is never shown to a client. It is called by the `sid` that the application knows it by from its ID tokens, or would:
//! another one for every application, so that two of them cannot join what they know of a browser.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::acr::Acr;
use crate::domain::client_session::ClientSession;
use crate::domain::id::{ClientId, SessionId, UserId};
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::protocol::account::{Known, Place, places};
use crate::protocol::lifetime_policy::{ClientPolicy, Policy};
use crate::protocol::session::judge;
use crate::service::access_token::LiveToken;
use crate::service::known_clients::KnownClient;
use crate::service::{Core, Failure};
use crate::store::{StoreError, client_sessions, sessions};

/// Sessions that can be used, with their applications.
#[derive(Debug)]
pub struct Places {
    pub places: Vec<Place>,
    /// There are older ones: they come after this one.
    pub next: Option<SessionId>,
    /// The applications that they name.
    pub clients: BTreeMap<ClientId, Arc<KnownClient>>,
}

struct Rows {
    sessions: Vec<Session>,
    client_sessions: Vec<ClientSession>,
    clients: BTreeMap<ClientId, Arc<KnownClient>>,
    policy: Policy,
}

/// The user's sessions that are looked through for the one that is meant.
const LOOKED_THROUGH: u32 = 4000;

/// What an application calls a session by.
pub fn sid(core: &Core, session: SessionId, client: &ClientId) -> String {
    core.sids.sid(session, client)
}

/// Which session of this user an application means, ended or not. `None`: none of this user's.
pub async fn meant(core: &Core, user: UserId, client: &ClientId, sid: &str) -> Result<Option<SessionId>, Failure> {
    let (sids, client, sid) = (core.sids.clone(), client.clone(), sid.to_owned());
    let found =
        core.store.scan(move |db| Ok::<_, StoreError>(sessions::ids_of(db, user, LOOKED_THROUGH)?.into_iter().find(|id| sids.sid(*id, &client) == sid)));
    Ok(found.await?)
}

/// The newest first, those begun before `before`. `limit` is how many are looked at: what could not be used any more is left out.
pub async fn list(core: &Core, user: &User, before: Option<SessionId>, limit: u32) -> Result<Places, Failure> {
    let (id, asked) = (user.id, limit.saturating_add(1));
    let mut rows = read(core, move |db| sessions::list_open(db, id, before, asked)).await?;
    let more = rows.sessions.len() > limit as usize;
    rows.sessions.truncate(limit as usize);
    let next = rows.sessions.last().map(|session| session.id).filter(|_| more);
    Ok(Places { next, ..judged(core, user, rows) })
}

/// One of them. `None`: it cannot be used any more.
pub async fn show(core: &Core, user: &User, id: SessionId) -> Result<Option<Places>, Failure> {
    let owner = user.id;
    let rows = read(core, move |db| Ok(sessions::find(db, id)?.into_iter().filter(|session| session.user_id == owner).collect())).await?;
    Ok(Some(judged(core, user, rows)).filter(|found| !found.places.is_empty()))
}

/// The session that a user's token comes from, if it can still be used: a token with `offline_access` outlives it.
pub fn here(core: &Core, token: &LiveToken) -> Option<Session> {
    let (user, session) = (token.user.as_ref()?, token.session.as_ref()?);
    judge(session, user, None, &token.client.limits(user, session.acr), core.now()).is_ok().then(|| session.clone())
}

async fn read(core: &Core, which: impl FnOnce(&mut crate::store::Connection) -> Result<Vec<Session>, StoreError> + Send + 'static) -> Result<Rows, Failure> {
    let parsed = Arc::clone(&core.clients);
    let rows = core.store.scan(move |db| {
        let sessions = which(db)?;
        let ids: Vec<SessionId> = sessions.iter().map(|session| session.id).collect();
        let client_sessions = client_sessions::list_open(db, &ids)?;
        let named: BTreeSet<&ClientId> = client_sessions.iter().map(|seen| &seen.client_id).collect();
        let mut clients = BTreeMap::new();
        for id in named {
            if let Some(client) = parsed.find(db, id)? {
                clients.insert(id.clone(), client);
            }
        }
        let policy = parsed.policy(db)?;
        Ok::<_, StoreError>(Rows { sessions, client_sessions, clients, policy })
    });
    Ok(rows.await?)
}

fn judged(core: &Core, user: &User, rows: Rows) -> Places {
    let nowhere = ClientPolicy::new(&rows.policy, None);
    let limits = |client: Option<&ClientId>, acr: Acr| match client.and_then(|id| rows.clients.get(id)) {
        Some(client) => client.limits(user, acr),
        None => nowhere.limits(Some(&user.groups), Some(acr)),
    };
    let clients = rows.clients.iter().map(|(id, client)| (id.clone(), &***client)).collect();
    let known =
        Known { user, sessions: &rows.sessions, client_sessions: &rows.client_sessions, families: &[], consents: &[], clients: &clients, limits: &limits };
    Places { places: places(&known, core.now()), next: None, clients: rows.clients }
}
