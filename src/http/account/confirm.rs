//! `/account/confirm`: the password once more, because the sign-in was long ago; then what was waiting is done.

use std::sync::Arc;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};

use super::{finish, own_page, signed_in, view};
use crate::domain::secret::Secret;
use crate::http::error::failure_page;
use crate::http::forms::{OwnForm, receive_own, ticket_of, ticket_page};
use crate::http::own_page::OwnPage;
use crate::http::pages::{ActionKind, ConfirmAction, Page, ProofProblem};
use crate::http::visit::Visit;
use crate::http::{App, cookies, headers};
use crate::service::Failure;
use crate::service::account::actions::{Action, Waiting};
use crate::service::account::{self, SignedIn, prove};
use crate::service::login::SignIn;
use crate::service::ticket;

pub async fn get(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let signed_in = match signed_in(&app, &visit, OwnPage::Account).await {
        Ok(signed_in) => signed_in,
        Err(response) => return *response,
    };
    match waiting(&app, &visit, &signed_in, &ticket_of(&visit).unwrap_or_default()) {
        Some(waiting) => page(&app, &visit, &signed_in, waiting, None).await,
        None => ticket_page(&app, &visit),
    }
}

pub async fn post(app: Arc<App>, mut request: Request) -> Response {
    let form = match receive_own(&app, &mut request, OwnPage::Account).await {
        Ok(form) => form,
        Err(refusal) => return *refusal,
    };
    let sender = form.sender(&app);
    let OwnForm { visit, fields, signed_in, .. } = form;
    let Some(waiting) = waiting(&app, &visit, &signed_in, fields.get("ticket").unwrap_or_default()) else {
        return ticket_page(&app, &visit);
    };
    let password = fields.get("password").unwrap_or_default();
    if password.is_empty() {
        return page(&app, &visit, &signed_in, waiting, Some(ProofProblem::Missing)).await;
    }
    let problem = match prove(&app.core, &signed_in, Secret::new(password.to_owned()), sender).await {
        Ok(SignIn::Done { begun, known }) => {
            let mut response = match account::signed_in(&app.core, begun.sessions()).await {
                Ok(Some(proved)) => finish(&app, &visit, &proved, waiting.action).await,
                Ok(None) => OwnPage::Account.sign_in(&app),
                Err(failure) => failure_page(&app, &visit, &failure),
            };
            cookies::begun(&app, &mut response, &visit, &begun);
            headers::set_cookie(&mut response, &cookies::known(&app, &known));
            return response;
        }
        Ok(SignIn::Wrong) => ProofProblem::Wrong,
        Ok(SignIn::Wait(wait)) => ProofProblem::wait(wait),
        Err(Failure::Unavailable(reason)) => {
            tracing::error!(%reason, "unavailable");
            ProofProblem::Unavailable
        }
        Err(failure) => return failure_page(&app, &visit, &failure),
    };
    page(&app, &visit, &signed_in, waiting, Some(problem)).await
}

/// What the ticket says is waiting, if it is of this browser and of whoever is signed in with it.
fn waiting(app: &App, visit: &Visit, signed_in: &SignedIn, text: &str) -> Option<Waiting> {
    ticket::open::<Waiting>(&app.core, visit.browser.as_ref()?, text).filter(|waiting| waiting.is_of(signed_in))
}

async fn page(app: &App, visit: &Visit, signed_in: &SignedIn, waiting: Waiting, problem: Option<ProofProblem>) -> Response {
    let action = match &waiting.action {
        Action::EndSession(_) => ActionKind::EndSession,
        Action::EndOthers => ActionKind::EndOthers,
        Action::Withdraw(_) => ActionKind::Withdraw,
    };
    let response = own_page(app, visit, signed_in, status_of(problem), |csrf, browser| {
        let ticket = ticket::issue(&app.core, browser, waiting);
        let page = ConfirmAction { csrf, ticket: &ticket, account: view::person(&signed_in.user), action, problem };
        app.pages.render(&Page::ConfirmAction(page), &visit.language(None))
    });
    told_to_wait(response.await, problem)
}

pub(super) fn status_of(problem: Option<ProofProblem>) -> StatusCode {
    match problem {
        None => StatusCode::OK,
        Some(ProofProblem::Missing | ProofProblem::Wrong) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(ProofProblem::TooManyAttempts { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(ProofProblem::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

pub(super) fn told_to_wait(mut response: Response, problem: Option<ProofProblem>) -> Response {
    if let Some(ProofProblem::TooManyAttempts { retry_after_seconds }) = problem {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds));
    }
    response
}
