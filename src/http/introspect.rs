//! `POST /oauth/introspect` (RFC 7662). For servers: no CORS.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::error::json_error;
use super::visit::{Visit, form};
use super::{App, headers};
use crate::service::Failure;
use crate::service::introspect::introspect;

pub async fn post(app: Arc<App>, mut request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let answer = match form(&mut request).await {
        Ok(params) => introspect(&app.core, &params, visit.authorization()).await,
        Err(error) => Err(Failure::Refused(error)),
    };
    match answer {
        Ok(claims) => headers::json(StatusCode::OK, &claims),
        Err(failure) => json_error(&failure),
    }
}
