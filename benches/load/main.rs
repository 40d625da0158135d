//! The load driver: starts the release binary on a fresh database, drives each operation over keep-alive connections, and prints
//! operations per second, p50, p99 and the server's CPU per operation, from the process's own accounting.
//!
//! CPU per operation is the figure to watch: it holds on a noisy machine. `cargo bench --bench load`, and in the environment:
//! - `LOAD_SECONDS` (4) and `LOAD_CONNECTIONS` (64), `LOAD_ONLY`: the operations whose name contains this;
//! - `LOAD_DATABASE=postgres://…`: PostgreSQL (an empty database) instead of SQLite;
//! - `LOAD_SESSIONS=1000000`: so many sessions, users and refresh families first; each request then is of another one of them;
//! - `LOAD_FOLDER`: where to keep database and key, so that the next run finds it filled; `LOAD_BINARY`: another binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod bare;
mod fill;
mod server;

#[path = "../../tests/support/outside/mod.rs"]
#[allow(dead_code, unused_imports)] // shared with programs that use more of it
mod outside;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bare::Bare;
use outside::{Answer, Http, Tokens, authorize, form, redeem, refresh};
use server::{Server, cpu_micros};

/// Far longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(20);
const SECRET: &str = "a-secret-of-the-load-driver-of-40-letters";
/// Codes that each caller holds before the exchange is measured.
const CODES: usize = 300;
/// Refresh families, and access tokens, that each caller takes turns with.
const TURNS: usize = 16;

/// One caller: sends its request and judges the answer. False: it has nothing left to send.
type Call = Box<dyn FnMut(&mut Http) -> bool + Send>;

fn main() {
    bare::serve_if_asked();
    let seconds = number("LOAD_SECONDS", 4) as u64;
    let connections = number("LOAD_CONNECTIONS", 64);
    let only = std::env::var("LOAD_ONLY").unwrap_or_default();
    let server = Server::start();
    let users = Arc::new(Users::of(&server, number("LOAD_SESSIONS", 0)));
    println!("{:<44} {:>9} {:>9} {:>9} {:>13}", "operation", "per s", "p50 ms", "p99 ms", "server CPU µs");

    let run = |name: &str, prepare: &(dyn Fn(&mut Http, Turn) -> Call + Sync)| {
        if name.contains(&only) {
            // All at once: a code lives a minute, and so long would one caller after the other take on a slow machine.
            let callers = std::thread::scope(|scope| {
                let (server, users) = (&server, &users);
                let preparing: Vec<_> = (0..connections).map(|caller| scope.spawn(move || prepare(&mut server.connect(), Turn::new(users, caller)))).collect();
                preparing.into_iter().map(|caller| caller.join().unwrap()).collect()
            });
            measure((&server.address, server.process()), name, seconds, callers);
        }
    };
    let get = |path: &'static str| move |_: &mut Http, _: Turn| -> Call { Box::new(move |http| ok(&http.get(path, &[]).unwrap())) };
    let bare = "(bare poem, one handler that says hello)";
    if bare.contains(&only) {
        let floor = Bare::start();
        let callers = (0..connections).map(|_| -> Call { Box::new(|http| ok(&http.get("/", &[]).unwrap())) }).collect();
        measure((&floor.address, floor.process()), bare, seconds, callers);
    }
    run("discovery", &get("/.well-known/openid-configuration"));
    run("JWKS", &get("/.well-known/jwks.json"));
    run("client_credentials, ES256", &|_, _| Box::new(|http| ok(&client_credentials(http))));
    let everything = authorize("openid offline_access", "none");
    run("prompt=none to code", &|_, mut turn| {
        let path = everything.clone();
        Box::new(move |http| !silent(http, &path, &turn.cookie()).is_empty())
    });
    run("code exchange, access + ID token ES256", &|http, mut turn| {
        let mut codes: Vec<String> = (0..CODES).map(|_| silent(http, &everything, &turn.cookie())).collect();
        Box::new(move |http| codes.pop().is_some_and(|code| ok(&exchange(http, &code))))
    });
    for (name, scope) in [("refresh, access + ID token ES256", "openid offline_access"), ("refresh, access token ES256", "notes:read")] {
        let path = authorize(scope, "none");
        run(name, &|http, mut turn| {
            let mut tokens: Vec<String> = (0..TURNS).map(|_| grant(http, &path, &turn.cookie()).refresh).collect();
            let mut next = (0..TURNS).cycle();
            Box::new(move |http| {
                let token = &mut tokens[next.next().unwrap()];
                *token = Tokens::of(&http.post("/oauth/token", &[], &refresh(token)).unwrap()).unwrap().refresh;
                true
            })
        });
    }
    run("introspection, a machine's token", &|http, _| {
        let token = text(&client_credentials(http), "access_token");
        Box::new(move |http| introspect(http, &token))
    });
    run("userinfo", &|http, mut turn| {
        let tokens: Vec<String> = (0..TURNS).map(|_| format!("Bearer {}", grant(http, &everything, &turn.cookie()).access)).collect();
        let mut next = (0..TURNS).cycle();
        Box::new(move |http| ok(&http.get("/userinfo", &[("Authorization", &tokens[next.next().unwrap()])]).unwrap()))
    });
    println!("resident memory after the load: {} MiB", server.resident_mib());
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Whose sessions the callers use: ada's one, or those that were filled in.
struct Users {
    ada: String,
    cookie_name: String,
    filled: usize,
}

impl Users {
    fn of(server: &Server, filled: usize) -> Self {
        let ada = server.sign_in();
        if filled > 0 {
            grant(&mut server.connect(), &authorize("openid offline_access", "none"), &ada.cookie());
            let began = Instant::now();
            fill::fill(server, &ada, filled);
            server.sign_in();
            fill::all_used_just_now(server);
            println!("{filled} sessions with users and refresh families are there ({:.0} s)", began.elapsed().as_secs_f64());
        }
        Self { ada: ada.cookie(), cookie_name: fill::session_cookie(&ada).0, filled }
    }
}

/// A caller's walk through the sessions: another one each time, in no order that a cache would like.
struct Turn {
    users: Arc<Users>,
    state: u64,
}

impl Turn {
    fn new(users: &Arc<Users>, caller: usize) -> Self {
        Self { users: users.clone(), state: (caller as u64 + 1) * 0x9e37_79b9_7f4a_7c15 }
    }

    fn cookie(&mut self) -> String {
        if self.users.filled == 0 {
            return self.users.ada.clone();
        }
        // xorshift64
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        format!("{}={}", self.users.cookie_name, fill::cookie(self.state as usize % self.users.filled))
    }
}

fn ok(answer: &Answer) -> bool {
    assert_eq!(answer.status, 200, "{}", answer.body);
    true
}

fn text(answer: &Answer, member: &str) -> String {
    answer.json().unwrap()[member].as_str().expect(member).to_owned()
}

fn silent(http: &mut Http, path: &str, cookie: &str) -> String {
    http.get(path, &[("Cookie", cookie)]).unwrap().code().expect("a code")
}

fn exchange(http: &mut Http, code: &str) -> Answer {
    http.post("/oauth/token", &[], &redeem(code)).unwrap()
}

fn grant(http: &mut Http, path: &str, cookie: &str) -> Tokens {
    let code = silent(http, path, cookie);
    Tokens::of(&exchange(http, &code)).unwrap()
}

fn client_credentials(http: &mut Http) -> Answer {
    let pairs = [("grant_type", "client_credentials"), ("client_id", "machine"), ("client_secret", SECRET), ("scope", "things:read")];
    http.post("/oauth/token", &[], &form(&pairs)).unwrap()
}

fn introspect(http: &mut Http, token: &str) -> bool {
    let answer = http.post("/oauth/introspect", &[], &form(&[("client_id", "machine"), ("client_secret", SECRET), ("token", token)]));
    assert_eq!(answer.unwrap().json().unwrap()["active"], true);
    true
}

fn measure((address, process): (&str, u32), name: &str, seconds: u64, callers: Vec<Call>) {
    let stop = AtomicBool::new(false);
    let (cpu, began) = (cpu_micros(process), Instant::now());
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let threads: Vec<_> = callers
            .into_iter()
            .map(|mut call| {
                let (stop, mut http) = (&stop, Http::connect(address, PATIENCE).unwrap());
                scope.spawn(move || {
                    let (mut times, mut began) = (Vec::new(), Instant::now());
                    while !stop.load(Ordering::Relaxed) && call(&mut http) {
                        times.push(began.elapsed());
                        began = Instant::now();
                    }
                    times
                })
            })
            .collect();
        // Not longer than the callers have something to send.
        while began.elapsed().as_secs() < seconds && !threads.iter().all(|thread| thread.is_finished()) {
            std::thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let (cpu, elapsed) = (cpu_micros(process) - cpu, began.elapsed());
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("{name:<44} {:>9.0} {:>9.2} {:>9.2} {:>13.0}", times.len() as f64 / elapsed.as_secs_f64(), at(0.5), at(0.99), cpu as f64 / times.len() as f64);
}
