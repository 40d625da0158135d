//! Modules about who is signed in, since when, and what the sign-in page is told.

use chrono::TimeDelta;
use serde_json::Value;

use super::suite::{CLIENT, Suite, with};

pub async fn oidcc_display_page(mut suite: Suite) {
    let request = with(suite.request(CLIENT, "openid"), "display", "page");
    let (visit, _) = suite.flow(CLIENT, &request).await;
    assert_eq!(visit.logins(), 1, "a normal sign-in page");
}

pub async fn oidcc_display_popup(mut suite: Suite) {
    let request = with(suite.request(CLIENT, "openid"), "display", "popup");
    let (visit, _) = suite.flow(CLIENT, &request).await;
    assert_eq!(visit.logins(), 1);
}

pub async fn oidcc_prompt_login(mut suite: Suite) {
    let request = suite.request(CLIENT, "openid");
    let (visit, first) = suite.flow(CLIENT, &request).await;
    assert_eq!(visit.logins(), 1);
    suite.app.advance(TimeDelta::seconds(1));
    let request = with(suite.request(CLIENT, "openid"), "prompt", "login");
    let (visit, second) = suite.flow(CLIENT, &request).await;
    assert_eq!(visit.logins(), 1, "ExpectSecondLoginPage");
    // `CheckSecondIdTokenAuthTimeIsLaterIfPresent`, and ours is there.
    assert!(second.claims["auth_time"].as_i64().unwrap() > first.claims["auth_time"].as_i64().unwrap());
}

/// `CheckErrorFromAuthorizationEndpointIsOneThatRequiredAUserInterface`.
pub fn needs_a_user_interface(error: &str) -> bool {
    ["interaction_required", "login_required", "account_selection_required", "consent_required"].contains(&error)
}

pub async fn oidcc_prompt_none_not_logged_in(mut suite: Suite) {
    let request = with(with(suite.request(CLIENT, "openid"), "state", &"x9_".repeat(43)[..128]), "prompt", "none");
    let visit = suite.authorize(&request).await;
    assert!(needs_a_user_interface(&suite.error(&request, &visit)));
    assert!(visit.pages.is_empty(), "nothing was shown");
}

/// `AbstractOIDCCSameAuthTwiceServerTest`: two requests, one sign-in, the same `auth_time` and `sub`.
async fn same_authentication_twice(suite: &mut Suite, first: &[(&str, &str)], second: impl FnOnce(&str) -> Vec<(&'static str, String)>) {
    let mut request = suite.request(CLIENT, "openid");
    for (name, value) in first {
        request = with(request, name, value);
    }
    let (_, first) = suite.flow(CLIENT, &request).await;
    suite.app.advance(TimeDelta::seconds(2));
    let mut request = suite.request(CLIENT, "openid");
    for (name, value) in second(&first.id_token) {
        request = with(request, name, &value);
    }
    let (visit, second) = suite.flow(CLIENT, &request).await;
    assert!(visit.pages.is_empty(), "nobody is asked again");
    // `CheckIdTokenAuthTimeClaimsSameIfPresent`, `CheckIdTokenSubConsistentForSecondAuthorization`; and `auth_time` is always there
    // (`CheckIdTokenAuthTimeClaimPresentDueToMaxAge`).
    assert!(first.claims["auth_time"].is_i64());
    for name in ["auth_time", "sub"] {
        assert_eq!(first.claims[name], second.claims[name], "{name}");
    }
}

pub async fn oidcc_prompt_none_logged_in(mut suite: Suite) {
    same_authentication_twice(&mut suite, &[], |_| vec![("prompt", "none".to_owned())]).await;
}

pub async fn oidcc_max_age_1(mut suite: Suite) {
    let request = suite.request(CLIENT, "openid");
    let (_, first) = suite.flow(CLIENT, &request).await;
    suite.app.advance(TimeDelta::seconds(2));
    let request = with(suite.request(CLIENT, "openid"), "max_age", "1");
    let (visit, second) = suite.flow(CLIENT, &request).await;
    assert_eq!(visit.logins(), 1, "ExpectSecondLoginPage");
    // `CheckIdTokenAuthTimeClaimPresentDueToMaxAge`, `CheckSecondIdTokenAuthTimeIsLaterIfPresent`, `CheckIdTokenAuthTimeIsRecentIfPresent`.
    let auth_time = second.claims["auth_time"].as_i64().unwrap();
    assert!(auth_time > first.claims["auth_time"].as_i64().unwrap() && suite.app.seconds() - auth_time <= 1);
}

pub async fn oidcc_max_age_10000(mut suite: Suite) {
    same_authentication_twice(&mut suite, &[("max_age", "15000")], |_| vec![("max_age", "10000".to_owned())]).await;
}

pub async fn oidcc_id_token_hint(mut suite: Suite) {
    same_authentication_twice(&mut suite, &[], |hint| vec![("prompt", "none".to_owned()), ("id_token_hint", hint.to_owned())]).await;
}

pub async fn oidcc_login_hint(mut suite: Suite) {
    let request = with(suite.request(CLIENT, "openid"), "login_hint", "buffy@id.example.test");
    let (visit, _) = suite.flow(CLIENT, &request).await;
    assert_eq!(visit.logins(), 1);
    assert!(visit.pages[0].text().contains("buffy@id.example.test"), "the sign-in page is filled in with it");
}

pub async fn oidcc_ui_locales(mut suite: Suite) {
    // The suite's default is `se`; what it asks the tester to look at needs a language that is there.
    let request = with(suite.request(CLIENT, "openid"), "ui_locales", "se de");
    let (visit, _) = suite.flow(CLIENT, &request).await;
    assert!(visit.pages[0].text().contains("lang=\"de\""), "the page is shown in one of the requested locales");
    let mut suite = Suite { browser: suite.app.browser(), ..suite };
    let request = with(suite.request(CLIENT, "openid"), "ui_locales", "se");
    suite.flow(CLIENT, &request).await;
}

pub async fn oidcc_claims_locales(mut suite: Suite) {
    let request = with(suite.request(CLIENT, "openid"), "claims_locales", "se");
    suite.flow(CLIENT, &request).await;
}

pub async fn oidcc_ensure_request_with_acr_values_succeeds(mut suite: Suite) {
    let offered: Vec<&str> = suite.server["acr_values_supported"].as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect();
    assert!(!offered.is_empty());
    let request = with(suite.request(CLIENT, "openid"), "acr_values", &offered.join(" "));
    let offered: Vec<Value> = offered.into_iter().map(Value::from).collect();
    let (_, tokens) = suite.flow(CLIENT, &request).await;
    assert!(offered.contains(&tokens.claims["acr"]), "ValidateIdTokenACRClaimAgainstAcrValuesRequest");
}
