//! HTTP: a handler is a few lines, extract → service → render. This layer and `admin` are the only ones that name poem.

mod account;
mod arrival;
mod ask_storage_access;
mod asked_for;
mod assets;
mod authorize;
mod below;
mod check_session;
mod consent;
mod console;
pub(crate) mod cookie_header;
mod cookies;
mod cors;
mod described;
mod device_bound;
mod diagnose;
mod discovery;
mod error;
mod fedcm;
mod form_action;
mod forms;
pub(crate) mod forwarded;
mod gatekey_js;
mod headers;
mod home;
mod introspect;
mod jwks;
mod login;
mod login_status;
mod logout;
mod methods;
pub mod openapi;
mod own_page;
pub mod pages;
mod request_id;
pub mod require_token;
mod reset_password;
mod revoke;
mod select_account;
mod setup;
mod status;
mod storage_access;
mod token;
mod userinfo;
mod visit;
mod web_message;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use poem::endpoint::BoxEndpoint;
use poem::middleware::CatchPanic;
use poem::{EndpointExt, Response, Route};

use crate::protocol::discovery::metadata;
use crate::service::Core;
pub use below::below;
pub use described::Described;
use methods::{api, cross_origin, on, public};
use pages::{PageError, Pages, Theme};

/// What the handlers share: one for each issuer.
pub struct App {
    pub core: Arc<Core>,
    pages: Pages,
    cookies: cookies::Names,
    discovery: discovery::Document,
    fedcm: fedcm::Documents,
    openapi: openapi::served::Documents,
    console: Option<console::Shell>,
    /// Off while starting up and shutting down: a load balancer then sends nobody here.
    pub ready: AtomicBool,
}

impl App {
    /// `documents` print the descriptions of the APIs that are described elsewhere; `admin_scopes` are what the console asks for.
    pub fn new(core: Arc<Core>, documents: openapi::served::Printed, admin_scopes: Vec<&'static str>) -> Result<Self, PageError> {
        let branding = &core.settings.branding;
        let pages = Pages::new(&Theme {
            name: branding.name.clone(),
            logo_url: branding.logo_url.clone(),
            accent: branding.accent_color.as_ref().map(|color| color.as_str().to_owned()),
            accent_dark: branding.accent_color_dark.as_ref().map(|color| color.as_str().to_owned()),
            base_path: core.settings.issuer.base_path().to_owned(),
        })?;
        let cookies = cookies::Names::of(core.issuer());
        let discovery = discovery::Document::of(&metadata(core.issuer()));
        let fedcm = fedcm::Documents::of(&core, &pages);
        let openapi = openapi::served::Documents::new(documents);
        let console = core.settings.admin.console.then(|| console::Shell::new(admin_scopes));
        Ok(Self { core, pages, cookies, discovery, fedcm, openapi, console, ready: AtomicBool::new(true) })
    }

    /// The issuer's path: everything a page links to begins with it.
    fn base_path(&self) -> &str {
        self.core.settings.issuer.base_path()
    }
}

/// Every endpoint, with paths below the issuer's own.
pub fn routes(app: &Arc<App>, apis: Vec<Described>) -> BoxEndpoint<'static, Response> {
    let route = Route::new()
        .at("/", on(app).get(home::page))
        .at("/.well-known/openid-configuration", public(app).get(discovery::get))
        .at("/.well-known/oauth-authorization-server", public(app).get(discovery::get))
        .at("/.well-known/jwks.json", public(app).get(jwks::get))
        .at("/authorize", on(app).get(authorize::get).post(authorize::post))
        .at("/oauth/token", cross_origin(app).post(token::post))
        .at("/oauth/revoke", cross_origin(app).post(revoke::post))
        .at("/oauth/introspect", api(app).post(introspect::post))
        .at("/userinfo", cross_origin(app).get(userinfo::get).post(userinfo::post))
        .at("/oidc/logout", on(app).get(logout::get).post(logout::post))
        .at("/oidc/check-session", on(app).get(check_session::get))
        .at("/v2/logout", on(app).get(logout::auth0))
        .at("/oidc/logout/confirm", on(app).post(logout::confirm))
        .at("/.well-known/web-identity", public(app).get(fedcm::well_known))
        .at("/fedcm/config.json", public(app).get(fedcm::config))
        .at("/fedcm/accounts", api(app).get(fedcm::accounts))
        .at("/fedcm/client-metadata", api(app).get(fedcm::client_metadata))
        .at("/fedcm/assertion", api(app).post(fedcm::assertion))
        .at("/fedcm/disconnect", api(app).post(fedcm::disconnect))
        .at("/fedcm/continue", on(app).get(fedcm::pages::goes_on))
        .at("/fedcm/signed-in", on(app).get(fedcm::pages::signed_in))
        .at("/login", on(app).get(login::get).post(login::post))
        .at("/select-account", on(app).get(select_account::get).post(select_account::post))
        .at("/consent", on(app).get(consent::get).post(consent::post))
        .at("/diagnose", on(app).get(diagnose::page))
        .at("/diagnose/browser", api(app).get(diagnose::of_browser))
        .at("/storage-access", on(app).get(ask_storage_access::page))
        .at("/account", on(app).get(account::page))
        .at("/account/switch", on(app).post(account::switch))
        .at("/account/sessions/end", on(app).post(account::end_session))
        .at("/account/sessions/end-others", on(app).post(account::end_others))
        .at("/account/applications/withdraw", on(app).post(account::withdraw))
        .at("/account/confirm", on(app).get(account::confirm::get).post(account::confirm::post))
        .at("/account/password", on(app).get(account::password::get).post(account::password::post))
        .at("/dbsc/register", api(app).post(device_bound::register))
        .at("/dbsc/refresh", api(app).post(device_bound::refresh))
        .at("/reset-password", on(app).get(reset_password::get).post(reset_password::post))
        .at("/setup", on(app).get(setup::get).post(setup::post))
        .at("/assets/:file", on(app).get(assets::get))
        .at("/gatekey.js", public(app).get(gatekey_js::script))
        .at("/gatekey.d.ts", public(app).get(gatekey_js::types))
        .at("/openapi", on(app).get(openapi::served::pages))
        .at("/openapi/", on(app).get(openapi::served::without_slash))
        .at("/openapi/gatekey-protocol", on(app).get(openapi::served::protocol_page))
        .at("/openapi/gatekey-protocol.json", public(app).get(openapi::served::protocol_json))
        .at("/openapi/gatekey-admin", on(app).get(openapi::served::admin_page))
        .at("/openapi/gatekey-admin.json", public(app).get(openapi::served::admin_json))
        .at("/openapi/gatekey-account", on(app).get(openapi::served::account_page))
        .at("/openapi/gatekey-account.json", public(app).get(openapi::served::account_json))
        .at("/admin", on(app).get(console::page))
        .at("/admin/", on(app).get(console::without_slash))
        .at("/admin/ui/:version/*file", on(app).get(console::file))
        .at("/healthz", api(app).get(status::health))
        .at("/readyz", api(app).get(status::ready));
    let mount = |route: Route, api: Described| route.nest(api.path, api.mounted(app));
    let paths: Vec<&'static str> = apis.iter().map(|api| api.path).collect();
    apis.into_iter()
        .fold(route, mount)
        .before(move |request| {
            let request = described::led(request, &paths);
            async move { Ok(request) }
        })
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
    Route::new().at(format!("/.well-known/oauth-authorization-server{path}"), public(app).get(discovery::get)).with(visit::Observed::new(app)).boxed()
}
