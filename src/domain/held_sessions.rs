//! The sessions that a browser holds: each of another account, each in a cookie of its own, a few at most.

use super::clock::Timestamp;
use super::id::SessionId;
use super::secret::Digest;

/// How many accounts a browser can be signed in with.
pub const MOST_ACCOUNTS: usize = 5;

/// Which of the session cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u8);

impl Slot {
    pub const ALL: [Self; MOST_ACCOUNTS] = [Self(0), Self(1), Self(2), Self(3), Self(4)];

    pub const FIRST: Self = Self(0);

    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A session as its cookie tells of it.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    pub slot: Slot,
    /// Of the secret; whether there is such a session is the database's to say.
    pub digest: Digest,
    /// When the user last chose it, in microseconds since 1970: an order among a browser's own accounts and nothing else. 0 where there was nothing
    /// to choose.
    pub chosen: u64,
    pub device: DeviceProof,
}

/// What came beside the cookie of a session to show that it is still on the device that it was given to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeviceProof {
    #[default]
    Missing,
    /// The holder of this key has shown it for this session, and need not again until then.
    Shown { session: SessionId, key: Digest, until: Timestamp },
    /// Nobody asks for one: the issuer binds no sessions.
    NotAsked,
}

impl Held {
    /// The value of a cookie: the secret, and after a dot when it was chosen, once there is something to choose.
    pub fn parse(slot: Slot, value: &str) -> Self {
        let (secret, chosen) = split(value);
        Self { slot, digest: Digest::of(secret.as_bytes()), chosen, device: DeviceProof::Missing }
    }
}

/// The secret of a cookie's value, and when it was chosen.
pub fn split(value: &str) -> (&str, u64) {
    let chosen = |text: &str| if text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None };
    match value.split_once('.').and_then(|(secret, text)| Some((secret, chosen(text)?))) {
        Some(parts) => parts,
        None => (value, 0),
    }
}

/// Those of one browser, the last chosen first.
#[derive(Debug, Clone, Copy, Default)]
pub struct HeldSessions([Option<Held>; MOST_ACCOUNTS]);

impl HeldSessions {
    pub fn iter(&self) -> impl Iterator<Item = Held> {
        self.0.into_iter().flatten()
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The one that the user chose last.
    pub fn first(&self) -> Option<Held> {
        self.iter().next()
    }

    /// With this one, in the place of what is in its slot.
    #[must_use]
    pub fn with(mut self, held: Held) -> Self {
        if let Some(place) = self.0.iter_mut().find(|place| place.is_none_or(|other| other.slot == held.slot)) {
            // Free places are at the end, and there is a place for each slot.
            *place = Some(held);
        }
        self.0.sort_by_key(|place| place.map_or((true, 0, 0), |held| (false, u64::MAX - held.chosen, held.slot.index())));
        self
    }

    #[must_use]
    pub fn without(self, slot: Slot) -> Self {
        self.iter().filter(|held| held.slot != slot).collect()
    }

    /// What makes one of them the last chosen.
    pub fn next_choice(&self, now: Timestamp) -> u64 {
        let newest = self.first().map_or(0, |held| held.chosen);
        u64::try_from(now.timestamp_micros()).unwrap_or(0).max(newest.saturating_add(1))
    }
}

impl FromIterator<Held> for HeldSessions {
    fn from_iter<I: IntoIterator<Item = Held>>(held: I) -> Self {
        held.into_iter().fold(Self::default(), Self::with)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn held(slot: usize, chosen: u64) -> Held {
        Held { slot: Slot::ALL[slot], digest: Digest::of(&[slot as u8]), chosen, device: DeviceProof::Missing }
    }

    fn slots(held: &HeldSessions) -> Vec<usize> {
        held.iter().map(|held| held.slot.index()).collect()
    }

    #[test]
    fn a_value_is_a_secret_and_when_it_was_chosen() {
        for (value, expected) in [
            ("secret", ("secret", 0)),
            ("secret.17", ("secret", 17)),
            ("secret.", ("secret.", 0)),
            ("secret.-1", ("secret.-1", 0)),
            ("secret.1x", ("secret.1x", 0)),
            ("secret.1.2", ("secret.1.2", 0)),
            ("secret.18446744073709551615", ("secret", u64::MAX)),
            ("secret.18446744073709551616", ("secret.18446744073709551616", 0)),
            ("", ("", 0)),
        ] {
            assert_eq!(split(value), expected, "{value}");
        }
    }

    #[test]
    fn the_last_chosen_comes_first() {
        let all: HeldSessions = [held(0, 0), held(1, 20), held(2, 10)].into_iter().collect();
        assert_eq!(slots(&all), [1, 2, 0]);
        assert_eq!(slots(&all.with(held(0, 30))), [0, 1, 2]);
        assert_eq!(slots(&all.without(Slot::ALL[1])), [2, 0]);
        let now = Timestamp::from_timestamp_micros(15).unwrap();
        assert_eq!((all.next_choice(now), all.without(Slot::ALL[1]).next_choice(now)), (21, 15));
        assert!(HeldSessions::default().is_empty() && HeldSessions::default().first().is_none() && !all.is_empty());
    }

    proptest! {
        /// One for each slot at most, whatever is put in, in the order they were chosen; what was chosen next is first.
        #[test]
        fn one_a_slot_in_order(puts in prop::collection::vec((0usize..5, any::<u64>()), 0..20), next in 0usize..5) {
            let all: HeldSessions = puts.iter().map(|(slot, chosen)| held(*slot, *chosen)).collect();
            let order: Vec<u64> = all.iter().map(|held| held.chosen).collect();
            prop_assert!(order.is_sorted_by(|a, b| a >= b));
            let mut there = slots(&all);
            there.sort_unstable();
            let mut expected: Vec<usize> = puts.iter().map(|(slot, _)| *slot).collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(there, expected);
            if order.first() != Some(&u64::MAX) {
                let choice = all.next_choice(Timestamp::from_timestamp_micros(0).unwrap());
                prop_assert_eq!(all.with(held(next, choice)).first().unwrap().slot.index(), next);
            }
        }
    }
}
