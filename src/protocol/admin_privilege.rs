//! Nobody grants, and nobody lays hands on, more than they hold themselves: what keeps somebody who may manage some of the users or
//! clients from making an administrator of themselves.

use chrono::TimeDelta;

use crate::domain::account_scope::{self, AccountScope};
use crate::domain::admin_scope::{AUDIENCE, AdminRole, AdminScope, AdminScopes};
use crate::domain::client::ClientMetadata;
use crate::domain::clock::Timestamp;
use crate::domain::scope::Scope;

/// How long after proving who they are administrators may do what is dangerous (RFC 9470).
pub const FRESH: TimeDelta = TimeDelta::minutes(10);

/// What a token is good for: what it says, as far as the user's role reaches. A machine's is bounded by its registration alone.
pub fn held(scope: &Scope, role: Option<AdminRole>) -> AdminScopes {
    let named = AdminScopes::named_in(scope);
    role.map_or(named, |role| named.intersection(role.scopes()))
}

/// What a client can be given a token for, at this API. Whoever may change the client, or has its secret, has that too. At the account API it can
/// do to its users what takes a scope here: it reaches into the account of each who opens a page of it and has allowed it that before, or is
/// not asked. A consent is to the client, wherever its pages have moved to.
pub fn power_of_client(metadata: &ClientMetadata) -> AdminScopes {
    if !metadata.has_resource(account_scope::AUDIENCE) {
        return power_here(metadata);
    }
    let named = AccountScope::ALL.into_iter().filter(|scope| metadata.scope.contains(scope.as_str()));
    named.fold(power_here(metadata), |power, scope| power.union(AdminScopes::of(&[likewise(scope)])))
}

/// The same, of one that nobody has allowed anything yet: its users are asked, unless it is first-party. What any application is told of who signs in at it
/// (userinfo: `profile`, `email`) is no power, though a first-party one is told it without asking: that is what applications are registered for.
pub fn power_of_new_client(metadata: &ClientMetadata) -> AdminScopes {
    if metadata.first_party { power_of_client(metadata) } else { power_here(metadata) }
}

fn power_here(metadata: &ClientMetadata) -> AdminScopes {
    if metadata.has_resource(AUDIENCE) { AdminScopes::named_in(&metadata.scope) } else { AdminScopes::NONE }
}

/// What does here, to anybody, what this does to the user of a token.
const fn likewise(scope: AccountScope) -> AdminScope {
    match scope {
        AccountScope::ProfileRead => AdminScope::UsersRead,
        AccountScope::SessionsRead => AdminScope::SessionsRead,
        AccountScope::SessionsEnd => AdminScope::SessionsEnd,
        AccountScope::ApplicationsRead => AdminScope::ConsentsRead,
        AccountScope::ApplicationsWithdraw => AdminScope::ConsentsWithdraw,
        AccountScope::PasswordChange => AdminScope::UsersResetPassword,
        AccountScope::ActivityRead => AdminScope::EventsRead,
    }
}

/// What a user can do at this API.
pub fn power_of_user(role: Option<AdminRole>) -> AdminScopes {
    role.map_or(AdminScopes::NONE, AdminRole::scopes)
}

/// What the caller lacks of the power that is granted, taken away or laid hands on; empty: it may be done.
pub const fn lacking(held: AdminScopes, power: AdminScopes) -> AdminScopes {
    power.without(held)
}

/// Whether a proof of identity is recent enough for what is dangerous.
pub fn is_fresh(auth_time: Timestamp, now: Timestamp) -> bool {
    now.signed_duration_since(auth_time) <= FRESH
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::ClientKind;

    #[test]
    fn a_token_is_good_for_no_more_than_its_users_role() {
        let scope = Scope::parse("openid users:write sessions:end sessions:read").unwrap();
        let of = |role| held(&scope, role).iter().map(AdminScope::as_str).collect::<Vec<_>>();
        assert_eq!(of(None), ["users:write", "sessions:read", "sessions:end"], "a machine's");
        assert_eq!(of(Some(AdminRole::Administrator)), of(None));
        assert_eq!(of(Some(AdminRole::Support)), ["sessions:read", "sessions:end"]);
        assert_eq!(of(Some(AdminRole::Auditor)), ["sessions:read"]);
        assert_eq!(held(&Scope::default(), Some(AdminRole::Administrator)), AdminScopes::NONE);
    }

    #[test]
    fn a_client_is_as_powerful_as_its_registration() {
        let mut metadata = ClientMetadata::defaults(ClientKind::Machine, "Robot");
        metadata.scope = Scope::parse("users:write notes:read").unwrap();
        assert_eq!(power_of_client(&metadata), AdminScopes::NONE, "the words mean something else at another API");
        metadata.resources = vec!["https://api.test/".to_owned(), AUDIENCE.to_owned()];
        let power = power_of_client(&metadata);
        assert_eq!(power, AdminScopes::of(&[AdminScope::UsersWrite]));
        assert!(lacking(AdminScopes::all(), power).is_empty());
        assert_eq!(lacking(AdminRole::Support.scopes(), power), power);
        assert_eq!(lacking(AdminRole::Support.scopes(), power_of_user(Some(AdminRole::Support))), AdminScopes::NONE);
        assert!(!lacking(AdminRole::Support.scopes(), power_of_user(Some(AdminRole::Administrator))).is_empty());
        assert!(lacking(AdminScopes::NONE, power_of_user(None)).is_empty(), "who is no administrator can be managed by whoever manages users");
    }

    /// Whoever registers it needs no more than to have it opened in a user's browser.
    #[test]
    fn a_client_without_consent_reaches_into_every_account() {
        let mut metadata = ClientMetadata::defaults(ClientKind::Spa, "Own page");
        metadata.scope = Scope::parse("openid account:sessions:end account:profile:read").unwrap();
        metadata.resources = vec![account_scope::AUDIENCE.to_owned()];
        let whole = AdminScopes::of(&[AdminScope::SessionsEnd, AdminScope::UsersRead]);
        metadata.first_party = false;
        assert_eq!(power_of_new_client(&metadata), AdminScopes::NONE, "each user is asked");
        assert_eq!(power_of_client(&metadata), whole, "but not those who have allowed it");
        metadata.first_party = true;
        assert_eq!((power_of_new_client(&metadata), power_of_client(&metadata)), (whole, whole));
        assert!(!lacking(AdminRole::Developer.scopes(), power_of_client(&metadata)).is_empty());
        metadata.resources = vec!["https://api.test/".to_owned()];
        assert_eq!(power_of_client(&metadata), AdminScopes::NONE, "the words mean something else at another API");
        metadata.resources = vec![account_scope::AUDIENCE.to_owned()];
        metadata.scope = Scope::parse("openid profile email address phone").unwrap();
        assert_eq!(power_of_new_client(&metadata), AdminScopes::NONE, "as every application");
    }

    #[test]
    fn a_proof_is_fresh_for_ten_minutes() {
        let now = Timestamp::UNIX_EPOCH + TimeDelta::days(20_000);
        assert!(is_fresh(now - TimeDelta::minutes(10), now));
        assert!(!is_fresh(now - TimeDelta::minutes(10) - TimeDelta::microseconds(1), now));
        assert!(is_fresh(now + TimeDelta::seconds(1), now), "a clock beside ours");
    }
}
