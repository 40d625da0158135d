//! The user's own page: where one is signed in, which applications have access, and ending any of it. The attacks are in
//! `security/account.rs`, what a browser must show in `tests/browser`.

use chrono::TimeDelta;
use gatekey::domain::client::GrantType;
use gatekey::domain::entropy::SystemEntropy;
use gatekey::domain::event::{Actor, EventKind};
use gatekey::domain::id::{SessionId, UserId};
use gatekey::domain::secret::{Digest, Secret};
use gatekey::domain::session::{EndReason, Session};
use gatekey::domain::user::User;
use gatekey::store::events::{self, Filter};
use gatekey::store::{refresh_families, sessions, users};
use poem::http::Method;
use url::Url;

use crate::support::app::{App, OTHER_PAGE, OWN_PAGE, PAGE, PASSWORD, SERVER, password_hash};
use crate::support::attack::{ask, session_cookie};
use crate::support::browser::{Browser, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::form::{Form, forms};
use crate::support::network::Answer;
use crate::support::relying_party::RelyingParty;

each_database!(
    it_says_where_one_is_signed_in,
    it_speaks_german,
    signing_out_there_is_felt_at_once,
    signing_out_everywhere_else,
    withdrawing_access,
    an_old_token_that_came_back_is_told,
    the_password_is_asked_when_the_sign_in_was_long_ago,
    changing_the_password,
    a_session_left_open_is_no_way_to_guess_at_the_password,
    a_browser_stays_known_when_its_owner_changes_the_password,
    a_declared_password_is_not_changed_here,
    whoever_is_not_signed_in_comes_back_after_signing_in,
    somebody_elses_session_is_not_found,
    many_sessions_come_in_pages,
    it_is_told_in_the_audit_trail,
    looking_at_it_is_a_use_of_the_session,
);

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const NEW_PASSWORD: &str = "wrong donkey battery clip";

/// A user whose password is not the settings file's.
pub async fn add_user(app: &App, name: &str) -> UserId {
    let alice = app.user("alice").await;
    let user = User {
        id: UserId::generate(app.now(), &SystemEntropy),
        username: name.to_owned(),
        password_hash: Some(Secret::new(password_hash().to_owned())),
        managed_by_file: false,
        ..alice
    };
    let id = user.id;
    app.write(move |db| users::insert(db, &user)).await;
    id
}

pub async fn own_page(app: &App, browser: &mut Browser) -> Answer {
    browser.visit(&format!("{}account", app.issuer)).await.page()
}

/// The forms of the page that post to this address.
pub fn forms_to(page: &Answer, path: &str) -> Vec<Form> {
    forms(&page.url, page.text()).into_iter().filter(|form| form.action.path().ends_with(path)).collect()
}

/// The one form that posts there.
pub fn form_to(page: &Answer, path: &str) -> Form {
    let all = forms_to(page, path);
    assert_eq!(all.len(), 1, "{path}: {}", page.text());
    all[0].clone()
}

fn withdraw_form(page: &Answer, client: &str) -> Form {
    let all = forms_to(page, "applications/withdraw");
    all.into_iter().find(|form| form.field("application").unwrap().value == client).unwrap_or_else(|| panic!("no card of {client}: {}", page.text()))
}

/// The text of the page as it is read.
fn shown(page: &Answer) -> String {
    assert_eq!(page.status.as_u16(), 200, "{}", page.text());
    let mut text = String::new();
    let mut inside = false;
    for c in page.text().chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn it_says_where_one_is_signed_in(database: Database) {
    let app = App::start(database).await;
    let (page, own) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE));
    let mut desk = app.browser_at("192.0.2.1");
    desk.user_agent = FIREFOX.to_owned();
    app.sign_in(&mut desk, &page, "openid email offline_access").await;
    app.advance(TimeDelta::hours(1));
    let mut phone = app.browser_at("2001:db8::7");
    phone.user_agent = SAFARI.to_owned();
    app.sign_in(&mut phone, &own, "openid").await;
    let mut bobs = app.browser_at("203.0.113.5");
    app.authorize_as(&mut bobs, &own.authorize("openid", &[]), "bobby").await;
    app.advance(TimeDelta::minutes(5));

    let text = shown(&own_page(&app, &mut desk).await);
    for part in [
        "Firefox on Linux This browser Signed in 15 January 2027, 08:00 UTC, from 192.0.2.1 Last used 1 hour ago \
         Ends 14 February 2027, or 29 January 2027 if not used before Opened: The page",
        "Safari on iOS Signed in 15 January 2027, 09:00 UTC, from 2001:db8::7 Last used 5 minutes ago",
        "Opened: The own-page Sign out here",
        "The page Know who you are See your email address Stay connected Allowed 15 January 2027, 08:00 UTC Also while you are away Last used 1 hour ago Withdraw access",
        "The own-page Know who you are An application of",
        "Only while you are signed in Last used 5 minutes ago",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("203.0.113.5"), "bobby's is bobby's");
    assert_eq!(shown(&own_page(&app, &mut phone).await).matches("This browser").count(), 1);
    let bobbys = shown(&own_page(&app, &mut bobs).await);
    assert!(bobbys.contains("203.0.113.5") && !bobbys.contains("192.0.2.1") && !bobbys.contains("The page"), "{bobbys}");

    // What could not be used any more is not there: the phone is left alone for two weeks.
    for _ in 0..15 {
        app.advance(TimeDelta::days(1));
        app.silently(&mut desk, &page, "openid", &[]).await;
    }
    let text = shown(&own_page(&app, &mut desk).await);
    assert!(!text.contains("Safari") && !text.contains("The own-page"), "{text}");
    // Nothing of this is kept, and nothing of it is for other sites.
    let answer = own_page(&app, &mut desk).await;
    assert_eq!((answer.header("cache-control"), answer.header("access-control-allow-origin")), (Some("no-store"), None));
    let home = desk.visit(&app.issuer).await.page();
    assert!(home.text().contains("href=\"/account\""), "{}", home.text());
}

async fn it_speaks_german(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser_at("192.0.2.1");
    (browser.user_agent, browser.language) = (FIREFOX.to_owned(), "de".to_owned());
    app.sign_in(&mut browser, &app.relying_party(PAGE), "openid").await;
    app.advance(TimeDelta::days(3));
    let text = shown(&own_page(&app, &mut browser).await);
    for part in ["Firefox unter Linux Dieser Browser", "Angemeldet 15. Januar 2027, von 192.0.2.1 Zuletzt benutzt vor 3 Tagen", "Erlaubt 15. Januar 2027"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

async fn signing_out_there_is_felt_at_once(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let (mut here, mut there, mut third) = (app.browser(), app.browser(), app.browser());
    let mine = app.sign_in(&mut here, &own, "openid").await;
    there.user_agent = SAFARI.to_owned();
    let theirs = app.sign_in(&mut there, &own, "openid offline_access").await;
    // Ids are in the order of time to the millisecond.
    app.advance(TimeDelta::seconds(1));
    third.user_agent = FIREFOX.to_owned();
    let others = app.sign_in(&mut third, &own, "openid").await;
    let page = own_page(&app, &mut here).await;
    let ends = forms_to(&page, "sessions/end");
    assert_eq!(ends.len(), 2, "not of this browser");
    // The newest is the first of them.
    let done = here.submit(&ends[1], None).await.page();
    assert!(shown(&done).contains("That browser is signed out.") && done.text().contains("tabindex=\"-1\" autofocus"), "{}", done.text());
    assert!(!shown(&done).contains("Safari") && shown(&done).contains("Firefox"));
    own.refused(theirs.refresh()).await;
    assert_eq!(own.userinfo(&theirs.access).await.status.as_u16(), 401);
    assert_eq!(own.error(&app.silently(&mut there, &own, "openid", &[]).await), "login_required");
    own.refresh(mine.refresh()).await;
    own.refresh(others.refresh()).await;
    let session = ends[1].field("session").unwrap().value.parse::<SessionId>().unwrap();
    let ended = async || app.store.read(move |db| sessions::find(db, session)).await.unwrap().unwrap().ended.unwrap();
    let first = ended().await;
    assert_eq!(first.reason, EndReason::RevokedByUser);
    // A second click changes nothing and is no mistake.
    app.advance(TimeDelta::seconds(2));
    assert!(shown(&here.submit(&ends[1], None).await.page()).contains("That browser is signed out."));
    assert_eq!(ended().await, first);
    // Of this browser: that is what signing out is for.
    let own_id = app.write({
        let cookie = Secret::new(session_cookie(&here).1).digest();
        move |db| Ok(sessions::facts(db, &cookie, None)?.unwrap().session.id)
    });
    let landing = here.submit(&ends[1].clone().fill("session", &own_id.await.to_string()), None).await.page();
    assert!(landing.url.path().ends_with("/oidc/logout") && landing.text().contains("Stay signed in"));
}

async fn signing_out_everywhere_else(database: Database) {
    let app = App::start(database).await;
    let (own, page) = (app.relying_party(OWN_PAGE), app.relying_party(PAGE));
    let (mut here, mut there, mut gone) = (app.browser(), app.browser(), app.browser());
    // An application that was allowed to stay, in a browser that signed out.
    let stayed = app.sign_in(&mut gone, &page, "openid offline_access").await;
    let hint = app.sign_in(&mut gone, &own, "openid").await.id.unwrap();
    gone.visit(&own.endpoint(&format!("oidc/logout?id_token_hint={hint}"))).await;
    let stayed = page.refresh(stayed.refresh()).await;
    let theirs = app.sign_in(&mut there, &own, "openid").await;
    let mine = app.sign_in(&mut here, &own, "openid offline_access").await;
    let mut bobs = app.browser();
    app.authorize_as(&mut bobs, &own.authorize("openid", &[]), "bobby").await;

    let form = form_to(&own_page(&app, &mut here).await, "sessions/end-others");
    let done = here.submit(&form, None).await.page();
    assert!(shown(&done).contains("You are now signed in here and nowhere else.") && forms_to(&done, "sessions/end").is_empty());
    own.refused(theirs.refresh()).await;
    page.refused(stayed.refresh()).await;
    assert_eq!(own.error(&app.silently(&mut there, &own, "openid", &[]).await), "login_required");
    own.refresh(mine.refresh()).await;
    own.code(&app.silently(&mut here, &own, "openid", &[]).await);
    own.code(&app.silently(&mut bobs, &own, "openid", &[]).await);
}

async fn withdrawing_access(database: Database) {
    let app = App::start(database).await;
    let (page, other, own) = (app.relying_party(PAGE), app.relying_party(OTHER_PAGE), app.relying_party(OWN_PAGE));
    let (mut here, mut there) = (app.browser(), app.browser());
    let mine = app.sign_in(&mut here, &page, "openid email offline_access").await;
    let theirs = app.sign_in(&mut there, &page, "openid").await;
    let others = app.sign_in(&mut here, &other, "openid").await;
    let owns = app.sign_in(&mut here, &own, "openid").await;
    let mut bobs = app.browser();
    let bobs_code = page.code(&app.authorize_as(&mut bobs, &page.authorize("openid", &[]), "bobby").await);
    let bobbys = page.exchange(&bobs_code).await;

    let form = withdraw_form(&own_page(&app, &mut here).await, PAGE);
    let withdrawn = here.submit(&form, None).await.page();
    assert!(shown(&withdrawn).contains("The page no longer has access to your account."), "{}", withdrawn.text());
    assert!(forms_to(&withdrawn, "withdraw").iter().all(|form| form.field("application").unwrap().value != PAGE));
    for tokens in [&mine, &theirs] {
        page.refused(tokens.refresh()).await;
        assert_eq!(page.userinfo(&tokens.access).await.status.as_u16(), 401);
    }
    for browser in [&mut here, &mut there] {
        assert_eq!(page.error(&app.silently(browser, &page, "openid", &[]).await), "consent_required");
    }
    let alice = app.user("alice").await.id;
    let reasons =
        app.write(move |db| Ok(refresh_families::list_by_user(db, alice, None, 10)?.into_iter().filter_map(|f| f.ended).map(|e| e.reason).collect::<Vec<_>>()));
    assert_eq!(reasons.await, [EndReason::ConsentWithdrawn; 2]);
    // Nothing else is touched: the other application, the sessions, somebody else's consent.
    other.refresh(others.refresh()).await;
    page.refresh(bobbys.refresh()).await;
    own.code(&app.silently(&mut there, &own, "openid", &[]).await);
    // What has nothing is not there to be withdrawn.
    let form = withdraw_form(&own_page(&app, &mut here).await, OTHER_PAGE);
    for nothing in [SERVER, PAGE, "never-heard-of", "not a client id", ""] {
        let answer = here.submit_as(&form.clone().fill("application", nothing), None, OWN_FORM).await;
        assert_eq!(answer.status.as_u16(), 404, "{nothing}");
    }
    // An application of the operator's own loses what it has, and may be opened again.
    let form = withdraw_form(&own_page(&app, &mut here).await, OWN_PAGE);
    here.submit(&form, None).await.page();
    own.refused(owns.refresh()).await;
    own.code(&app.silently(&mut here, &own, "openid", &[]).await);
    // And the one that was allowed asks again.
    let asked = here.visit(page.authorize("openid", &[]).as_str()).await.page();
    page.code(&here.submit(&form_with(&asked, "decision"), Some("allow")).await.left());
}

async fn an_old_token_that_came_back_is_told(database: Database) {
    let app = App::start(database).await;
    let (page, own) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE));
    let mut browser = app.browser();
    browser.user_agent = FIREFOX.to_owned();
    let first = app.sign_in(&mut browser, &page, "openid offline_access").await;
    let mut bobs = app.browser();
    app.authorize_as(&mut bobs, &own.authorize("openid", &[]), "bobby").await;
    let second = page.refresh(first.refresh()).await;
    page.refresh(second.refresh()).await;
    assert!(!own_page(&app, &mut browser).await.text().contains("copied"));
    app.advance(TimeDelta::hours(1));
    page.refused(first.refresh()).await;
    app.advance(TimeDelta::minutes(5));
    let text = shown(&own_page(&app, &mut browser).await);
    for part in [
        "Someone may have copied your access to The page",
        "15 January 2027, 09:00 UTC: a key that The page had already replaced",
        "in Firefox on Linux",
        "change your password",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!own_page(&app, &mut bobs).await.text().contains("copied"));
    // A family that ended otherwise is nothing to worry about; and worry has an end.
    let again = app.sign_in(&mut browser, &own, "openid offline_access").await;
    own.revoke(again.refresh()).await;
    assert_eq!(own_page(&app, &mut browser).await.text().matches("class=\"warning\"").count(), 1);
    for _ in 0..31 {
        app.advance(TimeDelta::days(1));
        app.sign_in(&mut browser, &own, "openid").await;
    }
    assert!(!own_page(&app, &mut browser).await.text().contains("copied"));
}

/// OWASP ASVS 5.0 §7.5.3: ending sessions wants a fresh proof; §6.3.1: it is slowed like a sign-in.
async fn the_password_is_asked_when_the_sign_in_was_long_ago(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let (mut here, mut there) = (app.browser_at("192.0.2.1"), app.browser());
    app.sign_in(&mut there, &own, "openid").await;
    let mine = app.sign_in(&mut here, &own, "openid").await;
    app.advance(TimeDelta::minutes(10));
    let page = own_page(&app, &mut here).await;
    let form = form_to(&page, "sessions/end");
    let asked = here.submit(&form, None).await.page();
    assert!(asked.url.path().ends_with("/account/confirm") && shown(&asked).contains("Enter your password, and the other browser is signed out."));
    own.code(&app.silently(&mut there, &own, "openid", &[]).await);
    let proof = form_with(&asked, "ticket");
    // Reloading works, and what is wrong is told.
    let asked = here.visit(asked.url.as_str()).await.page();
    assert_eq!(asked.status.as_u16(), 200);
    let empty = here.submit(&proof, None).await.page();
    assert_eq!(empty.status.as_u16(), 422);
    assert!(empty.text().contains("Enter your password.<"), "{}", empty.text());
    for expected in [422, 422, 422, 422, 422, 429] {
        let wrong = here.submit(&proof.clone().fill("password", "wrong"), None).await.page();
        assert_eq!(wrong.status.as_u16(), expected, "{}", wrong.text());
        assert_eq!(wrong.header("retry-after").is_some(), expected == 429);
        assert!(wrong.text().contains(if expected == 429 { "Too many attempts" } else { "This is not your password" }));
    }
    let slowed = here.submit_as(&proof.clone().fill("password", PASSWORD), None, OWN_FORM).await;
    assert_eq!(slowed.status.as_u16(), 429, "not even the right one is looked at");
    own.code(&app.silently(&mut there, &own, "openid", &[]).await);
    app.advance(TimeDelta::minutes(1));
    let before = session_cookie(&here);
    let done = here.submit(&proof.clone().fill("password", PASSWORD), None).await.page();
    assert!(shown(&done).contains("That browser is signed out."), "{}", done.text());
    assert_eq!(own.error(&app.silently(&mut there, &own, "openid", &[]).await), "login_required");
    // It was a sign-in: the same session under a new cookie (ASVS 7.2.4); what hangs on it goes on.
    assert_ne!(session_cookie(&here), before);
    let mut old = here.clone();
    old.jar.clear();
    let answer = app.network.get(&own.endpoint("account"), &[("cookie", &format!("{}={}", before.0, before.1))]).await;
    assert_eq!(answer.header("location"), Some("/login?to=account"));
    own.refresh(mine.refresh()).await;
    // And for ten minutes nothing more is asked.
    app.sign_in(&mut there, &own, "openid").await;
    app.advance(TimeDelta::minutes(9));
    let form = form_to(&own_page(&app, &mut here).await, "sessions/end");
    assert!(here.submit(&form, None).await.page().url.query().unwrap().starts_with("done="));
}

async fn changing_the_password(database: Database) {
    let app = App::start_with(database, |settings| {
        let server = settings.clients.iter_mut().find(|client| client.id.as_str() == SERVER).unwrap();
        server.metadata.grant_types.retain(|grant| *grant != GrantType::RefreshToken);
    })
    .await;
    let (own, page) = (app.relying_party(OWN_PAGE), app.relying_party(PAGE));
    add_user(&app, "carol").await;
    let (mut here, mut there) = (app.browser_at("192.0.2.1"), app.browser());
    let sign_in = async |browser: &mut Browser, scope: &str, password: &str| {
        let landing = browser.authorize_as(&own.authorize(scope, &[]), "carol", password).await;
        own.exchange(&own.code(&landing)).await
    };
    let mine = sign_in(&mut here, "openid offline_access", PASSWORD).await;
    let theirs = sign_in(&mut there, "openid offline_access", PASSWORD).await;
    let allowed = page.exchange(&page.code(&here.authorize_as(&page.authorize("openid", &[]), "carol", PASSWORD).await)).await;
    // However long ago the sign-in was: the old password is proof enough.
    app.advance(TimeDelta::hours(3));
    let form_of = async |browser: &mut Browser| form_with(&browser.visit(&own.endpoint("account/password")).await.page(), "new_password");
    let form = form_of(&mut here).await;
    let filled = |old: &str, new: &str, again: &str| form.clone().fill("password", old).fill("new_password", new).fill("password_again", again);
    for (attempt, told) in [
        (filled("", NEW_PASSWORD, NEW_PASSWORD), "Enter your password."),
        (filled("wrong", NEW_PASSWORD, NEW_PASSWORD), "This is not your password."),
        (filled(PASSWORD, "", ""), "Choose a new password."),
        (filled(PASSWORD, "short", "short"), "This password is too short."),
        (filled(PASSWORD, &"x".repeat(1025), &"x".repeat(1025)), "This password is too long."),
        (filled(PASSWORD, NEW_PASSWORD, "another"), "The two new passwords differ."),
    ] {
        let page = here.submit(&attempt, None).await.page();
        assert_eq!(page.status.as_u16(), 422, "{told}");
        assert!(page.text().contains(told) && page.text().contains("aria-invalid=\"true\""), "{told}: {}", page.text());
        assert!(!page.text().contains(NEW_PASSWORD));
    }
    own.code(&app.silently(&mut there, &own, "openid", &[]).await);
    // An application without refresh tokens, in the session that goes on.
    let server = app.relying_party(SERVER);
    let unrenewed = server.exchange(&server.code(&app.silently(&mut here, &server, "openid", &[]).await)).await;
    assert!(unrenewed.refresh.is_none());
    assert_eq!((server.introspect(&unrenewed.access).await["active"].clone(), server.userinfo(&unrenewed.access).await.status.as_u16()), (true.into(), 200));

    app.advance(TimeDelta::seconds(1));
    let before = session_cookie(&here);
    let done = here.submit(&filled(PASSWORD, NEW_PASSWORD, NEW_PASSWORD), None).await.page();
    assert!(shown(&done).contains("Your password is changed. You are signed out everywhere else."), "{}", done.text());
    // Signed in here, under a new cookie; nowhere else, and no token from before is good for anything.
    assert_ne!(session_cookie(&here), before);
    own.code(&app.silently(&mut here, &own, "openid", &[]).await);
    assert_eq!(own.error(&app.silently(&mut there, &own, "openid", &[]).await), "login_required");
    for (party, tokens) in [(&own, &mine), (&own, &theirs), (&page, &allowed)] {
        party.refused(tokens.refresh()).await;
    }
    assert_eq!((server.introspect(&unrenewed.access).await["active"].clone(), server.userinfo(&unrenewed.access).await.status.as_u16()), (false.into(), 401));
    let renewed = server.exchange(&server.code(&app.silently(&mut here, &server, "openid", &[]).await)).await;
    assert_eq!((server.introspect(&renewed.access).await["active"].clone(), server.userinfo(&renewed.access).await.status.as_u16()), (true.into(), 200));
    let old = app.network.get(&own.endpoint("account"), &[("cookie", &format!("{}={}", before.0, before.1))]).await;
    assert_eq!(old.header("location"), Some("/login?to=account"));
    // Consent is as it was.
    page.code(&app.silently(&mut here, &page, "openid", &[]).await);
    let mut anew = app.browser();
    let form = form_with(&anew.visit(&own.endpoint("login")).await.page(), "password").fill("username", "carol");
    assert_eq!(anew.submit_as(&form.clone().fill("password", PASSWORD), None, OWN_FORM).await.status.as_u16(), 422);
    assert_eq!(anew.submit_as(&form.fill("password", NEW_PASSWORD), None, OWN_FORM).await.status.as_u16(), 303);

    // Guessing at the old one is slowed, by the browser like any sign-in of it. (The slip of before is forgotten.)
    app.advance(TimeDelta::minutes(5));
    let form = form_of(&mut here).await;
    let guess = form.clone().fill("password", "wrong").fill("new_password", PASSWORD).fill("password_again", PASSWORD);
    for expected in [422, 422, 422, 422, 422, 429] {
        assert_eq!(here.submit_as(&guess, None, OWN_FORM).await.status.as_u16(), expected);
    }
    let right = guess.fill("password", NEW_PASSWORD);
    assert_eq!(here.submit_as(&right, None, OWN_FORM).await.status.as_u16(), 429);
}

/// Who changes the password knows both: what the browser was known by is renewed with it, for this account and no other.
async fn a_browser_stays_known_when_its_owner_changes_the_password(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    add_user(&app, "carol").await;
    let mut here = app.browser_at("192.0.2.1");
    own.code(&here.authorize_as(&own.authorize("openid", &[]), "carol", PASSWORD).await);
    app.advance(TimeDelta::seconds(1));
    let before = here.clone();
    let form = form_with(&here.visit(&own.endpoint("account/password")).await.page(), "new_password");
    let filled = form.fill("password", PASSWORD).fill("new_password", NEW_PASSWORD).fill("password_again", NEW_PASSWORD);
    assert!(shown(&here.submit(&filled, None).await.page()).contains("Your password is changed."));
    let guess = async |jar: Option<&Browser>, username: &str| {
        let mut browser = app.browser_at("203.0.113.1");
        if let Some(from) = jar {
            browser.jar = from.jar.clone();
        }
        let page = browser.visit(own.authorize("openid", &[("prompt", "login")]).as_str()).await.page();
        let form = form_with(&page, "password").fill("username", username).fill("password", "wrong");
        browser.submit_as(&form, None, OWN_FORM).await.status.as_u16()
    };
    // Strangers have brought a network to its limit. Who was known by the old password only is one of them.
    for expected in [422, 422, 422, 422, 422, 429] {
        assert_eq!(guess(None, "carol").await, expected);
    }
    assert_eq!(guess(Some(&before), "carol").await, 429);
    assert_eq!(guess(Some(&here), "carol").await, 422, "has a count of its own");
}

/// AC-05, AC-06: only a browser that the account is signed in with by the password of today has a count of its own. One that was made known
/// by another account of the guesser's is counted where everybody is.
async fn a_session_left_open_is_no_way_to_guess_at_the_password(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    add_user(&app, "carol").await;
    let mut owner = app.browser_at("192.0.2.1");
    own.code(&owner.authorize_as(&own.authorize("openid", &[]), "carol", PASSWORD).await);
    let (name, value) = session_cookie(&owner);
    let stolen = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=None");
    let guess = async |browser: &mut Browser| {
        let page = browser.visit(&own.endpoint("account/password")).await.page();
        let form = form_with(&page, "new_password").fill("password", "wrong").fill("new_password", NEW_PASSWORD).fill("password_again", NEW_PASSWORD);
        browser.submit_as(&form, None, OWN_FORM).await.status.as_u16()
    };
    let mut answers = Vec::new();
    for _ in 0..2 {
        let mut guesser = app.browser_at("203.0.113.1");
        own.code(&guesser.authorize_as(&own.authorize("openid", &[]), "bobby", PASSWORD).await);
        assert!(guesser.jar.all().iter().any(|cookie| cookie.name.ends_with("-known")));
        guesser.jar.set(&app.issuer.parse().unwrap(), &stolen, app.now());
        for _ in 0..4 {
            answers.push(guess(&mut guesser).await);
        }
    }
    assert_eq!(answers, [422, 422, 422, 422, 422, 429, 429, 429], "another browser, the same count");
    // The control: carol's own browser has its own, in the guesser's network too.
    let mut moved = app.browser_at("203.0.113.1");
    moved.jar = owner.jar.clone();
    assert_eq!(guess(&mut moved).await, 422);
}

async fn a_declared_password_is_not_changed_here(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    let text = shown(&own_page(&app, &mut browser).await);
    assert!(text.contains("The people who run this service set it") && !text.contains("Change password"), "{text}");
    let page = browser.visit(&own.endpoint("account/password")).await.page();
    assert!(forms(&page.url, page.text()).is_empty(), "{}", page.text());
    // A form from elsewhere than the page is not acted upon either: the file would undo it at the next start.
    let form = form_to(&own_page(&app, &mut browser).await, "end-others");
    let csrf = &form.field("csrf").unwrap().value;
    let fields = [("csrf", csrf.as_str()), ("password", PASSWORD), ("new_password", NEW_PASSWORD), ("password_again", NEW_PASSWORD)];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let before = app.user("alice").await;
    browser.request(Method::POST, &Url::parse(&own.endpoint("account/password")).unwrap(), OWN_FORM, body).await;
    assert_eq!(app.user("alice").await.password_changed_at, before.password_changed_at);
}

async fn whoever_is_not_signed_in_comes_back_after_signing_in(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    for (path, back) in [("account", "/account"), ("account/password", "/account/password"), ("account/confirm?ticket=x", "/account")] {
        let mut browser = app.browser();
        let page = browser.visit(&own.endpoint(path)).await.page();
        assert_eq!(page.url.path(), "/login", "{path}");
        let form = form_with(&page, "password").fill("username", "alice");
        // A slip on the way does not lose the way.
        let again = browser.submit(&form.fill("password", "wrong"), None).await.page();
        let form = form_with(&again, "password").fill("password", PASSWORD);
        assert_eq!(browser.submit(&form, None).await.page().url.path(), back, "{path}");
    }
    // A session that has run out; a form that is sent then asks for nothing once signed in.
    let (mut here, mut there) = (app.browser(), app.browser());
    app.sign_in(&mut there, &own, "openid").await;
    app.sign_in(&mut here, &own, "openid").await;
    let form = form_to(&own_page(&app, &mut here).await, "end-others");
    app.advance(TimeDelta::days(31));
    let live = app.sign_in(&mut there, &own, "openid").await;
    let page = here.submit(&form, None).await.page();
    assert_eq!(page.url.path(), "/login");
    let landing = here.submit(&form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD), None).await.page();
    assert_eq!((landing.url.path(), landing.url.query()), ("/account", None));
    own.refresh(live.refresh()).await;
    // An issuer below a path keeps its people below it.
    let nested = ask(&mut app.browser(), &Url::parse(&own.endpoint("login?to=account")).unwrap()).await;
    assert_eq!(form_with(&nested, "to").field("to").unwrap().value, "account");
}

/// OWASP ASVS 5.0 §8.2.2: an id of somebody else's is as good as none, and the owner's own works.
async fn somebody_elses_session_is_not_found(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let (mut alices, mut alices_other, mut bobs) = (app.browser(), app.browser(), app.browser());
    app.sign_in(&mut alices, &own, "openid").await;
    let theirs = app.sign_in(&mut alices_other, &own, "openid").await;
    app.authorize_as(&mut bobs, &own.authorize("openid", &[]), "bobby").await;
    let mut bobs_other = app.browser();
    app.authorize_as(&mut bobs_other, &own.authorize("openid", &[]), "bobby").await;
    let alices_form = form_to(&own_page(&app, &mut alices).await, "sessions/end");
    let bobs_form = form_to(&own_page(&app, &mut bobs).await, "sessions/end");
    let alices_session = alices_form.field("session").unwrap().value.clone();
    let upper = alices_session.to_uppercase();
    let nowhere = SessionId::generate(app.now(), &SystemEntropy).to_string();
    let mut said = vec![];
    for id in [alices_session.as_str(), &upper, &nowhere, "", "x", "00000000-0000-0000-0000-000000000000", "' OR 1=1 --"] {
        let answer = bobs.submit_as(&bobs_form.clone().fill("session", id), None, OWN_FORM).await;
        assert_eq!(answer.status.as_u16(), 404, "{id}");
        let request = answer.header("x-request-id").unwrap().to_owned();
        said.push(answer.text().replace(&request, "ID"));
    }
    assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "whether it is there at all is not told");
    own.code(&app.silently(&mut alices_other, &own, "openid", &[]).await);
    // Nor after the password, by the form that waits for it.
    app.advance(TimeDelta::minutes(11));
    let asked = bobs.submit(&bobs_form.clone().fill("session", &alices_session), None).await.page();
    let answer = bobs.submit_as(&form_with(&asked, "ticket").fill("password", PASSWORD), None, OWN_FORM).await;
    assert_eq!(answer.status.as_u16(), 404);
    assert!(!app.silently(&mut bobs, &own, "openid", &[]).await.as_str().contains("error"), "the new cookie came with the refusal");
    let theirs = own.refresh(theirs.refresh()).await;
    // A page of older sessions counts from any id; what it shows is the asker's.
    let page = bobs.visit(&own.endpoint("account?before=ffffffff-ffff-7fff-bfff-ffffffffffff")).await.page();
    assert!(!page.text().contains(&alices_session) && page.text().contains(&bobs_form.field("session").unwrap().value));
    // The controls: each can end their own.
    bobs.submit(&bobs_form, None).await.page();
    assert_eq!(own.error(&app.silently(&mut bobs_other, &own, "openid", &[]).await), "login_required");
    let asked = alices.submit(&alices_form, None).await.page();
    alices.submit(&form_with(&asked, "ticket").fill("password", PASSWORD), None).await.page();
    own.refused(theirs.refresh()).await;
}

/// What a user does on the page is told as theirs, with what ended by it.
async fn it_is_told_in_the_audit_trail(database: Database) {
    let app = App::start(database).await;
    let (own, page) = (app.relying_party(OWN_PAGE), app.relying_party(PAGE));
    let carol = add_user(&app, "carol").await;
    let sign_in = async |party: &RelyingParty| {
        let mut browser = app.browser();
        party.exchange(&party.code(&browser.authorize_as(&party.authorize("openid", &[]), "carol", PASSWORD).await)).await;
        app.advance(TimeDelta::milliseconds(1));
        browser
    };
    let (mut here, _, _) = (sign_in(&page).await, sign_in(&own).await, sign_in(&own).await);
    let first = own_page(&app, &mut here).await;
    for form in [forms_to(&first, "sessions/end")[0].clone(), form_to(&first, "end-others"), withdraw_form(&first, PAGE)] {
        here.submit(&form, None).await.page();
        app.advance(TimeDelta::milliseconds(1));
        // Twice is told once.
        here.submit_as(&form, None, OWN_FORM).await;
        app.advance(TimeDelta::milliseconds(1));
    }
    let form = form_with(&here.visit(&own.endpoint("account/password")).await.page(), "new_password");
    let form = form.fill("password", PASSWORD).fill("new_password", NEW_PASSWORD).fill("password_again", NEW_PASSWORD);
    here.submit(&form, None).await.page();
    let filter = Filter { user: Some(carol), ..Filter::default() };
    let mut told = app.store.scan(move |db| events::list(db, &filter, None, 100)).await.unwrap();
    told.reverse();
    told.retain(|event| !matches!(event.kind, EventKind::LoginSucceeded | EventKind::ConsentGranted));
    let kinds: Vec<&str> = told.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["session.revoked", "session.revoked", "consent.withdrawn", "user.password_set"]);
    for (event, (object, reason)) in
        told.iter().zip([("session", "revoked_by_user"), ("user", "revoked_by_user"), ("client", "consent_withdrawn"), ("user", "password_changed")])
    {
        assert_eq!((&event.actor, event.object.kind(), event.user), (&Actor::User(carol), object, Some(carol)));
        assert!(event.request_id.is_some() && event.detail.fields()["reason"] == reason, "{event:?}");
        assert!(!event.detail.text().contains("battery"));
    }
    assert_eq!(told[2].detail.fields()["by"], "account_page");
    assert_eq!((&told[0].detail.fields()["sessions"], &told[2].detail.fields()["refresh_families"]), (&1.into(), &1.into()));
}

async fn many_sessions_come_in_pages(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    let cookie = Secret::new(session_cookie(&browser).1).digest();
    let now = app.now();
    app.write(move |db| {
        let mine = sessions::facts(db, &cookie, None)?.unwrap().session;
        for i in 0..250u32 {
            let id = SessionId::generate(now + TimeDelta::milliseconds(i64::from(i) + 1), &SystemEntropy);
            sessions::insert(db, &Session { id, cookie_digest: Digest::of(&i.to_be_bytes()), ..mine.clone() })?;
        }
        Ok(())
    })
    .await;
    let mut seen = std::collections::BTreeSet::new();
    let mut page = own_page(&app, &mut browser).await;
    let mut pages = 1;
    loop {
        for form in forms_to(&page, "sessions/end") {
            assert!(seen.insert(form.field("session").unwrap().value.clone()), "shown twice");
        }
        let Some(next) = page.text().split("href=\"/account?before=").nth(1).map(|rest| rest.split('"').next().unwrap().to_owned()) else { break };
        page = browser.visit(&own.endpoint(&format!("account?before={next}"))).await.page();
        pages += 1;
    }
    assert_eq!((seen.len(), pages), (250, 3));
}

async fn looking_at_it_is_a_use_of_the_session(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    for _ in 0..3 {
        app.advance(TimeDelta::days(9));
        let page = own_page(&app, &mut browser).await;
        assert_eq!(page.url.path(), "/account", "idle for nine days of fourteen");
        assert!(page.header("set-cookie").unwrap().contains("Max-Age=34560000"), "the cookie lives on with it");
    }
    assert_eq!(own_page(&app, &mut browser).await.header("set-cookie"), None, "written down at most once a minute");
    app.advance(TimeDelta::days(4));
    assert_eq!(own_page(&app, &mut browser).await.url.path(), "/login", "thirty days after the sign-in it has ended, used or not");
}
