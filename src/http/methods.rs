//! The methods of one address, and the answer to any other: 405 with what is allowed (RFC 9110 §15.5.6). And who asks there, a person or a
//! program: a request that was refused before it was read is answered in that kind.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use poem::endpoint::make;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoEndpoint, Request, Response, Result, RouteMethod};

use super::arrival::Refusal;
use super::error::{refused, refused_page};
use super::visit::Visit;
use super::{App, cors};

pub const NO_SUCH_METHOD: &str = "This address has no such method: see the header Allow.\n";

type BoxFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Who asks at an address, and so how a refusal reads.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// People.
    Page,
    /// Programs.
    Api,
    /// Programs, and scripts of registered web origins.
    CrossOrigin,
    /// Everybody's scripts.
    Public,
}

/// An address under construction.
pub struct Methods<'a> {
    app: &'a Arc<App>,
    kind: Kind,
    route: RouteMethod,
    allow: Vec<&'static str>,
}

/// A page's address; it has no method yet.
pub fn on(app: &Arc<App>) -> Methods<'_> {
    of(app, Kind::Page)
}

/// The same for programs.
pub fn api(app: &Arc<App>) -> Methods<'_> {
    of(app, Kind::Api)
}

/// The same for programs and for pages of other origins, whose browsers ask first whether they may.
pub fn cross_origin(app: &Arc<App>) -> Methods<'_> {
    of(app, Kind::CrossOrigin).options(cors::preflight)
}

/// The same for everybody.
pub fn public(app: &Arc<App>) -> Methods<'_> {
    of(app, Kind::Public).options(cors::public_preflight)
}

fn of(app: &Arc<App>, kind: Kind) -> Methods<'_> {
    Methods { app, kind, route: RouteMethod::new(), allow: Vec::new() }
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
    fn options<F, Fut>(self, handler: F) -> Self
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
        // Boxed here: what wraps a future carries it along, and some of these are 10 KB.
        self.route = self.route.method(method, make(move |request| Box::pin(handler(app.clone(), request)) as BoxFuture));
        self.allow.extend(allow);
        self
    }
}

impl IntoEndpoint for Methods<'_> {
    type Endpoint = Address;

    fn into_endpoint(self) -> Address {
        let allow = HeaderValue::from_str(&self.allow.join(", ")).unwrap_or(HeaderValue::from_static(""));
        Address { app: self.app.clone(), kind: self.kind, route: self.route, allow }
    }
}

pub struct Address {
    app: Arc<App>,
    kind: Kind,
    route: RouteMethod,
    allow: HeaderValue,
}

impl Endpoint for Address {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if let Some(refusal) = request.data::<Refusal>() {
            return Ok(self.refuse(&request, refusal).await);
        }
        match self.route.call(request).await {
            Err(error) if error.status() == StatusCode::METHOD_NOT_ALLOWED => Ok(Response::builder()
                .status(StatusCode::METHOD_NOT_ALLOWED)
                .header(header::ALLOW, self.allow.clone())
                .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
                .header(header::CACHE_CONTROL, "no-store")
                .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
                .body(NO_SUCH_METHOD)),
            answer => answer,
        }
    }
}

impl Address {
    async fn refuse(&self, request: &Request, refusal: &Refusal) -> Response {
        match self.kind {
            Kind::Page => refused_page(&self.app, &Visit::of(&self.app, request), refusal),
            Kind::Api => refused(refusal),
            Kind::CrossOrigin => {
                // Of two origins neither reads it.
                let origin = if *refusal == Refusal::Twice(header::ORIGIN) { None } else { cors::origin(request) };
                cors::expose(&self.app, origin, None, refused(refusal)).await
            }
            Kind::Public => {
                let mut response = refused(refusal);
                cors::public(&mut response);
                response
            }
        }
    }
}
