//! Signing out: with proof, without, forged, and what is left of a session afterwards (section Z).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use gatekey::domain::session::EndReason;
use gatekey::settings::SameSite;
use gatekey::store::sessions;
use gatekey::store::tree::{self, Node};
use poem::http::Method;
use serde_json::json;
use std::time::Instant;
use url::Url;

use crate::backchannel_logout::{ONE, listening};
use crate::frontchannel_logout::{ONE as FRAMED, framed, frames};
use crate::support::app::{App, OWN_PAGE, PAGE, SERVER};
use crate::support::browser::{Browser, FORGED, LINK, Landing, form_with};
use crate::support::database::{Database, each_database};
use crate::support::jwt;
use crate::support::network::parameter;
use crate::support::receiver::Receiver;
use crate::support::relying_party::RelyingParty;
use crate::support::statements;

each_database!(
    lo_01_only_proof_signs_out_unasked,
    lo_02_a_logout_token_passes_for_nothing_else,
    lo_04_a_logout_form_of_another_site_ends_the_session_it_says_it_ended,
    lo_05_after_a_logout_nothing_works_anywhere,
    lo_07_forged_hints_end_nothing_and_cost_little,
    lo_08_frames_are_of_registered_applications_alone,
);

fn end(party: &RelyingParty, parameters: &[(&str, &str)]) -> Url {
    Url::parse_with_params(&party.endpoint("oidc/logout"), parameters).unwrap()
}

async fn signed_in(app: &App, browser: &mut Browser) -> bool {
    let party = app.relying_party(OWN_PAGE);
    let response = app.silently(browser, &party, "openid", &[]).await;
    response.query_pairs().any(|(name, _)| name == "code")
}

/// RP-Initiated Logout §2, §6; ASVS 10.6.2.
async fn lo_01_only_proof_signs_out_unasked(database: Database) {
    let app = App::start(database).await;
    let (party, page) = (app.relying_party(OWN_PAGE), app.relying_party(PAGE));
    let mut bobs = app.browser();
    let response = app.authorize_as(&mut bobs, &party.authorize("openid", &[]), "bobby").await;
    let bob = party.exchange(&party.code(&response)).await.id.unwrap();
    let mut elsewhere = app.browser();
    let other_session = app.sign_in(&mut elsewhere, &page, "openid").await.id.unwrap();
    let mut browser = app.browser();
    let alice = app.sign_in(&mut browser, &page, "openid").await;
    let hint = alice.id.clone().unwrap();
    let forged = format!("{}x", &hint[..hint.len() - 1]);
    let (head, signature) = (hint.split('.').next().unwrap(), hint.rsplit('.').next().unwrap());
    let mut claims = page.claims(&hint).await;
    claims.insert("aud".to_owned(), json!(OWN_PAGE));
    let modified = format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(serde_json::Value::Object(claims).to_string()));
    let registered = ("post_logout_redirect_uri", "https://app.example.test/signed-out");
    for (what, parameters) in [
        ("nothing", vec![]),
        ("a state alone", vec![("state", "x")]),
        ("the client alone", vec![("client_id", PAGE), registered]),
        ("bobby's hint", vec![("id_token_hint", bob.as_str())]),
        ("alice's hint of another browser", vec![("id_token_hint", other_session.as_str()), registered]),
        ("a forged hint", vec![("id_token_hint", forged.as_str()), ("client_id", PAGE), registered]),
        ("a modified hint", vec![("id_token_hint", modified.as_str()), registered]),
        ("an access token", vec![("id_token_hint", alice.access.as_str()), registered]),
        ("half a hint", vec![("id_token_hint", &hint[..40])]),
    ] {
        let landing = browser.visit(end(&page, &parameters).as_str()).await;
        let Landing::Page(page) = landing else { panic!("{what}: it went somewhere: {landing:?}") };
        assert!(page.text().contains("name=\"decision\""), "{what}: asked");
        assert!(signed_in(&app, &mut browser).await, "{what}");
    }
    // A hint and a client that do not agree: the session of the hint's user ends, but nobody's address is gone to.
    let landing = browser
        .visit(end(&page, &[("id_token_hint", &hint), ("client_id", SERVER), ("post_logout_redirect_uri", "https://server.example.test/signed-out")]).as_str())
        .await;
    assert!(matches!(landing, Landing::Page(_)), "{landing:?}");

    // The control: an expired hint is proof still (§2), and only this browser is signed out.
    let mut browser = app.browser();
    let hint = app.sign_in(&mut browser, &page, "openid").await.id.unwrap();
    app.advance(TimeDelta::days(1));
    let left = browser.visit(end(&page, &[("id_token_hint", &hint), registered, ("state", "s")]).as_str()).await.left();
    assert_eq!(left.as_str(), "https://app.example.test/signed-out?state=s");
    assert!(!signed_in(&app, &mut browser).await);
    assert!(signed_in(&app, &mut bobs).await && signed_in(&app, &mut elsewhere).await);
}

/// Back-Channel Logout §2.4, §4; ASVS 10.5.5. What it holds to the letter: `backchannel_logout::the_token_is_the_applications_own`.
async fn lo_02_a_logout_token_passes_for_nothing_else(database: Database) {
    let receiver = Receiver::start();
    let app = App::start_with(database, |settings| listening(settings, &receiver.url("/"), "https://two.example.test/")).await;
    let party = app.relying_party(ONE);
    let mut browser = app.browser();
    let id_token = party.claims(app.sign_in(&mut browser, &party, "openid").await.id.as_ref().unwrap()).await;
    browser.visit(end(&party, &[]).as_str()).await.page();
    app.running.deliver_logout_notices().await;
    assert!(receiver.heard().is_empty(), "asked, and nothing has ended");
    let user = app.user("alice").await.id;
    let now = app.now();
    app.write(move |db| tree::end(db, &Node::User(user), EndReason::RevokedByAdmin, now)).await;
    app.running.deliver_logout_notices().await;
    let token = receiver.heard()[0].logout_token();
    let (header, claims) = jwt::verify(&party.jwks().await, &token);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("logout+jwt"), &json!("ES256")));
    assert_eq!((&claims["sub"], &claims["sid"], &claims["aud"]), (&id_token["sub"], &id_token["sid"], &json!(ONE)));
    assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 120 && claims["jti"].is_string());
    assert!(claims["events"]["http://schemas.openid.net/event/backchannel-logout"].as_object().unwrap().is_empty());
    assert!(!claims.contains_key("nonce"));
    // Neither an access token, nor a hint, nor anything that can be redeemed.
    assert_eq!(party.userinfo(&token).await.status.as_u16(), 401);
    assert_eq!(party.introspect(&token).await, json!({"active": false}));
    party.refused(&token).await;
    assert_eq!(party.try_exchange(&token).await.error(), "invalid_grant");
    app.sign_in(&mut browser, &party, "openid").await;
    browser.visit(end(&party, &[("id_token_hint", &token)]).as_str()).await.page();
    let silent = app.silently(&mut browser, &party, "openid", &[]).await;
    party.code(&silent);
}

/// The session cookie that is SameSite=Lax does not come with a form of another site. Being told "you are signed out" must be true.
async fn lo_04_a_logout_form_of_another_site_ends_the_session_it_says_it_ended(database: Database) {
    let app = App::start_with(database, |settings| settings.cookies.same_site = SameSite::Lax).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let hint = app.sign_in(&mut browser, &party, "openid").await.id.unwrap();
    // A sign-in that somebody began and left open.
    let open = browser.visit(party.authorize("openid", &[("prompt", "login")]).as_str()).await.page();
    let url = Url::parse(&party.endpoint("oidc/logout")).unwrap();
    let body = format!("id_token_hint={hint}&post_logout_redirect_uri=https%3A%2F%2Fown.example.test%2Fsigned-out");
    let answer = browser.request(Method::POST, &url, FORGED, body).await;
    assert_eq!(answer.status.as_u16(), 303);
    let next = answer.location().unwrap();
    assert_eq!(next.origin(), url.origin());
    let left = browser.navigate(&next, LINK).await.left();
    assert_eq!(left.as_str(), "https://own.example.test/signed-out");
    assert!(!signed_in(&app, &mut browser).await);
    assert!(!browser.jar.all().iter().any(|cookie| !["-browser", "-known"].iter().any(|other| cookie.name.ends_with(other))), "the cookie is gone");
    // The page left open signs in anew, and is nobody's silent way back.
    let silent = app.silently(&mut browser, &party, "openid", &[]).await;
    assert_eq!(party.error(&silent), "login_required");
    let response = browser.submit(&form_with(&open, "password").fill("username", "alice").fill("password", crate::support::app::PASSWORD), None).await.left();
    let tokens = party.exchange(&party.code(&response)).await;
    let old = party.claims(&hint).await;
    assert_ne!(party.claims(tokens.id.as_ref().unwrap()).await["sid"], old["sid"], "another session");
    // Without a cookie, a hint ends nothing: it is known to servers and logs, and may be years old.
    let bare = app.network.get(end(&party, &[("id_token_hint", tokens.id.as_ref().unwrap())]).as_str(), &[]).await;
    assert_eq!(bare.header("set-cookie"), None);
    assert!(signed_in(&app, &mut browser).await);
}

/// ASVS 7.4.1: at once, on every replica. What was granted for when the user is away lives on (Back-Channel Logout §2.7).
async fn lo_05_after_a_logout_nothing_works_anywhere(database: Database) {
    let app = App::start(database).await;
    let replica = app.replica("second").await;
    let party = app.relying_party(SERVER);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, "openid").await;
    let offline = party.exchange(&party.code(&app.silently(&mut browser, &party, "openid offline_access", &[]).await)).await;
    let waiting = party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    let thief = browser.clone();
    let mut other = app.browser();
    let others = app.sign_in(&mut other, &party, "openid").await;
    let home = browser.visit(&app.issuer).await.page();
    assert!(home.text().contains("Alice") && home.header("cache-control") == Some("no-store"), "the back button shows nothing kept");

    browser.visit(end(&party, &[("id_token_hint", tokens.id.as_ref().unwrap())]).as_str()).await.page();
    for issuer in [&app, &replica] {
        let party = issuer.relying_party(SERVER);
        // The cookie itself, kept by somebody.
        let mut copy = Browser::new(issuer.network.clone(), issuer.clock.clone());
        copy.jar = thief.jar.clone();
        let response = issuer.silently(&mut copy, &party, "openid", &[]).await;
        assert_eq!(party.error(&response), "login_required");
        assert!(!copy.visit(&issuer.issuer).await.page().text().contains("Alice"));
        party.refused(tokens.refresh()).await;
        assert_eq!(party.introspect(&tokens.access).await, json!({"active": false}));
        assert_eq!(party.introspect(tokens.refresh()).await, json!({"active": false}));
        assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 401);
        assert_eq!(party.introspect(&others.access).await["active"], true, "the other browser");
    }
    assert_eq!(party.try_exchange(&waiting).await.error(), "invalid_grant", "a code from before");
    party.refresh(offline.refresh()).await;
    replica.stop().await;
}

/// ASVS 10.6.2.
async fn lo_07_forged_hints_end_nothing_and_cost_little(database: Database) {
    statements::count();
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let hint = app.sign_in(&mut browser, &party, "openid").await.id.unwrap();
    let (head, rest) = hint.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let header: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let before = statements::so_far(&app.database);
    let began = Instant::now();
    const FLOOD: u64 = 2_000;
    for i in 0..FLOOD {
        let (mut header, mut claims) = (header.clone(), claims.clone());
        // Half with a kid nobody has, half with ours.
        if i % 2 == 0 {
            header["kid"] = json!(format!("kid-{i}"));
        }
        claims["exp"] = json!(2_000_000_000u64 + i);
        let forged = format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let answer = app.network.get(end(&party, &[("id_token_hint", &forged)]).as_str(), &[]).await;
        assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (200, None));
    }
    let cost = statements::so_far(&app.database) - before;
    assert!(cost <= FLOOD / 10, "{cost} statements for {FLOOD} forged hints: an unknown key must not send each of them to the database");
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    // With the victim's own cookie, which a forger does not have, he is asked.
    let page = browser.visit(end(&party, &[("id_token_hint", &format!("{head}.{payload}.AAAA"))]).as_str()).await.page();
    assert!(page.text().contains("name=\"decision\""));
    assert!(signed_in(&app, &mut browser).await);
    let alive = app.store.scan(|db| sessions::list(db, None, None, 10)).await.unwrap();
    assert!(alive.iter().all(|session| session.ended.is_none_or(|ended| ended.reason != EndReason::Logout)));
    // The control.
    browser.visit(end(&party, &[("id_token_hint", &hint)]).as_str()).await.page();
    assert!(!signed_in(&app, &mut browser).await);
    let gone = parameter(&app.silently(&mut browser, &party, "openid", &[]).await, "error");
    assert_eq!(gone.as_deref(), Some("login_required"));
}

/// OIDF OIDCCFrontChannelRpInitiatedLogout; what a request says decides nothing of the frames.
async fn lo_08_frames_are_of_registered_applications_alone(database: Database) {
    let app = App::start_with(database, framed).await;
    let party = app.relying_party(FRAMED);
    let mut browser = app.browser();
    let hint = app.sign_in(&mut browser, &party, "openid").await.id.unwrap();
    let evil = "https://evil.test/frame";
    let asked = [
        ("id_token_hint", hint.as_str()),
        ("frontchannel_logout_uri", evil),
        ("iss", evil),
        ("sid", evil),
        ("post_logout_redirect_uri", evil),
        ("state", evil),
    ];
    // An address that is not registered: asked first; then the frames, and nowhere to go.
    let page = browser.visit(end(&party, &asked).as_str()).await.page();
    assert!(frames(&page).is_empty());
    let page = browser.submit(&form_with(&page, "decision"), Some("allow")).await.page();
    let [frame] = &frames(&page)[..] else { panic!("one frame: {}", page.text()) };
    let told: Vec<(String, String)> = frame.query_pairs().into_owned().collect();
    let sid = party.claims(&hint).await["sid"].as_str().unwrap().to_owned();
    assert!(frame.as_str().starts_with("https://framed-one.example.test/logout?tenant=1&iss="));
    assert_eq!(told[1..], [("iss".to_owned(), app.issuer.clone()), ("sid".to_owned(), sid)]);
    assert!(!page.text().contains("evil.test") && page.header("refresh").is_none());
    let policy = page.header("content-security-policy").unwrap();
    let frame_src = policy.split("; ").find(|part| part.starts_with("frame-src")).unwrap();
    assert_eq!(frame_src, "frame-src https://framed-one.example.test");
    assert!(page.text().contains("sandbox=\"allow-scripts allow-same-origin allow-forms\""), "a frame does not take the window elsewhere");
}
