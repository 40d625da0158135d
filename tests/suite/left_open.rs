//! Pages that were left open: an answer counts for whom the page asked, and a sign-in for as long as it is fresh.

use chrono::TimeDelta;
use gatekey::domain::clock::Timestamp;
use gatekey::domain::id::ClientId;
use gatekey::store::consents;

use crate::support::app::{App, OWN_PAGE, PAGE, PASSWORD, SERVER};
use crate::support::browser::{Browser, Landing, form_with};
use crate::support::database::{Database, each_database};

each_database!(an_old_sign_in_address_is_no_password, a_consent_page_is_answered_by_whom_it_asked, an_account_is_kept_by_whom_the_page_showed);

async fn an_old_sign_in_address_is_no_password(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    for changes in [vec![("prompt", "login")], vec![("max_age", "0")], vec![]] {
        let asks = !changes.is_empty();
        let mut browser = app.browser();
        let page = browser.visit(party.authorize("openid", &changes).as_str()).await.page();
        assert!(page.url.path() == "/login" && page.url.query().unwrap().contains("ticket="), "{}", page.url);
        let address = page.url.as_str();
        let form = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
        party.code(&browser.submit(&form, None).await.left());
        // Right after the sign-in, and a while later: the same request goes on, as after consent.
        for minutes in [0, 9] {
            app.advance(TimeDelta::minutes(minutes));
            party.code(&browser.visit(address).await.left());
        }
        app.advance(TimeDelta::minutes(2));
        match browser.visit(address).await {
            Landing::Page(page) => {
                assert!(asks && page.text().contains("type=\"password\""), "{changes:?}: {}", page.text());
                // The password opens it again.
                let form = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
                party.code(&browser.submit(&form, None).await.left());
            }
            Landing::Left(url) => assert!(!asks && !party.code(&url).is_empty(), "{changes:?}: {url}"),
        }
    }
}

/// bobby signs in for another application, in another tab of the same browser.
async fn bobby_in_another_tab(app: &App, browser: &mut Browser) {
    let other = app.relying_party(SERVER);
    let response = app.authorize_as(browser, &other.authorize("openid", &[("prompt", "login")]), "bobby").await;
    other.exchange(&other.code(&response)).await;
}

/// When.
async fn allowed_by(app: &App, username: &str) -> Option<Timestamp> {
    let user = app.user(username).await.id;
    app.store.read(move |db| consents::find(db, user, &ClientId::parse(PAGE).unwrap())).await.unwrap().map(|consent| consent.granted_at)
}

async fn a_consent_page_is_answered_by_whom_it_asked(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    for prompt in [vec![], vec![("prompt", "consent")]] {
        let mut browser = app.browser();
        let page = browser.visit(party.authorize("openid", &prompt).as_str()).await.page();
        let form = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
        let asks_alice = browser.submit(&form, None).await.page();
        assert!(asks_alice.text().contains("Alice Example"));
        app.advance(TimeDelta::seconds(1));
        bobby_in_another_tab(&app, &mut browser).await;

        let before = allowed_by(&app, "bobby").await;
        let again = browser.submit(&form_with(&asks_alice, "decision"), Some("allow")).await.page();
        assert_eq!(allowed_by(&app, "bobby").await, before);
        assert_eq!(allowed_by(&app, "alice").await, None);
        assert!(again.text().contains("Bobby Example") && !again.text().contains("Alice Example"));
        // The control: what bobby himself is asked and answers.
        let tokens = party.exchange(&party.code(&browser.submit(&form_with(&again, "decision"), Some("allow")).await.left())).await;
        assert_eq!(party.claims(tokens.id.as_ref().unwrap()).await["sub"], app.user("bobby").await.id.to_string());
        assert!(allowed_by(&app, "bobby").await.is_some());
        assert_eq!(allowed_by(&app, "alice").await, None);
    }
}

async fn an_account_is_kept_by_whom_the_page_showed(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let request = party.authorize("openid", &[("prompt", "select_account")]);
    // At once, and when bobby's sign-in is no news any more.
    for later in [TimeDelta::seconds(1), TimeDelta::minutes(11), TimeDelta::hours(2)] {
        let mut browser = app.browser();
        app.sign_in(&mut browser, &party, "openid").await;
        app.advance(TimeDelta::seconds(1));
        let shows_alice = browser.visit(request.as_str()).await.page();
        assert!(shows_alice.text().contains("Alice Example"));
        let mut undisturbed = browser.clone();
        let tokens = party.exchange(&party.code(&undisturbed.submit(&form_with(&shows_alice, "account"), Some("current")).await.left())).await;
        assert_eq!(party.claims(tokens.id.as_ref().unwrap()).await["sub"], app.user("alice").await.id.to_string());

        bobby_in_another_tab(&app, &mut browser).await;
        app.advance(later);
        let again = browser.submit(&form_with(&shows_alice, "account"), Some("current")).await.page();
        assert!(again.text().contains("Bobby Example") && !again.text().contains("Alice Example"));
        let tokens = party.exchange(&party.code(&browser.submit(&form_with(&again, "account"), Some("current")).await.left())).await;
        assert_eq!(party.claims(tokens.id.as_ref().unwrap()).await["sub"], app.user("bobby").await.id.to_string());
    }
}
