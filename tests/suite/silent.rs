//! `prompt=none`: it never shows a page, and it says why not (OIDC Core §3.1.2.1, §3.1.2.6).

use chrono::TimeDelta;
use gatekey::store::consents;

use crate::support::app::{App, OTHER_PAGE, OWN_PAGE, PAGE};
use crate::support::browser::{CROSS_SITE_FRAME, FRAME, LINK};
use crate::support::database::{Database, each_database};
use crate::support::network::parameter;

each_database!(
    without_a_session_login_is_required,
    without_consent_consent_is_required,
    a_hint_of_another_user_selects_no_account,
    a_hint_is_only_a_hint,
    max_age_and_prompt_login,
    it_succeeds_and_writes_nothing_that_counts_as_signing_in,
    a_frame_of_another_site_gets_its_answer,
);

/// PN-01, UI-09: no cookie, a made-up one, one of a session that ended.
async fn without_a_session_login_is_required(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let mut stranger = app.browser();
    assert_eq!(party.error(&app.silently(&mut stranger, &party, "openid", &[]).await), "login_required");

    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let name = browser.jar.all().iter().find(|cookie| !cookie.name.ends_with("-browser")).unwrap().name.clone();
    for value in ["x", &"A".repeat(43), "", "' OR 1=1 --"] {
        let cookie = format!("{name}={value}");
        let url = party.authorize("openid", &[("prompt", "none")]);
        let answer = app.network.get(url.as_str(), &[("cookie", &cookie), ("sec-fetch-dest", "iframe")]).await;
        assert_eq!(party.error(&answer.location().unwrap()), "login_required", "{cookie}");
    }
    // In the top window too, and in every response mode by a redirect or a form, never by a page that asks.
    let response = stranger.navigate(&party.authorize("openid", &[("prompt", "none")]), LINK).await.left();
    assert_eq!(party.error(&response), "login_required");
    let response = stranger.navigate(&party.authorize("openid", &[("prompt", "none"), ("response_mode", "fragment")]), FRAME).await.left();
    assert!(response.fragment().unwrap().contains("error=login_required"));
    // PN-09: none stands alone; what is unknown is refused.
    for prompt in ["none login", "none consent", "create"] {
        let response = browser.navigate(&party.authorize("openid", &[("prompt", prompt)]), FRAME).await.left();
        assert_eq!(party.error(&response), "invalid_request", "{prompt}");
    }
    // The control.
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
}

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

/// PN-04: never one user's code for another user's hint.
async fn a_hint_of_another_user_selects_no_account(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut bobs = app.browser();
    let response = app.authorize_as(&mut bobs, &party.authorize("openid", &[]), "bobby").await;
    let bob = party.exchange(&party.code(&response)).await.id.unwrap();
    let mut browser = app.browser();
    let alice = app.sign_in(&mut browser, &party, "openid").await.id.unwrap();

    let refused = app.silently(&mut browser, &party, "openid", &[("id_token_hint", &bob)]).await;
    let error = party.error(&refused);
    assert!(matches!(error.as_str(), "login_required" | "account_selection_required" | "interaction_required"), "{error}");
    // The control, also long after the hint has expired (OIDC Core §3.1.2.1).
    app.advance(TimeDelta::days(2));
    let allowed = app.silently(&mut browser, &party, "openid", &[("id_token_hint", &alice)]).await;
    let again = party.exchange(&party.code(&allowed)).await.id.unwrap();
    assert_eq!(party.claims(&again).await["sub"], party.claims(&alice).await["sub"]);
    // prompt=select_account cannot be answered silently, and is not tried.
    let page = browser.visit(party.authorize("openid", &[("prompt", "select_account")]).as_str()).await.page();
    assert!(page.text().contains("value=\"other\""));
}

/// PN-03: a hint authenticates nobody; one that is forged is refused or ignored, never believed.
async fn a_hint_is_only_a_hint(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let hint = app.sign_in(&mut browser, &party, "openid").await.id.unwrap();
    let mut stranger = app.browser();
    let response = app.silently(&mut stranger, &party, "openid", &[("id_token_hint", &hint)]).await;
    assert_eq!(party.error(&response), "login_required");
    let payload = hint.split('.').nth(1).unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{payload}.");
    let huge = "x".repeat(9000);
    for forged in [unsigned.as_str(), "x", "a.b.c", &huge, &hint[..hint.len() - 2]] {
        let response = app.silently(&mut stranger, &party, "openid", &[("id_token_hint", forged)]).await;
        assert!(matches!(party.error(&response).as_str(), "login_required" | "invalid_request"));
    }
}

/// OIDC Core §3.1.2.1; PN-05.
async fn max_age_and_prompt_login(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let signed_in = app.seconds();
    app.advance(TimeDelta::seconds(100));

    let silent = async |browser: &mut _, max_age| app.silently(browser, &party, "openid", &[("max_age", max_age)]).await;
    for short in ["0", "1", "99"] {
        assert_eq!(party.error(&silent(&mut browser, short).await), "login_required", "max_age={short}");
    }
    for malformed in ["-1", "1.5", "x", "99999999999999999999"] {
        assert_eq!(party.error(&silent(&mut browser, malformed).await), "invalid_request", "max_age={malformed}");
    }
    let tokens = party.exchange(&party.code(&silent(&mut browser, "100").await)).await;
    assert_eq!(party.claims(tokens.id.as_ref().unwrap()).await["auth_time"], signed_in);

    // With pages: the password again, then a fresh auth_time that satisfies even max_age=0.
    for changes in [[("max_age", "0")], [("prompt", "login")]] {
        app.advance(TimeDelta::seconds(10));
        let url = party.authorize("openid", &changes);
        let page = browser.visit(url.as_str()).await.page();
        assert!(page.text().contains("type=\"password\""), "{changes:?}");
        let response = app.authorize_as(&mut browser, &url, "alice").await;
        let tokens = party.exchange(&party.code(&response)).await;
        assert_eq!(party.claims(tokens.id.as_ref().unwrap()).await["auth_time"], app.seconds(), "{changes:?}");
    }
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
