//! Pairwise subjects (OIDC Core §8): who a user is to an application is said to no application of another sector, by no way.

use std::sync::Arc;

use gatekey::TokenClaims;
use gatekey::domain::client::{ClientKind, SubjectType};
use gatekey::domain::id::ClientId;
use gatekey::domain::sector::SectorIdentifier;
use gatekey::service::admin::Installation;
use poem::web::Data;
use poem::{EndpointExt, Route, get, handler};
use serde_json::json;
use url::Url;

use crate::support::app::{App, OWN_PAGE, SERVER, client};
use crate::support::browser::{Browser, form_with};
use crate::support::database::{Database, each_database};
use crate::support::entropy::SeededEntropy;
use crate::support::log::listen;
use crate::support::network::Network;
use crate::support::relying_party::{RelyingParty, Tokens};

each_database!(
    the_subject_is_one_in_all_places,
    hints_and_requests_name_by_it,
    a_logout_hint_finds_its_user,
    a_named_sector_is_shared,
    another_sector_is_put_into_the_log
);

const API: &str = "https://api.example.test/";
/// Two applications at one host, and one elsewhere.
const ONE: &str = "one";
const ONE_SERVER: &str = "one-server";
const TWO: &str = "two";

async fn app(database: Database) -> App {
    App::start_with(database, |settings| {
        for (id, kind, origin) in [
            (ONE, ClientKind::Spa, "https://one.example.test"),
            (ONE_SERVER, ClientKind::Web, "https://one.example.test"),
            (TWO, ClientKind::Spa, "https://two.example.test"),
        ] {
            settings.clients.push(client(id, kind, origin, |metadata| {
                metadata.subject_type = SubjectType::Pairwise;
                metadata.first_party = true;
                metadata.resources = vec![API.to_owned()];
            }));
        }
    })
    .await
}

async fn tokens(app: &App, browser: &mut Browser, client_id: &str) -> (RelyingParty, Tokens, String) {
    let party = app.relying_party(client_id);
    let tokens = app.sign_in(browser, &party, "openid offline_access").await;
    let subject = party.claims(tokens.id.as_ref().unwrap()).await["sub"].as_str().unwrap().to_owned();
    (party, tokens, subject)
}

#[handler]
fn who(token: Data<&TokenClaims>) -> String {
    format!("{} {}", token.subject, token.user_id.unwrap())
}

async fn the_subject_is_one_in_all_places(database: Database) {
    let app = app(database).await;
    let mut browser = app.browser();
    let alice = app.user("alice").await.id.to_string();
    let (one, first, subject) = tokens(&app, &mut browser, ONE).await;
    let (one_server, of_server, same) = tokens(&app, &mut browser, ONE_SERVER).await;
    let (_, elsewhere, other) = tokens(&app, &mut browser, TWO).await;
    assert_eq!(subject, same, "§8.1: one sector, one subject");
    assert!(subject != other && subject != alice && other != alice);

    // ID token, access token, userinfo; and all of them again after a refresh (§12.2).
    let second = one.refresh(first.refresh()).await;
    for tokens in [&first, &second] {
        assert_eq!(one.claims(tokens.id.as_ref().unwrap()).await["sub"], subject);
        assert_eq!(one.claims(&tokens.access).await["sub"], subject);
        assert_eq!(one.userinfo(&tokens.access).await.json()["sub"], subject);
    }
    assert_eq!(one_server.introspect(of_server.refresh()).await["sub"], subject);

    // An API that is asked by both applications sees two persons: nothing it is told is the same.
    let api = app.relying_party(SERVER);
    let (seen, of_other) = (api.introspect(&second.access).await, api.introspect(&elsewhere.access).await);
    assert_eq!((&seen["active"], &seen["sub"], &of_other["sub"]), (&json!(true), &json!(subject), &json!(other)));
    for name in ["username", "gid"] {
        assert_eq!((seen.get(name), of_other.get(name)), (None, None), "{name}");
    }
    assert_ne!(seen["sid"], of_other["sid"]);
    for text in [&seen.to_string(), &of_other.to_string(), &one_server.introspect(of_server.refresh()).await.to_string()] {
        assert!(!text.contains(&alice) && !text.contains("alice"), "{text}");
    }
    for token in [&second.access, second.id.as_ref().unwrap()] {
        let claims = serde_json::Value::Object(one.claims(token).await).to_string();
        assert!(!claims.contains(&alice) && !claims.contains("alice"), "{claims}");
    }

    // The host's own API: the subject of the token, and the user as the host knows it.
    let host = Network::new(Route::new().at("/who", get(who)).with(app.running.require_token(API)).boxed());
    let answer = host.get("https://api.example.test/who", &[("authorization", &format!("Bearer {}", second.access))]).await;
    assert_eq!(answer.text(), format!("{subject} {alice}"));

    // Another sign-in, another replica: the same subject.
    let replica = app.replica("second").await;
    let (_, _, again) = tokens(&replica, &mut replica.browser(), ONE).await;
    assert_eq!(again, subject);
}

/// OIDC Core §3.1.2.1, §5.5.1: by its own subject, and by none that would tell it who a user is elsewhere.
async fn hints_and_requests_name_by_it(database: Database) {
    let app = app(database).await;
    let (mut browser, mut bobs) = (app.browser(), app.browser());
    let alice = app.user("alice").await.id.to_string();
    let (one, first, subject) = tokens(&app, &mut browser, ONE).await;
    let (_, of_server, _) = tokens(&app, &mut browser, ONE_SERVER).await;
    let (two, of_two, _) = tokens(&app, &mut browser, TWO).await;
    let (own, public, _) = tokens(&app, &mut browser, OWN_PAGE).await;
    let response = app.authorize_as(&mut bobs, &one.authorize("openid", &[]), "bobby").await;
    let bobs_hint = one.exchange(&one.code(&response)).await.id.unwrap();

    let hint = |tokens: &Tokens| tokens.id.clone().unwrap();
    one.code(&app.silently(&mut browser, &one, "openid", &[("id_token_hint", &hint(&first))]).await);
    assert_eq!(one.error(&app.silently(&mut browser, &one, "openid", &[("id_token_hint", &bobs_hint)]).await), "account_selection_required");
    // Not even of the same sector, and the answer is the same whoever is signed in.
    for (party, foreign) in [(&one, &of_server), (&one, &of_two), (&one, &public), (&two, &first), (&own, &first)] {
        for browser in [&mut browser, &mut bobs] {
            let response = app.silently(browser, party, "openid", &[("id_token_hint", &hint(foreign))]).await;
            assert_eq!(party.error(&response), "invalid_request");
        }
    }
    own.code(&app.silently(&mut browser, &own, "openid", &[("id_token_hint", &hint(&public))]).await);

    let asking = |subject: &str| json!({"id_token": {"sub": {"value": subject}}}).to_string();
    one.code(&app.silently(&mut browser, &one, "openid", &[("claims", &asking(&subject))]).await);
    for other in [alice.as_str(), "nobody"] {
        assert_eq!(one.error(&app.silently(&mut browser, &one, "openid", &[("claims", &asking(other))]).await), "account_selection_required");
    }
}

/// RP-Initiated Logout §2.
async fn a_logout_hint_finds_its_user(database: Database) {
    let app = app(database).await;
    let (mut browser, mut bobs) = (app.browser(), app.browser());
    let (one, first, _) = tokens(&app, &mut browser, ONE).await;
    let response = app.authorize_as(&mut bobs, &one.authorize("openid", &[]), "bobby").await;
    let of_bobby = one.exchange(&one.code(&response)).await;
    let end = |hint: &str| {
        let parameters = [("id_token_hint", hint), ("post_logout_redirect_uri", "https://one.example.test/signed-out")];
        Url::parse_with_params(&one.endpoint("oidc/logout"), parameters).unwrap()
    };
    // Bobby's ends nothing of alice's unasked.
    let page = browser.visit(end(of_bobby.id.as_ref().unwrap()).as_str()).await.page();
    form_with(&page, "decision");
    one.code(&app.silently(&mut browser, &one, "openid", &[]).await);
    let left = browser.visit(end(first.id.as_ref().unwrap()).as_str()).await.left();
    assert_eq!(left.as_str(), "https://one.example.test/signed-out");
    assert_eq!(one.error(&app.silently(&mut browser, &one, "openid", &[]).await), "login_required");
    one.code(&app.silently(&mut bobs, &one, "openid", &[]).await);
}

/// OIDC Core §8.1: applications at several hosts, by a sector that both name.
async fn a_named_sector_is_shared(database: Database) {
    let app = App::start_with(database, |settings| {
        for (id, origin) in [(ONE, "https://one.example.test"), (TWO, "https://two.example.test")] {
            settings.clients.push(client(id, ClientKind::Spa, origin, |metadata| {
                metadata.subject_type = SubjectType::Pairwise;
                metadata.sector_identifier = Some(SectorIdentifier::parse("example.test").unwrap());
                metadata.first_party = true;
            }));
        }
    })
    .await;
    let mut browser = app.browser();
    let (_, _, one) = tokens(&app, &mut browser, ONE).await;
    let (_, _, two) = tokens(&app, &mut browser, TWO).await;
    assert_eq!(one, two);
    assert_ne!(one, app.user("alice").await.id.to_string());
}

/// Whoever changes it, by whatever way, makes strangers of the application's users: the log says so, and of nothing else.
async fn another_sector_is_put_into_the_log(database: Database) {
    let app = app(database).await;
    let entropy = Arc::new(SeededEntropy::new("admin"));
    let admin = Installation::open(&app.settings, entropy.as_ref()).await.unwrap().admin(app.clock.clone(), entropy);
    let log = listen();
    let one = ClientId::parse(ONE).unwrap();
    admin.update_client(&one, Box::new(|client| client.metadata.name = "The one".to_owned())).await.unwrap();
    assert_eq!(log.count("client.subjects_changed"), 0, "{}", log.text());
    let sector = SectorIdentifier::parse("example.test").unwrap();
    admin.update_client(&one, Box::new(|client| client.metadata.sector_identifier = Some(sector))).await.unwrap();
    assert_eq!(log.count("client.subjects_changed"), 1, "{}", log.text());
    // The settings file wins at the next start, and changes it back.
    app.replica("second").await.stop().await;
    assert_eq!(log.count("client.subjects_changed"), 2, "{}", log.text());
    app.replica("third").await.stop().await;
    assert_eq!(log.count("client.subjects_changed"), 2, "{}", log.text());
}
