//! What a token for the account API may be good for: what an application may do with its user's own account.

/// The audience (`aud`, RFC 9068 §4) of tokens for the account API: what clients are registered with as a resource (RFC 8707).
pub const AUDIENCE: &str = "urn:gatekey:account";

/// One thing that a user may let an application do. The words are registered with clients: one is never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountScope {
    ProfileRead,
    SessionsRead,
    SessionsEnd,
    ApplicationsRead,
    ApplicationsWithdraw,
    PasswordChange,
    ActivityRead,
}

impl AccountScope {
    pub const ALL: [Self; 7] = [
        Self::ProfileRead,
        Self::SessionsRead,
        Self::SessionsEnd,
        Self::ApplicationsRead,
        Self::ApplicationsWithdraw,
        Self::PasswordChange,
        Self::ActivityRead,
    ];

    /// The value of `scope`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProfileRead => "account:profile:read",
            Self::SessionsRead => "account:sessions:read",
            Self::SessionsEnd => "account:sessions:end",
            Self::ApplicationsRead => "account:applications:read",
            Self::ApplicationsWithdraw => "account:applications:withdraw",
            Self::PasswordChange => "account:password:change",
            Self::ActivityRead => "account:activity:read",
        }
    }

    /// What it allows, for people.
    pub const fn means(self) -> &'static str {
        match self {
            Self::ProfileRead => "Read all that is known of the user",
            Self::SessionsRead => "Read where the user is signed in, and in which applications",
            Self::SessionsEnd => "Sign the user out, here and elsewhere",
            Self::ApplicationsRead => "Read which applications have access to the account",
            Self::ApplicationsWithdraw => "Withdraw the access of applications",
            Self::PasswordChange => "Change the password, for whoever knows the present one",
            Self::ActivityRead => "Read what happened to the account lately",
        }
    }
}
