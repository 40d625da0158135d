//! How long sessions last: judged when they are used, by today's rules.

use chrono::TimeDelta;
use gatekey::domain::duration::Lifetime;
use gatekey::domain::secret::Secret;
use gatekey::store::{sessions, users};

use crate::support::app::{App, OWN_PAGE, PAGE, SERVER};
use crate::support::database::{Database, each_database};

each_database!(
    a_session_ends_after_idling,
    a_session_ends_at_its_absolute_limit,
    a_session_of_400_days_renewed_every_day,
    a_session_without_an_end_for_ten_years,
    a_session_of_400_days,
    a_session_without_limits,
    a_limit_changed_acts_on_running_sessions,
    a_client_has_limits_of_its_own,
    a_client_session_ends_by_itself,
    disabling_a_user_ends_everything,
    a_changed_password_ends_everything,
    another_user_ends_the_session_before_where_there_is_room_for_one,
    signing_in_again_keeps_what_hangs_on_the_session,
    both_deadlines_are_told,
);

fn life(text: &str) -> Lifetime {
    text.parse().unwrap()
}

/// PN-11: one second before is fine, the second itself is not; use restarts it.
async fn a_session_ends_after_idling(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.lifetimes.session_idle = life("P2D");
        settings.lifetimes.session_absolute = life("P30D");
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    for _ in 0..5 {
        app.advance(TimeDelta::days(2) - TimeDelta::seconds(1));
        party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    }
    let last = party.exchange(&party.code(&app.silently(&mut browser, &party, "openid", &[]).await)).await;
    app.advance(TimeDelta::days(2));
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "login_required");
    // What hangs on the session has ended with it.
    party.refused(last.refresh()).await;
}

async fn a_session_ends_at_its_absolute_limit(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.lifetimes.session_absolute = life("P3D");
        settings.lifetimes.session_idle = life("unlimited");
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let mut tokens = app.sign_in(&mut browser, &party, "openid").await;
    for _ in 0..(3 * 24 - 1) {
        app.advance(TimeDelta::hours(1));
        party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
        tokens = party.refresh(tokens.refresh()).await;
    }
    app.advance(TimeDelta::seconds(3599));
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    let tokens = party.refresh(tokens.refresh()).await;
    // The last access token does not outlive what it hangs on.
    assert_eq!(tokens.json["expires_in"], 1);
    app.advance(TimeDelta::seconds(1));
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "login_required");
    party.refused(tokens.refresh()).await;
    assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 401);
    // Interactively: the password again, and a session of its own.
    let response = app.authorize_as(&mut browser, &party.authorize("openid", &[]), "alice").await;
    party.code(&response);
}

/// Kept alive by silent renewal alone, day by day, by a browser that lets go of a cookie when its time is over; and refreshed beside it.
async fn a_session_of_400_days_renewed_every_day(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.lifetimes.session_absolute = life("P400D");
        settings.lifetimes.session_idle = life("P2D");
        settings.lifetimes.refresh_absolute = Lifetime::Unlimited;
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let mut tokens = app.sign_in(&mut browser, &party, "openid").await;
    for day in 1..400 {
        app.advance(TimeDelta::days(1));
        let response = app.silently(&mut browser, &party, "openid", &[]).await;
        tokens = party.refresh(tokens.refresh()).await;
        if day % 57 == 0 || day == 399 {
            assert_eq!(party.exchange(&party.code(&response)).await.json["session_expires_at"], tokens.json["session_expires_at"], "{day}");
        }
    }
    // Day 400 has begun, and day 401.
    app.advance(TimeDelta::days(1) - TimeDelta::seconds(1));
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    app.advance(TimeDelta::seconds(1));
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "login_required");
    party.refused(tokens.refresh()).await;
    app.advance(TimeDelta::days(1));
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "login_required");
}

/// Without an absolute limit it is use alone that keeps it, for ten years, however often the cookie has to be renewed.
async fn a_session_without_an_end_for_ten_years(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.lifetimes.session_absolute = Lifetime::Unlimited;
        settings.lifetimes.refresh_absolute = Lifetime::Unlimited;
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let mut tokens = app.sign_in(&mut browser, &party, "openid").await;
    for _ in 0..(3650 / 13) {
        app.advance(TimeDelta::days(13));
        party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
        tokens = party.refresh(tokens.refresh()).await;
    }
    assert_eq!(party.claims(tokens.id.as_ref().unwrap()).await.get("session_expiry"), None);
    // The control: fourteen days without use.
    app.advance(TimeDelta::days(14));
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "login_required");
    party.refused(tokens.refresh()).await;
}

/// No ceiling is built in; the cookie, which browsers keep for 400 days at most, is renewed on use.
async fn a_session_of_400_days(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.lifetimes.session_absolute = life("P2Y");
        settings.lifetimes.session_idle = life("P400D");
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &party, "openid").await;
    let first = party.claims(first.id.as_ref().unwrap()).await;
    app.advance(TimeDelta::days(400) - TimeDelta::seconds(1));
    let second = party.exchange(&party.code(&app.silently(&mut browser, &party, "openid", &[]).await)).await;
    assert_eq!(party.claims(second.id.as_ref().unwrap()).await["auth_time"], first["auth_time"]);
    // 700 days after the sign-in, with a cookie that was renewed on the way.
    app.advance(TimeDelta::days(300));
    let third = party.exchange(&party.code(&app.silently(&mut browser, &party, "openid", &[]).await)).await;
    assert_eq!(party.claims(third.id.as_ref().unwrap()).await["session_expiry"], first["session_expiry"]);
    app.advance(TimeDelta::days(31));
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "login_required");
}

async fn a_session_without_limits(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.lifetimes.session_absolute = Lifetime::Unlimited;
        settings.lifetimes.session_idle = Lifetime::Unlimited;
        settings.lifetimes.refresh_absolute = Lifetime::Unlimited;
        settings.lifetimes.refresh_idle = Lifetime::Unlimited;
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let mut tokens = app.sign_in(&mut browser, &party, "openid").await;
    for name in ["session_expires_at", "session_idle_expires_at"] {
        assert_eq!(tokens.json.get(name), None, "never is not told as a date");
    }
    assert_eq!(party.claims(tokens.id.as_ref().unwrap()).await.get("session_expiry"), None);
    for _ in 0..11 {
        app.advance(TimeDelta::days(365));
        party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
        tokens = party.refresh(tokens.refresh()).await;
    }
}

/// Shorter ends what runs at once; longer revives nothing that was ended.
async fn a_limit_changed_acts_on_running_sessions(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    app.advance(TimeDelta::days(3));
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);

    let (clock, mut settings) = (app.clock.clone(), app.settings.clone());
    let database = app.stop().await;
    settings.lifetimes.session_absolute = life("P2D");
    let app = App::on(database, settings, clock, "shorter").await;
    let mut browser_now = app.browser();
    browser_now.jar = browser.jar.clone();
    let party = app.relying_party(OWN_PAGE);
    assert_eq!(party.error(&app.silently(&mut browser_now, &party, "openid", &[]).await), "login_required");
}

/// One application's users sign in daily, the other's do not.
async fn a_client_has_limits_of_its_own(database: Database) {
    let app = App::start_with(database, |settings| {
        let strict = settings.clients.iter_mut().find(|client| client.id.as_str() == SERVER).unwrap();
        strict.metadata.lifetimes.session_absolute = Some(life("P1D"));
        strict.metadata.lifetimes.access_token = Some(life("PT1M"));
    })
    .await;
    let (strict, party) = (app.relying_party(SERVER), app.relying_party(OWN_PAGE));
    let mut browser = app.browser();
    let began = app.seconds();
    let tokens = app.sign_in(&mut browser, &strict, "openid").await;
    assert_eq!(tokens.json["expires_in"], 60);
    assert_eq!(tokens.json["session_expires_at"], began + 86_400);
    app.advance(TimeDelta::days(1));
    assert_eq!(strict.error(&app.silently(&mut browser, &strict, "openid", &[]).await), "login_required");
    strict.refused(tokens.refresh()).await;
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
}

/// Past its own limit one application has to ask for the password again; the others are not touched.
async fn a_client_session_ends_by_itself(database: Database) {
    let app = App::start_with(database, |settings| {
        let strict = settings.clients.iter_mut().find(|client| client.id.as_str() == PAGE).unwrap();
        strict.metadata.lifetimes.client_session_idle = Some(life("PT1H"));
        strict.metadata.lifetimes.client_session_absolute = Some(life("PT8H"));
    })
    .await;
    let (strict, party) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE));
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &strict, "openid").await;
    app.sign_in(&mut browser, &party, "openid").await;
    app.advance(TimeDelta::minutes(59));
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    strict.exchange(&strict.code(&app.silently(&mut browser, &strict, "openid", &[]).await)).await;
    app.advance(TimeDelta::hours(1));
    assert_eq!(strict.error(&app.silently(&mut browser, &strict, "openid", &[]).await), "login_required");
    strict.refused(tokens.refresh()).await;
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    // Interactively it asks for the password, and then goes on.
    let page = browser.visit(strict.authorize("openid", &[]).as_str()).await.page();
    assert!(page.text().contains("type=\"password\""));
    app.sign_in(&mut browser, &strict, "openid").await;
    strict.code(&app.silently(&mut browser, &strict, "openid", &[]).await);
}

/// ASVS 7.4.2: at once, for sessions, refresh tokens, userinfo, introspection, and codes that are not redeemed yet. CO-10, RT-12.
async fn disabling_a_user_ends_everything(database: Database) {
    let app = App::start(database).await;
    let server = app.relying_party(SERVER);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &server, "openid offline_access").await;
    let code = server.code(&app.silently(&mut browser, &server, "openid", &[]).await);
    let (alice, now) = (app.user("alice").await.id, app.now());
    app.write(move |db| users::set_disabled(db, alice, Some(now), now)).await;
    server.refused(tokens.refresh()).await;
    assert_eq!(server.try_exchange(&code).await.error(), "invalid_grant");
    assert_eq!(server.userinfo(&tokens.access).await.status.as_u16(), 401);
    assert_eq!(server.introspect(&tokens.access).await["active"], false);
    assert_eq!(server.introspect(tokens.refresh()).await["active"], false);
    assert_eq!(server.error(&app.silently(&mut browser, &server, "openid", &[]).await), "login_required");
}

/// ASVS 7.4.3, RT-12: whoever had the old password has nothing left.
async fn a_changed_password_ends_everything(database: Database) {
    let app = App::start(database).await;
    let server = app.relying_party(SERVER);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &server, "openid offline_access").await;
    app.advance(TimeDelta::seconds(1));
    let (alice, now) = (app.user("alice").await, app.now());
    let hash = alice.password_hash.unwrap();
    app.write(move |db| users::set_password(db, alice.id, &Secret::new(hash.expose().clone()), now)).await;
    server.refused(tokens.refresh()).await;
    assert_eq!(server.introspect(&tokens.access).await["active"], false);
    assert_eq!(server.error(&app.silently(&mut browser, &server, "openid", &[]).await), "login_required");
    // The control: signing in again works at once.
    app.sign_in(&mut browser, &server, "openid").await;
}

/// No fixation (ASVS 7.2.4): a sign-in has a cookie of its own, and the one before is dead. PN-07, PN-11.
async fn another_user_ends_the_session_before_where_there_is_room_for_one(database: Database) {
    let app = App::start_with(database, |settings| settings.sessions.accounts_per_browser = 1).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &party, "openid").await;
    let mut old = browser.clone();
    app.advance(TimeDelta::seconds(1));
    let response = app.authorize_as(&mut browser, &party.authorize("openid", &[("prompt", "login")]), "bobby").await;
    let second = party.exchange(&party.code(&response)).await;
    let (a, b) = (party.claims(first.id.as_ref().unwrap()).await, party.claims(second.id.as_ref().unwrap()).await);
    assert_ne!(a["sub"], b["sub"]);
    assert_ne!(a["sid"], b["sid"], "UI-10");
    assert_eq!(party.error(&app.silently(&mut old, &party, "openid", &[]).await), "login_required");
    party.refused(first.refresh()).await;
    party.refresh(second.refresh()).await;
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
}

/// The same user with a password once more, for another application: one session, a new cookie, and the first application notices nothing.
async fn signing_in_again_keeps_what_hangs_on_the_session(database: Database) {
    let app = App::start(database).await;
    let (first, second) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let mut browser = app.browser();
    let mut tokens = app.sign_in(&mut browser, &first, "openid").await;
    let before = first.claims(tokens.id.as_ref().unwrap()).await;
    for changes in [[("prompt", "login")], [("max_age", "0")]] {
        let mut old = browser.clone();
        app.advance(TimeDelta::seconds(1));
        let page = browser.visit(second.authorize("openid", &changes).as_str()).await.page();
        assert!(page.text().contains("type=\"password\""), "{changes:?}");
        let response = app.authorize_as(&mut browser, &second.authorize("openid", &changes), "alice").await;
        second.exchange(&second.code(&response)).await;

        assert_eq!(first.userinfo(&tokens.access).await.status.as_u16(), 200, "{changes:?}");
        tokens = first.refresh(tokens.refresh()).await;
        let silent = first.exchange(&first.code(&app.silently(&mut browser, &first, "openid", &[]).await)).await;
        let claims = first.claims(silent.id.as_ref().unwrap()).await;
        assert_eq!(claims["sid"], before["sid"], "{changes:?}");
        assert_eq!(claims["auth_time"], app.seconds(), "{changes:?}");
        // No fixation (ASVS 7.2.4): the cookie is a new one.
        assert_eq!(first.error(&app.silently(&mut old, &first, "openid", &[]).await), "login_required", "{changes:?}");
    }
    let alice = app.user("alice").await.id;
    let stored = app.store.scan(move |db| sessions::list(db, Some(alice), None, 100)).await.unwrap();
    assert_eq!(stored.iter().map(|session| session.ended).collect::<Vec<_>>(), [None]);

    // Somebody else in this browser takes nothing of it.
    app.advance(TimeDelta::seconds(1));
    let response = app.authorize_as(&mut browser, &second.authorize("openid", &[("prompt", "login")]), "bobby").await;
    let bobs = second.exchange(&second.code(&response)).await;
    assert_eq!(first.userinfo(&tokens.access).await.status.as_u16(), 200);
    let tokens = first.refresh(tokens.refresh()).await;
    assert_eq!(first.claims(tokens.id.as_ref().unwrap()).await["sid"], before["sid"]);
    second.refresh(bobs.refresh()).await;
}

/// The application can warn first: the end that comes whatever happens, and the one that comes without use.
async fn both_deadlines_are_told(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.lifetimes.session_absolute = life("P10D");
        settings.lifetimes.session_idle = life("P3D");
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let began = app.seconds();
    let tokens = app.sign_in(&mut browser, &party, "openid").await;
    let deadlines = |json: &serde_json::Value| (json["session_expires_at"].as_i64().unwrap(), json["session_idle_expires_at"].as_i64().unwrap());
    assert_eq!(deadlines(&tokens.json), (began + 10 * 86_400, began + 3 * 86_400));
    // Use moves the idle end, never the absolute one; a use is written down when it is worth it.
    app.advance(TimeDelta::days(2));
    let renewed = party.exchange(&party.code(&app.silently(&mut browser, &party, "openid", &[]).await)).await;
    let (absolute, idle) = deadlines(&renewed.json);
    assert_eq!(absolute, began + 10 * 86_400);
    assert_eq!(idle, began + 5 * 86_400);
    // The promise is kept to the second.
    app.advance(TimeDelta::days(3) - TimeDelta::seconds(1));
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
}
