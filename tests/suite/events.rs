//! The audit trail: what is told, of whom and by whom, that it is told with the change or not at all, and that no secret is in it.

use std::sync::Arc;

use chrono::TimeDelta;
use gatekey::domain::admin_scope::AdminRole;
use gatekey::domain::client::ClientKind;
use gatekey::domain::event::{Actor, Event, EventKind, Object, Occasion};
use gatekey::domain::group::Groups;
use gatekey::domain::id::{ClientId, EventId, UserId};
use gatekey::domain::secret::Secret;
use gatekey::domain::session::EndReason;
use gatekey::domain::signing_key::SigningAlg;
use gatekey::domain::user::{Profile, User};
use gatekey::service::admin::{Activation, Admin, Installation, NewClient, NewUser};
use gatekey::store::events::{self, Between, Filter};
use gatekey::store::listed::Order;
use gatekey::store::{StoreError, restored, users};
use serde_json::json;
use url::Url;

use crate::support::app::{App, OWN_PAGE, PAGE, PASSWORD, SERVER, password_hash};
use crate::support::browser::form_with;
use crate::support::database::{Database, each_database};
use crate::support::entropy::SeededEntropy;
use crate::support::relying_party::RelyingParty;

each_database!(
    sessions_and_grants_are_told,
    what_administrators_do_is_told,
    what_is_rolled_back_is_not_told,
    a_page_of_what_is_rare_looks_at_so_many,
    pages_and_filters_of_the_list
);

/// What is new since it was last asked, oldest first.
struct Trail<'a> {
    app: &'a App,
    last: EventId,
}

impl<'a> Trail<'a> {
    fn from_now(app: &'a App) -> Self {
        app.advance(TimeDelta::milliseconds(1));
        Self { app, last: EventId::first_at(app.now()) }
    }

    /// Then the clock moves on, so that what comes next comes later.
    async fn news(&mut self) -> Vec<Event> {
        let mut all = self.app.store.scan(|db| events::list(db, &Filter::default(), None, 1000)).await.unwrap();
        all.reverse();
        all.retain(|event| event.id > self.last);
        if let Some(event) = all.last() {
            self.last = event.id;
        }
        self.app.advance(TimeDelta::milliseconds(1));
        all
    }

    /// The one event that is new; the server makes keys by itself whenever somebody looks at them.
    async fn one(&mut self) -> Event {
        let mut news = self.news().await;
        news.retain(|event| (event.kind, &event.actor) != (EventKind::KeyCreated, &Actor::Server));
        assert_eq!(news.len(), 1, "{news:?}");
        news.remove(0)
    }
}

fn told(event: &Event) -> (&'static str, Actor, Object, Option<UserId>, serde_json::Value) {
    (event.kind.as_str(), event.actor.clone(), event.object.clone(), event.user, serde_json::Value::Object(event.detail.fields().clone()))
}

async fn sessions_and_grants_are_told(database: Database) {
    let app = App::start_with(database, |settings| settings.sessions.accounts_per_browser = 1).await;
    let (page, own, server) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let alice = app.user("alice").await.id;
    let mut trail = Trail::from_now(&app);

    // Signing in: from where, for which application, and under the id that the log has too.
    let mut browser = app.browser_at("192.0.2.7");
    let answer = app.authorize_as(&mut browser, &page.authorize("openid profile offline_access", &[]), "alice").await;
    let mut news = trail.news().await;
    // Two units of work of one millisecond, which come in no order.
    news.sort_by_key(|event| event.kind != EventKind::LoginSucceeded);
    let [login, consent] = &news[..] else { panic!("{news:?}") };
    let Object::Session(session) = login.object else { panic!("{login:?}") };
    let detail = json!({"client": PAGE, "acr": "urn:gatekey:acr:pwd", "again": false});
    assert_eq!(told(login), ("login.succeeded", Actor::User(alice), Object::Session(session), Some(alice), detail));
    assert_eq!(login.network.as_deref(), Some("192.0.2.7"));
    assert_eq!(login.request_id.as_ref().map(String::len), Some(32));
    assert_eq!(
        told(consent),
        ("consent.granted", Actor::User(alice), Object::Client(client(&page)), Some(alice), json!({"scope": "offline_access openid profile"}))
    );

    // Redeeming, refreshing and silent renewal are too many to be told one by one.
    let code = page.code(&answer);
    let tokens = page.exchange(&code).await;
    let next = page.refresh(tokens.refresh()).await;
    page.refresh(tokens.refresh()).await;
    page.refresh(next.refresh()).await;
    page.code(&app.silently(&mut browser, &page, "openid", &[]).await);
    assert_eq!(trail.news().await, []);

    // An old token comes back: told once, with what it was.
    page.refused(tokens.refresh()).await;
    page.refused(tokens.refresh()).await;
    let reuse = trail.one().await;
    let Object::Grant(_) = reuse.object else { panic!("{reuse:?}") };
    assert_eq!((reuse.kind, reuse.user), (EventKind::RefreshReuseDetected, Some(alice)));
    assert_eq!(reuse.actor, Actor::Client(client(&page)));
    let detail = reuse.detail.fields();
    assert_eq!((&detail["presented"], &detail["current"], &detail["reason"]), (&json!(1), &json!(3), &json!("reuse_detected")));

    // A code that comes twice.
    let code = own.code(&app.authorize_as(&mut browser, &own.authorize("openid", &[]), "alice").await);
    own.exchange(&code).await;
    assert_eq!(own.try_exchange(&code).await.status.as_u16(), 400);
    assert_eq!(own.try_exchange(&code).await.status.as_u16(), 400);
    assert_eq!((trail.one().await.kind, trail.news().await), (EventKind::CodeReplayed, vec![]));

    // A client gives back what it has; again is nothing new.
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &server, "openid offline_access").await;
    trail.news().await;
    server.revoke(tokens.refresh()).await;
    server.revoke(tokens.refresh()).await;
    let revoked = trail.one().await;
    assert_eq!((revoked.kind, revoked.user, revoked.network), (EventKind::GrantRevoked, Some(alice), None));

    // The same browser signs in again: the same person goes on in the session, another one takes its place where there is room for one.
    let again = app.authorize_as(&mut browser, &own.authorize("openid", &[("prompt", "login")]), "alice").await;
    own.code(&again);
    let login = trail.one().await;
    assert_eq!((login.kind, &login.detail.fields()["again"]), (EventKind::LoginSucceeded, &json!(true)));
    app.authorize_as(&mut browser, &own.authorize("openid", &[("prompt", "login")]), "bobby").await;
    let news = trail.news().await;
    let [ended, login] = &news[..] else { panic!("{news:?}") };
    let bobby = app.user("bobby").await.id;
    assert_eq!((ended.kind, ended.user, &ended.detail.fields()["reason"]), (EventKind::SessionEnded, Some(alice), &json!("superseded")));
    assert_eq!((login.kind, login.user), (EventKind::LoginSucceeded, Some(bobby)));

    // Signing out, with all that hangs on it.
    let tokens = app.sign_in(&mut browser, &own, "openid").await;
    browser.visit(Url::parse_with_params(&own.endpoint("oidc/logout"), [("id_token_hint", tokens.id.unwrap())]).unwrap().as_str()).await;
    let detail = json!({"reason": "logout", "sessions": 1, "client_sessions": 1, "refresh_families": 1});
    assert_eq!(told(&trail.one().await), ("session.ended", Actor::User(bobby), login.object.clone(), Some(bobby), detail));

    // A session and a chain that are found past their time.
    let mut browser = app.browser();
    let offline = app.sign_in(&mut browser, &server, "openid offline_access").await;
    trail.news().await;
    app.advance(TimeDelta::days(100));
    server.refused(offline.refresh()).await;
    server.refused(offline.refresh()).await;
    let ended = trail.one().await;
    assert_eq!((ended.kind, ended.actor, &ended.detail.fields()["reason"]), (EventKind::GrantEnded, Actor::Server, &json!("expired_absolute")));
    browser.visit(own.authorize("openid", &[]).as_str()).await.page();
    let ended = trail.one().await;
    assert_eq!((ended.kind, ended.actor, &ended.detail.fields()["reason"]), (EventKind::SessionEnded, Actor::Server, &json!("expired_absolute")));

    // Somebody guesses: the limit is told, not every try.
    let page = browser.visit(&own.endpoint("login")).await.page();
    for _ in 0..9 {
        browser.submit(&form_with(&page, "password").fill("username", "alice").fill("password", "guess"), None).await;
    }
    let limit = trail.one().await;
    assert_eq!((limit.kind, limit.actor, limit.object), (EventKind::LoginLimitReached, Actor::Anybody, Object::Instance));
}

/// Each with who did it, what was changed from what to what, and what ended with it.
async fn what_administrators_do_is_told(database: Database) {
    let app = App::start(database).await;
    let admin = admin(&app).await;
    let mut trail = Trail::from_now(&app);
    let by_hand = |kind, object, detail| (kind, Actor::CommandLine, object, detail);
    let short = |event: &Event| (event.kind.as_str(), event.actor.clone(), event.object.clone(), serde_json::Value::Object(event.detail.fields().clone()));

    // A user's life.
    let new = NewUser { username: "Carol".to_owned(), profile: Profile::default(), groups: Groups::default(), role: None, password_hash: None };
    let carol = admin.create_user(new).await.unwrap().id;
    let object = Object::User(carol);
    assert_eq!(short(&trail.one().await), by_hand("user.created", object.clone(), json!({"username": "carol", "groups": [], "role": null})));
    let change = |user: &mut User| {
        (user.role, user.profile.email) = (Some(AdminRole::Administrator), Some("carol@example.test".to_owned()));
        Ok(())
    };
    admin.update_user(carol, Box::new(change)).await.unwrap();
    let detail = json!({"before": {"role": null, "email": null}, "after": {"role": "administrator", "email": "carol@example.test"}});
    assert_eq!(short(&trail.one().await), by_hand("user.updated", object.clone(), detail));
    admin.update_user(carol, Box::new(|_| Ok(()))).await.unwrap();
    assert_eq!(trail.news().await, [], "nothing was changed");
    admin.set_password(carol, Secret::new(password_hash().to_owned())).await.unwrap();
    assert_eq!(trail.one().await.kind, EventKind::UserPasswordSet);
    let own = app.relying_party(OWN_PAGE);
    own.exchange(&own.code(&app.authorize_as(&mut app.browser(), &own.authorize("openid", &[]), "carol").await)).await;
    trail.news().await;
    admin.disable_user(carol).await.unwrap();
    let detail = json!({"reason": "user_disabled", "sessions": 1, "client_sessions": 1, "refresh_families": 1});
    assert_eq!(short(&trail.one().await), by_hand("user.disabled", object.clone(), detail));
    admin.enable_user(carol).await.unwrap();
    assert_eq!(short(&trail.one().await), by_hand("user.enabled", object.clone(), json!({})));
    admin.delete_user(carol).await.unwrap();
    assert_eq!(short(&trail.one().await), by_hand("user.deleted", object, json!({"username": "carol"})));
    assert!(admin.disable_user(carol).await.is_err() && admin.delete_user(carol).await.is_err());
    assert_eq!(trail.news().await, [], "what was not done");

    // A client's life.
    let id = ClientId::parse("fresh").unwrap();
    let object = Object::Client(id.clone());
    let metadata = crate::support::app::client("fresh", ClientKind::Web, "https://fresh.example.test", |_| {}).metadata;
    admin.create_client(NewClient { id: id.clone(), metadata }).await.unwrap();
    let created = trail.one().await;
    assert_eq!((created.kind, &created.object, &created.detail.fields()["metadata"]["name"]), (EventKind::ClientCreated, &object, &json!("The fresh")));
    admin.update_client(&id, Box::new(|client| client.metadata.name = "Renamed".to_owned())).await.unwrap();
    let detail = json!({"before": {"name": "The fresh"}, "after": {"name": "Renamed"}});
    assert_eq!(short(&trail.one().await), by_hand("client.updated", object.clone(), detail));
    admin.rotate_client_secret(&id).await.unwrap();
    assert_eq!(short(&trail.one().await), by_hand("client.secret_rotated", object.clone(), json!({})));
    let now = app.now();
    admin.update_client(&id, Box::new(move |client| client.disabled_at = Some(now))).await.unwrap();
    assert_eq!(short(&trail.one().await), by_hand("client.disabled", object.clone(), json!({"reason": "client_disabled"})));
    admin.update_client(&id, Box::new(|client| client.disabled_at = None)).await.unwrap();
    assert_eq!(short(&trail.one().await), by_hand("client.enabled", object.clone(), json!({})));
    admin.delete_client(&id).await.unwrap();
    assert_eq!(short(&trail.one().await), by_hand("client.deleted", object, json!({})));

    // Keys.
    let limits = &app.settings.lifetimes;
    let key = admin.rotate_key(SigningAlg::Es256, Activation::Announced(app.settings.keys.announce), limits).await.unwrap();
    let created = trail.one().await;
    assert_eq!((created.kind, created.object, created.actor), (EventKind::KeyCreated, Object::Key(key.kid.clone()), Actor::CommandLine));
    admin.retire_key(&key.kid, limits).await.unwrap();
    assert_eq!(short(&trail.one().await), by_hand("key.retired", Object::Key(key.kid), json!({"alg": "ES256"})));

    // Ending sessions: one by the API's caller, all of a user's by hand.
    let alice = app.user("alice").await.id;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid offline_access").await;
    app.sign_in(&mut app.browser(), &own, "openid").await;
    let sessions = trail.news().await;
    let Object::Session(session) = sessions[0].object else { panic!("{sessions:?}") };
    let robot = Actor::Client(ClientId::parse("robot").unwrap());
    admin.acting_as(robot.clone()).end_session(session).await.unwrap();
    admin.end_session(session).await.unwrap();
    let detail = json!({"reason": "revoked_by_admin", "sessions": 1, "client_sessions": 1, "refresh_families": 1});
    assert_eq!(told(&trail.one().await), ("session.revoked", robot, Object::Session(session), Some(alice), detail.clone()));
    admin.end_sessions_of(alice).await.unwrap();
    admin.end_sessions_of(alice).await.unwrap();
    assert_eq!(told(&trail.one().await), ("session.revoked", Actor::CommandLine, Object::User(alice), Some(alice), detail));

    // The first start's link, and a copy that was put back.
    let link = app.running.first_admin_link().await.unwrap().unwrap();
    let form = form_with(&browser.visit(&link).await.page(), "password_again");
    browser.submit(&form.fill("username", "root").fill("password", PASSWORD).fill("password_again", PASSWORD), None).await;
    let root = app.user("root").await.id;
    let news = trail.news().await;
    let kinds: Vec<_> = news.iter().map(|event| (event.kind, event.object.clone())).collect();
    assert_eq!(kinds, [(EventKind::UserCreated, Object::User(root)), (EventKind::SetupCompleted, Object::User(root))]);
    let now = app.now();
    app.write(move |db| restored::mark(db, now)).await;
    app.replica("second").await.stop().await;
    assert_eq!(short(&trail.one().await).0, "database.restored");

    // The settings file: what is as it declares is not told again, a change is.
    let mut settings = app.settings.clone();
    settings.clients[0].metadata.name = "Declared anew".to_owned();
    settings.users[0].profile.name = Some("Alice Anew".to_owned());
    App::on(app.database.clone(), settings, app.clock.clone(), "third").await.stop().await;
    let news = trail.news().await;
    let short: Vec<_> = news.iter().map(|event| (event.kind, event.actor.kind(), event.detail.fields()["after"]["name"].clone())).collect();
    let expected = [(EventKind::ClientUpdated, "Declared anew"), (EventKind::UserUpdated, "Alice Anew")];
    assert_eq!(short, expected.map(|(kind, name)| (kind, "settings_file", json!(name))));
}

/// docs/events.md has every word that is stored, and no other.
#[test]
fn the_page_and_the_vocabulary_are_one() {
    let page = include_str!("../../docs/events.md");
    let section = |title: &str| {
        let text = page.split(&format!("## {title}\n")).nth(1).unwrap_or_else(|| panic!("no section {title}"));
        let rows = text.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        rows.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(section("The events"), EventKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>());
    assert_eq!(section("Who"), Actor::KINDS);
    assert_eq!(section("What it happened to"), Object::KINDS);
}

/// The change and its event are one: what a unit of work does not commit, it does not tell either.
async fn what_is_rolled_back_is_not_told(database: Database) {
    let app = App::start(database).await;
    let alice = app.user("alice").await.id;
    let mut trail = Trail::from_now(&app);
    let occasion = occasion(&app);
    let failed: Result<(), StoreError> = app
        .store
        .write(move |db| {
            users::set_disabled(db, alice, Some(occasion.at), occasion.at)?;
            events::record(db, &occasion.event(EventKind::UserDisabled, Object::User(alice)))?;
            Err(StoreError::Query("changed its mind".to_owned()))
        })
        .await;
    assert!(failed.is_err());
    assert_eq!((app.user("alice").await.disabled_at, trail.news().await), (None, vec![]));
    admin(&app).await.disable_user(alice).await.unwrap();
    let disabled = trail.one().await;
    assert_eq!(told(&disabled), ("user.disabled", Actor::CommandLine, Object::User(alice), Some(alice), json!({"reason": "user_disabled"})));
    assert_eq!((app.user("alice").await.disabled_at.is_some(), disabled.request_id), (true, None));
}

/// A user of whom much is told, and one thing of it is wanted: a page comes short rather than late, and the next one goes on from there.
async fn a_page_of_what_is_rare_looks_at_so_many(database: Database) {
    let app = App::start(database).await;
    let alice = app.user("alice").await.id;
    let mut kinds = vec![EventKind::UserUpdated; 2102];
    (kinds[0], kinds[2101]) = (EventKind::UserEnabled, EventKind::UserEnabled);
    // A few at a time: a unit of work that takes seconds is given up.
    for kinds in kinds.chunks(300) {
        let events = kinds.iter().map(|kind| {
            app.advance(TimeDelta::milliseconds(1));
            occasion(&app).event(*kind, Object::User(alice))
        });
        let events: Vec<Event> = events.collect();
        app.write(move |db| events.iter().try_for_each(|event| events::record(db, event))).await;
    }
    let kind = Some(EventKind::UserEnabled);
    let rare = [
        Filter { user: Some(alice), kind, ..Filter::default() },
        Filter { object: Some(alice.to_string()), kind, ..Filter::default() },
        Filter { user: Some(alice), object: Some(alice.to_string()), kind, ..Filter::default() },
    ];
    for filter in rare {
        let page = async |order, between, limit| {
            let filter = filter.clone();
            app.store.scan(move |db| events::page(db, &filter, order, between, limit)).await.unwrap()
        };
        for (order, limit) in [(Order::Descending, 1), (Order::Descending, 10), (Order::Ascending, 1), (Order::Ascending, 10)] {
            let first = page(order, Between::default(), limit).await;
            assert_eq!(first.items.len(), 1, "{filter:?}");
            let second = page(order, Between::default().from(order, first.next.unwrap()), limit).await;
            assert_eq!((second.items.len(), second.next), (1, None), "{filter:?}");
            assert_eq!(second.items[0].id < first.items[0].id, order == Order::Descending);
        }
        let wanted = filter.clone();
        assert_eq!(app.store.scan(move |db| events::list(db, &wanted, None, 10)).await.unwrap().len(), 2, "who does not mind gets them all");
    }
}

async fn pages_and_filters_of_the_list(database: Database) {
    let app = App::start(database).await;
    let (alice, bobby) = (app.user("alice").await.id, app.user("bobby").await.id);
    app.advance(TimeDelta::hours(1));
    let start = app.now();
    let occasions: Vec<Occasion> = (0..5)
        .map(|_| {
            app.advance(TimeDelta::microseconds(700));
            occasion(&app)
        })
        .collect();
    let made = app
        .write(move |db| {
            let mut made = Vec::new();
            for occasion in occasions {
                for (kind, user) in [(EventKind::UserUpdated, alice), (EventKind::UserEnabled, bobby)] {
                    let event = occasion.event(kind, Object::User(user)).with("reason", EndReason::Logout);
                    events::record(db, &event)?;
                    made.push(event);
                }
            }
            made.sort_by_key(|event| event.id);
            made.reverse();
            Ok(made)
        })
        .await;
    let list = async |filter: Filter, before, limit| app.store.scan(move |db| events::list(db, &filter, before, limit)).await.unwrap();
    let since = |at| Filter { since: Some(at), ..Filter::default() };
    assert_eq!(list(since(start), None, 100).await, made, "as they were written");
    // Page by page it is the same.
    let mut paged = Vec::new();
    while let Some(event) = list(since(start), paged.last().map(|event: &Event| event.id), 1).await.pop() {
        paged.push(event);
    }
    assert_eq!(paged, made);
    let expected = |wanted: &dyn Fn(&Event) -> bool| made.iter().filter(|event| wanted(event)).cloned().collect::<Vec<_>>();
    // To the microsecond, within one millisecond too.
    for event in &made {
        assert_eq!(list(since(event.at), None, 100).await, expected(&|other| other.at >= event.at));
    }
    let of_alice = Filter { user: Some(alice), ..since(start) };
    assert_eq!(list(of_alice.clone(), None, 100).await, expected(&|event| event.user == Some(alice)));
    assert_eq!(list(Filter { object: Some(bobby.to_string()), ..since(start) }, None, 100).await, expected(&|event| event.user == Some(bobby)));
    assert_eq!(list(Filter { kind: Some(EventKind::UserEnabled), ..since(start) }, None, 100).await, expected(&|event| event.kind == EventKind::UserEnabled));
    assert_eq!(list(Filter { kind: Some(EventKind::UserEnabled), ..of_alice }, None, 100).await, []);
    // The start has told of the users and clients that the settings declare, of its console, and of its keys.
    let all = list(Filter::default(), None, 100).await;
    let of = |kind| all.iter().filter(|event| event.kind == kind).map(|event| event.actor.kind()).collect::<Vec<_>>();
    assert_eq!(of(EventKind::UserCreated), ["settings_file"; 2]);
    let by = |actor: &str| of(EventKind::ClientCreated).iter().filter(|one| **one == actor).count();
    assert_eq!((by("settings_file"), by("server"), of(EventKind::ClientCreated).len()), (5, 1, 6));
    assert!(!of(EventKind::KeyCreated).is_empty() && of(EventKind::KeyCreated).iter().all(|actor| *actor == "server"));
}

fn occasion(app: &App) -> Occasion {
    Occasion::new(app.now(), Actor::CommandLine, &(Arc::new(SeededEntropy::new(&app.now().to_string())) as _))
}

async fn admin(app: &App) -> Admin {
    let entropy = Arc::new(SeededEntropy::new("admin"));
    Installation::open_existing(&app.settings).await.unwrap().admin(app.clock.clone(), entropy)
}

fn client(party: &RelyingParty) -> ClientId {
    ClientId::parse(&party.client_id).unwrap()
}
