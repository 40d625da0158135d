//! The demo's single-page application: static files, and one JSON document that tells the page where the other two servers are.

use poem::http::{Method, StatusCode, header};
use poem::{Endpoint, Request, Response, Result};
use rust_embed::RustEmbed;
use serde::Serialize;

#[derive(RustEmbed)]
#[folder = "src/demo/app"]
struct Page;

/// What the page must know; it has nothing secret in it but the password that is there to be shown.
#[derive(Debug, Clone, Serialize)]
pub(super) struct About {
    pub issuer: String,
    pub api: String,
    /// Where the page is of the issuer's site, and where of another.
    pub same_site: String,
    pub cross_site: String,
    pub client_id: &'static str,
    pub scope: &'static str,
    /// Seconds before the end of the access token at which the page renews it.
    pub renew_before: u32,
    pub username: &'static str,
    pub password: &'static str,
}

pub(super) struct App {
    about: String,
    policy: String,
}

impl App {
    pub fn new(about: &About) -> Result<Self, serde_json::Error> {
        // Of what is elsewhere the page loads the issuer's `gatekey.js` only; it runs no inline script, and never parses text as HTML.
        let policy = format!(
            "default-src 'none'; script-src 'self' {issuer}gatekey.js; style-src 'self'; img-src 'self'; connect-src 'self' {issuer} {api}; frame-src {issuer}; \
             frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
            issuer = about.issuer,
            api = about.api,
        );
        Ok(Self { about: serde_json::to_string(about)?, policy })
    }

    fn answer(&self, path: &str) -> Option<(&'static str, Vec<u8>)> {
        if path == "/demo.json" {
            return Some(("application/json", self.about.clone().into_bytes()));
        }
        let name = if path == "/" { "index.html" } else { path.strip_prefix('/')? };
        let file = Page::get(name)?;
        Some((media_type(name), file.data.into_owned()))
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

impl Endpoint for App {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(Response::builder().status(StatusCode::METHOD_NOT_ALLOWED).header(header::ALLOW, "GET, HEAD").finish());
        }
        let path = request.uri().path();
        let response = Response::builder()
            .header(header::CONTENT_SECURITY_POLICY, &self.policy)
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(header::REFERRER_POLICY, "no-referrer")
            .header(header::CACHE_CONTROL, "no-cache");
        Ok(match self.answer(path) {
            Some((media_type, body)) => response.content_type(media_type).body(body),
            None => {
                response.status(StatusCode::NOT_FOUND).content_type("text/plain; charset=utf-8").body("There is no such page in the demo: open / instead.\n")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> App {
        App::new(&About {
            issuer: "http://localhost:8080/".to_owned(),
            api: "http://localhost:8082/".to_owned(),
            same_site: "http://localhost:8081/".to_owned(),
            cross_site: "http://127.0.0.1:8081/".to_owned(),
            client_id: "demo-spa",
            scope: "openid",
            renew_before: 30,
            username: "ada",
            password: "x",
        })
        .unwrap()
    }

    /// Every file that the pages and modules name is embedded: nothing is missing, nothing comes from elsewhere.
    #[test]
    fn what_the_page_names_is_there() {
        let app = app();
        let mut named = 0;
        for file in Page::iter() {
            let text = String::from_utf8(Page::get(&file).unwrap().data.into_owned()).unwrap();
            for marker in ["src=\"", "href=\"", "from \""] {
                for rest in text.split(marker).skip(1) {
                    let path = rest.split('"').next().unwrap();
                    named += 1;
                    assert!(app.answer(path.strip_prefix('.').unwrap_or(path)).is_some(), "{file} names {path}");
                }
            }
        }
        assert!(named > 20, "{named}");
    }

    async fn get(path: &str, method: Method) -> Response {
        app().get_response(Request::builder().method(method).uri_str(path).finish()).await
    }

    #[tokio::test]
    async fn the_page_is_framed_by_nobody_and_loads_one_file_of_the_issuer() {
        for path in ["/", "/main.js", "/nothing"] {
            let response = get(path, Method::GET).await;
            let policy = response.header("content-security-policy").unwrap();
            let loads = policy.contains("script-src 'self' http://localhost:8080/gatekey.js;") && !policy.contains("unsafe");
            assert!(policy.contains("frame-ancestors 'none'") && loads, "{path}: {policy}");
        }
        assert_eq!(get("/../mod.rs", Method::GET).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(get("/", Method::POST).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
