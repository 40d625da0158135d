//! Authenticated encryption for what leaves the server and comes back (codes, tickets) and for private keys at rest.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};

use crate::domain::entropy::{self, Entropy};
use crate::domain::secret::Secret;

const NONCE_LENGTH: usize = 24;

/// XChaCha20-Poly1305 under one subkey. Its nonce is 192 bits, long enough to be drawn at random for ever.
///
/// What it makes is nonce ‖ ciphertext ‖ tag: 40 bytes more than the plain text. `aad` says what the text is for; it does not
/// travel, and a text opens only under the same `aad`.
pub struct Sealer(XChaCha20Poly1305);

impl Sealer {
    #[allow(clippy::needless_pass_by_value)] // a key given to a sealer is the sealer's: the caller's copy is wiped
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        Self(XChaCha20Poly1305::new(key.expose().into()))
    }

    pub fn seal(&self, entropy: &dyn Entropy, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce = entropy::random::<NONCE_LENGTH>(entropy);
        #[allow(clippy::expect_used)] // fails only above 256 GiB (RFC 8439 §2.8)
        let ciphertext = self.0.encrypt(&XNonce::from(nonce), Payload { msg: plain, aad }).expect("the plain text is below 256 GiB");
        [nonce.as_slice(), &ciphertext].concat()
    }

    /// The plain text; `None` for anything that was not sealed with this key and this `aad`.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LENGTH>()?;
        self.0.decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad }).ok()
    }

    /// The same as base64url without padding.
    pub fn seal_text(&self, entropy: &dyn Entropy, aad: &[u8], plain: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.seal(entropy, aad, plain))
    }

    /// One text per sealed value: the decoder refuses padding, white space, the other alphabet and stray bits in the last
    /// character, so no altered text ever opens.
    pub fn open_text(&self, aad: &[u8], text: &str) -> Option<Vec<u8>> {
        self.open(aad, &URL_SAFE_NO_PAD.decode(text).ok()?)
    }
}
