//! Signing keys change without a verifier ever meeting one it does not know. P13.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use gatekey::domain::clock::{Clock, ManualClock, Timestamp};
use gatekey::domain::duration::Lifetime;
use gatekey::domain::signing_key::SigningAlg;
use gatekey::service::admin::{Activation, Installation, is_out_of_time};
use gatekey::store::signing_keys;

use crate::support::app::{App, MACHINE, OWN_PAGE};
use crate::support::browser::form_with;
use crate::support::database::{Database, each_database};
use crate::support::entropy::SeededEntropy;
use crate::support::jwt;
use crate::support::log::listen;
use crate::support::relying_party::{RelyingParty, tokens};

each_database!(
    a_rotation_surprises_no_verifier,
    keys_follow_each_other_by_themselves,
    never_means_never,
    several_first_starts_make_one_key_of_an_algorithm,
    a_clock_behind_makes_no_second_first_key,
    a_clock_years_ahead_keeps_nobody_waiting,
    a_replica_that_nobody_asked_for_long_signs_with_no_old_key,
    a_clock_that_was_set_back_still_hears_of_new_keys,
    each_algorithm_signs,
    a_hint_outlives_its_key_unless_that_was_retired_by_hand
);

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

/// Every key there is, by algorithm.
async fn kids(app: &App, alg: SigningAlg) -> Vec<String> {
    let rows = app.store.scan(signing_keys::list).await.unwrap();
    rows.into_iter().filter(|row| row.alg == alg).map(|row| row.kid).collect()
}

/// 400 days on two replicas that ask at the same instants: with nobody's help each algorithm in use gets a new key every 90 days, one, and
/// neither a verifier that keeps the JWKS for a day nor one that keeps it as long as it is told meets a key it does not know. P13.
async fn keys_follow_each_other_by_themselves(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.lifetimes.session_absolute = Lifetime::Unlimited;
        settings.lifetimes.session_idle = Lifetime::Unlimited;
        settings.lifetimes.refresh_absolute = Lifetime::Unlimited;
        settings.lifetimes.refresh_idle = Lifetime::Unlimited;
        let client = settings.clients.iter_mut().find(|client| client.id.as_str() == OWN_PAGE).unwrap();
        client.metadata.id_token_signed_response_alg = SigningAlg::Rs256;
    })
    .await;
    let other = app.replica("second").await;
    let first = app.relying_party(OWN_PAGE);
    let parties = [RelyingParty { network: other.network.clone(), ..first.clone() }, first.clone()];
    let mut refresh_token = app.sign_in(&mut app.browser(), &first, "openid offline_access").await.refresh().to_owned();
    let day = TimeDelta::days(1);
    // They began at different hours, and each asks its own replica.
    let mut verifiers: Vec<(usize, Verifier)> = Vec::new();
    let (mut of_access_tokens, mut of_id_tokens) = (vec![], vec![]);
    let began = app.now();
    let mut step = 0;
    while app.now() - began < TimeDelta::days(400) {
        let party = &parties[step % 2];
        if step < 6 {
            let mut verifier = Verifier::fetch(&app, party).await;
            if step % 3 != 0 {
                verifier.keeps_for = day;
            }
            verifiers.push((step % 2, verifier));
        }
        // Both replicas find a key due at the same moment, if one is.
        let (a, b) = tokio::join!(parties[0].jwks(), parties[1].jwks());
        assert!(a.len() > 100 && b.len() > 100);
        let tokens = party.refresh(&refresh_token).await;
        refresh_token = tokens.refresh().to_owned();
        for (replica, verifier) in &mut verifiers {
            if app.now() - verifier.fetched_at >= verifier.keeps_for {
                let keeps_for = verifier.keeps_for;
                *verifier = Verifier { keeps_for, ..Verifier::fetch(&app, &parties[*replica]).await };
            }
            for (token, seen) in [(&tokens.access, &mut of_access_tokens), (tokens.id.as_ref().unwrap(), &mut of_id_tokens)] {
                let kid = jwt::verify(&verifier.jwks, token).0["kid"].as_str().unwrap().to_owned();
                if seen.last() != Some(&kid) {
                    seen.push(kid);
                }
            }
        }
        app.advance(TimeDelta::minutes(9 * 60 + 13));
        step += 1;
    }
    assert!(step > 1000 && verifiers.len() == 6);
    for (alg, seen) in [(SigningAlg::Es256, of_access_tokens), (SigningAlg::Rs256, of_id_tokens)] {
        assert_eq!(kids(&app, alg).await, seen, "one key every 90 days, each after the other");
        assert_eq!(seen.len(), 5, "{alg:?}");
    }
    assert_eq!(kids(&app, SigningAlg::EdDsa).await, Vec::<String>::new(), "what nobody uses is not made");
}

async fn never_means_never(database: Database) {
    let app = App::start_with(database, |settings| settings.keys.rotate_every = Lifetime::Unlimited).await;
    let machine = app.relying_party(MACHINE);
    for _ in 0..40 {
        app.advance(TimeDelta::days(100));
        machine.jwks().await;
    }
    assert_eq!(kids(&app, SigningAlg::Es256).await.len(), 1);
}

/// Replicas that are started together on an empty database.
async fn several_first_starts_make_one_key_of_an_algorithm(database: Database) {
    let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
    let database = Arc::new(Database::empty(database.backend()));
    let settings = crate::support::app::settings(crate::support::app::ISSUER, &database);
    let starts: Vec<_> = (0..4)
        .map(|number| {
            let (database, settings, clock) = (database.clone(), settings.clone(), clock.clone());
            tokio::spawn(async move { App::on(database, settings, clock, &format!("replica {number}")).await })
        })
        .collect();
    let mut jwks = Vec::new();
    for start in starts {
        let app = start.await.unwrap();
        jwks.push(app.relying_party(MACHINE).jwks().await);
        for alg in [SigningAlg::Es256, SigningAlg::Rs256] {
            assert_eq!(kids(&app, alg).await.len(), 1);
        }
    }
    assert!(jwks.iter().all(|one| *one == jwks[0]), "and all of them know it");
}

/// P10: the clock of the second replica is behind that of the one which made the first keys.
async fn a_clock_behind_makes_no_second_first_key(database: Database) {
    let app = App::start(database).await;
    let behind = Arc::new(ManualClock::new(app.now() - TimeDelta::seconds(30)));
    let second = App::on(app.database.clone(), app.settings.clone(), behind, "behind").await;
    let machine = second.relying_party(MACHINE);
    let token = tokens(&machine.post("oauth/token", &[("grant_type", "client_credentials")]).await).access;
    jwt::verify(&app.relying_party(MACHINE).jwks().await, &token);
    assert_eq!(kids(&app, SigningAlg::Es256).await.len(), 1);
}

/// P10, P13: the clock of another replica, or of the first start, is five years ahead. Its keys sign when it says; the others are made
/// meanwhile as ever, and whoever looks is told.
async fn a_clock_years_ahead_keeps_nobody_waiting(database: Database) {
    let backend = database.backend();
    for at_the_first_start in [false, true] {
        let database = Arc::new(Database::create(backend));
        let settings = crate::support::app::settings(crate::support::app::ISSUER, &database);
        let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
        let years_ahead = Arc::new(ManualClock::new(clock.now() + TimeDelta::days(5 * 365)));
        if !at_the_first_start {
            App::on(database.clone(), settings.clone(), clock.clone(), "first").await.stop().await;
        }
        let wrong = App::on(database.clone(), settings.clone(), years_ahead, "wrong").await;
        wrong.advance(TimeDelta::minutes(2));
        wrong.relying_party(MACHINE).jwks().await;
        wrong.stop().await;
        let app = App::on(database, settings, clock, "right").await;
        let log = listen();
        let machine = app.relying_party(MACHINE);
        let mut signed_by = vec![];
        for _ in 0..200 {
            let token = tokens(&machine.post("oauth/token", &[("grant_type", "client_credentials")]).await).access;
            let kid = jwt::verify(&machine.jwks().await, &token).0["kid"].as_str().unwrap().to_owned();
            if signed_by.last() != Some(&kid) {
                signed_by.push(kid);
            }
            app.advance(TimeDelta::days(1));
        }
        assert_eq!(signed_by.len(), 3, "a key every 90 days");
        assert!(log.count("key.out_of_time") >= 2, "{}", log.text());

        let entropy = Arc::new(SeededEntropy::new("admin"));
        let admin = Installation::open(&app.settings, entropy.as_ref()).await.unwrap().admin(app.clock.clone(), entropy);
        let announce = app.settings.keys.announce;
        let keys = admin.keys(&app.settings.lifetimes).await.unwrap();
        let wrong: Vec<_> = keys.into_iter().filter(|key| key.alg == SigningAlg::Es256 && is_out_of_time(key, announce, app.now())).collect();
        assert_eq!(wrong.len(), 1);
        assert!(!signed_by.contains(&wrong[0].kid));
        // By hand as well, and the wrong one can go.
        admin.rotate_key(SigningAlg::Es256, Activation::Announced(announce), &app.settings.lifetimes).await.unwrap();
        admin.retire_key(&wrong[0].kid, &app.settings.lifetimes).await.unwrap();
        app.advance(TimeDelta::minutes(2));
        assert!(!machine.jwks().await.contains(&wrong[0].kid));
    }
}

/// Many ask at once for the first time in months, while the other replica made a new key and let go of the old one.
async fn a_replica_that_nobody_asked_for_long_signs_with_no_old_key(database: Database) {
    let app = App::start(database).await;
    let quiet = app.replica("quiet").await;
    let (busy, quiet) = (app.relying_party(MACHINE), quiet.relying_party(MACHINE));
    for _ in 0..95 {
        busy.jwks().await;
        app.advance(TimeDelta::days(1));
    }
    assert_eq!(kids(&app, SigningAlg::Es256).await.len(), 2);
    let asked: Vec<_> = (0..16)
        .map(|_| {
            let quiet = quiet.clone();
            tokio::spawn(async move { tokens(&quiet.post("oauth/token", &[("grant_type", "client_credentials")]).await).access })
        })
        .collect();
    let newest = busy.jwks().await;
    for token in asked {
        jwt::verify(&newest, &token.await.unwrap());
    }
}

/// The clock was two hours ahead when the keys were read last. That is no reason not to read them again for two hours.
async fn a_clock_that_was_set_back_still_hears_of_new_keys(database: Database) {
    let app = App::start(database).await;
    let machine = app.relying_party(MACHINE);
    machine.jwks().await;
    app.advance(-TimeDelta::hours(2));
    let entropy = Arc::new(SeededEntropy::new("admin"));
    let admin = Installation::open(&app.settings, entropy.as_ref()).await.unwrap().admin(app.clock.clone(), entropy);
    let made = admin.rotate_key(SigningAlg::Es256, Activation::AtOnce, &app.settings.lifetimes).await.unwrap();
    app.advance(TimeDelta::seconds(61));
    assert!(machine.jwks().await.contains(&made.kid));
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
