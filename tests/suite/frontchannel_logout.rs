//! Front-Channel Logout 1.0: signing out loads a page of every application that was signed in to, then goes where it was asked to.

use gatekey::domain::client::{ClientKind, ClientMetadata};
use gatekey::domain::logout_uri::LogoutUri;
use gatekey::settings::Settings;
use serde_json::json;
use url::Url;

use crate::support::app::{App, OWN_PAGE, client};
use crate::support::browser::{Browser, form_with};
use crate::support::database::{Database, each_database};
use crate::support::network::Answer;

each_database!(signing_out_loads_the_applications, without_applications_nothing_is_different, after_the_question_too);

pub const ONE: &str = "framed-one";
pub const TWO: &str = "framed-two";
const OTHER: &str = "framed-other";

pub fn framed(settings: &mut Settings) {
    for (id, uri) in [
        (ONE, "https://framed-one.example.test/logout?tenant=1"),
        (TWO, "https://framed-two.example.test/logout"),
        (OTHER, "https://framed-other.example.test/logout"),
    ] {
        settings.clients.push(client(id, ClientKind::Web, &format!("https://{id}.example.test"), |metadata| {
            metadata.first_party = true;
            metadata.frontchannel_logout_uri = Some(LogoutUri::parse(uri).unwrap());
        }));
    }
}

/// The addresses of the frames of a page.
pub fn frames(page: &Answer) -> Vec<Url> {
    let sources = page.text().split("<iframe src=\"").skip(1).map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&").replace("&#x2f;", "/"));
    sources.map(|source| Url::parse(&source).unwrap()).collect()
}

async fn signed_in(app: &App, browser: &mut Browser) -> Vec<(String, String)> {
    let mut sids = Vec::new();
    for id in [ONE, TWO, OWN_PAGE] {
        let party = app.relying_party(id);
        let tokens = app.sign_in(browser, &party, "openid").await;
        let claims = party.claims(tokens.id.as_ref().unwrap()).await;
        sids.push((tokens.id.unwrap(), claims["sid"].as_str().unwrap().to_owned()));
    }
    sids
}

/// §2, §3: `iss` and `sid` beside the query that the address has; only what this session was signed in to, and only those who want it.
async fn signing_out_loads_the_applications(database: Database) {
    let app = App::start_with(database, framed).await;
    let mut browser = app.browser();
    let sids = signed_in(&app, &mut browser).await;
    // Another browser's session is not told of.
    app.sign_in(&mut app.browser(), &app.relying_party(OTHER), "openid").await;
    let party = app.relying_party(OWN_PAGE);
    let parameters = [("id_token_hint", sids[2].0.as_str()), ("post_logout_redirect_uri", "https://own.example.test/signed-out"), ("state", "a&b")];
    let page = browser.visit(Url::parse_with_params(&party.endpoint("oidc/logout"), parameters).unwrap().as_str()).await.page();
    let expected = |base: &str, sid: &str| {
        let mut url = Url::parse(base).unwrap();
        url.query_pairs_mut().append_pair("iss", &app.issuer).append_pair("sid", sid);
        url
    };
    assert_eq!(
        frames(&page),
        [expected("https://framed-one.example.test/logout?tenant=1", &sids[0].1), expected("https://framed-two.example.test/logout", &sids[1].1)]
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("frame-src https://framed-one.example.test https://framed-two.example.test") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    // It goes on when they have loaded; without scripts a little later; and there is a link.
    assert_eq!(page.header("refresh"), Some("4; url=https://own.example.test/signed-out?state=a%26b"));
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert!(page.text().contains(&format!("<script nonce=\"{nonce}\">")) && page.text().contains("id=\"return\" href=\"https:"), "{}", page.text());
    assert_eq!(page.header("cache-control"), Some("no-store"));
    // Signed out already when it is shown.
    let silent = app.silently(&mut browser, &party, "openid", &[]).await;
    assert_eq!(party.error(&silent), "login_required");
    let discovery = app.network.get(&party.endpoint(".well-known/openid-configuration"), &[]).await.json();
    assert_eq!((&discovery["frontchannel_logout_supported"], &discovery["frontchannel_logout_session_supported"]), (&json!(true), &json!(true)));
}

async fn without_applications_nothing_is_different(database: Database) {
    let app = App::start_with(database, framed).await;
    let (party, mut browser) = (app.relying_party(OWN_PAGE), app.browser());
    let hint = app.sign_in(&mut browser, &party, "openid").await.id.unwrap();
    let parameters = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", "https://own.example.test/signed-out")];
    let url = Url::parse_with_params(&party.endpoint("oidc/logout"), parameters).unwrap();
    assert_eq!(browser.visit(url.as_str()).await.left().as_str(), "https://own.example.test/signed-out");
    // Nobody is signed in: nobody is told.
    app.sign_in(&mut browser, &app.relying_party(ONE), "openid").await;
    let bare = app.network.get(&party.endpoint("oidc/logout"), &[]).await;
    assert!(frames(&bare).is_empty() && !bare.header("content-security-policy").unwrap().contains("frame-src"));
}

/// A sign-out that the user was asked about, and one without a place to go to.
async fn after_the_question_too(database: Database) {
    let app = App::start_with(database, framed).await;
    let mut browser = app.browser();
    signed_in(&app, &mut browser).await;
    let page = browser.visit(&format!("{}oidc/logout", app.issuer)).await.page();
    assert!(frames(&page).is_empty(), "asked first");
    let page = browser.submit(&form_with(&page, "decision"), Some("allow")).await.page();
    assert_eq!(frames(&page).len(), 2);
    let policy = page.header("content-security-policy").unwrap();
    assert!(!policy.contains("script-src") && page.header("refresh").is_none(), "there is nowhere to go: {policy}");
}

/// §2: scheme, host and port of the address MUST be those of a redirect URI.
#[test]
fn the_address_is_at_the_applications_own_origin() {
    let check = |uri: &str| {
        let declared = client(ONE, ClientKind::Web, "https://one.example.test", |metadata: &mut ClientMetadata| {
            metadata.frontchannel_logout_uri = Some(LogoutUri::parse(uri).unwrap());
        });
        declared.metadata.check(&declared.id).map_err(|error| error.to_string())
    };
    assert_eq!(check("https://one.example.test/any/where?x=y"), Ok(()));
    for foreign in ["https://two.example.test/", "https://one.example.test:8443/", "http://localhost/"] {
        let error = check(foreign).unwrap_err();
        assert!(error.contains("where none of its `redirect_uris` is"), "{error}");
    }
}
