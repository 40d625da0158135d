//! What a user has allowed a client: one row per pair, the union of the scopes granted. Withdrawing deletes the row.

use super::clock::Timestamp;
use super::id::{ClientId, UserId};
use super::scope::Scope;

#[derive(Debug, Clone)]
pub struct Consent {
    pub user_id: UserId,
    pub client_id: ClientId,
    pub scope: Scope,
    /// When the user last said yes: what `prompt=consent` is judged by.
    pub granted_at: Timestamp,
}
