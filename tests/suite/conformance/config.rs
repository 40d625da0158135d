//! `oidcc-config-certification-test-plan`: what the server says of itself.

use gatekey::domain::scope::Scope;
use serde_json::Value;
use url::Url;

use crate::support::app::App;
use crate::support::database::{Database, each_database};

each_database!(oidcc_discovery_endpoint_verification);

/// The names that `oauth_authorization_server_metadata.json` of the suite knows, of those a server like this one may use
/// (`ValidateServerMetadataAgainstSchema`, `CheckForUnexpectedParametersInServerMetadata`), with the type of each.
const KNOWN: [(&str, Kind); 40] = [
    ("issuer", Kind::Uri),
    ("authorization_endpoint", Kind::Uri),
    ("token_endpoint", Kind::Uri),
    ("jwks_uri", Kind::Uri),
    ("registration_endpoint", Kind::Uri),
    ("userinfo_endpoint", Kind::Uri),
    ("revocation_endpoint", Kind::Uri),
    ("introspection_endpoint", Kind::Uri),
    ("end_session_endpoint", Kind::Uri),
    ("check_session_iframe", Kind::Uri),
    ("pushed_authorization_request_endpoint", Kind::Uri),
    ("device_authorization_endpoint", Kind::Uri),
    ("scopes_supported", Kind::Texts),
    ("response_types_supported", Kind::Texts),
    ("response_modes_supported", Kind::Texts),
    ("grant_types_supported", Kind::Texts),
    ("token_endpoint_auth_methods_supported", Kind::Texts),
    ("revocation_endpoint_auth_methods_supported", Kind::Texts),
    ("introspection_endpoint_auth_methods_supported", Kind::Texts),
    ("code_challenge_methods_supported", Kind::Texts),
    ("subject_types_supported", Kind::Texts),
    ("id_token_signing_alg_values_supported", Kind::Texts),
    ("userinfo_signing_alg_values_supported", Kind::Texts),
    ("dpop_signing_alg_values_supported", Kind::Texts),
    ("display_values_supported", Kind::Texts),
    ("claim_types_supported", Kind::Texts),
    ("claims_supported", Kind::Texts),
    ("claims_locales_supported", Kind::Texts),
    ("acr_values_supported", Kind::Texts),
    ("ui_locales_supported", Kind::Texts),
    ("prompt_values_supported", Kind::Texts),
    ("claims_parameter_supported", Kind::Truth),
    ("request_parameter_supported", Kind::Truth),
    ("request_uri_parameter_supported", Kind::Truth),
    ("require_request_uri_registration", Kind::Truth),
    ("authorization_response_iss_parameter_supported", Kind::Truth),
    ("backchannel_logout_supported", Kind::Truth),
    ("backchannel_logout_session_supported", Kind::Truth),
    ("frontchannel_logout_supported", Kind::Truth),
    ("frontchannel_logout_session_supported", Kind::Truth),
];

#[derive(Debug, Clone, Copy)]
enum Kind {
    Uri,
    Texts,
    Truth,
}

async fn oidcc_discovery_endpoint_verification(database: Database) {
    let app = App::start(database).await;
    // `CheckDiscEndpointDiscoveryUrl`, `EnsureDiscoveryEndpointResponseStatusCodeIs200`, `CheckDiscoveryEndpointReturnedJsonContentType`.
    let discovery_url = format!("{}.well-known/openid-configuration", app.issuer);
    assert!(discovery_url.starts_with("https://"));
    let answer = app.network.get(&discovery_url, &[]).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/json")));
    let server = answer.json();
    let server = server.as_object().unwrap();
    let texts = |name: &str| -> Vec<&str> { server[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect() };

    // `OIDCCCheckDiscEndpointResponseTypesSupported`.
    assert!(texts("response_types_supported").iter().any(|one| ["code", "code id_token", "id_token", "token id_token"].contains(one)));
    // `CheckDiscEndpointIssuer`, `CheckDiscEndpointIssuerIsValidUrl`.
    assert_eq!(format!("{}.well-known/openid-configuration", server["issuer"].as_str().unwrap()), discovery_url);
    let issuer = Url::parse(server["issuer"].as_str().unwrap()).unwrap();
    assert!(issuer.scheme() == "https" && issuer.query().is_none() && issuer.fragment().is_none());

    // `ValidateServerMetadataAgainstSchema`, `CheckForUnexpectedParametersInServerMetadata`, `CheckDiscEndpointAllEndpointsAreHttps` and the
    // checks of each endpoint. OIDC Discovery §3: what has no elements is left out.
    for (name, value) in server {
        let (_, kind) = KNOWN.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("unexpected metadata: {name}"));
        match kind {
            Kind::Uri => assert_eq!(Url::parse(value.as_str().unwrap()).unwrap().scheme(), "https", "{name}"),
            Kind::Texts => assert!(!texts(name).is_empty() && texts(name).iter().all(|text| !text.is_empty()), "{name}"),
            Kind::Truth => assert!(value.is_boolean(), "{name}"),
        }
    }
    for required in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"] {
        assert!(server.contains_key(required), "{required}");
    }

    // `CheckDiscEndpointSubjectTypesSupported`.
    assert!(texts("subject_types_supported").iter().all(|one| ["public", "pairwise"].contains(one)));
    // `OIDCCCheckDiscEndpointIdTokenSigningAlgValuesSupported`.
    assert!(texts("id_token_signing_alg_values_supported").contains(&"RS256"));
    // `OIDCCCheckDiscEndpointUserinfoSigningAlgValuesSupported`, where it is there.
    if server.contains_key("userinfo_signing_alg_values_supported") {
        assert!(texts("userinfo_signing_alg_values_supported").iter().all(|one| one.len() == 5));
    }
    // `OIDCCCheckDiscEndpointClaimsSupported`, `OIDCCCheckDiscEndpointGrantTypesSupported`.
    assert!(texts("claims_supported").contains(&"sub") && texts("grant_types_supported").contains(&"authorization_code"));
    // `CheckDiscEndpointScopesSupportedContainsOpenId`, `CheckDiscEndpointScopesSupportedSyntax`.
    assert!(texts("scopes_supported").contains(&"openid") && texts("scopes_supported").iter().all(|scope| Scope::parse(scope).is_ok()));
    // `CheckDiscEndpointLocalesSyntax`, `CheckDiscEndpointLocalesCanonicalCasing`.
    assert!(texts("ui_locales_supported").iter().all(|tag| tag.len() == 2 && tag.bytes().all(|b| b.is_ascii_lowercase())));
    // `EnsureServerConfigurationCodeChallengeMethodsSupportedIsAnArray`.
    assert_eq!(texts("code_challenge_methods_supported"), ["S256"]);

    // `CheckJwksUri`, `FetchServerKeys`, `ValidateJwksSequence`: public keys with distinct ids, each of use for signatures.
    let answer = app.network.get(server["jwks_uri"].as_str().unwrap(), &[]).await;
    assert_eq!(answer.status.as_u16(), 200);
    let jwks = answer.json();
    let keys = jwks["keys"].as_array().unwrap();
    let mut kids: Vec<&str> = keys.iter().map(|key| key["kid"].as_str().unwrap()).collect();
    kids.sort_unstable();
    let before = kids.len();
    kids.dedup();
    assert!(before > 0 && kids.len() == before);
    for key in keys {
        let members: &[&str] = match key["kty"].as_str().unwrap() {
            "RSA" => &["n", "e"],
            "EC" => &["crv", "x", "y"],
            "OKP" => &["crv", "x"],
            other => panic!("kty {other}"),
        };
        assert!(members.iter().all(|name| key[*name].as_str().is_some_and(|text| !text.is_empty())), "{key}");
        assert!(["d", "p", "q", "dp", "dq", "qi", "k", "oth"].iter().all(|private| key.get(private).is_none()), "{key}");
        assert_eq!((&key["use"], key["alg"].is_string()), (&Value::from("sig"), true));
    }
}
