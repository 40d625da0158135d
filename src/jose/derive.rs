//! The master key, and the keys derived from it: one subkey a purpose, so that no two parts ever share a key.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::domain::entropy::{self, Entropy};
use crate::domain::secret::Secret;

/// Separates Gatekey's subkeys from anything else that might be derived from the same bytes.
const SALT: &[u8] = b"gatekey master key v1";

/// 32 random bytes from which every other symmetric key is derived. It never prints.
#[derive(Debug, Clone)]
pub struct MasterKey(Secret<[u8; 32]>);

/// Why a text is not a master key. The text itself is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMasterKey {
    #[error("it is not 32 random bytes written in base64 or base64url (43 or 44 characters)")]
    Form,
    #[error("it is one byte repeated, not random")]
    NotRandom,
}

impl MasterKey {
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Secret::new(entropy::random::<32>(entropy)))
    }

    /// Reads base64 or base64url, with or without the `=`, and white space around it (a file ends with a newline).
    pub fn parse(text: &str) -> Result<Self, InvalidMasterKey> {
        let text = text.trim_ascii();
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let alphabet = if text.contains(['-', '_']) { alphabet::URL_SAFE } else { alphabet::STANDARD };
        // 43 characters carry 258 bits: two are unused and must be zero, which the strict decoder checks.
        if !(43..=44).contains(&text.len()) {
            return Err(InvalidMasterKey::Form);
        }
        let decoded = Zeroizing::new(GeneralPurpose::new(&alphabet, config).decode(text).map_err(|_| InvalidMasterKey::Form)?);
        let mut bytes: [u8; 32] = decoded.as_slice().try_into().map_err(|_| InvalidMasterKey::Form)?;
        let first = bytes.first().copied();
        let repeated = bytes.iter().all(|byte| Some(*byte) == first);
        let key = Self(Secret::new(bytes));
        bytes.zeroize();
        if repeated { Err(InvalidMasterKey::NotRandom) } else { Ok(key) }
    }

    /// The text to keep: base64url, 43 characters.
    pub fn to_text(&self) -> Secret<String> {
        Secret::new(URL_SAFE_NO_PAD.encode(self.0.expose()))
    }

    /// The key of one purpose: HKDF-SHA-256 (RFC 5869) with the purpose as `info`.
    pub fn subkey(&self, purpose: &str) -> Secret<[u8; 32]> {
        let mut key = [0u8; 32];
        #[allow(clippy::expect_used)] // 32 bytes; HKDF gives up to 8,160 (RFC 5869 §2.3)
        Hkdf::<Sha256>::new(Some(SALT), self.0.expose()).expand(purpose.as_bytes(), &mut key).expect("32 bytes are within the limit of HKDF");
        let subkey = Secret::new(key);
        key.zeroize();
        subkey
    }

    /// A text that tells whether a database was written under this key, and nothing else about it.
    pub fn check_value(&self) -> String {
        let subkey = self.subkey("check value");
        let (half, _) = subkey.expose().split_at(16);
        URL_SAFE_NO_PAD.encode(half)
    }
}

/// HMAC-SHA-256 ready for use; clone it for each message.
pub(super) fn keyed_mac(key: &Secret<[u8; 32]>) -> Hmac<Sha256> {
    #[allow(clippy::expect_used)] // HMAC takes a key of any length (RFC 2104 §3)
    Hmac::new_from_slice(key.expose()).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use hmac::Mac;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::entropy::SystemEntropy;

    fn key(text: &str) -> MasterKey {
        MasterKey::parse(text).unwrap()
    }

    const TEXT: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    #[test]
    fn a_key_survives_its_text() {
        let generated = MasterKey::generate(&SystemEntropy);
        let read = key(generated.to_text().expose());
        assert_eq!(read.check_value(), generated.check_value());
        assert_ne!(MasterKey::generate(&SystemEntropy).check_value(), generated.check_value());
    }

    #[test]
    fn both_alphabets_with_and_without_padding_and_a_newline_are_the_same_key() {
        let bytes = [0xfbu8, 0xff].repeat(16);
        let standard = base64::engine::general_purpose::STANDARD.encode(&bytes);
        let url_safe = URL_SAFE_NO_PAD.encode(&bytes);
        let expected = key(&url_safe).check_value();
        for text in [standard.clone(), standard.trim_end_matches('=').to_owned(), format!("{url_safe}="), format!("{standard}\n"), format!(" {url_safe}\r\n")] {
            assert_eq!(key(&text).check_value(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_32_random_bytes_is_refused_and_not_repeated() {
        for text in ["", "secret", &TEXT[..42], &format!("{TEXT}AA"), &format!("{}*", &TEXT[..42]), &format!("{}9", &TEXT[..42]), &format!("+{}_", &TEXT[..41])]
        {
            let error = MasterKey::parse(text).unwrap_err();
            assert_eq!(error, InvalidMasterKey::Form, "{text:?}");
        }
        assert_eq!(MasterKey::parse(&URL_SAFE_NO_PAD.encode([7u8; 32])).unwrap_err(), InvalidMasterKey::NotRandom);
        assert!(!format!("{:?}", key(TEXT)).contains("AAEC"));
    }

    /// RFC 5869 §2 written out with HMAC alone: extract, then the first block of expand.
    #[test]
    fn a_subkey_is_hkdf_sha_256() {
        let hmac = |key: &[u8], parts: &[&[u8]]| -> [u8; 32] {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
            parts.iter().for_each(|part| mac.update(part));
            mac.finalize().into_bytes().into()
        };
        let bytes: Vec<u8> = (0..32).collect();
        let extracted = hmac(SALT, &[&bytes]);
        assert_eq!(*key(TEXT).subkey("refresh tokens").expose(), hmac(&extracted, &[b"refresh tokens", &[1]]));
    }

    /// Tokens and sealed keys in databases depend on these bytes: a change here logs everyone out.
    #[test]
    fn derived_values_are_pinned() {
        assert_eq!(key(TEXT).check_value(), "fF1AzUHOIwa0ak8w6n7HEA");
    }

    proptest! {
        #[test]
        fn purposes_and_keys_do_not_meet(a in any::<[u8; 32]>(), b in any::<[u8; 32]>(), one in "[a-z ]{1,20}", other in "[a-z ]{1,20}") {
            let (first, second) = (MasterKey(Secret::new(a)), MasterKey(Secret::new(b)));
            prop_assert_eq!(one == other, first.subkey(&one).expose() == first.subkey(&other).expose());
            prop_assert_eq!(a == b, first.subkey(&one).expose() == second.subkey(&one).expose());
            prop_assert!(*first.subkey(&one).expose() != a);
        }
    }
}
