//! The power goes while the real program serves on SQLite: nothing that was acknowledged is lost. P1.
//!
//! `recorder.c` records what the program does to its files, flushes among it. `disk.rs` works out what a disk holds after a cut at any
//! moment of that record: what was flushed for sure, and of the rest nothing, everything, or some sectors. Each such disk is started
//! from, and asked for all that had been acknowledged by then.
//!
//! The same moments on a disk that ignores the flushes of commits, which is what `synchronous=NORMAL` would be: there something
//! acknowledged must be lost, or this test would not notice if it were.
//!
//! `POWER_CUT_ROUNDS` moments (40), `POWER_CUT_SECONDS` of load (4), `POWER_CUT_SEED` to have a failure again on a like record.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod disk;
mod http;
mod load;

use std::path::Path;
use std::time::Duration;

use diesel::prelude::*;
use gatekey::Issuer;
use gatekey::store::{Migrate, Options, Store, redeemed_codes, refresh_families};

use disk::{Dice, Disk, Flushes, Rest};
use load::{Acknowledged, Done, Place, settings_in};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[derive(QueryableByName)]
struct Verdict {
    #[diesel(sql_type = diesel::sql_types::Text)]
    integrity_check: String,
}

/// Whether the database holds what was acknowledged.
async fn holds(store: &Store, done: Done) -> bool {
    let read = store.read(move |db| {
        let (Done::Redeemed(grant) | Done::Rotated(grant, _) | Done::Revoked(grant) | Done::SignedOut(grant)) = done;
        let Some(facts) = refresh_families::facts(db, grant)? else { return Ok(false) };
        let ended = facts.family.ended.is_some();
        Ok(match done {
            Done::Redeemed(_) => redeemed_codes::find(db, grant)?.is_some() && facts.session.is_some(),
            Done::Rotated(_, generation) => facts.family.generation >= generation,
            Done::Revoked(_) => ended,
            Done::SignedOut(_) => ended && facts.session.is_some_and(|session| session.ended.is_some()),
        })
    });
    read.await.unwrap()
}

/// Starts from a disk and counts what is missing of what had been acknowledged.
fn missing(disk: &Path, acknowledged: &[Acknowledged]) -> usize {
    let path = disk.join("gatekey.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let lost = runtime.block_on(async {
        if acknowledged.is_empty() {
            return 0;
        }
        // As the server opens it: recovery is its own.
        let options = Options { migrate: Migrate::RequireCurrent, ..Options::new(&format!("sqlite://{}", path.display())) };
        let store = match Store::open(&options).await {
            Ok(store) => store,
            // Not even the tables are there.
            Err(_) => return acknowledged.len(),
        };
        let mut lost = 0;
        for acknowledgement in acknowledged {
            lost += usize::from(!holds(&store, acknowledgement.done).await);
        }
        store.close().await;
        lost
    });
    if path.exists() {
        let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        let verdicts: Vec<Verdict> = diesel::sql_query("PRAGMA integrity_check").load(&mut connection).unwrap();
        assert_eq!(verdicts.iter().map(|verdict| verdict.integrity_check.as_str()).collect::<Vec<_>>(), ["ok"]);
    }
    lost
}

/// The issuer starts on what is left, with the master key that is left.
fn starts(place: &Place, disk: &Path) {
    let settings = settings_in(place, disk);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let issuer = Issuer::builder(settings).build().await.unwrap_or_else(|error| panic!("it does not start: {error}"));
        issuer.close().await;
    });
}

/// Moments at which the power goes: while it starts for the first time, right after an answer, and anywhere.
fn moments(rounds: usize, entries: &[usize], acknowledged: &[Acknowledged], dice: &mut Dice) -> Vec<usize> {
    let first = acknowledged.iter().map(|a| a.at).min().expect("something was acknowledged");
    let started = entries.partition_point(|end| *end < first);
    let mut moments: Vec<usize> = (0..rounds)
        .map(|round| match round % 4 {
            0 => entries[dice.below(started)],
            1 => entries[dice.below(entries.len())],
            _ => acknowledged[dice.below(acknowledged.len())].at,
        })
        .collect();
    moments.sort_unstable();
    moments
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_goes() {
    let rounds = usize::try_from(number("POWER_CUT_ROUNDS", 40)).unwrap();
    let seed = number("POWER_CUT_SEED", u64::from(std::process::id()));
    let place = Place::new();
    let acknowledged = place.run(Duration::from_secs(number("POWER_CUT_SECONDS", 4)));
    let record = std::fs::read(place.path("record")).unwrap();
    let entries = Disk::entries(&record);
    let moments = moments(rounds, &entries, &acknowledged, &mut Dice::new(seed));

    let mut lost = [0, 0];
    let mut checked = 0;
    for (which, flushes) in [Flushes::All, Flushes::AllButCommits].into_iter().enumerate() {
        let (mut disk, mut dice) = (Disk::new(&record, flushes), Dice::new(seed ^ 1));
        for (round, moment) in moments.iter().enumerate() {
            disk.advance(*moment);
            let rest = [Rest::Nothing, Rest::Some, Rest::Everything, Rest::Some][round % 4];
            let folder = tempfile::tempdir().unwrap();
            let left = folder.path().join("disk");
            std::fs::create_dir(&left).unwrap();
            disk.cut(rest, &mut dice, &left);
            let until: Vec<Acknowledged> = acknowledged.iter().filter(|a| a.at <= *moment).copied().collect();
            let gone = missing(&left, &until);
            lost[which] += gone;
            if flushes == Flushes::All {
                checked += until.len();
                assert_eq!(gone, 0, "of {} acknowledged; seed {seed}, round {round}, at byte {moment} of the record, of the rest: {rest:?}", until.len());
                starts(&place, &left);
            }
        }
        if flushes == Flushes::All {
            println!("power cut: {} answers, {} entries of the record, {:?}", acknowledged.len(), entries.len(), disk.counts);
        }
    }
    println!(
        "power cut: {rounds} cuts, {checked} acknowledgements looked for, {} lost; without the flushes of commits {} lost (seed {seed})",
        lost[0], lost[1]
    );
    assert!(lost[1] > 0, "a disk that ignores the flushes of commits loses nothing: this test shows nothing");
}
