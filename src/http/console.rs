//! `/admin`: the console, a single-page application that is a public client of this issuer and uses nothing but the admin API (docs/console.md).
//!
//! There is no build step: its modules are served as they are in this repository, below an address that carries a hash of them all, so they
//! are kept for ever and never mixed. The page itself is the same for everybody; who asks is found out by the console, as any client does.

use std::sync::{Arc, LazyLock, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};

use super::error::error_page;
use super::pages::{Console, ErrorKind, Pages};
use super::visit::Visit;
use super::{App, headers};
use crate::domain::admin_scope::{AdminRole, AdminScope};
use crate::domain::secret::Digest;
use crate::service::Core;
use crate::service::admin::CONSOLE;

macro_rules! modules {
    ($($path:literal),* $(,)?) => { &[$(($path, include_str!(concat!("console/", $path)))),*] };
}

/// Path and text of each file; paths are those of the folder `console`.
const MODULES: &[(&str, &str)] = modules![
    "vendor/preact/preact.mjs",
    "vendor/preact/hooks.mjs",
    "vendor/htm/htm.mjs",
    "ui/act.js",
    "ui/api.js",
    "ui/charts.js",
    "ui/counts.js",
    "ui/filter.js",
    "ui/form.js",
    "ui/happened.js",
    "ui/held.js",
    "ui/html.js",
    "ui/issuer.js",
    "ui/kinds.js",
    "ui/limits.js",
    "ui/main.js",
    "ui/names.js",
    "ui/pages.js",
    "ui/pages/activity.js",
    "ui/pages/client_acts.js",
    "ui/pages/client_form.js",
    "ui/pages/client_new.js",
    "ui/pages/clients.js",
    "ui/pages/events.js",
    "ui/pages/families.js",
    "ui/pages/keys.js",
    "ui/pages/lifetimes.js",
    "ui/pages/overview.js",
    "ui/pages/sessions.js",
    "ui/pages/settings.js",
    "ui/pages/user.js",
    "ui/pages/users.js",
    "ui/parts.js",
    "ui/pick.js",
    "ui/problem.js",
    "ui/reach.js",
    "ui/route.js",
    "ui/said.js",
    "ui/shell.js",
    "ui/snippets.js",
    "ui/timeline.js",
    "ui/tour.js",
    "ui/words.js",
];
const STYLESHEET: (&str, &str) = ("ui/console.css", include_str!("console/ui/console.css"));

/// What stands in the console's modules in the place of an address.
const BARE_NAMES: [(&str, &str); 3] = [("preact", "vendor/preact/preact.mjs"), ("preact/hooks", "vendor/preact/hooks.mjs"), ("htm", "vendor/htm/htm.mjs")];

/// Of all files together.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut all = String::new();
    for (path, text) in MODULES.iter().chain([&STYLESHEET]) {
        all.extend([path, "\0", text, "\0"]);
    }
    let Digest(hash) = Digest::of(all.as_bytes());
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
});

/// The page, made when it is first asked for.
pub struct Shell {
    /// What the console asks for.
    scopes: Vec<&'static str>,
    made: OnceLock<Made>,
}

struct Made {
    html: String,
    policy: String,
}

impl Shell {
    pub fn new(scopes: Vec<&'static str>) -> Self {
        Self { scopes, made: OnceLock::new() }
    }

    fn made(&self, app: &App) -> &Made {
        self.made.get_or_init(|| Made::of(&app.core, &app.pages, &self.scopes))
    }
}

impl Made {
    fn of(core: &Core, pages: &Pages, scopes: &[&str]) -> Self {
        let folder = format!("admin/ui/{}/", *VERSION);
        let base = core.settings.issuer.base_path();
        let imports: serde_json::Map<String, serde_json::Value> =
            BARE_NAMES.iter().map(|(name, path)| ((*name).to_owned(), format!("{base}{folder}{path}").into())).collect();
        let import_map = serde_json::json!({ "imports": imports }).to_string().replace('<', "\\u003c");
        let scope = format!("openid {}", scopes.join(" "));
        let words = |role: AdminRole| role.scopes().iter().map(AdminScope::as_str).collect::<Vec<_>>();
        let roles: serde_json::Map<String, serde_json::Value> = AdminRole::ALL.iter().map(|role| (role.as_str().to_owned(), words(*role).into())).collect();
        let modules: Vec<&str> = MODULES.iter().map(|(path, _)| *path).collect();
        let html = pages.console(&Console {
            issuer: core.issuer(),
            client_id: CONSOLE,
            scope: &scope,
            roles: &serde_json::Value::from(roles).to_string(),
            folder: &format!("{base}{folder}"),
            import_map: &import_map,
            modules: &modules,
        });
        let Digest(hash) = Digest::of(import_map.as_bytes());
        // `require-trusted-types-for` without a policy: no script here can make markup of a text, whatever it is.
        let policy = format!(
            "default-src 'none'; script-src 'self' 'sha256-{}'; style-src 'self'; img-src {}; connect-src 'self'; frame-src 'self'; \
             form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
            STANDARD.encode(hash),
            pages.img_src()
        );
        Self { html, policy }
    }
}

pub async fn page(app: Arc<App>, request: Request) -> Response {
    let Some(shell) = app.console.as_ref().map(|shell| shell.made(&app)) else { return not_there(&app, &request) };
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::X_FRAME_OPTIONS, "DENY")
        .header(header::REFERRER_POLICY, "same-origin")
        .header("cross-origin-opener-policy", "same-origin")
        .header("permissions-policy", "camera=(), geolocation=(), microphone=()")
        .body(shell.html.clone());
    if let Ok(policy) = HeaderValue::from_str(&shell.policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The console's addresses are those of its fragments: its own has no slash at its end.
pub async fn without_slash(app: Arc<App>, request: Request) -> Response {
    match &app.console {
        Some(_) => headers::moved(&format!("{}admin", app.base_path()), request.uri().query()),
        None => not_there(&app, &request),
    }
}

pub async fn file(app: Arc<App>, request: Request) -> Response {
    // By their names: a host may have parameters of its own above.
    let (version, path) = (request.raw_path_param("version"), request.raw_path_param("file"));
    let found = MODULES.iter().chain([&STYLESHEET]).find(|(known, _)| Some(*known) == path);
    let found = found.filter(|_| app.console.is_some() && version == Some(VERSION.as_str()));
    let Some((path, text)) = found else { return not_there(&app, &request) };
    let media_type = if path.ends_with(".css") { "text/css; charset=utf-8" } else { "text/javascript; charset=utf-8" };
    Response::builder()
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, media_type)
        .header(header::CACHE_CONTROL, "public, max-age=31536000, immutable")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(*text)
}

fn not_there(app: &App, request: &Request) -> Response {
    let visit = Visit::of(app, request);
    error_page(app, &visit.request_id, &visit.language(None), ErrorKind::NotFound, None, None)
}
