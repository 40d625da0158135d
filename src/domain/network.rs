//! A network of IP addresses, and one address as the smallest of them.

use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;

/// An address, or a network in CIDR notation (RFC 4632).
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
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

impl Network {
    pub fn parse(text: &str) -> Result<Self, InvalidNetwork> {
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

    /// Whether every address is in it.
    pub const fn is_everything(&self) -> bool {
        self.prefix == 0
    }

    pub fn contains(&self, address: IpAddr) -> bool {
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
    fn refuses_what_is_no_network() {
        for text in ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/+8", "localhost", "::/129", "10.0.0/8"] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
