//! The decision: issue a code, ask, or refuse. It changes nothing.
//!
//! `prompt=none` cannot reach a page: every question to the user is built by [`ask`], the one function that looks at it.

use chrono::TimeDelta;

use super::prompt::Prompt;
use super::validate::AuthorizationRequest;
use crate::domain::client::{Client, ClientKind};
use crate::domain::client_session::ClientSession;
use crate::domain::clock::Timestamp;
use crate::domain::consent::Consent;
use crate::domain::held_sessions::DeviceProof;
use crate::domain::id::SessionId;
use crate::domain::lifetime::Limits;
use crate::domain::scope::Scope;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::protocol::device_bound::{DEVICE_PROOF_MISSING, lacks_proof};
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::session::{Unusable, judge};

/// What is known when the request is decided.
pub struct Facts<'a> {
    pub client: &'a Client,
    /// The session that is to answer, usable or not (`account::which`).
    pub signed_in: Option<SignedIn<'a>>,
    /// The browser sent the cookie of a session, whatever that one is worth.
    pub cookie: bool,
    /// The browser is signed in with other accounts too.
    pub others: bool,
    /// More than one of them would do, and the user has not said which.
    pub ambiguous: bool,
    /// The request says whose sign-in it wants, by `id_token_hint` or a value of the claim `sub`, and it is not who is signed in.
    pub names_another: bool,
    /// There once the user has been asked something on behalf of this very request.
    pub interaction: Option<Interaction>,
}

#[derive(Clone, Copy)]
pub struct SignedIn<'a> {
    pub session: &'a Session,
    pub user: &'a User,
    pub client_session: Option<&'a ClientSession>,
    pub consent: Option<&'a Consent>,
    /// What came beside the session's cookie.
    pub device: DeviceProof,
}

/// What has happened since the request first came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interaction {
    /// The session, and its last sign-in, that the request first came with: a sign-in for this request makes it another.
    pub session_before: Option<(SessionId, Timestamp)>,
    /// When the request first came.
    pub began_at: Option<Timestamp>,
    /// The user said which account to go on with.
    pub account_chosen: bool,
    /// The user wants to sign in with another account than the one that is signed in.
    pub another_account: bool,
    /// The user said that they are not whom the page was for, and others are signed in.
    pub choose_again: bool,
    /// The user has just said yes on the consent page of this request.
    pub consent_given: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Show the sign-in page.
    Authenticate(Why),
    /// Show the account chooser.
    ChooseAccount,
    /// Ask the user to allow this scope.
    AskConsent(Scope),
    /// Issue a code.
    Issue,
    Refuse(OAuthError),
}

/// Why a sign-in is needed. It goes to the log with every `login_required`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// None came: nobody has signed in here, or the browser keeps it back (a frame of another site).
    NoCookie,
    /// One came, and there is no such session.
    NoSession,
    Session(Unusable),
    /// The session is bound to a device, and nothing shows that the request comes from there (`protocol::device_bound`).
    DeviceProofMissing,
    PromptLogin,
    MaxAge,
    HintOfAnother,
    AnotherAccount,
}

impl Why {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoCookie => "no_cookie",
            Self::NoSession => "no_session",
            Self::Session(unusable) => unusable.as_str(),
            Self::DeviceProofMissing => DEVICE_PROOF_MISSING,
            Self::PromptLogin => "prompt_login",
            Self::MaxAge => "max_age",
            Self::HintOfAnother => "id_token_hint_of_another",
            Self::AnotherAccount => "another_account",
        }
    }
}

pub fn decide(request: &AuthorizationRequest, facts: &Facts<'_>, limits: &Limits, now: Timestamp) -> Decision {
    let Some(signed_in) = facts.signed_in else {
        return ask(request, Decision::Authenticate(if facts.cookie { Why::NoSession } else { Why::NoCookie }));
    };
    // Which of several comes before anything that is asked of one.
    if facts.others && must_choose(request, facts, signed_in.session, now) {
        return ask(request, Decision::ChooseAccount);
    }
    // Whoever it is that is there.
    if facts.interaction.is_some_and(|interaction| interaction.another_account) && !is_fresh(facts, signed_in.session, now) {
        return ask(request, Decision::Authenticate(Why::AnotherAccount));
    }
    if let Err(unusable) = judge(signed_in.session, signed_in.user, signed_in.client_session, limits, now) {
        return ask(request, Decision::Authenticate(Why::Session(unusable)));
    }
    if lacks_proof(signed_in.session, &signed_in.device, now) {
        return ask(request, Decision::Authenticate(Why::DeviceProofMissing));
    }
    // Nobody is asked, and the user has not allowed this client: then it hears that, and nothing of who the user is or when they signed in, which
    // it could else find out by asking for one user or one `max_age` after the other (PN-02).
    if request.prompts.has(Prompt::None)
        && let Some(scope) = scope_to_ask_for(request, facts, signed_in.consent)
    {
        return ask(request, Decision::AskConsent(scope));
    }
    if facts.ambiguous {
        return ask(request, Decision::ChooseAccount);
    }
    if let Some(why) = must_authenticate(request, facts, &signed_in, now) {
        return ask(request, Decision::Authenticate(why));
    }
    // OIDC Core §5.5.1.1: what is essential and cannot be met is an authentication that failed.
    if !request.claims.accept_acr(signed_in.session.acr) {
        return Decision::Refuse(OAuthError::new(
            ErrorCode::UnmetAuthenticationRequirements,
            "None of the `acr` values asked for as essential can be met: see `acr_values_supported`, or ask without `essential`.",
        ));
    }
    if must_choose(request, facts, signed_in.session, now) {
        return ask(request, Decision::ChooseAccount);
    }
    if let Some(scope) = scope_to_ask_for(request, facts, signed_in.consent) {
        return ask(request, Decision::AskConsent(scope));
    }
    Decision::Issue
}

/// The one place where `prompt=none` meets a question (OIDC Core §3.1.2.6): the question becomes a refusal.
fn ask(request: &AuthorizationRequest, question: Decision) -> Decision {
    if !request.prompts.has(Prompt::None) {
        return question;
    }
    Decision::Refuse(match question {
        Decision::Authenticate(Why::HintOfAnother) => {
            OAuthError::new(ErrorCode::AccountSelectionRequired, "Another account is signed in than the one that `id_token_hint` or `claims` names.")
                .because(Why::HintOfAnother.as_str())
        }
        Decision::Authenticate(why) => OAuthError::new(ErrorCode::LoginRequired, "Login required").because(why.as_str()),
        Decision::AskConsent(_) => OAuthError::new(ErrorCode::ConsentRequired, "Consent required"),
        Decision::ChooseAccount => OAuthError::new(ErrorCode::AccountSelectionRequired, "Account selection required"),
        answer @ (Decision::Issue | Decision::Refuse(_)) => return answer,
    })
}

fn must_authenticate(request: &AuthorizationRequest, facts: &Facts<'_>, signed_in: &SignedIn<'_>, now: Timestamp) -> Option<Why> {
    let fresh = is_fresh(facts, signed_in.session, now);
    if facts.names_another {
        return Some(Why::HintOfAnother);
    }
    if request.prompts.has(Prompt::Login) && !fresh {
        return Some(Why::PromptLogin);
    }
    // OIDC Core §3.1.2.1: max_age=0 asks like prompt=login, so a sign-in made for this request must satisfy it.
    let too_old = |max_age| now.signed_duration_since(signed_in.session.auth_time) > max_age;
    (request.max_age.is_some_and(too_old) && !fresh).then_some(Why::MaxAge)
}

/// OIDC Core §3.1.2.1, `prompt=select_account`, or because the user asks for it: who has signed in for this request has chosen by that; and who wants another account than all that
/// are there is on the way to signing in with it.
fn must_choose(request: &AuthorizationRequest, facts: &Facts<'_>, session: &Session, now: Timestamp) -> bool {
    let chosen = facts.interaction.is_some_and(|interaction| interaction.account_chosen || interaction.another_account);
    let wanted = request.prompts.has(Prompt::SelectAccount) || facts.interaction.is_some_and(|interaction| interaction.choose_again);
    wanted && !chosen && !is_fresh(facts, session, now)
}

/// Did the user sign in for this very request? The session has become another since, and by a sign-in that came after the request: a
/// request that a form of another site brought may have come without the cookie of a session that was there. And only for a while, so that the
/// address of an old sign-in page does not stand for a password.
fn is_fresh(facts: &Facts<'_>, session: &Session, now: Timestamp) -> bool {
    let since = |interaction: Interaction| {
        let another = interaction.session_before != Some((session.id, session.auth_time));
        another && interaction.began_at.is_none_or(|began_at| session.auth_time >= began_at)
    };
    facts.interaction.is_some_and(since) && now.signed_duration_since(session.auth_time) <= FRESH
}

/// How long a sign-in may be followed by consent and the like.
const FRESH: TimeDelta = TimeDelta::minutes(10);

/// What the user has not allowed yet. First-party clients need not ask, unless the request itself says `prompt=consent`, or might be another's.
fn scope_to_ask_for(request: &AuthorizationRequest, facts: &Facts<'_>, consent: Option<&Consent>) -> Option<Scope> {
    if request.prompts.has(Prompt::Consent) || !is_assured(facts.client, request.target.redirect_uri()) {
        let given = facts.interaction.is_some_and(|i| i.consent_given) && consent.is_some_and(|c| request.is_within(&c.scope));
        return (!given).then(|| request.scope_to_allow());
    }
    if facts.client.metadata.first_party {
        return None;
    }
    let allowed = consent.is_some_and(|consent| request.is_within(&consent.scope));
    (!allowed).then(|| request.scope_to_allow())
}

/// Whether this client need not ask the user for anything when nobody is there to be asked.
pub fn is_allowed(request: &AuthorizationRequest, client: &Client, consent: Option<&Consent>) -> bool {
    let facts = Facts { client, signed_in: None, cookie: true, others: false, ambiguous: false, names_another: false, interaction: None };
    scope_to_ask_for(request, &facts, consent).is_none()
}

/// Can only this client be reached by this redirect URI? Anything on the user's device can listen on a loopback port or claim a private-use
/// scheme, so an earlier yes says nothing of who asks now (RFC 8252 §8.6, ASVS 10.7.1). An https address belongs to somebody.
fn is_assured(client: &Client, redirect_uri: &str) -> bool {
    client.metadata.kind != ClientKind::Native || redirect_uri.starts_with("https://")
}

#[cfg(test)]
mod tests;
