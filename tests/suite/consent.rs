//! Consent: asked once per user, client and scope, remembered, and never widened by a form.

use chrono::TimeDelta;
use gatekey::domain::event::EventKind;
use gatekey::store::events::{self, Filter};
use serde_json::json;

use crate::support::app::{App, OWN_PAGE, PAGE, PASSWORD};
use crate::support::browser::{Browser, form_with};
use crate::support::database::{Database, each_database};
use crate::support::network::Answer;
use crate::support::relying_party::RelyingParty;

each_database!(it_is_remembered, prompt_consent_asks_again, a_form_is_told_once, saying_no_is_access_denied, scope_is_what_was_asked_and_is_allowed);

async fn consent_page(app: &App, browser: &mut Browser, party: &RelyingParty, scope: &str) -> Answer {
    let page = browser.visit(party.authorize(scope, &[]).as_str()).await.page();
    if !page.text().contains("type=\"password\"") {
        return page;
    }
    let form = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
    let page = browser.submit(&form, None).await.page();
    assert!(page.text().contains("The page"), "the application is named");
    assert!(page.text().contains("app.example.test"), "so is where the answer goes: that cannot be made up");
    assert_eq!(app.issuer, party.issuer);
    page
}

/// OIDC Core §3.1.2.4; per user, client and scope, over sessions.
async fn it_is_remembered(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let mut browser = app.browser();
    let page = consent_page(&app, &mut browser, &party, "openid email").await;
    party.code(&browser.submit(&form_with(&page, "decision"), Some("allow")).await.left());
    // The same or less: not asked again, in another browser neither.
    for scope in ["openid email", "openid", "email"] {
        party.code(&browser.visit(party.authorize(scope, &[]).as_str()).await.left());
    }
    let mut elsewhere = app.browser();
    let page = app.sign_in_page(&mut elsewhere, &party).await;
    let form = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
    party.code(&elsewhere.submit(&form, None).await.left());
    // More is asked, and then it is the union.
    let page = browser.visit(party.authorize("openid profile", &[]).as_str()).await.page();
    party.code(&browser.submit(&form_with(&page, "decision"), Some("allow")).await.left());
    party.code(&browser.visit(party.authorize("openid profile email", &[]).as_str()).await.left());
}

/// OIDC Core §3.1.2.1, for an application of the operator's own too.
async fn prompt_consent_asks_again(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    for client in [PAGE, OWN_PAGE] {
        let party = app.relying_party(client);
        app.sign_in(&mut browser, &party, "openid").await;
        for _ in 0..2 {
            app.advance(TimeDelta::seconds(1));
            let page = browser.visit(party.authorize("openid", &[("prompt", "consent")]).as_str()).await.page();
            party.code(&browser.submit(&form_with(&page, "decision"), Some("allow")).await.left());
        }
        party.code(&browser.visit(party.authorize("openid", &[]).as_str()).await.left());
    }
}

/// A page that is sent again, by the back button or by a program, goes on as before and fills no audit trail; the next request's page is told again.
async fn a_form_is_told_once(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let mut browser = app.browser();
    let told = async || {
        let granted = Filter { kind: Some(EventKind::ConsentGranted), ..Filter::default() };
        app.store.scan(move |db| events::list(db, &granted, None, 50)).await.unwrap().len()
    };
    let form = form_with(&consent_page(&app, &mut browser, &party, "openid").await, "decision");
    for _ in 0..5 {
        app.advance(TimeDelta::seconds(1));
        party.exchange(&party.code(&browser.submit(&form, Some("allow")).await.left())).await;
        assert_eq!(told().await, 1);
    }
    let form = form_with(&browser.visit(party.authorize("openid", &[("prompt", "consent")]).as_str()).await.page(), "decision");
    for _ in 0..3 {
        app.advance(TimeDelta::seconds(1));
        party.code(&browser.submit(&form, Some("allow")).await.left());
        assert_eq!(told().await, 2);
    }
}

/// RFC 6749 §4.1.2.1.
async fn saying_no_is_access_denied(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let mut browser = app.browser();
    let page = consent_page(&app, &mut browser, &party, "openid").await;
    assert_eq!(party.error(&browser.submit(&form_with(&page, "decision"), Some("deny")).await.left()), "access_denied");
    // It is not remembered as a yes, nor as a no.
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "consent_required");
    let page = browser.visit(party.authorize("openid", &[]).as_str()).await.page();
    party.code(&browser.submit(&form_with(&page, "decision"), Some("allow")).await.left());
}

/// RFC 6749 §3.3; CS-01: granted is at most what was asked and what the client may have.
async fn scope_is_what_was_asked_and_is_allowed(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, "openid openid profile unknown:scope").await;
    assert_eq!(tokens.json["scope"], "openid profile");
    for (scope, error) in [("unknown:scope", "invalid_scope"), ("a\"b", "invalid_scope"), ("", "invalid_scope")] {
        let response = browser.visit(party.authorize(scope, &[]).as_str()).await.left();
        assert_eq!(party.error(&response), error, "{scope:?}");
    }
    // RFC 6749 §6; RT-11: less for one access token, back to all of the grant, never more.
    let narrow = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh()), ("scope", "openid")];
    let narrowed = crate::support::relying_party::tokens(&party.post("oauth/token", &narrow).await);
    assert_eq!(narrowed.json["scope"], "openid");
    let wide = [("grant_type", "refresh_token"), ("refresh_token", narrowed.refresh()), ("scope", "openid profile email")];
    let answer = party.post("oauth/token", &wide).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"].clone()), (400, json!("invalid_scope")));
    let full = party.refresh(narrowed.refresh()).await;
    assert_eq!(full.json["scope"], "openid profile");
}
