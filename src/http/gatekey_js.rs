//! `/gatekey.js` and `/gatekey.d.ts`: the module for applications in a browser, as it is in this repository (docs/gatekey-js.md).
//!
//! It is the same for everybody and any page may load it (CORS, `Cross-Origin-Resource-Policy`). Its address does not change with its content, so
//! browsers keep it as long as the metadata and then ask by its ETag.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use poem::http::{HeaderName, HeaderValue, header};
use poem::{Request, Response};

use super::App;
use super::discovery::{cacheable, entity_tag};
use crate::domain::secret::Digest;

const SCRIPT: &str = include_str!("gatekey_js/gatekey.js");
const TYPES: &str = include_str!("gatekey_js/gatekey.d.ts");
static SCRIPT_ETAG: LazyLock<String> = LazyLock::new(|| etag(SCRIPT));
static TYPES_ETAG: LazyLock<String> = LazyLock::new(|| etag(TYPES));

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

pub async fn script(_app: Arc<App>, request: Request) -> Response {
    file(&request, SCRIPT, &SCRIPT_ETAG, "text/javascript; charset=utf-8")
}

/// As text: no browser runs it, and `.ts` is a video by its registered media type.
pub async fn types(_app: Arc<App>, request: Request) -> Response {
    file(&request, TYPES, &TYPES_ETAG, "text/plain; charset=utf-8")
}

fn file(request: &Request, text: &'static str, etag: &str, media_type: &'static str) -> Response {
    let mut response = cacheable(request, Bytes::from_static(text.as_bytes()), &entity_tag(etag));
    let headers = response.headers_mut();
    if headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    // A page with `Cross-Origin-Embedder-Policy` loads it too.
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    response
}

fn etag(text: &str) -> String {
    let Digest(hash) = Digest::of(text.as_bytes());
    format!("\"{}\"", hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>())
}
