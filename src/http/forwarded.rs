//! Whose address a request comes from, when proxies stand between.

use std::net::{IpAddr, SocketAddr};

/// No honest chain of proxies is longer.
const MOST_HOPS: usize = 32;

/// The peer's address; or, behind a trusted proxy, the last address in `X-Forwarded-For` that is not itself a trusted proxy's.
///
/// Each proxy adds the address it was asked from at the end, so the list is read from there, and only as far as it was written by
/// somebody trusted. What cannot be read ends the reading at the last address that could: skipping it would let the visitor choose,
/// for whatever stands before it came from him.
pub fn visitor<'a>(peer: IpAddr, lines: impl DoubleEndedIterator<Item = &'a str>, trusts: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut nearest = peer;
    let mut hops = lines.rev().flat_map(|line| line.rsplit(',')).take(MOST_HOPS);
    while trusts(nearest) {
        let Some(next) = hops.next().and_then(address) else { break };
        nearest = next;
    }
    nearest
}

/// An address, which some proxies write with the port.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn seen(peer: &str, lines: &[&str]) -> String {
        visitor(ip(peer), lines.iter().copied(), |address| address.to_string().starts_with("10.")).to_string()
    }

    #[test]
    fn only_what_a_trusted_proxy_wrote_is_read() {
        for (peer, lines, expected) in [
            ("192.0.2.1", &["198.51.100.7"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["203.0.113.9, 192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["203.0.113.9, 192.0.2.1, 10.0.0.2"], "192.0.2.1"),
            ("10.0.0.1", &["203.0.113.9", "192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["192.0.2.1:4711"], "192.0.2.1"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
        ] {
            assert_eq!(seen(peer, lines), expected, "{peer} {lines:?}");
        }
    }

    /// HP-03: skipping what is no address would believe the one before it, which the visitor wrote.
    #[test]
    fn what_is_no_address_ends_the_reading() {
        for last in ["a", "", "unknown", "_hidden", "192.0.2", "fe80::1%eth0", "192.0.2.1 192.0.2.2", "999.1.1.1", "\u{ff11}.1.1.1"] {
            assert_eq!(seen("10.0.0.1", &[&format!("203.0.113.9, {last}")]), "10.0.0.1", "{last:?}");
            assert_eq!(seen("10.0.0.1", &[&format!("203.0.113.9, {last}, 10.0.0.2")]), "10.0.0.2", "{last:?}");
        }
        let many = vec!["10.0.0.3"; 1000].join(",");
        assert_eq!(seen("10.0.0.1", &[&format!("203.0.113.9,{many}")]), "10.0.0.3");
    }

    proptest! {
        /// Whatever a visitor sends before it, the proxy's own addition decides.
        #[test]
        fn the_visitor_does_not_choose(sent in "\\PC{0,80}") {
            let forwarded = format!("{sent},192.0.2.1");
            prop_assert_eq!(seen("10.0.0.1", &[&forwarded]), "192.0.2.1");
        }
    }
}
