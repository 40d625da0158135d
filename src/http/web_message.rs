//! The page of `response_mode=web_message`: it hands the authorization response to the page that opened it in a window or holds it in a frame.
//!
//! The message goes to the origin of the validated redirect URI and to no other: a browser delivers it to nobody else, whoever opened the window.
//! The page's script is the same for everybody and allowed by its hash, and what it hands over stands beside it as data, so nothing of a
//! request is ever code. Nothing here may set a `Cross-Origin-Opener-Policy`: it would cut a window off from who opened it.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::App;
use super::authorize::host_of;
use super::pages::{Page, WebMessage};
use super::visit::Visit;
use crate::domain::secret::Digest;

/// The hash of the page's script, for its policy.
static SCRIPT_HASH: LazyLock<String> = LazyLock::new(|| {
    let Digest(hash) = Digest::of(WebMessage::SCRIPT.as_bytes());
    STANDARD.encode(hash)
});

/// `ancestors`: who may hold the page in a frame.
pub fn respond(app: &App, visit: &Visit, origin: &str, ancestors: &[String], fields: Vec<(&'static str, String)>) -> Response {
    let response: serde_json::Map<String, Value> = fields.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
    let message = json!({ "type": "authorization_response", "response": response }).to_string();
    let host = host_of(origin);
    let page = WebMessage { message: &message, origin, application: &host };
    // A frame is not seen, a window may be: it says what to do if it does not close by itself.
    let html = if visit.framed { page.bare() } else { app.pages.render(&Page::WebMessage(page), &visit.language(None)) };
    let framed_by = if ancestors.is_empty() { "'none'".to_owned() } else { ancestors.join(" ") };
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src {}; script-src 'sha256-{}'; form-action 'none'; frame-ancestors {framed_by}; base-uri 'none'",
        app.pages.img_src(),
        *SCRIPT_HASH
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
