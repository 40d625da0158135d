//! `GET` and `POST /userinfo` (OIDC Core §5.3).

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::error::{bearer_error, bearer_missing};
use super::visit::Visit;
use super::{App, cors, headers};
use crate::service::userinfo::{UserInfo, userinfo};

pub async fn get(app: Arc<App>, request: Request) -> Response {
    let (visit, origin) = (Visit::of(&app, &request), cors::origin(&request));
    let response = match visit.bearer() {
        None => bearer_missing(),
        Some(token) => match userinfo(&app.core, token).await {
            Ok(UserInfo::Json(claims)) => headers::json(StatusCode::OK, &claims),
            Ok(UserInfo::Jwt(jwt)) => headers::jwt(jwt),
            Err(failure) => bearer_error(&failure),
        },
    };
    cors::expose(&app, origin, response).await
}
