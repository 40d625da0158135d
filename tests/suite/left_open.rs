//! Pages that were left open: an answer counts for whom the page asked, and a sign-in for as long as it is fresh.

use chrono::TimeDelta;
use gatekey::domain::clock::Timestamp;
use gatekey::domain::id::ClientId;
use gatekey::domain::session::EndReason;
use gatekey::store::consents;
use gatekey::store::tree::{self, Node};

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

        // The page was alice's and still is: her yes is hers, for her session, whoever else has signed in.
        let mut gone = browser.clone();
        let tokens = party.exchange(&party.code(&browser.submit(&form_with(&asks_alice, "decision"), Some("allow")).await.left())).await;
        assert_eq!(party.claims(tokens.id.as_ref().unwrap()).await["sub"], app.user("alice").await.id.to_string());
        assert!(allowed_by(&app, "alice").await.is_some());
        assert_eq!(allowed_by(&app, "bobby").await, None);
        let alice = app.user("alice").await.id;
        app.write(move |db| consents::withdraw(db, alice, &ClientId::parse(PAGE).unwrap())).await;

        // Once she has signed out, the page that asked her is no page of his: he is asked himself.
        let now = app.now();
        app.write(move |db| tree::end(db, &Node::User(alice), EndReason::Logout, now)).await;
        let again = gone.submit(&form_with(&asks_alice, "decision"), Some("allow")).await.page();
        assert_eq!((allowed_by(&app, "alice").await, allowed_by(&app, "bobby").await), (None, None));
        // The request was alice's: a sign-in is asked for, and whoever signs in is asked for consent.
        let form = form_with(&again, "password").fill("username", "bobby").fill("password", PASSWORD);
        let asks_bobby = gone.submit(&form, None).await.page();
        assert!(asks_bobby.text().contains("Bobby Example") && !asks_bobby.text().contains("Alice Example"));
        // The control: what bobby himself is asked and answers.
        let tokens = party.exchange(&party.code(&gone.submit(&form_with(&asks_bobby, "decision"), Some("allow")).await.left())).await;
        assert_eq!(party.claims(tokens.id.as_ref().unwrap()).await["sub"], app.user("bobby").await.id.to_string());
        assert!(allowed_by(&app, "bobby").await.is_some());
        assert_eq!(allowed_by(&app, "alice").await, None);
        let bobby = app.user("bobby").await.id;
        app.write(move |db| consents::withdraw(db, bobby, &ClientId::parse(PAGE).unwrap())).await;
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
        let alices = form_with(&shows_alice, "account");
        bobby_in_another_tab(&app, &mut browser).await;
        app.advance(later);
        // The button says who it is, and that is who goes on.
        let mut gone = browser.clone();
        let tokens = party.exchange(&party.code(&browser.submit(&alices, Some(alices.first_button())).await.left())).await;
        assert_eq!(party.claims(tokens.id.as_ref().unwrap()).await["sub"], app.user("alice").await.id.to_string());
        // When she has signed out meanwhile, nobody goes on in her place: the page is shown again, with who is there.
        let (alice, now) = (app.user("alice").await.id, app.now());
        app.write(move |db| tree::end(db, &Node::User(alice), EndReason::Logout, now)).await;
        let again = gone.submit(&alices, Some(alices.first_button())).await.page();
        assert!(again.text().contains("Bobby Example") && !again.text().contains("Alice Example"));
        let bobbys = form_with(&again, "account");
        let tokens = party.exchange(&party.code(&gone.submit(&bobbys, Some(bobbys.first_button())).await.left())).await;
        assert_eq!(party.claims(tokens.id.as_ref().unwrap()).await["sub"], app.user("bobby").await.id.to_string());
    }
}
