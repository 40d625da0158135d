//! Metadata: bytes prepared once.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};
use serde_json::Value;

use super::{App, cors};
use crate::domain::secret::Digest;
use crate::domain::signing_key::JWKS_MAX_AGE_SECONDS;

static KEEP: LazyLock<HeaderValue> =
    LazyLock::new(|| HeaderValue::from_str(&format!("public, max-age={JWKS_MAX_AGE_SECONDS}")).unwrap_or(HeaderValue::from_static("no-cache")));

pub struct Document {
    body: Bytes,
    etag: HeaderValue,
}

impl Document {
    pub fn of(document: &Value) -> Self {
        let body = document.to_string();
        let Digest(hash) = Digest::of(body.as_bytes());
        let etag = format!("\"{}\"", hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>());
        Self { body: body.into(), etag: entity_tag(&etag) }
    }

    pub fn answer(&self, request: &Request) -> Response {
        cacheable(request, self.body.clone(), &self.etag)
    }
}

pub async fn get(app: Arc<App>, request: Request) -> Response {
    app.discovery.answer(&request)
}

/// Digits and letters in quotes, which every header may have.
pub fn entity_tag(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("\"\""))
}

/// A public JSON document with an ETag; 304 to whoever has it.
pub fn cacheable(request: &Request, body: Bytes, etag: &HeaderValue) -> Response {
    let known = request
        .header("if-none-match")
        .is_some_and(|tags| tags.split(',').any(|tag| matches!(tag.trim().trim_start_matches("W/"), t if etag == t || t == "*")));
    let mut response = Response::default();
    if known {
        response.set_status(StatusCode::NOT_MODIFIED);
    } else {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.set_body(body);
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, KEEP.clone());
    headers.insert(header::ETAG, etag.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    cors::public(&mut response);
    response
}
