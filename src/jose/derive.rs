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
    #[error("a master key is 32 random bytes written in base64 or base64url (43 or 44 characters); `openssl rand -base64 32` makes one")]
    Form,
    #[error("this master key is one byte repeated, not random; `openssl rand -base64 32` makes a good one")]
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
