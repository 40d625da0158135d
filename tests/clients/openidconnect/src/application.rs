//! What an application does with openidconnect: docs/clients.md shows parts of this file.

use std::error::Error;

use openidconnect::core::*;
use openidconnect::{
    AccessTokenHash, AdditionalProviderMetadata, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndSessionUrl, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, HttpClientError, IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl,
    ProviderMetadata, RedirectUrl, RefreshToken, RequestTokenError, RevocationUrl, Scope, StandardErrorResponse, SubjectIdentifier, TokenResponse,
    UserInfoError, reqwest, url::Url,
};
use serde::{Deserialize, Serialize};

pub type Failure = Box<dyn Error>;
pub type TokenError = RequestTokenError<HttpClientError<reqwest::Error>, StandardErrorResponse<CoreErrorResponseType>>;

/// What the crate does not read of the metadata by itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Endings {
    revocation_endpoint: RevocationUrl,
    end_session_endpoint: EndSessionUrl,
}

impl AdditionalProviderMetadata for Endings {}

type Metadata = ProviderMetadata<
    Endings,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Authorization, revocation: set. Token, userinfo: as discovery has them.
type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointSet, EndpointMaybeSet, EndpointMaybeSet>;

pub struct Application {
    http: reqwest::blocking::Client,
    client: Client,
    end_session: EndSessionUrl,
}

/// What must be remembered while the user is at the issuer.
pub struct Pending {
    state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

impl Application {
    /// `http` follows no redirects, as the crate's documentation asks.
    pub fn discover(http: reqwest::blocking::Client, issuer: &str, id: &str, secret: Option<&str>, redirect_uri: &str) -> Result<Self, Failure> {
        let metadata = Metadata::discover(&IssuerUrl::new(issuer.to_owned())?, &http)?;
        let Endings { revocation_endpoint, end_session_endpoint } = metadata.additional_metadata().clone();
        let secret = secret.map(|secret| ClientSecret::new(secret.to_owned()));
        let client = CoreClient::from_provider_metadata(metadata, ClientId::new(id.to_owned()), secret)
            .set_redirect_uri(RedirectUrl::new(redirect_uri.to_owned())?)
            .set_revocation_url(revocation_endpoint);
        Ok(Self { http, client, end_session: end_session_endpoint })
    }

    /// The address to send the browser to.
    pub fn authorization_url(&self, prompt: Option<CoreAuthPrompt>) -> (Url, Pending) {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = self
            .client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(["profile", "email", "offline_access"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge);
        if let Some(prompt) = prompt {
            request = request.add_prompt(prompt);
        }
        let (url, state, nonce) = request.url();
        (url, Pending { state, nonce, verifier })
    }

    /// The browser has come back with `callback`. The inner `Err` is what the issuer answered instead of a code.
    pub fn finish(&self, callback: &Url, pending: Pending) -> Result<Result<CoreTokenResponse, CoreAuthErrorResponseType>, Failure> {
        let parameter = |name: &str| callback.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        if parameter("state").as_ref() != Some(pending.state.secret()) {
            return Err("the state is not the one that was sent".into());
        }
        if let Some(error) = parameter("error") {
            return Ok(Err(serde_json::from_value(error.into())?));
        }
        let code = AuthorizationCode::new(parameter("code").ok_or("no code")?);
        let tokens = self.client.exchange_code(code)?.set_pkce_verifier(pending.verifier).request(&self.http)?;
        self.verify(&tokens, &pending.nonce)?;
        Ok(Ok(tokens))
    }

    fn verify(&self, tokens: &CoreTokenResponse, nonce: &Nonce) -> Result<(), Failure> {
        let verifier = self.client.id_token_verifier();
        let id_token = tokens.id_token().ok_or("no ID token")?;
        let claims = id_token.claims(&verifier, nonce)?;
        let expected = claims.access_token_hash().ok_or("no at_hash")?;
        let actual = AccessTokenHash::from_token(tokens.access_token(), id_token.signing_alg()?, id_token.signing_key(&verifier)?)?;
        if actual != *expected {
            return Err("the ID token is not of this access token".into());
        }
        Ok(())
    }

    /// Of an ID token that `finish` has verified.
    pub fn subject(&self, tokens: &CoreTokenResponse) -> Result<SubjectIdentifier, Failure> {
        let verifier = self.client.id_token_verifier();
        let id_token = tokens.id_token().ok_or("no ID token")?;
        Ok(id_token.claims(&verifier, |_: Option<&Nonce>| Ok(()))?.subject().clone())
    }

    pub fn userinfo(
        &self,
        tokens: &CoreTokenResponse,
        subject: SubjectIdentifier,
    ) -> Result<CoreUserInfoClaims, UserInfoError<HttpClientError<reqwest::Error>>> {
        let request = self.client.user_info(tokens.access_token().clone(), Some(subject)).expect("discovery names it");
        request.request(&self.http)
    }

    /// Keep the refresh token of the answer in the place of the one sent. After a lost answer send the same one again.
    pub fn refresh(&self, token: &RefreshToken) -> Result<CoreTokenResponse, TokenError> {
        self.client.exchange_refresh_token(token).expect("discovery names it").request(&self.http)
    }

    pub fn revoke(&self, token: RefreshToken) -> Result<(), Failure> {
        Ok(self.client.revoke_token(token.into())?.request(&self.http)?)
    }

    /// The address to send the browser to, so that the session at the issuer ends too.
    pub fn logout_url(&self, id_token: &CoreIdToken, back_to: &str) -> Result<(Url, CsrfToken), Failure> {
        let state = CsrfToken::new_random();
        let request = LogoutRequest::from(self.end_session.clone())
            .set_id_token_hint(id_token)
            .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(back_to.to_owned())?)
            .set_state(state.clone());
        Ok((request.http_get_url(), state))
    }
}
