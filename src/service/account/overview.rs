//! What there is of a user, in one look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;

use crate::domain::acr::Acr;
use crate::domain::clock::Timestamp;
use crate::domain::consent::Consent;
use crate::domain::id::{ClientId, SessionId, UserId};
use crate::domain::refresh_family::RefreshFamily;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::protocol::account::{Access, FamilyOf, Known, Place, accesses, places};
use crate::protocol::lifetime_policy::{ClientPolicy, Policy};
use crate::service::known_clients::KnownClient;
use crate::service::{Core, Failure};
use crate::store::refresh_families::FamilyFacts;
use crate::store::{Connection, StoreError, client_sessions, consents, refresh_families, sessions};

/// Sessions looked at for one page; nobody has that many.
const SESSIONS: u32 = 100;
/// Families looked at; where there are more, some of each application's own beside them.
const FAMILIES: u32 = 500;
/// Those of each application, the last used first: one that is in use is enough to show it.
const OF_EACH: u32 = 20;
/// Applications at most.
const CLIENTS: usize = 200;
/// Warnings shown at most.
const WARNINGS: u32 = 10;
/// How long a warning is shown.
pub const WARNED_FOR: TimeDelta = TimeDelta::days(30);

/// All that the page shows.
#[derive(Debug)]
pub struct Overview {
    /// This browser first, then the newest.
    pub places: Vec<Place>,
    /// There are older sessions than those: they come after this one.
    pub older: Option<SessionId>,
    pub accesses: Vec<Access>,
    pub warnings: Vec<Warning>,
    /// The applications that the others name.
    pub clients: BTreeMap<ClientId, Arc<KnownClient>>,
}

/// An old refresh token came back: somebody may have copied it.
#[derive(Debug)]
pub struct Warning {
    pub client_id: ClientId,
    pub at: Timestamp,
    /// The browser in which the user had given that access.
    pub user_agent: Option<String>,
}

struct Rows {
    sessions: Vec<Session>,
    client_sessions: Vec<crate::domain::client_session::ClientSession>,
    families: Vec<FamilyFacts>,
    consents: Vec<Consent>,
    reused: Vec<(RefreshFamily, Option<Session>)>,
    clients: BTreeMap<ClientId, Arc<KnownClient>>,
    policy: Policy,
}

/// The user's sessions before `before`, or from the newest on; `here` is the one that is looked from, if it is one.
pub async fn load(core: &Core, user: &User, here: Option<&Session>, before: Option<SessionId>) -> Result<Overview, Failure> {
    let now = core.now();
    let (id, here_id, parsed) = (user.id, here.map(|here| here.id), Arc::clone(&core.clients));
    let rows = core.store.scan(move |db| {
        let sessions = sessions::list_open(db, id, before, SESSIONS)?;
        let mut ids: Vec<SessionId> = sessions.iter().map(|session| session.id).collect();
        ids.extend(here_id.filter(|here| !ids.contains(here)));
        let client_sessions = client_sessions::list_open(db, &ids)?;
        let families = families(db, id)?;
        let consents = consents::list_by_user(db, id)?;
        let reused = refresh_families::ended_by_reuse(db, id, now - WARNED_FOR, WARNINGS)?;
        let mut named: BTreeSet<&ClientId> = client_sessions.iter().map(|seen| &seen.client_id).collect();
        named.extend(families.iter().map(|facts| &facts.family.client_id));
        named.extend(consents.iter().map(|consent| &consent.client_id));
        named.extend(reused.iter().map(|(family, _)| &family.client_id));
        let mut clients = BTreeMap::new();
        for id in named {
            if let Some(client) = parsed.find(db, id)? {
                clients.insert(id.clone(), client);
            }
        }
        let policy = parsed.policy(db)?;
        Ok::<_, StoreError>(Rows { sessions, client_sessions, families, consents, reused, clients, policy })
    });
    Ok(arrange(user, here, before, rows.await?, now))
}

/// The newest; and where there are more than these, of every application those that were used last, so that however many one of them makes, the
/// others stay in their user's sight.
fn families(db: &mut Connection, user: UserId) -> Result<Vec<FamilyFacts>, StoreError> {
    let mut families = refresh_families::facts_of_user(db, user, FAMILIES)?;
    if u32::try_from(families.len()).is_ok_and(|found| found < FAMILIES) {
        return Ok(families);
    }
    let mut after = None;
    for _ in 0..CLIENTS {
        let Some(client) = refresh_families::next_client(db, user, after.as_ref())? else { break };
        families.extend(refresh_families::facts_of_pair(db, user, &client, OF_EACH)?);
        after = Some(client);
    }
    Ok(families)
}

fn arrange(user: &User, here: Option<&Session>, before: Option<SessionId>, rows: Rows, now: Timestamp) -> Overview {
    let full = u32::try_from(rows.sessions.len()).unwrap_or(u32::MAX) == SESSIONS;
    let older = rows.sessions.last().map(|session| session.id).filter(|_| full);
    // This browser stands first, on the first page; it is as it was when it was judged.
    let first = here.filter(|_| before.is_none()).cloned();
    let is_here = |session: &Session| here.is_some_and(|here| here.id == session.id);
    let sessions: Vec<Session> = first.into_iter().chain(rows.sessions.into_iter().filter(|session| !is_here(session))).collect();
    let nowhere = ClientPolicy::new(&rows.policy, None);
    let limits = |client: Option<&ClientId>, acr: Acr| match client.and_then(|id| rows.clients.get(id)) {
        Some(client) => client.limits(user, acr),
        None => nowhere.limits(Some(&user.groups), Some(acr)),
    };
    let clients = rows.clients.iter().map(|(id, client)| (id.clone(), &***client)).collect();
    let families: Vec<FamilyOf<'_>> = rows
        .families
        .iter()
        .filter_map(|facts| {
            let tenure = rows.clients.get(&facts.family.client_id)?.tenure();
            Some(FamilyOf { family: &facts.family, session: facts.session.as_ref(), client_session: facts.client_session.as_ref(), tenure })
        })
        .collect();
    let known = Known {
        user,
        sessions: &sessions,
        client_sessions: &rows.client_sessions,
        families: &families,
        consents: &rows.consents,
        clients: &clients,
        limits: &limits,
    };
    let (places, accesses) = (places(&known, now), accesses(&known, now));
    let warning = |(family, session): (RefreshFamily, Option<Session>)| {
        Some(Warning { client_id: family.client_id, at: family.ended?.at, user_agent: session.and_then(|session| session.user_agent) })
    };
    Overview { places, older, accesses, warnings: rows.reused.into_iter().filter_map(warning).collect(), clients: rows.clients }
}
