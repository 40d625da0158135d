//! Several accounts in one browser: each goes on beside the others, and each application goes on with the one it has.

use chrono::TimeDelta;
use gatekey::domain::event::EventKind;
use gatekey::domain::id::UserId;
use gatekey::domain::session::{EndReason, Session};
use gatekey::settings::{RememberMe, Settings};
use gatekey::store::events::{self, Filter};
use gatekey::store::sessions;
use gatekey::store::tree::{self, Node};
use serde_json::json;
use url::Url;

use crate::frontchannel_logout::{ONE, TWO, framed, frames};
use crate::support::app::{App, OWN_PAGE, PAGE, PASSWORD, SERVER};
use crate::support::browser::{Browser, Landing, form_with};
use crate::support::cookie_jar::{Cookie, SameSite};
use crate::support::database::{Database, each_database};
use crate::support::form::forms;
use crate::support::network::{Answer, parameter};
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::statements;

each_database!(
    one_goes_on_beside_the_other,
    an_application_goes_on_with_the_account_it_has,
    no_end_hands_an_application_to_another_account,
    of_two_that_an_application_has_one_is_over,
    a_session_in_two_places_is_one,
    silence_does_not_choose_between_two_that_an_application_has,
    the_chooser_shows_everybody_and_somebody_else,
    a_password_is_asked_for_where_it_is_needed,
    the_oldest_choice_makes_room,
    cookies_that_open_nothing_make_room,
    a_sign_out_is_of_one_account,
    a_sign_out_without_a_hint_asks_of_whom,
    the_own_page_is_of_one_account_and_leads_to_the_others,
    each_is_remembered_by_itself,
    the_state_of_each_is_its_own,
    one_account_costs_one_read,
    signing_in_again_is_of_one_account,
);

fn people(settings: &mut Settings) {
    for name in ["carol", "david", "erika", "frank"] {
        let mut user = settings.users[0].clone();
        user.username = name.to_owned();
        user.profile.name = Some(format!("{} Example", name.to_uppercase()));
        user.profile.email = Some(format!("{name}@example.test"));
        settings.users.push(user);
    }
}

/// Signs in at an application, as somebody new in this browser.
async fn add(app: &App, browser: &mut Browser, client: &str, username: &str) -> Tokens {
    let party = app.relying_party(client);
    app.advance(TimeDelta::seconds(1));
    let page = browser.visit(party.authorize("openid", &[("prompt", "login")]).as_str()).await.page();
    let landing = browser.submit(&form_with(&page, "password").fill("username", username).fill("password", PASSWORD), None).await;
    let response = match landing {
        Landing::Left(url) => url,
        Landing::Page(page) => browser.submit(&form_with(&page, "decision"), Some("allow")).await.left(),
    };
    party.exchange(&party.code(&response)).await
}

async fn sub(party: &RelyingParty, response: &Url) -> String {
    let tokens = party.exchange(&party.code(response)).await;
    party.claims(tokens.id.as_ref().unwrap()).await["sub"].as_str().unwrap().to_owned()
}

async fn id(app: &App, username: &str) -> String {
    app.user(username).await.id.to_string()
}

/// The cookies of sessions, by name.
fn session_cookies(browser: &Browser) -> Vec<Cookie> {
    let is_one = |cookie: &&Cookie| !["-browser", "-known", "-state"].iter().any(|end| cookie.name.ends_with(end));
    let mut cookies: Vec<Cookie> = browser.jar.all().iter().filter(is_one).cloned().collect();
    cookies.sort_by(|a, b| a.name.cmp(&b.name));
    cookies
}

async fn of(app: &App, user: UserId) -> Vec<Session> {
    app.store.scan(move |db| sessions::list(db, Some(user), None, 100)).await.unwrap()
}

/// The accounts of a chooser, by the names that it shows, the last chosen first; and the button of each.
fn shown(page: &Answer) -> Vec<String> {
    page.text().split("class=\"who-name\">").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

async fn one_goes_on_beside_the_other(database: Database) {
    let app = App::start(database).await;
    let (own, server) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let mut browser = app.browser();
    let alice = app.sign_in(&mut browser, &own, "openid").await;
    let alone = session_cookies(&browser);
    let bob = add(&app, &mut browser, SERVER, "bobby").await;
    // Two cookies, each as one alone is; alice's is untouched.
    let cookies = session_cookies(&browser);
    assert_eq!((cookies.len(), &cookies[0].value), (2, &alone[0].value));
    assert_eq!(cookies[1].name, format!("{}-2", alone[0].name));
    for cookie in &cookies {
        assert!(cookie.http_only && cookie.secure && cookie.same_site == SameSite::None && cookie.name.starts_with("__Host-"));
        assert!(cookie.value.len() <= 64 && cookie.expires_at.is_some(), "{}", cookie.value.len());
    }
    // Each is refreshed, looked at and renewed as before.
    for (party, tokens, name) in [(&own, alice, "alice"), (&server, bob, "bobby")] {
        let expected = id(&app, name).await;
        assert_eq!(own.userinfo(&tokens.access).await.json()["sub"], expected.as_str());
        let again = party.refresh(tokens.refresh()).await;
        assert_eq!(party.claims(again.id.as_ref().unwrap()).await["sub"], expected.as_str());
        assert_eq!(sub(party, &app.silently(&mut browser, party, "openid", &[]).await).await, expected);
        assert_eq!(of(&app, app.user(name).await.id).await.iter().map(|session| session.ended).collect::<Vec<_>>(), [None]);
    }
    // Nothing of it changed a cookie.
    let values = |cookies: &[Cookie]| cookies.iter().map(|cookie| cookie.value.clone()).collect::<Vec<_>>();
    assert_eq!(values(&session_cookies(&browser)), values(&cookies));
}

/// With a page and without, and with no hint at all: as single-page applications do.
async fn an_application_goes_on_with_the_account_it_has(database: Database) {
    let app = App::start(database).await;
    let (own, server, page) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER), app.relying_party(PAGE));
    let (alice, bobby) = (id(&app, "alice").await, id(&app, "bobby").await);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    add(&app, &mut browser, SERVER, "bobby").await;
    for (party, expected) in [(&own, &alice), (&server, &bobby)] {
        assert_eq!(sub(party, &app.silently(&mut browser, party, "openid", &[]).await).await, **expected);
        assert_eq!(sub(party, &browser.visit(party.authorize("openid", &[]).as_str()).await.left()).await, **expected);
    }
    // One that neither has opened: the account chosen last is asked. The other, in silence, is not there for it.
    assert_eq!(page.error(&app.silently(&mut browser, &page, "openid", &[]).await), "consent_required");
    let asks = browser.visit(page.authorize("openid", &[]).as_str()).await.page();
    assert!(asks.text().contains("Bobby Example"), "{}", asks.text());
    assert_eq!(sub(&page, &browser.submit(&form_with(&asks, "decision"), Some("allow")).await.left()).await, bobby);
    assert_eq!(sub(&page, &app.silently(&mut browser, &page, "openid", &[]).await).await, bobby);
    // alice is hinted at: she is asked for herself; then the application has both.
    let hinted = browser.visit(page.authorize("openid", &[("login_hint", "Alice@example.test")]).as_str()).await.page();
    assert!(hinted.text().contains("Alice Example"), "{}", hinted.text());
    assert_eq!(sub(&page, &browser.submit(&form_with(&hinted, "decision"), Some("allow")).await.left()).await, alice);
    // Her session is past its limit at the application that has her: her password is asked for, nobody else steps in.
    app.advance(TimeDelta::days(10));
    assert_eq!(sub(&server, &app.silently(&mut browser, &server, "openid", &[]).await).await, bobby);
    app.advance(TimeDelta::days(10));
    assert_eq!(own.error(&app.silently(&mut browser, &own, "openid", &[]).await), "login_required");
    let asks = browser.visit(own.authorize("openid", &[]).as_str()).await.page();
    assert_eq!(form_with(&asks, "password").field("username").unwrap().value, "alice");
    let again = browser.visit(asks.url.as_str()).await.page();
    assert_eq!(form_with(&again, "password").field("username").unwrap().value, "alice", "the page stays whose it was");
    let form = form_with(&again, "password").fill("password", PASSWORD);
    assert_eq!(sub(&own, &browser.submit(&form, None).await.left()).await, alice);
    assert_eq!(sub(&server, &app.silently(&mut browser, &server, "openid", &[]).await).await, bobby);
}

/// Ends all that a user has, as an administrator does.
async fn end(app: &App, username: &str, reason: EndReason) {
    let (user, now) = (app.user(username).await.id, app.now());
    app.write(move |db| tree::end(db, &Node::User(user), reason, now)).await;
}

/// Whatever has ended the account that an application has, and whether that is written down already: silence is no answer of somebody else's. With
/// a page its user is asked.
async fn no_end_hands_an_application_to_another_account(database: Database) {
    let app = App::start(database).await;
    let (own, server, page) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER), app.relying_party(PAGE));
    let bobby = id(&app, "bobby").await;
    for way in ["administrator", "password", "disabled", "limit", "limit, written down", "hinted at", "signed out"] {
        let mut browser = app.browser();
        let alice = app.sign_in(&mut browser, &own, "openid").await;
        add(&app, &mut browser, SERVER, "bobby").await;
        let name = [("login_hint", "alice")];
        match way {
            "limit" | "limit, written down" => {
                app.advance(TimeDelta::days(10));
                assert_eq!(sub(&server, &app.silently(&mut browser, &server, "openid", &[]).await).await, bobby);
                app.advance(TimeDelta::days(10));
                if way != "limit" {
                    assert_eq!(own.error(&app.silently(&mut browser, &own, "openid", &[]).await), "login_required");
                    app.running.deliver_logout_notices().await;
                    let ended = of(&app, app.user("alice").await.id).await.iter().filter_map(|session| session.ended).max_by_key(|end| end.at);
                    assert_eq!(ended.unwrap().reason, EndReason::ExpiredIdle);
                }
            }
            "password" => end(&app, "alice", EndReason::PasswordChanged).await,
            "disabled" => end(&app, "alice", EndReason::UserDisabled).await,
            "signed out" => {
                let logout = Url::parse_with_params(&own.endpoint("oidc/logout"), [("id_token_hint", alice.id.as_deref().unwrap())]).unwrap();
                browser.visit(logout.as_str()).await.page();
            }
            _ => end(&app, "alice", EndReason::RevokedByAdmin).await,
        }
        // The other's own goes on, and so does what neither has opened.
        assert_eq!(sub(&server, &app.silently(&mut browser, &server, "openid", &[]).await).await, bobby, "{way}");
        assert_eq!(page.error(&app.silently(&mut browser, &page, "openid", &[]).await), "consent_required", "{way}");
        if way == "signed out" {
            // In this very browser, by its user: nobody is left to be asked. The control of all the others.
            assert_eq!(sub(&own, &app.silently(&mut browser, &own, "openid", &[]).await).await, bobby);
            continue;
        }
        // Whom the application has, or whom it hints at where it has nobody.
        let party = if way == "hinted at" { &server } else { &own };
        for hints in [&name[..], &[]].into_iter().take(if way == "hinted at" { 1 } else { 2 }) {
            assert_eq!(party.error(&app.silently(&mut browser, party, "openid", hints).await), "login_required", "{way} {hints:?}");
            form_with(&browser.visit(party.authorize("openid", hints).as_str()).await.page(), "password");
        }
        // Who wants to choose is not asked for somebody's password first.
        let chooser = browser.visit(own.authorize("openid", &[("prompt", "select_account")]).as_str()).await.page();
        assert!(shown(&chooser).contains(&"Bobby Example".to_owned()), "{way}");
        // Whoever is there may go on all the same, by a password.
        let asks = browser.visit(own.authorize("openid", &[]).as_str()).await.page();
        let form = form_with(&asks, "password").fill("username", "bobby").fill("password", PASSWORD);
        assert_eq!(sub(&own, &browser.submit(&form, None).await.left()).await, bobby, "{way}");
        assert_eq!(sub(&own, &app.silently(&mut browser, &own, "openid", &[]).await).await, bobby, "{way}");
    }
}

/// A tab of hers may be open still, and must not get the tokens of the other: until her user says who goes on, or her account is not there any more.
async fn of_two_that_an_application_has_one_is_over(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let alice = app.sign_in(&mut browser, &own, "openid").await;
    let bob = add(&app, &mut browser, OWN_PAGE, "bobby").await;
    let bobby = id(&app, "bobby").await;
    end(&app, "alice", EndReason::RevokedByAdmin).await;
    let unhinted = async |browser: &mut Browser| own.error(&app.silently(browser, &own, "openid", &[]).await);
    assert_eq!(unhinted(&mut browser).await, "account_selection_required");
    let of = |tokens: &Tokens| tokens.id.clone().unwrap();
    let hinted = app.silently(&mut browser, &own, "openid", &[("id_token_hint", &of(&bob))]).await;
    assert_eq!(sub(&own, &hinted).await, bobby);
    assert_eq!(own.error(&app.silently(&mut browser, &own, "openid", &[("id_token_hint", &of(&alice))]).await), "account_selection_required");
    assert_eq!(own.error(&app.silently(&mut browser, &own, "openid", &[("login_hint", "alice")]).await), "login_required");
    // With a page the other goes on, unasked; that is no word on who the tabs are of.
    assert_eq!(sub(&own, &browser.visit(own.authorize("openid", &[]).as_str()).await.left()).await, bobby);
    assert_eq!(unhinted(&mut browser).await, "account_selection_required");
    // What the error asks for is the way out: whoever was not on the page is not there afterwards.
    let chooser = browser.visit(own.authorize("openid", &[("prompt", "select_account")]).as_str()).await.page();
    assert_eq!(shown(&chooser), ["Bobby Example", "Use another account"]);
    let form = form_with(&chooser, "account");
    assert_eq!(sub(&own, &browser.submit(&form, Some(form.first_button())).await.left()).await, bobby);
    assert_eq!(session_cookies(&browser).len(), 1);
    assert_eq!(sub(&own, &app.silently(&mut browser, &own, "openid", &[]).await).await, bobby);
}

/// Made by hand, since no answer of the server does it: signing in again ends no session that it has renewed.
async fn a_session_in_two_places_is_one(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    let cookie = session_cookies(&browser)[0].clone();
    let copy = format!("{}-3={}; Path=/; Secure; HttpOnly; SameSite=None", cookie.name, cookie.value);
    browser.jar.set(&Url::parse(&app.issuer).unwrap(), &copy, app.now());
    let alice = id(&app, "alice").await;
    assert_eq!(sub(&own, &app.silently(&mut browser, &own, "openid", &[]).await).await, alice);
    add(&app, &mut browser, OWN_PAGE, "alice").await;
    assert_eq!(sub(&own, &app.silently(&mut browser, &own, "openid", &[]).await).await, alice);
    assert_eq!(session_cookies(&browser).len(), 1);
    assert_eq!(of(&app, app.user("alice").await.id).await.iter().map(|session| session.ended).collect::<Vec<_>>(), [None]);
}

async fn silence_does_not_choose_between_two_that_an_application_has(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let alice = app.sign_in(&mut browser, &own, "openid").await;
    let bob = add(&app, &mut browser, OWN_PAGE, "bobby").await;
    let (alices, bobbys) = (id(&app, "alice").await, id(&app, "bobby").await);
    let refused = app.silently(&mut browser, &own, "openid", &[]).await;
    assert_eq!(own.error(&refused), "account_selection_required");
    assert_eq!(parameter(&refused, "session_state"), None);
    // Said in any of the ways there are, it is that one, and never the other.
    let named = |user: &str| json!({"id_token": {"sub": {"value": user}}}).to_string();
    for (expected, tokens, name, address) in [(&alices, &alice, "alice", "ALICE@example.test"), (&bobbys, &bob, "bobby", "bobby@example.test")] {
        let claims = named(expected);
        for hint in [("id_token_hint", tokens.id.as_deref().unwrap()), ("claims", &claims), ("login_hint", name), ("login_hint", address)] {
            assert_eq!(sub(&own, &app.silently(&mut browser, &own, "openid", &[hint]).await).await, *expected, "{hint:?}");
            assert_eq!(sub(&own, &browser.visit(own.authorize("openid", &[hint]).as_str()).await.left()).await, *expected, "{hint:?}");
        }
    }
    // Somebody who is not there is nobody of them.
    let somebody = named("somebody");
    assert_eq!(own.error(&app.silently(&mut browser, &own, "openid", &[("claims", &somebody)]).await), "account_selection_required");
    assert_eq!(own.error(&app.silently(&mut browser, &own, "openid", &[("login_hint", "nobody")]).await), "account_selection_required");
    // With a page: the account chosen last; and a chooser for whoever asks for one.
    assert_eq!(sub(&own, &browser.visit(own.authorize("openid", &[]).as_str()).await.left()).await, bobbys);
    let chooser = browser.visit(own.authorize("openid", &[("prompt", "select_account")]).as_str()).await.page();
    assert_eq!(shown(&chooser)[..2], ["Bobby Example", "Alice Example"]);
    // One is enough again when the other has signed out.
    let logout = Url::parse_with_params(&own.endpoint("oidc/logout"), [("id_token_hint", bob.id.as_deref().unwrap())]).unwrap();
    browser.visit(logout.as_str()).await.page();
    assert_eq!(sub(&own, &app.silently(&mut browser, &own, "openid", &[]).await).await, alices);
}

/// And what is chosen there is the account of this browser from then on.
async fn the_chooser_shows_everybody_and_somebody_else(database: Database) {
    let app = App::start_with(database, people).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    add(&app, &mut browser, OWN_PAGE, "bobby").await;
    let request = own.authorize("openid", &[("prompt", "select_account")]);
    let chooser = browser.visit(request.as_str()).await.page();
    let form = form_with(&chooser, "account");
    let buttons: Vec<String> = form.fields.iter().filter(|field| field.name == "account").map(|field| field.value.clone()).collect();
    assert_eq!((shown(&chooser).len(), buttons.len(), buttons[2].as_str()), (3, 3, "other"));
    // alice goes on.
    assert_eq!(sub(&own, &browser.submit(&form, Some(&buttons[1])).await.left()).await, id(&app, "alice").await);
    let chooser = browser.visit(request.as_str()).await.page();
    assert_eq!(shown(&chooser)[..2], ["Alice Example", "Bobby Example"], "she was chosen last");
    assert_eq!(sub(&own, &browser.visit(own.authorize("openid", &[]).as_str()).await.left()).await, id(&app, "alice").await);
    // Somebody else signs in; the others stay.
    app.advance(TimeDelta::seconds(1));
    let page = browser.submit(&form_with(&chooser, "account"), Some("other")).await.page();
    assert_eq!(form_with(&page, "password").field("username").unwrap().value, "");
    let form = form_with(&page, "password").fill("username", "carol").fill("password", PASSWORD);
    assert_eq!(sub(&own, &browser.submit(&form, None).await.left()).await, id(&app, "carol").await);
    let chooser = browser.visit(request.as_str()).await.page();
    assert_eq!(shown(&chooser)[..3], ["CAROL Example", "Alice Example", "Bobby Example"]);
    // The consent page leads there too: "Not you?" shows who is here, and the answer is of whom the page then shows.
    let page = app.relying_party(PAGE);
    let asks = browser.visit(page.authorize("openid", &[]).as_str()).await.page();
    assert!(asks.text().contains("CAROL Example"));
    let not_you = forms(&asks.url, asks.text()).into_iter().find(|form| form.action.path() == "/select-account").unwrap();
    let chooser = browser.clone().submit(&not_you, Some("not-me")).await.page();
    assert_eq!(chooser.url.path(), "/select-account");
    assert_eq!(shown(&chooser)[..3], ["CAROL Example", "Alice Example", "Bobby Example"]);
    let bobbys = form_with(&chooser, "account").fields.iter().filter(|field| field.name == "account").nth(2).unwrap().value.clone();
    {
        let mut browser = browser.clone();
        let asks = browser.submit(&form_with(&chooser, "account"), Some(&bobbys)).await.page();
        assert!(asks.text().contains("Bobby Example") && !asks.text().contains("CAROL Example"), "asked for consent, without a password");
        // They may say so again, and also that it is somebody else.
        let not_you = forms(&asks.url, asks.text()).into_iter().find(|form| form.action.path() == "/select-account").unwrap();
        let chooser = browser.submit(&not_you, Some("not-me")).await.page();
        let sign_in = browser.submit(&form_with(&chooser, "account"), Some("other")).await.page();
        assert_eq!(form_with(&sign_in, "password").field("username").unwrap().value, "");
    }
    let asks = browser.submit(&form_with(&chooser, "account"), Some(&bobbys)).await.page();
    assert!(asks.text().contains("Bobby Example") && !asks.text().contains("CAROL Example"));
    assert_eq!(sub(&page, &browser.submit(&form_with(&asks, "decision"), Some("allow")).await.left()).await, id(&app, "bobby").await);
    assert_eq!(session_cookies(&browser).len(), 3);
    // Who is alone in the browser has nobody to choose: they sign in as whoever they are.
    let mut alone = app.browser();
    let form = form_with(&app.sign_in_page(&mut alone, &page).await, "password").fill("username", "alice").fill("password", PASSWORD);
    let asks = alone.submit(&form, None).await.page();
    let not_you = forms(&asks.url, asks.text()).into_iter().find(|form| form.action.path() == "/select-account").unwrap();
    let sign_in = alone.submit(&not_you, Some("not-me")).await.page();
    assert_eq!((sign_in.url.path(), form_with(&sign_in, "password").field("username").unwrap().value.as_str()), ("/login", ""));
}

/// A choice is no sign-in: what the application wants of one is asked for after it.
async fn a_password_is_asked_for_where_it_is_needed(database: Database) {
    let app = App::start_with(database, |settings| {
        let own = settings.clients.iter_mut().find(|client| client.id.as_str() == OWN_PAGE).unwrap();
        own.metadata.lifetimes.client_session_idle = Some("PT30M".parse().unwrap());
    })
    .await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    app.advance(TimeDelta::hours(1));
    add(&app, &mut browser, OWN_PAGE, "bobby").await;
    let alice = id(&app, "alice").await;
    for (prompt, tagged) in [("select_account", true), ("select_account login", true)] {
        let chooser = browser.visit(own.authorize("openid", &[("prompt", prompt)]).as_str()).await.page();
        assert_eq!(chooser.text().matches("Password needed").count(), usize::from(tagged));
        let form = form_with(&chooser, "account");
        let alices = form.fields.iter().filter(|field| field.name == "account").nth(1).unwrap().value.clone();
        let asks = browser.submit(&form, Some(&alices)).await.page();
        let asked = form_with(&asks, "password");
        app.advance(TimeDelta::seconds(1));
        let answer = browser.submit(&asked.fill("username", "alice").fill("password", PASSWORD), None).await.left();
        let tokens = own.exchange(&own.code(&answer)).await;
        let claims = own.claims(tokens.id.as_ref().unwrap()).await;
        assert_eq!((claims["sub"].as_str().unwrap(), claims["auth_time"].as_i64().unwrap()), (alice.as_str(), app.seconds()), "{prompt}");
        app.advance(TimeDelta::hours(1));
        add(&app, &mut browser, OWN_PAGE, "bobby").await;
    }
}

async fn the_oldest_choice_makes_room(database: Database) {
    let app = App::start_with(database, people).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    for name in ["bobby", "carol", "david", "erika"] {
        add(&app, &mut browser, OWN_PAGE, name).await;
    }
    assert_eq!(session_cookies(&browser).len(), 5);
    // alice is chosen anew, so bobby's is the oldest choice.
    let chooser = browser.visit(own.authorize("openid", &[("prompt", "select_account")]).as_str()).await.page();
    let form = form_with(&chooser, "account");
    let alices = form.fields.iter().filter(|field| field.name == "account").nth(4).unwrap().value.clone();
    browser.submit(&form, Some(&alices)).await.left();
    add(&app, &mut browser, OWN_PAGE, "frank").await;
    assert_eq!(session_cookies(&browser).len(), 5);
    for (name, ended) in [("alice", None), ("bobby", Some(EndReason::Superseded)), ("carol", None), ("david", None), ("erika", None), ("frank", None)] {
        let user = app.user(name).await.id;
        assert_eq!(of(&app, user).await.iter().map(|session| session.ended.map(|ended| ended.reason)).collect::<Vec<_>>(), [ended], "{name}");
    }
    let bobby = app.user("bobby").await.id;
    let told = app.store.scan(move |db| events::list(db, &Filter { user: Some(bobby), ..Filter::default() }, None, 100)).await.unwrap();
    assert_eq!((told[0].kind, &told[0].detail.fields()["reason"]), (EventKind::SessionEnded, &json!("superseded")));
    // All that a browser sends stays small.
    let header: usize = browser.jar.all().iter().map(|cookie| cookie.name.len() + cookie.value.len() + 3).sum();
    assert!(header < 1200, "{header}");
}

/// One that was ended elsewhere is no account any more; the next sign-in takes its place.
async fn cookies_that_open_nothing_make_room(database: Database) {
    let app = App::start_with(database, people).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    add(&app, &mut browser, OWN_PAGE, "bobby").await;
    add(&app, &mut browser, SERVER, "carol").await;
    for name in ["alice", "bobby"] {
        let (user, now) = (app.user(name).await.id, app.now());
        app.write(move |db| tree::end(db, &Node::User(user), EndReason::RevokedByAdmin, now)).await;
    }
    // In silence nothing is cleared away: an answer that is late must not take a newer cookie with it.
    let server = app.relying_party(SERVER);
    assert_eq!(sub(&server, &app.silently(&mut browser, &server, "openid", &[]).await).await, id(&app, "carol").await);
    assert_eq!(session_cookies(&browser).len(), 3);
    let chooser = browser.visit(own.authorize("openid", &[("prompt", "select_account")]).as_str()).await.page();
    assert_eq!(shown(&chooser).len(), 2, "carol, and somebody else: {:?}", shown(&chooser));
    add(&app, &mut browser, OWN_PAGE, "david").await;
    let cookies = session_cookies(&browser);
    assert_eq!(cookies.iter().map(|cookie| cookie.name.matches('-').count()).collect::<Vec<_>>(), [2, 3], "{cookies:?}");
    assert_eq!(sub(&own, &app.silently(&mut browser, &own, "openid", &[]).await).await, id(&app, "david").await);
    assert_eq!(sub(&server, &app.silently(&mut browser, &server, "openid", &[]).await).await, id(&app, "carol").await);
}

/// RP-Initiated Logout §2: the hint's, with the frames of its applications and of nobody else's.
async fn a_sign_out_is_of_one_account(database: Database) {
    let app = App::start_with(database, framed).await;
    let (one, two) = (app.relying_party(ONE), app.relying_party(TWO));
    let mut browser = app.browser();
    let alice = app.sign_in(&mut browser, &one, "openid").await;
    let bob = add(&app, &mut browser, TWO, "bobby").await;
    let logout = |tokens: &Tokens| Url::parse_with_params(&one.endpoint("oidc/logout"), [("id_token_hint", tokens.id.as_deref().unwrap())]).unwrap();
    let before = session_cookies(&browser);
    let answer = crate::support::attack::ask(&mut browser, &logout(&alice)).await;
    assert_eq!(answer.header("set-login"), None, "somebody is signed in still");
    assert!(answer.text().contains("Other accounts are still signed in here."), "{}", answer.text());
    let told = frames(&answer);
    assert_eq!(told.iter().map(|url| url.host_str().unwrap()).collect::<Vec<_>>(), ["framed-one.example.test"]);
    let after = session_cookies(&browser);
    assert_eq!((after.len(), &after[0].value), (1, &before[1].value));
    one.refused(alice.refresh()).await;
    assert_eq!(one.error(&app.silently(&mut browser, &one, "openid", &[("id_token_hint", alice.id.as_deref().unwrap())]).await), "account_selection_required");
    assert_eq!(sub(&two, &app.silently(&mut browser, &two, "openid", &[]).await).await, id(&app, "bobby").await);
    let bob = two.refresh(bob.refresh()).await;
    // The last one: nobody is signed in.
    let answer = crate::support::attack::ask(&mut browser, &logout(&bob)).await;
    assert_eq!(answer.header("set-login"), Some("logged-out"));
    assert!(session_cookies(&browser).is_empty() && !browser.jar.all().iter().any(|cookie| cookie.name.ends_with("-state")));
}

async fn a_sign_out_without_a_hint_asks_of_whom(database: Database) {
    let app = App::start_with(database, people).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    add(&app, &mut browser, SERVER, "bobby").await;
    add(&app, &mut browser, PAGE, "carol").await;
    let live = async || {
        let mut live = Vec::new();
        for name in ["alice", "bobby", "carol"] {
            live.extend(of(&app, app.user(name).await.id).await.into_iter().filter(|session| session.ended.is_none()).map(|_| name));
        }
        live
    };
    let logout = own.endpoint("oidc/logout");
    let page = browser.visit(&logout).await.page();
    for name in ["Alice Example", "Bobby Example", "CAROL Example"] {
        assert!(page.text().contains(name), "{name}");
    }
    let form = form_with(&page, "decision");
    // No, or an account that is not there: nothing.
    browser.submit(&form, Some("deny")).await.page();
    let mut stranger = form.clone();
    stranger.fields.push(crate::support::form::Field { name: "account".to_owned(), value: "x".to_owned(), kind: "hidden".to_owned() });
    browser.submit(&stranger, None).await.page();
    stranger.fields.last_mut().unwrap().value = "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d".to_owned();
    browser.submit(&stranger, None).await.page();
    assert_eq!(live().await, ["alice", "bobby", "carol"]);
    // One of them; the page lists the last chosen first.
    let second = form.fields.iter().filter(|field| field.name == "account").nth(1).unwrap().value.clone();
    let page = browser.submit(&form, Some(&second)).await.page();
    assert!(page.text().contains("You are signed out") && page.text().contains("Other accounts"));
    assert_eq!(live().await, ["alice", "carol"]);
    assert_eq!(sub(&own, &app.silently(&mut browser, &own, "openid", &[]).await).await, id(&app, "alice").await);
    // All of them.
    let page = browser.visit(&logout).await.page();
    browser.submit(&form_with(&page, "decision"), Some("allow")).await.page();
    assert_eq!(live().await, [""; 0]);
    assert!(session_cookies(&browser).is_empty());
}

async fn the_own_page_is_of_one_account_and_leads_to_the_others(database: Database) {
    let app = App::start_with(database, |settings| {
        people(settings);
        // A password of her own, so that it can be changed.
        settings.users.iter_mut().find(|user| user.username == "alice").unwrap().password_hash = None;
    })
    .await;
    let admin = gatekey::service::admin::Installation::open_existing(&app.settings).await.unwrap();
    let admin = admin.admin(app.clock.clone(), std::sync::Arc::new(crate::support::entropy::SeededEntropy::new("admin")));
    admin.set_password(app.user("alice").await.id, gatekey::domain::secret::Secret::new(crate::support::app::password_hash().to_owned())).await.unwrap();
    admin.store.close().await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    let account = own.endpoint("account");
    assert!(browser.visit(&account).await.page().text().contains("Sign in with another account as well"));
    add(&app, &mut browser, SERVER, "bobby").await;
    let bobbys = browser.visit(&account).await.page();
    assert!(bobbys.text().contains("Other accounts in this browser") && bobbys.text().contains("The server") && !bobbys.text().contains("The own-page"));
    let switch = forms(&bobbys.url, bobbys.text()).into_iter().find(|form| form.action.path().ends_with("switch")).unwrap();
    let alices = browser.submit(&switch, Some(switch.first_button())).await.page();
    assert!(alices.text().contains("The own-page") && !alices.text().contains("The server"), "{}", alices.text());
    assert!(browser.visit(&app.issuer).await.page().text().contains("Alice Example"));
    // bobby's page is still open in another tab: what it does is bobby's.
    let others = forms(&bobbys.url, bobbys.text()).into_iter().find(|form| form.action.path().ends_with("end-others")).unwrap();
    let mut elsewhere = app.browser();
    app.authorize_as(&mut elsewhere, &own.authorize("openid", &[]), "bobby").await;
    app.sign_in(&mut app.browser(), &own, "openid").await;
    let done = browser.submit(&others, None).await.page();
    assert!(done.text().contains("You are now signed in here and nowhere else.") && done.text().contains("The server"), "{}", done.text());
    let live = async |name| of(&app, app.user(name).await.id).await.iter().filter(|session| session.ended.is_none()).count();
    assert_eq!((live("alice").await, live("bobby").await), (2, 1));
    // A new password of one is no matter of the other.
    app.advance(TimeDelta::seconds(1));
    let switch = forms(&done.url, done.text()).into_iter().find(|form| form.action.path().ends_with("switch")).unwrap();
    browser.submit(&switch, Some(switch.first_button())).await.page();
    let page = browser.visit(&own.endpoint("account/password")).await.page();
    let form = form_with(&page, "new_password").fill("password", PASSWORD);
    let form = form.fill("new_password", "a new horse battery staple").fill("password_again", "a new horse battery staple");
    let done = browser.submit(&form, None).await.page();
    assert!(done.text().contains("Your password is changed") && done.text().contains("The own-page"), "{}", done.text());
    assert_eq!((live("alice").await, live("bobby").await), (1, 1));
    let (server, state) = (app.relying_party(SERVER), browser.jar.all().iter().find(|cookie| cookie.name.ends_with("-state")).unwrap().value.clone());
    for party in [&own, &server] {
        party.code(&app.silently(&mut browser, party, "openid", &[]).await);
    }
    assert_eq!(browser.jar.all().iter().find(|cookie| cookie.name.ends_with("-state")).unwrap().value, state, "it was right at once");
}

async fn each_is_remembered_by_itself(database: Database) {
    let app = App::start_with(database, |settings| settings.sessions.remember_me = RememberMe::Ask).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    for (name, ticked) in [("alice", true), ("bobby", false)] {
        app.advance(TimeDelta::seconds(1));
        let page = browser.visit(own.authorize("openid", &[("prompt", "login")]).as_str()).await.page();
        let mut form = form_with(&page, "password").fill("username", name).fill("password", PASSWORD);
        form.fields.retain(|field| field.name != "remember");
        if ticked {
            form.fields.push(crate::support::form::Field { name: "remember".to_owned(), value: "yes".to_owned(), kind: "checkbox".to_owned() });
        }
        own.exchange(&own.code(&browser.submit(&form, None).await.left())).await;
    }
    let kept = |browser: &Browser| session_cookies(browser).iter().map(|cookie| cookie.expires_at.is_some()).collect::<Vec<_>>();
    let state = |browser: &Browser| browser.jar.all().iter().find(|cookie| cookie.name.ends_with("-state")).unwrap().expires_at;
    assert_eq!((kept(&browser), state(&browser)), (vec![true, false], None));
    // Neither silence nor a choice changes that.
    app.advance(TimeDelta::minutes(5));
    for name in ["alice", "bobby"] {
        own.code(&app.silently(&mut browser, &own, "openid", &[("login_hint", name)]).await);
    }
    let chooser = browser.visit(own.authorize("openid", &[("prompt", "select_account")]).as_str()).await.page();
    let form = form_with(&chooser, "account");
    let ids: Vec<String> = form.fields.iter().filter(|field| field.name == "account" && field.value != "other").map(|field| field.value.clone()).collect();
    for id in ids.iter().rev() {
        browser.submit(&form, Some(id)).await.left();
        assert_eq!((kept(&browser), state(&browser)), (vec![true, false], None));
    }
    // The browser is closed: one of them is there again.
    let mut next = app.browser();
    for cookie in browser.jar.all().iter().filter(|cookie| cookie.expires_at.is_some()) {
        let line = format!("{}={}; Path=/; Max-Age=1000; Secure; HttpOnly; SameSite=None", cookie.name, cookie.value);
        next.jar.set(&Url::parse(&app.issuer).unwrap(), &line, app.now());
    }
    assert_eq!(sub(&own, &app.silently(&mut next, &own, "openid", &[]).await).await, id(&app, "alice").await);
    assert!(state(&next).is_some());
}

/// Session Management 1.0 §2: each application compares with the account that it has. The comparing is in a browser: `tests/browser`.
async fn the_state_of_each_is_its_own(database: Database) {
    let app = App::start(database).await;
    let (own, server) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let mut browser = app.browser();
    let states = |browser: &Browser| -> Vec<String> {
        let cookie = browser.jar.all().iter().find(|cookie| cookie.name.ends_with("-state"));
        cookie.map(|cookie| cookie.value.split('.').map(str::to_owned).collect()).unwrap_or_default()
    };
    app.sign_in(&mut browser, &own, "openid").await;
    let alice = states(&browser);
    add(&app, &mut browser, SERVER, "bobby").await;
    let both = states(&browser);
    assert_eq!((both.len(), &both[0]), (2, &alice[0]));
    // The same whoever is asked for, and whoever is chosen.
    for party in [&own, &server] {
        party.code(&app.silently(&mut browser, party, "openid", &[]).await);
        assert_eq!(states(&browser), both);
    }
    // alice again: hers is another, his is not.
    add(&app, &mut browser, OWN_PAGE, "alice").await;
    let again = states(&browser);
    assert!(again.len() == 2 && again[0] != both[0] && again[1] == both[1]);
    // Ended elsewhere: gone with the next answer, whosever it is.
    let (user, now) = (app.user("alice").await.id, app.now());
    app.write(move |db| tree::end(db, &Node::User(user), EndReason::RevokedByAdmin, now)).await;
    server.code(&app.silently(&mut browser, &server, "openid", &[]).await);
    assert_eq!(states(&browser), [both[1].clone()]);
}

/// Silent renewal of one account is what it was; of several it reads each that is there, and writes nothing.
async fn one_account_costs_one_read(database: Database) {
    statements::count();
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    let cost = async |browser: &Browser| {
        statements::least(&app.database, async || {
            own.code(&app.silently(&mut browser.clone(), &own, "openid", &[]).await);
        })
        .await
    };
    let one = cost(&browser).await;
    add(&app, &mut browser, SERVER, "bobby").await;
    let two = cost(&browser).await;
    assert_eq!(two, one + 1);
}

/// The same session, a new secret in the same cookie, a new start; the other account notices nothing.
async fn signing_in_again_is_of_one_account(database: Database) {
    let app = App::start(database).await;
    let (own, server) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &own, "openid").await;
    let bob = add(&app, &mut browser, SERVER, "bobby").await;
    let before = session_cookies(&browser);
    let (alices, bobbys) = (of(&app, app.user("alice").await.id).await, of(&app, app.user("bobby").await.id).await);
    app.advance(TimeDelta::minutes(20));
    let again = add(&app, &mut browser, OWN_PAGE, "alice").await;
    let after = session_cookies(&browser);
    assert_eq!((after.len(), &after[1].value), (2, &before[1].value));
    assert_ne!(after[0].value.split('.').next(), before[0].value.split('.').next());
    let (claims, old) = (own.claims(again.id.as_ref().unwrap()).await, own.claims(first.id.as_ref().unwrap()).await);
    assert_eq!((&claims["sid"], &claims["auth_time"]), (&old["sid"], &app.seconds().into()));
    let now = of(&app, app.user("alice").await.id).await;
    assert_eq!((now.len(), now[0].id, now[0].auth_time), (1, alices[0].id, app.now()));
    let his = of(&app, app.user("bobby").await.id).await;
    assert_eq!((his.len(), his[0].id, his[0].auth_time), (1, bobbys[0].id, bobbys[0].auth_time));
    // The old secret opens nothing (ASVS 7.2.4), alone or beside his.
    for cookie in [format!("{}={}", before[0].name, before[0].value), format!("{}={}; {}={}", before[0].name, before[0].value, after[1].name, after[1].value)] {
        let hinted = own.authorize("openid", &[("prompt", "none"), ("login_hint", "alice")]);
        let answer = app.network.get(hinted.as_str(), &[("cookie", &cookie)]).await;
        let location = answer.location().unwrap();
        assert!(parameter(&location, "code").is_none() || sub(&own, &location).await == id(&app, "bobby").await);
    }
    server.refresh(bob.refresh()).await;
    own.refresh(first.refresh()).await;
}
