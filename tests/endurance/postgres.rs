//! A PostgreSQL that may be harmed: its own directory, port and processes. It keeps its default durability (fsync, synchronous_commit).

use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl};

use crate::installation::free_port;
use crate::scratch::send;

/// More than a few servers need, and few enough to use them all up.
pub const CONNECTIONS: usize = 60;

pub struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    /// Of every user: the port is open to all users of this machine.
    password: String,
    process: Mutex<Option<Child>>,
}

/// PostgreSQL refuses to run as root.
fn unprivileged(command: &mut Command) -> &mut Command {
    command.current_dir("/");
    if id("-u", None) == 0 {
        command.gid(id("-g", Some("postgres"))).uid(id("-u", Some("postgres")));
    }
    command
}

fn id(of: &str, user: Option<&str>) -> u32 {
    let output = Command::new("id").arg(of).args(user).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().expect("the user postgres, which the package makes")
}

/// The directory of the newest server programs on this machine.
fn programs() -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    let on_path = || std::env::split_paths(&std::env::var_os("PATH")?).find(|folder| folder.join("initdb").exists());
    found.pop().map(|(_, bin)| bin).or_else(on_path).expect("initdb: install postgresql")
}

impl Postgres {
    pub fn start(place: &Path) -> Self {
        let folder = place.join("postgres");
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        if id("-u", None) == 0 {
            std::os::unix::fs::chown(&folder, Some(id("-u", Some("postgres"))), Some(id("-g", Some("postgres")))).unwrap();
        }
        let mut random = [0; 16];
        File::open("/dev/urandom").unwrap().read_exact(&mut random).unwrap();
        let password = uuid::Uuid::from_bytes(random).simple().to_string();
        let password_file = folder.join("password");
        std::fs::write(&password_file, &password).unwrap();
        let server = Self { programs: programs(), folder, port: free_port(), password, process: Mutex::new(None) };
        let made = unprivileged(Command::new(server.programs.join("initdb")).arg("--pgdata").arg(server.data()))
            .args(["--username", "postgres", "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"])
            .arg("--pwfile")
            .arg(&password_file)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.run();
        // Not a superuser: to those some connections are reserved.
        server.execute(&format!("CREATE ROLE gatekey LOGIN PASSWORD '{}'", server.password));
        server
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts it, and waits until it takes connections.
    pub fn run(&self) {
        let log = File::options().create(true).append(true).open(self.folder.with_extension("log")).unwrap();
        let child = unprivileged(Command::new(self.programs.join("postgres")).arg("-D").arg(self.data()))
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", &format!("port={}", self.port)])
            .args(["-c", &format!("max_connections={CONNECTIONS}"), "-c", "log_min_messages=fatal"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        *self.process.lock().unwrap() = Some(child);
        let began = Instant::now();
        while PgConnection::establish(&self.url("postgres", "postgres")).is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "PostgreSQL does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.with_extension("log")).unwrap_or_default()
    }

    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// A connection of a superuser, for whom there is always room: once the one before has left, whose place is free only when its process has ended.
    pub fn administrator(&self) -> PgConnection {
        let began = Instant::now();
        loop {
            match PgConnection::establish(&self.url("postgres", "postgres")) {
                Err(error) if error.to_string().contains("too many clients") && began.elapsed() < Duration::from_secs(5) => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                connection => return connection.unwrap(),
            }
        }
    }

    pub fn execute(&self, statement: &str) {
        self.administrator().batch_execute(statement).unwrap();
    }

    /// A fresh database of the user `gatekey`.
    pub fn create_database(&self, name: &str) -> String {
        self.execute(&format!("CREATE DATABASE {name} OWNER gatekey"));
        self.url("gatekey", name)
    }

    /// Ends the connections to a database.
    pub fn cut(&self, name: &str) {
        diesel::sql_query(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
            .execute(&mut self.administrator())
            .unwrap();
    }

    /// How many there are to a database.
    pub fn connections(&self, name: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            count: i64,
        }
        let sql = format!("SELECT count(*) AS count FROM pg_stat_activity WHERE datname = '{name}'");
        diesel::sql_query(sql).get_result::<Count>(&mut self.administrator()).unwrap().count
    }

    /// Whether the server, after a reload of its settings, lets transactions write.
    pub fn set_read_only(&self, on: bool) {
        let mut administrator = self.administrator();
        administrator.batch_execute(&format!("ALTER SYSTEM SET default_transaction_read_only = {}", if on { "on" } else { "off" })).unwrap();
        administrator.batch_execute("SELECT pg_reload_conf()").unwrap();
        #[derive(QueryableByName)]
        struct Setting {
            #[diesel(sql_type = diesel::sql_types::Text)]
            value: String,
        }
        let wanted = if on { "on" } else { "off" };
        while diesel::sql_query("SELECT current_setting('default_transaction_read_only') AS value").get_result::<Setting>(&mut administrator).unwrap().value
            != wanted
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The postmaster and every process it has begun.
    fn pids(&self) -> Vec<String> {
        let postmaster = self.process.lock().unwrap().as_ref().map(Child::id).expect("it runs").to_string();
        let mut pids = vec![postmaster.clone()];
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            if stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)) == Some(postmaster.as_str()) {
                pids.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        pids
    }

    /// Every process of it stands still, the postmaster first, so that there are no new ones.
    pub fn pause(&self) {
        self.pids().iter().take(1).for_each(|pid| send("-STOP", pid));
        self.pids().iter().for_each(|pid| send("-STOP", pid));
    }

    pub fn resume(&self) {
        self.pids().iter().rev().for_each(|pid| send("-CONT", pid));
    }

    /// `kill -9` of every process.
    pub fn kill(&self) {
        self.pids().iter().for_each(|pid| send("-KILL", pid));
        if let Some(mut child) = self.process.lock().unwrap().take() {
            child.wait().unwrap();
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut child) = self.process.lock().unwrap().take() {
            send("-QUIT", &child.id().to_string());
            let _ = child.wait();
        }
    }
}
