//! A middleware for the host's own API: lets a request through only with a live access token of this issuer.
//!
//! ```no_run
//! # use gatekey::{Issuer, Settings};
//! # use poem::{EndpointExt, Route, get, handler, web::Data};
//! # use gatekey::TokenClaims;
//! # async fn app() -> Result<(), Box<dyn std::error::Error>> {
//! #[handler]
//! fn notes(token: Data<&TokenClaims>) -> String {
//!     format!("the notes of {}", token.subject)
//! }
//! let issuer = Issuer::builder(Settings::for_issuer("https://login.example.com/")?).build().await?;
//! let api = Route::new().at("/notes", get(notes)).with(issuer.require_token("https://api.example.com/").scope("notes:read"));
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;

use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use serde_json::{Map, Value};

use super::App;
use super::error::{token_error, token_missing};
use super::visit::{PROOF, credentials};
use crate::domain::id::{ClientId, UserId};
use crate::domain::scope::Scope;
use crate::protocol::bearer::Scheme;
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::service::Failure;
use crate::service::access_token::{Sent, admitted};

/// What a verified access token says; in the request's data behind [`RequireToken`].
#[derive(Debug, Clone)]
pub struct TokenClaims {
    /// `sub`: who the user is to the client (a user id, or a pairwise subject), or the client id of a machine.
    pub subject: String,
    /// The user's own id, whatever the client knows the user by: the host of the issuer is no stranger. `None` for a machine's token.
    pub user_id: Option<UserId>,
    pub client_id: ClientId,
    pub scope: Scope,
    /// Every claim of the token.
    pub claims: Arc<Map<String, Value>>,
}

/// Refuses a request without a live access token: 401 with a `WWW-Authenticate` challenge, 403 for a missing scope (RFC 6750 §3).
///
/// A token that is bound to a key comes as `Authorization: DPoP …` with a proof (RFC 9449), and is refused without.
///
/// Besides signature and expiry it asks whether the session and the grant behind the token still live, so a logout is felt at once.
#[derive(Clone)]
pub struct RequireToken {
    app: Arc<App>,
    audience: String,
    origin: Option<String>,
    scope: Vec<String>,
}

impl RequireToken {
    pub(crate) fn new(app: Arc<App>, audience: &str) -> Self {
        let origin = url::Url::parse(audience).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        Self { app, audience: audience.to_owned(), origin: origin.map(|url| url.origin().ascii_serialization()), scope: Vec::new() }
    }

    /// Where the API is, such as `https://api.example.com`: what a proof (DPoP, RFC 9449) of a token that is bound to a key must be for, with the path
    /// of the request. Left out, it is at the origin of its audience, or at the issuer's if that has none. What a request says in `Host` counts for
    /// nothing.
    pub fn origin(mut self, origin: &str) -> Self {
        self.origin = Some(origin.trim_end_matches('/').to_owned());
        self
    }

    /// A scope value the token must have; call it again for more.
    pub fn scope(mut self, scope: &str) -> Self {
        self.scope.push(scope.to_owned());
        self
    }

    async fn judge(&self, request: &Request, scheme: Scheme, token: &str) -> Result<TokenClaims, Failure> {
        let core = &self.app.core;
        // Two are as good as none.
        let mut headers = request.headers().get_all(PROOF).iter();
        let proof = headers.next().filter(|_| headers.next().is_none()).map(credentials);
        let origin = self.origin.as_deref().unwrap_or(core.settings.issuer.origin());
        let url = format!("{origin}{}", request.original_uri().path());
        let sent = Sent { scheme, token, proof: proof.as_deref(), method: request.method().as_str(), url: &url };
        let live = admitted(core, &sent).await?;
        if !live.is_for(&self.audience) {
            return Err(OAuthError::invalid_token("for another audience").into());
        }
        if let Some(missing) = self.scope.iter().find(|scope| !live.scope.contains(scope)) {
            return Err(OAuthError::new(ErrorCode::InsufficientScope, format!("The access token lacks the scope '{missing}'.")).into());
        }
        let subject = live.claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(TokenClaims { subject, user_id: live.user.map(|user| user.id), client_id: live.client.id.clone(), scope: live.scope, claims: live.claims })
    }
}

impl<E: Endpoint> Middleware<E> for RequireToken {
    type Output = RequireTokenEndpoint<E>;
    fn transform(&self, inner: E) -> Self::Output {
        RequireTokenEndpoint { inner, require: self.clone() }
    }
}

pub struct RequireTokenEndpoint<E> {
    inner: E,
    require: RequireToken,
}

impl<E: Endpoint> Endpoint for RequireTokenEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        // Two are as good as none: which was meant is not for us to guess.
        let mut headers = request.headers().get_all("authorization").iter();
        let one = headers.next().filter(|_| headers.next().is_none()).map(credentials);
        let Some((scheme, token)) = one.as_deref().and_then(Scheme::split) else {
            return Ok(token_missing());
        };
        match self.require.judge(&request, scheme, token).await {
            Ok(claims) => {
                request.set_data(claims);
                self.inner.call(request).await.map(IntoResponse::into_response)
            }
            Err(failure) => Ok(token_error(scheme, &failure)),
        }
    }
}
