//! `/select-account`: go on with the account that is signed in, or sign in with another.

use std::sync::Arc;

use poem::{Request, Response};

use super::App;
use super::authorize::{cookie_header, render, step};
use super::error::failure_page;
use super::login::{check_form, ticket_page};
use super::visit::{Visit, form};
use crate::service::Failure;
use crate::service::authorize::{Outcome, QuestionKind, choose_another, choose_current, resume};
use crate::service::ticket::{self, Authorization};

pub async fn get(app: Arc<App>, request: Request) -> Response {
    let (visit, cookie_header) = (Visit::of(&app, &request), cookie_header(&request));
    let ticket = visit.query_params().ok().and_then(|params| params.get("ticket").map(str::to_owned)).unwrap_or_default();
    match resume(&app.core, &ticket, visit.cookies()).await {
        Ok(Some(Outcome::Ask(question))) if question.kind != QuestionKind::ChooseAccount => step(&app, &visit, &question),
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
    let outcome = match form.get("account") {
        Some("current") => choose_current(&app.core, authorization, visit.cookies()).await,
        _ => choose_another(&app.core, authorization, visit.cookies()).await,
    };
    match outcome {
        Ok(Outcome::Ask(question)) => step(&app, &visit, &question),
        Ok(outcome) => render(&app, &visit, outcome, cookie_header.as_deref(), None).await,
        Err(failure) => failure_page(&app, &visit, &failure),
    }
}
