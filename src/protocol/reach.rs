//! Which addresses this server may be made to talk to. An application's logout URI is the application's word: it must not lead the
//! server into the network that it stands in (server-side request forgery; RFC 9700 §4.11 warns of the kind).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::domain::network::Network;

/// What is allowed besides public addresses.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Private networks: RFC 1918, RFC 4193, RFC 6598.
    pub private: bool,
    /// Whatever they are.
    pub listed: Vec<Network>,
    /// An issuer that is http on this machine is for development: so are its applications, http and all.
    pub development: bool,
}

impl Reach {
    /// For an address that is the operator's own word, such as the issuer's.
    pub fn anywhere() -> Self {
        let listed = ["0.0.0.0/0", "::/0"].into_iter().filter_map(|all| Network::parse(all).ok()).collect();
        Self { private: true, listed, development: true }
    }

    /// Judged of every address that a connection is made to, never of a name: a name may mean another address the next time.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = embedded(address.to_canonical());
        self.listed.iter().any(|network| network.contains(address))
            || is_public(address)
            || (self.private && is_private(address))
            || (self.development && address.is_loopback())
    }
}

/// An IPv4 address behind the well-known prefix of NAT64 (RFC 6052 §2.1) is that address.
fn embedded(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if v6.octets().starts_with(&[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]) => IpAddr::V4(Ipv4Addr::from_bits(v6.to_bits() as u32)),
        other => other,
    }
}

/// Metadata services of clouds within private networks; most others are link-local.
const METADATA: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254))];

fn is_private(address: IpAddr) -> bool {
    let private = match address {
        IpAddr::V4(v4) => v4.is_private() || matches!(v4.octets(), [100, 64..=127, ..]),
        IpAddr::V6(v6) => v6.is_unique_local(),
    };
    private && !METADATA.contains(&address)
}

/// Globally reachable by the special-purpose registries of IANA (RFC 6890), or not in them.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !matches!(
            v4.octets(),
            [0 | 10 | 127 | 224..=255, ..]
                | [100, 64..=127, ..]
                | [169, 254, ..]
                | [172, 16..=31, ..]
                | [192, 0, 0 | 2, _]
                | [192, 88, 99, _]
                | [192, 168, ..]
                | [198, 18 | 19, ..]
                | [198, 51, 100, _]
                | [203, 0, 113, _]
        ),
        // 2000::/3 is all that is given out. Of it: IETF protocols and Teredo (2001::/23), documentation, 6to4, which embeds an IPv4 address.
        IpAddr::V6(v6) => match v6.segments() {
            [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => false,
            [first, ..] => first & 0xe000 == 0x2000,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    const PRIVATE: [&str; 8] = ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fc00::1", "fd12:3456::1", "64:ff9b::10.0.0.1"];
    const NEVER: [&str; 24] = [
        "0.0.0.0",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.169.254",
        "192.0.0.192",
        "192.0.2.1",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "255.255.255.255",
        "100.100.100.200",
        "fd00:ec2::254",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::169.254.169.254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2002:7f00:1::",
        "2001::1",
        "2001:db8::1",
    ];
    const PUBLIC: [&str; 8] = ["1.1.1.1", "9.255.255.255", "172.15.0.1", "172.32.0.1", "192.0.1.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808"];

    #[test]
    fn only_public_addresses_by_default() {
        let reach = Reach::default();
        for address in PUBLIC {
            assert!(reach.allows(ip(address)), "{address}");
        }
        for address in PRIVATE.iter().chain(&NEVER) {
            assert!(!reach.allows(ip(address)), "{address}");
        }
    }

    #[test]
    fn private_networks_are_not_the_machine_itself_nor_its_metadata() {
        let reach = Reach { private: true, ..Reach::default() };
        for address in PUBLIC.iter().chain(&PRIVATE) {
            assert!(reach.allows(ip(address)), "{address}");
        }
        for address in NEVER {
            assert!(!reach.allows(ip(address)), "{address}");
        }
    }

    #[test]
    fn what_is_listed_is_reached_however_it_is_written() {
        let reach = Reach { listed: vec![Network::parse("127.0.0.1").unwrap(), Network::parse("fd00:ec2::/32").unwrap()], ..Reach::default() };
        for address in ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fd00:ec2::254"] {
            assert!(reach.allows(ip(address)), "{address}");
        }
        for address in ["127.0.0.2", "::1", "10.0.0.1"] {
            assert!(!reach.allows(ip(address)), "{address}");
        }
    }

    #[test]
    fn development_reaches_this_machine_and_no_further() {
        let reach = Reach { development: true, ..Reach::default() };
        assert!(reach.allows(ip("127.0.0.1")) && reach.allows(ip("::1")) && reach.allows(ip("::ffff:127.0.0.1")));
        for address in ["169.254.169.254", "10.0.0.1", "0.0.0.0", "::"] {
            assert!(!reach.allows(ip(address)), "{address}");
        }
    }

    proptest! {
        /// An IPv4 address is the same whichever way it is written in IPv6.
        #[test]
        fn no_spelling_opens_what_another_closes(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from_bits(bits);
            let allowed = Reach::default().allows(IpAddr::V4(v4));
            prop_assert_eq!(Reach::default().allows(IpAddr::V6(v4.to_ipv6_mapped())), allowed);
            let nat64 = Ipv6Addr::from_bits((0x0064_ff9b_u128 << 96) | u128::from(bits));
            prop_assert_eq!(Reach::default().allows(IpAddr::V6(nat64)), allowed);
        }

        /// The library's own idea of the kinds, where it has one.
        #[test]
        fn no_special_kind_is_public(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from_bits(bits);
            let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified() || v4.is_documentation();
            prop_assert!(!(special && Reach::default().allows(IpAddr::V4(v4))));
        }

        #[test]
        fn outside_of_2000_3_nothing_is_public(bits in any::<u128>()) {
            let v6 = Ipv6Addr::from_bits(bits);
            prop_assume!(v6.to_ipv4_mapped().is_none());
            prop_assert!(bits >> 125 == 1 || !Reach::default().allows(IpAddr::V6(v6)));
        }
    }
}
