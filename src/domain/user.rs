//! A person's account.

use super::admin_scope::AdminRole;
use super::clock::Timestamp;
use super::group::Groups;
use super::id::UserId;
use super::profile::KeptDetails;
use super::secret::Secret;

/// A user. The id is the `sub` of every token and never changes; the user name may.
#[derive(Debug, Clone)]
pub struct User {
    pub id: UserId,
    /// What is typed to sign in: unique without regard to case, stored lowercase (see [`normal_username`]).
    pub username: String,
    pub profile: Profile,
    /// What rules of the lifetime policy may be for.
    pub groups: Groups,
    /// A PHC string (argon2id). `None`: nobody can sign in with a password.
    pub password_hash: Option<Secret<String>>,
    /// Whatever was issued before this instant and depends on the password is dead.
    pub password_changed_at: Timestamp,
    /// What this user may do as an administrator; `None`: nothing.
    pub role: Option<AdminRole>,
    pub disabled_at: Option<Timestamp>,
    /// Declared in `gatekey.toml`: the file wins at each start.
    pub managed_by_file: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What the standard scopes say of a user (OIDC Core §5.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    pub name: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub email: Option<String>,
    pub email_verified: bool,
    /// The rest.
    pub details: KeptDetails,
}

/// The form in which user names are stored and looked up: trimmed and lowercase.
pub fn normal_username(text: &str) -> String {
    text.trim().to_lowercase()
}

/// How many characters a user name may have.
pub const USERNAME_LENGTH: usize = 128;

/// What a user name may be.
pub const USERNAME_RULE: &str = "a user name has 1 to 128 visible characters, without spaces";

/// Whether a user name in its normal form may be used.
pub fn is_username(normal: &str) -> bool {
    (1..=USERNAME_LENGTH).contains(&normal.chars().count()) && !normal.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// Whether a text may be shown as somebody's name, or a part of it.
pub fn is_person_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= 256 && !text.chars().any(char::is_control)
}

/// Enough to catch a slip; whether mail arrives is shown by sending some.
pub fn is_email(text: &str) -> bool {
    text.len() <= 254
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
        && text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
}
