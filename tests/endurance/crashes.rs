//! `kill -9` under load, round after round, and the history checked. P1, P2, P4, P5.
//!
//! A round: two processes serve 24 people, each of whom signs in, refreshes, revokes, logs out. One process, or both, are killed at a
//! random moment and started again. Then everything acknowledged must be there, everything ended must be over, and whoever lost an
//! answer asks again and goes on in the same family.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::families;
use crate::installation::{Installation, Kind};
use crate::line::Line;
use crate::outside::{Http, Tokens};
use crate::postgres::Postgres;

const PEOPLE: usize = 24;
const PROCESSES: usize = 2;

#[derive(Default)]
struct Tally {
    broken: usize,
    unanswered: usize,
    looked: u64,
    reuses: u64,
    slowest_start: Duration,
}

pub fn run(place: &Path, kind: Kind, server: &Postgres, rounds: u32) -> Result<String, String> {
    let installation = Installation::new(place, kind, Some(server), PROCESSES, None);
    let mut servers = installation.serve_all();
    installation.create_user();
    let mut lines: Vec<Line> = (1..=PEOPLE as u64).map(Line::new).collect();
    let mut chance = Line::new(4711);
    let mut tally = Tally::default();
    for round in 0..rounds {
        let stop = AtomicBool::new(false);
        let delay = Duration::from_micros(20_000 + chance.random(180_000));
        let failures: Vec<String> = std::thread::scope(|scope| {
            let people: Vec<_> = lines
                .iter_mut()
                .enumerate()
                .map(|(person, line)| {
                    let (stop, http) = (&stop, installation.connect((person + round as usize) % PROCESSES));
                    scope.spawn(move || live(line, http, stop))
                })
                .collect();
            std::thread::sleep(delay);
            // Each alone, and both at once: then nobody is left who has the file open, and SQLite must recover it.
            let killed: &[usize] = match round % 3 {
                0 => &[0],
                1 => &[1],
                _ => &[0, 1],
            };
            killed.iter().for_each(|process| servers[*process].kill());
            stop.store(true, Ordering::Relaxed);
            people.into_iter().filter_map(|person| person.join().unwrap().err()).collect()
        });
        if let Some(failure) = failures.first() {
            return Err(format!("round {round}: {failure}"));
        }
        check(&installation, &mut servers, &mut lines, &mut tally).map_err(|why| format!("round {round}: {why}"))?;
    }
    installation.no_panic()?;
    let sum = |of: fn(&Line) -> u64| lines.iter().map(of).sum::<u64>();
    // Generous for a busy machine; the figure is what to look at.
    if tally.slowest_start > Duration::from_secs(1) {
        return Err(format!("from start to ready took {} ms", tally.slowest_start.as_millis()));
    }
    Ok(format!(
        "{rounds} rounds of kill -9 over {PROCESSES} processes, {PEOPLE} people: {} refreshes, {} grants, {} revocations, {} logouts acknowledged, none lost\n\
         {} answers lost, of them {} refreshes between the commit and the answer: everybody went on, in the same family\n\
         {} things that were over stayed over, {} ancestors ended their family · slowest start {} ms{}",
        sum(|line| line.done.refreshes),
        sum(|line| line.done.grants),
        sum(|line| line.done.revocations),
        sum(|line| line.done.logouts),
        tally.broken,
        tally.unanswered,
        tally.looked,
        tally.reuses,
        tally.slowest_start.as_millis(),
        if kind == Kind::Sqlite { " · integrity_check ok each time" } else { "" },
    ))
}

/// Until the connection breaks, or the round is over.
fn live(line: &mut Line, mut http: Http, stop: &AtomicBool) -> Result<bool, String> {
    while !stop.load(Ordering::Relaxed) {
        match line.step(&mut http) {
            Ok(()) => {}
            Err(None) => return Ok(true),
            Err(Some(wrong)) => return Err(wrong),
        }
    }
    Ok(false)
}

fn check(installation: &Installation, servers: &mut [crate::installation::Process], lines: &mut [Line], tally: &mut Tally) -> Result<(), String> {
    // The servers first: it is they who must bring the database back.
    for (process, server) in servers.iter_mut().enumerate() {
        if !server.runs() {
            *server = installation.spawn(process);
            tally.slowest_start = tally.slowest_start.max(server.ready());
        }
    }
    families::sound(installation)?;
    let stored = families::all(installation);
    for line in lines.iter() {
        tally.broken += usize::from(line.is_unanswered());
        for family in &line.over.families {
            if !stored.get(family).is_some_and(|family| family.ended) {
                return Err(format!("a family that was ended is not: {:?}", stored.get(family)));
            }
        }
        if let Some(token) = line.newest() {
            let (held, there) = (Tokens::generation(token), stored.get(&Tokens::family(token)).ok_or("a family is lost")?);
            // One step further, if the answer was lost after the commit.
            if there.generation != held && !(line.was_refreshing() && there.generation == held + 1) {
                return Err(format!("generation {held} was acknowledged, the database has {there:?}"));
            }
            tally.unanswered += usize::from(there.generation == held + 1);
        }
    }
    let began = Instant::now();
    for (person, line) in lines.iter_mut().enumerate() {
        // At either process, whichever it spoke to before.
        let mut http = installation.connect(person % PROCESSES);
        line.resume(&mut http)?;
        tally.looked += line.stays_over(&mut http)?;
        if line.random(8) == 0 {
            tally.reuses += u64::from(line.reuse_ends(&mut http)?);
        }
        if began.elapsed() > Duration::from_secs(25) {
            return Err("the check takes longer than the overlap of a retry".to_owned());
        }
    }
    Ok(())
}
