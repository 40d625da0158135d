//! Remembers tokens whose signature has been verified, so that a token introspected a hundred times costs one verification.
//!
//! It skips arithmetic and nothing else: the caller still asks about the key, the type, the expiry and the grant. Only success is
//! remembered, so no stranger can fill it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The most tokens remembered.
pub const CAPACITY: usize = 4096;
/// Longer tokens are verified each time: so memory is bounded by bytes, not only by entries.
pub(super) const LONGEST_REMEMBERED: usize = 4 * 1024;
/// Fewer callers wait for the same lock.
const SHARDS: usize = 16;
const HALF_SHARD: usize = CAPACITY / SHARDS / 2;

/// SHA-256 of the whole token, signature included: another byte is another token.
type Key = [u8; 32];

/// What is known of a token besides that its signature is good.
#[derive(Debug)]
pub(super) struct Verified {
    pub kid: String,
    pub typ: String,
    pub claims: Arc<Map<String, Value>>,
}

/// A bounded memory of verified tokens. It belongs to one key ring and is dropped with it.
pub struct VerifiedTokens {
    shards: [Mutex<Shard>; SHARDS],
}

/// Two halves: what is used moves to the young one, and when that is full the old one is forgotten whole. About as good as
/// forgetting the least recently used, without a list to keep.
#[derive(Default)]
struct Shard {
    young: HashMap<Key, Arc<Verified>>,
    old: HashMap<Key, Arc<Verified>>,
}

impl VerifiedTokens {
    #[allow(clippy::new_without_default)] // made by a key ring, for a key ring
    pub(super) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()) }
    }

    pub(super) fn key_of(token: &str) -> Key {
        Sha256::digest(token).into()
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<Verified>> {
        self.with_shard(key, |shard| {
            if let Some(verified) = shard.young.get(key) {
                return Some(Arc::clone(verified));
            }
            let verified = shard.old.remove(key)?;
            shard.insert(*key, Arc::clone(&verified));
            Some(verified)
        })
    }

    pub(super) fn insert(&self, key: Key, verified: Verified) {
        self.with_shard(&key, |shard| shard.insert(key, Arc::new(verified)));
    }

    /// How many tokens are remembered now; never above [`CAPACITY`].
    pub fn len(&self) -> usize {
        let count = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(count).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn with_shard<T: Default>(&self, key: &Key, f: impl FnOnce(&mut Shard) -> T) -> T {
        let [first, ..] = key;
        // Always there: the remainder is below the number of shards.
        self.shards.get(usize::from(*first) % SHARDS).map_or_else(T::default, |shard| f(&mut shard.lock().unwrap_or_else(|poisoned| poisoned.into_inner())))
    }
}

impl Shard {
    fn insert(&mut self, key: Key, verified: Arc<Verified>) {
        if self.young.len() >= HALF_SHARD {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, verified);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified() -> Verified {
        Verified { kid: String::new(), typ: String::new(), claims: Arc::default() }
    }

    #[test]
    fn it_never_holds_more_than_its_capacity() {
        let tokens = VerifiedTokens::new();
        for number in 0..3 * CAPACITY {
            tokens.insert(VerifiedTokens::key_of(&number.to_string()), verified());
            assert!(tokens.len() <= CAPACITY);
        }
        assert!(tokens.len() >= CAPACITY / 4);
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let tokens = VerifiedTokens::new();
        let (used, unused) = (VerifiedTokens::key_of("used"), VerifiedTokens::key_of("unused"));
        tokens.insert(used, verified());
        tokens.insert(unused, verified());
        for number in 0..8 * CAPACITY {
            tokens.insert(VerifiedTokens::key_of(&number.to_string()), verified());
            assert!(tokens.get(&used).is_some());
        }
        assert!(tokens.get(&unused).is_none());
    }

    #[test]
    fn the_same_token_twice_is_one_entry() {
        let tokens = VerifiedTokens::new();
        assert!(tokens.is_empty());
        for _ in 0..2 * HALF_SHARD {
            tokens.insert(VerifiedTokens::key_of("one"), verified());
        }
        assert_eq!(tokens.len(), 1);
    }
}
