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
