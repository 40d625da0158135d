//! Who a user is to a client: the `sub` of its tokens, and of the hints and requests it sends back (OIDC Core §8).

use serde_json::{Map, Value};

use super::Core;
use crate::domain::client::{Client, SubjectType};
use crate::domain::id::{ClientId, UserId};
use crate::jose::pairwise::is_pairwise;

/// The `sub` of `user` for `client`.
pub fn of(core: &Core, client: &Client, user: UserId) -> String {
    match client.metadata.sector() {
        None => user.to_string(),
        Some(sector) => core.pairwise.subject(user, sector.as_str()).to_string(),
    }
}

/// What an `id_token_hint` says: an ID token of this issuer, however old.
#[derive(Debug, Clone)]
pub struct Hint {
    subject: String,
    /// The client it was given to.
    pub client_id: ClientId,
    pub sid: Option<String>,
}

/// `None`: it is no ID token that this issuer gave out.
pub async fn hint(core: &Core, token: &str) -> Option<Hint> {
    let claims: Map<String, Value> = core.keys.verify_hint(core, token).await?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    // Every ID token has an end (OIDC Core §2); a signed answer of userinfo, which is of the same type, has none.
    if text("iss")? != core.issuer() || !claims.contains_key("exp") {
        return None;
    }
    Some(Hint { subject: text("sub")?.to_owned(), client_id: ClientId::parse(text("aud")?).ok()?, sid: text("sid").map(str::to_owned) })
}

impl Hint {
    /// Whether `client` may send it. It need not be the one it was given to (OIDC Core §3.1.2.1), but then both must know users by the same names:
    /// else the answer would tell a client who another one's user is to itself.
    pub fn may_be_sent_by(&self, client: &Client) -> bool {
        match client.metadata.subject_type {
            SubjectType::Public => !is_pairwise(&self.subject),
            SubjectType::Pairwise => self.client_id == client.id,
        }
    }

    /// Whether it names `user`; `client` is the one that sends it. One of its own that is older than its pairwise subjects still does.
    pub fn names(&self, core: &Core, client: &Client, user: UserId) -> bool {
        self.subject == of(core, client, user) || self.subject == user.to_string()
    }
}
