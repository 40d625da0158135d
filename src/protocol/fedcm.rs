//! FedCM (W3C Federated Credential Management): the documents that a browser reads, and the requests that it brings.
//!
//! The browser shows the accounts, and asks for one of them on behalf of a page. What it asks for is an authorization request like any other, whose
//! answer is a code that the page redeems at the token endpoint: so everything but what is here is decided where `/authorize` is decided.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::authorize::{Prompt, Prompts};
use super::error::OAuthError;
use super::params::Params;
use crate::domain::client::Client;
use crate::domain::client_session::ClientSession;
use crate::domain::id::{ClientId, UserId};
use crate::domain::session::EndReason;
use crate::domain::user::User;

/// What `Sec-Fetch-Dest` says of the browser's own requests (FedCM, "Sec-Fetch-Dest"). No page can make a request say it.
pub const DESTINATION: &str = "webidentity";

fn at(issuer: &str, path: &str) -> String {
    format!("{}/{path}", issuer.strip_suffix('/').unwrap_or(issuer))
}

/// Where a user signs in for the browser's sake.
fn login_url(issuer: &str) -> String {
    at(issuer, "login?to=fedcm")
}

/// `/.well-known/web-identity` (FedCM, "the well-known file"). The browser looks for it at the registrable domain.
pub fn well_known(issuer: &str) -> Value {
    json!({
        "provider_urls": [at(issuer, "fedcm/config.json")],
        "accounts_endpoint": at(issuer, "fedcm/accounts"),
        "login_url": login_url(issuer),
    })
}

/// How the browser's dialog looks.
#[derive(Debug, Clone)]
pub struct Branding<'a> {
    pub name: &'a str,
    /// The button's colour, and that of its text.
    pub accent: &'a str,
    pub on_accent: &'a str,
    /// An absolute address.
    pub icon: Option<&'a str>,
}

/// The config file (FedCM, "the config file").
pub fn config(issuer: &str, branding: &Branding<'_>) -> Value {
    let icons: Vec<Value> = branding.icon.iter().map(|url| json!({ "url": url })).collect();
    json!({
        "accounts_endpoint": at(issuer, "fedcm/accounts"),
        "client_metadata_endpoint": at(issuer, "fedcm/client-metadata"),
        "id_assertion_endpoint": at(issuer, "fedcm/assertion"),
        "disconnect_endpoint": at(issuer, "fedcm/disconnect"),
        "login_url": login_url(issuer),
        "supports_use_other_account": true,
        "branding": { "name": branding.name, "background_color": branding.accent, "color": branding.on_accent, "icons": icons },
    })
}

/// What the browser's dialog links to (FedCM, "client metadata").
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientMetadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privacy_policy_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms_of_service_url: Option<&'a str>,
}

impl<'a> ClientMetadata<'a> {
    pub fn of(client: &'a Client) -> Self {
        Self { privacy_policy_url: client.metadata.policy_uri.as_deref(), terms_of_service_url: client.metadata.tos_uri.as_deref() }
    }
}

/// An account that the browser can offer (FedCM, "the accounts endpoint").
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The user id. The browser keeps it to itself: the page learns the `sub` that is meant for it, from its tokens.
    pub id: UserId,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Where there is no e-mail address: browsers show this one before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// The applications that need not be explained to this user any more. Left out would mean all of them.
    pub approved_clients: Vec<ClientId>,
    pub login_hints: Vec<String>,
}

impl Account {
    pub fn of(user: &User, picture: Option<String>, approved_clients: Vec<ClientId>) -> Self {
        let profile = &user.profile;
        let hints: BTreeSet<&str> = [user.username.as_str()].into_iter().chain(profile.email.as_deref()).collect();
        Self {
            id: user.id,
            name: profile.name.clone().unwrap_or_else(|| user.username.clone()),
            given_name: profile.given_name.clone(),
            email: profile.email.clone(),
            username: profile.email.is_none().then(|| user.username.clone()),
            picture,
            approved_clients,
            login_hints: hints.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// The applications that the user has opened, in whichever session, and has not taken the access from since.
pub fn opened(client_sessions: &[ClientSession]) -> BTreeSet<&ClientId> {
    let left = |id: &ClientId| {
        let withdrawn = client_sessions.iter().filter(|one| one.client_id == *id).filter_map(|one| one.ended);
        withdrawn.filter(|ended| ended.reason == EndReason::ConsentWithdrawn).map(|ended| ended.at).max()
    };
    let is_opened = |one: &&ClientSession| {
        one.ended.is_none_or(|ended| ended.reason != EndReason::ConsentWithdrawn) && left(&one.client_id).is_none_or(|left| one.last_used_at > left)
    };
    client_sessions.iter().filter(is_opened).map(|one| &one.client_id).collect()
}

/// Whether the user has used the application: one that asks for consent has been given it, the operator's own has been opened. Without that the
/// browser explains first what the application is told, and never goes on silently.
pub fn is_approved(client: &Client, consented: bool, opened: bool) -> bool {
    client.metadata.fedcm && client.disabled_at.is_none() && if client.metadata.first_party { opened } else { consented }
}

/// A request of the browser on behalf of a page (FedCM, "the identity assertion endpoint").
#[derive(Debug, Clone)]
pub struct Asked {
    pub client_id: String,
    /// `None`: it is no id of an account.
    pub account: Option<UserId>,
    /// The authorization request that may ask the user nothing (`prompt=none`). `None`: the page wants them to be asked.
    pub silently: Option<Params>,
    /// The same that may. `None`: nobody is to be asked.
    pub openly: Option<Params>,
}

/// What means nothing here: the answer is a value that the browser hands to the page.
const OF_REDIRECTS: [&str; 2] = ["response_mode", "state"];

impl Asked {
    pub fn read(form: &Params) -> Result<Self, OAuthError> {
        let client_id = form.require("client_id")?;
        let account = form.require("account_id")?.parse().ok();
        let mut said = form.get("params").map(Params::parse_json_request).transpose()?.unwrap_or_default().into_pairs();
        // As browsers sent them before there was `params`.
        said.extend(form.pairs().filter_map(|(name, value)| Some((name.strip_prefix("param_")?.to_owned(), value.to_owned()))));
        // Two that differ are refused below; the same twice is what older pages send to older and newer browsers alike.
        if let Some(nonce) = form.get("nonce")
            && !said.iter().any(|(name, value)| name == "nonce" && value == nonce)
        {
            said.push(("nonce".to_owned(), nonce.to_owned()));
        }
        said.retain(|(name, value)| !(OF_REDIRECTS.contains(&name.as_str()) || name == "client_id" && value == client_id));
        if said.iter().any(|(name, _)| name == "redirect_uri") {
            return Err(OAuthError::invalid_request("FedCM redirects nowhere: leave `redirect_uri` out."));
        }
        let said = Params::from_pairs(said)?;
        let prompts = Prompts::parse(said.get("prompt"))?;
        let mut base: Vec<(String, String)> = said.into_pairs();
        base.retain(|(name, _)| name != "prompt");
        if base.iter().all(|(name, _)| name != "response_type") {
            base.push(("response_type".to_owned(), "code".to_owned()));
        }
        base.push(("client_id".to_owned(), client_id.to_owned()));
        let with = |prompt: Option<String>| Params::from_pairs(base.iter().cloned().chain(prompt.map(|prompt| ("prompt".to_owned(), prompt))));
        // The user has chosen the account in the browser's dialog: `select_account` is done.
        let asks: Vec<&str> =
            [(Prompt::Login, "login"), (Prompt::Consent, "consent")].into_iter().filter_map(|(prompt, word)| prompts.has(prompt).then_some(word)).collect();
        // Where the browser has chosen by itself, the user has done nothing that a window could be the answer to.
        let alone = prompts.has(Prompt::None) || (asks.is_empty() && form.get("is_auto_selected") == Some("true"));
        Ok(Self {
            client_id: client_id.to_owned(),
            account,
            silently: asks.is_empty().then(|| with(Some("none".to_owned()))).transpose()?,
            openly: (!alone).then(|| with((!asks.is_empty()).then(|| asks.join(" ")))).transpose()?,
        })
    }
}

/// What the browser is answered instead of a token (FedCM, "the error API"). The member was called `code` before.
pub fn refusal(error: &OAuthError) -> Value {
    let code = error.code.as_str();
    json!({ "error": { "error": code, "code": code, "error_description": error.description } })
}

/// Whom a page means that takes leave of an account (FedCM, "the disconnect endpoint"): by the account's id, by the `sub` that it knows them by, or as
/// people type it.
pub fn is_meant(hint: &str, user: &User, subject: &str) -> bool {
    hint == subject || hint.parse() == Ok(user.id) || super::authorize::account::is_hinted(hint, user)
}
