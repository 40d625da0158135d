//! HTTP: a handler is a few lines, extract → service → render. This layer and `admin` are the only ones that name poem.

mod account;
mod arrival;
mod assets;
mod authorize;
mod check_session;
mod consent;
pub(crate) mod cookie_header;
mod cookies;
mod cors;
mod discovery;
mod error;
mod forms;
pub(crate) mod forwarded;
mod headers;
mod home;
mod introspect;
mod jwks;
mod login;
mod logout;
mod own_page;
pub mod pages;
pub mod require_token;
mod revoke;
mod select_account;
mod setup;
mod status;
mod token;
mod userinfo;
mod visit;

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use poem::endpoint::{BoxEndpoint, make};
use poem::middleware::CatchPanic;
use poem::{Endpoint, EndpointExt, Request, Response, Route, RouteMethod, get};

use crate::service::Core;
use pages::{PageError, Pages, Theme};

/// What the handlers share: one for each issuer.
pub struct App {
    pub core: Arc<Core>,
    pages: Pages,
    cookies: cookies::Names,
    discovery: discovery::Document,
    /// Off while starting up and shutting down: a load balancer then sends nobody here.
    pub ready: AtomicBool,
}

impl App {
    pub fn new(core: Arc<Core>) -> Result<Self, PageError> {
        let branding = &core.settings.branding;
        let pages = Pages::new(&Theme {
            name: branding.name.clone(),
            logo_url: branding.logo_url.clone(),
            accent: branding.accent_color.as_ref().map(|color| color.as_str().to_owned()),
            accent_dark: branding.accent_color_dark.as_ref().map(|color| color.as_str().to_owned()),
            base_path: core.settings.issuer.base_path().to_owned(),
        })?;
        let cookies = cookies::Names::of(core.issuer());
        let discovery = discovery::Document::of(core.issuer());
        Ok(Self { core, pages, cookies, discovery, ready: AtomicBool::new(true) })
    }

    /// The issuer's path: everything a page links to begins with it.
    fn base_path(&self) -> &str {
        self.core.settings.issuer.base_path()
    }
}

/// An endpoint out of `async fn(Arc<App>, Request) -> Response`.
fn at<F, Fut>(app: &Arc<App>, handler: F) -> impl Endpoint<Output = Response> + 'static
where
    F: Fn(Arc<App>, Request) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Response> + Send + 'static,
{
    let app = app.clone();
    make(move |request| handler(app.clone(), request))
}

/// Every endpoint, with paths below the issuer's own. The admin API is handed in, with the path it is mounted at.
pub fn routes(app: &Arc<App>, (admin_path, admin): (&str, BoxEndpoint<'static, Response>)) -> BoxEndpoint<'static, Response> {
    let cross_origin = |endpoint: RouteMethod| endpoint.options(at(app, cors::preflight));
    Route::new()
        .at("/", get(at(app, home::page)))
        .at("/.well-known/openid-configuration", get(at(app, discovery::get)).options(at(app, cors::public_preflight)))
        .at("/.well-known/oauth-authorization-server", get(at(app, discovery::get)).options(at(app, cors::public_preflight)))
        .at("/.well-known/jwks.json", get(at(app, jwks::get)).options(at(app, cors::public_preflight)))
        .at("/authorize", get(at(app, authorize::get)).post(at(app, authorize::post)))
        .at("/oauth/token", cross_origin(poem::post(at(app, token::post))))
        .at("/oauth/revoke", cross_origin(poem::post(at(app, revoke::post))))
        .at("/oauth/introspect", poem::post(at(app, introspect::post)))
        .at("/userinfo", cross_origin(get(at(app, userinfo::get)).post(at(app, userinfo::post))))
        .at("/oidc/logout", get(at(app, logout::get)).post(at(app, logout::post)))
        .at("/oidc/check-session", get(at(app, check_session::get)))
        .at("/v2/logout", get(at(app, logout::auth0)))
        .at("/oidc/logout/confirm", poem::post(at(app, logout::confirm)))
        .at("/login", get(at(app, login::get)).post(at(app, login::post)))
        .at("/select-account", get(at(app, select_account::get)).post(at(app, select_account::post)))
        .at("/consent", get(at(app, consent::get)).post(at(app, consent::post)))
        .at("/account", get(at(app, account::page)))
        .at("/account/sessions/end", poem::post(at(app, account::end_session)))
        .at("/account/sessions/end-others", poem::post(at(app, account::end_others)))
        .at("/account/applications/withdraw", poem::post(at(app, account::withdraw)))
        .at("/account/confirm", get(at(app, account::confirm::get)).post(at(app, account::confirm::post)))
        .at("/account/password", get(at(app, account::password::get)).post(at(app, account::password::post)))
        .at("/setup", get(at(app, setup::get)).post(at(app, setup::post)))
        .at("/assets/:file", get(at(app, assets::get)))
        .nest(admin_path, admin)
        .at("/healthz", get(at(app, status::health)))
        .at("/readyz", get(at(app, status::ready)))
        .with(CatchPanic::new().with_handler(panicked))
        .with(visit::Observed::new(app))
        .with(CatchPanic::new().with_handler(panicked))
        .boxed()
}

/// A mistake of ours: the caller learns that it was one, the log where (what was said of it went to standard error as it happened).
fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!(event = "server.panicked", "a request could not be answered: this is a mistake in the server");
    error::internal()
}

/// RFC 8414 §3.1 puts the well-known part before the issuer's path: a host that nests the issuer below a path serves this at its root.
pub fn well_known_routes(app: &Arc<App>) -> BoxEndpoint<'static, Response> {
    let path = app.base_path().trim_end_matches('/').to_owned();
    Route::new()
        .at(format!("/.well-known/oauth-authorization-server{path}"), get(at(app, discovery::get)).options(at(app, cors::public_preflight)))
        .with(visit::Observed::new(app))
        .boxed()
}
