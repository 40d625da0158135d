//! What this server says of itself (OIDC Discovery 1.0 §3, RFC 8414 §2, RFC 9449 §5.1).

use serde_json::{Value, json};

use super::authorize::ResponseMode;
use super::userinfo;
use crate::domain::acr::Acr;
use crate::domain::dpop::SIGNING_ALGS;
use crate::domain::signing_key::SigningAlg;

/// Where something lies below the issuer, which ends with `/` or is put together with one.
pub fn below(issuer: &str, path: &str) -> String {
    format!("{}/{path}", issuer.strip_suffix('/').unwrap_or(issuer))
}

pub fn token_endpoint(issuer: &str) -> String {
    below(issuer, "oauth/token")
}

pub fn userinfo_endpoint(issuer: &str) -> String {
    below(issuer, "userinfo")
}

/// The metadata document; both well-known addresses serve the same one. `issuer` ends with `/` or is put together with one.
pub fn metadata(issuer: &str) -> Value {
    let at = |path: &str| below(issuer, path);
    json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": token_endpoint(issuer),
        "userinfo_endpoint": userinfo_endpoint(issuer),
        "jwks_uri": at(".well-known/jwks.json"),
        "revocation_endpoint": at("oauth/revoke"),
        "introspection_endpoint": at("oauth/introspect"),
        "end_session_endpoint": at("oidc/logout"),
        "check_session_iframe": at("oidc/check-session"),
        "scopes_supported": ["openid", "profile", "email", "address", "phone", "offline_access", "online_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ResponseMode::ALL.map(ResponseMode::as_str),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public", "pairwise"],
        "acr_values_supported": Acr::ALL.map(Acr::as_str),
        "id_token_signing_alg_values_supported": SigningAlg::ALL.map(SigningAlg::as_str),
        "userinfo_signing_alg_values_supported": SigningAlg::ALL.map(SigningAlg::as_str),
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": SIGNING_ALGS,
        "claims_supported": userinfo::supported(),
        "claim_types_supported": ["normal"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "display_values_supported": ["page", "popup", "touch", "wap"],
        "ui_locales_supported": ["en", "de"],
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
        "claims_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "require_request_uri_registration": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::authorize::Prompts;

    /// OIDC Discovery §4.3: `issuer` is what the client compares with what it is configured with, so it is there as it is; and what lies below
    /// it has one slash between, whether the issuer ends with one or not.
    #[test]
    fn everything_lies_below_the_issuer() {
        for issuer in ["https://id.test/", "https://id.test", "https://id.test/tenants/a", "https://id.test/tenants/a/"] {
            let metadata = metadata(issuer);
            assert_eq!(metadata["issuer"], issuer);
            let members = metadata.as_object().unwrap();
            let addresses: Vec<&str> =
                members.iter().filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri").filter_map(|(_, at)| at.as_str()).collect();
            assert!(addresses.len() >= 7, "{addresses:?}");
            for address in addresses {
                let path = address.strip_prefix(issuer.trim_end_matches('/')).unwrap();
                assert!(path.starts_with('/') && !path.contains("//"), "{address}");
            }
        }
    }

    /// OIDC Discovery §3 and RFC 8414 §2: what is REQUIRED is there; a list that is empty is left out instead (RFC 8414 §3.2).
    #[test]
    fn what_is_required_is_there() {
        let metadata = metadata("https://id.test/");
        for required in [
            "issuer",
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
            "response_types_supported",
            "subject_types_supported",
            "id_token_signing_alg_values_supported",
        ] {
            assert!(!metadata[required].is_null(), "{required}");
        }
        for (name, member) in metadata.as_object().unwrap() {
            assert!(member.as_array().is_none_or(|list| !list.is_empty() && list.iter().all(|one| one.as_str().is_some_and(|one| !one.is_empty()))), "{name}");
        }
    }

    /// What is announced is what the rules take: each value by the reader of its parameter.
    #[test]
    fn what_is_announced_is_understood() {
        let metadata = metadata("https://id.test/");
        let announced = |name: &str| metadata[name].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert!(announced("response_modes_supported").iter().all(|mode| ResponseMode::parse(mode).is_some()));
        assert!(announced("prompt_values_supported").iter().all(|prompt| Prompts::parse(Some(prompt)).is_ok_and(|prompts| prompts != Prompts::default())));
        assert!(announced("acr_values_supported").iter().all(|acr| Acr::parse(acr).is_some()));
        assert!(userinfo::SCOPES.iter().all(|scope| announced("scopes_supported").contains(&(*scope).to_owned())));
        // OIDC Core §2 and §5.1: what an ID token says of itself, and who the user is.
        for claim in ["sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "name", "email", "phone_number_verified"] {
            assert!(announced("claims_supported").contains(&claim.to_owned()), "{claim}");
        }
    }
}
