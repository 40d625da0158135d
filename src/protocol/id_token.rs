//! The ID token (OIDC Core §2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha512};

use super::session::Deadlines;
use super::userinfo;
use crate::domain::claim::ClaimSet;
use crate::domain::clock::Timestamp;
use crate::domain::id::ClientId;
use crate::domain::profile::CorruptDetails;
use crate::domain::refresh_family::Grant;
use crate::domain::secret::Digest;
use crate::domain::signing_key::SigningAlg;
use crate::domain::user::User;

/// The `typ` of the header.
pub const TYP: &str = "JWT";

/// What an ID token says.
pub struct IdToken<'a> {
    pub issuer: &'a str,
    pub client_id: &'a ClientId,
    /// Who the user is to this client.
    pub subject: &'a str,
    pub user: &'a User,
    /// What is told of the user.
    pub told: ClaimSet,
    pub grant: &'a Grant,
    pub sid: &'a str,
    /// From the authorization request; absent on refresh (OIDC Core §12.2).
    pub nonce: Option<&'a str>,
    pub access_token: &'a str,
    /// What it is signed with: `at_hash` follows it.
    pub alg: SigningAlg,
    pub session: Deadlines,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

impl IdToken<'_> {
    /// Its audience is the client and nobody else, so there is no `azp` (OIDC Core §2), after a refresh neither (§12.2). There is no `c_hash`:
    /// it is for a code that comes beside an ID token in the front channel (§3.3.2.11), which no response type here gives.
    pub fn claims(&self) -> Result<Map<String, Value>, CorruptDetails> {
        let mut claims = userinfo::claims(self.subject, self.user, self.told)?;
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("iss", self.issuer.into());
        set("aud", self.client_id.as_str().into());
        set("iat", self.issued_at.timestamp().into());
        set("exp", self.expires_at.timestamp().into());
        // The original sign-in, also after a refresh (OIDC Core §12.2).
        set("auth_time", self.grant.auth_time.timestamp().into());
        set("acr", self.grant.acr.as_str().into());
        set("amr", json!(self.grant.acr.amr()));
        set("sid", self.sid.into());
        set("at_hash", half_hash(self.alg, self.access_token).into());
        if let Some(nonce) = self.nonce {
            set("nonce", nonce.into());
        }
        // When the session ends whatever the user does: an application can warn first.
        if let Some(end) = self.session.absolute {
            set("session_expiry", end.timestamp().into());
        }
        Ok(claims)
    }
}

/// The left half of the token's hash, by the hash of the signature algorithm (OIDC Core §3.1.3.6). `EdDSA` names none: it is the one inside of
/// Ed25519, SHA-512 (RFC 8032 §5.1), as the OpenID Connect working group answered and the client libraries that check it have it.
fn half_hash(alg: SigningAlg, token: &str) -> String {
    match alg {
        SigningAlg::Es256 | SigningAlg::Rs256 | SigningAlg::Ps256 => {
            let Digest(hash) = Digest::of(token.as_bytes());
            URL_SAFE_NO_PAD.encode(hash.split_at(16).0)
        }
        SigningAlg::EdDsa => URL_SAFE_NO_PAD.encode(Sha512::digest(token.as_bytes()).split_at(32).0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The access token and `at_hash` of OIDC Core appendix A.3; the SHA-512 one computed with `openssl dgst -sha512`.
    #[test]
    fn at_hash_follows_the_algorithm() {
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        for alg in [SigningAlg::Es256, SigningAlg::Rs256, SigningAlg::Ps256] {
            assert_eq!(half_hash(alg, token), "77QmUPtjPfzWtF2AnpK9RQ");
        }
        assert_eq!(half_hash(SigningAlg::EdDsa, token), "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM");
    }
}
