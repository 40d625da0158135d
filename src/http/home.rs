//! The issuer's root: who is signed in here, and where developers find the rest.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::form_action::FormAction;
use super::pages::{Account, Home, Page};
use super::visit::Visit;
use super::{App, headers, login_status};
use crate::service::account::signed_in;

pub async fn page(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    // While the database is away the page says nothing of anybody; it still helps developers.
    let signed_in = signed_in(&app.core, visit.sessions).await.unwrap_or_default();
    let account = signed_in.as_ref().map(|signed_in| &signed_in.user).map(|user| Account { username: &user.username, name: user.profile.name.as_deref() });
    let html = app.pages.render(&Page::Home(Home { issuer: app.core.issuer(), account }), &visit.language(None));
    let mut response = headers::page(&app, StatusCode::OK, html, FormAction::Here, None);
    if signed_in.is_some() {
        login_status::signed_in(&visit, &mut response);
    }
    response
}
