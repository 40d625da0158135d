//! What a client is registered with, as the API tells and takes it.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};

use super::limits::Limits;
use super::problem::ChangeProblem;
use crate::domain::client;
use crate::domain::client::InvalidClient;
use crate::domain::duration::Lifetime;
use crate::domain::id::ClientId;
use crate::domain::lifetime::LimitOverrides;
use crate::domain::logout_uri::LogoutUri;
use crate::domain::redirect_uri::{RedirectUri, WebOrigin};
use crate::domain::scope::Scope;
use crate::domain::sector::SectorIdentifier;
use crate::domain::signing_key;

/// What kind of application it is; sets the defaults and bounds what may be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "client::ClientKind")]
pub enum ClientKind {
    /// Runs in a browser: public, code + PKCE, refresh tokens rotate.
    Spa,
    /// Runs on the user's device: public, code + PKCE, any loopback port.
    Native,
    /// Runs on a server: confidential, code + PKCE.
    Web,
    /// Acts for itself: confidential, `client_credentials`.
    Machine,
}

/// How the client proves itself at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "client::ClientAuthentication")]
pub enum ClientAuthentication {
    None,
    ClientSecretBasic,
    ClientSecretPost,
}

/// A way to ask for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "client::GrantType")]
pub enum GrantType {
    AuthorizationCode,
    RefreshToken,
    ClientCredentials,
}

/// Who a user is to the client (OIDC Core §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "client::SubjectType")]
pub enum SubjectType {
    /// The user id: the same to every client.
    Public,
    /// Another one for each sector.
    Pairwise,
}

/// What a token is signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "UPPERCASE", remote = "signing_key::SigningAlg")]
pub enum SigningAlg {
    Es256,
    Rs256,
    Ps256,
    #[oai(rename = "EdDSA")]
    EdDsa,
}

/// What a client is registered with. What is left out when a client is created or replaced has the default of its kind.
#[derive(Debug, Clone, Object)]
#[oai(example, skip_serializing_if_is_none, deny_unknown_fields)]
pub struct ClientMetadata {
    /// Shown on the sign-in and consent pages.
    pub name: String,
    pub kind: ClientKind,
    /// Default: `none` for `spa` and `native`, `client_secret_basic` for the others.
    pub authentication: Option<ClientAuthentication>,
    /// Default: `authorization_code` and `refresh_token`; for a machine `client_credentials`.
    pub grant_types: Option<Vec<GrantType>>,
    /// Where the browser is sent back to, byte for byte.
    pub redirect_uris: Option<Vec<String>>,
    /// Where the browser may be sent after signing out.
    pub post_logout_redirect_uris: Option<Vec<String>>,
    /// Where the application hears, from server to server, that a session has ended (Back-Channel Logout 1.0 §2.2).
    pub backchannel_logout_uri: Option<String>,
    /// Whether it must be told the `sid`; every logout token has it.
    pub backchannel_logout_session_required: Option<bool>,
    /// The page that the browser loads in a frame when the user signs out (Front-Channel Logout 1.0 §2).
    pub frontchannel_logout_uri: Option<String>,
    /// Whether it must be told `iss` and `sid`; it always is.
    pub frontchannel_logout_session_required: Option<bool>,
    /// Whether its pages may ask silently from a frame (`prompt=none`). Default: true.
    pub may_be_framed: Option<bool>,
    /// Whether its pages may ask by FedCM. Default: false.
    pub fedcm: Option<bool>,
    /// Its privacy policy, for people to read (RFC 7591 §2).
    pub policy_uri: Option<String>,
    /// Its terms of service, likewise.
    pub tos_uri: Option<String>,
    /// The origins whose pages may call the token endpoint (CORS). Default: for a `spa`, where its redirect URIs are.
    pub web_origins: Option<Vec<String>>,
    /// The scope it may ask for: words with a space between. An empty text: none at all, so that it is granted nothing. Default: for a `machine`
    /// none, else `openid profile email offline_access`.
    pub scope: Option<String>,
    /// The audiences (RFC 8707) its access tokens may be for; the first is used when it names none.
    pub resources: Option<Vec<String>>,
    /// The operator's own application: its users are not asked for consent. Default: false.
    pub first_party: Option<bool>,
    /// Whether its authorization requests must carry a PKCE challenge. Default: true; only a confidential client may go without.
    pub require_pkce: Option<bool>,
    /// Whether its access tokens must be bound to a key: every token request needs a DPoP proof (RFC 9449 §5.2). Default: false.
    pub dpop_bound_access_tokens: Option<bool>,
    /// Default: `ES256`.
    pub id_token_signed_response_alg: Option<SigningAlg>,
    /// With it userinfo is a signed JWT (OIDC Core §5.3.2); without, JSON.
    pub userinfo_signed_response_alg: Option<SigningAlg>,
    /// Default: `public`.
    pub subject_type: Option<SubjectType>,
    /// The host whose clients know a user by one pairwise subject. Default: the one host of the redirect URIs.
    pub sector_identifier: Option<String>,
    /// How long the predecessor of the newest refresh token may be replayed: an ISO 8601 duration. Default: `PT30S`.
    pub refresh_overlap: Option<String>,
    /// Limits for this client alone.
    pub lifetimes: Option<Limits>,
}

impl ClientMetadata {
    /// What is to be registered; `at` is where it is in the body, as a JSON pointer. The rules that hold between the members are judged when
    /// it is written.
    pub fn parse(&self, at: &str) -> Result<client::ClientMetadata, ChangeProblem> {
        let kind = self.kind.into();
        let default = client::ClientMetadata::defaults(kind, &self.name);
        let redirect_uris = list(&self.redirect_uris, &format!("{at}/redirect_uris"), RedirectUri::parse)?.unwrap_or_default();
        let web_origins = list(&self.web_origins, &format!("{at}/web_origins"), WebOrigin::parse)?
            .unwrap_or_else(|| if kind == client::ClientKind::Spa { client::origins_of(&redirect_uris) } else { Vec::new() });
        Ok(client::ClientMetadata {
            authentication: self.authentication.map_or(default.authentication, Into::into),
            grant_types: self.grant_types.as_ref().map_or(default.grant_types, |types| types.iter().copied().map(Into::into).collect()),
            redirect_uris,
            post_logout_redirect_uris: list(&self.post_logout_redirect_uris, &format!("{at}/post_logout_redirect_uris"), RedirectUri::parse)?
                .unwrap_or_default(),
            backchannel_logout_uri: one(&self.backchannel_logout_uri, &format!("{at}/backchannel_logout_uri"), LogoutUri::parse)?,
            backchannel_logout_session_required: self.backchannel_logout_session_required.unwrap_or(default.backchannel_logout_session_required),
            frontchannel_logout_uri: one(&self.frontchannel_logout_uri, &format!("{at}/frontchannel_logout_uri"), LogoutUri::parse)?,
            frontchannel_logout_session_required: self.frontchannel_logout_session_required.unwrap_or(default.frontchannel_logout_session_required),
            may_be_framed: self.may_be_framed.unwrap_or(default.may_be_framed),
            fedcm: self.fedcm.unwrap_or(default.fedcm),
            policy_uri: self.policy_uri.clone(),
            tos_uri: self.tos_uri.clone(),
            web_origins,
            scope: one(&self.scope, &format!("{at}/scope"), Scope::parse)?.unwrap_or(default.scope),
            resources: self.resources.clone().unwrap_or_default(),
            first_party: self.first_party.unwrap_or(default.first_party),
            require_pkce: self.require_pkce.unwrap_or(default.require_pkce),
            dpop_bound_access_tokens: self.dpop_bound_access_tokens.unwrap_or(default.dpop_bound_access_tokens),
            id_token_signed_response_alg: self.id_token_signed_response_alg.map_or(default.id_token_signed_response_alg, Into::into),
            userinfo_signed_response_alg: self.userinfo_signed_response_alg.map(Into::into),
            subject_type: self.subject_type.map_or(default.subject_type, Into::into),
            sector_identifier: one(&self.sector_identifier, &format!("{at}/sector_identifier"), SectorIdentifier::parse)?,
            refresh_overlap: one(&self.refresh_overlap, &format!("{at}/refresh_overlap"), str::parse::<Lifetime>)?.unwrap_or(default.refresh_overlap),
            lifetimes: match &self.lifetimes {
                Some(limits) => limits.parse(&format!("{at}/lifetimes"))?,
                None => LimitOverrides::default(),
            },
            name: default.name,
            kind: default.kind,
        })
    }

    /// Judges the rules that hold between the members, telling which of them broke one.
    pub fn check(metadata: &client::ClientMetadata, id: &ClientId, at: &str) -> Result<(), ChangeProblem> {
        metadata.check(id).map_err(|refused| ChangeProblem::invalid_member(&format!("{at}/{}", member_of(&refused)), format!("{refused}.")))
    }
}

fn one<T, E: std::fmt::Display>(text: &Option<String>, at: &str, parse: impl Fn(&str) -> Result<T, E>) -> Result<Option<T>, ChangeProblem> {
    text.as_deref().map(|text| parse(text).map_err(|error| ChangeProblem::invalid_member(at, format!("{error}.")))).transpose()
}

fn list<T, E: std::fmt::Display>(texts: &Option<Vec<String>>, at: &str, parse: impl Fn(&str) -> Result<T, E>) -> Result<Option<Vec<T>>, ChangeProblem> {
    let Some(texts) = texts else { return Ok(None) };
    let item = |(i, text): (usize, &String)| parse(text).map_err(|error| ChangeProblem::invalid_member(&format!("{at}/{i}"), format!("{error}.")));
    texts.iter().enumerate().map(item).collect::<Result<Vec<T>, _>>().map(Some)
}

fn member_of(refused: &InvalidClient) -> &'static str {
    use InvalidClient as E;
    match refused {
        E::NoName(_) => "name",
        E::NoRedirectUri(_) | E::PrivateScheme(..) => "redirect_uris",
        E::SecretInPublic(..) | E::PublicMachine(..) => "authentication",
        E::PublicClientCredentials(_) => "grant_types",
        E::UnlimitedOverlap(_) => "refresh_overlap",
        E::PublicOnlineAccess(_) => "scope",
        E::PublicWithoutPkce(_) => "require_pkce",
        E::Lifetime(..) => "lifetimes",
        E::NoSector(_) => "sector_identifier",
        E::ForeignLogoutUri(..) => "frontchannel_logout_uri",
        E::FedcmWithoutPages(_) => "fedcm",
        E::NoWebAddress(_, member) => member,
        E::Resource(..) => "resources",
    }
}

impl From<&client::ClientMetadata> for ClientMetadata {
    fn from(metadata: &client::ClientMetadata) -> Self {
        let uris = |uris: &[RedirectUri]| Some(uris.iter().map(|uri| uri.as_str().to_owned()).collect());
        Self {
            name: metadata.name.clone(),
            kind: metadata.kind.into(),
            authentication: Some(metadata.authentication.into()),
            grant_types: Some(metadata.grant_types.iter().copied().map(Into::into).collect()),
            redirect_uris: uris(&metadata.redirect_uris),
            post_logout_redirect_uris: uris(&metadata.post_logout_redirect_uris),
            backchannel_logout_uri: metadata.backchannel_logout_uri.as_ref().map(|uri| uri.as_str().to_owned()),
            backchannel_logout_session_required: Some(metadata.backchannel_logout_session_required),
            frontchannel_logout_uri: metadata.frontchannel_logout_uri.as_ref().map(|uri| uri.as_str().to_owned()),
            frontchannel_logout_session_required: Some(metadata.frontchannel_logout_session_required),
            may_be_framed: Some(metadata.may_be_framed),
            fedcm: Some(metadata.fedcm),
            policy_uri: metadata.policy_uri.clone(),
            tos_uri: metadata.tos_uri.clone(),
            web_origins: Some(metadata.web_origins.iter().map(|origin| origin.as_str().to_owned()).collect()),
            scope: Some(metadata.scope.to_string()),
            resources: Some(metadata.resources.clone()),
            first_party: Some(metadata.first_party),
            require_pkce: Some(metadata.require_pkce),
            dpop_bound_access_tokens: Some(metadata.dpop_bound_access_tokens),
            id_token_signed_response_alg: Some(metadata.id_token_signed_response_alg.into()),
            userinfo_signed_response_alg: metadata.userinfo_signed_response_alg.map(Into::into),
            subject_type: Some(metadata.subject_type.into()),
            sector_identifier: metadata.sector_identifier.as_ref().map(|sector| sector.as_str().to_owned()),
            refresh_overlap: Some(metadata.refresh_overlap.to_string()),
            lifetimes: (!metadata.lifetimes.is_empty()).then(|| Limits::from(&metadata.lifetimes)),
        }
    }
}

impl Example for ClientMetadata {
    fn example() -> Self {
        let mut metadata = client::ClientMetadata::defaults(client::ClientKind::Spa, "Notes");
        metadata.redirect_uris = RedirectUri::parse("https://notes.example.com/").into_iter().collect();
        metadata.web_origins = client::origins_of(&metadata.redirect_uris);
        Self::from(&metadata)
    }
}
