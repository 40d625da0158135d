//! The lifetime policy on a running server: rules are felt at the next use, by whomever, on every replica; what is explained is what happens.

use std::sync::Arc;

use chrono::TimeDelta;
use diesel::RunQueryDsl;
use gatekey::domain::acr::Acr;
use gatekey::domain::client::Client;
use gatekey::domain::duration::Lifetime;
use gatekey::domain::entropy::Entropy;
use gatekey::domain::event::EventKind;
use gatekey::domain::group::{GroupName, Groups};
use gatekey::domain::id::ClientId;
use gatekey::domain::lifetime::{Limit, LimitOverrides, Limits};
use gatekey::domain::lifetime_rule::Selector;
use gatekey::domain::user::User;
use gatekey::protocol::lifetime_policy::Subject;
use gatekey::protocol::lifetime_policy::explain::explain;
use gatekey::service::admin::{Admin, AdminError, Installation, RuleChange};
use gatekey::settings::DeclaredRule;
use gatekey::store::{clients, events, lifetime_rules};
use serde_json::{Value, json};

use crate::support::app::{App, MACHINE, OWN_PAGE, PAGE, SECRET, SERVER};
use crate::support::database::{Database, each_database};
use crate::support::entropy::SeededEntropy;
use crate::support::log::listen;
use crate::support::relying_party::tokens;

each_database!(
    a_rule_is_felt_at_the_next_use_of_every_replica,
    a_group_is_felt_when_it_is_joined_and_left,
    a_longer_rule_revives_nothing_that_has_ended,
    an_access_token_gets_no_older_than_the_limit_of_today,
    a_sign_in_takes_no_session_that_a_rule_lets_live_on,
    a_rule_of_a_newer_program_is_passed_over,
    a_session_that_a_rule_lets_live_on_is_not_ended_for_it,
    what_is_explained_is_what_happens,
    the_file_declares_rules_and_takes_them_away,
    a_rule_of_the_file_for_a_client_that_is_not_there_is_warned_of,
    a_rule_goes_with_its_client,
    every_change_is_written_down_with_before_and_after,
    a_rule_that_cannot_be_is_refused,
    a_change_tried_out_counts_what_it_would_end,
);

fn life(text: &str) -> Lifetime {
    text.parse().unwrap()
}

fn limits(text: &str) -> LimitOverrides {
    let mut limits = LimitOverrides::default();
    for word in text.split_whitespace() {
        let (name, value) = word.split_once('=').unwrap();
        limits.set(name.parse().unwrap(), Some(life(value)));
    }
    limits
}

fn of_client(id: &str) -> Selector {
    Selector { client: Some(ClientId::parse(id).unwrap()), ..Selector::default() }
}

fn of_group(name: &str) -> Selector {
    Selector { group: Some(GroupName::parse(name).unwrap()), ..Selector::default() }
}

async fn admin(app: &App) -> Admin {
    Installation::open_existing(&app.settings).await.unwrap().admin(app.clock.clone(), Arc::new(SeededEntropy::new("admin of the policy")))
}

async fn set(admin: &Admin, selector: Selector, text: &str) {
    let limits = limits(text);
    admin.change_lifetime_rule(selector, move |rule| *rule = limits).await.unwrap();
}

async fn join(app: &App, admin: &Admin, username: &str, groups: &[&str]) {
    let groups = Groups::of(groups.iter().map(|name| GroupName::parse(name).unwrap()));
    let change = move |user: &mut User| {
        user.groups = groups;
        Ok(())
    };
    admin.update_user(app.user(username).await.id, Box::new(change)).await.unwrap();
}

/// A limit shortened while people are signed in: silent renewal, refresh tokens, introspection and userinfo know it from the next
/// request on, at the issuer that was told and at the other one.
async fn a_rule_is_felt_at_the_next_use_of_every_replica(database: Database) {
    let app = App::start(database).await;
    let other = app.replica("second").await;
    let admin = admin(&app).await;
    for (place, seat) in [(&app, "told"), (&other, "other")] {
        let server = place.relying_party(SERVER);
        let mut browser = place.browser();
        let tokens = place.sign_in(&mut browser, &server, "openid").await;
        place.advance(TimeDelta::minutes(9));
        // The control: all is well by the rules so far.
        server.code(&place.silently(&mut browser, &server, "openid", &[]).await);
        assert_eq!(server.introspect(&tokens.access).await["active"], true, "{seat}");

        set(&admin, Selector::default(), "session_absolute=PT9M").await;
        assert_eq!(server.error(&place.silently(&mut browser, &server, "openid", &[]).await), "login_required", "{seat}");
        assert_eq!(server.introspect(&tokens.access).await["active"], false, "{seat}");
        assert_eq!(server.introspect(tokens.refresh()).await["active"], false, "{seat}");
        assert_eq!(server.userinfo(&tokens.access).await.status.as_u16(), 401, "{seat}");
        server.refused(tokens.refresh()).await;
        admin.change_lifetime_rule(Selector::default(), |rule| *rule = LimitOverrides::default()).await.unwrap();
    }
    admin.store.close().await;
}

async fn a_group_is_felt_when_it_is_joined_and_left(database: Database) {
    let app = App::start(database).await;
    let admin = admin(&app).await;
    set(&admin, Selector::default(), "session_absolute=PT1H").await;
    set(&admin, of_group("night"), "session_absolute=P1D").await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let began = app.seconds();
    app.sign_in(&mut browser, &party, "openid").await;
    join(&app, &admin, "alice", &["day", "night"]).await;
    app.advance(TimeDelta::hours(23));
    let tokens = party.exchange(&party.code(&app.silently(&mut browser, &party, "openid", &[]).await)).await;
    assert_eq!(tokens.json["session_expires_at"], began + 86_400);
    join(&app, &admin, "alice", &["day"]).await;
    party.refused(tokens.refresh()).await;
    assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 401);
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "login_required");
    admin.store.close().await;
}

async fn a_longer_rule_revives_nothing_that_has_ended(database: Database) {
    let app = App::start(database).await;
    let admin = admin(&app).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, "openid").await;
    app.advance(TimeDelta::hours(2));
    set(&admin, Selector::default(), "session_absolute=PT1H").await;
    // Met by a page, the end is written down; met by a refresh, that of the family.
    assert!(browser.visit(party.authorize("openid", &[]).as_str()).await.page().text().contains("type=\"password\""));
    party.refused(tokens.refresh()).await;
    set(&admin, Selector::default(), "session_absolute=unlimited").await;
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "login_required");
    party.refused(tokens.refresh()).await;
    admin.store.close().await;
}

async fn an_access_token_gets_no_older_than_the_limit_of_today(database: Database) {
    let app = App::start_with(database, |settings| settings.lifetimes.access_token = life("P1D")).await;
    let admin = admin(&app).await;
    let (server, machine) = (app.relying_party(SERVER), app.relying_party(MACHINE).with_secret(SECRET));
    let users = app.sign_in(&mut app.browser(), &server, "openid").await;
    let machines = tokens(&machine.post("oauth/token", &[("grant_type", "client_credentials")]).await);
    app.advance(TimeDelta::minutes(5));
    assert_eq!(server.introspect(&users.access).await["active"], true);
    assert_eq!(machine.introspect(&machines.access).await["active"], true);
    set(&admin, Selector::default(), "access_token=PT5M").await;
    assert_eq!(server.introspect(&users.access).await["active"], false);
    assert_eq!(server.userinfo(&users.access).await.status.as_u16(), 401);
    assert_eq!(machine.introspect(&machines.access).await["active"], false);
    // What is issued now is good.
    let renewed = server.refresh(users.refresh()).await;
    assert_eq!(server.introspect(&renewed.access).await["active"], true);
    admin.store.close().await;
}

/// Past the limit that holds where no client asks, and alive at one client: signing in again keeps it, with what hangs on it there.
async fn a_sign_in_takes_no_session_that_a_rule_lets_live_on(database: Database) {
    let app = App::start(database).await;
    let admin = admin(&app).await;
    set(&admin, Selector::default(), "session_absolute=PT1H").await;
    set(&admin, of_client(OWN_PAGE), "session_absolute=P10D").await;
    let (long, short) = (app.relying_party(OWN_PAGE), app.relying_party(PAGE));
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &long, "openid").await;
    app.advance(TimeDelta::days(5));
    app.sign_in(&mut browser, &short, "openid").await;
    long.refresh(tokens.refresh()).await;
    admin.store.close().await;
}

/// A replica beside it goes on by the rules that it knows.
async fn a_rule_of_a_newer_program_is_passed_over(database: Database) {
    let app = App::start(database).await;
    let admin = admin(&app).await;
    set(&admin, of_group("staff"), "session_idle=PT1H").await;
    let by_tomorrows = [
        "INSERT INTO lifetime_rules (client_id, group_name, acr, limits, managed_by_file, updated_at) \
         SELECT '', 'staff', 'urn:example:of-tomorrow', limits, managed_by_file, updated_at FROM lifetime_rules",
        "UPDATE lifetime_rules SET limits = '{\"session_idle\":\"PT2H\",\"of_tomorrow\":\"PT1H\"}' WHERE acr = ''",
    ];
    app.write(move |db| {
        lifetime_rules::begin_change(db, "a mark of tomorrow's")?;
        by_tomorrows.iter().try_for_each(|statement| Ok(diesel::sql_query(*statement).execute(db).map(drop)?))
    })
    .await;
    let rules = app.store.read(lifetime_rules::all).await.unwrap();
    assert_eq!(rules.iter().map(|rule| (rule.selector.clone(), rule.limits)).collect::<Vec<_>>(), [(of_group("staff"), limits("session_idle=PT2H"))]);
    app.sign_in(&mut app.browser(), &app.relying_party(OWN_PAGE), "openid").await;
    admin.store.close().await;
}

/// Past the limit of the pages everybody uses, but a rule for one client lets it live on there: then nothing is written down.
async fn a_session_that_a_rule_lets_live_on_is_not_ended_for_it(database: Database) {
    let app = App::start(database).await;
    let admin = admin(&app).await;
    set(&admin, Selector::default(), "session_absolute=PT1H").await;
    set(&admin, Selector { group: GroupName::parse("family").ok(), ..of_client(OWN_PAGE) }, "session_absolute=P10D").await;
    join(&app, &admin, "alice", &["family"]).await;
    let (long, short) = (app.relying_party(OWN_PAGE), app.relying_party(PAGE));
    let mut browser = app.browser();
    app.sign_in(&mut browser, &long, "openid").await;
    app.advance(TimeDelta::days(5));
    assert!(browser.visit(short.authorize("openid", &[]).as_str()).await.page().text().contains("type=\"password\""));
    long.code(&app.silently(&mut browser, &long, "openid", &[]).await);
    // Bobby is not of the family: his has ended for all.
    let mut bobbys = app.browser();
    let response = app.authorize_as(&mut bobbys, &long.authorize("openid", &[]), "bobby").await;
    long.exchange(&long.code(&response)).await;
    app.advance(TimeDelta::hours(1));
    assert_eq!(long.error(&app.silently(&mut bobbys, &long, "openid", &[]).await), "login_required");
    admin.store.close().await;
}

/// Rules at random, users in groups at random: the deadlines that a sign-in is told, and the life of its tokens, are those explained.
async fn what_is_explained_is_what_happens(database: Database) {
    let app = App::start(database).await;
    let admin = admin(&app).await;
    let entropy = SeededEntropy::new("rules at random");
    let below = |bound: i64| {
        let mut bytes = [0u8; 4];
        entropy.fill(&mut bytes);
        i64::from(u32::from_le_bytes(bytes)) % bound
    };
    let one_of = |words: &[&'static str]| words[usize::try_from(below(words.len() as i64)).unwrap()];
    let some_hours = || if below(6) == 0 { Lifetime::Unlimited } else { Lifetime::seconds((2 + below(58)) * 3600) };
    let mut told_apart = 0;
    for round in 0..30 {
        for _ in 0..=below(4) {
            let selector = Selector {
                client: (below(5) < 2).then(|| ClientId::parse(one_of(&[OWN_PAGE, SERVER])).unwrap()),
                group: (below(2) == 0).then(|| GroupName::parse(one_of(&["a", "b", "c"])).unwrap()),
                acr: (below(3) == 0).then_some(Acr::Password),
            };
            let mut limits = LimitOverrides::default();
            for limit in [Limit::SessionAbsolute, Limit::SessionIdle, Limit::RefreshIdle, Limit::ClientSessionIdle] {
                if below(2) == 0 {
                    limits.set(limit, Some(some_hours()));
                }
            }
            limits.set(Limit::AccessToken, Some(Lifetime::seconds(60 + below(3000))));
            admin.change_lifetime_rule(selector, move |rule| *rule = limits).await.unwrap();
        }
        let groups: Vec<&str> = ["a", "b", "c"].into_iter().filter(|_| below(2) == 0).collect();
        join(&app, &admin, "alice", &groups).await;
        let id = [OWN_PAGE, SERVER][round % 2];
        let party = app.relying_party(id);
        let mut browser = app.browser();
        let began = app.seconds();
        let tokens = app.sign_in(&mut browser, &party, "openid").await;

        let lookup = ClientId::parse(id).unwrap();
        let client: Client = app.store.read(move |db| clients::find(db, &lookup)).await.unwrap().unwrap();
        let (policy, user) = (admin.lifetime_policy(&app.settings.lifetimes).await.unwrap(), app.user("alice").await);
        let explained = explain(&policy, &Subject { client: Some(&client), groups: Some(&user.groups), acr: Some(Acr::Password) });
        let limits = Limits::each(|limit| explained.iter().find(|one| one.limit == limit).unwrap().value);
        let seconds = |lifetime: Lifetime| if let Lifetime::Limited(delta) = lifetime { Some(delta.num_seconds()) } else { None };
        let soonest = |lifetimes: &[Lifetime]| lifetimes.iter().filter_map(|lifetime| seconds(*lifetime)).min();
        let deadline = |name: &str| tokens.json.get(name).map(|value| value.as_i64().unwrap() - began);
        assert_eq!(deadline("session_expires_at"), soonest(&[limits.session_absolute, limits.client_session_absolute]), "round {round}");
        assert_eq!(deadline("session_idle_expires_at"), soonest(&[limits.session_idle, limits.client_session_idle]), "round {round}");
        assert_eq!(tokens.json["expires_in"].as_i64(), soonest(&[limits.access_token, limits.session_absolute]), "round {round}");
        // The end itself, by the limit that comes first without use.
        let end = soonest(&[limits.session_absolute, limits.session_idle, limits.client_session_absolute, limits.client_session_idle]);
        if let Some(end) = end {
            app.advance(TimeDelta::seconds(end - 1));
            let mut copy = browser.clone();
            let before = copy.navigate(&party.authorize("openid", &[("prompt", "none")]), crate::support::browser::FRAME).await.left();
            told_apart += 1;
            party.code(&before);
        }
        app.advance(TimeDelta::days(70));
    }
    assert!(told_apart > 15, "{told_apart}");
    admin.store.close().await;
}

async fn the_file_declares_rules_and_takes_them_away(database: Database) {
    let declared = |selector, text: &str| DeclaredRule { selector, limits: limits(text) };
    let app = App::start_with(database, |settings| {
        settings.lifetime_rules = vec![declared(of_group("staff"), "session_idle=PT1H"), declared(of_client(PAGE), "access_token=PT1M")];
    })
    .await;
    let by_command = admin(&app).await;
    set(&by_command, of_group("guests"), "session_idle=PT2H").await;
    set(&by_command, of_group("staff"), "session_idle=PT3H").await;
    let before = app.store.read(lifetime_rules::mark).await.unwrap();
    by_command.store.close().await;

    // The next start: the file wins for what it declares, takes away what it does not any more, and leaves what a command made.
    let (clock, mut settings) = (app.clock.clone(), app.settings.clone());
    settings.lifetime_rules.remove(1);
    let database = app.stop().await;
    let app = App::on(database, settings, clock, "again").await;
    let rules = app.store.read(lifetime_rules::all).await.unwrap();
    let texts: Vec<String> = rules.iter().map(|rule| format!("{}: {:?} {}", rule.selector, rule.limits.session_idle, rule.managed_by_file)).collect();
    let hours = |hours: i64| format!("{:?}", Some(Lifetime::seconds(hours * 3600)));
    assert_eq!(texts, [format!("group guests: {} false", hours(2)), format!("group staff: {} true", hours(1))]);
    let after = app.store.read(lifetime_rules::mark).await.unwrap();
    assert_ne!(before, after);

    // A start that finds everything as declared writes nothing.
    let replica = app.replica("third").await;
    assert_eq!(replica.store.read(lifetime_rules::mark).await.unwrap(), after);
}

/// A slip in its name would else be a limit that nobody has.
async fn a_rule_of_the_file_for_a_client_that_is_not_there_is_warned_of(database: Database) {
    let heard = listen();
    let declared = |id| DeclaredRule { selector: of_client(id), limits: limits("session_idle=PT1H") };
    let app = App::start_with(database, |settings| settings.lifetime_rules = vec![declared("pgae"), declared(PAGE)]).await;
    assert_eq!(heard.count("lifetime_rule.no_such_client"), 1);
    // It waits for the client.
    let admin = admin(&app).await;
    let metadata = admin.client(&ClientId::parse(PAGE).unwrap()).await.unwrap().metadata;
    admin.create_client(gatekey::service::admin::NewClient { id: ClientId::parse("pgae").unwrap(), metadata }).await.unwrap();
    let replica = app.replica("second").await;
    assert_eq!(heard.count("lifetime_rule.no_such_client"), 1);
    replica.stop().await;
    admin.store.close().await;
}

async fn a_rule_goes_with_its_client(database: Database) {
    let app = App::start(database).await;
    let admin = admin(&app).await;
    set(&admin, of_client(PAGE), "access_token=PT1M").await;
    set(&admin, of_client(OWN_PAGE), "access_token=PT2M").await;
    let metadata = admin.client(&ClientId::parse(PAGE).unwrap()).await.unwrap().metadata;
    admin.delete_client(&ClientId::parse(PAGE).unwrap()).await.unwrap();
    let rules = app.store.read(lifetime_rules::all).await.unwrap();
    assert_eq!(rules.iter().map(|rule| rule.selector.to_string()).collect::<Vec<_>>(), [format!("client {OWN_PAGE}")]);
    // Made again under the same name it has the limits of everybody.
    admin.create_client(gatekey::service::admin::NewClient { id: ClientId::parse(PAGE).unwrap(), metadata }).await.unwrap();
    let party = app.relying_party(PAGE);
    let tokens = app.sign_in(&mut app.browser(), &party, "openid").await;
    assert_eq!(tokens.json["expires_in"], 600);
    admin.store.close().await;
}

/// By a command, by the file, and with the client; what changes nothing is no event.
async fn every_change_is_written_down_with_before_and_after(database: Database) {
    let declared = DeclaredRule { selector: Selector::default(), limits: limits("session_idle=PT9H") };
    let app = App::start_with(database, |settings| settings.lifetime_rules = vec![declared]).await;
    let admin = admin(&app).await;
    let selector = Selector { group: GroupName::parse("staff").ok(), acr: Some(Acr::Password), ..of_client(PAGE) };
    set(&admin, selector.clone(), "session_idle=PT1H access_token=PT1M").await;
    set(&admin, selector.clone(), "session_idle=PT2H access_token=PT1M").await;
    set(&admin, selector.clone(), "session_idle=PT2H access_token=PT1M").await;
    admin.delete_client(&ClientId::parse(PAGE).unwrap()).await.unwrap();
    let filter = events::Filter { kind: Some(EventKind::LifetimePolicyChanged), ..events::Filter::default() };
    let told = app.store.scan(move |db| events::list(db, &filter, None, 100)).await.unwrap();
    let mut told: Vec<(String, Value)> = told.iter().map(|event| (event.actor.kind().to_owned(), Value::Object(event.detail.fields().clone()))).collect();
    told.sort_by_key(|(actor, detail)| (actor.clone(), detail["before"].to_string(), detail["after"].to_string()));
    let whom = |before: Value, after: Value| json!({ "client": PAGE, "group": "staff", "acr": Acr::Password.as_str(), "before": before, "after": after });
    let expected = [
        ("command_line", whom(Value::Null, json!({ "session_idle": "PT1H", "access_token": "PT1M" }))),
        ("command_line", whom(json!({ "session_idle": "PT1H" }), json!({ "session_idle": "PT2H" }))),
        ("command_line", whom(json!({ "session_idle": "PT2H", "access_token": "PT1M" }), Value::Null)),
        ("settings_file", json!({ "client": null, "group": null, "acr": null, "before": null, "after": { "session_idle": "PT9H" } })),
    ];
    let mut expected: Vec<(String, Value)> = expected.map(|(actor, detail)| (actor.to_owned(), detail)).to_vec();
    expected.sort_by_key(|(actor, detail)| (actor.clone(), detail["before"].to_string(), detail["after"].to_string()));
    assert_eq!(told, expected);
    admin.store.close().await;
}

async fn a_rule_that_cannot_be_is_refused(database: Database) {
    let app = App::start(database).await;
    let admin = admin(&app).await;
    for (limit, value, says) in [
        (Limit::AccessToken, Lifetime::Unlimited, "must end"),
        (Limit::SessionIdle, Lifetime::seconds(0), "ends as it begins"),
        (Limit::Code, life("PT2M"), "PT60S"),
    ] {
        let refused = admin.change_lifetime_rule(Selector::default(), move |rule| rule.set(limit, Some(value))).await.unwrap_err();
        assert!(refused.to_string().contains(says) || refused.to_string().contains("end as it begins"), "{refused}");
    }
    let unknown = admin.change_lifetime_rule(of_client("nobody"), |rule| rule.set(Limit::SessionIdle, Some(Lifetime::Unlimited))).await;
    assert!(matches!(unknown, Err(AdminError::NotFound { what: "client", .. })), "{unknown:?}");
    assert_eq!(app.store.read(lifetime_rules::all).await.unwrap(), []);
    // Refused is not written: the mark, by which servers notice a change, may have moved, the rules have not.
    let party = app.relying_party(OWN_PAGE);
    assert_eq!(app.sign_in(&mut app.browser(), &party, "openid").await.json["expires_in"], 600);
    admin.store.close().await;
}

/// Alice has a session of three days and one of an hour, Bobby one of two days; each with a family of its own, one of them offline.
async fn a_change_tried_out_counts_what_it_would_end(database: Database) {
    let app = App::start(database).await;
    let admin = admin(&app).await;
    join(&app, &admin, "alice", &["staff"]).await;
    let party = app.relying_party(OWN_PAGE);
    app.sign_in(&mut app.browser(), &party, "openid").await;
    app.advance(TimeDelta::days(1));
    let response = app.authorize_as(&mut app.browser(), &party.authorize("openid", &[]), "bobby").await;
    party.exchange(&party.code(&response)).await;
    app.advance(TimeDelta::days(2) - TimeDelta::hours(1));
    app.sign_in(&mut app.browser(), &party, "openid offline_access").await;
    app.advance(TimeDelta::hours(1));
    // One that was ended is not counted.
    let mut gone = app.browser();
    app.sign_in(&mut gone, &party, "openid").await;
    let alice = app.user("alice").await.id;
    let newest = admin.sessions(Some(alice), None, 100).await.unwrap().last().unwrap().id;
    admin.end_session(newest).await.unwrap();

    let try_out = async |selector, text: &str| {
        let change = RuleChange { selector, limits: limits(text) };
        admin.lifetime_impact(&app.settings.lifetimes, vec![change]).await.unwrap()
    };
    let counts = |impact: &gatekey::service::admin::Impact| impact.horizons.map(|horizon| (horizon.sessions_changed, horizon.families_changed));
    let everybody = try_out(Selector::default(), "session_absolute=P2D").await;
    assert_eq!((everybody.sessions, everybody.families), (3, 3));
    assert_eq!(everybody.horizons.map(|horizon| (horizon.sessions, horizon.families)), [(0, 0), (0, 0), (0, 0)]);
    // Three days and exactly two days old: at the very instant it has ended. The offline family outlives its session.
    assert_eq!(counts(&everybody), [(2, 2), (2, 2), (3, 2)]);
    assert_eq!(everybody.sample.len(), 2);

    let staff = try_out(of_group("staff"), "session_absolute=P2D refresh_idle=PT30M").await;
    assert_eq!(counts(&staff), [(1, 2), (1, 2), (2, 2)]);
    assert_eq!(staff.sample.iter().map(|one| one.user).collect::<Vec<_>>(), [alice]);
    // A rule of one client says nothing of sessions by themselves, but of its families; one of another client's of neither.
    assert_eq!(counts(&try_out(of_client(OWN_PAGE), "session_idle=PT2H").await), [(0, 2), (0, 2), (0, 2)]);
    assert_eq!(counts(&try_out(of_client(PAGE), "session_idle=PT2H").await), [(0, 0); 3]);
    // Nothing of it was done.
    assert_eq!(app.store.read(lifetime_rules::all).await.unwrap(), []);
    // What it said comes true.
    set(&admin, of_group("staff"), "session_absolute=P2D refresh_idle=PT30M").await;
    assert_eq!(counts(&try_out(Selector::default(), "").await), [(0, 0), (0, 0), (1, 0)]);
    admin.store.close().await;
}
