//! `oidcc-rp-initiated-logout-certification-test-plan`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jws::{HS256, JwsHeader};
use josekit::jwt::{self, JwtPayload};
use serde_json::json;
use url::Url;

use super::session::needs_a_user_interface;
use super::suite::{CLIENT, POST_LOGOUT, Parameters, Suite, Variant, with, without};
use crate::support::app::{App, SECRET};
use crate::support::browser::{Landing, form_with};
use crate::support::database::{Database, each_database};
use crate::support::network::Answer;

each_database!(
    oidcc_rp_initiated_logout_discovery_endpoint_verification,
    oidcc_rp_initiated_logout,
    oidcc_rp_initiated_logout_bad_post_logout_redirect_uri,
    oidcc_rp_initiated_logout_modified_id_token_hint,
    oidcc_rp_initiated_logout_no_id_token_hint,
    oidcc_rp_initiated_logout_no_params,
    oidcc_rp_initiated_logout_no_post_logout_redirect_uri,
    oidcc_rp_initiated_logout_no_state,
    oidcc_rp_initiated_logout_only_state,
    oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri,
    oidcc_rp_initiated_logout_bad_id_token_hint,
);

async fn oidcc_rp_initiated_logout_discovery_endpoint_verification(database: Database) {
    let app = App::start(database).await;
    let server = app.network.get(&format!("{}.well-known/openid-configuration", app.issuer), &[]).await.json();
    // `CheckDiscEndpointAllEndpointsAreHttps`, `CheckDiscEndSessionEndpoint`.
    for (name, value) in server.as_object().unwrap() {
        assert!(!name.ends_with("_endpoint") || value.as_str().unwrap().starts_with("https://"), "{name}");
    }
    assert!(server["end_session_endpoint"].is_string());
}

/// `AbstractOIDCCRpInitiatedLogout`: signs in, and makes the request to the end session endpoint (`CreateEndSessionEndpointRequest`).
async fn signed_in(database: Database) -> (Suite, Parameters) {
    let mut suite = Suite::start(database, Variant::DefaultResponseMode).await;
    // `requested_state_length`: 128.
    let request = with(suite.request(CLIENT, "openid"), "state", &"s-_.~".repeat(26)[..128]);
    let (_, tokens) = suite.flow(CLIENT, &request).await;
    let mut end = Parameters::new();
    for (name, value) in [("id_token_hint", tokens.id_token.as_str()), ("post_logout_redirect_uri", POST_LOGOUT), ("state", "9fQ2mX7kL0vB4tR8")] {
        end.insert(name.to_owned(), value.to_owned());
    }
    (suite, end)
}

async fn end(suite: &mut Suite, parameters: &Parameters) -> Landing {
    let url = Url::parse_with_params(&suite.endpoint("end_session_endpoint"), parameters).unwrap();
    suite.browser.visit(url.as_str()).await
}

/// The authorization request with `prompt=none` that looks whether the user is still signed in.
async fn is_signed_in(suite: &mut Suite) -> bool {
    let request = with(suite.request(CLIENT, "openid"), "prompt", "none");
    let visit = suite.authorize(&request).await;
    match visit.answer().get("error") {
        None => true,
        Some(_) => {
            assert!(needs_a_user_interface(&suite.error(&request, &visit)));
            false
        }
    }
}

/// "The OP must not redirect back and must either show an error screen or confirm with the user if they want to logout": it confirms, and
/// whatever the user says, the address is not gone to where `returns` is false.
async fn it_confirms(suite: &mut Suite, parameters: &Parameters, returns: bool) {
    let page: Answer = end(suite, parameters).await.page();
    assert!(is_signed_in(suite).await, "asked, not yet done");
    suite.browser.submit(&form_with(&page, "decision"), Some("deny")).await.page();
    assert!(is_signed_in(suite).await);
    let page = end(suite, parameters).await.page();
    match suite.browser.submit(&form_with(&page, "decision"), Some("allow")).await {
        Landing::Left(url) => assert!(returns && url.as_str().starts_with(POST_LOGOUT), "{url}"),
        Landing::Page(page) => assert!(!returns && page.status.is_success()),
    }
    assert!(!is_signed_in(suite).await);
}

/// "The OP must log the user out, a screenshot of the 'you are logged out' screen": after a question, where there is no hint.
async fn it_shows_that_it_is_done(suite: &mut Suite, parameters: &Parameters, asks: bool) {
    let mut page = end(suite, parameters).await.page();
    assert_eq!(page.text().contains("name=\"decision\""), asks);
    if asks {
        page = suite.browser.submit(&form_with(&page, "decision"), Some("allow")).await.page();
    }
    assert_eq!(page.status.as_u16(), 200);
    assert!(!is_signed_in(suite).await);
}

async fn oidcc_rp_initiated_logout(database: Database) {
    let (mut suite, request) = signed_in(database).await;
    let left = end(&mut suite, &request).await.left();
    // `CheckPostLogoutState`, `CheckForUnexpectedParametersInPostLogoutRedirect`.
    assert_eq!(left.as_str(), format!("{POST_LOGOUT}?state={}", request["state"]));
    assert!(!is_signed_in(&mut suite).await);
}

async fn oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(database: Database) {
    let (mut suite, request) = signed_in(database).await;
    let request = with(request, "post_logout_redirect_uri", "https://suite.example.test/bad_post_logout_redirect_uri");
    it_confirms(&mut suite, &request, false).await;
}

async fn oidcc_rp_initiated_logout_modified_id_token_hint(database: Database) {
    let (mut suite, request) = signed_in(database).await;
    // `ChangeIdTokenToAlgNone`.
    let payload = request["id_token_hint"].split('.').nth(1).unwrap();
    let changed = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode("{\"alg\": \"none\"}"));
    it_confirms(&mut suite, &with(request, "id_token_hint", &changed), false).await;
}

async fn oidcc_rp_initiated_logout_no_id_token_hint(database: Database) {
    let (mut suite, request) = signed_in(database).await;
    let request = without(request, "id_token_hint");
    it_confirms(&mut suite, &request, false).await;
    // With a `client_id` the address is known to be registered (§2), and gone to after the question.
    let again = suite.request(CLIENT, "openid");
    suite.flow(CLIENT, &again).await;
    it_confirms(&mut suite, &with(request, "client_id", CLIENT.id), true).await;
}

async fn oidcc_rp_initiated_logout_no_params(database: Database) {
    let (mut suite, _) = signed_in(database).await;
    it_shows_that_it_is_done(&mut suite, &Parameters::new(), true).await;
}

async fn oidcc_rp_initiated_logout_no_post_logout_redirect_uri(database: Database) {
    let (mut suite, request) = signed_in(database).await;
    it_shows_that_it_is_done(&mut suite, &without(request, "post_logout_redirect_uri"), false).await;
}

async fn oidcc_rp_initiated_logout_no_state(database: Database) {
    let (mut suite, request) = signed_in(database).await;
    let left = end(&mut suite, &without(request, "state")).await.left();
    // `CheckNoPostLogoutState`, `CheckForUnexpectedParametersInPostLogoutRedirect`.
    assert_eq!(left.as_str(), POST_LOGOUT);
    assert!(!is_signed_in(&mut suite).await);
}

async fn oidcc_rp_initiated_logout_only_state(database: Database) {
    let (mut suite, request) = signed_in(database).await;
    let request = without(without(request, "id_token_hint"), "post_logout_redirect_uri");
    it_shows_that_it_is_done(&mut suite, &request, true).await;
}

async fn oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(database: Database) {
    let (mut suite, request) = signed_in(database).await;
    let request = with(request, "post_logout_redirect_uri", &format!("{POST_LOGOUT}?foo=bar"));
    it_confirms(&mut suite, &request, false).await;
}

async fn oidcc_rp_initiated_logout_bad_id_token_hint(database: Database) {
    let (mut suite, request) = signed_in(database).await;
    // `GenerateFakeIdTokenClaims` (issuer and audience the wrong way around) and `SignFakeIdToken` with a key of the client's; and once more
    // with everything right but the signature.
    let now = suite.app.seconds();
    let mut fakes = vec![json!({
        "iss": CLIENT.id, "sub": "SubjectID", "aud": suite.app.issuer, "nonce": "flibble", "iat": now, "exp": now + 300,
    })];
    let real = request["id_token_hint"].split('.').nth(1).unwrap();
    fakes.push(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(real).unwrap()).unwrap());
    for claims in fakes {
        let payload = JwtPayload::from_map(claims.as_object().unwrap().clone()).unwrap();
        let signer = HS256.signer_from_bytes(SECRET.as_bytes()).unwrap();
        let fake = jwt::encode_with_signer(&payload, &JwsHeader::new(), &signer).unwrap();
        it_confirms(&mut suite, &with(request.clone(), "id_token_hint", &fake), false).await;
        let again = suite.request(CLIENT, "openid");
        suite.flow(CLIENT, &again).await;
    }
}
