//! Modules about the request itself, and the plain flow.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::suite::{CALLBACK, CLIENT, POST_CLIENT, Parameters, Suite, entropy, with, without};

/// The left half of the SHA-256 of a token (`ValidateAtHash`).
fn half_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(token)[..16])
}

pub async fn oidcc_server(mut suite: Suite) {
    let request = suite.request(CLIENT, "openid");
    let visit = suite.authorize(&request).await;
    let code = suite.code(&request, &visit);
    // `EnsureMinimumAuthorizationCodeLength` (128 bits), `EnsureMinimumAuthorizationCodeEntropy` (96).
    assert!(code.len() * 8 >= 128 && entropy(&code) >= 96.0);
    let tokens = suite.exchange(CLIENT, &request, &code).await;
    assert_eq!(suite.userinfo(&tokens.access_token).await.status.as_u16(), 200);
    assert_eq!(tokens.claims["at_hash"], half_hash(&tokens.access_token), "ValidateAtHash");
    assert!(tokens.claims.get("c_hash").is_none_or(|hash| *hash == half_hash(&code)), "ValidateCHash");
    assert_eq!(tokens.claims.get("name"), None, "EnsureIdTokenDoesNotContainName");
    // `EnsureIdTokenDoesNotContainNonRequestedClaims` would warn of this one, which Auth0's libraries read.
    let known = ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash", "nbf", "jti", "sid", "s_hash", "txn"];
    let others: Vec<&String> = tokens.claims.keys().filter(|name| !known.contains(&name.as_str())).collect();
    assert_eq!(others, ["session_expiry"]);
}

pub async fn oidcc_response_type_missing(mut suite: Suite) {
    let request = without(suite.request(CLIENT, "openid"), "response_type");
    let visit = suite.authorize(&request).await;
    assert_eq!(suite.error(&request, &visit), "invalid_request");
}

/// In the suite this one registers its client itself and names no algorithm, so that RS256 is the default. Ours is registered for RS256:
/// the default of a client of Gatekey's is ES256.
pub async fn oidcc_idtoken_signature(mut suite: Suite) {
    let request = suite.request(CLIENT, "openid");
    let (_, tokens) = suite.flow(CLIENT, &request).await;
    // `EnsureIdTokenContainsKid`, `EnsureIdTokenSignatureIsRS256`.
    assert!(tokens.header["kid"].as_str().is_some_and(|kid| !kid.is_empty()));
    assert_eq!(tokens.header["alg"], "RS256");
}

/// The suite skips it where `none` is not offered, and it must not be.
pub async fn oidcc_idtoken_unsigned(mut suite: Suite) {
    let offered = suite.server["id_token_signing_alg_values_supported"].as_array().unwrap();
    assert!(!offered.is_empty() && !offered.contains(&Value::from("none")));
    let registration = "[[clients]]\nid = \"a\"\nkind = \"spa\"\nredirect_uris = [\"https://a.test/cb\"]\nid_token_signed_response_alg = \"none\"";
    assert!(gatekey::Settings::from_toml(registration).is_err(), "no client can ask for it");
    let request = suite.request(CLIENT, "openid");
    let (_, tokens) = suite.flow(CLIENT, &request).await;
    assert_ne!(tokens.header["alg"], "none");
}

pub async fn oidcc_ensure_request_without_nonce_succeeds_for_code_flow(mut suite: Suite) {
    let request = without(suite.request(CLIENT, "openid"), "nonce");
    let visit = suite.authorize(&request).await;
    let code = suite.code(&request, &visit);
    // The suite stops at the code; it is good, and the ID token says no nonce.
    suite.exchange(CLIENT, &request, &code).await;
}

pub async fn oidcc_ensure_request_with_unknown_parameter_succeeds(mut suite: Suite) {
    let request = with(suite.request(CLIENT, "openid"), "extra", "foobar");
    suite.flow(CLIENT, &request).await;
}

pub async fn oidcc_ensure_registered_redirect_uri(mut suite: Suite) {
    // `CreateBadRedirectUriByAppending`.
    let request = with(suite.request(CLIENT, "openid"), "redirect_uri", &format!("{CALLBACK}/x7dK2mQ9"));
    let visit = suite.authorize(&request).await;
    let page = visit.error_page();
    assert!(page.text().contains("redirect_uri") && !page.text().contains("x7dK2mQ9"));
    // The same once somebody is signed in, where an answer would be at hand.
    let good = suite.request(CLIENT, "openid");
    suite.flow(CLIENT, &good).await;
    suite.authorize(&request).await.error_page();
}

pub async fn oidcc_ensure_post_request_succeeds(mut suite: Suite) {
    let request = suite.request(CLIENT, "openid");
    let visit = suite.authorize_by_post(&request).await;
    let code = suite.code(&request, &visit);
    let tokens = suite.exchange(CLIENT, &request, &code).await;
    assert_eq!(suite.userinfo(&tokens.access_token).await.status.as_u16(), 200);
}

pub async fn oidcc_server_client_secret_post(mut suite: Suite) {
    let offered = suite.server["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(offered.contains(&Value::from("client_secret_post")), "EnsureServerConfigurationSupportsClientSecretPost");
    let request = suite.request(POST_CLIENT, "openid");
    suite.flow(POST_CLIENT, &request).await;
}

/// An unsigned request object of these parameters (`SerializeRequestObjectWithNullAlgorithm`).
fn unsigned(parameters: &Parameters) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", encode(&json!({"alg": "none"})), encode(&json!(parameters)))
}

/// The parameters that go along with a request object (`AbstractBuildRequestObjectRedirectToAuthorizationEndpoint`).
fn beside(request: &Parameters, name: &str, value: &str) -> Parameters {
    let duplicates = ["response_type", "client_id", "scope", "redirect_uri"];
    let kept = request.iter().filter(|(name, _)| duplicates.contains(&name.as_str())).map(|(name, value)| (name.clone(), value.clone()));
    with(kept.collect(), name, value)
}

pub async fn oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(mut suite: Suite) {
    assert_eq!(suite.server["request_uri_parameter_supported"], false);
    let request = beside(&suite.request(CLIENT, "openid"), "request_uri", "https://suite.example.test/test/a/gatekey/requesturi#x");
    // What it points at is not fetched, so neither is a `state` or `response_mode` known that is only in there.
    let visit = suite.authorize(&request).await;
    let answer = visit.answer();
    assert_eq!((answer["error"].as_str(), answer.get("code")), ("request_uri_not_supported", None));
}

pub async fn oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(mut suite: Suite) {
    assert_eq!(suite.server["request_parameter_supported"], false);
    let inner = suite.request(CLIENT, "openid");
    let request = beside(&inner, "request", &unsigned(&inner));
    // Refused by name, never ignored; in the response mode and with the state of the request object.
    let visit = suite.authorize(&request).await;
    assert_eq!(suite.error(&inner, &visit), "request_not_supported");
}

pub async fn oidcc_ensure_request_object_with_redirect_uri(mut suite: Suite) {
    // The good one inside, `AddInvalidRedirectUriToAuthorizationRequest` outside: a page, and no default redirect URI.
    let inner = suite.request(CLIENT, "openid");
    let request = with(beside(&inner, "request", &unsigned(&inner)), "redirect_uri", &format!("{CALLBACK}_invalid"));
    let visit = suite.authorize(&request).await;
    assert!(visit.error_page().text().contains("redirect_uri"));
}

pub async fn oidcc_ensure_request_with_valid_pkce_succeeds(mut suite: Suite) {
    let verifier = "4Gx9wq0mYbH2kQvT7sLr1uJfE8dNcZaPo3iXyWhVtKe5BnRg";
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let request = with(with(suite.request(CLIENT, "openid"), "code_challenge", &challenge), "code_challenge_method", "S256");
    let visit = suite.authorize(&request).await;
    let code = suite.code(&request, &visit);
    let fields = |verifier| [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK), ("code_verifier", verifier)];
    let answer = suite.token_request(CLIENT, &fields(verifier)).await;
    suite.token_set(CLIENT, &request, &answer).await;
    // Not in the module: that the client may go without does not mean that the challenge is not looked at (RFC 9700 §2.1.1, §4.8).
    let visit = suite.authorize(&request).await;
    let code = suite.code(&request, &visit);
    suite.invalid_grant(&suite.try_exchange(CLIENT, &code).await);
    let plain = suite.request(CLIENT, "openid");
    let visit = suite.authorize(&plain).await;
    let code = suite.code(&plain, &visit);
    let downgraded = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK), ("code_verifier", verifier)];
    suite.invalid_grant(&suite.token_request(CLIENT, &downgraded).await);
}
