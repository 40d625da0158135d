//! A model of users, sessions, codes and refresh families, and the issuer beside it: random steps are done to both, and after each the
//! answer and the state must be the same. P2, P3, P4, P10.
//!
//! `reference.rs` is the model: what the design says, with whole seconds and small numbers. `system.rs` does the steps over the
//! in-process routes of two replicas. proptest draws the steps and finds a short sequence when the two differ.
//!
//! `MODEL_CASES` is the number of sequences on SQLite (64); PostgreSQL gets a sixth of them, for it makes a database for each.

mod reference;
mod system;

use proptest::test_runner::{Config, TestError, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use crate::support::database::Backend;
use reference::World;
use system::{System, on};

/// Steps of a sequence, at most.
const STEPS: usize = 40;

fn check(backend: Backend, share: u32) {
    let cases = std::env::var("MODEL_CASES").map_or(64, |text| text.parse().unwrap_or_else(|_| panic!("MODEL_CASES is no number: {text}")));
    let config = Config { cases: (cases / share).max(1), failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    on(backend);
    let mut runner = TestRunner::new(config.clone());
    let sequences = World::sequential_strategy(1..=STEPS);
    let result = runner.run(&sequences, |(world, steps, seen)| {
        System::test_sequential(config.clone(), world, steps, seen);
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Abort(why)) => panic!("{why}"),
        Err(TestError::Fail(why, (_, steps, _))) => {
            let steps: String = steps.iter().map(|step| format!("  {step:?}\n")).collect();
            panic!("{why}\nafter the last of these steps, with which it is found again:\n{steps}");
        }
    }
    println!("model: {} sequences on {backend:?}, {}", config.cases, system::counts());
}

#[test]
fn the_issuer_does_what_the_model_says_on_sqlite() {
    check(Backend::Sqlite, 1);
}

#[test]
fn the_issuer_does_what_the_model_says_on_postgres() {
    check(Backend::Postgres, 6);
}
