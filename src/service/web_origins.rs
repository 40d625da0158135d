//! Which web origins may read answers (CORS). A preflight names no client, so the question is whether any enabled client
//! registered the origin; the list is kept for a second, so that a preflight costs nothing.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;

use super::{Core, Failure};
use crate::domain::clock::Timestamp;
use crate::store::clients;

type Cached = Option<(Timestamp, Arc<HashSet<String>>)>;

#[derive(Default)]
pub struct WebOrigins(Mutex<Cached>);

const KEEP: TimeDelta = TimeDelta::seconds(1);

/// Whether `origin` is registered as a web origin of an enabled client.
pub async fn is_registered(core: &Core, origin: &str) -> Result<bool, Failure> {
    let now = core.now();
    let cached = core.web_origins.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
    if let Some((at, origins)) = cached
        && now.signed_duration_since(at).abs() < KEEP
    {
        return Ok(origins.contains(origin));
    }
    let origins = core.store.read(clients::origins).await?;
    let origins: Arc<HashSet<String>> = Arc::new(origins.into_iter().flat_map(|(_, origins)| origins).collect());
    let known = origins.contains(origin);
    *core.web_origins.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some((now, origins));
    Ok(known)
}
