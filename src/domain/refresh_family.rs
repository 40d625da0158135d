//! A refresh family: one row for ever, whatever the number of rotations. Tokens are computed from it, never stored.

use serde::{Deserialize, Serialize};

use super::acr::Acr;
use super::claim::NamedClaims;
use super::clock::Timestamp;
use super::dpop::KeyThumbprint;
use super::id::{ClientId, GrantId, SessionId, UserId};
use super::scope::Scope;
use super::secret::Secret;
use super::session::Ended;

#[derive(Debug, Clone)]
pub struct RefreshFamily {
    pub id: GrantId,
    pub client_id: ClientId,
    pub user_id: UserId,
    /// The session it was granted in. It outlives the session only if `grant.scope` has `offline_access`.
    pub session_id: SessionId,
    pub grant: Grant,
    /// Half of what makes a token of this family; the other half is the master key.
    pub secret: Secret<[u8; 32]>,
    /// The newest generation issued. Exactly one is live.
    pub generation: u64,
    pub rotated_at: Timestamp,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub ended: Option<Ended>,
    /// The key without which its tokens are nothing (RFC 9449 §5): of a public client that showed one. Once there it stays, the same, as long as the database remembers.
    pub bound_to: Option<KeyBinding>,
}

/// The key of a family, and from where on it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBinding {
    pub key: KeyThumbprint,
    /// The first generation that was given out bound: 1 where the key was shown for the code. Older ones were bearer tokens.
    pub since: u64,
}

impl RefreshFamily {
    /// See [`GrantId::given_in`].
    pub fn given_in(&self) -> i64 {
        self.id.given_in(self.created_at)
    }
}

/// What the user granted, fixed at the first issue: later tokens may carry less, never more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub scope: Scope,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    pub auth_time: Timestamp,
    pub acr: Acr,
    /// What the `claims` parameter asked for (OIDC Core §5.5).
    #[serde(default, skip_serializing_if = "NamedClaims::is_empty")]
    pub claims: NamedClaims,
}

impl Grant {
    /// Whether `allowed`, what the user has said yes to, covers all of it: the scope, and what was asked for by name.
    pub fn is_within(&self, allowed: &Scope) -> bool {
        self.scope.is_subset(allowed) && self.claims.scopes().all(|scope| allowed.contains(scope))
    }
}

/// What a verified refresh token says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresentedRefreshToken {
    pub family_id: GrantId,
    pub generation: u64,
}
