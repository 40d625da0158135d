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
    use crate::domain::acr::Acr;
    use crate::domain::claim::NamedClaims;
    use crate::domain::scope::Scope;
    use crate::protocol::session::tests::{at, user};

    /// What is said of Ada, who signed in 100 seconds ago, with this nonce and this end of the session.
    fn said(told: &str, nonce: Option<&str>, absolute: Option<Timestamp>) -> Map<String, Value> {
        let (client_id, mut user) = (ClientId::parse("app").unwrap(), user());
        user.profile.name = Some("Ada".to_owned());
        user.profile.email = Some("ada@example.test".to_owned());
        let scope = Scope::parse("openid email").unwrap();
        let token = IdToken {
            issuer: "https://id.test/",
            client_id: &client_id,
            subject: "subject-for-app",
            user: &user,
            told: ClaimSet::parse(told),
            grant: &Grant { scope, resources: vec![], auth_time: at(-100), acr: Acr::Password, claims: NamedClaims::default() },
            sid: "sid",
            nonce,
            access_token: "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
            alg: SigningAlg::Es256,
            session: Deadlines { absolute, idle: Some(at(50)) },
            issued_at: at(0),
            expires_at: at(600),
        };
        token.claims().unwrap()
    }

    /// OIDC Core §2, §3.1.3.6; the audience is the client alone, so there is no `azp`.
    #[test]
    fn it_says_who_signed_in_when_and_to_whom() {
        let expected = json!({
            "iss": "https://id.test/", "sub": "subject-for-app", "aud": "app", "iat": at(0).timestamp(), "exp": at(600).timestamp(),
            "auth_time": at(-100).timestamp(), "acr": "urn:gatekey:acr:pwd", "amr": ["pwd"], "sid": "sid", "at_hash": "77QmUPtjPfzWtF2AnpK9RQ",
            "nonce": "n-0S6", "session_expiry": at(3600).timestamp(), "email": "ada@example.test",
        });
        assert_eq!(Value::Object(said("email", Some("n-0S6"), Some(at(3600)))), expected);
    }

    /// OIDC Core §12.2: after a refresh the sign-in is still the first one and no nonce is made up; a session that never ends has no end to tell.
    #[test]
    fn what_there_is_not_is_left_out() {
        let claims = said("", None, None);
        assert!(["nonce", "session_expiry", "azp", "c_hash", "email", "name"].iter().all(|name| !claims.contains_key(*name)), "{claims:?}");
        assert_eq!(claims["auth_time"], at(-100).timestamp());
    }

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
