//! Groups of users: names by which rules are told who they are for. A group is there as soon as somebody is in it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A group's name: 1 to 64 lowercase letters, digits or the signs `-` `_` `.` `:`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupName(String);

/// Why a text is not a group's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of a group: write 1 to 64 lowercase letters, digits or the signs - _ . :")]
pub struct InvalidGroupName(String);

impl GroupName {
    pub fn parse(text: &str) -> Result<Self, InvalidGroupName> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.:".contains(&b);
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) { Ok(Self(text.to_owned())) } else { Err(InvalidGroupName(text.to_owned())) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GroupName {
    type Err = InvalidGroupName;
    fn from_str(text: &str) -> Result<Self, InvalidGroupName> {
        Self::parse(text)
    }
}

impl TryFrom<String> for GroupName {
    type Error = InvalidGroupName;
    fn try_from(text: String) -> Result<Self, InvalidGroupName> {
        Self::parse(&text)
    }
}

impl From<GroupName> for String {
    fn from(name: GroupName) -> String {
        name.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupName({})", self.0)
    }
}

/// The groups a user is in, as they are stored: names in order, with a space between. Nobody's request pays for parsing what no rule asks about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Groups(Option<String>);

impl Groups {
    /// In how many a user may be: all of them are in each event that tells a change of the user, and in each answer.
    pub const MOST: usize = 100;

    pub fn of(names: impl IntoIterator<Item = GroupName>) -> Self {
        let mut names: Vec<String> = names.into_iter().map(String::from).collect();
        names.sort();
        names.dedup();
        Self((!names.is_empty()).then(|| names.join(" ")))
    }

    /// As it was stored.
    pub fn from_text(text: Option<String>) -> Self {
        Self(text.filter(|text| !text.is_empty()))
    }

    /// To be stored.
    pub fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }

    pub fn contains(&self, name: &GroupName) -> bool {
        self.names().any(|one| one == name.as_str())
    }

    /// The same with this one.
    #[must_use]
    pub fn with(&self, name: &GroupName) -> Self {
        Self::of(self.names().map(|name| GroupName(name.to_owned())).chain([name.clone()]))
    }

    /// The same without this one.
    #[must_use]
    pub fn without(&self, name: &GroupName) -> Self {
        Self::of(self.names().filter(|one| *one != name.as_str()).map(|name| GroupName(name.to_owned())))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.as_deref().unwrap_or_default().split_ascii_whitespace()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str) -> GroupName {
        GroupName::parse(name).unwrap()
    }

    #[test]
    fn names_are_told_apart_and_kept_in_order() {
        let groups = Groups::of([group("staff"), group("admins"), group("staff")]);
        assert_eq!(groups.text(), Some("admins staff"));
        assert!(groups.contains(&group("staff")) && !groups.contains(&group("sta")) && !groups.contains(&group("staff.vienna")));
        assert_eq!(Groups::from_text(Some("admins staff".to_owned())), groups);
        assert_eq!((groups.with(&group("b")).text(), groups.with(&group("staff"))), (Some("admins b staff"), groups.clone()));
        assert_eq!((groups.without(&group("admins")).text(), groups.without(&group("b"))), (Some("staff"), groups.clone()));
        assert_eq!(Groups::of([group("staff")]).without(&group("staff")), Groups::default());
        assert_eq!(Groups::of([]), Groups::default());
        assert!(Groups::from_text(Some(String::new())).is_empty());
    }

    #[test]
    fn a_name_is_one_word() {
        for wrong in ["", "Staff", "two words", "a,b", "ä", &"x".repeat(65)] {
            assert!(GroupName::parse(wrong).is_err(), "{wrong}");
        }
        assert!(GroupName::parse(&"x".repeat(64)).is_ok());
    }
}
