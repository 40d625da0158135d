//! `[branding]`: how the pages look.

use std::fmt;

use serde::Deserialize;

use super::SettingsError;
use super::known::{Key, Kind, key};
use super::sources::Sources;

pub(super) const KEYS: &[Key] = &[
    key("branding.name", Kind::Text, "\"Example\""),
    key("branding.logo_url", Kind::Text, "\"https://example.com/logo.svg\""),
    key("branding.accent_color", Kind::Text, "\"#1f5fbf\""),
    key("branding.accent_color_dark", Kind::Text, "\"#8ab4f8\""),
];

/// Name, logo and colours of the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branding {
    pub name: String,
    /// An https URL, or a path on the issuer's own origin.
    pub logo_url: Option<String>,
    /// Of buttons and links; the pages' own when absent.
    pub accent_color: Option<Color>,
    /// In the dark theme; `accent_color` when absent.
    pub accent_color_dark: Option<Color>,
}

impl Default for Branding {
    fn default() -> Self {
        Self { name: "Gatekey".to_owned(), logo_url: None, accent_color: None, accent_color_dark: None }
    }
}

/// A colour as `#rrggbb`: nothing else can reach the style sheet.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Color(String);

/// Why a text is not a colour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a colour: write six hexadecimal digits such as `\"#1f5fbf\"`")]
pub struct InvalidColor(pub String);

impl Color {
    pub fn parse(text: &str) -> Result<Self, InvalidColor> {
        match text.strip_prefix('#') {
            Some(digits) if digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()) => Ok(Self(text.to_ascii_lowercase())),
            _ => Err(InvalidColor(text.to_owned())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Color {
    type Error = InvalidColor;
    fn try_from(text: String) -> Result<Self, InvalidColor> {
        Self::parse(&text)
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    name: Option<String>,
    logo_url: Option<String>,
    accent_color: Option<Color>,
    accent_color_dark: Option<Color>,
}

impl Raw {
    pub(super) fn validated(self, sources: &Sources) -> Result<Branding, SettingsError> {
        let default = Branding::default();
        let name = self.name.unwrap_or(default.name);
        if name.trim().is_empty() {
            return Err(SettingsError::refused(sources, &["branding", "name"], "it is empty: write the name people know you by"));
        }
        if let Some(logo) = &self.logo_url
            && !is_logo(logo)
        {
            return Err(SettingsError::refused(
                sources,
                &["branding", "logo_url"],
                format!("`{logo}` does not fit: write an https URL, or a path that begins with a single `/`"),
            ));
        }
        Ok(Branding { name, logo_url: self.logo_url, accent_color: self.accent_color, accent_color_dark: self.accent_color_dark })
    }
}

/// The URL's origin goes into the Content-Security-Policy, so nothing that could add a directive to it is let in.
fn is_logo(text: &str) -> bool {
    let plain = text.bytes().all(|b| matches!(b, 0x21..=0x7e) && !b"\\\"'<>`;,".contains(&b));
    let own_path = text.starts_with('/') && !text.starts_with("//");
    plain && (own_path || url::Url::parse(text).is_ok_and(|url| url.scheme() == "https"))
}
