//! One cause, three faces: JSON, the challenge of a resource, page. The bytes of every error are made here.

use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::App;
use super::arrival::Refusal;
use super::authorize::plain;
use super::form_action::FormAction;
use super::headers;
use super::pages::{ErrorKind, ErrorPage, Language, Page};
use super::visit::Visit;
use crate::domain::dpop::SIGNING_ALGS;
use crate::protocol::bearer::Scheme;
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::service::Failure;

/// Seconds after which an overloaded or cut-off server is worth another try.
pub const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// RFC 6749 §5.2 and RFC 9110 §15.5.2: a 401 names a way to authenticate.
pub const BASIC_CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"gatekey\", charset=\"UTF-8\"");

pub const UNAVAILABLE: &str = "The service is busy or cannot reach its database. Try again in a second.\n";

pub const MISTAKE: &str = "The server made a mistake. Its log has the rest.\n";

/// For the token endpoint and its kin (RFC 6749 §5.2).
pub fn json_error(failure: &Failure) -> Response {
    let error = match failure {
        Failure::Refused(error) => error,
        Failure::Unavailable(reason) => return unavailable(reason),
    };
    tracing::info!(error = error.code.as_str(), reason = %error.reason, "refused");
    let mut response = headers::json(status(error), &json!({ "error": error.code.as_str(), "error_description": error.description }));
    if error.code == ErrorCode::InvalidClient {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, BASIC_CHALLENGE);
    }
    response
}

/// For resources behind an access token, which came by this scheme (RFC 6750 §3, RFC 9449 §7.1).
pub fn token_error(scheme: Scheme, failure: &Failure) -> Response {
    let error = match failure {
        Failure::Refused(error) => error,
        Failure::Unavailable(reason) => return unavailable(reason),
    };
    tracing::info!(error = error.code.as_str(), reason = %error.reason, "refused");
    // A proof that is none is a malformed request only where tokens are given.
    let status = if error.code == ErrorCode::InvalidDpopProof { StatusCode::UNAUTHORIZED } else { status(error) };
    let mut response = headers::json(status, &json!({ "error": error.code.as_str(), "error_description": error.description }));
    if let Ok(value) = HeaderValue::from_str(&challenge(scheme, error)) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// What a resource says of the token that it refuses. Of a proof it speaks by the scheme that would take one, whichever was used.
pub fn challenge(scheme: Scheme, error: &OAuthError) -> String {
    let said = format!("error=\"{}\", error_description=\"{}\"", error.code.as_str(), error.description.replace(['"', '\\', '`'], "'"));
    match scheme {
        Scheme::Bearer if error.code != ErrorCode::InvalidDpopProof => format!("Bearer realm=\"gatekey\", {said}"),
        _ => format!("DPoP realm=\"gatekey\", {said}, algs=\"{}\"", SIGNING_ALGS.join(" ")),
    }
}

/// How to bring a token: either scheme will do (RFC 9449 §7.2).
pub fn token_challenge() -> String {
    format!("Bearer realm=\"gatekey\", DPoP realm=\"gatekey\", algs=\"{}\"", SIGNING_ALGS.join(" "))
}

/// RFC 6750 §3.1: a request without a token is told how to bring one, and no error code.
pub fn token_missing() -> Response {
    Response::builder().status(StatusCode::UNAUTHORIZED).header(header::WWW_AUTHENTICATE, token_challenge()).header(header::CACHE_CONTROL, "no-store").finish()
}

/// Plain text, never JSON: client libraries drop their refresh token on a JSON error, and nothing here says it is bad.
fn unavailable(reason: &str) -> Response {
    tracing::error!(%reason, "unavailable");
    Response::builder()
        .status(StatusCode::SERVICE_UNAVAILABLE)
        .header(header::RETRY_AFTER, RETRY_AFTER)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(UNAVAILABLE)
}

/// Says nothing of what went wrong. Plain text, as when the database is away: nothing here says that a token is bad.
pub fn internal() -> Response {
    Response::builder()
        .status(StatusCode::INTERNAL_SERVER_ERROR)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(MISTAKE)
}

/// A request that was refused before it was read, where programs ask.
pub fn refused(refusal: &Refusal) -> Response {
    headers::json(refusal.status(), &json!({ "error": ErrorCode::InvalidRequest.as_str(), "error_description": refusal.text() }))
}

/// The same where people do.
pub fn refused_page(app: &App, visit: &Visit, refusal: &Refusal) -> Response {
    let code = ErrorCode::InvalidRequest.as_str();
    let mut response = error_page(app, &visit.request_id, &visit.language(None), ErrorKind::InvalidRequest, Some(code), Some(&refusal.text()));
    response.set_status(refusal.status());
    response
}

pub fn error_page(app: &App, request_id: &str, language: &Language, kind: ErrorKind, code: Option<&str>, detail: Option<&str>) -> Response {
    let status = match kind {
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let html = app.pages.render(&Page::Error(ErrorPage { kind, code, detail, request_id }), language);
    let mut response = headers::page(app, status, html, FormAction::Here, None);
    if kind == ErrorKind::Unavailable {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

/// A failure where there is only a page to show it on.
pub fn failure_page(app: &App, visit: &Visit, failure: &Failure) -> Response {
    let language = visit.language(None);
    match failure {
        Failure::Refused(error) => {
            tracing::info!(error = error.code.as_str(), reason = %error.reason, "refused");
            error_page(app, &visit.request_id, &language, ErrorKind::InvalidRequest, Some(error.code.as_str()), Some(&plain(&error.description)))
        }
        Failure::Unavailable(reason) => {
            tracing::error!(%reason, "unavailable");
            error_page(app, &visit.request_id, &language, ErrorKind::Unavailable, None, None)
        }
    }
}

fn status(error: &OAuthError) -> StatusCode {
    StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::BAD_REQUEST)
}
