//! SIGTERM under load: what is under way is answered, no connection breaks, and the process is gone in time. P8.
//!
//! The clients are as behind a load balancer: `/readyz` is asked all the time, and who needs a new connection once it says no goes elsewhere.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::installation::{Installation, Kind, PATIENCE};
use crate::outside::{Http, Tokens, refresh};
use crate::postgres::Postgres;

/// How often a load balancer looks.
const PROBE: Duration = Duration::from_millis(200);
/// Clients that keep their connection, and clients that make a new one for every request.
const KEEPING: usize = 48;
const CONNECTING: usize = 8;
const LIMIT: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Client {
    answers: usize,
    newest: String,
    failure: Option<String>,
}

pub fn run(place: &Path, kind: Kind, server: &Postgres, rounds: u32) -> Result<String, String> {
    let installation = Installation::new(place, kind, Some(server), 1, None);
    let mut process = installation.serve(0);
    installation.create_user();
    let (mut answers, mut slowest) = (0, Duration::ZERO);
    let browser = installation.sign_in(0);
    let mut clients: Vec<Client> = (0..KEEPING + CONNECTING)
        .map(|_| Client { newest: Tokens::silently(&mut installation.connect(0), &browser, "notes:read").unwrap().refresh, ..Client::default() })
        .collect();
    for round in 0..rounds {
        let away = AtomicBool::new(false);
        let (well, took) = std::thread::scope(|scope| {
            for (number, client) in clients.iter_mut().enumerate() {
                let (address, away) = (installation.address(0), &away);
                scope.spawn(move || client.run(&address, number < KEEPING, away));
            }
            let (address, away) = (installation.address(0), &away);
            scope.spawn(move || {
                while Http::connect(&address, PATIENCE).and_then(|mut http| http.get("/readyz", &[])).is_ok_and(|answer| answer.status == 200) {
                    std::thread::sleep(PROBE);
                }
                away.store(true, Ordering::SeqCst);
            });
            std::thread::sleep(Duration::from_millis(300));
            process.terminate()
        });
        slowest = slowest.max(took);
        if !well || took > LIMIT {
            return Err(format!("round {round}: it ended {} after {} ms", if well { "well" } else { "badly" }, took.as_millis()));
        }
        let failed: Vec<&str> = clients.iter().filter_map(|client| client.failure.as_deref()).collect();
        if let Some(failure) = failed.first() {
            return Err(format!("round {round}: {} of {} clients failed, such as: {failure}", failed.len(), clients.len()));
        }
        answers += clients.iter_mut().map(|client| std::mem::take(&mut client.answers)).sum::<usize>();
        process = installation.serve(0);
    }
    // What was answered last is what the next start knows.
    for client in &clients {
        let next = Tokens::of(&installation.connect(0).post("/oauth/token", &[], &refresh(&client.newest)).unwrap()).map_err(|error| error.to_string())?;
        if Tokens::generation(&next.refresh) != Tokens::generation(&client.newest) + 1 {
            return Err("an answer was lost".to_owned());
        }
    }
    installation.no_panic()?;
    Ok(format!(
        "{rounds} times SIGTERM under {} clients: {answers} answers, all whole, no connection reset · slowest end {} ms",
        clients.len(),
        slowest.as_millis()
    ))
}

impl Client {
    /// Refreshes until it would need a new connection and the server is known to go away.
    fn run(&mut self, address: &str, keeps: bool, away: &AtomicBool) {
        let mut kept: Option<Http> = None;
        while kept.is_some() || !away.load(Ordering::SeqCst) {
            let mut http = match kept.take().map_or_else(|| Http::connect(address, PATIENCE), Ok) {
                Ok(http) => http,
                Err(error) => return self.failure = Some(format!("connecting: {error}")),
            };
            let answer = match http.post("/oauth/token", &[], &refresh(&self.newest)) {
                Ok(answer) => answer,
                Err(error) => return self.failure = Some(format!("a request got no answer: {error}")),
            };
            match Tokens::of(&answer) {
                Ok(tokens) => self.newest = tokens.refresh,
                Err(error) => return self.failure = Some(error.to_string()),
            }
            self.answers += 1;
            let closes = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
            kept = (keeps && !closes).then_some(http);
        }
    }
}
