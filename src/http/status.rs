//! `/healthz`: the process lives. `/readyz`: it wants requests, and its database answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use poem::http::StatusCode;
use poem::{Request, Response};
use serde_json::json;

use super::{App, headers};

pub async fn health(_app: Arc<App>, _request: Request) -> Response {
    headers::json(StatusCode::OK, &json!({ "status": "ok" }))
}

pub async fn ready(app: Arc<App>, _request: Request) -> Response {
    if !app.ready.load(Ordering::Relaxed) {
        return headers::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "draining" }));
    }
    match app.core.store.ping().await {
        Ok(()) => headers::json(StatusCode::OK, &json!({ "status": "ok", "database": app.core.store.backend() })),
        Err(error) => {
            tracing::warn!(%error, "the database does not answer");
            headers::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "database unavailable" }))
        }
    }
}
