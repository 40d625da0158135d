//! `Idempotency-Key`: what is created is created once, however often the request is sent.

use poem_openapi::types::ParseFromJSON;
use serde_json::Value;

use super::Api;
use super::caller::Caller;
use super::problem::{ChangeProblem, Problem};
use crate::domain::client::Client;
use crate::domain::clock::Timestamp;
use crate::domain::secret::Digest;
use crate::protocol::idempotency_key::IdempotencyKey;
use crate::service::admin::{AdminError, Once, Replay};

const NAME: &str = "Idempotency-Key";

/// What the header of a request means; `request` is all that it asks for beside it.
pub fn once(api: &Api, caller: &Caller, operation: &str, header: Option<&str>, request: &[&str]) -> Result<Option<Once>, ChangeProblem> {
    let Some(header) = header else { return Ok(None) };
    let key = IdempotencyKey::parse(header).map_err(|error| Problem::malformed(format!("The header `{NAME}` is malformed: {error}.")))?;
    Ok(Some(api.core.idempotency.once(caller.client(), &caller.actor(), operation, &key, request)))
}

/// The header `Idempotent-Replayed` of an answer that is given again.
pub fn replayed() -> Option<String> {
    Some("true".to_owned())
}

/// What was answered.
pub fn answered<T: ParseFromJSON>(replay: &Replay) -> Result<T, ChangeProblem> {
    let value: Option<Value> = serde_json::from_str(replay.answer.expose()).ok();
    T::parse_from_json(value).map_err(|_| Problem::internal("an answer that was kept for its Idempotency-Key is not what this operation answers").into())
}

/// The secret that was told still works, or the caller is told that it does not.
pub fn still_works(client: &Client, secret: &str, now: Timestamp) -> Result<(), ChangeProblem> {
    if client.has_secret(&Digest::of(secret.as_bytes()), now) {
        return Ok(());
    }
    Err(ChangeProblem::conflict(format!("The secret that was made with this `{NAME}` has been replaced since: send another key to make a new one.")))
}

/// What was made is still there, or the caller is told that it is not: its answer of then would be a lie.
pub fn still_there<T>(what: &'static str, found: Result<T, AdminError>, is_it: impl FnOnce(&T) -> bool) -> Result<T, ChangeProblem> {
    match found {
        Ok(there) if is_it(&there) => Ok(there),
        Ok(_) | Err(AdminError::NotFound { .. }) => {
            Err(ChangeProblem::conflict(format!("The {what} that was made with this `{NAME}` is gone since: send another key to make it again.")))
        }
        Err(error) => Err(error.into()),
    }
}
