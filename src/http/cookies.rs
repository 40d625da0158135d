//! The cookies: the sessions', one for each account that the browser is signed in with; the browser's own, which binds pages and forms to it; the one by which it is known to accounts that it has
//! been signed in with, whose failed sign-ins are counted apart (`service::throttle`); the ones that show that a session is on its device; and the one by which
//! applications notice a change.
//!
//! All are `__Host-`: no other host, no plain http but on loopback, no other path can set them (no tossing, no fixation). Cookies ignore
//! the port, so the names carry the issuer: two issuers on one host do not overwrite each other.

use chrono::TimeDelta;
use poem::Response;
use poem::http::{HeaderMap, HeaderValue, header};

use super::visit::Visit;
use super::{App, cookie_header, headers};
use crate::domain::held_sessions::{Held, MOST_ACCOUNTS, Slot};
use crate::domain::secret::{Digest, Secret};
use crate::service::account::SignedIn;
use crate::service::browser_state::{self, BrowserState};
use crate::service::device_bound;
use crate::service::login::Begun;
use crate::service::ticket::Browser;

#[derive(Debug)]
pub struct Names {
    /// What all begin with.
    base: String,
    /// By slot.
    pub sessions: [String; MOST_ACCOUNTS],
    /// What shows that the session of the same slot is on its device.
    pub devices: [String; MOST_ACCOUNTS],
    pub browser: String,
    pub known: String,
    pub state: String,
}

const SESSIONS: [&str; MOST_ACCOUNTS] = ["", "-2", "-3", "-4", "-5"];
const DEVICES: [&str; MOST_ACCOUNTS] = ["-device", "-device-2", "-device-3", "-device-4", "-device-5"];
const BROWSER: &str = "-browser";
const KNOWN: &str = "-known";
const STATE: &str = "-state";

impl Names {
    pub fn of(issuer: &str) -> Self {
        let Digest(hash) = Digest::of(issuer.as_bytes());
        let tag: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let base = format!("__Host-gatekey-{tag}");
        let named = |ending: &str| format!("{base}{ending}");
        Self { sessions: SESSIONS.map(named), devices: DEVICES.map(named), browser: named(BROWSER), known: named(KNOWN), state: named(STATE), base }
    }
}

/// The values of those that came with a request.
pub struct Sent<'a> {
    /// By slot.
    pub sessions: [Option<&'a str>; MOST_ACCOUNTS],
    /// By slot.
    pub devices: [Option<&'a str>; MOST_ACCOUNTS],
    pub browser: Option<&'a str>,
    pub known: Option<&'a str>,
    pub state: Option<&'a str>,
}

impl<'a> Sent<'a> {
    pub fn of(headers: &'a HeaderMap, names: &Names) -> Self {
        let [s1, s2, s3, s4, s5] = SESSIONS;
        let [d1, d2, d3, d4, d5] = DEVICES;
        let lines = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
        let values = cookie_header::family(lines, &names.base, [s1, s2, s3, s4, s5, d1, d2, d3, d4, d5, BROWSER, KNOWN, STATE]);
        let [s1, s2, s3, s4, s5, d1, d2, d3, d4, d5, browser, known, state] = values;
        Self { sessions: [s1, s2, s3, s4, s5], devices: [d1, d2, d3, d4, d5], browser, known, state }
    }
}

/// The longest that browsers keep a cookie; it is renewed on use. The session's own end is the server's to judge, by limits that can
/// change tomorrow and that differ from client to client: a cookie cut to one of them would end the session for the others.
const LONGEST: TimeDelta = TimeDelta::days(400);

impl Names {
    pub fn session(&self, slot: Slot) -> &str {
        self.sessions.get(slot.index()).map_or("", String::as_str)
    }

    pub fn device(&self, slot: Slot) -> &str {
        self.devices.get(slot.index()).map_or("", String::as_str)
    }
}

/// A session cookie: of a new session, or the same value again for another 400 days when the session was used. One that is not to be
/// remembered goes when the browser is closed.
pub fn session(app: &App, slot: Slot, value: &Secret<String>, remembered: bool) -> String {
    let value = value.expose();
    format!("{}={value}; Path=/{}; Secure; HttpOnly; SameSite={}", app.cookies.session(slot), lives(remembered), same_site(app))
}

/// The value of a session's cookie: its secret, and when it was chosen if there is something to choose.
pub fn value(secret: &Secret<String>, held: &Held) -> Secret<String> {
    match held.chosen {
        0 => secret.clone(),
        chosen => Secret::new(format!("{}.{chosen}", secret.expose())),
    }
}

fn lives(remembered: bool) -> String {
    if remembered { format!("; Max-Age={}", LONGEST.num_seconds()) } else { String::new() }
}

fn clear_session(app: &App, slot: Slot) -> String {
    format!("{}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite={}", app.cookies.session(slot), same_site(app))
}

/// What shows for some minutes that a session is on its device. It goes where the session's cookie goes.
pub fn device(app: &App, slot: Slot, value: &str) -> String {
    let max_age = app.core.settings.sessions.device_proof.num_seconds();
    format!("{}={value}; Max-Age={max_age}; {}", app.cookies.device(slot), device_attributes(app))
}

/// By these the browser knows it again (Device Bound Session Credentials §8.5).
pub fn device_attributes(app: &App) -> String {
    format!("Path=/; Secure; HttpOnly; SameSite={}", same_site(app))
}

/// Takes the cookies of a slot away.
pub fn clear(app: &App, response: &mut Response, slot: Slot) {
    headers::set_cookie(response, &clear_session(app, slot));
    if device_bound::is_on(&app.core) {
        headers::set_cookie(response, &format!("{}=; Max-Age=0; {}", app.cookies.device(slot), device_attributes(app)));
    }
}

/// A session has begun: its cookie, and what applications notice it by. Cookies that open nothing any more go.
pub fn begun(app: &App, response: &mut Response, visit: &Visit, begun: &Begun) {
    headers::set_cookie(response, &session(app, begun.held.slot, &value(&begun.cookie, &begun.held), begun.remembered));
    let goes_on = begun.sessions();
    for over in visit.sessions.iter().filter(|over| goes_on.iter().all(|held| held.slot != over.slot)) {
        clear(app, response, over.slot);
    }
    super::device_bound::offer(app, response, &begun.held);
    if let BrowserState::SignedIn { all, kept, .. } = begun.browser_state(&app.core) {
        headers::set_cookie(response, &state(app, &all, kept));
    }
}

/// The user chose this account: it is the first one from now on, unless it is already.
pub fn choose(app: &App, response: &mut Response, visit: &Visit, slot: Slot, remembered: bool) {
    if visit.sessions.first().is_some_and(|first| first.slot != slot)
        && let Some(value) = visit.chosen_value(app, slot)
    {
        headers::set_cookie(response, &session(app, slot, &value, remembered));
    }
}

/// A session goes on under a new secret, and so does what applications notice it by.
pub fn renewed(app: &App, response: &mut Response, visit: &Visit, signed_in: &SignedIn, cookie: &Secret<String>) {
    let remembered = signed_in.session.remembered;
    let mut held = signed_in.held;
    if visit.sessions.first().is_some_and(|first| first.slot != held.slot) {
        held.chosen = visit.sessions.next_choice(app.core.now());
    }
    headers::set_cookie(response, &session(app, held.slot, &value(cookie, &held), remembered));
    // It is on no device until it is bound again (`store::sessions::sign_in_again`).
    super::device_bound::offer(app, response, &Held { digest: cookie.digest(), ..held });
    let (old, new) = (browser_state::of(&app.core, &signed_in.held.digest), browser_state::of(&app.core, &cookie.digest()));
    let states: Vec<&str> = visit.state.iter().flat_map(|all| all.split('.')).map(|one| if one == old { new.as_str() } else { one }).collect();
    headers::set_cookie(response, &state(app, &states.join("."), remembered && states.len() == 1));
}

/// What the check-session frame compares (Session Management 1.0): the one cookie that a script may read, for it is no secret. It goes where
/// the sessions' go, and has the states of all of them with dots between.
pub fn state(app: &App, value: &str, kept: bool) -> String {
    format!("{}={value}; Path=/{}; Secure; SameSite={}", app.cookies.state, lives(kept), same_site(app))
}

pub fn clear_state(app: &App) -> String {
    format!("{}=; Path=/; Max-Age=0; Secure; SameSite={}", app.cookies.state, same_site(app))
}

/// `None` reaches an application of another site in an iframe where the browser allows it; forms do not rely on it.
fn same_site(app: &App) -> &'static str {
    app.core.settings.cookies.same_site.as_str()
}

/// A browser-session cookie; only pages read it, so it is Lax whatever the session cookie is.
pub fn browser(app: &App, browser: &Browser) -> String {
    format!("{}={}; Path=/; Secure; HttpOnly; SameSite=Lax", app.cookies.browser, browser.cookie_value())
}

/// Stays after signing out. Only the sign-in form reads it, which this server's own page sends: Strict.
pub fn known(app: &App, value: &str) -> String {
    format!("{}={value}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Strict", app.cookies.known, LONGEST.num_seconds())
}
