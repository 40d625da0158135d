//! `POST /oauth/revoke` (RFC 7009).

use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::{Request, Response};

use super::error::json_error;
use super::visit::{Visit, form_or_json};
use super::{App, cors};
use crate::service::Failure;
use crate::service::revoke::revoke;

pub async fn post(app: Arc<App>, mut request: Request) -> Response {
    let (visit, origin) = (Visit::of(&app, &request), cors::origin(&request));
    let params = form_or_json(&mut request).await;
    let caller = cors::caller(origin.as_ref(), params.as_ref(), &visit);
    let answer = match params {
        Ok(params) => revoke(&app.core, &params, visit.authorization()).await,
        Err(error) => Err(Failure::Refused(error)),
    };
    let response = match answer {
        // Empty, and without a content type: some client libraries refuse one that is not JSON.
        Ok(()) => Response::builder().status(StatusCode::OK).header(header::CACHE_CONTROL, "no-store").finish(),
        Err(failure) => json_error(&failure),
    };
    cors::expose(&app, origin, caller.as_ref(), response).await
}
