//! The user's own page: where they are signed in, which applications have access, what they should know, and ending any of it.
//!
//! 1. [`signed_in`] says whose page it is: by the sessions of this browser and nothing else.
//! 2. [`overview::load`] reads what is the user's, and nobody else's.
//! 3. [`actions::act`] ends something of the user's. It wants a recent proof of who is there; without one the action waits in a ticket
//!    until the password has been asked ([`prove`]).
//! 4. [`password::change`] asks for the old password itself.
//!
//! An application that has an account page of its own comes with its user's token (the account API): it reads by [`places`], [`overview`] and
//! [`activity`], and does by [`actions::carry_out`] and [`password::change_by_token`] what the page does.

pub mod actions;
pub mod activity;
pub mod overview;
pub mod password;
pub mod places;

pub use super::accounts::SignedIn;

use super::accounts;
use super::known_browser::KnownBrowser;
use super::login::{Attempt, Origin, SignIn, sign_in};
use super::{Core, Failure};
use crate::domain::held_sessions::HeldSessions;
use crate::domain::id::ClientId;
use crate::domain::secret::Secret;
use crate::protocol::session::use_is_due;
use crate::store::clients;
use crate::store::sessions::Touch;

/// What a form of the user's own page brings along beside its fields.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    pub origin: Origin,
    pub held: HeldSessions,
    pub known: Option<KnownBrowser>,
}

/// Who is signed in with these cookies, by the limits in force where no application asks: of several the last chosen.
pub async fn signed_in(core: &Core, held: HeldSessions) -> Result<Option<SignedIn>, Failure> {
    Ok(accounts::signed_in(core, held).await?.into_iter().next())
}

/// Looking at the own page uses the session. True: it was written down, and the cookie of a remembered one may live on. Failing to is harmless.
pub async fn used(core: &Core, signed_in: &SignedIn) -> bool {
    let now = core.now();
    if !use_is_due(&signed_in.session, None, &signed_in.limits, now) {
        return false;
    }
    match core.store.touch(Touch { session_id: signed_in.session.id, client_id: None, family_id: None, at: now }).await {
        Ok(()) => signed_in.session.remembered,
        Err(error) => {
            tracing::warn!(%error, "a use of a session could not be written");
            false
        }
    }
}

/// The name of an application, as people know it; its id when it is gone meanwhile.
pub async fn name_of(core: &Core, client: ClientId) -> Result<String, Failure> {
    let id = client.clone();
    let found = core.store.read(move |db| clients::find(db, &id)).await?;
    Ok(found.map_or_else(|| client.to_string(), |client| client.metadata.name))
}

/// The user signs in again, with the password alone: counted, slowed and written down like any sign-in.
pub async fn prove(core: &Core, signed_in: &SignedIn, password: Secret<String>, sender: Sender) -> Result<SignIn, Failure> {
    let Sender { origin, held, known } = sender;
    sign_in(core, Attempt { username: &signed_in.user.username, password, origin, held, known, client: None, remember: None }).await
}
