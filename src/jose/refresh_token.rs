//! Refresh tokens are computed, never stored: the text of one is `gk_rt_` and base64url(key id ‖ family id ‖ generation ‖ MAC),
//! where MAC = HMAC-SHA-256(K, "gatekey refresh v1" ‖ family id ‖ generation ‖ family secret).
//!
//! K comes from the master key and the family secret from the database, so neither alone forges anything, and the successor of
//! a token is the same bytes whoever computes it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::derive;
use crate::domain::id::GrantId;
use crate::domain::refresh_family::PresentedRefreshToken;
use crate::domain::secret::{self, Secret};

/// Lets secret scanners and people tell what leaked.
const PREFIX: &str = "gk_rt_";
const LABEL: &[u8] = b"gatekey refresh v1";
/// 4 + 16 + 8 + 32: a multiple of three, so base64url has no spare bits and every text has one spelling.
const LENGTH: usize = 60;

/// Makes and checks refresh tokens under one key.
#[derive(Clone)]
pub struct Minter {
    mac: Hmac<Sha256>,
    key_id: [u8; 4],
}

/// A refresh token that is well formed, and not yet believed: [`Minter::verify`] needs the secret of its family.
#[derive(Clone)]
pub struct Parsed {
    family_id: GrantId,
    generation: u64,
    mac: [u8; 32],
}

impl Parsed {
    /// The family to look for.
    pub fn family_id(&self) -> GrantId {
        self.family_id
    }
}

/// The MAC is what makes it a token: it does not print.
impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parsed").field("family_id", &self.family_id).field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl Minter {
    #[allow(clippy::needless_pass_by_value)] // the caller's copy is wiped
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        let mac = derive::keyed_mac(&key);
        let named: [u8; 32] = mac.clone().chain_update(b"gatekey refresh key id v1").finalize().into_bytes().into();
        let [a, b, c, d, ..] = named;
        Self { mac, key_id: [a, b, c, d] }
    }

    pub fn mint(&self, family_id: GrantId, generation: u64, family_secret: &Secret<[u8; 32]>) -> Secret<String> {
        let mac = self.mac_of(family_id, generation, family_secret);
        let mut bytes = [0u8; LENGTH];
        let parts = self.key_id.iter().chain(family_id.0.as_bytes()).copied().chain(generation.to_be_bytes()).chain(mac);
        for (slot, byte) in bytes.iter_mut().zip(parts) {
            *slot = byte;
        }
        let mut text = String::with_capacity(PREFIX.len() + LENGTH / 3 * 4);
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        Secret::new(text)
    }

    /// Reads the text of a token. `None`: not a refresh token, not its one canonical spelling, or made under another key.
    pub fn parse(&self, text: &str) -> Option<Parsed> {
        let mut bytes = [0u8; LENGTH];
        // The length first: the decoder then cannot run over, and a token of any other length is none.
        let body = text.strip_prefix(PREFIX).filter(|body| body.len() == LENGTH / 3 * 4)?;
        if URL_SAFE_NO_PAD.decode_slice(body, &mut bytes).ok()? != LENGTH {
            return None;
        }
        let (key_id, rest) = bytes.split_first_chunk::<4>()?;
        let (family_id, rest) = rest.split_first_chunk::<16>()?;
        let (generation, mac) = rest.split_first_chunk::<8>()?;
        (*key_id == self.key_id).then_some(Parsed {
            family_id: GrantId(Uuid::from_bytes(*family_id)),
            generation: u64::from_be_bytes(*generation),
            mac: mac.try_into().ok()?,
        })
    }

    /// What the token says, once its MAC is shown to be ours. A token that does not verify is unknown, whatever it names.
    pub fn verify(&self, parsed: &Parsed, family_secret: &Secret<[u8; 32]>) -> Option<PresentedRefreshToken> {
        // In constant time (ASVS 11.2.4): the MAC is compared, not searched.
        secret::same(&self.mac_of(parsed.family_id, parsed.generation, family_secret), &parsed.mac)
            .then_some(PresentedRefreshToken { family_id: parsed.family_id, generation: parsed.generation })
    }

    /// Every part has a fixed length, so no two inputs run together to the same bytes.
    fn mac_of(&self, family_id: GrantId, generation: u64, family_secret: &Secret<[u8; 32]>) -> [u8; 32] {
        let mac = self.mac.clone().chain_update(LABEL).chain_update(family_id.0.as_bytes());
        mac.chain_update(generation.to_be_bytes()).chain_update(family_secret.expose()).finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minter(key: u8) -> Minter {
        Minter::new(Secret::new([key; 32]))
    }

    fn presented(minter: &Minter, text: &str, family_secret: [u8; 32]) -> Option<PresentedRefreshToken> {
        minter.verify(&minter.parse(text)?, &Secret::new(family_secret))
    }

    /// The format is a promise to every token in the wild: a change here logs everyone out.
    #[test]
    fn the_text_is_pinned_and_the_mac_is_plain_hmac() {
        let family = GrantId(Uuid::from_u128(0x0102_0304_0506_7708_890a_0b0c_0d0e_0f10));
        let text = minter(1).mint(family, 258, &Secret::new([9; 32]));
        let bytes = URL_SAFE_NO_PAD.decode(text.expose().strip_prefix("gk_rt_").unwrap()).unwrap();
        assert_eq!(bytes.len(), 60);
        assert_eq!(bytes[4..20], *family.0.as_bytes());
        assert_eq!(bytes[20..28], [0, 0, 0, 0, 0, 0, 1, 2]);
        // The MAC by another implementation.
        let key = openssl::pkey::PKey::hmac(&[1; 32]).unwrap();
        let mut signer = openssl::sign::Signer::new(openssl::hash::MessageDigest::sha256(), &key).unwrap();
        signer.update(&[b"gatekey refresh v1".as_slice(), family.0.as_bytes(), &258u64.to_be_bytes(), &[9; 32]].concat()).unwrap();
        assert_eq!(bytes[28..], signer.sign_to_vec().unwrap());
        assert_eq!(text.expose(), "gk_rt_d9sP3gECAwQFBncIiQoLDA0ODxAAAAAAAAABApKipyzAe-5j4CR6dVbtxecqz3TQ3OcCQTV5rSzxTtmX");
    }

    #[test]
    fn neither_the_text_nor_the_mac_prints() {
        let minter = minter(1);
        let text = minter.mint(GrantId(Uuid::nil()), 1, &Secret::new([9; 32]));
        let parsed = minter.parse(text.expose()).unwrap();
        assert_eq!(format!("{text:?}"), "[redacted]");
        assert_eq!(format!("{parsed:?}"), format!("Parsed {{ family_id: {:?}, generation: 1, .. }}", GrantId(Uuid::nil())));
    }

    proptest! {
        #[test]
        fn what_was_minted_verifies_and_is_the_same_again(family in any::<u128>(), generation in any::<u64>(), family_secret in any::<[u8; 32]>()) {
            let family_id = GrantId(Uuid::from_u128(family));
            let text = minter(1).mint(family_id, generation, &Secret::new(family_secret));
            prop_assert_eq!(text.expose().len(), 86);
            prop_assert_eq!(minter(1).parse(text.expose()).map(|parsed| parsed.family_id()), Some(family_id));
            prop_assert_eq!(presented(&minter(1), text.expose(), family_secret), Some(PresentedRefreshToken { family_id, generation }));
            let again = minter(1).mint(family_id, generation, &Secret::new(family_secret));
            prop_assert_eq!(again.expose(), text.expose());
        }

        #[test]
        fn one_flipped_bit_makes_it_unknown(family in any::<u128>(), generation in any::<u64>(), at in 0usize..60, bit in 0u32..8) {
            let text = minter(1).mint(GrantId(Uuid::from_u128(family)), generation, &Secret::new([9; 32]));
            let mut bytes = URL_SAFE_NO_PAD.decode(&text.expose()[PREFIX.len()..]).unwrap();
            bytes[at] ^= 1u8 << bit;
            prop_assert_eq!(presented(&minter(1), &format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)), [9; 32]), None);
        }

        /// CO-11.
        #[test]
        fn one_other_character_cut_or_added_is_no_token(generation in any::<u64>(), at in 0usize..86, other in any::<char>(), cut in 0usize..86) {
            let text = minter(1).mint(GrantId(Uuid::from_u128(7)), generation, &Secret::new([9; 32]));
            let text = text.expose();
            let (before, rest) = text.split_at(at);
            let replaced = format!("{before}{other}{}", &rest[1..]);
            prop_assert_eq!(presented(&minter(1), &replaced, [9; 32]).is_some(), replaced == *text);
            prop_assert_eq!(presented(&minter(1), &format!("{before}{other}{rest}"), [9; 32]), None);
            prop_assert_eq!(presented(&minter(1), &format!("{text}{other}"), [9; 32]), None);
            prop_assert!(minter(1).parse(&text[..cut]).is_none());
            prop_assert!(minter(1).parse(&text[86 - cut..]).is_none());
            for tail in ["=", "==", " ", "\n", "\t", "\0", "A", "AAAA", ".", "%3D"] {
                let (longer, shifted) = (format!("{text}{tail}"), format!("{tail}{text}"));
                prop_assert!(minter(1).parse(&longer).is_none() && minter(1).parse(&shifted).is_none());
            }
        }

        #[test]
        fn another_key_family_secret_or_generation_refuses(key in 2u8.., family_secret in any::<[u8; 32]>(), generation in any::<u64>(), step in 1u64..) {
            let family_id = GrantId(Uuid::from_u128(7));
            let minter = minter(1);
            let text = minter.mint(family_id, generation, &Secret::new([9; 32]));
            prop_assert!(Minter::new(Secret::new([key; 32])).parse(text.expose()).is_none());
            prop_assert_eq!(presented(&minter, text.expose(), family_secret).is_some(), family_secret == [9; 32]);
            // The MAC of one generation, family or key id is worth nothing for another.
            let parsed = minter.parse(text.expose()).unwrap();
            let later = Parsed { generation: generation.wrapping_add(step), ..parsed.clone() };
            prop_assert_eq!(minter.verify(&later, &Secret::new([9; 32])), None);
            let elsewhere = Parsed { family_id: GrantId(Uuid::from_u128(8)), ..parsed.clone() };
            prop_assert_eq!(minter.verify(&elsewhere, &Secret::new([9; 32])), None);
            // A key whose id happened to be the same would still refuse.
            let other = Minter { key_id: minter.key_id, ..Minter::new(Secret::new([key; 32])) };
            prop_assert_eq!(presented(&other, text.expose(), [9; 32]), None);
        }

        #[test]
        fn garbage_is_no_token(text in any::<String>(), body in "[A-Za-z0-9_-]{80}") {
            prop_assert!(minter(1).parse(&text).is_none());
            prop_assert_eq!(presented(&minter(1), &format!("{PREFIX}{body}"), [9; 32]), None);
        }
    }
}
