//! The program on a port, with settings in a folder of its own: for what only a process and a socket can show.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use gatekey::domain::clock::SystemClock;
use gatekey::domain::secret::Digest;
use poem::endpoint::make;
use poem::http::{HeaderName, HeaderValue, StatusCode};
use poem::{IntoResponse, Request, Response};

use super::app::{self, MACHINE, OWN_PAGE, PASSWORD, SECRET, SERVER};
use super::browser::Browser;
use super::database::Database;
use super::network::Network;
use super::relying_party::{RelyingParty, Tokens};

/// Long enough for the slowest machine; whoever needs it has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Served {
    pub database: Arc<Database>,
    pub folder: Arc<tempfile::TempDir>,
    pub port: u16,
    pub issuer: String,
    pub network: Network,
    child: Child,
}

/// Below those ports that the system gives to outgoing connections, and never the same twice.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 20_000 + u16::try_from(std::process::id() % 97).unwrap() * 100;
    let mut ports = std::iter::repeat_with(|| base + NEXT.fetch_add(1, Ordering::Relaxed));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

fn settings(port: u16, database: &Database, folder: &std::path::Path, top: &str, sections: &str) -> String {
    let Digest(digest) = Digest::of(SECRET.as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let hash = app::password_hash();
    format!(
        r#"issuer = "http://localhost:{port}/"
listen = "127.0.0.1:{port}"
master_key_file = "{key}"
{top}
[database]
url = "{url}"
pool_size = 4
[passwords]
memory_kib = 64
iterations = 1
{sections}
[[clients]]
id = "{OWN_PAGE}"
kind = "spa"
first_party = true
redirect_uris = ["https://own.example.test/callback"]
[[clients]]
id = "{SERVER}"
kind = "web"
first_party = true
redirect_uris = ["https://server.example.test/callback"]
secret_digest = "sha256:{digest}"
[[clients]]
id = "{MACHINE}"
kind = "machine"
scope = "jobs:read sessions:read"
resources = ["urn:gatekey:admin"]
secret_digest = "sha256:{digest}"
[[users]]
username = "alice"
email = "alice@example.test"
password_hash = "{hash}"
"#,
        key = folder.join("master.key").display(),
        url = database.url(),
    )
}

impl Served {
    /// `top`: keys of the file's head; `sections`: whole sections.
    pub fn start(database: Database, top: &str, sections: &str) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        fs::write(folder.path().join("gatekey.toml"), settings(port, &database, folder.path(), top, sections)).unwrap();
        Self::run(Arc::new(database), Arc::new(folder), port)
    }

    fn run(database: Arc<Database>, folder: Arc<tempfile::TempDir>, port: u16) -> Self {
        let log = File::options().create(true).append(true).open(folder.path().join("log")).unwrap();
        // A write beyond a limit of the process fails, as on a full disk, instead of ending it (`Served::no_file_beyond`).
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_gatekey")]);
        command.args(["serve", "--config"]).arg(folder.path().join("gatekey.toml")).current_dir(folder.path()).env_remove("RUST_LOG");
        // What runs sees none of the tests' own variables, which look like settings.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GATEKEY_")) {
            command.env_remove(name);
        }
        let out = File::options().create(true).append(true).open(folder.path().join("out")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(out).stderr(log).spawn().unwrap();
        let network = Network::new(make(move |request| relay(port, request)));
        let mut served = Self { database, folder, port, issuer: format!("http://localhost:{port}/"), network, child };
        served.wait_until_ready();
        served
    }

    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ready = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut stream| {
                stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
                Reply::read(&mut stream)
            });
            if ready.is_ok_and(|reply| reply.status == 200) {
                return;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "it ended: {}", self.log());
            assert!(Instant::now() < deadline, "not ready in time: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it as a crash does, and starts it again.
    pub fn crash_and_restart(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Self::run(self.database.clone(), self.folder.clone(), self.port)
    }

    /// One more process on the same database and master key, for the same issuer.
    pub fn replica(&self) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let text = fs::read_to_string(self.path("gatekey.toml")).unwrap();
        fs::write(
            folder.path().join("gatekey.toml"),
            text.replace(&format!("listen = \"127.0.0.1:{}\"", self.port), &format!("listen = \"127.0.0.1:{port}\"")),
        )
        .unwrap();
        let mut replica = Self::run(self.database.clone(), Arc::new(folder), port);
        replica.issuer.clone_from(&self.issuer);
        replica
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn backend(&self) -> &'static str {
        if self.database.url().starts_with("sqlite") { "sqlite" } else { "postgres" }
    }

    /// All it has said to whoever started it.
    pub fn output(&self) -> String {
        fs::read_to_string(self.path("out")).unwrap()
    }

    /// All it has logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path("log")).unwrap()).into_owned()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// From now on no file of it may grow beyond so many bytes: what a full disk does, done to one process. `None`: there is room again.
    pub fn no_file_beyond(&self, bytes: Option<u64>) {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
    }

    /// A file of `/proc` about the process.
    pub fn proc(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).unwrap()
    }

    /// Resident memory, in KiB: now (`VmRSS`) or at most (`VmHWM`).
    pub fn memory_kib(&self, which: &str) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with(which)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends bytes as they are, on a connection of their own, and reads the answer.
    pub fn raw(&self, request: &str) -> Reply {
        self.try_raw(request).unwrap_or_else(|error| panic!("no answer ({error}) to {:?}", &request[..request.len().min(200)]))
    }

    /// The same, from a server that may have no place left even to say that it is full.
    pub fn try_raw(&self, request: &str) -> std::io::Result<Reply> {
        let mut stream = self.connect();
        // A server that has heard enough answers and closes before everything is sent.
        let _ = stream.write_all(request.as_bytes());
        Reply::read(&mut stream)
    }

    pub fn browser(&self) -> Browser {
        Browser::new(self.network.clone(), Arc::new(SystemClock))
    }

    pub fn relying_party(&self, client_id: &str) -> RelyingParty {
        let (redirect_uri, secret) = match client_id {
            OWN_PAGE => ("https://own.example.test/callback", false),
            SERVER => ("https://server.example.test/callback", true),
            _ => ("", true),
        };
        let party = RelyingParty::new(&self.network, &self.issuer, client_id, redirect_uri);
        if secret { party.with_secret(SECRET) } else { party }
    }

    /// Signs alice in at an application.
    pub async fn sign_in(&self, browser: &mut Browser, party: &RelyingParty, scope: &str) -> Tokens {
        let response = browser.authorize_as(&party.authorize(scope, &[]), "alice", PASSWORD).await;
        party.exchange(&party.code(&response)).await
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer off the wire.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn read(stream: &mut TcpStream) -> std::io::Result<Self> {
        let broken = || std::io::Error::other("no HTTP answer");
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            if let Some(reply) = Self::parse(&bytes) {
                return Ok(reply);
            }
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                return Err(broken());
            }
            bytes.extend_from_slice(&buffer[..read]);
        }
    }

    /// A whole answer, if it is there. Ours have a length, or no body.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> =
            lines.map(|line| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).unwrap()).collect();
        let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, length)| length.parse().unwrap());
        let body = bytes.get(end + 4..end + 4 + length)?.to_vec();
        Some(Self { status, headers, body })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Passes a request on over a connection of its own, and the answer back.
async fn relay(port: u16, mut request: Request) -> Response {
    let body = request.take_body().into_vec().await.unwrap();
    let mut bytes = format!("{} {} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", request.method(), request.uri(), body.len()).into_bytes();
    for (name, value) in request.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&body);
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&bytes).unwrap();
    let reply = Reply::read(&mut stream).unwrap();
    let mut response = StatusCode::from_u16(reply.status).unwrap().into_response();
    response.headers_mut().clear();
    for (name, value) in reply.headers {
        response.headers_mut().append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
    }
    response.set_body(reply.body);
    response
}
