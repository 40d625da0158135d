//! The flags that say what a client is registered with, for `create` and `update` alike.

use std::convert::Infallible;

use clap::Args;
use serde::de::DeserializeOwned;

use crate::cli::Failure;
use crate::cli::limit::LimitChange;
use crate::domain::client::{ClientAuthentication, ClientKind, ClientMetadata, GrantType, SubjectType, origins_of};
use crate::domain::duration::Lifetime;
use crate::domain::id::ClientId;
use crate::domain::logout_uri::{InvalidLogoutUri, LogoutUri};
use crate::domain::redirect_uri::{InvalidRedirectUri, InvalidWebOrigin, RedirectUri, WebOrigin};
use crate::domain::scope::Scope;
use crate::domain::sector::SectorIdentifier;
use crate::domain::signing_key::SigningAlg;

#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct Options {
    /// Shown on the sign-in page [default: the id]
    #[arg(long)]
    name: Option<String>,
    /// Where users are sent back to; repeat for more, or `none`
    #[arg(long = "redirect-uri", value_name = "URI", value_parser = redirect_uri)]
    redirect_uris: Vec<OrNone<RedirectUri>>,
    /// Where users may be sent after signing out; repeat for more, or `none`
    #[arg(long = "post-logout-redirect-uri", value_name = "URI", value_parser = redirect_uri)]
    post_logout_redirect_uris: Vec<OrNone<RedirectUri>>,
    /// Where it hears, server to server, that a session has ended; or `none`
    #[arg(long, value_name = "URI", value_parser = logout_uri)]
    backchannel_logout_uri: Option<OrNone<LogoutUri>>,
    /// Whether the logout token must name the session (`sid`); it always does
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    backchannel_logout_session_required: Option<bool>,
    /// The page that the browser loads in a frame when the user signs out; or `none`
    #[arg(long, value_name = "URI", value_parser = logout_uri)]
    frontchannel_logout_uri: Option<OrNone<LogoutUri>>,
    /// Whether that page must be told `iss` and `sid`; it always is
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    frontchannel_logout_session_required: Option<bool>,
    /// Whether its pages may ask silently from a frame (`prompt=none`) [default: true]
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    may_be_framed: Option<bool>,
    /// Whether its pages may ask by FedCM, through the browser's account chooser [default: false]
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    fedcm: Option<bool>,
    /// Its privacy policy, which the browser's account chooser links to; or `none`
    #[arg(long, value_name = "URL", value_parser = web_address)]
    policy_uri: Option<OrNone<String>>,
    /// Its terms of service, likewise; or `none`
    #[arg(long, value_name = "URL", value_parser = web_address)]
    tos_uri: Option<OrNone<String>>,
    /// Whose pages may call the token endpoint; repeat for more, or `none` [default for spa: the origins of its redirect URIs]
    #[arg(long = "web-origin", value_name = "ORIGIN", value_parser = web_origin)]
    web_origins: Vec<OrNone<WebOrigin>>,
    /// none, client_secret_basic or client_secret_post
    #[arg(long, value_parser = word::<ClientAuthentication>)]
    authentication: Option<ClientAuthentication>,
    /// authorization_code, refresh_token or client_credentials; repeat for more
    #[arg(long = "grant-type", value_name = "GRANT", value_parser = word::<GrantType>)]
    grant_types: Vec<GrantType>,
    /// The scope it may ask for, such as "openid profile"; an empty text for none
    #[arg(long, value_parser = Scope::parse)]
    scope: Option<Scope>,
    /// An audience its access tokens may be for; repeat for more, or `none`
    #[arg(long = "resource", value_name = "URI", value_parser = resource)]
    resources: Vec<OrNone<String>>,
    /// The operator's own application: its users are not asked for consent
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    first_party: Option<bool>,
    /// Whether its authorization requests must carry a PKCE challenge; only a client with a secret may go without
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    require_pkce: Option<bool>,
    /// Whether its access tokens must be bound to a key: every token request then needs a DPoP proof [default: false]
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    dpop_bound_access_tokens: Option<bool>,
    /// How its ID tokens are signed: ES256, RS256, PS256 or EdDSA
    #[arg(long = "alg", value_name = "ALG", value_parser = word::<SigningAlg>)]
    id_token_signed_response_alg: Option<SigningAlg>,
    /// Answer userinfo with a JWT signed with this algorithm, or `none` for JSON
    #[arg(long = "userinfo-alg", value_name = "ALG", value_parser = or_none::<SigningAlg>)]
    userinfo_signed_response_alg: Option<OrNone<SigningAlg>>,
    /// public (users are known by their ids) or pairwise (by another one for each sector)
    #[arg(long, value_name = "TYPE", value_parser = word::<SubjectType>)]
    subject_type: Option<SubjectType>,
    /// The host whose applications share pairwise subjects, or `none` for that of the redirect URIs
    #[arg(long, value_name = "HOST", value_parser = or_none::<SectorIdentifier>)]
    sector_identifier: Option<OrNone<SectorIdentifier>>,
    /// How long the last refresh token may be sent again for the same answer, such as PT30S
    #[arg(long, value_name = "DURATION")]
    refresh_overlap: Option<Lifetime>,
    /// A lifetime of its own, such as session_idle=PT1H, or =default; repeat for more
    #[arg(long = "lifetime", value_name = "NAME=DURATION")]
    lifetimes: Vec<LimitChange>,
}

impl Options {
    /// Over the defaults of the kind.
    pub(super) fn new_metadata(self, kind: ClientKind, id: &ClientId) -> Result<ClientMetadata, Failure> {
        self.check()?;
        let mut metadata = ClientMetadata::defaults(kind, id.as_str());
        let named_none = !self.web_origins.is_empty();
        self.apply(&mut metadata);
        if kind == ClientKind::Spa && metadata.web_origins.is_empty() && !named_none {
            metadata.web_origins = origins_of(&metadata.redirect_uris);
        }
        metadata.check(id)?;
        Ok(metadata)
    }

    /// `none` empties a list, so it stands alone.
    pub(super) fn check(&self) -> Result<(), Failure> {
        fn mixed<T>(list: &[OrNone<T>]) -> bool {
            list.len() > 1 && list.iter().any(|one| one.0.is_none())
        }
        let lists = [
            ("--redirect-uri", mixed(&self.redirect_uris)),
            ("--post-logout-redirect-uri", mixed(&self.post_logout_redirect_uris)),
            ("--web-origin", mixed(&self.web_origins)),
            ("--resource", mixed(&self.resources)),
        ];
        match lists.iter().find(|(_, mixed)| *mixed) {
            Some((flag, _)) => Err(Failure(format!("`{flag} none` empties the list: leave the others out, or leave `none` out"))),
            None => Ok(()),
        }
    }

    /// What is named is replaced, the rest stays.
    pub(super) fn apply(self, metadata: &mut ClientMetadata) {
        fn replace<T>(old: &mut T, new: Option<T>) {
            if let Some(new) = new {
                *old = new;
            }
        }
        fn replace_list<T>(old: &mut Vec<T>, new: Vec<OrNone<T>>) {
            if !new.is_empty() {
                *old = new.into_iter().filter_map(|one| one.0).collect();
            }
        }
        // Those of a single-page application that names none are where its redirect URIs lead, and move with them.
        let follow = metadata.kind == ClientKind::Spa && self.web_origins.is_empty() && metadata.web_origins == origins_of(&metadata.redirect_uris);
        replace(&mut metadata.name, self.name);
        replace_list(&mut metadata.redirect_uris, self.redirect_uris);
        replace_list(&mut metadata.post_logout_redirect_uris, self.post_logout_redirect_uris);
        replace(&mut metadata.backchannel_logout_uri, self.backchannel_logout_uri.map(|uri| uri.0));
        replace(&mut metadata.backchannel_logout_session_required, self.backchannel_logout_session_required);
        replace(&mut metadata.frontchannel_logout_uri, self.frontchannel_logout_uri.map(|uri| uri.0));
        replace(&mut metadata.frontchannel_logout_session_required, self.frontchannel_logout_session_required);
        replace(&mut metadata.may_be_framed, self.may_be_framed);
        replace(&mut metadata.fedcm, self.fedcm);
        replace(&mut metadata.policy_uri, self.policy_uri.map(|uri| uri.0));
        replace(&mut metadata.tos_uri, self.tos_uri.map(|uri| uri.0));
        replace_list(&mut metadata.web_origins, self.web_origins);
        if follow {
            metadata.web_origins = origins_of(&metadata.redirect_uris);
        }
        replace(&mut metadata.authentication, self.authentication);
        replace(&mut metadata.grant_types, Some(self.grant_types).filter(|grants| !grants.is_empty()));
        replace(&mut metadata.scope, self.scope);
        replace_list(&mut metadata.resources, self.resources);
        replace(&mut metadata.first_party, self.first_party);
        replace(&mut metadata.require_pkce, self.require_pkce);
        replace(&mut metadata.dpop_bound_access_tokens, self.dpop_bound_access_tokens);
        replace(&mut metadata.id_token_signed_response_alg, self.id_token_signed_response_alg);
        replace(&mut metadata.userinfo_signed_response_alg, self.userinfo_signed_response_alg.map(|alg| alg.0));
        replace(&mut metadata.subject_type, self.subject_type);
        replace(&mut metadata.sector_identifier, self.sector_identifier.map(|sector| sector.0));
        replace(&mut metadata.refresh_overlap, self.refresh_overlap);
        for LimitChange { limit, value } in self.lifetimes {
            metadata.lifetimes.set(limit, value);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let lists = [
            self.redirect_uris.len(),
            self.post_logout_redirect_uris.len(),
            self.web_origins.len(),
            self.grant_types.len(),
            self.resources.len(),
            self.lifetimes.len(),
        ];
        lists.iter().all(|length| *length == 0)
            && self.name.is_none()
            && self.backchannel_logout_uri.is_none()
            && self.backchannel_logout_session_required.is_none()
            && self.frontchannel_logout_uri.is_none()
            && self.frontchannel_logout_session_required.is_none()
            && self.may_be_framed.is_none()
            && self.fedcm.is_none()
            && self.policy_uri.is_none()
            && self.tos_uri.is_none()
            && self.authentication.is_none()
            && self.scope.is_none()
            && self.first_party.is_none()
            && self.require_pkce.is_none()
            && self.dpop_bound_access_tokens.is_none()
            && self.id_token_signed_response_alg.is_none()
            && self.userinfo_signed_response_alg.is_none()
            && self.subject_type.is_none()
            && self.sector_identifier.is_none()
            && self.refresh_overlap.is_none()
    }
}

fn redirect_uri(text: &str) -> Result<OrNone<RedirectUri>, InvalidRedirectUri> {
    unless_none(text, RedirectUri::parse)
}

fn logout_uri(text: &str) -> Result<OrNone<LogoutUri>, InvalidLogoutUri> {
    unless_none(text, LogoutUri::parse)
}

fn web_origin(text: &str) -> Result<OrNone<WebOrigin>, InvalidWebOrigin> {
    unless_none(text, WebOrigin::parse)
}

/// Judged with the rest of what the client is registered with.
fn web_address(text: &str) -> Result<OrNone<String>, Infallible> {
    unless_none(text, |text| Ok(text.to_owned()))
}

/// Judged likewise.
fn resource(text: &str) -> Result<OrNone<String>, Infallible> {
    unless_none(text, |text| Ok(text.to_owned()))
}

/// One of the words of an enum, as the settings file writes it.
pub(in crate::cli) fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|error| {
        let error = error.to_string();
        match error.split_once(", expected ") {
            Some((_, words)) => format!("it is none of the words that there are: write {words}"),
            None => error,
        }
    })
}

/// A value, or the word `none` that removes it.
#[derive(Debug, Clone)]
struct OrNone<T>(Option<T>);

fn or_none<T: DeserializeOwned>(text: &str) -> Result<OrNone<T>, String> {
    unless_none(text, word)
}

fn unless_none<T, E>(text: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<OrNone<T>, E> {
    if text == "none" { Ok(OrNone(None)) } else { parse(text).map(|value| OrNone(Some(value))) }
}
