//! Opening and migrating: several at once, what must be refused, and the likeness of the two databases.

use std::path::Path;

use super::*;

on_both! {
    two_starts_at_once
    a_newer_database_is_left_alone
    pending_migrations_are_told
}

async fn two_starts_at_once(database: Database) {
    let options = Options::new(&database.url);
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let options = options.clone();
            tokio::spawn(async move { Store::open(&options).await })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap().ping().await.unwrap();
    }
}

/// Whoever copies the file of a server that was stopped has all of it. Its connections leave at once, from several threads.
#[tokio::test]
async fn after_a_stop_all_is_in_one_file() {
    let database = Database::new(Backend::Sqlite);
    let path = database.url.strip_prefix("sqlite://").unwrap();
    for turn in 0..200 {
        let store = database.open().await;
        store.write(move |db| store::clients::insert(db, &client(&format!("client-{turn}")))).await.unwrap();
        store.close().await;
        let left: Vec<_> = std::fs::read_dir(Path::new(path).parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 1, "stop {turn} leaves {left:?}");
    }
}

async fn a_newer_database_is_left_alone(database: Database) {
    database.open().await.close().await;
    database.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')");
    assert!(matches!(Store::open(&Options::new(&database.url)).await, Err(OpenError::NewerDatabase(_))));
    assert!(matches!(migrate::run(&Options::new(&database.url)).await, Err(OpenError::NewerDatabase(_))));
}

async fn pending_migrations_are_told(database: Database) {
    let options = Options { migrate: Migrate::RequireCurrent, ..Options::new(&database.url) };
    let before = migrate::status(&options).await.unwrap();
    assert!(before.applied.is_empty() && !before.pending.is_empty());
    assert!(matches!(Store::open(&options).await, Err(OpenError::MigrationsPending(_) | OpenError::FileMissing(_))));
    assert_eq!(migrate::run(&options).await.unwrap(), before.pending);
    assert_eq!(migrate::status(&options).await.unwrap().applied, before.pending);
    assert!(migrate::run(&options).await.unwrap().is_empty());
    Store::open(&options).await.unwrap().ping().await.unwrap();
}

/// The same tables with the same columns, required or not, in both databases.
#[tokio::test]
async fn migrations_give_both_databases_the_same_tables() {
    #[derive(QueryableByName, Debug, PartialEq)]
    struct Column {
        #[diesel(sql_type = diesel::sql_types::Text)]
        place: String,
    }
    let (lite, post) = (Database::new(Backend::Sqlite), Database::new(Backend::Postgres));
    lite.open().await.close().await;
    post.open().await.close().await;
    let in_sqlite = diesel::sql_query(
        "SELECT m.name || '.' || c.name || CASE WHEN c.\"notnull\" THEN ' required' ELSE '' END AS place \
         FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\'",
    )
    .load::<Column>(&mut SqliteConnection::establish(lite.url.strip_prefix("sqlite://").unwrap()).unwrap())
    .unwrap();
    let in_postgres = diesel::sql_query(
        "SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'NO' THEN ' required' ELSE '' END AS place \
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%'",
    )
    .load::<Column>(&mut PgConnection::establish(&post.url).unwrap())
    .unwrap();
    assert!(in_sqlite.len() > 70, "{in_sqlite:?}");
    let only_in = |these: &[Column], those: &[Column]| these.iter().filter(|c| !those.contains(c)).map(|c| c.place.clone()).collect::<Vec<_>>();
    assert_eq!((only_in(&in_sqlite, &in_postgres), only_in(&in_postgres, &in_sqlite)), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn what_cannot_be_opened_says_why_and_is_not_touched() {
    let directory = TempDir::new().unwrap();
    let open = |name: &str| {
        let url = format!("sqlite://{}", directory.path().join(name).display());
        async move { Store::open(&Options::new(&url)).await.map(|_| ()) }
    };
    assert!(matches!(open("missing/gatekey.db").await, Err(OpenError::DirectoryMissing(_))));
    std::fs::write(directory.path().join("text"), "this is no database, only a text that is long enough to be looked at ".repeat(40)).unwrap();
    assert!(matches!(open("text").await, Err(OpenError::NotADatabase(_))));
    assert!(std::fs::read_to_string(directory.path().join("text")).unwrap().starts_with("this is no database"));
    SqliteConnection::establish(directory.path().join("foreign.db").to_str().unwrap()).unwrap().batch_execute("CREATE TABLE theirs (a)").unwrap();
    assert!(matches!(open("foreign.db").await, Err(OpenError::ForeignDatabase(_))));
    open("gatekey.db").await.unwrap();
    let path = directory.path().join("gatekey.db");
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions).unwrap();
    assert!(matches!(open("gatekey.db").await, Err(OpenError::NotWritable { .. })));
    assert_eq!(Store::open(&Options::new("mysql://x")).await.unwrap_err(), OpenError::BadUrl);
}

/// An address where nothing listens: told within seconds, without the password.
#[tokio::test]
async fn an_unreachable_postgres_is_told_soon() {
    let before = Instant::now();
    let error = Store::open(&Options::new("postgres://gatekey:hunter2@127.0.0.1:1/gatekey")).await.unwrap_err();
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
    assert!(!error.to_string().contains("hunter2") && !error.to_string().contains('\n'), "{error}");
    assert!(before.elapsed() < Duration::from_secs(10));
    let debug = format!("{:?}", Options::new("postgres://gatekey:hunter2@127.0.0.1:1/gatekey"));
    assert!(!debug.contains("hunter2"), "{debug}");
}
