//! The issuer's root: who is signed in here, and where developers find the rest.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::pages::{Account, Home, Page};
use super::visit::Visit;
use super::{App, headers};
use crate::service::login::signed_in_user;

pub async fn page(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    // While the database is away the page says nothing of anybody; it still helps developers.
    let user = signed_in_user(&app.core, visit.session_cookie).await.unwrap_or_default();
    let account = user.as_ref().map(|user| Account { username: &user.username, name: user.profile.name.as_deref() });
    let html = app.pages.render(&Page::Home(Home { issuer: app.core.issuer(), account }), &visit.language(None));
    headers::page(&app, StatusCode::OK, html, &[], None)
}
