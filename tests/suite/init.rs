//! `gatekey init`: what it writes, and where it writes nothing.

use std::fs;

use crate::commands::Place;
use crate::support::database::{Backend, Database};

/// What is printed to be typed next finds what was written.
#[test]
fn the_next_command_is_told_whole() {
    let place = Place::new();
    let told = place.says(&["init", "--config", "my settings.toml"]);
    assert!(told.contains("Wrote gatekey.key\n") && told.ends_with("Next: gatekey serve --config 'my settings.toml'\n"), "{told}");
    assert!(place.0.path().join("my settings.toml").exists());
    place.refuses(&["init", "--config", "my settings.toml"], "exists already");
    let told = place.says(&["init", "--config", "other.toml", "--database", "sqlite://other.db"]);
    assert!(told.contains("Left gatekey.key as it is\n") && told.ends_with("Next: gatekey serve --config other.toml, with the same --database\n"), "{told}");
}

/// SE-04: a database that was made with a key gets no other one, by any way; nor is anything else written.
fn no_key_beside_a_database_that_has_lost_its_own(backend: Backend) {
    let (place, database) = (Place::new(), Database::empty(backend));
    let here = ["--database", database.url()];
    let with_database = |arguments: &[&str]| place.says(&[arguments, &here[..]].concat());
    let key = place.0.path().join("gatekey.key");
    // The control: an empty database gets a key, and so does one with tables and nothing in them.
    with_database(&["init", "--key-only"]);
    fs::remove_file(&key).unwrap();
    with_database(&["migrate"]);
    with_database(&["init", "--key-only"]);
    with_database(&["user", "create", "alice", "--no-password"]);

    let lost = place.0.path().join("lost.key");
    fs::rename(&key, &lost).unwrap();
    for arguments in [&["init", "--key-only"][..], &["init", "--config", "new.toml"]] {
        place.refuses(&[arguments, &here[..]].concat(), "Put the old file back");
        assert!(!key.exists() && !place.0.path().join("new.toml").exists());
    }
    fs::rename(&lost, &key).unwrap();
    assert!(with_database(&["init", "--config", "new.toml"]).contains("Left gatekey.key as it is"));
    assert!(with_database(&["user", "list"]).contains("alice"));
}

#[test]
fn no_key_beside_a_database_that_has_lost_its_own_on_sqlite() {
    no_key_beside_a_database_that_has_lost_its_own(Backend::Sqlite);
}

#[test]
fn no_key_beside_a_database_that_has_lost_its_own_on_postgres() {
    no_key_beside_a_database_that_has_lost_its_own(Backend::Postgres);
}

/// The server of the database may come later: that nobody can say whether it has a key is said.
#[test]
fn a_database_that_is_away_is_no_reason_to_wait() {
    let place = Place::new();
    let warned = place.warns(&["init", "--key-only", "--database", "postgres://gatekey:hunter2hunter2@127.0.0.1:1/gatekey"]);
    assert!(warned.contains("cannot be seen") && warned.contains("GATEKEY_DATABASE__URL") && !warned.contains("hunter2"), "{warned}");
    assert!(place.0.path().join("gatekey.key").exists());
}
