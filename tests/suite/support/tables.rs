//! The tables that most flows begin with: made once in a run, by the program's own migrations, and then copied.

use std::path::Path;
use std::sync::OnceLock;

use diesel::{Connection, PgConnection, RunQueryDsl};
use gatekey::store::{Options, migrate};

use super::database::{Backend, Database, on_server, server, url_of};

/// Writes an SQLite database with the tables.
pub fn write(path: &Path) {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = BYTES.get_or_init(|| {
        let database = Database::empty(Backend::Sqlite);
        make(database.url());
        let files = database.files();
        assert_eq!(files.len(), 1, "all of it is in the file");
        files.into_iter().next().unwrap().1
    });
    std::fs::write(path, bytes).unwrap();
    // As the program makes it: for the owner alone.
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// The name of a PostgreSQL database with the tables, to which nobody is connected.
pub fn template() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let (server, name) = (server(), name());
        on_server(&server, &format!("CREATE DATABASE {name}"));
        make(&url_of(&server, &name));
        assert_eq!(at_exit(drop_template), 0);
        name
    })
}

fn name() -> String {
    format!("gatekey_flow_{}_tables", std::process::id())
}

fn make(url: &str) {
    let options = Options::new(url);
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    // A flow that asks has a runtime already.
    let made = std::thread::spawn(move || runtime().block_on(migrate::run(&options)));
    assert!(!made.join().unwrap().unwrap().is_empty());
}

unsafe extern "C" {
    /// The tests' `main` is not ours, and it drops nothing that is static.
    #[link_name = "atexit"]
    safe fn at_exit(run: extern "C" fn()) -> i32;
}

extern "C" fn drop_template() {
    // A server that is gone has no database of ours.
    if let Ok(mut connection) = PgConnection::establish(&server()) {
        let _ = diesel::sql_query(format!("DROP DATABASE {}", name())).execute(&mut connection);
    }
}
