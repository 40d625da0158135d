//! `POST /oauth/token` (RFC 6749 §3.2).

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::error::json_error;
use super::visit::{Visit, form_or_json};
use super::{App, cors, headers};
use crate::service::Failure;
use crate::service::token::token;

pub async fn post(app: Arc<App>, mut request: Request) -> Response {
    let (visit, origin) = (Visit::of(&app, &request), cors::origin(&request));
    let params = form_or_json(&mut request).await;
    let caller = cors::caller(origin.as_ref(), params.as_ref(), &visit);
    let answer = match params {
        Ok(params) => token(&app.core, &params, visit.authorization(), visit.proof()).await,
        Err(error) => Err(Failure::Refused(error)),
    };
    let response = match answer {
        Ok(tokens) => headers::json(StatusCode::OK, &tokens),
        Err(failure) => json_error(&failure),
    };
    cors::expose(&app, origin, caller.as_ref(), response).await
}
