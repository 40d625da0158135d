//! ES256 signatures (RFC 7518 §3.4), made with OpenSSL's ECDSA itself: josekit goes by its general interface, which for each signature
//! looks the algorithms up anew and wraps the result in DER, an eighth of the whole. It verifies, and signs in every other algorithm.

use josekit::JoseError;
use josekit::jws::{ES256, JwsAlgorithm, JwsSigner};
use openssl::bn::BigNumRef;
use openssl::ec::EcKey;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use sha2::{Digest, Sha256};

/// Bytes of each of the two numbers that a signature is.
const HALF: i32 = 32;

#[derive(Clone)]
pub(super) struct Es256Signer(EcKey<Private>);

impl Es256Signer {
    /// From PKCS#8, or the older form (SEC 1) that josekit writes.
    pub(super) fn from_der(der: &[u8]) -> Result<Self, JoseError> {
        let key = PKey::private_key_from_der(der).and_then(|key| key.ec_key());
        key.map(Self).map_err(|error| JoseError::InvalidKeyFormat(error.into()))
    }
}

impl JwsSigner for Es256Signer {
    fn algorithm(&self) -> &dyn JwsAlgorithm {
        &ES256
    }

    fn signature_len(&self) -> usize {
        2 * HALF as usize
    }

    fn key_id(&self) -> Option<&str> {
        None
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, JoseError> {
        let padded = |number: &BigNumRef| number.to_vec_padded(HALF);
        let signature = EcdsaSig::sign(&Sha256::digest(message), &self.0);
        let bytes = signature.and_then(|signature| Ok::<_, ErrorStack>([padded(signature.r())?, padded(signature.s())?].concat()));
        bytes.map_err(|error| JoseError::InvalidSignature(error.into()))
    }

    fn box_clone(&self) -> Box<dyn JwsSigner> {
        Box::new(self.clone())
    }
}

/// The key does not print.
impl std::fmt::Debug for Es256Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Es256Signer")
    }
}
