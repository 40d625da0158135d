//! Signing keys: listed, the next one made, one retired.

use poem::web::Data;
use poem_openapi::param::{Header, Path};
use poem_openapi::payload::Json;
use poem_openapi::types::{Example, ToJSON};
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::body::OptionalBody;
use super::caller::{AdminScope, Caller};
use super::client_metadata::SigningAlg;
use super::idempotency::{self, answered, replayed, still_there};
use super::problem::{ChangeProblem, Problem};
use super::{Api, Resource};
use crate::domain::clock::Timestamp;
use crate::domain::signing_key;
use crate::service::admin::{Activation, AdminError, KeyInfo, Outcome};

pub struct KeysApi;

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "signing_key::KeyState")]
enum KeyState {
    /// In the JWKS, so that verifiers learn it before they meet it; signs nothing yet.
    Announced,
    /// Signs.
    Active,
    /// Signs no more; still in the JWKS, for tokens that live on.
    Retiring,
    /// Gone from the JWKS.
    Retired,
}

/// A signing key. Its private half is told nowhere.
#[derive(Debug, Object)]
#[oai(rename = "SigningKey", example, skip_serializing_if_is_none)]
struct Key {
    kid: String,
    alg: SigningAlg,
    state: KeyState,
    /// Since when it is in the JWKS.
    announced_at: Timestamp,
    /// From when on it signs.
    active_from: Timestamp,
    /// When it leaves the JWKS, if that is known.
    retires_at: Option<Timestamp>,
}

/// Every key there ever was.
#[derive(Debug, Object)]
#[oai(example)]
struct SigningKeyList {
    /// The oldest first.
    items: Vec<Key>,
    /// The algorithms whose next key the server makes by itself, in time: those of the settings and of what some client is given. None while
    /// `keys.rotate_every` is without limit.
    rotated_by_server: Vec<SigningAlg>,
}

/// Which key is to be made, and when it is to sign.
#[derive(Debug, Default, Object)]
#[oai(example, skip_serializing_if_is_none, deny_unknown_fields)]
struct KeyRotation {
    /// Default: `ES256`.
    alg: Option<SigningAlg>,
    /// Whether it signs at once: for a key that is known to others. Verifiers that keep the JWKS refuse the first tokens until they fetch it
    /// again. Default: false; the key is in the JWKS for `keys.announce` before it signs.
    at_once: Option<bool>,
}

impl From<KeyInfo> for Key {
    fn from(key: KeyInfo) -> Self {
        Self {
            kid: key.kid,
            alg: key.alg.into(),
            state: key.state.into(),
            announced_at: key.announced_at,
            active_from: key.active_from,
            retires_at: key.retires_at,
        }
    }
}

impl Example for Key {
    fn example() -> Self {
        let made = Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(1_767_256_200);
        let kid = "4pOeRlHQmcXz0f0bIgQhBXdzhWsYV2Jr5hCRcZZsfY8".to_owned();
        Self { kid, alg: SigningAlg::Es256, state: KeyState::Active, announced_at: made, active_from: made, retires_at: None }
    }
}

impl Example for SigningKeyList {
    fn example() -> Self {
        Self { items: vec![Key::example()], rotated_by_server: vec![SigningAlg::Es256] }
    }
}

impl Example for KeyRotation {
    fn example() -> Self {
        Self { alg: Some(SigningAlg::Es256), at_once: Some(true) }
    }
}

#[derive(ApiResponse)]
enum Listed {
    /// The keys.
    #[oai(status = 200, content_type = "application/json")]
    Keys(Json<SigningKeyList>),
}

#[derive(ApiResponse)]
enum Made {
    /// The new key.
    #[oai(status = 201, content_type = "application/json")]
    Key(
        Json<Key>,
        /// `true` if it was done before, and this is the answer of then.
        #[oai(header = "Idempotent-Replayed")]
        Option<String>,
    ),
}

#[derive(ApiResponse)]
enum Retired {
    /// It is gone from the JWKS.
    #[oai(status = 204)]
    Gone,
}

/// What stands in the way of a key is the state of the others.
fn refused(error: AdminError) -> ChangeProblem {
    match error {
        AdminError::NextKeyAnnounced { alg, from } => ChangeProblem::conflict(format!(
            "The next {} key is announced already and signs from {}: wait for it, or rotate with `at_once`.",
            alg.as_str(),
            from.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        )),
        AdminError::KeySigns { alg, .. } => {
            ChangeProblem::conflict(format!("It is the key that signs {}: make the next one first, with `at_once`.", alg.as_str()))
        }
        AdminError::KeyMadeMeanwhile { alg } => ChangeProblem::conflict(format!("Another {} key was made at this very moment.", alg.as_str())),
        other => other.into(),
    }
}

#[OpenApi(tag = "Resource::Keys")]
impl KeysApi {
    /// Lists signing keys
    ///
    /// Every one there ever was, the oldest first, with its state now; and which algorithms get their next one without anybody asking. Needs the scope `keys:read`.
    #[oai(path = "/keys", method = "get", operation_id = "key_list")]
    async fn list(&self, #[oai(scope = "AdminScope::KeysRead")] caller: Caller, api: Data<&Api>) -> Result<Listed, Problem> {
        caller.may(AdminScope::KeysRead)?;
        let keys = api.admin.keys(&api.core.settings.lifetimes).await?;
        let rotated = api.core.keys.rotated(&api.core).await?;
        let (items, rotated_by_server) = (keys.into_iter().map(Key::from).collect(), rotated.into_iter().map(SigningAlg::from).collect());
        Ok(Listed::Keys(Json(SigningKeyList { items, rotated_by_server })))
    }

    /// Makes the next signing key
    ///
    /// It is in the JWKS for `keys.announce` before it signs, unless it is to sign at once; the first one of its algorithm always does. Needs the
    /// scope `keys:rotate` and a recent sign-in.
    #[oai(path = "/keys/rotate", method = "post", operation_id = "key_rotate")]
    async fn rotate(
        &self,
        #[oai(scope = "AdminScope::KeysRotate")] caller: Caller,
        api: Data<&Api>,
        /// Makes it safe to send the request again: with the same key it is done once, and answered as the first time, for 24 hours. 1 to 255
        /// printable ASCII characters.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        rotation: OptionalBody<KeyRotation>,
    ) -> Result<Made, ChangeProblem> {
        caller.may_now(AdminScope::KeysRotate)?;
        let once = idempotency::once(&api, &caller, "key_rotate", key.0.as_deref(), &[&rotation.0.to_json_string()])?;
        let settings = &api.core.settings;
        let alg = rotation.0.alg.map_or(signing_key::SigningAlg::Es256, Into::into);
        let activation = if rotation.0.at_once == Some(true) { Activation::AtOnce } else { Activation::Announced(settings.keys.announce) };
        let (admin, limits) = (api.admin.acting_as(caller.actor()), &settings.lifetimes);
        let render = |made: &KeyInfo| Key::from(made.clone()).to_json_string();
        match admin.once(once, render, |memo| admin.rotate_key_once(alg, activation, limits, memo)).await.map_err(refused)? {
            Outcome::Done(made) => Ok(Made::Key(Json(made.into()), None)),
            Outcome::Replayed(replay) => {
                let made: Key = answered(&replay)?;
                let there = admin.keys(limits).await?.into_iter().find(|key| key.kid == made.kid);
                let there = there.ok_or_else(|| AdminError::NotFound { what: "key", name: made.kid.clone() });
                still_there("key", there, |key| key.state != signing_key::KeyState::Retired)?;
                Ok(Made::Key(Json(made), replayed()))
            }
        }
    }

    /// Retires a signing key
    ///
    /// It leaves the JWKS now: tokens that it signed are refused from here on. The one that signs cannot go before the next one does. Needs the
    /// scope `keys:rotate` and a recent sign-in.
    #[oai(path = "/keys/:kid/retire", method = "post", operation_id = "key_retire")]
    async fn retire(
        &self,
        #[oai(scope = "AdminScope::KeysRotate")] caller: Caller,
        api: Data<&Api>,
        /// The key's id.
        kid: Path<String>,
    ) -> Result<Retired, ChangeProblem> {
        caller.may_now(AdminScope::KeysRotate)?;
        api.admin.acting_as(caller.actor()).retire_key(&kid.0, &api.core.settings.lifetimes).await.map_err(refused)?;
        Ok(Retired::Gone)
    }
}
