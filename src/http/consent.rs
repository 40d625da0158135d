//! `/consent`: what an application asks for, and the user's answer.

use std::sync::Arc;

use poem::{Request, Response};

use super::App;
use super::authorize::{render, step};
use super::error::failure_page;
use super::forms::{question_page, receive, ticket_of};
use super::visit::Visit;
use crate::service::authorize::{Outcome, QuestionKind};
use crate::service::consent::answer;

pub async fn get(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let ticket = ticket_of(&visit).unwrap_or_default();
    question_page(&app, &visit, &ticket, |kind| matches!(kind, QuestionKind::Consent(_))).await
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
    // Anything but a clear yes is a no.
    match answer(&app.core, authorization, form.fields.get("decision") == Some("allow"), form.visit.cookies()).await {
        Ok(Outcome::Ask(question)) => step(&app, &form.visit, &question),
        Ok(outcome) => render(&app, &form.visit, outcome, None).await,
        Err(failure) => failure_page(&app, &form.visit, &failure),
    }
}
