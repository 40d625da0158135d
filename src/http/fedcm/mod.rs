//! What browsers ask by FedCM: who we are, who is signed in, and a code for one of them.
//!
//! The requests that bring cookies are the browser's own: `Sec-Fetch-Dest: webidentity` says so, which no page can make it say. Which page it asks for
//! is in `Origin`, and judged against the client's own.

pub mod pages;

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};
use serde_json::json;

use super::discovery::Document;
use super::error::json_error;
use super::pages::Pages;
use super::visit::{Visit, form};
use super::{App, cookies, cors, headers};
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::fedcm::{self as rules, Branding, ClientMetadata, DESTINATION};
use crate::protocol::params::Params;
use crate::service::fedcm::{self, Answer, Assertion};
use crate::service::{Core, Failure};

/// What is the same for everybody, put together once.
pub struct Documents {
    well_known: Document,
    config: Document,
}

impl Documents {
    pub fn of(core: &Core, pages: &Pages) -> Self {
        let settings = &core.settings;
        let issuer = settings.issuer.as_str();
        let (accent, on_accent) = pages.accent();
        let icon = settings.branding.logo_url.as_ref().map(|url| if url.starts_with('/') { format!("{}{url}", settings.issuer.origin()) } else { url.clone() });
        let branding = Branding { name: &settings.branding.name, accent, on_accent, icon: icon.as_deref() };
        Self { well_known: Document::of(&rules::well_known(issuer)), config: Document::of(&rules::config(issuer, &branding)) }
    }
}

pub async fn well_known(app: Arc<App>, request: Request) -> Response {
    app.fedcm.well_known.answer(&request)
}

pub async fn config(app: Arc<App>, request: Request) -> Response {
    app.fedcm.config.answer(&request)
}

pub async fn accounts(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    if let Some(refusal) = unless_by_fedcm(&visit) {
        return refusal;
    }
    match fedcm::accounts(&app.core, visit.sessions).await {
        // The browser takes it that nobody is signed in, and asks no more until it is told otherwise (`login_status`).
        Ok(accounts) if accounts.is_empty() => {
            headers::json(StatusCode::UNAUTHORIZED, &json!({ "error": "login_required", "error_description": "Nobody is signed in with this browser." }))
        }
        Ok(accounts) => headers::json(StatusCode::OK, &json!({ "accounts": accounts })),
        Err(failure) => json_error(&failure),
    }
}

pub async fn client_metadata(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    if let Some(refusal) = unless_by_fedcm(&visit) {
        return refusal;
    }
    let params = visit.query_params().unwrap_or_default();
    match fedcm::client(&app.core, params.get("client_id")).await {
        Ok(Some(client)) => {
            let mut response = headers::json(StatusCode::OK, &ClientMetadata::of(&client));
            if let Some(origin) = visit.origin.as_deref().filter(|origin| client.metadata.is_page_of(origin)) {
                cors::allow_page(&mut response, origin);
            }
            response
        }
        Ok(None) => json_error(&OAuthError::new(ErrorCode::UnauthorizedClient, "No application that uses FedCM is registered under this `client_id`.").into()),
        Err(failure) => json_error(&failure),
    }
}

pub async fn assertion(app: Arc<App>, mut request: Request) -> Response {
    let (visit, form, origin) = match received(&app, &mut request).await {
        Ok(received) => received,
        Err(refusal) => return *refusal,
    };
    let Answer { answer, readable } = fedcm::assert(&app.core, &form, &origin, visit.sessions).await;
    let mut response = match answer {
        Ok(Assertion::Code { code, renew }) => {
            let mut response = headers::json(StatusCode::OK, &json!({ "token": code }));
            if let Some((slot, value)) = renew.and_then(|slot| Some((slot, visit.session_value(slot)?))) {
                headers::set_cookie(&mut response, &cookies::session(&app, slot, value, true));
            }
            response
        }
        Ok(Assertion::GoOn(ticket)) => headers::json(StatusCode::OK, &json!({ "continue_on": format!("{}fedcm/continue?ticket={ticket}", app.base_path()) })),
        Ok(Assertion::Refused(error)) => refusal(&error),
        Err(failure) => refused(&failure),
    };
    if readable {
        cors::allow_with_cookies(&mut response, &origin);
    }
    response
}

pub async fn disconnect(app: Arc<App>, mut request: Request) -> Response {
    let (visit, form, origin) = match received(&app, &mut request).await {
        Ok(received) => received,
        Err(refusal) => return *refusal,
    };
    let Answer { answer, readable } = fedcm::disconnect(&app.core, &form, &origin, visit.sessions).await;
    let mut response = match answer {
        Ok(account) => headers::json(StatusCode::OK, &json!({ "account_id": account })),
        Err(failure) => refused(&failure),
    };
    if readable {
        cors::allow_with_cookies(&mut response, &origin);
    }
    response
}

/// A form that the browser brings for a page, and the page's origin.
async fn received(app: &App, request: &mut Request) -> Result<(Visit, Params, String), Box<Response>> {
    let visit = Visit::of(app, request);
    if let Some(refusal) = unless_by_fedcm(&visit) {
        return Err(Box::new(refusal));
    }
    let Some(origin) = visit.origin.clone() else {
        return Err(Box::new(refused(&OAuthError::invalid_request("The header `Origin` is missing: it says which page asks.").into())));
    };
    let form = form(request).await.map_err(|error| Box::new(refused(&error.into())))?;
    Ok((visit, form, origin))
}

fn unless_by_fedcm(visit: &Visit) -> Option<Response> {
    let text = format!("This is for the browser's own requests, which say `Sec-Fetch-Dest: {DESTINATION}`.");
    (!visit.by_fedcm).then(|| refused(&OAuthError::invalid_request(text).into()))
}

/// In the words that a browser reads and hands to the page.
fn refused(failure: &Failure) -> Response {
    match failure {
        Failure::Refused(error) => {
            tracing::info!(error = error.code.as_str(), reason = %error.reason, "refused");
            refusal(error)
        }
        Failure::Unavailable(_) => json_error(failure),
    }
}

fn refusal(error: &OAuthError) -> Response {
    headers::json(StatusCode::BAD_REQUEST, &rules::refusal(error))
}
