//! What a request must be before any handler sees it: its head says each thing once, and its body is here, whole, plain and small.
//!
//! Every handler of this server needs the whole body, so it is read in this one place: no handler can wait for a slow sender while
//! it holds something, and no path can forget a limit. How a refusal reads is the address's own affair ([`super::methods`]).

use poem::error::ReadBodyError;
use poem::http::{HeaderName, HeaderValue, Method, StatusCode, Version, header};
use poem::{Body, Request, Response};

use super::App;

/// More than any form of this server holds.
pub const MAX_BODY: usize = 64 * 1024;

/// Headers that decide something: which of two was meant is not for us to guess (RFC 9110 §5.3; RFC 9112 §3.2 for `Host`).
const ONCE: [HeaderName; 10] = [
    header::HOST,
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::ORIGIN,
    HeaderName::from_static("dpop"),
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("sec-fetch-dest"),
];

/// Secrets that a form carries, and an address must not (RFC 6749 §2.3.1; RFC 9700 §4.3.2): addresses are logged and kept.
const NEVER_IN_AN_ADDRESS: [&str; 6] = ["refresh_token", "client_secret", "client_assertion", "code_verifier", "password", "token"];

/// Why a request goes no further. It is in the data of the request, for the address to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    Twice(HeaderName),
    InAddress(&'static str),
    Encoded,
    TooLong,
    TooSlow,
    CutOff,
    /// Found by who looks for the way ([`super::described`]).
    NoText,
}

impl Refusal {
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Twice(_) | Self::InAddress(_) | Self::CutOff | Self::NoText => StatusCode::BAD_REQUEST,
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
        }
    }

    /// For the log.
    const fn reason(&self) -> &'static str {
        match self {
            Self::Twice(_) => "header_twice",
            Self::InAddress(_) => "secret_in_address",
            Self::Encoded => "body_encoded",
            Self::TooLong => "body_too_long",
            Self::TooSlow => "body_too_slow",
            Self::CutOff => "body_cut_off",
            Self::NoText => "path_no_text",
        }
    }

    /// Of the header or the parameter that it is about.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Twice(name) => Some(name.as_str()),
            Self::InAddress(name) => Some(name),
            _ => None,
        }
    }

    pub fn text(&self) -> String {
        match self {
            Self::Twice(name) => format!("The header '{name}' is there more than once: send it once."),
            Self::InAddress(name) => format!("The parameter '{name}' is in the address, where it is logged and kept: send it in the body."),
            Self::Encoded => "Send the body as it is, without a Content-Encoding.".to_owned(),
            Self::TooLong => format!("The body is longer than {} KiB.", MAX_BODY / 1024),
            Self::TooSlow => "The body did not arrive in time.".to_owned(),
            Self::CutOff => "The body was cut off.".to_owned(),
            Self::NoText => "The path is no text: what is percent-encoded in it must be UTF-8 (RFC 3986 §2.5).".to_owned(),
        }
    }

    /// What the connection is told, whatever the address says.
    pub fn mark(&self, response: &mut Response) {
        let answer = response.headers_mut();
        if *self == Self::Encoded {
            // RFC 9110 §15.5.16: says that it is the coding, not the type.
            answer.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if matches!(self, Self::TooLong | Self::TooSlow) {
            // What is still to come of the body is not read.
            answer.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Judges the head and reads the body, which then is in the request again, whole.
pub async fn receive(app: &App, request: &mut Request) -> Result<(), Refusal> {
    arrived(app, request).await.inspect_err(|refusal| tracing::info!(reason = refusal.reason(), name = refusal.name(), "refused before it was read"))
}

async fn arrived(app: &App, request: &mut Request) -> Result<(), Refusal> {
    let head = request.headers();
    // Nearly always no header at all comes twice.
    let any_twice = head.len() > head.keys_len();
    let twice = |name: &HeaderName| any_twice && head.get_all(name).iter().nth(1).is_some();
    if let Some(name) = ONCE.iter().find(|name| twice(name)) {
        return Err(Refusal::Twice(name.clone()));
    }
    // RFC 6265 §5.4; only HTTP/2 may take the header apart (RFC 9113 §8.2.3).
    if request.version() < Version::HTTP_2 && twice(&header::COOKIE) {
        return Err(Refusal::Twice(header::COOKIE));
    }
    let plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if head.get(header::CONTENT_ENCODING).is_some_and(|coding| !plain(coding)) {
        return Err(Refusal::Encoded);
    }
    let announced = head.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(Refusal::TooLong);
    }
    // RFC 9110 §9.3: a body means nothing with these, and is not read.
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let query = request.uri().query().unwrap_or_default();
    let named = |secret: &str| form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == secret);
    if let Some(secret) = NEVER_IN_AN_ADDRESS.into_iter().find(|secret| !query.is_empty() && named(secret)) {
        return Err(Refusal::InAddress(secret));
    }
    let reading = request.take_body().into_bytes_limit(MAX_BODY);
    let body = match tokio::time::timeout(app.core.settings.server.request_timeout, reading).await {
        Ok(Ok(body)) => body,
        Ok(Err(ReadBodyError::PayloadTooLarge)) => return Err(Refusal::TooLong),
        Ok(Err(_)) => return Err(Refusal::CutOff),
        Err(_) => return Err(Refusal::TooSlow),
    };
    request.set_body(Body::from_bytes(body));
    Ok(())
}
