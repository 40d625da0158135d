//! Cookies as browsers keep them (RFC 6265bis): prefixes, Secure, SameSite, Max-Age up to 400 days. Hosts are exact: no test needs Domain.

use chrono::TimeDelta;
use gatekey::domain::clock::Timestamp;
use url::Url;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    None,
    Lax,
    Strict,
}

/// How a request came about, as far as cookies ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initiator {
    /// The same site: every cookie.
    SameSite,
    /// A link or redirect from another site in the top window: Lax and None.
    CrossSiteTop,
    /// A frame in, a fetch from or a POST by another site: only None.
    CrossSite,
}

#[derive(Debug, Clone)]
pub struct Cookie {
    pub host: String,
    pub name: String,
    pub value: String,
    pub path: String,
    pub secure: bool,
    pub http_only: bool,
    pub same_site: SameSite,
    /// `None`: until the browser closes.
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Default)]
pub struct CookieJar(Vec<Cookie>);

impl CookieJar {
    /// Takes a `Set-Cookie` header as a browser would; one that a browser would refuse is a failure of the test.
    pub fn set(&mut self, url: &Url, header: &str, now: Timestamp) {
        let mut parts = header.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let mut cookie = Cookie {
            host: url.host_str().unwrap().to_owned(),
            name: name.to_owned(),
            value: value.to_owned(),
            path: "/".to_owned(),
            secure: false,
            http_only: false,
            same_site: SameSite::Lax,
            expires_at: None,
        };
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key.to_ascii_lowercase().as_str() {
                "path" => cookie.path = value.to_owned(),
                "secure" => cookie.secure = true,
                "httponly" => cookie.http_only = true,
                "domain" => panic!("a cookie for other hosts too: {header}"),
                "max-age" => cookie.expires_at = Some(now + TimeDelta::seconds(value.parse::<i64>().unwrap().min(400 * 86_400))),
                "samesite" => {
                    cookie.same_site = match value {
                        "None" => SameSite::None,
                        "Lax" => SameSite::Lax,
                        "Strict" => SameSite::Strict,
                        other => panic!("SameSite={other}"),
                    }
                }
                "expires" => {} // Max-Age wins (RFC 6265bis §5.7); every cookie of ours that expires has it.
                other => panic!("unknown attribute {other}: {header}"),
            }
        }
        let trustworthy = url.scheme() == "https" || url.host_str() == Some("localhost");
        assert!(!cookie.secure || trustworthy, "Secure over cleartext: {header}");
        assert!(!cookie.name.starts_with("__Host-") || (cookie.secure && cookie.path == "/"), "a browser refuses this __Host- cookie: {header}");
        assert!(cookie.same_site != SameSite::None || cookie.secure, "a browser refuses SameSite=None without Secure: {header}");
        self.0.retain(|other| (&other.host, &other.name, &other.path) != (&cookie.host, &cookie.name, &cookie.path));
        if cookie.expires_at.is_none_or(|at| at > now) {
            self.0.push(cookie);
        }
    }

    /// The `Cookie` header for a request, if any cookie goes with it.
    pub fn header(&self, url: &Url, initiator: Initiator, now: Timestamp) -> Option<String> {
        let goes = |cookie: &&Cookie| {
            cookie.host == url.host_str().unwrap()
                && url.path().starts_with(&cookie.path)
                && cookie.expires_at.is_none_or(|at| at > now)
                && match initiator {
                    Initiator::SameSite => true,
                    Initiator::CrossSiteTop => cookie.same_site != SameSite::Strict,
                    Initiator::CrossSite => cookie.same_site == SameSite::None,
                }
        };
        let pairs: Vec<String> = self.0.iter().filter(goes).map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    pub fn all(&self) -> &[Cookie] {
        &self.0
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}
