//! Session Management 1.0: what an application is given to compare. The comparing itself is in a browser: `tests/browser/logout.test.mjs`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use gatekey::domain::client::ClientKind;
use gatekey::domain::redirect_uri::RedirectUri;
use gatekey::domain::session::EndReason;
use gatekey::store::tree::{self, Node};
use sha2::{Digest, Sha256};
use url::Url;

use crate::support::app::{App, OWN_PAGE, SERVER, client};
use crate::support::attack::session_cookie;
use crate::support::browser::Browser;
use crate::support::cookie_jar::{Cookie, SameSite};
use crate::support::database::{Database, each_database};
use crate::support::network::parameter;

each_database!(the_state_changes_when_somebody_signs_in_or_out, each_application_has_its_own, an_end_elsewhere_takes_the_cookie_away);

fn cookie(browser: &Browser, end: &str) -> Option<Cookie> {
    browser.jar.all().iter().find(|cookie| cookie.name.ends_with(end)).cloned()
}

/// What the check-session frame computes (§3.1 of the specification has the same example).
fn agrees(session_state: &str, client_id: &str, origin: &str, browser: &Browser) -> bool {
    let (hash, salt) = session_state.split_once('.').unwrap();
    let states = cookie(browser, "-state").map(|cookie| cookie.value).unwrap_or_default();
    states.split('.').any(|state| hash == URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{client_id} {origin} {state} {salt}"))))
}

async fn the_state_changes_when_somebody_signs_in_or_out(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let response = app.authorize_as(&mut browser, &party.authorize("openid", &[]), "alice").await;
    let first = parameter(&response, "session_state").unwrap();
    let id_token = party.exchange(&party.code(&response)).await.id.unwrap();
    let own = |state: &str, browser: &Browser| agrees(state, OWN_PAGE, "https://own.example.test", browser);
    assert!(own(&first, &browser) && !first.contains(' '));
    // Readable by the frame's script, and no secret: neither the session's cookie nor its digest.
    let (state, (_, session)) = (cookie(&browser, "-state").unwrap(), session_cookie(&browser));
    assert!(!state.http_only && state.secure && state.same_site == SameSite::None);
    let digest = Sha256::digest(&session);
    assert!(!state.value.contains(&session) && state.value != URL_SAFE_NO_PAD.encode(&digest[..16]) && state.value.len() == 22);

    // Silently: another salt, the same state.
    let silent = app.silently(&mut browser, &party, "openid", &[]).await;
    let second = parameter(&silent, "session_state").unwrap();
    assert!(second != first && own(&first, &browser) && own(&second, &browser));
    // Another sign-in of the same user: changed. One of another user's beside it is no news to the application.
    app.advance(TimeDelta::seconds(1));
    let again = app.authorize_as(&mut browser, &party.authorize("openid", &[("prompt", "login")]), "alice").await;
    let third = parameter(&again, "session_state").unwrap();
    assert!(!own(&first, &browser) && own(&third, &browser));
    app.advance(TimeDelta::seconds(1));
    let other = app.authorize_as(&mut browser, &party.authorize("openid", &[("prompt", "login")]), "bobby").await;
    let fourth = parameter(&other, "session_state").unwrap();
    assert!(!own(&first, &browser) && own(&third, &browser) && own(&fourth, &browser) && third != fourth);
    // Signed out: changed, for whoever it was, and for nobody else.
    let hint = party.exchange(&party.code(&other)).await.id.unwrap();
    browser.visit(Url::parse_with_params(&party.endpoint("oidc/logout"), [("id_token_hint", hint)]).unwrap().as_str()).await.page();
    assert!(own(&third, &browser) && !own(&fourth, &browser));
    let alices = [("id_token_hint", id_token.as_str())];
    assert!(own(&parameter(&app.silently(&mut browser, &party, "openid", &alices).await, "session_state").unwrap(), &browser));
    browser.visit(Url::parse_with_params(&party.endpoint("oidc/logout"), alices).unwrap().as_str()).await.page();
    assert_eq!(cookie(&browser, "-state").map(|cookie| cookie.value), None);
    assert!(!own(&third, &browser));
    let refused = app.silently(&mut browser, &party, "openid", &[("id_token_hint", &id_token)]).await;
    assert_eq!((party.error(&refused).as_str(), parameter(&refused, "session_state")), ("login_required", None));
    let discovery = app.network.get(&party.endpoint(".well-known/openid-configuration"), &[]).await.json();
    assert_eq!(discovery["check_session_iframe"], party.endpoint("oidc/check-session"));
}

/// Of another client, or at another origin, it says nothing; an application without a web origin has none.
async fn each_application_has_its_own(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.clients.push(client("desk", ClientKind::Native, "https://desk.example.test", |metadata| {
            metadata.first_party = true;
            metadata.redirect_uris = vec![RedirectUri::parse("com.example.desk:/callback").unwrap()];
        }));
    })
    .await;
    let mut browser = app.browser();
    let mut states = Vec::new();
    for id in [OWN_PAGE, SERVER] {
        let response = app.authorize_as(&mut browser, &app.relying_party(id).authorize("openid", &[]), "alice").await;
        states.push(parameter(&response, "session_state").unwrap());
    }
    assert!(agrees(&states[1], SERVER, "https://server.example.test", &browser));
    for (client, origin) in [(OWN_PAGE, "https://server.example.test"), (SERVER, "https://own.example.test"), (SERVER, "https://server.example.test:444")] {
        assert!(!agrees(&states[1], client, origin, &browser), "{client} {origin}");
    }
    let desk = app.relying_party("desk");
    let response = app.authorize_as(&mut browser, &desk.authorize("openid", &[]), "alice").await;
    assert_eq!(parameter(&response, "session_state"), None);
}

/// What was ended elsewhere is noticed at the next `prompt=none`: from then on the frame says `changed` too.
async fn an_end_elsewhere_takes_the_cookie_away(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let (user, now) = (app.user("alice").await.id, app.now());
    app.write(move |db| tree::end(db, &Node::User(user), EndReason::RevokedByAdmin, now)).await;
    assert!(cookie(&browser, "-state").is_some());
    let refused = app.silently(&mut browser, &party, "openid", &[]).await;
    assert_eq!(party.error(&refused), "login_required");
    assert!(cookie(&browser, "-state").is_none());
    // One that was lost, or of before there was one, comes back with the next use.
    app.sign_in(&mut browser, &party, "openid").await;
    let (name, value) = session_cookie(&browser);
    let mut bare = app.browser();
    bare.jar.set(&Url::parse(&app.issuer).unwrap(), &format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=None"), app.now());
    party.code(&app.silently(&mut bare, &party, "openid", &[]).await);
    assert_eq!(cookie(&bare, "-state").unwrap().value, cookie(&browser, "-state").unwrap().value);
}
