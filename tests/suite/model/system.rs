//! The issuer under the model: two replicas on one database, browsers that keep their cookies, clients that keep every token.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta};
use gatekey::domain::client::Client;
use gatekey::domain::duration::Lifetime;
use gatekey::domain::id::{ClientId, UserId};
use gatekey::domain::refresh_family::RefreshFamily;
use gatekey::domain::scope::Scope;
use gatekey::domain::secret::Secret;
use gatekey::service::admin::{Admin, Installation};
use gatekey::store::refresh_families;
use poem::http::StatusCode;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use tokio::runtime::Runtime;

use super::reference::{
    ACCESS_TOKEN, ACCOUNTS, BROWSERS, Back, Expected, Kind, OVERLAP, REFRESH_ABSOLUTE, REFRESH_IDLE, Redeeming, SECRET, SESSION_ABSOLUTE, SESSION_IDLE, STRICT,
    Step, TYPING, Token, World,
};
use crate::support::app::{App, OTHER_PAGE, OWN_PAGE, PASSWORD, SERVER, password_hash};
use crate::support::browser::{Browser, Landing, form_with};
use crate::support::database::{Backend, Database};
use crate::support::entropy::SeededEntropy;
use crate::support::network::{Answer, parameter};
use crate::support::relying_party::{RelyingParty, tokens};

const CLIENTS: [&str; super::reference::CLIENTS] = [OWN_PAGE, SERVER, OTHER_PAGE];
const USERS: [&str; super::reference::USERS] = ["alice", "bobby", "carol"];

thread_local! {
    static BACKEND: Cell<Backend> = const { Cell::new(Backend::Sqlite) };
}

static COUNTS: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// Which database the systems of this thread are on.
pub fn on(backend: Backend) {
    BACKEND.set(backend);
}

/// How often each answer was seen, in all tests of this process.
pub fn counts() -> String {
    format!("{:?}", COUNTS.lock().unwrap())
}

pub struct System {
    runtime: Runtime,
    replicas: [Option<App>; 2],
    at: usize,
    restarts: u32,
    admin: Admin,
    users: [UserId; super::reference::USERS],
    browsers: Vec<Browser>,
    codes: Vec<String>,
    /// Of each family: every refresh token, by generation, and the newest access token.
    families: Vec<(Vec<String>, String)>,
}

/// The page, if it is one that asks for this.
fn page_with<'a>(landing: &'a Landing, field: &str) -> Option<&'a Answer> {
    match landing {
        Landing::Page(page) if page.status == StatusCode::OK && page.text().contains(&format!("name=\"{field}\"")) => Some(page),
        _ => None,
    }
}

/// What its buttons for accounts say, from first to last.
fn accounts(page: &Answer) -> Vec<String> {
    page.text().split("name=\"account\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// Says yes to the page that asks for consent, if it comes.
async fn allow(browser: &mut Browser, landing: Landing) -> Landing {
    match page_with(&landing, "decision") {
        Some(page) => browser.submit(&form_with(page, "decision"), Some("allow")).await,
        None => landing,
    }
}

impl System {
    fn app(&self) -> &App {
        self.replicas[self.at].as_ref().unwrap()
    }

    fn party(&self, client: usize) -> RelyingParty {
        self.app().relying_party(CLIENTS[client])
    }

    fn browser(&mut self, browser: usize) -> Browser {
        let network = self.app().network.clone();
        self.browsers[browser].through(network)
    }

    /// Through every page that comes, at most once each.
    async fn sign_in(&mut self, browser: usize, user: usize, client: usize, kind: Kind, again: bool) -> Landing {
        let scope = match kind {
            Kind::Rotating => "openid",
            Kind::Offline => "openid offline_access",
            Kind::Online => "openid online_access",
        };
        let url = self.party(client).authorize(scope, &[("prompt", if again { "login" } else { "" })]);
        let mut it = self.browser(browser);
        let mut landing = it.visit(url.as_str()).await;
        if let Some(page) = page_with(&landing, "password") {
            self.app().advance(TimeDelta::seconds(TYPING));
            landing = it.submit(&form_with(page, "password").fill("username", USERS[user]).fill("password", PASSWORD), None).await;
        }
        landing = allow(&mut it, landing).await;
        self.browsers[browser] = it;
        landing
    }

    async fn choose(&mut self, browser: usize, client: usize, account: Back) -> Landing {
        let url = self.party(client).authorize("openid", &[("prompt", "select_account")]);
        let mut it = self.browser(browser);
        let mut landing = it.visit(url.as_str()).await;
        if let Some(page) = page_with(&landing, "account") {
            // The last button is for another account.
            let shown = accounts(page);
            landing = it.submit(&form_with(page, "account"), Some(&shown[account.of(shown.len() - 1)])).await;
        }
        landing = allow(&mut it, landing).await;
        self.browsers[browser] = it;
        landing
    }

    async fn logout(&mut self, browser: usize, account: Option<Back>) {
        let mut it = self.browser(browser);
        let page = it.visit(&self.party(0).endpoint("oidc/logout")).await.page();
        if page.text().contains("name=\"decision\"") {
            let shown = accounts(&page);
            let one = account.filter(|_| !shown.is_empty()).map(|account| shown[account.of(shown.len())].clone());
            it.submit(&form_with(&page, "decision"), Some(one.as_deref().unwrap_or("allow"))).await.page();
        }
        self.browsers[browser] = it;
    }

    async fn restart(&mut self) {
        let app = self.replicas[self.at].take().unwrap();
        let (settings, clock) = (app.settings.clone(), app.clock.clone());
        let database = app.stop().await;
        self.restarts += 1;
        self.replicas[self.at] = Some(App::on(database, settings, clock, &format!("restart {}", self.restarts)).await);
    }

    /// The text of a token. Whatever the step does, the client holds by now the tokens of the steps before.
    fn token(&self, family: usize, token: Token) -> String {
        let held = &self.families[family].0;
        let text = held[token.generation(held.len()) - 1].clone();
        if token != Token::Forged {
            return text;
        }
        let (head, tail) = text.split_at(text.len() - 5);
        format!("{head}{}{}", if tail.starts_with('A') { 'B' } else { 'A' }, &tail[1..])
    }

    async fn set_client(&self, client: usize, disabled: bool) {
        let now = self.app().now();
        let change = Box::new(move |client: &mut Client| client.disabled_at = disabled.then_some(now));
        self.admin.update_client(&ClientId::parse(CLIENTS[client]).unwrap(), change).await.unwrap();
    }

    fn told(&mut self, family: usize, generation: usize, answer: &Answer) {
        let given = tokens(answer);
        if family == self.families.len() {
            self.families.push((vec![], String::new()));
        }
        let (refresh_tokens, access_token) = &mut self.families[family];
        match refresh_tokens.get(generation - 1) {
            // P2: a retry gets the same successor, byte for byte.
            Some(before) => assert_eq!(given.refresh(), before),
            None => {
                assert_eq!(refresh_tokens.len(), generation - 1);
                assert!(!refresh_tokens.contains(&given.refresh().to_owned()));
                refresh_tokens.push(given.refresh().to_owned());
            }
        }
        *access_token = given.access;
    }

    async fn step(&mut self, world: &World, step: Step) {
        let expected = world.expected;
        match step {
            Step::SignIn { browser, user, client, kind, again } => {
                let landing = self.sign_in(browser, user, client, kind, again).await;
                self.landed(landing, client, expected);
            }
            Step::Open { browser, user, client } => match (self.sign_in(browser, user, client, Kind::Rotating, true).await, expected) {
                (Landing::Left(url), Expected::Tokens { .. }) => {
                    let party = self.party(client);
                    let code = party.code(&url);
                    let answer = party.try_exchange(&code).await;
                    self.codes.push(code);
                    self.answered(&answer, expected);
                }
                (landing, expected) => self.landed(landing, client, expected),
            },
            Step::Silently { browser, client, hint } => {
                let (party, mut it) = (self.party(client), self.browser(browser));
                let changes = [("prompt", "none"), ("login_hint", hint.map_or("", |user| USERS[user]))];
                let landing = it.navigate(&party.authorize("openid", &changes), crate::support::browser::FRAME).await;
                self.browsers[browser] = it;
                self.landed(landing, client, expected);
            }
            Step::Choose { browser, client, account } => {
                let landing = self.choose(browser, client, account).await;
                self.landed(landing, client, expected);
            }
            Step::Redeem { code, how } => {
                let code = code.of(self.codes.len());
                let own = world.codes[code].client;
                let mut party = self.party(if how == Redeeming::ByAnother { (own + 1) % CLIENTS.len() } else { own });
                if how == Redeeming::WithoutProof {
                    party.verifier = "another-verifier-of-forty-three-letters-or-more".to_owned();
                }
                let answer = party.try_exchange(&self.codes[code]).await;
                self.answered(&answer, expected);
            }
            Step::Refresh { family, token, stranger } => {
                let family = family.of(self.families.len());
                let own = world.families[family].client;
                let party = self.party(if stranger { (own + 1) % CLIENTS.len() } else { own });
                let answer = party.try_refresh(&self.token(family, token)).await;
                self.answered(&answer, expected);
            }
            Step::Revoke { family, token, stranger } => {
                let family = family.of(self.families.len());
                let own = world.families[family].client;
                let party = self.party(if stranger { (own + 1) % CLIENTS.len() } else { own });
                let answer = party.revoke(&self.token(family, token)).await;
                self.answered(&answer, expected);
            }
            Step::Use { family } => {
                let family = family.of(self.families.len());
                let answer = self.party(world.families[family].client).userinfo(&self.families[family].1).await;
                let expected = if expected == Expected::Ok { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
                assert_eq!(answer.status, expected, "{}", answer.text());
            }
            Step::Logout { browser, account } => self.logout(browser, account).await,
            Step::ChangePassword { user } => self.admin.set_password(self.users[user], Secret::new(password_hash().to_owned())).await.unwrap(),
            Step::DisableUser { user } => self.admin.disable_user(self.users[user]).await.unwrap(),
            Step::EnableUser { user } => self.admin.enable_user(self.users[user]).await.unwrap(),
            Step::DisableClient { client } => self.set_client(client, true).await,
            Step::EnableClient { client } => self.set_client(client, false).await,
            Step::Advance { seconds } => self.app().advance(TimeDelta::seconds(seconds)),
            Step::OtherReplica => self.at = 1 - self.at,
            Step::Restart => self.restart().await,
        }
    }

    fn landed(&mut self, landing: Landing, client: usize, expected: Expected) {
        let party = self.party(client);
        match (landing, expected) {
            (Landing::Left(url), Expected::Code) => self.codes.push(party.code(&url)),
            (Landing::Left(url), Expected::Redirected(error)) => assert_eq!(party.error(&url), error),
            (Landing::Page(page), Expected::Refused) => {
                assert!(page.text().contains("name=\"password\""), "{} {}", page.status, page.url.path());
            }
            (Landing::Page(page), Expected::ErrorPage) => assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.url.path()),
            (Landing::Left(url), expected) => panic!("{expected:?} was expected, not a redirect with {:?}", parameter(&url, "error")),
            (Landing::Page(page), expected) => panic!("{expected:?} was expected, not a page: {} {}", page.status, page.url.path()),
        }
    }

    fn answered(&mut self, answer: &Answer, expected: Expected) {
        match expected {
            Expected::Tokens { family, generation } => self.told(family, generation, answer),
            Expected::Denied(error) => assert_eq!(answer.error(), error, "{}", answer.text()),
            Expected::Ok => assert_eq!(answer.status, StatusCode::OK, "{}", answer.text()),
            other => panic!("no answer for {other:?}: {} {}", answer.status, answer.text()),
        }
    }

    /// P4: what is stored of every family is what the model says: one generation, and its end.
    async fn compare(&self, world: &World) {
        let users = self.users;
        let stored: Vec<RefreshFamily> = self
            .app()
            .store
            .scan(move |db| {
                let mut all = vec![];
                for user in users {
                    all.extend(refresh_families::list_by_user(db, user, None, 1_000)?);
                }
                Ok(all)
            })
            .await
            .unwrap();
        let mut stored: Vec<_> = stored.into_iter().map(|family| (family.user_id, family.created_at, family.generation, family.ended.is_some())).collect();
        // Ids are not in the model.
        let at = |seconds| DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
        let modelled = world.families.iter().map(|family| (self.users[family.user], at(family.began), u64::try_from(family.generation).unwrap(), family.ended));
        let mut modelled: Vec<_> = modelled.collect();
        stored.sort();
        modelled.sort();
        assert_eq!(stored, modelled);
    }
}

impl StateMachineTest for System {
    type SystemUnderTest = Self;
    type Reference = World;

    fn init_test(_: &World) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (replicas, admin, users, browsers) = runtime.block_on(async {
            let app = App::start_with(Database::create(BACKEND.get()), |settings| {
                let limits = &mut settings.lifetimes;
                (limits.session_absolute, limits.session_idle) = (Lifetime::seconds(SESSION_ABSOLUTE), Lifetime::seconds(SESSION_IDLE));
                (limits.refresh_absolute, limits.refresh_idle) = (Lifetime::seconds(REFRESH_ABSOLUTE), Lifetime::seconds(REFRESH_IDLE));
                limits.access_token = Lifetime::seconds(ACCESS_TOKEN);
                settings.sessions.accounts_per_browser = ACCOUNTS;
                let mut third = settings.users[0].clone();
                (third.username, third.profile.email) = (USERS[2].to_owned(), None);
                settings.users.push(third);
                // Time moves in leaps here; throttling has tests of its own.
                settings.throttle.enabled = false;
                settings.clients.iter_mut().find(|client| client.id.as_str() == CLIENTS[SECRET]).unwrap().metadata.scope =
                    Scope::parse("openid offline_access online_access").unwrap();
                for client in &mut settings.clients {
                    let overlap = if client.id.as_str() == CLIENTS[STRICT] { 0 } else { OVERLAP };
                    client.metadata.refresh_overlap = Lifetime::seconds(overlap);
                }
            })
            .await;
            let second = app.replica("second").await;
            let admin = Installation::open_existing(&app.settings).await.unwrap().admin(app.clock.clone(), Arc::new(SeededEntropy::new("admin")));
            let users = [app.user(USERS[0]).await.id, app.user(USERS[1]).await.id, app.user(USERS[2]).await.id];
            let browsers = (0..BROWSERS).map(|_| app.browser()).collect();
            ([Some(app), Some(second)], admin, users, browsers)
        });
        Self { runtime, replicas, at: 0, restarts: 0, admin, users, browsers, codes: vec![], families: vec![] }
    }

    fn apply(mut system: Self, world: &World, step: <World as ReferenceStateMachine>::Transition) -> Self {
        let name = format!("{step:?}").split([' ', '{']).next().unwrap_or_default().to_owned();
        let outcome = match world.expected {
            Expected::Tokens { .. } => "tokens".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        };
        *COUNTS.lock().unwrap().entry(format!("{name} {outcome}")).or_default() += 1;
        let runtime = std::mem::replace(&mut system.runtime, tokio::runtime::Builder::new_current_thread().build().unwrap());
        runtime.block_on(async {
            system.step(world, step).await;
            system.compare(world).await;
        });
        system.runtime = runtime;
        system
    }
}
