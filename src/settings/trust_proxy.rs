//! `trust_proxy`: the proxies whose word on the visitor's address is believed.

use std::net::IpAddr;

use serde::Deserialize;

use super::known::{Key, Kind, key};
use crate::domain::network::{InvalidNetwork, Network};

pub(super) const KEYS: &[Key] = &[key("trust_proxy", Kind::Texts, "[\"10.0.0.0/8\", \"::1\"]")];

/// Networks and addresses of trusted proxies; none by default, so that a visitor cannot choose his own address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct TrustProxy(Vec<Network>);

impl TrustProxy {
    /// From addresses and networks as texts.
    pub fn parse<'a>(networks: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidNetwork> {
        networks.into_iter().map(Network::parse).collect::<Result<_, _>>().map(Self)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any visitor is taken for a proxy.
    pub fn is_everybody(&self) -> bool {
        self.0.iter().any(Network::is_everything)
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
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
        assert!(TrustProxy::parse(["10.0.0.0/8", "::/0"]).unwrap().is_everybody() && !proxies.is_everybody());
        assert!(!TrustProxy::default().contains("127.0.0.1".parse().unwrap()));
        assert!(TrustProxy::parse(["0.0.0.0/0"]).unwrap().contains("8.8.8.8".parse().unwrap()));
    }
}
