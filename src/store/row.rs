//! How rows become domain values: the few conversions that every table needs. A value that cannot be is a named error, never a default.

use super::error::StoreError;
use super::sql_types::{Id, Instant};
use crate::domain::acr::Acr;
use crate::domain::clock::Timestamp;
use crate::domain::id::ClientId;
use crate::domain::scope::Scope;
use crate::domain::secret::Digest;
use crate::domain::session::{EndReason, Ended};

pub(super) fn id(id: uuid::Uuid) -> Id {
    Id(id)
}

pub(super) fn at(instant: Timestamp) -> Instant {
    Instant(instant)
}

pub(super) fn client_id(table: &str, text: String) -> Result<ClientId, StoreError> {
    ClientId::try_from(text).map_err(|_| StoreError::corrupt(table, "client_id is no client id"))
}

pub(super) fn scope(table: &str, text: &str) -> Result<Scope, StoreError> {
    Scope::parse(text).map_err(|_| StoreError::corrupt(table, "scope is no scope"))
}

pub(super) fn acr(table: &str, text: &str) -> Result<Acr, StoreError> {
    Acr::parse(text).ok_or_else(|| StoreError::corrupt(table, format_args!("unknown acr `{text}`")))
}

pub(super) fn bytes32(table: &str, bytes: Vec<u8>) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::corrupt(table, "a secret or digest is not 32 bytes long"))
}

pub(super) fn digest(table: &str, bytes: Vec<u8>) -> Result<Digest, StoreError> {
    bytes32(table, bytes).map(Digest)
}

/// The two columns of an end belong together.
pub(super) fn ended(table: &str, at: Option<Instant>, reason: Option<String>) -> Result<Option<Ended>, StoreError> {
    match (at, reason) {
        (None, None) => Ok(None),
        (Some(at), Some(reason)) => {
            let reason = EndReason::parse(&reason).ok_or_else(|| StoreError::corrupt(table, format_args!("unknown end_reason `{reason}`")))?;
            Ok(Some(Ended { at: at.0, reason }))
        }
        _ => Err(StoreError::corrupt(table, "ended_at without end_reason, or the reverse")),
    }
}

pub(super) fn ended_columns(ended: Option<Ended>) -> (Option<Instant>, Option<String>) {
    (ended.map(|ended| at(ended.at)), ended.map(|ended| ended.reason.as_str().to_owned()))
}
