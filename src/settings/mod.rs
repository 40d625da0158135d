//! What an operator may set, and where it is read from: defaults < `gatekey.toml` < environment < flags.
//! Each section has its own file: a raw shape (serde), the rules, and the validated type the rest of the program sees.
//! Only this layer names figment.

pub mod admin;
pub mod branding;
pub mod clients;
pub mod cookies;
pub mod database;
mod error;
pub mod events;
pub mod issuer;
pub mod keys;
pub mod known;
pub mod lifetime_rules;
pub mod lifetimes;
pub mod log;
pub mod logout;
pub mod master_key;
pub mod passwords;
mod raw;
pub mod server;
pub mod sessions;
mod sources;
pub mod template;
pub mod throttle;
pub mod trust_proxy;
pub mod users;

#[cfg(test)]
mod documented;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use crate::domain::lifetime::Limits;
use crate::domain::running_setting::RunningSetting;

pub use admin::AdminSettings;
pub use branding::{Branding, Color};
pub use clients::DeclaredClient;
pub use cookies::{CookieSettings, SameSite};
pub use database::DatabaseSettings;
pub use error::SettingsError;
pub use events::EventSettings;
pub use issuer::{InvalidIssuer, IssuerUrl};
pub use keys::KeySettings;
pub use lifetime_rules::DeclaredRule;
pub use log::{LogFormat, LogLevel, LogSettings};
pub use logout::LogoutSettings;
pub use master_key::{MasterKeyError, MasterKeySource};
pub use passwords::PasswordSettings;
pub use server::ServerSettings;
pub use sessions::{DeviceBound, RememberMe, SessionSettings};
pub use sources::{DEFAULT_FILE, Flags};
pub use throttle::ThrottleSettings;
pub use trust_proxy::TrustProxy;
pub use users::DeclaredUser;

/// Everything an issuer is told. All of it has been judged: what is here can be used as it is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The issuer's URL, used byte for byte in every token and metadata document.
    pub issuer: IssuerUrl,
    /// Where `serve` listens. A host that embeds the issuer listens by itself.
    pub listen: SocketAddr,
    pub server: ServerSettings,
    pub database: DatabaseSettings,
    pub master_key: MasterKeySource,
    /// Written to the database at each start; the file wins.
    pub clients: Vec<DeclaredClient>,
    /// Written to the database at each start; the file wins.
    pub users: Vec<DeclaredUser>,
    pub lifetimes: Limits,
    /// Written to the database at each start; the file wins.
    pub lifetime_rules: Vec<DeclaredRule>,
    pub sessions: SessionSettings,
    pub events: EventSettings,
    pub passwords: PasswordSettings,
    pub throttle: ThrottleSettings,
    pub keys: KeySettings,
    pub cookies: CookieSettings,
    pub logout: LogoutSettings,
    pub admin: AdminSettings,
    pub branding: Branding,
    pub log: LogSettings,
    /// The proxies whose `X-Forwarded-For` is believed; none by default.
    pub trust_proxy: TrustProxy,
    /// Which of those that may change while the server runs were named: they are the file's.
    pub named: Named,
}

/// Settings that a file or the environment names, whether or not with another value than the default.
#[derive(Clone, Default)]
pub struct Named(pub Vec<RunningSetting>);

/// What they were named with is in their own fields.
impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Named")
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            issuer: IssuerUrl::default(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            server: ServerSettings::default(),
            database: DatabaseSettings::default(),
            master_key: MasterKeySource::default(),
            clients: Vec::new(),
            users: Vec::new(),
            lifetimes: Limits::default(),
            lifetime_rules: Vec::new(),
            sessions: SessionSettings::default(),
            events: EventSettings::default(),
            passwords: PasswordSettings::default(),
            throttle: ThrottleSettings::default(),
            keys: KeySettings::default(),
            cookies: CookieSettings::default(),
            logout: LogoutSettings::default(),
            admin: AdminSettings::default(),
            branding: Branding::default(),
            log: LogSettings::default(),
            trust_proxy: TrustProxy::default(),
            named: Named::default(),
        }
    }
}

impl Settings {
    /// The settings of the program: the file (`gatekey.toml` in the working directory when none is named and it is there), the process's environment, the flags.
    pub fn load(file: Option<&Path>, flags: Flags) -> Result<Self, SettingsError> {
        Self::load_from(file, variables(), flags)
    }

    /// As [`Settings::load`] without a file, whether or not there is one: what a file that sets nothing makes.
    pub fn without_file(flags: Flags) -> Result<Self, SettingsError> {
        raw::validated(&sources::Sources::without_file(variables(), flags)?)
    }

    /// As [`Settings::load`], with an environment given by the caller.
    pub fn load_from(file: Option<&Path>, variables: impl IntoIterator<Item = (String, String)>, flags: Flags) -> Result<Self, SettingsError> {
        let sources = sources::Sources::read(file, variables, flags)?;
        raw::validated(&sources)
    }

    /// The settings that `text`, the content of a `gatekey.toml`, makes by itself.
    pub fn from_toml(text: &str) -> Result<Self, SettingsError> {
        raw::validated(&sources::Sources::of_text(text)?)
    }

    /// The defaults for `issuer`: for use as a library. Every field is public; change what you need.
    pub fn for_issuer(issuer: &str) -> Result<Self, SettingsError> {
        let issuer = IssuerUrl::parse(issuer).map_err(|error| SettingsError::of_key("issuer", error))?;
        Ok(Self { issuer, ..Self::default() })
    }
}

/// The process's environment, but for what is no text.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
