//! `/reset-password`: the one-time link opens a page on which its user sets a new password. To look at it uses nothing up.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::error::{error_page, failure_page};
use super::form_action::FormAction;
use super::forms::{Form, browser_of, receive};
use super::pages::{Account, ErrorKind, NewPasswordProblem, Page, ResetPassword};
use super::visit::Visit;
use super::{App, cookies, headers};
use crate::domain::secret::Secret;
use crate::domain::user::User;
use crate::service::password_reset::{Reset, finish, offered};
use crate::service::passwords::UnfitPassword;
use crate::service::ticket;

pub async fn get(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let link = visit.query_params().ok().and_then(|params| params.get("link").map(str::to_owned)).unwrap_or_default();
    match offered(&app.core, &Secret::new(link.clone())).await {
        Ok(Some(user)) => page(&app, &visit, &link, &user, None),
        Ok(None) => invalid(&app, &visit),
        Err(failure) => failure_page(&app, &visit, &failure),
    }
}

pub async fn post(app: Arc<App>, mut request: Request) -> Response {
    let Form { visit, fields: form } = match receive(&app, &mut request).await {
        Ok(form) => form,
        Err(refusal) => return *refusal,
    };
    let text = |name: &str| form.get(name).unwrap_or_default();
    let (link, new) = (text("link"), text("new_password"));
    let secret = Secret::new(link.to_owned());
    let user = match offered(&app.core, &secret).await {
        Ok(Some(user)) => user,
        Ok(None) => return invalid(&app, &visit),
        Err(failure) => return failure_page(&app, &visit, &failure),
    };
    let problem = match new {
        "" => Some(NewPasswordProblem::Missing),
        _ if new != text("password_again") => Some(NewPasswordProblem::Differ),
        _ => None,
    };
    if problem.is_some() {
        return page(&app, &visit, link, &user, problem);
    }
    let problem = match finish(&app.core, &secret, Secret::new(new.to_owned()), visit.known_browser(&app).as_ref()).await {
        Ok(Reset::Done { known }) => {
            let html = app.pages.render(&Page::ResetPasswordDone, &visit.language(None));
            let mut response = headers::page(&app, StatusCode::OK, html, FormAction::Here, None);
            headers::set_cookie(&mut response, &cookies::known(&app, &known));
            return response;
        }
        Ok(Reset::LinkInvalid) => return invalid(&app, &visit),
        Ok(Reset::Unfit(UnfitPassword::TooShort(_))) => NewPasswordProblem::TooShort,
        Ok(Reset::Unfit(UnfitPassword::TooLong)) => NewPasswordProblem::TooLong,
        Err(failure) => return failure_page(&app, &visit, &failure),
    };
    page(&app, &visit, link, &user, Some(problem))
}

fn page(app: &App, visit: &Visit, link: &str, user: &User, problem: Option<NewPasswordProblem>) -> Response {
    let (browser, fresh) = browser_of(app, visit);
    let page = ResetPassword {
        csrf: &ticket::csrf_token(&app.core, &browser),
        link,
        // Whoever has the link learns whose it is, and no more of them.
        account: Account { username: &user.username, name: None },
        min_length: app.core.settings.passwords.min_length,
        problem,
    };
    let html = app.pages.render(&Page::ResetPassword(page), &visit.language(None));
    let status = if problem.is_none() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let mut response = headers::page(app, status, html, FormAction::Here, None);
    if fresh {
        headers::set_cookie(&mut response, &cookies::browser(app, &browser));
    }
    response
}

/// One page for whatever is the matter with a link.
fn invalid(app: &App, visit: &Visit) -> Response {
    error_page(app, &visit.request_id, &visit.language(None), ErrorKind::ResetLinkInvalid, None, None)
}
