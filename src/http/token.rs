//! `POST /oauth/token` (RFC 6749 §3.2).

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::error::json_error;
use super::visit::{Visit, form};
use super::{App, cors, headers};
use crate::service::Failure;
use crate::service::token::token;

pub async fn post(app: Arc<App>, mut request: Request) -> Response {
    let (visit, origin) = (Visit::of(&app, &request), cors::origin(&request));
    let answer = match form(&mut request).await {
        Ok(params) => token(&app.core, &params, visit.authorization()).await,
        Err(error) => Err(Failure::Refused(error)),
    };
    let response = match answer {
        Ok(tokens) => headers::json(StatusCode::OK, &tokens),
        Err(failure) => json_error(&failure),
    };
    cors::expose(&app, origin, response).await
}
