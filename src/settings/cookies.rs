//! `[cookies]`: how the session cookie travels.

use serde::Deserialize;

use super::known::{Key, Kind, key};

pub(super) const KEYS: &[Key] = &[key("cookies.same_site", Kind::Text, "\"lax\"")];

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CookieSettings {
    pub same_site: SameSite,
}

/// The `SameSite` attribute of the session cookie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SameSite {
    /// Only with top-level navigation from elsewhere: silent renewal in an iframe works for applications on the issuer's own site only.
    Lax,
    /// Also in an iframe on another site, where the browser lets it.
    #[default]
    None,
}

impl SameSite {
    /// As the attribute is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    same_site: Option<SameSite>,
}

impl Raw {
    pub(super) fn validated(self) -> CookieSettings {
        CookieSettings { same_site: self.same_site.unwrap_or_default() }
    }
}
