//! The border between page and redirect. Only a [`ResponseTarget`] can become a redirect, and only this file makes one,
//! from a registered client and a redirect URI that is registered byte for byte: an open redirect cannot be written.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::domain::client::Client;
use crate::domain::id::ClientId;
use crate::domain::redirect_uri::origin_of;
use crate::protocol::params::Params;

/// How the answer travels (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode §2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResponseMode {
    #[default]
    Query,
    Fragment,
    FormPost,
}

impl ResponseMode {
    pub const ALL: [Self; 3] = [Self::Query, Self::Fragment, Self::FormPost];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// Where an answer may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseTarget {
    client_id: ClientId,
    redirect_uri: String,
    mode: ResponseMode,
    state: Option<String>,
}

impl ResponseTarget {
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    pub fn mode(&self) -> ResponseMode {
        self.mode
    }

    /// As the client sent it, byte for byte (RFC 6749 §4.1.2).
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The origin of the redirect URI, for `form-action`; `None` for a private-use scheme.
    pub fn origin(&self) -> Option<String> {
        origin_of(&self.redirect_uri)
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
}

/// Reads the target. `client` is the client that `client_id` names, if there is one and it is enabled.
pub fn target(params: &Params, client: Option<&Client>) -> Result<ResponseTarget, TargetError> {
    if params.get("client_id").is_none() {
        return Err(TargetError::NoClientId);
    }
    let client = client.filter(|c| c.disabled_at.is_none()).ok_or(TargetError::UnknownClient)?;
    // Required even when only one is registered (OIDC Core §3.1.2.1).
    let redirect_uri = params.get("redirect_uri").ok_or(TargetError::NoRedirectUri)?;
    if !client.metadata.allows_redirect(redirect_uri) {
        return Err(TargetError::UnregisteredRedirectUri);
    }
    let inside = inside_request_object(params);
    let said = |name| params.get(name).map(str::to_owned).or_else(|| inside.get(name)?.as_str().map(str::to_owned));
    // A browser posts a form to the web only, never to an application's own scheme.
    let possible = |mode: &ResponseMode| *mode != ResponseMode::FormPost || origin_of(redirect_uri).is_some();
    Ok(ResponseTarget {
        client_id: client.id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        // One that is unknown or not possible is refused by `validate`, and that refusal travels in the default mode.
        mode: said("response_mode").as_deref().and_then(ResponseMode::parse).filter(possible).unwrap_or_default(),
        state: said("state").filter(|state| inside.is_empty() || state.len() <= MAX_STATE),
    })
}

/// Longer values would make a code that does not fit in a URL.
pub(super) const MAX_STATE: usize = 4096;

/// What a request object says, unverified. It is not supported and always refused ([`super::validate`]); but how the client wants to be told,
/// and which of its requests that was, it may have said only in there (OIDC Core §6.1). Nothing else is read from it.
fn inside_request_object(params: &Params) -> Map<String, Value> {
    let claims = params.get("request").and_then(|object| URL_SAFE_NO_PAD.decode(object.split('.').nth(1)?).ok());
    claims.and_then(|claims| serde_json::from_slice(&claims).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

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
