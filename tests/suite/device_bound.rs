//! Device Bound Session Credentials: a session whose cookie was copied is worth nothing away from its device. The browser's part is played with
//! real keys; `tests/browser/device_bound.test.mjs` does it with a real browser.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use gatekey::domain::client::Client;
use gatekey::domain::id::ClientId;
use gatekey::domain::session::Session;
use gatekey::protocol::device_bound::{CHALLENGE_LIFETIME, ON_THE_WAY};
use gatekey::settings::{DeviceBound, IssuerUrl, Settings};
use gatekey::store::{clients, sessions};
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jws::{ES256, HS256, JwsSigner};
use poem::http::Method;
use serde_json::{Value, json};
use url::Url;

use crate::account::add_user;
use crate::support::app::{App, OTHER_PAGE, OWN_PAGE, PAGE, PASSWORD, SERVER};
use crate::support::browser::{Browser, CROSS_SITE_FRAME, Landing, OWN_FORM, form_with};
use crate::support::cookie_jar::{Cookie, Initiator};
use crate::support::database::{Database, each_database};
use crate::support::log::listen;
use crate::support::network::Answer;
use crate::support::relying_party::RelyingParty;
use crate::support::statements;

each_database!(
    a_copied_cookie_opens_nothing,
    nor_does_it_by_fedcm,
    the_browser_is_told_what_is_bound,
    a_browser_that_does_not_know_how_goes_on,
    nothing_is_offered_unless_it_is_set,
    showing_the_key_is_no_use_of_the_session,
    when_the_session_is_over_the_device_is_told,
    who_signs_in_again_is_bound_anew,
    a_new_password_is_bound_anew,
    of_two_sessions_in_one_place_the_newer_is_shown,
    whose_session_ran_out_nobody_learns,
    what_applications_watch_stays_as_it_is,
    registrations_that_are_refused,
    of_two_keys_one_is_bound,
    refreshes_that_are_refused,
    the_second_cookie_of_another_is_none,
    each_account_has_its_own,
    an_application_that_is_new_may_make_it_refresh,
    a_bound_session_costs_no_read_more,
);

fn binding(settings: &mut Settings) {
    settings.sessions.device_bound = DeviceBound::WhereSupported;
}

async fn start(database: Database) -> App {
    App::start_with(database, binding).await
}

/// A device with a key of its own.
struct Device {
    key: EcKeyPair,
}

impl Device {
    fn new() -> Self {
        Self { key: EcKeyPair::generate(EcCurve::P256).unwrap() }
    }

    fn jwk(&self) -> Value {
        let jwk = self.key.to_jwk_public_key();
        let member = |name: &str| jwk.parameter(name).unwrap().clone();
        json!({ "kty": "EC", "crv": "P-256", "x": member("x"), "y": member("y") })
    }

    fn sign(&self, header: &Value, payload: &Value) -> String {
        signed(header, payload, &ES256.signer_from_der(self.key.to_der_private_key()).unwrap())
    }

    /// The first proof, with the key.
    fn registers(&self, challenge: &str) -> String {
        self.sign(&json!({ "alg": "ES256", "typ": "dbsc+jwt", "jwk": self.jwk() }), &json!({ "jti": challenge }))
    }

    fn answers(&self, challenge: &str) -> String {
        self.sign(&json!({ "alg": "ES256", "typ": "dbsc+jwt" }), &json!({ "jti": challenge }))
    }
}

fn signed(header: &Value, payload: &Value, signer: &dyn JwsSigner) -> String {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(payload.to_string()));
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(input.as_bytes()).unwrap());
    format!("{input}.{signature}")
}

/// A browser that has signed in, and what it was offered.
async fn sign_in_as(app: &App, browser: &mut Browser, party: &RelyingParty, changes: &[(&str, &str)], username: &str) -> Option<String> {
    let page = browser.visit(party.authorize("openid", changes).as_str()).await.page();
    let form = form_with(&page, "password").fill("username", username).fill("password", PASSWORD);
    let answer = browser.submit_as(&form, None, OWN_FORM).await;
    party.exchange(&party.code(&answer.location().unwrap())).await;
    // Sessions are listed in the order in which they were made.
    app.advance(TimeDelta::milliseconds(10));
    answer.header("secure-session-registration").map(str::to_owned)
}

async fn sign_in(app: &App, browser: &mut Browser) -> String {
    challenge_of(&sign_in_as(app, browser, &app.relying_party(OWN_PAGE), &[], "alice").await.expect("an offer"))
}

fn parameter<'a>(header: &'a str, name: &str) -> &'a str {
    header.split_once(&format!("{name}=\"")).unwrap().1.split_once('"').unwrap().0
}

fn challenge_of(offer: &str) -> String {
    assert!(offer.starts_with("(ES256 RS256);path=\"/dbsc/register\";challenge=\""), "{offer}");
    parameter(offer, "challenge").to_owned()
}

/// What the browser sends by itself, with its cookies and these headers.
async fn post(app: &App, browser: &mut Browser, path: &str, headers: &[(&str, &str)]) -> Answer {
    let url = Url::parse(&app.issuer).unwrap().join(path).unwrap();
    let cookies = browser.jar.header(&url, Initiator::SameSite, app.now());
    let mut all = headers.to_vec();
    all.extend(cookies.as_deref().map(|cookies| ("cookie", cookies)));
    let answer = app.network.send(Method::POST, url.as_str(), &all, "").await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    for cookie in answer.headers.get_all("set-cookie") {
        browser.jar.set(&url, cookie.to_str().unwrap(), app.now());
    }
    answer
}

async fn register(app: &App, browser: &mut Browser, proof: &str) -> Answer {
    post(app, browser, "dbsc/register", &[("secure-session-response", &format!("\"{proof}\""))]).await
}

async fn refresh(app: &App, browser: &mut Browser, identifier: &str, proof: Option<&str>) -> Answer {
    let (identifier, proof) = (format!("\"{identifier}\""), proof.map(|proof| format!("\"{proof}\"")));
    let mut headers = vec![("sec-secure-session-id", identifier.as_str())];
    headers.extend(proof.as_deref().map(|proof| ("secure-session-response", proof)));
    post(app, browser, "dbsc/refresh", &headers).await
}

/// What the browser is to sign to have the second cookie again.
async fn challenge(app: &App, browser: &mut Browser, identifier: &str) -> String {
    asked(&refresh(app, browser, identifier, None).await, identifier)
}

fn asked(answer: &Answer, identifier: &str) -> String {
    assert_eq!((answer.status.as_u16(), answer.body.len(), answer.headers.contains_key("set-cookie")), (403, 0, false));
    let header = answer.header("secure-session-challenge").unwrap();
    assert_eq!(parameter(header, "id"), identifier);
    header.strip_prefix('"').unwrap().split_once('"').unwrap().0.to_owned()
}

/// Signs alice in and binds her session: the device, and what the browser calls the session.
async fn bound(app: &App, browser: &mut Browser) -> (Device, String) {
    let challenge = sign_in(app, browser).await;
    bind(app, browser, &challenge).await
}

async fn bind(app: &App, browser: &mut Browser, challenge: &str) -> (Device, String) {
    let device = Device::new();
    let answer = register(app, browser, &device.registers(challenge)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    (device, answer.json()["session_identifier"].as_str().unwrap().to_owned())
}

/// The browser shows its key again.
async fn shows(app: &App, browser: &mut Browser, device: &Device, identifier: &str) {
    let challenge = challenge(app, browser, identifier).await;
    let answer = refresh(app, browser, identifier, Some(&device.answers(&challenge))).await;
    assert_eq!((answer.status.as_u16(), answer.json()["session_identifier"].as_str()), (200, Some(identifier)), "{}", answer.text());
    assert!(device_cookie(browser).is_some());
}

fn device_cookie(browser: &Browser) -> Option<Cookie> {
    browser.jar.all().iter().find(|cookie| cookie.name.ends_with("-device")).cloned()
}

/// Somebody who has the session's cookie and nothing else of this browser.
fn thief(app: &App, browser: &Browser) -> Browser {
    let mut thief = app.browser();
    let url = Url::parse(&app.issuer).unwrap();
    let session = browser.jar.all().iter().find(|cookie| cookie.name.len() == "__Host-gatekey-00000000".len()).unwrap();
    thief.jar.set(&url, &format!("{}={}; Path=/; Secure; SameSite=None", session.name, session.value), app.now());
    thief
}

async fn is_open(app: &App, browser: &mut Browser) -> bool {
    let party = app.relying_party(OWN_PAGE);
    let answer = app.silently(browser, &party, "openid", &[]).await;
    let code = answer.query_pairs().any(|(name, _)| name == "code");
    if code {
        party.code(&answer);
    } else {
        assert_eq!(party.error(&answer), "login_required");
    }
    code
}

async fn newest(app: &App) -> Session {
    let user = app.user("alice").await.id;
    app.store.scan(move |db| sessions::list(db, Some(user), None, 100)).await.unwrap().pop().unwrap()
}

fn refused(answer: &Answer, what: &str) {
    assert_eq!((answer.status.as_u16(), answer.headers.contains_key("set-cookie")), (400, false), "{what}: {}", answer.text());
    assert_eq!(answer.error(), "invalid_request", "{what}");
}

fn is_over(answer: &Answer) {
    // No cookie is cleared: another session may have it by now.
    assert_eq!((answer.status.as_u16(), answer.json(), answer.headers.contains_key("set-cookie")), (200, json!({ "continue": false }), false));
}

async fn a_copied_cookie_opens_nothing(database: Database) {
    let app = start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let (device, identifier) = bound(&app, &mut browser).await;
    let mut thief = thief(&app, &browser);
    // What was on its way when the session was bound is not lost.
    app.advance(ON_THE_WAY - TimeDelta::milliseconds(1));
    assert!(is_open(&app, &mut browser).await && is_open(&app, &mut thief).await);
    app.advance(TimeDelta::milliseconds(1));
    assert!(is_open(&app, &mut browser).await);
    let log = listen();
    assert!(!is_open(&app, &mut thief).await);
    assert_eq!(log.count("reason=device_proof_missing"), 1, "{}", log.text());
    drop(log);
    // As if nobody were signed in, and whose session it is nobody learns.
    for prompt in ["login", "select_account", "consent"] {
        let page = thief.visit(party.authorize("openid", &[("prompt", prompt)]).as_str()).await.page();
        assert!(page.text().contains("type=\"password\"") && !page.text().to_lowercase().contains("alice"), "{prompt}: {}", page.text());
    }
    let page = thief.visit(party.authorize("openid", &[]).as_str()).await.page();
    assert!(page.text().contains("type=\"password\"") && !page.text().to_lowercase().contains("alice"), "{}", page.text());
    for path in ["account", "account/password", ""] {
        let page = thief.visit(&party.endpoint(path)).await.page();
        assert!(!page.text().to_lowercase().contains("alice"), "{path}: {}", page.text());
    }
    assert!(matches!(browser.visit(&party.endpoint("account")).await, Landing::Page(page) if page.text().contains("Alice Example")));
    // The browser shows its key before the second cookie runs out, or when it has: it goes on.
    for _ in 0..3 {
        app.advance(TimeDelta::minutes(10));
        assert!(device_cookie(&browser).is_none_or(|cookie| cookie.expires_at.unwrap() <= app.now()));
        assert!(!is_open(&app, &mut browser).await);
        shows(&app, &mut browser, &device, &identifier).await;
        assert!(is_open(&app, &mut browser).await && !is_open(&app, &mut thief).await);
        assert!(browser.navigate(&party.authorize("openid", &[("prompt", "none")]), CROSS_SITE_FRAME).await.left().query().unwrap().contains("code="));
    }
    // One that was copied with the other lasts as long as it says, and a little for the way, and no longer.
    let mut copied = browser.clone();
    let mut cookie = device_cookie(&copied).unwrap();
    app.advance(TimeDelta::minutes(10) + ON_THE_WAY - TimeDelta::milliseconds(1));
    cookie.expires_at = None;
    let url = Url::parse(&app.issuer).unwrap();
    copied.jar.set(&url, &format!("{}={}; Path=/; Secure; SameSite=None", cookie.name, cookie.value), app.now());
    assert!(is_open(&app, &mut copied).await);
    app.advance(TimeDelta::milliseconds(1));
    assert!(!is_open(&app, &mut copied).await);
    // Signing out by a cookie alone stays possible: it takes nothing from anybody but what was taken.
    let page = thief.visit(&party.endpoint("oidc/logout")).await.page();
    assert!(!page.text().to_lowercase().contains("alice"), "{}", page.text());
    thief.submit(&form_with(&page, "csrf"), Some("allow")).await;
    assert!(newest(&app).await.ended.is_some());
}

async fn nor_does_it_by_fedcm(database: Database) {
    let app = App::start_with(database, |settings| {
        binding(settings);
        for declared in &mut settings.clients {
            declared.metadata.fedcm = declared.id.as_str() == OWN_PAGE;
        }
    })
    .await;
    let mut browser = app.browser();
    bound(&app, &mut browser).await;
    app.advance(TimeDelta::minutes(1));
    let (alice, party) = (app.user("alice").await.id.to_string(), app.relying_party(OWN_PAGE));
    let params = json!({ "scope": "openid", "prompt": "none", "code_challenge": party.challenge(), "code_challenge_method": "S256" }).to_string();
    let fields = [("client_id", OWN_PAGE), ("account_id", alice.as_str()), ("params", params.as_str())];
    let leave = [("client_id", OWN_PAGE), ("account_hint", "alice")];
    let url = Url::parse(&app.issuer).unwrap();
    for (of, opens) in [(thief(&app, &browser), false), (browser, true)] {
        let cookies = of.jar.header(&url, Initiator::SameSite, app.now()).unwrap();
        let headers = [("cookie", cookies.as_str()), ("origin", "https://own.example.test"), ("sec-fetch-dest", "webidentity")];
        let accounts = app.network.get(&format!("{}fedcm/accounts", app.issuer), &headers).await;
        assert_eq!((accounts.status.as_u16(), accounts.text().contains("alice")), if opens { (200, true) } else { (401, false) });
        for (path, fields) in [("assertion", &fields[..]), ("disconnect", &leave[..])] {
            let answer = app.network.post_form(&format!("{}fedcm/{path}", app.issuer), &headers, fields).await;
            assert_eq!(answer.status.as_u16(), if opens { 200 } else { 400 }, "{path}: {}", answer.text());
            assert_eq!(answer.text().contains("login_required"), !opens, "{path}: {}", answer.text());
        }
    }
}

async fn the_browser_is_told_what_is_bound(database: Database) {
    let app = start(database).await;
    let mut browser = app.browser();
    let challenge = sign_in(&app, &mut browser).await;
    let answer = register(&app, &mut browser, &Device::new().registers(&challenge)).await;
    let cookie = device_cookie(&browser).unwrap();
    let json = answer.json();
    assert_eq!(json["refresh_url"], "/dbsc/refresh");
    assert_eq!((&json["scope"]["origin"], &json["scope"]["include_site"]), (&json!("https://id.example.test"), &json!(false)));
    let rules = json["scope"]["scope_specification"].as_array().unwrap();
    assert!(rules.contains(&json!({ "type": "exclude", "domain": "*", "path": "/oauth" })), "{rules:?}");
    assert_eq!(json["credentials"], json!([{ "type": "cookie", "name": cookie.name, "attributes": "Path=/; Secure; HttpOnly; SameSite=None" }]));
    let hosts = ["app.example.test", "machine.example.test", "other.example.test", "own.example.test", "server.example.test"];
    assert_eq!(json["allowed_refresh_initiators"], json!(hosts));
    assert!(cookie.http_only && cookie.secure && cookie.expires_at == Some(app.now() + TimeDelta::minutes(10)));
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 1);
    // The session's id, that of the user and the key are sealed.
    let session = newest(&app).await;
    for secret in [session.id.0.as_simple().to_string(), session.id.to_string(), session.user_id.to_string()] {
        assert!(!answer.text().contains(&secret) && !cookie.value.contains(&secret));
    }
}

async fn a_browser_that_does_not_know_how_goes_on(database: Database) {
    let app = start(database).await;
    let mut browser = app.browser();
    sign_in(&app, &mut browser).await;
    for _ in 0..10 {
        app.advance(TimeDelta::days(1));
        assert!(is_open(&app, &mut browser).await);
    }
    assert!(newest(&app).await.device.is_none());
}

async fn nothing_is_offered_unless_it_is_set(database: Database) {
    let app = start(database).await;
    let mut browser = app.browser();
    let (device, identifier) = bound(&app, &mut browser).await;
    let challenge = challenge(&app, &mut browser, &identifier).await;
    app.advance(TimeDelta::hours(1));
    assert!(!is_open(&app, &mut browser).await);
    // The same database, no longer set: bound sessions go on by their cookie, and the browser is told to stop.
    let mut settings = app.settings.clone();
    settings.sessions.device_bound = DeviceBound::Off;
    let off = App::on(app.database.clone(), settings, app.clock.clone(), "off").await;
    let mut same = browser.through(off.network.clone());
    assert!(is_open(&off, &mut same).await);
    is_over(&refresh(&off, &mut same, &identifier, None).await);
    is_over(&refresh(&off, &mut same, &identifier, Some(&device.answers(&challenge))).await);
    let mut other = off.browser();
    assert_eq!(sign_in_as(&off, &mut other, &off.relying_party(OWN_PAGE), &[], "alice").await, None);
    refused(&register(&off, &mut other, &device.registers(&challenge)).await, "off");
    // No browser does it without https.
    let mut settings = app.settings.clone();
    settings.issuer = IssuerUrl::parse("http://localhost:8080/").unwrap();
    let log = listen();
    let plain = App::on(app.database.clone(), settings, app.clock.clone(), "plain").await;
    assert_eq!(log.count("sessions.not_device_bound"), 1, "{}", log.text());
    drop(log);
    assert_eq!(sign_in_as(&plain, &mut plain.browser(), &plain.relying_party(OWN_PAGE), &[], "alice").await, None);
}

async fn showing_the_key_is_no_use_of_the_session(database: Database) {
    let app = App::start_with(database, |settings| {
        binding(settings);
        settings.lifetimes.session_idle = "PT1H".parse().unwrap();
    })
    .await;
    let mut browser = app.browser();
    let (device, identifier) = bound(&app, &mut browser).await;
    let used = newest(&app).await.last_used_at;
    for _ in 0..5 {
        app.advance(TimeDelta::minutes(10));
        shows(&app, &mut browser, &device, &identifier).await;
        assert_eq!(newest(&app).await.last_used_at, used);
    }
    app.advance(used + TimeDelta::hours(1) - app.now());
    is_over(&refresh(&app, &mut browser, &identifier, None).await);
    assert!(!is_open(&app, &mut browser).await);
    // Used in between, it would have gone on.
    let mut browser = app.browser();
    let (device, identifier) = bound(&app, &mut browser).await;
    for _ in 0..7 {
        app.advance(TimeDelta::minutes(10));
        shows(&app, &mut browser, &device, &identifier).await;
        assert!(is_open(&app, &mut browser).await);
    }
}

async fn when_the_session_is_over_the_device_is_told(database: Database) {
    let app = start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let (device, identifier) = bound(&app, &mut browser).await;
    let challenge = challenge(&app, &mut browser, &identifier).await;
    let page = browser.visit(&party.endpoint("oidc/logout")).await.page();
    browser.submit(&form_with(&page, "csrf"), Some("allow")).await;
    assert!(newest(&app).await.ended.is_some() && device_cookie(&browser).is_none());
    is_over(&refresh(&app, &mut browser, &identifier, None).await);
    is_over(&refresh(&app, &mut browser, &identifier, Some(&device.answers(&challenge))).await);
    // Nor is an ended session bound.
    let mut browser = app.browser();
    let offered = sign_in(&app, &mut browser).await;
    let mut before = browser.clone();
    let page = browser.visit(&party.endpoint("oidc/logout")).await.page();
    browser.submit(&form_with(&page, "csrf"), Some("allow")).await;
    refused(&register(&app, &mut before, &Device::new().registers(&offered)).await, "ended");
    assert!(newest(&app).await.device.is_none());
}

async fn who_signs_in_again_is_bound_anew(database: Database) {
    let app = start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let (device, identifier) = bound(&app, &mut browser).await;
    let session = newest(&app).await.id;
    let before = browser.clone();
    let challenge = challenge(&app, &mut browser, &identifier).await;
    app.advance(TimeDelta::minutes(1));
    // With the key lost, or before it is shown again, whoever has the password signs in.
    let offer = sign_in_as(&app, &mut browser, &party, &[("prompt", "login")], "alice").await.unwrap();
    assert_eq!((newest(&app).await.id, newest(&app).await.device), (session, None));
    assert!(is_open(&app, &mut browser).await);
    // The key of before is the session's no more, whether there is another one yet or not.
    is_over(&refresh(&app, &mut browser, &identifier, Some(&device.answers(&challenge))).await);
    let (again, new) = bind(&app, &mut browser, &challenge_of(&offer)).await;
    is_over(&refresh(&app, &mut browser, &identifier, Some(&device.answers(&challenge))).await);
    is_over(&refresh(&app, &mut browser, &identifier, None).await);
    app.advance(TimeDelta::minutes(1));
    assert!(is_open(&app, &mut browser).await);
    // Nor is the second cookie of before.
    let old = device_cookie(&before).unwrap();
    let url = Url::parse(&app.issuer).unwrap();
    let mut mixed = browser.clone();
    mixed.jar.set(&url, &format!("{}={}; Path=/; Secure; SameSite=None", old.name, old.value), app.now());
    assert!(!is_open(&app, &mut mixed).await);
    app.advance(TimeDelta::minutes(10));
    assert!(!is_open(&app, &mut browser).await);
    shows(&app, &mut browser, &again, &new).await;
    assert!(is_open(&app, &mut browser).await);
    // Without the second cookie the sign-in goes by the page, and the same session goes on.
    app.advance(TimeDelta::minutes(20));
    assert!(sign_in_as(&app, &mut browser, &party, &[], "alice").await.is_some());
    assert_eq!(newest(&app).await.id, session);
    assert!(is_open(&app, &mut browser).await);
}

/// The session goes on under another cookie: no copy of that one is to open anything either.
async fn a_new_password_is_bound_anew(database: Database) {
    let app = start(database).await;
    let mut browser = app.browser();
    // The password of a declared user is the file's.
    add_user(&app, "carol").await;
    let offer = sign_in_as(&app, &mut browser, &app.relying_party(OWN_PAGE), &[], "carol").await.expect("an offer");
    let (_, identifier) = bind(&app, &mut browser, &challenge_of(&offer)).await;
    let page = browser.visit(&format!("{}account/password", app.issuer)).await.page();
    let new = "a new horse battery staple";
    let form = form_with(&page, "new_password").fill("password", PASSWORD).fill("new_password", new).fill("password_again", new);
    let answer = browser.submit_as(&form, None, OWN_FORM).await;
    let challenge = challenge_of(answer.header("secure-session-registration").expect("an offer"));
    is_over(&refresh(&app, &mut browser, &identifier, None).await);
    let (device, identifier) = bind(&app, &mut browser, &challenge).await;
    app.advance(TimeDelta::minutes(1));
    let mut thief = thief(&app, &browser);
    assert!(is_open(&app, &mut browser).await && !is_open(&app, &mut thief).await);
    app.advance(TimeDelta::minutes(10));
    shows(&app, &mut browser, &device, &identifier).await;
    assert!(is_open(&app, &mut browser).await && !is_open(&app, &mut thief).await);
}

/// A browser that was closed has let the cookie go that it was not to remember, and has its keys still.
async fn of_two_sessions_in_one_place_the_newer_is_shown(database: Database) {
    let app = start(database).await;
    let mut browser = app.browser();
    let (before, of_before) = bound(&app, &mut browser).await;
    let first = newest(&app).await.id;
    let mut anew = app.browser();
    let (device, identifier) = bound(&app, &mut anew).await;
    assert_ne!(newest(&app).await.id, first);
    app.advance(TimeDelta::minutes(10));
    // The browser shows both keys, in whatever order.
    shows(&app, &mut anew, &device, &identifier).await;
    is_over(&refresh(&app, &mut anew, &of_before, None).await);
    assert!(is_open(&app, &mut anew).await);
    // The control: by its own cookie it goes on.
    shows(&app, &mut browser, &before, &of_before).await;
    assert!(is_open(&app, &mut browser).await);
}

async fn whose_session_ran_out_nobody_learns(database: Database) {
    let app = start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    bound(&app, &mut browser).await;
    let mut thief = thief(&app, &browser);
    app.advance(TimeDelta::days(400));
    let page = thief.visit(party.authorize("openid", &[]).as_str()).await.page();
    assert!(page.text().contains("type=\"password\"") && !page.text().to_lowercase().contains("alice"), "{}", page.text());
}

/// Session Management 1.0 §3: nobody has signed out, so no application is to think so and throw its tokens away.
async fn what_applications_watch_stays_as_it_is(database: Database) {
    let app = start(database).await;
    let mut browser = app.browser();
    let state = |browser: &Browser| browser.jar.all().iter().find(|cookie| cookie.name.ends_with("-state")).map(|cookie| cookie.value.clone());
    let (device, identifier) = bound(&app, &mut browser).await;
    let before = state(&browser);
    assert!(before.as_ref().is_some_and(|value| !value.is_empty()));
    app.advance(TimeDelta::minutes(20));
    assert!(!is_open(&app, &mut browser).await);
    assert_eq!(state(&browser), before);
    shows(&app, &mut browser, &device, &identifier).await;
    assert!(is_open(&app, &mut browser).await);
    assert_eq!(state(&browser), before);
}

async fn registrations_that_are_refused(database: Database) {
    let app = start(database).await;
    let (mut browser, mut other) = (app.browser(), app.browser());
    let (challenge, of_another) = (sign_in(&app, &mut browser).await, sign_in(&app, &mut other).await);
    let device = Device::new();
    let header = |change: &dyn Fn(&mut Value)| {
        let mut header = json!({ "alg": "ES256", "typ": "dbsc+jwt", "jwk": device.jwk() });
        change(&mut header);
        device.sign(&header, &json!({ "jti": challenge }))
    };
    let secret = HS256.signer_from_bytes(URL_SAFE_NO_PAD.encode(device.key.to_der_public_key())).unwrap();
    let private: Value = serde_json::from_str(&serde_json::to_string(device.key.to_jwk_private_key().as_ref()).unwrap()).unwrap();
    assert!(private["d"].is_string());
    let unsigned = |alg: &str| {
        let header = json!({ "alg": alg, "typ": "dbsc+jwt", "jwk": device.jwk() });
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(json!({ "jti": challenge }).to_string()))
    };
    let all = [
        ("the challenge of another session", device.registers(&of_another)),
        ("no challenge", device.registers("")),
        ("a challenge of nobody's", device.registers(&challenge.chars().rev().collect::<String>())),
        ("no claim", device.sign(&json!({ "alg": "ES256", "typ": "dbsc+jwt", "jwk": device.jwk() }), &json!({}))),
        ("another type", header(&|header| header["typ"] = json!("JWT"))),
        ("none", unsigned("none")),
        ("ES256 without a signature", unsigned("ES256")),
        ("none with a signature", header(&|header| header["alg"] = json!("none"))),
        ("HS256 with the public key", signed(&json!({ "alg": "HS256", "typ": "dbsc+jwt", "jwk": device.jwk() }), &json!({ "jti": challenge }), &secret)),
        ("RS256 of an EC key", header(&|header| header["alg"] = json!("RS256"))),
        ("a private key", header(&|header| header["jwk"] = private.clone())),
        ("a secret key", header(&|header| header["jwk"] = json!({ "kty": "oct", "k": "AAAA" }))),
        ("no key", header(&|header| drop(header.as_object_mut().unwrap().remove("jwk")))),
        ("the key of another device", header(&|header| header["jwk"] = Device::new().jwk())),
        ("no token", "x".to_owned()),
        ("nothing", String::new()),
    ];
    for (what, proof) in &all {
        refused(&register(&app, &mut browser, proof).await, what);
    }
    let proof = device.registers(&challenge);
    // Somebody who has the challenge and not the cookie, or another cookie.
    refused(&register(&app, &mut app.browser(), &proof).await, "without a cookie");
    refused(&register(&app, &mut other, &proof).await, "with the cookie of another session");
    refused(&post(&app, &mut browser, "dbsc/register", &[]).await, "without a proof");
    refused(&post(&app, &mut browser, "dbsc/register", &[("secure-session-response", &proof), ("secure-session-response", &proof)]).await, "twice");
    assert_eq!(app.network.get(&format!("{}dbsc/register", app.issuer), &[]).await.status, 405);
    // Too late; and until then in time.
    app.advance(CHALLENGE_LIFETIME - TimeDelta::milliseconds(21));
    let mut in_time = app.browser();
    in_time.jar = other.jar.clone();
    assert_eq!(register(&app, &mut in_time, &device.registers(&of_another)).await.status, 200);
    app.advance(TimeDelta::milliseconds(21));
    refused(&register(&app, &mut browser, &proof).await, "too late");
    let user = app.user("alice").await.id;
    let all = app.store.scan(move |db| sessions::list(db, Some(user), None, 100)).await.unwrap();
    assert_eq!(all.iter().map(|session| session.device.is_some()).collect::<Vec<_>>(), [false, true]);
    // Bound once: another key is refused, and the same one comes again when its browser has not heard the answer.
    refused(&register(&app, &mut in_time, &Device::new().registers(&of_another)).await, "another key, and too late");
    let mut browser = app.browser();
    let challenge = sign_in(&app, &mut browser).await;
    let (device, _) = bind(&app, &mut browser, &challenge).await;
    refused(&register(&app, &mut browser, &Device::new().registers(&challenge)).await, "another key");
    let at = newest(&app).await.device.unwrap().bound_at;
    app.advance(TimeDelta::seconds(1));
    let again = register(&app, &mut browser, &device.registers(&challenge)).await;
    assert_eq!((again.status.as_u16(), newest(&app).await.device.unwrap().bound_at), (200, at));
    shows(&app, &mut browser, &device, again.json()["session_identifier"].as_str().unwrap()).await;
}

async fn of_two_keys_one_is_bound(database: Database) {
    let app = start(database).await;
    for _ in 0..5 {
        let mut browser = app.browser();
        let challenge = sign_in(&app, &mut browser).await;
        let (mut one, mut two) = (browser.clone(), browser);
        let (first, second) = (Device::new(), Device::new());
        let (of_first, of_second) = (first.registers(&challenge), second.registers(&challenge));
        let (a, b) = tokio::join!(register(&app, &mut one, &of_first), register(&app, &mut two, &of_second));
        let mut answers = [a.status.as_u16(), b.status.as_u16()];
        let winner = if a.status == 200 { &first } else { &second };
        assert_eq!(newest(&app).await.device.unwrap().public, winner.key.to_der_public_key());
        answers.sort_unstable();
        assert_eq!(answers, [200, 400]);
    }
}

async fn refreshes_that_are_refused(database: Database) {
    let app = start(database).await;
    let (mut browser, mut other) = (app.browser(), app.browser());
    let offered = sign_in(&app, &mut browser).await;
    let (device, identifier) = bind(&app, &mut browser, &offered).await;
    let (stranger, of_another) = bound(&app, &mut other).await;
    let mine = challenge(&app, &mut browser, &identifier).await;
    let theirs = challenge(&app, &mut other, &of_another).await;
    // A challenge that is not of this session, or too old, is no answer: it is asked again.
    for (what, answered) in [("of another session", &theirs), ("of the registration", &offered), ("none", &String::new())] {
        let again = asked(&refresh(&app, &mut browser, &identifier, Some(&device.answers(answered))).await, &identifier);
        assert_ne!(&again, answered, "{what}");
    }
    let header = |header: Value| device.sign(&header, &json!({ "jti": mine }));
    let secret = HS256.signer_from_bytes(URL_SAFE_NO_PAD.encode(device.key.to_der_public_key())).unwrap();
    for (what, proof) in [
        ("another key", stranger.answers(&mine)),
        ("another key, brought along", stranger.registers(&mine)),
        ("its own key, brought along", device.registers(&mine)),
        ("another type", header(json!({ "alg": "ES256", "typ": "JWT" }))),
        ("none", header(json!({ "alg": "none", "typ": "dbsc+jwt" }))),
        ("RS256", header(json!({ "alg": "RS256", "typ": "dbsc+jwt" }))),
        ("HS256", signed(&json!({ "alg": "HS256", "typ": "dbsc+jwt" }), &json!({ "jti": mine }), &secret)),
        ("no token", "x".to_owned()),
    ] {
        refused(&refresh(&app, &mut browser, &identifier, Some(&proof)).await, what);
    }
    // Nor is the answer of one session of use to another's name.
    asked(&refresh(&app, &mut other, &of_another, Some(&device.answers(&mine))).await, &of_another);
    refused(&post(&app, &mut browser, "dbsc/refresh", &[]).await, "without a name");
    for forged in ["", "x", &identifier[1..], &identifier.chars().rev().collect::<String>(), &newest(&app).await.id.to_string()] {
        is_over(&refresh(&app, &mut browser, forged, Some(&device.answers(&mine))).await);
    }
    // And with all that the session is as it was: the right answer is still good, until it is too old.
    app.advance(CHALLENGE_LIFETIME - TimeDelta::milliseconds(1));
    assert_eq!(refresh(&app, &mut browser, &identifier, Some(&device.answers(&mine))).await.status, 200);
    app.advance(TimeDelta::milliseconds(1));
    asked(&refresh(&app, &mut browser, &identifier, Some(&device.answers(&mine))).await, &identifier);
    // The name and the key are enough: a browser that keeps the cookies back from a frame of another site can show its key there.
    let fresh = challenge(&app, &mut app.browser(), &identifier).await;
    assert_eq!(refresh(&app, &mut app.browser(), &identifier, Some(&device.answers(&fresh))).await.status, 200);
}

/// UI-07, UI-09: what a neighbour tosses into the browser is not taken for its own.
async fn the_second_cookie_of_another_is_none(database: Database) {
    let app = start(database).await;
    let (mut victim, mut attacker) = (app.browser(), app.browser());
    bound(&app, &mut victim).await;
    bound(&app, &mut attacker).await;
    app.advance(TimeDelta::minutes(1));
    assert!(is_open(&app, &mut victim).await && is_open(&app, &mut attacker).await);
    let url = Url::parse(&app.issuer).unwrap();
    let (own, theirs) = (device_cookie(&victim).unwrap(), device_cookie(&attacker).unwrap());
    for value in [theirs.value.as_str(), "", "deadbeef", &own.value[1..], &own.value.to_uppercase()] {
        let mut tossed = thief(&app, &victim);
        tossed.jar.set(&url, &format!("{}={value}; Path=/; Secure; SameSite=None", own.name), app.now());
        assert!(!is_open(&app, &mut tossed).await, "{value}");
        // In the place of another account's it is nothing either.
        tossed.jar.set(&url, &format!("{}-2={}; Path=/; Secure; SameSite=None", own.name, own.value), app.now());
        assert!(!is_open(&app, &mut tossed).await, "{value}");
    }
    let mut whole = thief(&app, &victim);
    whole.jar.set(&url, &format!("{}={}; Path=/; Secure; SameSite=None", own.name, own.value), app.now());
    assert!(is_open(&app, &mut whole).await, "the control: both cookies, while the second one lasts");
}

async fn each_account_has_its_own(database: Database) {
    let app = start(database).await;
    let (own, server) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let mut browser = app.browser();
    let (alices, identifier) = bound(&app, &mut browser).await;
    let page = browser.visit(server.authorize("openid", &[("prompt", "select_account")]).as_str()).await.page();
    let another = browser.submit(&form_with(&page, "account"), Some("other")).await.page();
    let form = form_with(&another, "password").fill("username", "bobby").fill("password", PASSWORD);
    let answer = browser.submit_as(&form, None, OWN_FORM).await;
    server.exchange(&server.code(&answer.location().unwrap())).await;
    let (bobbys, bobbys_identifier) = bind(&app, &mut browser, &challenge_of(answer.header("secure-session-registration").unwrap())).await;
    let cookies = |browser: &Browser| browser.jar.all().iter().filter(|cookie| cookie.name.contains("-device") && cookie.expires_at > Some(app.now())).count();
    assert_eq!(cookies(&browser), 2);
    let silently = async |browser: &mut Browser, party: &RelyingParty| {
        let answer = app.silently(browser, party, "openid", &[]).await;
        answer.query_pairs().find(|(name, _)| name == "error").map_or("code".to_owned(), |(_, error)| error.into_owned())
    };
    app.advance(TimeDelta::minutes(1));
    assert_eq!([silently(&mut browser, &own).await, silently(&mut browser, &server).await], ["code", "code"]);
    app.advance(TimeDelta::minutes(10));
    // One of them shows its key: the application of the other is not handed to it.
    shows(&app, &mut browser, &bobbys, &bobbys_identifier).await;
    assert_eq!(cookies(&browser), 1);
    assert_eq!([silently(&mut browser, &own).await, silently(&mut browser, &server).await], ["login_required", "code"]);
    let page = browser.visit(server.authorize("openid", &[("prompt", "select_account")]).as_str()).await.page();
    assert!(page.text().contains("bobby") && !page.text().contains("alice"), "{}", page.text());
    let challenge = challenge(&app, &mut browser, &identifier).await;
    assert_eq!(refresh(&app, &mut browser, &identifier, Some(&alices.answers(&challenge))).await.status, 200);
    assert_eq!([silently(&mut browser, &own).await, silently(&mut browser, &server).await], ["code", "code"]);
    let page = browser.visit(server.authorize("openid", &[("prompt", "select_account")]).as_str()).await.page();
    assert!(page.text().contains("bobby") && page.text().contains("alice"), "{}", page.text());
}

async fn an_application_that_is_new_may_make_it_refresh(database: Database) {
    let app = start(database).await;
    let mut browser = app.browser();
    let (device, identifier) = bound(&app, &mut browser).await;
    let now = app.now();
    app.write(move |db| {
        let client = clients::find(db, &ClientId::parse(OTHER_PAGE).unwrap())?.unwrap();
        clients::upsert(db, &Client { disabled_at: Some(now), ..client })
    })
    .await;
    let hosts = async |browser: &mut Browser| {
        let challenge = challenge(&app, browser, &identifier).await;
        refresh(&app, browser, &identifier, Some(&device.answers(&challenge))).await.json()["allowed_refresh_initiators"].clone()
    };
    let before = hosts(&mut browser).await;
    assert!(before.as_array().unwrap().contains(&json!("other.example.test")), "{before}");
    app.advance(TimeDelta::minutes(1));
    assert_eq!(hosts(&mut browser).await, json!(["app.example.test", "machine.example.test", "own.example.test", "server.example.test"]));
}

/// And a session of a browser that does not know how neither.
async fn a_bound_session_costs_no_read_more(database: Database) {
    statements::count();
    let app = start(database).await;
    let party = app.relying_party(PAGE);
    let (mut plain, mut with_a_key) = (app.browser(), app.browser());
    sign_in(&app, &mut plain).await;
    bound(&app, &mut with_a_key).await;
    for browser in [&mut plain, &mut with_a_key] {
        let answer = app.authorize_as(browser, &party.authorize("openid", &[]), "alice").await;
        party.exchange(&party.code(&answer)).await;
    }
    let mut counts = Vec::new();
    for browser in [&mut plain, &mut with_a_key] {
        let count = statements::least(&app.database, async || drop(party.code(&app.silently(browser, &party, "openid", &[]).await))).await;
        counts.push(count);
    }
    assert_eq!(counts[0], counts[1]);
}
