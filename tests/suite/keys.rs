//! Signing keys change without a verifier ever meeting one it does not know. P13.

use std::sync::Arc;

use chrono::TimeDelta;
use gatekey::domain::clock::Timestamp;
use gatekey::domain::signing_key::SigningAlg;
use gatekey::service::admin::{Activation, Installation};

use crate::support::app::{App, MACHINE, OWN_PAGE};
use crate::support::browser::form_with;
use crate::support::database::{Database, each_database};
use crate::support::entropy::SeededEntropy;
use crate::support::jwt;
use crate::support::relying_party::{RelyingParty, tokens};

each_database!(a_rotation_surprises_no_verifier, each_algorithm_signs, a_hint_outlives_its_key_unless_that_was_retired_by_hand);

/// A verifier that keeps the JWKS for as long as it is told to.
struct Verifier {
    jwks: String,
    fetched_at: Timestamp,
    keeps_for: TimeDelta,
}

impl Verifier {
    async fn fetch(app: &App, party: &RelyingParty) -> Self {
        let answer = app.network.get(&party.endpoint(".well-known/jwks.json"), &[]).await;
        let max_age = answer.header("cache-control").unwrap().split("max-age=").nth(1).unwrap();
        let seconds: i64 = max_age.split(',').next().unwrap().trim().parse().unwrap();
        assert!(seconds > 0);
        Self { jwks: answer.text().to_owned(), fetched_at: app.now(), keeps_for: TimeDelta::seconds(seconds) }
    }
}

async fn a_rotation_surprises_no_verifier(database: Database) {
    let app = App::start(database).await;
    let machine = app.relying_party(MACHINE);
    let entropy = Arc::new(SeededEntropy::new("admin"));
    let admin = Installation::open(&app.settings, entropy.as_ref()).await.unwrap().admin(app.clock.clone(), entropy);
    let mut verifier = Verifier::fetch(&app, &machine).await;
    let mut kids = vec![];
    // Tokens that live on, with their last second.
    let mut alive: Vec<(String, i64)> = vec![];
    for quarter in 0..4 * 24 * 3 {
        if quarter == 20 {
            admin.rotate_key(SigningAlg::Es256, Activation::Announced(app.settings.keys.announce), &app.settings.lifetimes).await.unwrap();
        }
        if app.now() - verifier.fetched_at >= verifier.keeps_for {
            verifier = Verifier::fetch(&app, &machine).await;
        }
        let token = tokens(&machine.post("oauth/token", &[("grant_type", "client_credentials")]).await).access;
        let (header, claims) = jwt::verify(&verifier.jwks, &token);
        let kid = header["kid"].as_str().unwrap().to_owned();
        if kids.last() != Some(&kid) {
            kids.push(kid);
        }
        // Whoever fetches the keys anew knows the old one for as long as a token of it lives.
        let newest = machine.jwks().await;
        alive.retain(|(_, exp)| *exp > app.seconds());
        for (old, _) in &alive {
            jwt::verify(&newest, old);
        }
        alive.push((token, claims["exp"].as_i64().unwrap()));
        app.advance(TimeDelta::minutes(15));
    }
    assert_eq!(kids.len(), 2, "the new key took over, once: {kids:?}");
    let newest = machine.jwks().await;
    assert!(!newest.contains(&kids[0]) && newest.contains(&kids[1]), "in the end the old one is gone");
}

/// RFC 7518 §3.1, RFC 8037 §3.1: what a client is registered with is what its ID tokens are signed with.
async fn each_algorithm_signs(database: Database) {
    for alg in SigningAlg::ALL {
        let database = Database::create(database.backend());
        let app = App::start_with(database, |settings| {
            let client = settings.clients.iter_mut().find(|client| client.id.as_str() == OWN_PAGE).unwrap();
            client.metadata.id_token_signed_response_alg = alg;
        })
        .await;
        let party = app.relying_party(OWN_PAGE);
        let id = app.sign_in(&mut app.browser(), &party, "openid").await.id.unwrap();
        let (header, _) = jwt::verify(&party.jwks().await, &id);
        assert_eq!(header["alg"], alg.as_str());
        let metadata = app.network.get(&party.endpoint(".well-known/openid-configuration"), &[]).await.json();
        assert!(metadata["id_token_signing_alg_values_supported"].as_array().unwrap().contains(&header["alg"]));
    }
}

/// OIDC Core §3.1.2.1, RP-Initiated Logout §2: a hint may be as old as it likes. A key that was taken away is another matter: whoever
/// has it could make hints of anybody.
async fn a_hint_outlives_its_key_unless_that_was_retired_by_hand(database: Database) {
    for by_hand in [false, true] {
        let database = Database::create(database.backend());
        let app = App::start(database).await;
        let party = app.relying_party(OWN_PAGE);
        let entropy = Arc::new(SeededEntropy::new("admin"));
        let admin = Installation::open(&app.settings, entropy.as_ref()).await.unwrap().admin(app.clock.clone(), entropy);
        let mut browser = app.browser();
        let hint = app.sign_in(&mut browser, &party, "openid").await.id.unwrap();
        let (header, _) = jwt::verify(&party.jwks().await, &hint);
        let kid = header["kid"].as_str().unwrap().to_owned();
        let alg = SigningAlg::ALL.into_iter().find(|alg| header["alg"] == alg.as_str()).unwrap();
        app.advance(TimeDelta::seconds(1));
        admin.rotate_key(alg, Activation::AtOnce, &app.settings.lifetimes).await.unwrap();
        app.advance(TimeDelta::seconds(1));
        if by_hand {
            admin.retire_key(&kid, &app.settings.lifetimes).await.unwrap();
        }
        // For a replica to hear of it, and for the key to grow old.
        app.advance(if by_hand { TimeDelta::minutes(2) } else { TimeDelta::days(3) });
        assert!(!party.jwks().await.contains(&kid), "the key is retired");

        let silent = app.silently(&mut browser, &party, "openid", &[("id_token_hint", &hint)]).await;
        let logout = url::Url::parse_with_params(&party.endpoint("oidc/logout"), [("id_token_hint", &hint)]).unwrap();
        if by_hand {
            assert_eq!(party.error(&silent), "invalid_request");
            let asked = browser.visit(logout.as_str()).await.page();
            form_with(&asked, "decision");
            party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
        } else {
            party.code(&silent);
            let done = browser.visit(logout.as_str()).await.page();
            assert!(!done.text().contains("<form"), "nothing is asked: {}", done.text());
            assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "login_required");
        }
    }
}
