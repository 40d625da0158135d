//! Where rules, store and signatures meet: one file an endpoint, each load → decide → apply → sign. No HTTP types in or out.

pub mod access_token;
pub mod account;
pub mod accounts;
pub mod admin;
pub mod authenticate_client;
pub mod authorize;
pub mod browser_state;
pub(crate) mod code;
pub mod consent;
pub mod device_bound;
pub mod diagnosis;
pub mod dpop;
pub mod fedcm;
pub mod found_over;
pub mod introspect;
pub mod key_schedule;
pub mod keys;
pub mod known_browser;
pub mod known_clients;
pub mod login;
pub mod logout;
pub mod logout_notices;
pub mod password_reset;
pub mod passwords;
pub mod request;
pub mod restored;
pub mod revoke;
pub mod running_settings;
pub mod setup;
pub mod statistics;
pub mod subject;
pub mod sweep;
pub mod throttle;
pub mod ticket;
pub mod token;
pub mod userinfo;
pub mod web_origins;

use std::fmt;
use std::sync::Arc;

use crate::domain::admin_scope::AdminRole;
use crate::domain::client::ClientMetadata;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::entropy::Entropy;
use crate::domain::event::{Actor, Event, Occasion};
use crate::domain::id::ClientId;
use crate::domain::profile::CorruptDetails;
use crate::domain::session::EndReason;
use crate::domain::user::{User, normal_username};
use crate::jose::keyed_digest::KeyedDigest;
use crate::jose::pairwise::Pairwise;
use crate::jose::refresh_token::Minter;
use crate::jose::sealed::Sealer;
use crate::jose::sid::Deriver;
use crate::outbound::Outbound;
use crate::protocol::error::OAuthError;
use crate::settings::Settings;
use crate::store::tree::EndedCounts;
use crate::store::{Store, StoreError};

/// Everything an endpoint needs. One for each issuer: nothing here is global.
pub struct Core {
    pub settings: Settings,
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub keys: keys::Keys,
    pub passwords: passwords::Passwords,
    pub throttle: throttle::Throttle,
    /// Seals authorization codes.
    pub codes: Sealer,
    /// Seals what travels through the browser between two pages.
    pub tickets: Sealer,
    pub refresh_tokens: Minter,
    pub sids: Deriver,
    pub pairwise: Pairwise,
    /// Requests that are to be done once.
    pub idempotency: admin::Idempotency,
    /// What the proofs that were used are called by.
    pub proofs: KeyedDigest,
    /// What the browser's state is derived by.
    pub browser_states: KeyedDigest,
    pub web_origins: web_origins::WebOrigins,
    pub initiators: device_bound::Initiators,
    pub clients: Arc<known_clients::KnownClients>,
    /// Sessions past their end that are still to be written down.
    pub found_over: found_over::FoundOver,
    /// How much happened, and is not written down yet.
    pub tally: statistics::Tally,
    /// What this server asks of others goes through here.
    pub outbound: Outbound,
    /// When the database was last put back from a copy. Read at the start: it is not put back under a running server.
    pub restored_at: Option<Timestamp>,
}

impl Core {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The issuer, byte for byte.
    pub fn issuer(&self) -> &str {
        self.settings.issuer.as_str()
    }

    /// What the events of a unit of work share: `actor` does something at `now`, in answer to the request that is under way.
    pub fn occasion(&self, actor: Actor, now: Timestamp) -> Occasion {
        request::occasion(actor, now, &self.entropy)
    }

    /// Whether the settings file says what this user's password is. Changing it here would only be undone, as a change of password, at
    /// the next start.
    pub fn declares_password_of(&self, user: &User) -> bool {
        self.settings.users.iter().any(|declared| declared.password_hash.is_some() && normal_username(&declared.username) == user.username)
    }

    /// The role that the settings file gives a user by this name.
    pub fn declared_role(&self, username: &str) -> Option<AdminRole> {
        self.settings.users.iter().find(|declared| normal_username(&declared.username) == username)?.role
    }

    /// What the settings file registers a client by this id with.
    pub fn declared_client(&self, id: &ClientId) -> Option<&ClientMetadata> {
        self.settings.clients.iter().find(|declared| declared.id == *id).map(|declared| &declared.metadata)
    }
}

/// An event that says why something ended, and how much with it.
pub(crate) fn telling_end(event: Event, reason: EndReason, ended: &EndedCounts) -> Event {
    let counts = [("sessions", ended.sessions), ("client_sessions", ended.client_sessions), ("refresh_families", ended.families)];
    counts.into_iter().filter(|(_, count)| *count > 0).fold(event.with("reason", reason), |event, (name, count)| event.with(name, count))
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// A rule said no: a value, already written down where it had to be.
    Refused(OAuthError),
    /// It could not be decided. Nothing was done; the caller may try again (503 with `Retry-After`).
    Unavailable(String),
}

/// For the log, and for whoever runs the server.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "{}: {}", error.code.as_str(), error.reason),
            Self::Unavailable(why) => f.write_str(why),
        }
    }
}

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        Self::Refused(error)
    }
}

impl From<CorruptDetails> for Failure {
    fn from(corrupt: CorruptDetails) -> Self {
        Self::Unavailable(corrupt.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
