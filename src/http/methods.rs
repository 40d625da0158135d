//! The methods of one address, and the answer to any other: 405 with what is allowed (RFC 9110 §15.5.6).

use std::future::Future;
use std::sync::Arc;

use poem::endpoint::make;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoEndpoint, Request, Response, Result, RouteMethod};

use super::App;

/// An address under construction.
pub struct Methods<'a> {
    app: &'a Arc<App>,
    route: RouteMethod,
    allow: Vec<&'static str>,
}

/// An address that has no method yet.
pub fn on(app: &Arc<App>) -> Methods<'_> {
    Methods { app, route: RouteMethod::new(), allow: Vec::new() }
}

impl Methods<'_> {
    /// HEAD comes with it.
    pub fn get<F, Fut>(self, handler: F) -> Self
    where
        F: Fn(Arc<App>, Request) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Response> + Send + 'static,
    {
        self.with(Method::GET, &["GET", "HEAD"], handler)
    }

    pub fn post<F, Fut>(self, handler: F) -> Self
    where
        F: Fn(Arc<App>, Request) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Response> + Send + 'static,
    {
        self.with(Method::POST, &["POST"], handler)
    }

    /// The preflight of a cross-origin request.
    pub fn options<F, Fut>(self, handler: F) -> Self
    where
        F: Fn(Arc<App>, Request) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Response> + Send + 'static,
    {
        self.with(Method::OPTIONS, &["OPTIONS"], handler)
    }

    fn with<F, Fut>(mut self, method: Method, allow: &[&'static str], handler: F) -> Self
    where
        F: Fn(Arc<App>, Request) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Response> + Send + 'static,
    {
        let app = self.app.clone();
        self.route = self.route.method(method, make(move |request| handler(app.clone(), request)));
        self.allow.extend(allow);
        self
    }
}

impl IntoEndpoint for Methods<'_> {
    type Endpoint = Address;

    fn into_endpoint(self) -> Address {
        let allow = HeaderValue::from_str(&self.allow.join(", ")).unwrap_or(HeaderValue::from_static(""));
        Address { route: self.route, allow }
    }
}

pub struct Address {
    route: RouteMethod,
    allow: HeaderValue,
}

impl Endpoint for Address {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        match self.route.call(request).await {
            Err(error) if error.status() == StatusCode::METHOD_NOT_ALLOWED => Ok(Response::builder()
                .status(StatusCode::METHOD_NOT_ALLOWED)
                .header(header::ALLOW, self.allow.clone())
                .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
                .header(header::CACHE_CONTROL, "no-store")
                .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
                .body("This address has no such method: see the header Allow.\n")),
            answer => answer,
        }
    }
}
