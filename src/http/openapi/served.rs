//! Where a running issuer shows the documents: as JSON for generators, and as pages for people. Both name this issuer as the server.

// To ask a JSON value for what it does not have is answered with null, and never panics.
#![allow(clippy::indexing_slicing)]

use std::sync::{Arc, OnceLock};

use poem::http::StatusCode;
use poem::{Request, Response};
use serde_json::Value;

use super::{DEFAULT_ISSUER, protocol, reference::reference};
use crate::http::form_action::FormAction;
use crate::http::pages::{Language, Page, Reference};
use crate::http::visit::Visit;
use crate::http::{App, discovery, headers};

const PROTOCOL: &str = "openapi/gatekey-protocol";
const PROTOCOL_JSON: &str = "openapi/gatekey-protocol.json";
const ADMIN: &str = "openapi/gatekey-admin";
const ADMIN_JSON: &str = "openapi/gatekey-admin.json";
const ACCOUNT: &str = "openapi/gatekey-account";
const ACCOUNT_JSON: &str = "openapi/gatekey-account.json";

/// Every page, with its title.
const PAGES: [(&str, &str); 3] = [(PROTOCOL, "Gatekey protocol endpoints"), (ACCOUNT, "Gatekey account API"), (ADMIN, "Gatekey admin API")];

/// What prints the documents of the APIs that are described elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct Printed {
    pub admin: fn() -> String,
    pub account: fn() -> String,
}

/// The documents of one issuer; each is made when it is first asked for.
pub struct Documents {
    printed: Printed,
    admin: OnceLock<Shown>,
    account: OnceLock<Shown>,
    protocol: OnceLock<Shown>,
}

/// A document, and its page in each language.
struct Shown {
    json: discovery::Document,
    reference: Reference,
    pages: [OnceLock<String>; Language::ALL.len()],
}

impl Documents {
    pub fn new(printed: Printed) -> Self {
        Self { printed, admin: OnceLock::new(), account: OnceLock::new(), protocol: OnceLock::new() }
    }

    fn admin(&self, issuer: &str) -> &Shown {
        self.admin.get_or_init(|| Shown::of(read(self.printed.admin), issuer, (ADMIN, ADMIN_JSON)))
    }

    fn account(&self, issuer: &str) -> &Shown {
        self.account.get_or_init(|| Shown::of(read(self.printed.account), issuer, (ACCOUNT, ACCOUNT_JSON)))
    }

    fn protocol(&self, issuer: &str) -> &Shown {
        self.protocol.get_or_init(|| Shown::of(protocol(), issuer, (PROTOCOL, PROTOCOL_JSON)))
    }
}

fn read(print: fn() -> String) -> Value {
    serde_json::from_str(&print()).unwrap_or_default()
}

impl Shown {
    /// `own` is where the page is, and where the document.
    fn of(mut document: Value, issuer: &str, own: (&'static str, &'static str)) -> Self {
        let issuer = issuer.trim_end_matches('/');
        with_issuer(&mut document, issuer);
        let server = document["servers"][0]["url"].as_str().unwrap_or_default();
        let server = server.replace("{issuer}", document["servers"][0]["variables"]["issuer"]["default"].as_str().unwrap_or_default());
        let others = PAGES.into_iter().filter(|(page, _)| *page != own.0).collect();
        let reference = reference(&document, server, own.1, others);
        Self { json: discovery::Document::of(&document), reference, pages: Default::default() }
    }

    fn page(&self, app: &App, request: &Request) -> Response {
        let language = Visit::of(app, request).language(None);
        let rendered = || app.pages.render(&Page::Reference(&self.reference), &language);
        let kept = Language::ALL.iter().position(|known| *known == language).and_then(|index| self.pages.get(index));
        let html = kept.map_or_else(rendered, |kept| kept.get_or_init(rendered).clone());
        headers::page(app, StatusCode::OK, html, FormAction::Here, None)
    }
}

/// Puts an issuer, without the slash at its end, in the place of the default one: as the server's, and in the addresses where tokens are got.
fn with_issuer(document: &mut Value, issuer: &str) {
    let put = |value: Option<&mut Value>| {
        if let Some(value) = value
            && let Some(rest) = value.as_str().and_then(|text| text.strip_prefix(DEFAULT_ISSUER))
        {
            *value = format!("{issuer}{rest}").into();
        }
    };
    for server in document.get_mut("servers").and_then(Value::as_array_mut).into_iter().flatten() {
        put(server.pointer_mut("/variables/issuer/default"));
    }
    for (_, scheme) in document.pointer_mut("/components/securitySchemes").and_then(Value::as_object_mut).into_iter().flatten() {
        for (_, flow) in scheme.get_mut("flows").and_then(Value::as_object_mut).into_iter().flatten() {
            for url in ["authorizationUrl", "tokenUrl", "refreshUrl"] {
                put(flow.get_mut(url));
            }
        }
    }
}

pub async fn pages(app: Arc<App>, _request: Request) -> Response {
    headers::see_other(&format!("{}{PROTOCOL}", app.base_path()))
}

pub async fn without_slash(app: Arc<App>, request: Request) -> Response {
    headers::moved(&format!("{}openapi", app.base_path()), request.uri().query())
}

pub async fn protocol_page(app: Arc<App>, request: Request) -> Response {
    app.openapi.protocol(app.core.issuer()).page(&app, &request)
}

pub async fn admin_page(app: Arc<App>, request: Request) -> Response {
    app.openapi.admin(app.core.issuer()).page(&app, &request)
}

pub async fn account_page(app: Arc<App>, request: Request) -> Response {
    app.openapi.account(app.core.issuer()).page(&app, &request)
}

pub async fn account_json(app: Arc<App>, request: Request) -> Response {
    app.openapi.account(app.core.issuer()).json.answer(&request)
}

pub async fn protocol_json(app: Arc<App>, request: Request) -> Response {
    app.openapi.protocol(app.core.issuer()).json.answer(&request)
}

pub async fn admin_json(app: Arc<App>, request: Request) -> Response {
    app.openapi.admin(app.core.issuer()).json.answer(&request)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An issuer below a path is named with its path; what is of no default issuer stays.
    #[test]
    fn the_issuer_takes_the_place_of_the_default_one() {
        let mut document = protocol();
        with_issuer(&mut document, "https://example.com/auth");
        let token_url = "/components/securitySchemes/access_token/flows/authorizationCode/tokenUrl";
        assert_eq!(document["servers"][0]["variables"]["issuer"]["default"], "https://example.com/auth");
        assert_eq!(document.pointer(token_url).unwrap(), "https://example.com/auth/oauth/token");
        let named = document.clone();
        with_issuer(&mut document, "https://other.example.com");
        assert_eq!(document, named);

        let shown = Shown::of(protocol(), "https://example.com/auth/", (PROTOCOL, PROTOCOL_JSON));
        assert_eq!(shown.reference.server, "https://example.com/auth");
        assert_eq!(shown.reference.others.iter().map(|(page, _)| *page).collect::<Vec<_>>(), [ACCOUNT, ADMIN]);
    }
}
