//! The cookies: the session's; the browser's own, which binds pages and forms to it; the one by which it is known to accounts that it has
//! been signed in with, whose failed sign-ins are counted apart (`service::throttle`); and the one by which applications notice a change.
//!
//! All are `__Host-`: no other host, no plain http but on loopback, no other path can set them (no tossing, no fixation). Cookies ignore
//! the port, so the names carry the issuer: two issuers on one host do not overwrite each other.

use chrono::TimeDelta;
use poem::http::{HeaderMap, HeaderValue, header};

use super::{App, cookie_header};
use crate::domain::secret::{Digest, Secret};
use crate::service::ticket::Browser;

#[derive(Debug)]
pub struct Names {
    pub session: String,
    pub browser: String,
    pub known: String,
    pub state: String,
}

impl Names {
    pub fn of(issuer: &str) -> Self {
        let Digest(hash) = Digest::of(issuer.as_bytes());
        let tag: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let named = |purpose: &str| format!("__Host-gatekey-{tag}{purpose}");
        Self { session: named(""), browser: named("-browser"), known: named("-known"), state: named("-state") }
    }
}

/// The longest that browsers keep a cookie; it is renewed on use. The session's own end is the server's to judge, by limits that can
/// change tomorrow and that differ from client to client: a cookie cut to one of them would end the session for the others.
const LONGEST: TimeDelta = TimeDelta::days(400);

/// The value of the one cookie of this name.
pub fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    cookie_header::only(headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes), name)
}

/// The session cookie: of a new session, or the same value again for another 400 days when the session was used.
pub fn session(app: &App, value: &Secret<String>) -> String {
    let value = value.expose();
    format!("{}={value}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite={}", app.cookies.session, LONGEST.num_seconds(), same_site(app))
}

pub fn clear_session(app: &App) -> String {
    format!("{}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite={}", app.cookies.session, same_site(app))
}

/// What the check-session frame compares (Session Management 1.0): the one cookie that a script may read, for it is no secret. It goes where
/// the session's goes.
pub fn state(app: &App, value: &str) -> String {
    format!("{}={value}; Path=/; Max-Age={}; Secure; SameSite={}", app.cookies.state, LONGEST.num_seconds(), same_site(app))
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
