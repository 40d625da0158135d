//! `/account/password`: a new password.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::confirm::{status_of, told_to_wait};
use super::{JustDone, back, own_page, signed_in, view};
use crate::domain::secret::Secret;
use crate::http::error::failure_page;
use crate::http::forms::{OwnForm, receive_own};
use crate::http::own_page::OwnPage;
use crate::http::pages::{ChangePassword, NewPasswordProblem, Page, ProofProblem};
use crate::http::visit::Visit;
use crate::http::{App, cookies, headers};
use crate::service::Failure;
use crate::service::account::SignedIn;
use crate::service::account::password::{Change, Renewed, change};
use crate::service::passwords::UnfitPassword;

pub async fn get(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    match signed_in(&app, &visit, OwnPage::Password).await {
        Ok(signed_in) => page(&app, &visit, &signed_in, None, None).await,
        Err(response) => *response,
    }
}

pub async fn post(app: Arc<App>, mut request: Request) -> Response {
    let form = match receive_own(&app, &mut request, OwnPage::Password).await {
        Ok(form) => form,
        Err(refusal) => return *refusal,
    };
    let sender = form.sender(&app);
    let OwnForm { visit, fields, signed_in, .. } = form;
    let text = |name: &str| fields.get(name).unwrap_or_default();
    let (old, new) = (text("password"), text("new_password"));
    if old.is_empty() {
        return page(&app, &visit, &signed_in, Some(ProofProblem::Missing), None).await;
    }
    let new_problem = match new {
        "" => Some(NewPasswordProblem::Missing),
        _ if new != text("password_again") => Some(NewPasswordProblem::Differ),
        _ => None,
    };
    if new_problem.is_some() {
        return page(&app, &visit, &signed_in, None, new_problem).await;
    }
    let secret = |text: &str| Secret::new(text.to_owned());
    let problem = match change(&app.core, &signed_in, secret(old), secret(new), sender).await {
        Ok(Change::Done(Renewed { cookie, known })) => {
            let mut response = back(&app, &visit, JustDone::PasswordChanged);
            cookies::renewed(&app, &mut response, &visit, &signed_in, &cookie);
            headers::set_cookie(&mut response, &cookies::known(&app, &known));
            return response;
        }
        Ok(Change::NotSignedIn) => return OwnPage::Password.sign_in(&app),
        Ok(Change::Unfit(unfit)) => {
            let problem = match unfit {
                UnfitPassword::TooShort(_) => NewPasswordProblem::TooShort,
                UnfitPassword::TooLong => NewPasswordProblem::TooLong,
            };
            return page(&app, &visit, &signed_in, None, Some(problem)).await;
        }
        Ok(Change::Declared) => return page(&app, &visit, &signed_in, None, None).await,
        Ok(Change::Wrong) => ProofProblem::Wrong,
        Ok(Change::Wait(wait)) => ProofProblem::wait(wait),
        Err(Failure::Unavailable(reason)) => {
            tracing::error!(%reason, "unavailable");
            ProofProblem::Unavailable
        }
        Err(failure) => return failure_page(&app, &visit, &failure),
    };
    page(&app, &visit, &signed_in, Some(problem), None).await
}

async fn page(app: &App, visit: &Visit, signed_in: &SignedIn, problem: Option<ProofProblem>, new_problem: Option<NewPasswordProblem>) -> Response {
    let status = if new_problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { status_of(problem) };
    let response = own_page(app, visit, signed_in, status, |csrf, _| {
        let page = ChangePassword {
            csrf,
            account: view::person(&signed_in.user),
            min_length: app.core.settings.passwords.min_length,
            declared: app.core.declares_password_of(&signed_in.user),
            problem,
            new_problem,
        };
        app.pages.render(&Page::ChangePassword(page), &visit.language(None))
    });
    told_to_wait(response.await, problem)
}
