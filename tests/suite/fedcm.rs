//! FedCM: the browser's own requests, as it makes them, and what a page or an attacker could make of them.

use chrono::TimeDelta;
use gatekey::domain::client::{ClientKind, SubjectType};
use gatekey::domain::event::EventKind;
use gatekey::domain::id::ClientId;
use gatekey::domain::session::EndReason;
use gatekey::store::events;
use gatekey::store::tree::{self, Node};
use poem::http::Method;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::support::app::{App, OTHER_PAGE, OWN_PAGE, PAGE, PASSWORD, client};
use crate::support::attack::session_cookie;
use crate::support::attack::{error_page, state};
use crate::support::browser::{Browser, CROSS_SITE_FRAME, LINK, Landing, Navigation, form_with};
use crate::support::cookie_jar::Initiator;
use crate::support::database::{Database, each_database};
use crate::support::log::listen;
use crate::support::network::Answer;
use crate::support::relying_party::RelyingParty;

each_database!(
    a_code_for_the_account_of_this_browser,
    the_documents,
    who_is_signed_in,
    what_the_browser_links_to,
    only_the_browser_asks,
    only_for_the_clients_own_pages,
    only_for_clients_that_use_it,
    what_is_wrong_with_a_request,
    without_a_session,
    the_verdict_is_that_of_prompt_none,
    an_account_of_another_browser,
    a_code_is_redeemed_once_and_by_its_own,
    consent_goes_on_in_a_window,
    a_sign_in_goes_on_in_a_window,
    a_window_is_of_its_own_browser,
    a_no_closes_the_window,
    taking_leave,
    the_browser_is_told_who_is_signed_in,
    older_browsers,
);

/// What the browser asks of its own accord, with the cookies that go to another site.
const BROWSER: Navigation = Navigation { initiator: Initiator::CrossSite, site: "cross-site", dest: "webidentity", origin: None };
const OWN_ORIGIN: &str = "https://own.example.test";
const PAGE_ORIGIN: &str = "https://app.example.test";

/// [`OWN_PAGE`] and [`PAGE`] use it, [`OTHER_PAGE`] does not.
async fn app(database: Database) -> App {
    App::start_with(database, |settings| {
        for declared in &mut settings.clients {
            declared.metadata.fedcm = [OWN_PAGE, PAGE].contains(&declared.id.as_str());
        }
    })
    .await
}

/// A request of the browser for a page: its form, with changes; an empty value leaves one out.
async fn post(app: &App, browser: &mut Browser, path: &str, origin: &'static str, fields: &[(&str, &str)]) -> Answer {
    let fields = fields.iter().filter(|(_, value)| !value.is_empty());
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let url = Url::parse(&format!("{}fedcm/{path}", app.issuer)).unwrap();
    browser.request(Method::POST, &url, Navigation { origin: Some(origin), ..BROWSER }, body).await
}

async fn get(app: &App, browser: &mut Browser, path: &str) -> Answer {
    let url = Url::parse(&format!("{}{path}", app.issuer)).unwrap();
    browser.request(Method::GET, &url, BROWSER, String::new()).await
}

/// What a page gives the browser along.
fn params(party: &RelyingParty, scope: &str) -> Value {
    json!({ "scope": scope, "code_challenge": party.challenge(), "code_challenge_method": "S256", "nonce": party.nonce })
}

/// The request for a code, in the name of `party` from its own page.
async fn ask_with(app: &App, browser: &mut Browser, party: &RelyingParty, account: &str, params: &Value, more: &[(&str, &str)]) -> Answer {
    let origin = if party.client_id == OWN_PAGE { OWN_ORIGIN } else { PAGE_ORIGIN };
    let params = params.to_string();
    let mut fields = vec![
        ("client_id", party.client_id.as_str()),
        ("account_id", account),
        ("params", &params),
        ("disclosure_text_shown", "true"),
        ("is_auto_selected", "false"),
        ("mode", "passive"),
    ];
    for change in more {
        fields.retain(|(name, _)| *name != change.0);
        fields.push(*change);
    }
    post(app, browser, "assertion", origin, &fields).await
}

async fn ask(app: &App, browser: &mut Browser, party: &RelyingParty, account: &str, scope: &str) -> Answer {
    ask_with(app, browser, party, account, &params(party, scope), &[]).await
}

/// The browser chose by itself, as with `mediation: 'silent'`.
async fn ask_silently(app: &App, browser: &mut Browser, party: &RelyingParty, account: &str, scope: &str) -> Answer {
    ask_with(app, browser, party, account, &params(party, scope), &[("is_auto_selected", "true")]).await
}

/// The code that the page is handed, and that it may read it.
fn token(answer: &Answer, origin: &str) -> String {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    readable(answer, origin);
    let json = answer.json();
    assert_eq!(json.as_object().unwrap().len(), 1, "{json}");
    json["token"].as_str().unwrap_or_else(|| panic!("no token: {json}")).to_owned()
}

fn readable(answer: &Answer, origin: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert_eq!((answer.header("vary"), answer.header("cache-control")), (Some("Origin"), Some("no-store")));
}

/// The error that the page, or nobody, reads; there is no code in it.
fn refusal(answer: &Answer) -> String {
    assert_eq!(answer.status.as_u16(), 400, "{}", answer.text());
    assert!(!answer.text().contains("gk_ac_") && !answer.text().contains("continue_on"), "{}", answer.text());
    assert_eq!(answer.header("set-login"), None);
    let json = answer.json();
    assert_eq!(json["error"]["error"], json["error"]["code"], "the old name of the same");
    json["error"]["error"].as_str().unwrap_or_else(|| panic!("no error: {json}")).to_owned()
}

fn unreadable(answer: &Answer) {
    assert_eq!((answer.header("access-control-allow-origin"), answer.header("access-control-allow-credentials")), (None, None));
}

async fn id(app: &App, username: &str) -> String {
    app.user(username).await.id.to_string()
}

/// Signs alice in with a window of the issuer's own.
async fn signed_in(app: &App) -> Browser {
    let mut browser = app.browser();
    sign_in(app, &mut browser, "alice", "login").await;
    browser
}

async fn sign_in(app: &App, browser: &mut Browser, username: &str, page: &str) -> Answer {
    let page = browser.visit(&format!("{}{page}", app.issuer)).await.page();
    browser.submit(&form_with(&page, "password").fill("username", username).fill("password", PASSWORD), None).await.page()
}

async fn exchange(party: &RelyingParty, code: &str, more: &[(&str, &str)]) -> Answer {
    let mut fields = vec![("grant_type", "authorization_code"), ("code", code), ("code_verifier", &party.verifier)];
    for change in more {
        fields.retain(|(name, _)| *name != change.0);
        fields.push(*change);
    }
    party.post("oauth/token", &fields).await
}

async fn a_code_for_the_account_of_this_browser(database: Database) {
    let app = app(database).await;
    let (party, alice) = (app.relying_party(OWN_PAGE), id(&app, "alice").await);
    let mut browser = signed_in(&app).await;
    let before = state(&app).await;
    let code = token(&ask(&app, &mut browser, &party, &alice, "openid profile offline_access").await, OWN_ORIGIN);
    assert_eq!(state(&app).await, before, "asking writes nothing");
    let answer = exchange(&party, &code, &[]).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    let json = answer.json();
    let claims = party.claims(json["id_token"].as_str().unwrap()).await;
    assert_eq!((&claims["sub"], &claims["nonce"], &claims["aud"]), (&json!(alice), &json!(party.nonce), &json!(OWN_PAGE)));
    assert_eq!(party.userinfo(json["access_token"].as_str().unwrap()).await.json()["name"], "Alice Example");
    // It hangs on the session of the browser: the same `sid` as by /authorize, the same end.
    let redirect = app.silently(&mut browser, &party, "openid", &[]).await;
    let by_redirect = party.exchange(&party.code(&redirect)).await;
    assert_eq!(party.claims(by_redirect.id.as_ref().unwrap()).await["sid"], claims["sid"]);
    let refreshed = party.refresh(json["refresh_token"].as_str().unwrap()).await;
    let session = app.write(move |db| gatekey::store::sessions::list(db, None, None, 10)).await.remove(0);
    let now = app.now();
    app.write(move |db| tree::end(db, &Node::Session(session.id), EndReason::RevokedByAdmin, now)).await;
    party.refused(refreshed.refresh()).await;
}

/// FedCM, "the well-known file" and "the config file".
async fn the_documents(database: Database) {
    let app = app(database).await;
    for headers in [&[][..], &[("sec-fetch-dest", "webidentity"), ("sec-fetch-mode", "no-cors")]] {
        let well_known = app.network.get(&format!("{}.well-known/web-identity", app.issuer), headers).await;
        let config = app.network.get(&format!("{}fedcm/config.json", app.issuer), headers).await;
        for answer in [&well_known, &config] {
            assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/json")));
            assert_eq!((answer.header("set-login"), answer.header("set-cookie")), (None, None));
        }
        let (well_known, config) = (well_known.json(), config.json());
        assert_eq!(well_known["provider_urls"], json!([format!("{}fedcm/config.json", app.issuer)]));
        // The two documents must say the same.
        for name in ["accounts_endpoint", "login_url"] {
            assert_eq!(well_known[name], config[name], "{name}");
        }
        for (name, path) in [
            ("accounts_endpoint", "accounts"),
            ("id_assertion_endpoint", "assertion"),
            ("client_metadata_endpoint", "client-metadata"),
            ("disconnect_endpoint", "disconnect"),
        ] {
            assert_eq!(config[name], format!("{}fedcm/{path}", app.issuer));
        }
        assert_eq!(config["branding"]["name"], "Gatekey");
    }
}

async fn who_is_signed_in(database: Database) {
    let app = app(database).await;
    let heard = listen();
    let nobody = async |browser: &mut Browser, why: &str| {
        let said = || heard.count(&format!("nobody is signed in error=\"login_required\" reason=\"{why}\""));
        let before = said();
        assert_eq!(get(&app, browser, "fedcm/accounts").await.status.as_u16(), 401);
        assert_eq!(said(), before + 1, "{why}: {}", heard.text());
    };
    nobody(&mut app.browser(), "no_cookie").await;
    let mut browser = signed_in(&app).await;
    let accounts = async |browser: &mut Browser| {
        let answer = get(&app, browser, "fedcm/accounts").await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, Some("no-store")), "{}", answer.text());
        unreadable(&answer);
        assert_eq!(answer.header("set-login"), None);
        answer.json()["accounts"].as_array().unwrap().clone()
    };
    let first = accounts(&mut browser).await;
    let expected = json!([{
        "id": id(&app, "alice").await, "name": "Alice Example", "email": "alice@example.test", "approved_clients": [],
        "login_hints": ["alice", "alice@example.test"],
    }]);
    assert_eq!(json!(first), expected);
    // What the user has used needs no explaining: the operator's own application once it is opened, another one once it is allowed.
    let (own, page, other) = (app.relying_party(OWN_PAGE), app.relying_party(PAGE), app.relying_party(OTHER_PAGE));
    app.sign_in(&mut browser, &own, "openid").await;
    assert_eq!(accounts(&mut browser).await[0]["approved_clients"], json!([OWN_PAGE]));
    app.sign_in(&mut browser, &page, "openid").await;
    app.sign_in(&mut browser, &other, "openid").await;
    assert_eq!(accounts(&mut browser).await[0]["approved_clients"], json!([OWN_PAGE, PAGE]), "of those that use FedCM");
    // Another session of the same user knows it too.
    let mut elsewhere = signed_in(&app).await;
    assert_eq!(accounts(&mut elsewhere).await[0]["approved_clients"], json!([OWN_PAGE, PAGE]));
    // Several accounts, the last chosen first.
    sign_in(&app, &mut browser, "bobby", "login").await;
    let both = accounts(&mut browser).await;
    assert_eq!(both.iter().map(|account| account["email"].as_str().unwrap()).collect::<Vec<_>>(), ["bobby@example.test", "alice@example.test"]);
    assert_eq!(both[0]["approved_clients"], json!([]));
    // One whose session is over is not there.
    let (alice, now) = (app.user("alice").await.id, app.now());
    app.write(move |db| tree::end(db, &Node::User(alice), EndReason::RevokedByAdmin, now)).await;
    assert_eq!(accounts(&mut browser).await.len(), 1);
    nobody(&mut elsewhere, "revoked_by_admin").await;
    app.advance(TimeDelta::days(14));
    let mut idle = signed_in(&app).await;
    app.advance(TimeDelta::days(14));
    nobody(&mut idle, "expired_idle").await;
    for days in [1, 91] {
        app.advance(TimeDelta::days(days));
        app.running.sweep().await.unwrap();
    }
    nobody(&mut idle, "no_session").await;
}

async fn what_the_browser_links_to(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.clients.push(client("linked", ClientKind::Spa, "https://linked.example.test", |metadata| {
            metadata.fedcm = true;
            metadata.policy_uri = Some("https://linked.example.test/privacy".to_owned());
            metadata.tos_uri = Some("https://linked.example.test/terms".to_owned());
        }));
        settings.clients[0].metadata.fedcm = true;
    })
    .await;
    let asked = async |client: &str, origin: &str| {
        let url = format!("{}fedcm/client-metadata?client_id={client}", app.issuer);
        app.network.get(&url, &[("sec-fetch-dest", "webidentity"), ("origin", origin)]).await
    };
    let answer = asked("linked", "https://linked.example.test").await;
    let expected = json!({ "privacy_policy_url": "https://linked.example.test/privacy", "terms_of_service_url": "https://linked.example.test/terms" });
    assert_eq!((answer.status.as_u16(), answer.json()), (200, expected));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://linked.example.test"));
    unreadable(&asked("linked", "https://evil.test").await);
    assert_eq!(asked(PAGE, PAGE_ORIGIN).await.json(), json!({}));
    for (client, origin) in [(OWN_PAGE, OWN_ORIGIN), ("nobody", OWN_ORIGIN), ("", OWN_ORIGIN)] {
        let answer = asked(client, origin).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "unauthorized_client"), "{client}");
        unreadable(&answer);
    }
}

/// FedCM, "Sec-Fetch-Dest": what no page can say is what tells the browser's own requests from those that a page makes it send.
async fn only_the_browser_asks(database: Database) {
    let app = app(database).await;
    let (party, alice) = (app.relying_party(OWN_PAGE), id(&app, "alice").await);
    let mut browser = signed_in(&app).await;
    let (name, value) = session_cookie(&browser);
    let cookie = format!("{name}={value}");
    let params = params(&party, "openid").to_string();
    let fields = [("client_id", OWN_PAGE), ("account_id", alice.as_str()), ("params", &params)];
    let before = state(&app).await;
    for path in ["accounts", "client-metadata?client_id=own-page", "assertion", "disconnect"] {
        for destination in [None, Some("empty"), Some("document"), Some("iframe"), Some("image"), Some("WebIdentity"), Some("webidentity, webidentity")] {
            let mut headers = vec![("cookie", cookie.as_str()), ("origin", OWN_ORIGIN)];
            headers.extend(destination.map(|destination| ("sec-fetch-dest", destination)));
            let url = format!("{}fedcm/{path}", app.issuer);
            let answer = match path {
                "assertion" => app.network.post_form(&url, &headers, &fields).await,
                "disconnect" => app.network.post_form(&url, &headers, &[("client_id", OWN_PAGE), ("account_hint", &alice)]).await,
                _ => app.network.get(&url, &headers).await,
            };
            assert_eq!(refusal(&answer), "invalid_request", "{path} {destination:?}");
            assert!(!answer.text().contains("alice"), "{path}");
            unreadable(&answer);
        }
    }
    // Two headers say two things.
    let twice = [("cookie", cookie.as_str()), ("origin", OWN_ORIGIN), ("sec-fetch-dest", "webidentity"), ("sec-fetch-dest", "empty")];
    assert_eq!(app.network.post_form(&format!("{}fedcm/assertion", app.issuer), &twice, &fields).await.error(), "invalid_request");
    // By GET, and by another method, there is nothing.
    let url = format!("{}fedcm/assertion", app.issuer);
    let query = format!("{url}?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish());
    let headers = [("cookie", cookie.as_str()), ("origin", OWN_ORIGIN), ("sec-fetch-dest", "webidentity")];
    for asked in [&url, &query] {
        let answer = app.network.get(asked, &headers).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some("POST")));
        unreadable(&answer);
    }
    assert_eq!(state(&app).await, before);
    // The control.
    token(&app.network.post_form(&url, &headers, &fields).await, OWN_ORIGIN);
    token(&ask(&app, &mut browser, &party, &alice, "openid").await, OWN_ORIGIN);
}

async fn only_for_the_clients_own_pages(database: Database) {
    let app = App::start_with(database, |settings| {
        for declared in &mut settings.clients {
            declared.metadata.fedcm = !declared.metadata.redirect_uris.is_empty();
        }
    })
    .await;
    let (party, alice) = (app.relying_party(OWN_PAGE), id(&app, "alice").await);
    let mut browser = signed_in(&app).await;
    let params = params(&party, "openid").to_string();
    let fields = [("client_id", OWN_PAGE), ("account_id", alice.as_str()), ("params", &params)];
    for origin in [
        "https://evil.test",
        PAGE_ORIGIN,
        "null",
        "https://own.example.test:8443",
        "http://own.example.test",
        "https://own.example.test/",
        "https://id.example.test",
    ] {
        for (path, fields) in [("assertion", &fields[..]), ("disconnect", &[("client_id", OWN_PAGE), ("account_hint", "alice")])] {
            let answer = post(&app, &mut browser, path, origin, fields).await;
            assert_eq!(refusal(&answer), "unauthorized_client", "{path} {origin}");
            unreadable(&answer);
        }
    }
    // Without an origin nobody asks.
    let (name, value) = session_cookie(&browser);
    let cookie = format!("{name}={value}");
    let bare = app.network.post_form(&format!("{}fedcm/assertion", app.issuer), &[("cookie", &cookie), ("sec-fetch-dest", "webidentity")], &fields).await;
    assert_eq!(refusal(&bare), "invalid_request");
    // Where a redirect URI leads is a page of the client's, too, whoever may call the token endpoint.
    let server = app.relying_party("server");
    app.write(|db| {
        let mut client = gatekey::store::clients::find(db, &ClientId::parse("server").unwrap())?.unwrap();
        client.metadata.web_origins.clear();
        gatekey::store::clients::upsert(db, &client)
    })
    .await;
    let fields = [("client_id", "server"), ("account_id", alice.as_str()), ("params", &params)];
    let code = token(&post(&app, &mut browser, "assertion", "https://server.example.test", &fields).await, "https://server.example.test");
    // A client with a secret redeems it with that.
    assert_eq!(exchange(&server, &code, &[]).await.status.as_u16(), 200);
}

async fn only_for_clients_that_use_it(database: Database) {
    let app = app(database).await;
    let alice = id(&app, "alice").await;
    let (party, other) = (app.relying_party(OWN_PAGE), app.relying_party(OTHER_PAGE));
    let mut browser = signed_in(&app).await;
    let params = params(&other, "openid").to_string();
    let fields = |client: &'static str| [("client_id", client), ("account_id", alice.as_str()), ("params", params.as_str())];
    // The page of a client that does not learns why.
    let answer = post(&app, &mut browser, "assertion", "https://other.example.test", &fields(OTHER_PAGE)).await;
    assert_eq!(refusal(&answer), "unauthorized_client");
    readable(&answer, "https://other.example.test");
    assert!(answer.text().contains("fedcm = true"), "{}", answer.text());
    let leave = [("client_id", OTHER_PAGE), ("account_hint", "alice")];
    assert_eq!(refusal(&post(&app, &mut browser, "disconnect", "https://other.example.test", &leave).await), "unauthorized_client");
    for client in ["nobody", "", "a client"] {
        let answer = post(&app, &mut browser, "assertion", OWN_ORIGIN, &fields(client)).await;
        assert_eq!(refusal(&answer), "unauthorized_client", "{client}");
        unreadable(&answer);
    }
    token(&ask(&app, &mut browser, &party, &alice, "openid").await, OWN_ORIGIN);
    // A disabled one is none.
    app.disable_client(OWN_PAGE).await;
    let answer = ask(&app, &mut browser, &party, &alice, "openid").await;
    assert_eq!(refusal(&answer), "unauthorized_client");
    unreadable(&answer);
}

async fn what_is_wrong_with_a_request(database: Database) {
    let app = app(database).await;
    let (party, alice) = (app.relying_party(OWN_PAGE), id(&app, "alice").await);
    let mut browser = signed_in(&app).await;
    let good = params(&party, "openid");
    let with = |changes: Value| {
        let mut params = good.clone();
        for (name, value) in changes.as_object().unwrap() {
            params[name] = value.clone();
        }
        params
    };
    for (what, params, error) in [
        ("no PKCE", with(json!({ "code_challenge": null, "code_challenge_method": null })), "invalid_request"),
        ("half of PKCE", with(json!({ "code_challenge": null })), "invalid_request"),
        ("plain PKCE", with(json!({ "code_challenge_method": "plain" })), "invalid_request"),
        ("plain PKCE, unsaid", with(json!({ "code_challenge_method": null })), "invalid_request"),
        ("a challenge that is none", with(json!({ "code_challenge": "x" })), "invalid_request"),
        ("a scope that is not allowed", with(json!({ "scope": "admin" })), "invalid_scope"),
        ("no scope", with(json!({ "scope": null })), "invalid_scope"),
        ("a resource that is not registered", with(json!({ "resource": "https://evil.test/" })), "invalid_target"),
        ("a token in the front channel", with(json!({ "response_type": "token" })), "unsupported_response_type"),
        ("a redirect", with(json!({ "redirect_uri": "https://own.example.test/callback" })), "invalid_request"),
        ("another client", with(json!({ "client_id": PAGE })), "invalid_request"),
        ("a request object", with(json!({ "request": "e30.e30." })), "request_not_supported"),
        ("an unknown prompt", with(json!({ "prompt": "create" })), "invalid_request"),
        ("prompts that exclude each other", with(json!({ "prompt": "none login" })), "invalid_request"),
        ("a nested value", with(json!({ "scope": ["openid"] })), "invalid_request"),
        ("a key that is no text, which must not be left out unsaid", with(json!({ "dpop_jkt": { "jkt": "x" } })), "invalid_request"),
        ("keys", with(json!({ "dpop_jkt": ["x"] })), "invalid_request"),
        ("no object", json!("openid"), "invalid_request"),
        ("a list", json!([]), "invalid_request"),
    ] {
        let answer = ask_with(&app, &mut browser, &party, &alice, &params, &[]).await;
        assert_eq!(refusal(&answer), error, "{what}");
        readable(&answer, OWN_ORIGIN);
    }
    for (what, more) in [
        ("no account", [("account_id", "")]),
        ("no parameters", [("params", "")]),
        ("no JSON", [("params", "{")]),
        ("a name twice in it", [("params", r#"{"scope":"openid","scope":"profile"}"#)]),
        ("another nonce beside it", [("nonce", "another")]),
        ("the same name beside it", [("param_scope", "profile")]),
    ] {
        let answer = ask_with(&app, &mut browser, &party, &alice, &good, &more).await;
        assert!(["invalid_request", "invalid_scope"].contains(&refusal(&answer).as_str()), "{what}");
    }
    // The controls: what means nothing here is left alone, and the same said twice is one.
    let harmless = with(json!({ "state": "s", "response_mode": "web_message", "response_type": "code", "client_id": OWN_PAGE, "x": { "y": 1 } }));
    token(&ask_with(&app, &mut browser, &party, &alice, &harmless, &[]).await, OWN_ORIGIN);
    token(&ask_with(&app, &mut browser, &party, &alice, &good, &[("nonce", &party.nonce)]).await, OWN_ORIGIN);
    let narrowed = with(json!({ "scope": "openid admin" }));
    let code = token(&ask_with(&app, &mut browser, &party, &alice, &narrowed, &[]).await, OWN_ORIGIN);
    assert_eq!(exchange(&party, &code, &[]).await.json()["scope"], "openid", "what is not allowed is left out and said (RFC 6749 §3.3)");
}

async fn without_a_session(database: Database) {
    let app = app(database).await;
    let (party, alice) = (app.relying_party(OWN_PAGE), id(&app, "alice").await);
    let heard = listen();
    let answer = ask(&app, &mut app.browser(), &party, &alice, "openid").await;
    assert_eq!(refusal(&answer), "login_required");
    readable(&answer, OWN_ORIGIN);
    assert_eq!(heard.count("error=\"login_required\" reason=no_cookie"), 1, "{}", heard.text());
    // A cookie that opens nothing.
    let mut browser = signed_in(&app).await;
    let (name, value) = session_cookie(&browser);
    let odd = app.browser();
    let origin = [("origin", OWN_ORIGIN), ("sec-fetch-dest", "webidentity")];
    let cookie = format!("{name}={}", value.chars().rev().collect::<String>());
    let params = params(&party, "openid").to_string();
    let fields = [("client_id", OWN_PAGE), ("account_id", alice.as_str()), ("params", &params)];
    let answer = odd.network().post_form(&format!("{}fedcm/assertion", app.issuer), &[&origin[..], &[("cookie", &cookie)]].concat(), &fields).await;
    assert_eq!(refusal(&answer), "login_required");
    assert_eq!(heard.count("reason=account_not_here"), 1, "{}", heard.text());
    // Whoever signs out takes the account out of the browser, and a copy of the cookie opens nothing.
    token(&ask(&app, &mut browser, &party, &alice, "openid").await, OWN_ORIGIN);
    let page = browser.visit(&format!("{}oidc/logout", app.issuer)).await.page();
    browser.submit(&form_with(&page, "decision"), Some("allow")).await;
    let copied = format!("{name}={value}");
    for (what, headers) in [("the browser", origin.to_vec()), ("a copy", [&origin[..], &[("cookie", &copied)]].concat())] {
        let url = format!("{}fedcm/assertion", app.issuer);
        let mut silent = fields.to_vec();
        silent.push(("is_auto_selected", "true"));
        assert_eq!(refusal(&app.network.post_form(&url, &headers, &silent).await), "login_required", "{what}");
        assert_eq!(app.network.get(&format!("{}fedcm/accounts", app.issuer), &headers).await.status.as_u16(), 401, "{what}");
    }
}

/// One rule: what is refused to a silent request by redirect is refused here, for the same reason; what is not is not.
async fn the_verdict_is_that_of_prompt_none(database: Database) {
    use gatekey::domain::duration::Lifetime;
    let app = App::start_with(database, |settings| {
        for declared in &mut settings.clients {
            declared.metadata.fedcm = [OWN_PAGE, PAGE].contains(&declared.id.as_str());
        }
        // Of this client alone.
        let own = settings.clients.iter_mut().find(|declared| declared.id.as_str() == PAGE).unwrap();
        own.metadata.lifetimes.client_session_absolute = Some(Lifetime::seconds(3600));
    })
    .await;
    let (own, page, alice) = (app.relying_party(OWN_PAGE), app.relying_party(PAGE), id(&app, "alice").await);
    let heard = listen();
    let same = async |browser: &mut Browser, party: &RelyingParty, scope: &str, expected: &str, reason: &str| {
        let said = || heard.count(&format!("authorization refused client={} error=\"{expected}\" reason={reason}", party.client_id));
        let before = said();
        let redirect = app.silently(browser, party, scope, &[]).await;
        let answer = ask_silently(&app, browser, party, &alice, scope).await;
        if expected.is_empty() {
            party.code(&redirect);
            token(&answer, if party.client_id == OWN_PAGE { OWN_ORIGIN } else { PAGE_ORIGIN });
        } else {
            assert_eq!((party.error(&redirect).as_str(), refusal(&answer).as_str()), (expected, expected), "{reason}");
            assert_eq!(said(), before + 2, "{reason}: {}", heard.text());
        }
    };
    let mut browser = signed_in(&app).await;
    same(&mut browser, &own, "openid profile email offline_access", "", "").await;
    same(&mut browser, &page, "openid", "consent_required", "Consent required").await;
    app.sign_in(&mut browser, &page, "openid profile").await;
    same(&mut browser, &page, "openid", "", "").await;
    same(&mut browser, &page, "openid email", "consent_required", "Consent required").await;
    // The policy of one client, while the session goes on for the others.
    app.advance(TimeDelta::seconds(3601));
    same(&mut browser, &page, "openid", "login_required", "client_session_expired_absolute").await;
    same(&mut browser, &own, "openid", "", "").await;
    // Idle and absolute.
    let mut idle = signed_in(&app).await;
    app.advance(TimeDelta::days(13));
    same(&mut browser, &own, "openid", "", "").await;
    app.advance(TimeDelta::days(2));
    same(&mut idle, &own, "openid", "login_required", "expired_idle").await;
    same(&mut browser, &own, "openid", "", "").await;
    app.advance(TimeDelta::days(13));
    same(&mut browser, &own, "openid", "", "").await;
    app.advance(TimeDelta::days(3));
    same(&mut browser, &own, "openid", "login_required", "expired_absolute").await;
    // Ended by an admin, by a new password, with the user.
    let mut ended = signed_in(&app).await;
    let (user, now) = (app.user("alice").await.id, app.now());
    app.write(move |db| tree::end(db, &Node::User(user), EndReason::RevokedByAdmin, now)).await;
    same(&mut ended, &own, "openid", "login_required", "revoked_by_admin").await;
    let mut disabled = signed_in(&app).await;
    same(&mut disabled, &own, "openid", "", "").await;
    app.write(move |db| gatekey::store::users::set_disabled(db, user, Some(now), now)).await;
    same(&mut disabled, &own, "openid", "login_required", "user_disabled").await;
    assert_eq!(heard.count(" refused error="), 0, "each is in the log once: {}", heard.text());
}

async fn an_account_of_another_browser(database: Database) {
    let app = app(database).await;
    let (party, alice, bobby) = (app.relying_party(OWN_PAGE), id(&app, "alice").await, id(&app, "bobby").await);
    let mut browser = signed_in(&app).await;
    let mut bobbys = app.browser();
    sign_in(&app, &mut bobbys, "bobby", "login").await;
    for account in [bobby.as_str(), "alice", "alice@example.test", "0197-nobody", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(refusal(&ask(&app, &mut browser, &party, account, "openid").await), "login_required", "{account}");
    }
    // With both signed in it is the one that was chosen, whichever was last.
    sign_in(&app, &mut browser, "bobby", "login").await;
    for account in [&alice, &bobby, &alice] {
        let code = token(&ask(&app, &mut browser, &party, account, "openid").await, OWN_ORIGIN);
        let json = exchange(&party, &code, &[]).await.json();
        assert_eq!(party.claims(json["id_token"].as_str().unwrap()).await["sub"], json!(account));
    }
    // A hint of another than whom the user chose is not followed.
    let of_alice = token(&ask(&app, &mut browser, &party, &alice, "openid").await, OWN_ORIGIN);
    let hint = exchange(&party, &of_alice, &[]).await.json()["id_token"].clone();
    let mut params = params(&party, "openid");
    params["id_token_hint"] = hint;
    let silent = [("is_auto_selected", "true")];
    assert_eq!(refusal(&ask_with(&app, &mut browser, &party, &bobby, &params, &silent).await), "account_selection_required");
    token(&ask_with(&app, &mut browser, &party, &alice, &params, &silent).await, OWN_ORIGIN);
}

/// RFC 6749 §4.1.2 and §4.1.3, RFC 7636 §4.6.
async fn a_code_is_redeemed_once_and_by_its_own(database: Database) {
    let app = app(database).await;
    let (party, page, alice) = (app.relying_party(OWN_PAGE), app.relying_party(PAGE), id(&app, "alice").await);
    let mut browser = signed_in(&app).await;
    let refused = |answer: &Answer, what: &str| {
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_grant"), "{what}");
    };
    let fresh = async |browser: &mut Browser| token(&ask(&app, browser, &party, &alice, "openid offline_access").await, OWN_ORIGIN);
    for (what, more) in [
        ("a wrong verifier", [("code_verifier", "wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong")]),
        ("a redirect URI, which there was none of", [("redirect_uri", party.redirect_uri.as_str())]),
        ("the origin for one", [("redirect_uri", OWN_ORIGIN)]),
    ] {
        let code = fresh(&mut browser).await;
        refused(&exchange(&party, &code, &more).await, what);
        refused(&exchange(&party, &code, &[]).await, "it is burnt");
    }
    let code = fresh(&mut browser).await;
    let bare = party.post("oauth/token", &[("grant_type", "authorization_code"), ("code", &code)]).await;
    refused(&bare, "no verifier");
    refused(&exchange(&page, &fresh(&mut browser).await, &[]).await, "another client");
    // Too late.
    let code = fresh(&mut browser).await;
    app.advance(TimeDelta::seconds(60));
    refused(&exchange(&party, &code, &[]).await, "too late");
    // Twice: what the first gave ends.
    let code = fresh(&mut browser).await;
    let first = exchange(&party, &code, &[]).await.json();
    refused(&exchange(&party, &code, &[]).await, "twice");
    party.refused(first["refresh_token"].as_str().unwrap()).await;
    // A code of /authorize still needs its redirect URI.
    let redirect = app.silently(&mut browser, &party, "openid", &[]).await;
    refused(&exchange(&party, &party.code(&redirect), &[]).await, "a code by redirect without its redirect URI");
    let redirect = app.silently(&mut browser, &party, "openid", &[]).await;
    party.exchange(&party.code(&redirect)).await;
    // What has ended since counts.
    let code = fresh(&mut browser).await;
    let (user, now) = (app.user("alice").await.id, app.now());
    app.write(move |db| tree::end(db, &Node::User(user), EndReason::RevokedByAdmin, now)).await;
    refused(&exchange(&party, &code, &[]).await, "the session has ended");
}

/// Where the window that the browser opens begins.
fn window(app: &App, answer: &Answer, origin: &str) -> Url {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    readable(answer, origin);
    let json = answer.json();
    assert!(json.as_object().unwrap().len() == 1 && !json["continue_on"].is_null(), "{json}");
    let url = Url::parse(&app.issuer).unwrap().join(json["continue_on"].as_str().unwrap()).unwrap();
    assert_eq!(url.origin(), Url::parse(&app.issuer).unwrap().origin());
    url
}

/// What the last page of a window tells the browser: a code and whose it is, or that it may close.
fn handed_over(page: &Answer) -> Option<(String, String)> {
    assert_eq!(page.status.as_u16(), 200, "{}", page.text());
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!((page.header("cache-control"), page.header("cross-origin-opener-policy")), (Some("no-store"), None));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'sha256-") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    let tags = crate::support::form::tags(page.text());
    let (_, data) = tags.into_iter().find(|(tag, _)| tag == "script").unwrap_or_else(|| panic!("not the last page: {}", page.text()));
    let of = |name: &str| data.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    of("data-code").zip(of("data-account"))
}

async fn consent_goes_on_in_a_window(database: Database) {
    let app = app(database).await;
    let (party, alice) = (app.relying_party(PAGE), id(&app, "alice").await);
    let mut browser = signed_in(&app).await;
    // Nobody is asked where the page or the browser wants it so.
    assert_eq!(refusal(&ask_silently(&app, &mut browser, &party, &alice, "openid profile").await), "consent_required");
    let mut none = params(&party, "openid profile");
    none["prompt"] = json!("none");
    assert_eq!(refusal(&ask_with(&app, &mut browser, &party, &alice, &none, &[]).await), "consent_required");
    let answer = ask(&app, &mut browser, &party, &alice, "openid profile").await;
    let url = window(&app, &answer, PAGE_ORIGIN);
    let before = state(&app).await;
    let page = browser.navigate(&url, LINK).await.page();
    assert!(page.text().contains("The page") && page.text().contains("app.example.test"), "{}", page.text());
    assert!(page.header("content-security-policy").unwrap().contains("form-action 'self';"), "it leads nowhere else");
    assert_eq!(state(&app).await, before, "being asked is no answer");
    let last = browser.submit(&form_with(&page, "decision"), Some("allow")).await.page();
    let (code, account) = handed_over(&last).unwrap();
    assert_eq!(account, alice);
    let json = exchange(&party, &code, &[]).await.json();
    assert_eq!(party.claims(json["id_token"].as_str().unwrap()).await["nonce"], json!(party.nonce));
    // From now on silently.
    token(&ask_silently(&app, &mut browser, &party, &alice, "openid profile").await, PAGE_ORIGIN);
    // An address that was opened before is answered, not asked, now.
    assert!(handed_over(&browser.navigate(&url, LINK).await.page()).is_some());
    // The page may want the user to be asked all the same.
    let mut consent = params(&party, "openid profile");
    consent["prompt"] = json!("consent select_account");
    let url = window(&app, &ask_with(&app, &mut browser, &party, &alice, &consent, &[]).await, PAGE_ORIGIN);
    let page = browser.navigate(&url, LINK).await.page();
    assert!(handed_over(&browser.submit(&form_with(&page, "decision"), Some("allow")).await.page()).is_some());
}

/// Step-up: for a client whose own limit is over, for `max_age`, and because the page wants it.
async fn a_sign_in_goes_on_in_a_window(database: Database) {
    use gatekey::domain::duration::Lifetime;
    let app = App::start_with(database, |settings| {
        let own = settings.clients.iter_mut().find(|declared| declared.id.as_str() == OWN_PAGE).unwrap();
        own.metadata.fedcm = true;
        own.metadata.lifetimes.client_session_absolute = Some(Lifetime::seconds(3600));
    })
    .await;
    let (party, alice) = (app.relying_party(OWN_PAGE), id(&app, "alice").await);
    let mut browser = signed_in(&app).await;
    let again = async |browser: &mut Browser, params: &Value| {
        let url = window(&app, &ask_with(&app, browser, &party, &alice, params, &[]).await, OWN_ORIGIN);
        let page = browser.navigate(&url, LINK).await.page();
        let landing = browser.submit(&form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD), None).await;
        let (code, account) = handed_over(&landing.page()).unwrap();
        assert_eq!(account, alice);
        let json = exchange(&party, &code, &[]).await.json();
        assert_eq!(party.claims(json["id_token"].as_str().unwrap()).await["auth_time"], app.seconds());
    };
    let mut login = params(&party, "openid");
    login["prompt"] = json!("login");
    app.advance(TimeDelta::seconds(5));
    again(&mut browser, &login).await;
    app.advance(TimeDelta::seconds(5));
    let mut max_age = params(&party, "openid");
    max_age["max_age"] = json!(3);
    assert_eq!(refusal(&ask_with(&app, &mut browser, &party, &alice, &max_age, &[("is_auto_selected", "true")]).await), "login_required");
    again(&mut browser, &max_age).await;
    app.advance(TimeDelta::seconds(3601));
    assert_eq!(refusal(&ask_silently(&app, &mut browser, &party, &alice, "openid").await), "login_required");
    again(&mut browser, &params(&party, "openid")).await;
    token(&ask_silently(&app, &mut browser, &party, &alice, "openid").await, OWN_ORIGIN);
}

/// CO-13: what was sealed for one browser is nothing in another one.
async fn a_window_is_of_its_own_browser(database: Database) {
    let app = app(database).await;
    let (party, alice) = (app.relying_party(PAGE), id(&app, "alice").await);
    let mut browser = signed_in(&app).await;
    let url = window(&app, &ask(&app, &mut browser, &party, &alice, "openid").await, PAGE_ORIGIN);
    let mut bobbys = app.browser();
    sign_in(&app, &mut bobbys, "bobby", "login").await;
    let mut elsewhere = signed_in(&app).await;
    for (what, other) in [("nobody", &mut app.browser()), ("bobby", &mut bobbys), ("another session of alice", &mut elsewhere)] {
        error_page(&other.navigate(&url, LINK).await.page(), what);
    }
    for odd in ["fedcm/continue", "fedcm/continue?ticket=", "fedcm/continue?ticket=x"] {
        error_page(&browser.visit(&format!("{}{odd}", app.issuer)).await.page(), odd);
    }
    // It is no ticket of the other pages, and theirs is none here.
    let ticket = url.query_pairs().find(|(name, _)| name == "ticket").unwrap().1.into_owned();
    error_page(&browser.visit(&format!("{}consent?ticket={ticket}", app.issuer)).await.page(), "as a page's");
    let consent = browser.navigate(&url, LINK).await.page();
    let of_page = form_with(&consent, "decision").field("ticket").unwrap().value.clone();
    error_page(&browser.visit(&format!("{}fedcm/continue?ticket={of_page}", app.issuer)).await.page(), "a page's here");
    // A request by redirect is not made one by FedCM, whatever it says.
    let by_redirect = party.authorize("openid", &[("response_mode", "fedcm"), ("fedcm", PAGE_ORIGIN)]);
    assert!(matches!(browser.navigate(&by_redirect, LINK).await, Landing::Left(url) if party.error(&url) == "invalid_request"));
    // In a frame there is nothing to see.
    assert_eq!(browser.navigate(&url, CROSS_SITE_FRAME).await.page().header("x-frame-options"), Some("DENY"));
    app.advance(TimeDelta::minutes(10));
    error_page(&browser.navigate(&url, LINK).await.page(), "too late");
}

async fn a_no_closes_the_window(database: Database) {
    let app = app(database).await;
    let (party, alice) = (app.relying_party(PAGE), id(&app, "alice").await);
    let mut browser = signed_in(&app).await;
    let url = window(&app, &ask(&app, &mut browser, &party, &alice, "openid").await, PAGE_ORIGIN);
    let page = browser.navigate(&url, LINK).await.page();
    let last = browser.submit(&form_with(&page, "decision"), Some("deny")).await.page();
    assert_eq!(handed_over(&last), None);
    assert!(!last.text().contains("gk_ac_"));
    assert_eq!(refusal(&ask_silently(&app, &mut browser, &party, &alice, "openid").await), "consent_required");
}

/// FedCM, "the disconnect endpoint": what the user can do on the account page.
async fn taking_leave(database: Database) {
    let app = App::start_with(database, |settings| {
        for declared in &mut settings.clients {
            declared.metadata.fedcm = [OWN_PAGE, PAGE].contains(&declared.id.as_str());
            if declared.id.as_str() == OWN_PAGE {
                declared.metadata.subject_type = SubjectType::Pairwise;
            }
        }
    })
    .await;
    let (own, page) = (app.relying_party(OWN_PAGE), app.relying_party(PAGE));
    let (alice, bobby) = (id(&app, "alice").await, id(&app, "bobby").await);
    let mut browser = signed_in(&app).await;
    sign_in(&app, &mut browser, "bobby", "login").await;
    let leave = async |browser: &mut Browser, party: &RelyingParty, hint: &str| {
        let origin = if party.client_id == OWN_PAGE { OWN_ORIGIN } else { PAGE_ORIGIN };
        let fields = [("client_id", party.client_id.as_str()), ("account_hint", hint)];
        let answer = post(&app, browser, "disconnect", origin, &fields).await;
        readable(&answer, origin);
        answer
    };
    let approved = async |browser: &mut Browser| {
        let accounts = get(&app, browser, "fedcm/accounts").await.json();
        accounts["accounts"].as_array().unwrap().iter().find(|account| account["id"] == alice).unwrap()["approved_clients"].clone()
    };
    for by in ["id", "sub", "name", "address"] {
        let code = token(&ask(&app, &mut browser, &own, &alice, "openid offline_access").await, OWN_ORIGIN);
        let tokens = exchange(&own, &code, &[]).await.json();
        let subject = own.claims(tokens["id_token"].as_str().unwrap()).await["sub"].as_str().unwrap().to_owned();
        assert_ne!(subject, alice, "pairwise");
        assert_eq!(approved(&mut browser).await, json!([OWN_PAGE]));
        let hint = match by {
            "id" => alice.as_str(),
            "sub" => &subject,
            "name" => "alice",
            _ => "alice@example.test",
        };
        let answer = leave(&mut browser, &own, hint).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({ "account_id": alice })), "{by}");
        own.refused(tokens["refresh_token"].as_str().unwrap()).await;
        assert_eq!(approved(&mut browser).await, json!([]), "{by}");
        let filter = events::Filter { kind: Some(EventKind::ConsentWithdrawn), ..events::Filter::default() };
        let told = app.store.scan(move |db| events::list(db, &filter, None, 1)).await.unwrap().remove(0);
        assert_eq!((told.user, &told.detail.fields()["by"]), (Some(app.user("alice").await.id), &json!("fedcm")), "the application's doing");
        // Done is done.
        assert_eq!(leave(&mut browser, &own, hint).await.json(), json!({ "account_id": alice }));
        app.advance(TimeDelta::milliseconds(1));
    }
    // The consent goes too, and the other account's stays.
    for account in ["alice", "bobby"] {
        let mut other = app.browser();
        app.authorize_as(&mut other, &page.authorize("openid", &[]), account).await;
    }
    assert_eq!(approved(&mut browser).await, json!([PAGE]));
    token(&ask_silently(&app, &mut browser, &page, &alice, "openid").await, PAGE_ORIGIN);
    leave(&mut browser, &page, &alice).await;
    assert_eq!(refusal(&ask_silently(&app, &mut browser, &page, &alice, "openid").await), "consent_required");
    token(&ask_silently(&app, &mut browser, &page, &bobby, "openid").await, PAGE_ORIGIN);
    // Who is signed in here and has never had to do with the application is nobody to it, by any name.
    for hint in [bobby.as_str(), "bobby", "bobby@example.test"] {
        assert_eq!(refusal(&leave(&mut browser, &own, hint).await), "login_required", "{hint}");
    }
    assert_eq!(leave(&mut browser, &own, "alice").await.json(), json!({ "account_id": alice }), "the control: who has");
    // Nobody that is not signed in here.
    let before = state(&app).await;
    let mut alone = signed_in(&app).await;
    for hint in [bobby.as_str(), "bobby", "nobody"] {
        assert_eq!(refusal(&leave(&mut alone, &page, hint).await), "login_required", "{hint}");
    }
    assert_eq!(refusal(&leave(&mut alone, &page, "").await), "invalid_request");
    assert_eq!(refusal(&leave(&mut app.browser(), &page, &bobby).await), "login_required");
    assert_eq!(state(&app).await.consents, before.consents);
}

/// Login Status API: where the window is ours, and nowhere else.
async fn the_browser_is_told_who_is_signed_in(database: Database) {
    let app = app(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let at = |path: &str| Url::parse(&format!("{}{path}", app.issuer)).unwrap();
    let told = async |browser: &mut Browser, url: &Url, navigation: Navigation| {
        let answer = browser.request(Method::GET, url, navigation, String::new()).await;
        answer.header("set-login").map(str::to_owned)
    };
    for path in ["", "login", "account"] {
        assert_eq!(told(&mut browser, &at(path), LINK).await, None, "nobody is signed in: {path}");
    }
    let page = browser.visit(&format!("{}login", app.issuer)).await.page();
    let form = form_with(&page, "password").fill("username", "alice").fill("password", "wrong wrong wrong");
    assert_eq!(browser.submit(&form, None).await.page().header("set-login"), None);
    let form = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
    let answer = browser.submit_as(&form, None, crate::support::browser::OWN_FORM).await;
    assert_eq!(answer.header("set-login"), Some("logged-in"));
    // Again on each page of somebody who is signed in, so that a browser that has forgotten it learns it.
    let code = own.authorize("openid", &[]);
    for url in [at(""), at("account"), at("account/password"), code.clone(), own.authorize("openid", &[("prompt", "none")])] {
        assert_eq!(told(&mut browser, &url, LINK).await.as_deref(), Some("logged-in"), "{url}");
    }
    // A refusal says nothing.
    assert_eq!(told(&mut browser, &own.authorize("openid", &[("prompt", "none"), ("max_age", "x")]), LINK).await, None);
    // Nor does anything that is part of another page.
    for dest in ["iframe", "image", "empty", "script", "webidentity"] {
        let part = Navigation { dest, ..CROSS_SITE_FRAME };
        for url in [at(""), at("account"), code.clone(), at("fedcm/accounts"), at("oidc/logout")] {
            assert_eq!(told(&mut browser, &url, part).await, None, "{dest} {url}");
        }
    }
    let page = browser.visit(&format!("{}oidc/logout", app.issuer)).await.page();
    let mut other = browser.clone();
    let answer = browser.submit_as(&form_with(&page, "decision"), Some("allow"), crate::support::browser::OWN_FORM).await;
    assert_eq!(answer.header("set-login"), Some("logged-out"));
    let framed = Navigation { dest: "iframe", ..crate::support::browser::OWN_FORM };
    assert_eq!(other.submit_as(&form_with(&page, "decision"), Some("allow"), framed).await.header("set-login"), None);
    // Signing in for the browser's sake ends by telling it.
    let mut fresh = app.browser();
    assert_eq!(handed_over(&sign_in(&app, &mut fresh, "alice", "login?to=fedcm").await), None);
}

/// As they were before `params`: each with `param_` before its name, and a nonce beside them.
async fn older_browsers(database: Database) {
    let app = app(database).await;
    let (party, alice) = (app.relying_party(OWN_PAGE), id(&app, "alice").await);
    let mut browser = signed_in(&app).await;
    let challenge = party.challenge();
    let fields = [
        ("client_id", OWN_PAGE),
        ("account_id", alice.as_str()),
        ("nonce", &party.nonce),
        ("disclosure_text_shown", "false"),
        ("param_scope", "openid"),
        ("param_code_challenge", &challenge),
        ("param_code_challenge_method", "S256"),
    ];
    let code = token(&post(&app, &mut browser, "assertion", OWN_ORIGIN, &fields).await, OWN_ORIGIN);
    let json = exchange(&party, &code, &[]).await.json();
    assert_eq!(party.claims(json["id_token"].as_str().unwrap()).await["nonce"], json!(party.nonce));
}
