//! A session: a browser signed in. It is created by signing in, never by `prompt=none`.

use serde::{Deserialize, Serialize};

use super::acr::Acr;
use super::clock::Timestamp;
use super::id::{SessionId, UserId};
use super::secret::Digest;

#[derive(Debug, Clone)]
pub struct Session {
    pub id: SessionId,
    /// SHA-256 of the cookie's value; the value itself is nowhere.
    pub cookie_digest: Digest,
    pub user_id: UserId,
    pub created_at: Timestamp,
    /// When the user last proved who they are (`auth_time`).
    pub auth_time: Timestamp,
    /// Written at most once per max(idle/100, 60 s).
    pub last_used_at: Timestamp,
    pub acr: Acr,
    /// Whether the browser is to keep the cookie when it is closed; if not, shorter limits count.
    pub remembered: bool,
    /// As the browser said at sign-in; shown to the user, never judged by.
    pub user_agent: Option<String>,
    /// The address the sign-in came from.
    pub network: Option<String>,
    /// With one, the cookie alone opens nothing (`protocol::device_bound`).
    pub device: Option<DeviceKey>,
    pub ended: Option<Ended>,
}

/// The key that the browser has shown to hold on its device (Device Bound Session Credentials): its private half never leaves that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKey {
    /// The public half: a SubjectPublicKeyInfo in DER.
    pub public: Vec<u8>,
    /// When the browser showed it.
    pub bound_at: Timestamp,
}

impl DeviceKey {
    /// What it is called by in what the browser is given.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.public)
    }
}

/// When and why a node of the session tree was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub at: Timestamp,
    pub reason: EndReason,
}

/// Why a session, client session or refresh family ended. The words are stored: one is never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    Logout,
    ExpiredIdle,
    ExpiredAbsolute,
    RevokedByUser,
    RevokedByAdmin,
    /// The client gave its token back (RFC 7009): that of one grant, or of the session (`online_access`).
    RevokedByClient,
    UserDisabled,
    ClientDisabled,
    PasswordChanged,
    ConsentWithdrawn,
    /// An old refresh token came back.
    ReuseDetected,
    /// An authorization code came a second time.
    CodeReplayed,
    /// The same browser signed in again.
    Superseded,
}

impl EndReason {
    pub const ALL: [Self; 13] = [
        Self::Logout,
        Self::ExpiredIdle,
        Self::ExpiredAbsolute,
        Self::RevokedByUser,
        Self::RevokedByAdmin,
        Self::RevokedByClient,
        Self::UserDisabled,
        Self::ClientDisabled,
        Self::PasswordChanged,
        Self::ConsentWithdrawn,
        Self::ReuseDetected,
        Self::CodeReplayed,
        Self::Superseded,
    ];

    /// Whether a grant with `offline_access` outlives a session that ended for this reason: it does when the session merely
    /// came to its end (OIDC Back-Channel Logout §2.7), it does not when somebody ended it on purpose. An application that gives the
    /// session back has signed its user out, which takes from no other application what the user allowed it.
    pub const fn spares_offline_access(self) -> bool {
        matches!(self, Self::Logout | Self::ExpiredIdle | Self::ExpiredAbsolute | Self::Superseded | Self::RevokedByClient)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::ExpiredIdle => "expired_idle",
            Self::ExpiredAbsolute => "expired_absolute",
            Self::RevokedByUser => "revoked_by_user",
            Self::RevokedByAdmin => "revoked_by_admin",
            Self::RevokedByClient => "revoked_by_client",
            Self::UserDisabled => "user_disabled",
            Self::ClientDisabled => "client_disabled",
            Self::PasswordChanged => "password_changed",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::ReuseDetected => "reuse_detected",
            Self::CodeReplayed => "code_replayed",
            Self::Superseded => "superseded",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}
