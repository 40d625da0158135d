//! Many at once, on two issuers that share one database: one winner or one answer, never two truths. P3, P4.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use gatekey::domain::client::ClientKind;
use gatekey::domain::event::EventKind;
use gatekey::domain::id::ClientId;
use gatekey::domain::lifetime_rule::Selector;
use gatekey::service::admin::{AdminError, declare};
use gatekey::settings::lifetime_rules::DeclaredRule;
use gatekey::store::{clients, events, users};
use tokio::sync::Barrier;

use crate::online_access::{self, ONLINE, ONLINE_SCOPE, only_session};
use crate::refresh::stored;
use crate::support::app::{App, OWN_PAGE, PASSWORD, SERVER, client};
use crate::support::browser::{OWN_FORM, form_with};
use crate::support::database::{Database, each_database_on_threads};
use crate::support::network::Answer;
use crate::support::relying_party::{RelyingParty, tokens};

each_database_on_threads!(
    sixty_four_refreshes_of_one_token,
    sixty_four_uses_of_one_online_token,
    giving_an_online_token_back_races_its_uses,
    codes_of_one_session,
    refreshes_race_a_logout,
    two_links_make_one_admin,
    a_start_races_whoever_deletes_what_the_file_declares
);

const CALLERS: usize = 64;

/// Calls from both issuers at the same moment.
async fn all_at_once<F>(parties: [RelyingParty; 2], call: impl Fn(RelyingParty) -> F) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(CALLERS));
    let callers: Vec<_> = (0..CALLERS)
        .map(|i| {
            let (barrier, call) = (barrier.clone(), call(parties[i % 2].clone()));
            tokio::spawn(async move {
                barrier.wait().await;
                call.await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for caller in callers {
        answers.push(caller.await.unwrap());
    }
    answers
}

/// RFC 9700 §4.14.2; P4: one generation step, one successor, nobody logged out; after the overlap the ancestor ends the family.
async fn sixty_four_refreshes_of_one_token(database: Database) {
    let app = App::start(database).await;
    let replica = app.replica("second").await;
    let parties = [app.relying_party(OWN_PAGE), replica.relying_party(OWN_PAGE)];
    let mut token = app.sign_in(&mut app.browser(), &parties[0], "openid").await.refresh.unwrap();
    let first = token.clone();
    for round in 2..=6 {
        let presented = token.clone();
        let answers = all_at_once(parties.clone(), |party| {
            let presented = presented.clone();
            async move { party.try_refresh(&presented).await }
        })
        .await;
        let successors: Vec<String> = answers.iter().map(|answer| tokens(answer).refresh.unwrap()).collect();
        assert!(successors.iter().all(|successor| *successor == successors[0]), "one successor");
        let families = stored(&app).await;
        assert_eq!((families.len(), families[0].generation, families[0].ended), (1, round, None));
        token = successors[0].clone();
    }
    let newest = parties[1].refresh(&token).await;
    app.advance(TimeDelta::seconds(31));
    parties[1].refused(&first).await;
    parties[0].refused(newest.refresh()).await;
    replica.stop().await;
}

/// `online_access`: the same bytes for all, no step, and no use that goes lost on the way back: the row has the last instant, not an earlier one.
async fn sixty_four_uses_of_one_online_token(database: Database) {
    let app = online_access::app(database).await;
    let replica = app.replica("second").await;
    let parties = [app.relying_party(ONLINE), replica.relying_party(ONLINE)];
    let first = app.sign_in(&mut app.browser(), &parties[0], ONLINE_SCOPE).await;
    for _ in 0..5 {
        app.advance(TimeDelta::minutes(1));
        let presented = first.refresh().to_owned();
        let answers = all_at_once(parties.clone(), |party| {
            let presented = presented.clone();
            async move { party.try_refresh(&presented).await }
        })
        .await;
        let mut accesses: Vec<String> = answers.iter().map(|answer| tokens(answer).access).collect();
        assert!(answers.iter().all(|answer| tokens(answer).refresh() == first.refresh()));
        accesses.sort();
        accesses.dedup();
        assert_eq!(accesses.len(), CALLERS, "an access token each");
        let families = stored(&app).await;
        assert_eq!((families.len(), families[0].generation, families[0].last_used_at, families[0].ended), (1, 1, app.now(), None));
        assert_eq!(only_session(&app).await.last_used_at, app.now());
    }
    replica.stop().await;
}

/// P1: once it is given back, no use of it succeeds, and what a use in the middle of it was given is dead; the session has ended once.
async fn giving_an_online_token_back_races_its_uses(database: Database) {
    let app = online_access::app(database).await;
    let replica = app.replica("second").await;
    let parties = [app.relying_party(ONLINE), replica.relying_party(ONLINE)];
    for round in 1..=5 {
        let mut browser = app.browser();
        let first = app.sign_in(&mut browser, &parties[0], ONLINE_SCOPE).await;
        let (presented, turn) = (first.refresh().to_owned(), AtomicUsize::new(0));
        let answers = all_at_once(parties.clone(), |party| {
            let (presented, gives_back) = (presented.clone(), turn.fetch_add(1, Ordering::Relaxed) % 8 >= 6);
            async move { if gives_back { party.revoke(&presented).await } else { party.try_refresh(&presented).await } }
        })
        .await;
        for party in &parties {
            party.refused(first.refresh()).await;
        }
        for answer in answers {
            assert!(answer.status.is_success() || answer.error() == "invalid_grant", "{} {}", answer.status, answer.text());
            if answer.status.is_success() && !answer.text().is_empty() {
                let given = tokens(&answer);
                assert_eq!(given.refresh(), first.refresh());
                assert_eq!(parties[1].introspect(&given.access).await["active"], false);
                assert_eq!(parties[0].userinfo(&given.access).await.status.as_u16(), 401);
            }
        }
        assert_eq!(parties[0].error(&app.silently(&mut browser, &parties[0], "openid", &[]).await), "login_required");
        let filter = events::Filter { kind: Some(EventKind::SessionEnded), ..events::Filter::default() };
        let told = app.store.scan(move |db| events::list(db, &filter, None, 100)).await.unwrap();
        assert_eq!(told.len(), round, "each session has ended once");
    }
    replica.stop().await;
}

/// Tabs of one application come back at the same moment: a grant each, one client session, and all live.
async fn codes_of_one_session(database: Database) {
    let app = App::start(database).await;
    let (party, other) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    for _ in 0..50 {
        let mut browser = app.browser();
        app.sign_in(&mut browser, &other, "openid").await;
        let barrier = Arc::new(Barrier::new(4));
        let mut tabs = vec![];
        for _ in 0..4 {
            let (party, barrier, clock) = (party.clone(), barrier.clone(), app.clock.clone());
            let code = party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
            tabs.push(tokio::spawn(async move {
                barrier.wait().await;
                // No two at the same instant: which of them makes the client session must not matter to the others.
                clock.advance(TimeDelta::milliseconds(1));
                party.try_exchange(&code).await
            }));
        }
        let mut grants = vec![];
        for tab in tabs {
            grants.push(tokens(&tab.await.unwrap()));
        }
        for grant in grants {
            assert_eq!(party.userinfo(&grant.access).await.status.as_u16(), 200);
            party.refresh(grant.refresh()).await;
        }
    }
}

/// P1: once the logout is answered, no refresh succeeds, whoever was in the middle of one.
async fn refreshes_race_a_logout(database: Database) {
    let app = App::start(database).await;
    let replica = app.replica("second").await;
    let parties = [app.relying_party(OWN_PAGE), replica.relying_party(OWN_PAGE)];
    for _ in 0..5 {
        let mut browser = app.browser();
        let first = app.sign_in(&mut browser, &parties[0], "openid").await;
        let logout = format!("{}?id_token_hint={}", parties[0].endpoint("oidc/logout"), first.id.as_deref().unwrap());
        let presented = first.refresh().to_owned();
        let racing = tokio::spawn(all_at_once(parties.clone(), move |party| {
            let presented = presented.clone();
            async move { party.try_refresh(&presented).await }
        }));
        browser.visit(&logout).await.page();
        for party in &parties {
            party.refused(first.refresh()).await;
        }
        for answer in racing.await.unwrap() {
            if answer.status.is_success() {
                parties[1].refused(tokens(&answer).refresh()).await;
            }
        }
    }
    replica.stop().await;
}

/// AC-18: each start prints a link; whoever is first with any of them is the admin, and the only one.
async fn two_links_make_one_admin(database: Database) {
    let app = App::start(database).await;
    let replica = app.replica("second").await;
    let mut racers = vec![];
    for (i, issuer) in [&app, &replica, &app, &replica].into_iter().enumerate() {
        let link = issuer.running.first_admin_link().await.unwrap().expect("there is no admin yet");
        let mut browser = issuer.browser();
        let page = browser.visit(&link).await.page();
        let form = form_with(&page, "password_again").fill("username", &format!("admin{i}")).fill("password", PASSWORD).fill("password_again", PASSWORD);
        racers.push((browser, form));
    }
    let barrier = Arc::new(Barrier::new(racers.len()));
    let racers: Vec<_> = racers
        .into_iter()
        .map(|(mut browser, form)| {
            let barrier = barrier.clone();
            tokio::spawn(async move {
                barrier.wait().await;
                browser.submit_as(&form, None, OWN_FORM).await.status
            })
        })
        .collect();
    let mut done = 0;
    for racer in racers {
        done += usize::from(racer.await.unwrap().is_success());
    }
    assert_eq!(done, 1);
    assert_eq!(app.store.read(users::count_admins).await.unwrap(), 1);
    replica.stop().await;
}

/// A start holds the clients that the file declares, then the rules; so do whoever deletes a client with its rules, and a replica whose file has another
/// order. Each waits for the other, none for ever.
async fn a_start_races_whoever_deletes_what_the_file_declares(database: Database) {
    const ROUNDS: usize = 40;
    let app = App::start(database).await;
    let ids = ["race-a", "race-b", "race-c"].map(|id| ClientId::parse(id).unwrap());
    let settings = |turned: bool, round: usize| {
        let mut settings = app.settings.clone();
        let mut declared: Vec<_> = ids
            .iter()
            .map(|id| client(id.as_str(), ClientKind::Web, "https://race.example.test", |metadata| metadata.name = format!("Race {round} {turned}")))
            .collect();
        let limits = serde_json::from_str(&format!("{{\"session_idle\":\"PT{}M\"}}", round + 1)).unwrap();
        let mut rules: Vec<_> = ids.iter().map(|id| DeclaredRule { selector: Selector { client: Some(id.clone()), ..Selector::default() }, limits }).collect();
        if turned {
            declared.reverse();
            rules.reverse();
        }
        settings.clients.extend(declared);
        settings.lifetime_rules.extend(rules);
        settings
    };
    let (one, other, deleting, changing) = (app.admin().await, app.admin().await, app.admin().await, app.admin().await);
    declare(&one, &settings(false, 0)).await.unwrap();
    let mut deleted = 0;
    for round in 1..=ROUNDS {
        let (forth, back) = (settings(false, round), settings(true, round));
        let (delete, first, change) = (ids[round % 3].clone(), ids[(round + 1) % 3].clone(), ids[(round + 2) % 3].clone());
        let barrier = Arc::new(Barrier::new(4));
        let mut deletes = async |barrier: &Barrier| {
            barrier.wait().await;
            for id in [&delete, &first] {
                match deleting.delete_client(id).await {
                    Ok(()) => deleted += 1,
                    Err(AdminError::NotFound { .. }) => {}
                    Err(error) => panic!("round {round}: {error}"),
                }
            }
        };
        let declares = async |admin, settings, barrier: &Barrier| {
            barrier.wait().await;
            declare(admin, settings).await.unwrap_or_else(|error| panic!("round {round}: {error}"));
        };
        let changes = async |barrier: &Barrier| {
            barrier.wait().await;
            let selector = Selector { client: Some(change.clone()), ..Selector::default() };
            match changing.change_lifetime_rule(selector, |limits| *limits = Default::default()).await {
                Ok(_) | Err(AdminError::NotFound { .. }) => {}
                Err(error) => panic!("round {round}: {error}"),
            }
        };
        tokio::join!(declares(&one, &forth, &barrier), declares(&other, &back, &barrier), deletes(&barrier), changes(&barrier));
    }
    assert!(deleted > 0, "nothing was there to be deleted");
    // The control: what is declared last is there.
    declare(&one, &settings(false, 0)).await.unwrap();
    for id in ids {
        assert_eq!(app.store.read(move |db| clients::find(db, &id)).await.unwrap().unwrap().metadata.name, "Race 0 false");
    }
    for admin in [one, other, deleting, changing] {
        admin.store.close().await;
    }
}
