//! The accounts that a browser is signed in with: what its session cookies mean.

use std::sync::Arc;

use super::known_clients::{KnownClient, KnownClients};
use super::{Core, Failure, found_over};
use crate::domain::clock::Timestamp;
use crate::domain::held_sessions::{Held, HeldSessions};
use crate::domain::id::ClientId;
use crate::domain::lifetime::Limits;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::protocol::authorize::Why;
use crate::protocol::device_bound::{DEVICE_PROOF_MISSING, lacks_proof};
use crate::protocol::session::{Unusable, judge};
use crate::store::sessions::{self, SessionFacts};
use crate::store::{Connection, StoreError};

/// A session cookie, and the session that it opens, ended or not.
#[derive(Debug, Clone)]
pub struct Account {
    pub held: Held,
    pub facts: SessionFacts,
}

impl Account {
    /// Nobody has ended it, and it is on its device. Whether it is past its limits is not looked at.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.is_there() && !self.is_off_its_device(now)
    }

    /// The same of whoever has the cookie, wherever.
    pub fn is_there(&self) -> bool {
        self.facts.session.ended.is_none() && self.facts.user.disabled_at.is_none()
    }

    /// The session is bound to a device, and the request does not come from there.
    pub fn is_off_its_device(&self, now: Timestamp) -> bool {
        lacks_proof(&self.facts.session, &self.held.device, now)
    }
}

/// One read for each cookie that is there; one that opens nothing is left out. The last chosen comes first.
pub fn load(db: &mut Connection, held: &HeldSessions, client: Option<&ClientId>) -> Result<Vec<Account>, StoreError> {
    let mut accounts = Vec::new();
    for held in held.iter() {
        add(&mut accounts, held, sessions::facts(db, &held.digest, client)?);
    }
    Ok(accounts)
}

/// A client, and who is signed in with the browser that asks for it.
pub type AtClient = (Arc<KnownClient>, Vec<Account>);

/// The same with the client that asks, which the read of the first cookie brings along. Without a client nobody is looked for.
pub fn load_at(db: &mut Connection, held: &HeldSessions, id: &ClientId, clients: &KnownClients) -> Result<Option<AtClient>, StoreError> {
    let mut cookies = held.iter();
    let mut accounts = Vec::new();
    let Some(first) = cookies.next() else {
        return Ok(clients.find(db, id)?.map(|client| (client, accounts)));
    };
    let Some((client, facts)) = sessions::facts_with_client(db, &first.digest, id)? else { return Ok(None) };
    let client = clients.of(db, client)?;
    add(&mut accounts, first, facts);
    for held in cookies {
        add(&mut accounts, held, sessions::facts(db, &held.digest, Some(id))?);
    }
    Ok(Some((client, accounts)))
}

/// A cookie that somebody has copied into another's place is not another account.
fn add(accounts: &mut Vec<Account>, held: Held, facts: Option<SessionFacts>) {
    let facts = facts.filter(|facts| accounts.iter().all(|other| other.facts.session.id != facts.session.id));
    accounts.extend(facts.map(|facts| Account { held, facts }));
}

/// Whoever is signed in with this browser.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub held: Held,
    pub session: Session,
    pub user: User,
    /// Those in force for this user here, where no application asks.
    pub limits: Limits,
}

/// Everybody who is signed in with these cookies, by the limits in force where no application asks; the last chosen first.
pub async fn signed_in(core: &Core, held: HeldSessions) -> Result<Vec<SignedIn>, Failure> {
    Ok(signed_in_or_why(core, held).await?.0)
}

/// The same, and why nobody is, where nobody is: for the log, in the words of `prompt=none`.
pub async fn signed_in_or_why(core: &Core, held: HeldSessions) -> Result<(Vec<SignedIn>, &'static str), Failure> {
    if held.is_empty() {
        return Ok((Vec::new(), Why::NoCookie.as_str()));
    }
    let (now, clients) = (core.now(), Arc::clone(&core.clients));
    let signed_in = core.store.read(move |db| {
        let mut signed_in = Vec::new();
        for Account { held, facts: SessionFacts { session, user, .. } } in load(db, &held, None)? {
            let limits = clients.limits(db, &user.groups, session.acr)?;
            signed_in.push(SignedIn { held, session, user, limits });
        }
        Ok(signed_in)
    });
    let mut signed_in: Vec<SignedIn> = signed_in.await?;
    let mut why = Why::NoSession.as_str();
    signed_in.retain(|account| {
        let judged = if lacks_proof(&account.session, &account.held.device, now) {
            tracing::info!(session = %account.session.id, reason = DEVICE_PROOF_MISSING, "a session's cookie came without its device");
            Err(DEVICE_PROOF_MISSING)
        } else {
            judge(&account.session, &account.user, None, &account.limits, now).map_err(Unusable::as_str)
        };
        if let Err(reason) = judged {
            why = reason;
            found_over::notice(core, Some(&account.session), &account.limits, now);
        }
        judged.is_ok()
    });
    Ok((signed_in, why))
}
