//! The pages that ask, and the forms they send: every form comes from this server, out of a page shown to this very browser.

use poem::{Request, Response};

use super::App;
use super::authorize::{render, step};
use super::error::{error_page, failure_page};
use super::own_page::OwnPage;
use super::pages::ErrorKind;
use super::visit::{Visit, form};
use crate::protocol::params::Params;
use crate::service::Failure;
use crate::service::account::{Sender, SignedIn};
use crate::service::accounts;
use crate::service::authorize::{Outcome, QuestionKind, resume};
use crate::service::ticket::{self, Browser, Content};

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

/// The browser a page is made for, and whether it has to be given its cookie first.
pub fn browser_of(app: &App, visit: &Visit) -> (Browser, bool) {
    match &visit.browser {
        Some(browser) => (browser.clone(), false),
        None => (Browser::generate(&app.core), true),
    }
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

/// What came with a form of a user's own page.
pub struct OwnForm {
    pub visit: Visit,
    pub fields: Params,
    pub signed_in: SignedIn,
    /// Who else is signed in with this browser.
    pub others: Vec<SignedIn>,
}

/// Reads a form of a user's own page: out of a page shown to this browser, for somebody who is signed in with it now. Whoever is not, is sent
/// to sign in, and then to `page`: what the form asked for is not remembered.
pub async fn receive_own(app: &App, request: &mut Request, page: OwnPage) -> Result<OwnForm, Box<Response>> {
    let visit = Visit::of(app, request);
    let fields = form(request).await.map_err(|error| Box::new(failure_page(app, &visit, &Failure::Refused(error))))?;
    let browser = sender(app, &visit)?;
    let mut others = match accounts::signed_in(&app.core, visit.sessions).await {
        Ok(all) if all.is_empty() => return Err(Box::new(page.sign_in(app))),
        Ok(all) => all,
        Err(failure) => return Err(Box::new(failure_page(app, &visit, &failure))),
    };
    // Of several accounts it is the one whose page it was: that is what the token says.
    let is_of = |signed_in: &SignedIn| fields.get("csrf").is_some_and(|csrf| ticket::csrf_is_valid_of(&app.core, browser, signed_in.session.id, csrf));
    match others.iter().position(is_of) {
        Some(index) => {
            let signed_in = others.remove(index);
            Ok(OwnForm { visit, fields, signed_in, others })
        }
        None => Err(refused(app, &visit, ErrorKind::Forbidden)),
    }
}

impl OwnForm {
    pub fn sender(&self, app: &App) -> Sender {
        Sender { origin: self.visit.came_from(), held: self.visit.sessions, known: self.visit.known_browser(app) }
    }
}

fn refused(app: &App, visit: &Visit, kind: ErrorKind) -> Box<Response> {
    Box::new(error_page(app, &visit.request_id, &visit.language(None), kind, None, None))
}

/// The browser that a form came from, if it came from a page of this server.
fn sender<'a>(app: &App, visit: &'a Visit) -> Result<&'a Browser, Box<Response>> {
    if !visit.is_same_origin(app) {
        return Err(refused(app, visit, ErrorKind::Forbidden));
    }
    visit.browser.as_ref().ok_or_else(|| refused(app, visit, ErrorKind::CookiesBlocked))
}

fn check(app: &App, visit: &Visit, fields: &Params) -> Result<(), Box<Response>> {
    let browser = sender(app, visit)?;
    let valid = fields.get("csrf").is_some_and(|csrf| ticket::csrf_is_valid(&app.core, browser, csrf));
    if valid { Ok(()) } else { Err(refused(app, visit, ErrorKind::Forbidden)) }
}
