//! A database for one test: a SQLite file, or a PostgreSQL database of its own. It is gone when the value is dropped.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::{Connection, PgConnection, RunQueryDsl};

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
    pub fn create(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", folder.path().join("gatekey.db").display());
                Self { url, folder: Some(folder), created: None }
            }
            Backend::Postgres => {
                static NEXT: AtomicU32 = AtomicU32::new(0);
                let server = std::env::var("GATEKEY_TEST_POSTGRES_URL")
                    .expect("GATEKEY_TEST_POSTGRES_URL names a PostgreSQL to make databases in: run tests/run, which starts one");
                let name = format!("gatekey_flow_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
                on_server(&server, &format!("CREATE DATABASE {name}"));
                let (before, _) = server.rsplit_once('/').expect("a PostgreSQL URL ends with the database");
                Self { url: format!("{before}/{name}"), folder: None, created: Some((server, name)) }
            }
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn backend(&self) -> Backend {
        if self.folder.is_some() { Backend::Sqlite } else { Backend::Postgres }
    }

    /// The files of a SQLite database that nobody has open; nothing for PostgreSQL.
    pub fn back_up(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let Some(folder) = &self.folder else { return Vec::new() };
        let paths = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }

    /// Puts the files of a backup back in the place of what is there.
    pub fn restore(&self, backup: &[(PathBuf, Vec<u8>)]) {
        for entry in std::fs::read_dir(self.folder.as_ref().expect("SQLite").path()).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for (path, bytes) in backup {
            std::fs::write(path, bytes).unwrap();
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.created {
            on_server(server, &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

fn on_server(url: &str, statement: &str) {
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
