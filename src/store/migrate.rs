//! Bringing a database up to date: what is applied, what is pending, and refusing what this program must not touch.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio::sync::oneshot;

use super::error::one_line;
use super::location::{Location, PostgresUrl};
use super::schema::TABLES;
use super::{Migrate, Options};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Held in PostgreSQL while migrating, so that replicas started together wait for one another.
const MIGRATION_LOCK: i64 = 0x6761_7465_6b65_7901; // "gatekey", 1

/// Why a database cannot be opened: one cause each, one line that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("the database URL is not usable: write `sqlite://gatekey.db`, `sqlite:///var/lib/gatekey/gatekey.db` or `postgres://user:password@host/database`")]
    BadUrl,
    #[error("the PostgreSQL URL is not usable: write `%` in it as `%25`, `/` as `%2F`, `?` as `%3F`, `#` as `%23`, and parameters as `name=value`")]
    BadPostgresUrl,
    #[error("the directory `{0}` for the SQLite database does not exist: create it, or change the database URL")]
    DirectoryMissing(String),
    #[error("there is no database at {0}: run `gatekey serve` or `gatekey migrate` first, or name the right one with --database or --config")]
    FileMissing(String),
    #[error(
        "the SQLite database `{path}` cannot be written ({why}): give the user that runs gatekey write access to the file, to `{path}-wal` and `{path}-shm` if they are there, and to the directory"
    )]
    NotWritable { path: String, why: String },
    #[error("`{path}`, which belongs to the SQLite database beside it, cannot be written: {remedy}")]
    SideFileNotWritable { path: String, remedy: &'static str },
    #[error("`{0}` is not an SQLite database: correct the database URL; the file has not been changed")]
    NotADatabase(String),
    #[error("`{0}` is a database of another program: choose a file of its own for gatekey; the file has not been changed")]
    ForeignDatabase(String),
    #[error("the database at {place} belongs to another program ({why}): give gatekey a database of its own; this one has not been changed")]
    ForeignServerDatabase { place: String, why: String },
    #[error("the SQLite database `{0}` is locked by another process: stop what holds it (a backup, an SQLite shell), then start again")]
    Locked(String),
    #[error("PostgreSQL at {place} cannot be reached: {why}: check that it runs, and `database.url` (GATEKEY_DATABASE__URL, --database)")]
    Unreachable { place: String, why: String },
    #[error("PostgreSQL at {place} refuses the login: {why}: correct what `database.url` says (GATEKEY_DATABASE__URL, --database)")]
    LoginRefused { place: String, why: String },
    #[error("the database is newer than this program (it has the migration `{0}`): start the newer gatekey; the database has not been changed")]
    NewerDatabase(String),
    #[error("the database is older than this program (pending: {0}): run `gatekey migrate`, or start `gatekey serve`, which does the same")]
    MigrationsPending(String),
    #[error("PostgreSQL at {0} is read-only: let the database URL point to the primary")]
    ReadOnlyServer(String),
    #[error(
        "the migration of the database failed and was undone: {0}: give the database user the right to create tables, or restore a backup if the database is damaged"
    )]
    MigrationFailed(String),
    #[error("the database could not be opened: {0}: check that its disk and server are healthy, then start again")]
    Other(String),
}

/// Which migrations a database has, and which it lacks, by name, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    pub applied: Vec<String>,
    pub pending: Vec<String>,
    /// The SQLite file that is not there: then everything is pending.
    pub missing: Option<String>,
}

/// Looks, and changes nothing. A file that could not be written is not even opened: SQLite would leave side files of the same mode behind.
pub async fn status(options: &Options) -> Result<Status, OpenError> {
    let url = options.url.clone();
    on_a_thread(move || {
        let location = Location::parse(&url)?;
        if let Location::Sqlite(path) = &location {
            match prepare_file(path, Migrate::RequireCurrent) {
                Err(OpenError::FileMissing(path)) => return Ok(Status { applied: Vec::new(), pending: names(&SQLITE)?, missing: Some(path) }),
                other => other?,
            }
        }
        connect(&location)?.status()
    })
    .await
}

/// Applies what is pending, all or nothing, and answers the names.
pub async fn run(options: &Options) -> Result<Vec<String>, OpenError> {
    let url = options.url.clone();
    on_a_thread(move || prepare(&Location::parse(&url)?, Migrate::Apply)).await
}

/// Opening a database waits for disk and network: that is done on a thread of its own, so that no runtime is blocked.
pub(super) async fn on_a_thread<T: Send + 'static>(f: impl FnOnce() -> Result<T, OpenError> + Send + 'static) -> Result<T, OpenError> {
    let (reply, answer) = oneshot::channel();
    let spawned = std::thread::Builder::new().name("gatekey-open".to_owned()).spawn(move || {
        // Nobody listens if the future was dropped.
        let _ = reply.send(f());
    });
    match spawned {
        Ok(_) => answer.await.unwrap_or_else(|_| Err(OpenError::Other("the opening thread died".to_owned()))),
        Err(error) => Err(OpenError::Other(error.to_string())),
    }
}

/// Makes sure that the database is there and current. Answers the names of the migrations applied now.
pub(super) fn prepare(location: &Location, migrate: Migrate) -> Result<Vec<String>, OpenError> {
    if let Location::Sqlite(path) = location {
        prepare_file(path, migrate)?;
    }
    let mut connection = connect(location)?;
    let status = connection.status()?;
    if status.pending.is_empty() {
        return Ok(Vec::new());
    }
    match migrate {
        Migrate::RequireCurrent => Err(OpenError::MigrationsPending(status.pending.join(", "))),
        Migrate::Apply => connection.apply(),
    }
}

fn prepare_file(path: &Path, migrate: Migrate) -> Result<(), OpenError> {
    let shown = || path.display().to_string();
    check_directory(path)?;
    if path.is_dir() {
        return Err(OpenError::NotADatabase(shown()));
    }
    if !path.exists() {
        if migrate == Migrate::RequireCurrent {
            // In full: it is missed because the command runs elsewhere than the server, more often than not.
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            return Err(OpenError::FileMissing(path.display().to_string()));
        }
        let mut create = OpenOptions::new();
        create.write(true).create_new(true);
        // It will hold the secrets of refresh families: for the owner alone. SQLite gives its side files the same mode.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut create, 0o600);
        return match create.open(path) {
            Ok(_) => Ok(()),
            // Another start was faster.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(OpenError::NotWritable { path: shown(), why: error.to_string() }),
        };
    }
    // The mode is judged too, because to root every file seems writable.
    let read_only = fs::metadata(path).is_ok_and(|metadata| metadata.permissions().readonly());
    // While somebody is at work it is not opened to try: closing it again would drop the locks that this process holds on it (POSIX).
    let mut index = path.as_os_str().to_owned();
    index.push("-shm");
    if !read_only && Path::new(&index).exists() {
        return check_side_files(path);
    }
    match OpenOptions::new().write(true).open(path) {
        Ok(_) if !read_only => check_side_files(path),
        Ok(_) => Err(OpenError::NotWritable { path: shown(), why: "it is read-only".to_owned() }),
        Err(error) => Err(OpenError::NotWritable { path: shown(), why: error.to_string() }),
    }
}

/// The write-ahead log and its index, left by a crash or by someone who opened the database while it was read-only.
fn check_side_files(path: &Path) -> Result<(), OpenError> {
    for (suffix, remedy) in [
        ("-wal", "make it writable for the user that runs gatekey, and do not remove it: it may hold what was written last"),
        ("-shm", "make it writable for the user that runs gatekey too, or remove it while no gatekey runs"),
    ] {
        let mut side = path.as_os_str().to_owned();
        side.push(suffix);
        let side = Path::new(&side);
        if side.exists() && !is_writable_beside(path, side) {
            return Err(OpenError::SideFileNotWritable { path: side.display().to_string(), remedy });
        }
    }
    Ok(())
}

/// Whether `side` can be written by whom `path` can. It is opened only if it has another owner or mode than `path`: closing a file drops the locks
/// that the same process holds on it (POSIX), and another store in this process may be at work.
fn is_writable_beside(path: &Path, side: &Path) -> bool {
    let (Ok(of_path), Ok(of_side)) = (fs::metadata(path), fs::metadata(side)) else { return true };
    if of_side.permissions().readonly() {
        return false;
    }
    #[cfg(unix)]
    let alike = {
        use std::os::unix::fs::MetadataExt;
        let kind = |metadata: &fs::Metadata| (metadata.uid(), metadata.gid(), metadata.mode());
        kind(&of_path) == kind(&of_side)
    };
    #[cfg(not(unix))]
    let alike = !of_path.permissions().readonly();
    alike || !OpenOptions::new().write(true).open(side).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

fn check_directory(path: &Path) -> Result<(), OpenError> {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() && !directory.is_dir() => Err(OpenError::DirectoryMissing(directory.display().to_string())),
        _ => Ok(()),
    }
}

/// A connection with what messages about it may say.
enum Opened {
    Sqlite(SqliteConnection, String),
    Postgres(PgConnection, PostgresUrl),
}

fn connect(location: &Location) -> Result<Opened, OpenError> {
    match location {
        Location::Sqlite(path) => {
            let shown = path.display().to_string();
            let mut conn = SqliteConnection::establish(&path.to_string_lossy()).map_err(|error| OpenError::Other(error.to_string()))?;
            conn.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;").map_err(|error| sqlite_error(&error, &shown))?;
            Ok(Opened::Sqlite(conn, shown))
        }
        Location::Postgres(url) => match PgConnection::establish(url.expose()) {
            Ok(mut conn) => {
                // English messages, if the user may ask for them: errors are told apart by their text where they have no kind.
                let _ = conn.batch_execute("SET lc_messages = 'C'");
                conn.batch_execute("SET client_min_messages = warning; SET lock_timeout = '60s'")
                    .map_err(|error| OpenError::Other(one_line(&error.to_string())))?;
                Ok(Opened::Postgres(conn, url.clone()))
            }
            Err(error) => Err(connect_error(url, &error.to_string())),
        },
    }
}

/// Sorts libpq's words for "no".
pub(super) fn connect_error(url: &PostgresUrl, message: &str) -> OpenError {
    let (place, why) = (url.shown().to_owned(), one_line(message));
    let refused = ["authentication failed", "no pg_hba.conf entry", "does not exist", "no password supplied", "permission denied", "not permitted to log in"];
    if refused.iter().any(|text| why.contains(text)) && !why.contains("No such file") {
        OpenError::LoginRefused { place, why }
    } else {
        OpenError::Unreachable { place, why }
    }
}

fn sqlite_error(error: &diesel::result::Error, shown: &str) -> OpenError {
    let text = error.to_string();
    let path = shown.to_owned();
    if text.contains("not a database") {
        OpenError::NotADatabase(path)
    } else if text.contains("locked") {
        OpenError::Locked(path)
    } else if text.contains("readonly") || text.contains("unable to open") {
        OpenError::NotWritable { path, why: text }
    } else {
        OpenError::Other(text)
    }
}

fn names_of<DB: diesel::backend::Backend>(source: &impl MigrationSource<DB>) -> Result<Vec<String>, OpenError> {
    let mut names: Vec<String> =
        source.migrations().map_err(|error| OpenError::Other(error.to_string()))?.iter().map(|migration| migration.name().to_string()).collect();
    names.sort();
    Ok(names)
}

fn names(source: &EmbeddedMigrations) -> Result<Vec<String>, OpenError> {
    names_of::<diesel::sqlite::Sqlite>(source)
}

/// Diesel keeps the digits of a name without their dashes as the version.
fn version_of(name: &str) -> String {
    name.split('_').next().unwrap_or_default().replace('-', "")
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

impl Opened {
    fn error(&self, error: &diesel::result::Error) -> OpenError {
        match self {
            Self::Sqlite(_, shown) => sqlite_error(error, shown),
            Self::Postgres(..) => OpenError::Other(one_line(&error.to_string())),
        }
    }

    fn count(&mut self, sql: &str) -> Result<i64, OpenError> {
        let result = match self {
            Self::Sqlite(conn, _) => diesel::sql_query(sql).get_result::<Count>(conn),
            Self::Postgres(conn, _) => diesel::sql_query(sql).get_result::<Count>(conn),
        };
        result.map(|row| row.count).map_err(|error| self.error(&error))
    }

    /// Looks without diesel's own harness, which would create its table before anything can be refused.
    fn status(&mut self) -> Result<Status, OpenError> {
        let (tracked, embedded) = match self {
            Self::Sqlite(_, shown) => {
                let shown = shown.clone();
                // In one look: between two, another start could make the tables.
                const OURS: &str = "SELECT 1 FROM sqlite_master WHERE name = '__diesel_schema_migrations'";
                if self.count(&format!("SELECT count(*) AS count FROM sqlite_master WHERE NOT EXISTS ({OURS})"))? > 0 {
                    return Err(OpenError::ForeignDatabase(shown));
                }
                (self.count(&format!("SELECT count(*) AS count FROM ({OURS})"))? > 0, names(&SQLITE)?)
            }
            Self::Postgres(..) => {
                let tracked =
                    self.count("SELECT count(*) AS count FROM (SELECT to_regclass('__diesel_schema_migrations') AS there) t WHERE there IS NOT NULL")? > 0;
                if !tracked {
                    self.refuse_foreign_tables()?;
                }
                (tracked, names(&POSTGRES)?)
            }
        };
        let mut applied = Vec::new();
        if tracked {
            let sql = diesel::sql_query("SELECT version FROM __diesel_schema_migrations ORDER BY version");
            let result = match self {
                Self::Sqlite(conn, _) => sql.load::<Version>(conn),
                Self::Postgres(conn, _) => sql.load::<Version>(conn),
            };
            applied = result.map_err(|error| self.error(&error))?.into_iter().map(|row| row.version).collect();
        }
        if let Some(unknown) = applied.iter().find(|version| !embedded.iter().any(|name| version_of(name) == **version)) {
            // Whoever keeps track in the same way and has nothing of ours is not a newer gatekey.
            let ours = embedded.iter().any(|name| applied.contains(&version_of(name)));
            return Err(match self {
                _ if ours => OpenError::NewerDatabase(unknown.clone()),
                Self::Sqlite(_, shown) => OpenError::ForeignDatabase(shown.clone()),
                Self::Postgres(_, url) => OpenError::ForeignServerDatabase { place: url.shown().to_owned(), why: format!("it has its migration `{unknown}`") },
            });
        }
        let (applied, pending) = embedded.into_iter().partition(|name| applied.contains(&version_of(name)));
        Ok(Status { applied, pending, missing: None })
    }

    /// A table of one of our names where none was made yet, in the schema where ours would be.
    fn refuse_foreign_tables(&mut self) -> Result<(), OpenError> {
        let Self::Postgres(conn, url) = self else { return Ok(()) };
        let found = diesel::sql_query(
            "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = current_schema() AND tablename = ANY($1) \
             AND to_regclass('__diesel_schema_migrations') IS NULL ORDER BY tablename LIMIT 1",
        )
        .bind::<diesel::sql_types::Array<diesel::sql_types::Text>, _>(TABLES)
        .load::<Table>(conn)
        .map_err(|error| OpenError::Other(one_line(&error.to_string())))?;
        match found.first() {
            Some(table) => Err(OpenError::ForeignServerDatabase {
                place: url.shown().to_owned(),
                why: format!("there is a table `{}` that gatekey did not make", table.name),
            }),
            None => Ok(()),
        }
    }

    /// One transaction around everything, entered by one start at a time; what was pending is asked again inside.
    fn apply(self) -> Result<Vec<String>, OpenError> {
        match self {
            Self::Sqlite(mut conn, shown) => {
                let mut refused = None;
                let applied = conn.immediate_transaction(|conn| {
                    run_pending(conn, &SQLITE).map_err(|error| {
                        refused = Some(error);
                        diesel::result::Error::RollbackTransaction
                    })
                });
                applied.map_err(|error| refused.map_or_else(|| sqlite_error(&error, &shown), OpenError::MigrationFailed))
            }
            Self::Postgres(mut conn, url) => {
                let mut refused = None;
                let applied = conn.transaction(|conn| {
                    diesel::sql_query("SELECT pg_advisory_xact_lock($1)").bind::<diesel::sql_types::BigInt, _>(MIGRATION_LOCK).execute(conn)?;
                    run_pending(conn, &POSTGRES).map_err(|error| {
                        refused = Some(error);
                        diesel::result::Error::RollbackTransaction
                    })
                });
                applied.map_err(|error: diesel::result::Error| match refused {
                    Some(why) if why.contains("read-only") => OpenError::ReadOnlyServer(url.shown().to_owned()),
                    Some(why) => OpenError::MigrationFailed(one_line(&why)),
                    None => OpenError::Other(one_line(&error.to_string())),
                })
            }
        }
    }
}

fn run_pending<DB, C>(conn: &mut C, source: &EmbeddedMigrations) -> Result<Vec<String>, String>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let pending = conn.pending_migrations(EmbeddedMigrationsRef(source)).map_err(|error| error.to_string())?;
    let mut names = Vec::with_capacity(pending.len());
    for migration in pending {
        conn.run_migration(&*migration).map_err(|error| error.to_string())?;
        names.push(migration.name().to_string());
    }
    Ok(names)
}

/// The harness takes its source by value.
struct EmbeddedMigrationsRef<'a>(&'a EmbeddedMigrations);

impl<DB: diesel::backend::Backend> MigrationSource<DB> for EmbeddedMigrationsRef<'_>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<DB>>>> {
        self.0.migrations()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> (tempfile::TempDir, std::path::PathBuf, Options) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gatekey.db");
        let options = Options::new(&format!("sqlite://{}", path.display()));
        (directory, path, options)
    }

    fn names_in(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn the_tables_are_those_of_the_migrations() {
        let (_directory, path, options) = database();
        run(&options).await.unwrap();
        let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        let found = diesel::sql_query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_\\_%' ESCAPE '\\' ORDER BY name")
            .load::<Table>(&mut conn);
        assert_eq!(found.unwrap().into_iter().map(|table| table.name).collect::<Vec<_>>(), TABLES);
    }

    #[tokio::test]
    async fn looking_makes_nothing() {
        let (directory, path, options) = database();
        let looked = status(&options).await.unwrap();
        assert!(looked.missing.is_some_and(|missing| missing.ends_with("gatekey.db")) && !looked.pending.is_empty());
        assert_eq!(names_in(directory.path()), [""; 0]);
        run(&options).await.unwrap();
        // As a server leaves it.
        SqliteConnection::establish(path.to_str().unwrap()).unwrap().batch_execute("PRAGMA journal_mode = WAL; CREATE TABLE more (a)").unwrap();
        assert!(status(&options).await.unwrap().pending.is_empty());
        assert_eq!(names_in(directory.path()), ["gatekey.db"]);
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        assert!(matches!(status(&options).await, Err(OpenError::NotWritable { .. })));
        assert_eq!(names_in(directory.path()), ["gatekey.db"]);
    }

    /// What an SQLite shell leaves behind that looked while the database was read-only.
    #[tokio::test]
    async fn side_files_that_cannot_be_written_are_named() {
        for suffix in ["-shm", "-wal"] {
            let (_directory, path, options) = database();
            run(&options).await.unwrap();
            let side = format!("{}{suffix}", path.display());
            fs::write(&side, "").unwrap();
            let mut permissions = fs::metadata(&side).unwrap().permissions();
            permissions.set_readonly(true);
            fs::set_permissions(&side, permissions).unwrap();
            let error = status(&options).await.unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{side}`")) && error.to_string().contains("make it writable"), "{error}");
            assert_eq!(crate::store::Store::open(&options).await.unwrap_err(), error);
        }
    }

    #[tokio::test]
    async fn the_database_of_another_program_that_keeps_track_alike_is_not_newer() {
        let (_directory, path, options) = database();
        let theirs =
            "CREATE TABLE __diesel_schema_migrations (version TEXT, run_on TEXT); INSERT INTO __diesel_schema_migrations VALUES ('20200101000000', '')";
        SqliteConnection::establish(path.to_str().unwrap()).unwrap().batch_execute(theirs).unwrap();
        assert!(matches!(status(&options).await, Err(OpenError::ForeignDatabase(_))));
    }
}
