//! Device Bound Session Credentials: the browser's key is bound to a session, and shown again every few minutes.
//!
//! Nothing is kept but the public key, on the session's own row. What the browser is asked, what it is called by and what shows that it has
//! answered are sealed and travel ([`Sealer`](crate::jose::sealed::Sealer)): asking writes nothing, and any replica can go on with it.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;

use super::ticket::{dated_token, dated_token_is_valid};
use super::{Core, Failure, found_over};
use crate::domain::clock::Timestamp;
use crate::domain::held_sessions::{DeviceProof, Held, HeldSessions, Slot};
use crate::domain::id::SessionId;
use crate::domain::secret::Digest;
use crate::domain::session::DeviceKey;
use crate::jose::device_proof::{Presented, ProofError};
use crate::protocol::device_bound::{CHALLENGE_LIFETIME, ON_THE_WAY, initiators};
use crate::protocol::error::OAuthError;
use crate::protocol::lifetime_policy::longest_session;
use crate::protocol::session::judge;
use crate::settings::DeviceBound;
use crate::store::{registered, sessions};

/// Browsers do it for secure origins only.
pub fn is_on(core: &Core) -> bool {
    core.settings.sessions.device_bound == DeviceBound::WhereSupported && core.settings.issuer.origin().starts_with("https://")
}

/// At the start: says so where it is set and cannot be.
pub fn warn(core: &Core) {
    if core.settings.sessions.device_bound == DeviceBound::WhereSupported && !is_on(core) {
        tracing::warn!(event = "sessions.not_device_bound", "sessions.device_bound has no effect: browsers bind sessions only to an issuer with https");
    }
}

const OFFER: &[u8] = b"device bound session: offer";
const CHALLENGE: &[u8] = b"device bound session: challenge";
const IDENTIFIER: &[u8] = b"device bound session: identifier";
const PROOF: &[u8] = b"device bound session: proof";

/// What the browser is to sign to bind the session that has just begun. Only the answer to the sign-in has it: whoever comes by the cookie
/// later cannot bind the session to a key of their own.
pub fn offer(core: &Core, held: &Held) -> Option<String> {
    is_on(core).then(|| dated_token(core, &offer_to(&held.digest), CHALLENGE_LIFETIME))
}

/// Of the cookie: the next sign-in has another one.
fn offer_to(cookie: &Digest) -> Vec<u8> {
    [OFFER, b"\0", &cookie.0].concat()
}

/// A session that is bound, as its browser learns of it.
#[derive(Debug)]
pub struct Bound {
    pub slot: Slot,
    /// What the browser calls it.
    pub identifier: String,
    /// The value of the second cookie.
    pub proof: String,
    /// Whose pages may make the browser show its key.
    pub initiators: Arc<Vec<String>>,
}

/// Binds one of the browser's sessions to the key that signed the offer to it. Once: only the same key, whose browser has not heard the answer,
/// may come again.
pub async fn register(core: &Core, held: HeldSessions, token: &str) -> Result<Bound, Failure> {
    let refused = |reason: &'static str| Failure::Refused(OAuthError::invalid_request("The session cannot be bound to this key.").because(reason));
    if !is_on(core) {
        return Err(refused("sessions are not bound to devices here"));
    }
    let presented = Presented::parse(token).map_err(no_proof)?;
    let offered = |held: &Held| dated_token_is_valid(core, &offer_to(&held.digest), presented.challenge());
    let Some(held) = held.iter().find(offered) else {
        return Err(refused("the challenge is of no session of this browser, or too old"));
    };
    let device = DeviceKey { public: presented.new_key().map_err(no_proof)?, bound_at: core.now() };
    let key = device.digest();
    let cookie = held.digest;
    let found = core.store.write(move |db| {
        let bound = sessions::bind(db, &cookie, &device)?;
        let session = sessions::facts(db, &cookie, None)?.map(|facts| facts.session).filter(|session| session.ended.is_none());
        Ok(session.map(|session| (session.id, bound || session.device.is_some_and(|known| known.public == device.public))))
    });
    let session = match found.await? {
        Some((session, true)) => session,
        Some((_, false)) => return Err(refused("the session is bound to another key")),
        None => return Err(refused("the session has ended")),
    };
    tracing::info!(event = "session.device_bound", %session, "a session is bound to its device");
    bound(core, Named { session, slot: held.slot, key }, None).await
}

fn no_proof(error: ProofError) -> Failure {
    Failure::Refused(OAuthError::invalid_request("This is no proof of a device's key.").because(error.to_string()))
}

/// What comes of showing the key again.
#[derive(Debug)]
pub enum Refreshed {
    /// Sign this first.
    Challenge(String),
    Bound(Bound),
    /// The session is over, or bound to another key by now: nothing is to be shown any more.
    Over,
}

/// The browser asks for the second cookie of a session, with the answer to a challenge or to be asked. It is no use of the session: a browser does it by itself.
pub async fn refresh(core: &Core, held: HeldSessions, identifier: &str, token: Option<&str>) -> Result<Refreshed, Failure> {
    let Some(named) = Named::open(core, identifier).filter(|_| is_on(core)) else { return Ok(Refreshed::Over) };
    let (clients, registered) = (Arc::clone(&core.clients), core.keys.registered(core).await);
    let found = core.store.read(move |db| {
        let Some((session, user)) = sessions::find_with_user(db, named.session)? else { return Ok(None) };
        let limits = longest_session(&clients.policy(db)?, &registered, &user.groups, session.acr);
        Ok(Some((session, user, limits)))
    });
    let Some((session, user, limits)) = found.await? else { return Ok(Refreshed::Over) };
    let now = core.now();
    // By the longest limits that the user has anywhere: for one application it may live on.
    if let Err(unusable) = judge(&session, &user, None, &limits, now) {
        found_over::notice(core, Some(&session), &limits, now);
        tracing::info!(session = %session.id, reason = unusable.as_str(), "the session that a device is bound to is over");
        return Ok(Refreshed::Over);
    }
    // The browser has lost this one's cookie, as one that it does not remember, and signed in anew: what is shown for the one would take the place
    // of what is shown for the other. Where it keeps its cookies back nothing is there to go by.
    if held.iter().any(|held| held.slot == named.slot && held.digest != session.cookie_digest) {
        tracing::info!(session = %session.id, reason = "another session is in its place", "the device is bound to the session no more");
        return Ok(Refreshed::Over);
    }
    let Some(device) = session.device.filter(|device| device.digest() == named.key) else {
        tracing::info!(session = %session.id, reason = "signed in again", "the device is bound to the session no more");
        return Ok(Refreshed::Over);
    };
    let Some(token) = token else { return Ok(named.challenge(core)) };
    let presented = Presented::parse(token).map_err(no_proof)?;
    if !dated_token_is_valid(core, &named.challenge_aad(), presented.challenge()) {
        tracing::info!(session = %session.id, "a device has answered no challenge of the last minutes: asked again");
        return Ok(named.challenge(core));
    }
    presented.by(&device.public).map_err(no_proof)?;
    Ok(Refreshed::Bound(bound(core, named, Some(identifier)).await?))
}

/// What a session's identifier says.
#[derive(Debug, Clone, Copy)]
struct Named {
    session: SessionId,
    slot: Slot,
    key: Digest,
}

impl Named {
    fn open(core: &Core, identifier: &str) -> Option<Self> {
        let plain = core.tickets.open_text(IDENTIFIER, identifier)?;
        let (session, rest) = plain.split_first_chunk::<16>()?;
        let (slot, key) = rest.split_first()?;
        let slot = Slot::ALL.into_iter().find(|known| known.index() == usize::from(*slot))?;
        Some(Self { session: SessionId(uuid::Uuid::from_bytes(*session)), slot, key: Digest(key.try_into().ok()?) })
    }

    fn seal(&self, core: &Core) -> String {
        let slot = u8::try_from(self.slot.index()).unwrap_or_default();
        let plain = [self.session.0.as_bytes().as_slice(), &[slot], &self.key.0].concat();
        core.tickets.seal_text(core.entropy.as_ref(), IDENTIFIER, &plain)
    }

    fn challenge_aad(&self) -> Vec<u8> {
        [CHALLENGE, b"\0", self.session.0.as_bytes(), &self.key.0].concat()
    }

    fn challenge(&self, core: &Core) -> Refreshed {
        Refreshed::Challenge(dated_token(core, &self.challenge_aad(), CHALLENGE_LIFETIME))
    }
}

/// The answer to a key that was shown, under the name that the browser knows already, if it does.
async fn bound(core: &Core, named: Named, identifier: Option<&str>) -> Result<Bound, Failure> {
    let until = core.now() + core.settings.sessions.device_proof + ON_THE_WAY;
    let plain = [named.session.0.as_bytes().as_slice(), &named.key.0, &until.timestamp_micros().to_be_bytes()].concat();
    Ok(Bound {
        slot: named.slot,
        identifier: identifier.map_or_else(|| named.seal(core), str::to_owned),
        proof: core.tickets.seal_text(core.entropy.as_ref(), PROOF, &plain),
        initiators: hosts(core).await?,
    })
}

/// What the second cookie says.
pub fn proof(core: &Core, value: Option<&str>) -> DeviceProof {
    value.and_then(|value| opened(core, value)).unwrap_or_default()
}

fn opened(core: &Core, value: &str) -> Option<DeviceProof> {
    let plain = core.tickets.open_text(PROOF, value)?;
    let (session, rest) = plain.split_first_chunk::<16>()?;
    let (key, until) = rest.split_first_chunk::<32>()?;
    let until = Timestamp::from_timestamp_micros(i64::from_be_bytes(until.try_into().ok()?))?;
    Some(DeviceProof::Shown { session: SessionId(uuid::Uuid::from_bytes(*session)), key: Digest(*key), until })
}

/// The hosts of every application that is registered and not disabled, as they were a minute ago at most.
#[derive(Default)]
pub struct Initiators(Mutex<Option<(Timestamp, Arc<Vec<String>>)>>);

const KEEP: TimeDelta = TimeDelta::minutes(1);

async fn hosts(core: &Core) -> Result<Arc<Vec<String>>, Failure> {
    let now = core.now();
    let cached = core.initiators.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
    if let Some((at, hosts)) = cached
        && now.signed_duration_since(at).abs() < KEEP
    {
        return Ok(hosts);
    }
    let addresses = core.store.scan(registered::addresses).await?;
    let mut fresh = initiators(addresses.iter().map(String::as_str));
    // What is at the issuer's own host, as the console is, may anyway.
    let own = initiators([core.issuer()]);
    fresh.retain(|host| !own.contains(host));
    let fresh = Arc::new(fresh);
    *core.initiators.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some((now, Arc::clone(&fresh)));
    Ok(fresh)
}
