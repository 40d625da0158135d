//! The token endpoint: authenticate the client → the grant's own file decides → apply → sign.

mod authorization_code;
mod client_credentials;
mod issue;
mod refresh_token;

use serde::Serialize;

use super::authenticate_client::authenticate_client;
use super::dpop::{Shown, shown};
use super::{Core, Failure};
use crate::domain::client::GrantType;
use crate::protocol::bearer::Scheme;
use crate::protocol::discovery::token_endpoint;
use crate::protocol::dpop::{Request, required};
use crate::protocol::params::Params;
use crate::protocol::token::grant_type;

/// A successful answer (RFC 6749 §5.1, OIDC Core §3.1.3.3).
#[derive(Debug, Serialize)]
pub struct TokenResponse {
    pub access_token: String,
    pub token_type: &'static str,
    /// Seconds.
    pub expires_in: i64,
    pub scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// When the session ends whatever the user does; seconds since 1970, absent if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_expires_at: Option<i64>,
    /// When the session ends if it is not used; seconds since 1970, absent if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_idle_expires_at: Option<i64>,
}

/// The method that the endpoint is asked by, and where it is: what a proof must be for.
const METHOD: &str = "POST";

/// `proof` is the header `DPoP`.
pub async fn token(core: &Core, params: &Params, authorization: Option<&str>, proof: Option<&str>) -> Result<TokenResponse, Failure> {
    let client = authenticate_client(core, authorization, params).await?;
    let grant_type = grant_type(params, &client)?;
    let shown = match proof {
        Some(proof) => Some(shown(proof, &Request { method: METHOD, url: &token_endpoint(core.issuer()), access_token: None }, core.now())?),
        None if client.metadata.dpop_bound_access_tokens => return Err(required().into()),
        None => None,
    };
    match grant_type {
        GrantType::AuthorizationCode => authorization_code::redeem(core, params, &client, shown.as_ref()).await,
        GrantType::RefreshToken => refresh_token::refresh(core, params, &client, shown.as_ref()).await,
        GrantType::ClientCredentials => client_credentials::grant(core, params, &client, shown.as_ref()).await,
    }
}

/// By which scheme a token is to be presented (RFC 6749 §7.1, RFC 9449 §5).
const fn token_type(shown: Option<&Shown>) -> &'static str {
    if shown.is_some() { Scheme::Dpop.as_str() } else { Scheme::Bearer.as_str() }
}
