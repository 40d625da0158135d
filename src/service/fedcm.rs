//! FedCM: the accounts that a browser is signed in with, the code for one of them, and taking leave of an application.
//!
//! A request is decided by the very function that decides `/authorize` ([`start_fedcm`]), first as `prompt=none`. Where that would be refused for
//! want of somebody to ask, and the user is there to be asked, the request goes on in a window of the browser's ([`goes_on`]), over the same pages.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::account::SignedIn;
use super::account::actions::{By, withdraw};
use super::accounts::{self, Account};
use super::authorize::{Cookies, Outcome, resume_opened, start_fedcm};
use super::known_clients::KnownClient;
use super::ticket::{self, Authorization};
use super::{Core, Failure, subject};
use crate::domain::held_sessions::{HeldSessions, Slot};
use crate::domain::id::{ClientId, UserId};
use crate::protocol::authorize::TargetError;
use crate::protocol::authorize::fedcm_target;
use crate::protocol::authorize::response::{AuthorizationResponse, Handed};
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::fedcm::{self, Asked, is_approved, is_meant, opened};
use crate::protocol::params::Params;
use crate::store::{client_sessions, consents};

/// The accounts that the browser may offer: those that are signed in by the limits in force where no application asks. The last chosen first.
pub async fn accounts(core: &Core, held: HeldSessions) -> Result<Vec<fedcm::Account>, Failure> {
    let mut offered = Vec::new();
    let (signed_in, why) = accounts::signed_in_or_why(core, held).await?;
    if signed_in.is_empty() {
        tracing::info!(error = ErrorCode::LoginRequired.as_str(), reason = why, "FedCM: nobody is signed in");
    }
    for SignedIn { user, .. } in signed_in {
        let picture = user.profile.details.read()?.picture;
        let approved = approved_clients(core, user.id).await?;
        offered.push(fedcm::Account::of(&user, picture, approved));
    }
    Ok(offered)
}

/// Looked at for one account: what is beyond the newest of them is explained to its user once more.
const CLIENT_SESSIONS: u32 = 500;

async fn approved_clients(core: &Core, user: UserId) -> Result<Vec<ClientId>, Failure> {
    let clients = Arc::clone(&core.clients);
    let approved = core.store.read(move |db| {
        let consented: BTreeSet<ClientId> = consents::list_by_user(db, user)?.into_iter().map(|consent| consent.client_id).collect();
        let client_sessions = client_sessions::list_by_user(db, user, CLIENT_SESSIONS)?;
        let opened = opened(&client_sessions);
        let mut approved = Vec::new();
        for id in consented.iter().collect::<BTreeSet<_>>().union(&opened) {
            if clients.find(db, id)?.is_some_and(|client| is_approved(&client, consented.contains(*id), opened.contains(id))) {
                approved.push((*id).clone());
            }
        }
        Ok(approved)
    });
    Ok(approved.await?)
}

/// An enabled client, if it uses FedCM at all.
pub async fn client(core: &Core, id: Option<&str>) -> Result<Option<Arc<KnownClient>>, Failure> {
    Ok(registered(core, id).await?.filter(|client| client.metadata.fedcm && client.disabled_at.is_none()))
}

async fn registered(core: &Core, id: Option<&str>) -> Result<Option<Arc<KnownClient>>, Failure> {
    match id.and_then(|id| ClientId::parse(id).ok()) {
        Some(id) => Ok(core.clients.get(&core.store, &id).await?),
        None => Ok(None),
    }
}

/// An answer, and whether the page that asks may read it: its origin is the client's own.
#[derive(Debug)]
pub struct Answer<T> {
    pub answer: Result<T, Failure>,
    pub readable: bool,
}

#[derive(Debug)]
pub enum Assertion {
    /// With `renew` a remembered session was used, and its cookie may live on.
    Code { code: String, renew: Option<Slot> },
    /// The user has to be asked: with this ticket, in a window of the browser's.
    GoOn(String),
    /// By the verdict of `/authorize`, which has logged it with the client and the reason.
    Refused(OAuthError),
}

/// What a request of the browser's is answered.
pub async fn assert(core: &Core, form: &Params, origin: &str, held: HeldSessions) -> Answer<Assertion> {
    match page_of(core, form, origin).await {
        Ok(_) => Answer { answer: decide(core, form, origin, held).await, readable: true },
        Err((failure, readable)) => Answer { answer: Err(failure), readable },
    }
}

/// The client, if the page is one of its own and it uses FedCM; else why not, and whether the page may know.
async fn page_of(core: &Core, form: &Params, origin: &str) -> Result<Arc<KnownClient>, (Failure, bool)> {
    let client = registered(core, form.get("client_id")).await.map_err(|failure| (failure, false))?;
    match (fedcm_target(client.as_deref().map(|client| &**client), origin), client) {
        (Ok(_), Some(client)) => Ok(client),
        (Err(error), _) => Err((refused(error).into(), error == TargetError::NotForFedcm)),
        (Ok(_), None) => Err((refused(TargetError::UnknownClient).into(), false)),
    }
}

fn refused(error: TargetError) -> OAuthError {
    OAuthError::new(ErrorCode::UnauthorizedClient, error.to_string())
}

async fn decide(core: &Core, form: &Params, origin: &str, held: HeldSessions) -> Result<Assertion, Failure> {
    let asked = Asked::read(form)?;
    let account = match asked.account {
        Some(user) => accounts_of(core, held).await?.into_iter().find(|account| account.facts.user.id == user),
        None => None,
    };
    // Signed out, or an account of another browser: the same.
    let Some(account) = account else {
        let why = if held.is_empty() { "no_cookie" } else { "account_not_here" };
        return Err(OAuthError::new(ErrorCode::LoginRequired, "Login required").because(why).into());
    };
    if let Some(params) = &asked.silently {
        let outcome = start_fedcm(core, params, origin, &account).await?;
        let wants_the_user = matches!(&outcome, Outcome::Respond { response: AuthorizationResponse::Fedcm(Handed::Refusal(_)), .. });
        if !wants_the_user || asked.openly.is_none() {
            return told(core, outcome, &account);
        }
    }
    match &asked.openly {
        Some(params) => told(core, start_fedcm(core, params, origin, &account).await?, &account),
        None => Err(OAuthError::new(ErrorCode::InteractionRequired, "`prompt` asks for the user and for nobody.").into()),
    }
}

async fn accounts_of(core: &Core, held: HeldSessions) -> Result<Vec<Account>, Failure> {
    Ok(core.store.read(move |db| accounts::load(db, &held, None)).await?)
}

fn told(core: &Core, outcome: Outcome, account: &Account) -> Result<Assertion, Failure> {
    match outcome {
        Outcome::Respond { response: AuthorizationResponse::Fedcm(Handed::Code { code, .. }), renew, .. } => Ok(Assertion::Code { code, renew }),
        Outcome::Respond { response: AuthorizationResponse::Fedcm(Handed::Refusal(error)), .. } => Ok(Assertion::Refused(error)),
        Outcome::Malformed(error) => Err(error.into()),
        Outcome::Ask(question) => Ok(Assertion::GoOn(ticket::issue_to(core, account.facts.session.id, question.authorization))),
        Outcome::Page(error) => Err(refused(error).into()),
        // Not to be reached: a request that came by FedCM has no other target.
        Outcome::Respond { .. } => Err(OAuthError::new(ErrorCode::InvalidRequest, "The request did not come by FedCM.").into()),
    }
}

/// The request that the browser opens a window for, if it is of an account that is signed in here: so nobody is led on in another's request.
pub async fn goes_on(core: &Core, ticket: &str, cookies: Cookies<'_>) -> Result<Option<Outcome>, Failure> {
    let accounts = accounts_of(core, cookies.sessions).await?;
    let opened = accounts.iter().find_map(|account| ticket::open_as::<Authorization>(core, account.facts.session.id, ticket));
    match opened {
        Some(authorization) => resume_opened(core, authorization, cookies).await.map(Some),
        None => Ok(None),
    }
}

/// Takes the access of the page's application back, for the account that is meant: as the user can on the account page. The account.
pub async fn disconnect(core: &Core, form: &Params, origin: &str, held: HeldSessions) -> Answer<UserId> {
    match page_of(core, form, origin).await {
        Ok(client) => Answer { answer: take_leave(core, &client, form, held).await, readable: true },
        Err((failure, readable)) => Answer { answer: Err(failure), readable },
    }
}

async fn take_leave(core: &Core, client: &KnownClient, form: &Params, held: HeldSessions) -> Result<UserId, Failure> {
    let hint = form.require("account_hint")?;
    let here = accounts::signed_in(core, held).await?;
    let meant = here.iter().map(|account| &account.user).find(|user| is_meant(hint, user, &subject::of(core, client, user.id)));
    let Some(user) = meant.map(|user| user.id) else {
        return Err(not_here());
    };
    // To an application that the user has had nothing to do with they are not here, by whatever name it guesses at them.
    if !has_met(core, user, client.id.clone()).await? {
        return Err(not_here());
    }
    // What was ended before stays as it is and counts as done.
    withdraw(core, user, client.id.clone(), &By::Fedcm).await?;
    Ok(user)
}

fn not_here() -> Failure {
    OAuthError::new(ErrorCode::LoginRequired, "No account that `account_hint` means is signed in.").because("account_not_here").into()
}

/// Whether the user has opened the application or allowed it something, be it over or not.
async fn has_met(core: &Core, user: UserId, client: ClientId) -> Result<bool, Failure> {
    let met = core.store.read(move |db| {
        Ok(consents::find(db, user, &client)?.is_some()
            || client_sessions::list_by_user(db, user, CLIENT_SESSIONS)?.iter().any(|opened| opened.client_id == client))
    });
    Ok(met.await?)
}
