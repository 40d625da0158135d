//! The audit trail: what is told, of whom and by whom, that it is told with the change or not at all, and that no secret is in it.

use std::sync::Arc;

use chrono::TimeDelta;
use gatekey::domain::event::{Actor, Event, EventKind, Object, Occasion};
use gatekey::domain::id::{ClientId, EventId, UserId};
use gatekey::domain::session::EndReason;
use gatekey::service::admin::{Admin, Installation};
use gatekey::store::events::{self, Filter};
use gatekey::store::{StoreError, users};
use serde_json::json;
use url::Url;

use crate::support::app::{App, OWN_PAGE, PAGE, SERVER};
use crate::support::browser::form_with;
use crate::support::database::{Database, each_database};
use crate::support::entropy::SeededEntropy;
use crate::support::relying_party::RelyingParty;

each_database!(sessions_and_grants_are_told, what_is_rolled_back_is_not_told, pages_and_filters_of_the_list);

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

    /// The one event that is new.
    async fn one(&mut self) -> Event {
        let mut news = self.news().await;
        assert_eq!(news.len(), 1, "{news:?}");
        news.remove(0)
    }
}

fn told(event: &Event) -> (&'static str, Actor, Object, Option<UserId>, serde_json::Value) {
    (event.kind.as_str(), event.actor.clone(), event.object.clone(), event.user, serde_json::Value::Object(event.detail.fields().clone()))
}

async fn sessions_and_grants_are_told(database: Database) {
    let app = App::start(database).await;
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

    // The same browser signs in again: the same person goes on in the session, another one takes its place.
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
    // The start has told of the users and clients that the settings declare, and of its keys.
    let all = list(Filter::default(), None, 100).await;
    let of = |kind| all.iter().filter(|event| event.kind == kind).map(|event| event.actor.kind()).collect::<Vec<_>>();
    assert_eq!(of(EventKind::UserCreated), ["settings_file"; 2]);
    assert_eq!(of(EventKind::ClientCreated), ["settings_file"; 5]);
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
