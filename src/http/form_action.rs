//! Where the form of a page, and what follows it, may lead: the `form-action` of its policy.
//!
//! Chromium holds the whole chain of redirects after a form to it, not only the first address. What an application's callback does then is the
//! application's business: one at `https://api.example.com` may go on to `https://www.example.com`, and nobody can know that beforehand.
//! So a page whose form ends at an application lets it go on to any https address; every other page keeps to the server itself.

use url::{Host, Url};

/// What a page's form leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormAction<'a> {
    /// This server, and nothing else.
    Here,
    /// This server, then an application at this registered address, then wherever that one goes on to.
    OnTo(&'a str),
}

impl FormAction<'_> {
    /// The sources, ready for the policy.
    pub fn sources(self) -> String {
        let Self::OnTo(target) = self else { return "'self'".to_owned() };
        let Ok(url) = Url::parse(target) else { return "'self'".to_owned() };
        match (url.scheme(), url.host()) {
            ("https", _) => "'self' https:".to_owned(),
            // A policy cannot name an IPv6 address.
            ("http", Some(Host::Ipv6(_))) => "'self' https: http:".to_owned(),
            // On the developer's own machine the next step is there too, on another port.
            ("http", _) => format!("'self' {} http://localhost:* http://*.localhost:* http://127.0.0.1:* https:", url.origin().ascii_serialization()),
            (scheme, _) => format!("'self' {scheme}:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FormAction::{Here, OnTo};

    #[test]
    fn no_more_than_the_application_needs() {
        assert_eq!(Here.sources(), "'self'");
        assert_eq!(OnTo("https://app.test/callback?x=1;y").sources(), "'self' https:");
        assert_eq!(OnTo("com.example.app:/callback").sources(), "'self' com.example.app:");
        assert_eq!(OnTo("http://[::1]:9000/callback").sources(), "'self' https: http:");
        let loopback = OnTo("http://127.0.0.2:9000/callback").sources();
        assert!(loopback.starts_with("'self' http://127.0.0.2:9000 http://localhost:* ") && !loopback.contains(" http: "), "{loopback}");
        assert_eq!(OnTo("no address").sources(), "'self'");
    }
}
