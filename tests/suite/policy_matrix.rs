//! Every reason to refuse, on every path that gives something or accepts something: a table, each cell of it tried.
//!
//! For each reason an issuer is started; each path has a browser, a session and tokens of its own there, so that one does not end what
//! the next one is tried with. Before the reason comes about, every path works; then each answers as the table says.

use std::sync::Arc;

use chrono::TimeDelta;
use gatekey::domain::acr::Acr;
use gatekey::domain::client::ClientKind;
use gatekey::domain::group::{GroupName, Groups};
use gatekey::domain::id::ClientId;
use gatekey::domain::lifetime_rule::Selector;
use gatekey::domain::scope::Scope;
use gatekey::domain::secret::Secret;
use gatekey::domain::session::EndReason;
use gatekey::domain::user::User;
use gatekey::service::admin::{Admin, Installation};
use gatekey::store::tree::{self, Node};
use gatekey::store::{consents, users};
use poem::http::Method;
use serde_json::json;

use crate::support::app::{App, SERVER, client};
use crate::support::browser::{Browser, FRAME, LINK, Landing};
use crate::support::database::{Database, each_database};
use crate::support::entropy::SeededEntropy;
use crate::support::relying_party::{RelyingParty, Tokens};

each_database!(
    disabled_user,
    disabled_client,
    ended_session,
    expired_idle,
    expired_absolute,
    withdrawn_consent,
    changed_password,
    lost_group,
    acr_of_a_shorter_rule,
    insufficient_acr,
    deleted_user,
);

/// Why there is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    DisabledUser,
    DisabledClient,
    EndedSession,
    ExpiredIdle,
    ExpiredAbsolute,
    WithdrawnConsent,
    ChangedPassword,
    LostGroup,
    AcrOfAShorterRule,
    /// The request asks for more than any sign-in here is: only what asks can be refused for it.
    InsufficientAcr,
    DeletedUser,
}

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// `prompt=none` in a frame.
    Silent,
    /// The same without: a page or an answer.
    Interactive,
    Code,
    Refresh,
    /// A chain granted with `offline_access`.
    OfflineRefresh,
    /// A token that stands for the session (`online_access`).
    OnlineRefresh,
    IntrospectOnline,
    IntrospectAccess,
    IntrospectRefresh,
    Userinfo,
    OfflineUserinfo,
    /// The user's own page.
    Account,
}

const PATHS: [Path; 12] = [
    Path::Silent,
    Path::Interactive,
    Path::Code,
    Path::Refresh,
    Path::OfflineRefresh,
    Path::OnlineRefresh,
    Path::IntrospectOnline,
    Path::IntrospectAccess,
    Path::IntrospectRefresh,
    Path::Userinfo,
    Path::OfflineUserinfo,
    Path::Account,
];

/// The table.
fn expected(reason: Reason, path: Path) -> &'static str {
    use Reason::*;
    let expired = matches!(reason, ExpiredIdle | ExpiredAbsolute | LostGroup | AcrOfAShorterRule);
    match (path, reason) {
        // OpenID Connect Core Error Code unmet_authentication_requirements 1.0.
        (Path::Silent | Path::Interactive, InsufficientAcr) => "unmet_authentication_requirements",
        (_, InsufficientAcr) => "given",
        // No such client, as far as a browser is concerned: nowhere to redirect to.
        (Path::Silent | Path::Interactive, DisabledClient) => "error page",
        (Path::Silent, WithdrawnConsent) => "consent_required",
        (Path::Silent, _) => "login_required",
        (Path::Interactive, WithdrawnConsent) => "consent page",
        (Path::Interactive, _) => "sign-in page",
        // Nothing of it is an application's.
        (Path::Account, DisabledClient | WithdrawnConsent) => "given",
        (Path::Account, _) => "sign-in page",
        // RFC 6749 §5.2: it cannot authenticate.
        (Path::Code | Path::Refresh | Path::OfflineRefresh | Path::OnlineRefresh | Path::IntrospectRefresh | Path::IntrospectOnline, DisabledClient) => {
            "invalid_client"
        }
        // What was granted for while nobody is there outlives a session that merely came to its end.
        (Path::OfflineRefresh | Path::OfflineUserinfo, _) if expired => "given",
        (Path::Code | Path::Refresh | Path::OfflineRefresh | Path::OnlineRefresh, _) => "invalid_grant",
        (Path::IntrospectAccess | Path::IntrospectRefresh | Path::IntrospectOnline, _) => "inactive",
        (Path::Userinfo | Path::OfflineUserinfo, _) => "invalid_token",
    }
}

/// A confidential application that asks for consent, and whose tokens the server may look at.
const ASKING: &str = "asking";

/// What one path is tried with.
struct Seat {
    browser: Browser,
    tokens: Tokens,
    code: String,
}

struct Bench {
    app: App,
    admin: Admin,
    party: RelyingParty,
    server: RelyingParty,
}

impl Bench {
    async fn new(database: Database) -> Self {
        let app = App::start_with(database, |settings| {
            settings.clients.push(client(ASKING, ClientKind::Web, "https://asking.example.test", |asking| {
                asking.resources = vec!["https://api.example.test/".to_owned()];
                asking.scope = Scope::parse("openid offline_access online_access").unwrap();
            }));
        })
        .await;
        let admin = Installation::open_existing(&app.settings).await.unwrap().admin(app.clock.clone(), Arc::new(SeededEntropy::new("admin of the matrix")));
        let (party, server) = (app.relying_party(ASKING), app.relying_party(SERVER));
        Self { app, admin, party, server }
    }

    async fn seat(&self, path: Path) -> Seat {
        let scope = match path {
            Path::OfflineRefresh | Path::OfflineUserinfo => "openid offline_access",
            Path::OnlineRefresh | Path::IntrospectOnline => "openid online_access",
            _ => "openid",
        };
        let mut browser = self.app.browser();
        let tokens = self.app.sign_in(&mut browser, &self.party, scope).await;
        let code = self.party.code(&self.app.silently(&mut browser, &self.party, scope, &[]).await);
        Seat { browser, tokens, code }
    }

    /// Takes the path: what came of it, in a word.
    async fn take(&self, path: Path, seat: &mut Seat, asking: &[(&str, &str)]) -> String {
        let answer = |answer: crate::support::network::Answer| if answer.status.is_success() { "given".to_owned() } else { answer.error() };
        let active = |value: serde_json::Value| if value["active"] == true { "given".to_owned() } else { "inactive".to_owned() };
        match path {
            Path::Silent | Path::Interactive => {
                let (changes, navigation): (&[_], _) = if path == Path::Silent { (&[("prompt", "none")], FRAME) } else { (&[], LINK) };
                let changes = [changes, asking].concat();
                match seat.browser.navigate(&self.party.authorize("openid", &changes), navigation).await {
                    Landing::Left(url) if url.query_pairs().any(|(name, _)| name == "code") => "given".to_owned(),
                    Landing::Left(url) => self.party.error(&url),
                    Landing::Page(page) if page.text().contains("name=\"password\"") => "sign-in page".to_owned(),
                    Landing::Page(page) if page.text().contains("name=\"decision\"") => "consent page".to_owned(),
                    Landing::Page(_) => "error page".to_owned(),
                }
            }
            Path::Code => answer(self.party.try_exchange(&seat.code).await),
            Path::Refresh | Path::OfflineRefresh | Path::OnlineRefresh => answer(self.party.try_refresh(seat.tokens.refresh()).await),
            Path::IntrospectAccess => active(self.server.introspect(&seat.tokens.access).await),
            Path::IntrospectRefresh | Path::IntrospectOnline => {
                let looked = self.party.post("oauth/introspect", &[("token", seat.tokens.refresh())]).await;
                if looked.status.is_success() { active(looked.json()) } else { looked.error() }
            }
            Path::Account => {
                let page = seat.browser.visit(&self.party.endpoint("account")).await.page();
                let shown = page.status.is_success() && page.text().contains("name=\"session\"");
                if page.text().contains("name=\"password\"") {
                    "sign-in page"
                } else if shown {
                    "given"
                } else {
                    "something else"
                }
                .to_owned()
            }
            Path::Userinfo | Path::OfflineUserinfo => {
                let bearer = format!("Bearer {}", seat.tokens.access);
                let answer = self.app.network.send(Method::GET, &self.party.endpoint("userinfo"), &[("authorization", &bearer)], String::new()).await;
                match answer.status.as_u16() {
                    200 => "given".to_owned(),
                    // RFC 6750 §3.1.
                    401 if answer.header("www-authenticate").is_some_and(|header| header.contains("error=\"invalid_token\"")) => "invalid_token".to_owned(),
                    status => status.to_string(),
                }
            }
        }
    }

    async fn limit(&self, selector: Selector, limits: &str) {
        let (name, value) = limits.split_once('=').unwrap();
        let (limit, value) = (name.parse().unwrap(), value.parse().unwrap());
        self.admin.change_lifetime_rule(selector, move |rule| rule.set(limit, Some(value))).await.unwrap();
    }

    async fn groups(&self, names: &'static [&'static str]) {
        let change = move |user: &mut User| {
            user.groups = Groups::of(names.iter().map(|name| GroupName::parse(name).unwrap()));
            Ok(())
        };
        self.admin.update_user(self.app.user("alice").await.id, Box::new(change)).await.unwrap();
    }

    /// What must be so before anybody signs in.
    async fn prepare(&self, reason: Reason) {
        if reason == Reason::LostGroup {
            self.groups(&["night"]).await;
            self.limit(Selector::default(), "session_absolute=PT10S").await;
            self.limit(Selector { group: GroupName::parse("night").ok(), ..Selector::default() }, "session_absolute=P1D").await;
        }
    }

    async fn bring_about(&self, reason: Reason) {
        let (alice, now) = (self.app.user("alice").await, self.app.now());
        let asking = ClientId::parse(ASKING).unwrap();
        match reason {
            Reason::DisabledUser => self.admin.disable_user(alice.id).await.unwrap(),
            Reason::DisabledClient => drop(self.admin.update_client(&asking, Box::new(move |client| client.disabled_at = Some(now))).await.unwrap()),
            Reason::EndedSession => drop(self.admin.end_sessions_of(alice.id).await.unwrap()),
            Reason::ExpiredIdle => self.limit(Selector::default(), "session_idle=PT10S").await,
            Reason::ExpiredAbsolute => self.limit(Selector::default(), "session_absolute=PT10S").await,
            Reason::AcrOfAShorterRule => self.limit(Selector { acr: Some(Acr::Password), ..Selector::default() }, "session_absolute=PT10S").await,
            Reason::LostGroup => self.groups(&["day"]).await,
            Reason::WithdrawnConsent => {
                let withdrawn = move |db: &mut gatekey::store::Connection| {
                    assert!(consents::withdraw(db, alice.id, &asking)?);
                    tree::end(db, &Node::UserClient(alice.id, asking), EndReason::ConsentWithdrawn, now).map(drop)
                };
                self.app.write(withdrawn).await;
            }
            Reason::ChangedPassword => {
                let hash = Secret::new(alice.password_hash.unwrap().expose().clone());
                self.admin.set_password(alice.id, hash).await.unwrap();
            }
            // It comes with the request.
            Reason::InsufficientAcr => {}
            Reason::DeletedUser => assert!(self.app.write(move |db| users::delete(db, alice.id)).await),
        }
    }
}

/// An essential `acr`: one that every sign-in here has, or none.
fn acr_in(met: bool) -> String {
    let value = if met { Acr::Password.as_str() } else { "urn:gatekey:acr:none-has-it" };
    json!({"id_token": {"acr": {"essential": true, "value": value}}}).to_string()
}

async fn matrix(database: Database, reason: Reason) {
    let bench = Bench::new(database).await;
    bench.prepare(reason).await;
    let mut seats = Vec::new();
    for path in PATHS {
        seats.push((path, bench.seat(path).await));
        // The control: the same path, with a seat of its own, works while the reason is not there.
        let mut control = bench.seat(path).await;
        assert_eq!(bench.take(path, &mut control, &[("claims", &acr_in(true))]).await, "given", "{path:?} before {reason:?}");
    }
    bench.app.advance(TimeDelta::seconds(20));
    bench.bring_about(reason).await;
    let mut wrong = Vec::new();
    let more = acr_in(false);
    let asking = if reason == Reason::InsufficientAcr { vec![("claims", more.as_str())] } else { Vec::new() };
    for (path, seat) in &mut seats {
        let (came, expected) = (bench.take(*path, seat, &asking).await, expected(reason, *path));
        if came != expected {
            wrong.push(format!("{path:?}: {came} instead of {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{reason:?}: {wrong:#?}");
    bench.admin.store.close().await;
}

async fn disabled_user(database: Database) {
    matrix(database, Reason::DisabledUser).await;
}

async fn disabled_client(database: Database) {
    matrix(database, Reason::DisabledClient).await;
}

async fn ended_session(database: Database) {
    matrix(database, Reason::EndedSession).await;
}

async fn expired_idle(database: Database) {
    matrix(database, Reason::ExpiredIdle).await;
}

async fn expired_absolute(database: Database) {
    matrix(database, Reason::ExpiredAbsolute).await;
}

async fn withdrawn_consent(database: Database) {
    matrix(database, Reason::WithdrawnConsent).await;
}

async fn changed_password(database: Database) {
    matrix(database, Reason::ChangedPassword).await;
}

async fn lost_group(database: Database) {
    matrix(database, Reason::LostGroup).await;
}

async fn acr_of_a_shorter_rule(database: Database) {
    matrix(database, Reason::AcrOfAShorterRule).await;
}

async fn insufficient_acr(database: Database) {
    matrix(database, Reason::InsufficientAcr).await;
}

async fn deleted_user(database: Database) {
    matrix(database, Reason::DeletedUser).await;
}
