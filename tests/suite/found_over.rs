//! A limit made shorter while people are signed in: what runs is over at its next use, on every replica, and whoever finds it so makes that its
//! applications hear of it, without waiting for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use gatekey::Issuer;
use gatekey::domain::entropy::SystemEntropy;
use gatekey::domain::event::{Actor, Event, EventKind};
use gatekey::domain::id::{ClientId, SessionId};
use gatekey::domain::lifetime::LimitOverrides;
use gatekey::domain::lifetime_rule::Selector;
use gatekey::domain::scope::Scope;
use gatekey::domain::session::{EndReason, Session};
use gatekey::service::admin::{Admin, Installation};
use gatekey::store::tree::{self, Node};
use gatekey::store::{events, refresh_families, sessions};
use serde_json::json;

use crate::backchannel_logout::{ONE, TWO, listening};
use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::database::{Database, each_database};
use crate::support::network::{Answer, Network};
use crate::support::receiver::Receiver;
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::served::PATIENCE;
use crate::support::statements;

each_database!(
    a_shorter_limit_is_felt_and_told_everywhere,
    whoever_finds_it_writes_it_down,
    it_is_written_down_by_itself,
    what_lives_on_elsewhere_is_not_ended,
    a_limit_made_longer_meanwhile_wins,
    another_end_meanwhile_wins,
    two_replicas_that_find_it_tell_once,
    a_dead_cookie_makes_no_writes,
);

struct World {
    app: App,
    admin: Admin,
    one: Receiver,
    two: Receiver,
}

/// What somebody who is signed in holds.
struct Seat {
    browser: Browser,
    session: SessionId,
    rotating: Tokens,
    online: Tokens,
    offline: Tokens,
    code: String,
}

impl World {
    async fn start(database: Database) -> Self {
        let (one, two) = (Receiver::start(), Receiver::start());
        let app = App::start_with(database, |settings| {
            listening(settings, &one.url("/logout"), &two.url("/logout"));
            let one = settings.clients.iter_mut().find(|client| client.id.as_str() == ONE).unwrap();
            one.metadata.scope = Scope::parse("openid offline_access online_access").unwrap();
        })
        .await;
        let admin = Installation::open_existing(&app.settings).await.unwrap().admin(app.clock.clone(), Arc::new(SystemEntropy));
        Self { app, admin, one, two }
    }

    /// As an administrator does beside the servers.
    async fn limit(&self, client: Option<&str>, limits: &'static str) {
        let selector = Selector { client: client.map(|id| ClientId::parse(id).unwrap()), ..Selector::default() };
        let change = move |rule: &mut LimitOverrides| {
            *rule = LimitOverrides::default();
            for word in limits.split_whitespace() {
                let (name, value) = word.split_once('=').unwrap();
                rule.set(name.parse().unwrap(), Some(value.parse().unwrap()));
            }
        };
        self.admin.change_lifetime_rule(selector, change).await.unwrap();
    }

    /// Signed in at both applications, the first with refresh tokens of each kind.
    async fn seat(&self, app: &App) -> Seat {
        let (one, two) = (app.relying_party(ONE), app.relying_party(TWO));
        let mut browser = app.browser();
        let rotating = app.sign_in(&mut browser, &one, "openid").await;
        let online = app.sign_in(&mut browser, &one, "openid online_access").await;
        let offline = app.sign_in(&mut browser, &one, "openid offline_access").await;
        app.sign_in(&mut browser, &two, "openid").await;
        let code = one.code(&app.silently(&mut browser, &one, "openid", &[]).await);
        let grant = one.claims(&rotating.access).await["gid"].as_str().unwrap().parse().unwrap();
        let family = self.app.store.read(move |db| refresh_families::find(db, grant)).await.unwrap().unwrap();
        Seat { browser, session: family.session_id, rotating, online, offline, code }
    }

    async fn session(&self, id: SessionId) -> Session {
        self.app.store.read(move |db| sessions::find(db, id)).await.unwrap().unwrap()
    }

    async fn reason(&self, id: SessionId) -> Option<EndReason> {
        self.session(id).await.ended.map(|ended| ended.reason)
    }

    /// How often each application was told since the last time.
    fn told(&self) -> (usize, usize) {
        (self.one.take().len(), self.two.take().len())
    }

    async fn ends(&self) -> Vec<Event> {
        let filter = events::Filter { kind: Some(EventKind::SessionEnded), ..events::Filter::default() };
        self.app.store.scan(move |db| events::list(db, &filter, None, 100)).await.unwrap()
    }

    async fn stop(self) {
        self.admin.store.close().await;
    }
}

async fn silent_error(app: &App, browser: &mut Browser, party: &RelyingParty) -> String {
    let mut here = browser.through(app.network.clone());
    let answer = app.silently(&mut here, party, "openid", &[]).await;
    party.error(&answer)
}

/// The whole way of one change, seen from the replica that the user was not signed in at: the session is over, silent renewal says so, its
/// refresh tokens are refused, introspection says inactive, and the applications are told.
async fn a_shorter_limit_is_felt_and_told_everywhere(database: Database) {
    let w = World::start(database).await;
    let replica = w.app.replica("second").await;
    let mut seat = w.seat(&w.app).await;
    let places = [(&w.app, w.app.relying_party(ONE)), (&replica, replica.relying_party(ONE))];
    w.app.advance(TimeDelta::minutes(9));
    // The control: by the limits so far all of it works, at both.
    for (place, one) in &places {
        let mut here = seat.browser.through(place.network.clone());
        one.code(&place.silently(&mut here, one, "openid", &[]).await);
        seat.rotating = one.refresh(seat.rotating.refresh()).await;
        assert_eq!(one.refresh(seat.online.refresh()).await.refresh(), seat.online.refresh());
        for token in [seat.rotating.access.as_str(), seat.rotating.refresh(), seat.online.refresh()] {
            assert_eq!(one.introspect(token).await["active"], true);
        }
    }
    replica.running.deliver_logout_notices().await;
    assert_eq!((w.told(), w.reason(seat.session).await), ((0, 0), None));

    w.limit(None, "session_absolute=PT9M").await;
    for (place, one) in places.iter().rev() {
        assert_eq!(silent_error(place, &mut seat.browser, one).await, "login_required");
        for token in [&seat.rotating, &seat.online] {
            one.refused(token.refresh()).await;
            for text in [token.refresh(), token.access.as_str()] {
                assert_eq!(one.introspect(text).await, json!({"active": false}));
            }
            assert_eq!(one.userinfo(&token.access).await.status.as_u16(), 401);
        }
        // What was granted for while nobody is there goes on.
        seat.offline = one.refresh(seat.offline.refresh()).await;
        assert_eq!(one.introspect(&seat.offline.access).await["active"], true);
    }
    assert_eq!((w.told(), w.reason(seat.session).await), ((0, 0), None), "the requests themselves have written nothing of it");
    replica.running.deliver_logout_notices().await;
    assert_eq!((w.told(), w.reason(seat.session).await), ((1, 1), Some(EndReason::ExpiredAbsolute)));
    let told = w.ends().await;
    assert_eq!((told.len(), &told[0].actor), (1, &Actor::Server));
    assert_eq!((&told[0].detail.fields()["reason"], &told[0].detail.fields()["client_sessions"]), (&json!("expired_absolute"), &json!(2)));
    // A longer limit revives nothing.
    w.limit(None, "").await;
    for (place, one) in &places {
        assert_eq!(silent_error(place, &mut seat.browser, one).await, "login_required");
        one.refused(seat.online.refresh()).await;
        place.running.deliver_logout_notices().await;
    }
    assert_eq!(w.told(), (0, 0));
    replica.stop().await;
    w.stop().await;
}

const FINDERS: [&str; 11] = [
    "prompt=none",
    "prompt=none elsewhere",
    "code",
    "refresh",
    "online",
    "offline",
    "introspect access",
    "introspect refresh",
    "userinfo",
    "own page",
    "giving back",
];

/// Each of the requests that can find it, as the only one that does.
async fn whoever_finds_it_writes_it_down(database: Database) {
    let w = World::start(database).await;
    let (one, two) = (w.app.relying_party(ONE), w.app.relying_party(TWO));
    let mut seats = Vec::new();
    for finder in FINDERS {
        seats.push((finder, w.seat(&w.app).await));
    }
    w.app.advance(TimeDelta::seconds(30));
    w.limit(None, "session_absolute=PT30S").await;
    for (finder, seat) in &mut seats {
        let refused = |answer: Answer| assert_eq!(answer.error(), "invalid_grant", "{finder}");
        match *finder {
            "prompt=none" => assert_eq!(silent_error(&w.app, &mut seat.browser, &one).await, "login_required"),
            // An application that the session has nothing of.
            "prompt=none elsewhere" => {
                let other = w.app.relying_party(crate::support::app::OWN_PAGE);
                assert_eq!(silent_error(&w.app, &mut seat.browser, &other).await, "login_required");
            }
            "code" => refused(one.try_exchange(&seat.code).await),
            "refresh" => refused(one.try_refresh(seat.rotating.refresh()).await),
            "online" => refused(one.try_refresh(seat.online.refresh()).await),
            "offline" => drop(one.refresh(seat.offline.refresh()).await),
            "introspect access" => assert_eq!(one.introspect(&seat.rotating.access).await["active"], false),
            "introspect refresh" => assert_eq!(one.introspect(seat.online.refresh()).await["active"], false),
            "userinfo" => assert_eq!(one.userinfo(&seat.rotating.access).await.status.as_u16(), 401),
            "giving back" => assert_eq!(one.revoke(seat.online.refresh()).await.status.as_u16(), 200),
            "own page" => assert!(seat.browser.visit(&two.endpoint("account")).await.page().text().contains("name=\"password\"")),
            other => panic!("{other}"),
        }
        assert_eq!(w.reason(seat.session).await, None, "{finder}: not on its way");
        w.app.running.deliver_logout_notices().await;
        assert_eq!((w.told(), w.reason(seat.session).await), ((1, 1), Some(EndReason::ExpiredAbsolute)), "{finder}");
    }
    assert_eq!(w.ends().await.len(), FINDERS.len());
    w.stop().await;
}

/// Without anybody to call for it, by an issuer as it runs.
async fn it_is_written_down_by_itself(database: Database) {
    let w = World::start(database).await;
    let issuer = Issuer::builder(w.app.settings.clone()).clock(w.app.clock.clone()).entropy(Arc::new(SystemEntropy)).build().await.unwrap();
    let seat = w.seat(&w.app).await;
    w.app.advance(TimeDelta::seconds(30));
    w.limit(None, "session_idle=PT30S").await;
    let mut here = seat.browser.through(Network::new(issuer.routes()));
    let one = w.app.relying_party(ONE);
    let answer = w.app.silently(&mut here, &one, "openid", &[]).await;
    assert_eq!(one.error(&answer), "login_required");
    let deadline = Instant::now() + PATIENCE;
    while w.one.heard().is_empty() || w.two.heard().is_empty() {
        assert!(Instant::now() < deadline, "nobody was told");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((w.told(), w.reason(seat.session).await), ((1, 1), Some(EndReason::ExpiredIdle)));
    issuer.close().await;
    w.stop().await;
}

/// A limit of one application is that application's; the session goes on for the others, and nobody is told.
async fn what_lives_on_elsewhere_is_not_ended(database: Database) {
    let w = World::start(database).await;
    let (one, two) = (w.app.relying_party(ONE), w.app.relying_party(TWO));
    let mut seat = w.seat(&w.app).await;
    w.app.advance(TimeDelta::minutes(10));
    w.limit(Some(ONE), "session_absolute=PT10M").await;
    assert_eq!(silent_error(&w.app, &mut seat.browser, &one).await, "login_required");
    one.refused(seat.online.refresh()).await;
    w.app.running.deliver_logout_notices().await;
    assert_eq!((w.told(), w.reason(seat.session).await), ((0, 0), None));
    two.code(&w.app.silently(&mut seat.browser, &two, "openid", &[]).await);
    // When the others' limits have ended it too, whoever finds that ends it for all.
    w.limit(None, "session_absolute=PT20M").await;
    w.app.advance(TimeDelta::minutes(10));
    assert_eq!(silent_error(&w.app, &mut seat.browser, &one).await, "login_required");
    w.app.running.deliver_logout_notices().await;
    assert_eq!((w.told(), w.reason(seat.session).await), ((1, 1), Some(EndReason::ExpiredAbsolute)));
    w.stop().await;
}

/// Judged once more where it is written: what is alive again by then is not ended.
async fn a_limit_made_longer_meanwhile_wins(database: Database) {
    let w = World::start(database).await;
    let one = w.app.relying_party(ONE);
    let mut seat = w.seat(&w.app).await;
    w.app.advance(TimeDelta::minutes(10));
    w.limit(None, "session_absolute=PT10M").await;
    assert_eq!(silent_error(&w.app, &mut seat.browser, &one).await, "login_required");
    w.limit(None, "session_absolute=P1D").await;
    w.app.running.deliver_logout_notices().await;
    assert_eq!((w.told(), w.reason(seat.session).await), ((0, 0), None));
    one.code(&w.app.silently(&mut seat.browser, &one, "openid", &[]).await);
    one.refresh(seat.rotating.refresh()).await;
    // The same by what another application is registered with, on which the rest of the policy is silent.
    w.limit(None, "session_absolute=PT10M").await;
    assert_eq!(silent_error(&w.app, &mut seat.browser, &one).await, "login_required");
    let longer = Box::new(|client: &mut gatekey::domain::client::Client| client.metadata.lifetimes.session_absolute = Some("P1D".parse().unwrap()));
    w.admin.update_client(&ClientId::parse(TWO).unwrap(), longer).await.unwrap();
    w.app.advance(TimeDelta::minutes(2));
    assert_eq!(silent_error(&w.app, &mut seat.browser, &one).await, "login_required");
    w.app.running.deliver_logout_notices().await;
    assert_eq!((w.told(), w.reason(seat.session).await), ((0, 0), None));
    w.stop().await;
}

async fn another_end_meanwhile_wins(database: Database) {
    let w = World::start(database).await;
    let one = w.app.relying_party(ONE);
    for disabled in [false, true] {
        let mut seat = w.seat(&w.app).await;
        w.app.advance(TimeDelta::minutes(10));
        w.limit(None, "session_absolute=PT10M").await;
        assert_eq!(silent_error(&w.app, &mut seat.browser, &one).await, "login_required");
        let (now, session) = (w.app.now(), seat.session);
        if disabled {
            w.admin.disable_user(w.app.user("alice").await.id).await.unwrap();
        } else {
            w.app.write(move |db| tree::end(db, &Node::Session(session), EndReason::RevokedByAdmin, now)).await;
        }
        w.app.running.deliver_logout_notices().await;
        let reason = if disabled { EndReason::UserDisabled } else { EndReason::RevokedByAdmin };
        assert_eq!((w.told(), w.reason(seat.session).await), ((1, 1), Some(reason)));
        assert!(w.ends().await.is_empty());
        w.limit(None, "").await;
    }
    w.stop().await;
}

async fn two_replicas_that_find_it_tell_once(database: Database) {
    let w = World::start(database).await;
    let replica = w.app.replica("second").await;
    for round in 1..=5 {
        let mut seat = w.seat(&w.app).await;
        w.app.advance(TimeDelta::minutes(10));
        w.limit(None, "session_absolute=PT10M").await;
        for place in [&w.app, &replica] {
            assert_eq!(silent_error(place, &mut seat.browser, &place.relying_party(ONE)).await, "login_required");
        }
        tokio::join!(w.app.running.deliver_logout_notices(), replica.running.deliver_logout_notices());
        assert_eq!((w.told(), w.reason(seat.session).await), ((1, 1), Some(EndReason::ExpiredAbsolute)));
        assert_eq!(w.ends().await.len(), round);
        w.limit(None, "").await;
    }
    replica.stop().await;
    w.stop().await;
}

/// Whoever repeats a request with a cookie of what is over makes the server read, as any request does, and nothing more.
async fn a_dead_cookie_makes_no_writes(database: Database) {
    let seen = statements::watch(&database);
    let w = World::start(database).await;
    let one = w.app.relying_party(ONE);
    let (mut living, mut dead) = (w.seat(&w.app).await, w.seat(&w.app).await);
    let written = || seen.lock().unwrap().iter().filter(|sql| sql.starts_with("UPDATE") && sql.contains("ended_at") && sql.contains("SET")).count();
    let ends =
        || seen.lock().unwrap().iter().any(|sql| sql.contains("sessions") && sql.contains("SET") && sql.contains("end_reason") && sql.starts_with("UPDATE"));
    w.app.advance(TimeDelta::minutes(10));
    // Over for this application, and alive for another.
    w.limit(Some(ONE), "session_absolute=PT10M").await;
    assert!(!ends());
    for _ in 0..50 {
        assert_eq!(silent_error(&w.app, &mut living.browser, &one).await, "login_required");
        w.app.running.deliver_logout_notices().await;
        w.app.advance(TimeDelta::seconds(10));
    }
    assert!(!ends(), "{:?}", seen.lock().unwrap());
    // Over for all: it is ended once. Then there is nothing to write, and nothing to look for.
    w.limit(None, "session_absolute=PT10M").await;
    assert_eq!(silent_error(&w.app, &mut dead.browser, &one).await, "login_required");
    w.app.running.deliver_logout_notices().await;
    assert!(ends() && w.reason(dead.session).await.is_some() && w.reason(living.session).await.is_none());
    let (count, quiet) = (written(), statements::least(&w.app.database, async || w.app.running.deliver_logout_notices().await).await);
    for _ in 0..50 {
        assert_eq!(silent_error(&w.app, &mut dead.browser, &one).await, "login_required");
    }
    let after = statements::least(&w.app.database, async || w.app.running.deliver_logout_notices().await).await;
    assert_eq!((written(), after), (count, quiet));
    assert_eq!(w.ends().await.len(), 1);
    w.stop().await;
}
