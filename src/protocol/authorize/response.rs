//! The answer to the application, in the response mode it asked for. `iss` is in every one (RFC 9207 §2).

use super::target::{ResponseMode, ResponseTarget};
use crate::protocol::error::OAuthError;

/// What the HTTP layer does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizationResponse {
    /// 303 See Other to this URL.
    Redirect(String),
    /// A page whose form posts these fields to `action`.
    FormPost { action: String, fields: Vec<(&'static str, String)> },
}

pub fn code(target: &ResponseTarget, issuer: &str, code: &str) -> AuthorizationResponse {
    render(target, vec![("code", code.to_owned())], issuer)
}

pub fn error(target: &ResponseTarget, issuer: &str, error: &OAuthError) -> AuthorizationResponse {
    render(target, vec![("error", error.code.as_str().to_owned()), ("error_description", error.description.to_string())], issuer)
}

fn render(target: &ResponseTarget, mut fields: Vec<(&'static str, String)>, issuer: &str) -> AuthorizationResponse {
    fields.extend(target.state().map(|state| ("state", state.to_owned())));
    fields.push(("iss", issuer.to_owned()));
    let uri = target.redirect_uri();
    let encoded = || form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    match target.mode() {
        // RFC 6749 §3.1.2: a query that the registered URI has is kept.
        ResponseMode::Query => AuthorizationResponse::Redirect(format!("{uri}{}{}", if uri.contains('?') { '&' } else { '?' }, encoded())),
        ResponseMode::Fragment => AuthorizationResponse::Redirect(format!("{uri}#{}", encoded())),
        ResponseMode::FormPost => AuthorizationResponse::FormPost { action: uri.to_owned(), fields },
    }
}
