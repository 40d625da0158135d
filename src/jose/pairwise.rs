//! Pairwise subjects (OIDC Core §8.1): who a user is to the clients of one sector, derived and stored nowhere. Clients of different sectors cannot
//! join what they know of a person, and without the key nobody can go back from it to the user.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::{Builder, Uuid};

use super::derive;
use crate::domain::id::UserId;
use crate::domain::secret::Secret;

#[derive(Clone)]
pub struct Pairwise(Hmac<Sha256>);

impl Pairwise {
    #[allow(clippy::needless_pass_by_value)] // the caller's copy is wiped
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        Self(derive::keyed_mac(&key))
    }

    /// The first 16 bytes of HMAC-SHA-256(key, user id ‖ sector) in the form of a UUIDv8 (RFC 9562 §5.8). The user id has a fixed length, so
    /// the two parts cannot be read in another way. It has the form of user ids, so no client id can be mistaken for it, and another version
    /// than theirs, so neither can they.
    pub fn subject(&self, user: UserId, sector: &str) -> Uuid {
        let mac: [u8; 32] = self.0.clone().chain_update(user.0.as_bytes()).chain_update(sector).finalize().into_bytes().into();
        let mut first = [0u8; 16];
        first.iter_mut().zip(mac).for_each(|(to, from)| *to = from);
        Builder::from_custom_bytes(first).into_uuid()
    }
}

/// Whether a `sub` is one of these, of whatever sector, rather than a user id.
pub fn is_pairwise(subject: &str) -> bool {
    Uuid::parse_str(subject).is_ok_and(|id| id.get_version_num() == 8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_depends_on_the_key_the_user_and_the_sector(
            key in any::<[u8; 32]>(), other_key in any::<[u8; 32]>(), user in any::<u128>(), other_user in any::<u128>(),
            sector in "[a-z]{1,12}", other_sector in "[a-z]{1,12}",
        ) {
            let subject = |key: [u8; 32], user: u128, sector: &str| Pairwise::new(Secret::new(key)).subject(UserId(Uuid::from_u128(user)), sector);
            let base = subject(key, user, &sector);
            prop_assert!(is_pairwise(&base.to_string()));
            prop_assert_ne!(base, Uuid::from_u128(user));
            prop_assert_eq!(subject(key, user, &sector), base);
            prop_assert_eq!(subject(other_key, user, &sector) == base, key == other_key);
            prop_assert_eq!(subject(key, other_user, &sector) == base, user == other_user);
            prop_assert_eq!(subject(key, user, &other_sector) == base, sector == other_sector);
        }
    }

    /// Applications keep these: a change here makes strangers of all their users.
    #[test]
    fn a_subject_is_pinned() {
        let subject = Pairwise::new(Secret::new([7; 32])).subject(UserId(Uuid::from_u128(1)), "app.example.test");
        assert_eq!(subject.to_string(), "78e38b45-4447-85c6-bf7d-c9b74996ee75");
    }
}
