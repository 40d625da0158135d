//! Everything an issuer is asked in a day, in a few threads, each answer kept with its time: what an outage looks like from outside.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::installation::{Installation, MACHINE_SECRET, PASSWORD, PATIENCE, USER};
use crate::outside::{Answer, Browser, Http, Tokens, authorize, form, redeem, refresh, silent};

/// Needs no database.
pub const STEADY: &[&str] = &["discovery", "JWKS", "healthz"];
/// Reads.
pub const READS: &[&str] = &["prompt=none", "userinfo", "introspection"];
/// Writes, at least when it succeeds.
pub const WRITES: &[&str] = &["refresh", "exchange", "sign-in"];

#[derive(Debug, Clone)]
pub enum Outcome {
    Good,
    /// 503 with `Retry-After`.
    Unavailable,
    Wrong(String),
}

#[derive(Debug, Clone)]
pub struct Seen {
    pub what: &'static str,
    pub began: Instant,
    pub took: Duration,
    pub outcome: Outcome,
}

impl Seen {
    pub fn ended(&self) -> Instant {
        self.began + self.took
    }

    pub fn is_good(&self) -> bool {
        matches!(self.outcome, Outcome::Good)
    }
}

pub struct Traffic {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Seen>>>,
}

/// How a code whose exchange was answered 503 is judged when it is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The 503 said that nothing was written, so it must be good.
    Good,
    /// Nobody knows: the database went away with the answer.
    Unknown,
}

impl Traffic {
    pub fn start(installation: &Installation, retry: Retry) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (browser, mut http) = (installation.sign_in(0), installation.connect(0));
        let mut threads = Vec::new();
        let mut begin = |body: Box<dyn Fn(&mut Watched) + Send>| {
            let (stop, mut watched) = (Arc::clone(&stop), Watched { address: installation.address(0), http: None, seen: Vec::new() });
            threads.push(std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    body(&mut watched);
                    // A client's pace: what is asked is to be seen at all times, and to leave the machine to the server.
                    std::thread::sleep(Duration::from_millis(2));
                }
                watched.seen
            }));
        };
        let paths = [("discovery", "/.well-known/openid-configuration"), ("JWKS", "/.well-known/jwks.json"), ("healthz", "/healthz"), ("readyz", "/readyz")];
        for (what, path) in paths {
            begin(Box::new(move |watched| drop(watched.ask(what, |http| http.get(path, &[]), |answer| answer.status == 200))));
        }
        let tokens = Tokens::silently(&mut http, &browser, "openid notes:read").unwrap();
        let bearer = format!("Bearer {}", tokens.access);
        begin(Box::new(move |watched| {
            watched.ask("userinfo", |http| http.get("/userinfo", &[("Authorization", &bearer)]), |answer| answer.status == 200);
        }));
        let machine = form(&[("grant_type", "client_credentials"), ("client_id", "machine"), ("client_secret", MACHINE_SECRET)]);
        let token = http.post("/oauth/token", &[], &machine).unwrap().json().unwrap()["access_token"].as_str().unwrap().to_owned();
        let introspect = form(&[("client_id", "machine"), ("client_secret", MACHINE_SECRET), ("token", &token)]);
        begin(Box::new(move |watched| {
            watched.ask("introspection", |http| http.post("/oauth/introspect", &[], &introspect), |answer| answer.body.contains("\"active\":true"));
        }));
        for _ in 0..4 {
            let newest = std::cell::RefCell::new(Tokens::silently(&mut http, &browser, "notes:read").unwrap().refresh);
            begin(Box::new(move |watched| {
                let held = newest.borrow().clone();
                let answer = watched.ask("refresh", |http| http.post("/oauth/token", &[], &refresh(&held)), |answer| is_next(&held, answer));
                if let Some(next) = answer.and_then(|answer| Tokens::of(&answer).ok()) {
                    newest.replace(next.refresh);
                }
            }));
        }
        let visitor = browser.clone();
        begin(Box::new(move |watched| {
            // A session that is there must never be told away (P7), so only a code is a good answer.
            watched.ask("prompt=none", |http| silent(http, &visitor, "openid"), |answer| answer.code().is_some());
        }));
        for _ in 0..2 {
            let browser = browser.clone();
            let spare = silent(&mut http, &browser, "openid").unwrap().code().expect("a code");
            let unused = std::cell::RefCell::new(VecDeque::from([(spare, false)]));
            begin(Box::new(move |watched| exchange(watched, &browser, &mut unused.borrow_mut(), retry)));
        }
        begin(Box::new(sign_in));
        Self { stop, threads }
    }

    pub fn stop(self) -> Vec<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        let mut seen: Vec<Seen> = self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        seen.sort_by_key(|seen| seen.began);
        seen
    }
}

/// The same family, one generation on.
fn is_next(held: &str, answer: &Answer) -> bool {
    Tokens::of(answer)
        .is_ok_and(|next| Tokens::family(&next.refresh) == Tokens::family(held) && Tokens::generation(&next.refresh) == Tokens::generation(held) + 1)
}

/// A code silently, then the oldest of those in hand is redeemed: one is always at hand, also when no more are to be had.
fn exchange(watched: &mut Watched, browser: &Browser, unused: &mut VecDeque<(String, bool)>, retry: Retry) {
    if unused.len() < 3 {
        let answer = watched.ask("prompt=none", |http| silent(http, browser, "openid"), |answer| answer.code().is_some());
        unused.extend(answer.and_then(|answer| answer.code()).map(|code| (code, false)));
    }
    let Some((code, is_retry)) = unused.pop_front() else { return };
    let good = |answer: &Answer| answer.status == 200 || (is_retry && retry == Retry::Unknown && answer.error().as_deref() == Some("invalid_grant"));
    if watched.ask("exchange", |http| http.post("/oauth/token", &[], &redeem(&code)), good).is_none() {
        unused.push_front((code, true));
    }
}

/// As [`Browser::sign_in`], each answer looked at.
fn sign_in(watched: &mut Watched) {
    let mut browser = Browser::default();
    let mut steps = || -> Option<()> {
        let redirect = watched.ask("sign-in: request", |http| http.get(&authorize("openid", ""), &[]), |answer| answer.header("location").is_some())?;
        browser.keep(&redirect);
        let path = redirect.header("location")?.to_owned();
        let page = watched.ask("sign-in: page", |http| http.get(&path, &[("Cookie", &browser.cookie())]), |answer| answer.hidden("ticket").is_ok())?;
        browser.keep(&page);
        let (csrf, ticket) = (page.hidden("csrf").ok()?, page.hidden("ticket").ok()?);
        let fields = form(&[("csrf", &csrf), ("ticket", &ticket), ("username", USER), ("password", PASSWORD)]);
        watched.ask("sign-in", |http| http.post("/login", &[("Cookie", &browser.cookie())], &fields), |answer| answer.status == 303)?;
        Some(())
    };
    steps();
    std::thread::sleep(Duration::from_millis(20));
}

struct Watched {
    address: String,
    http: Option<Http>,
    seen: Vec<Seen>,
}

impl Watched {
    /// The answer if it is good. Every answer is kept.
    fn ask(&mut self, what: &'static str, send: impl FnOnce(&mut Http) -> io::Result<Answer>, good: impl FnOnce(&Answer) -> bool) -> Option<Answer> {
        let began = Instant::now();
        let answer = match self.http.take().map_or_else(|| Http::connect(&self.address, PATIENCE), Ok) {
            Ok(mut http) => {
                let answer = send(&mut http);
                if answer.is_ok() {
                    self.http = Some(http);
                }
                answer
            }
            Err(error) => Err(error),
        };
        let outcome = match &answer {
            Ok(answer) if good(answer) => Outcome::Good,
            Ok(answer) if answer.status == 503 && answer.header("retry-after").is_some() => Outcome::Unavailable,
            Ok(answer) => Outcome::Wrong(format!("{} {:?} {}", answer.status, answer.headers, answer.body.chars().take(300).collect::<String>())),
            Err(error) => Outcome::Wrong(format!("no answer: {error}")),
        };
        let is_good = matches!(outcome, Outcome::Good);
        self.seen.push(Seen { what, began, took: began.elapsed(), outcome });
        answer.ok().filter(|_| is_good)
    }
}

/// What a trouble between two instants came to.
pub struct Verdict {
    pub unavailable: usize,
    pub good: usize,
    pub slowest: Duration,
    /// From the end of the trouble to the end of the last answer that was not good.
    pub recovered: Duration,
}

/// An answer may take this long: a second, and what a busy machine adds.
const SOON: Duration = Duration::from_millis(1_500);
/// A sign-in asks the database half a dozen times, and each time may wait for a lock behind others that do.
const SOON_FOR_A_SIGN_IN: Duration = Duration::from_secs(4);
const BACK: Duration = Duration::from_secs(2);

/// P6: nothing but good answers and 503 with `Retry-After`, none of them late, none wrong; what `affected` names was refused at least once,
/// what `spared` names never; and after the trouble everything is good again within two seconds.
pub fn judge(seen: &[Seen], began: Instant, ended: Instant, affected: &[&[&str]], spared: &[&[&str]]) -> Result<Verdict, String> {
    let within = |names: &[&[&str]], what: &str| names.iter().any(|names| names.contains(&what));
    let mut verdict = Verdict { unavailable: 0, good: 0, slowest: Duration::ZERO, recovered: Duration::ZERO };
    for seen in seen {
        let at = seen.began.saturating_duration_since(began).as_millis();
        if let Outcome::Wrong(wrong) = &seen.outcome {
            return Err(format!("{}, {at} ms after the trouble began: {wrong}", seen.what));
        }
        let soon = if seen.what == "sign-in" { SOON_FOR_A_SIGN_IN } else { SOON };
        if seen.took > soon {
            return Err(format!("{} took {} ms, {at} ms after the trouble began", seen.what, seen.took.as_millis()));
        }
        if seen.is_good() {
            verdict.good += 1;
            continue;
        }
        if seen.ended() < began {
            return Err(format!("{} was not available before the trouble", seen.what));
        }
        if within(spared, seen.what) {
            return Err(format!("{} was not available, {at} ms after the trouble began", seen.what));
        }
        verdict.unavailable += 1;
        verdict.recovered = verdict.recovered.max(seen.ended().saturating_duration_since(ended));
    }
    let trouble = seen.iter().filter(|seen| seen.ended() > began && seen.began < ended);
    verdict.slowest = trouble.map(|seen| seen.took).max().unwrap_or_default();
    for name in affected.iter().copied().flatten() {
        if !seen.iter().any(|seen| seen.what.starts_with(name) && !seen.is_good()) {
            return Err(format!("{name} was never refused: this trouble troubles nobody"));
        }
    }
    for name in [STEADY, READS, WRITES].into_iter().flatten() {
        if !seen.iter().any(|seen| seen.what == *name && seen.is_good() && seen.began > ended) {
            return Err(format!("{name} did not come back"));
        }
    }
    if verdict.recovered > BACK {
        return Err(format!("it was back only {} ms after the database", verdict.recovered.as_millis()));
    }
    Ok(verdict)
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { unavailable, good, slowest, recovered } = self;
        let (slowest, recovered) = (slowest.as_millis(), recovered.as_millis());
        write!(
            f,
            "{good} good answers, {unavailable} of 503 with Retry-After, nothing else · slowest {slowest} ms · back {recovered} ms after the database, not restarted"
        )
    }
}
