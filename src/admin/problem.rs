//! Errors as problem details (RFC 9457), and every place they come from: the rules, the store, the framework.

use poem::error::{MethodNotAllowedError, NotFoundError, ResponseError};
use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::error::{AuthorizationError, ParseParamError, ParsePathError};
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object};

use crate::protocol::error::ErrorCode;
use crate::service::Failure;
use crate::service::admin::AdminError;

/// What went wrong (RFC 9457).
#[derive(Debug, Object)]
#[oai(rename = "Problem", example)]
pub struct Details {
    /// What kind of problem it is: `urn:gatekey:problem:` and one of `token-missing`, `token-invalid`, `scope-insufficient`,
    /// `administrator-required`, `request-malformed`, `not-found`, `method-not-allowed`, `unavailable`, `internal`. It never changes.
    #[oai(rename = "type")]
    kind: String,
    /// The kind of problem in a few words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened, and what can be done.
    detail: String,
}

impl Example for Details {
    fn example() -> Self {
        details(404, "not-found", "There is no such session.")
    }
}

fn details(status: u16, kind: &str, detail: impl Into<String>) -> Details {
    let title = match kind {
        "token-missing" => "An access token is needed",
        "token-invalid" => "The access token is not accepted",
        "scope-insufficient" => "The access token lacks a scope",
        "administrator-required" => "The user is not an administrator",
        "request-malformed" => "The request is malformed",
        "not-found" => "There is no such thing",
        "method-not-allowed" => "The method is not allowed here",
        "unavailable" => "The service is busy or cut off from its database",
        _ => "The server made a mistake",
    };
    Details { kind: format!("urn:gatekey:problem:{kind}"), title: title.to_owned(), status, detail: detail.into() }
}

/// A refusal or a failure, as the operations return it.
#[derive(Debug, ApiResponse)]
pub enum Problem {
    /// The request is malformed: `request-malformed`.
    #[oai(status = 400, content_type = "application/problem+json")]
    Malformed(Json<Details>),
    /// No access token, or one that is expired, ended, of another issuer or for another audience: `token-missing`, `token-invalid`.
    #[oai(status = 401, content_type = "application/problem+json")]
    Unauthorized(
        Json<Details>,
        /// How to authenticate (RFC 6750 §3).
        #[oai(header = "WWW-Authenticate")]
        String,
    ),
    /// The token's scope or user does not suffice: `scope-insufficient`, `administrator-required`.
    #[oai(status = 403, content_type = "application/problem+json")]
    Forbidden(
        Json<Details>,
        /// What would suffice (RFC 6750 §3).
        #[oai(header = "WWW-Authenticate")]
        String,
    ),
    /// There is no such thing: `not-found`.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Details>),
    /// The server made a mistake; its log has the rest under the `X-Request-Id` of the response: `internal`.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Details>),
    /// Nothing was done; it is worth another try: `unavailable`.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(
        Json<Details>,
        /// Seconds to wait before the next try.
        #[oai(header = "Retry-After")]
        u32,
    ),
}

impl Problem {
    pub fn token_missing() -> Self {
        let detail = "Send an access token for `urn:gatekey:admin` as `Authorization: Bearer …`.";
        // RFC 6750 §3.1: without a token there is no error code.
        Self::Unauthorized(Json(details(401, "token-missing", detail)), "Bearer realm=\"gatekey\"".to_owned())
    }

    pub fn token_invalid() -> Self {
        let detail = "The access token is expired, revoked, malformed, of another issuer, or not for `urn:gatekey:admin`: ask for a new one with `resource=urn:gatekey:admin`.";
        Self::Unauthorized(Json(details(401, "token-invalid", detail)), "Bearer realm=\"gatekey\", error=\"invalid_token\"".to_owned())
    }

    pub fn scope_insufficient(scope: &str) -> Self {
        let detail = format!("The access token lacks the scope `{scope}`.");
        let challenge = format!("Bearer realm=\"gatekey\", error=\"insufficient_scope\", scope=\"{scope}\"");
        Self::Forbidden(Json(details(403, "scope-insufficient", detail)), challenge)
    }

    pub fn administrator_required() -> Self {
        let detail = "The access token belongs to a user who is not an administrator.";
        // RFC 6750 §3.1: "requires higher privileges than provided by the access token".
        Self::Forbidden(Json(details(403, "administrator-required", detail)), "Bearer realm=\"gatekey\", error=\"insufficient_scope\"".to_owned())
    }

    pub fn not_found(what: &str) -> Self {
        Self::NotFound(Json(details(404, "not-found", format!("There is no such {what}."))))
    }

    fn malformed(detail: String) -> Self {
        Self::Malformed(Json(details(400, "request-malformed", detail)))
    }

    fn unavailable(reason: &str) -> Self {
        tracing::error!(%reason, "unavailable");
        Self::Unavailable(Json(details(503, "unavailable", "Nothing was changed; try again in a second.")), 1)
    }

    fn internal(reason: &str) -> Self {
        tracing::error!(%reason, "internal error");
        Self::Internal(Json(details(500, "internal", "The log has the rest under the X-Request-Id of this response.")))
    }
}

/// Of judging the token.
impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) if error.code == ErrorCode::InvalidToken => {
                tracing::info!(error = error.code.as_str(), reason = %error.reason, "refused");
                Self::token_invalid()
            }
            Failure::Refused(error) => Self::internal(&error.reason),
            Failure::Unavailable(reason) => Self::unavailable(&reason),
        }
    }
}

/// Of an operation. The texts of [`AdminError`] speak of commands; these speak of the API.
impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::NotFound { what, .. } => Self::not_found(what),
            AdminError::Store(error) => Self::unavailable(&error.to_string()),
            other => Self::internal(&other.to_string()),
        }
    }
}

/// Of the framework: what it refused before an operation was reached.
pub fn of_error(error: poem::Error) -> Response {
    if error.is_from_response() {
        return error.into_response(); // It is a `Problem` already.
    }
    if error.is::<AuthorizationError>() {
        return Problem::token_missing().into_response();
    }
    if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
        return Problem::malformed(format!("The parameter `{name}` is malformed: {}.", plain(reason))).into_response();
    }
    // The framework counts the parts of the path instead of naming them.
    if let Some(ParsePathError { reason, .. }) = error.downcast_ref() {
        return Problem::malformed(format!("The id in the path is malformed: {}.", plain(reason))).into_response();
    }
    if error.is::<NotFoundError>() {
        return Problem::NotFound(Json(details(404, "not-found", "There is no such path: `gatekey openapi` prints those there are."))).into_response();
    }
    if error.is::<MethodNotAllowedError>() {
        return of_status(MethodNotAllowedError.status(), "method-not-allowed", "`gatekey openapi` prints the operations there are.");
    }
    match error.status().as_u16() {
        400..=499 => Problem::malformed(error.to_string()).into_response(),
        _ => Problem::internal(&error.to_string()).into_response(),
    }
}

/// Of a status that no operation answers with.
pub fn of_status(status: StatusCode, kind: &str, detail: impl Into<String>) -> Response {
    let mut response = Problem::malformed(String::new()).into_response();
    response.set_status(status);
    response.set_body(poem_openapi::types::ToJSON::to_json_string(&details(status.as_u16(), kind, detail)));
    response
}

/// The framework's reason in the words of the document.
fn plain(reason: &str) -> String {
    let bound = |name: &str| reason.strip_prefix("verification failed. ")?.strip_prefix(name)?.strip_prefix('(')?.split(',').next();
    if let Some(least) = bound("minimum") {
        return format!("it must be {least} or more");
    }
    if let Some(most) = bound("maximum") {
        return format!("it must be {most} or less");
    }
    reason
        .replace("failed to parse \"string_uuid\"", "not a UUID")
        .replace("failed to parse \"integer(uint32)\"", "not a number")
        .trim_end_matches('.')
        .to_owned()
}
