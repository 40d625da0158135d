//! The client acts for itself (RFC 6749 §4.4). No user, no session, no refresh token (§4.4.3).

use crate::domain::client::Client;
use crate::domain::scope::{OFFLINE_ACCESS, ONLINE_ACCESS, Scope};
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
    let scope = userinfo::SCOPES.into_iter().chain([OFFLINE_ACCESS, ONLINE_ACCESS]).fold(scope, |scope, word| scope.without(word));
    Ok(MachineGrant { scope, resources: resource::requested(params, &client.metadata.resources)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::{ClientKind, ClientMetadata};
    use crate::protocol::session::tests::a_client;

    fn decided(registered: &str, text: &str) -> Result<String, ErrorCode> {
        let metadata = ClientMetadata {
            scope: Scope::parse(registered).unwrap(),
            resources: vec!["https://api.test/".to_owned()],
            ..ClientMetadata::defaults(ClientKind::Machine, "Machine")
        };
        let client = a_client("machine", metadata);
        let grant = decide(&Params::parse(text).unwrap(), &client).map_err(|error| error.code)?;
        assert_eq!(grant.resources, ["https://api.test/"]);
        Ok(grant.scope.to_string())
    }

    /// RFC 6749 §4.4.2, §3.3.
    #[test]
    fn what_is_registered_or_less() {
        assert_eq!(decided("jobs:read jobs:run", ""), Ok("jobs:read jobs:run".to_owned()));
        assert_eq!(decided("jobs:read jobs:run", "scope=jobs:run"), Ok("jobs:run".to_owned()));
        for beyond in ["scope=jobs:run+jobs:write", "scope=jobs:write", "scope=%22"] {
            assert_eq!(decided("jobs:read jobs:run", beyond), Err(ErrorCode::InvalidScope), "{beyond}");
        }
        assert_eq!(decided("jobs:run", "resource=https://other.test/"), Err(ErrorCode::InvalidTarget));
    }

    /// There is nobody to be told of.
    #[test]
    fn nothing_about_a_person() {
        assert_eq!(decided("openid profile email address phone offline_access online_access jobs:run", ""), Ok("jobs:run".to_owned()));
        assert_eq!(decided("openid jobs:run", "scope=openid"), Ok(String::new()));
    }
}
