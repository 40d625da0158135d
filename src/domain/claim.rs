//! The standard claims about a person (OIDC Core §5.1), and sets of them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::scope::Scope;

/// A claim that says something of a person. What a token says of itself (`iss`, `exp`, `sid` …) is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    Name,
    FamilyName,
    GivenName,
    MiddleName,
    Nickname,
    PreferredUsername,
    Profile,
    Picture,
    Website,
    Gender,
    Birthdate,
    Zoneinfo,
    Locale,
    UpdatedAt,
    Email,
    EmailVerified,
    Address,
    PhoneNumber,
    PhoneNumberVerified,
}

impl Claim {
    pub const ALL: [Self; 19] = [
        Self::Name,
        Self::FamilyName,
        Self::GivenName,
        Self::MiddleName,
        Self::Nickname,
        Self::PreferredUsername,
        Self::Profile,
        Self::Picture,
        Self::Website,
        Self::Gender,
        Self::Birthdate,
        Self::Zoneinfo,
        Self::Locale,
        Self::UpdatedAt,
        Self::Email,
        Self::EmailVerified,
        Self::Address,
        Self::PhoneNumber,
        Self::PhoneNumberVerified,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::FamilyName => "family_name",
            Self::GivenName => "given_name",
            Self::MiddleName => "middle_name",
            Self::Nickname => "nickname",
            Self::PreferredUsername => "preferred_username",
            Self::Profile => "profile",
            Self::Picture => "picture",
            Self::Website => "website",
            Self::Gender => "gender",
            Self::Birthdate => "birthdate",
            Self::Zoneinfo => "zoneinfo",
            Self::Locale => "locale",
            Self::UpdatedAt => "updated_at",
            Self::Email => "email",
            Self::EmailVerified => "email_verified",
            Self::Address => "address",
            Self::PhoneNumber => "phone_number",
            Self::PhoneNumberVerified => "phone_number_verified",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|claim| claim.as_str() == name)
    }

    /// The scope value that asks for it (OIDC Core §5.4).
    pub const fn scope(self) -> &'static str {
        match self {
            Self::Email | Self::EmailVerified => "email",
            Self::Address => "address",
            Self::PhoneNumber | Self::PhoneNumberVerified => "phone",
            _ => "profile",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A set of claims. Written as their names separated by a space; a name that is not known (of a newer version) is left out when read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct ClaimSet(u32);

impl ClaimSet {
    pub const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    pub const fn contains(self, claim: Claim) -> bool {
        self.0 & claim.bit() != 0
    }

    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn iter(self) -> impl Iterator<Item = Claim> {
        Claim::ALL.into_iter().filter(move |claim| self.contains(*claim))
    }

    /// The claims that a scope asks for (OIDC Core §5.4).
    pub fn of_scope(scope: &Scope) -> Self {
        let of = |word: &'static str| Claim::ALL.into_iter().filter(move |claim| claim.scope() == word);
        ["profile", "email", "address", "phone"].into_iter().filter(|word| scope.contains(word)).flat_map(of).collect()
    }

    /// Those of them whose scope value is in `scope`.
    #[must_use]
    pub fn within(self, scope: &Scope) -> Self {
        if self.is_empty() { self } else { Self(self.0 & Self::of_scope(scope).0) }
    }

    /// Reads names separated by spaces.
    pub fn parse(names: &str) -> Self {
        names.split(' ').filter_map(Claim::parse).collect()
    }
}

impl FromIterator<Claim> for ClaimSet {
    fn from_iter<I: IntoIterator<Item = Claim>>(claims: I) -> Self {
        Self(claims.into_iter().fold(0, |set, claim| set | claim.bit()))
    }
}

impl fmt::Display for ClaimSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, claim) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(claim.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for ClaimSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimSet({self})")
    }
}

impl Serialize for ClaimSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClaimSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&String::deserialize(deserializer)?))
    }
}

/// The claims that a request asked for by name (OIDC Core §5.5), by where they are to be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedClaims {
    #[serde(default, skip_serializing_if = "ClaimSet::is_empty")]
    pub id_token: ClaimSet,
    #[serde(default, skip_serializing_if = "ClaimSet::is_empty")]
    pub userinfo: ClaimSet,
}

impl NamedClaims {
    pub const fn is_empty(&self) -> bool {
        self.id_token.is_empty() && self.userinfo.is_empty()
    }

    /// The scope values that ask for them all: what a user allows is a scope.
    pub fn scopes(self) -> impl Iterator<Item = &'static str> {
        self.id_token.union(self.userinfo).iter().map(Claim::scope)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// OIDC Core §5.4.
    #[test]
    fn each_claim_belongs_to_its_scope() {
        let of = |scope: &str| ClaimSet::of_scope(&Scope::parse(scope).unwrap()).to_string();
        assert_eq!(
            of("profile"),
            "name family_name given_name middle_name nickname preferred_username profile picture website gender birthdate zoneinfo locale updated_at"
        );
        assert_eq!(of("email"), "email email_verified");
        assert_eq!(of("address"), "address");
        assert_eq!(of("phone"), "phone_number phone_number_verified");
        assert_eq!(of("openid offline_access notes:read"), "");
    }

    proptest! {
        #[test]
        fn a_set_survives_its_text(bits in 0u32..1 << 19) {
            let set = ClaimSet(bits);
            prop_assert_eq!(ClaimSet::parse(&set.to_string()), set);
            prop_assert_eq!(ClaimSet::parse(&format!("{set} of_a_newer_version")), set);
            prop_assert_eq!(serde_json::from_str::<ClaimSet>(&serde_json::to_string(&set).unwrap()).unwrap(), set);
        }

        #[test]
        fn what_is_within_a_scope_is_of_it(bits in 0u32..1 << 19, scope in "(profile |email |address |phone ){0,4}") {
            let (set, scope) = (ClaimSet(bits), Scope::parse(&scope).unwrap());
            let within = set.within(&scope);
            for claim in Claim::ALL {
                prop_assert_eq!(within.contains(claim), set.contains(claim) && scope.contains(claim.scope()));
            }
        }
    }
}
