//! The pages that ask, and the forms they send: every form comes from this server, out of a page shown to this very browser.

use poem::{Request, Response};

use super::App;
use super::authorize::{render, step};
use super::error::{error_page, failure_page};
use super::pages::ErrorKind;
use super::visit::{Visit, form};
use crate::protocol::params::Params;
use crate::service::Failure;
use crate::service::authorize::{Outcome, QuestionKind, resume};
use crate::service::ticket::{self, Content};

/// A page with a ticket: shows its kind of question, or goes to where the request stands by now.
pub async fn question_page(app: &App, visit: &Visit, ticket: &str, is_its_kind: fn(&QuestionKind) -> bool) -> Response {
    match resume(&app.core, ticket, visit.cookies()).await {
        Ok(Some(Outcome::Ask(question))) if !is_its_kind(&question.kind) => step(app, visit, &question),
        Ok(Some(outcome)) => render(app, visit, outcome, None).await,
        Ok(None) => ticket_page(app, visit),
        Err(failure) => failure_page(app, visit, &failure),
    }
}

pub fn ticket_of(visit: &Visit) -> Option<String> {
    visit.query_params().ok().and_then(|params| params.get("ticket").map(str::to_owned))
}

/// What came with a form that may be acted upon.
pub struct Form {
    pub visit: Visit,
    pub fields: Params,
}

/// Reads a form and judges where it comes from.
pub async fn receive(app: &App, request: &mut Request) -> Result<Form, Box<Response>> {
    let visit = Visit::of(app, request);
    let fields = form(request).await.map_err(|error| Box::new(failure_page(app, &visit, &Failure::Refused(error))))?;
    check(app, &visit, &fields)?;
    Ok(Form { visit, fields })
}

impl Form {
    /// The ticket that came with it.
    pub fn ticket<T: Content>(&self, app: &App) -> Result<T, Box<Response>> {
        let text = self.fields.get("ticket").unwrap_or_default();
        let opened = self.visit.browser.as_ref().and_then(|browser| ticket::open(&app.core, browser, text));
        opened.ok_or_else(|| Box::new(ticket_page(app, &self.visit)))
    }
}

/// A ticket that does not open: the page is too old, or was opened in another browser, or this one withholds its cookie.
pub fn ticket_page(app: &App, visit: &Visit) -> Response {
    error_page(app, &visit.request_id, &visit.language(None), ErrorKind::Expired, None, None)
}

fn check(app: &App, visit: &Visit, fields: &Params) -> Result<(), Box<Response>> {
    let refused = |kind| Box::new(error_page(app, &visit.request_id, &visit.language(None), kind, None, None));
    if !visit.is_same_origin(app) {
        return Err(refused(ErrorKind::Forbidden));
    }
    let Some(browser) = &visit.browser else {
        return Err(refused(ErrorKind::CookiesBlocked));
    };
    if fields.get("csrf").is_some_and(|csrf| ticket::csrf_is_valid(&app.core, browser, csrf)) { Ok(()) } else { Err(refused(ErrorKind::Forbidden)) }
}
