//! Answers with the headers they must have.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::App;
use super::form_action::FormAction;
use crate::domain::secret::Digest;

/// A page: framed by nobody, running nothing, kept by nobody.
pub fn page(app: &App, status: StatusCode, html: String, form_action: FormAction<'_>, script_nonce: Option<&str>) -> Response {
    framing_page(app, status, html, form_action, script_nonce, &[])
}

/// The same with frames from these origins in it.
pub fn framing_page(app: &App, status: StatusCode, html: String, form_action: FormAction<'_>, script_nonce: Option<&str>, frames: &[String]) -> Response {
    let frame_src = if frames.is_empty() { String::new() } else { format!("; frame-src {}", frames.join(" ")) };
    let script = script_nonce.map(|nonce| format!("; script-src 'nonce-{nonce}'")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src {}; form-action {}; frame-ancestors 'none'; base-uri 'none'{script}{frame_src}",
        app.pages.img_src(),
        form_action.sources()
    );
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::X_FRAME_OPTIONS, "DENY")
        // `same-origin`, not `no-referrer`: that would make browsers send `Origin: null` with our own forms.
        .header(header::REFERRER_POLICY, "same-origin")
        .header("permissions-policy", "camera=(), geolocation=(), microphone=()")
        .body(html);
    if let Ok(value) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, value);
    }
    response
}

/// A page whose one script is the same for everybody and allowed by its hash, for these origins to hold in a frame.
pub fn scripted_page(html: String, script: &str, more_policy: &str, ancestors: &[String]) -> Response {
    let Digest(hash) = Digest::of(script.as_bytes());
    let framed_by = if ancestors.is_empty() { "'none'".to_owned() } else { ancestors.join(" ") };
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; frame-ancestors {framed_by}; base-uri 'none'; form-action 'none'{more_policy}",
        STANDARD.encode(hash)
    );
    let mut response = Response::builder()
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "no-referrer")
        .body(html);
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if ancestors.is_empty() {
        response.headers_mut().insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    response
}

/// 303 See Other: whatever the method was, the next request is a GET without the form (RFC 9700 §4.12: never 307).
pub fn see_other(location: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else {
        return Response::builder().status(StatusCode::INTERNAL_SERVER_ERROR).finish();
    };
    let mut response =
        Response::builder().status(StatusCode::SEE_OTHER).header(header::CACHE_CONTROL, "no-store").header(header::REFERRER_POLICY, "no-referrer").finish();
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// To a path of this host, with the query that came. No other redirect than the one above is used anywhere, so that what was posted is posted nowhere
/// else.
pub fn moved(path: &str, query: Option<&str>) -> Response {
    see_other(&query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
}

/// JSON that nobody keeps (RFC 6749 §5.1).
pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::PRAGMA, "no-cache")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(serde_json::to_vec(body).unwrap_or_default())
}

/// A JWT that nobody keeps (OIDC Core §5.3.2).
pub fn jwt(token: String) -> Response {
    Response::builder()
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, "application/jwt")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::PRAGMA, "no-cache")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(token)
}

pub fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(mut value) = HeaderValue::from_str(cookie) {
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
