//! The errors of OAuth 2.0 and OpenID Connect: a code and a text for the caller, a reason for the log.

use std::borrow::Cow;

/// The registered error codes in use (RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, RFC 7009 §2.2.1, RFC 8707 §2, RFC 9449 §12.2, OIDC Core §3.1.2.6,
/// OpenID Connect Core Error Code unmet_authentication_requirements 1.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
    InvalidScope,
    InvalidTarget,
    InvalidToken,
    InvalidDpopProof,
    InsufficientScope,
    AccessDenied,
    LoginRequired,
    InteractionRequired,
    ConsentRequired,
    AccountSelectionRequired,
    RequestNotSupported,
    RequestUriNotSupported,
    RegistrationNotSupported,
    UnsupportedTokenType,
    UnmetAuthenticationRequirements,
}

impl ErrorCode {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidToken => "invalid_token",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::InsufficientScope => "insufficient_scope",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::InteractionRequired => "interaction_required",
            Self::ConsentRequired => "consent_required",
            Self::AccountSelectionRequired => "account_selection_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
        }
    }

    /// The HTTP status where the error is a body (RFC 6749 §5.2, RFC 6750 §3.1).
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken => 401,
            Self::InsufficientScope => 403,
            _ => 400,
        }
    }
}

/// A refusal: a value, not a failure. What must be written because of it is written before it is rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthError {
    pub code: ErrorCode,
    /// Public: says what the caller can do.
    pub description: Cow<'static, str>,
    /// Private: for the log, beside the request id.
    pub reason: Cow<'static, str>,
}

impl OAuthError {
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        let reason = description.into();
        Self { code, description: public(reason.clone()), reason }
    }

    /// For the log.
    pub fn because(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.reason = reason.into();
        self
    }

    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// Every refusal of the refresh grant reads the same: which of the reasons it was is nobody's business but the log's.
    /// Client libraries look for this very text before they fall back to another way of renewing.
    pub fn invalid_refresh_token(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidGrant, "Unknown or invalid refresh token.").because(reason)
    }

    /// Wrong verifier, wrong client, expired, used: no oracle between them.
    pub fn invalid_code(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidGrant, "Unknown, expired or already used authorization code.").because(reason)
    }

    pub fn invalid_dpop_proof(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidDpopProof, description)
    }

    pub fn invalid_token(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidToken, "The access token is expired, revoked, malformed or not for this resource.").because(reason)
    }
}

/// RFC 6749 §4.1.2.1 and §5.2: a description MUST NOT hold other characters than these.
fn public(text: Cow<'static, str>) -> Cow<'static, str> {
    let fits = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
    if text.chars().all(fits) { text } else { text.chars().map(|c| if fits(c) { c } else { '\'' }).collect::<String>().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6749 §5.2, RFC 6750 §3.1: which status an error has as a body.
    #[test]
    fn the_status_follows_the_code() {
        assert_eq!([ErrorCode::InvalidClient, ErrorCode::InvalidToken].map(ErrorCode::status), [401, 401]);
        assert_eq!(ErrorCode::InsufficientScope.status(), 403);
        assert_eq!([ErrorCode::InvalidGrant, ErrorCode::InvalidRequest, ErrorCode::InvalidTarget].map(ErrorCode::status), [400, 400, 400]);
    }

    /// The public text is one for all reasons; the reason is the log's.
    #[test]
    fn refusals_do_not_tell_which() {
        let two = [OAuthError::invalid_refresh_token("one"), OAuthError::invalid_refresh_token("two")];
        assert_eq!(two.each_ref().map(|error| error.description.as_ref()), ["Unknown or invalid refresh token."; 2]);
        assert_eq!(two.each_ref().map(|error| error.reason.as_ref()), ["one", "two"]);
        assert_eq!(OAuthError::invalid_code("used").code.as_str(), "invalid_grant");
        assert_eq!(OAuthError::invalid_token("old").code.as_str(), "invalid_token");
        let plain = OAuthError::invalid_request("Say why.");
        assert_eq!((plain.code.as_str(), plain.description.as_ref(), plain.reason.as_ref()), ("invalid_request", "Say why.", "Say why."));
    }

    #[test]
    fn a_description_holds_what_the_rfc_allows() {
        let error = OAuthError::invalid_request("a \"b\" \\ c\r\nd § e");
        assert_eq!(error.description, "a 'b' ' c''d ' e");
        assert_eq!(error.reason, "a \"b\" \\ c\r\nd § e");
    }
}
