//! `/consent`: what an application asks for, and the user's answer.

use std::sync::Arc;

use poem::{Request, Response};

use super::App;
use super::authorize::{cookie_header, render, step};
use super::error::failure_page;
use super::login::{check_form, ticket_page};
use super::visit::{Visit, form};
use crate::service::Failure;
use crate::service::authorize::{Outcome, QuestionKind, resume};
use crate::service::consent::answer;
use crate::service::ticket::{self, Authorization};

pub async fn get(app: Arc<App>, request: Request) -> Response {
    let (visit, cookie_header) = (Visit::of(&app, &request), cookie_header(&request));
    let ticket = visit.query_params().ok().and_then(|params| params.get("ticket").map(str::to_owned)).unwrap_or_default();
    match resume(&app.core, &ticket, visit.cookies()).await {
        Ok(Some(Outcome::Ask(question))) if !matches!(question.kind, QuestionKind::Consent(_)) => step(&app, &visit, &question),
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
    let text = form.get("ticket").unwrap_or_default();
    let Some(authorization) = visit.browser.as_ref().and_then(|browser| ticket::open::<Authorization>(&app.core, browser, text)) else {
        return ticket_page(&app, &visit);
    };
    // Anything but a clear yes is a no.
    match answer(&app.core, authorization, form.get("decision") == Some("allow"), visit.cookies()).await {
        Ok(Outcome::Ask(question)) => step(&app, &visit, &question),
        Ok(outcome) => render(&app, &visit, outcome, cookie_header.as_deref(), None).await,
        Err(failure) => failure_page(&app, &visit, &failure),
    }
}
