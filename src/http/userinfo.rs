//! `GET` and `POST /userinfo` (OIDC Core §5.3).

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::error::{token_error, token_missing};
use super::visit::{FORM, Visit, form, media_type};
use super::{App, cors, headers};
use crate::protocol::bearer::{self, Presented, Scheme};
use crate::protocol::discovery::userinfo_endpoint;
use crate::protocol::params::Params;
use crate::service::Failure;
use crate::service::access_token::{Sent, client_of};
use crate::service::userinfo::{UserInfo, userinfo};

pub async fn get(app: Arc<App>, request: Request) -> Response {
    answer(&app, &request, &Params::default()).await
}

/// A token in the body is read from forms only (RFC 6750 §2.2); another body says nothing.
pub async fn post(app: Arc<App>, mut request: Request) -> Response {
    let body = if media_type(&request) == FORM { form(&mut request).await } else { Ok(Params::default()) };
    match body {
        Ok(body) => answer(&app, &request, &body).await,
        Err(error) => cors::expose(&app, cors::origin(&request), None, token_error(Scheme::Bearer, &Failure::Refused(error))).await,
    }
}

async fn answer(app: &App, request: &Request, body: &Params) -> Response {
    let (visit, origin) = (Visit::of(app, request), cors::origin(request));
    let in_query = form_urlencoded::parse(visit.query.as_bytes()).any(|(name, _)| name == "access_token");
    let (scheme, token) = match bearer::token(Presented { header: visit.access_token(), body: body.get("access_token"), in_query }) {
        Ok(Some(presented)) => presented,
        Ok(None) => return cors::expose(app, origin, None, token_missing()).await,
        Err(error) => return cors::expose(app, origin, None, token_error(Scheme::Bearer, &Failure::Refused(error))).await,
    };
    let url = userinfo_endpoint(app.core.issuer());
    let sent = Sent { scheme, token, proof: visit.proof(), method: request.method().as_str(), url: &url };
    let response = match userinfo(&app.core, &sent).await {
        Ok(UserInfo::Json(claims)) => headers::json(StatusCode::OK, &claims),
        Ok(UserInfo::Jwt(jwt)) => headers::jwt(jwt),
        Err(failure) => token_error(scheme, &failure),
    };
    let caller = if origin.is_some() { client_of(&app.core, token).await } else { None };
    cors::expose(app, origin, caller.as_ref(), response).await
}
