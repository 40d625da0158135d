//! Back-Channel Logout 1.0: whatever ends a session, its applications hear of it, from server to server, once they can be reached.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use gatekey::domain::acr::Acr;
use gatekey::domain::authorization_code::RedeemedCode;
use gatekey::domain::client::{Client, ClientKind, SubjectType};
use gatekey::domain::clock::Timestamp;
use gatekey::domain::entropy::{SystemEntropy, random};
use gatekey::domain::event::EventKind;
use gatekey::domain::id::{ClientId, GrantId, SessionId, UserId};
use gatekey::domain::logout_notice::LogoutNotice;
use gatekey::domain::logout_uri::LogoutUri;
use gatekey::domain::network::Network;
use gatekey::domain::refresh_family::{Grant, RefreshFamily};
use gatekey::domain::scope::Scope;
use gatekey::domain::secret::Secret;
use gatekey::domain::session::EndReason;
use gatekey::domain::signing_key::SigningAlg;
use gatekey::service::admin::Installation;
use gatekey::settings::Settings;
use gatekey::store::redeemed_codes::{self, Redemption};
use gatekey::store::tree::{self, EndedCounts, Node};
use gatekey::store::{StoreError, clients, events, logout_notices, sessions, users};
use serde_json::{Map, Value, json};
use url::Url;

use crate::support::app::{App, client, password_hash};
use crate::support::browser::Browser;
use crate::support::database::{Database, each_database, program};
use crate::support::jwt;
use crate::support::receiver::{Answers, Receiver, ca_file};
use crate::support::relying_party::RelyingParty;
use crate::support::served::{PATIENCE, Served};
use crate::support::statements;

each_database!(
    every_end_is_told,
    the_token_is_the_applications_own,
    what_is_rolled_back_is_not_told,
    a_failed_try_is_repeated_and_in_the_end_given_up,
    a_new_sign_in_is_not_ended_by_an_old_notice,
    a_notice_goes_to_the_address_of_today,
    a_crash_loses_no_notice,
    two_replicas_tell_once,
    one_that_is_away_is_asked_by_few_and_keeps_nobody_waiting,
    offline_access_survives_and_the_logout_is_told,
    ending_a_large_tree_is_three_statements,
    a_server_tells_by_itself_and_the_commands_show_what_is_left,
);

pub const ONE: &str = "one";
pub const TWO: &str = "two";
/// Wants to hear nothing.
pub const DEAF: &str = "deaf";

/// An issuer whose applications are on this machine, and its applications.
pub fn listening(settings: &mut Settings, one: &str, two: &str) {
    settings.logout.allow_networks = vec![Network::parse("127.0.0.1").unwrap()];
    settings.logout.ca_file = Some(ca_file().to_owned());
    // Another user's sign-in is one of the ends.
    settings.sessions.accounts_per_browser = 1;
    for (id, uri) in [(ONE, Some(one)), (TWO, Some(two)), (DEAF, None)] {
        settings.clients.push(client(id, ClientKind::Web, &format!("https://{id}.example.test"), |metadata| {
            metadata.first_party = true;
            metadata.backchannel_logout_uri = uri.map(|uri| LogoutUri::parse(uri).unwrap());
        }));
    }
}

struct World {
    app: App,
    one: Receiver,
    two: Receiver,
}

impl World {
    async fn start(database: Database) -> Self {
        let (one, two) = (Receiver::start(), Receiver::start());
        let app = App::start_with(database, |settings| listening(settings, &one.url("/logout?of=one"), &two.url("/logout"))).await;
        Self { app, one, two }
    }

    /// Signs somebody in at an application; the claims of the ID token.
    async fn sign_in(&self, browser: &mut Browser, client: &str, username: &str) -> Map<String, Value> {
        let party = self.app.relying_party(client);
        let response = self.app.authorize_as(browser, &party.authorize("openid", &[]), username).await;
        let tokens = party.exchange(&party.code(&response)).await;
        party.claims(tokens.id.as_ref().unwrap()).await
    }

    /// Header and claims of a logout token, verified with the published keys.
    async fn verified(&self, token: &str) -> (Map<String, Value>, Map<String, Value>) {
        jwt::verify(&self.app.relying_party(ONE).jwks().await, token)
    }

    /// What an application hears now: the claims of each token.
    async fn told(&self, receiver: &Receiver) -> Vec<Map<String, Value>> {
        self.app.running.deliver_logout_notices().await;
        let mut claims = Vec::new();
        for heard in receiver.take() {
            claims.push(self.verified(&heard.logout_token()).await.1);
        }
        claims
    }

    async fn waiting(&self) -> Vec<LogoutNotice> {
        self.app.store.scan(|db| logout_notices::list(db, None, None, 10_000)).await.unwrap()
    }

    async fn end(&self, node: Node, reason: EndReason) -> EndedCounts {
        let now = self.app.now();
        self.app.write(move |db| tree::end(db, &node, reason, now)).await
    }

    async fn only_session(&self, username: &str) -> SessionId {
        let user = self.app.user(username).await.id;
        let sessions = self.app.store.scan(move |db| sessions::list(db, Some(user), None, 100)).await.unwrap();
        sessions.iter().rfind(|session| session.ended.is_none()).unwrap().id
    }
}

fn id(client: &str) -> ClientId {
    ClientId::parse(client).unwrap()
}

/// §2.5: every way there is to end a session, or one application's part of it.
async fn every_end_is_told(database: Database) {
    let w = World::start(database).await;
    // As a command does, beside the server.
    let installation = Installation::open_existing(&w.app.settings).await.unwrap();
    let admin = installation.admin(w.app.clock.clone(), Arc::new(SystemEntropy));
    for end in ["logout", "admin", "all of a user", "disabled", "password", "deleted", "superseded", "expired", "client disabled", "one application"] {
        let mut browser = w.app.browser();
        let username = "bobby";
        let one = w.sign_in(&mut browser, ONE, username).await;
        let two = w.sign_in(&mut browser, TWO, username).await;
        w.sign_in(&mut browser, DEAF, username).await;
        // Somebody else's session, and another one of the same user.
        let mut others = w.app.browser();
        w.sign_in(&mut others, ONE, "alice").await;
        assert!(w.told(&w.one).await.is_empty(), "{end}: nothing has ended");
        let user = w.app.user(username).await;
        let session = w.only_session(username).await;
        match end {
            "logout" => {
                let party = w.app.relying_party(ONE);
                let silent = w.app.silently(&mut browser, &party, "openid", &[]).await;
                let hint = party.exchange(&party.code(&silent)).await.id.unwrap();
                browser.visit(Url::parse_with_params(&party.endpoint("oidc/logout"), [("id_token_hint", hint)]).unwrap().as_str()).await.page();
            }
            "admin" => drop(w.end(Node::Session(session), EndReason::RevokedByAdmin).await),
            "all of a user" => drop(w.end(Node::User(user.id), EndReason::RevokedByUser).await),
            "disabled" => admin.disable_user(user.id).await.unwrap(),
            "password" => admin.set_password(user.id, Secret::new(password_hash().to_owned())).await.unwrap(),
            "deleted" => admin.delete_user(user.id).await.unwrap(),
            "superseded" => {
                let party = w.app.relying_party(DEAF);
                let switch = party.authorize("openid", &[("prompt", "login")]);
                w.app.authorize_as(&mut browser, &switch, "alice").await;
            }
            "expired" => {
                w.app.advance(TimeDelta::days(15));
                // Looking silently ends nothing; who comes by finds it past its end.
                browser.visit(w.app.relying_party(DEAF).authorize("openid", &[]).as_str()).await.page();
            }
            "client disabled" => drop(w.end(Node::Client(id(ONE)), EndReason::ClientDisabled).await),
            "one application" => drop(w.end(Node::UserClient(user.id, id(ONE)), EndReason::ConsentWithdrawn).await),
            other => panic!("{other}"),
        }
        let told = w.told(&w.one).await;
        let of_bobby: Vec<_> = told.iter().filter(|claims| claims["sid"] == one["sid"]).collect();
        assert_eq!(of_bobby.len(), 1, "{end}: {told:?}");
        assert_eq!((&of_bobby[0]["sub"], &of_bobby[0]["aud"]), (&one["sub"], &json!(ONE)), "{end}");
        let to_two = w.told(&w.two).await;
        let expected: &[&Value] = if matches!(end, "client disabled" | "one application") { &[] } else { &[&two["sid"]] };
        assert_eq!(to_two.iter().map(|claims| &claims["sid"]).collect::<Vec<_>>(), expected, "{end}");
        // Nobody else's, but where the whole application ended.
        assert!(told.len() == 1 || end == "client disabled", "{end}: {told:?}");
        assert_eq!(w.waiting().await, [], "{end}");
        // The same end again has nothing more to tell.
        w.end(Node::Session(session), EndReason::Logout).await;
        assert!(w.told(&w.one).await.is_empty() || end == "one application", "{end}");
        w.two.take();
        // For the next round.
        w.app.advance(TimeDelta::minutes(5));
        let (hash, since) = (Secret::new(password_hash().to_owned()), w.app.now());
        w.app
            .write(move |db| {
                if users::find(db, user.id)?.is_none() {
                    users::insert(db, &user)?;
                }
                users::set_disabled(db, user.id, None, since)?;
                users::set_password(db, user.id, &hash, since).map(drop)
            })
            .await;
        w.app.advance(TimeDelta::minutes(5));
    }
}

/// §2.4: `sub` as the application knows the user, `aud` alone, signed as its ID tokens are; a new `jti` for every token.
async fn the_token_is_the_applications_own(database: Database) {
    let receiver = Receiver::start();
    let app = App::start_with(database, |settings| {
        listening(settings, &receiver.url("/one"), &receiver.url("/two"));
        let one = &mut settings.clients.iter_mut().find(|client| client.id.as_str() == ONE).unwrap().metadata;
        one.subject_type = SubjectType::Pairwise;
        one.id_token_signed_response_alg = SigningAlg::Rs256;
    })
    .await;
    let w = World { app, one: receiver, two: Receiver::start() };
    let mut browser = w.app.browser();
    let (one, two) = (w.sign_in(&mut browser, ONE, "alice").await, w.sign_in(&mut browser, TWO, "alice").await);
    assert_ne!(one["sub"], two["sub"], "pairwise");
    w.end(Node::Session(w.only_session("alice").await), EndReason::RevokedByAdmin).await;
    w.app.running.deliver_logout_notices().await;
    let heard = w.one.take();
    assert_eq!(heard.len(), 2);
    let mut ids = Vec::new();
    for heard in heard {
        let (header, claims) = w.verified(&heard.logout_token()).await;
        let (id_token, alg, client) = if heard.line.contains("/one") { (&one, "RS256", ONE) } else { (&two, "ES256", TWO) };
        assert_eq!((&header["typ"], &header["alg"]), (&json!("logout+jwt"), &json!(alg)));
        let expected = json!({
            "iss": w.app.issuer, "sub": id_token["sub"], "aud": client, "iat": w.app.seconds(), "exp": w.app.seconds() + 120, "jti": claims["jti"],
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "sid": id_token["sid"],
        });
        assert_eq!(Value::Object(claims.clone()), expected);
        ids.push(claims["jti"].clone());
        assert_eq!(heard.header("host").unwrap(), format!("localhost:{}", w.one.port));
        assert!(heard.header("authorization").is_none() && heard.header("cookie").is_none());
    }
    assert_ne!(ids[0], ids[1]);
}

async fn what_is_rolled_back_is_not_told(database: Database) {
    let w = World::start(database).await;
    let mut browser = w.app.browser();
    w.sign_in(&mut browser, ONE, "alice").await;
    let (session, now) = (w.only_session("alice").await, w.app.now());
    let failed = w.app.store.write(move |db| -> Result<(), StoreError> {
        tree::end(db, &Node::Session(session), EndReason::Logout, now)?;
        assert_eq!(logout_notices::list(db, None, None, 10)?.len(), 1);
        Err(StoreError::Conflict)
    });
    assert_eq!(failed.await, Err(StoreError::Conflict));
    assert!(w.told(&w.one).await.is_empty() && w.waiting().await.is_empty());
    w.end(Node::Session(session), EndReason::Logout).await;
    assert_eq!(w.told(&w.one).await.len(), 1);
}

/// Exponential steps up to an hour, for a day; what was given up is seen, and can be tried again.
async fn a_failed_try_is_repeated_and_in_the_end_given_up(database: Database) {
    let w = World::start(database).await;
    let mut browser = w.app.browser();
    let signed_in = w.sign_in(&mut browser, ONE, "alice").await;
    w.one.always(Answers::Status(503));
    w.end(Node::Session(w.only_session("alice").await), EndReason::Logout).await;
    let ended_at = w.app.now();
    let (mut tries, mut ids) = (Vec::new(), Vec::new());
    loop {
        let told = w.told(&w.one).await;
        assert_eq!(told.len(), 1, "one try when it is due");
        assert_eq!((told[0]["sid"].clone(), told[0]["iat"].clone()), (signed_in["sid"].clone(), json!(w.app.seconds())), "a fresh token for each try");
        ids.push(told[0]["jti"].clone());
        tries.push(w.app.now());
        let [notice] = &w.waiting().await[..] else { panic!("it waits") };
        assert_eq!((notice.attempts as usize, notice.last_error.as_deref()), (tries.len(), Some("it answered 503")));
        let Some(next) = notice.next_try_at else {
            assert_eq!(notice.gave_up_at, Some(w.app.now()));
            break;
        };
        // A moment before it is due nothing is sent.
        w.app.advance(next - w.app.now() - TimeDelta::microseconds(1));
        assert!(w.told(&w.one).await.is_empty());
        w.app.advance(TimeDelta::microseconds(1));
    }
    let steps: Vec<i64> = tries.windows(2).map(|two| (two[1] - two[0]).num_seconds()).collect();
    assert!((2..=5).contains(&steps[0]) && (5..=10).contains(&steps[1]) && steps.iter().all(|step| *step <= 3600), "{steps:?}");
    let last = *tries.last().unwrap() - ended_at;
    assert!(last <= TimeDelta::days(1) && last > TimeDelta::hours(22) && tries.len() < 60, "{last}: {steps:?}");
    ids.dedup();
    assert_eq!(ids.len(), tries.len());
    let filter = events::Filter { kind: Some(EventKind::LogoutNoticeGaveUp), ..events::Filter::default() };
    let told = w.app.store.scan(move |db| events::list(db, &filter, None, 10)).await.unwrap();
    assert_eq!(told.len(), 1, "in the audit trail");
    w.app.advance(TimeDelta::days(7));
    assert!(w.told(&w.one).await.is_empty(), "given up");

    w.one.always(Answers::Status(204));
    let now = w.app.now();
    assert_eq!(w.app.write(move |db| logout_notices::retry(db, Some(&id(TWO)), now)).await, 0);
    assert_eq!(w.app.write(move |db| logout_notices::retry(db, Some(&id(ONE)), now)).await, 1);
    assert_eq!(w.told(&w.one).await.len(), 1);
    assert_eq!(w.waiting().await, [], "204 is heard (§2.8)");

    // One that was given up is forgotten a month later.
    w.one.always(Answers::Status(400));
    for round in 0..2 {
        w.sign_in(&mut browser, ONE, "alice").await;
        w.end(Node::Session(w.only_session("alice").await), EndReason::Logout).await;
        w.app.advance(TimeDelta::days(20));
        assert_eq!(w.told(&w.one).await.len(), 1, "the one try it has when nobody was there to send it");
        assert_eq!(w.waiting().await.len(), 1 + round);
    }
    w.app.advance(TimeDelta::days(20));
    w.sign_in(&mut browser, ONE, "alice").await;
    w.end(Node::Session(w.only_session("alice").await), EndReason::Logout).await;
    w.app.advance(TimeDelta::days(2));
    w.told(&w.one).await;
    assert_eq!(w.waiting().await.len(), 2, "the first of three is gone");
}

/// The name of the client session is the same: an old notice would sign the user out of the new sign-in.
async fn a_new_sign_in_is_not_ended_by_an_old_notice(database: Database) {
    let w = World::start(database).await;
    let mut browser = w.app.browser();
    let first = w.sign_in(&mut browser, ONE, "alice").await;
    let alice = w.app.user("alice").await.id;
    w.one.always(Answers::Status(500));
    w.end(Node::UserClient(alice, id(ONE)), EndReason::ConsentWithdrawn).await;
    assert_eq!(w.told(&w.one).await.len(), 1);
    w.app.advance(TimeDelta::milliseconds(1));
    let again = w.sign_in(&mut browser, ONE, "alice").await;
    assert_eq!(first["sid"], again["sid"], "the premise");
    assert_eq!(w.waiting().await, []);
    w.app.advance(TimeDelta::days(1));
    assert!(w.told(&w.one).await.is_empty());
    // And it has its own end.
    w.one.always(Answers::Status(200));
    w.end(Node::UserClient(alice, id(ONE)), EndReason::ConsentWithdrawn).await;
    assert_eq!(w.told(&w.one).await.len(), 1);
}

async fn a_notice_goes_to_the_address_of_today(database: Database) {
    let w = World::start(database).await;
    let mut browser = w.app.browser();
    for client in [ONE, TWO] {
        w.sign_in(&mut browser, client, "alice").await;
    }
    w.one.always(Answers::Status(404));
    w.two.always(Answers::Status(404));
    w.end(Node::Session(w.only_session("alice").await), EndReason::Logout).await;
    w.app.running.deliver_logout_notices().await;
    assert_eq!(w.waiting().await.len(), 2);
    let (moved, now) = (Receiver::start(), w.app.now());
    let uri = LogoutUri::parse(&moved.url("/new")).unwrap();
    w.app
        .write(move |db| {
            for (client, uri) in [(ONE, Some(uri)), (TWO, None)] {
                let mut client = clients::find(db, &id(client))?.unwrap();
                client.metadata.backchannel_logout_uri = uri;
                client.updated_at = now;
                clients::upsert(db, &client)?;
            }
            Ok(())
        })
        .await;
    w.app.advance(TimeDelta::minutes(1));
    assert_eq!(w.told(&moved).await.len(), 1);
    assert_eq!(w.waiting().await, [], "one that wants to hear nothing any more is not told");
    assert_eq!((w.one.heard().len(), w.two.heard().len()), (1, 1));
}

/// Who took a notice and is gone had it only for a while.
async fn a_crash_loses_no_notice(database: Database) {
    let w = World::start(database).await;
    let mut browser = w.app.browser();
    w.sign_in(&mut browser, ONE, "alice").await;
    w.end(Node::Session(w.only_session("alice").await), EndReason::Logout).await;
    let now = w.app.now();
    let taken = w.app.write(move |db| {
        let due = logout_notices::due(db, 8, 100, now)?;
        logout_notices::take(db, &due, now + TimeDelta::seconds(30), now)
    });
    let [taken] = &taken.await[..] else { panic!("one is taken") };
    w.app.advance(TimeDelta::seconds(29));
    assert!(w.told(&w.one).await.is_empty(), "it is another's");
    w.app.advance(TimeDelta::seconds(1));
    assert_eq!(w.told(&w.one).await.len(), 1);
    // The one that was thought gone comes back, late: it has nothing to say any more.
    let (late, now) = (taken.clone(), w.app.now());
    let late = w.app.write(move |db| Ok((logout_notices::failed(db, &late, "late", None, now)?, logout_notices::remove(db, &late)?)));
    assert_eq!(late.await, (false, false));
}

/// Of several replicas one sends.
async fn two_replicas_tell_once(database: Database) {
    let w = World::start(database).await;
    let replica = w.app.replica("second").await;
    for round in 0..10 {
        let mut browser = w.app.browser();
        w.sign_in(&mut browser, ONE, "alice").await;
        w.sign_in(&mut browser, TWO, "alice").await;
        w.end(Node::Session(w.only_session("alice").await), EndReason::Logout).await;
        tokio::join!(w.app.running.deliver_logout_notices(), replica.running.deliver_logout_notices(), w.app.running.deliver_logout_notices());
        assert_eq!((w.one.take().len(), w.two.take().len()), (1, 1), "{round}");
        assert_eq!(w.waiting().await, []);
    }
    replica.stop().await;
}

/// SS-05 in the large: a hundred notices for an application that does not answer, and one for another.
async fn one_that_is_away_is_asked_by_few_and_keeps_nobody_waiting(database: Database) {
    let w = World::start(database).await;
    w.one.always(Answers::Silence);
    let alice = w.app.user("alice").await.id;
    for _ in 0..40 {
        w.sign_in(&mut w.app.browser(), ONE, "alice").await;
    }
    w.sign_in(&mut w.app.browser(), TWO, "alice").await;
    w.end(Node::User(alice), EndReason::RevokedByAdmin).await;
    assert_eq!(w.waiting().await.len(), 41);
    let started = Instant::now();
    tokio::join!(w.app.running.deliver_logout_notices(), async {
        while w.two.heard().is_empty() {
            assert!(started.elapsed().as_secs() < 3, "the other one waits");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(w.one.connections() <= 8, "{}", w.one.connections());
    let waiting = w.waiting().await;
    assert_eq!(waiting.len(), 40);
    assert!(waiting.iter().all(|notice| notice.next_try_at > Some(w.app.now())), "all of them wait");
    let tried = waiting.iter().filter(|notice| notice.attempts > 0).collect::<Vec<_>>();
    assert!((1..=8).contains(&tried.len()));
    assert_eq!(tried[0].last_error.as_deref(), Some("`localhost` did not answer within 3 seconds"));
    // It is back: everything is told, a few at a time.
    w.one.always(Answers::Status(200));
    w.app.advance(TimeDelta::minutes(1));
    w.one.take();
    assert_eq!(w.told(&w.one).await.len(), 40);
    assert!(w.one.most_at_once() <= 16, "{}", w.one.most_at_once());
}

/// §2.7: what was granted for when the user is away lives on; the application is told all the same.
async fn offline_access_survives_and_the_logout_is_told(database: Database) {
    let w = World::start(database).await;
    let (party, mut browser) = (w.app.relying_party(ONE), w.app.browser());
    let tokens = w.app.sign_in(&mut browser, &party, "openid offline_access").await;
    w.end(Node::Session(w.only_session("alice").await), EndReason::Logout).await;
    assert_eq!(w.told(&w.one).await.len(), 1);
    let tokens = party.refresh(tokens.refresh()).await;
    assert_eq!(w.told(&w.one).await.len(), 0, "a refresh is no new session, and has no end of its own");
    assert_eq!(party.introspect(&tokens.access).await["active"], true);
}

/// The notices are part of the end: no statement more, whatever its size.
async fn ending_a_large_tree_is_three_statements(database: Database) {
    statements::count();
    let w = World::start(database).await;
    let alice = w.app.user("alice").await.id;
    let mut browser = w.app.browser();
    w.sign_in(&mut browser, ONE, "alice").await;
    let session = w.only_session("alice").await;
    // A thousand applications of one session, as redemptions leave them.
    for hundred in 0..10 {
        w.app
            .write(move |db| {
                let template = clients::find(db, &id(ONE))?.unwrap();
                let session = sessions::find(db, session)?.unwrap();
                for i in 0..100 {
                    let client = Client { id: id(&format!("many-{hundred}-{i}")), ..template.clone() };
                    clients::insert(db, &client)?;
                    redeemed_codes::redeem(db, &redemption(alice, session.id, &client.id, session.created_at))?;
                }
                Ok(())
            })
            .await;
    }
    for node in [Node::Session(session), Node::User(alice), Node::UserClient(alice, id(ONE)), Node::ClientSession(session, id(ONE)), Node::Client(id(ONE))] {
        let before = statements::so_far(&w.app.database);
        let now = w.app.now();
        // In a transaction of its own, whose begin and end are counted too.
        let counts = w.app.store.write(move |db| tree::end(db, &node, EndReason::RevokedByAdmin, now)).await.unwrap();
        let statements = statements::so_far(&w.app.database) - before;
        if counts.client_sessions > 0 {
            assert_eq!((counts.sessions, counts.client_sessions, counts.families), (1, 1001, 1001), "{counts:?}");
        }
        // BEGIN, SAVEPOINT and what closes them are no statements of the end.
        assert!(statements <= 3 + 4, "{statements}");
    }
    assert_eq!(w.waiting().await.len(), 1001);
}

fn redemption(user: UserId, session: SessionId, client: &ClientId, at: Timestamp) -> Redemption {
    let grant = GrantId::generate(at, &SystemEntropy);
    let code = RedeemedCode { id: grant, client_id: client.clone(), user_id: user, session_id: session, redeemed_at: at, keep_until: at, ended: None };
    let family = RefreshFamily {
        id: grant,
        client_id: client.clone(),
        user_id: user,
        session_id: session,
        grant: Grant { scope: Scope::parse("openid").unwrap(), resources: Vec::new(), auth_time: at, acr: Acr::ALL[0], claims: Default::default() },
        secret: Secret::new(random(&SystemEntropy)),
        generation: 1,
        rotated_at: at,
        created_at: at,
        last_used_at: at,
        ended: None,
        bound_to: None,
    };
    Redemption { code, family: Some(family) }
}

/// The program: it sends without being asked, in development over plain http; what waits is listed, and retried, by commands.
async fn a_server_tells_by_itself_and_the_commands_show_what_is_left(database: Database) {
    let receiver = Receiver::plain();
    receiver.answers([Answers::Status(500)]);
    let sections = format!(
        "[[clients]]\nid = \"{ONE}\"\nkind = \"spa\"\nfirst_party = true\nredirect_uris = [\"https://own.example.test/callback\"]\nbackchannel_logout_uri = \"{}\"\n",
        receiver.url("/logout")
    );
    let served = Served::start(database, "", &sections);
    let discovery = served.network.get(&format!("{}.well-known/openid-configuration", served.issuer), &[]).await.json();
    assert_eq!((&discovery["backchannel_logout_supported"], &discovery["backchannel_logout_session_supported"]), (&json!(true), &json!(true)));
    let party = RelyingParty::new(&served.network, &served.issuer, ONE, "https://own.example.test/callback");
    let mut browser = served.browser();
    let tokens = served.sign_in(&mut browser, &party, "openid").await;
    let sid = party.claims(tokens.id.as_ref().unwrap()).await["sid"].clone();
    let run = |arguments: &[&str]| {
        let mut command = program(served.folder.path());
        let output = command.args(arguments).args(["--config", "gatekey.toml"]).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let shown: Value = serde_json::from_str(&run(&["client", "show", ONE, "--json"])).unwrap();
    assert_eq!(shown["backchannel_logout_uri"], receiver.url("/logout"));
    run(&["session", "revoke", "--user", "alice"]);
    // Refused first, told by itself a few seconds later.
    receiver.wait_for(1);
    let list = |more: &[&str]| run(&[&["logout-notice", "list"], more].concat());
    if let [notice] = &serde_json::from_str::<Vec<Value>>(&list(&["--json"])).unwrap()[..] {
        assert_eq!(notice["client_id"], ONE);
    }
    assert!(list(&["--client", ONE]).starts_with("CLIENT"));
    let heard = receiver.wait_for(2);
    let (_, claims) = jwt::verify(&party.jwks().await, &heard[1].logout_token());
    assert_eq!(claims["sid"], sid);
    let started = Instant::now();
    while list(&["--json"]).trim() != "[]" {
        assert!(started.elapsed() < PATIENCE, "it was told");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(served.log().contains("logout_notice.failed") && served.log().contains("logout_notice.delivered"));
    assert_eq!(run(&["logout-notice", "retry"]), "0 notices to be sent now\n");
}
