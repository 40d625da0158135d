//! `[[clients]]`: applications declared in the file. What is left out comes from the defaults of the client's kind.

use serde::Deserialize;

use super::SettingsError;
use super::known::{Key, Kind, key};
use super::sources::Sources;
use crate::domain::client::{ClientAuthentication, ClientKind, ClientMetadata, GrantType, SubjectType, origins_of};
use crate::domain::duration::Lifetime;
use crate::domain::id::ClientId;
use crate::domain::lifetime::LimitOverrides;
use crate::domain::logout_uri::LogoutUri;
use crate::domain::redirect_uri::{RedirectUri, WebOrigin};
use crate::domain::scope::Scope;
use crate::domain::secret::{Digest, Secret};
use crate::domain::sector::SectorIdentifier;
use crate::domain::signing_key::SigningAlg;

pub(super) const KEYS: &[Key] = &[
    key("clients[].id", Kind::Text, "\"notes\""),
    key("clients[].kind", Kind::Text, "\"spa\""),
    key("clients[].name", Kind::Text, "\"Notes\""),
    key("clients[].redirect_uris", Kind::Texts, "[\"https://notes.example.com/callback\"]"),
    key("clients[].post_logout_redirect_uris", Kind::Texts, "[\"https://notes.example.com/\"]"),
    key("clients[].backchannel_logout_uri", Kind::Text, "\"https://notes.example.com/backchannel-logout\""),
    key("clients[].backchannel_logout_session_required", Kind::Flag, "true"),
    key("clients[].frontchannel_logout_uri", Kind::Text, "\"https://notes.example.com/frontchannel-logout\""),
    key("clients[].frontchannel_logout_session_required", Kind::Flag, "true"),
    key("clients[].may_be_framed", Kind::Flag, "false"),
    key("clients[].fedcm", Kind::Flag, "true"),
    key("clients[].policy_uri", Kind::Text, "\"https://notes.example.com/privacy\""),
    key("clients[].tos_uri", Kind::Text, "\"https://notes.example.com/terms\""),
    key("clients[].web_origins", Kind::Texts, "[\"https://notes.example.com\"]"),
    key("clients[].authentication", Kind::Text, "\"client_secret_post\""),
    key("clients[].secret_digest", Kind::Text, "\"sha256:<64 hexadecimal digits>\""),
    key("clients[].secret_env", Kind::Text, "\"NOTES_SECRET\""),
    key("clients[].secret_file", Kind::Text, "\"/run/secrets/notes\""),
    key("clients[].grant_types", Kind::Texts, "[\"authorization_code\", \"refresh_token\"]"),
    key("clients[].scope", Kind::Text, "\"openid profile notes:read\""),
    key("clients[].resources", Kind::Texts, "[\"https://api.example.com/\"]"),
    key("clients[].first_party", Kind::Flag, "true"),
    key("clients[].require_pkce", Kind::Flag, "false"),
    key("clients[].dpop_bound_access_tokens", Kind::Flag, "true"),
    key("clients[].id_token_signed_response_alg", Kind::Text, "\"RS256\""),
    key("clients[].userinfo_signed_response_alg", Kind::Text, "\"ES256\""),
    key("clients[].subject_type", Kind::Text, "\"pairwise\""),
    key("clients[].sector_identifier", Kind::Text, "\"example.com\""),
    key("clients[].refresh_overlap", Kind::Duration, "\"PT10S\""),
    key("clients[].lifetimes.session_absolute", Kind::Duration, "\"PT12H\""),
    key("clients[].lifetimes.session_idle", Kind::Duration, "\"PT1H\""),
    key("clients[].lifetimes.unremembered_absolute", Kind::Duration, "\"PT12H\""),
    key("clients[].lifetimes.unremembered_idle", Kind::Duration, "\"PT1H\""),
    key("clients[].lifetimes.client_session_absolute", Kind::Duration, "\"PT12H\""),
    key("clients[].lifetimes.client_session_idle", Kind::Duration, "\"PT30M\""),
    key("clients[].lifetimes.refresh_absolute", Kind::Duration, "\"P1Y\""),
    key("clients[].lifetimes.refresh_idle", Kind::Duration, "\"P30D\""),
    key("clients[].lifetimes.access_token", Kind::Duration, "\"PT5M\""),
    key("clients[].lifetimes.id_token", Kind::Duration, "\"PT5M\""),
    key("clients[].lifetimes.code", Kind::Duration, "\"PT30S\""),
];

/// A client secret of the operator's own choice must be beyond guessing, for it is kept as a plain SHA-256.
const SHORTEST_SECRET: usize = 32;

/// A client of the settings file.
#[derive(Debug, Clone)]
pub struct DeclaredClient {
    pub id: ClientId,
    pub metadata: ClientMetadata,
    /// `None`: public, or its secret is given by `gatekey client rotate-secret`.
    pub secret_digest: Option<Digest>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    id: ClientId,
    kind: ClientKind,
    name: Option<String>,
    redirect_uris: Option<Vec<RedirectUri>>,
    post_logout_redirect_uris: Option<Vec<RedirectUri>>,
    backchannel_logout_uri: Option<LogoutUri>,
    backchannel_logout_session_required: Option<bool>,
    frontchannel_logout_uri: Option<LogoutUri>,
    frontchannel_logout_session_required: Option<bool>,
    may_be_framed: Option<bool>,
    fedcm: Option<bool>,
    policy_uri: Option<String>,
    tos_uri: Option<String>,
    web_origins: Option<Vec<WebOrigin>>,
    authentication: Option<ClientAuthentication>,
    secret_digest: Option<WrittenDigest>,
    secret_env: Option<String>,
    secret_file: Option<String>,
    grant_types: Option<Vec<GrantType>>,
    scope: Option<Scope>,
    resources: Option<Vec<String>>,
    first_party: Option<bool>,
    require_pkce: Option<bool>,
    dpop_bound_access_tokens: Option<bool>,
    id_token_signed_response_alg: Option<SigningAlg>,
    userinfo_signed_response_alg: Option<SigningAlg>,
    subject_type: Option<SubjectType>,
    sector_identifier: Option<SectorIdentifier>,
    refresh_overlap: Option<Lifetime>,
    lifetimes: Option<LimitOverrides>,
}

pub(super) fn validated(raw: Vec<Raw>, sources: &Sources) -> Result<Vec<DeclaredClient>, SettingsError> {
    let mut clients: Vec<DeclaredClient> = Vec::with_capacity(raw.len());
    for (i, raw) in raw.into_iter().enumerate() {
        let at = i.to_string();
        if clients.iter().any(|client| client.id == raw.id) {
            return Err(SettingsError::refused(sources, &["clients", &at, "id"], format!("`{}` is declared twice: give each client its own id", raw.id)));
        }
        clients.push(raw.validated(&at, sources)?);
    }
    Ok(clients)
}

impl Raw {
    fn validated(self, at: &str, sources: &Sources) -> Result<DeclaredClient, SettingsError> {
        let refused = |name: &str, message: String| SettingsError::refused(sources, &["clients", at, name], message);
        let secret_digest = self.secret_digest(at, sources)?;
        let default = ClientMetadata::defaults(self.kind, self.id.as_str());
        let redirect_uris = self.redirect_uris.unwrap_or_default();
        let web_origins = self.web_origins.unwrap_or_else(|| if self.kind == ClientKind::Spa { origins_of(&redirect_uris) } else { Vec::new() });
        let metadata = ClientMetadata {
            name: self.name.unwrap_or(default.name),
            kind: self.kind,
            authentication: self.authentication.unwrap_or(default.authentication),
            grant_types: self.grant_types.unwrap_or(default.grant_types),
            redirect_uris,
            post_logout_redirect_uris: self.post_logout_redirect_uris.unwrap_or_default(),
            backchannel_logout_uri: self.backchannel_logout_uri,
            backchannel_logout_session_required: self.backchannel_logout_session_required.unwrap_or_default(),
            frontchannel_logout_uri: self.frontchannel_logout_uri,
            frontchannel_logout_session_required: self.frontchannel_logout_session_required.unwrap_or_default(),
            may_be_framed: self.may_be_framed.unwrap_or(default.may_be_framed),
            fedcm: self.fedcm.unwrap_or(default.fedcm),
            policy_uri: self.policy_uri,
            tos_uri: self.tos_uri,
            web_origins,
            scope: self.scope.unwrap_or(default.scope),
            resources: self.resources.unwrap_or_default(),
            first_party: self.first_party.unwrap_or(default.first_party),
            require_pkce: self.require_pkce.unwrap_or(default.require_pkce),
            dpop_bound_access_tokens: self.dpop_bound_access_tokens.unwrap_or(default.dpop_bound_access_tokens),
            id_token_signed_response_alg: self.id_token_signed_response_alg.unwrap_or(default.id_token_signed_response_alg),
            userinfo_signed_response_alg: self.userinfo_signed_response_alg,
            subject_type: self.subject_type.unwrap_or(default.subject_type),
            sector_identifier: self.sector_identifier,
            refresh_overlap: self.refresh_overlap.unwrap_or(default.refresh_overlap),
            lifetimes: self.lifetimes.unwrap_or_default(),
        };
        metadata.lifetimes.check().map_err(|(limit, why)| SettingsError::refused(sources, &["clients", at, "lifetimes", limit.as_str()], why))?;
        metadata.check(&self.id).map_err(|error| SettingsError::refused(sources, &["clients", at], error))?;
        if metadata.is_public() && secret_digest.is_some() {
            return Err(refused("secret_digest", format!("client `{}` is public and keeps no secret: remove the secret", self.id)));
        }
        Ok(DeclaredClient { id: self.id, metadata, secret_digest })
    }

    /// At most one of `secret_digest`, `secret_env`, `secret_file`.
    fn secret_digest(&self, at: &str, sources: &Sources) -> Result<Option<Digest>, SettingsError> {
        let refused = |name: &str, message: String| SettingsError::refused(sources, &["clients", at, name], message);
        let digest = |name: &str, secret: Secret<String>| {
            let text = secret.expose().trim_end_matches(['\r', '\n']);
            if text.chars().count() < SHORTEST_SECRET {
                return Err(refused(name, format!("that secret is shorter than {SHORTEST_SECRET} characters: make one with `openssl rand -base64 32`")));
            }
            Ok(Some(Digest::of(text.as_bytes())))
        };
        match (&self.secret_digest, &self.secret_env, &self.secret_file) {
            (None, None, None) => Ok(None),
            (Some(written), None, None) => Ok(Some(written.0)),
            (None, Some(name), None) => match sources.variable(name) {
                Some(secret) => digest("secret_env", Secret::new(secret.to_owned())),
                None => Err(refused("secret_env", format!("the variable `{name}` is not set: set it to the client's secret"))),
            },
            (None, None, Some(file)) => match std::fs::read_to_string(file) {
                Ok(secret) => digest("secret_file", Secret::new(secret)),
                Err(error) => Err(refused("secret_file", format!("`{file}` cannot be read ({error}): name a file this user can read"))),
            },
            _ => Err(refused("id", format!("client `{}` has more than one of `secret_digest`, `secret_env` and `secret_file`: keep one", self.id))),
        }
    }
}

/// `sha256:<64 hexadecimal digits>`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct WrittenDigest(Digest);

impl TryFrom<String> for WrittenDigest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // The text is not repeated: it may be the secret itself, written in the wrong place.
        const WRONG: &str =
            r#"this is no digest: write `sha256:` and 64 hexadecimal digits, the output of `echo "sha256:$(printf %s 'SECRET' | sha256sum | cut -c-64)"`"#;
        let digits = text.strip_prefix("sha256:").filter(|digits| digits.len() == 64 && digits.is_ascii()).ok_or(WRONG)?;
        let mut digest = [0u8; 32];
        for (byte, pair) in digest.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| WRONG)?;
            *byte = pair.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(pair, 16).ok()).flatten().ok_or(WRONG)?;
        }
        // A variable that was not set, on its way through `printf` or `echo`: every caller without a secret would be the client.
        if Digest(digest) == Digest::of(b"") || Digest(digest) == Digest::of(b"\n") {
            return Err("this is the digest of an empty secret: make one with `openssl rand -base64 32`");
        }
        Ok(Self(Digest(digest)))
    }
}
