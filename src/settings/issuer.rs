//! The issuer's URL: used byte for byte, judged once.

use std::fmt;

use serde::Deserialize;
use url::{Host, Url};

use super::known::{Key, Kind, key};

pub(super) const KEYS: &[Key] = &[key("issuer", Kind::Text, "\"https://id.example.com/\""), key("listen", Kind::Text, "\"127.0.0.1:8080\"")];

/// An issuer identifier (OpenID Connect Discovery §3, RFC 8414 §2): https (http on loopback only), no query, no fragment.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct IssuerUrl {
    text: String,
    origin: String,
    base_path: String,
}

/// Why a text cannot be an issuer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIssuer {
    #[error("`{0}` is not an absolute URL in its normal form: write it as `https://id.example.com/`")]
    NotAbsolute(String),
    #[error("`{0}` is not protected in transit: write `https://…` (plain http is for localhost, 127.0.0.1 and [::1] only)")]
    Cleartext(String),
    #[error("`{0}` has a query or a fragment, which an issuer must not have (OpenID Connect Discovery §3): remove it")]
    QueryOrFragment(String),
    #[error("`{0}` carries a user name or password: remove it")]
    UserInfo(String),
}

impl IssuerUrl {
    pub fn parse(text: &str) -> Result<Self, InvalidIssuer> {
        use InvalidIssuer as E;
        let own = || text.to_owned();
        let url = Url::parse(text).map_err(|_| E::NotAbsolute(own()))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(E::NotAbsolute(own()));
        }
        if text.contains(['?', '#']) {
            return Err(E::QueryOrFragment(own()));
        }
        if text.contains('@') {
            return Err(E::UserInfo(own()));
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(E::Cleartext(own()));
        }
        // Relying parties compare the issuer byte for byte, so what a URL parser would rewrite is refused (a bare origin may come without its slash).
        let normal = url.as_str();
        if (normal != text && normal.strip_suffix('/') != Some(text)) || url.path().contains("//") || url.path().contains('%') {
            return Err(E::NotAbsolute(own()));
        }
        let path = url.path();
        let base_path = if path.ends_with('/') { path.to_owned() } else { format!("{path}/") };
        Ok(Self { text: own(), origin: url.origin().ascii_serialization(), base_path })
    }

    /// The issuer as it was written: the `iss` of every token.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `scheme://host[:port]`, as browsers write it.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The port that its URL leads to.
    pub fn port(&self) -> Option<u16> {
        Url::parse(&self.origin).ok()?.port_or_known_default()
    }

    /// The same issuer at another port.
    pub fn at_port(&self, port: u16) -> String {
        let moved = Url::parse(&self.text).ok().and_then(|mut url| url.set_port(Some(port)).ok().map(|()| url.into()));
        moved.unwrap_or_else(|| self.text.clone())
    }

    /// Whether its URL leads straight to a server of this machine: plain http, which is for loopback addresses only.
    pub fn is_local(&self) -> bool {
        self.origin.starts_with("http://")
    }

    /// The path under which everything is mounted; begins and ends with `/`.
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// The absolute URL of `path` (without leading slash) at this issuer.
    pub fn join(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin, self.base_path)
    }
}

/// Loopback hosts are what browsers treat as trustworthy without TLS (W3C Secure Contexts §3.1).
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

impl Default for IssuerUrl {
    /// `http://localhost:8080/`
    fn default() -> Self {
        Self { text: "http://localhost:8080/".to_owned(), origin: "http://localhost:8080".to_owned(), base_path: "/".to_owned() }
    }
}

impl TryFrom<String> for IssuerUrl {
    type Error = InvalidIssuer;
    fn try_from(text: String) -> Result<Self, InvalidIssuer> {
        Self::parse(&text)
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerUrl({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_bytes_and_knows_its_parts() {
        for (text, origin, base) in [
            ("http://localhost:8080/", "http://localhost:8080", "/"),
            ("https://id.example.com", "https://id.example.com", "/"),
            ("https://id.example.com/tenant", "https://id.example.com", "/tenant/"),
            ("https://id.example.com:8443/a/b/", "https://id.example.com:8443", "/a/b/"),
            ("http://[::1]:9000/", "http://[::1]:9000", "/"),
        ] {
            let issuer = IssuerUrl::parse(text).unwrap();
            assert_eq!((issuer.as_str(), issuer.origin(), issuer.base_path()), (text, origin, base));
        }
        assert_eq!(IssuerUrl::parse("http://localhost:8080/").unwrap(), IssuerUrl::default());
        assert_eq!(IssuerUrl::parse("https://id.example.com/t").unwrap().join("oauth/token"), "https://id.example.com/t/oauth/token");
    }

    /// OpenID Connect Discovery §3.
    #[test]
    fn refuses_what_an_issuer_must_not_be() {
        for text in [
            "",
            "id.example.com",
            "/",
            "ftp://id.example.com/",
            "http://id.example.com/",
            "http://localhost.example.com/",
            "https://id.example.com/?a=1",
            "https://id.example.com/?",
            "https://id.example.com/#",
            "https://u:p@id.example.com/",
            "https://@id.example.com/",
            "HTTPS://ID.example.com/",
            "https://id.example.com:443/",
            "https://id.example.com/a/../b/",
            "https://id.example.com//",
            "https://id.example.com/%2e/",
            " https://id.example.com/",
        ] {
            assert!(IssuerUrl::parse(text).is_err(), "{text}");
        }
    }
}
