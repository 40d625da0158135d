//! What a request carries: form-encoded pairs, JSON, client credentials, the claims request.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{halves, text};
use crate::domain::acr::Acr;
use crate::domain::claim::{Claim, ClaimSet};
use crate::domain::client::{Client, ClientAuthentication};
use crate::domain::id::ClientId;
use crate::domain::scope::Scope;
use crate::domain::secret::Digest;
use crate::protocol::claims::ClaimsRequest;
use crate::protocol::client_authentication::{authenticate, credentials};
use crate::protocol::error::ErrorCode;
use crate::protocol::json as strict;
use crate::protocol::params::Params;

type Pairs = Vec<(String, String)>;

/// As the WHATWG's form parser reads it; a parameter without a value counts as left out (RFC 6749 §3.1).
fn read_by_another(text: &str) -> Pairs {
    form_urlencoded::parse(text.as_bytes()).into_owned().filter(|(_, value)| !value.is_empty()).collect()
}

fn is_there_twice(pairs: &[(String, String)]) -> bool {
    pairs.iter().enumerate().any(|(i, (name, _))| name != "resource" && pairs[..i].iter().any(|(other, _)| other == name))
}

pub fn params(data: &[u8]) {
    let text = text(data);
    let pairs = read_by_another(&text);
    let Ok(params) = Params::parse(&text) else {
        // The form parser puts U+FFFD where bytes are no UTF-8, also into what is left out.
        let replaced = form_urlencoded::parse(text.as_bytes()).any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}'));
        assert!(is_there_twice(&pairs) || replaced || pairs.len() > 100, "there is a reason");
        return;
    };
    // RFC 6749 §3.1: MUST NOT be included more than once.
    assert!(!is_there_twice(&pairs));
    for (name, value) in &pairs {
        if name == "resource" {
            assert!(params.all(name).contains(value));
        } else {
            assert_eq!((params.get(name), params.all(name)), (Some(value.as_str()), vec![value.clone()]));
        }
    }
    let encoded = params.encode();
    assert_eq!(read_by_another(&encoded), pairs, "nothing more, nothing less, in order");
    assert_eq!(Params::parse(&encoded).expect("what it writes it reads").encode(), encoded);
    if let Ok(more) = Params::parse(&format!("{encoded}&one+more=a+secret"))
        && !encoded.contains("secret")
    {
        assert!(!format!("{more:?}").contains("secret"), "values do not print");
    }
}

pub fn json(data: &[u8]) {
    let text = text(data);
    let lax = serde_json::from_str::<Value>(&text).ok();
    match strict::parse(&text) {
        Ok(value) => {
            assert_eq!(lax.as_ref(), Some(&value), "it reads what others read");
            assert!(strict::parse(&value.to_string()).is_ok(), "what is written can be read");
        }
        // Only names that come twice are lost in reading: a text that is as it would be written has none.
        Err(_) => assert!(lax.map(|value| value.to_string()).is_none_or(|written| written != text), "there is a reason"),
    }
}

const SECRET: &str = "a 256-bit secret, w1th + and % in it";

fn client(method: ClientAuthentication) -> Client {
    let metadata = serde_json::json!({
        "name": "App", "kind": "web", "authentication": method, "grant_types": ["authorization_code"], "scope": "openid", "refresh_overlap": "PT30S",
    });
    Client {
        id: ClientId::parse("app").unwrap(),
        metadata: serde_json::from_value(metadata).unwrap(),
        secret_digest: Some(Digest::of(SECRET.as_bytes())),
        previous_secret: None,
        disabled_at: None,
        managed_by_file: false,
        created_at: chrono::DateTime::UNIX_EPOCH,
        updated_at: chrono::DateTime::UNIX_EPOCH,
    }
}

/// The header `Authorization`, which is not there when its line is empty, and on the next line the body.
pub fn client_credentials(data: &[u8]) {
    static CLIENTS: LazyLock<[Client; 2]> = LazyLock::new(|| [ClientAuthentication::ClientSecretBasic, ClientAuthentication::ClientSecretPost].map(client));
    let text = text(data);
    let (header, body) = halves(&text);
    let Ok(params) = Params::parse(body) else { return };
    let header = Some(header).filter(|header| !header.is_empty());
    let found = match credentials(header, &params) {
        Ok(found) => found,
        Err(error) => return assert!(matches!(error.code, ErrorCode::InvalidClient | ErrorCode::InvalidRequest)),
    };
    assert!(params.get("client_assertion").is_none());
    assert!(params.get("client_id").is_none_or(|id| id == found.client_id.as_str()), "one client is named");
    let secret = found.secret.as_ref().map(|secret| secret.expose().as_str());
    let undecoded = found.undecoded.as_ref().map(|secret| secret.expose().as_str());
    // RFC 6749 §2.3: one method a request.
    let expected = match (header, params.get("client_secret")) {
        (Some(_), _) => ClientAuthentication::ClientSecretBasic,
        (None, Some(_)) => ClientAuthentication::ClientSecretPost,
        (None, None) => ClientAuthentication::None,
    };
    assert_eq!(found.method, expected);
    match header {
        None => assert_eq!((secret, undecoded), (params.get("client_secret"), None)),
        Some(header) => {
            assert_eq!(params.get("client_secret"), None, "not both");
            let (scheme, encoded) = header.split_once(' ').unwrap();
            assert!(scheme.eq_ignore_ascii_case("basic"));
            let sent = String::from_utf8(STANDARD.decode(encoded.trim()).unwrap()).unwrap();
            assert_eq!(STANDARD.encode(&sent), encoded.trim(), "one spelling");
            let raw = sent.split_once(':').unwrap().1;
            assert_eq!(undecoded.unwrap_or(raw), raw);
            assert!(undecoded.is_some() || secret == Some(raw));
            // RFC 6749 §2.3.1: what a client that encodes would have sent means the same.
            let form = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let honest = format!("Basic {}", STANDARD.encode(format!("{}:{}", form(found.client_id.as_str()), form(secret.unwrap()))));
            let again = credentials(Some(&honest), &params).expect("an honest header is read");
            assert_eq!((again.client_id.as_str(), again.secret.unwrap().expose().as_str()), (found.client_id.as_str(), secret.unwrap()));
        }
    }
    for client in CLIENTS.iter() {
        let right = found.method == client.metadata.authentication && (secret == Some(SECRET) || undecoded == Some(SECRET));
        assert_eq!(authenticate(&found, Some(client), chrono::DateTime::UNIX_EPOCH).is_ok(), right);
        assert!(authenticate(&found, None, chrono::DateTime::UNIX_EPOCH).is_err());
    }
}

/// The scope that is registered, and on the next line the parameter.
pub fn claims_request(data: &[u8]) {
    let text = text(data);
    let (scope, text) = halves(&text);
    let Ok(scope) = Scope::parse(scope) else { return };
    let Ok(request) = ClaimsRequest::parse(Some(text), &scope) else { return };
    assert!(text.len() <= 4096);
    let value: Value = serde_json::from_str(text).expect("what is read is JSON");
    let asked = |member: &str, claim: &str| value.get(member).and_then(|claims| claims.get(claim));
    // Least privilege: exactly what is asked for and may be had by scope.
    for (member, named) in [("id_token", request.named.id_token), ("userinfo", request.named.userinfo)] {
        for claim in Claim::ALL {
            assert_eq!(named.contains(claim), asked(member, claim.as_str()).is_some() && scope.contains(claim.scope()), "{member}: {claim:?}");
        }
        let narrow = Scope::parse("email").unwrap().intersection(&scope);
        let narrowed = ClaimsRequest::parse(Some(text), &narrow).expect("the scope refuses nothing").named;
        assert_eq!(if member == "id_token" { narrowed.id_token } else { narrowed.userinfo }, named.within(&narrow));
        assert_eq!(ClaimSet::parse(&named.to_string()), named);
    }
    // OIDC Core §3.1.2.2: nobody else will do.
    for member in ["id_token", "userinfo"] {
        if let Some(subject) = asked(member, "sub").and_then(|wish| wish.get("value")) {
            let subject = subject.as_str().expect("a text");
            assert!(!request.are_of(|| format!("{subject}x")));
        }
    }
    let conditions = asked("id_token", "sub").or(asked("userinfo", "sub")).is_some();
    assert!(conditions || request.are_of(|| "anybody".to_owned()));
    // OIDC Core §5.5.1.1: only an essential `acr` of the ID token refuses.
    let essential = asked("id_token", "acr").and_then(|wish| wish.get("essential")).is_some_and(|essential| *essential == Value::Bool(true));
    assert!(essential || Acr::ALL.into_iter().all(|acr| request.accept_acr(acr)));
}
