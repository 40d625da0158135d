//! An API that is described elsewhere, as it is mounted here: what every request meets before it.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use poem::endpoint::{BoxEndpoint, EndpointExt};
use poem::http::{Method, StatusCode, Uri, header};
use poem::{Endpoint, Request, Response, Result};

use super::arrival::Refusal;
use super::visit::credentials;
use super::{App, cors};
use crate::protocol::bearer::Scheme;
use crate::service::access_token::client_of;

/// An API as it is handed in.
pub struct Described {
    /// Where it is mounted.
    pub path: &'static str,
    pub routes: BoxEndpoint<'static, Response>,
    /// A request that was refused before it was read, in the words of that API.
    pub refused: fn(StatusCode, String) -> Response,
    /// The methods by which pages of registered web origins may call it (CORS). `None`: no page of another origin reads its answers.
    pub for_pages: Option<&'static str>,
}

impl Described {
    pub(super) fn mounted(self, app: &Arc<App>) -> BoxEndpoint<'static, Response> {
        let Self { routes, refused, for_pages, .. } = self;
        let app = app.clone();
        routes
            .around(move |routes, request| {
                let app = app.clone();
                async move {
                    let Some(methods) = for_pages else { return answer(&routes, request, refused).await };
                    // Of two origins neither reads it.
                    let origin =
                        if matches!(request.data::<Refusal>(), Some(Refusal::Twice(name)) if *name == header::ORIGIN) { None } else { cors::origin(&request) };
                    if request.data::<Refusal>().is_none() && is_preflight(&request) {
                        return Ok(cors::preflight_for(&app, &request, methods).await);
                    }
                    // Asked only where a page wants to read the answer.
                    let token = request.headers().get(header::AUTHORIZATION).filter(|_| origin.is_some()).map(credentials);
                    let response = answer(&routes, request, refused).await?;
                    let caller = match token.as_deref().and_then(Scheme::split) {
                        Some((_, token)) => client_of(&app.core, token).await,
                        None => None,
                    };
                    Ok(cors::expose(&app, origin, caller.as_ref(), response).await)
                }
            })
            .boxed()
    }
}

/// The router finds no way along a path that is no text, and answers in words of its own: such a request is led to the root of the API that it
/// is below, which refuses it in its own.
pub(super) fn led(mut request: Request, apis: &[&'static str]) -> Request {
    let path = request.uri().path();
    let below = |api: &&'static str| path.strip_prefix(*api).is_some_and(|rest| rest.starts_with('/'));
    if let Some(api) = apis.iter().copied().find(below)
        && percent_decode_str(path).decode_utf8().is_err()
    {
        if request.data::<Refusal>().is_none() {
            request.set_data(Refusal::NoText);
        }
        *request.uri_mut() = Uri::from_static(api);
    }
    request
}

async fn answer(routes: &BoxEndpoint<'static, Response>, request: Request, refused: fn(StatusCode, String) -> Response) -> Result<Response> {
    match request.data::<Refusal>() {
        Some(refusal) => Ok(refused(refusal.status(), refusal.text())),
        None => routes.call(request).await,
    }
}

/// The question of a browser whether it may ask (Fetch §3.3.2), and no request of somebody else for the methods of an address.
fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
