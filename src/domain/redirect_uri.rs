//! Redirect URIs: parsed once at registration, compared byte for byte at use (RFC 9700 §4.1.3).
//! The one exception is the port of a native client's loopback IP literal (RFC 8252 §7.3).

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// A registered redirect URI: absolute, no fragment, no user info, no wildcard, and `https` unless it is loopback or a private-use scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectUri(String);

/// Why a text cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedirectUri {
    #[error("`{0}` is not an absolute URI written in its normal form: write it as `https://app.example.com/callback`")]
    NotAbsolute(String),
    #[error("`{0}` has a fragment; a redirect URI must not (RFC 6749 §3.1.2): remove the part from `#`")]
    Fragment(String),
    #[error("`{0}` carries a user name or password: remove it")]
    UserInfo(String),
    #[error("`{0}` has a wildcard; redirect URIs are compared byte for byte: register each one in full")]
    Wildcard(String),
    #[error("`{0}` is not protected in transit: use https (plain http is for localhost, 127.0.0.1 and [::1] only)")]
    Cleartext(String),
    #[error("`{0}` uses a scheme that is not allowed: use https, or for a native app a private-use scheme with a dot such as `com.example.app:/callback`")]
    Scheme(String),
}

impl RedirectUri {
    pub fn parse(text: &str) -> Result<Self, InvalidRedirectUri> {
        use InvalidRedirectUri as E;
        let own = || text.to_owned();
        // Visible ASCII only: no space, control byte, backslash or IDN look-alike ever reaches a Location header.
        if !text.bytes().all(|b| matches!(b, 0x21..=0x7e) && !b"\\\"<>^`{|}".contains(&b)) {
            return Err(E::NotAbsolute(own()));
        }
        let url = Url::parse(text).map_err(|_| E::NotAbsolute(own()))?;
        if text.contains('#') {
            return Err(E::Fragment(own()));
        }
        if text.contains('*') {
            return Err(E::Wildcard(own()));
        }
        if !url.username().is_empty() || url.password().is_some() || url.authority().contains('@') {
            return Err(E::UserInfo(own()));
        }
        match url.scheme() {
            "https" | "http" => {
                // What the URL parser would rewrite (case, default port, `..`, `http:host`) is refused, so that the
                // registered bytes are the bytes a browser goes to. A bare origin may come without its slash.
                let normal = url.as_str();
                if normal != text && normal.strip_suffix('/') != Some(text) {
                    return Err(E::NotAbsolute(own()));
                }
                if !has_plain_host(&url) {
                    return Err(E::NotAbsolute(own()));
                }
                if url.scheme() == "http" && !is_loopback(&url) {
                    return Err(E::Cleartext(own()));
                }
            }
            // RFC 8252 §7.1: a private-use scheme is a reversed domain name, so it has a dot. This leaves out
            // javascript:, data:, file:, blob: and every other scheme a browser acts on.
            scheme if scheme.contains('.') && text.starts_with(scheme) => {}
            _ => return Err(E::Scheme(own())),
        }
        Ok(Self(own()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `requested` is this URI: the same bytes, or, if `any_loopback_port`, the same bytes but for the port of a loopback IP literal.
    pub fn matches(&self, requested: &str, any_loopback_port: bool) -> bool {
        self.0 == requested || (any_loopback_port && same_but_for_port(&self.0, requested))
    }

    /// `scheme://host[:port]`, the origin that a response page may talk to.
    pub fn origin(&self) -> Option<&str> {
        // `parse` takes only what is written as the URL parser writes it, with no user and no default port: the origin is its beginning.
        let scheme = ["https://", "http://"].into_iter().find(|scheme| self.0.starts_with(scheme))?;
        let end = self.0.bytes().skip(scheme.len()).position(|byte| matches!(byte, b'/' | b'?'));
        self.0.get(..end.map_or(self.0.len(), |end| scheme.len() + end))
    }
}

/// The web origin of an http(s) URL, as browsers write it in `Origin`.
pub fn origin_of(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    matches!(url.scheme(), "https" | "http").then(|| url.origin().ascii_serialization())
}

/// A name as the DNS has them, or an address. URLs allow more (`;`, `,`, quotes); but origins stand in policies and headers, where that begins
/// something else.
fn has_plain_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// RFC 8252 §7.3, for `http://127.0.0.1` and `http://[::1]` only; `localhost` is not an IP literal (§8.3).
fn same_but_for_port(registered: &str, requested: &str) -> bool {
    ["http://127.0.0.1", "http://[::1]"].into_iter().any(|host| match (registered.strip_prefix(host), requested.strip_prefix(host)) {
        (Some(registered), Some(requested)) => match (after_port(registered), after_port(requested)) {
            (Some(registered), Some(requested)) => registered == requested,
            _ => false,
        },
        _ => false,
    })
}

/// What follows an optional `:port`; `None` when neither a port nor a path begins here.
fn after_port(rest: &str) -> Option<&str> {
    let Some(port) = rest.strip_prefix(':') else {
        return (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(rest);
    };
    let digits = port.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = port.split_at(digits);
    let valid = number.parse::<u16>().is_ok_and(|n| n > 0) && !number.starts_with('0');
    (valid && (rest.is_empty() || rest.starts_with(['/', '?']))).then_some(rest)
}

impl TryFrom<String> for RedirectUri {
    type Error = InvalidRedirectUri;
    fn try_from(text: String) -> Result<Self, InvalidRedirectUri> {
        Self::parse(&text)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> String {
        uri.0
    }
}

/// A web origin (`https://app.example.com`) that may call the token endpoint from a page (CORS).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebOrigin(String);

/// Why a text is not a web origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a web origin: write scheme, host and port as the browser does, such as `https://app.example.com` (no path, no trailing slash)")]
pub struct InvalidWebOrigin(pub String);

impl WebOrigin {
    pub fn parse(text: &str) -> Result<Self, InvalidWebOrigin> {
        match origin_of(text) {
            Some(origin) if origin == text && Url::parse(text).is_ok_and(|url| has_plain_host(&url)) => Ok(Self(origin)),
            _ => Err(InvalidWebOrigin(text.to_owned())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for WebOrigin {
    type Error = InvalidWebOrigin;
    fn try_from(text: String) -> Result<Self, InvalidWebOrigin> {
        Self::parse(&text)
    }
}

impl From<WebOrigin> for String {
    fn from(origin: WebOrigin) -> String {
        origin.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn registers_what_is_safe() {
        for uri in [
            "https://rp.test/cb",
            "https://rp.test/cb?tenant=1",
            "https://rp.test",
            "http://localhost:3000/cb",
            "http://127.0.0.1/cb",
            "http://[::1]:9/cb",
            "com.example.app:/callback",
        ] {
            let parsed = RedirectUri::parse(uri).unwrap();
            assert_eq!(parsed.origin().map(str::to_owned), origin_of(uri), "{uri}");
        }
    }

    /// RU-02, RU-03, RU-10, RU-11, RU-16, RU-18.
    #[test]
    fn refuses_to_register_what_is_not() {
        for uri in [
            "https://rp.test@evil.test/cb",
            "https://rp.test:x@evil.test/cb",
            "https://rp.test\\@evil.test",
            "//evil.test",
            "/cb",
            "https://rp.test/cb#x",
            "https://rp.test/cb#",
            "http://rp.test/cb",
            "http://127.0.0.1.evil.test/cb",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            " https://rp.test/",
            "data:text/html,x",
            "file:///etc/passwd",
            "blob:https://rp.test/x",
            "vbscript:x",
            "*",
            "https://*.rp.test/cb",
            "https://rp.test/*",
            "HTTPS://RP.TEST/cb",
            "https://rp.test:443/cb",
            "https://rp.test/a/../b",
            "https:rp.test",
            "https://rp.test/\tcb",
            "https://ｅxample.test/",
        ] {
            assert!(RedirectUri::parse(uri).is_err(), "{uri}");
        }
    }

    /// An origin stands in `frame-ancestors`, `frame-src` and `Activate-Storage-Access`: it must not begin anything else there.
    #[test]
    fn an_origin_is_one_word_of_a_policy() {
        for host in ["rp.test", "a-b_c.rp.test", "xn--bcher-kva.test", "rp.test.", "10.0.0.1", "[2001:db8::1]", "rp.test:8443"] {
            let origin = format!("https://{host}");
            assert!(WebOrigin::parse(&origin).is_ok() && RedirectUri::parse(&format!("{origin}/cb")).is_ok(), "{origin}");
        }
        for host in ["rp.test;report-uri", "rp.test,x", "'self'", "rp.test\"", "rp`id`.test", "$(id).test", "a&b.test", "a!b.test", "a{b}.test", "*.rp.test"] {
            let origin = format!("https://{host}");
            assert!(WebOrigin::parse(&origin).is_err() && RedirectUri::parse(&format!("{origin}/cb")).is_err(), "{origin}");
        }
        for origin in [
            "https://rp.test/",
            "https://RP.test",
            "https://rp.test:443",
            "https://u@rp.test",
            "null",
            "com.example.app:",
            "https:rp.test",
            "https://rp.test?x",
        ] {
            assert!(WebOrigin::parse(origin).is_err(), "{origin}");
        }
    }

    /// RU-07: only the port is free, and only of an IP literal.
    #[test]
    fn loopback_port_is_free_for_native() {
        let uri = RedirectUri::parse("http://127.0.0.1/cb").unwrap();
        assert!(uri.matches("http://127.0.0.1:49152/cb", true));
        assert!(!uri.matches("http://127.0.0.1:49152/cb", false));
        for other in [
            "http://127.0.0.1/cb?x=1",
            "http://127.0.0.1/other",
            "http://localhost/cb",
            "http://[::1]/cb",
            "http://127.0.0.1.evil.test/cb",
            "http://2130706433/cb",
            "http://127.0.0.1:1@evil.test/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:99999/cb",
        ] {
            assert!(!uri.matches(other, true), "{other}");
        }
    }

    proptest! {
        /// Whatever can be registered: its beginning is the origin that browsers say.
        #[test]
        fn the_origin_is_where_it_begins(text in "(https|http|com\\.example)://?(rp\\.test|localhost|127\\.0\\.0\\.1|\\[::1\\]|[a-zA-Z0-9.-]{1,6})(:[0-9]{0,5})?[/?]?[a-z0-9/?.:@%=&-]{0,12}") {
            if let Ok(uri) = RedirectUri::parse(&text) {
                prop_assert_eq!(uri.origin().map(str::to_owned), origin_of(&text));
            }
        }

        /// RU-01: a change of any one byte is another URI.
        #[test]
        fn one_byte_changed_does_not_match(offset in 0usize..24, byte in 0x21u8..0x7f) {
            let registered = "https://rp.test/cb?x=abc";
            let uri = RedirectUri::parse(registered).unwrap();
            let mut bytes = registered.as_bytes().to_vec();
            prop_assume!(bytes[offset] != byte);
            bytes[offset] = byte;
            prop_assert!(!uri.matches(std::str::from_utf8(&bytes).unwrap(), true));
        }
    }
}
