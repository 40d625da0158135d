//! A database for one test: a SQLite file, or a PostgreSQL database of its own. It is gone when the value is dropped.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::{Connection, PgConnection, RunQueryDsl};

use super::tables;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

pub struct Database {
    url: String,
    /// The SQLite file lives in here.
    folder: Option<tempfile::TempDir>,
    /// The PostgreSQL database and the server it is on.
    created: Option<(String, String)>,
}

impl Database {
    /// With the tables, as the program's migrations leave them.
    pub fn create(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let database = Self::empty(backend);
                tables::write(Path::new(database.url.trim_start_matches("sqlite://")));
                database
            }
            Backend::Postgres => Self::on_postgres(&format!("TEMPLATE {}", tables::template())),
        }
    }

    /// With nothing in it: for whoever tests what brings it up to date.
    pub fn empty(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", folder.path().join("gatekey.db").display());
                Self { url, folder: Some(folder), created: None }
            }
            Backend::Postgres => Self::on_postgres(""),
        }
    }

    fn on_postgres(from: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = server();
        let name = format!("gatekey_flow_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        on_server(&server, &format!("CREATE DATABASE {name} {from}"));
        Self { url: url_of(&server, &name), folder: None, created: Some((server, name)) }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn backend(&self) -> Backend {
        if self.folder.is_some() { Backend::Sqlite } else { Backend::Postgres }
    }

    /// The files of a SQLite database, for looking into them; nothing for PostgreSQL.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let Some(folder) = &self.folder else { return Vec::new() };
        let paths = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }

    /// What an operator does while the issuer serves: `gatekey backup`, or the command that it names. The copy lives as long as the folder.
    pub fn copy(&self) -> Copy {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("copy");
        // In an empty folder: neither settings nor a master key are needed.
        let mut command = program(folder.path());
        let output = command.arg("backup").arg(&file).args(["--database", self.url()]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        match self.backend() {
            Backend::Sqlite => assert!(output.status.success(), "{said}"),
            Backend::Postgres => {
                assert!(!output.status.success());
                let named = said.split('`').nth(1).unwrap_or_else(|| panic!("it names a command: {said}"));
                self.on_command_line(named);
            }
        }
        Copy { file, _folder: folder }
    }

    /// Puts a copy in the place of what is there, which nobody may have open.
    pub fn put_back(&self, copy: &Copy) {
        match (&self.folder, &self.created) {
            (Some(folder), _) => {
                for entry in std::fs::read_dir(folder.path()).unwrap() {
                    std::fs::remove_file(entry.unwrap().path()).unwrap();
                }
                std::fs::copy(&copy.file, folder.path().join("gatekey.db")).unwrap();
            }
            (None, Some((server, name))) => {
                on_server(server, &format!("DROP DATABASE {name} WITH (FORCE)"));
                on_server(server, &format!("CREATE DATABASE {name}"));
                self.on_command_line(&format!("pg_restore --exit-on-error --dbname='{}' '{}'", self.without_password().0, copy.file.display()));
            }
            (None, None) => unreachable!(),
        }
    }

    /// The URL without its password, and the password.
    fn without_password(&self) -> (String, String) {
        let mut url = url::Url::parse(&self.url).unwrap();
        let password = url.password().unwrap_or_default().to_owned();
        url.set_password(None).unwrap();
        (url.into(), password)
    }

    /// With PostgreSQL's newest programs on the path, as where the server is.
    fn on_command_line(&self, line: &str) {
        let mut places: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .map(|versions| versions.map(|version| version.unwrap().path().join("bin")).filter(|bin| bin.join("pg_dump").exists()).collect())
            .unwrap_or_default();
        places.sort();
        places.reverse();
        places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let mut command = Command::new("sh");
        command.args(["-c", line]).env("PATH", std::env::join_paths(places).unwrap()).env("PGPASSWORD", self.without_password().1);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A copy of a database, made while it was in use.
pub struct Copy {
    pub file: PathBuf,
    _folder: tempfile::TempDir,
}

/// The real program, in a folder, without the tests' own variables, which look like settings.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatekey"));
    command.current_dir(folder).env_remove("RUST_LOG").stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GATEKEY_")) {
        command.env_remove(name);
    }
    command
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.created {
            on_server(server, &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

pub(super) fn server() -> String {
    std::env::var("GATEKEY_TEST_POSTGRES_URL").expect("GATEKEY_TEST_POSTGRES_URL names a PostgreSQL to make databases in: run tests/run, which starts one")
}

pub(super) fn url_of(server: &str, database: &str) -> String {
    let (before, _) = server.rsplit_once('/').expect("a PostgreSQL URL ends with the database");
    format!("{before}/{database}")
}

pub(super) fn on_server(url: &str, statement: &str) {
    let mut connection = PgConnection::establish(url).expect("GATEKEY_TEST_POSTGRES_URL answers");
    diesel::sql_query(statement).execute(&mut connection).unwrap();
}

/// Makes two tests of each `async fn flow(database: Database)`: one on SQLite, one on PostgreSQL.
macro_rules! each_database {
    ($($flow:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $flow() { $crate::support::database::run($crate::support::database::Backend::Sqlite, super::$flow) })*
        }
        mod on_postgres {
            $(#[test] fn $flow() { $crate::support::database::run($crate::support::database::Backend::Postgres, super::$flow) })*
        }
    };
}
pub(crate) use each_database;

/// The same on a runtime of several threads, for what must hold when callers truly run at once.
macro_rules! each_database_on_threads {
    ($($flow:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $flow() { $crate::support::database::run_on_threads($crate::support::database::Backend::Sqlite, super::$flow) })*
        }
        mod on_postgres {
            $(#[test] fn $flow() { $crate::support::database::run_on_threads($crate::support::database::Backend::Postgres, super::$flow) })*
        }
    };
}
pub(crate) use each_database_on_threads;

/// Runs a flow on a current-thread runtime: what works there works on any.
pub fn run<F: Future<Output = ()>>(backend: Backend, flow: impl FnOnce(Database) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(flow(Database::create(backend)));
}

pub fn run_on_threads<F: Future<Output = ()>>(backend: Backend, flow: impl FnOnce(Database) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(flow(Database::create(backend)));
}
