//! Where an answer may go: a redirect URI as it is registered, as it is asked for, and as the browser then reads it.

use serde_json::json;
use url::{Host, Url};
use uuid::Uuid;

use super::text;
use crate::domain::client::{Client, ClientKind, ClientMetadata};
use crate::domain::id::{ClientId, UserId};
use crate::domain::redirect_uri::{RedirectUri, WebOrigin, origin_of};
use crate::domain::sector;
use crate::protocol::authorize::response::{self, AuthorizationResponse};
use crate::protocol::authorize::target;
use crate::protocol::params::Params;

const ISSUER: &str = "https://login.example.com/?a&b";

/// Lines: the URI that is registered, the one that is asked for, the response mode, the state.
pub fn redirect_uri(data: &[u8]) {
    let text = text(data);
    let mut lines = text.splitn(4, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (registered, requested, mode, state) = (line(), line(), line(), line());
    web_origin(registered);
    let Ok(uri) = RedirectUri::parse(registered) else { return };
    assert_eq!(uri.as_str(), registered);
    assert_eq!(serde_json::from_value::<RedirectUri>(json!(registered)).as_ref().ok(), Some(&uri));
    let url = Url::parse(registered).expect("an absolute URI");
    assert!(url.fragment().is_none() && url.username().is_empty() && url.password().is_none() && !registered.contains(['#', '*']));
    match url.scheme() {
        "https" => assert!(url.has_host()),
        "http" => assert!(is_loopback(&url), "protected in transit"),
        scheme => assert!(scheme.contains('.'), "RFC 8252 §7.1: {scheme}"),
    }
    assert_eq!(uri.origin(), origin_of(registered).as_deref());
    let _ = sector::shared_by(std::slice::from_ref(&uri));

    // RFC 9700 §4.1.3: byte for byte; RFC 8252 §7.3: but for the port of a loopback literal.
    assert!(uri.matches(registered, false) && uri.matches(registered, true));
    assert_eq!(uri.matches(requested, false), requested == registered);
    if uri.matches(requested, true) && requested != registered {
        let mut other = Url::parse(requested).expect("what matches is a URI");
        assert!(matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_))) && is_loopback(&url) && url.scheme() == "http");
        other.set_port(url.port()).unwrap();
        assert_eq!(other, url, "the port alone");
    }
    for kind in [ClientKind::Native, ClientKind::Spa] {
        answered(&client(kind, &uri), requested, mode, state);
    }
}

fn client(kind: ClientKind, uri: &RedirectUri) -> Client {
    Client {
        id: ClientId::parse("app").unwrap(),
        metadata: ClientMetadata { redirect_uris: vec![uri.clone()], ..ClientMetadata::defaults(kind, "App") },
        secret_digest: None,
        previous_secret: None,
        disabled_at: None,
        managed_by_file: false,
        created_at: chrono::DateTime::UNIX_EPOCH,
        updated_at: chrono::DateTime::UNIX_EPOCH,
    }
}

/// The browser goes to the registered place with the answer, and brings back the state as it was.
fn answered(client: &Client, requested: &str, mode: &str, state: &str) {
    let pairs = [("client_id", "app"), ("redirect_uri", requested), ("response_mode", mode), ("state", state)];
    let params = Params::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
    let Ok(target) = target(&params, Some(client)) else {
        // A state that would not fit into the answer is not given back, whole or in part.
        assert!(!client.metadata.allows_redirect(requested) || state.len() > 4096);
        return;
    };
    assert!(client.metadata.allows_redirect(requested) && state.len() <= 4096);
    let expected: Vec<(String, String)> = [("code", "a code"), ("state", state), ("iss", ISSUER)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let registered = Url::parse(requested).unwrap();
    match response::code(&target, ISSUER, "a code", UserId(Uuid::nil()), None) {
        AuthorizationResponse::Fedcm(_) => panic!("no parameter makes a request one by FedCM"),
        AuthorizationResponse::FormPost { action, fields } => {
            assert_eq!(action, requested);
            assert_eq!(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Vec<_>>(), expected);
        }
        AuthorizationResponse::WebMessage { origin, ancestors, fields } => {
            assert_eq!(origin, registered.origin().ascii_serialization());
            assert_eq!(ancestors[0], origin);
            assert_eq!(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Vec<_>>(), expected);
        }
        AuthorizationResponse::Redirect(location) => {
            assert!(location.bytes().all(|b| matches!(b, 0x21..=0x7e)), "fit for a header: {location}");
            let mut url = Url::parse(&location).unwrap();
            let answer = if mode == "fragment" { url.fragment().unwrap().to_owned() } else { url.query().unwrap().to_owned() };
            let fields: Vec<(String, String)> = form_urlencoded::parse(answer.as_bytes()).into_owned().collect();
            assert!(fields.ends_with(&expected), "{location}");
            url.set_fragment(None);
            if mode != "fragment" {
                assert!(location.find('#').is_none());
                let kept = answer.len() - form_urlencoded::Serializer::new(String::new()).extend_pairs(&expected).finish().len();
                url.set_query(answer[..kept].strip_suffix('&').or(registered.query()));
            }
            assert_eq!(url, registered, "nowhere else");
        }
    }
}

fn web_origin(text: &str) {
    if let Ok(origin) = WebOrigin::parse(text) {
        assert_eq!(origin.as_str(), text);
        let url = Url::parse(text).unwrap();
        assert_eq!(url.origin().ascii_serialization(), text);
        assert!(matches!(url.scheme(), "https" | "http") && url.path() == "/" && url.query().is_none() && url.fragment().is_none());
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
