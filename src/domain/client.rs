//! An OAuth client: an application that asks for tokens.

use serde::{Deserialize, Serialize};

use super::client_secret::PreviousSecret;
use super::clock::Timestamp;
use super::duration::Lifetime;
use super::id::ClientId;
use super::lifetime::{InvalidLimit, LimitOverrides};
use super::logout_uri::LogoutUri;
use super::profile::is_web_address;
use super::redirect_uri::{RedirectUri, WebOrigin};
use super::scope::{ONLINE_ACCESS, Scope};
use super::secret::Digest;
use super::sector::{self, SectorIdentifier};
use super::signing_key::SigningAlg;

#[derive(Debug, Clone)]
pub struct Client {
    pub id: ClientId,
    pub metadata: ClientMetadata,
    /// SHA-256 of the generated secret; `None` for public clients.
    pub secret_digest: Option<Digest>,
    /// The one before, while it works beside it; whether it still does is judged by the clock at each use.
    pub previous_secret: Option<PreviousSecret>,
    pub disabled_at: Option<Timestamp>,
    /// Declared in `gatekey.toml`: the file wins at each start.
    pub managed_by_file: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What a client is registered with: stored as one JSON document, so that a new field needs no migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientMetadata {
    /// Shown on the sign-in and consent pages.
    pub name: String,
    pub kind: ClientKind,
    pub authentication: ClientAuthentication,
    pub grant_types: Vec<GrantType>,
    #[serde(default)]
    pub redirect_uris: Vec<RedirectUri>,
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// Where it hears, from server to server, that a session has ended (Back-Channel Logout 1.0 §2.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<LogoutUri>,
    /// Whether it must be told the `sid`; every logout token has it.
    #[serde(default)]
    pub backchannel_logout_session_required: bool,
    /// The page that the browser is made to load in a frame when the user signs out (Front-Channel Logout 1.0 §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<LogoutUri>,
    /// Whether it must be told `iss` and `sid`; it always is.
    #[serde(default)]
    pub frontchannel_logout_session_required: bool,
    /// Whether its pages may ask from a frame, silently (`prompt=none`). Without that, a stranger's script in one of its pages cannot either.
    #[serde(default = "may_be_framed")]
    pub may_be_framed: bool,
    /// Whether its pages may ask by FedCM, through the browser's own account chooser.
    #[serde(default)]
    pub fedcm: bool,
    /// Its privacy policy, for people to read (RFC 7591 §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Its terms of service, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// Who may call the token endpoint from a page (CORS).
    #[serde(default)]
    pub web_origins: Vec<WebOrigin>,
    /// The scope the client may ask for.
    pub scope: Scope,
    /// The audiences (RFC 8707) its access tokens may be for; the first is used when it names none.
    #[serde(default)]
    pub resources: Vec<String>,
    /// The operator's own application: its users are not asked for consent.
    #[serde(default)]
    pub first_party: bool,
    /// Whether its authorization requests must carry a PKCE challenge; only a confidential client may go without.
    #[serde(default = "pkce_is_required")]
    pub require_pkce: bool,
    /// Whether its access tokens must be bound to a key (RFC 9449 §5.2): without a proof it gets none.
    #[serde(default)]
    pub dpop_bound_access_tokens: bool,
    #[serde(default)]
    pub id_token_signed_response_alg: SigningAlg,
    /// With it userinfo is a signed JWT (OIDC Core §5.3.2); without, JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<SigningAlg>,
    #[serde(default)]
    pub subject_type: SubjectType,
    /// The host whose clients know a user by one pairwise subject; without it, the one host of the redirect URIs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_identifier: Option<SectorIdentifier>,
    /// How long the predecessor of the newest refresh token may be replayed; see [`ClientMetadata::DEFAULT_REFRESH_OVERLAP`].
    pub refresh_overlap: Lifetime,
    #[serde(default)]
    pub lifetimes: LimitOverrides,
}

const fn pkce_is_required() -> bool {
    true
}

const fn may_be_framed() -> bool {
    true
}

/// What kind of application it is; sets the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// Runs in a browser: public, code + PKCE, refresh tokens rotate.
    Spa,
    /// Runs on the user's device: public, code + PKCE, any loopback port.
    Native,
    /// Runs on a server: confidential, code + PKCE.
    Web,
    /// Acts for itself: confidential, client_credentials.
    Machine,
}

/// How the client proves itself at the token endpoint (`token_endpoint_auth_method`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    None,
    ClientSecretBasic,
    ClientSecretPost,
}

/// Who a user is to the client (OIDC Core §8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// The user id: the same to every client.
    #[default]
    Public,
    /// Another one for each sector, so that clients of two sectors cannot join what they know of a person.
    Pairwise,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    AuthorizationCode,
    RefreshToken,
    ClientCredentials,
}

impl Client {
    /// Whether this is its secret at `now`, or the one before it that still works.
    pub fn has_secret(&self, digest: &Digest, now: Timestamp) -> bool {
        self.secret_digest == Some(*digest) || self.live_previous_secret(now).is_some_and(|previous| previous.digest == *digest)
    }

    /// The secret before the present one, if it works at `now`.
    pub fn live_previous_secret(&self, now: Timestamp) -> Option<&PreviousSecret> {
        self.previous_secret.as_ref().filter(|previous| previous.lives_at(now))
    }
}

impl ClientMetadata {
    /// Covers the three tries, 10 s apart, of a client library that lost a response.
    pub const DEFAULT_REFRESH_OVERLAP: Lifetime = Lifetime::seconds(30);

    /// The sane defaults of a kind.
    pub fn defaults(kind: ClientKind, name: &str) -> Self {
        let interactive = "openid profile email offline_access";
        let (authentication, grant_types, scope) = match kind {
            ClientKind::Spa | ClientKind::Native => (ClientAuthentication::None, vec![GrantType::AuthorizationCode, GrantType::RefreshToken], interactive),
            ClientKind::Web => (ClientAuthentication::ClientSecretBasic, vec![GrantType::AuthorizationCode, GrantType::RefreshToken], interactive),
            ClientKind::Machine => (ClientAuthentication::ClientSecretBasic, vec![GrantType::ClientCredentials], ""),
        };
        Self {
            name: name.to_owned(),
            kind,
            authentication,
            grant_types,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            backchannel_logout_session_required: false,
            frontchannel_logout_uri: None,
            frontchannel_logout_session_required: false,
            may_be_framed: true,
            fedcm: false,
            policy_uri: None,
            tos_uri: None,
            web_origins: Vec::new(),
            scope: Scope::parse(scope).unwrap_or_default(),
            resources: Vec::new(),
            first_party: false,
            require_pkce: true,
            dpop_bound_access_tokens: false,
            id_token_signed_response_alg: SigningAlg::Es256,
            userinfo_signed_response_alg: None,
            subject_type: SubjectType::Public,
            sector_identifier: None,
            refresh_overlap: Self::DEFAULT_REFRESH_OVERLAP,
            lifetimes: LimitOverrides::default(),
        }
    }

    pub fn is_public(&self) -> bool {
        self.authentication == ClientAuthentication::None
    }

    /// Whether it is registered for access tokens with this audience (RFC 8707).
    pub fn has_resource(&self, audience: &str) -> bool {
        self.resources.iter().any(|resource| resource == audience)
    }

    /// Whether it may ask for a refresh token that stays the same (`online_access`). Until tokens can be bound to a key, only who proves itself by a
    /// secret may: RFC 9700 §2.2.2 has the refresh tokens of public clients rotate or be sender-constrained.
    pub fn may_ask_for_online_access(&self) -> bool {
        !self.is_public() && self.scope.contains(ONLINE_ACCESS) && self.grant_types.contains(&GrantType::RefreshToken)
    }

    /// The sector that the client's users are named for; `None`: by their own ids.
    pub fn sector(&self) -> Option<SectorIdentifier> {
        match self.subject_type {
            SubjectType::Public => None,
            // What is registered has one: an empty sector would still not be the user id.
            SubjectType::Pairwise => Some(self.sector_identifier.clone().or_else(|| sector::shared_by(&self.redirect_uris)).unwrap_or_default()),
        }
    }

    /// What calls for a word to whoever registers this, or changes what was `before` into it.
    pub fn cautions(&self, before: Option<&Self>) -> Vec<Caution> {
        let unbound = |metadata: &Self| !metadata.require_pkce && metadata.grant_types.contains(&GrantType::AuthorizationCode);
        let other_subjects = before.is_some_and(|before| before.sector() != self.sector());
        let unbound_now = unbound(self) && !before.is_some_and(unbound);
        [other_subjects.then_some(Caution::OtherSubjects), unbound_now.then_some(Caution::UnboundCodes)].into_iter().flatten().collect()
    }

    /// The registered redirect URI that `requested` is (RFC 9700 §4.1.3).
    pub fn redirect(&self, requested: &str) -> Option<&RedirectUri> {
        let any_loopback_port = self.kind == ClientKind::Native;
        self.redirect_uris.iter().find(|uri| uri.matches(requested, any_loopback_port))
    }

    pub fn allows_redirect(&self, requested: &str) -> bool {
        self.redirect(requested).is_some()
    }

    /// Whether `origin` is one of the client's own: a web origin, or where one of its redirect URIs leads.
    pub fn is_page_of(&self, origin: &str) -> bool {
        self.web_origins.iter().any(|known| known.as_str() == origin) || self.redirect_uris.iter().any(|uri| uri.origin() == Some(origin))
    }

    pub fn allows_post_logout_redirect(&self, requested: &str) -> bool {
        let any_loopback_port = self.kind == ClientKind::Native;
        self.post_logout_redirect_uris.iter().any(|uri| uri.matches(requested, any_loopback_port))
    }
}

/// The origins an application's pages have, when it does not name them: those it is sent back to.
pub fn origins_of(redirect_uris: &[RedirectUri]) -> Vec<WebOrigin> {
    let mut origins: Vec<WebOrigin> = Vec::new();
    for origin in redirect_uris.iter().filter_map(|uri| WebOrigin::parse(uri.origin()?).ok()) {
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    origins
}

/// Why a client's metadata cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClient {
    #[error("client `{0}`: `name` is empty: give it the name users will read on the sign-in page")]
    NoName(ClientId),
    #[error("client `{0}`: `redirect_uris` is empty, but it signs users in: register at least one")]
    NoRedirectUri(ClientId),
    #[error("client `{0}`: a `{1}` client keeps no secret: leave `authentication` out or set it to `none`")]
    SecretInPublic(ClientId, &'static str),
    #[error("client `{0}`: a `{1}` client must authenticate: set `authentication` to `client_secret_basic` or `client_secret_post`")]
    PublicMachine(ClientId, &'static str),
    #[error("client `{0}`: `client_credentials` is only for confidential clients")]
    PublicClientCredentials(ClientId),
    #[error(
        "client `{0}`: an unlimited `refresh_overlap` is only for sender-constrained tokens: a thief could use the old token beside the owner for ever; set a duration such as `PT30S`"
    )]
    UnlimitedOverlap(ClientId),
    #[error(
        "client `{0}`: `online_access` is only for clients with a secret: its refresh token stays the same, so a thief's use of it would not be seen; take it out of `scope`"
    )]
    PublicOnlineAccess(ClientId),
    #[error("client `{0}`: a public client proves itself by PKCE alone: leave `require_pkce` out or set it to `true`")]
    PublicWithoutPkce(ClientId),
    #[error("client `{0}`: `{1}` uses a private-use scheme, which only `native` clients may register")]
    PrivateScheme(ClientId, String),
    #[error("client `{0}`: `lifetimes.{1}`: {2}, or leave it out")]
    Lifetime(ClientId, &'static str, InvalidLimit),
    #[error(
        "client `{0}`: pairwise subjects need a sector, and `redirect_uris` do not say one: set `sector_identifier` to the host your applications share (it must never change: users would become strangers)"
    )]
    NoSector(ClientId),
    #[error(
        "client `{0}`: `frontchannel_logout_uri` is at {1}, where none of its `redirect_uris` is (Front-Channel Logout §2): use an address of the same host and port"
    )]
    ForeignLogoutUri(ClientId, String),
    #[error("client `{0}`: `fedcm` is for applications with pages: register a `web_origins`, or a redirect URI at one")]
    FedcmWithoutPages(ClientId),
    #[error("client `{0}`: `{1}` is no web address: write the https URL of a page")]
    NoWebAddress(ClientId, &'static str),
    #[error("client `{0}`: resource `{1}` is not an absolute URI without fragment (RFC 8707 §2)")]
    Resource(ClientId, String),
}

impl ClientMetadata {
    /// The rules that hold between the fields; each field by itself was judged when it was parsed.
    pub fn check(&self, id: &ClientId) -> Result<(), InvalidClient> {
        use InvalidClient as E;
        let kind = match self.kind {
            ClientKind::Spa => "spa",
            ClientKind::Native => "native",
            ClientKind::Web => "web",
            ClientKind::Machine => "machine",
        };
        if self.name.trim().is_empty() {
            return Err(E::NoName(id.clone()));
        }
        if self.grant_types.contains(&GrantType::AuthorizationCode) && self.redirect_uris.is_empty() {
            return Err(E::NoRedirectUri(id.clone()));
        }
        match self.kind {
            // A secret in a page or an app on the user's device is no secret (RFC 6749 §2.1).
            ClientKind::Spa | ClientKind::Native if !self.is_public() => return Err(E::SecretInPublic(id.clone(), kind)),
            ClientKind::Web | ClientKind::Machine if self.is_public() => return Err(E::PublicMachine(id.clone(), kind)),
            _ => {}
        }
        if self.is_public() && self.grant_types.contains(&GrantType::ClientCredentials) {
            return Err(E::PublicClientCredentials(id.clone()));
        }
        // RFC 9700 §2.1.1: public clients MUST use PKCE.
        if self.is_public() && !self.require_pkce {
            return Err(E::PublicWithoutPkce(id.clone()));
        }
        if self.is_public() && self.scope.contains(ONLINE_ACCESS) {
            return Err(E::PublicOnlineAccess(id.clone()));
        }
        if self.refresh_overlap == Lifetime::Unlimited {
            return Err(E::UnlimitedOverlap(id.clone()));
        }
        if let Err((limit, why)) = self.lifetimes.check() {
            return Err(E::Lifetime(id.clone(), limit.as_str(), why));
        }
        if self.kind != ClientKind::Native {
            let private = |uri: &&RedirectUri| uri.origin().is_none();
            if let Some(uri) = self.redirect_uris.iter().chain(&self.post_logout_redirect_uris).find(private) {
                return Err(E::PrivateScheme(id.clone(), uri.as_str().to_owned()));
            }
        }
        // Front-Channel Logout §2: scheme, host and port MUST be those of a redirect URI.
        if let Some(origin) = self.frontchannel_logout_uri.as_ref().map(LogoutUri::origin)
            && !self.redirect_uris.iter().any(|uri| uri.origin() == Some(&*origin))
        {
            return Err(E::ForeignLogoutUri(id.clone(), origin));
        }
        // OIDC Core §8.1: with several hosts, or none, the sector must be named.
        if self.subject_type == SubjectType::Pairwise && self.sector_identifier.is_none() && sector::shared_by(&self.redirect_uris).is_none() {
            return Err(E::NoSector(id.clone()));
        }
        // A page brings the request, and its origin is what is compared.
        let is_a_page = |uri: &RedirectUri| uri.origin().is_some();
        if self.fedcm && (!self.grant_types.contains(&GrantType::AuthorizationCode) || self.web_origins.is_empty() && !self.redirect_uris.iter().any(is_a_page))
        {
            return Err(E::FedcmWithoutPages(id.clone()));
        }
        for (name, uri) in [("policy_uri", &self.policy_uri), ("tos_uri", &self.tos_uri)] {
            if uri.as_ref().is_some_and(|uri| !is_web_address(uri)) {
                return Err(E::NoWebAddress(id.clone(), name));
            }
        }
        let absolute = |resource: &String| url::Url::parse(resource).is_ok() && !resource.contains('#');
        if let Some(resource) = self.resources.iter().find(|r| !absolute(r)) {
            return Err(E::Resource(id.clone(), resource.clone()));
        }
        Ok(())
    }
}

/// What is allowed, and may not have been meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Caution {
    #[error("it now knows its users by other subjects (`sub`): to it they are strangers; undo the change if that was not meant")]
    OtherSubjects,
    /// RFC 9700 §2.1.1: a confidential client may go without PKCE where `nonce` does the same, and only the client can check that.
    #[error(
        "it may now ask without PKCE: then only a `nonce` that it sends and checks keeps a stolen code out of somebody else's session; let it use PKCE if its library can"
    )]
    UnboundCodes,
    #[error(
        "the settings file gives it more power than it had, and who registered it, or made its secret over the admin API, may be somebody who is not to have that: the secret works no more; make another with `gatekey client rotate-secret`, or name its digest in the file"
    )]
    SecretDropped,
}

impl Caution {
    /// Its name in the log.
    pub const fn event(self) -> &'static str {
        match self {
            Self::OtherSubjects => "client.subjects_changed",
            Self::UnboundCodes => "client.codes_unbound",
            Self::SecretDropped => "client.secret_dropped",
        }
    }
}
