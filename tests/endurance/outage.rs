//! PostgreSQL stands still, dies, turns read-only, has no connection left, is locked: an honest 503, soon, and back by itself. P6, P7.

use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

use crate::families;
use crate::installation::{Installation, Kind};
use crate::postgres::{CONNECTIONS, Postgres};
use crate::traffic::{READS, Retry, STEADY, Traffic, WRITES, judge};

const HEALTHY: Duration = Duration::from_secs(1);
const TROUBLE: Duration = Duration::from_secs(4);
const AFTERWARDS: Duration = Duration::from_secs(4);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Paused,
    Killed,
    ReadOnly,
    NoConnections,
    Locked,
}

pub const FAULTS: &[Fault] = &[Fault::Paused, Fault::Killed, Fault::ReadOnly, Fault::NoConnections, Fault::Locked];

impl Fault {
    pub fn name(self) -> &'static str {
        match self {
            Self::Paused => "every process of the server stopped (SIGSTOP)",
            Self::Killed => "every process of the server killed (SIGKILL)",
            Self::ReadOnly => "the server made read-only",
            Self::NoConnections => "every connection taken by others",
            Self::Locked => "the tables locked by another session",
        }
    }

    fn affected(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::ReadOnly => &[WRITES],
            _ => &[WRITES, READS],
        }
    }

    fn spared(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::ReadOnly => &[STEADY, READS],
            _ => &[STEADY],
        }
    }
}

pub fn run(place: &Path, server: &Postgres, fault: Fault) -> Result<String, String> {
    let installation = Installation::new(place, Kind::Postgres, Some(server), 1, None);
    let mut process = installation.serve(0);
    installation.create_user();
    let traffic = Traffic::start(&installation, Retry::Unknown);
    std::thread::sleep(HEALTHY);
    let began = Instant::now();
    let ended = trouble(server, &installation, fault);
    std::thread::sleep(AFTERWARDS);
    let seen = traffic.stop();
    let verdict = judge(&seen, began, ended, fault.affected(), fault.spared())?;
    if !process.runs() {
        return Err("the server ended".to_owned());
    }
    let ended = families::all(&installation).values().filter(|family| family.ended).count();
    // Only a code that was shown again after its answer was lost ends what it gave.
    let most = if fault == Fault::ReadOnly { 0 } else { 2 };
    if ended > most {
        return Err(format!("{ended} families ended in it"));
    }
    installation.no_panic()?;
    Ok(verdict.to_string())
}

/// Returns when it is over, with the moment at which the database was well again.
fn trouble(server: &Postgres, installation: &Installation, fault: Fault) -> Instant {
    match fault {
        Fault::Paused => {
            server.pause();
            std::thread::sleep(TROUBLE);
            server.resume();
            Instant::now()
        }
        Fault::Killed => {
            server.kill();
            std::thread::sleep(TROUBLE);
            // Returns when it takes connections.
            server.run();
            Instant::now()
        }
        Fault::ReadOnly => {
            server.set_read_only(true);
            std::thread::sleep(TROUBLE);
            server.set_read_only(false);
            Instant::now()
        }
        Fault::NoConnections => {
            let mut taken = Vec::new();
            let began = Instant::now();
            while began.elapsed() < TROUBLE {
                match PgConnection::establish(&server.url("gatekey", "postgres")) {
                    Ok(conn) => taken.push(conn),
                    // All are taken: now the ones it has are cut, and taken too before it gets them back.
                    Err(_) if server.connections(&installation.database) > 0 => server.cut(&installation.database),
                    Err(_) => std::thread::sleep(Duration::from_millis(20)),
                }
            }
            assert!(taken.len() > CONNECTIONS / 2, "{} connections taken", taken.len());
            drop(taken);
            Instant::now()
        }
        Fault::Locked => {
            let mut other = PgConnection::establish(&installation.url).unwrap();
            other.batch_execute("BEGIN; LOCK TABLE clients, sessions, refresh_families, redeemed_codes IN ACCESS EXCLUSIVE MODE").unwrap();
            std::thread::sleep(TROUBLE);
            other.batch_execute("ROLLBACK").unwrap();
            Instant::now()
        }
    }
}
