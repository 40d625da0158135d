//! What is logged by everything that runs on this thread, at trace level, in one of the program's two forms.
//!
//! One subscriber for the whole process, and a buffer for each thread that listens: a subscriber that comes and goes with a test can
//! miss what another test's thread has just declared to be of interest to nobody.

use std::cell::RefCell;
use std::io::Write;
use std::marker::PhantomData;
use std::sync::Once;

use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};

struct Heard {
    json: bool,
    bytes: Vec<u8>,
}

thread_local! {
    static HEARD: RefCell<Option<Heard>> = const { RefCell::new(None) };
}

struct Pen;

impl Write for Pen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        HEARD.with_borrow_mut(|heard| heard.iter_mut().for_each(|heard| heard.bytes.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// While it lives, the thread's log is written down. Flows run on one thread.
pub struct Listening(PhantomData<*const ()>);

pub fn listen() -> Listening {
    start(false)
}

pub fn listen_json() -> Listening {
    start(true)
}

fn start(json: bool) -> Listening {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let listening = |json: bool| dynamic_filter_fn(move |_, _| HEARD.with_borrow(|heard| heard.as_ref().is_some_and(|heard| heard.json == json)));
        let text = fmt::layer().with_ansi(false).with_writer(|| Pen).with_filter(listening(false));
        let objects = fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false).with_writer(|| Pen).with_filter(listening(true));
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(vec![text.boxed(), objects.boxed()])).unwrap();
    });
    HEARD.set(Some(Heard { json, bytes: Vec::new() }));
    Listening(PhantomData)
}

impl Listening {
    /// What was logged so far.
    pub fn text(&self) -> String {
        HEARD.with_borrow(|heard| String::from_utf8(heard.as_ref().unwrap().bytes.clone()).unwrap())
    }

    pub fn count(&self, words: &str) -> usize {
        self.text().matches(words).count()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        HEARD.set(None);
    }
}
