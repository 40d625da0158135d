//! What hangs on a session, as the API tells it: applications' shares, and refresh token families without their secret.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use uuid::Uuid;

use super::page;
use crate::domain::clock::Timestamp;
use crate::domain::scope::{OFFLINE_ACCESS, ONLINE_ACCESS};
use crate::domain::{client_session, refresh_family};
use crate::service::admin::listed;

/// Whether it has been ended. What is past its lifetime, and was not used since, is `live` until that is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "listed::State")]
pub enum State {
    Live,
    Ended,
}

/// What a refresh token family hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum FamilyKind {
    /// Ends with its session; each token is replaced by its use.
    Session,
    /// Ends with its session; its token stays the same.
    OnlineAccess,
    /// May outlive its session.
    OfflineAccess,
}

/// An application's share in a session.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
pub struct ClientSession {
    client_id: String,
    /// When it began, or the user last signed in for this application.
    created_at: Timestamp,
    /// When it was last used; written at most once a minute.
    last_used_at: Timestamp,
    /// When it was ended; absent while it lives.
    ended_at: Option<Timestamp>,
    /// Why it was ended. More words may come.
    end_reason: Option<String>,
}

/// A refresh token family: the tokens that one authorization code gave, one after the other. The tokens themselves are nowhere kept.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
pub struct RefreshFamily {
    pub id: Uuid,
    client_id: String,
    user_id: Uuid,
    /// The session it was granted in.
    session_id: Uuid,
    kind: FamilyKind,
    /// What the user granted.
    scope: String,
    /// The audiences (RFC 8707) that access tokens of it may be for.
    resources: Vec<String>,
    /// How the user had signed in, as in the claim `acr`.
    acr: String,
    /// The number of the newest token: 1 is the one that the authorization code gave, and each that replaces another has the next number. After
    /// a restored backup it may leap.
    generation: u64,
    created_at: Timestamp,
    /// When the newest token was made.
    rotated_at: Timestamp,
    last_used_at: Timestamp,
    /// When it was ended; absent while it lives.
    ended_at: Option<Timestamp>,
    /// Why it was ended, such as `reuse_detected`, `logout`, `revoked_by_admin`. More words may come.
    end_reason: Option<String>,
}

/// What hangs on a session.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
pub struct BelowSession {
    /// The applications, in the order of their ids.
    pub clients: Vec<ClientSession>,
    /// Those of these applications, in the order they were made: of each the newest 50. A page looks at the 2000 newest of the session;
    /// `refresh_family_list` with `session` tells all.
    pub refresh_families: Vec<RefreshFamily>,
    /// What to pass as `after` for the next page; absent on the last one.
    pub next: Option<String>,
}

/// An application's share in a session that was ended.
#[derive(Debug, Object)]
#[oai(example)]
pub struct EndedClientSession {
    /// The share as it is now: ended, by this call or before it.
    pub client_session: ClientSession,
    /// How many refresh token families ended with it now; what had ended before is not counted.
    pub refresh_families: u64,
}

impl From<client_session::ClientSession> for ClientSession {
    fn from(of: client_session::ClientSession) -> Self {
        Self {
            client_id: of.client_id.to_string(),
            created_at: of.created_at,
            last_used_at: of.last_used_at,
            ended_at: of.ended.map(|ended| ended.at),
            end_reason: of.ended.map(|ended| ended.reason.as_str().to_owned()),
        }
    }
}

impl From<refresh_family::RefreshFamily> for RefreshFamily {
    fn from(family: refresh_family::RefreshFamily) -> Self {
        let scope = &family.grant.scope;
        let kind = match (scope.contains(OFFLINE_ACCESS), scope.contains(ONLINE_ACCESS)) {
            (true, _) => FamilyKind::OfflineAccess,
            (false, true) => FamilyKind::OnlineAccess,
            (false, false) => FamilyKind::Session,
        };
        Self {
            id: family.id.0,
            client_id: family.client_id.to_string(),
            user_id: family.user_id.0,
            session_id: family.session_id.0,
            kind,
            scope: scope.to_string(),
            resources: family.grant.resources,
            acr: family.grant.acr.as_str().to_owned(),
            generation: family.generation,
            created_at: family.created_at,
            rotated_at: family.rotated_at,
            last_used_at: family.last_used_at,
            ended_at: family.ended.map(|ended| ended.at),
            end_reason: family.ended.map(|ended| ended.reason.as_str().to_owned()),
        }
    }
}

fn begun() -> Timestamp {
    Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(1_767_256_200)
}

impl Example for ClientSession {
    fn example() -> Self {
        Self { client_id: "notes".to_owned(), created_at: begun(), last_used_at: begun(), ended_at: None, end_reason: None }
    }
}

impl Example for RefreshFamily {
    fn example() -> Self {
        Self {
            id: Uuid::from_u128(0x019b_78dd_d0a1_7c44_a1b3_6c1d_8f0e_2b35),
            client_id: "notes".to_owned(),
            user_id: Uuid::from_u128(0x0198_c5f2_7d3e_7b52_8c3a_61f0_2e4d_9a18),
            session_id: Uuid::from_u128(0x019b_78dd_d040_7a10_9f11_5d2f_0a9b_8c7d),
            kind: FamilyKind::OfflineAccess,
            scope: "openid offline_access".to_owned(),
            resources: Vec::new(),
            acr: "urn:gatekey:acr:pwd".to_owned(),
            generation: 12,
            created_at: begun(),
            rotated_at: begun() + chrono::TimeDelta::minutes(42),
            last_used_at: begun() + chrono::TimeDelta::minutes(42),
            ended_at: None,
            end_reason: None,
        }
    }
}

impl Example for BelowSession {
    fn example() -> Self {
        Self { clients: vec![ClientSession::example()], refresh_families: vec![RefreshFamily::example()], next: Some(page::example("notes")) }
    }
}

impl Example for EndedClientSession {
    fn example() -> Self {
        let ended_at = begun() + chrono::TimeDelta::minutes(50);
        let share = ClientSession { ended_at: Some(ended_at), end_reason: Some("revoked_by_admin".to_owned()), ..ClientSession::example() };
        Self { client_session: share, refresh_families: 1 }
    }
}
