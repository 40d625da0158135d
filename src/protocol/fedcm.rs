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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::client::{ClientKind, ClientMetadata as Registered};
    use crate::domain::session::Ended;
    use crate::protocol::session::tests::{a_client, at, client_session, user};

    fn asked(pairs: &[(&str, &str)]) -> Result<Asked, OAuthError> {
        let base = [("client_id", "app"), ("account_id", "00000000-0000-0000-0000-000000000001")];
        let pairs = base.iter().filter(|(name, _)| pairs.iter().all(|(other, _)| other != name)).chain(pairs);
        Asked::read(&Params::from_pairs(pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap())
    }

    /// Whether it may be decided silently and with the user, and how it asks for that.
    fn ways(asked: &Asked) -> (Option<&str>, Option<Option<&str>>) {
        (asked.silently.as_ref().and_then(|params| params.get("prompt")), asked.openly.as_ref().map(|params| params.get("prompt")))
    }

    #[test]
    fn who_may_be_asked() {
        for (params, auto, expected) in [
            ("{}", "false", (Some("none"), Some(None))),
            ("{}", "true", (Some("none"), None)),
            (r#"{"prompt":"none"}"#, "false", (Some("none"), None)),
            (r#"{"prompt":"select_account"}"#, "false", (Some("none"), Some(None))),
            (r#"{"prompt":"select_account"}"#, "true", (Some("none"), None)),
            (r#"{"prompt":"login"}"#, "false", (None, Some(Some("login")))),
            (r#"{"prompt":"consent login select_account"}"#, "true", (None, Some(Some("login consent")))),
        ] {
            assert_eq!(ways(&asked(&[("params", params), ("is_auto_selected", auto)]).unwrap()), expected, "{params} {auto}");
        }
        assert_eq!(ways(&asked(&[]).unwrap()), (Some("none"), Some(None)));
    }

    #[test]
    fn it_is_an_authorization_request() {
        let asked = asked(&[
            ("params", r#"{"scope":"openid","max_age":5,"resource":["https://a.test/","https://b.test/"],"state":"s","response_mode":"query"}"#),
            ("nonce", "n"),
        ])
        .unwrap();
        let params = asked.openly.unwrap();
        assert_eq!(
            params.encode(),
            "scope=openid&max_age=5&resource=https%3A%2F%2Fa.test%2F&resource=https%3A%2F%2Fb.test%2F&nonce=n&response_type=code&client_id=app"
        );
        assert_eq!((asked.client_id.as_str(), asked.account), ("app", Some(user().id)));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for odd in [
            &[("params", "[]")][..],
            &[("params", "x")],
            &[("params", r#"{"redirect_uri":"https://app.test/cb"}"#)],
            &[("params", r#"{"client_id":"other"}"#)],
            &[("params", r#"{"nonce":"a"}"#), ("nonce", "b")],
            &[("params", r#"{"scope":"a"}"#), ("param_scope", "a")],
            &[("account_id", "")],
            &[("client_id", "")],
            &[("params", r#"{"claims":{}}"#)],
        ] {
            assert!(asked(odd).is_err(), "{odd:?}");
        }
        assert_eq!(asked(&[("account_id", "alice")]).unwrap().account, None);
    }

    #[test]
    fn opened_and_not_left_since() {
        let id = client_session().client_id;
        let part = |used: i64, ended: Option<(i64, EndReason)>| ClientSession {
            last_used_at: at(used),
            ended: ended.map(|(seconds, reason)| Ended { at: at(seconds), reason }),
            ..client_session()
        };
        for (parts, is_opened) in [
            (vec![], false),
            (vec![part(0, None)], true),
            (vec![part(0, Some((5, EndReason::Logout)))], true),
            (vec![part(0, Some((5, EndReason::ConsentWithdrawn)))], false),
            // What was used before leaving is left, in whichever session; what was used after is not.
            (vec![part(3, Some((4, EndReason::Logout))), part(0, Some((5, EndReason::ConsentWithdrawn)))], false),
            (vec![part(5, None), part(0, Some((5, EndReason::ConsentWithdrawn)))], false),
            (vec![part(6, None), part(0, Some((5, EndReason::ConsentWithdrawn)))], true),
        ] {
            assert_eq!(opened(&parts).contains(&id), is_opened, "{parts:?}");
        }
    }

    #[test]
    fn approved_is_who_has_been_allowed_or_opened() {
        let client = |fedcm, first_party| a_client("app", Registered { fedcm, first_party, ..Registered::defaults(ClientKind::Spa, "App") });
        let (own, other) = (client(true, true), client(true, false));
        assert!(is_approved(&own, false, true) && !is_approved(&own, true, false));
        assert!(is_approved(&other, true, false) && !is_approved(&other, false, true));
        assert!(!is_approved(&client(false, true), true, true));
        assert!(!is_approved(&Client { disabled_at: Some(at(0)), ..own }, true, true));
    }

    #[test]
    fn the_documents_lie_below_the_issuer() {
        let branding = Branding { name: "Name", accent: "#000000", on_accent: "#ffffff", icon: Some("https://id.test/logo.png") };
        for issuer in ["https://id.test/", "https://id.test"] {
            assert_eq!(well_known(issuer)["provider_urls"][0], "https://id.test/fedcm/config.json");
            assert_eq!(config(issuer, &branding)["login_url"], "https://id.test/login?to=fedcm");
            assert_eq!(config(issuer, &branding)["branding"]["icons"][0]["url"], "https://id.test/logo.png");
        }
    }

    proptest! {
        /// Whatever a page gives along: nothing is read as a redirect, nothing asks the user that must not, and the client is the form's.
        #[test]
        fn nothing_leads_elsewhere(names in prop::collection::btree_map("client_id|redirect_uri|state|response_mode|prompt|scope|x", "app|none|login|openid", 0..5), auto: bool) {
            let params = serde_json::to_string(&names).unwrap();
            if let Ok(asked) = asked(&[("params", &params), ("is_auto_selected", if auto { "true" } else { "false" })]) {
                for params in asked.silently.iter().chain(&asked.openly) {
                    prop_assert_eq!(params.get("client_id"), Some("app"));
                    prop_assert!(["redirect_uri", "state", "response_mode"].iter().all(|name| params.get(name).is_none()));
                }
                prop_assert!(asked.silently.as_ref().is_none_or(|params| params.get("prompt") == Some("none")));
                prop_assert!(asked.openly.as_ref().is_none_or(|params| params.get("prompt") != Some("none")));
                prop_assert!(asked.silently.is_some() || asked.openly.is_some());
            }
        }
    }
}
