//! `/select-account`: go on with the account that is signed in, or sign in with another.

use std::sync::Arc;

use poem::{Request, Response};

use super::App;
use super::authorize::{render, step};
use super::error::failure_page;
use super::forms::{question_page, receive, ticket_of};
use super::visit::Visit;
use crate::service::authorize::{Outcome, QuestionKind, choose_another, choose_current};

pub async fn get(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let ticket = ticket_of(&visit).unwrap_or_default();
    question_page(&app, &visit, &ticket, |kind| *kind == QuestionKind::ChooseAccount).await
}

pub async fn post(app: Arc<App>, mut request: Request) -> Response {
    let form = match receive(&app, &mut request).await {
        Ok(form) => form,
        Err(refusal) => return *refusal,
    };
    let authorization = match form.ticket(&app) {
        Ok(authorization) => authorization,
        Err(refusal) => return *refusal,
    };
    let outcome = match form.fields.get("account") {
        Some("current") => choose_current(&app.core, authorization, form.visit.cookies()).await,
        _ => choose_another(&app.core, authorization, form.visit.cookies()).await,
    };
    match outcome {
        Ok(Outcome::Ask(question)) => step(&app, &form.visit, &question),
        Ok(outcome) => render(&app, &form.visit, outcome, None).await,
        Err(failure) => failure_page(&app, &form.visit, &failure),
    }
}
