//! Resource indicators (RFC 8707): which APIs an access token is for.

use super::error::{ErrorCode, OAuthError};
use super::params::Params;

/// What the request names, each registered for the client; without any, the client's first resource.
pub fn requested(params: &Params, registered: &[String]) -> Result<Vec<String>, OAuthError> {
    let named = params.all("resource");
    if named.iter().any(|r| !registered.contains(r)) {
        return Err(OAuthError::new(ErrorCode::InvalidTarget, "`resource` names an API that is not registered for this client."));
    }
    if named.is_empty() { Ok(registered.first().cloned().into_iter().collect()) } else { Ok(named) }
}

/// What a token request narrows a grant to (RFC 8707 §2.2): a subset, or all of it.
pub fn narrowed(params: &Params, granted: &[String]) -> Result<Vec<String>, OAuthError> {
    let named = params.all("resource");
    if named.iter().any(|r| !granted.contains(r)) {
        return Err(OAuthError::new(ErrorCode::InvalidTarget, "`resource` names an API that was not part of the grant."));
    }
    Ok(if named.is_empty() { granted.to_vec() } else { named })
}
