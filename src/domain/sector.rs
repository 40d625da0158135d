//! A sector (OIDC Core §8.1): the host whose clients know a user by one pairwise subject.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::redirect_uri::RedirectUri;

/// A host name in its normal form: lowercase, an international name as in the DNS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SectorIdentifier(String);

/// Why a text is no sector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a sector is the name of a host, such as example.com, without scheme, port and path")]
pub struct InvalidSector;

impl SectorIdentifier {
    pub fn parse(text: &str) -> Result<Self, InvalidSector> {
        match Host::parse(text) {
            Ok(Host::Domain(host)) if host.len() <= 253 && !host.is_empty() => Ok(Self(host)),
            _ => Err(InvalidSector),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The sector of redirect URIs that all lead to one host. A loopback address and a private-use scheme are no host: every native client has them,
/// and strangers would share a sector.
pub fn shared_by(redirect_uris: &[RedirectUri]) -> Option<SectorIdentifier> {
    let mut hosts = redirect_uris.iter().map(host_of);
    let first = hosts.next()??;
    hosts.all(|host| host.as_ref() == Some(&first)).then_some(first)
}

fn host_of(uri: &RedirectUri) -> Option<SectorIdentifier> {
    match Url::parse(uri.as_str()).ok()?.host()? {
        Host::Domain(host) if host != "localhost" && !host.ends_with(".localhost") => Some(SectorIdentifier(host.to_owned())),
        Host::Ipv4(address) if !address.is_loopback() => Some(SectorIdentifier(address.to_string())),
        Host::Ipv6(address) if !address.is_loopback() => Some(SectorIdentifier(address.to_string())),
        _ => None,
    }
}

impl TryFrom<String> for SectorIdentifier {
    type Error = InvalidSector;
    fn try_from(text: String) -> Result<Self, InvalidSector> {
        Self::parse(&text)
    }
}

impl From<SectorIdentifier> for String {
    fn from(sector: SectorIdentifier) -> Self {
        sector.0
    }
}

impl fmt::Display for SectorIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(uris: &[&str]) -> Option<String> {
        let uris: Vec<RedirectUri> = uris.iter().map(|uri| RedirectUri::parse(uri).unwrap()).collect();
        shared_by(&uris).map(String::from)
    }

    /// OIDC Core §8.1.
    #[test]
    fn one_host_is_a_sector() {
        assert_eq!(shared(&["https://app.example.com/cb"]).as_deref(), Some("app.example.com"));
        assert_eq!(shared(&["https://app.example.com/cb", "https://app.example.com:8443/silent"]).as_deref(), Some("app.example.com"));
        assert_eq!(shared(&["https://app.example.com/cb", "https://www.example.com/cb"]), None);
        assert_eq!(shared(&[]), None);
    }

    #[test]
    fn what_strangers_share_is_no_sector() {
        for uris in [
            &["http://127.0.0.1/cb"][..],
            &["http://[::1]/cb"],
            &["http://localhost:3000/cb"],
            &["com.example.app:/cb"],
            &["https://a.test/cb", "http://127.0.0.1/cb"],
        ] {
            assert_eq!(shared(uris), None, "{uris:?}");
        }
    }

    #[test]
    fn a_sector_is_the_name_of_a_host() {
        assert_eq!(SectorIdentifier::parse("Example.COM").unwrap().as_str(), "example.com");
        for bad in ["", "https://example.com", "example.com/x", "example.com:443", "192.0.2.1", "[::1]", "a b", "user@example.com"] {
            assert_eq!(SectorIdentifier::parse(bad), Err(InvalidSector), "{bad}");
        }
    }
}
