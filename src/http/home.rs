//! The issuer's root, for the curious.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::pages::{Home, Page};
use super::visit::Visit;
use super::{App, headers};

pub async fn page(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let html = app.pages.render(&Page::Home(Home { issuer: app.core.issuer() }), &visit.language(None));
    headers::page(&app, StatusCode::OK, html, &[], None)
}
