//! Keys that make themselves: the first of an algorithm, and the next one in time.
//!
//! 1. The stored keys say whether one is due ([`rotation::due`]).
//! 2. It is made outside of any transaction: an RSA key takes a while to find.
//! 3. It is inserted under the algorithm's lock, if one is still due there. Of several replicas, or several first starts, exactly one
//!    inserts; what the others made is dropped.

use std::sync::Arc;

use super::Failure;
use crate::domain::clock::Timestamp;
use crate::domain::entropy::Entropy;
use crate::domain::event::{Event, EventKind, Object, Occasion};
use crate::domain::signing_key::{SigningAlg, SigningKey};
use crate::jose::key_ring;
use crate::jose::rotation::{self, Schedule};
use crate::jose::sealed::Sealer;
use crate::store::{Connection, Store, StoreError, events, meta, signing_keys};

/// Makes a key of `alg` if one is due; whether this call has made one.
pub async fn keep(store: &Store, sealer: &Sealer, entropy: &Arc<dyn Entropy>, schedule: Schedule, alg: SigningAlg, now: Timestamp) -> Result<bool, Failure> {
    let rows = store.scan(signing_keys::list).await?;
    let Some(active_from) = rotation::due(&rows, alg, schedule, now) else {
        return Ok(false);
    };
    for ahead in rows.iter().filter(|row| row.alg == alg && row.retired_at.is_none() && schedule.is_out_of_time(row.active_from, now)) {
        tracing::warn!(
            event = "key.out_of_time",
            kid = ahead.kid,
            alg = alg.as_str(),
            signs_from = %ahead.active_from,
            "a clock that was far ahead, of this or another replica, made this key: it is not waited for; set the clock, then run `gatekey key retire`"
        );
    }
    let (sealer, source) = (sealer.clone(), entropy.clone());
    let made = tokio::task::spawn_blocking(move || key_ring::generate(alg, now, active_from, &sealer, source.as_ref())).await;
    let key = made.map_err(|error| Failure::Unavailable(error.to_string()))?.map_err(|error| Failure::Unavailable(error.to_string()))?;
    let kid = key.kid.clone();
    let occasion = Occasion::of_server(now, entropy);
    let inserted = store.write(move |db| {
        let still_due = rotation::due(&locked(db, alg)?, alg, schedule, now).is_some();
        if still_due {
            signing_keys::insert(db, &key)?;
            events::record(db, &key_created(&occasion, &key))?;
        }
        Ok(still_due)
    });
    let inserted = inserted.await?;
    if inserted {
        tracing::info!(event = "key.created", kid, alg = alg.as_str(), signs_from = %active_from, "a signing key was made");
    }
    Ok(inserted)
}

pub fn key_created(occasion: &Occasion, key: &SigningKey) -> Event {
    occasion.event(EventKind::KeyCreated, Object::Key(key.kid.clone())).with("alg", key.alg).with("active_from", key.active_from)
}

/// The stored keys, read while nobody else can add one of `alg`: until the transaction ends.
pub fn locked(db: &mut Connection, alg: SigningAlg) -> Result<Vec<SigningKey>, StoreError> {
    meta::lock(db, &format!("signing keys {}", alg.as_str()))?;
    signing_keys::list(db)
}
