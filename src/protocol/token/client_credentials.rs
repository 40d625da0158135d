//! The client acts for itself (RFC 6749 §4.4). No user, no session, no refresh token (§4.4.3).

use crate::domain::client::Client;
use crate::domain::scope::{OFFLINE_ACCESS, Scope};
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::params::Params;
use crate::protocol::{resource, userinfo};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineGrant {
    pub scope: Scope,
    pub resources: Vec<String>,
}

pub fn decide(params: &Params, client: &Client) -> Result<MachineGrant, OAuthError> {
    let allowed = &client.metadata.scope;
    let scope = match params.get("scope") {
        None => allowed.clone(),
        Some(text) => {
            let scope = Scope::parse(text).map_err(|e| OAuthError::new(ErrorCode::InvalidScope, e.to_string()))?;
            if !scope.is_subset(allowed) {
                return Err(OAuthError::new(ErrorCode::InvalidScope, "`scope` asks for more than is registered for this client."));
            }
            scope
        }
    };
    // There is nobody to be identified: the scopes that speak of a user are left out (OIDC Core §3.1.2.1).
    let scope = userinfo::SCOPES.into_iter().chain([OFFLINE_ACCESS]).fold(scope, |scope, word| scope.without(word));
    Ok(MachineGrant { scope, resources: resource::requested(params, &client.metadata.resources)? })
}
