//! `/login`: the sign-in page.

use std::sync::Arc;

use poem::http::{HeaderValue, header};
use poem::{Request, Response};

use super::authorize::{Said, render, status_of, step};
use super::error::failure_page;
use super::form_action::FormAction;
use super::forms::{Form, browser_of, question_page, receive, ticket_of, ticket_page};
use super::own_page::OwnPage;
use super::pages::{Page, SignIn as SignInPage, SignInProblem};
use super::visit::Visit;
use super::{App, cookies, headers, login_status};
use crate::domain::secret::Secret;
use crate::service::Failure;
use crate::service::authorize::{Cookies, Outcome, QuestionKind, client_of, resume, resume_as};
use crate::service::browser_state::BrowserState;
use crate::service::login::{Attempt, SignIn, sign_in};
use crate::service::ticket;

pub async fn get(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    match ticket_of(&visit) {
        Some(ticket) => question_page(&app, &visit, &ticket, |kind| matches!(kind, QuestionKind::SignIn(_))).await,
        None => bare_page(&app, &visit, OwnPage::asked_for(visit.query_params().ok().as_ref()), Said::default()),
    }
}

pub async fn post(app: Arc<App>, mut request: Request) -> Response {
    let Form { mut visit, fields: form } = match receive(&app, &mut request).await {
        Ok(form) => form,
        Err(refusal) => return *refusal,
    };
    let username = form.get("username").unwrap_or_default().to_owned();
    let password = form.get("password").unwrap_or_default().to_owned();
    let ticket = form.get("ticket").unwrap_or_default().to_owned();
    let to = OwnPage::asked_for(Some(&form));
    let ticked = form.get("remember").is_some();
    let said = |problem| Said { username: Some(&username), remember: ticked, problem: Some(problem) };
    let problem = match (username.trim().is_empty(), password.is_empty()) {
        (true, _) => Some(SignInProblem::UsernameMissing),
        (_, true) => Some(SignInProblem::PasswordMissing),
        _ => None,
    };
    if let Some(problem) = problem {
        return again(&app, &visit, &ticket, to, said(problem)).await;
    }
    let asked_by = visit.browser.as_ref().and_then(|browser| ticket::open(&app.core, browser, &ticket)).and_then(|authorization| client_of(&authorization));
    let attempt = Attempt {
        username: &username,
        password: Secret::new(password),
        origin: visit.came_from(),
        held: visit.sessions,
        known: visit.known_browser(&app),
        client: asked_by,
        remember: Some(app.core.settings.sessions.remember_me.decide(ticked)),
    };
    match sign_in(&app.core, attempt).await {
        Ok(SignIn::Done { begun, known }) => {
            // The state cookie is set below.
            if let BrowserState::SignedIn { all, .. } = begun.browser_state(&app.core) {
                visit.state = Some(all);
            }
            let cookies = Cookies { sessions: begun.sessions(), browser: visit.browser.as_ref(), framed: visit.framed };
            let outcome = if ticket.is_empty() { Ok(None) } else { resume_as(&app.core, &ticket, begun.session, cookies).await };
            let mut response = match outcome {
                Ok(Some(Outcome::Ask(question))) => step(&app, &visit, &question),
                Ok(Some(outcome)) => render(&app, &visit, outcome, None).await,
                Ok(None) => headers::see_other(&to.map_or_else(|| app.base_path().to_owned(), |page| page.address(&app))),
                Err(failure) => failure_page(&app, &visit, &failure),
            };
            cookies::begun(&app, &mut response, &visit, &begun);
            headers::set_cookie(&mut response, &cookies::known(&app, &known));
            login_status::signed_in(&visit, &mut response);
            response
        }
        Ok(SignIn::Wrong) => again(&app, &visit, &ticket, to, said(SignInProblem::WrongCredentials)).await,
        Ok(SignIn::Wait(wait)) => {
            let seconds = u64::try_from(wait.num_milliseconds()).unwrap_or(0).div_ceil(1000);
            let problem = SignInProblem::TooManyAttempts { retry_after_seconds: seconds };
            let mut response = again(&app, &visit, &ticket, to, said(problem)).await;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
        Err(Failure::Unavailable(reason)) => {
            tracing::error!(%reason, "unavailable");
            again(&app, &visit, &ticket, to, said(SignInProblem::Unavailable)).await
        }
        Err(failure) => failure_page(&app, &visit, &failure),
    }
}

/// The page again, with what was typed and what was wrong with it.
async fn again(app: &App, visit: &Visit, ticket: &str, to: Option<OwnPage>, said: Said<'_>) -> Response {
    if ticket.is_empty() {
        return bare_page(app, visit, to, said);
    }
    match resume(&app.core, ticket, visit.cookies()).await {
        Ok(Some(outcome)) => render(app, visit, outcome, Some(said)).await,
        Ok(None) => ticket_page(app, visit),
        Err(failure) => failure_page(app, visit, &failure),
    }
}

/// The sign-in page without an application behind it.
fn bare_page(app: &App, visit: &Visit, to: Option<OwnPage>, said: Said<'_>) -> Response {
    let (browser, fresh) = browser_of(app, visit);
    let csrf = ticket::csrf_token(&app.core, &browser);
    let page = SignInPage {
        csrf: &csrf,
        ticket: "",
        to: to.map(OwnPage::as_str),
        application: None,
        username: said.username.unwrap_or_default(),
        confirm_identity: false,
        remember: app.core.settings.sessions.remember_me.offers(said.remember),
        problem: said.problem,
    };
    let html = app.pages.render(&Page::SignIn(page), &visit.language(None));
    let mut response = headers::page(app, status_of(said.problem), html, FormAction::Here, None);
    if fresh {
        headers::set_cookie(&mut response, &cookies::browser(app, &browser));
    }
    response
}
