//! Cross-origin requests: discovery and keys are for everybody, the token endpoint and its kin for registered web origins,
//! `/authorize` and the pages for nobody.

use std::sync::Arc;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};

use super::App;
use super::error::json_error;
use super::visit::Visit;
use crate::domain::id::ClientId;
use crate::protocol::client_authentication::credentials;
use crate::protocol::params::Params;
use crate::service::web_origins::is_registered;

/// A preflight for the token endpoint, revocation and userinfo.
pub async fn preflight(app: Arc<App>, request: Request) -> Response {
    preflight_for(&app, &request, "GET, POST").await
}

/// A preflight where these methods are.
pub async fn preflight_for(app: &App, request: &Request, methods: &'static str) -> Response {
    let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
    match allowed(app, request).await {
        Ok(Some(origin)) => {
            allow(&mut response, &origin);
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type, auth0-client, dpop"));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
            response
        }
        Ok(None) => {
            vary(&mut response);
            response
        }
        Err(response) => response,
    }
}

/// Whom the answer is for, as far as the request says; asked only where a page wants to read it.
pub fn caller<E>(origin: Option<&HeaderValue>, params: Result<&Params, E>, visit: &Visit) -> Option<ClientId> {
    origin?;
    credentials(visit.authorization(), params.ok()?).ok().map(|credentials| credentials.client_id)
}

/// Lets the calling page read the answer, if its origin is registered: for the client it calls as, where that one is known.
pub async fn expose(app: &App, origin: Option<HeaderValue>, caller: Option<&ClientId>, mut response: Response) -> Response {
    vary(&mut response);
    if let Some(origin) = origin
        && let Ok(text) = origin.to_str()
        && is_registered(&app.core, text, caller).await.unwrap_or(false)
    {
        allow(&mut response, &origin);
    }
    response
}

pub fn origin(request: &Request) -> Option<HeaderValue> {
    request.headers().get(header::ORIGIN).cloned()
}

async fn allowed(app: &App, request: &Request) -> Result<Option<HeaderValue>, Response> {
    let Some(origin) = origin(request) else { return Ok(None) };
    let Ok(text) = origin.to_str() else { return Ok(None) };
    match is_registered(&app.core, text, None).await {
        Ok(known) => Ok(known.then_some(origin)),
        Err(failure) => Err(json_error(&failure)),
    }
}

/// Lets the page of this origin read an answer to what the browser asked for it (FedCM).
pub fn allow_page(response: &mut Response, origin: &str) {
    vary(response);
    if let Ok(origin) = HeaderValue::from_str(origin) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
}

/// The same of a request that the browser sent its cookies with.
pub fn allow_with_cookies(response: &mut Response, origin: &str) {
    allow_page(response, origin);
    if response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

fn allow(response: &mut Response, origin: &HeaderValue) {
    vary(response);
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after, www-authenticate, x-request-id"));
}

fn vary(response: &mut Response) {
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Origin"));
}

/// Metadata and keys are public.
pub async fn public_preflight(_app: Arc<App>, _request: Request) -> Response {
    let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
    public(&mut response);
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET"));
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    response
}

pub fn public(response: &mut Response) {
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}
