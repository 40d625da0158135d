//! The shape of the whole file, before its sections judge it.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::sources::Sources;
use super::{IssuerUrl, MasterKeySource, Named, Settings, SettingsError, TrustProxy};
use super::{admin, branding, clients, cookies, database, events, keys, lifetime_rules, lifetimes, log, logout, passwords, server, sessions, throttle, users};
use crate::domain::running_setting::RunningSetting;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    issuer: Option<IssuerUrl>,
    listen: Option<Listen>,
    server: server::Raw,
    database: database::Raw,
    master_key_file: Option<PathBuf>,
    lifetimes: lifetimes::Raw,
    lifetime_rules: Vec<lifetime_rules::Raw>,
    sessions: sessions::Raw,
    events: events::Raw,
    passwords: passwords::Raw,
    throttle: throttle::Raw,
    keys: keys::Raw,
    cookies: cookies::Raw,
    logout: logout::Raw,
    admin: admin::Raw,
    branding: branding::Raw,
    log: log::Raw,
    trust_proxy: TrustProxy,
    clients: Vec<clients::Raw>,
    users: Vec<users::Raw>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Listen(SocketAddr);

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // `:8080` and `localhost:8080` are refused on purpose: which address is meant decides who can reach the server.
        text.parse().map(Self).map_err(|_| {
            format!("`{text}` is not an address and a port: write `\"127.0.0.1:8080\"` (this machine only) or `\"0.0.0.0:8080\"` (reachable from outside)")
        })
    }
}

pub(super) fn validated(sources: &Sources) -> Result<Settings, SettingsError> {
    let raw: Raw = sources.figment.extract().map_err(|error| SettingsError::explain(sources, error))?;
    if let Some(path) = sources.text_with_nul() {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        return Err(SettingsError::refused(sources, &path, "there is a NUL character in this text: remove it"));
    }
    let default = Settings::default();
    let settings = Settings {
        issuer: raw.issuer.unwrap_or(default.issuer),
        listen: raw.listen.map_or(default.listen, |listen| listen.0),
        server: raw.server.validated(sources)?,
        database: raw.database.validated(sources)?,
        // The environment's text wins: a container has no file to protect.
        master_key: match (&sources.master_key, raw.master_key_file) {
            (Some(text), _) => MasterKeySource::Text(text.clone()),
            (None, Some(file)) => MasterKeySource::File(file),
            (None, None) => default.master_key,
        },
        clients: clients::validated(raw.clients, sources)?,
        users: users::validated(raw.users, sources)?,
        lifetimes: raw.lifetimes.validated(sources)?,
        lifetime_rules: lifetime_rules::validated(raw.lifetime_rules, sources)?,
        sessions: raw.sessions.validated(sources)?,
        events: raw.events.validated(sources)?,
        passwords: raw.passwords.validated(sources)?,
        throttle: raw.throttle.validated(sources)?,
        keys: raw.keys.validated(sources)?,
        cookies: raw.cookies.validated(),
        logout: raw.logout.validated(sources)?,
        admin: raw.admin.validated(),
        branding: raw.branding.validated(sources)?,
        log: raw.log.validated(),
        trust_proxy: raw.trust_proxy,
        named: Named(RunningSetting::ALL.into_iter().filter(|setting| sources.figment.contains(setting.as_str())).collect()),
    };
    // Between sections: what a client's ID tokens and userinfo are signed with must have a key.
    for (i, client) in settings.clients.iter().enumerate() {
        let metadata = &client.metadata;
        for (name, alg) in [
            ("id_token_signed_response_alg", Some(metadata.id_token_signed_response_alg)),
            ("userinfo_signed_response_alg", metadata.userinfo_signed_response_alg),
        ] {
            if alg.is_some_and(|alg| !settings.keys.algorithms.contains(&alg)) {
                return Err(SettingsError::refused(
                    sources,
                    &["clients", &i.to_string(), name],
                    "no key is kept for that algorithm: add it to `algorithms` in `[keys]`, or choose one that is there",
                ));
            }
        }
    }
    Ok(settings)
}
