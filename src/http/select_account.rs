//! `/select-account`: go on with one of the accounts that are signed in, or sign in with another.

use std::sync::Arc;

use poem::{Request, Response};

use super::authorize::{render, step};
use super::error::failure_page;
use super::forms::{question_page, receive, ticket_of};
use super::visit::Visit;
use super::{App, cookies};
use crate::service::authorize::{Chosen, Outcome, QuestionKind, choose, choose_again, choose_another};

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
    let (outcome, account, over) = match form.fields.get("account") {
        Some("other") => (choose_another(&app.core, authorization, form.visit.cookies()).await, None, Vec::new()),
        Some("not-me") => (choose_again(&app.core, authorization, form.visit.cookies()).await, None, Vec::new()),
        // What is no session of this browser's shows the page again.
        session => match choose(&app.core, authorization, session.and_then(|id| id.parse().ok()), form.visit.cookies()).await {
            Ok(Chosen { outcome, account, over }) => (Ok(outcome), account, over),
            Err(failure) => (Err(failure), None, Vec::new()),
        },
    };
    let mut response = match outcome {
        Ok(Outcome::Ask(question)) => step(&app, &form.visit, &question),
        Ok(outcome) => render(&app, &form.visit, outcome, None).await,
        Err(failure) => return failure_page(&app, &form.visit, &failure),
    };
    if let Some((held, remembered)) = account {
        cookies::choose(&app, &mut response, &form.visit, held.slot, remembered);
    }
    for slot in over {
        cookies::clear(&app, &mut response, slot);
    }
    response
}
