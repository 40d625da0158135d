//! The program as its operators meet it: it starts and stops cleanly, and when it cannot start it says in one line what to do,
//! and damages nothing.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection};
use sha2::{Digest, Sha256};

use crate::support::database::{Backend, Database};
use crate::support::receiver::ca_file;

const PROGRAM: &str = env!("CARGO_BIN_EXE_gatekey");
/// Long enough for the slowest machine; whoever needs it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with settings, as an operator has it.
struct Installation {
    folder: tempfile::TempDir,
    port: u16,
}

/// A port that nobody listens on: below those that the system gives to outgoing connections, and never the same twice.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 10_000 + u16::try_from(std::process::id() % 97).unwrap() * 50;
    let mut ports = std::iter::repeat_with(|| base + NEXT.fetch_add(1, Ordering::Relaxed));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

impl Installation {
    /// With a database in the same folder.
    fn new() -> Self {
        Self::with("")
    }

    /// `more` is added to the settings.
    fn with(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let installation = Self { folder, port };
        installation.settings(more);
        installation
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self, more: &str) {
        let database =
            if more.contains("[database]") { String::new() } else { format!("[database]\nurl = \"sqlite://{}\"\n", self.path("gatekey.db").display()) };
        let key = self.path("master.key").display().to_string();
        let text = format!("issuer = \"http://localhost:{0}/\"\nlisten = \"127.0.0.1:{0}\"\nmaster_key_file = \"{key}\"\n{more}\n{database}", self.port);
        fs::write(self.path("gatekey.toml"), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(Path::new(PROGRAM), arguments)
    }

    /// What runs sees none of the tests' own variables, which look like settings.
    fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).arg("--config").arg(self.path("gatekey.toml")).current_dir(self.folder.path()).env_remove("RUST_LOG");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GATEKEY_")) {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts it, waits until it is ready, stops it as a service manager does.
    fn start_and_stop(&self) {
        let mut running = self.start();
        stop(&mut running);
    }

    fn start(&self) -> Child {
        let mut child = self.command(&["serve"]).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !self.is_ready() {
            if let Some(status) = child.try_wait().unwrap() {
                let mut said = String::new();
                child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("it ended with {status}: {said}");
            }
            assert!(Instant::now() < deadline, "not ready in time");
            std::thread::sleep(Duration::from_millis(20));
        }
        child
    }

    fn is_ready(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("GET /readyz HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n", self.port);
        let mut answer = String::new();
        stream.write_all(request.as_bytes()).is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
    }

    /// Tries to start it; it must refuse, in one line with all of `words`, and leave the files as they were.
    fn refuses(&self, words: &[&str]) {
        refuses(&mut self.command(&["serve"]), self.folder.path(), words);
    }
}

fn refuses(command: &mut Command, folder: &Path, words: &[&str]) {
    let before = files(folder);
    let mut child = command.spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it neither started nor gave up: expected {words:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let (mut out, mut said) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(!status.success() && status.code().is_some(), "it ended with {status}: {said}");
    assert_eq!(said.trim_end().lines().count(), 1, "one line, not:\n{said}");
    assert!(!said.contains("panicked") && !said.contains("Error {"), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
    assert_eq!(out, "", "nothing on standard output");
    assert_eq!(files(folder), before, "nothing was changed: {said}");
}

fn stop(child: &mut Child) {
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "SIGTERM is a clean end, not {status}");
            return;
        }
        assert!(Instant::now() < deadline, "it did not stop");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Every file and the digest of its bytes, once SQLite has brought its write-ahead log home.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let database = folder.join("gatekey.db");
    if fs::read(&database).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3"))
        && let Ok(mut connection) = SqliteConnection::establish(database.to_str().unwrap())
    {
        // What cannot be written stays as it is, and then its bytes say so.
        let _ = diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection);
    }
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let content = paths.filter(|path| path.is_file() && !path.to_string_lossy().ends_with("-shm"));
    let mut files: Vec<_> = content
        .map(|path| (path.clone(), fs::read(&path).unwrap_or_default()))
        .filter(|(path, bytes)| !(bytes.is_empty() && path.to_string_lossy().ends_with("-wal")))
        .map(|(path, bytes)| (path, Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()))
        .collect();
    files.sort();
    files
}

/// The control of everything below: what is made at the first start is found at the second, and the key is nobody else's to read.
#[test]
fn starts_stops_and_starts_again() {
    let installation = Installation::new();
    installation.start_and_stop();
    let key = fs::read(installation.path("master.key")).unwrap();
    assert_eq!(fs::metadata(installation.path("master.key")).unwrap().permissions().mode() & 0o777, 0o600);
    installation.start_and_stop();
    assert_eq!(fs::read(installation.path("master.key")).unwrap(), key);
}

/// The client of the console is nobody's who gave a command.
#[test]
fn the_clients_are_told_with_where_they_come_from() {
    let installation = Installation::with("[[clients]]\nid = \"notes\"\nkind = \"spa\"\nredirect_uris = [\"https://notes.example.com/cb\"]\n");
    installation.start_and_stop();
    let run = |arguments: &[&str]| String::from_utf8(installation.command(arguments).output().unwrap().stdout).unwrap();
    run(&["client", "create", "job", "--kind", "machine", "--scope", "jobs:run"]);
    let list = run(&["client", "list"]);
    for (id, origin) in [("gatekey-console", "the server itself"), ("notes", "file"), ("job", "command or API")] {
        let line = list.lines().find(|line| line.starts_with(id)).unwrap_or_else(|| panic!("{id}: {list}"));
        assert!(line.contains(&format!("  {origin}")), "{line}");
    }
}

#[test]
fn bad_settings_are_named_with_their_place() {
    let installation = Installation::with("lisen = \"127.0.0.1:1\"");
    installation.refuses(&["gatekey.toml", "lisen", "listen"]);
    installation.settings("[lifetimes]\nsession_absolute = \"30 days\"");
    installation.refuses(&["gatekey.toml", "session_absolute", "P30D"]);
    installation.settings("issuer = ");
    installation.refuses(&["gatekey.toml"]);
    installation.settings("[[clients]]\nid = \"x\"\nkind = \"spa\"\nredirect_uris = [\"http://example.com/\"]");
    installation.refuses(&["http://example.com/", "https"]);
    fs::remove_file(installation.path("gatekey.toml")).unwrap();
    installation.refuses(&["gatekey.toml"]);
    assert!(!installation.path("gatekey.db").exists(), "settings are judged before a database is made");
    assert!(!installation.path("master.key").exists());
}

#[test]
fn a_command_that_is_none_is_told() {
    let status = Command::new(PROGRAM).arg("sevre").output().unwrap();
    assert!(!status.status.success());
    assert!(String::from_utf8(status.stderr).unwrap().contains("serve"));
}

/// SE-04: without the key it was made with, a database is not touched, and no other key is made for it.
#[test]
fn the_master_key_must_be_the_right_one() {
    let installation = Installation::new();
    installation.start_and_stop();
    let right = fs::read(installation.path("master.key")).unwrap();

    fs::remove_file(installation.path("master.key")).unwrap();
    installation.refuses(&["master.key"]);

    let other = Installation::new();
    other.start_and_stop();
    fs::copy(other.path("master.key"), installation.path("master.key")).unwrap();
    installation.refuses(&["master key"]);

    for malformed in ["", "short", "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!"] {
        fs::write(installation.path("master.key"), malformed).unwrap();
        installation.refuses(&["master key"]);
    }
    fs::write(installation.path("master.key"), &right).unwrap();
    fs::set_permissions(installation.path("master.key"), fs::Permissions::from_mode(0o644)).unwrap();
    installation.refuses(&["master.key", "chmod 600"]);
    fs::set_permissions(installation.path("master.key"), fs::Permissions::from_mode(0o600)).unwrap();
    installation.start_and_stop();
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let statement = "INSERT INTO __diesel_schema_migrations (version, run_on) VALUES ('29990101000000', CURRENT_TIMESTAMP)";

    let installation = Installation::new();
    installation.start_and_stop();
    let mut connection = SqliteConnection::establish(installation.path("gatekey.db").to_str().unwrap()).unwrap();
    diesel::sql_query(statement).execute(&mut connection).unwrap();
    drop(connection);
    installation.refuses(&["newer"]);

    let database = Database::empty(Backend::Postgres);
    let installation = Installation::with(&format!("[database]\nurl = \"{}\"", database.url()));
    installation.start_and_stop();
    let mut connection = PgConnection::establish(database.url()).unwrap();
    diesel::sql_query(statement).execute(&mut connection).unwrap();
    installation.refuses(&["newer"]);
}

#[test]
fn a_port_in_use_is_named() {
    let installation = Installation::new();
    installation.start_and_stop();
    let _taken = TcpListener::bind(("127.0.0.1", installation.port)).unwrap();
    installation.refuses(&[&installation.port.to_string(), "listen"]);
}

/// Though the certificates are needed for the first notice only.
#[test]
fn a_ca_file_without_certificates_is_named() {
    let installation = Installation::new();
    installation.start_and_stop();
    let nothing = installation.path("ca.pem");
    for text in [None, Some("no certificate")] {
        if let Some(text) = text {
            fs::write(&nothing, text).unwrap();
        }
        installation.settings(&format!("[logout]\nca_file = \"{}\"", nothing.display()));
        installation.refuses(&["ca.pem", "`ca_file` of [logout]"]);
    }
    installation.settings(&format!("[logout]\nca_file = \"{}\"", ca_file().display()));
    installation.start_and_stop();
}

#[test]
fn the_log_has_the_level_and_the_form_that_are_set() {
    let installation = Installation::new();
    let logged = |log: &str| {
        installation.settings(&format!("[log]\n{log}"));
        let mut child = installation.start();
        stop(&mut child);
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    };
    let unless_said = logged("");
    assert!(unless_said.contains(" INFO ") && !unless_said.contains(" DEBUG "), "{unless_said}");
    assert_eq!(logged("level = \"error\""), "");
    let all = logged("level = \"trace\"");
    assert!(all.contains(" INFO ") && all.contains(" DEBUG "), "{all}");
    let json = logged("format = \"json\"");
    let lines: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["level"] == "INFO") && lines.iter().all(|line| line["message"].is_string()), "{json}");
}

/// As another user than the one who runs the tests when that is root, whom no mode stops.
#[test]
fn a_read_only_file_is_named() {
    let installation = Installation::new();
    installation.start_and_stop();
    let program = installation.path("program");
    // By another process: a file that this one had open for writing could be "busy" to a child that another test forks just then.
    assert!(Command::new("cp").arg(PROGRAM).arg(&program).status().unwrap().success());
    let root = fs::metadata(installation.folder.path()).unwrap();
    let is_root = std::os::unix::fs::MetadataExt::uid(&root) == 0;
    if is_root {
        for path in ["master.key", "gatekey.toml"] {
            std::os::unix::fs::chown(installation.path(path), Some(65534), Some(65534)).unwrap();
        }
    }
    let set = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&program, 0o755);
    set(&installation.path("gatekey.db"), 0o444);
    set(installation.folder.path(), 0o555);
    let mut command = installation.command_of(&program, &["serve"]);
    if is_root {
        command.uid(65534).gid(65534);
    }
    refuses(&mut command, installation.folder.path(), &["gatekey.db", "writ"]);
    set(installation.folder.path(), 0o755);
}

#[test]
fn what_is_no_database_is_left_as_it_is() {
    let installation = Installation::new();
    fs::write(installation.path("gatekey.db"), "Dear diary, this is no database. ".repeat(200)).unwrap();
    installation.refuses(&["gatekey.db", "database"]);

    let installation = Installation::with(&format!("[database]\nurl = \"sqlite://{}\"", "/nowhere/at/all/gatekey.db"));
    installation.refuses(&["/nowhere/at/all"]);

    let installation = Installation::with("[database]\nurl = \"mysql://localhost/gatekey\"");
    installation.refuses(&["sqlite://", "postgres://"]);
}

/// What is printed to be opened is not where anybody listens: that is said where it is printed.
#[test]
fn a_link_that_leads_elsewhere_is_warned_of() {
    let installation = Installation::new();
    let elsewhere = format!("http://localhost:{}/", free_port());
    for (arguments, warned) in [(&["serve", "--issuer", &elsewhere][..], true), (&["serve"], false)] {
        let mut child = installation.command(arguments).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !installation.is_ready() {
            assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "not ready in time");
            std::thread::sleep(Duration::from_millis(20));
        }
        stop(&mut child);
        let mut out = String::new();
        child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        assert_eq!(out.contains("Warning: every link of"), warned, "{out}");
        assert!(!warned || out.contains(&format!("`--issuer http://localhost:{}/`", installation.port)), "{out}");
        let mut log = String::new();
        child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(!log.contains("every link of"), "once is enough: {log}");
        let warning = out.find("Warning").unwrap_or_default();
        assert!(out.find("/setup?link=").is_some_and(|link| warning < link), "before the link: {out}");
    }
}

/// The message names the server, never the password.
#[test]
fn an_unreachable_postgresql_is_named() {
    let nobody = free_port();
    let installation = Installation::with(&format!("[database]\nurl = \"postgres://gatekey:hunter2hunter2@127.0.0.1:{nobody}/gatekey\""));
    installation.refuses(&["127.0.0.1"]);
    assert!(!said(&installation).contains("hunter2"));

    // However short it is and wherever else it stands, nothing of the message is made unreadable for it; and one that libpq would not read, and
    // quote for that, does not come to it.
    let installation = Installation::with(&format!("[database]\nurl = \"postgres://gatekey:e@127.0.0.1:{nobody}/gatekey\""));
    installation.refuses(&["cannot be reached: connection to server at \"127.0.0.1\"", "refused", "check that it runs"]);
    let installation = Installation::with(&format!("[database]\nurl = \"postgres://gatekey:hunter2%zz@127.0.0.1:{nobody}/gatekey\""));
    installation.refuses(&["write `%` in it as `%25`"]);
    assert!(!said(&installation).contains("hunter2"));

    let database = Database::empty(Backend::Postgres);
    let wrong = url::Url::parse(database.url()).map(|mut url| url.set_password(Some("hunter2hunter2")).map(|()| url)).unwrap().unwrap();
    let installation = Installation::with(&format!("[database]\nurl = \"{wrong}\""));
    installation.refuses(&["password", "`database.url`", "GATEKEY_DATABASE__URL"]);
    assert!(!said(&installation).contains("hunter2"));

    let mut missing = url::Url::parse(database.url()).unwrap();
    missing.set_path("/no_such_database");
    let installation = Installation::with(&format!("[database]\nurl = \"{missing}\""));
    installation.refuses(&["no_such_database"]);
}

fn said(installation: &Installation) -> String {
    String::from_utf8(installation.command(&["serve"]).output().unwrap().stderr).unwrap()
}
