//! Proofs as a client makes them (RFC 9449 §4.2), rightly and wrongly.

use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwk::KeyPair;
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jws::{ES256, JwsSigner};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::app::App;
use super::network::Answer;
use super::relying_party::{RelyingParty, Tokens, tokens_by};

/// What a resource says to who brought no token: either scheme will do.
pub const NO_TOKEN: &str = "Bearer realm=\"gatekey\", DPoP realm=\"gatekey\", algs=\"ES256 EdDSA Ed25519\"";

/// A key, and who holds it.
pub struct Holder {
    signer: Box<dyn JwsSigner>,
    pub jwk: Value,
    private: Value,
}

impl Holder {
    pub fn new() -> Self {
        let pair = EcKeyPair::generate(EcCurve::P256).unwrap();
        let all: Map<String, Value> = pair.to_jwk_key_pair().into();
        let of = |members: &[&str]| Value::Object(members.iter().map(|member| ((*member).to_owned(), all[*member].clone())).collect());
        Self {
            signer: Box::new(ES256.signer_from_der(pair.to_der_private_key()).unwrap()),
            jwk: of(&["kty", "crv", "x", "y"]),
            private: of(&["kty", "crv", "x", "y", "d"]),
        }
    }

    /// The private key, for who puts it where it must not be.
    pub fn private_jwk(&self) -> Value {
        self.private.clone()
    }

    /// RFC 7638 §3.
    pub fn thumbprint(&self) -> String {
        let canonical = format!(r#"{{"crv":{},"kty":{},"x":{},"y":{}}}"#, self.jwk["crv"], self.jwk["kty"], self.jwk["x"], self.jwk["y"]);
        URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
    }

    /// With these members changed; a null takes one away.
    pub fn signed(&self, header: Value, claims: Value, changed_header: &Value, changed_claims: &Value) -> String {
        let part = |mut part: Value, changes: &Value| {
            for (name, value) in changes.as_object().unwrap() {
                match value {
                    Value::Null => drop(part.as_object_mut().unwrap().remove(name)),
                    value => part[name] = value.clone(),
                }
            }
            URL_SAFE_NO_PAD.encode(part.to_string())
        };
        let input = format!("{}.{}", part(header, changed_header), part(claims, changed_claims));
        let signature = URL_SAFE_NO_PAD.encode(self.signer.sign(input.as_bytes()).unwrap());
        format!("{input}.{signature}")
    }

    /// A proof for a request, made now, with a name of its own; with changes to its header and its claims.
    pub fn proof_with(&self, app: &App, method: &str, url: &str, access_token: Option<&str>, header: &Value, claims: &Value) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mut said = json!({ "jti": format!("proof {}", NEXT.fetch_add(1, Ordering::Relaxed)), "htm": method, "htu": url, "iat": app.seconds() });
        if let Some(token) = access_token {
            said["ath"] = json!(URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
        }
        self.signed(json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk }), said, header, claims)
    }

    pub fn proof(&self, app: &App, method: &str, url: &str, access_token: Option<&str>) -> String {
        self.proof_with(app, method, url, access_token, &json!({}), &json!({}))
    }

    pub fn for_token(&self, app: &App) -> String {
        self.proof(app, "POST", &format!("{}oauth/token", app.issuer), None)
    }

    /// What the token endpoint answers to these fields with a fresh proof.
    pub async fn ask(&self, app: &App, party: &RelyingParty, fields: &[(&str, &str)]) -> Answer {
        party.post_with("oauth/token", &[("dpop", &self.for_token(app))], fields).await
    }

    /// Redeems a code.
    pub async fn try_exchange(&self, app: &App, party: &RelyingParty, code: &str) -> Answer {
        self.ask(app, party, &party.exchange_fields(code)).await
    }

    /// Signs alice in at an application that shows this key.
    pub async fn sign_in(&self, app: &App, party: &RelyingParty, scope: &str) -> Tokens {
        let response = app.authorize_as(&mut app.browser(), &party.authorize(scope, &[]), "alice").await;
        bound(&self.try_exchange(app, party, &party.code(&response)).await)
    }

    pub async fn try_refresh(&self, app: &App, party: &RelyingParty, refresh_token: &str) -> Answer {
        self.ask(app, party, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    /// What userinfo answers to a bound token with a fresh proof.
    pub async fn userinfo(&self, app: &App, access_token: &str) -> Answer {
        let url = format!("{}userinfo", app.issuer);
        let proof = self.proof(app, "GET", &url, Some(access_token));
        app.network.get(&url, &[("authorization", &format!("DPoP {access_token}")), ("dpop", &proof)]).await
    }
}

/// Tokens that are bound to a key.
pub fn bound(answer: &Answer) -> Tokens {
    tokens_by("DPoP", answer)
}

/// Refused for want of a proof that counts.
pub fn no_proof(answer: &Answer, status: u16, what: &str) {
    assert_eq!((answer.status.as_u16(), answer.error().as_str()), (status, "invalid_dpop_proof"), "{what}: {}", answer.text());
    assert!(!answer.text().contains("access_token\":"), "{what}");
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge.is_some(), status == 401, "{what}: {challenge:?}");
    if let Some(challenge) = challenge {
        assert!(challenge.starts_with("DPoP ") && challenge.contains("error=\"invalid_dpop_proof\"") && challenge.contains("algs=\"ES256"), "{challenge}");
    }
}
