//! `gatekey backup` as its operators meet it: one line that says what to do, and never a file lost or half written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use diesel::{Connection, RunQueryDsl, SqliteConnection};

use crate::support::app::App;
use crate::support::database::{Backend, Database, program, run};

/// Exit code 0, and what was printed; or the one line of the refusal.
fn backup(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = program(folder).arg("backup").args(arguments).output().unwrap();
    let (said, refused) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    if output.status.success() {
        return Ok(said);
    }
    assert_eq!((said.as_str(), refused.lines().count(), output.status.code()), ("", 1, Some(1)), "{refused}");
    Err(refused)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn path_of(database: &Database) -> &str {
    database.url().strip_prefix("sqlite://").unwrap()
}

#[test]
fn the_copy_is_whole_private_and_never_written_over_by_mistake() {
    run(Backend::Sqlite, async |database| {
        let app = App::start(database).await;
        let folder = tempfile::tempdir().unwrap();
        let url = app.database.url().to_owned();
        let said = backup(folder.path(), &["copy.db", "--database", &url]).unwrap();
        assert!(said.starts_with("Wrote copy.db (") && said.contains("gatekey.key"), "{said}");
        assert_eq!(names(folder.path()), ["copy.db"], "neither side files nor an unfinished one");
        let copy = folder.path().join("copy.db");
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        let mut connection = SqliteConnection::establish(copy.to_str().unwrap()).unwrap();
        let users = diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM users").get_result::<i64>(&mut connection).unwrap();
        assert_eq!(users, 2);
        drop(connection);

        let first = fs::read(&copy).unwrap();
        let refused = backup(folder.path(), &["copy.db", "--database", &url]).unwrap_err();
        assert!(refused.contains("is there already") && refused.contains("--force"), "{refused}");
        assert_eq!(fs::read(&copy).unwrap(), first);
        fs::write(&copy, "an earlier copy").unwrap();
        backup(folder.path(), &["--force", "copy.db", "--database", &url]).unwrap();
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read(&copy).unwrap().starts_with(b"SQLite format 3"));
        assert_eq!(names(folder.path()), ["copy.db"]);
    });
}

/// Not even with `--force`, and by no other name.
#[test]
fn the_database_is_not_its_own_copy() {
    run(Backend::Sqlite, async |database| {
        let app = App::start(database).await;
        let folder = tempfile::tempdir().unwrap();
        let path = path_of(&app.database).to_owned();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for target in [path.clone(), format!("{path}-wal"), format!("{path}-shm"), link.display().to_string()] {
            let refused = backup(folder.path(), &["--force", &target, "--database", app.database.url()]).unwrap_err();
            assert!(refused.contains("is the database itself"), "{refused}");
        }
        // It still serves.
        app.store.ping().await.unwrap();
        assert_eq!(app.user("alice").await.username, "alice");
    });
}

#[test]
fn what_cannot_be_copied_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::create_dir(here.join("a directory")).unwrap();
    fs::write(here.join("empty.db"), "").unwrap();
    fs::write(here.join("text.db"), "this is no database, and it is longer than the hundred bytes of a header would be, for good measure, thank you").unwrap();
    let before = names(here);
    let refuses = |arguments: &[&str], words: &[&str]| {
        let refused = backup(here, arguments).unwrap_err();
        assert!(words.iter().all(|word| refused.contains(word)), "{arguments:?}: {refused}");
        assert_eq!(names(here), before, "{arguments:?}");
    };
    refuses(&["copy.db"], &["there is no database at", "gatekey.db"]);
    refuses(&["copy.db", "--database", "sqlite://empty.db"], &["nothing has been set up"]);
    refuses(&["copy.db", "--database", "sqlite://text.db"], &["is not an SQLite database"]);
    refuses(&["a directory", "--database", "sqlite://empty.db"], &["is a directory"]);
    refuses(&["nowhere/copy.db", "--database", "sqlite://empty.db"], &["does not exist", "create it"]);
    // The command that it names is run in `restore.rs`.
    let refused = backup(here, &["it's.dump", "--database", "postgres://gatekey:hidden@db.example.com/main?sslmode=require"]).unwrap_err();
    assert!(
        refused.contains(r"`pg_dump --format=custom --file='") && refused.contains(r"it'\''s.dump' 'postgres://gatekey@db.example.com/main?sslmode=require'`"),
        "{refused}"
    );
    assert!(!refused.contains("hidden"), "{refused}");
}

/// A disk that is full in the middle of it: no unfinished file stays, and the earlier copy does.
#[test]
fn a_full_disk_costs_no_earlier_copy() {
    run(Backend::Sqlite, async |database| {
        let app = App::start(database).await;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("copy.db"), "an earlier copy").unwrap();
        // What a full disk does, done to one process: no file of it may grow beyond 8 KiB.
        let line = format!("trap '' XFSZ; ulimit -f 8; exec {} backup --force copy.db --database '{}'", env!("CARGO_BIN_EXE_gatekey"), app.database.url());
        let mut command = std::process::Command::new("sh");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GATEKEY_")) {
            command.env_remove(name);
        }
        let output = command.args(["-c", &line]).current_dir(folder.path()).output().unwrap();
        let refused = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && refused.contains("cannot be written") && refused.contains("free space"), "{refused}");
        assert_eq!(names(folder.path()), ["copy.db"]);
        assert_eq!(fs::read(folder.path().join("copy.db")).unwrap(), b"an earlier copy");
        app.store.ping().await.unwrap();
    });
}

/// In a container the process after one that was killed may have the same id: what that one left harms nobody, and stays for its owner to look at.
#[test]
fn what_a_killed_process_left_is_in_nobodys_way() {
    run(Backend::Sqlite, async |database| {
        let app = App::start(database).await;
        let folder = tempfile::tempdir().unwrap();
        // The shell's own id is the program's after `exec`.
        let line = format!("echo left > copy.db.$$.unfinished; exec {} backup copy.db --database '{}'", env!("CARGO_BIN_EXE_gatekey"), app.database.url());
        let mut command = std::process::Command::new("sh");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GATEKEY_")) {
            command.env_remove(name);
        }
        let output = command.args(["-c", &line]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let left: Vec<_> = names(folder.path()).into_iter().filter(|name| name != "copy.db").collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(fs::read_to_string(folder.path().join(&left[0])).unwrap(), "left\n");
        assert!(fs::read(folder.path().join("copy.db")).unwrap().starts_with(b"SQLite format 3"));
    });
}
