//! The ids of requests.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::{Builder, Uuid};

use crate::domain::clock::Timestamp;
use crate::domain::entropy::{Entropy, random};

/// Gives UUIDv7 whose random part is drawn once and then counted up (RFC 9562 §6.2, method 2): no two are the same, on other replicas either,
/// and none costs a call of the operating system. They are no secrets: every answer carries its own.
pub struct RequestIds {
    first: u128,
    given: AtomicU64,
}

impl RequestIds {
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self { first: u128::from_be_bytes(random(entropy)), given: AtomicU64::new(0) }
    }

    pub fn next(&self, now: Timestamp) -> Uuid {
        let nth = self.given.fetch_add(1, Ordering::Relaxed);
        let [_, _, _, _, _, _, random @ ..] = self.first.wrapping_add(nth.into()).to_be_bytes();
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
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

    #[test]
    fn a_later_request_has_a_greater_one() {
        let (ids, now) = (RequestIds::new(&SystemEntropy), Timestamp::UNIX_EPOCH);
        assert!(ids.next(now) < ids.next(now + TimeDelta::milliseconds(1)));
    }
}
