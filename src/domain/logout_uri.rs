//! Where an application hears of the end of a session: a registered web address (Back-Channel Logout 1.0 §2.2, Front-Channel Logout 1.0 §2).

use serde::{Deserialize, Serialize};

use super::redirect_uri::{InvalidRedirectUri, RedirectUri, origin_of};

/// Absolute, no fragment, no user info, and `https` unless it is loopback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogoutUri(String);

/// Why a text cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLogoutUri {
    #[error(transparent)]
    Uri(#[from] InvalidRedirectUri),
    #[error("`{0}` is no web address: a logout URI is https, such as `https://app.example.com/logout`")]
    Scheme(String),
}

impl LogoutUri {
    pub fn parse(text: &str) -> Result<Self, InvalidLogoutUri> {
        let uri = RedirectUri::parse(text)?;
        // A redirect URI may have a scheme of the application's own; nothing can be sent there.
        if uri.origin().is_none() {
            return Err(InvalidLogoutUri::Scheme(text.to_owned()));
        }
        Ok(Self(String::from(uri)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `scheme://host[:port]`
    pub fn origin(&self) -> String {
        origin_of(&self.0).unwrap_or_default()
    }
}

impl TryFrom<String> for LogoutUri {
    type Error = InvalidLogoutUri;
    fn try_from(text: String) -> Result<Self, InvalidLogoutUri> {
        Self::parse(&text)
    }
}

impl From<LogoutUri> for String {
    fn from(uri: LogoutUri) -> String {
        uri.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_web_addresses_only() {
        for uri in ["https://rp.test/logout", "https://rp.test:8443/logout?tenant=1", "http://localhost:3000/logout", "https://10.0.0.1/logout"] {
            assert_eq!(LogoutUri::parse(uri).unwrap().as_str(), uri);
        }
        for uri in
            ["com.example.app:/logout", "https://rp.test/logout#x", "http://rp.test/logout", "https://u:p@rp.test/", "https://127.1/", "https://0x7f.1/", ""]
        {
            assert!(LogoutUri::parse(uri).is_err(), "{uri}");
        }
        assert_eq!(LogoutUri::parse("https://rp.test:8443/logout?tenant=1").unwrap().origin(), "https://rp.test:8443");
    }
}
