//! The material of a signing key: made, read from PKCS#8, parsed once into a signer and a verifier that are then shared.

use josekit::JoseError;
use josekit::jwk::KeyPair;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jwk::alg::ec::EcKeyPair;
use josekit::jwk::alg::ed::{EdCurve, EdKeyPair};
use josekit::jwk::alg::rsa::RsaKeyPair;
use josekit::jws::{ES256, EdDSA, JwsSigner, JwsVerifier, PS256, RS256};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::es256::Es256Signer;
use super::jwk;
use crate::domain::signing_key::SigningAlg;

/// RFC 7518 §3.3 and §3.5: 2048 bits or more. More would make the slowest algorithms slower still.
const RSA_BITS: u32 = 2048;

/// One key, parsed: parsing costs many times a signature, so it happens once, at load.
pub(super) struct Material {
    pub kid: String,
    pub public_jwk: Map<String, Value>,
    pub signer: Box<dyn JwsSigner>,
    pub verifier: Box<dyn JwsVerifier>,
}

/// A new private key as PKCS#8 DER.
///
/// The bytes come from OpenSSL's generator, which the operating system seeds: it is the one draw that does not pass through
/// [`crate::domain::entropy::Entropy`], for OpenSSL makes RSA keys from its own source only.
pub(super) fn generate(alg: SigningAlg) -> Result<Zeroizing<Vec<u8>>, JoseError> {
    Ok(Zeroizing::new(match alg {
        SigningAlg::Es256 => EcKeyPair::generate(EcCurve::P256)?.to_der_private_key(),
        // An ordinary RSA key for PS256 too: what may be done with it is said by `alg`, and every library reads its JWK.
        SigningAlg::Rs256 | SigningAlg::Ps256 => RsaKeyPair::generate(RSA_BITS)?.to_der_private_key(),
        SigningAlg::EdDsa => EdKeyPair::generate(EdCurve::Ed25519)?.to_der_private_key(),
    }))
}

impl Material {
    /// Everything is derived from the private key: a public key stored beside it is never believed.
    pub fn from_pkcs8(alg: SigningAlg, pkcs8: &[u8]) -> Result<Self, JoseError> {
        let pair: Box<dyn KeyPair> = match alg {
            SigningAlg::Es256 => Box::new(EcKeyPair::from_der(pkcs8, Some(EcCurve::P256))?),
            SigningAlg::Rs256 | SigningAlg::Ps256 => Box::new(RsaKeyPair::from_der(pkcs8)?),
            SigningAlg::EdDsa => Box::new(EdKeyPair::from_der(pkcs8)?),
        };
        let spki = pair.to_der_public_key();
        let (signer, verifier): (Box<dyn JwsSigner>, Box<dyn JwsVerifier>) = match alg {
            SigningAlg::Es256 => (Box::new(Es256Signer::from_der(pkcs8)?), Box::new(ES256.verifier_from_der(spki)?)),
            SigningAlg::Rs256 => (Box::new(RS256.signer_from_der(pkcs8)?), Box::new(RS256.verifier_from_der(spki)?)),
            SigningAlg::Ps256 => (Box::new(PS256.signer_from_der(pkcs8)?), Box::new(PS256.verifier_from_der(spki)?)),
            SigningAlg::EdDsa => (Box::new(EdDSA.signer_from_der(pkcs8)?), Box::new(EdDSA.verifier_from_der(spki)?)),
        };
        let source: Map<String, Value> = pair.to_jwk_public_key().into();
        let (kid, public_jwk) = jwk::public(&source, alg).ok_or_else(|| JoseError::InvalidKeyFormat(std::io::Error::other("no thumbprint").into()))?;
        Ok(Self { kid, public_jwk, signer, verifier })
    }
}
