//! "Stay signed in": without it the cookie goes with the browser and shorter limits count, and nothing but a sign-in page changes that.

use std::sync::Arc;

use chrono::TimeDelta;
use gatekey::domain::duration::Lifetime;
use gatekey::domain::lifetime_rule::Selector;
use gatekey::domain::session::{EndReason, Session};
use gatekey::service::admin::{Installation, RuleChange};
use gatekey::settings::{RememberMe, Settings};
use gatekey::store::sessions;

use crate::support::app::{App, OWN_PAGE, PASSWORD};
use crate::support::browser::{Browser, OWN_FORM, form_with};
use crate::support::cookie_jar::Cookie;
use crate::support::database::{Database, each_database};
use crate::support::entropy::SeededEntropy;
use crate::support::form::{Field, Form};
use crate::support::network::Answer;

each_database!(
    unless_it_is_asked_for_every_browser_is_remembered,
    without_the_box_the_cookie_goes_with_the_browser,
    each_has_its_own_limits,
    what_was_said_last_on_a_sign_in_page_holds,
    never_means_never,
    a_box_stays_as_it_was_left,
    a_change_tried_out_knows_who_is_remembered,
    what_is_over_is_swept_by_its_own_limits,
);

fn asking(settings: &mut Settings) {
    settings.sessions.remember_me = RememberMe::Ask;
    settings.lifetimes.unremembered_absolute = "PT8H".parse().unwrap();
    settings.lifetimes.unremembered_idle = "PT1H".parse().unwrap();
}

/// The sign-in form of a page, filled in, with the box as it is to be.
fn filled(page: &Answer, ticked: bool) -> Form {
    let mut form = form_with(page, "password").fill("username", "alice").fill("password", PASSWORD);
    form.fields.retain(|field| field.name != "remember");
    if ticked {
        form.fields.push(Field { name: "remember".to_owned(), value: "yes".to_owned(), kind: "checkbox".to_owned() });
    }
    form
}

async fn sign_in(app: &App, browser: &mut Browser, changes: &[(&str, &str)], ticked: bool) {
    let party = app.relying_party(OWN_PAGE);
    let page = browser.visit(party.authorize("openid", changes).as_str()).await.page();
    assert!(page.text().contains("name=\"remember\""), "{}", page.text());
    let answer = browser.submit(&filled(&page, ticked), None).await.left();
    party.exchange(&party.code(&answer)).await;
    // Sessions are listed in the order in which they were made.
    app.advance(TimeDelta::milliseconds(10));
}

fn cookies_of_the_session(browser: &Browser) -> Vec<Cookie> {
    let all = browser.jar.all().iter();
    all.filter(|cookie| !cookie.name.ends_with("-browser") && !cookie.name.ends_with("-known")).cloned().collect()
}

/// Whether the session's cookie, and the one that applications notice it by, outlive the browser.
fn kept(browser: &Browser) -> bool {
    let cookies = cookies_of_the_session(browser);
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    let kept = cookies[0].expires_at.is_some();
    assert!(cookies.iter().all(|cookie| cookie.expires_at.is_some() == kept), "{cookies:?}");
    kept
}

async fn newest(app: &App) -> Session {
    let user = app.user("alice").await.id;
    app.store.scan(move |db| sessions::list(db, Some(user), None, 100)).await.unwrap().pop().unwrap()
}

async fn unless_it_is_asked_for_every_browser_is_remembered(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let page = browser.visit(party.authorize("openid", &[]).as_str()).await.page();
    assert!(!page.text().contains("name=\"remember\""));
    browser.submit(&filled(&page, false), None).await.left();
    assert!(kept(&browser) && newest(&app).await.remembered);
    app.advance(TimeDelta::days(10));
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
}

/// And silent renewal, a page that only redirects and the user's own page leave it so: none of them makes it a lasting one.
async fn without_the_box_the_cookie_goes_with_the_browser(database: Database) {
    let app = App::start_with(database, asking).await;
    let party = app.relying_party(OWN_PAGE);
    let (mut browser, mut remembered) = (app.browser(), app.browser());
    sign_in(&app, &mut browser, &[], false).await;
    assert!(!newest(&app).await.remembered);
    sign_in(&app, &mut remembered, &[], true).await;
    assert!(newest(&app).await.remembered);
    let before = cookies_of_the_session(&browser);
    for _ in 0..3 {
        app.advance(TimeDelta::minutes(50));
        let used = newest(&app).await.last_used_at;
        for browser in [&mut browser, &mut remembered] {
            party.code(&app.silently(browser, &party, "openid", &[]).await);
            party.code(&browser.visit(party.authorize("openid", &[]).as_str()).await.left());
            browser.visit(&party.endpoint("account")).await.page();
        }
        assert!(newest(&app).await.last_used_at > used, "each was a use");
        assert!(!kept(&browser) && kept(&remembered));
    }
    // The very same cookies, and the others renewed.
    let values = |cookies: &[Cookie]| cookies.iter().map(|cookie| cookie.value.clone()).collect::<Vec<_>>();
    assert_eq!(values(&cookies_of_the_session(&browser)), values(&before));
    assert!(cookies_of_the_session(&remembered).iter().all(|cookie| cookie.expires_at == Some(app.now() + TimeDelta::days(400))));
    // A state cookie that was lost comes back, and goes with the browser too.
    let state = |browser: &Browser| browser.jar.all().iter().find(|cookie| cookie.name.ends_with("-state")).cloned();
    let lost = state(&browser).unwrap();
    let gone = format!("{}=; Path=/; Max-Age=0; Secure; SameSite=None", lost.name);
    browser.jar.set(&url::Url::parse(&app.issuer).unwrap(), &gone, app.now());
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    assert_eq!(state(&browser).map(|cookie| (cookie.value, cookie.expires_at)), Some((lost.value, None)));
}

async fn each_has_its_own_limits(database: Database) {
    let app = App::start_with(database, asking).await;
    let party = app.relying_party(OWN_PAGE);
    let (mut idle, mut busy, mut remembered) = (app.browser(), app.browser(), app.browser());
    sign_in(&app, &mut idle, &[], false).await;
    sign_in(&app, &mut remembered, &[], true).await;
    let page = busy.visit(party.authorize("openid", &[]).as_str()).await.page();
    let tokens = party.exchange(&party.code(&busy.submit(&filled(&page, false), None).await.left())).await;
    // The application is told the truth: of the eight hours and the one, not of the thirty days.
    let began = app.seconds();
    assert_eq!((&tokens.json["session_expires_at"], &tokens.json["session_idle_expires_at"]), (&(began + 8 * 3600).into(), &(began + 3600).into()));
    assert_eq!(party.claims(tokens.id.as_ref().unwrap()).await["session_expiry"], began + 8 * 3600);
    let mut refresh = tokens.refresh.unwrap();
    for minute in (50..=450).step_by(50) {
        app.advance(TimeDelta::minutes(50));
        party.code(&app.silently(&mut busy, &party, "openid", &[]).await);
        refresh = party.refresh(&refresh).await.refresh.unwrap();
        if minute == 100 {
            assert_eq!(party.error(&app.silently(&mut idle, &party, "openid", &[]).await), "login_required");
        }
    }
    app.advance(TimeDelta::minutes(30) - TimeDelta::seconds(1));
    party.code(&app.silently(&mut busy, &party, "openid", &[]).await);
    app.advance(TimeDelta::seconds(1));
    assert_eq!(party.error(&app.silently(&mut busy, &party, "openid", &[]).await), "login_required");
    party.refused(&refresh).await;
    party.code(&app.silently(&mut remembered, &party, "openid", &[]).await);
    // Asked for by a page, the end is written down.
    let page = busy.visit(party.authorize("openid", &[]).as_str()).await.page();
    assert!(page.text().contains("Your session has ended"), "{}", page.text());
    let user = app.user("alice").await.id;
    let ended = app.store.scan(move |db| sessions::list(db, Some(user), None, 100)).await.unwrap();
    let reasons: Vec<_> = ended.iter().filter_map(|session| session.ended).map(|ended| ended.reason).collect();
    assert_eq!(reasons, [EndReason::ExpiredAbsolute]);
}

/// The same session each time, upgraded and downgraded as the user says; where no box is shown, it stays as it is.
async fn what_was_said_last_on_a_sign_in_page_holds(database: Database) {
    let app = App::start_with(database, asking).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    sign_in(&app, &mut browser, &[], false).await;
    let id = newest(&app).await.id;
    for ticked in [true, false, true, false] {
        app.advance(TimeDelta::minutes(1));
        sign_in(&app, &mut browser, &[("prompt", "login")], ticked).await;
        let session = newest(&app).await;
        assert_eq!((session.id, session.remembered, kept(&browser)), (id, ticked, ticked));
        // The page that confirms who is there shows the box as it was answered.
        let page = browser.visit(party.authorize("openid", &[("prompt", "login")]).as_str()).await.page();
        assert_eq!(form_with(&page, "password").field("remember").is_some(), ticked, "{}", page.text());
        // The password for an action on the own page is a sign-in without a box.
        app.advance(TimeDelta::minutes(11));
        let page = browser.visit(&party.endpoint("account")).await.page();
        assert_eq!(page.text().contains("Not kept when the browser is closed"), !ticked);
        let others = crate::support::form::forms(&page.url, page.text()).into_iter().find(|form| form.action.path().ends_with("end-others")).unwrap();
        let proof = browser.submit(&others, None).await.page();
        browser.submit(&form_with(&proof, "password").fill("password", PASSWORD), None).await.page();
        let session = newest(&app).await;
        assert_eq!((session.id, session.auth_time, session.remembered, kept(&browser)), (id, app.now(), ticked, ticked));
    }
}

/// A form that says otherwise is not asked.
async fn never_means_never(database: Database) {
    let app = App::start_with(database, |settings| {
        asking(settings);
        settings.sessions.remember_me = RememberMe::Never;
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let page = browser.visit(party.authorize("openid", &[]).as_str()).await.page();
    assert!(!page.text().contains("name=\"remember\""));
    browser.submit(&filled(&page, true), None).await.left();
    assert!(!kept(&browser) && !newest(&app).await.remembered);
    app.advance(TimeDelta::hours(1));
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "login_required");
}

/// After a mistake, with an application behind the page and without.
async fn a_box_stays_as_it_was_left(database: Database) {
    let app = App::start_with(database, asking).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    for address in [party.authorize("openid", &[]).to_string(), party.endpoint("login")] {
        let page = browser.visit(&address).await.page();
        assert!(form_with(&page, "password").field("remember").is_none(), "not ticked at first");
        for ticked in [true, false] {
            let page = browser.submit_as(&filled(&page, ticked).fill("password", "wrong"), None, OWN_FORM).await;
            assert_eq!(form_with(&page, "password").field("remember").is_some(), ticked, "{}", page.text());
        }
    }
    assert!(cookies_of_the_session(&browser).is_empty());
}

async fn a_change_tried_out_knows_who_is_remembered(database: Database) {
    let app = App::start_with(database, asking).await;
    sign_in(&app, &mut app.browser(), &[], false).await;
    sign_in(&app, &mut app.browser(), &[], true).await;
    app.advance(TimeDelta::minutes(40));
    let admin = Installation::open_existing(&app.settings).await.unwrap().admin(app.clock.clone(), Arc::new(SeededEntropy::new("admin")));
    let mut rule = RuleChange { selector: Selector::default(), limits: Default::default() };
    rule.limits.unremembered_idle = Some(Lifetime::seconds(1800));
    let impact = admin.lifetime_impact(&app.settings.lifetimes, vec![rule]).await.unwrap();
    assert_eq!((impact.sessions, impact.families), (2, 2));
    let now = impact.horizons[0];
    assert_eq!((now.sessions, now.sessions_changed, now.families, now.families_changed), (0, 1, 0, 1));
    // In a day the other has ended by the rules as they are, and the remembered one lives.
    assert_eq!((impact.horizons[1].sessions, impact.horizons[1].families), (1, 1));
    admin.store.close().await;
}

async fn what_is_over_is_swept_by_its_own_limits(database: Database) {
    let app = App::start_with(database, asking).await;
    sign_in(&app, &mut app.browser(), &[], false).await;
    sign_in(&app, &mut app.browser(), &[], true).await;
    app.advance(TimeDelta::hours(2) - TimeDelta::seconds(1));
    assert_eq!(app.running.sweep().await.unwrap().ended_sessions, 0);
    app.advance(TimeDelta::seconds(1));
    assert_eq!(app.running.sweep().await.unwrap().ended_sessions, 1);
    assert!(newest(&app).await.ended.is_none(), "the remembered one");
}
