//! What a client proves itself by, while its secret is being replaced: the one before works beside the new one for a while.

use chrono::TimeDelta;

use super::clock::Timestamp;
use super::duration::Lifetime;
use super::secret::Digest;

/// The secret that a client had before its present one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviousSecret {
    pub digest: Digest,
    /// From this instant on it is dead.
    pub expires_at: Timestamp,
}

impl PreviousSecret {
    pub fn lives_at(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

/// For how long the old secret works beside the new one: not at all, or up to 30 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretOverlap(TimeDelta);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret works beside the next one for 30 days at most")]
pub struct InvalidOverlap;

impl SecretOverlap {
    pub const NONE: Self = Self(TimeDelta::zero());
    pub const LONGEST: TimeDelta = TimeDelta::days(30);

    pub fn seconds(seconds: u32) -> Result<Self, InvalidOverlap> {
        Self::of(Lifetime::seconds(i64::from(seconds)))
    }

    pub fn of(lifetime: Lifetime) -> Result<Self, InvalidOverlap> {
        match lifetime {
            Lifetime::Limited(overlap) if overlap >= TimeDelta::zero() && overlap <= Self::LONGEST => Ok(Self(overlap)),
            Lifetime::Limited(_) | Lifetime::Unlimited => Err(InvalidOverlap),
        }
    }

    /// What becomes of the present secret at `now`; `None`: it is dead at once.
    pub fn previous(self, present: Option<Digest>, now: Timestamp) -> Option<PreviousSecret> {
        let expires_at = now.checked_add_signed(self.0).filter(|expires_at| *expires_at > now)?;
        present.map(|digest| PreviousSecret { digest, expires_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_is_none_or_up_to_thirty_days() {
        let (now, digest) = (Timestamp::UNIX_EPOCH, Digest::of(b"secret"));
        assert_eq!(SecretOverlap::seconds(0), Ok(SecretOverlap::NONE));
        assert_eq!(SecretOverlap::NONE.previous(Some(digest), now), None);
        let longest = SecretOverlap::seconds(2_592_000).unwrap();
        assert_eq!(longest.previous(None, now), None, "where there is none, none stays");
        let previous = longest.previous(Some(digest), now).unwrap();
        let end = now + TimeDelta::days(30);
        assert_eq!((previous.digest, previous.expires_at), (digest, end));
        let instant = TimeDelta::microseconds(1);
        assert!(previous.lives_at(now) && previous.lives_at(end - instant) && !previous.lives_at(end) && !previous.lives_at(end + instant));
        for beyond in [Lifetime::seconds(2_592_001), Lifetime::seconds(-1), Lifetime::Unlimited] {
            assert_eq!(SecretOverlap::of(beyond), Err(InvalidOverlap), "{beyond:?}");
        }
    }
}
