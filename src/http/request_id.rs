//! The ids of requests.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::{Builder, Uuid};

use crate::domain::clock::Timestamp;
use crate::domain::entropy::{Entropy, random};

/// Gives UUIDv7 whose random part (RFC 9562 §5.7) is a count, hashed under a key of this process: none costs a call of the operating system, and
/// whoever sees two of them does not learn how many requests came between. They are no secrets: every answer carries its own.
pub struct RequestIds {
    /// SipHash, keyed by the operating system.
    hash: RandomState,
    /// Of this process: 12 of the 74 bits that there are, before 62 of the hash.
    rest: u16,
    given: AtomicU64,
}

impl RequestIds {
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self { hash: RandomState::new(), rest: u16::from_be_bytes(random(entropy)), given: AtomicU64::new(0) }
    }

    pub fn next(&self, now: Timestamp) -> Uuid {
        let nth = self.given.fetch_add(1, Ordering::Relaxed);
        let ([a, b], [c, d, e, f, g, h, i, j]) = (self.rest.to_be_bytes(), self.hash.hash_one(nth).to_be_bytes());
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &[a, b, c, d, e, f, g, h, i, j]).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::TimeDelta;

    use super::*;
    use crate::domain::entropy::SystemEntropy;

    const MANY: usize = 100_000;

    #[test]
    fn no_two_requests_have_the_same() {
        let now = Timestamp::UNIX_EPOCH + TimeDelta::days(20_000);
        let (one, other) = (RequestIds::new(&SystemEntropy), RequestIds::new(&SystemEntropy));
        let ids: BTreeSet<Uuid> = (0..MANY).flat_map(|_| [one.next(now), other.next(now)]).collect();
        assert_eq!(ids.len(), 2 * MANY);
        for id in &ids {
            assert_eq!(id.get_version_num(), 7);
            assert_eq!(id.as_u128() >> 80, u128::try_from(now.timestamp_millis()).unwrap());
        }
    }

    /// What is hashed does not count on from one id to the next.
    #[test]
    fn ids_do_not_tell_how_many_there_were() {
        let (ids, now) = (RequestIds::new(&SystemEntropy), Timestamp::UNIX_EPOCH);
        let given: Vec<u64> = (0..1000).map(|_| (ids.next(now).as_u128() & u128::from(u64::MAX >> 2)).try_into().unwrap()).collect();
        let steps: BTreeSet<u64> = given.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
        assert_eq!(steps.len(), 999);
        assert!(!given.is_sorted());
    }

    #[test]
    fn a_later_request_has_a_greater_one() {
        let (ids, now) = (RequestIds::new(&SystemEntropy), Timestamp::UNIX_EPOCH);
        assert!(ids.next(now) < ids.next(now + TimeDelta::milliseconds(1)));
    }
}
