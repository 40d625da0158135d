//! The token endpoint (RFC 6749 §3.2): one grant, one file, one `decide` each.

pub mod authorization_code;
pub mod client_credentials;
pub mod family;
pub mod refresh_token;

use super::error::{ErrorCode, OAuthError};
use super::params::Params;
use crate::domain::client::{Client, GrantType};
use crate::domain::refresh_family::Grant;
use crate::domain::scope::{OFFLINE_ACCESS, ONLINE_ACCESS, Scope};

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

/// Whether a grant's refresh token stands for the session it came from (`online_access`): it stays the same, and giving it back ends the
/// session. A client that may ask for it no more is back to one that rotates, like any other that hangs on the session.
pub fn stands_for_session(grant: &Grant, client: &Client) -> bool {
    grant.scope.contains(ONLINE_ACCESS) && !grant.scope.contains(OFFLINE_ACCESS) && client.metadata.may_ask_for_online_access()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::acr::Acr;
    use crate::domain::claim::NamedClaims;
    use crate::domain::client::{ClientKind, ClientMetadata};
    use crate::protocol::session::tests::{a_client, at};

    fn client(kind: ClientKind) -> Client {
        let metadata = ClientMetadata { resources: vec!["https://a.test/".to_owned()], ..ClientMetadata::defaults(kind, "App") };
        a_client("app", metadata)
    }

    #[test]
    fn a_grant_type_must_be_known_and_registered() {
        let asked = |kind, text: &str| grant_type(&Params::parse(text).unwrap(), &client(kind)).map_err(|error| error.code);
        assert_eq!(asked(ClientKind::Spa, "grant_type=authorization_code"), Ok(GrantType::AuthorizationCode));
        assert_eq!(asked(ClientKind::Web, "grant_type=refresh_token"), Ok(GrantType::RefreshToken));
        assert_eq!(asked(ClientKind::Machine, "grant_type=client_credentials"), Ok(GrantType::ClientCredentials));
        assert_eq!(asked(ClientKind::Spa, "grant_type=client_credentials"), Err(ErrorCode::UnauthorizedClient));
        assert_eq!(asked(ClientKind::Machine, "grant_type=refresh_token"), Err(ErrorCode::UnauthorizedClient));
        for odd in ["password", "implicit", "Authorization_code", "urn:ietf:params:oauth:grant-type:device_code"] {
            assert_eq!(asked(ClientKind::Spa, &format!("grant_type={odd}")), Err(ErrorCode::UnsupportedGrantType), "{odd}");
        }
        assert_eq!(asked(ClientKind::Spa, ""), Err(ErrorCode::InvalidRequest));
    }

    #[test]
    fn a_narrowed_registration_is_felt() {
        let resources = vec!["https://a.test/".to_owned(), "https://gone.test/".to_owned()];
        let grant = Grant { scope: Scope::parse("openid gone").unwrap(), resources, auth_time: at(0), acr: Acr::Password, claims: NamedClaims::default() };
        let (scope, resources) = still_allowed(&grant, &client(ClientKind::Spa));
        assert_eq!((scope.to_string().as_str(), resources.as_slice()), ("openid", ["https://a.test/".to_owned()].as_slice()));
    }

    /// OIDC Core §11: the user allowed it, and the client may still ask for it.
    #[test]
    fn offline_access_takes_both() {
        let outlives = |granted: &str, registered: &str| {
            let scope = Scope::parse(granted).unwrap();
            let grant = Grant { scope, resources: vec![], auth_time: at(0), acr: Acr::Password, claims: NamedClaims::default() };
            let mut client = client(ClientKind::Spa);
            client.metadata.scope = Scope::parse(registered).unwrap();
            outlives_session(&grant, &client)
        };
        assert!(outlives("openid offline_access", "openid offline_access"));
        for (granted, registered) in [("openid offline_access", "openid"), ("openid", "openid offline_access"), ("openid", "openid")] {
            assert!(!outlives(granted, registered), "{granted} / {registered}");
        }
    }
    /// The user allowed it, the client may still ask for it, and it has a secret; what outlives the session does not stand for it.
    #[test]
    fn online_access_takes_all_three() {
        let stands = |kind, granted: &str, registered: &str| {
            let scope = Scope::parse(granted).unwrap();
            let grant = Grant { scope, resources: vec![], auth_time: at(0), acr: Acr::Password, claims: NamedClaims::default() };
            let mut client = client(kind);
            client.metadata.scope = Scope::parse(registered).unwrap();
            stands_for_session(&grant, &client)
        };
        let online = "openid online_access";
        assert!(stands(ClientKind::Web, online, online));
        assert!(!stands(ClientKind::Spa, online, online) && !stands(ClientKind::Native, online, online) && !stands(ClientKind::Machine, online, online));
        assert!(!stands(ClientKind::Web, "openid", online) && !stands(ClientKind::Web, online, "openid"));
        assert!(!stands(ClientKind::Web, "openid online_access offline_access", "openid online_access offline_access"));
    }
}
