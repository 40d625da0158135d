//! Many callers behind a barrier, each on a connection of its own, spread over the processes of one installation.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::installation::PATIENCE;
use crate::outside::{Answer, Http};

/// A POST of a form, with a Cookie header unless it is empty; or a GET if there is no form.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    pub cookie: String,
    pub form: Option<String>,
}

impl Request {
    pub fn post(path: &str, form: String) -> Arc<Self> {
        Arc::new(Self { path: path.to_owned(), cookie: String::new(), form: Some(form) })
    }

    fn send(&self, http: &mut Http) -> io::Result<Answer> {
        let cookie = [("Cookie", self.cookie.as_str())];
        let headers = if self.cookie.is_empty() { &[][..] } else { &cookie };
        match &self.form {
            Some(form) => http.post(&self.path, headers, form),
            None => http.get(&self.path, headers),
        }
    }
}

pub struct Callers {
    requests: Vec<Sender<Arc<Request>>>,
    answers: Receiver<(usize, io::Result<Answer>, Duration)>,
    threads: Vec<JoinHandle<()>>,
    /// The longest that any answer took.
    pub slowest: Duration,
}

impl Callers {
    /// Caller n speaks to process n modulo their number.
    pub fn new(addresses: &[String], count: usize) -> Self {
        let barrier = Arc::new(Barrier::new(count));
        let (answered, answers) = channel();
        let (mut requests, mut threads) = (Vec::new(), Vec::new());
        for caller in 0..count {
            let (sender, receiver) = channel::<Arc<Request>>();
            let (barrier, answered) = (Arc::clone(&barrier), answered.clone());
            let mut http = Http::connect(&addresses[caller % addresses.len()], PATIENCE).unwrap();
            requests.push(sender);
            threads.push(std::thread::spawn(move || {
                for request in receiver {
                    barrier.wait();
                    let began = Instant::now();
                    let answer = request.send(&mut http);
                    answered.send((caller, answer, began.elapsed())).unwrap();
                }
            }));
        }
        Self { requests, answers, threads, slowest: Duration::ZERO }
    }

    pub fn count(&self) -> usize {
        self.requests.len()
    }

    /// All send the same at the same moment; the answers by caller. A caller without an answer fails the run.
    pub fn together(&mut self, request: &Arc<Request>) -> Result<Vec<Answer>, String> {
        self.each(|_| Arc::clone(request))
    }

    pub fn each(&mut self, request: impl Fn(usize) -> Arc<Request>) -> Result<Vec<Answer>, String> {
        for (caller, sender) in self.requests.iter().enumerate() {
            sender.send(request(caller)).unwrap();
        }
        let mut answers: Vec<Option<io::Result<Answer>>> = (0..self.count()).map(|_| None).collect();
        for _ in 0..self.count() {
            let (caller, answer, took) = self.answers.recv().unwrap();
            self.slowest = self.slowest.max(took);
            answers[caller] = Some(answer);
        }
        answers.into_iter().map(|answer| answer.unwrap().map_err(|error| format!("a caller got no answer: {error}"))).collect()
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.requests.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
