//! What cannot be shown inside one process: real servers on a real database, raced, killed, starved and stopped.
//!
//!     cargo bench --bench endurance -- races crashes outage disk shutdown
//!     cargo bench --bench endurance -- races=50000 crashes=200
//!
//! A name may carry its amount: contested objects a database for `races`, rounds a database for `crashes`. `ENDURANCE_BINARY` names another
//! binary than the one built beside this program. PostgreSQL is started here, in a directory of its own, because it is killed here too.
//! Each check is one run on one database; the last line counts them, and the exit status is 0 if all passed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../support/outside/mod.rs"]
#[allow(dead_code, unused_imports)] // shared with programs that use more of it
mod outside;

mod callers;
mod crashes;
mod disk;
mod families;
mod installation;
mod line;
mod outage;
mod postgres;
mod races;
mod scratch;
mod shutdown;
mod traffic;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use installation::Kind;
use postgres::Postgres;
use scratch::Scratch;

const RUNS: &str = "races, crashes, outage, disk and shutdown";

/// What a run has to say, or why it failed.
type Outcome = Result<String, String>;

fn main() -> ExitCode {
    // `cargo bench` adds an option of its own.
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if named.is_empty() {
        println!("endurance: nothing was named, so nothing ran: the runs are {RUNS}");
        return ExitCode::SUCCESS;
    }
    let mut report = Report::default();
    let scratch = Scratch::new();
    let place = scratch.path();
    let mut server = None;
    for argument in &named {
        let (name, amount) = match argument.split_once('=') {
            Some((name, amount)) => (name, Some(amount.parse().unwrap_or_else(|_| panic!("`{argument}`: the amount must be a number")))),
            None => (argument.as_str(), None),
        };
        match name {
            "races" => on_each(place, &mut server, |kind, server| report.check("races", kind, || races::run(place, kind, server, amount.unwrap_or(5_200)))),
            "crashes" => on_each(place, &mut server, |kind, server| report.check("crashes", kind, || crashes::run(place, kind, server, amount.unwrap_or(20)))),
            "shutdown" => {
                on_each(place, &mut server, |kind, server| report.check("shutdown", kind, || shutdown::run(place, kind, server, amount.unwrap_or(5))))
            }
            "outage" => {
                let server = server.get_or_insert_with(|| Postgres::start(place));
                for fault in outage::FAULTS {
                    report.check(&format!("outage, {}", fault.name()), Kind::Postgres, || outage::run(place, server, *fault));
                }
            }
            "disk" => report.check("disk full", Kind::Sqlite, || disk::run(place)),
            _ => panic!("there is no run `{name}`: the runs are {RUNS}"),
        }
    }
    drop(server);
    println!("endurance: {} passed, {} failed", report.passed, report.failed);
    if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn on_each(place: &std::path::Path, server: &mut Option<Postgres>, mut run: impl FnMut(Kind, &Postgres)) {
    let server = server.get_or_insert_with(|| Postgres::start(place));
    for kind in [Kind::Sqlite, Kind::Postgres] {
        run(kind, server);
    }
}

#[derive(Default)]
struct Report {
    passed: u32,
    failed: u32,
}

impl Report {
    /// A panic in a run is its failure, and no reason to leave out the others.
    fn check(&mut self, name: &str, kind: Kind, run: impl FnOnce() -> Outcome) {
        let began = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err("it panicked, as told above".to_owned()));
        let seconds = began.elapsed().as_secs_f32();
        match outcome {
            Ok(told) => {
                self.passed += 1;
                println!("ok      {name} · {kind} · {seconds:.1} s\n        {}", told.replace('\n', "\n        "));
            }
            Err(why) => {
                self.failed += 1;
                println!("FAILED  {name} · {kind} · {seconds:.1} s\n        {why}");
            }
        }
    }
}
