//! Keys and what is made with them: signed tokens, sealed texts, refresh tokens, the derived `sid`.
//!
//! The only layer that names josekit and openssl. Everything symmetric hangs on one master key ([`derive`]); signing keys are
//! random, sealed under it, and live by the clock alone ([`rotation`]).

mod compact;
pub mod derive;
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
