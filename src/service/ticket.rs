//! What travels through the browser between two pages, sealed: the authorization request of a sign-in, the pending logout.
//!
//! So asking writes nothing to the database; of a visitor who has not signed in only failed sign-ins do (`service::throttle`). A ticket
//! is bound to the browser it was made for by the digest of that browser's cookie, so one person's page is useless in another's browser
//! (CO-13), and so is a forged form: the CSRF token is sealed to the same cookie.

use chrono::TimeDelta;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Core;
use crate::domain::clock::Timestamp;
use crate::domain::id::{SessionId, UserId};
use crate::domain::secret::{Digest, Secret};

/// How long somebody may leave the sign-in page open.
const TICKET_LIFETIME: TimeDelta = TimeDelta::hours(24);
/// How long a browser may take to open the window that it was handed the address of.
const HANDED_LIFETIME: TimeDelta = TimeDelta::minutes(10);
const CSRF_LIFETIME: TimeDelta = TimeDelta::hours(24);

/// The browser's own secret: the value of its `-browser` cookie.
#[derive(Debug, Clone)]
pub struct Browser(Secret<String>);

impl Browser {
    /// A cookie value that came in; anything that was not made by [`Browser::generate`] is not one.
    pub fn parse(value: &str) -> Option<Self> {
        (value.len() == 43 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')).then(|| Self(Secret::new(value.to_owned())))
    }

    pub fn generate(core: &Core) -> Self {
        Self(Secret::<String>::generate(core.entropy.as_ref()))
    }

    pub fn cookie_value(&self) -> &str {
        self.0.expose()
    }

    fn aad(&self, purpose: &str) -> Vec<u8> {
        let Digest(digest) = self.0.digest();
        [purpose.as_bytes(), b"\0", &digest].concat()
    }
}

/// What the ticket is for; the purpose is part of the seal, so one kind is never taken for another (CO-06).
pub trait Content: Serialize + DeserializeOwned {
    const PURPOSE: &'static str;
}

/// An authorization request waiting for its user.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Authorization {
    /// The parameters as they came; they are validated again at every step.
    pub params: String,
    /// The origin of the page that asked by FedCM, if it came so.
    #[serde(default)]
    pub fedcm: Option<String>,
    /// The session, and its last sign-in, that the request first came with.
    pub session_before: Option<(SessionId, Timestamp)>,
    /// When it first came.
    #[serde(default)]
    pub began_at: Option<Timestamp>,
    /// Whom the page asks: an answer given while somebody else is signed in is not theirs.
    #[serde(default)]
    pub asked: Option<UserId>,
    /// The session that the request is answered with: of the account that was chosen, or that has signed in, or is asked.
    #[serde(default)]
    pub account: Option<SessionId>,
    #[serde(default)]
    pub account_chosen: bool,
    /// The user wants another account than those signed in.
    #[serde(default)]
    pub another_account: bool,
    /// The user is not whom a page was for.
    #[serde(default)]
    pub choose_again: bool,
    /// Only while the answer is being handled: a ticket never carries it.
    #[serde(skip)]
    pub consent_given: bool,
}

impl Content for Authorization {
    const PURPOSE: &'static str = "authorization";
}

/// A logout waiting for the user's yes, and for which accounts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Logout {
    /// A validated post-logout redirect.
    pub redirect: Option<String>,
}

impl Content for Logout {
    const PURPOSE: &'static str = "logout";
}

#[derive(Serialize, Deserialize)]
struct Dated<T> {
    expires_at: Timestamp,
    content: T,
}

/// Seals `content` for this browser.
pub fn issue<T: Content>(core: &Core, browser: &Browser, content: T) -> String {
    let dated = Dated { expires_at: core.now() + TICKET_LIFETIME, content };
    let plain = serde_json::to_vec(&dated).unwrap_or_default();
    core.tickets.seal_text(core.entropy.as_ref(), &browser.aad(T::PURPOSE), &plain)
}

/// Opens a ticket; `None` for one that is forged, expired, of another kind or of another browser.
pub fn open<T: Content>(core: &Core, browser: &Browser, text: &str) -> Option<T> {
    let plain = core.tickets.open_text(&browser.aad(T::PURPOSE), text)?;
    let dated: Dated<T> = serde_json::from_slice(&plain).ok()?;
    (core.now() < dated.expires_at).then_some(dated.content)
}

/// Seals `content` for whichever browser is signed in by this session: for where the browser's own cookie does not come along (FedCM).
pub fn issue_to<T: Content>(core: &Core, session: SessionId, content: T) -> String {
    let dated = Dated { expires_at: core.now() + HANDED_LIFETIME, content };
    let plain = serde_json::to_vec(&dated).unwrap_or_default();
    core.tickets.seal_text(core.entropy.as_ref(), &aad_to(T::PURPOSE, session), &plain)
}

/// Opens such a ticket for a browser that is signed in by this session.
pub fn open_as<T: Content>(core: &Core, session: SessionId, text: &str) -> Option<T> {
    let plain = core.tickets.open_text(&aad_to(T::PURPOSE, session), text)?;
    let dated: Dated<T> = serde_json::from_slice(&plain).ok()?;
    (core.now() < dated.expires_at).then_some(dated.content)
}

fn aad_to(purpose: &str, session: SessionId) -> Vec<u8> {
    [purpose.as_bytes(), b" to a session\0", session.0.as_bytes()].concat()
}

/// A token that proves a form came from a page shown to this browser.
pub fn csrf_token(core: &Core, browser: &Browser) -> String {
    dated_token(core, &browser.aad("csrf"), CSRF_LIFETIME)
}

pub fn csrf_is_valid(core: &Core, browser: &Browser, token: &str) -> bool {
    dated_token_is_valid(core, &browser.aad("csrf"), token)
}

/// The same for the pages of a user: shown to this browser while it was signed in by this session.
pub fn csrf_token_of(core: &Core, browser: &Browser, session: SessionId) -> String {
    dated_token(core, &aad_of(browser, session), CSRF_LIFETIME)
}

pub fn csrf_is_valid_of(core: &Core, browser: &Browser, session: SessionId, token: &str) -> bool {
    dated_token_is_valid(core, &aad_of(browser, session), token)
}

fn aad_of(browser: &Browser, session: SessionId) -> Vec<u8> {
    [browser.aad("csrf of a session").as_slice(), session.0.as_bytes()].concat()
}

/// Nothing but a seal with an end; what it is for, and of whom, is in `aad`.
pub(super) fn dated_token(core: &Core, aad: &[u8], lifetime: TimeDelta) -> String {
    let expires_at = (core.now() + lifetime).timestamp_micros().to_be_bytes();
    core.tickets.seal_text(core.entropy.as_ref(), aad, &expires_at)
}

pub(super) fn dated_token_is_valid(core: &Core, aad: &[u8], token: &str) -> bool {
    let Some(plain) = core.tickets.open_text(aad, token) else {
        return false;
    };
    <[u8; 8]>::try_from(plain.as_slice()).is_ok_and(|micros| core.now().timestamp_micros() < i64::from_be_bytes(micros))
}
