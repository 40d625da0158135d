//! Metadata: bytes prepared once.

use std::sync::Arc;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};
use serde_json::Value;

use super::{App, cors};
use crate::domain::secret::Digest;
use crate::domain::signing_key::JWKS_MAX_AGE_SECONDS;

pub struct Document {
    body: String,
    etag: String,
}

impl Document {
    pub fn of(document: &Value) -> Self {
        let body = document.to_string();
        let Digest(hash) = Digest::of(body.as_bytes());
        let etag = format!("\"{}\"", hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>());
        Self { body, etag }
    }

    pub fn answer(&self, request: &Request) -> Response {
        cacheable(request, self.body.clone(), &self.etag)
    }
}

pub async fn get(app: Arc<App>, request: Request) -> Response {
    app.discovery.answer(&request)
}

/// A public JSON document with an ETag; 304 to whoever has it.
pub fn cacheable(request: &Request, body: String, etag: &str) -> Response {
    let known = request
        .header("if-none-match")
        .is_some_and(|tags| tags.split(',').any(|tag| matches!(tag.trim().trim_start_matches("W/"), t if t == etag || t == "*")));
    let mut response = if known {
        Response::builder().status(StatusCode::NOT_MODIFIED).finish()
    } else {
        Response::builder().header(header::CONTENT_TYPE, "application/json").body(body)
    };
    if let Ok(keep) = HeaderValue::from_str(&format!("public, max-age={JWKS_MAX_AGE_SECONDS}")) {
        response.headers_mut().insert(header::CACHE_CONTROL, keep);
    }
    if let Ok(etag) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    cors::public(&mut response);
    response
}
