//! The state of a browser at this issuer, as an application may learn it (Session Management 1.0): another one after each sign-in, none
//! after a sign-out. It is derived from the session's cookie, tells nothing of it, and opens nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Core;
use crate::domain::entropy::random;
use crate::domain::secret::Digest;
use crate::protocol::authorize::ResponseTarget;
use crate::protocol::session_state::session_state;

/// What the browser's state cookie should say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrowserState {
    SignedIn(String),
    Nobody,
    /// It was not looked at.
    Unknown,
}

/// Of whoever has the session cookie with this digest.
pub fn of(core: &Core, cookie: &Digest) -> String {
    let digest = core.browser_states.of(&[&cookie.0]);
    let (half, _) = digest.split_at(16);
    URL_SAFE_NO_PAD.encode(half)
}

impl BrowserState {
    /// The `session_state` for an application; an application without a web origin cannot have a frame to compare it in.
    pub fn for_application(&self, core: &Core, target: &ResponseTarget) -> Option<String> {
        let Self::SignedIn(state) = self else { return None };
        Some(session_state(target.client_id(), &target.origin()?, state, random(core.entropy.as_ref())))
    }
}
