//! Digests that only the holder of a key can compute: names for things that the database should count, but not tell.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::derive;
use crate::domain::secret::Secret;

#[derive(Clone)]
pub struct KeyedDigest(Hmac<Sha256>);

impl KeyedDigest {
    #[allow(clippy::needless_pass_by_value)] // the caller's copy is wiped
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        Self(derive::keyed_mac(&key))
    }

    /// HMAC-SHA-256 over the parts, each behind its length, so that two lists of parts never read the same.
    pub fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mac = parts.iter().fold(self.0.clone(), |mac, part| mac.chain_update((part.len() as u64).to_be_bytes()).chain_update(part));
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_the_key_and_on_where_the_parts_meet() {
        let digest = |key: u8, parts: &[&[u8]]| KeyedDigest::new(Secret::new([key; 32])).of(parts);
        let base = digest(1, &[b"ab", b"c"]);
        assert_eq!(digest(1, &[b"ab", b"c"]), base);
        for other in [digest(2, &[b"ab", b"c"]), digest(1, &[b"a", b"bc"]), digest(1, &[b"abc"]), digest(1, &[b"ab", b"c", b""])] {
            assert_ne!(other, base);
        }
    }
}
