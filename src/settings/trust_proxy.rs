//! `trust_proxy`: the proxies whose word on the visitor's address is believed.

use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;

use super::known::{Key, Kind, key};

pub(super) const KEYS: &[Key] = &[key("trust_proxy", Kind::Texts, "[\"10.0.0.0/8\", \"::1\"]")];

/// Networks and addresses of trusted proxies; none by default, so that a visitor cannot choose his own address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct TrustProxy(Vec<Network>);

/// An address, or a network in CIDR notation (RFC 4632).
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Network {
    address: IpAddr,
    prefix: u32,
}

/// Why a text is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    #[error("`{0}` is neither an IP address nor a network: write `\"10.0.0.1\"` or `\"10.0.0.0/8\"`")]
    Syntax(String),
    #[error("`{0}` has bits after its prefix: write `\"{1}\"` if the whole network is meant, or the address alone")]
    HostBits(String, String),
}

impl TrustProxy {
    /// From addresses and networks as texts.
    pub fn parse<'a>(networks: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidNetwork> {
        networks.into_iter().map(Network::parse).collect::<Result<_, _>>().map(Self)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

impl Network {
    fn parse(text: &str) -> Result<Self, InvalidNetwork> {
        let syntax = || InvalidNetwork::Syntax(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| syntax())?;
        let widest = width(address);
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok().filter(|prefix| *prefix <= widest).ok_or_else(syntax)?,
            Some(_) => return Err(syntax()),
            None => widest,
        };
        let network = masked(address, prefix);
        if network != address {
            return Err(InvalidNetwork::HostBits(text.to_owned(), format!("{network}/{prefix}")));
        }
        Ok(Self { address, prefix })
    }

    fn contains(&self, address: IpAddr) -> bool {
        // A dual-stack socket shows IPv4 visitors as ::ffff:a.b.c.d.
        let address = if self.address.is_ipv4() { address.to_canonical() } else { address };
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.prefix) == self.address
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(address: IpAddr, prefix: u32) -> IpAddr {
    match address {
        IpAddr::V4(ip) => IpAddr::V4((ip.to_bits() & u32::MAX.checked_shl(32 - prefix.min(32)).unwrap_or(0)).into()),
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() & u128::MAX.checked_shl(128 - prefix.min(128)).unwrap_or(0)).into()),
    }
}

impl TryFrom<String> for Network {
    type Error = InvalidNetwork;
    fn try_from(text: String) -> Result<Self, InvalidNetwork> {
        Self::parse(&text)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_is_inside_and_nothing_else() {
        let proxies = TrustProxy::parse(["10.0.0.0/8", "192.168.1.7", "fd00::/8", "::1"]).unwrap();
        for inside in ["10.255.0.1", "192.168.1.7", "fd12::1", "::1", "::ffff:10.1.2.3"] {
            assert!(proxies.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["11.0.0.1", "192.168.1.8", "fe80::1", "::2", "::ffff:11.0.0.1"] {
            assert!(!proxies.contains(outside.parse().unwrap()), "{outside}");
        }
        assert!(!TrustProxy::default().contains("127.0.0.1".parse().unwrap()));
        assert!(TrustProxy::parse(["0.0.0.0/0"]).unwrap().contains("8.8.8.8".parse().unwrap()));
    }

    #[test]
    fn refuses_what_is_no_network() {
        for text in ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/+8", "localhost", "::/129", "10.0.0/8"] {
            assert!(TrustProxy::parse([text]).is_err(), "{text}");
        }
    }
}
