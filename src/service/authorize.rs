//! The authorization endpoint.
//!
//! 1. [`start`] reads the parameters, finds the target and validates the request; [`resume`] does the same from a ticket.
//! 2. The browser's cookie names a session; the rules decide.
//! 3. A code is sealed, or the user is asked, or the application gets a refusal. Nothing is written but, seldom, a use.

use std::sync::Arc;

use chrono::TimeDelta;

use super::browser_state::{self, BrowserState};
use super::known_clients::KnownClient;
use super::ticket::{self, Authorization, Browser};
use super::{Core, Failure, found_over, subject};
use crate::domain::authorization_code::AuthorizationCode;
use crate::domain::clock::Timestamp;
use crate::domain::duration::Lifetime;
use crate::domain::id::{ClientId, GrantId, SessionId, UserId};
use crate::domain::lifetime::Limits;
use crate::domain::refresh_family::Grant;
use crate::domain::scope::Scope;
use crate::domain::secret::Digest;
use crate::domain::user::User;
use crate::protocol::authorize::response::{self, AuthorizationResponse};
use crate::protocol::authorize::{AuthorizationRequest, Decision, Facts, Interaction, ResponseTarget, SignedIn, TargetError, Why, decide, target, validate};
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::params::Params;
use crate::protocol::session::{Unusable, use_is_due};
use crate::store::StoreError;
use crate::store::sessions::{self, SessionFacts, Touch};

/// What the browser sent along.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cookies<'a> {
    /// The digest of the session cookie.
    pub session: Option<Digest>,
    pub browser: Option<&'a Browser>,
}

/// What happens next.
#[derive(Debug)]
pub enum Outcome {
    /// The application gets its answer.
    /// With `renew_cookie` the session was used, and its cookie may live on.
    /// The browser's state cookie should say what the application is told.
    Respond { response: AuthorizationResponse, renew_cookie: bool, browser_state: BrowserState },
    /// The user is asked something.
    Ask(Box<Question>),
    /// There is nowhere to send an answer: an error page.
    Page(TargetError),
    /// The request itself cannot be read: an error page.
    Malformed(OAuthError),
}

/// A page to show, with what it needs to say.
#[derive(Debug)]
pub struct Question {
    pub kind: QuestionKind,
    pub client: Arc<KnownClient>,
    /// Who is signed in, if somebody is.
    pub user: Option<User>,
    /// Where the form's answer ends, for `form-action`.
    pub target: ResponseTarget,
    /// What holds for this user at this client.
    pub limits: Limits,
    pub login_hint: Option<String>,
    pub ui_locales: Option<String>,
    pub authorization: Authorization,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuestionKind {
    SignIn(Why),
    ChooseAccount,
    Consent(Scope),
}

/// A fresh request.
pub async fn start(core: &Core, params: Params, cookies: Cookies<'_>) -> Result<Outcome, Failure> {
    let authorization = Authorization {
        params: String::new(),
        session_before: None,
        began_at: Some(core.now()),
        asked: None,
        account_chosen: false,
        another_account: false,
        consent_given: false,
    };
    run(core, &params, authorization, None, cookies).await
}

/// A request whose user has been asked something. `None`: the ticket is not of this browser, or too old.
pub async fn resume(core: &Core, ticket: &str, cookies: Cookies<'_>) -> Result<Option<Outcome>, Failure> {
    let Some(authorization) = cookies.browser.and_then(|browser| ticket::open::<Authorization>(core, browser, ticket)) else {
        return Ok(None);
    };
    resume_opened(core, authorization, cookies).await.map(Some)
}

/// The same, when the ticket is open already.
pub async fn resume_opened(core: &Core, authorization: Authorization, cookies: Cookies<'_>) -> Result<Outcome, Failure> {
    let params = match Params::parse(&authorization.params) {
        Ok(params) => params,
        Err(error) => return Ok(Outcome::Malformed(error)),
    };
    let interaction = Interaction {
        session_before: authorization.session_before,
        began_at: authorization.began_at,
        account_chosen: authorization.account_chosen,
        another_account: authorization.another_account,
        consent_given: authorization.consent_given,
    };
    run(core, &params, authorization, Some(interaction), cookies).await
}

/// The user wants to sign in with another account. The session that is there ends only when that has succeeded.
pub async fn choose_another(core: &Core, authorization: Authorization, cookies: Cookies<'_>) -> Result<Outcome, Failure> {
    let (_, session_before) = signed_in(core, cookies).await?;
    resume_opened(core, Authorization { session_before, account_chosen: true, another_account: true, ..authorization }, cookies).await
}

/// The user goes on with the account that the page showed; if another one is signed in by now, the page is shown again.
pub async fn choose_current(core: &Core, authorization: Authorization, cookies: Cookies<'_>) -> Result<Outcome, Failure> {
    let (user, session_before) = signed_in(core, cookies).await?;
    let authorization = if user.is_some() && user == authorization.asked {
        Authorization { account_chosen: true, ..authorization }
    } else {
        // That other sign-in was not made for this page: it does not answer it.
        Authorization { session_before, ..authorization }
    };
    resume_opened(core, authorization, cookies).await
}

type SignedInAs = (Option<UserId>, Option<(SessionId, Timestamp)>);

async fn signed_in(core: &Core, cookies: Cookies<'_>) -> Result<SignedInAs, Failure> {
    let facts = match cookies.session {
        Some(cookie) => core.store.read(move |db| sessions::facts(db, &cookie, None)).await?,
        None => None,
    };
    Ok(facts.map_or((None, None), |facts| (Some(facts.user.id), Some((facts.session.id, facts.session.auth_time)))))
}

/// The client that a waiting request is of.
pub fn client_of(authorization: &Authorization) -> Option<ClientId> {
    Params::parse(&authorization.params).ok()?.get("client_id").and_then(|id| ClientId::parse(id).ok())
}

/// The user said no (RFC 6749 §4.1.2.1).
pub async fn deny(core: &Core, authorization: &Authorization) -> Result<Outcome, Failure> {
    let params = match Params::parse(&authorization.params) {
        Ok(params) => params,
        Err(error) => return Ok(Outcome::Malformed(error)),
    };
    let client = load(core, &params, None).await?.client;
    Ok(match target(&params, client.as_deref().map(|client| &**client)) {
        Ok(target) => refuse(core, &target, &OAuthError::new(ErrorCode::AccessDenied, "The user did not allow the request."), BrowserState::Unknown),
        Err(error) => Outcome::Page(error),
    })
}

async fn run(
    core: &Core,
    params: &Params,
    mut authorization: Authorization,
    interaction: Option<Interaction>,
    cookies: Cookies<'_>,
) -> Result<Outcome, Failure> {
    let Loaded { client, session } = load(core, params, cookies.session).await?;
    if interaction.is_none() {
        authorization.session_before = session.as_ref().map(|facts| (facts.session.id, facts.session.auth_time));
    }
    let target = match target(params, client.as_deref().map(|client| &**client)) {
        Ok(target) => target,
        Err(error) => return Ok(Outcome::Page(error)),
    };
    let Some(client) = client else {
        return Ok(Outcome::Page(TargetError::UnknownClient));
    };
    let browser_state = browser_state_of(core, session.as_ref(), cookies.session);
    let request = match validate(params, target.clone(), &client) {
        Ok(request) => request,
        Err(error) => return Ok(refuse(core, &target, &error, browser_state)),
    };
    let hint = match request.id_token_hint.as_deref() {
        None => None,
        Some(hint) => match subject::hint(core, hint).await.filter(|hint| hint.may_be_sent_by(&client)) {
            Some(hint) => Some(hint),
            None => {
                let error = OAuthError::invalid_request("`id_token_hint` is not an ID token of this issuer for this client.");
                return Ok(refuse(core, &target, &error, browser_state));
            }
        },
    };
    let names_another = session.as_ref().is_some_and(|facts| {
        let user = facts.user.id;
        hint.is_some_and(|hint| !hint.names(core, &client, user)) || !request.claims.are_of(|| subject::of(core, &client, user))
    });
    let now = core.now();
    let limits = session.as_ref().map_or_else(|| client.limits_alone(), |facts| client.limits(&facts.user, facts.session.acr));
    let signed_in =
        session.as_ref().map(|f| SignedIn { session: &f.session, user: &f.user, client_session: f.client_session.as_ref(), consent: f.consent.as_ref() });
    let decision = decide(&request, &Facts { client: &client, signed_in, names_another, interaction }, &limits, now);
    let kind = match (decision, session) {
        (Decision::Refuse(error), session) => {
            found_over::notice(core, session.as_ref().map(|facts| &facts.session), &limits, now);
            return Ok(refuse(core, &target, &error, browser_state));
        }
        (Decision::Issue, Some(facts)) => {
            let renew_cookie = touch(core, &facts, &client.id, &limits, now).await;
            let code = seal_code(core, &request, &facts, limits.code, now);
            let response = response::code(&target, core.issuer(), &code, browser_state.for_application(core, &target));
            return Ok(Outcome::Respond { response, renew_cookie, browser_state });
        }
        // Not to be reached: `decide` issues only to somebody who is signed in. Asking is the safe answer.
        (Decision::Issue, None) => return Ok(ask(QuestionKind::SignIn(Why::NoSession), client, None, limits, request, params, authorization)),
        (Decision::Authenticate(why), session) => {
            // Here at once: whoever signs in again finds it ended. Failing to is harmless.
            if let (Why::Session(Unusable::ExpiredAbsolute | Unusable::ExpiredIdle), Some(facts)) = (why, &session)
                && let Err(error) = found_over::end(core, &[facts.session.id]).await
            {
                tracing::warn!(%error, "the end of a session could not be written");
            }
            return Ok(ask(QuestionKind::SignIn(why), client, session.map(|f| f.user), limits, request, params, authorization));
        }
        (Decision::ChooseAccount, session) => (QuestionKind::ChooseAccount, session),
        (Decision::AskConsent(scope), session) => (QuestionKind::Consent(scope), session),
    };
    let (kind, session) = kind;
    Ok(ask(kind, client, session.map(|f| f.user), limits, request, params, authorization))
}

fn ask(
    kind: QuestionKind,
    client: Arc<KnownClient>,
    user: Option<User>,
    limits: Limits,
    request: AuthorizationRequest,
    params: &Params,
    authorization: Authorization,
) -> Outcome {
    let asked = user.as_ref().map(|user| user.id);
    Outcome::Ask(Box::new(Question {
        kind,
        client,
        user,
        target: request.target,
        limits,
        login_hint: request.login_hint,
        ui_locales: params.get("ui_locales").map(str::to_owned),
        // Spelled out here and not before: an answer without a page does not need it.
        authorization: Authorization { params: params.encode(), asked, ..authorization },
    }))
}

struct Loaded {
    client: Option<Arc<KnownClient>>,
    session: Option<SessionFacts>,
}

async fn load(core: &Core, params: &Params, cookie: Option<Digest>) -> Result<Loaded, StoreError> {
    let Some(id) = params.get("client_id").and_then(|id| ClientId::parse(id).ok()) else {
        return Ok(Loaded { client: None, session: None });
    };
    let clients = Arc::clone(&core.clients);
    core.store
        .read(move |db| {
            let client = clients.find(db, &id)?;
            let session = match (&client, cookie) {
                (Some(_), Some(cookie)) => sessions::facts(db, &cookie, Some(&id))?,
                _ => None,
            };
            Ok(Loaded { client, session })
        })
        .await
}

fn refuse(core: &Core, target: &ResponseTarget, error: &OAuthError, browser_state: BrowserState) -> Outcome {
    tracing::info!(client = %target.client_id(), error = error.code.as_str(), reason = %error.reason, "authorization refused");
    Outcome::Respond { response: response::error(target, core.issuer(), error), renew_cookie: false, browser_state }
}

/// Of the browser, whatever a single client's limits say of the session.
fn browser_state_of(core: &Core, session: Option<&SessionFacts>, cookie: Option<Digest>) -> BrowserState {
    let live = session.is_some_and(|facts| facts.session.ended.is_none() && facts.user.disabled_at.is_none());
    match cookie.filter(|_| live) {
        Some(cookie) => BrowserState::SignedIn(browser_state::of(core, &cookie)),
        None => BrowserState::Nobody,
    }
}

/// Writes a use down when it is due. Failing to is no reason to fail the request: the idle limit is then counted from an
/// earlier use, never a later one.
async fn touch(core: &Core, facts: &SessionFacts, client_id: &ClientId, limits: &Limits, now: Timestamp) -> bool {
    let client_session = facts.client_session.as_ref().filter(|client_session| client_session.ended.is_none());
    if !use_is_due(&facts.session, client_session, limits, now) {
        return false;
    }
    let client_id = facts.client_session.as_ref().map(|_| client_id.clone());
    match core.store.touch(Touch { session_id: facts.session.id, client_id, family_id: None, at: now }).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "a use of a session could not be written");
            false
        }
    }
}

fn seal_code(core: &Core, request: &AuthorizationRequest, facts: &SessionFacts, lifetime: Lifetime, now: Timestamp) -> String {
    let code = AuthorizationCode {
        id: GrantId::generate(now, core.entropy.as_ref()),
        client_id: request.target.client_id().clone(),
        redirect_uri: request.target.redirect_uri().to_owned(),
        user_id: facts.user.id,
        session_id: facts.session.id,
        grant: Grant {
            scope: request.scope.clone(),
            resources: request.resources.clone(),
            auth_time: facts.session.auth_time,
            acr: facts.session.acr,
            claims: request.claims.named,
        },
        nonce: request.nonce.clone(),
        code_challenge: request.code_challenge.clone(),
        issued_at: now,
        // At most 60 seconds whatever the settings say (FAPI 2.0 §5.3.2.1-11).
        expires_at: lifetime.after(now).map_or(now + TimeDelta::seconds(60), |end| end.min(now + TimeDelta::seconds(60))),
    };
    let plain = serde_json::to_vec(&code).unwrap_or_default();
    format!("{CODE_PREFIX}{}", core.codes.seal_text(core.entropy.as_ref(), CODE_AAD, &plain))
}

/// So that a secret scanner knows one when it sees one.
pub const CODE_PREFIX: &str = "gk_ac_";
const CODE_AAD: &[u8] = b"authorization code";

/// Opens a presented code; `None` for anything that we did not seal.
pub fn open_code(core: &Core, text: &str) -> Option<AuthorizationCode> {
    let plain = core.codes.open_text(CODE_AAD, text.strip_prefix(CODE_PREFIX)?)?;
    serde_json::from_slice(&plain).ok()
}
