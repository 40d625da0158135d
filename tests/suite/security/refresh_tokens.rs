//! Refresh tokens: reuse, races, lost answers, and everything that must end a chain (section K).

use chrono::TimeDelta;
use gatekey::domain::client::{ClientMetadata, GrantType};
use gatekey::domain::duration::Lifetime;
use gatekey::domain::entropy::Entropy;
use gatekey::domain::id::ClientId;
use gatekey::domain::scope::Scope;
use gatekey::domain::secret::Secret;
use gatekey::domain::session::EndReason;
use gatekey::service::admin::{Admin, Installation};
use gatekey::store::{Options, Store, clients, consents, refresh_families};
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use crate::refresh::stored;
use crate::support::app::{App, MACHINE, OTHER_PAGE, OWN_PAGE, PAGE, SERVER, password_hash};
use crate::support::database::{Database, each_database};
use crate::support::entropy::SeededEntropy;
use crate::support::log;
use crate::support::relying_party::{RelyingParty, Tokens, tokens};
use crate::support::served::{PATIENCE, Served};
use crate::support::statements;

each_database!(
    rt_01_an_old_token_ends_the_family,
    rt_03_three_rotations_in_one_second_are_told_apart,
    rt_04_a_killed_server_remembers_what_was_used,
    rt_05_two_processes_agree_on_one_successor,
    rt_07_a_lost_answer_logs_nobody_out,
    rt_08_the_window_is_narrow_and_gives_one_successor,
    rt_09_another_clients_token_is_refused_and_not_harmed,
    rt_10_a_confidential_clients_token_needs_its_secret,
    rt_11_scope_shrinks_but_never_grows,
    rt_12_what_was_allowed_is_judged_again,
    rt_13_use_never_moves_the_absolute_end,
    rt_14_one_kind_of_token_is_not_another,
    rt_17_reuse_costs_the_same_at_any_age,
    rt_18_an_old_token_harms_its_own_family_once,
    rt_19_a_million_rotations_are_one_row,
    rt_20_a_token_in_the_address_is_refused_and_not_logged,
);

/// A family of alice at an application of the operator's own.
async fn family(app: &App, party: &RelyingParty) -> Tokens {
    app.sign_in(&mut app.browser(), party, "openid").await
}

async fn lives(party: &RelyingParty, access: &str) -> bool {
    party.userinfo(access).await.status.as_u16() == 200
}

/// RFC 9700 §4.14.2: the newest token and the access tokens die with the family, and the log tells.
async fn rt_01_an_old_token_ends_the_family(database: Database) {
    let app = App::start(database).await;
    let heard = log::listen();
    let server = app.relying_party(SERVER);
    let first = family(&app, &server).await;
    let second = server.refresh(first.refresh()).await;
    let third = server.refresh(second.refresh()).await;
    let other = family(&app, &server).await;
    assert!(lives(&server, &third.access).await);
    app.advance(TimeDelta::seconds(31));
    server.refused(first.refresh()).await;
    server.refused(third.refresh()).await;
    assert_eq!(server.introspect(&third.access).await, json!({"active": false}));
    assert!(!lives(&server, &third.access).await);
    assert_eq!(heard.count("refresh.reuse_detected"), 1);
    let mut left: Vec<_> = stored(&app).await.into_iter().map(|family| (family.generation, family.ended.map(|ended| ended.reason))).collect();
    left.sort_by_key(|(generation, _)| *generation);
    assert_eq!(left, [(1, None), (3, Some(EndReason::ReuseDetected))]);
    // The control: another family of the same user and client goes on.
    server.refresh(other.refresh()).await;
}

/// Order is by generation, never by a clock.
async fn rt_03_three_rotations_in_one_second_are_told_apart(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    for replayed in [0, 1] {
        let mut chain = vec![family(&app, &party).await];
        for _ in 0..3 {
            let next = party.refresh(chain.last().unwrap().refresh()).await;
            chain.push(next);
        }
        // The control: the direct predecessor is a retry.
        assert_eq!(party.refresh(chain[2].refresh()).await.refresh(), chain[3].refresh());
        party.refused(chain[replayed].refresh()).await;
        party.refused(chain[3].refresh()).await;
        let newest = stored(&app).await.pop().unwrap();
        assert_eq!((newest.generation, newest.ended.unwrap().reason), (4, EndReason::ReuseDetected));
    }
}

/// What was used is in the row, not in the process.
async fn rt_04_a_killed_server_remembers_what_was_used(database: Database) {
    let mut server = Served::start(database, "", "");
    let party = server.relying_party(OWN_PAGE);
    let first = server.sign_in(&mut server.browser(), &party, "openid").await;
    let second = party.refresh(first.refresh()).await;
    let third = party.refresh(second.refresh()).await;
    let other = server.sign_in(&mut server.browser(), &party, "openid").await;
    server = server.crash_and_restart();
    let party = server.relying_party(OWN_PAGE);
    party.refused(first.refresh()).await;
    party.refused(third.refresh()).await;
    assert!(!lives(&party, &third.access).await);
    party.refresh(other.refresh()).await;
    // And once more: the end is in the row too.
    server = server.crash_and_restart();
    server.relying_party(OWN_PAGE).refused(third.refresh()).await;
}

/// P3: two processes, eight callers each, one token.
async fn rt_05_two_processes_agree_on_one_successor(database: Database) {
    let server = Served::start(database, "", "");
    let replica = server.replica();
    let parties = [server.relying_party(OWN_PAGE), replica.relying_party(OWN_PAGE)];
    let mut newest = server.sign_in(&mut server.browser(), &parties[0], "openid").await.refresh.unwrap();
    let first = newest.clone();
    for _ in 0..3 {
        let barrier = Arc::new(Barrier::new(16));
        let callers: Vec<_> = (0..16)
            .map(|i| {
                let (party, token, barrier) = (parties[i % 2].clone(), newest.clone(), barrier.clone());
                std::thread::spawn(move || {
                    barrier.wait();
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(party.refresh(&token)).refresh.unwrap()
                })
            })
            .collect();
        let successors: Vec<String> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
        assert!(successors.iter().all(|successor| *successor == successors[0]), "one successor");
        assert_ne!(successors[0], newest);
        newest = successors[0].clone();
    }
    // What one process used, the other one knows.
    parties[1].refused(&first).await;
    parties[0].refused(&newest).await;
}

/// FAPI 2.0 §5.3.2.1-9: the step was committed, the answer never read.
async fn rt_07_a_lost_answer_logs_nobody_out(database: Database) {
    let server = Served::start(database, "", "");
    let party = server.relying_party(OWN_PAGE);
    let mut browser = server.browser();
    let first = server.sign_in(&mut browser, &party, "openid").await;
    let store = Store::open(&Options::new(server.database.url())).await.unwrap();
    let generation = async || {
        let user = store.read(|db| gatekey::store::users::find_by_username(db, "alice")).await.unwrap().unwrap().id;
        store.scan(move |db| refresh_families::list_by_user(db, user, None, 10)).await.unwrap().pop().unwrap()
    };
    let body = format!("grant_type=refresh_token&client_id={OWN_PAGE}&refresh_token={}", first.refresh());
    let mut stream = server.connect();
    write!(
        stream,
        "POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let deadline = Instant::now() + PATIENCE;
    while generation().await.generation == 1 {
        assert!(Instant::now() < deadline, "the step was not taken");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(stream);
    let again = party.refresh(first.refresh()).await;
    assert_eq!(party.refresh(first.refresh()).await.refresh(), again.refresh());
    let family = generation().await;
    assert_eq!((family.generation, family.ended), (2, None));
    party.refresh(again.refresh()).await;
    // The user is still signed in.
    let silent = browser.navigate(&party.authorize("openid", &[("prompt", "none")]), crate::support::browser::FRAME).await.left();
    party.code(&silent);
}

/// Replays inside the window are not counted, for each gets the same successor: a hundred of them are no more tokens than one.
async fn rt_08_the_window_is_narrow_and_gives_one_successor(database: Database) {
    let app = App::start_with(database, |settings| {
        let client = settings.clients.iter_mut().find(|client| client.id.as_str() == OWN_PAGE).unwrap();
        client.metadata.refresh_overlap = Lifetime::seconds(10);
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let first = family(&app, &party).await;
    let second = party.refresh(first.refresh()).await;
    app.advance(TimeDelta::milliseconds(9_900));
    for _ in 0..100 {
        assert_eq!(party.refresh(first.refresh()).await.refresh(), second.refresh());
    }
    assert_eq!(stored(&app).await[0].generation, 2);
    // After the successor was used, inside or not, it is reuse.
    let early = family(&app, &party).await;
    let used = party.refresh(early.refresh()).await;
    let newest = party.refresh(used.refresh()).await;
    party.refused(early.refresh()).await;
    party.refused(newest.refresh()).await;
    // And after the window.
    app.advance(TimeDelta::milliseconds(200));
    party.refused(first.refresh()).await;
    party.refused(second.refresh()).await;
    assert!(stored(&app).await.iter().all(|family| family.ended.is_some_and(|ended| ended.reason == EndReason::ReuseDetected)));
}

/// RFC 6749 §10.4: neither the newest token nor an old one, and no introspection or revocation either.
async fn rt_09_another_clients_token_is_refused_and_not_harmed(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let first = family(&app, &party).await;
    let second = party.refresh(first.refresh()).await;
    let third = party.refresh(second.refresh()).await;
    for thief in [OTHER_PAGE, SERVER] {
        let thief = app.relying_party(thief);
        for token in [&first, &second, &third] {
            thief.refused(token.refresh()).await;
            assert_eq!(thief.revoke(token.refresh()).await.status.as_u16(), 200, "RFC 7009 §2.2: nothing is said of it");
        }
    }
    let server = app.relying_party(SERVER);
    assert_eq!(server.introspect(third.refresh()).await, json!({"active": false}));
    let stored = stored(&app).await;
    assert_eq!((stored[0].generation, stored[0].ended), (3, None));
    party.refresh(third.refresh()).await;
}

async fn rt_10_a_confidential_clients_token_needs_its_secret(database: Database) {
    let app = App::start(database).await;
    let server = app.relying_party(SERVER);
    let first = family(&app, &server).await;
    for secret in [None, Some("wrong".to_owned()), Some(String::new())] {
        let unproven = RelyingParty { secret, ..server.clone() };
        let answer = unproven.try_refresh(first.refresh()).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (401, "invalid_client"));
    }
    assert_eq!(stored(&app).await[0].generation, 1);
    server.refresh(first.refresh()).await;
}

/// RFC 6749 §6.
async fn rt_11_scope_shrinks_but_never_grows(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let first = app.sign_in(&mut app.browser(), &party, "openid profile").await;
    let with = async |token: &str, scope: &str| party.post("oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)]).await;
    for wider in ["openid profile email", "email", "openid profile offline_access", "openid PROFILE", "\u{1}", "openid\tprofile"] {
        let answer = with(first.refresh(), wider).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_scope"), "{wider:?}");
    }
    assert_eq!(stored(&app).await[0].generation, 1, "a wrong scope takes no step");
    let narrow = tokens(&with(first.refresh(), "openid").await);
    assert_eq!((&narrow.json["scope"], &party.claims(&narrow.access).await["scope"]), (&json!("openid"), &json!("openid")));
    assert_eq!(party.userinfo(&narrow.access).await.json().get("name"), None);
    let back = tokens(&with(narrow.refresh(), "profile openid").await);
    assert_eq!(back.json["scope"], "openid profile");
    // An empty scope is one left out: the grant's own.
    let empty = tokens(&with(back.refresh(), "").await);
    assert_eq!(empty.json["scope"], "openid profile");
    assert_eq!(with(empty.refresh(), "openid profile email").await.error(), "invalid_scope");
}

pub async fn admin(app: &App) -> Admin {
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new("admin"));
    Installation::open(&app.settings, entropy.as_ref()).await.unwrap().admin(app.clock.clone(), entropy)
}

fn client_id(id: &str) -> ClientId {
    ClientId::parse(id).unwrap()
}

async fn change_client(app: &App, id: &str, change: impl FnOnce(&mut ClientMetadata) + Send + 'static) {
    let id = client_id(id);
    app.write(move |db| {
        let mut client = clients::find(db, &id)?.unwrap();
        change(&mut client.metadata);
        clients::upsert(db, &client)
    })
    .await;
}

/// ASVS 7.4.2: also for a family that outlives its session. Groups change limits and never what was allowed; accounts are not locked.
async fn rt_12_what_was_allowed_is_judged_again(database: Database) {
    let app = App::start(database).await;
    let admin = admin(&app).await;
    for scope in ["openid", "openid offline_access"] {
        // The control lives through all of it: another user's family at the same clients.
        let (page, server) = (app.relying_party(PAGE), app.relying_party(SERVER));
        let mut bobs = app.browser();
        let response = app.authorize_as(&mut bobs, &page.authorize(scope, &[]), "bobby").await;
        let mut bob = page.exchange(&page.code(&response)).await;

        let withdrawn = app.sign_in(&mut app.browser(), &page, scope).await;
        let (alice, id) = (app.user("alice").await.id, client_id(PAGE));
        app.write(move |db| consents::withdraw(db, alice, &id)).await;
        page.refused(withdrawn.refresh()).await;
        assert!(!lives(&page, &withdrawn.access).await, "the access token too");

        let changed = app.sign_in(&mut app.browser(), &page, scope).await;
        app.advance(TimeDelta::seconds(1));
        admin.set_password(alice, Secret::new(password_hash().to_owned())).await.unwrap();
        page.refused(changed.refresh()).await;
        assert!(!lives(&page, &changed.access).await);
        app.advance(TimeDelta::seconds(1));

        let disabled = app.sign_in(&mut app.browser(), &page, scope).await;
        admin.disable_user(alice).await.unwrap();
        page.refused(disabled.refresh()).await;
        assert!(!lives(&page, &disabled.access).await);
        admin.enable_user(alice).await.unwrap();
        page.refused(disabled.refresh()).await;

        let narrowed = app.sign_in(&mut app.browser(), &server, scope).await;
        change_client(&app, SERVER, |client| client.grant_types.retain(|grant| *grant != GrantType::RefreshToken)).await;
        assert_eq!(server.try_refresh(narrowed.refresh()).await.error(), "unauthorized_client");
        let before = app.settings.clients.iter().find(|client| client.id.as_str() == SERVER).unwrap().metadata.clone();
        change_client(&app, SERVER, move |client| *client = before).await;

        let stopped = app.sign_in(&mut app.browser(), &server, scope).await;
        let now = app.now();
        admin.update_client(&client_id(SERVER), Box::new(move |client| client.disabled_at = Some(now))).await.unwrap();
        assert_eq!(server.try_refresh(stopped.refresh()).await.error(), "invalid_client");
        admin.update_client(&client_id(SERVER), Box::new(|client| client.disabled_at = None)).await.unwrap();
        server.refused(stopped.refresh()).await;
        app.advance(TimeDelta::milliseconds(1));

        bob = page.refresh(bob.refresh()).await;
        assert!(lives(&page, &bob.access).await);
    }

    // A client that may ask for offline_access no more: its families are back to what hangs on the session.
    let server = app.relying_party(SERVER);
    let mut browser = app.browser();
    let offline = app.sign_in(&mut browser, &server, "openid offline_access").await;
    change_client(&app, SERVER, |client| client.scope = Scope::parse("openid").unwrap()).await;
    let next = server.refresh(offline.refresh()).await;
    assert_eq!(next.json["scope"], "openid");
    browser.visit(&format!("{}?id_token_hint={}", server.endpoint("oidc/logout"), next.id.as_deref().unwrap())).await.page();
    server.refused(next.refresh()).await;
    assert!(!lives(&server, &next.access).await);

    // The user deleted: nothing is left to refresh for.
    let page = app.relying_party(PAGE);
    let tokens = app.sign_in(&mut app.browser(), &page, "openid offline_access").await;
    let alice = app.user("alice").await.id;
    admin.delete_user(alice).await.unwrap();
    page.refused(tokens.refresh()).await;
    assert!(!lives(&page, &tokens.access).await);
}

/// ASVS 10.4.8.
async fn rt_13_use_never_moves_the_absolute_end(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.lifetimes.session_absolute = Lifetime::Unlimited;
        settings.lifetimes.session_idle = Lifetime::Unlimited;
        settings.lifetimes.refresh_absolute = "PT4H".parse().unwrap();
        settings.lifetimes.refresh_idle = "PT1H".parse().unwrap();
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let idle = family(&app, &party).await;
    let mut used = family(&app, &party).await;
    for _ in 0..239 {
        app.advance(TimeDelta::minutes(1));
        used = party.refresh(used.refresh()).await;
    }
    party.refused(idle.refresh()).await;
    app.advance(TimeDelta::seconds(59));
    used = party.refresh(used.refresh()).await;
    app.advance(TimeDelta::seconds(1));
    party.refused(used.refresh()).await;
    assert!(!lives(&party, &used.access).await);
    let mut left: Vec<_> = stored(&app).await.into_iter().map(|family| (family.generation, family.ended.unwrap().reason)).collect();
    left.sort_by_key(|(generation, _)| *generation);
    assert_eq!(left, [(1, EndReason::ExpiredIdle), (241, EndReason::ExpiredAbsolute)]);
}

/// ASVS 9.2.2; RFC 8725 §3.11.
async fn rt_14_one_kind_of_token_is_not_another(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let got = app.sign_in(&mut browser, &party, "openid").await;
    let code = party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    let id_token = got.id.as_deref().unwrap();
    for text in [got.access.as_str(), id_token, &code, "gk_rt_", "gk_rt_AAAA"] {
        party.refused(text).await;
    }
    for text in [got.refresh(), id_token, &code] {
        assert_eq!(party.userinfo(text).await.status.as_u16(), 401);
    }
    for text in [got.refresh(), got.access.as_str(), id_token] {
        assert_eq!(party.try_exchange(text).await.error(), "invalid_grant");
    }
    // A refresh token is introspected as what it is, and only by its owner.
    let server = app.relying_party(SERVER);
    let own = family(&app, &server).await;
    let seen = server.introspect(own.refresh()).await;
    assert_eq!((&seen["active"], &seen["token_type"], seen.get("aud")), (&json!(true), &json!("refresh_token"), None));
    assert_eq!(server.introspect(own.id.as_deref().unwrap()).await, json!({"active": false}));
    // Nothing was spent by any of it.
    party.exchange(&code).await;
    party.refresh(got.refresh()).await;
    // A machine has no user, so no refresh token (RFC 6749 §4.4.3).
    let machine = app.relying_party(MACHINE);
    let answer = machine.post("oauth/token", &[("grant_type", "client_credentials"), ("scope", "jobs:read")]).await;
    let machines = tokens(&answer);
    assert_eq!((machines.refresh, machines.id), (None, None));
    assert_eq!(machine.try_refresh(got.refresh()).await.error(), "unauthorized_client");
}

/// A family is one row however old it is, so ending it is no more work at its ten thousandth generation than at its third.
async fn rt_17_reuse_costs_the_same_at_any_age(database: Database) {
    statements::count();
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut costs = vec![];
    for generations in [3, 10_000] {
        let mut firsts = vec![];
        for _ in 0..5 {
            let first = family(&app, &party).await;
            party.refresh(first.refresh()).await;
            // Those made at one instant come in no order.
            let id = stored(&app).await.into_iter().find(|family| family.generation == 2).unwrap().id;
            assert!(app.store.rotate(refresh_families::Step { id, expected: 2, next: generations, at: app.now(), bind_to: None }).await.unwrap());
            firsts.push(first);
        }
        let cost = statements::least(&app.database, async || party.refused(firsts.pop().unwrap().refresh()).await).await;
        costs.push(cost);
        assert!(stored(&app).await.iter().all(|family| family.ended.is_some()));
    }
    assert_eq!(costs[0], costs[1]);
    // The client, the family, its end (a row of each of two tables), and what begins and commits that.
    assert!((3..=9).contains(&costs[1]), "{costs:?}");
}

async fn rt_18_an_old_token_harms_its_own_family_once(database: Database) {
    let app = App::start(database).await;
    let (party, server) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let mut browser = app.browser();
    let old = app.sign_in(&mut browser, &party, "openid").await;
    let sibling = party.exchange(&party.code(&app.silently(&mut browser, &party, "openid", &[]).await)).await;
    let other = server.exchange(&server.code(&app.silently(&mut browser, &server, "openid", &[]).await)).await;
    party.refresh(party.refresh(old.refresh()).await.refresh()).await;
    let heard = log::listen();
    for _ in 0..1000 {
        party.refused(old.refresh()).await;
    }
    assert_eq!(heard.count("refresh.reuse_detected"), 1, "the event comes once");
    assert_eq!(heard.text().matches(" INFO ").count() + heard.text().matches(" WARN ").count(), 1001, "and a line for each request, no more");
    drop(heard);
    let ended = stored(&app).await.iter().filter(|family| family.ended.is_some()).count();
    assert_eq!(ended, 1);
    for (party, tokens) in [(&party, &sibling), (&server, &other)] {
        assert!(lives(party, &tokens.access).await);
        party.refresh(tokens.refresh()).await;
    }
    app.silently(&mut browser, &party, "openid", &[]).await;
}

/// P9. A thousand steps are taken; the row is then moved on as far as a million would.
async fn rt_19_a_million_rotations_are_one_row(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut chain = vec![family(&app, &party).await.refresh.unwrap()];
    for _ in 0..1000 {
        let next = party.refresh(chain.last().unwrap()).await;
        chain.push(next.refresh.unwrap());
    }
    let families = stored(&app).await;
    assert_eq!((families.len(), families[0].generation), (1, 1001));
    let id = families[0].id;
    assert!(app.store.rotate(refresh_families::Step { id, expected: 1001, next: 1_000_000, at: app.now(), bind_to: None }).await.unwrap());
    // Any ancestor is known for what it is.
    party.refused(&chain[500]).await;
    let families = stored(&app).await;
    assert_eq!((families.len(), families[0].generation, families[0].ended.unwrap().reason), (1, 1_000_000, EndReason::ReuseDetected));
    for token in [&chain[0], &chain[999], &chain[1000]] {
        party.refused(token).await;
    }
    // The control.
    party.refresh(family(&app, &party).await.refresh()).await;
}

/// RFC 9700 §4.3.2; RFC 6749 §2.3.1 for the client's secret.
async fn rt_20_a_token_in_the_address_is_refused_and_not_logged(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let first = family(&app, &party).await;
    let heard = log::listen();
    let refresh = [("grant_type", "refresh_token"), ("client_id", OWN_PAGE), ("refresh_token", first.refresh())];
    let in_query = url::Url::parse_with_params(&party.endpoint("oauth/token"), refresh).unwrap();
    for fields in [&refresh[..0], &refresh[..2], &refresh] {
        let answer = app.network.post_form(in_query.as_str(), &[], fields).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_request"), "{fields:?}");
        assert!(!answer.text().contains(first.refresh()));
    }
    for (path, name) in [("oauth/revoke", "token"), ("oauth/introspect", "token"), ("oauth/token", "client_secret"), ("oauth/token", "code_verifier")] {
        let url = format!("{}?{name}={}", party.endpoint(path), first.refresh());
        let answer = app.network.post_form(&url, &[], &[("client_id", OWN_PAGE), ("token", first.refresh())]).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_request"), "{path} {name}");
    }
    let get = app.network.get(in_query.as_str(), &[]).await;
    assert_eq!(get.status.as_u16(), 405);
    assert!(heard.text().contains("refused") && !heard.text().contains(first.refresh()), "{}", heard.text());
    assert_eq!((stored(&app).await[0].generation, stored(&app).await[0].ended), (1, None));
    // The control: in the body.
    party.refresh(first.refresh()).await;
}
