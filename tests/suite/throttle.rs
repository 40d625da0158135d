//! Failed sign-ins are slowed, never locked (OWASP ASVS 5.0 §6.1.1, §6.3.1): per place, per account, per network, for all replicas together.

use chrono::TimeDelta;
use gatekey::domain::secret::Secret;
use gatekey::store::{throttle_buckets, users};

use crate::support::app::{App, PASSWORD, password_hash};
use crate::support::browser::{Browser, OWN_FORM, form_with};
use crate::support::database::{Database, each_database, each_database_on_threads};
use crate::support::network::Answer;

mod flows {
    use super::*;
    each_database!(
        a_burst_and_then_one_a_minute,
        successes_are_not_counted,
        names_that_are_nobodys_are_slowed_alike,
        ac_05_spraying_is_slowed_by_network,
        ac_05_a_routed_prefix_is_no_more_than_four_networks,
        ac_06_guessing_at_an_account_locks_nobody_out,
        ac_06_a_routed_prefix_leaves_the_owner_a_share,
        a_browser_is_known_by_the_password_of_today,
        only_a_cookie_of_this_issuer_makes_a_browser_known,
        what_has_passed_is_swept,
        it_can_be_turned_off,
    );
}

mod at_once {
    use super::*;
    each_database_on_threads!(ac_04_two_hundred_at_once_over_two_replicas);
}

/// The answer to a sign-in without an application behind it; redirects are not followed.
async fn attempt(app: &App, browser: &mut Browser, username: &str, password: &str) -> Answer {
    let page = browser.visit(&format!("{}login", app.issuer)).await.page();
    let form = form_with(&page, "password").fill("username", username).fill("password", password);
    browser.submit_as(&form, None, OWN_FORM).await
}

async fn statuses(app: &App, browser: &mut Browser, username: &str, password: &str, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(attempt(app, browser, username, password).await.status.as_u16());
    }
    statuses
}

async fn a_burst_and_then_one_a_minute(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser_at("192.0.2.1");
    assert_eq!(statuses(&app, &mut browser, "alice", "wrong", 6).await, [422, 422, 422, 422, 422, 429]);
    app.advance(TimeDelta::seconds(20));
    let refused = attempt(&app, &mut browser, "alice", PASSWORD).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("40")), "not even the right one is looked at");
    assert!(refused.text().contains("Too many attempts. Wait 40"), "{}", refused.text());
    app.advance(TimeDelta::seconds(40));
    assert_eq!(statuses(&app, &mut browser, "alice", "wrong", 2).await, [422, 429]);
    app.advance(TimeDelta::seconds(60));
    assert_eq!(attempt(&app, &mut browser, "alice", PASSWORD).await.status.as_u16(), 303, "slowed, not locked");
    // Another spelling of the name is the same account.
    let mut other = app.browser_at("192.0.2.2");
    for name in ["alice", "Alice", " ALICE ", "aLiCe", "alice"] {
        assert_eq!(attempt(&app, &mut other, name, "wrong").await.status.as_u16(), 422);
    }
    assert_eq!(attempt(&app, &mut other, "ALICE", "wrong").await.status.as_u16(), 429);
}

async fn successes_are_not_counted(database: Database) {
    let app = App::start(database).await;
    for _ in 0..12 {
        assert_eq!(attempt(&app, &mut app.browser_at("192.0.2.1"), "alice", PASSWORD).await.status.as_u16(), 303);
    }
    // Nor does one wipe out what failed before it: whoever shares the network with alice cannot use her sign-ins to go on guessing.
    let mut thief = app.browser_at("192.0.2.1");
    assert_eq!(statuses(&app, &mut thief, "alice", "wrong", 4).await, [422; 4]);
    assert_eq!(attempt(&app, &mut app.browser_at("192.0.2.1"), "alice", PASSWORD).await.status.as_u16(), 303);
    assert_eq!(statuses(&app, &mut thief, "alice", "wrong", 2).await, [422, 429]);
}

/// AC-01: what is counted is the name, there or not.
async fn names_that_are_nobodys_are_slowed_alike(database: Database) {
    let app = App::start(database).await;
    let (mut one, mut other) = (app.browser_at("192.0.2.1"), app.browser_at("192.0.2.2"));
    for _ in 0..7 {
        let (real, none) = (attempt(&app, &mut one, "alice", "wrong").await, attempt(&app, &mut other, "nobody", "wrong").await);
        assert_eq!((real.status, real.header("retry-after")), (none.status, none.header("retry-after")));
        let shown = |answer: &Answer, name: &str| {
            let form = form_with(answer, "password");
            let hidden = form.fields.iter().filter(|field| field.kind == "hidden" && !field.value.is_empty()).map(|field| field.value.clone());
            hidden.fold(answer.text().replace(name, "NAME"), |text, value| text.replace(&value, "SEALED"))
        };
        assert_eq!(shown(&real, "alice"), shown(&none, "nobody"));
    }
}

/// AC-05: one password over many accounts.
async fn ac_05_spraying_is_slowed_by_network(database: Database) {
    let app = App::start(database).await;
    let mut sprayer = app.browser_at("2001:db8:1:1::1");
    for i in 0..50 {
        assert_eq!(attempt(&app, &mut sprayer, &format!("user{i}"), "Summer2026!").await.status.as_u16(), 422, "{i}");
    }
    assert_eq!(attempt(&app, &mut sprayer, "bobby", PASSWORD).await.status.as_u16(), 429);
    // The next address of the same line is the same network; another line is not.
    assert_eq!(attempt(&app, &mut app.browser_at("2001:db8:1:1:ffff::9"), "bobby", PASSWORD).await.status.as_u16(), 429);
    assert_eq!(attempt(&app, &mut app.browser_at("2001:db8:1:2::1"), "bobby", PASSWORD).await.status.as_u16(), 303);
    app.advance(TimeDelta::seconds(5));
    assert_eq!(statuses(&app, &mut sprayer, "carol", "Summer2026!", 2).await, [422, 429]);
}

/// AC-05: the sprayer has a /48, and takes another /64 of it for each try.
async fn ac_05_a_routed_prefix_is_no_more_than_four_networks(database: Database) {
    let app = App::start(database).await;
    for i in 0..200 {
        let mut sprayer = app.browser_at(&format!("2001:db8:1:{i:x}::1"));
        assert_eq!(attempt(&app, &mut sprayer, &format!("user{i}"), "Summer2026!").await.status.as_u16(), 422, "{i}");
    }
    let refused = attempt(&app, &mut app.browser_at("2001:db8:1:ffff::1"), "bobby", PASSWORD).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("2")));
    assert_eq!(attempt(&app, &mut app.browser_at("2001:db8:2:ffff::1"), "bobby", PASSWORD).await.status.as_u16(), 303, "the prefix beside it is another");
    app.advance(TimeDelta::milliseconds(1250));
    assert_eq!(attempt(&app, &mut app.browser_at("2001:db8:1:ffff::1"), "bobby", PASSWORD).await.status.as_u16(), 303);
}

/// AC-06: one attacker with a /48, for twenty minutes; at every moment alice signs in with a new browser at once.
async fn ac_06_a_routed_prefix_leaves_the_owner_a_share(database: Database) {
    let app = App::start(database).await;
    let (mut looked_at, mut line) = (0, 0);
    for minute in 0..20 {
        for _ in 0..30 {
            line += 1;
            looked_at += usize::from(attempt(&app, &mut app.browser_at(&format!("2001:db8:1:{line:x}::1")), "alice", "wrong").await.status.as_u16() == 422);
        }
        assert_eq!(attempt(&app, &mut app.browser_at("198.51.100.9"), "alice", PASSWORD).await.status.as_u16(), 303, "{minute}");
        app.advance(TimeDelta::minutes(1));
    }
    assert_eq!(looked_at, 4 * (5 + 19), "as four networks");
}

/// Whoever has signed in with a password that was then changed is a stranger: a thief must not keep a count of their own.
async fn a_browser_is_known_by_the_password_of_today(database: Database) {
    let app = App::start(database).await;
    let (mut owner, mut thief) = (app.browser_at("198.51.100.7"), app.browser_at("203.0.113.1"));
    for browser in [&mut owner, &mut thief] {
        assert_eq!(attempt(&app, browser, "alice", PASSWORD).await.status.as_u16(), 303);
    }
    // The thief's network is at its limit: a known browser is counted by itself all the same.
    statuses(&app, &mut app.browser_at("203.0.113.1"), "alice", "wrong", 6).await;
    assert_eq!(attempt(&app, &mut thief, "alice", "wrong").await.status.as_u16(), 422);

    app.advance(TimeDelta::seconds(1));
    let (alice, hash, now) = (app.user("alice").await.id, Secret::new(password_hash().to_owned()), app.now());
    assert!(app.write(move |db| users::set_password(db, alice, &hash, now)).await);
    assert_eq!(attempt(&app, &mut thief, "alice", "wrong").await.status.as_u16(), 429, "a stranger in that network");
    // A new sign-in makes it known again, and what it knew of other accounts it still knows.
    assert_eq!(attempt(&app, &mut owner, "bobby", PASSWORD).await.status.as_u16(), 303);
    assert_eq!(attempt(&app, &mut owner, "alice", PASSWORD).await.status.as_u16(), 303);
    let mut moved = app.browser_at("203.0.113.1");
    moved.jar = owner.jar.clone();
    assert_eq!(attempt(&app, &mut moved, "alice", "wrong").await.status.as_u16(), 422);
    assert_eq!(attempt(&app, &mut moved, "bobby", "wrong").await.status.as_u16(), 422);
}

/// AC-06: the attacker knows alice's name, and has one network, then very many.
async fn ac_06_guessing_at_an_account_locks_nobody_out(database: Database) {
    let app = App::start(database).await;
    let mut known = app.browser_at("198.51.100.7");
    assert_eq!(attempt(&app, &mut known, "alice", PASSWORD).await.status.as_u16(), 303);

    // From one network, for ten hours: even a browser that alice never used, elsewhere, is let in at every moment.
    let mut attacker = app.browser_at("203.0.113.1");
    for _ in 0..60 {
        statuses(&app, &mut attacker, "alice", "wrong", 2).await;
        app.advance(TimeDelta::minutes(10));
    }
    statuses(&app, &mut attacker, "alice", "wrong", 20).await;
    assert_eq!(attempt(&app, &mut app.browser_at("198.51.100.8"), "alice", PASSWORD).await.status.as_u16(), 303);

    // From sixty networks at once: new browsers have to wait, a known one does not, not even in the attacker's own network.
    for i in 0..60 {
        statuses(&app, &mut app.browser_at(&format!("203.0.113.{i}")), "alice", "wrong", 3).await;
    }
    let refused = attempt(&app, &mut app.browser_at("198.51.100.9"), "alice", PASSWORD).await;
    assert_eq!(refused.status.as_u16(), 429);
    assert_eq!(refused.header("retry-after"), Some("10"), "and no longer than a moment");
    assert_eq!(attempt(&app, &mut known, "alice", PASSWORD).await.status.as_u16(), 303);
    let mut moved = app.browser_at("203.0.113.1");
    moved.jar = known.jar.clone();
    assert_eq!(attempt(&app, &mut moved, "alice", PASSWORD).await.status.as_u16(), 303);
    // A known browser is no free ride: it has a count of its own.
    assert_eq!(statuses(&app, &mut known, "alice", "wrong", 6).await, [422, 422, 422, 422, 422, 429]);
    // And other accounts know nothing of it.
    assert_eq!(attempt(&app, &mut app.browser_at("198.51.100.9"), "bobby", PASSWORD).await.status.as_u16(), 303);
}

async fn only_a_cookie_of_this_issuer_makes_a_browser_known(database: Database) {
    let app = App::start(database).await;
    // The attacker's own account makes the browser known to that account and to no other.
    let mut attacker = app.browser_at("203.0.113.1");
    assert_eq!(attempt(&app, &mut attacker, "bobby", PASSWORD).await.status.as_u16(), 303);
    let cookie = attacker.jar.all().iter().find(|cookie| cookie.name.ends_with("-known")).cloned().unwrap();
    assert_eq!(statuses(&app, &mut attacker, "alice", "wrong", 6).await, [422, 422, 422, 422, 422, 429]);
    let mut again = app.browser_at("203.0.113.1");
    again.jar = attacker.jar.clone();
    assert_eq!(attempt(&app, &mut again, "alice", PASSWORD).await.status.as_u16(), 429, "a count of the network, not of the browser");
    // One that was altered is none.
    let altered = format!("{}={}A; Path=/; Secure; HttpOnly; SameSite=Strict", cookie.name, cookie.value);
    again.jar.set(&app.issuer.parse().unwrap(), &altered, app.now());
    assert_eq!(attempt(&app, &mut again, "alice", PASSWORD).await.status.as_u16(), 429);
    // With its own, it may sign in to what it is known to, whatever happens in the network.
    for i in 0..60 {
        attempt(&app, &mut app.browser_at("203.0.113.1"), &format!("user{i}"), "wrong").await;
    }
    assert_eq!(attempt(&app, &mut app.browser_at("203.0.113.1"), "bobby", PASSWORD).await.status.as_u16(), 429);
    assert_eq!(attempt(&app, &mut attacker, "bobby", PASSWORD).await.status.as_u16(), 303);
}

/// P9: the table holds what happened lately, not what ever happened; nothing is written for a try that is refused.
async fn what_has_passed_is_swept(database: Database) {
    let app = App::start(database).await;
    let rows = async || app.store.scan(throttle_buckets::count).await.unwrap();
    for i in 0..30 {
        attempt(&app, &mut app.browser_at(&format!("192.0.2.{i}")), &format!("user{i}"), "wrong").await;
    }
    assert_eq!(rows().await, 90);
    for i in 0..100 {
        attempt(&app, &mut app.browser_at("198.51.100.1"), &format!("other{i}"), "wrong").await;
    }
    let full = rows().await;
    assert_eq!(full, 90 + 1 + 2 * 50, "the network may fail fifty times; the other tries left nothing");
    app.advance(TimeDelta::hours(1));
    for i in 0..100 {
        attempt(&app, &mut app.browser_at("192.0.2.99"), "alice", "wrong").await;
        app.advance(TimeDelta::minutes(2));
        assert!(rows().await <= full + 3, "{i}");
    }
    assert_eq!(rows().await, 3);
    // Whoever signs in leaves nothing.
    attempt(&app, &mut app.browser_at("192.0.2.98"), "bobby", PASSWORD).await;
    app.advance(TimeDelta::minutes(2));
    attempt(&app, &mut app.browser_at("192.0.2.98"), "bobby", PASSWORD).await;
    assert_eq!(rows().await, 0);
}

async fn it_can_be_turned_off(database: Database) {
    let app = App::start_with(database, |settings| settings.throttle.enabled = false).await;
    let mut browser = app.browser_at("192.0.2.1");
    assert_eq!(statuses(&app, &mut browser, "alice", "wrong", 70).await, [422; 70]);
    assert_eq!(attempt(&app, &mut browser, "alice", PASSWORD).await.status.as_u16(), 303);
}

/// AC-04: the limit holds when everybody comes at once, over two replicas: five are looked at, the others are not even hashed.
async fn ac_04_two_hundred_at_once_over_two_replicas(database: Database) {
    let first = App::start_with(database, |settings| settings.database.queue = 4096).await;
    let second = first.replica("second").await;
    let mut pages = Vec::new();
    for i in 0..200 {
        let app = if i % 2 == 0 { &first } else { &second };
        let mut browser = app.browser_at("192.0.2.1");
        let page = browser.visit(&format!("{}login", app.issuer)).await.page();
        pages.push((browser, form_with(&page, "password").fill("username", "alice").fill("password", "wrong")));
    }
    let tasks: Vec<_> =
        pages.into_iter().map(|(mut browser, form)| tokio::spawn(async move { browser.submit_as(&form, None, OWN_FORM).await.status.as_u16() })).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    let of = |status: u16| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!(of(422), 5, "{answers:?}");
    // A machine that is busy with other things says of some that it is too busy, which tells them no more.
    assert!(of(429) > 0 && of(429) + of(503) == 195, "{answers:?}");
}
