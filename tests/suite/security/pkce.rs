//! E. PKCE (RFC 7636), required of every client.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gatekey::domain::client::ClientKind;
use serde_json::json;

use crate::support::app::{App, OWN_PAGE, SERVER, client};
use crate::support::attack::{ask, state};
use crate::support::browser::Browser;
use crate::support::database::{Database, each_database};
use crate::support::relying_party::RelyingParty;

each_database!(
    pk_05_no_flow_goes_without_a_challenge,
    pk_06_challenge_and_verifier_are_what_the_rfc_says,
    pk_07_a_secret_is_no_proof_of_the_request,
    pk_09_only_s256_is_advertised,
);

/// RFC 9700 §2.1.1, §4.8.2: a flow without a challenge does not begin, so a verifier cannot be left unasked for; for a confidential client too,
/// unless it is registered to go without, and then a verifier that comes for such a code is a challenge that was taken out on the way.
async fn pk_05_no_flow_goes_without_a_challenge(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.clients.push(client("without", ClientKind::Web, "https://without.example.test", |client| {
            client.first_party = true;
            client.require_pkce = false;
        }));
    })
    .await;
    let mut browser = app.browser();
    downgrades(&app, &mut browser).await;
    for client in [SERVER, OWN_PAGE] {
        let party = app.relying_party(client);
        app.sign_in(&mut browser, &party, "openid").await;
        let before = state(&app).await;
        for changes in [
            &[("code_challenge", ""), ("code_challenge_method", "")][..],
            &[("code_challenge", "")],
            &[("code_challenge_method", "")],
            &[("code_challenge_method", "plain")],
            &[("code_challenge_method", "s256")],
            &[("code_challenge_method", "S512")],
        ] {
            let response = ask(&mut browser, &party.authorize("openid", changes)).await.location().unwrap();
            assert_eq!(party.error(&response), "invalid_request", "{changes:?}");
        }
        // A flow with one, redeemed as if it had none.
        let code = party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
        let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", &party.redirect_uri)];
        assert_eq!(party.post("oauth/token", &fields).await.error(), "invalid_grant");
        let after = state(&app).await;
        assert_eq!((after.families, after.live_codes), (before.families, before.live_codes));
        // The control.
        party.exchange(&party.code(&app.silently(&mut browser, &party, "openid", &[]).await)).await;
    }
}

/// With a client that may go without a challenge: what the code request said is what the token request must fit.
async fn downgrades(app: &App, browser: &mut Browser) {
    let party = app.relying_party("without");
    app.sign_in(browser, &party, "openid").await;
    let before = state(app).await;
    let bare = [("code_challenge", ""), ("code_challenge_method", "")];
    for (changes, verifier) in [(&bare[..], party.verifier.as_str()), (&bare, &party.challenge()), (&[], ""), (&[], &party.challenge())] {
        let code = party.code(&app.silently(browser, &party, "openid", changes).await);
        for attempt in [verifier, "", &party.verifier] {
            let attempt = RelyingParty { verifier: attempt.to_owned(), ..party.clone() };
            assert_eq!(attempt.try_exchange(&code).await.error(), "invalid_grant", "{changes:?}: {}", attempt.verifier);
        }
    }
    for half in [("code_challenge", ""), ("code_challenge_method", ""), ("code_challenge_method", "plain")] {
        assert_eq!(party.error(&app.silently(browser, &party, "openid", &[half]).await), "invalid_request", "{half:?}");
    }
    let after = state(app).await;
    assert_eq!((after.families, after.live_codes, after.codes), (before.families, before.live_codes, before.codes + 4));
    // The control: neither half.
    let code = party.code(&app.silently(browser, &party, "openid", &bare).await);
    let without = RelyingParty { verifier: String::new(), ..party.clone() };
    without.exchange(&code).await;
}

/// RFC 7636 §4.1, §4.2: 43 to 128 unreserved characters; the challenge is the base64url of 32 bytes without padding.
async fn pk_06_challenge_and_verifier_are_what_the_rfc_says(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let party = app.relying_party(OWN_PAGE);
    app.sign_in(&mut browser, &party, "openid").await;
    let challenge = party.challenge();
    for wrong in [
        &challenge[..42],
        &format!("{challenge}A"),
        &format!("{challenge}="),
        &format!("{}+", &challenge[..42]),
        &format!("{}/", &challenge[..42]),
        &format!("{} ", &challenge[..42]),
        // The last of 43 characters has two bits to spare: they are zero.
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN",
        "x",
    ] {
        let response = ask(&mut browser, &party.authorize("openid", &[("code_challenge", wrong)])).await.location().unwrap();
        assert_eq!(party.error(&response), "invalid_request", "{wrong}");
    }
    // Verifiers whose challenge is right, and which are none; and one that is the challenge itself.
    let before = state(&app).await;
    for verifier in
        ["a".repeat(42), "a".repeat(129), format!("{}+", "a".repeat(43)), format!("{} ", "a".repeat(43)), format!("{}é", "a".repeat(43)), "a".to_owned()]
    {
        let party = RelyingParty { verifier, ..party.clone() };
        let code = party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
        assert_eq!(party.try_exchange(&code).await.error(), "invalid_grant", "{}", party.verifier);
    }
    for verifier in [challenge.clone(), party.verifier.to_uppercase(), format!("{}=", party.verifier), format!("{}\n", party.verifier), String::new()] {
        let code = party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
        let wrong = RelyingParty { verifier, ..party.clone() };
        assert_eq!(wrong.try_exchange(&code).await.error(), "invalid_grant", "{}", wrong.verifier);
    }
    let after = state(&app).await;
    assert_eq!((after.families, after.live_codes), (before.families, before.live_codes));
    // The controls: the shortest and the longest.
    for length in [43, 128] {
        let party = RelyingParty { verifier: "~".repeat(length), ..party.clone() };
        party.exchange(&party.code(&app.silently(&mut browser, &party, "openid", &[]).await)).await;
    }
}

/// A public client keeps no secret: whatever it sends as one proves nothing, and is not taken for none either.
async fn pk_07_a_secret_is_no_proof_of_the_request(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let party = app.relying_party(OWN_PAGE);
    app.sign_in(&mut browser, &party, "openid").await;
    let response = ask(&mut browser, &party.authorize("openid", &[("code_challenge", ""), ("code_challenge_method", "")])).await.location().unwrap();
    assert_eq!(party.error(&response), "invalid_request");
    let before = state(&app).await;
    for verifier in ["", &party.verifier] {
        for secret in ["x", "", crate::support::app::SECRET, "null"] {
            let code = party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
            let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", &party.redirect_uri), ("code_verifier", verifier)];
            let basic = format!("Basic {}", STANDARD.encode(format!("{OWN_PAGE}:{secret}")));
            let by_header = app.network.post_form(&party.endpoint("oauth/token"), &[("authorization", &basic)], &fields).await;
            assert_eq!((by_header.status.as_u16(), by_header.error().as_str()), (401, "invalid_client"), "{secret}");
            if !secret.is_empty() {
                let in_body = party.post("oauth/token", &[&fields[..], &[("client_secret", secret)]].concat()).await;
                assert_eq!((in_body.status.as_u16(), in_body.error().as_str()), (401, "invalid_client"), "{secret}");
            }
            assert_eq!(state(&app).await.families, before.families);
            // Nobody's code was spent by a caller who is nobody; without the verifier it is now.
            if verifier.is_empty() {
                assert_eq!(party.post("oauth/token", &fields).await.error(), "invalid_grant");
            }
        }
    }
    // The control.
    party.exchange(&party.code(&app.silently(&mut browser, &party, "openid", &[]).await)).await;
}

/// RFC 8414 §2.
async fn pk_09_only_s256_is_advertised(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    for path in [".well-known/openid-configuration", ".well-known/oauth-authorization-server"] {
        let metadata = app.network.get(&party.endpoint(path), &[]).await.json();
        assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]), "{path}");
    }
    // And is what there is.
    let response = ask(&mut app.browser(), &party.authorize("openid", &[("prompt", "none"), ("code_challenge_method", "plain")])).await.location().unwrap();
    assert_eq!(party.error(&response), "invalid_request");
    let response = ask(&mut app.browser(), &party.authorize("openid", &[("prompt", "none")])).await.location().unwrap();
    assert_eq!(party.error(&response), "login_required");
}
