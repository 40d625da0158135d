//! The user's own page: where they are signed in, which applications have access, what they should know, and ending any of it.
//!
//! 1. [`signed_in`] says whose page it is: by the session of this browser and nothing else.
//! 2. [`overview::load`] reads what is the user's, and nobody else's.
//! 3. [`actions::act`] ends something of the user's. It wants a recent proof of who is there; without one the action waits in a ticket
//!    until the password has been asked ([`prove`]).
//! 4. [`password::change`] asks for the old password itself.

pub mod actions;
pub mod overview;
pub mod password;

use std::sync::Arc;

use super::known_browser::KnownBrowser;
use super::login::{Attempt, Origin, SignIn, sign_in};
use super::{Core, Failure, found_over};
use crate::domain::id::ClientId;
use crate::domain::lifetime::Limits;
use crate::domain::secret::{Digest, Secret};
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::protocol::session::{judge, use_is_due};
use crate::store::clients;
use crate::store::sessions::{self, SessionFacts, Touch};

/// Whoever is signed in with this browser.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub session: Session,
    pub user: User,
    /// Those in force for this user here, where no application asks.
    pub limits: Limits,
}

/// What a form of the user's own page brings along beside its fields.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    pub origin: Origin,
    pub cookie: Option<Digest>,
    pub known: Option<KnownBrowser>,
}

/// Who is signed in with this cookie, by the limits in force where no application asks.
pub async fn signed_in(core: &Core, cookie: Option<Digest>) -> Result<Option<SignedIn>, Failure> {
    let Some(cookie) = cookie else { return Ok(None) };
    let (now, clients) = (core.now(), Arc::clone(&core.clients));
    let found = core.store.read(move |db| {
        let Some(SessionFacts { session, user, .. }) = sessions::facts(db, &cookie, None)? else { return Ok(None) };
        let limits = clients.limits(db, &user.groups, session.acr)?;
        Ok(Some(SignedIn { session, user, limits }))
    });
    let Some(found) = found.await? else { return Ok(None) };
    if judge(&found.session, &found.user, None, &found.limits, now).is_err() {
        found_over::notice(core, Some(&found.session), &found.limits, now);
        return Ok(None);
    }
    Ok(Some(found))
}

/// Looking at the own page uses the session. True: it was written down, and the cookie may live on. Failing to is harmless.
pub async fn used(core: &Core, signed_in: &SignedIn) -> bool {
    let now = core.now();
    if !use_is_due(&signed_in.session, None, &signed_in.limits, now) {
        return false;
    }
    match core.store.touch(Touch { session_id: signed_in.session.id, client_id: None, family_id: None, at: now }).await {
        Ok(()) => true,
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
    let Sender { origin, cookie, known } = sender;
    sign_in(core, Attempt { username: &signed_in.user.username, password, origin, old_cookie: cookie, known, client: None }).await
}
