//! The authorization endpoint.
//!
//! 1. [`start`] reads the parameters, finds the target and validates the request; [`resume`] does the same from a ticket.
//! 2. The browser's cookies name sessions: which of them answers, and what, the rules decide.
//! 3. A code is sealed, or the user is asked, or the application gets a refusal. Nothing is written but, seldom, a use.

use std::sync::Arc;

use chrono::TimeDelta;

use super::accounts::{self, Account};
use super::browser_state::BrowserState;
use super::known_clients::KnownClient;
use super::ticket::{self, Authorization, Browser};
use super::{Core, Failure, code, found_over, subject};
use crate::domain::authorization_code::AuthorizationCode;
use crate::domain::client::Client;
use crate::domain::clock::Timestamp;
use crate::domain::duration::Lifetime;
use crate::domain::held_sessions::{DeviceProof, Held, HeldSessions, Slot};
use crate::domain::id::{ClientId, GrantId, SessionId, UserId};
use crate::domain::lifetime::Limits;
use crate::domain::refresh_family::Grant;
use crate::domain::scope::Scope;
use crate::domain::statistics::Counted;
use crate::domain::user::User;
use crate::protocol::authorize::account::{Asked, Candidate, Which, is_hinted, is_known, which};
use crate::protocol::authorize::response::{self, AuthorizationResponse};
use crate::protocol::authorize::{
    AuthorizationRequest, Decision, Facts, Interaction, Prompt, ResponseTarget, SignedIn, TargetError, Why, decide, fedcm_target, is_allowed, refuse_frame,
    target, validate,
};
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::params::Params;
use crate::protocol::session::{Unusable, judge, use_is_due};
use crate::store::StoreError;
use crate::store::sessions::{SessionFacts, Touch};

/// What the browser sent along.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cookies<'a> {
    pub sessions: HeldSessions,
    pub browser: Option<&'a Browser>,
    /// The answer will be shown in a frame of another page.
    pub framed: bool,
}

/// What happens next.
#[derive(Debug)]
pub enum Outcome {
    /// The application gets its answer: a code if `issued`.
    /// With `renew` a remembered session was used, and its cookie may live on.
    /// The browser's state cookie should say what the application is told.
    Respond { response: AuthorizationResponse, issued: bool, renew: Option<Slot>, browser_state: BrowserState },
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
    /// Who is asked, if somebody is signed in.
    pub user: Option<User>,
    /// Whom there is to choose from: everybody whose session nobody has ended.
    pub choices: Vec<Choice>,
    /// Whether the browser is to remember that session.
    pub remembered: bool,
    /// Where the form's answer ends, for `form-action`.
    pub target: ResponseTarget,
    /// What holds for this user at this client.
    pub limits: Limits,
    pub login_hint: Option<String>,
    pub ui_locales: Option<String>,
    pub authorization: Authorization,
}

/// An account to choose.
#[derive(Debug)]
pub struct Choice {
    pub session: SessionId,
    pub user: User,
    /// The session is past a limit at this application: the password is asked for next.
    pub over: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuestionKind {
    SignIn(Why),
    ChooseAccount,
    Consent(Scope),
}

/// A fresh request.
pub async fn start(core: &Core, params: Params, cookies: Cookies<'_>) -> Result<Outcome, Failure> {
    let authorization = Authorization { began_at: Some(core.now()), ..Authorization::default() };
    run(core, &params, authorization, None, cookies).await
}

/// The same that a page at `origin` makes by FedCM, for the account of this one session.
pub async fn start_fedcm(core: &Core, params: &Params, origin: &str, account: &Account) -> Result<Outcome, Failure> {
    let session = account.facts.session.id;
    let authorization = Authorization { fedcm: Some(origin.to_owned()), account: Some(session), began_at: Some(core.now()), ..Authorization::default() };
    let cookies = Cookies { sessions: [account.held].into_iter().collect(), ..Cookies::default() };
    run(core, params, authorization, None, cookies).await
}

/// Where the answer to a waiting request goes. How a request came is in the seal: no parameter can say it.
fn target_of(params: &Params, authorization: &Authorization, client: Option<&Client>) -> Result<ResponseTarget, TargetError> {
    match &authorization.fedcm {
        Some(origin) => fedcm_target(client, origin),
        None => target(params, client),
    }
}

/// A request whose user has been asked something. `None`: the ticket is not of this browser, or too old.
pub async fn resume(core: &Core, ticket: &str, cookies: Cookies<'_>) -> Result<Option<Outcome>, Failure> {
    let Some(authorization) = opened(core, ticket, cookies) else { return Ok(None) };
    resume_opened(core, authorization, cookies).await.map(Some)
}

fn opened(core: &Core, ticket: &str, cookies: Cookies<'_>) -> Option<Authorization> {
    ticket::open(core, cookies.browser?, ticket)
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
        choose_again: authorization.choose_again,
        consent_given: authorization.consent_given,
    };
    run(core, &params, authorization, Some(interaction), cookies).await
}

/// The same for whoever has just signed in with this session, on the page that the ticket is of.
pub async fn resume_as(core: &Core, ticket: &str, session: SessionId, cookies: Cookies<'_>) -> Result<Option<Outcome>, Failure> {
    let Some(authorization) = opened(core, ticket, cookies) else { return Ok(None) };
    resume_opened(core, Authorization { account: Some(session), ..authorization }, cookies).await.map(Some)
}

/// The user wants to sign in with another account than those that are there.
pub async fn choose_another(core: &Core, authorization: Authorization, cookies: Cookies<'_>) -> Result<Outcome, Failure> {
    let accounts = accounts_of(core, cookies).await?;
    resume_opened(core, Authorization { another_account: true, ..begun_anew(core, authorization, &accounts) }, cookies).await
}

/// The user is not whom the page is for: they choose among those that are there, and where nobody else is, sign in.
pub async fn choose_again(core: &Core, authorization: Authorization, cookies: Cookies<'_>) -> Result<Outcome, Failure> {
    let accounts = accounts_of(core, cookies).await?;
    let now = core.now();
    let several = accounts.iter().filter(|account| account.is_live(now)).count() > 1;
    let begun = begun_anew(core, authorization, &accounts);
    resume_opened(core, Authorization { choose_again: several, another_account: !several, ..begun }, cookies).await
}

async fn accounts_of(core: &Core, cookies: Cookies<'_>) -> Result<Vec<Account>, Failure> {
    let held = cookies.sessions;
    Ok(core.store.read(move |db| accounts::load(db, &held, None)).await?)
}

/// The same request as if it came now, with nobody chosen: a sign-in that was made in another tab meanwhile was not made for it.
fn begun_anew(core: &Core, authorization: Authorization, accounts: &[Account]) -> Authorization {
    let asked = accounts.iter().find(|account| Some(account.facts.session.id) == authorization.account).or(accounts.first());
    let session_before = asked.map(|account| (account.facts.session.id, account.facts.session.auth_time));
    Authorization { session_before, began_at: Some(core.now()), account: None, account_chosen: false, another_account: false, ..authorization }
}

/// What came of a choice.
#[derive(Debug)]
pub struct Chosen {
    pub outcome: Outcome,
    /// The cookie of the account, and whether the browser keeps it.
    pub account: Option<(Held, bool)>,
    /// Whose cookies open nothing any more: of accounts that were not on the page, so that the choice is between those that were.
    pub over: Vec<Slot>,
}

/// The user goes on with this account. If it is not there any more, the page is shown again.
pub async fn choose(core: &Core, authorization: Authorization, session: Option<SessionId>, cookies: Cookies<'_>) -> Result<Chosen, Failure> {
    let accounts = accounts_of(core, cookies).await?;
    let now = core.now();
    let account = accounts.iter().find(|account| Some(account.facts.session.id) == session && account.is_live(now));
    let (authorization, account, over) = match account {
        Some(account) => (
            Authorization { account: session, account_chosen: true, another_account: false, ..authorization },
            Some((account.held, account.facts.session.remembered)),
            accounts.iter().filter(|other| other.facts.session.ended.is_some()).map(|other| other.held.slot).collect(),
        ),
        None => (begun_anew(core, authorization, &accounts), None, Vec::new()),
    };
    Ok(Chosen { outcome: resume_opened(core, authorization, cookies).await?, account, over })
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
    let client = load(core, &params, HeldSessions::default()).await?.client;
    Ok(match target_of(&params, authorization, client.as_deref().map(|client| &**client)) {
        Ok(target) => refuse(core, &target, &OAuthError::new(ErrorCode::AccessDenied, "The user did not allow the request."), BrowserState::Unknown),
        Err(error) => Outcome::Page(error),
    })
}

async fn run(
    core: &Core,
    params: &Params,
    mut authorization: Authorization,
    mut interaction: Option<Interaction>,
    cookies: Cookies<'_>,
) -> Result<Outcome, Failure> {
    let Loaded { client, accounts } = load(core, params, cookies.sessions).await?;
    let target = match target_of(params, &authorization, client.as_deref().map(|client| &**client)) {
        Ok(target) => target,
        Err(error) => return Ok(Outcome::Page(error)),
    };
    let Some(client) = client else {
        return Ok(Outcome::Page(TargetError::UnknownClient));
    };
    let refused = |error: &OAuthError| Ok(refuse(core, &target, error, BrowserState::of(core, &accounts, None)));
    let request = match refuse_frame(&client, cookies.framed).and_then(|()| validate(params, target.clone(), &client)) {
        Ok(request) => request,
        Err(error) => return refused(&error),
    };
    let hint = match request.id_token_hint.as_deref() {
        None => None,
        // Boxed, as all that is seldom awaited here: the future of every request would be as large.
        Some(hint) => match Box::pin(subject::hint(core, hint)).await.filter(|hint| hint.may_be_sent_by(&client)) {
            Some(hint) => Some(hint),
            None => return refused(&OAuthError::invalid_request("`id_token_hint` is not an ID token of this issuer for this client.")),
        },
    };
    let now = core.now();
    let names = |user| hint.as_ref().is_none_or(|hint| hint.names(core, &client, user)) && request.claims.are_of(|| subject::of(core, &client, user));
    let which = match accounts.as_slice() {
        [] => Which::Nobody,
        [_] => Which::One(0),
        several => {
            let asked = Asked { silently: request.prompts.has(Prompt::None), names_somebody: hint.is_some() || request.claims.names_somebody() };
            let candidates: Vec<Candidate> = several.iter().map(|account| candidate(account, &request, &client, &authorization, &names, now)).collect();
            which(&candidates, asked)
        }
    };
    let session = which.index().and_then(|index| accounts.get(index));
    let browser_state = BrowserState::of(core, &accounts, session);
    let held = session.map(|account| account.held);
    let device = held.map_or(DeviceProof::Missing, |held| held.device);
    let session = session.map(|account| &account.facts);
    if interaction.is_none() {
        authorization.session_before = session.map(|facts| (facts.session.id, facts.session.auth_time));
    }
    // A choice counts for the account that was chosen.
    if let (Some(interaction), Some(chosen)) = (&mut interaction, authorization.account) {
        interaction.account_chosen &= session.is_some_and(|facts| facts.session.id == chosen);
    }
    let limits = session.map_or_else(|| client.limits_alone(), |facts| client.limits(&facts.user, facts.session.acr));
    let facts = Facts {
        client: &client,
        signed_in: session.map(|f| SignedIn {
            session: &f.session,
            user: &f.user,
            client_session: f.client_session.as_ref(),
            consent: f.consent.as_ref(),
            device,
        }),
        cookie: !cookies.sessions.is_empty(),
        others: accounts.iter().any(|account| account.is_live(now) && session.is_none_or(|asked| asked.session.id != account.facts.session.id)),
        ambiguous: matches!(which, Which::Several(_)),
        names_another: session.is_some_and(|facts| !names(facts.user.id)),
        interaction,
    };
    let kind = match (decide(&request, &facts, &limits, now), session, held) {
        (Decision::Refuse(error), ..) => {
            for SessionFacts { session, user, .. } in accounts.iter().map(|account| &account.facts) {
                found_over::notice(core, Some(session), &client.limits(user, session.acr), now);
            }
            return Ok(refuse(core, &target, &error, browser_state));
        }
        (Decision::Issue, Some(facts), Some(held)) => {
            let renew = touch(core, facts, &client.id, &limits, now).await.then_some(held.slot);
            let code = seal_code(core, &request, facts, limits.code, now);
            if request.prompts.has(Prompt::None) {
                core.tally.count(Counted::SilentRenewals);
            }
            let response = response::code(&target, core.issuer(), &code, facts.user.id, browser_state.for_application(core, &target));
            return Ok(Outcome::Respond { response, issued: true, renew, browser_state });
        }
        // Not to be reached: `decide` issues only to somebody who is signed in. Asking is the safe answer.
        (Decision::Issue, ..) => QuestionKind::SignIn(Why::NoSession),
        (Decision::Authenticate(why), session, _) => {
            // Here at once: whoever signs in again finds it ended. Failing to is harmless.
            if let (Why::Session(Unusable::ExpiredAbsolute | Unusable::ExpiredIdle), Some(facts)) = (why, session)
                && let Err(error) = found_over::end(core, &[facts.session.id]).await
            {
                tracing::warn!(%error, "the end of a session could not be written");
            }
            QuestionKind::SignIn(why)
        }
        (Decision::ChooseAccount, ..) => QuestionKind::ChooseAccount,
        (Decision::AskConsent(scope), ..) => QuestionKind::Consent(scope),
    };
    let asked = which.index();
    Ok(ask(kind, Asking { client, accounts, asked, limits, request, params, authorization, now }))
}

/// What choosing among several asks of one of them.
fn candidate(
    account: &Account,
    request: &AuthorizationRequest,
    client: &KnownClient,
    authorization: &Authorization,
    names: &impl Fn(UserId) -> bool,
    now: Timestamp,
) -> Candidate {
    let SessionFacts { session, user, client_session, consent } = &account.facts;
    let limits = client.limits(user, session.acr);
    Candidate {
        usable: !account.is_off_its_device(now) && judge(session, user, client_session.as_ref(), &limits, now).is_ok(),
        named: names(user.id),
        hinted: request.login_hint.as_deref().is_some_and(|hint| is_hinted(hint, user)),
        allowed: is_allowed(request, client, consent.as_ref()),
        known: is_known(session, client_session.as_ref()),
        chosen: authorization.account == Some(session.id),
    }
}

/// What a page is made from.
struct Asking<'a> {
    client: Arc<KnownClient>,
    accounts: Vec<Account>,
    /// Which of them is asked.
    asked: Option<usize>,
    limits: Limits,
    request: AuthorizationRequest,
    params: &'a Params,
    authorization: Authorization,
    now: Timestamp,
}

fn ask(kind: QuestionKind, asking: Asking<'_>) -> Outcome {
    let Asking { client, mut accounts, asked, limits, request, params, authorization, now } = asking;
    let choices = if kind == QuestionKind::ChooseAccount { choices(&accounts, &client, now) } else { Vec::new() };
    let asked = asked.filter(|index| *index < accounts.len()).map(|index| accounts.swap_remove(index));
    // The page is for this account, whichever is chosen elsewhere meanwhile. Where another one is wanted, whoever comes is welcome.
    let account = match kind {
        QuestionKind::Consent(_) | QuestionKind::SignIn(Why::Session(_) | Why::PromptLogin | Why::MaxAge) => {
            asked.as_ref().map(|account| account.facts.session.id)
        }
        QuestionKind::ChooseAccount
        | QuestionKind::SignIn(Why::NoCookie | Why::NoSession | Why::DeviceProofMissing | Why::HintOfAnother | Why::AnotherAccount) => None,
    };
    // Away from its device nobody learns whose it is, not even that of one that has run out.
    let shown = asked.filter(|account| !account.is_off_its_device(now)).map(|account| account.facts);
    let (remembered, user) = shown.map_or((false, None), |facts| (facts.session.remembered, Some(facts.user)));
    Outcome::Ask(Box::new(Question {
        kind,
        client,
        choices,
        remembered,
        target: request.target,
        limits,
        login_hint: request.login_hint,
        ui_locales: params.get("ui_locales").map(str::to_owned),
        // Spelled out here and not before: an answer without a page does not need it.
        authorization: Authorization { params: params.encode(), asked: user.as_ref().map(|user| user.id), account, ..authorization },
        user,
    }))
}

/// Everybody whose session nobody has ended; of one that is past a limit here the password is asked for next.
fn choices(accounts: &[Account], client: &KnownClient, now: Timestamp) -> Vec<Choice> {
    let choice = |account: &Account| {
        let SessionFacts { session, user, client_session, .. } = &account.facts;
        // Away from its device nobody learns whose it is.
        if account.is_off_its_device(now) {
            return None;
        }
        let over = match judge(session, user, client_session.as_ref(), &client.limits(user, session.acr), now) {
            Ok(_) => false,
            Err(Unusable::Ended(_) | Unusable::UserDisabled | Unusable::PasswordChanged) => return None,
            Err(_) => true,
        };
        Some(Choice { session: session.id, user: user.clone(), over })
    };
    accounts.iter().filter_map(choice).collect()
}

struct Loaded {
    client: Option<Arc<KnownClient>>,
    accounts: Vec<Account>,
}

async fn load(core: &Core, params: &Params, held: HeldSessions) -> Result<Loaded, StoreError> {
    let Some(id) = params.get("client_id").and_then(|id| ClientId::parse(id).ok()) else {
        return Ok(Loaded { client: None, accounts: Vec::new() });
    };
    let clients = Arc::clone(&core.clients);
    core.store
        .read(move |db| {
            Ok(match accounts::load_at(db, &held, &id, &clients)? {
                Some((client, accounts)) => Loaded { client: Some(client), accounts },
                None => Loaded { client: None, accounts: Vec::new() },
            })
        })
        .await
}

fn refuse(core: &Core, target: &ResponseTarget, error: &OAuthError, browser_state: BrowserState) -> Outcome {
    tracing::info!(client = %target.client_id(), error = error.code.as_str(), reason = %error.reason, "authorization refused");
    Outcome::Respond { response: response::error(target, core.issuer(), error), issued: false, renew: None, browser_state }
}

/// Writes a use down when it is due. True: the cookie of a remembered session may live on; one that ends with the browser is left as it is.
/// Failing to is no reason to fail the request: the idle limit is then counted from an
/// earlier use, never a later one.
async fn touch(core: &Core, facts: &SessionFacts, client_id: &ClientId, limits: &Limits, now: Timestamp) -> bool {
    let client_session = facts.client_session.as_ref().filter(|client_session| client_session.ended.is_none());
    if !use_is_due(&facts.session, client_session, limits, now) {
        return false;
    }
    let client_id = facts.client_session.as_ref().map(|_| client_id.clone());
    match Box::pin(core.store.touch(Touch { session_id: facts.session.id, client_id, family_id: None, at: now })).await {
        Ok(()) => facts.session.remembered,
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
        redirect_uri: request.target.redirects_to().map(str::to_owned),
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
        dpop_jkt: request.dpop_jkt.clone(),
        issued_at: now,
        // At most 60 seconds whatever the settings say (FAPI 2.0 §5.3.2.1-11).
        expires_at: lifetime.after(now).map_or(now + TimeDelta::seconds(60), |end| end.min(now + TimeDelta::seconds(60))),
    };
    code::seal(core, code)
}
