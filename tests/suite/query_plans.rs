//! No query of a request reads a whole table: every statement that the flows send is shown to the database's own planner.
//!
//! The statements are collected from the connections themselves while the flows run, so one that is added tomorrow is judged too.
//! SQLite must SEARCH; PostgreSQL, which prefers to scan what is small, is forbidden to (`enable_seqscan`), and must then find an
//! index with a condition. What may scan is named in [`EXEMPT`], with the reason.

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection};
use gatekey::domain::admin_scope::AdminRole;
use gatekey::domain::entropy::SystemEntropy;
use gatekey::domain::event::EventKind;
use gatekey::domain::group::GroupName;
use gatekey::domain::id::{ClientId, EventId, LinkId};
use gatekey::domain::secret::Secret;
use gatekey::domain::statistics::Hour;
use gatekey::service::password_reset;
use gatekey::store::client_lists::{self, ClientFilter};
use gatekey::store::events::Between;
use gatekey::store::listed::{self, FamilyFilter, Order, SessionFilter, State};
use gatekey::store::user_lists::{self, UserFilter};
use gatekey::store::{
    client_sessions, consents, events, grants, groups, one_time_links, refresh_families, registered, sessions, statistics, user_search, users,
};
use serde_json::Value;

use crate::account::add_user;
use crate::online_access::{self, ONLINE, ONLINE_SCOPE};
use crate::support::app::{App, MACHINE, OWN_PAGE, PAGE, PASSWORD, SERVER};
use crate::support::browser::form_with;
use crate::support::database::{Backend, Database, each_database};
use crate::support::dpop::{Holder, bound};
use crate::support::form::forms;
use crate::support::statements;

each_database!(no_query_of_a_request_reads_a_whole_table, a_scan_is_found);

const BOTH: [Order; 2] = [Order::Ascending, Order::Descending];

/// Statements that may read a whole table: by what their text has in it, and why.
const EXEMPT: [(&str, &str); 5] = [
    ("FROM `clients` WHERE (`clients`.`disabled_at` IS NULL)", "web origins: read once a second at most, whatever is asked"),
    ("FROM `lifetime_rules` ORDER BY", "the lifetime policy: a handful of rules, read when one has changed, and with the keys once a minute"),
    ("FROM `signing_keys`", "the key ring: a handful of rows, read once a minute"),
    ("row_number() OVER (PARTITION BY client_id", "logout notices that are due: what is scanned is what the index gave, and no request asks it"),
    ("count(*) FROM `users`", "the admins: all of an index that has nobody else in it"),
];

/// PostgreSQL cannot tell what types the arrays of a batch have: by what their statement begins with.
const ARRAYS: [(&str, &str); 6] = [
    ("UPDATE refresh_families AS family", "uuid[], bigint[], bigint[], timestamptz[], text[]"),
    ("SELECT id FROM sessions WHERE id = ANY", "uuid[]"),
    (
        "WITH input AS MATERIALIZED",
        "uuid[], text[], uuid[], uuid[], timestamptz[], timestamptz[], bool[], text[], bool[], bytea[], bigint[], timestamptz[], timestamptz[], timestamptz[], text[]",
    ),
    ("UPDATE sessions AS s", "uuid[], timestamptz[]"),
    ("UPDATE client_sessions AS c", "uuid[], text[], timestamptz[]"),
    ("UPDATE refresh_families AS f SET last_used_at", "uuid[], timestamptz[]"),
];

async fn no_query_of_a_request_reads_a_whole_table(database: Database) {
    let statements = statements::watch(&database);
    let app = online_access::app(database).await;
    // What a start and its migrations ask is no request's.
    statements.lock().unwrap().clear();
    every_endpoint(&app).await;
    with_proofs(&app).await;
    app.store.close().await;
    let statements = statements.lock().unwrap().clone();
    // That the flows were seen at all: the statement of each hot write, and a read of each table.
    for table in ["users", "clients", "sessions", "client_sessions", "consents", "redeemed_codes", "refresh_families", "used_proofs"] {
        assert!(statements.iter().any(|sql| sql.contains(table) && !is_exempt(sql)), "no statement on {table} was seen");
    }
    let mut judge = Judge::of(&app.database);
    let scans: Vec<String> =
        statements.iter().filter(|sql| !is_exempt(sql)).filter_map(|sql| judge.scan(sql).map(|plan| format!("{sql}\n    {plan}"))).collect();
    assert!(scans.is_empty(), "these statements read a whole table; give them an index, or name them in EXEMPT with the reason:\n{}", scans.join("\n"));
    // An exemption that nothing needs any more would hide tomorrow's scan.
    for (text, why) in EXEMPT {
        assert!(statements.iter().any(|sql| plain(sql).contains(&plain(text))), "no statement is exempt as `{text}` ({why}): take it out");
    }
}

/// The test can fail: a query by a column without an index is told, a query by one that has an index is not.
async fn a_scan_is_found(database: Database) {
    let app = App::start(database).await;
    let mut judge = Judge::of(&app.database);
    let placeholder = if app.database.backend() == Backend::Sqlite { "?" } else { "$1" };
    for planted in [format!("SELECT id FROM users WHERE email = {placeholder}"), "SELECT id FROM sessions ORDER BY id".to_owned()] {
        assert!(judge.scan(&planted).is_some(), "{planted}");
    }
    assert_eq!(judge.scan(&format!("SELECT id FROM users WHERE username = {placeholder}")), None);
}

/// DPoP: a proof that comes for the first time, and one that comes again.
async fn with_proofs(app: &App) {
    let (holder, party) = (Holder::new(), app.relying_party(OWN_PAGE));
    let held = holder.sign_in(app, &party, "openid").await;
    let proof = holder.for_token(app);
    for _ in 0..2 {
        bound(&party.post_with("oauth/token", &[("dpop", &proof)], &[("grant_type", "refresh_token"), ("refresh_token", held.refresh())]).await);
    }
    assert_eq!(holder.userinfo(app, &held.access).await.status.as_u16(), 200);
}

/// Every endpoint that is asked in the course of a sign-in, by users and clients, each also in the ways that end in a refusal.
async fn every_endpoint(app: &App) {
    let (page, own, server, machine) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE), app.relying_party(SERVER), app.relying_party(MACHINE));
    let mut browser = app.browser();
    // Sign-in, consent, code exchange; then silently, for a client that asks for consent and one that does not.
    let tokens = app.sign_in(&mut browser, &page, "openid profile offline_access").await;
    app.advance(TimeDelta::minutes(5));
    let response = app.silently(&mut browser, &page, "openid profile", &[]).await;
    let code = page.code(&response);
    page.exchange(&code).await;
    assert_eq!(page.try_exchange(&code).await.status.as_u16(), 400);
    let own_tokens = app.sign_in(&mut browser, &own, "openid").await;
    // Refresh: rotation, replay, use of a session, reuse.
    app.advance(TimeDelta::minutes(5));
    let next = page.refresh(tokens.refresh()).await;
    page.refresh(tokens.refresh()).await;
    page.refresh(next.refresh()).await;
    let own_tokens = own.refresh(own_tokens.refresh()).await;
    page.refused(tokens.refresh()).await;
    // What asks about tokens, and gives them back.
    let confidential = app.sign_in(&mut browser, &server, "openid offline_access").await;
    let machines = machine.post("oauth/token", &[("grant_type", "client_credentials")]).await;
    server.introspect(machines.json()["access_token"].as_str().unwrap()).await;
    server.introspect(&confidential.access).await;
    server.introspect(confidential.refresh()).await;
    assert_eq!(own.userinfo(&own_tokens.access).await.status.as_u16(), 200);
    server.revoke(confidential.refresh()).await;
    // A token that stands for the session: used, and given back.
    let (standing, mut shared) = (app.relying_party(ONLINE), app.browser());
    let held = app.sign_in(&mut shared, &standing, ONLINE_SCOPE).await;
    app.advance(TimeDelta::minutes(2));
    standing.refresh(held.refresh()).await;
    standing.revoke(held.refresh()).await;
    server.revoke(&confidential.access).await;
    // A page of another origin, the keys after a minute, a first admin's link.
    app.network.get(&page.endpoint("userinfo"), &[("origin", "https://app.example.test")]).await;
    app.advance(TimeDelta::minutes(2));
    page.jwks().await;
    app.running.first_admin_link().await.unwrap();
    // The user's own page: what it lists, what it ends, a new password.
    let account = own.endpoint("account");
    let mut elsewhere = app.browser();
    app.sign_in(&mut elsewhere, &own, "openid").await;
    app.sign_in(&mut browser, &own, "openid").await;
    for (field, button) in [("session", None), ("application", None)] {
        let page = browser.visit(&account).await.page();
        assert_eq!(browser.submit(&form_with(&page, field), button).await.page().status.as_u16(), 200);
    }
    let page = browser.visit(&account).await.page();
    let others = forms(&page.url, page.text()).into_iter().find(|form| form.action.path().ends_with("end-others")).unwrap();
    browser.submit(&others, None).await.page();
    browser.visit(&format!("{account}?before=01900000-0000-7000-8000-000000000000")).await.page();
    add_user(app, "carol").await;
    let mut carols = app.browser();
    carols.authorize_as(&own.authorize("openid", &[]), "carol", PASSWORD).await;
    let page = carols.visit(&own.endpoint("account/password")).await.page();
    let form = form_with(&page, "new_password").fill("password", PASSWORD).fill("new_password", "another battery staple");
    let page = carols.submit(&form.fill("password_again", "another battery staple"), None).await.page();
    assert!(page.text().contains("Your password is changed"));
    // A password that is reset.
    add_user(app, "rosa").await;
    let (rosa, secret, now) = (app.user("rosa").await.id, Secret::<String>::generate(&SystemEntropy), app.now());
    let (link, digest) = (LinkId::generate(now, &SystemEntropy), secret.digest());
    app.write(move |db| one_time_links::insert_for(db, rosa, link, "password_reset", &digest, now + TimeDelta::hours(1), now)).await;
    let link = password_reset::address(&app.settings.issuer, &secret);
    let mut stranger = app.browser();
    let form = form_with(&stranger.visit(&link).await.page(), "new_password").fill("new_password", PASSWORD).fill("password_again", PASSWORD);
    assert_eq!(stranger.submit(&form, None).await.page().status.as_u16(), 200);
    // What an administrator asks of one user.
    let (carol, now) = (app.user("carol").await.id, app.now());
    let listed = app.store.scan(move |db| {
        let first = sessions::list(db, Some(carol), None, 100)?;
        sessions::list(db, Some(carol), first.first().map(|session| session.id), 100)?;
        refresh_families::list_by_user(db, carol, None, 100)?;
        for state in [None, Some(State::Live)] {
            for (user, client) in [(None, None), (Some(carol), None), (None, Some(OWN_PAGE)), (Some(carol), Some(OWN_PAGE))] {
                let client = client.map(|client| ClientId::parse(client).unwrap());
                let session = first.first().map(|session| session.id).filter(|_| client.is_none());
                for order in BOTH {
                    listed::sessions(db, &SessionFilter { user, client: client.clone(), state }, order, None, 100)?;
                    listed::families(db, &FamilyFilter { user, client: client.clone(), session, state }, order, None, 100)?;
                }
            }
        }
        let session = first.first().map(|session| session.id).unwrap();
        let shares = client_sessions::list(db, session, None, 100)?;
        assert!(client_sessions::list(db, session, shares.last().map(|share| &share.client_id), 100)?.is_empty());
        listed::newest_families(db, session, &[&ClientId::parse(OWN_PAGE).unwrap()], 50)?;
        registered::with_limits(db)?;
        statistics::live_sessions(db, 100)?;
        statistics::of(db, &[Hour::of(now)])?;
        for order in BOTH {
            consents::list(db, carol, order, None, 100)?;
            consents::list(db, carol, order, Some(&ClientId::parse(PAGE).unwrap()), 100)?;
            groups::sizes(db, order, Some("a"), 100)?;
            let (user, object, kind) = (Some(carol), Some(carol.to_string()), Some(EventKind::UserCreated));
            for (user, object, kind) in [(user, None, None), (None, object.clone(), None), (None, None, kind), (user, object, kind)] {
                let filter = events::Filter { user, object, kind, since: Some(now) };
                events::page(db, &events::Filter { since: None, ..filter.clone() }, order, Between::default(), 100)?;
                let last = Some(EventId::first_at(now));
                events::page(db, &filter, order, Between { after: last, before: last }, 100)?;
            }
        }
        // And what an application asks for its user.
        sessions::ids_of(db, carol, 100)?;
        let kinds = gatekey::protocol::account::KINDS;
        let told = events::list_of(db, carol, &kinds, None, 100)?;
        events::list_of(db, carol, &kinds, told.first().map(|event| event.id), 100)?;
        grants::clients(db, &["01900000-0000-7000-8000-000000000000".parse().unwrap()])?;
        users::list(db, None, 100)?;
        let (admins, disabled) = (Some(AdminRole::Administrator), Some(State::Ended));
        for (group, role, state) in [(Some("staff"), None, None), (None, admins, None), (None, Some(AdminRole::Support), None), (None, None, disabled)] {
            let group = group.map(|group| GroupName::parse(group).unwrap());
            for order in BOTH {
                user_lists::page(db, &UserFilter { group: group.clone(), role, state }, order, None, 100)?;
            }
        }
        for order in BOTH {
            user_lists::page(db, &UserFilter::default(), order, None, 100)?;
            user_lists::by_name(db, order, None, 100)?;
            let after = ClientId::parse(OWN_PAGE).unwrap();
            for filter in [ClientFilter::default(), ClientFilter::of(Some("a"), Some(State::Live))] {
                client_lists::by_id(db, &filter, order, Some(&after), 100)?;
                for place in [None, Some((now, after.clone()))] {
                    client_lists::by_time(db, &filter, order, place, 100)?;
                }
            }
        }
        users::count_admins(db)?;
        let all = UserFilter::default();
        let (_, place) = user_search::search(db, "c", &all, None, 1)?;
        user_search::search(db, "c", &all, place.or_else(|| Some(("carol".to_owned(), carol))), 1)?;
        Ok(first)
    });
    assert_eq!(listed.await.unwrap().len(), 1);
    // A session past its limits, and one that is logged out.
    let mut other = app.browser();
    app.sign_in(&mut other, &own, "openid").await;
    app.advance(TimeDelta::days(4000));
    // Found so without a page, and written down right after.
    app.silently(&mut browser, &own, "openid", &[]).await;
    app.running.deliver_logout_notices().await;
    let again = app.sign_in(&mut other, &own, "openid").await;
    let hint = again.id.unwrap();
    other.visit(&own.endpoint(&format!("oidc/logout?id_token_hint={hint}"))).await;
    // Clearing away what is over: first it is ended, then it has been kept for long enough.
    app.sign_in(&mut other, &own, "openid offline_access").await;
    let swept = app.running.sweep().await.unwrap();
    assert!(swept.ended_sessions > 0 && swept.codes > 0 && swept.links > 0 && swept.events > 0, "{swept:?}");
    app.advance(TimeDelta::days(91));
    let swept = app.running.sweep().await.unwrap();
    assert!(swept.ended_families > 0 && swept.sessions > 0, "{swept:?}");
    app.advance(TimeDelta::days(91));
    let swept = app.running.sweep().await.unwrap();
    assert!(swept.sessions > 0 && swept.families > 0, "{swept:?}");
}

fn is_exempt(sql: &str) -> bool {
    EXEMPT.iter().any(|(text, _)| plain(sql).contains(&plain(text)))
}

/// The two databases quote names with different signs.
fn plain(sql: &str) -> String {
    sql.replace(['`', '"'], "").to_lowercase()
}

/// Asks the planner.
pub enum Judge {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct Plan {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    plan: String,
}

impl Judge {
    pub fn of(database: &Database) -> Self {
        match database.backend() {
            Backend::Sqlite => Self::Sqlite(SqliteConnection::establish(database.url().trim_start_matches("sqlite://")).unwrap()),
            Backend::Postgres => {
                let mut conn = PgConnection::establish(database.url()).unwrap();
                conn.batch_execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan").unwrap();
                Self::Postgres(conn)
            }
        }
    }

    /// The step that reads a whole table, if there is one.
    pub fn scan(&mut self, sql: &str) -> Option<String> {
        match self {
            Self::Sqlite(conn) => {
                let steps = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load::<Step>(conn).unwrap_or_else(|e| panic!("{sql}: {e}"));
                steps.into_iter().map(|step| step.detail).find(|detail| detail.starts_with("SCAN") && detail != "SCAN CONSTANT ROW")
            }
            Self::Postgres(conn) => {
                let types = ARRAYS.iter().find(|(start, _)| sql.starts_with(start)).map_or(String::new(), |(_, types)| format!("({types})"));
                conn.batch_execute(&format!("PREPARE judged{types} AS {sql}")).unwrap_or_else(|e| panic!("{sql}: {e}: are its types in ARRAYS?"));
                let parameters = (1..).take_while(|number| sql.contains(&format!("${number}"))).map(|_| "NULL").collect::<Vec<_>>().join(", ");
                let parameters = if parameters.is_empty() { parameters } else { format!("({parameters})") };
                let plan = diesel::sql_query(format!("EXPLAIN (FORMAT JSON) EXECUTE judged{parameters}")).get_result::<Plan>(conn).unwrap().plan;
                conn.batch_execute("DEALLOCATE judged").unwrap();
                scan_of(&serde_json::from_str::<Value>(&plan).unwrap()[0]["Plan"])
            }
        }
    }
}

/// A node of PostgreSQL's plan, or one below it, that reads a table without an index or an index without a condition.
fn scan_of(node: &Value) -> Option<String> {
    let (kind, table) = (node["Node Type"].as_str().unwrap_or_default(), node["Relation Name"].as_str().or(node["Index Name"].as_str()));
    let whole = match kind {
        "Seq Scan" => true,
        "Index Scan" | "Index Only Scan" | "Bitmap Index Scan" => node["Index Cond"].is_null(),
        _ => false,
    };
    if whole {
        return Some(format!("{kind} on {}", table.unwrap_or("?")));
    }
    node["Plans"].as_array().into_iter().flatten().find_map(scan_of)
}
