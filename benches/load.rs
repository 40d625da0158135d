//! The load driver: starts the release binary on a fresh database, drives each operation over keep-alive connections, and prints
//! operations per second, p50, p99 and the server's CPU per operation, from the process's own accounting.
//!
//! CPU per operation is the figure to watch: it holds on a noisy machine. `cargo bench --bench load`; PostgreSQL instead of SQLite with
//! `LOAD_DATABASE=postgres://…` (an empty database); `LOAD_SECONDS` and `LOAD_CONNECTIONS` change 4 and 64, `LOAD_BINARY` the
//! binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sha2::Digest;

#[path = "../tests/support/outside/mod.rs"]
#[allow(dead_code, unused_imports)] // shared with programs that use more of it
mod outside;

use outside::{Browser, CLIENT, Http, Tokens, authorize, form, redeem, refresh};

/// Far longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(20);
const SECRET: &str = "a-secret-of-the-load-driver-of-40-letters";

/// One caller: sends its request and judges the answer.
type Call = Box<dyn FnMut(&mut Http) + Send>;

fn main() {
    let seconds = number("LOAD_SECONDS", 4);
    let connections = number("LOAD_CONNECTIONS", 64);
    let server = Server::start();
    println!("{:<44} {:>9} {:>9} {:>9} {:>13}", "operation", "per s", "p50 ms", "p99 ms", "server CPU µs");

    let run = |name: &str, prepare: &dyn Fn(usize) -> Call| {
        let callers: Vec<_> = (0..connections as usize).map(prepare).collect();
        server.measure(name, seconds, callers);
    };
    let get = |path: &'static str| move |_| -> Call { Box::new(move |http| assert_eq!(http.get(path, &[]).unwrap().status, 200)) };
    run("discovery", &get("/.well-known/openid-configuration"));
    run("JWKS", &get("/.well-known/jwks.json"));
    run("client_credentials, ES256", &|_| {
        Box::new(|http| {
            let body = form(&[("grant_type", "client_credentials"), ("client_id", "machine"), ("client_secret", SECRET), ("scope", "things:read")]);
            assert_eq!(http.post("/oauth/token", &[], &body).unwrap().status, 200);
        })
    });
    let browser = Arc::new(server.sign_in());
    let none = authorize("openid offline_access", "none");
    let code = |browser: &Arc<Browser>| {
        let (cookie, path) = (browser.cookie(), none.clone());
        move |http: &mut Http| http.get(&path, &[("Cookie", &cookie)]).unwrap().code().expect("a code")
    };
    run("prompt=none to code", &|_| {
        let code = code(&browser);
        Box::new(move |http| drop(code(http)))
    });
    run("prompt=none and code exchange", &|_| {
        let code = code(&browser);
        Box::new(move |http| {
            let code = code(http);
            Tokens::of(&http.post("/oauth/token", &[], &redeem(&code)).unwrap()).unwrap();
        })
    });
    for (name, scope) in [("refresh rotation, access + ID token ES256", "openid offline_access"), ("refresh rotation, access token only", "notes:read")] {
        run(name, &|_| {
            let mut token = Tokens::silently(&mut server.connect(), &browser, scope).unwrap().refresh;
            Box::new(move |http| token = Tokens::of(&http.post("/oauth/token", &[], &refresh(&token)).unwrap()).unwrap().refresh)
        });
    }
    run("introspection, a token seen before", &|_| {
        let body = form(&[("grant_type", "client_credentials"), ("client_id", "machine"), ("client_secret", SECRET)]);
        let answer = server.connect().post("/oauth/token", &[], &body).unwrap().json().unwrap();
        let body = form(&[("client_id", "machine"), ("client_secret", SECRET), ("token", answer["access_token"].as_str().unwrap())]);
        Box::new(move |http| assert_eq!(http.post("/oauth/introspect", &[], &body).unwrap().json().unwrap()["active"], true))
    });
    run("userinfo", &|_| {
        let token = format!("Bearer {}", Tokens::silently(&mut server.connect(), &browser, "openid offline_access").unwrap().access);
        Box::new(move |http| assert_eq!(http.get("/userinfo", &[("Authorization", &token)]).unwrap().status, 200))
    });
    println!("resident memory after the load: {} MiB", server.resident_mib());
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

struct Server {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().to_owned();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let config = folder.path().join("gatekey.toml");
        let database = std::env::var("LOAD_DATABASE").unwrap_or_else(|_| format!("sqlite://{}", folder.path().join("gatekey.db").display()));
        let key = folder.path().join("gatekey.key");
        let settings = format!(
            "issuer = \"http://localhost/\"\nlisten = \"{address}\"\nmaster_key_file = \"{}\"\n[database]\nurl = \"{database}\"\n[log]\nlevel = \"error\"\n\
             {CLIENT}\
             [[clients]]\nid = \"machine\"\nname = \"Machine\"\nkind = \"machine\"\nauthentication = \"client_secret_post\"\nsecret_digest = \"sha256:{}\"\nscope = \"things:read\"\n",
            key.display(),
            hex(&sha2::Sha256::digest(SECRET)),
        );
        std::fs::write(&config, settings).unwrap();
        let gatekey = |arguments: &[&str]| {
            let mut command = Command::new(std::env::var("LOAD_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_gatekey").to_owned()));
            command.args(["--config", config.to_str().unwrap()]).args(arguments).current_dir(&directory);
            command
        };
        let began = Instant::now();
        let child = gatekey(&["serve"]).stdout(Stdio::null()).spawn().unwrap();
        let server = Self { child, address, _folder: folder };
        while TcpStream::connect(&server.address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "the server does not start");
            std::thread::sleep(Duration::from_millis(1));
        }
        server.connect().get("/.well-known/jwks.json", &[]).unwrap();
        println!("start to first answer: {} ms, {} MiB resident", began.elapsed().as_millis(), server.resident_mib());
        let mut created = gatekey(&["user", "create", "ada"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        created.stdin.take().unwrap().write_all(b"correct horse battery\n").unwrap();
        assert!(created.wait().unwrap().success());
        server
    }

    fn sign_in(&self) -> Browser {
        Browser::sign_in(&mut self.connect(), "ada", "correct horse battery").unwrap()
    }

    fn connect(&self) -> Http {
        Http::connect(&self.address, PATIENCE).unwrap()
    }

    fn measure(&self, name: &str, seconds: u64, callers: Vec<Call>) {
        let stop = AtomicBool::new(false);
        let (cpu, began) = (self.cpu_micros(), Instant::now());
        let mut times: Vec<Duration> = std::thread::scope(|scope| {
            let threads: Vec<_> = callers
                .into_iter()
                .map(|mut call| {
                    let (stop, mut http) = (&stop, self.connect());
                    scope.spawn(move || {
                        let mut times = Vec::new();
                        while !stop.load(Ordering::Relaxed) {
                            let began = Instant::now();
                            call(&mut http);
                            times.push(began.elapsed());
                        }
                        times
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_secs(seconds));
            stop.store(true, Ordering::Relaxed);
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let (cpu, elapsed) = (self.cpu_micros() - cpu, began.elapsed());
        times.sort();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!("{name:<44} {:>9.0} {:>9.2} {:>9.2} {:>13.0}", times.len() as f64 / elapsed.as_secs_f64(), at(0.5), at(0.99), cpu as f64 / times.len() as f64);
    }

    /// User and system time, in the 10 ms ticks of `/proc`.
    fn cpu_micros(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10_000
    }

    fn resident_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
