//! `/setup`: the one-time link opens a page that makes the first admin.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::error::{error_page, failure_page};
use super::form_action::FormAction;
use super::forms::{Form, receive};
use super::pages::{ErrorKind, Page, Setup as SetupPage, SetupDone, SetupProblem};
use super::visit::Visit;
use super::{App, cookies, headers};
use crate::domain::secret::Secret;
use crate::domain::user::{is_email, is_username, normal_username};
use crate::protocol::params::Params;
use crate::service::passwords::UnfitPassword;
use crate::service::setup::{NewAdmin, Setup, create_first_admin, link_is_valid};
use crate::service::ticket::{self, Browser};

pub async fn get(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let link = visit.query_params().ok().and_then(|params| params.get("link").map(str::to_owned)).unwrap_or_default();
    match link_is_valid(&app.core, &Secret::new(link.clone())).await {
        Ok(true) => page(&app, &visit, &link, &Params::default(), &[]),
        Ok(false) => invalid(&app, &visit),
        Err(failure) => failure_page(&app, &visit, &failure),
    }
}

pub async fn post(app: Arc<App>, mut request: Request) -> Response {
    let Form { visit, fields: form } = match receive(&app, &mut request).await {
        Ok(form) => form,
        Err(refusal) => return *refusal,
    };
    let link = form.get("link").unwrap_or_default().to_owned();
    let problems = problems(&app, &form);
    if !problems.is_empty() {
        return page(&app, &visit, &link, &form, &problems);
    }
    let filled = |name: &str| form.get(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let admin = NewAdmin {
        username: form.get("username").unwrap_or_default().to_owned(),
        name: filled("name"),
        email: filled("email"),
        password: Secret::new(form.get("password").unwrap_or_default().to_owned()),
    };
    let username = normal_username(&admin.username);
    match create_first_admin(&app.core, &Secret::new(link.clone()), admin).await {
        Ok(Setup::Done) => {
            let html = app.pages.render(&Page::SetupDone(SetupDone { username: &username, console: app.console.is_some() }), &visit.language(None));
            headers::page(&app, StatusCode::OK, html, FormAction::Here, None)
        }
        Ok(Setup::UsernameTaken) => page(&app, &visit, &link, &form, &[SetupProblem::UsernameTaken]),
        Ok(Setup::LinkInvalid) => invalid(&app, &visit),
        Err(failure) => failure_page(&app, &visit, &failure),
    }
}

fn problems(app: &App, form: &Params) -> Vec<SetupProblem> {
    let text = |name: &str| form.get(name).unwrap_or_default();
    let mut problems = Vec::new();
    let username = normal_username(text("username"));
    if username.is_empty() {
        problems.push(SetupProblem::UsernameMissing);
    } else if !is_username(&username) {
        problems.push(SetupProblem::UsernameInvalid);
    }
    if text("name").chars().any(char::is_control) || text("name").chars().count() > 256 {
        problems.push(SetupProblem::NameInvalid);
    }
    if !text("email").trim().is_empty() && !is_email(text("email").trim()) {
        problems.push(SetupProblem::EmailInvalid);
    }
    let password = text("password");
    if password.is_empty() {
        problems.push(SetupProblem::PasswordMissing);
    } else if let Err(unfit) = app.core.passwords.judge(&Secret::new(password.to_owned())) {
        problems.push(match unfit {
            UnfitPassword::TooShort(_) => SetupProblem::PasswordTooShort,
            UnfitPassword::TooLong => SetupProblem::PasswordTooLong,
        });
    } else if password != text("password_again") {
        problems.push(SetupProblem::PasswordsDiffer);
    }
    problems
}

fn page(app: &App, visit: &Visit, link: &str, form: &Params, problems: &[SetupProblem]) -> Response {
    let (browser, fresh) = match &visit.browser {
        Some(browser) => (browser.clone(), false),
        None => (Browser::generate(&app.core), true),
    };
    let csrf = ticket::csrf_token(&app.core, &browser);
    let text = |name: &str| form.get(name).unwrap_or_default();
    let page = SetupPage {
        csrf: &csrf,
        link,
        username: text("username"),
        name: text("name"),
        email: text("email"),
        min_length: app.core.settings.passwords.min_length,
        problems,
    };
    let html = app.pages.render(&Page::Setup(page), &visit.language(None));
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let mut response = headers::page(app, status, html, FormAction::Here, None);
    if fresh {
        headers::set_cookie(&mut response, &cookies::browser(app, &browser));
    }
    response
}

fn invalid(app: &App, visit: &Visit) -> Response {
    error_page(app, &visit.request_id, &visit.language(None), ErrorKind::LinkInvalid, None, None)
}
