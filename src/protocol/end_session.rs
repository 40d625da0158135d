//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0), and the same in Auth0's shape.

use crate::domain::client::Client;
use crate::domain::id::{ClientId, UserId};
use crate::domain::logout_uri::LogoutUri;
use crate::domain::session::Session;

use super::authorize::MAX_STATE;
use super::error::OAuthError;
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
    // §3: an address that is not registered is not gone to. That the rest of the request is meant is then for the user to say.
    if params.get("post_logout_redirect_uri").is_some() && after == After::SignedOutPage {
        return Decision::Confirm(after);
    }
    // What a client was given before it was disabled ends nothing.
    let hint = hint.filter(|_| client.is_some_and(|client| client.disabled_at.is_none()));
    match hint {
        // §2: the hint must be of the user signed in; a `sid` in it must be of this session.
        Some(hint) if hint.user == Some(session.user_id) && (hint.sid.is_none() || hint.sid.as_deref() == sid_of_session) => Decision::End(after),
        _ => Decision::Confirm(after),
    }
}

/// The address of the frame that tells an application (Front-Channel Logout 1.0 §2): its own, with `iss` and `sid`. A query that it has is kept.
pub fn frame(uri: &LogoutUri, issuer: &str, sid: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("iss", issuer).append_pair("sid", sid).finish();
    format!("{}{}{query}", uri.as_str(), if uri.as_str().contains('?') { '&' } else { '?' })
}

/// What a browser says of how a request came about. A page can keep its browser from saying it, but not make it say it of another page.
#[derive(Debug, Clone, Copy, Default)]
pub struct CameFrom<'a> {
    /// `Sec-Fetch-Mode: navigate` and `Sec-Fetch-Dest: document`: the whole window goes here, not a frame, not an image.
    pub top_level: bool,
    /// The origin in `Referer`: the page that sent the window here, also through redirects.
    pub page: Option<&'a str>,
}

/// Logout as Auth0's libraries ask for it: `client_id` and `returnTo`, never a hint.
///
/// `own_session` is whether the session has signed in to this client and that sign-in lives. Without a hint the proof that the
/// application itself asks (ASVS 10.6.2) is where the browser comes from: one of the client's own pages. Everybody else's link is asked about.
pub fn decide_auth0(params: &Params, client: Option<&Client>, came_from: CameFrom<'_>, session: bool, own_session: bool) -> Result<Decision, OAuthError> {
    let client = client.filter(|client| client.disabled_at.is_none());
    let after = match (params.get("returnTo"), client) {
        (Some(uri), Some(client)) if client.metadata.allows_post_logout_redirect(uri) => After::Redirect(uri.to_owned()),
        // ER-06: nowhere to go, and whoever sent it is to see that.
        (Some(_), _) => {
            return Err(OAuthError::invalid_request(
                "`returnTo` is not a post-logout redirect URI registered for this `client_id`. It is compared byte for byte.",
            ));
        }
        // Auth0 goes to the first of the allowed addresses.
        (None, Some(client)) => client.metadata.post_logout_redirect_uris.first().map_or(After::SignedOutPage, |uri| After::Redirect(uri.as_str().to_owned())),
        (None, None) => After::SignedOutPage,
    };
    if !session {
        return Ok(Decision::NothingToEnd(after));
    }
    let from_client = came_from.top_level && client.zip(came_from.page).is_some_and(|(client, page)| client.metadata.is_page_of(page));
    Ok(if from_client && own_session { Decision::End(after) } else { Decision::Confirm(after) })
}

/// ER-06: byte for byte one of the client's own, else the page of this server. That too where the `state` is too long to be given back (§3: "the
/// same value").
pub fn after(params: &Params, client: Option<&Client>) -> After {
    let requested = params.get("post_logout_redirect_uri");
    match (requested, client) {
        (Some(uri), Some(client)) if client.disabled_at.is_none() && client.metadata.allows_post_logout_redirect(uri) => {
            let Some(state) = params.get("state") else {
                return After::Redirect(uri.to_owned());
            };
            if state.len() > MAX_STATE {
                return After::SignedOutPage;
            }
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
    use crate::protocol::session::tests::{a_client, at, session};

    fn client() -> Client {
        let uris = ["https://app.test/out", "https://app.test/out?from=us"];
        let metadata = ClientMetadata {
            post_logout_redirect_uris: uris.iter().map(|uri| RedirectUri::parse(uri).unwrap()).collect(),
            ..ClientMetadata::defaults(ClientKind::Spa, "App")
        };
        a_client("app", metadata)
    }

    fn params(text: &str) -> Params {
        Params::parse(text).unwrap()
    }

    /// RP-Initiated Logout §2, ASVS 10.6.2: without a question only for whoever proves to know this very session.
    /// Front-Channel Logout 1.0 §2: `iss` and `sid` are added to what is registered.
    #[test]
    fn a_frame_is_told_where_and_of_which_session() {
        let of = |uri: &str| frame(&LogoutUri::parse(uri).unwrap(), "https://id.test/", "a sid&");
        assert_eq!(of("https://app.test/out"), "https://app.test/out?iss=https%3A%2F%2Fid.test%2F&sid=a+sid%26");
        assert_eq!(of("https://app.test/out?keep=1"), "https://app.test/out?keep=1&iss=https%3A%2F%2Fid.test%2F&sid=a+sid%26");
    }

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
        let of = |client: Option<&Client>| decide(&params(""), Some(&hint(Some(1), Some("this"))), client, Some(&session), Some("this"));
        let disabled = Client { disabled_at: Some(at(0)), ..client() };
        assert_eq!(of(Some(&client())), Decision::End(After::SignedOutPage));
        for refused in [Some(&disabled), None] {
            assert_eq!(of(refused), Decision::Confirm(After::SignedOutPage));
        }
    }

    /// §3: an address that is not registered is asked about, whatever else is right.
    #[test]
    fn an_address_of_nobody_is_asked_about() {
        let hint = Hint { user: Some(UserId(Uuid::from_u128(1))), client_id: ClientId::parse("app").unwrap(), sid: None };
        let decided = |text: &str| decide(&params(text), Some(&hint), Some(&client()), Some(&session()), Some("this"));
        assert_eq!(decided("post_logout_redirect_uri=https://evil.test/"), Decision::Confirm(After::SignedOutPage));
        assert_eq!(decided(&format!("post_logout_redirect_uri=https://app.test/out&state={}", "s".repeat(4097))), Decision::Confirm(After::SignedOutPage));
        assert_eq!(decided("post_logout_redirect_uri=https://app.test/out"), Decision::End(After::Redirect("https://app.test/out".to_owned())));
    }

    /// ASVS 10.6.2: in Auth0's shape only the client's own page, in a window of its own, with a sign-in to end, is not asked.
    #[test]
    fn whose_page_is_not_asked() {
        let mut client = client();
        client.metadata.redirect_uris = vec![RedirectUri::parse("https://app.test/cb").unwrap()];
        let out = || After::Redirect("https://app.test/out".to_owned());
        let decided = |text: &str, page: Option<&str>, top_level: bool, session: bool, own: bool| {
            decide_auth0(&params(text), Some(&client), CameFrom { top_level, page }, session, own)
        };
        let (own, good) = (Some("https://app.test"), "returnTo=https://app.test/out");
        assert_eq!(decided(good, own, true, true, true), Ok(Decision::End(out())));
        assert_eq!(decided("", own, true, true, true), Ok(Decision::End(out())), "the first registered one");
        for (page, top_level, own_session) in [(None, true, true), (Some("https://evil.test"), true, true), (own, false, true), (own, true, false)] {
            assert_eq!(decided(good, page, top_level, true, own_session), Ok(Decision::Confirm(out())), "{page:?} {top_level} {own_session}");
        }
        assert_eq!(decided(good, None, false, false, false), Ok(Decision::NothingToEnd(out())));
        assert!(decided("returnTo=https://evil.test/", own, true, true, true).is_err());
        let nobody = |text: &str| decide_auth0(&params(text), None, CameFrom { top_level: true, page: own }, true, true);
        assert_eq!(nobody(""), Ok(Decision::Confirm(After::SignedOutPage)));
        assert!(nobody(good).is_err());
        let disabled = Client { disabled_at: Some(at(0)), ..client.clone() };
        assert!(decide_auth0(&params(good), Some(&disabled), CameFrom { top_level: true, page: own }, true, true).is_err());
    }

    /// Front-Channel Logout 1.0 §2: a query that is registered MUST be retained.
    #[test]
    fn a_frame_is_told_who_and_of_which_session() {
        let frame = |uri: &str| frame(&LogoutUri::parse(uri).unwrap(), "https://id.test/", "a b&c");
        assert_eq!(frame("https://app.test/frame"), "https://app.test/frame?iss=https%3A%2F%2Fid.test%2F&sid=a+b%26c");
        assert_eq!(frame("https://app.test/frame?x=1"), "https://app.test/frame?x=1&iss=https%3A%2F%2Fid.test%2F&sid=a+b%26c");
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
        let with_state = |length: usize| format!("post_logout_redirect_uri=https://app.test/out&state={}", "s".repeat(length));
        assert_eq!(went(&with_state(4096)), format!("https://app.test/out?state={}", "s".repeat(4096)));
        assert_eq!(went(&with_state(4097)), "");
        let registered = params("post_logout_redirect_uri=https://app.test/out");
        assert_eq!(after(&registered, None), After::SignedOutPage);
        assert_eq!(after(&registered, Some(&Client { disabled_at: Some(at(0)), ..client() })), After::SignedOutPage);
    }
}
