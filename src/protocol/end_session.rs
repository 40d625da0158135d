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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::client::{ClientKind, ClientMetadata};
    use crate::domain::redirect_uri::RedirectUri;
    use crate::protocol::session::tests::{at, session};

    fn client() -> Client {
        let uris = ["https://app.test/out", "https://app.test/out?from=us"];
        let metadata = ClientMetadata {
            post_logout_redirect_uris: uris.iter().map(|uri| RedirectUri::parse(uri).unwrap()).collect(),
            ..ClientMetadata::defaults(ClientKind::Spa, "App")
        };
        let id = ClientId::parse("app").unwrap();
        Client { id, metadata, secret_digest: None, disabled_at: None, managed_by_file: false, created_at: at(0), updated_at: at(0) }
    }

    fn params(text: &str) -> Params {
        Params::parse(text).unwrap()
    }

    /// RP-Initiated Logout §2, ASVS 10.6.2: without a question only for whoever proves to know this very session.
    #[test]
    fn who_is_not_asked() {
        let hint = |user: Option<u128>, sid: Option<&str>| Hint {
            user: user.map(|user| UserId(Uuid::from_u128(user))),
            client_id: ClientId::parse("app").unwrap(),
            sid: sid.map(str::to_owned),
        };
        let decided = |hint: Option<&Hint>, session: Option<&Session>| decide(&params(""), hint, Some(&client()), session, Some("this"));
        let session = session();
        let ends = |hint: Hint| matches!(decided(Some(&hint), Some(&session)), Decision::End(After::SignedOutPage));
        assert!(ends(hint(Some(1), None)) && ends(hint(Some(1), Some("this"))));
        for other in [hint(Some(1), Some("another")), hint(Some(2), None), hint(Some(2), Some("this")), hint(None, None), hint(None, Some("this"))] {
            assert_eq!(decided(Some(&other), Some(&session)), Decision::Confirm(After::SignedOutPage), "{other:?}");
        }
        assert_eq!(decided(None, Some(&session)), Decision::Confirm(After::SignedOutPage));
        assert_eq!(decided(Some(&hint(Some(1), None)), None), Decision::NothingToEnd(After::SignedOutPage));
    }

    /// §3: only where a registered URI is named, byte for byte; `state` travels with it.
    #[test]
    fn where_the_browser_goes() {
        let went = |text: &str| match after(&params(text), Some(&client())) {
            After::Redirect(url) => url,
            After::SignedOutPage => String::new(),
        };
        for (asked, expected) in [
            ("post_logout_redirect_uri=https://app.test/out", "https://app.test/out"),
            ("post_logout_redirect_uri=https://app.test/out&state=a%26b", "https://app.test/out?state=a%26b"),
            ("post_logout_redirect_uri=https://app.test/out?from=us&state=x", "https://app.test/out?from=us&state=x"),
            ("post_logout_redirect_uri=https://app.test/out/", ""),
            ("post_logout_redirect_uri=https://evil.test/", ""),
            ("state=x", ""),
        ] {
            assert_eq!(went(asked), expected, "{asked}");
        }
        let registered = params("post_logout_redirect_uri=https://app.test/out");
        assert_eq!(after(&registered, None), After::SignedOutPage);
        assert_eq!(after(&registered, Some(&Client { disabled_at: Some(at(0)), ..client() })), After::SignedOutPage);
    }
}
