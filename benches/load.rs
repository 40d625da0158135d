//! The load driver: starts the release binary on a fresh database, drives each operation over keep-alive connections, and prints
//! operations per second, p50, p99 and the server's CPU per operation, from the process's own accounting.
//!
//! CPU per operation is the figure to watch: it holds on a noisy machine. `cargo bench --bench load`; PostgreSQL instead of SQLite with
//! `LOAD_DATABASE=postgres://…` (an empty database); `LOAD_SECONDS` and `LOAD_CONNECTIONS` change 4 and 64, `LOAD_BINARY` the
//! binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::Digest;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CALLBACK: &str = "http://localhost:9000/cb";
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
    let get = |path: &'static str| move |_| -> Call { Box::new(move |http| assert_eq!(http.send("GET", path, &[], None).status, 200)) };
    run("discovery", &get("/.well-known/openid-configuration"));
    run("JWKS", &get("/.well-known/jwks.json"));
    run("client_credentials, ES256", &|_| {
        Box::new(|http| {
            let body = form(&[("grant_type", "client_credentials"), ("client_id", "machine"), ("client_secret", SECRET), ("scope", "things:read")]);
            assert_eq!(http.send("POST", "/oauth/token", &[], Some(&body)).status, 200);
        })
    });
    let browser = Arc::new(server.sign_in());
    let none = authorize("openid offline_access", "none");
    let silent = |browser: &Arc<Browser>| {
        let (cookie, path) = (browser.cookie(), none.clone());
        move |http: &mut Http| http.send("GET", &path, &[("Cookie", &cookie)], None).code()
    };
    run("prompt=none to code", &|_| {
        let silent = silent(&browser);
        Box::new(move |http| assert!(silent(http).is_some()))
    });
    run("prompt=none and code exchange", &|_| {
        let silent = silent(&browser);
        Box::new(move |http| {
            let code = silent(http).expect("a code");
            redeem(http, &code);
        })
    });
    run("refresh rotation, access + ID token ES256", &|_| {
        let mut http = Http::connect(&server.address);
        let code = silent(&browser)(&mut http).expect("a code");
        let mut token = redeem(&mut http, &code)["refresh_token"].as_str().unwrap().to_owned();
        Box::new(move |http| {
            let answer =
                http.send("POST", "/oauth/token", &[], Some(&form(&[("grant_type", "refresh_token"), ("client_id", "spa"), ("refresh_token", &token)])));
            token = answer.json()["refresh_token"].as_str().expect("a successor").to_owned();
        })
    });
    run("refresh rotation, access token only", &|_| {
        let mut http = Http::connect(&server.address);
        let code = http.send("GET", &authorize("notes:read", "none"), &[("Cookie", &browser.cookie())], None).code().expect("a code");
        let mut token = redeem(&mut http, &code)["refresh_token"].as_str().unwrap().to_owned();
        Box::new(move |http| {
            let answer =
                http.send("POST", "/oauth/token", &[], Some(&form(&[("grant_type", "refresh_token"), ("client_id", "spa"), ("refresh_token", &token)])));
            token = answer.json()["refresh_token"].as_str().expect("a successor").to_owned();
        })
    });
    run("introspection, a token seen before", &|_| {
        let mut http = Http::connect(&server.address);
        let body = form(&[("grant_type", "client_credentials"), ("client_id", "machine"), ("client_secret", SECRET)]);
        let token = http.send("POST", "/oauth/token", &[], Some(&body)).json()["access_token"].as_str().unwrap().to_owned();
        Box::new(move |http| {
            let body = form(&[("client_id", "machine"), ("client_secret", SECRET), ("token", &token)]);
            assert_eq!(http.send("POST", "/oauth/introspect", &[], Some(&body)).json()["active"], true);
        })
    });
    run("userinfo", &|_| {
        let mut http = Http::connect(&server.address);
        let code = silent(&browser)(&mut http).expect("a code");
        let token = format!("Bearer {}", redeem(&mut http, &code)["access_token"].as_str().unwrap());
        Box::new(move |http| assert_eq!(http.send("GET", "/userinfo", &[("Authorization", &token)], None).status, 200))
    });
    println!("resident memory after the load: {} MiB", server.resident_mib());
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn authorize(scope: &str, prompt: &str) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(VERIFIER));
    let mut pairs = vec![
        ("client_id", "spa"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", scope),
        ("state", "s"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    if !prompt.is_empty() {
        pairs.push(("prompt", prompt));
    }
    format!("/authorize?{}", form(&pairs))
}

fn redeem(http: &mut Http, code: &str) -> serde_json::Value {
    let body = form(&[("grant_type", "authorization_code"), ("client_id", "spa"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)]);
    http.send("POST", "/oauth/token", &[], Some(&body)).json()
}

struct Server {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

struct Browser(HashMap<String, String>);

impl Browser {
    fn cookie(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
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
             [[clients]]\nid = \"spa\"\nname = \"Load\"\nkind = \"spa\"\nfirst_party = true\nredirect_uris = [\"{CALLBACK}\"]\nscope = \"openid offline_access notes:read\"\n\
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
        Http::connect(&server.address).send("GET", "/.well-known/jwks.json", &[], None);
        println!("start to first answer: {} ms, {} MiB resident", began.elapsed().as_millis(), server.resident_mib());
        let mut created = gatekey(&["user", "create", "ada"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        created.stdin.take().unwrap().write_all(b"correct horse battery\n").unwrap();
        assert!(created.wait().unwrap().success());
        server
    }

    fn sign_in(&self) -> Browser {
        let (mut http, mut browser) = (Http::connect(&self.address), Browser(HashMap::new()));
        let page = http.send("GET", &authorize("openid", ""), &[], None);
        browser.0.extend(page.cookies());
        let page = http.send("GET", &page.location(), &[("Cookie", &browser.cookie())], None);
        let hidden = |name: &str| page.body.split(&format!("name=\"{name}\" value=\"")).nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
        let body = form(&[("csrf", &hidden("csrf")), ("ticket", &hidden("ticket")), ("username", "ada"), ("password", "correct horse battery")]);
        let answer = http.send("POST", "/login", &[("Cookie", &browser.cookie())], Some(&body));
        assert_eq!(answer.status, 303, "{}", answer.body);
        browser.0.extend(answer.cookies());
        browser
    }

    fn measure(&self, name: &str, seconds: u64, callers: Vec<Call>) {
        let stop = AtomicBool::new(false);
        let (cpu, began) = (self.cpu_micros(), Instant::now());
        let mut times: Vec<Duration> = std::thread::scope(|scope| {
            let threads: Vec<_> = callers
                .into_iter()
                .map(|mut call| {
                    let (stop, mut http) = (&stop, Http::connect(&self.address));
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

/// One keep-alive connection.
struct Http(BufReader<TcpStream>);

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Http {
    fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            request.push_str(&format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body.unwrap_or_default());
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        self.answer()
    }

    fn answer(&mut self) -> Answer {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let status = line.split_whitespace().nth(1).expect("a status line").parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        Answer { status, headers, body: String::from_utf8(body).unwrap() }
    }
}

impl Answer {
    fn json(&self) -> serde_json::Value {
        assert_eq!(self.status, 200, "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    fn location(&self) -> String {
        self.headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.clone()).unwrap_or_default()
    }

    fn code(&self) -> Option<String> {
        let location = self.location();
        let query = location.split_once('?')?.1.to_owned();
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code").map(|(_, value)| value.into_owned())
    }

    fn cookies(&self) -> Vec<(String, String)> {
        let set = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        set.filter_map(|(_, value)| value.split(';').next()?.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}
