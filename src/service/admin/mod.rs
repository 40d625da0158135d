//! What an administrator does, whatever asks for it: a command or the admin API. One resource a file.
//!
//! Each operation is one unit of work: what it changes and what it ends are written together or not at all.

mod clients;
mod consents;
mod console;
mod declare;
mod events;
mod groups;
mod idempotency;
mod installation;
mod keys;
mod lifetime_policy;
mod logout_notices;
mod password_reset;
mod sessions;
mod settings;
mod statistics;
mod users;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::domain::admin_scope::AdminScopes;
use crate::domain::client::InvalidClient;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::entropy::Entropy;
use crate::domain::event::{Actor, Occasion};
use crate::domain::id::ClientId;
use crate::domain::profile::CorruptDetails;
use crate::domain::running_setting::RunningSetting;
use crate::domain::signing_key::SigningAlg;
use crate::jose::key_ring::KeyError;
use crate::jose::sealed::Sealer;
use crate::service::request;
use crate::store::{Store, StoreError};

// What the operations take and tell, for those above who may not name the layers below.
pub use crate::jose::key_ring::KeyInfo;
pub use crate::store::client_lists::ClientFilter;
pub use crate::store::events::{Between, Filter as EventFilter};
pub use crate::store::listed::{self, FamilyFilter, SessionFilter};
pub use crate::store::registered::RegisteredLimits;
pub use crate::store::user_lists::UserFilter;
pub use clients::{ClientChange, NewClient, NewSecret, Registered};
pub use console::{CONSOLE, declare_console};
pub use declare::declare;
pub use groups::GroupInfo;
pub use idempotency::{Idempotency, Memo, Once, Outcome, Replay};
pub use installation::{Installation, InstallationError};
pub use keys::{Activation, is_out_of_time};
pub use lifetime_policy::{Changed, ExplainedSession, HORIZONS, Horizon, Impact, RuleChange, Sample, limits_text};
pub use password_reset::PasswordReset;
pub use statistics::Statistics;
pub use users::{NewUser, UserChange};

/// Everything an administrator's operation needs.
#[derive(Clone)]
pub struct Admin {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// Seals the private halves of signing keys.
    pub sealer: Sealer,
    /// Who is at it, as the events tell.
    pub actor: Actor,
}

/// What is asked of a thing as it is when it is about to be changed: in the same unit of work, so that nothing comes between.
pub type Guard<T> = Box<dyn FnOnce(&T) -> Result<(), AdminError> + Send>;

/// Why an operation was not done. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("there is no {what} `{name}`: `gatekey {what} list` shows those there are")]
    NotFound { what: &'static str, name: String },
    #[error("the {what} `{name}` exists already: choose another name, or change that one")]
    Exists { what: &'static str, name: String },
    #[error(transparent)]
    Client(#[from] InvalidClient),
    /// It is not as whoever changes it had read it.
    #[error("it has been changed meanwhile: read it again")]
    Stale,
    /// The key of this request was used for another one.
    #[error("the Idempotency-Key was used for another request")]
    KeyReused,
    /// It has, or would get, power that whoever does it lacks.
    #[error("it has more power than who does this")]
    Exceeds(AdminScopes),
    /// Whoever asks for it proved who they are too long ago.
    #[error("this asks for a more recent sign-in")]
    Unproven,
    #[error("the next {} key is announced already and signs from {}: wait for it, or use --now", alg.as_str(), from.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))]
    NextKeyAnnounced { alg: SigningAlg, from: Timestamp },
    #[error("key `{kid}` is the one that signs {0}: run `gatekey key rotate --alg {0} --now` first", alg.as_str())]
    KeySigns { kid: String, alg: SigningAlg },
    #[error("another {} key was made at this very moment: look at `gatekey key list`", alg.as_str())]
    KeyMadeMeanwhile { alg: SigningAlg },
    /// The settings file names it.
    #[error("`{}` is in the settings file: change it there", .0.as_str())]
    SetByFile(RunningSetting),
    /// It may not have this value, and why.
    #[error("`{}`: {why}", setting.as_str())]
    Setting { setting: RunningSetting, why: &'static str },
    /// It proves itself by no secret.
    #[error("client `{0}` is public and keeps no secret: only `web` and `machine` clients have one")]
    PublicClient(ClientId),
    #[error("user `{0}` is disabled, and no password would let them in: run `gatekey user enable` first")]
    UserDisabled(String),
    #[error("gatekey.toml declares the password of user `{0}`: change it there")]
    PasswordDeclared(String),
    /// Nobody who administers would be left.
    #[error("user `{0}` is the last one who administers: give somebody else the role first")]
    LastAdministrator(String),
    /// A rule said no; the text says what to do.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Details(#[from] CorruptDetails),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Admin {
    /// The kind of database: `sqlite` or `postgres`.
    pub fn backend(&self) -> &'static str {
        self.store.backend()
    }

    /// The same, done by somebody else than whoever is at the command line.
    #[must_use]
    pub fn acting_as(&self, actor: Actor) -> Self {
        Self { actor, ..self.clone() }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What the events of a unit of work share.
    fn occasion(&self, now: Timestamp) -> Occasion {
        request::occasion(self.actor.clone(), now, &self.entropy)
    }
}

fn not_found(what: &'static str, name: impl std::fmt::Display) -> AdminError {
    AdminError::NotFound { what, name: name.to_string() }
}
