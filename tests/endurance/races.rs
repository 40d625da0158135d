//! Every one-time object, contested by 64 callers spread over two processes on one database. P3, P4.
//!
//! | object | what must come of it |
//! | --- | --- |
//! | refresh generation | every caller gets the same successor, the database takes one step, nobody is out; in the end an ancestor ends the family (RFC 9700 §4.14.2) |
//! | authorization code | one 200, else `invalid_grant`; what the one got has ended, because the others came after (RFC 6749 §4.1.2) |
//! | revocation | once it is answered, nothing of the family works, whoever was in the middle of a refresh (RFC 7009 §2.1) |
//! | session | once the logout is answered, no refresh and no code of it lives, whoever was redeeming one |
//! | first-admin link | one account |
//! | first start on an empty database | one set of keys, whoever of four made them |

use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use crate::callers::{Callers, Request};
use crate::families;
use crate::installation::{Installation, Kind, PASSWORD};
use crate::outside::{Answer, Browser, Http, Tokens, form, redeem, refresh, silent};
use crate::postgres::Postgres;

const CALLERS: usize = 64;
const PROCESSES: usize = 2;
/// Families whose generations are contested in turn.
const FAMILIES: usize = 32;

pub fn run(place: &Path, kind: Kind, server: &Postgres, objects: u32) -> Result<String, String> {
    // Most are of the two kinds that every session has; the others need a sign-in or a start each.
    let (links, starts) = (12 + objects / 500, 4 + objects / 5_000);
    let (revocations, sessions, codes) = (objects / 60, objects / 100, objects * 3 / 10);
    let generations = objects - links - starts - revocations - sessions - codes;

    let installation = Installation::new(place, kind, Some(server), PROCESSES, None);
    let _servers = installation.serve_all();
    installation.create_user();
    let mut contest = Contest {
        browser: installation.sign_in(0),
        http: Vec::new(),
        callers: Callers::new(&installation.addresses(), CALLERS),
        families: Vec::new(),
        installation: &installation,
    };
    contest.connect();
    contest.generations(generations)?;
    contest.connect();
    contest.one_live_generation()?;
    contest.codes(codes)?;
    contest.revocations(revocations)?;
    contest.sessions(sessions)?;
    let slowest = contest.callers.slowest;
    drop(contest);
    families::sound(&installation)?;
    installation.no_panic()?;
    first_admin_links(place, kind, server, links)?;
    first_starts(place, kind, server, starts)?;
    Ok(format!(
        "{objects} objects contested by {CALLERS} callers over {PROCESSES} processes\n\
         {generations} refresh generations: {} answers, one successor each, one step each, nobody out\n\
         {codes} codes: 1 winner each, {} told invalid_grant, what was won has ended\n\
         {revocations} revocations and {sessions} logouts: nothing lived on · {links} first-admin links: 1 admin each · {starts} first starts of 4 processes: one set of keys\n\
         slowest answer {} ms",
        generations as usize * CALLERS,
        codes as usize * (CALLERS - 1),
        slowest.as_millis()
    ))
}

struct Contest<'a> {
    installation: &'a Installation,
    browser: Browser,
    /// A connection to each process, for what is not contested.
    http: Vec<Http>,
    callers: Callers,
    /// Of each contested family its first token and its newest.
    families: Vec<(String, String)>,
}

impl Contest<'_> {
    /// Anew, because a server closes what was idle for a minute.
    fn connect(&mut self) {
        self.http = (0..PROCESSES).map(|process| self.installation.connect(process)).collect();
    }

    fn grant(&mut self, scope: &str) -> Tokens {
        Tokens::silently(&mut self.http[0], &self.browser, scope).unwrap()
    }

    /// The token is refused by every process.
    fn dead(&mut self, token: &str) -> Result<(), String> {
        for http in &mut self.http {
            refused(&http.post("/oauth/token", &[], &refresh(token)).unwrap())?;
        }
        Ok(())
    }

    fn generations(&mut self, count: u32) -> Result<(), String> {
        let first: Vec<String> = (0..FAMILIES).map(|_| self.grant("notes:read").refresh).collect();
        let mut newest = first.clone();
        for turn in 0..count as usize {
            let presented = &mut newest[turn % FAMILIES];
            let answers = self.callers.together(&Request::post("/oauth/token", refresh(presented)))?;
            let successors = answers.iter().map(|answer| Tokens::of(answer).map(|tokens| tokens.refresh)).collect::<Result<Vec<_>, _>>();
            let mut successors = successors.map_err(|error| format!("a refresh was refused: {error}"))?;
            successors.dedup();
            let [successor] = &successors[..] else { return Err(format!("{} successors of one token", successors.len())) };
            if Tokens::generation(successor) != Tokens::generation(presented) + 1 || Tokens::family(successor) != Tokens::family(presented) {
                return Err("the successor is not the next generation of its family".to_owned());
            }
            *presented = successor.clone();
        }
        let stored = families::all(self.installation);
        for token in &newest {
            let family = stored[&Tokens::family(token)];
            if family.ended || family.generation != Tokens::generation(token) {
                return Err(format!("the database has {family:?} where generation {} was answered", Tokens::generation(token)));
            }
        }
        self.families = first.into_iter().zip(newest).collect();
        Ok(())
    }

    /// An ancestor is known for what it is at either process, and ends the family at both. The direct predecessor would be answered
    /// again, so only families that have gone further are asked.
    fn one_live_generation(&mut self) -> Result<(), String> {
        for (turn, (ancestor, newest)) in std::mem::take(&mut self.families).into_iter().enumerate() {
            if Tokens::generation(&newest) > Tokens::generation(&ancestor) + 1 {
                refused(&self.http[turn % PROCESSES].post("/oauth/token", &[], &refresh(&ancestor)).unwrap())?;
                self.dead(&newest)?;
            }
        }
        Ok(())
    }

    fn codes(&mut self, count: u32) -> Result<(), String> {
        for turn in 0..count as usize {
            let code = silent(&mut self.http[turn % PROCESSES], &self.browser, "notes:read").unwrap().code().expect("a code");
            let answers = self.callers.together(&Request::post("/oauth/token", redeem(&code)))?;
            let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
            let [won] = &won[..] else { return Err(format!("{} winners of one code", won.len())) };
            lost.into_iter().try_for_each(refused)?;
            self.dead(&Tokens::of(won).unwrap().refresh)?;
        }
        Ok(())
    }

    fn revocations(&mut self, count: u32) -> Result<(), String> {
        for turn in 0..count as usize {
            let token = self.grant("notes:read").refresh;
            let revoke = Request::post("/oauth/revoke", form(&[("client_id", "spa"), ("token", &token)]));
            let refresh = Request::post("/oauth/token", refresh(&token));
            let answers = self.callers.each(|caller| Arc::clone(if caller == turn % CALLERS { &revoke } else { &refresh }))?;
            self.nothing_lives(&answers, turn % CALLERS, 200)?;
            self.dead(&token)?;
        }
        Ok(())
    }

    fn sessions(&mut self, count: u32) -> Result<(), String> {
        for turn in 0..count as usize {
            let browser = Browser::sign_in(&mut self.http[turn % PROCESSES], crate::installation::USER, PASSWORD).unwrap();
            let tokens = Tokens::silently(&mut self.http[0], &browser, "openid").unwrap();
            let refresh = Request::post("/oauth/token", refresh(&tokens.refresh));
            let codes: Vec<_> = (0..CALLERS / 2).map(|_| silent(&mut self.http[1], &browser, "openid").unwrap().code().expect("a code")).collect();
            let hint = tokens.id.expect("an ID token");
            let logout = Arc::new(Request { path: format!("/oidc/logout?{}", form(&[("id_token_hint", &hint)])), cookie: browser.cookie(), form: None });
            let answers = self.callers.each(|caller| match caller {
                0 => Arc::clone(&logout),
                caller if caller % 2 == 0 => Arc::clone(&refresh),
                caller => Request::post("/oauth/token", redeem(&codes[caller / 2])),
            })?;
            self.nothing_lives(&answers, 0, 200)?;
            self.dead(&tokens.refresh)?;
            for http in &mut self.http {
                let error = silent(http, &browser, "openid").unwrap().error();
                if error.as_deref() != Some("login_required") {
                    return Err(format!("prompt=none after the logout: {error:?}"));
                }
            }
        }
        Ok(())
    }

    /// The one that ends was answered; of the others some were in time, and what those got is dead now.
    fn nothing_lives(&mut self, answers: &[Answer], ender: usize, status: u16) -> Result<(), String> {
        if answers[ender].status != status {
            return Err(format!("the end was answered {}: {}", answers[ender].status, answers[ender].body));
        }
        for (_, answer) in answers.iter().enumerate().filter(|(caller, _)| *caller != ender) {
            if answer.status == 200 {
                self.dead(&Tokens::of(answer).unwrap().refresh)?;
            } else {
                refused(answer)?;
            }
        }
        Ok(())
    }
}

/// RFC 6749 §5.2.
fn refused(answer: &Answer) -> Result<(), String> {
    match (answer.status, answer.error().as_deref()) {
        (400, Some("invalid_grant")) => Ok(()),
        _ => Err(format!("expected invalid_grant, got {}: {}", answer.status, answer.body)),
    }
}

fn first_admin_links(place: &Path, kind: Kind, server: &Postgres, count: u32) -> Result<(), String> {
    let installation = Installation::new(place, kind, Some(server), PROCESSES, None);
    for turn in 0..count {
        let servers = installation.serve_all();
        // A link from each start: in every other round both are about.
        let links: Vec<String> = (0..PROCESSES).map(|process| servers[if turn % 2 == 0 { process } else { 0 }].first_admin_link()).collect();
        let page = installation.connect(0).get(&format!("/setup?link={}", links[0]), &[]).unwrap();
        let mut browser = Browser::default();
        browser.keep(&page);
        let csrf = page.hidden("csrf").unwrap();
        let answers = Callers::new(&installation.addresses(), CALLERS).each(|caller| {
            let name = format!("admin{caller}");
            let link = &links[caller / 2 % PROCESSES];
            let fields = [("csrf", csrf.as_str()), ("link", link), ("username", &name), ("password", PASSWORD), ("password_again", PASSWORD)];
            Arc::new(Request { path: "/setup".to_owned(), cookie: browser.cookie(), form: Some(form(&fields)) })
        })?;
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        let lost = answers.iter().filter(|answer| answer.status == 400).count();
        // Busy with so many passwords at once: that is told, and nothing was used up.
        let busy = answers.iter().filter(|answer| answer.status == 503 && answer.header("retry-after").is_some()).count();
        let admins = families::count(&installation, "SELECT count(*) AS count FROM users");
        if (won, won + lost + busy, admins) != (1, CALLERS, 1) {
            return Err(format!("a first-admin link: {won} winners, {lost} refused, {busy} told to wait, of {CALLERS}; {admins} accounts"));
        }
        drop(servers);
        families::execute(&installation, "DELETE FROM users");
    }
    installation.no_panic()
}

fn first_starts(place: &Path, kind: Kind, server: &Postgres, count: u32) -> Result<(), String> {
    for _ in 0..count {
        let installation = Installation::new(place, kind, Some(server), 4, None);
        let _servers = installation.serve_all();
        installation.create_user();
        let keys: Vec<String> = (0..4).map(|process| installation.connect(process).get("/.well-known/jwks.json", &[]).unwrap().body).collect();
        if keys.iter().any(|shown| *shown != keys[0]) {
            return Err("processes that were started together show different keys".to_owned());
        }
        // What is sealed and signed by one is good at every other.
        let browser = installation.sign_in(0);
        let tokens = Tokens::silently(&mut installation.connect(1), &browser, "openid").unwrap();
        let told = installation.connect(2).get("/userinfo", &[("Authorization", &format!("Bearer {}", tokens.access))]).unwrap();
        let next = Tokens::of(&installation.connect(3).post("/oauth/token", &[], &refresh(&tokens.refresh)).unwrap()).unwrap();
        if told.status != 200 || Tokens::family(&next.refresh) == Uuid::nil() {
            return Err(format!("a token of one process at another: {} {}", told.status, told.body));
        }
    }
    Ok(())
}
