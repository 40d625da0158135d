//! What the database itself says, read past the servers.

use std::collections::HashMap;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Binary, Bool, Text};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection};
use uuid::Uuid;

use crate::installation::{Installation, Kind};

/// A refresh family: one row, so one newest generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    pub generation: u64,
    pub ended: bool,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    generation: i64,
    #[diesel(sql_type = Bool)]
    ended: bool,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Verdict {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

fn sqlite(installation: &Installation) -> SqliteConnection {
    let mut conn = SqliteConnection::establish(installation.url.trim_start_matches("sqlite://")).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
    conn
}

fn postgres(installation: &Installation) -> PgConnection {
    PgConnection::establish(&installation.url).unwrap()
}

pub fn all(installation: &Installation) -> HashMap<Uuid, Family> {
    let rows: Vec<Row> = match installation.kind {
        Kind::Sqlite => diesel::sql_query("SELECT id, generation, ended_at IS NOT NULL AS ended FROM refresh_families").load(&mut sqlite(installation)),
        Kind::Postgres => {
            diesel::sql_query("SELECT uuid_send(id) AS id, generation, ended_at IS NOT NULL AS ended FROM refresh_families").load(&mut postgres(installation))
        }
    }
    .unwrap();
    rows.into_iter().map(|row| (Uuid::from_slice(&row.id).unwrap(), Family { generation: row.generation.try_into().unwrap(), ended: row.ended })).collect()
}

pub fn count(installation: &Installation, statement: &str) -> i64 {
    let count: Count = match installation.kind {
        Kind::Sqlite => diesel::sql_query(statement).get_result(&mut sqlite(installation)),
        Kind::Postgres => diesel::sql_query(statement).get_result(&mut postgres(installation)),
    }
    .unwrap();
    count.count
}

pub fn execute(installation: &Installation, statement: &str) {
    match installation.kind {
        Kind::Sqlite => sqlite(installation).batch_execute(statement),
        Kind::Postgres => postgres(installation).batch_execute(statement),
    }
    .unwrap();
}

/// SQLite's own check of its file; PostgreSQL has none that a client could ask for.
pub fn sound(installation: &Installation) -> Result<(), String> {
    if installation.kind == Kind::Sqlite {
        let verdicts: Vec<Verdict> = diesel::sql_query("PRAGMA integrity_check").load(&mut sqlite(installation)).unwrap();
        match verdicts.first() {
            Some(verdict) if verdict.integrity_check == "ok" => {}
            other => return Err(format!("integrity_check: {:?}", other.map(|verdict| &verdict.integrity_check))),
        }
    }
    Ok(())
}
