//! The key ring: every signing key of an issuer, parsed once and shared. It signs, verifies what it signed, and publishes the JWKS.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use chrono::TimeDelta;
use josekit::jws::{JwsSigner, JwsVerifier};
use serde::Serialize;
use serde_json::{Map, Value};

use super::compact;
use super::key_material::{self, Material};
use super::rotation::{self, Life};
use super::sealed::Sealer;
pub use super::verified_tokens::VerifiedTokens;
use super::verified_tokens::{LONGEST_REMEMBERED, Verified};
use crate::domain::clock::Timestamp;
use crate::domain::entropy::Entropy;
use crate::domain::signing_key::{KeyState, SigningAlg, SigningKey};

/// How long keys stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPolicy {
    /// How long a superseded key stays in the JWKS: at least the longest life of a token it signed, and the time a verifier
    /// may hold on to a JWKS.
    pub retire_after: TimeDelta,
}

/// What can go wrong with our own keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(
        "the signing key {kid} does not open with this master key: start with the master key it was made under, or restore the database that belongs to this one"
    )]
    Sealed { kid: String },
    #[error("the signing key {kid} is not a usable {alg} key ({reason}): restore it from a backup, or retire it", alg = alg.as_str())]
    Material { kid: String, alg: SigningAlg, reason: String },
    #[error(
        "the signing key {kid} was changed in the database: its private and its public half do not belong together; restore it from a backup, or retire it"
    )]
    Mismatch { kid: String },
    #[error("the signing key {kid} is there twice: remove one of the rows")]
    Duplicate { kid: String },
    #[error("there is no active {} key: generate one", .0.as_str())]
    NoActiveKey(SigningAlg),
    #[error("could not make a {} key: {reason}", alg.as_str())]
    Generate { alg: SigningAlg, reason: String },
    #[error("could not sign with the key {kid}: {reason}")]
    Sign { kid: String, reason: String },
}

/// Why a token is not one of ours. For the log: a caller learns only that the token is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("the token is longer than any token made here")]
    TooLong,
    #[error("the token is not a compact JWS with the header members alg, kid and typ alone")]
    Malformed,
    #[error("the token names a key that is not known here")]
    UnknownKey,
    #[error("the token was signed by a key that has been retired")]
    RetiredKey,
    #[error("the token names another algorithm than its key has")]
    WrongAlgorithm,
    #[error("the token is of another type than is accepted here")]
    WrongType,
    #[error("the signature is not good")]
    BadSignature,
}

/// A key as an administrator may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    pub kid: String,
    pub alg: SigningAlg,
    pub state: KeyState,
    pub announced_at: Timestamp,
    pub active_from: Timestamp,
    /// When it leaves the JWKS, if that is known.
    pub retires_at: Option<Timestamp>,
}

struct Key {
    kid: String,
    alg: SigningAlg,
    announced_at: Timestamp,
    retired_by_hand: bool,
    life: Life,
    /// Prepared text: a JWKS is put together of these.
    public_jwk: String,
    signer: Box<dyn JwsSigner>,
    verifier: Box<dyn JwsVerifier>,
}

/// The keys as they were loaded; a change of the rows needs another ring. States follow from the clock.
pub struct KeyRing {
    keys: HashMap<String, Key>,
    verified: VerifiedTokens,
}

/// Makes a key: announced at `now`, signing from `active_from` (at once, if that is past). It becomes real when it is stored.
pub fn generate(alg: SigningAlg, now: Timestamp, active_from: Timestamp, sealer: &Sealer, entropy: &dyn Entropy) -> Result<SigningKey, KeyError> {
    let failed = |error: josekit::JoseError| KeyError::Generate { alg, reason: error.to_string() };
    let pkcs8 = key_material::generate(alg).map_err(failed)?;
    let material = Material::from_pkcs8(alg, &pkcs8).map_err(failed)?;
    Ok(SigningKey {
        // The kid is the associated data: a sealed key put into another row does not open.
        sealed_private: sealer.seal(entropy, material.kid.as_bytes(), &pkcs8),
        kid: material.kid,
        alg,
        public_jwk: Value::Object(material.public_jwk).to_string(),
        announced_at: now,
        active_from: active_from.max(now),
        retired_at: None,
    })
}

impl KeyRing {
    /// Opens and parses every key. One that does not open is an error, not a gap: an issuer that silently forgot a key would
    /// refuse its own tokens.
    pub fn load(rows: &[SigningKey], sealer: &Sealer, policy: KeyPolicy) -> Result<Self, KeyError> {
        let mut keys = HashMap::with_capacity(rows.len());
        for (row, life) in rows.iter().zip(rotation::lives(rows, policy.retire_after)) {
            let key = Key::open(row, life, sealer)?;
            if keys.insert(row.kid.clone(), key).is_some() {
                return Err(KeyError::Duplicate { kid: row.kid.clone() });
            }
        }
        Ok(Self { keys, verified: VerifiedTokens::new() })
    }

    /// A compact JWS by the active key of `alg`, with the header `alg`, `kid`, `typ` and no other.
    pub fn sign(&self, alg: SigningAlg, typ: &str, claims: &Map<String, Value>, now: Timestamp) -> Result<String, KeyError> {
        let key = self.active(alg, now).ok_or(KeyError::NoActiveKey(alg))?;
        let failed = |reason: String| KeyError::Sign { kid: key.kid.clone(), reason };
        let header = compact::Header { alg: alg.as_str().to_owned(), kid: key.kid.clone(), typ: typ.to_owned() };
        let header = serde_json::to_vec(&header).map_err(|error| failed(error.to_string()))?;
        let payload = serde_json::to_vec(claims).map_err(|error| failed(error.to_string()))?;
        let signing_input = compact::signing_input(&header, &payload, key.signer.signature_len());
        let signature = key.signer.sign(signing_input.as_bytes()).map_err(|error| failed(error.to_string()))?;
        Ok(compact::with_signature(signing_input, &signature))
    }

    /// The claims of a token that this issuer signed, of one of the types in `allowed_typ`. Whether it is still good (`exp`,
    /// `aud`, its grant) is for the caller to ask.
    pub fn verify(&self, token: &str, allowed_typ: &[&str], now: Timestamp) -> Result<Map<String, Value>, VerifyError> {
        self.verify_parts(token, allowed_typ, now).map(|(_, claims)| claims)
    }

    /// The same, remembering the tokens that verified: the second time the signature arithmetic is skipped. The key must still
    /// not be retired at `now`, and the type must still be allowed.
    pub fn verify_cached(&self, token: &str, allowed_typ: &[&str], now: Timestamp) -> Result<Arc<Map<String, Value>>, VerifyError> {
        if token.len() > LONGEST_REMEMBERED {
            return self.verify(token, allowed_typ, now).map(Arc::new);
        }
        let key = VerifiedTokens::key_of(token);
        if let Some(known) = self.verified.get(&key) {
            self.not_retired(&known.kid, now)?;
            return if compact::is_one_of(&known.typ, allowed_typ) { Ok(Arc::clone(&known.claims)) } else { Err(VerifyError::WrongType) };
        }
        let (header, claims) = self.verify_parts(token, allowed_typ, now)?;
        let claims = Arc::new(claims);
        self.verified.insert(key, Verified { kid: header.kid, typ: header.typ, claims: Arc::clone(&claims) });
        Ok(claims)
    }

    /// The tokens remembered by [`KeyRing::verify_cached`].
    pub fn verified_tokens(&self) -> &VerifiedTokens {
        &self.verified
    }

    /// For an `id_token_hint`, which may be as old as it likes (OIDC Core §3.1.2.1): a key that retired by age still shows that the
    /// token was ours; one that was retired by hand shows nothing any more.
    pub fn verify_hint(&self, token: &str, allowed_typ: &[&str]) -> Result<Map<String, Value>, VerifyError> {
        let parts = compact::parse(token)?;
        let key = self.keys.get(&parts.header.kid).ok_or(VerifyError::UnknownKey)?;
        if key.retired_by_hand {
            return Err(VerifyError::RetiredKey);
        }
        Self::verify_with(key, parts, allowed_typ).map(|(_, claims)| claims)
    }

    fn verify_parts(&self, token: &str, allowed_typ: &[&str], now: Timestamp) -> Result<(compact::Header, Map<String, Value>), VerifyError> {
        let parts = compact::parse(token)?;
        let key = self.not_retired(&parts.header.kid, now)?;
        Self::verify_with(key, parts, allowed_typ)
    }

    fn verify_with(key: &Key, parts: compact::Parts<'_>, allowed_typ: &[&str]) -> Result<(compact::Header, Map<String, Value>), VerifyError> {
        // The key says which algorithm it is for; the header may only repeat it (RFC 8725 §3.1). So neither `none` nor an HMAC
        // keyed with a public key is ever computed.
        if parts.header.alg != key.alg.as_str() {
            return Err(VerifyError::WrongAlgorithm);
        }
        // Explicit typing keeps one kind of token from passing as another (RFC 8725 §3.11).
        if !compact::is_one_of(&parts.header.typ, allowed_typ) {
            return Err(VerifyError::WrongType);
        }
        key.verifier.verify(parts.signing_input.as_bytes(), &parts.signature).map_err(|_| VerifyError::BadSignature)?;
        let claims = serde_json::from_slice(&parts.payload).map_err(|_| VerifyError::Malformed)?;
        Ok((parts.header, claims))
    }

    /// An announced key passes too: a replica whose clock runs ahead may sign with it already.
    fn not_retired(&self, kid: &str, now: Timestamp) -> Result<&Key, VerifyError> {
        let key = self.keys.get(kid).ok_or(VerifyError::UnknownKey)?;
        if key.life.state(now) == KeyState::Retired { Err(VerifyError::RetiredKey) } else { Ok(key) }
    }

    /// The JWK Set (RFC 7517 §5) of all keys that may have signed a living token or soon will. The active ones come first, for
    /// clients that take the first they understand. The same ring gives the same bytes until [`KeyRing::next_change`].
    pub fn jwks(&self, now: Timestamp) -> String {
        let mut published: Vec<_> = self.keys.values().map(|key| (key.life.state(now), key)).filter(|(state, _)| *state != KeyState::Retired).collect();
        published.sort_by_key(|(state, key)| (*state != KeyState::Active, key.alg, key.life.active_from, &key.kid));
        let keys: Vec<&str> = published.iter().map(|(_, key)| key.public_jwk.as_str()).collect();
        format!(r#"{{"keys":[{}]}}"#, keys.join(","))
    }

    /// The next instant at which a key changes its state: until then [`KeyRing::jwks`] stays the same.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.keys.values().filter_map(|key| key.life.next_change(now)).min()
    }

    /// Every key, the retired ones too, by algorithm and age.
    pub fn states(&self, now: Timestamp) -> Vec<KeyInfo> {
        let info = |key: &Key| KeyInfo {
            kid: key.kid.clone(),
            alg: key.alg,
            state: key.life.state(now),
            announced_at: key.announced_at,
            active_from: key.life.active_from,
            retires_at: key.life.retires_at,
        };
        let mut infos: Vec<KeyInfo> = self.keys.values().map(info).collect();
        infos.sort_by(|a, b| (a.alg, a.active_from, &a.kid).cmp(&(b.alg, b.active_from, &b.kid)));
        infos
    }

    pub fn has_active(&self, alg: SigningAlg, now: Timestamp) -> bool {
        self.active(alg, now).is_some()
    }

    /// Whether the ring holds this key, in whatever state. A token of an unknown kid is a reason to look for new rows.
    pub fn knows(&self, kid: &str) -> bool {
        self.keys.contains_key(kid)
    }

    fn active(&self, alg: SigningAlg, now: Timestamp) -> Option<&Key> {
        let of_alg = || self.keys.values().filter(|key| key.alg == alg);
        // A clock that runs behind sees the very first key, which was to sign at once, as one to come. It signs: a second first one would be worse.
        let first = || {
            of_alg().min_by_key(|key| key.life.active_from).filter(|key| key.life.state(now) == KeyState::Announced && key.announced_at == key.life.active_from)
        };
        of_alg().find(|key| key.life.state(now) == KeyState::Active).or_else(first)
    }
}

impl Key {
    fn open(row: &SigningKey, life: Life, sealer: &Sealer) -> Result<Self, KeyError> {
        let kid = row.kid.clone();
        let Some(pkcs8) = sealer.open(kid.as_bytes(), &row.sealed_private).map(zeroize::Zeroizing::new) else {
            return Err(KeyError::Sealed { kid });
        };
        let material = match Material::from_pkcs8(row.alg, &pkcs8) {
            Ok(material) => material,
            Err(error) => return Err(KeyError::Material { kid, alg: row.alg, reason: error.to_string() }),
        };
        // Whoever can write the rows but has no master key must not be able to make us publish another key.
        let stored: Option<Map<String, Value>> = serde_json::from_str(&row.public_jwk).ok();
        if material.kid != kid || stored.as_ref() != Some(&material.public_jwk) {
            return Err(KeyError::Mismatch { kid });
        }
        Ok(Self {
            kid,
            alg: row.alg,
            announced_at: row.announced_at,
            retired_by_hand: row.retired_at.is_some(),
            life,
            public_jwk: Value::Object(material.public_jwk).to_string(),
            signer: material.signer,
            verifier: material.verifier,
        })
    }
}

/// The kids alone.
impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

#[cfg(test)]
mod tests;
