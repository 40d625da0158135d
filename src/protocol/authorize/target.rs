//! The border between page and redirect. Only a [`ResponseTarget`] can become a redirect, and only this file makes one,
//! from a registered client and a redirect URI that is registered byte for byte: an open redirect cannot be written.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::domain::client::Client;
use crate::domain::id::ClientId;
use crate::domain::redirect_uri::origin_of;
use crate::protocol::params::Params;

/// How the answer travels (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode §2, Web Message Response Mode).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResponseMode {
    #[default]
    Query,
    Fragment,
    FormPost,
    /// A page that hands it, by a message, to the page that opened or framed it.
    WebMessage,
    /// By the browser, to the page that asked it (FedCM). No request can name this one: it is how the request came.
    Fedcm,
}

impl ResponseMode {
    pub const ALL: [Self; 4] = [Self::Query, Self::Fragment, Self::FormPost, Self::WebMessage];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
            Self::WebMessage => "web_message",
            Self::Fedcm => "fedcm",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }

    /// Whether it leads to pages of the web only: a browser posts a form, or hands a message, to no application's own scheme.
    pub const fn needs_origin(self) -> bool {
        matches!(self, Self::FormPost | Self::WebMessage)
    }
}

/// Where an answer may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseTarget {
    client_id: ClientId,
    redirect_uri: String,
    origin: Option<String>,
    mode: ResponseMode,
    state: Option<String>,
    framing: Framing,
}

/// Who may have an answer in a frame. Filled for messages only: no other answer is a page that a frame could show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Framing {
    /// The origins that the client is registered with.
    ancestors: Vec<String>,
    /// Whether a code may be handed over there, too.
    codes: bool,
}

impl ResponseTarget {
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// Where the answer goes: a registered redirect URI; of a page that asks by FedCM, its origin.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The redirect URI, if the answer is a redirect to it, or a page that stands for one.
    pub fn redirects_to(&self) -> Option<&str> {
        (!self.is_fedcm()).then_some(self.redirect_uri.as_str())
    }

    /// Whether the request came by FedCM.
    pub fn is_fedcm(&self) -> bool {
        self.mode == ResponseMode::Fedcm
    }

    pub fn mode(&self) -> ResponseMode {
        self.mode
    }

    /// As the client sent it, byte for byte (RFC 6749 §4.1.2).
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The origin of the redirect URI; `None` for a private-use scheme.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// The origins that may frame a message with a refusal.
    pub fn may_frame_refusals(&self) -> &[String] {
        &self.framing.ancestors
    }

    /// The origins that may frame a message with a code: none if the client may not be framed.
    pub fn may_frame_codes(&self) -> &[String] {
        if self.framing.codes { &self.framing.ancestors } else { &[] }
    }
}

/// Why there is nowhere to send an answer: the user sees a page (RFC 6749 §4.1.2.1, RFC 9700 §4.11.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("Parameter `client_id` is missing.")]
    NoClientId,
    #[error("No application is registered under this `client_id`.")]
    UnknownClient,
    #[error("Parameter `redirect_uri` is missing: send one of the redirect URIs registered for this application.")]
    NoRedirectUri,
    #[error("This `redirect_uri` is not registered for this application. It is compared byte for byte.")]
    UnregisteredRedirectUri,
    #[error("`state` is longer than 4096 bytes. The answer would have to give it back as it is, and would not fit into an address.")]
    StateTooLong,
    #[error("This application is not registered for FedCM: set `fedcm = true`.")]
    NotForFedcm,
    #[error("The page that asks is not of this application: its origin is neither in `web_origins` nor that of a redirect URI.")]
    ForeignPage,
}

/// Reads the target. `client` is the client that `client_id` names, if there is one and it is enabled.
pub fn target(params: &Params, client: Option<&Client>) -> Result<ResponseTarget, TargetError> {
    if params.get("client_id").is_none() {
        return Err(TargetError::NoClientId);
    }
    let client = client.filter(|c| c.disabled_at.is_none()).ok_or(TargetError::UnknownClient)?;
    // Required even when only one is registered (OIDC Core §3.1.2.1).
    let redirect_uri = params.get("redirect_uri").ok_or(TargetError::NoRedirectUri)?;
    let registered = client.metadata.redirect(redirect_uri).ok_or(TargetError::UnregisteredRedirectUri)?;
    let origin = match registered.as_str() == redirect_uri {
        true => registered.origin().map(str::to_owned),
        // Of a native client, on another port, which may be the default one.
        false => origin_of(redirect_uri),
    };
    let inside = inside_request_object(params);
    let said = |name| params.get(name).map(str::to_owned).or_else(|| inside.get(name)?.as_str().map(str::to_owned));
    let possible = |mode: &ResponseMode| !mode.needs_origin() || origin.is_some();
    // One that is unknown or not possible is refused by `validate`, and that refusal travels in the default mode.
    let mode = said("response_mode").as_deref().and_then(ResponseMode::parse).filter(possible).unwrap_or_default();
    // RFC 6749 §4.1.2.1: an error gives it back too, exactly. One that is cut off, or left out, the application would take for an answer to
    // another request than its own; so there is no answer that it could be sent.
    let state = said("state");
    if state.as_ref().is_some_and(|state| state.len() > MAX_STATE) {
        return Err(TargetError::StateTooLong);
    }
    Ok(ResponseTarget {
        client_id: client.id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        framing: if mode == ResponseMode::WebMessage { framing(origin.clone(), client) } else { Framing::default() },
        origin,
        mode,
        state,
    })
}

/// The target of a request that a page at `origin` makes by FedCM. The browser names the origin, and hands the answer to that page alone.
pub fn fedcm_target(client: Option<&Client>, origin: &str) -> Result<ResponseTarget, TargetError> {
    let client = client.filter(|client| client.disabled_at.is_none()).ok_or(TargetError::UnknownClient)?;
    if !client.metadata.is_page_of(origin) {
        return Err(TargetError::ForeignPage);
    }
    if !client.metadata.fedcm {
        return Err(TargetError::NotForFedcm);
    }
    Ok(ResponseTarget {
        client_id: client.id.clone(),
        redirect_uri: origin.to_owned(),
        origin: origin_of(origin),
        mode: ResponseMode::Fedcm,
        state: None,
        framing: Framing::default(),
    })
}

/// The page that waits for the message, and those of the same client that it may be shown in itself.
fn framing(origin: Option<String>, client: &Client) -> Framing {
    let mut ancestors: Vec<String> = origin.into_iter().collect();
    for origin in &client.metadata.web_origins {
        if ancestors.iter().all(|known| known != origin.as_str()) {
            ancestors.push(origin.as_str().to_owned());
        }
    }
    Framing { ancestors, codes: client.metadata.may_be_framed }
}

/// With a longer one the answer would not fit into a URL.
pub const MAX_STATE: usize = 4096;

/// What a request object says, unverified. It is not supported and always refused ([`super::validate`]); but how the client wants to be told,
/// and which of its requests that was, it may have said only in there (OIDC Core §6.1). Nothing else is read from it.
fn inside_request_object(params: &Params) -> Map<String, Value> {
    let claims = params.get("request").and_then(|object| URL_SAFE_NO_PAD.decode(object.split('.').nth(1)?).ok());
    claims.and_then(|claims| serde_json::from_slice(&claims).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::{ClientKind, ClientMetadata};
    use crate::domain::redirect_uri::{RedirectUri, WebOrigin};
    use crate::protocol::session::tests::{a_client, at};

    const CALLBACK: &str = "https://app.test/cb";
    const OWN_SCHEME: &str = "com.example.app:/cb";

    fn client() -> Client {
        let redirect_uris = [CALLBACK, OWN_SCHEME].map(|uri| RedirectUri::parse(uri).unwrap()).to_vec();
        let metadata = ClientMetadata { redirect_uris, ..ClientMetadata::defaults(ClientKind::Native, "App") };
        a_client("app", metadata)
    }

    fn params(pairs: &[(&str, &str)]) -> Params {
        Params::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap()
    }

    fn to(redirect_uri: &str, more: &[(&str, &str)]) -> ResponseTarget {
        let pairs: Vec<(&str, &str)> = [("client_id", "app"), ("redirect_uri", redirect_uri)].into_iter().chain(more.iter().copied()).collect();
        target(&params(&pairs), Some(&client())).unwrap()
    }

    fn request_object(claims: &Value) -> String {
        format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    /// RFC 6749 §4.1.2.1, RFC 9700 §4.11.2: where the client or its address is in doubt, nothing is redirected.
    #[test]
    fn without_a_client_and_its_address_there_is_no_target() {
        let client = client();
        let disabled = Client { disabled_at: Some(at(0)), ..client.clone() };
        let (id, uri) = (("client_id", "app"), ("redirect_uri", CALLBACK));
        assert!(target(&params(&[id, uri]), Some(&client)).is_ok());
        for (pairs, client, why) in [
            (&[uri][..], Some(&client), TargetError::NoClientId),
            (&[id, uri], None, TargetError::UnknownClient),
            (&[id, uri], Some(&disabled), TargetError::UnknownClient),
            (&[id], Some(&client), TargetError::NoRedirectUri),
            (&[id, ("redirect_uri", "https://evil.test/cb")], Some(&client), TargetError::UnregisteredRedirectUri),
            (&[id, ("redirect_uri", "https://app.test/cb/")], Some(&client), TargetError::UnregisteredRedirectUri),
            (&[id, ("redirect_uri", "https://app.test/cb?x=1")], Some(&client), TargetError::UnregisteredRedirectUri),
        ] {
            assert_eq!(target(&params(pairs), client), Err(why), "{pairs:?}");
        }
    }

    /// RFC 6749 §4.1.2: what the client said travels back as it was.
    #[test]
    fn it_says_whom_the_answer_is_for() {
        let target = to(CALLBACK, &[("state", " a+b%20 ")]);
        assert_eq!((target.client_id().as_str(), target.redirect_uri(), target.state()), ("app", CALLBACK, Some(" a+b%20 ")));
        assert_eq!(target.origin(), Some("https://app.test"));
        let bare = to(OWN_SCHEME, &[]);
        assert_eq!((bare.redirect_uri(), bare.state(), bare.origin()), (OWN_SCHEME, None, None));
    }

    /// OAuth 2.0 Multiple Response Type Encoding Practices §2.1, Form Post Response Mode §2. A refusal needs a way back too, so what cannot be
    /// done or is not known travels in the default mode of `code`.
    #[test]
    fn the_mode_is_the_one_asked_for_where_it_is_possible() {
        let mode = |uri, mode| to(uri, &[("response_mode", mode)]).mode();
        assert_eq!(to(CALLBACK, &[]).mode(), ResponseMode::Query);
        for (asked, expected) in [
            ("query", ResponseMode::Query),
            ("fragment", ResponseMode::Fragment),
            ("form_post", ResponseMode::FormPost),
            ("web_message", ResponseMode::WebMessage),
            ("WEB_MESSAGE", ResponseMode::Query),
            ("Fragment", ResponseMode::Query),
            ("query.jwt", ResponseMode::Query),
        ] {
            assert_eq!(mode(CALLBACK, asked), expected, "{asked}");
        }
        assert_eq!(mode(OWN_SCHEME, "fragment"), ResponseMode::Fragment);
        assert_eq!(mode(OWN_SCHEME, "form_post"), ResponseMode::Query, "a browser posts no form to an application");
        assert_eq!(mode(OWN_SCHEME, "web_message"), ResponseMode::Query, "nor hands it a message");
    }

    /// RM-04: a message can be framed by the client's own origins and by nobody else; with a code in it by nobody, if the client may not be framed.
    #[test]
    fn only_the_clients_own_pages_may_frame_a_message() {
        let framed = |mode: &str, may_be_framed: bool| {
            let mut client = client();
            client.metadata.may_be_framed = may_be_framed;
            client.metadata.web_origins = ["https://app.test", "https://portal.test"].map(|origin| WebOrigin::parse(origin).unwrap()).to_vec();
            let params = params(&[("client_id", "app"), ("redirect_uri", CALLBACK), ("response_mode", mode)]);
            let target = target(&params, Some(&client)).unwrap();
            (target.may_frame_codes().join(" "), target.may_frame_refusals().join(" "))
        };
        let own = "https://app.test https://portal.test".to_owned();
        assert_eq!(framed("web_message", true), (own.clone(), own.clone()));
        assert_eq!(framed("web_message", false), (String::new(), own));
        for other in ["query", "fragment", "form_post"] {
            assert_eq!(framed(other, true), (String::new(), String::new()), "{other}");
        }
    }

    /// OIDC Core §6.1: what stands beside the request object wins over what is in it, and nothing else in it counts.
    #[test]
    fn a_request_object_says_how_its_refusal_travels() {
        let object =
            request_object(&serde_json::json!({"state": "inside", "response_mode": "fragment", "redirect_uri": "https://evil.test/", "client_id": "x"}));
        let told = to(CALLBACK, &[("request", &object)]);
        assert_eq!((told.state(), told.mode(), told.redirect_uri()), (Some("inside"), ResponseMode::Fragment, CALLBACK));
        let beside = to(CALLBACK, &[("request", &object), ("state", "beside"), ("response_mode", "query")]);
        assert_eq!((beside.state(), beside.mode()), (Some("beside"), ResponseMode::Query));
        let odd = request_object(&serde_json::json!({"state": 7, "response_mode": ["fragment"]}));
        let odd = to(CALLBACK, &[("request", &odd)]);
        assert_eq!((odd.state(), odd.mode()), (None, ResponseMode::Query));
    }

    /// RFC 6749 §4.1.2.1: given back exactly or not at all, wherever it was said and whatever else is wrong.
    #[test]
    fn a_state_that_is_too_long_has_no_answer() {
        let (longest, too_long) = ("s".repeat(4096), "s".repeat(4097));
        let inside = |state: &str| request_object(&serde_json::json!({"state": state}));
        let sent = |more: &[(&str, &str)]| {
            let pairs = [&[("client_id", "app"), ("redirect_uri", CALLBACK), ("response_type", "token")], more].concat();
            target(&params(&pairs), Some(&client())).map(|target| target.state().map(str::to_owned))
        };
        assert_eq!(sent(&[("state", &longest)]), Ok(Some(longest.clone())));
        assert_eq!(sent(&[("request", &inside(&longest))]), Ok(Some(longest.clone())));
        assert_eq!(sent(&[("state", &too_long)]), Err(TargetError::StateTooLong));
        assert_eq!(sent(&[("request", &inside(&too_long))]), Err(TargetError::StateTooLong));
        // Bytes, not characters.
        assert_eq!(sent(&[("state", &"é".repeat(2048))]), Ok(Some("é".repeat(2048))));
        assert_eq!(sent(&[("state", &"é".repeat(2049))]), Err(TargetError::StateTooLong));
        // What is beside the object counts, not what is in it.
        assert_eq!(sent(&[("request", &inside(&too_long)), ("state", "s")]), Ok(Some("s".to_owned())));
        assert!(TargetError::StateTooLong.to_string().contains(&MAX_STATE.to_string()));
        // It is not told to whoever has no address to go to.
        let nowhere = [("client_id", "app"), ("redirect_uri", "https://evil.test/"), ("state", &too_long)];
        assert_eq!(target(&params(&nowhere), Some(&client())), Err(TargetError::UnregisteredRedirectUri));
    }

    #[test]
    fn of_a_request_object_only_the_way_of_the_refusal_is_read() {
        let read =
            |payload: &str| inside_request_object(&Params::from_pairs([("request".to_owned(), format!("e30.{}.x", URL_SAFE_NO_PAD.encode(payload)))]).unwrap());
        assert_eq!(read(r#"{"state":"s"}"#)["state"], "s");
        for junk in ["", "[]", "null", "\"state\"", "{"] {
            assert!(read(junk).is_empty(), "{junk}");
        }
        for object in ["x", "..", "a.b", "e30.!.x"] {
            assert!(inside_request_object(&Params::from_pairs([("request".to_owned(), object.to_owned())]).unwrap()).is_empty(), "{object}");
        }
        assert!(inside_request_object(&Params::default()).is_empty());
    }
}
