//! `/oidc/logout` (OpenID Connect RP-Initiated Logout 1.0).

use std::sync::Arc;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};

use super::authorize::nonce;
use super::error::failure_page;
use super::form_action::FormAction;
use super::forms::receive;
use super::pages::{AccountRow, ConfirmLogout, Page, SignedOut};
use super::visit::{Visit, form};
use super::{App, cookies, headers, login_status};
use crate::domain::id::SessionId;
use crate::domain::redirect_uri::origin_of;
use crate::protocol::end_session::{After, CameFrom};
use crate::protocol::error::OAuthError;
use crate::protocol::params::Params;
use crate::service::Failure;
use crate::service::browser_state::BrowserState;
use crate::service::logout::{self, Ended, Outcome};
use crate::service::ticket::{self, Browser, Logout};

pub async fn get(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let params = visit.query_params();
    run(&app, visit, params).await
}

pub async fn post(app: Arc<App>, mut request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let params = form(&mut request).await;
    // A form of another site brings no SameSite=Lax cookie, but the navigation it is answered with does. Without this the user would
    // be told that they are signed out, and not be.
    if let Ok(params) = &params
        && visit.query.is_empty()
        && visit.sessions.is_empty()
        && visit.is_cross_site()
    {
        return headers::see_other(&format!("{}oidc/logout?{}", app.base_path(), params.encode()));
    }
    run(&app, visit, params).await
}

async fn run(app: &App, visit: Visit, params: Result<Params, OAuthError>) -> Response {
    let params = match params {
        Ok(params) => params,
        Err(error) => return failure_page(app, &visit, &Failure::Refused(error)),
    };
    let outcome = logout::start(&app.core, &params, visit.cookies()).await;
    render(app, &visit, &params, outcome)
}

/// `GET /v2/logout`: the shape that Auth0's libraries know.
pub async fn auth0(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let params = match visit.query_params() {
        Ok(params) => params,
        Err(error) => return failure_page(&app, &visit, &Failure::Refused(error)),
    };
    let header = |name: &str| request.header(name).unwrap_or_default();
    let top_level = header("sec-fetch-mode") == "navigate" && header("sec-fetch-dest") == "document";
    let page = origin_of(header("referer"));
    let outcome = logout::start_auth0(&app.core, &params, CameFrom { top_level, page: page.as_deref() }, visit.cookies()).await;
    render(&app, &visit, &params, outcome)
}

fn render(app: &App, visit: &Visit, params: &Params, outcome: Result<Outcome, Failure>) -> Response {
    match outcome {
        Ok(Outcome::Ended(end)) => ended(app, visit, end),
        Ok(Outcome::Confirm { accounts, pending }) => {
            let (browser, fresh) = match &visit.browser {
                Some(browser) => (browser.clone(), false),
                None => (Browser::generate(&app.core), true),
            };
            let csrf = ticket::csrf_token(&app.core, &browser);
            let target = pending.redirect.clone();
            let ticket = ticket::issue(&app.core, &browser, pending);
            let rows: Vec<AccountRow<'_>> = accounts.iter().map(|account| AccountRow::of(&account.session, &account.user, false)).collect();
            let page = ConfirmLogout { csrf: &csrf, ticket: &ticket, application: None, accounts: &rows };
            let html = app.pages.render(&Page::ConfirmLogout(page), &visit.language(params.get("ui_locales")));
            let mut response = headers::page(app, StatusCode::OK, html, target.as_deref().map_or(FormAction::Here, FormAction::OnTo), None);
            if fresh {
                headers::set_cookie(&mut response, &cookies::browser(app, &browser));
            }
            response
        }
        Err(failure) => failure_page(app, visit, &failure),
    }
}

pub async fn confirm(app: Arc<App>, mut request: Request) -> Response {
    let form = match receive(&app, &mut request).await {
        Ok(form) => form,
        Err(refusal) => return *refusal,
    };
    let pending = match form.ticket::<Logout>(&app) {
        Ok(pending) => pending,
        Err(refusal) => return *refusal,
    };
    // One account, or a clear yes for all of them.
    let session = match form.fields.get("account") {
        Some(id) => match id.parse::<SessionId>() {
            Ok(id) => Some(id),
            Err(_) => return headers::see_other(app.base_path()),
        },
        None if form.fields.get("decision") == Some("allow") => None,
        None => return headers::see_other(app.base_path()),
    };
    match logout::confirm(&app.core, pending, session, form.visit.sessions).await {
        Ok(end) => ended(&app, &form.visit, end),
        Err(failure) => failure_page(&app, &form.visit, &failure),
    }
}

/// A page with frames goes on by itself when they have loaded; without scripts, this many seconds later.
const WITHOUT_SCRIPTS: u32 = 4;

fn ended(app: &App, visit: &Visit, Ended { after, frames, left }: Ended) -> Response {
    let others = !left.is_empty();
    let mut response = match after {
        After::Redirect(url) if frames.is_empty() => headers::see_other(&url),
        After::Redirect(url) => {
            let mut response = signed_out(app, visit, Some(&url), &frames, others);
            if let Ok(refresh) = HeaderValue::from_str(&format!("{WITHOUT_SCRIPTS}; url={url}")) {
                response.headers_mut().insert(header::REFRESH, refresh);
            }
            response
        }
        After::SignedOutPage => signed_out(app, visit, None, &frames, others),
    };
    // Only to a browser that showed its cookie: a request that another site made it send without one must not sign it out.
    if visit.sessions.is_empty() {
        return response;
    }
    for over in visit.sessions.iter().filter(|over| left.iter().all(|(held, _)| held.slot != over.slot)) {
        cookies::clear(app, &mut response, over.slot);
    }
    match BrowserState::of_sessions(&app.core, left, None) {
        BrowserState::SignedIn { all, kept, .. } => headers::set_cookie(&mut response, &cookies::state(app, &all, kept)),
        BrowserState::Nobody | BrowserState::Unknown => {
            if visit.state.is_some() {
                headers::set_cookie(&mut response, &cookies::clear_state(app));
            }
            login_status::signed_out(visit, &mut response);
        }
    }
    response
}

fn signed_out(app: &App, visit: &Visit, return_to: Option<&str>, frames: &[String], others: bool) -> Response {
    let nonce = return_to.filter(|_| !frames.is_empty()).map(|_| nonce(&app.core));
    // The frames of an application are registered at the origin of a redirect URI: nothing else can be loaded.
    let mut origins: Vec<String> = frames.iter().filter_map(|frame| origin_of(frame)).collect();
    origins.dedup();
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    let page = SignedOut { application: None, return_to, frames: &frames, nonce: nonce.as_deref(), others };
    let html = app.pages.render(&Page::SignedOut(page), &visit.language(None));
    headers::framing_page(app, StatusCode::OK, html, FormAction::Here, nonce.as_deref(), &origins)
}
