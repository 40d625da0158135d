//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0).

use crate::domain::client::Client;
use crate::domain::id::{ClientId, UserId};
use crate::domain::session::Session;

use super::params::Params;

/// What a verified `id_token_hint` says. It may be expired: it only has to be ours (§2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Who is signed in, if that is whom it names.
    pub user: Option<UserId>,
    pub client_id: ClientId,
    pub sid: Option<String>,
}

/// Where the browser goes afterwards: only ever to a registered URI of the client that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    Redirect(String),
    SignedOutPage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// End the session without asking: the hint proves that the application knows who is signed in (ASVS 10.6.2).
    End(After),
    /// Ask first.
    Confirm(After),
    /// Nobody is signed in.
    NothingToEnd(After),
}

/// `client` is the one named by the hint or by `client_id`.
pub fn decide(params: &Params, hint: Option<&Hint>, client: Option<&Client>, session: Option<&Session>, sid_of_session: Option<&str>) -> Decision {
    let after = after(params, client);
    let Some(session) = session else {
        return Decision::NothingToEnd(after);
    };
    match hint {
        // §2: the hint must be of the user signed in; a `sid` in it must be of this session.
        Some(hint) if hint.user == Some(session.user_id) && (hint.sid.is_none() || hint.sid.as_deref() == sid_of_session) => Decision::End(after),
        _ => Decision::Confirm(after),
    }
}

/// ER-06: byte for byte one of the client's own, else the page of this server.
pub fn after(params: &Params, client: Option<&Client>) -> After {
    let requested = params.get("post_logout_redirect_uri");
    match (requested, client) {
        (Some(uri), Some(client)) if client.disabled_at.is_none() && client.metadata.allows_post_logout_redirect(uri) => {
            let Some(state) = params.get("state") else {
                return After::Redirect(uri.to_owned());
            };
            let state = form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish();
            After::Redirect(format!("{uri}{}{state}", if uri.contains('?') { '&' } else { '?' }))
        }
        _ => After::SignedOutPage,
    }
}
