//! An installation as an operator has one: a folder with settings, a database, and processes of the binary.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sha2::Digest;

use crate::outside::{Browser, CLIENT, Http};
use crate::postgres::Postgres;

pub const USER: &str = "ada";
pub const PASSWORD: &str = "correct horse battery";
/// Of the client `machine`.
pub const MACHINE_SECRET: &str = "a-secret-of-the-endurance-runs-of-40-letters";
/// What a caller waits for an answer: far more than any may take, so that a hang is seen as one.
pub const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// A port that nobody listens on: below those that the system gives to outgoing connections, and never the same twice.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let start = u16::try_from(std::process::id() % 80).unwrap() * 60;
        let port = 10_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 5_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub struct Installation {
    folder: PathBuf,
    pub kind: Kind,
    /// As `gatekey.toml` has it.
    pub url: String,
    /// PostgreSQL's name of it.
    pub database: String,
    ports: Vec<u16>,
}

impl Installation {
    /// Room for `processes` servers on one fresh database; nothing is started. SQLite's file lies in `disk`, or in the installation's folder.
    pub fn new(place: &Path, kind: Kind, server: Option<&Postgres>, processes: usize, disk: Option<&Path>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = place.join(format!("installation-{number}"));
        std::fs::create_dir(&folder).unwrap();
        let database = format!("installation_{number}");
        let url = match (kind, server) {
            (Kind::Sqlite, _) => format!("sqlite://{}", disk.unwrap_or(&folder).join("gatekey.db").display()),
            (Kind::Postgres, Some(server)) => server.create_database(&database),
            (Kind::Postgres, None) => panic!("PostgreSQL is not started"),
        };
        // Hashing is another matter than what is shown here, so it is made cheap, and so many people may use one account at once;
        // everything else is as shipped.
        let settings = format!(
            "issuer = \"http://localhost/\"\nmaster_key_file = \"{}\"\n[database]\nurl = \"{url}\"\n[passwords]\nmemory_kib = 64\niterations = 1\n\
             [throttle]\nplace_burst = 1000\naccount_burst = 1000\nnetwork_burst = 1000\n\
             [log]\nlevel = \"warn\"\n{CLIENT}\
             [[clients]]\nid = \"machine\"\nname = \"Machine\"\nkind = \"machine\"\nauthentication = \"client_secret_post\"\nsecret_digest = \"sha256:{}\"\n",
            folder.join("gatekey.key").display(),
            sha2::Sha256::digest(MACHINE_SECRET).iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        );
        std::fs::write(folder.join("gatekey.toml"), settings).unwrap();
        Self { folder, kind, url, database, ports: (0..processes).map(|_| free_port()).collect() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::var_os("ENDURANCE_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_gatekey").into()));
        // The binary's own settings begin with GATEKEY_ too.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GATEKEY_")) {
            command.env_remove(name);
        }
        command.arg("--config").arg(self.folder.join("gatekey.toml")).args(arguments).current_dir(&self.folder);
        command
    }

    pub fn create_user(&self) {
        let mut created = self.command(&["user", "create", USER]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        created.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
        assert!(created.wait().unwrap().success());
    }

    pub fn address(&self, process: usize) -> String {
        format!("127.0.0.1:{}", self.ports[process])
    }

    pub fn addresses(&self) -> Vec<String> {
        (0..self.ports.len()).map(|process| self.address(process)).collect()
    }

    /// Begins a process, and does not wait for it.
    pub fn spawn(&self, process: usize) -> Process {
        let log = |name: &str| File::options().create(true).append(true).open(self.folder.join(name)).unwrap();
        let printed = self.folder.join(format!("printed-{process}"));
        let child = self
            .command(&["serve", "--listen", &self.address(process)])
            .stdin(Stdio::null())
            .stdout(File::create(&printed).unwrap())
            .stderr(log("log"))
            .spawn()
            .unwrap();
        writeln!(log("pids"), "{}", child.id()).unwrap();
        Process { child, address: self.address(process), printed, began: Instant::now() }
    }

    /// Begins a process and waits until it is ready.
    pub fn serve(&self, process: usize) -> Process {
        let mut server = self.spawn(process);
        server.ready();
        server
    }

    /// Every process, begun together, all ready.
    pub fn serve_all(&self) -> Vec<Process> {
        let mut servers: Vec<_> = (0..self.ports.len()).map(|process| self.spawn(process)).collect();
        servers.iter_mut().for_each(|server| _ = server.ready());
        servers
    }

    pub fn connect(&self, process: usize) -> Http {
        Http::connect(&self.address(process), PATIENCE).unwrap()
    }

    pub fn sign_in(&self, process: usize) -> Browser {
        Browser::sign_in(&mut self.connect(process), USER, PASSWORD).unwrap()
    }

    /// No process of it may ever have panicked.
    pub fn no_panic(&self) -> Result<(), String> {
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        match log.lines().find(|line| line.contains("panicked")) {
            Some(line) => Err(format!("a server panicked: {line}")),
            None => Ok(()),
        }
    }
}

pub struct Process {
    child: Child,
    pub address: String,
    printed: PathBuf,
    began: Instant,
}

impl Process {
    /// Waits until `/readyz` says so; how long that was since the start.
    pub fn ready(&mut self) -> Duration {
        loop {
            if let Ok(mut http) = Http::connect(&self.address, PATIENCE)
                && http.get("/readyz", &[]).is_ok_and(|answer| answer.status == 200)
            {
                return self.began.elapsed();
            }
            assert!(self.runs(), "the server ended at once: {}", self.last_words());
            assert!(self.began.elapsed() < Duration::from_secs(30), "the server is not ready within 30 s");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.printed.with_file_name("log")).unwrap_or_default();
        log.lines().rev().take(5).collect::<Vec<_>>().join(" / ")
    }

    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The link that makes the first admin, once the server has printed it.
    pub fn first_admin_link(&self) -> String {
        loop {
            let printed = std::fs::read_to_string(&self.printed).unwrap();
            if let Some((_, rest)) = printed.split_once("/setup?link=")
                && let Some((link, _)) = rest.split_once('\n')
            {
                return link.to_owned();
            }
            assert!(self.began.elapsed() < Duration::from_secs(30), "no link was printed: {printed}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; answers whether it ended well, and how long it took.
    pub fn terminate(&mut self) -> (bool, Duration) {
        let began = Instant::now();
        crate::scratch::send("-TERM", &self.child.id().to_string());
        let status = self.child.wait().unwrap();
        (status.success(), began.elapsed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
