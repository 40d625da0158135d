//! `offline_access` (OIDC Core §11): asked about on the consent page, for no `prompt` of its own, and ignored where it can mean nothing.

use gatekey::domain::client::GrantType;
use gatekey::domain::scope::Scope;
use serde_json::json;

use crate::support::app::{App, OWN_PAGE, PAGE, PASSWORD, SERVER};
use crate::support::browser::form_with;
use crate::support::database::{Database, each_database};

each_database!(it_is_asked_about_without_prompt_consent, an_own_application_is_not_asked, it_is_dropped_where_no_refresh_token_is_given);

const STAY_CONNECTED: &str = "Stay connected";

/// As auth0-spa-js and oidc-client-ts send it: the scope, and no `prompt=consent`.
async fn it_is_asked_about_without_prompt_consent(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let mut browser = app.browser();
    let page = browser.visit(party.authorize("openid profile offline_access", &[]).as_str()).await.page();
    let form = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
    let page = browser.submit(&form, None).await.page();
    assert!(page.text().contains(STAY_CONNECTED), "{}", page.text());
    let tokens = party.exchange(&party.code(&browser.submit(&form_with(&page, "decision"), Some("allow")).await.left())).await;
    assert_eq!(tokens.json["scope"], "offline_access openid profile");
    // Remembered: silently too.
    party.code(&app.silently(&mut browser, &party, "openid offline_access", &[]).await);

    // Who said yes to less has not said yes to this.
    let mut other = app.browser();
    let response = app.authorize_as(&mut other, &party.authorize("openid", &[]), "bobby").await;
    party.code(&response);
    assert_eq!(party.error(&app.silently(&mut other, &party, "openid offline_access", &[]).await), "consent_required");
}

/// The operator allowed it when registering the application as its own.
async fn an_own_application_is_not_asked(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let page = browser.visit(party.authorize("openid offline_access", &[]).as_str()).await.page();
    let form = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
    let tokens = party.exchange(&party.code(&browser.submit(&form, None).await.left())).await;
    assert_eq!(tokens.json["scope"], "offline_access openid");
    assert!(tokens.refresh.is_some());
}

/// OIDC Core §11: the request goes on without it; and what it would have lengthened is not lengthened.
async fn it_is_dropped_where_no_refresh_token_is_given(database: Database) {
    let app = App::start_with(database, |settings| {
        let server = settings.clients.iter_mut().find(|client| client.id.as_str() == SERVER).unwrap();
        server.metadata.grant_types = vec![GrantType::AuthorizationCode];
        server.metadata.first_party = false;
        server.metadata.scope = Scope::parse("openid offline_access").unwrap();
    })
    .await;
    let server = app.relying_party(SERVER);
    let mut browser = app.browser();
    let page = browser.visit(server.authorize("openid offline_access", &[]).as_str()).await.page();
    let form = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
    let page = browser.submit(&form, None).await.page();
    assert!(!page.text().contains(STAY_CONNECTED), "nobody is asked for what cannot be given");
    let tokens = server.exchange(&server.code(&browser.submit(&form_with(&page, "decision"), Some("allow")).await.left())).await;
    assert_eq!((&tokens.json["scope"], &tokens.refresh), (&json!("openid"), &None));
    assert_eq!(server.introspect(&tokens.access).await["active"], true);
    // It hangs on the session, as a grant without the scope does.
    let hint = tokens.id.unwrap();
    let end = url::Url::parse_with_params(&server.endpoint("oidc/logout"), [("id_token_hint", hint.as_str())]).unwrap();
    browser.visit(end.as_str()).await;
    assert_eq!(server.introspect(&tokens.access).await, json!({"active": false}));
    // Alone it is nothing that could be granted.
    let response = browser.visit(server.authorize("offline_access", &[]).as_str()).await.left();
    assert_eq!(server.error(&response), "invalid_scope");
}
