//! A request that is sent again, because its answer was lost, is answered again and does nothing twice.
//!
//! What was answered is written in the unit of work that did it, under a name made of the caller, the operation and the key: of two at once
//! the second finds the name taken, is rolled back whole, and answers as the first did. The answer may hold a secret, so it is sealed; who
//! asked under which key, the database does not tell either. Sealed, not derived anew: that would do for a secret, but not for the ids and
//! instants around it, which are to be the same as well.

use crate::domain::clock::Timestamp;
use crate::domain::entropy::Entropy;
use crate::domain::event::Actor;
use crate::domain::id::ClientId;
use crate::domain::secret::{Digest, Secret};
use crate::jose::keyed_digest::KeyedDigest;
use crate::jose::sealed::Sealer;
use crate::protocol::idempotency_key::{IdempotencyKey, KEPT};
use crate::store::{Connection, StoreError, idempotent_answers};

use super::{Admin, AdminError};

/// What the keys of callers become in the database.
pub struct Idempotency {
    pub names: KeyedDigest,
    pub answers: Sealer,
}

/// One request that is to be done once.
#[derive(Clone)]
pub struct Once {
    name: [u8; 32],
    /// Of all that it asks for.
    request: Digest,
    answers: Sealer,
}

/// What came of it.
pub enum Outcome<T> {
    Done(T),
    /// It had been done before.
    Replayed(Replay),
}

/// What was answered when it was done.
pub struct Replay {
    pub answer: Secret<String>,
    pub at: Timestamp,
}

/// Writes down what is answered, in the unit of work that does it.
pub struct Memo<T> {
    once: Once,
    render: Box<dyn FnOnce(&T) -> String + Send>,
    entropy: std::sync::Arc<dyn Entropy>,
}

impl Idempotency {
    /// `client` is who sends the request, `actor` in whose name; `request` is all that it asks for.
    pub fn once(&self, client: &ClientId, actor: &Actor, operation: &str, key: &IdempotencyKey, request: &[&str]) -> Once {
        let user = if let Actor::User(id) = actor { id.to_string() } else { String::new() };
        let name = self.names.of(&[client.as_str().as_bytes(), user.as_bytes(), operation.as_bytes(), key.as_str().as_bytes()]);
        let parts: Vec<u8> = request.iter().flat_map(|part| (part.len() as u64).to_be_bytes().into_iter().chain(part.bytes())).collect();
        Once { name, request: Digest::of(&parts), answers: self.answers.clone() }
    }
}

impl Once {
    fn aad(&self) -> Vec<u8> {
        [b"idempotent answer\0".as_slice(), &self.name].concat()
    }

    /// What was answered to this very request; refused if its key was used for another.
    fn replay(&self, sealed: &[u8], at: Timestamp) -> Result<Replay, AdminError> {
        let corrupt = || StoreError::Corrupt("idempotent_answers: an answer does not open".to_owned());
        let opened = self.answers.open(&self.aad(), sealed).ok_or_else(corrupt)?;
        let (request, answer) = opened.split_first_chunk::<32>().ok_or_else(corrupt)?;
        if Digest(*request) != self.request {
            return Err(AdminError::KeyReused);
        }
        let answer = Secret::new(String::from_utf8(answer.to_vec()).map_err(|_| corrupt())?);
        Ok(Replay { answer, at })
    }
}

impl<T> Memo<T> {
    /// `now` is that of what was done.
    pub(super) fn write(self, db: &mut Connection, done: &T, now: Timestamp) -> Result<(), StoreError> {
        let answer = Secret::new((self.render)(done));
        let plain = Secret::new([self.once.request.0.as_slice(), answer.expose().as_bytes()].concat());
        let sealed = self.once.answers.seal(self.entropy.as_ref(), &self.once.aad(), plain.expose());
        idempotent_answers::insert(db, &self.once.name, &sealed, now, now - KEPT)
    }
}

impl Admin {
    /// Does `act`, unless `once` says that it was done before; `render` makes the text that is answered again.
    pub async fn once<T, F: Future<Output = Result<T, AdminError>>>(
        &self,
        once: Option<Once>,
        render: impl FnOnce(&T) -> String + Send + 'static,
        act: impl FnOnce(Option<Memo<T>>) -> F,
    ) -> Result<Outcome<T>, AdminError> {
        let Some(once) = once else { return act(None).await.map(Outcome::Done) };
        if let Some(replay) = self.replay(&once).await? {
            return Ok(Outcome::Replayed(replay));
        }
        let memo = Memo { once: once.clone(), render: Box::new(render), entropy: self.entropy.clone() };
        match act(Some(memo)).await {
            Ok(done) => Ok(Outcome::Done(done)),
            // Another one with this key was faster, or this one was done and the database could not say so any more.
            Err(refused) => self.replay(&once).await?.map(Outcome::Replayed).ok_or(refused),
        }
    }

    async fn replay(&self, once: &Once) -> Result<Option<Replay>, AdminError> {
        let name = once.name;
        let Some((sealed, at)) = self.store.read(move |db| idempotent_answers::find(db, &name)).await? else { return Ok(None) };
        if at <= self.now() - KEPT {
            return Ok(None);
        }
        once.replay(&sealed, at).map(Some)
    }
}
