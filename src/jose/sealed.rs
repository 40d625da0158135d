//! Authenticated encryption for what leaves the server and comes back (codes, tickets) and for private keys at rest.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, AeadInOut, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};

use crate::domain::entropy::{self, Entropy};
use crate::domain::secret::Secret;

const NONCE_LENGTH: usize = 24;
const TAG_LENGTH: usize = 16;

/// XChaCha20-Poly1305 under one subkey. Its nonce is 192 bits, long enough to be drawn at random for ever.
///
/// What it makes is nonce ‖ ciphertext ‖ tag: 40 bytes more than the plain text. `aad` says what the text is for; it does not
/// travel, and a text opens only under the same `aad`.
#[derive(Clone)]
pub struct Sealer(XChaCha20Poly1305);

impl Sealer {
    #[allow(clippy::needless_pass_by_value)] // a key given to a sealer is the sealer's: the caller's copy is wiped
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        Self(XChaCha20Poly1305::new(key.expose().into()))
    }

    pub fn seal(&self, entropy: &dyn Entropy, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce = entropy::random::<NONCE_LENGTH>(entropy);
        let mut sealed = Vec::with_capacity(NONCE_LENGTH + plain.len() + TAG_LENGTH);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let (_, text) = sealed.split_at_mut(NONCE_LENGTH);
        #[allow(clippy::expect_used)] // fails only above 256 GiB (RFC 8439 §2.8)
        let tag = self.0.encrypt_inout_detached(&XNonce::from(nonce), aad, text.into()).expect("the plain text is below 256 GiB");
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// The plain text; `None` for anything that was not sealed with this key and this `aad`.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LENGTH>()?;
        self.0.decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad }).ok()
    }

    /// The same as base64url without padding.
    pub fn seal_text(&self, entropy: &dyn Entropy, aad: &[u8], plain: &[u8]) -> String {
        self.seal_text_after("", entropy, aad, plain)
    }

    /// The same behind `prefix`.
    pub fn seal_text_after(&self, prefix: &str, entropy: &dyn Entropy, aad: &[u8], plain: &[u8]) -> String {
        let sealed = self.seal(entropy, aad, plain);
        let mut text = String::with_capacity(prefix.len() + sealed.len().div_ceil(3) * 4);
        text.push_str(prefix);
        URL_SAFE_NO_PAD.encode_string(&sealed, &mut text);
        text
    }

    /// One text per sealed value: the decoder refuses padding, white space, the other alphabet and stray bits in the last
    /// character, so no altered text ever opens.
    pub fn open_text(&self, aad: &[u8], text: &str) -> Option<Vec<u8>> {
        self.open(aad, &URL_SAFE_NO_PAD.decode(text).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::entropy::SystemEntropy;

    fn sealer(key: u8) -> Sealer {
        Sealer::new(Secret::new([key; 32]))
    }

    #[test]
    fn the_same_text_never_seals_to_the_same_bytes() {
        assert_ne!(sealer(1).seal(&SystemEntropy, b"code", b"plain"), sealer(1).seal(&SystemEntropy, b"code", b"plain"));
    }

    /// CO-11: a longer or shorter text, another spelling of the same bytes, white space, NUL, the other alphabet.
    #[test]
    fn no_other_spelling_of_a_sealed_text_opens() {
        for length in 0..6 {
            let plain = vec![0xa5u8; length];
            let text = sealer(1).seal_text(&SystemEntropy, b"code", &plain);
            assert_eq!(sealer(1).open_text(b"code", &text).as_deref(), Some(plain.as_slice()));
            for end in 0..text.len() {
                assert_eq!(sealer(1).open_text(b"code", &text[..end]), None, "cut at {end}");
            }
            for tail in ["=", "==", "A", "AA", "AAA", "AAAA", " ", "\n", "\0", ".", "%00"] {
                assert_eq!(sealer(1).open_text(b"code", &format!("{text}{tail}")), None, "{tail:?} appended");
                assert_eq!(sealer(1).open_text(b"code", &format!("{tail}{text}")), None, "{tail:?} before");
            }
            // Every other last character: some of them decode to the same bytes in a lax decoder.
            let (rest, last) = text.split_at(text.len() - 1);
            for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/".chars().filter(|c| !last.contains(*c)) {
                assert_eq!(sealer(1).open_text(b"code", &format!("{rest}{other}")), None, "last character {other}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens(plain in any::<Vec<u8>>(), aad in any::<Vec<u8>>()) {
            let sealed = sealer(1).seal(&SystemEntropy, &aad, &plain);
            prop_assert_eq!(sealed.len(), plain.len() + 40);
            prop_assert_eq!(sealer(1).open(&aad, &sealed), Some(plain));
        }

        #[test]
        fn one_flipped_bit_opens_nothing(plain in any::<Vec<u8>>(), at in any::<prop::sample::Index>(), bit in 0u32..8) {
            let mut sealed = sealer(1).seal(&SystemEntropy, b"code", &plain);
            let at = at.index(sealed.len());
            sealed[at] ^= 1u8 << bit;
            prop_assert_eq!(sealer(1).open(b"code", &sealed), None);
        }

        #[test]
        fn another_key_or_purpose_opens_nothing(plain in any::<Vec<u8>>(), key in 2u8.., aad in "[a-z]{0,8}") {
            let sealed = sealer(1).seal(&SystemEntropy, b"code of the client", &plain);
            prop_assert_eq!(sealer(key).open(b"code of the client", &sealed), None);
            prop_assert_eq!(sealer(1).open(aad.as_bytes(), &sealed), None);
        }

        #[test]
        fn garbage_opens_nothing(garbage in any::<Vec<u8>>(), text in any::<String>()) {
            prop_assert_eq!(sealer(1).open(b"", &garbage), None);
            prop_assert_eq!(sealer(1).open_text(b"", &text), None);
        }
    }
}
