//! The public keys (RFC 7517 §5).

use std::sync::Arc;

use poem::{Request, Response};

use super::App;
use super::discovery::{cacheable, entity_tag};

pub async fn get(app: Arc<App>, request: Request) -> Response {
    let jwks = app.core.keys.jwks(&app.core).await;
    cacheable(&request, jwks.body.clone(), &entity_tag(&jwks.etag))
}
