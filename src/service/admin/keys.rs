//! Signing keys: looking at them, making the next one, taking one away.

use super::{Admin, AdminError, Memo, not_found};
use crate::domain::clock::Timestamp;
use crate::domain::duration::Lifetime;
use crate::domain::event::{EventKind, Object};
use crate::domain::lifetime::Limits;
use crate::domain::signing_key::{KeyState, SigningAlg};
use crate::jose::key_ring::{self, KeyInfo, KeyRing};
use crate::jose::rotation::Schedule;
use crate::service::key_schedule::{key_created, locked};
use crate::service::keys::{Stored, stored};
use crate::store::{StoreError, events, signing_keys};

/// When a new key begins to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// After it has been in the JWKS for this long, so that no verifier meets a key it does not know.
    Announced(Lifetime),
    /// At once: for a key that is known to others. Verifiers that keep the JWKS refuse the first tokens until they fetch it again.
    AtOnce,
}

/// Whether a clock that was far ahead announced the key: the next one is made without waiting for it, and it is to be retired by hand.
pub fn is_out_of_time(key: &KeyInfo, announce: Lifetime, now: Timestamp) -> bool {
    let Lifetime::Limited(announce) = announce else { return false };
    key.state == KeyState::Announced && Schedule { announce, every: None }.is_out_of_time(key.active_from, now)
}

impl Admin {
    /// Every key there ever was, oldest first, with its state now.
    pub async fn keys(&self, limits: &Limits) -> Result<Vec<KeyInfo>, AdminError> {
        let Stored { rows, policy, .. } = stored(&self.store, limits).await?;
        let mut keys = KeyRing::load(&rows, &self.sealer, policy)?.states(self.now());
        keys.sort_by(|a, b| (a.announced_at, &a.kid).cmp(&(b.announced_at, &b.kid)));
        Ok(keys)
    }

    /// Makes the next key of an algorithm. The first of its algorithm signs at once in any case: no verifier waits for it.
    pub async fn rotate_key(&self, alg: SigningAlg, activation: Activation, limits: &Limits) -> Result<KeyInfo, AdminError> {
        self.rotate_key_once(alg, activation, limits, None).await
    }

    /// The same, and `memo` writes down what is answered.
    pub async fn rotate_key_once(&self, alg: SigningAlg, activation: Activation, limits: &Limits, memo: Option<Memo<KeyInfo>>) -> Result<KeyInfo, AdminError> {
        let now = self.now();
        let Stored { mut rows, policy, .. } = stored(&self.store, limits).await?;
        let keys = KeyRing::load(&rows, &self.sealer, policy)?.states(now);
        let of_alg = |state| keys.iter().filter(move |key| key.alg == alg && key.state == state);
        let active_from = match activation {
            Activation::Announced(announce) if of_alg(KeyState::Active).next().is_some() => {
                if let Some(next) = of_alg(KeyState::Announced).find(|key| !is_out_of_time(key, announce, now)) {
                    return Err(AdminError::NextKeyAnnounced { alg, from: next.active_from });
                }
                announce.after(now).ok_or_else(|| AdminError::Refused("a key cannot be announced for ever: set `keys.announce` to a duration".to_owned()))?
            }
            _ => now,
        };
        let (sealer, entropy) = (self.sealer.clone(), self.entropy.clone());
        // An RSA key takes a while to find.
        let made = tokio::task::spawn_blocking(move || key_ring::generate(alg, now, active_from, &sealer, entropy.as_ref())).await;
        let key = made.map_err(|error| AdminError::Refused(format!("making the key failed: {error}")))??;
        rows.push(key.clone());
        // As it will be among the others.
        let states = KeyRing::load(&rows, &self.sealer, policy)?.states(now);
        let made = states.into_iter().find(|made| made.kid == key.kid).ok_or_else(|| not_found("key", &key.kid))?;
        let (occasion, told) = (self.occasion(now), made.clone());
        let known: Vec<String> = keys.into_iter().map(|key| key.kid).collect();
        let inserted: Result<bool, StoreError> = self
            .store
            .write(move |db| {
                // What was judged above must still be all there is: a running server makes keys by itself.
                let unchanged = locked(db, alg)?.iter().filter(|key| key.alg == alg).all(|key| known.contains(&key.kid));
                if unchanged {
                    signing_keys::insert(db, &key)?;
                    events::record(db, &key_created(&occasion, &key))?;
                    memo.map_or(Ok(()), |memo| memo.write(db, &told, now))?;
                }
                Ok(unchanged)
            })
            .await;
        if !inserted? {
            return Err(AdminError::KeyMadeMeanwhile { alg });
        }
        tracing::info!(event = "key.created", kid = made.kid, alg = alg.as_str(), "a signing key was made");
        Ok(made)
    }

    /// Takes a key out of the JWKS now: tokens that it signed are refused from here on. The one that signs cannot go without a successor.
    pub async fn retire_key(&self, kid: &str, limits: &Limits) -> Result<(), AdminError> {
        let keys = self.keys(limits).await?;
        let key = keys.iter().find(|key| key.kid == kid).ok_or_else(|| not_found("key", kid))?;
        match key.state {
            KeyState::Active => return Err(AdminError::KeySigns { kid: kid.to_owned(), alg: key.alg }),
            // One that retired by age still vouches for old ID tokens as hints; retired by hand it no longer does.
            KeyState::Announced | KeyState::Retiring | KeyState::Retired => {}
        }
        let (lookup, now) = (kid.to_owned(), self.now());
        let (occasion, alg) = (self.occasion(now), key.alg);
        let retired = self.store.write(move |db| {
            let known = signing_keys::set_retired(db, &lookup, now)?;
            if known {
                events::record(db, &occasion.event(EventKind::KeyRetired, Object::Key(lookup)).with("alg", alg))?;
            }
            Ok(known)
        });
        if !retired.await? {
            return Err(not_found("key", kid));
        }
        tracing::info!(event = "key.retired", kid, "a signing key was retired");
        Ok(())
    }
}
