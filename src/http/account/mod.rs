//! `/account`: the user's own page, and the forms on it.

pub mod confirm;
pub mod password;
mod view;

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};
use serde::{Deserialize, Serialize};

use super::error::{error_page, failure_page};
use super::form_action::FormAction;
use super::forms::{OwnForm, browser_of, receive_own};
use super::own_page::OwnPage;
use super::pages::{ErrorKind, Page};
use super::visit::Visit;
use super::{App, cookies, headers, login_status};
use crate::domain::id::{ClientId, SessionId};
use crate::service::Failure;
use crate::service::account::actions::{Acted, Action, Waiting, act};
use crate::service::account::{self, SignedIn, overview};
use crate::service::accounts;
use crate::service::ticket::{self, Content};

/// What was done a moment ago, on its way to the page that says so. Sealed: no link can claim it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum JustDone {
    SessionEnded,
    OthersEnded,
    Withdrawn { application: String },
    PasswordChanged,
}

impl Content for JustDone {
    const PURPOSE: &'static str = "just done";
}

/// Whoever is signed in, for a page; else the way to the sign-in page.
async fn signed_in(app: &App, visit: &Visit, page: OwnPage) -> Result<SignedIn, Box<Response>> {
    match account::signed_in(&app.core, visit.sessions).await {
        Ok(Some(signed_in)) => Ok(signed_in),
        Ok(None) => Err(Box::new(page.sign_in(app))),
        Err(failure) => Err(Box::new(failure_page(app, visit, &failure))),
    }
}

/// A page for whoever is signed in, with the cookies that go with it.
async fn own_page(app: &App, visit: &Visit, signed_in: &SignedIn, status: StatusCode, page: impl FnOnce(&str, &ticket::Browser) -> String) -> Response {
    let (browser, fresh) = browser_of(app, visit);
    let csrf = ticket::csrf_token_of(&app.core, &browser, signed_in.session.id);
    let mut response = headers::page(app, status, page(&csrf, &browser), FormAction::Here, None);
    if fresh {
        headers::set_cookie(&mut response, &cookies::browser(app, &browser));
    }
    login_status::signed_in(visit, &mut response);
    if let Some(value) = visit.session_value(signed_in.held.slot)
        && account::used(&app.core, signed_in).await
    {
        headers::set_cookie(&mut response, &cookies::session(app, signed_in.held.slot, value, true));
    }
    response
}

pub async fn page(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let mut others = match accounts::signed_in(&app.core, visit.sessions).await {
        Ok(all) if all.is_empty() => return OwnPage::Account.sign_in(&app),
        Ok(all) => all,
        Err(failure) => return failure_page(&app, &visit, &failure),
    };
    let signed_in = others.remove(0);
    let query = visit.query_params().unwrap_or_default();
    let before: Option<SessionId> = query.get("before").and_then(|id| id.parse().ok());
    let overview = match overview::load(&app.core, &signed_in.user, Some(&signed_in.session), before).await {
        Ok(overview) => overview,
        Err(failure) => return failure_page(&app, &visit, &failure),
    };
    let done = query.get("done").zip(visit.browser.as_ref()).and_then(|(text, browser)| ticket::open::<JustDone>(&app.core, browser, text));
    own_page(&app, &visit, &signed_in, StatusCode::OK, |csrf, _| {
        let now = app.core.now();
        let (sessions, applications, warnings) =
            (view::sessions(&overview, &signed_in, now), view::applications(&overview, now), view::warnings(&overview, now));
        let older = overview.older.map(|id| id.to_string());
        let declared = app.core.declares_password_of(&signed_in.user);
        let others = view::others(&others);
        let another = app.core.settings.sessions.accounts_per_browser > 1;
        let page = view::Cards { others: &others, another, sessions: &sessions, applications: &applications, warnings: &warnings, older: older.as_deref() };
        let page = page.page(csrf, &signed_in, view::told(done.as_ref()), before.is_none(), declared, now);
        app.pages.render(&Page::Account(page), &visit.language(None))
    })
    .await
}

pub async fn end_session(app: Arc<App>, request: Request) -> Response {
    run(&app, request, |app, form| {
        let id: SessionId = form.fields.get("session")?.parse().ok()?;
        // Signing out of this browser is what the sign-out page is for: it also clears the cookie.
        if id == form.signed_in.session.id {
            Some(Err(headers::see_other(&format!("{}oidc/logout", app.base_path()))))
        } else {
            Some(Ok(Action::EndSession(id)))
        }
    })
    .await
}

/// The page of another account of this browser.
pub async fn switch(app: Arc<App>, mut request: Request) -> Response {
    let form = match receive_own(&app, &mut request, OwnPage::Account).await {
        Ok(form) => form,
        Err(refusal) => return *refusal,
    };
    let wanted: Option<SessionId> = form.fields.get("session").and_then(|id| id.parse().ok());
    let Some(account) = form.others.iter().find(|other| Some(other.session.id) == wanted) else {
        return not_found(&app, &form.visit);
    };
    let mut response = headers::see_other(&OwnPage::Account.address(&app));
    cookies::choose(&app, &mut response, &form.visit, account.held.slot, account.session.remembered);
    response
}

pub async fn end_others(app: Arc<App>, request: Request) -> Response {
    run(&app, request, |_, _| Some(Ok(Action::EndOthers))).await
}

pub async fn withdraw(app: Arc<App>, request: Request) -> Response {
    run(&app, request, |_, form| Some(Ok(Action::Withdraw(ClientId::parse(form.fields.get("application")?).ok()?)))).await
}

/// A form that ends something. What it names and cannot be a name of anything is not found.
async fn run(app: &App, mut request: Request, action: impl FnOnce(&App, &OwnForm) -> Option<Result<Action, Response>> + Send) -> Response {
    let form = match receive_own(app, &mut request, OwnPage::Account).await {
        Ok(form) => form,
        Err(refusal) => return *refusal,
    };
    match action(app, &form) {
        Some(Ok(action)) => {
            let mut response = finish(app, &form.visit, &form.signed_in, action).await;
            // What is shown next is of the account that it was done for.
            cookies::choose(app, &mut response, &form.visit, form.signed_in.held.slot, form.signed_in.session.remembered);
            response
        }
        Some(Err(elsewhere)) => elsewhere,
        None => not_found(app, &form.visit),
    }
}

/// Does it and goes back to the page, or asks for the password first.
async fn finish(app: &App, visit: &Visit, signed_in: &SignedIn, action: Action) -> Response {
    match act(&app.core, signed_in, &action).await {
        Ok(Acted::Done) => match done(app, action).await {
            Ok(done) => back(app, visit, done),
            Err(failure) => failure_page(app, visit, &failure),
        },
        Ok(Acted::ProveFirst) => {
            let (browser, _) = browser_of(app, visit);
            let ticket = ticket::issue(&app.core, &browser, Waiting::of(signed_in, action));
            headers::see_other(&format!("{}account/confirm?ticket={ticket}", app.base_path()))
        }
        Ok(Acted::NotFound) => not_found(app, visit),
        Err(failure) => failure_page(app, visit, &failure),
    }
}

async fn done(app: &App, action: Action) -> Result<JustDone, Failure> {
    Ok(match action {
        Action::EndSession(_) => JustDone::SessionEnded,
        Action::EndOthers => JustDone::OthersEnded,
        Action::Withdraw(client) => JustDone::Withdrawn { application: account::name_of(&app.core, client).await? },
    })
}

/// To the page, which says what was done.
fn back(app: &App, visit: &Visit, done: JustDone) -> Response {
    let address = OwnPage::Account.address(app);
    match &visit.browser {
        Some(browser) => headers::see_other(&format!("{address}?done={}", ticket::issue(&app.core, browser, done))),
        None => headers::see_other(&address),
    }
}

fn not_found(app: &App, visit: &Visit) -> Response {
    error_page(app, &visit.request_id, &visit.language(None), ErrorKind::NotFound, None, None)
}
