//! Proofs that whoever asks holds a key (DPoP, RFC 9449): read and judged at once, and used up only with what they are for, so that nobody
//! who is given nothing can fill the table of those that were used.
//!
//! At the token endpoint a proof may come again with the very refresh token or code that it came with: a client library that lost the answer
//! sends the very same request again, and must not be told that its refresh token is no good. With anything else, and everywhere else, a proof
//! is used once.

use super::{Core, Failure};
use crate::domain::clock::Timestamp;
use crate::domain::dpop::KeyThumbprint;
use crate::jose::dpop_proof;
use crate::protocol::dpop::{Request, judge, remembered_until, replayed};
use crate::protocol::error::OAuthError;
use crate::store::used_proofs::{self, UsedProof};

/// A proof that is for the request it came with.
#[derive(Debug, Clone)]
pub struct Shown {
    pub key: KeyThumbprint,
    jti: String,
    keep_until: Timestamp,
}

/// Reads and judges the header `DPoP` of a request.
pub fn shown(header: &str, request: &Request<'_>, now: Timestamp) -> Result<Shown, OAuthError> {
    let no_proof = |error: dpop_proof::ProofError| OAuthError::invalid_dpop_proof("The header `DPoP` holds no proof.").because(error.to_string());
    let proof = dpop_proof::read(header).map_err(no_proof)?;
    judge(&proof, request, now)?;
    Ok(Shown { keep_until: remembered_until(&proof), key: proof.key, jti: proof.jti })
}

impl Shown {
    /// The proof as it is to be used up: with `grant`, the text of a refresh token or code, or for nothing that may come again. Who used it for
    /// what the database does not tell.
    pub fn used(&self, core: &Core, grant: Option<&str>) -> UsedProof {
        UsedProof {
            name: core.proofs.of(&[b"proof", self.key.as_str().as_bytes(), self.jti.as_bytes()]),
            used_for: grant.map(|grant| core.proofs.of(&[b"grant", grant.as_bytes()])),
            keep_until: self.keep_until,
        }
    }

    /// Uses it up where nothing else is written.
    pub async fn use_up(&self, core: &Core, grant: Option<&str>) -> Result<(), Failure> {
        let proof = self.used(core, grant);
        if core.store.write(move |db| used_proofs::take(db, &proof)).await? { Ok(()) } else { Err(replayed().into()) }
    }
}
