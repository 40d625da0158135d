//! Who is the client? (RFC 6749 §2.3, §3.2.1). The method is the one the client is registered with, never a choice of the caller.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use super::error::{ErrorCode, OAuthError};
use super::params::Params;
use crate::domain::client::{Client, ClientAuthentication};
use crate::domain::clock::Timestamp;
use crate::domain::id::ClientId;
use crate::domain::secret::{Digest, Secret};

/// What the caller presented.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub client_id: ClientId,
    pub method: ClientAuthentication,
    /// There exactly when the method is not `None`.
    pub secret: Option<Secret<String>>,
    /// The secret as it stood in the Basic header, where decoding made another one of it.
    pub undecoded: Option<Secret<String>>,
}

/// The one answer to every failure: no oracle between an unknown client and a wrong secret.
pub fn invalid_client(reason: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClient, "Client authentication failed: check `client_id`, the secret and the registered authentication method.")
        .because(reason)
}

/// Reads the credentials from the `Authorization` header or the body; using both is refused (RFC 6749 §2.3).
pub fn credentials(authorization: Option<&str>, params: &Params) -> Result<Credentials, OAuthError> {
    let body_id = params.get("client_id");
    if params.get("client_assertion").is_some() || params.get("client_assertion_type").is_some() {
        return Err(invalid_client("client_assertion is not supported"));
    }
    let Some(header) = authorization else {
        let secret = params.get("client_secret").map(|secret| Secret::new(secret.to_owned()));
        let id = body_id.ok_or_else(|| invalid_client("no client_id"))?;
        let method = if secret.is_some() { ClientAuthentication::ClientSecretPost } else { ClientAuthentication::None };
        return Ok(Credentials { client_id: parse_id(id)?, method, secret, undecoded: None });
    };
    if params.get("client_secret").is_some() {
        return Err(OAuthError::invalid_request("Client credentials came twice: use the Authorization header or the body, not both."));
    }
    let Basic { client_id, secret, undecoded } = basic(header).ok_or_else(|| invalid_client("malformed Basic header"))?;
    if body_id.is_some_and(|id| id != client_id) {
        return Err(OAuthError::invalid_request("`client_id` in the body is another than in the Authorization header."));
    }
    Ok(Credentials { client_id: parse_id(&client_id)?, method: ClientAuthentication::ClientSecretBasic, secret: Some(secret), undecoded })
}

fn parse_id(text: &str) -> Result<ClientId, OAuthError> {
    ClientId::parse(text).map_err(|_| invalid_client("malformed client_id"))
}

struct Basic {
    client_id: String,
    secret: Secret<String>,
    undecoded: Option<Secret<String>>,
}

/// RFC 7617, both parts form-encoded first (RFC 6749 §2.3.1). Widespread clients leave that out (Authlib, curl), so a secret with `+` or
/// `%` in it may mean itself: both readings are kept. To guess the one is as hard as to guess the other.
fn basic(header: &str) -> Option<Basic> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8().ok().map(|text| text.into_owned());
    let decoded = decode(secret).unwrap_or_else(|| secret.to_owned());
    let undecoded = (decoded != secret).then(|| Secret::new(secret.to_owned()));
    Some(Basic { client_id: decode(id)?, secret: Secret::new(decoded), undecoded })
}

/// Is this the client? `client` is what the id names.
pub fn authenticate<'a>(credentials: &Credentials, client: Option<&'a Client>, now: Timestamp) -> Result<&'a Client, OAuthError> {
    let client = client.ok_or_else(|| invalid_client("unknown client"))?;
    if credentials.method != client.metadata.authentication {
        return Err(invalid_client("other authentication method than registered"));
    }
    let previous = client.live_previous_secret(now).map(|previous| previous.digest);
    // The digest of a 256-bit random secret, compared in constant time; no slow hash per request is needed.
    // An empty secret proves nothing, whatever digest was registered.
    let proves = |secret: &Secret<String>| {
        let (empty, digest) = (secret.expose().is_empty(), secret.digest());
        // Both are always compared, so that the time tells neither which it was nor whether there are two.
        !empty & (is(client.secret_digest, digest) | is(previous, digest))
    };
    let believed = match &credentials.secret {
        None => client.metadata.is_public(),
        Some(secret) => proves(secret) | credentials.undecoded.as_ref().is_some_and(proves),
    };
    if !believed {
        return Err(invalid_client("wrong or missing secret"));
    }
    if client.disabled_at.is_some() {
        return Err(invalid_client("client disabled"));
    }
    Ok(client)
}

/// Whether `presented` is what is known; where nothing is, it takes as long to say no.
fn is(known: Option<Digest>, presented: Digest) -> bool {
    (known.unwrap_or(Digest([0; 32])) == presented) & known.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::{ClientKind, ClientMetadata};
    use crate::domain::client_secret::PreviousSecret;
    use crate::protocol::session::tests::{a_client, at};

    fn params(text: &str) -> Params {
        Params::parse(text).unwrap()
    }

    #[test]
    fn basic_is_form_decoded() {
        let header = format!("Basic {}", STANDARD.encode("my%2Dapp:a%3Ab+c%25"));
        let credentials = credentials(Some(&header), &params("")).unwrap();
        assert_eq!(credentials.client_id.as_str(), "my-app");
        assert_eq!(credentials.secret.unwrap().expose(), "a:b c%");
    }

    #[test]
    fn a_secret_that_was_not_encoded_keeps_its_own_reading() {
        for (sent, decoded, undecoded) in
            [("ab+c/d=", "ab c/d=", Some("ab+c/d=")), ("50%", "50%", None), ("a%3Ab", "a:b", Some("a%3Ab")), ("%FF+", "%FF+", None), ("plain", "plain", None)]
        {
            let header = format!("Basic {}", STANDARD.encode(format!("app:{sent}")));
            let credentials = credentials(Some(&header), &params("")).unwrap();
            assert_eq!(credentials.secret.unwrap().expose(), decoded);
            assert_eq!(credentials.undecoded.as_ref().map(|secret| secret.expose().as_str()), undecoded);
        }
    }

    #[test]
    fn two_methods_at_once_are_refused() {
        let header = format!("Basic {}", STANDARD.encode("app:s"));
        assert_eq!(credentials(Some(&header), &params("client_secret=s")).unwrap_err().code, ErrorCode::InvalidRequest);
        assert_eq!(credentials(Some(&header), &params("client_id=other")).unwrap_err().code, ErrorCode::InvalidRequest);
        assert!(credentials(Some(&header), &params("client_id=app")).is_ok());
    }

    /// RFC 7235 §2.1: the name of a scheme has no case.
    #[test]
    fn the_scheme_may_be_written_in_any_case() {
        for scheme in ["Basic", "basic", "BASIC"] {
            let header = format!("{scheme} {}", STANDARD.encode("app:s"));
            assert_eq!(credentials(Some(&header), &params("")).unwrap().method, ClientAuthentication::ClientSecretBasic);
        }
        let other = format!("Bearer {}", STANDARD.encode("app:s"));
        assert_eq!(credentials(Some(&other), &params("")).unwrap_err().code, ErrorCode::InvalidClient);
    }

    /// RFC 6749 §2.3.1: in the body; and §3.2.1: a public client only says who it is.
    #[test]
    fn without_a_header_the_body_says_it() {
        let of = |body: &str| credentials(None, &params(body)).unwrap();
        let (post, none) = (of("client_id=app&client_secret=a%2Bb"), of("client_id=app"));
        assert_eq!((post.client_id.as_str(), post.method), ("app", ClientAuthentication::ClientSecretPost));
        assert_eq!(post.secret.unwrap().expose(), "a+b");
        assert_eq!((none.client_id.as_str(), none.method), ("app", ClientAuthentication::None));
        assert!(none.secret.is_none() && none.undecoded.is_none() && post.undecoded.is_none());
    }

    #[test]
    fn nothing_or_junk_is_invalid_client() {
        for (header, body) in [
            (None, ""),
            (Some("Basic !!"), ""),
            (Some("Bearer x"), "client_id=a"),
            (Some("Basic"), ""),
            (None, "client_id=a&client_assertion=x"),
            (None, "client_id=a&client_assertion_type=x"),
            (None, "client_id=a%20b%0A"),
        ] {
            assert_eq!(credentials(header, &params(body)).unwrap_err().code, ErrorCode::InvalidClient, "{header:?} {body}");
        }
    }

    const METHODS: [ClientAuthentication; 3] = [ClientAuthentication::None, ClientAuthentication::ClientSecretBasic, ClientAuthentication::ClientSecretPost];

    fn client(authentication: ClientAuthentication, secret: Option<&str>) -> Client {
        let metadata = ClientMetadata { authentication, ..ClientMetadata::defaults(ClientKind::Web, "App") };
        let secret_digest = secret.map(|secret| Secret::new(secret.to_owned()).digest());
        Client { secret_digest, ..a_client("app", metadata) }
    }

    fn presented(method: ClientAuthentication, secret: Option<&str>, undecoded: Option<&str>) -> Credentials {
        let secret_of = |text: Option<&str>| text.map(|text| Secret::new(text.to_owned()));
        Credentials { client_id: ClientId::parse("app").unwrap(), method, secret: secret_of(secret), undecoded: secret_of(undecoded) }
    }

    /// RFC 6749 §2.3.1, RFC 7591 §2 (`token_endpoint_auth_method`): the right secret by another way is refused too.
    #[test]
    fn the_right_secret_by_the_registered_method_authenticates() {
        for registered in METHODS {
            for method in METHODS {
                let secret = Some("right").filter(|_| method != ClientAuthentication::None);
                let client = client(registered, Some("right"));
                assert_eq!(authenticate(&presented(method, secret, None), Some(&client), at(0)).is_ok(), method == registered, "{registered:?} {method:?}");
            }
        }
        let basic = client(ClientAuthentication::ClientSecretBasic, Some("right"));
        let tried = |secret, undecoded| authenticate(&presented(ClientAuthentication::ClientSecretBasic, secret, undecoded), Some(&basic), at(0));
        assert_eq!(tried(Some("right"), None).unwrap().id, basic.id);
        for wrong in ["wrong", "righ", "right ", "Right", ""] {
            assert!(tried(Some(wrong), None).is_err(), "{wrong}");
        }
        assert!(tried(None, None).is_err());
        // Either reading of a Basic header may be the secret, and neither is enough when both are wrong.
        assert!(tried(Some("wrong"), Some("right")).is_ok() && tried(Some("right"), Some("wrong")).is_ok());
        assert!(tried(Some("wrong"), Some("wrong too")).is_err() && tried(None, Some("right")).is_err());
    }

    /// A client that is registered without a secret, or with that of the empty text, lets nobody in.
    #[test]
    fn nothing_is_no_secret() {
        for registered in [None, Some("")] {
            let client = client(ClientAuthentication::ClientSecretPost, registered);
            for secret in [None, Some(""), Some("x")] {
                let credentials = presented(ClientAuthentication::ClientSecretPost, secret, Some(""));
                assert!(authenticate(&credentials, Some(&client), at(0)).is_err(), "{registered:?} {secret:?}");
            }
        }
    }

    /// The one before works as the present one does, by the registered method, until its instant; and where it is the only one, it is one.
    #[test]
    fn the_secret_before_works_until_its_time() {
        let previous = |text: &str| Some(PreviousSecret { digest: Digest::of(text.as_bytes()), expires_at: at(60) });
        for registered in [ClientAuthentication::ClientSecretBasic, ClientAuthentication::ClientSecretPost] {
            for present in [Some("new"), None] {
                let client = Client { previous_secret: previous("old"), ..client(registered, present) };
                let tried = |secret, undecoded, now| authenticate(&presented(registered, Some(secret), undecoded), Some(&client), now).is_ok();
                let just_before = at(60) - chrono::TimeDelta::microseconds(1);
                assert!(tried("old", None, at(0)) && tried("old", None, just_before) && !tried("old", None, at(60)) && !tried("old", None, at(61)));
                assert!(tried("other", Some("old"), just_before) && !tried("other", Some("old"), at(60)));
                assert!([at(0), just_before, at(60)].into_iter().all(|now| tried("new", None, now) == present.is_some()));
                assert!(!tried("older", None, at(0)));
                let disabled = Client { disabled_at: Some(at(0)), ..client.clone() };
                assert!(authenticate(&presented(registered, Some("old"), None), Some(&disabled), at(0)).is_err());
            }
        }
        let empty = Client { previous_secret: previous(""), ..client(ClientAuthentication::ClientSecretPost, Some("new")) };
        assert!(authenticate(&presented(ClientAuthentication::ClientSecretPost, Some(""), None), Some(&empty), at(0)).is_err());
    }

    /// RFC 6749 §5.2: whoever fails learns neither whether the client exists nor what was wrong; the log does.
    #[test]
    fn every_failure_reads_the_same() {
        let good = presented(ClientAuthentication::ClientSecretPost, Some("right"), None);
        let post = client(ClientAuthentication::ClientSecretPost, Some("right"));
        assert!(authenticate(&good, Some(&post), at(0)).is_ok());
        let disabled = Client { disabled_at: Some(at(0)), ..post.clone() };
        let errors = [
            authenticate(&good, None, at(0)).unwrap_err(),
            authenticate(&good, Some(&disabled), at(0)).unwrap_err(),
            authenticate(&good, Some(&client(ClientAuthentication::ClientSecretBasic, Some("right"))), at(0)).unwrap_err(),
            authenticate(&presented(ClientAuthentication::ClientSecretPost, Some("wrong"), None), Some(&post), at(0)).unwrap_err(),
        ];
        for (i, error) in errors.iter().enumerate() {
            assert_eq!((error.code, &error.description), (ErrorCode::InvalidClient, &errors[0].description));
            assert!(errors[..i].iter().all(|other| other.reason != error.reason), "{}", error.reason);
        }
    }
}
