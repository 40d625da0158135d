//! What a token for the admin API may be good for, and the roles of administrators, which are bundles of it.

use super::scope::Scope;

/// The audience (`aud`, RFC 9068 §4) of tokens for the admin API: what clients are registered with as a resource (RFC 8707).
pub const AUDIENCE: &str = "urn:gatekey:admin";

macro_rules! admin_scopes {
    ($($name:ident $word:literal $means:literal;)*) => {
        /// One thing that may be done. The words are registered with clients: one is never renamed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum AdminScope {
            $(#[doc = $means] $name,)*
        }

        impl AdminScope {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The value of `scope`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// What it allows, for people.
            pub const fn means(self) -> &'static str {
                match self {
                    $(Self::$name => $means,)*
                }
            }
        }
    };
}

admin_scopes! {
    ServerRead "server:read" "Read what this server is";
    UsersRead "users:read" "Read users and their groups";
    UsersWrite "users:write" "Create, change, disable and delete users";
    UsersResetPassword "users:reset-password" "Start resets of passwords, for users to finish";
    RolesGrant "roles:grant" "Give users a role of administrators, and take it away";
    ClientsRead "clients:read" "Read clients";
    ClientsWrite "clients:write" "Register, change, disable and delete clients, and give them new secrets";
    SessionsRead "sessions:read" "Read sessions, what hangs on them, and refresh token families";
    SessionsEnd "sessions:end" "End sessions and refresh token families";
    ConsentsRead "consents:read" "Read what users have consented to";
    ConsentsWithdraw "consents:withdraw" "Withdraw what users have consented to";
    LifetimesRead "lifetimes:read" "Read the lifetime policy, and try out changes";
    LifetimesWrite "lifetimes:write" "Change the lifetime policy";
    KeysRead "keys:read" "Read which keys sign tokens";
    KeysRotate "keys:rotate" "Make new signing keys and retire old ones";
    EventsRead "events:read" "Read what happened";
    StatisticsRead "statistics:read" "Read how much happened, by the hour";
    SettingsRead "settings:read" "Read the settings that may change while the server runs";
    SettingsWrite "settings:write" "Change the settings that may change while the server runs";
}

/// Several of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AdminScopes(u32);

impl AdminScopes {
    pub const NONE: Self = Self(0);

    /// Every one.
    pub fn all() -> Self {
        Self::of(AdminScope::ALL)
    }

    pub fn of(scopes: &[AdminScope]) -> Self {
        Self(scopes.iter().fold(0, |bits, scope| bits | 1 << *scope as u32))
    }

    /// Those that the scope of a token or a client names; its other values mean something elsewhere.
    pub fn named_in(scope: &Scope) -> Self {
        Self::all().iter().filter(|one| scope.contains(one.as_str())).fold(Self::NONE, |found, one| found.union(Self::of(&[one])))
    }

    pub fn contains(self, scope: AdminScope) -> bool {
        self.0 & 1 << scope as u32 != 0
    }

    pub const fn is_subset(self, of: Self) -> bool {
        self.0 & !of.0 == 0
    }

    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = AdminScope> {
        AdminScope::ALL.iter().copied().filter(move |scope| self.contains(*scope))
    }
}

/// What an administrator is for. Roles are told apart by what they may do; a user has one or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminRole {
    /// May do everything.
    Administrator,
    /// Helps users: sees who they are, starts resets of their passwords, ends their sessions, withdraws consents.
    Support,
    /// Registers applications and reads what concerns them.
    Developer,
    /// Reads everything and changes nothing.
    Auditor,
}

impl AdminRole {
    pub const ALL: [Self; 4] = [Self::Administrator, Self::Support, Self::Developer, Self::Auditor];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Support => "support",
            Self::Developer => "developer",
            Self::Auditor => "auditor",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    pub fn scopes(self) -> AdminScopes {
        use AdminScope as S;
        match self {
            Self::Administrator => AdminScopes::all(),
            Self::Support => AdminScopes::of(&[
                S::ServerRead,
                S::UsersRead,
                S::UsersResetPassword,
                S::ClientsRead,
                S::SessionsRead,
                S::SessionsEnd,
                S::ConsentsRead,
                S::ConsentsWithdraw,
                S::LifetimesRead,
                S::EventsRead,
                S::StatisticsRead,
            ]),
            Self::Developer => {
                AdminScopes::of(&[S::ServerRead, S::ClientsRead, S::ClientsWrite, S::LifetimesRead, S::KeysRead, S::EventsRead, S::StatisticsRead])
            }
            Self::Auditor => AdminScopes::of(&[
                S::ServerRead,
                S::UsersRead,
                S::ClientsRead,
                S::SessionsRead,
                S::ConsentsRead,
                S::LifetimesRead,
                S::KeysRead,
                S::EventsRead,
                S::StatisticsRead,
                S::SettingsRead,
            ]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_into_it() {
        let some = AdminScopes::of(&[AdminScope::SessionsRead, AdminScope::KeysRotate]);
        assert_eq!(some.iter().map(AdminScope::as_str).collect::<Vec<_>>(), ["sessions:read", "keys:rotate"]);
        assert!(some.is_subset(AdminScopes::all()) && !AdminScopes::all().is_subset(some) && AdminScopes::NONE.is_subset(some));
        assert_eq!(AdminScopes::all().iter().count(), AdminScope::ALL.len());
        assert_eq!(some.without(AdminScopes::of(&[AdminScope::KeysRotate])).iter().count(), 1);
        let scope = Scope::parse("openid keys:rotate sessions:read notes:read").unwrap();
        assert_eq!(AdminScopes::named_in(&scope), some);
    }

    /// A role that reads only, and which words let it.
    #[test]
    fn roles_are_bundles() {
        for role in AdminRole::ALL {
            assert_eq!(AdminRole::parse(role.as_str()), Some(role));
            assert!(role.scopes().contains(AdminScope::ServerRead));
        }
        assert!(AdminRole::Auditor.scopes().iter().all(|scope| scope.as_str().ends_with(":read")));
        let reading = AdminScopes::of(&AdminScope::ALL.iter().copied().filter(|scope| scope.as_str().ends_with(":read")).collect::<Vec<_>>());
        assert_eq!(AdminRole::Auditor.scopes(), reading, "everything that reads");
        for role in [AdminRole::Support, AdminRole::Developer, AdminRole::Auditor] {
            assert!(!role.scopes().contains(AdminScope::RolesGrant), "only administrators make administrators");
        }
        assert_eq!(AdminRole::parse("Administrator"), None);
    }
}
