//! `prompt=none`: it never shows a page, and it says why not (OIDC Core §3.1.2.1, §3.1.2.6).

use chrono::TimeDelta;
use gatekey::store::consents;

use crate::support::app::{App, OTHER_PAGE, OWN_PAGE, PAGE};
use crate::support::browser::CROSS_SITE_FRAME;
use crate::support::database::{Database, each_database};
use crate::support::network::parameter;

each_database!(without_consent_consent_is_required, it_succeeds_and_writes_nothing_that_counts_as_signing_in, a_frame_of_another_site_gets_its_answer,);

/// OIDC Core §3.1.2.6; CS-03: what was never allowed, and what goes beyond it.
async fn without_consent_consent_is_required(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let party = app.relying_party(PAGE);
    app.sign_in(&mut browser, &party, "openid profile").await;
    party.code(&app.silently(&mut browser, &party, "openid profile", &[]).await);
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    for more in ["openid profile email", "openid offline_access"] {
        assert_eq!(party.error(&app.silently(&mut browser, &party, more, &[]).await), "consent_required", "{more}");
    }
    let other = app.relying_party(OTHER_PAGE);
    assert_eq!(other.error(&app.silently(&mut browser, &other, "openid", &[]).await), "consent_required");
    // The operator's own application needs none.
    let own = app.relying_party(OWN_PAGE);
    own.code(&app.silently(&mut browser, &own, "openid profile email offline_access", &[]).await);
    // CS-05: withdrawn is withdrawn.
    let alice = app.user("alice").await.id;
    app.write(move |db| consents::withdraw(db, alice, &gatekey::domain::id::ClientId::parse(PAGE).unwrap())).await;
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid profile", &[]).await), "consent_required");
}

/// It renews without a password and changes nothing of the sign-in: same auth_time, same end, same `sid`.
async fn it_succeeds_and_writes_nothing_that_counts_as_signing_in(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &party, "openid").await;
    let first = party.claims(first.id.as_ref().unwrap()).await;
    for _ in 0..3 {
        app.advance(TimeDelta::hours(20));
        let response = app.silently(&mut browser, &party, "openid", &[]).await;
        assert_eq!(parameter(&response, "error"), None);
        let tokens = party.exchange(&party.code(&response)).await;
        let claims = party.claims(tokens.id.as_ref().unwrap()).await;
        for name in ["sub", "sid", "auth_time", "session_expiry", "acr"] {
            assert_eq!(claims[name], first[name], "{name}");
        }
        assert_eq!(claims["iat"], app.seconds());
    }
}

/// With cookies allowed the session is found; where the browser keeps them back the answer is login_required.
async fn a_frame_of_another_site_gets_its_answer(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let url = party.authorize("openid", &[("prompt", "none")]);
    party.code(&browser.navigate(&url, CROSS_SITE_FRAME).await.left());
    browser.jar.clear();
    assert_eq!(party.error(&browser.navigate(&url, CROSS_SITE_FRAME).await.left()), "login_required");
}
