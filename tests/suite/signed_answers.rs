//! What is signed, and for whom: ID tokens in every algorithm, and userinfo as a JWT.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatekey::domain::client::ClientKind;
use gatekey::domain::signing_key::SigningAlg;
use serde_json::Value;
use sha2::{Digest, Sha256, Sha512};
use url::Url;

use crate::support::app::{App, OWN_PAGE, client};
use crate::support::browser::form_with;
use crate::support::database::{Database, each_database};
use crate::support::jwt;

each_database!(id_tokens_in_every_algorithm, userinfo_is_signed_for_who_asked_for_that, a_signed_userinfo_is_no_id_token_and_no_access_token);

async fn app(database: Database) -> App {
    App::start_with(database, |settings| {
        settings.keys.algorithms = SigningAlg::ALL.to_vec();
        for alg in SigningAlg::ALL {
            let id = format!("in-{}", alg.as_str());
            settings.clients.push(client(&id, ClientKind::Spa, &format!("https://{}.example.test", id.to_lowercase()), |metadata| {
                metadata.first_party = true;
                metadata.id_token_signed_response_alg = alg;
                metadata.userinfo_signed_response_alg = Some(alg);
            }));
        }
    })
    .await
}

/// OIDC Core §2, §3.1.3.6, §12.2: one audience and no `azp`, before and after a refresh; `at_hash` by the hash of the algorithm; no `c_hash`.
async fn id_tokens_in_every_algorithm(database: Database) {
    let app = app(database).await;
    let mut browser = app.browser();
    for alg in SigningAlg::ALL {
        let party = app.relying_party(&format!("in-{}", alg.as_str()));
        let first = app.sign_in(&mut browser, &party, "openid").await;
        let second = party.refresh(first.refresh()).await;
        for tokens in [&first, &second] {
            let (header, claims) = jwt::verify(&party.jwks().await, tokens.id.as_ref().unwrap());
            assert_eq!(header["alg"], alg.as_str());
            assert_eq!(claims["aud"], party.client_id.as_str(), "a text, not a list");
            let half = match alg {
                SigningAlg::EdDsa => Sha512::digest(&tokens.access)[..32].to_vec(),
                _ => Sha256::digest(&tokens.access)[..16].to_vec(),
            };
            assert_eq!(claims["at_hash"], URL_SAFE_NO_PAD.encode(half), "{alg:?}");
            for absent in ["azp", "c_hash"] {
                assert_eq!(claims.get(absent), None, "{absent}");
            }
        }
    }
}

/// OIDC Core §5.3.2.
async fn userinfo_is_signed_for_who_asked_for_that(database: Database) {
    let app = app(database).await;
    let mut browser = app.browser();
    for alg in SigningAlg::ALL {
        let party = app.relying_party(&format!("in-{}", alg.as_str()));
        let tokens = app.sign_in(&mut browser, &party, "openid email").await;
        let answer = party.userinfo(&tokens.access).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/jwt")));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let (header, claims) = jwt::verify(&party.jwks().await, answer.text());
        assert_eq!(header["alg"], alg.as_str());
        assert_eq!((&claims["iss"], &claims["aud"]), (&Value::from(app.issuer.as_str()), &Value::from(party.client_id.as_str())));
        assert_eq!(claims["sub"], app.user("alice").await.id.to_string());
        assert_eq!(claims["email"], "alice@example.test");
        // A refusal is no JWT.
        let refused = party.userinfo("not.a.token").await;
        assert_eq!((refused.status.as_u16(), refused.error().as_str()), (401, "invalid_token"));
    }
    let own = app.relying_party(OWN_PAGE);
    let tokens = app.sign_in(&mut browser, &own, "openid").await;
    let answer = own.userinfo(&tokens.access).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json().get("aud"), None);
    let metadata = app.network.get(&own.endpoint(".well-known/openid-configuration"), &[]).await.json();
    for alg in SigningAlg::ALL {
        assert!(metadata["userinfo_signing_alg_values_supported"].as_array().unwrap().contains(&Value::from(alg.as_str())));
    }
}

/// RFC 8725 §3.11, §3.12: one kind of JWT does not pass for another, though key, issuer and audience are the same.
async fn a_signed_userinfo_is_no_id_token_and_no_access_token(database: Database) {
    let app = app(database).await;
    let mut browser = app.browser();
    let party = app.relying_party("in-ES256");
    let tokens = app.sign_in(&mut browser, &party, "openid").await;
    let signed = party.userinfo(&tokens.access).await.text().to_owned();
    let hinted = app.silently(&mut browser, &party, "openid", &[("id_token_hint", &signed)]).await;
    assert_eq!(party.error(&hinted), "invalid_request");
    assert_eq!(party.userinfo(&signed).await.status.as_u16(), 401);
    let end = Url::parse_with_params(&party.endpoint("oidc/logout"), [("id_token_hint", signed.as_str()), ("client_id", &party.client_id)]).unwrap();
    form_with(&browser.visit(end.as_str()).await.page(), "decision");
    // The control: the ID token itself is a hint.
    let hint = tokens.id.unwrap();
    party.code(&app.silently(&mut browser, &party, "openid", &[("id_token_hint", &hint)]).await);
}
