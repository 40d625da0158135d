//! The server under load: the release binary in a folder of its own, its user, and what the system says it has used.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sha2::Digest;

use super::outside::{Browser, CLIENT, Http};
use super::{PATIENCE, SECRET};

pub struct Server {
    child: Child,
    pub address: String,
    pub database: String,
    pub folder: PathBuf,
    /// Gone with the server, unless the folder was named.
    _temporary: Option<tempfile::TempDir>,
}

impl Server {
    /// In `LOAD_FOLDER`, which stays, or in a new one. The database is a SQLite file in it, or `LOAD_DATABASE`.
    pub fn start() -> Self {
        let named = std::env::var("LOAD_FOLDER").ok().map(PathBuf::from);
        let temporary = named.is_none().then(|| tempfile::tempdir().unwrap());
        let folder = named.unwrap_or_else(|| temporary.as_ref().unwrap().path().to_owned());
        std::fs::create_dir_all(&folder).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let database = std::env::var("LOAD_DATABASE").unwrap_or_else(|_| format!("sqlite://{}", folder.join("gatekey.db").display()));
        std::fs::write(folder.join("gatekey.toml"), settings(&folder, &address, &database)).unwrap();
        let gatekey = |arguments: &[&str]| {
            let mut command = Command::new(std::env::var("LOAD_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_gatekey").to_owned()));
            command.args(["--config", "gatekey.toml"]).args(arguments).current_dir(&folder);
            command
        };
        let began = Instant::now();
        let child = gatekey(&["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while TcpStream::connect(&address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "the server does not start");
            std::thread::sleep(Duration::from_millis(1));
        }
        Http::connect(&address, PATIENCE).unwrap().get("/.well-known/jwks.json", &[]).unwrap();
        let started = began.elapsed();
        let known = gatekey(&["user", "show", "ada"]).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success();
        if !known {
            let mut created = gatekey(&["user", "create", "ada"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            created.stdin.take().unwrap().write_all(b"correct horse battery\n").unwrap();
            assert!(created.wait().unwrap().success());
        }
        let server = Self { child, address, database, folder, _temporary: temporary };
        println!("start to first answer: {} ms; idle: {} MiB resident", started.as_millis(), server.resident_mib());
        server
    }

    /// Ada signs in, by the pages.
    pub fn sign_in(&self) -> Browser {
        Browser::sign_in(&mut self.connect(), "ada", "correct horse battery").unwrap()
    }

    pub fn connect(&self) -> Http {
        Http::connect(&self.address, PATIENCE).unwrap()
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn resident_mib(&self) -> u64 {
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

/// User and system time of a process, in the 10 ms ticks of `/proc`.
pub fn cpu_micros(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10_000
}

fn settings(folder: &Path, address: &str, database: &str) -> String {
    let digest: String = sha2::Sha256::digest(SECRET).iter().map(|byte| format!("{byte:02x}")).collect();
    let key = folder.join("gatekey.key");
    format!(
        r#"
issuer = "http://localhost/"
listen = "{address}"
master_key_file = "{key}"
[database]
url = "{database}"
{CLIENT}[[clients]]
id = "machine"
name = "Machine"
kind = "machine"
authentication = "client_secret_post"
secret_digest = "sha256:{digest}"
scope = "things:read"
"#,
        key = key.display(),
    )
}
