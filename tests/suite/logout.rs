//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0).

use url::Url;

use crate::support::app::{App, OTHER_PAGE, OWN_PAGE};
use crate::support::browser::{Browser, form_with};
use crate::support::database::{Database, each_database};
use crate::support::relying_party::RelyingParty;

each_database!(without_a_hint_it_asks, only_a_browser_that_shows_its_cookie_loses_it, a_hint_of_a_disabled_client_asks);

fn end(party: &RelyingParty, parameters: &[(&str, &str)]) -> Url {
    Url::parse_with_params(&party.endpoint("oidc/logout"), parameters).unwrap()
}

async fn signed_in(app: &App, browser: &mut Browser) -> bool {
    let party = app.relying_party(OWN_PAGE);
    let response = app.silently(browser, &party, "openid", &[]).await;
    response.query_pairs().any(|(name, _)| name == "code")
}

/// §2, §6: a link on any page must not sign people out. LO-01, UI-04.
async fn without_a_hint_it_asks(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, "openid").await;
    let after = [("client_id", OWN_PAGE), ("post_logout_redirect_uri", "https://own.example.test/signed-out")];
    let page = browser.visit(end(&party, &after).as_str()).await.page();
    assert!(signed_in(&app, &mut browser).await, "asked, not yet done");
    let form = form_with(&page, "decision");
    browser.submit(&form, Some("deny")).await;
    assert!(signed_in(&app, &mut browser).await, "no is no");
    let page = browser.visit(end(&party, &after).as_str()).await.page();
    let left = browser.submit(&form_with(&page, "decision"), Some("allow")).await.left();
    assert_eq!(left.as_str(), "https://own.example.test/signed-out");
    assert!(!signed_in(&app, &mut browser).await);
    party.refused(tokens.refresh()).await;
    let others = ["-browser", "-known"];
    assert!(browser.jar.all().iter().all(|cookie| others.iter().any(|other| cookie.name.ends_with(other))), "the cookie is gone");
    // Nobody is signed in: nothing to ask.
    browser.visit(end(&party, &[]).as_str()).await.page();
}

/// LO-01: a request that another site makes a browser send carries no cookie, and so must not take one away.
async fn only_a_browser_that_shows_its_cookie_loses_it(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let hint = app.sign_in(&mut browser, &party, "openid").await.id.unwrap();
    let session = browser.jar.all().iter().find(|cookie| !cookie.name.ends_with("-browser")).unwrap().clone();
    let registered = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", "https://own.example.test/signed-out")];
    for parameters in [&[][..], &registered[..1], &registered] {
        let answer = app.network.get(end(&party, parameters).as_str(), &[("sec-fetch-site", "cross-site")]).await;
        assert_eq!((answer.header("set-cookie"), answer.header("set-login")), (None, None), "{parameters:?}");
    }
    assert!(signed_in(&app, &mut browser).await);

    let cookie = format!("{}={}", session.name, session.value);
    let answer = app.network.get(end(&party, &registered).as_str(), &[("cookie", &cookie)]).await;
    let cleared = answer.header("set-cookie").unwrap();
    assert!(cleared.starts_with(&format!("{}=;", session.name)) && cleared.contains("Max-Age=0"), "{cleared}");
    assert_eq!(answer.header("set-login"), Some("logged-out"));
    assert!(!signed_in(&app, &mut browser).await);
}

/// A client that was disabled does nothing any more by what it was given before, and goes nowhere either.
async fn a_hint_of_a_disabled_client_asks(database: Database) {
    let app = App::start(database).await;
    let (party, other) = (app.relying_party(OWN_PAGE), app.relying_party(OTHER_PAGE));
    let mut browser = app.browser();
    let hint = app.sign_in(&mut browser, &party, "openid").await.id.unwrap();
    let others = app.sign_in(&mut browser, &other, "openid").await.id.unwrap();
    app.disable_client(OTHER_PAGE).await;
    let page = browser.visit(end(&other, &[("id_token_hint", others.as_str())]).as_str()).await.page();
    form_with(&page, "decision");
    assert!(signed_in(&app, &mut browser).await);
    // The control.
    browser.visit(end(&party, &[("id_token_hint", hint.as_str())]).as_str()).await.page();
    assert!(!signed_in(&app, &mut browser).await);
}
