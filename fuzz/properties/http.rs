//! What the headers say: cookies, languages, whose address it is.

use std::net::{IpAddr, SocketAddr};

use super::{halves, text};
use crate::http::cookie_header;
use crate::http::forwarded::visitor;
use crate::http::pages::Language;

/// `ui_locales`, and on the next line `Accept-Language`.
pub fn accept_language(data: &[u8]) {
    let text = text(data);
    let (ui_locales, header) = halves(&text);
    let chosen = Language::choose(Some(ui_locales), Some(header));
    assert!(Language::ALL.contains(&chosen));
    assert_eq!(Language::choose(Some(ui_locales), Some(header)), chosen);
    if !text.to_ascii_lowercase().contains(Language::German.tag()) {
        assert_eq!(chosen, Language::English, "nobody asked for another");
    }
    for language in Language::ALL {
        let tag = language.tag();
        assert_eq!(Language::choose(Some(&format!("{tag} {ui_locales}")), Some(header)), language, "the first of ui_locales");
        assert_eq!(Language::choose(None, Some(&format!("{tag},{header}"))), language, "the first of the heaviest");
        assert_eq!(Language::choose(Some(tag), Some(header)), language);
    }
}

/// Lines of `Cookie`.
pub fn cookies(data: &[u8]) {
    const NAME: &str = "__Host-gatekey-0a1b2c3d";
    let text = text(data);
    let lines: Vec<&str> = text.split('\n').collect();
    let only = |lines: &[&str], name: &str| {
        let [value] = cookie_header::family(lines.iter().map(|line| line.as_bytes()), name, [""]);
        value.map(str::to_owned)
    };
    let read = |lines: &[&str]| only(lines, NAME);
    let value = read(&lines);
    // RFC 9113 §8.2.3: taken apart or in one, in this order or another, it says the same.
    assert_eq!(read(&[&lines.join("; ")]), value);
    assert_eq!(read(&lines.iter().rev().copied().collect::<Vec<_>>()), value);
    let with = |line: &str| read(&[lines.as_slice(), &[line]].concat());
    assert_eq!(with("other=1; __Host-gatekey-0a1b2c3d-browser=x; x__Host-gatekey-0a1b2c3d=x; __Host-gatekey-0a1b2c3dx=y"), value, "no name but its own");
    // Read together with its like, each is what it is by itself.
    let endings = ["", "-2", "-5", "-device", "-device-2", "-browser", "-state"];
    for (ending, one) in endings.into_iter().zip(cookie_header::family(lines.iter().map(|line| line.as_bytes()), NAME, endings)) {
        assert_eq!(one.map(str::to_owned), only(&lines, &format!("{NAME}{ending}")), "{ending}");
    }
    let Some(value) = value else { return };
    assert!(!value.contains([';', '\n']) && text.contains(&format!("{NAME}={value}")));
    assert_eq!(with(&format!("{NAME}={value}")), Some(value.clone()));
    assert_eq!(with(&format!("{NAME}={value}x")), None, "of two different ones neither");
}

/// The peer, and on each further line an `X-Forwarded-For`. Trusted are 10.0.0.0/8 and fd00::/8.
pub fn forwarded(data: &[u8]) {
    let text = text(data);
    let (peer, rest) = halves(&text);
    let Ok(peer) = peer.parse::<IpAddr>() else { return };
    let lines: Vec<&str> = rest.split('\n').collect();
    let seen = |peer: IpAddr, lines: &[&str]| visitor(peer, lines.iter().copied(), is_trusted);
    let found = seen(peer, &lines);
    if !is_trusted(peer) {
        assert_eq!(found, peer, "a stranger's header is not read");
        return;
    }
    // From the right, what every trusted one saw: the first stranger among them is the visitor.
    let hops: Vec<Option<IpAddr>> = lines.join(",").rsplit(',').map(hop).collect();
    let stranger = hops.iter().take(32).map_while(|hop| *hop).find(|hop| !is_trusted(*hop));
    match stranger {
        Some(stranger) => assert_eq!(found, stranger),
        None => assert!(is_trusted(found) && (found == peer || hops.contains(&Some(found)))),
    }
    // Whatever came in, the proxy's own word decides.
    let stranger: IpAddr = "192.0.2.1".parse().unwrap();
    assert_eq!(seen(peer, &[lines.as_slice(), &["192.0.2.1"]].concat()), stranger);
    assert_eq!(seen(peer, &[&format!("{rest},192.0.2.1, 10.0.0.2")]), stranger);
    assert_eq!(seen(peer, &[&format!("{rest},unknown")]), peer);
}

fn is_trusted(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[0] == 10,
        IpAddr::V6(address) => address.octets()[0] == 0xfd,
    }
}

/// An address, with a port or in brackets or neither.
fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = text.parse::<SocketAddr>().map(|address| address.ip());
    let bracketed = || text.parse().or_else(|_| text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or("").parse());
    with_port.or_else(|_| bracketed()).ok()
}
