//! The model: what the design says of sessions, codes and refresh families, small enough to be read.
//!
//! It is written from docs/sessions.md and docs/refresh-tokens.md, with another shape than the issuer's code: facts in lists, time in
//! whole seconds.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

pub const USERS: usize = 3;
pub const CLIENTS: usize = 3;
/// The one that has a secret.
pub const SECRET: usize = 1;
/// Needs consent, and its refresh tokens have no second try.
pub const STRICT: usize = 2;
pub const BROWSERS: usize = 2;
/// How many a browser may be signed in with: one fewer than there are users.
pub const ACCOUNTS: usize = 2;

pub const CODE: i64 = 60;
pub const ACCESS_TOKEN: i64 = 600;
pub const OVERLAP: i64 = 30;
pub const SESSION_IDLE: i64 = 2 * 3600;
pub const SESSION_ABSOLUTE: i64 = 8 * 3600;
pub const REFRESH_IDLE: i64 = 3 * 3600;
pub const REFRESH_ABSOLUTE: i64 = 12 * 3600;
pub const TYPING: i64 = 1;
/// A use is written down at most so often.
const TOUCH: i64 = 60;

/// One of many: so many before the newest.
#[derive(Debug, Clone, Copy)]
pub struct Back(usize);

impl Back {
    pub fn of(self, count: usize) -> usize {
        count - 1 - self.0 % count
    }
}

/// One thing that somebody does.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Through the pages, as long as it takes; `again` asks for the password in any case (`prompt=login`).
    SignIn {
        browser: usize,
        user: usize,
        client: usize,
        kind: Kind,
        again: bool,
    },
    /// By a password, and the code is redeemed at once: from then on the application has this account.
    Open {
        browser: usize,
        user: usize,
        client: usize,
    },
    /// `prompt=none`, and who is hinted at.
    Silently {
        browser: usize,
        client: usize,
        hint: Option<usize>,
    },
    /// `prompt=select_account`, and this one of those that the page shows.
    Choose {
        browser: usize,
        client: usize,
        account: Back,
    },
    Redeem {
        code: Back,
        how: Redeeming,
    },
    Refresh {
        family: Back,
        token: Token,
        stranger: bool,
    },
    /// The newest access token at userinfo.
    Use {
        family: Back,
    },
    Revoke {
        family: Back,
        token: Token,
        stranger: bool,
    },
    /// Of this one of its accounts, or of all.
    Logout {
        browser: usize,
        account: Option<Back>,
    },
    ChangePassword {
        user: usize,
    },
    DisableUser {
        user: usize,
    },
    EnableUser {
        user: usize,
    },
    DisableClient {
        client: usize,
    },
    EnableClient {
        client: usize,
    },
    Advance {
        seconds: i64,
    },
    /// Everything from now on goes to the other replica.
    OtherReplica,
    /// The replica that is asked now stops and starts.
    Restart,
}

/// What its refresh token is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It rotates, and hangs on the session.
    Rotating,
    /// It rotates, and outlives the session.
    Offline,
    /// It stays the same, and stands for the session: of a client with a secret only; another one's rotates.
    Online,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redeeming {
    Rightly,
    /// Without the PKCE verifier of the request.
    WithoutProof,
    /// By the next client.
    ByAnother,
}

/// Which refresh token of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    Newest,
    Predecessor,
    /// So many before the newest, two at least.
    Ancestor(usize),
    /// One letter of the newest is another.
    Forged,
}

impl Token {
    /// Its generation, where `newest` is the newest; the first, where there are not so many yet.
    pub fn generation(self, newest: usize) -> usize {
        let behind = match self {
            Self::Newest | Self::Forged => 0,
            Self::Predecessor => 1,
            Self::Ancestor(behind) => behind,
        };
        newest.saturating_sub(behind).max(1)
    }
}

/// What must come of the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Nothing,
    /// A code; the last of the list.
    Code,
    /// The sign-in page: after a password that was right, or because who was chosen has to type one.
    Refused,
    /// An error page: no redirect to that client.
    ErrorPage,
    /// An error of this name at the client's redirect URI.
    Redirected(&'static str),
    /// Tokens: of this family, with the refresh token of this generation, new or as given before.
    Tokens {
        family: usize,
        generation: usize,
    },
    /// An error of this name from the token endpoint.
    Denied(&'static str),
    /// 200, without more.
    Ok,
    Unauthorized,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By itself, or by signing out: what is offline goes on.
    Natural,
    Forced,
}

#[derive(Debug, Clone, Default)]
pub struct User {
    pub disabled: bool,
    password_changed: i64,
}

#[derive(Debug, Clone)]
struct Session {
    user: usize,
    began: i64,
    authenticated: i64,
    used: i64,
    ended: Option<End>,
}

/// An application within a session.
#[derive(Debug, Clone)]
struct Seen {
    used: i64,
    /// The application's part has been ended by itself; with the session it ends besides.
    left: bool,
}

#[derive(Debug, Clone)]
pub struct Code {
    pub client: usize,
    kind: Kind,
    session: usize,
    authenticated: i64,
    issued: i64,
    spent: Option<Option<usize>>,
}

#[derive(Debug, Clone)]
pub struct Family {
    pub client: usize,
    pub user: usize,
    pub generation: usize,
    pub ended: bool,
    kind: Kind,
    session: usize,
    authenticated: i64,
    pub began: i64,
    rotated: i64,
    used: i64,
    access_token_ends: i64,
}

#[derive(Debug, Clone)]
pub struct World {
    now: i64,
    pub users: [User; USERS],
    disabled_clients: [bool; CLIENTS],
    /// When they were last disabled, or enabled again.
    stopped: [Option<i64>; CLIENTS],
    consents: [bool; USERS],
    /// The sessions of each browser's cookies, the last chosen first; what has ended may be among them.
    browsers: [Vec<usize>; BROWSERS],
    sessions: Vec<Session>,
    seen: BTreeMap<(usize, usize), Seen>,
    pub codes: Vec<Code>,
    pub families: Vec<Family>,
    pub expected: Expected,
}

/// Why a grant cannot be used: it may have to be written down.
enum Dead {
    Expired,
    Otherwise,
}

impl World {
    fn new() -> Self {
        Self {
            now: 0,
            users: Default::default(),
            disabled_clients: [false; CLIENTS],
            stopped: [None; CLIENTS],
            consents: [false; USERS],
            browsers: Default::default(),
            sessions: vec![],
            seen: BTreeMap::new(),
            codes: vec![],
            families: vec![],
            expected: Expected::Nothing,
        }
    }

    fn expired(&self, session: &Session) -> bool {
        self.now >= session.began + SESSION_ABSOLUTE || self.now >= session.used + SESSION_IDLE
    }

    fn usable(&self, session: &Session) -> bool {
        let user = &self.users[session.user];
        session.ended.is_none() && !user.disabled && session.authenticated >= user.password_changed && !self.expired(session)
    }

    fn end_session(&mut self, session: usize, how: End) {
        if self.sessions[session].ended.is_none() {
            self.sessions[session].ended = Some(how);
        }
        for family in self.families.iter_mut().filter(|family| family.session == session) {
            family.ended |= how == End::Forced || family.kind != Kind::Offline;
        }
    }

    fn end_user(&mut self, user: usize) {
        for session in 0..self.sessions.len() {
            if self.sessions[session].user == user {
                self.end_session(session, End::Forced);
            }
        }
    }

    /// Remembers a use, of the session and of the application in it; if it is due for one of them, or for what else was used.
    fn touch(&mut self, session: usize, client: usize, due: bool) {
        let now = self.now;
        let seen = self.seen.get_mut(&(session, client)).filter(|seen| !seen.left);
        if due || now - self.sessions[session].used >= TOUCH || seen.as_ref().is_some_and(|seen| now - seen.used >= TOUCH) {
            self.sessions[session].used = now;
            if let Some(seen) = seen {
                seen.used = now;
            }
        }
    }

    fn issue(&mut self, session: usize, client: usize, kind: Kind) -> Expected {
        self.touch(session, client, false);
        let kind = if kind == Kind::Online && client != SECRET { Kind::Rotating } else { kind };
        let authenticated = self.sessions[session].authenticated;
        self.codes.push(Code { client, kind, session, authenticated, issued: self.now, spent: None });
        Expected::Code
    }

    /// The application has a part of this session, though it may be over.
    fn is_known(&self, session: usize, client: usize) -> bool {
        self.seen.get(&(session, client)).is_some_and(|seen| !seen.left)
    }

    fn allows(&self, session: usize, client: usize) -> bool {
        client != STRICT || self.consents[self.sessions[session].user]
    }

    fn can_answer(&self, session: usize) -> bool {
        self.usable(&self.sessions[session])
    }

    /// The first of a browser's accounts of which this holds.
    fn account(&self, browser: usize, holds: impl Fn(usize) -> bool) -> Option<usize> {
        self.browsers[browser].iter().copied().find(|session| holds(*session))
    }

    /// Whom a page is for, where nobody is named: whom the application has, the last chosen first; who can answer before who has to type.
    fn openly(&self, browser: usize, client: usize) -> Option<usize> {
        let known = |session| self.is_known(session, client);
        let can = |session| self.can_answer(session);
        let of = |holds: &dyn Fn(usize) -> bool| self.account(browser, holds);
        of(&|it| can(it) && known(it)).or_else(|| of(&known)).or_else(|| of(&can)).or_else(|| of(&|_| true))
    }

    fn sign_in(&mut self, browser: usize, user: usize, client: usize, kind: Kind, again: bool) -> Expected {
        if self.disabled_clients[client] {
            return Expected::ErrorPage;
        }
        let asked = self.openly(browser, client);
        let session = match asked.filter(|session| self.can_answer(*session)) {
            Some(session) if !again => session,
            _ => match self.authenticate(browser, asked, user, client) {
                Some(session) => session,
                None => return Expected::Refused,
            },
        };
        self.allow(session, client);
        self.issue(session, client, kind)
    }

    /// On the page that asks for it, if it does.
    fn allow(&mut self, session: usize, client: usize) {
        if client == STRICT {
            self.consents[self.sessions[session].user] = true;
        }
    }

    /// The page that asks somebody for a password ends a session that is past its limits.
    fn ask(&mut self, asked: usize) {
        if !self.can_answer(asked) {
            self.end_session(asked, End::Natural);
        }
    }

    /// A password is typed, which takes a second.
    fn authenticate(&mut self, browser: usize, asked: Option<usize>, user: usize, client: usize) -> Option<usize> {
        if let Some(asked) = asked {
            self.ask(asked);
        }
        self.now += TYPING;
        if self.users[user].disabled {
            return None;
        }
        let fresh = Session { user, began: self.now, authenticated: self.now, used: self.now, ended: None };
        let live = self.browsers[browser].iter().copied().filter(|session| self.sessions[*session].ended.is_none());
        let (own, mut beside): (Vec<usize>, Vec<usize>) = live.partition(|session| self.sessions[*session].user == user);
        let mut over = beside.split_off(beside.len().min(ACCOUNTS - 1));
        let same = own.iter().copied().find(|session| self.can_answer(*session));
        over.extend(own.iter().filter(|session| Some(**session) != same));
        let signed_in = match same {
            // The same person again: the same session, with all that hangs on it.
            Some(same) => {
                self.sessions[same] = fresh;
                if let Some(seen) = self.seen.get_mut(&(same, client)).filter(|seen| !seen.left) {
                    seen.used = self.now;
                }
                same
            }
            None => {
                self.sessions.push(fresh);
                self.sessions.len() - 1
            }
        };
        for over in over {
            self.end_session(over, End::Natural);
        }
        beside.insert(0, signed_in);
        self.browsers[browser] = beside;
        Some(signed_in)
    }

    fn silently(&mut self, browser: usize, client: usize, hint: Option<usize>) -> Expected {
        if self.disabled_clients[client] {
            return Expected::ErrorPage;
        }
        let of = |holds: &dyn Fn(usize) -> bool| self.account(browser, holds);
        let there = |session| self.can_answer(session) && self.allows(session, client);
        let hinted = |session: usize| Some(self.sessions[session].user) == hint;
        let has = |session| self.is_known(session, client) && self.allows(session, client);
        let alone = self.browsers[browser].len() < 2;
        let session = if alone {
            of(&|_| true)
        } else if let Some(hinted) = of(&|it| there(it) && hinted(it)).or_else(|| of(&|it| hinted(it) && self.allows(it, client))) {
            Some(hinted)
        } else if self.browsers[browser].iter().filter(|session| has(**session)).count() > 1 && of(&|it| has(it) && there(it)).is_some() {
            return Expected::Redirected("account_selection_required");
        } else {
            let known = of(&|it| has(it) && there(it)).or_else(|| of(&has));
            known.or_else(|| of(&there)).or_else(|| of(&|it| self.can_answer(it))).or_else(|| of(&|_| true))
        };
        let Some(session) = session.filter(|session| self.can_answer(*session)) else {
            return Expected::Redirected("login_required");
        };
        if !self.allows(session, client) {
            return Expected::Redirected("consent_required");
        }
        self.issue(session, client, Kind::Rotating)
    }

    /// Those of a browser that nobody has ended.
    fn live(&self, browser: usize) -> Vec<usize> {
        self.browsers[browser].iter().copied().filter(|session| self.sessions[*session].ended.is_none()).collect()
    }

    fn choose(&mut self, browser: usize, client: usize, account: Back) -> Expected {
        if self.disabled_clients[client] {
            return Expected::ErrorPage;
        }
        let shown = self.live(browser);
        let asked = self.openly(browser, client);
        let others = shown.iter().any(|other| Some(*other) != asked);
        let Some(asked) = asked else { return Expected::Refused };
        if !others && !self.can_answer(asked) {
            self.ask(asked);
            return Expected::Refused;
        }
        let chosen = shown[account.of(shown.len())];
        // It is the first from now on; what was not on the page is none of this browser's any more.
        self.browsers[browser] = std::iter::once(chosen).chain(shown.into_iter().filter(|other| *other != chosen)).collect();
        if !self.can_answer(chosen) {
            self.ask(chosen);
            return Expected::Refused;
        }
        self.allow(chosen, client);
        self.issue(chosen, client, Kind::Rotating)
    }

    fn logout(&mut self, browser: usize, account: Option<Back>) {
        let live = self.live(browser);
        // Of one alone there is nothing to choose.
        let one = account.filter(|_| live.len() > 1).map(|account| live[account.of(live.len())]);
        self.browsers[browser] = live.iter().copied().filter(|session| one.is_some_and(|one| one != *session)).collect();
        for session in live.into_iter().filter(|session| one.is_none_or(|one| one == *session)) {
            self.end_session(session, End::Natural);
        }
    }

    fn redeem(&mut self, code: usize, how: Redeeming) -> Expected {
        let Code { client, kind, session, authenticated, issued, spent } = self.codes[code].clone();
        let caller = if how == Redeeming::ByAnother { (client + 1) % CLIENTS } else { client };
        if self.disabled_clients[caller] {
            return Expected::Denied("invalid_client");
        }
        if self.now >= issued + CODE {
            return Expected::Denied("invalid_grant");
        }
        if how != Redeeming::Rightly {
            // Whoever has it is not who it was for: nobody will redeem it.
            self.codes[code].spent.get_or_insert(None);
            return Expected::Denied("invalid_grant");
        }
        // Of the very instant as well: enabled again, the client asks for another.
        if self.stopped[client].is_some_and(|stopped| issued <= stopped) {
            return Expected::Denied("invalid_grant");
        }
        if !self.usable(&self.sessions[session]) {
            return Expected::Denied("invalid_grant");
        }
        if let Some(given) = spent {
            if let Some(family) = given {
                self.families[family].ended = true;
            }
            return Expected::Denied("invalid_grant");
        }
        let now = self.now;
        self.seen.entry((session, client)).and_modify(|seen| *seen = Seen { used: now, left: false }).or_insert(Seen { used: now, left: false });
        self.families.push(Family {
            client,
            user: self.sessions[session].user,
            generation: 1,
            ended: false,
            kind,
            session,
            authenticated,
            began: now,
            rotated: now,
            used: now,
            access_token_ends: 0,
        });
        let family = self.families.len() - 1;
        self.codes[code].spent = Some(Some(family));
        self.tokens(family)
    }

    fn tokens(&mut self, family: usize) -> Expected {
        let now = self.now;
        let Family { kind, session, generation, .. } = self.families[family];
        // A token does not outlive the session it hangs on.
        let end = if kind == Kind::Offline { i64::MAX } else { self.sessions[session].began + SESSION_ABSOLUTE };
        self.families[family].access_token_ends = (now + ACCESS_TOKEN).min(end);
        Expected::Tokens { family, generation }
    }

    fn grant_lives(&self, family: &Family) -> Result<(), Dead> {
        let (session, user) = (&self.sessions[family.session], &self.users[family.user]);
        if family.ended || user.disabled || family.authenticated < user.password_changed {
            return Err(Dead::Otherwise);
        }
        if self.now >= family.began + REFRESH_ABSOLUTE || self.now >= family.used + REFRESH_IDLE {
            return Err(Dead::Expired);
        }
        if family.kind == Kind::Offline {
            return if session.ended == Some(End::Forced) { Err(Dead::Otherwise) } else { Ok(()) };
        }
        if session.ended.is_some() || session.authenticated < user.password_changed {
            return Err(Dead::Otherwise);
        }
        if self.expired(session) { Err(Dead::Expired) } else { Ok(()) }
    }

    fn refresh(&mut self, family: usize, token: Token, stranger: bool) -> Expected {
        let own = self.families[family].client;
        let caller = if stranger { (own + 1) % CLIENTS } else { own };
        if self.disabled_clients[caller] {
            return Expected::Denied("invalid_client");
        }
        let denied = Expected::Denied("invalid_grant");
        if token == Token::Forged || stranger {
            return denied;
        }
        match self.grant_lives(&self.families[family]) {
            Ok(()) => {}
            Err(Dead::Expired) => {
                self.families[family].ended = true;
                return denied;
            }
            Err(Dead::Otherwise) => return denied,
        }
        let (now, overlap) = (self.now, if own == STRICT { 0 } else { OVERLAP });
        let presented = token.generation(self.families[family].generation);
        let it = &mut self.families[family];
        let mut due = false;
        if it.kind == Kind::Online {
            due = now - it.used >= TOUCH;
            it.used = if due { now } else { it.used };
        } else if presented == it.generation {
            (it.generation, it.rotated, it.used) = (presented + 1, now, now);
        } else if presented + 1 < it.generation || now - it.rotated >= overlap {
            it.ended = true;
            return denied;
        }
        if self.families[family].kind != Kind::Offline {
            self.touch(self.families[family].session, own, due);
        }
        self.tokens(family)
    }

    fn revoke(&mut self, family: usize, token: Token, stranger: bool) -> Expected {
        let own = self.families[family].client;
        if self.disabled_clients[if stranger { (own + 1) % CLIENTS } else { own }] {
            return Expected::Denied("invalid_client");
        }
        if token != Token::Forged && !stranger {
            // A dead token signs nobody out.
            if self.families[family].kind == Kind::Online && self.grant_lives(&self.families[family]).is_ok() {
                self.end_session(self.families[family].session, End::Natural);
            }
            self.families[family].ended = true;
        }
        Expected::Ok
    }

    fn use_access_token(&self, family: usize) -> Expected {
        let family = &self.families[family];
        let lives = !self.disabled_clients[family.client] && self.now < family.access_token_ends && self.grant_lives(family).is_ok();
        if lives { Expected::Ok } else { Expected::Unauthorized }
    }

    fn step(&mut self, step: &Step) -> Expected {
        match *step {
            Step::SignIn { browser, user, client, kind, again } => return self.sign_in(browser, user, client, kind, again),
            Step::Open { browser, user, client } => {
                let landed = self.sign_in(browser, user, client, Kind::Rotating, true);
                return if landed == Expected::Code { self.redeem(self.codes.len() - 1, Redeeming::Rightly) } else { landed };
            }
            Step::Silently { browser, client, hint } => return self.silently(browser, client, hint),
            Step::Choose { browser, client, account } => return self.choose(browser, client, account),
            Step::Redeem { code, how } => return self.redeem(code.of(self.codes.len()), how),
            Step::Refresh { family, token, stranger } => return self.refresh(family.of(self.families.len()), token, stranger),
            Step::Use { family } => return self.use_access_token(family.of(self.families.len())),
            Step::Revoke { family, token, stranger } => return self.revoke(family.of(self.families.len()), token, stranger),
            Step::Logout { browser, account } => self.logout(browser, account),
            Step::ChangePassword { user } => {
                self.users[user].password_changed = self.now;
                self.end_user(user);
                self.families.iter_mut().filter(|family| family.user == user).for_each(|family| family.ended = true);
            }
            Step::DisableUser { user } => {
                self.users[user].disabled = true;
                self.end_user(user);
                self.families.iter_mut().filter(|family| family.user == user).for_each(|family| family.ended = true);
            }
            Step::EnableUser { user } => self.users[user].disabled = false,
            Step::DisableClient { client } => {
                // Ended, not only refused while it lasts; disabling it twice does nothing more.
                if !std::mem::replace(&mut self.disabled_clients[client], true) {
                    self.stopped[client] = Some(self.now);
                    let lives = |session: usize| self.sessions[session].ended.is_none();
                    self.seen.iter_mut().filter(|((session, of), _)| *of == client && lives(*session)).for_each(|(_, seen)| seen.left = true);
                    self.families.iter_mut().filter(|family| family.client == client).for_each(|family| family.ended = true);
                }
            }
            Step::EnableClient { client } => {
                // Until then nothing it was given counts, of that very instant included.
                if std::mem::replace(&mut self.disabled_clients[client], false) {
                    self.stopped[client] = Some(self.now);
                }
            }
            Step::Advance { seconds } => self.now += seconds,
            Step::OtherReplica | Step::Restart => {}
        }
        Expected::Nothing
    }
}

impl ReferenceStateMachine for World {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::new()).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Step> {
        // One more often: there several accounts come together.
        let browser = || prop_oneof![4 => Just(0), 1 => 1..BROWSERS];
        let back = || prop_oneof![3 => Just(0_usize), 1 => 0..20_usize].prop_map(Back);
        let stranger = || prop::bool::weighted(0.1);
        let token =
            || prop_oneof![6 => Just(Token::Newest), 3 => Just(Token::Predecessor), 2 => (2..4_usize).prop_map(Token::Ancestor), 1 => Just(Token::Forged)];
        // The edges of every limit, and what is between them; the short ones more often, or little would live.
        let short = prop::sample::select(vec![1, OVERLAP - 1, OVERLAP, CODE - 1, CODE, TOUCH]);
        let long = vec![ACCESS_TOKEN - 1, ACCESS_TOKEN, 3600, SESSION_IDLE - 1, SESSION_IDLE, REFRESH_IDLE - 1, REFRESH_IDLE, SESSION_ABSOLUTE - SESSION_IDLE];
        let seconds = prop_oneof![3 => short, 1 => prop::sample::select(long)];
        let kind = prop::sample::select(vec![Kind::Rotating, Kind::Offline, Kind::Online]);
        let how = prop_oneof![6 => Just(Redeeming::Rightly), 1 => Just(Redeeming::WithoutProof), 1 => Just(Redeeming::ByAnother)];
        prop_oneof![
            6 => (browser(), 0..USERS, 0..CLIENTS, kind, prop::bool::weighted(0.3))
                .prop_map(|(browser, user, client, kind, again)| Step::SignIn { browser, user, client, kind, again }),
            4 => (browser(), 0..USERS, 0..CLIENTS).prop_map(|(browser, user, client)| Step::Open { browser, user, client }),
            6 => (browser(), 0..CLIENTS, prop::option::weighted(0.3, 0..USERS)).prop_map(|(browser, client, hint)| Step::Silently { browser, client, hint }),
            2 => (browser(), 0..CLIENTS, back()).prop_map(|(browser, client, account)| Step::Choose { browser, client, account }),
            10 => (back(), how).prop_map(|(code, how)| Step::Redeem { code, how }),
            16 => (back(), token(), stranger()).prop_map(|(family, token, stranger)| Step::Refresh { family, token, stranger }),
            4 => back().prop_map(|family| Step::Use { family }),
            1 => (back(), token(), stranger()).prop_map(|(family, token, stranger)| Step::Revoke { family, token, stranger }),
            1 => (browser(), prop::option::of(back())).prop_map(|(browser, account)| Step::Logout { browser, account }),
            1 => (0..USERS).prop_map(|user| Step::ChangePassword { user }),
            1 => (0..USERS).prop_map(|user| Step::DisableUser { user }),
            3 => (0..USERS).prop_map(|user| Step::EnableUser { user }),
            1 => (0..CLIENTS).prop_map(|client| Step::DisableClient { client }),
            4 => (0..CLIENTS).prop_map(|client| Step::EnableClient { client }),
            6 => seconds.prop_map(|seconds| Step::Advance { seconds }),
            3 => Just(Step::OtherReplica),
            1 => Just(Step::Restart),
        ]
        .boxed()
    }

    fn preconditions(world: &Self, step: &Step) -> bool {
        match step {
            Step::Redeem { .. } => !world.codes.is_empty(),
            Step::Refresh { .. } | Step::Use { .. } | Step::Revoke { .. } => !world.families.is_empty(),
            _ => true,
        }
    }

    fn apply(mut world: Self, step: &Step) -> Self {
        world.expected = world.step(step);
        world
    }
}
