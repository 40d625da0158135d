//! Which web origins may read answers (CORS). A preflight names no client, so there the question is whether any enabled client
//! registered the origin; the answer itself is read only by the origins of the client it is for. The list is kept for a second, so
//! that a preflight costs nothing.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;

use super::{Core, Failure};
use crate::domain::clock::Timestamp;
use crate::domain::id::ClientId;
use crate::store::registered;

#[derive(Default)]
struct Registered {
    of_any: HashSet<String>,
    by_client: HashMap<ClientId, Vec<String>>,
}

type Cached = Option<(Timestamp, Arc<Registered>)>;

#[derive(Default)]
pub struct WebOrigins(Mutex<Cached>);

const KEEP: TimeDelta = TimeDelta::seconds(1);

/// Whether `origin` is a web origin of `caller`; of any enabled client, where the caller is not a known one.
pub async fn is_registered(core: &Core, origin: &str, caller: Option<&ClientId>) -> Result<bool, Failure> {
    let known = known(core).await?;
    Ok(match caller.and_then(|caller| known.by_client.get(caller)) {
        Some(own) => own.iter().any(|one| one == origin),
        None => known.of_any.contains(origin),
    })
}

/// Whether `origin` is a web origin of this very client, and that one is enabled.
pub async fn is_own(core: &Core, origin: &str, client: &ClientId) -> Result<bool, Failure> {
    Ok(known(core).await?.by_client.get(client).is_some_and(|own| own.iter().any(|one| one == origin)))
}

async fn known(core: &Core) -> Result<Arc<Registered>, Failure> {
    let now = core.now();
    let cached = core.web_origins.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
    if let Some((at, known)) = cached
        && now.signed_duration_since(at).abs() < KEEP
    {
        return Ok(known);
    }
    let mut fresh = Registered::default();
    for (client, origins) in core.store.read(registered::origins).await? {
        fresh.of_any.extend(origins.iter().cloned());
        fresh.by_client.insert(client, origins);
    }
    let fresh = Arc::new(fresh);
    *core.web_origins.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some((now, fresh.clone()));
    Ok(fresh)
}
