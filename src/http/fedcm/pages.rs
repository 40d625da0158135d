//! The pages of the windows that a browser opens for FedCM: one to sign in, one to go on with a request. Each ends by telling the browser.

use std::sync::Arc;

use poem::{Request, Response};

use super::super::authorize::{render, step};
use super::super::error::failure_page;
use super::super::forms::{ticket_of, ticket_page};
use super::super::pages::{FedcmWindow, Page};
use super::super::visit::Visit;
use super::super::{App, headers};
use crate::protocol::authorize::response::Handed;
use crate::service::authorize::Outcome;
use crate::service::fedcm;

/// Where a request goes on that somebody has to be asked for (`continue_on`).
pub async fn goes_on(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    match fedcm::goes_on(&app.core, &ticket_of(&visit).unwrap_or_default(), visit.cookies()).await {
        Ok(Some(Outcome::Ask(question))) => step(&app, &visit, &question),
        Ok(Some(outcome)) => render(&app, &visit, outcome, None).await,
        Ok(None) => ticket_page(&app, &visit),
        Err(failure) => failure_page(&app, &visit, &failure),
    }
}

/// Its end: the code for the page that asked, or that there is none.
pub fn hand_over(app: &App, visit: &Visit, handed: &Handed) -> Response {
    match handed {
        Handed::Code { code, account } => window(app, visit, Some((code, &account.to_string()))),
        // A page cannot hand over a refusal: the browser says that the window was closed.
        Handed::Refusal(_) => window(app, visit, None),
    }
}

/// The end of signing in for the browser's sake.
pub async fn signed_in(app: Arc<App>, request: Request) -> Response {
    window(&app, &Visit::of(&app, &request), None)
}

fn window(app: &App, visit: &Visit, code: Option<(&str, &str)>) -> Response {
    let html = app.pages.render(&Page::Fedcm(FedcmWindow { code }), &visit.language(None));
    let looks = format!("; style-src 'self'; img-src {}", app.pages.img_src());
    headers::scripted_page(html, FedcmWindow::SCRIPT, &looks, &[])
}
