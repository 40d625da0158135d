//! `/authorize` (RFC 6749 §3.1, OIDC Core §3.1.2.1), and what all pages of a sign-in share: [`render`].

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::error::{error_page, failure_page};
use super::form_action::FormAction;
use super::pages::{AccessLasts, Account, AccountRow, ChooseAccount, Consent, ErrorKind, FormPost, Page, SignIn, SignInProblem};
use super::visit::{Visit, form};
use super::{App, cookies, fedcm, headers, login_status, storage_access, web_message};
use crate::domain::duration::Lifetime;
use crate::domain::scope::{OFFLINE_ACCESS, ONLINE_ACCESS, OPENID, Scope};
use crate::domain::secret::Secret;
use crate::domain::session::EndReason;
use crate::protocol::authorize::response::AuthorizationResponse;
use crate::protocol::authorize::{TargetError, Why};
use crate::protocol::error::OAuthError;
use crate::protocol::params::Params;
use crate::protocol::session::Unusable;
use crate::service::authorize::{Outcome, Question, QuestionKind, start};
use crate::service::browser_state::BrowserState;
use crate::service::ticket::{self, Browser};
use crate::service::{Core, Failure};

pub async fn get(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let params = visit.query_params();
    run(&app, visit, params).await
}

pub async fn post(app: Arc<App>, mut request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    // RFC 6749 §3.1 with a form: the parameters come in the body only.
    let params = if visit.query.is_empty() {
        form(&mut request).await
    } else {
        Err(OAuthError::invalid_request("Send the parameters in the body or in the query, not in both."))
    };
    run(&app, visit, params).await
}

async fn run(app: &App, visit: Visit, params: Result<Params, OAuthError>) -> Response {
    let params = match params {
        Ok(params) => params,
        Err(error) => return failure_page(app, &visit, &Failure::Refused(error)),
    };
    if let Some(retry) = storage_access::retry(app, &visit, &params).await {
        return retry;
    }
    let mut response = match start(&app.core, params, visit.cookies()).await {
        // The page has an address of its own, so that reloading it and going back to it work.
        Ok(Outcome::Ask(question)) => step(app, &visit, &question),
        Ok(outcome) => render(app, &visit, outcome, None).await,
        Err(failure) => failure_page(app, &visit, &failure),
    };
    storage_access::vary(&visit, &mut response);
    response
}

/// Redirects to the page of the question, with the request sealed for this browser.
pub fn step(app: &App, visit: &Visit, question: &Question) -> Response {
    let (browser, fresh) = match &visit.browser {
        Some(browser) => (browser.clone(), false),
        None => (Browser::generate(&app.core), true),
    };
    let ticket = ticket::issue(&app.core, &browser, question.authorization.clone());
    let path = match question.kind {
        QuestionKind::SignIn(_) => "login",
        QuestionKind::ChooseAccount => "select-account",
        QuestionKind::Consent(_) => "consent",
    };
    let mut response = headers::see_other(&format!("{}{path}?ticket={ticket}", app.base_path()));
    if fresh {
        headers::set_cookie(&mut response, &cookies::browser(app, &browser));
    }
    response
}

/// What a page says besides what is asked.
#[derive(Default)]
pub struct Said<'a> {
    pub username: Option<&'a str>,
    /// Whether "stay signed in" was ticked.
    pub remember: bool,
    pub problem: Option<SignInProblem>,
}

/// The answer to an outcome: the application's, a page, or an error page.
pub async fn render(app: &App, visit: &Visit, outcome: Outcome, said: Option<Said<'_>>) -> Response {
    match outcome {
        Outcome::Respond { response, issued, renew, browser_state } => {
            let mut response = respond(app, visit, response);
            if issued {
                login_status::signed_in(visit, &mut response);
            }
            let renewed = renew.and_then(|slot| Some((slot, visit.session_value(slot)?)));
            if let Some((slot, value)) = renewed {
                headers::set_cookie(&mut response, &cookies::session(app, slot, value, true));
            }
            match browser_state {
                BrowserState::SignedIn { all, kept, .. } if (renewed.is_some() && kept) || visit.state.as_ref() != Some(&all) => {
                    headers::set_cookie(&mut response, &cookies::state(app, &all, kept));
                }
                BrowserState::Nobody if visit.state.is_some() => headers::set_cookie(&mut response, &cookies::clear_state(app)),
                BrowserState::SignedIn { .. } | BrowserState::Nobody | BrowserState::Unknown => {}
            }
            response
        }
        Outcome::Ask(question) => page(app, visit, &question, said.unwrap_or_default()),
        Outcome::Page(error) => target_page(app, visit, error),
        Outcome::Malformed(error) => failure_page(app, visit, &Failure::Refused(error)),
    }
}

fn respond(app: &App, visit: &Visit, response: AuthorizationResponse) -> Response {
    match response {
        AuthorizationResponse::Redirect(url) => headers::see_other(&url),
        AuthorizationResponse::FormPost { action, fields } => {
            let nonce = nonce(&app.core);
            let pairs: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let host = host_of(&action);
            let html =
                app.pages.render(&Page::FormPost(FormPost { action: &action, fields: &pairs, nonce: &nonce, application: &host }), &visit.language(None));
            headers::page(app, StatusCode::OK, html, FormAction::OnTo(&action), Some(&nonce))
        }
        AuthorizationResponse::Fedcm(handed) => fedcm::pages::hand_over(app, visit, &handed),
        AuthorizationResponse::WebMessage { origin, ancestors, fields } => web_message::respond(app, visit, &origin, &ancestors, fields),
    }
}

pub fn nonce(core: &Core) -> String {
    Secret::<String>::generate(core.entropy.as_ref()).expose().clone()
}

fn page(app: &App, visit: &Visit, question: &Question, said: Said<'_>) -> Response {
    let Some(browser) = &visit.browser else {
        return step(app, visit, question);
    };
    let csrf = ticket::csrf_token(&app.core, browser);
    let ticket = ticket::issue(&app.core, browser, question.authorization.clone());
    let application = question.client.metadata.name.as_str();
    let account = question.user.as_ref().map(|user| Account { username: &user.username, name: user.profile.name.as_deref() });
    let host = host_of(question.target.redirect_uri());
    let (scopes, rows): (Vec<&str>, Vec<AccountRow<'_>>);
    let page = match (&question.kind, account) {
        (QuestionKind::ChooseAccount, _) => {
            rows = question.choices.iter().map(|choice| AccountRow::of(&choice.session, &choice.user, choice.over)).collect::<Vec<_>>();
            Page::ChooseAccount(ChooseAccount { csrf: &csrf, ticket: &ticket, application: Some(application), accounts: &rows })
        }
        (QuestionKind::Consent(scope), Some(account)) => {
            scopes = in_order_of_weight(scope);
            let lasts = match question.limits.refresh_absolute {
                _ if !scope.contains(OFFLINE_ACCESS) => AccessLasts::WhileSignedIn,
                Lifetime::Limited(delta) => AccessLasts::Seconds(u64::try_from(delta.num_seconds()).unwrap_or(0)),
                Lifetime::Unlimited => AccessLasts::UntilWithdrawn,
            };
            Page::Consent(Consent { csrf: &csrf, ticket: &ticket, application, return_host: &host, account, scopes: &scopes, lasts })
        }
        (kind, account) => {
            let why = match kind {
                QuestionKind::SignIn(why) => *why,
                QuestionKind::ChooseAccount | QuestionKind::Consent(_) => Why::NoSession,
            };
            let confirm_identity = matches!(why, Why::PromptLogin | Why::MaxAge);
            let ran_out = match why {
                Why::Session(Unusable::Ended(reason)) => matches!(reason, EndReason::ExpiredAbsolute | EndReason::ExpiredIdle),
                Why::Session(why) => matches!(why, Unusable::ExpiredAbsolute | Unusable::ExpiredIdle),
                _ => false,
            };
            let expired = ran_out.then_some(SignInProblem::SessionExpired);
            let of_session = matches!(why, Why::Session(Unusable::ClientSessionExpiredAbsolute | Unusable::ClientSessionExpiredIdle));
            let known = account.filter(|_| confirm_identity || expired.is_some() || of_session).map(|account| account.username);
            let username = said.username.or(question.login_hint.as_deref()).or(known).unwrap_or_default();
            Page::SignIn(SignIn {
                csrf: &csrf,
                ticket: &ticket,
                to: None,
                application: Some(application),
                username,
                confirm_identity,
                remember: app.core.settings.sessions.remember_me.offers(said.remember || (said.problem.is_none() && known.is_some() && question.remembered)),
                problem: said.problem.or(expired),
            })
        }
    };
    let html = app.pages.render(&page, &visit.language(question.ui_locales.as_deref()));
    headers::page(app, status_of(said.problem), html, question.target.redirects_to().map_or(FormAction::Here, FormAction::OnTo), None)
}

/// Who you are first, then what is seen of you, then what the application may do, and for how long last.
pub fn in_order_of_weight(scope: &Scope) -> Vec<&str> {
    let weight = |value: &str| match value {
        OPENID => 0,
        "profile" => 1,
        "email" | "address" | "phone" => 2,
        account if account.starts_with("account:") && account.ends_with(":read") => 2,
        OFFLINE_ACCESS | ONLINE_ACCESS => 4,
        _ => 3,
    };
    let mut values: Vec<&str> = scope.iter().collect();
    values.sort_by_key(|value| weight(value));
    values
}

/// A form that was filled in wrongly is still a page; an overloaded server says so to machines too.
pub fn status_of(problem: Option<SignInProblem>) -> StatusCode {
    match problem {
        Some(SignInProblem::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
        Some(SignInProblem::TooManyAttempts { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(SignInProblem::WrongCredentials | SignInProblem::UsernameMissing | SignInProblem::PasswordMissing) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    }
}

pub fn host_of(uri: &str) -> String {
    url::Url::parse(uri)
        .ok()
        .and_then(|url| url.host_str().map(|host| url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))))
        .unwrap_or_else(|| uri.to_owned())
}

/// Pages show no Markdown.
pub fn plain(text: &str) -> String {
    text.replace('`', "")
}

fn target_page(app: &App, visit: &Visit, error: TargetError) -> Response {
    let kind = match error {
        TargetError::UnknownClient => ErrorKind::UnknownClient,
        TargetError::UnregisteredRedirectUri => ErrorKind::RedirectMismatch,
        TargetError::NotForFedcm | TargetError::ForeignPage | TargetError::NoClientId | TargetError::NoRedirectUri | TargetError::StateTooLong => {
            ErrorKind::InvalidRequest
        }
    };
    tracing::info!(%error, "authorization request without a target");
    error_page(app, &visit.request_id, &visit.language(None), kind, Some("invalid_request"), Some(&plain(&error.to_string())))
}
