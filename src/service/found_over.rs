//! Sessions that a request found past their end. What is refused does not depend on it; but only once the end is written down do the
//! session's applications hear of it, and does a longer limit revive nothing.
//!
//! 1. Whoever is refused for it is answered at once, and the session's id is noted ([`notice`]): no request waits, and `prompt=none` writes nothing.
//! 2. Right after, by itself, the issuer looks at what was noted: is it past the longest limits that its user has at any application? Where
//!    only one application's shorter limit has ended it, it lives on.
//! 3. Its end is written, in one unit of work that judges it once more: a limit made longer meanwhile, or another end, wins.
//!
//! A session is looked at once a minute at most, however many requests come with its cookie, and what has ended is not noted any more. There are so
//! many places and no more; what finds none is found again, or swept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use chrono::TimeDelta;
use tokio::sync::Notify;

use super::keys::stored;
use super::{Core, telling_end};
use crate::domain::clock::Timestamp;
use crate::domain::event::{Actor, EventKind, Object};
use crate::domain::id::SessionId;
use crate::domain::lifetime::Limits;
use crate::domain::session::{EndReason, Session};
use crate::protocol::lifetime_policy::longest_session;
use crate::protocol::session::{is_past_its_end, over_for_all};
use crate::store::tree::{self, Node};
use crate::store::{StoreError, events, sessions, users};

/// Sessions noted, or looked at within the last minute.
const PLACES: usize = 4096;
/// Looked at together.
const PAGE: usize = 250;
const AGAIN_AFTER: TimeDelta = TimeDelta::minutes(1);

#[derive(Default)]
pub struct FoundOver {
    noted: Mutex<Noted>,
    wake: Arc<Notify>,
}

#[derive(Default)]
struct Noted {
    waiting: Vec<SessionId>,
    /// When they were noted last, those that wait among them.
    lately: HashMap<SessionId, Timestamp>,
}

/// Whoever waits for more learns that there will be none.
impl Drop for FoundOver {
    fn drop(&mut self) {
        self.wake.notify_one();
    }
}

impl FoundOver {
    fn note(&self, id: SessionId, now: Timestamp) {
        let is_recent = |noted: Timestamp| now.signed_duration_since(noted).abs() < AGAIN_AFTER;
        let mut noted = self.held();
        if noted.lately.get(&id).is_some_and(|at| is_recent(*at)) || noted.waiting.len() >= PLACES {
            return;
        }
        if noted.lately.len() >= PLACES {
            noted.lately.retain(|_, at| is_recent(*at));
            if noted.lately.len() >= PLACES {
                return;
            }
        }
        noted.lately.insert(id, now);
        noted.waiting.push(id);
        drop(noted);
        self.wake.notify_one();
    }

    fn take(&self) -> Vec<SessionId> {
        std::mem::take(&mut self.held().waiting)
    }

    /// What has ended is noted no more, and needs no place.
    fn forget(&self, id: SessionId) {
        self.held().lately.remove(&id);
    }

    fn held(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Notes a session that is past its end by the limits that a request was judged by. Nothing is read or written here.
pub fn notice(core: &Core, session: Option<&Session>, limits: &Limits, now: Timestamp) {
    if let Some(session) = session.filter(|session| session.ended.is_none() && is_past_its_end(session, limits, now)) {
        core.found_over.note(session.id, now);
    }
}

/// Writes down what is noted, now and from now on, until the issuer is gone.
pub async fn run(core: Weak<Core>) {
    let Some(wake) = core.upgrade().map(|core| Arc::clone(&core.found_over.wake)) else { return };
    loop {
        wake.notified().await;
        let Some(core) = core.upgrade() else { return };
        write_down(&core).await;
    }
}

/// Writes down what is noted, until nothing is.
pub async fn write_down(core: &Core) {
    loop {
        let found = core.found_over.take();
        if found.is_empty() {
            return;
        }
        for page in found.chunks(PAGE) {
            if let Err(error) = end(core, page).await {
                tracing::warn!(%error, "the ends of sessions could not be written; they are found again");
            }
        }
    }
}

/// Ends those of the sessions that are past their end for every application.
pub async fn end(core: &Core, found: &[SessionId]) -> Result<(), StoreError> {
    let now = core.now();
    let (clients, registered, found) = (Arc::clone(&core.clients), core.keys.registered(core).await, found.to_vec());
    // A look first, which costs no write: what lives on elsewhere is found again and again.
    let look = core.store.scan(move |db| {
        let (policy, mut over) = (clients.policy(db)?, Vec::new());
        for id in found {
            let Some((session, user)) = sessions::find_with_user(db, id)? else { continue };
            if over_for_all(&session, &user, &longest_session(&policy, &registered, &user.groups, session.acr), now).is_some() {
                over.push(id);
            }
        }
        Ok(over)
    });
    let over = look.await?;
    if over.is_empty() {
        return Ok(());
    }
    // Read afresh: what the keys remember of it may be from the last request.
    let registered = stored(&core.store, &core.settings.lifetimes).await?.registered;
    for id in over {
        let (clients, occasion) = (Arc::clone(&core.clients), core.occasion(Actor::Server, now));
        let ended: Option<EndReason> = core
            .store
            .write_at_length(move |db| {
                // Held until the commit: nobody uses it, or signs in to it again, between the judgement and the end.
                let Some(session) = sessions::find_held(db, id)? else { return Ok(None) };
                let Some(user) = users::find(db, session.user_id)? else { return Ok(None) };
                let longest = longest_session(&clients.policy(db)?, &registered, &user.groups, session.acr);
                let Some(reason) = over_for_all(&session, &user, &longest, now) else { return Ok(None) };
                let ended = tree::end(db, &Node::Session(id), reason, now)?;
                let event = occasion.event(EventKind::SessionEnded, Object::Session(id)).of(user.id);
                events::record(db, &telling_end(event, reason, &ended))?;
                Ok(Some(reason))
            })
            .await?;
        if let Some(reason) = ended {
            core.found_over.forget(id);
            tracing::info!(event = "session.ended", session = %id, reason = reason.as_str(), "a session was found past its end");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::protocol::session::tests::at;

    fn id(number: usize) -> SessionId {
        SessionId(Uuid::from_u128(number as u128))
    }

    #[test]
    fn one_session_is_looked_at_once_a_minute() {
        let found = FoundOver::default();
        for second in 0..60 {
            found.note(id(1), at(second));
        }
        assert_eq!(found.take(), [id(1)]);
        found.note(id(1), at(59));
        assert!(found.take().is_empty());
        found.note(id(1), at(60));
        assert_eq!(found.take(), [id(1)]);
        // A clock that was set back keeps nobody from being looked at for long.
        found.note(id(1), at(-10));
        assert_eq!(found.take(), [id(1)]);
        found.forget(id(1));
        found.note(id(1), at(-9));
        assert_eq!(found.take(), [id(1)]);
    }

    #[test]
    fn there_are_so_many_places() {
        let found = FoundOver::default();
        for number in 0..2 * PLACES {
            found.note(id(number), at(0));
        }
        assert_eq!(found.take().len(), PLACES);
        found.note(id(2 * PLACES), at(1));
        assert!(found.take().is_empty(), "those of the last minute hold their places");
        found.note(id(2 * PLACES), at(60));
        assert_eq!(found.take(), [id(2 * PLACES)]);
        // Also while nobody takes them, for an hour.
        for minute in 1..60 {
            (0..PLACES).for_each(|number| found.note(id(number), at(60 * minute)));
        }
        assert!(found.take().len() <= PLACES);
    }
}
