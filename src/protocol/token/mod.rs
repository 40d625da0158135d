//! The token endpoint (RFC 6749 §3.2): one grant, one file, one `decide` each.

pub mod authorization_code;
pub mod client_credentials;
pub mod refresh_token;

use super::error::{ErrorCode, OAuthError};
use super::params::Params;
use crate::domain::client::{Client, GrantType};
use crate::domain::refresh_family::Grant;
use crate::domain::scope::{OFFLINE_ACCESS, Scope};

/// What is left of a grant when the client's registration has been narrowed since: that is felt at the next token.
pub fn still_allowed(grant: &Grant, client: &Client) -> (Scope, Vec<String>) {
    let resources = grant.resources.iter().filter(|resource| client.metadata.resources.contains(resource));
    (grant.scope.intersection(&client.metadata.scope), resources.cloned().collect())
}

/// Whether a grant outlives the session it came from (OIDC Core §11): the user allowed it, and the client still may ask for it.
/// A client that may no more is back to what hangs on the session.
pub fn outlives_session(grant: &Grant, client: &Client) -> bool {
    grant.scope.contains(OFFLINE_ACCESS) && client.metadata.scope.contains(OFFLINE_ACCESS)
}

/// Which grant is asked for, and may this client use it?
pub fn grant_type(params: &Params, client: &Client) -> Result<GrantType, OAuthError> {
    let grant_type = match params.require("grant_type")? {
        "authorization_code" => GrantType::AuthorizationCode,
        "refresh_token" => GrantType::RefreshToken,
        "client_credentials" => GrantType::ClientCredentials,
        _ => {
            return Err(OAuthError::new(ErrorCode::UnsupportedGrantType, "`grant_type` may be `authorization_code`, `refresh_token` or `client_credentials`."));
        }
    };
    if !client.metadata.grant_types.contains(&grant_type) {
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, "This client is not registered for this `grant_type`."));
    }
    Ok(grant_type)
}
