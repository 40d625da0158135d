//! A database put back from a copy that was taken while the issuer served: nobody is logged out, and nothing that was used up comes back
//! to life. P12.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use gatekey::domain::clock::{Clock, ManualClock};
use gatekey::store::{refresh_families, restored};
use poem::http::StatusCode;
use url::Url;

use crate::account::add_user;
use crate::support::app::{App, OWN_PAGE, PASSWORD};
use crate::support::browser::{Browser, OWN_FORM, form_with};
use crate::support::database::{Backend, Copy, Database, each_database, run};
use crate::support::network::parameter;
use crate::support::relying_party::{RelyingParty, tokens};

each_database!(
    nothing_used_comes_back,
    what_the_copy_cannot_know_is_as_it_was,
    a_restart_is_no_restore,
    a_restore_that_a_wrong_clock_noticed_refuses_no_later_code,
    what_a_role_may_not_read_is_no_restore,
);

mod under_load {
    use super::everybody_goes_on;
    use crate::support::database::each_database_on_threads;

    each_database_on_threads!(everybody_goes_on);
}

/// The issuer stops, the copy takes the place of its database, and an issuer starts on it.
async fn put_back(app: App, copy: &Copy) -> App {
    let (clock, settings) = (app.clock.clone(), app.settings.clone());
    let database = app.stop().await;
    database.put_back(copy);
    App::on(database, settings, clock, "on the copy").await
}

/// What a hidden frame is answered, by the issuer that runs now.
async fn silently(app: &App, browser: &mut Browser, party: &RelyingParty) -> Url {
    *browser = browser.through(app.network.clone());
    app.silently(browser, party, "openid", &[]).await
}

async fn code(app: &App, browser: &mut Browser, party: &RelyingParty) -> String {
    party.code(&silently(app, browser, party).await)
}

async fn refused(party: &RelyingParty, code: &str) {
    let answer = party.try_exchange(code).await;
    assert_eq!((answer.status, answer.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"), "{}", answer.text());
}

/// Makes the first admin with a link.
async fn follow(browser: &mut Browser, link: &str, name: &str) -> StatusCode {
    let page = browser.visit(link).await.page();
    if page.status != StatusCode::OK {
        return page.status;
    }
    let form = form_with(&page, "password_again").fill("username", name).fill("password", PASSWORD).fill("password_again", PASSWORD);
    browser.submit_as(&form, None, OWN_FORM).await.status
}

async fn reset(browser: &mut Browser, link: &str) -> StatusCode {
    let page = browser.visit(link).await.page();
    if page.status != StatusCode::OK {
        return page.status;
    }
    let form = form_with(&page, "new_password").fill("new_password", "another battery staple").fill("password_again", "another battery staple");
    browser.submit_as(&form, None, OWN_FORM).await.status
}

/// RFC 6749 §4.1.2; CO-02: codes and links from before the restore are refused, used or not; those given out since work once.
async fn nothing_used_comes_back(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &party, "openid").await;
    let link = app.running.first_admin_link().await.unwrap().unwrap();
    add_user(&app, "rosa").await;
    let reset_link = app.reset_link("rosa").await;
    let (before, unused) = (code(&app, &mut browser, &party).await, code(&app, &mut browser, &party).await);
    let copy = app.database.copy();
    let after = code(&app, &mut browser, &party).await;
    for used in [&before, &after] {
        party.exchange(used).await;
    }
    assert_eq!(follow(&mut app.browser(), &link, "root").await, StatusCode::OK);
    // A password that was reset since is the old one in the copy, and the link that did it is used in none.
    assert_eq!(reset(&mut app.browser(), &reset_link).await, StatusCode::OK);
    let second = party.refresh(first.refresh()).await;

    let app = put_back(app, &copy).await;
    let party = app.relying_party(OWN_PAGE);
    for dead in [&before, &after, &unused] {
        refused(&party, dead).await;
    }
    assert_eq!(follow(&mut app.browser(), &link, "root").await, StatusCode::BAD_REQUEST);
    assert_eq!(reset(&mut app.browser(), &reset_link).await, StatusCode::BAD_REQUEST);

    // All of that is the restore's doing: the same things, given out since, work. Once.
    app.advance(TimeDelta::microseconds(1));
    let fresh = code(&app, &mut browser, &party).await;
    let third = party.refresh(second.refresh()).await;
    party.exchange(&fresh).await;
    refused(&party, &fresh).await;
    party.refresh(third.refresh()).await;
    let link = app.running.first_admin_link().await.unwrap().unwrap();
    assert_eq!(follow(&mut app.browser(), &link, "root").await, StatusCode::OK);
    assert_eq!(follow(&mut app.browser(), &link, "again").await, StatusCode::BAD_REQUEST);
    let reset_link = app.reset_link("rosa").await;
    assert_eq!(reset(&mut app.browser(), &reset_link).await, StatusCode::OK);
    assert_eq!(reset(&mut app.browser(), &reset_link).await, StatusCode::BAD_REQUEST);
}

/// docs/operations.md says so: what was ended since the copy lives again, and what began since is gone.
async fn what_the_copy_cannot_know_is_as_it_was(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let (mut ended, mut later) = (app.browser(), app.browser());
    let tokens = app.sign_in(&mut ended, &party, "openid").await;
    let mut as_it_was = ended.clone();
    let copy = app.database.copy();
    let logout = format!("{}?id_token_hint={}", party.endpoint("oidc/logout"), tokens.id.as_deref().unwrap());
    ended.visit(&logout).await.page();
    party.refused(tokens.refresh()).await;
    let gone = app.sign_in(&mut later, &party, "openid").await;

    let app = put_back(app, &copy).await;
    app.advance(TimeDelta::microseconds(1));
    let party = app.relying_party(OWN_PAGE);
    // Whoever still holds the secrets of the ended session can use them; its own browser has let go of the cookie.
    party.refresh(tokens.refresh()).await;
    party.exchange(&code(&app, &mut as_it_was, &party).await).await;
    assert_eq!(party.error(&silently(&app, &mut ended, &party).await), "login_required");
    assert_eq!(party.error(&silently(&app, &mut later, &party).await), "login_required");
    party.refused(gone.refresh()).await;
}

/// Only what was put back is restored: a code outlives a restart, and one more replica changes nothing.
async fn a_restart_is_no_restore(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let link = app.running.first_admin_link().await.unwrap().unwrap();
    // Neither does making a copy do anything to the original.
    let copy = app.database.copy();
    let (clock, settings) = (app.clock.clone(), app.settings.clone());
    let kept = code(&app, &mut browser, &party).await;
    let app = App::on(app.stop().await, settings, clock, "restarted").await;
    let party = app.relying_party(OWN_PAGE);
    party.exchange(&kept).await;

    // After a restore too: the first start notices, the later ones know.
    let app = put_back(app, &copy).await;
    let party = app.relying_party(OWN_PAGE);
    app.advance(TimeDelta::microseconds(1));
    let kept = code(&app, &mut browser, &party).await;
    let second_link = app.running.first_admin_link().await.unwrap().unwrap();
    let replica = app.replica("second").await;
    replica.relying_party(OWN_PAGE).exchange(&kept).await;
    assert_eq!(follow(&mut replica.browser(), &link, "root").await, StatusCode::BAD_REQUEST);
    assert_eq!(follow(&mut replica.browser(), &second_link, "root").await, StatusCode::OK);
    replica.stop().await;
}

/// The first start on the copy has a clock that is a year ahead. When it is set right, what is given out from then on works, and what was
/// used before the restore still does not.
async fn a_restore_that_a_wrong_clock_noticed_refuses_no_later_code(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let copy = app.database.copy();
    let used = code(&app, &mut browser, &party).await;
    party.exchange(&used).await;
    let (clock, settings) = (app.clock.clone(), app.settings.clone());
    let database = app.stop().await;
    database.put_back(&copy);
    let ahead = Arc::new(ManualClock::new(clock.now() + TimeDelta::days(365)));
    let database = App::on(database, settings.clone(), ahead, "on the copy, a year ahead").await.stop().await;

    clock.advance(TimeDelta::seconds(1));
    let app = App::on(database, settings, clock, "set right").await;
    let party = app.relying_party(OWN_PAGE);
    refused(&party, &used).await;
    app.advance(TimeDelta::microseconds(1));
    let fresh = code(&app, &mut browser, &party).await;
    party.exchange(&fresh).await;
    refused(&party, &fresh).await;
}

/// Two roles start replicas, and one of them is not told which server it is: the database is the same. Another server is another one.
async fn what_a_role_may_not_read_is_no_restore(database: Database) {
    let app = App::start(database).await;
    let identity = app.store.read(restored::identity).await.unwrap();
    let part = identity.split(' ').nth(1).unwrap().to_owned();
    let with = |other: &str| identity.replacen(&part, other, 1);
    let notice = async |identity: String| {
        let now = app.now();
        app.write(move |db| restored::notice(db, &identity, now)).await.now
    };
    for same in [with("?"), identity.clone(), with("?"), with("?"), identity.clone()] {
        assert_eq!(notice(same.clone()).await, None, "{same}");
    }
    // What is not told now has not been forgotten.
    notice(with("?")).await;
    assert_eq!(notice(with("1")).await, Some(restored::Sign::Moved));
}

/// The same with a role that truly may not.
#[test]
fn a_role_that_may_read_less() {
    run(Backend::Postgres, async |database| {
        let app = App::start(database).await;
        let party = app.relying_party(OWN_PAGE);
        let mut browser = app.browser();
        app.sign_in(&mut browser, &party, "openid").await;
        let kept = code(&app, &mut browser, &party).await;
        let role = format!("gatekey_reads_less_{}", std::process::id());
        let mut other = PgConnection::establish(app.database.url()).unwrap();
        other
            .batch_execute(&format!(
                "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC; CREATE ROLE {role} LOGIN PASSWORD 'less'; \
                 GRANT ALL ON SCHEMA public TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"
            ))
            .unwrap();
        let mut url = Url::parse(app.database.url()).unwrap();
        url.set_username(&role).unwrap();
        url.set_password(Some("less")).unwrap();
        let mut settings = app.settings.clone();
        settings.database.url = url.into();
        app.advance(TimeDelta::seconds(1));
        let replica = App::on(app.database.clone(), settings, app.clock.clone(), "reads less").await;
        let identity = replica.store.read(restored::identity).await;
        let taken = replica.relying_party(OWN_PAGE).try_exchange(&kept).await;
        replica.stop().await;
        other.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
        assert!(identity.as_ref().unwrap().contains('?'), "{identity:?}");
        assert_eq!(taken.status, StatusCode::OK, "{}", taken.text());
    });
}

/// Of replicas that start together on a copy one notices, and all agree on the moment: none later than its own clock says it is.
#[test]
fn one_start_notices() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        run(backend, async |database| {
            let app = App::start(database).await;
            let identity = app.store.read(restored::identity).await.unwrap();
            assert!(!identity.contains('?'), "{identity}");
            let now = app.now();
            app.write(move |db| restored::mark(db, now)).await;
            let mut starts = vec![];
            for i in 0..8 {
                let (store, identity) = (app.store.clone(), identity.clone());
                let now = now + TimeDelta::milliseconds(i);
                starts.push(tokio::spawn(async move { (now, store.write(move |db| restored::notice(db, &identity, now)).await.unwrap()) }));
            }
            let mut notices = vec![];
            for start in starts {
                notices.push(start.await.unwrap());
            }
            let [(noticed_at, _)] = notices.iter().filter(|(_, notice)| notice.now == Some(restored::Sign::Marked)).collect::<Vec<_>>()[..] else {
                panic!("{notices:?}")
            };
            assert!(notices.iter().all(|(now, notice)| notice.restored_at == Some(*noticed_at.min(now))), "{notices:?}");
        });
    }
}

/// A copy made with other means has no mark: it is known by being another file. Written over the file that was there it is not, and
/// `gatekey restored` is for that.
#[test]
fn a_file_copied_by_other_means() {
    run(Backend::Sqlite, async |database| {
        let app = App::start(database).await;
        let party = app.relying_party(OWN_PAGE);
        let mut browser = app.browser();
        app.sign_in(&mut browser, &party, "openid").await;
        let (clock, settings) = (app.clock.clone(), app.settings.clone());
        let mut database = app.stop().await;
        let path = std::path::PathBuf::from(database.url().strip_prefix("sqlite://").unwrap());
        for (way, noticed) in [("another file", true), ("written over", false), ("written over, and said", true)] {
            // With the identity of the file that it is in.
            let bytes = std::fs::read(&path).unwrap();
            let app = App::on(database, settings.clone(), clock.clone(), way).await;
            let party = app.relying_party(OWN_PAGE);
            app.advance(TimeDelta::microseconds(1));
            let used = code(&app, &mut browser, &party).await;
            party.exchange(&used).await;
            database = app.stop().await;
            if way == "another file" {
                let beside = path.with_extension("copy");
                std::fs::write(&beside, &bytes).unwrap();
                std::fs::rename(beside, &path).unwrap();
            } else {
                std::fs::write(&path, &bytes).unwrap();
            }
            let app = App::on(database, settings.clone(), clock.clone(), "after").await;
            if way == "written over, and said" {
                let now = app.now();
                app.write(move |db| restored::mark(db, now)).await;
            }
            let app = App::on(app.stop().await, settings.clone(), clock.clone(), "after, again").await;
            let answer = app.relying_party(OWN_PAGE).try_exchange(&used).await;
            assert_eq!(answer.status.as_u16(), if noticed { 400 } else { 200 }, "{way}: {}", answer.text());
            database = app.stop().await;
        }
    });
}

/// Many people at work while the copy is made: what was answered before it began is in it, everybody's newest token goes on after the
/// restore, and every session of that time lives.
async fn everybody_goes_on(database: Database) {
    const PEOPLE: usize = 12;
    let app = Arc::new(App::start(database).await);
    let stop = Arc::new(AtomicBool::new(false));
    let mut people = vec![];
    for _ in 0..PEOPLE {
        let party = app.relying_party(OWN_PAGE);
        let mut browser = app.browser();
        let first = app.sign_in(&mut browser, &party, "openid").await;
        people.push((browser, party, first));
    }
    let work: Vec<_> = people
        .into_iter()
        .map(|(mut browser, party, first)| {
            let (app, stop) = (app.clone(), stop.clone());
            tokio::spawn(async move {
                let (mut token, mut used, mut turns) = (first.refresh().to_owned(), vec![], 0);
                while !stop.load(Ordering::Relaxed) {
                    token = party.refresh(&token).await.refresh().to_owned();
                    let code = code(&app, &mut browser, &party).await;
                    party.exchange(&code).await;
                    used.push(code);
                    turns += 1;
                }
                (browser, first, token, used, turns)
            })
        })
        .collect();
    let alice = app.user("alice").await.id;
    let families = |app: &App| {
        let store = app.store.clone();
        async move { store.scan(move |db| refresh_families::list_by_user(db, alice, None, 100_000)).await.unwrap() }
    };
    // Some work first, some while it is copied, some after.
    while families(&app).await.len() < 3 * PEOPLE {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let before = families(&app).await;
    let database = app.database.clone();
    let copy = tokio::task::spawn_blocking(move || database.copy()).await.unwrap();
    let after = families(&app).await;
    while families(&app).await.len() < after.len() + 2 * PEOPLE {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut people = vec![];
    for person in work {
        people.push(person.await.unwrap());
    }
    assert!(after.len() > before.len(), "the issuer served while the copy was made");

    let app = put_back(Arc::into_inner(app).unwrap(), &copy).await;
    let restored = families(&app).await;
    assert!(restored.len() >= before.len() && restored.len() <= after.len(), "{} {} {}", before.len(), restored.len(), after.len());
    for family in &before {
        let copied = restored.iter().find(|copied| copied.id == family.id).expect("a grant from before the copy");
        assert!(copied.generation >= family.generation);
    }
    app.advance(TimeDelta::microseconds(1));
    let (mut refused_codes, mut turns) = (0, 0);
    for (mut browser, first, token, used, did) in people {
        let party = app.relying_party(OWN_PAGE);
        assert!(did > 1);
        turns += did;
        for code in used {
            refused(&party, &code).await;
            refused_codes += 1;
        }
        let next = tokens(&party.try_refresh(&token).await);
        party.refresh(next.refresh()).await;
        let sid = party.claims(first.id.as_deref().unwrap()).await["sid"].clone();
        let response = silently(&app, &mut browser, &party).await;
        assert_eq!(parameter(&response, "error"), None, "{response}");
        let again = party.exchange(&party.code(&response)).await;
        assert_eq!(party.claims(again.id.as_deref().unwrap()).await["sid"], sid, "the same session");
        // Of the old chain, what was used up is still reuse.
        party.refused(first.refresh()).await;
    }
    println!("{turns} turns of {PEOPLE} people around a copy, {refused_codes} used codes refused after the restore");
}
