//! Keys and what is made with them: signed tokens, sealed texts, refresh tokens, the derived `sid`.
//!
//! The only layer that names josekit and openssl. Everything symmetric hangs on one master key ([`derive`]); signing keys are
//! random, sealed under it, and live by the clock alone ([`rotation`]).

mod compact;
pub mod derive;
pub mod device_proof;
pub mod dpop_proof;
mod embedded_key;
mod es256;
pub mod jwk;
mod key_material;
pub mod key_ring;
pub mod keyed_digest;
pub mod pairwise;
pub mod refresh_token;
pub mod rotation;
pub mod sealed;
pub mod sid;
pub mod verified_tokens;

/// To be called before anything else uses OpenSSL, libpq too: whoever is first says how it ends. OpenSSL would otherwise take down what it
/// holds when the process exits, while a thread that is just connecting to PostgreSQL still uses it: a command that has done its work died
/// of a segmentation fault.
pub fn begin() {
    openssl::init();
}
