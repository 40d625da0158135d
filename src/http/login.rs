//! `/login`: the sign-in page.

use std::sync::Arc;

use poem::http::HeaderValue;
use poem::{Request, Response};

use super::authorize::{Said, cookie_header, render, status_of, step};
use super::error::{error_page, failure_page};
use super::pages::{ErrorKind, Page, SignIn as SignInPage, SignInProblem};
use super::visit::{Visit, form};
use super::{App, cookies, headers};
use crate::domain::secret::Secret;
use crate::protocol::params::Params;
use crate::service::Failure;
use crate::service::authorize::{Cookies, Outcome, QuestionKind, client_of, resume};
use crate::service::login::{SignIn, sign_in};
use crate::service::ticket::{self, Browser};

pub async fn get(app: Arc<App>, request: Request) -> Response {
    let (visit, cookie_header) = (Visit::of(&app, &request), cookie_header(&request));
    let ticket = visit.query_params().ok().and_then(|params| params.get("ticket").map(str::to_owned));
    let Some(ticket) = ticket else {
        return bare_page(&app, &visit, "", None);
    };
    match resume(&app.core, &ticket, visit.cookies()).await {
        Ok(Some(Outcome::Ask(question))) if !matches!(question.kind, QuestionKind::SignIn(_)) => step(&app, &visit, &question),
        Ok(Some(outcome)) => render(&app, &visit, outcome, cookie_header.as_deref(), None).await,
        Ok(None) => ticket_page(&app, &visit),
        Err(failure) => failure_page(&app, &visit, &failure),
    }
}

pub async fn post(app: Arc<App>, mut request: Request) -> Response {
    let (visit, cookie_header) = (Visit::of(&app, &request), cookie_header(&request));
    let form = match form(&mut request).await {
        Ok(form) => form,
        Err(error) => return failure_page(&app, &visit, &Failure::Refused(error)),
    };
    if let Err(refusal) = check_form(&app, &visit, &form) {
        return *refusal;
    }
    let username = form.get("username").unwrap_or_default().to_owned();
    let password = form.get("password").unwrap_or_default().to_owned();
    let ticket = form.get("ticket").unwrap_or_default().to_owned();
    let problem = match (username.trim().is_empty(), password.is_empty()) {
        (true, _) => Some(SignInProblem::UsernameMissing),
        (_, true) => Some(SignInProblem::PasswordMissing),
        _ => None,
    };
    if let Some(problem) = problem {
        return again(&app, &visit, &ticket, &username, problem, cookie_header.as_deref()).await;
    }
    let asked_by = visit.browser.as_ref().and_then(|browser| ticket::open(&app.core, browser, &ticket)).and_then(|authorization| client_of(&authorization));
    match sign_in(&app.core, &username, Secret::new(password), visit.came_from(), visit.session_cookie, asked_by).await {
        Ok(SignIn::Done { cookie }) => {
            let cookies = Cookies { session: Some(cookie.digest()), browser: visit.browser.as_ref() };
            let outcome = if ticket.is_empty() { Ok(None) } else { resume(&app.core, &ticket, cookies).await };
            let mut response = match outcome {
                Ok(Some(Outcome::Ask(question))) => step(&app, &visit, &question),
                Ok(Some(outcome)) => render(&app, &visit, outcome, None, None).await,
                Ok(None) => headers::see_other(app.base_path()),
                Err(failure) => failure_page(&app, &visit, &failure),
            };
            headers::set_cookie(&mut response, &cookies::session(&app, &cookie));
            // Tells the browser that FedCM may ask here (Login Status API).
            response.headers_mut().insert("set-login", HeaderValue::from_static("logged-in"));
            response
        }
        Ok(SignIn::Wrong) => again(&app, &visit, &ticket, &username, SignInProblem::WrongCredentials, cookie_header.as_deref()).await,
        Err(Failure::Unavailable(reason)) => {
            tracing::error!(%reason, "unavailable");
            again(&app, &visit, &ticket, &username, SignInProblem::Unavailable, cookie_header.as_deref()).await
        }
        Err(failure) => failure_page(&app, &visit, &failure),
    }
}

/// The page again, with what was typed and what was wrong with it.
async fn again(app: &App, visit: &Visit, ticket: &str, username: &str, problem: SignInProblem, cookie_header: Option<&str>) -> Response {
    if ticket.is_empty() {
        return bare_page(app, visit, username, Some(problem));
    }
    match resume(&app.core, ticket, visit.cookies()).await {
        Ok(Some(outcome)) => render(app, visit, outcome, cookie_header, Some(Said { username: Some(username), problem: Some(problem) })).await,
        Ok(None) => ticket_page(app, visit),
        Err(failure) => failure_page(app, visit, &failure),
    }
}

/// The sign-in page without an application behind it.
fn bare_page(app: &App, visit: &Visit, username: &str, problem: Option<SignInProblem>) -> Response {
    let (browser, fresh) = match &visit.browser {
        Some(browser) => (browser.clone(), false),
        None => (Browser::generate(&app.core), true),
    };
    let csrf = ticket::csrf_token(&app.core, &browser);
    let page = SignInPage { csrf: &csrf, ticket: "", application: None, username, confirm_identity: false, problem };
    let html = app.pages.render(&Page::SignIn(page), &visit.language(None));
    let mut response = headers::page(app, status_of(problem), html, &[], None);
    if fresh {
        headers::set_cookie(&mut response, &cookies::browser(app, &browser));
    }
    response
}

/// A ticket that does not open: the page is too old, or was opened in another browser, or this one withholds its cookie.
pub fn ticket_page(app: &App, visit: &Visit) -> Response {
    error_page(app, &visit.request_id, &visit.language(None), ErrorKind::Expired, None, None)
}

/// Every form: from this server, from a page shown to this very browser.
pub fn check_form(app: &App, visit: &Visit, form: &Params) -> Result<(), Box<Response>> {
    let refused = |kind| Box::new(error_page(app, &visit.request_id, &visit.language(None), kind, None, None));
    if !visit.is_same_origin(app) {
        return Err(refused(ErrorKind::Forbidden));
    }
    let Some(browser) = &visit.browser else {
        return Err(refused(ErrorKind::CookiesBlocked));
    };
    if form.get("csrf").is_some_and(|csrf| ticket::csrf_is_valid(&app.core, browser, csrf)) { Ok(()) } else { Err(refused(ErrorKind::Forbidden)) }
}
