//! The site of a web origin, as browsers see it: scheme and registrable domain (HTML Standard, "same site"). Whether a frame of one origin in a page of
//! another is sent cookies hangs on it.

use url::{Host, Url};

/// How two web origins stand to each other; the nearer, the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    SameOrigin,
    SameSite,
    CrossSite,
}

/// How `a` and `b`, two origins or URLs, stand to each other. What is no web address is on no site.
pub fn nearness(a: &str, b: &str) -> Nearness {
    let (Ok(a), Ok(b)) = (Url::parse(a), Url::parse(b)) else { return Nearness::CrossSite };
    match (site(&a), site(&b)) {
        (Some(one), Some(other)) if one == other => {
            if a.origin() == b.origin() {
                Nearness::SameOrigin
            } else {
                Nearness::SameSite
            }
        }
        _ => Nearness::CrossSite,
    }
}

/// The domain that one owner has registered (`example.co.uk`), by the Public Suffix List; what has none, such as `localhost`, `github.io` or an IP address, is a site by
/// itself.
pub fn registrable_domain(url: &str) -> Option<String> {
    site(&Url::parse(url).ok()?).map(|(_, domain)| domain)
}

fn site(url: &Url) -> Option<(&str, String)> {
    let domain = match url.host()? {
        Host::Domain(name) => psl::domain_str(name).unwrap_or(name).to_owned(),
        address => address.to_string(),
    };
    matches!(url.scheme(), "http" | "https").then(|| (url.scheme(), domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_is_the_registrable_domain_and_the_scheme() {
        use Nearness::{CrossSite, SameOrigin, SameSite};
        for (a, b, expected) in [
            ("https://id.example.com", "https://id.example.com", SameOrigin),
            ("https://id.example.com/tenant/", "https://id.example.com/callback", SameOrigin),
            ("https://id.example.com", "https://app.example.com", SameSite),
            ("https://example.com", "https://app.example.com:8443", SameSite),
            ("https://id.example.com", "https://example.org", CrossSite),
            ("https://id.example.co.uk", "https://app.example.co.uk", SameSite),
            // Two owners under one public suffix, those of the list's private part too.
            ("https://one.co.uk", "https://two.co.uk", CrossSite),
            ("https://one.github.io", "https://two.github.io", CrossSite),
            ("https://one.pages.dev", "https://two.pages.dev", CrossSite),
            ("https://a.one.github.io", "https://b.one.github.io", SameSite),
            // The scheme counts.
            ("https://id.example.com", "http://id.example.com", CrossSite),
            ("http://localhost:8080", "http://localhost:8081", SameSite),
            ("http://localhost:8080", "http://127.0.0.1:8080", CrossSite),
            ("http://localhost:8080", "http://app.localhost:8080", CrossSite),
            ("http://127.0.0.1:8080", "http://127.0.0.1:9090", SameSite),
            ("http://[::1]:8080", "http://[::1]:9090", SameSite),
            ("https://10.0.0.1", "https://11.0.0.1", CrossSite),
            ("com.example.app:/callback", "com.example.app:/callback", CrossSite),
        ] {
            assert_eq!((nearness(a, b), nearness(b, a)), (expected, expected), "{a} {b}");
        }
        assert_eq!(registrable_domain("https://a.b.example.co.uk/x").as_deref(), Some("example.co.uk"));
        assert_eq!(registrable_domain("http://localhost:1/").as_deref(), Some("localhost"));
    }
}
