//! The state of a browser at this issuer, as an application may learn it (Session Management 1.0): another one after each sign-in, none
//! after a sign-out. It is derived from the session's cookie, tells nothing of it, and opens nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Core;
use super::accounts::Account;
use crate::domain::entropy::random;
use crate::domain::held_sessions::{Held, Slot};
use crate::domain::secret::Digest;
use crate::protocol::authorize::ResponseTarget;
use crate::protocol::session_state::session_state;

/// What the browser's state cookie should say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrowserState {
    /// The state of the account that answered, that of all of them as the cookie has it, and whether the browser keeps that.
    SignedIn {
        own: Option<String>,
        all: String,
        kept: bool,
    },
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
    /// Of all the accounts that the browser is signed in with, whatever a single client's limits say of their sessions; `own` is the one that
    /// answers.
    pub fn of(core: &Core, accounts: &[Account], own: Option<&Account>) -> Self {
        // A browser that has to show its key again is no news to anybody.
        let there = accounts.iter().filter(|account| account.is_there());
        Self::of_sessions(core, there.map(|account| (account.held, account.facts.session.remembered)).collect(), own.map(|own| own.held.slot))
    }

    /// The cookie has the state of each account, so that what one of them does is no news to the applications of another. It is kept by the browser
    /// only while there is nothing in it that goes with the browser.
    pub fn of_sessions(core: &Core, mut sessions: Vec<(Held, bool)>, own: Option<Slot>) -> Self {
        if sessions.is_empty() {
            return Self::Nobody;
        }
        sessions.sort_by_key(|(held, _)| held.slot);
        let kept = sessions.iter().all(|(_, remembered)| *remembered);
        let all: Vec<String> = sessions.iter().map(|(held, _)| of(core, &held.digest)).collect();
        let own = sessions.iter().zip(&all).find(|((held, _), _)| Some(held.slot) == own).map(|(_, state)| state.clone());
        Self::SignedIn { own, all: all.join("."), kept }
    }

    /// The `session_state` for an application; an application without a web origin cannot have a frame to compare it in.
    pub fn for_application(&self, core: &Core, target: &ResponseTarget) -> Option<String> {
        let Self::SignedIn { own: Some(own), .. } = self else { return None };
        Some(session_state(target.client_id(), target.origin()?, own, random(core.entropy.as_ref())))
    }
}
