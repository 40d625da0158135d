//! What a change of the policy is said to do, held against every row judged by itself, with all that is known of it, by the rule that a
//! request is judged by.

use std::sync::Arc;

use chrono::TimeDelta;
use gatekey::domain::acr::Acr;
use gatekey::domain::authorization_code::RedeemedCode;
use gatekey::domain::claim::NamedClaims;
use gatekey::domain::client::{Client, ClientKind, ClientMetadata};
use gatekey::domain::clock::Timestamp;
use gatekey::domain::duration::Lifetime;
use gatekey::domain::entropy::random;
use gatekey::domain::group::{GroupName, Groups};
use gatekey::domain::id::{ClientId, GrantId, SessionId, UserId};
use gatekey::domain::lifetime::{Limit, LimitOverrides};
use gatekey::domain::lifetime_rule::{LifetimeRule, Selector};
use gatekey::domain::refresh_family::{Grant, RefreshFamily};
use gatekey::domain::scope::Scope;
use gatekey::domain::secret::{Digest, Secret};
use gatekey::domain::session::{EndReason, Ended, Session};
use gatekey::domain::tenure::Tenure;
use gatekey::domain::user::User;
use gatekey::protocol::lifetime_policy::{ClientPolicy, Policy};
use gatekey::protocol::session::judge;
use gatekey::protocol::token::refresh_token::{Facts, usable};
use gatekey::service::admin::{HORIZONS, Impact, Installation, RuleChange, Sample};
use gatekey::store::redeemed_codes::{self, Redemption};
use gatekey::store::refresh_families::FamilyFacts;
use gatekey::store::tree::{self, Node};
use gatekey::store::{clients, refresh_families, sessions, users};

use crate::support::app::App;
use crate::support::database::{Database, each_database};
use crate::support::dice::Dice;
use crate::support::entropy::SeededEntropy;

each_database!(what_is_counted_is_what_every_row_is_judged_to_be);

const CLIENTS: [&str; 4] = ["one", "two", "three", "four"];
const GROUPS: [&str; 3] = ["a", "b", "c"];

impl Dice {
    /// Whole hours, so that many rows come to their end at the very instant that is judged.
    fn hours(&self, bound: i64) -> TimeDelta {
        TimeDelta::hours(self.below(bound))
    }

    fn limits(&self) -> LimitOverrides {
        let mut limits = LimitOverrides::default();
        for limit in Limit::ALL.into_iter().filter(|limit| !matches!(limit, Limit::AccessToken | Limit::IdToken | Limit::Code) && self.one_in(4)) {
            let hours = if self.one_in(2) { 24 * (1 + self.below(30)) } else { 1 + self.below(400) };
            limits.set(limit, Some(if self.one_in(6) { Lifetime::Unlimited } else { Lifetime::seconds(hours * 3600) }));
        }
        limits
    }

    fn selector(&self) -> Selector {
        Selector {
            client: self.one_in(3).then(|| ClientId::parse(self.one_of(&CLIENTS)).unwrap()),
            group: self.one_in(3).then(|| GroupName::parse(self.one_of(&GROUPS)).unwrap()),
            acr: self.one_in(4).then_some(Acr::Password),
        }
    }
}

/// Users, clients, sessions and families at random, in every state that rows may be in.
async fn fill(app: &App, dice: &Dice) {
    let (now, template) = (app.now(), app.user("alice").await);
    let clients: Vec<Client> = CLIENTS
        .iter()
        .map(|id| {
            let mut metadata = ClientMetadata { first_party: true, ..ClientMetadata::defaults(ClientKind::Spa, "A client") };
            if *id != "one" {
                metadata.scope = Scope::parse("openid offline_access").unwrap();
            }
            if *id == "two" {
                metadata.lifetimes = LimitOverrides { session_idle: Some(Lifetime::seconds(90 * 3600)), ..LimitOverrides::default() };
            }
            let id = ClientId::parse(id).unwrap();
            Client { id, metadata, secret_digest: None, previous_secret: None, disabled_at: None, managed_by_file: false, created_at: now, updated_at: now }
        })
        .collect();
    let users: Vec<User> = (0..12)
        .map(|index| User {
            id: UserId::generate(now, &dice.0),
            username: format!("user{index}"),
            groups: Groups::of(GROUPS.iter().filter(|_| dice.one_in(3)).map(|name| GroupName::parse(name).unwrap())),
            password_changed_at: now - TimeDelta::days(400),
            ..template.clone()
        })
        .collect();
    let (mut rows, mut families) = (Vec::new(), Vec::new());
    for index in 0..150 {
        let (user, created_at) = (&users[dice.below(12) as usize], now - dice.hours(900));
        let used = |since: Timestamp| now - TimeDelta::seconds(dice.below((now - since).num_seconds() / 3600 + 1) * 3600);
        let session = Session {
            id: SessionId::generate(created_at, &dice.0),
            cookie_digest: Digest::of(format!("cookie {index}").as_bytes()),
            user_id: user.id,
            created_at,
            auth_time: created_at,
            last_used_at: used(created_at),
            acr: Acr::Password,
            remembered: !dice.one_in(3),
            user_agent: None,
            network: None,
            device: None,
            ended: None,
        };
        let session_ended = dice.one_in(4).then(|| dice.one_of(&EndReason::ALL));
        let mut parts = Vec::new();
        for client in &clients {
            let began = created_at + TimeDelta::seconds(dice.below((now - created_at).num_seconds() / 3600 + 1) * 3600);
            if !dice.one_in(3) {
                parts.push((client.id.clone(), began, used(began), dice.one_in(5).then(|| dice.one_of(&EndReason::ALL))));
            }
            for _ in 0..dice.below(3) {
                let gone = SessionId::generate(created_at, &dice.0);
                families.push(RefreshFamily {
                    id: GrantId::generate(began, &dice.0),
                    client_id: client.id.clone(),
                    user_id: user.id,
                    session_id: if dice.one_in(6) { gone } else { session.id },
                    grant: Grant {
                        scope: Scope::parse(dice.one_of(&["openid", "openid offline_access"])).unwrap(),
                        resources: Vec::new(),
                        auth_time: created_at,
                        acr: Acr::Password,
                        claims: NamedClaims::default(),
                    },
                    bound_to: None,
                    secret: Secret::new(random(&dice.0)),
                    generation: 1,
                    rotated_at: began,
                    created_at: began,
                    last_used_at: used(began),
                    ended: dice.one_in(6).then_some(Ended { at: now, reason: EndReason::Logout }),
                });
            }
        }
        rows.push((session, parts, session_ended));
    }
    let known = users.clone();
    app.write(move |db| {
        clients.iter().try_for_each(|client| clients::insert(db, client))?;
        known.iter().try_for_each(|user| users::insert(db, user))
    })
    .await;
    for (session, parts, session_ended) in rows {
        let codes: Vec<GrantId> = parts.iter().map(|_| GrantId::generate(now, &dice.0)).collect();
        app.write(move |db| {
            sessions::insert(db, &session)?;
            for (id, (client_id, began, used, ended)) in codes.into_iter().zip(parts) {
                let code = RedeemedCode {
                    id,
                    client_id: client_id.clone(),
                    user_id: session.user_id,
                    session_id: session.id,
                    redeemed_at: began,
                    keep_until: began,
                    ended: None,
                };
                assert!(redeemed_codes::redeem(db, &Redemption { code, family: None })?);
                sessions::touch(db, &sessions::Touch { session_id: session.id, client_id: Some(client_id.clone()), family_id: None, at: used })?;
                if let Some(reason) = ended {
                    tree::end(db, &Node::ClientSession(session.id, client_id), reason, used)?;
                }
            }
            if let Some(reason) = session_ended {
                tree::end(db, &Node::Session(session.id), reason, now)?;
            }
            Ok(())
        })
        .await;
    }
    // After the ends: some are of a session, or of an application in it, that has ended meanwhile.
    for some in families.chunks(100).map(<[RefreshFamily]>::to_vec) {
        app.write(move |db| some.iter().try_for_each(|family| refresh_families::insert(db, family))).await;
    }
}

/// Everything, row by row, with all that a request would know.
struct Rows {
    sessions: Vec<(Session, User)>,
    families: Vec<(FamilyFacts, Client)>,
}

impl Rows {
    async fn of(app: &App) -> Self {
        let read = app.store.scan(|db| {
            let mut rows = Self { sessions: Vec::new(), families: Vec::new() };
            for session in sessions::list(db, None, None, 10_000)? {
                let user = users::find(db, session.user_id)?.unwrap();
                rows.sessions.push((session, user));
            }
            for facts in refresh_families::facts_after(db, GrantId(uuid::Uuid::nil()), 10_000)? {
                let client = clients::find(db, &facts.family.client_id)?.unwrap();
                rows.families.push((facts, client));
            }
            Ok(rows)
        });
        read.await.unwrap()
    }

    fn judged(&self, before: &Policy, after: &Policy, now: Timestamp) -> Impact {
        let mut impact = Impact::default();
        for (session, user) in &self.sessions {
            let lives = |policy: &Policy, then| {
                let limits = ClientPolicy::new(policy, None).limits(Some(&user.groups), Some(session.acr));
                judge(session, user, None, &limits, then).is_ok()
            };
            if !lives(before, now) {
                continue;
            }
            impact.sessions += 1;
            if !lives(after, now) {
                impact.sample.push(Sample { session: session.id, user: user.id });
            }
            for (horizon, ahead) in impact.horizons.iter_mut().zip(HORIZONS) {
                horizon.sessions += u64::from(!lives(before, now + ahead));
                horizon.sessions_changed += u64::from(!lives(after, now + ahead));
            }
        }
        impact.sample.sort_by_key(|sample| sample.session);
        impact.sample.truncate(10);
        for (facts, client) in &self.families {
            let (user, session) = (facts.user.as_ref().unwrap(), facts.session.as_ref());
            let lives = |policy: &Policy, then| {
                let acr = session.map_or(facts.family.grant.acr, |session| session.acr);
                let limits = ClientPolicy::new(policy, Some(client)).limits(Some(&user.groups), Some(acr));
                let (client_session, consent) = (facts.client_session.as_ref(), facts.consent.as_ref());
                let tenure = Tenure { began_at: client.created_at, stopped_at: None, grants_ended_at: None };
                let known = Facts { family: &facts.family, user: Some(user), session, client_session, consent, tenure: &tenure };
                facts.family.ended.is_none() && usable(&known, client, &limits, then).is_ok()
            };
            if !lives(before, now) {
                continue;
            }
            impact.families += 1;
            for (horizon, ahead) in impact.horizons.iter_mut().zip(HORIZONS) {
                horizon.families += u64::from(!lives(before, now + ahead));
                horizon.families_changed += u64::from(!lives(after, now + ahead));
            }
        }
        impact
    }
}

/// Rules as they might be after `changes`.
fn with(policy: &Policy, changes: &[RuleChange], now: Timestamp) -> Policy {
    let mut rules: Vec<LifetimeRule> = policy.rules.iter().filter(|rule| changes.iter().all(|change| change.selector != rule.selector)).cloned().collect();
    for change in changes {
        rules.push(LifetimeRule { selector: change.selector.clone(), limits: change.limits, managed_by_file: false, updated_at: now });
    }
    Policy { default: policy.default, rules: Arc::new(rules) }
}

async fn what_is_counted_is_what_every_row_is_judged_to_be(database: Database) {
    let app = App::start(database).await;
    let entropy = || Arc::new(SeededEntropy::new("admin of the impact"));
    let admin = Installation::open_existing(&app.settings).await.unwrap().admin(app.clock.clone(), entropy());
    let dice = Dice::new("rows and rules at random");
    fill(&app, &dice).await;
    let (rows, now) = (Rows::of(&app).await, app.now());
    // Some rounds of few rules, so that what no rule asks for is not read; then ever more of them.
    let (mut changed, mut running) = (0, 0);
    for round in 0..60 {
        if round % 3 == 2 {
            let (selector, limits) = (dice.selector(), dice.limits());
            admin.change_lifetime_rule(selector, move |rule| *rule = limits).await.unwrap();
        }
        if round == 40 {
            for rule in admin.lifetime_policy(&app.settings.lifetimes).await.unwrap().rules.iter() {
                admin.change_lifetime_rule(rule.selector.clone(), |rule| *rule = LimitOverrides::default()).await.unwrap();
            }
        }
        let before = admin.lifetime_policy(&app.settings.lifetimes).await.unwrap();
        let change = RuleChange { selector: dice.selector(), limits: dice.limits() };
        let told = admin.lifetime_impact(&app.settings.lifetimes, vec![change.clone()]).await.unwrap();
        let expected = rows.judged(&before, &with(&before, std::slice::from_ref(&change), now), now);
        assert_eq!(told, expected, "round {round}: {change:?} over {before:?}");
        changed += u64::from(told.horizons.iter().any(|horizon| horizon.families != horizon.families_changed || horizon.sessions != horizon.sessions_changed));
        running = running.max(told.sessions.min(told.families));
    }
    assert!(changed > 15 && running > 40, "nothing was tried out: {changed} {running}");
    admin.store.close().await;
}
