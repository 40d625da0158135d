//! `/oidc/check-session`: the frame that an application asks whether its user is still the one signed in (Session Management 1.0 §3.3).
//!
//! The page and its script are the same for everybody: what is compared is in the browser's cookie, and nothing is asked of the server. It
//! may be framed by the page that asks for it, if that is of a registered application, and by nobody else.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};

use super::App;
use crate::domain::redirect_uri::origin_of;
use crate::domain::secret::Digest;
use crate::service::web_origins::is_registered;

const SCRIPT: &str = include_str!("check_session/frame.js");

pub async fn get(app: Arc<App>, request: Request) -> Response {
    // Browsers send the origin of the page that a frame is in, unless that page forbids it.
    let framed_by = request.header(header::REFERER).and_then(origin_of);
    let ancestor = match framed_by {
        Some(origin) if is_registered(&app.core, &origin, None).await.unwrap_or(false) => origin,
        _ => "'none'".to_owned(),
    };
    let Digest(hash) = Digest::of(SCRIPT.as_bytes());
    let policy = format!("default-src 'none'; script-src 'sha256-{}'; frame-ancestors {ancestor}; base-uri 'none'; form-action 'none'", STANDARD.encode(hash));
    let html = format!(
        "<!doctype html><html lang=\"en\" data-cookie=\"{}\"><meta charset=\"utf-8\"><title>Session</title><script>{SCRIPT}</script></html>",
        app.cookies.state
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
    response
}
