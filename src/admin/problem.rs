//! Errors as problem details (RFC 9457), and every place they come from: the rules, the store, the framework.

use poem::error::{MethodNotAllowedError, NotFoundError, ResponseError};
use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::error::{AuthorizationError, ContentTypeError, ParseParamError, ParsePathError, ParseRequestPayloadError};
use poem_openapi::payload::Json;
use poem_openapi::registry::Registry;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object};

use super::caller::too_old;
use super::misfit::Misfit;
use super::settings;
use crate::domain::admin_scope::{AUDIENCE, AdminScope, AdminScopes};
use crate::domain::dpop::SIGNING_ALGS;
use crate::protocol::error::ErrorCode;
use crate::service::Failure;
use crate::service::admin::AdminError;

/// What went wrong (RFC 9457).
#[derive(Debug, Object)]
#[oai(rename = "Problem", example, skip_serializing_if_is_none)]
pub struct Details {
    /// What kind of problem it is: `urn:gatekey:problem:` and a word that the description of the answer names, such as `not-found`; of a
    /// method that a path does not have, `method-not-allowed`. It never changes; more kinds may come.
    #[oai(rename = "type")]
    kind: String,
    /// The kind of problem in a few words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened, and what can be done.
    detail: String,
    /// What is wrong with which member of the body, where that is known.
    errors: Option<Vec<MemberProblem>>,
}

/// What is wrong with one member of the body.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(rename = "MemberProblem", example)]
pub struct MemberProblem {
    /// The member, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong with it, and what to write instead.
    pub detail: String,
}

impl Example for Details {
    fn example() -> Self {
        *details(404, "not-found", "There is no such session.")
    }
}

impl Example for MemberProblem {
    fn example() -> Self {
        Self { pointer: "/redirect_uris/0".to_owned(), detail: "`http://app.example.com/cb` is not https.".to_owned() }
    }
}

/// Boxed, so that an operation's result is no larger for the sake of its refusals.
pub(super) fn details(status: u16, kind: &str, detail: impl Into<String>) -> Box<Details> {
    let title = match kind {
        "token-missing" => "An access token is needed",
        "token-invalid" => "The access token is not accepted",
        "proof-invalid" => "The proof of the token's key is missing or not accepted",
        "authentication-too-old" => "The user must prove who they are once more",
        "scope-insufficient" => "The access token lacks a scope",
        "administrator-required" => "The user is not an administrator",
        "user-required" => "The access token belongs to no user",
        "privilege-exceeded" => "Nobody grants or touches more than they may do themselves",
        "request-malformed" => "The request is malformed",
        "not-found" => "There is no such thing",
        "method-not-allowed" => "The method is not allowed here",
        "already-exists" => "It exists already",
        "conflict" => "Its state does not allow it",
        "precondition-failed" => "It has been changed meanwhile",
        "invalid" => "What was asked for breaks a rule",
        "too-many-attempts" => "Too many attempts have failed",
        "idempotency-key-reused" => "The Idempotency-Key was used for another request",
        "unavailable" => "The service is busy or cut off from its database",
        _ => "The server made a mistake",
    };
    Box::new(Details { kind: format!("urn:gatekey:problem:{kind}"), title: title.to_owned(), status, detail: detail.into(), errors: None })
}

/// A refusal or a failure of an operation that takes no body.
#[derive(Debug, ApiResponse)]
pub enum Problem {
    /// The request is malformed: `request-malformed`.
    #[oai(status = 400, content_type = "application/problem+json")]
    Malformed(Json<Box<Details>>),
    /// No access token, or one that is expired, ended, of another issuer or for another audience: `token-missing`, `token-invalid`.
    /// Or one that is bound to a key, without a proof for this request: `proof-invalid` (RFC 9449).
    /// Or its user signed in too long ago for what is dangerous: `authentication-too-old`.
    #[oai(status = 401, content_type = "application/problem+json")]
    Unauthorized(
        Json<Box<Details>>,
        /// How to authenticate (RFC 6750 §3); with `max_age` in seconds if it is only too long ago (RFC 9470 §3).
        #[oai(header = "WWW-Authenticate")]
        String,
    ),
    /// The token's scope or user does not suffice: `scope-insufficient`, `administrator-required`, `privilege-exceeded`.
    #[oai(status = 403, content_type = "application/problem+json")]
    Forbidden(
        Json<Box<Details>>,
        /// What would suffice (RFC 6750 §3).
        #[oai(header = "WWW-Authenticate")]
        String,
    ),
    /// There is no such thing: `not-found`.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Box<Details>>),
    /// The server made a mistake; its log has the rest under the `X-Request-Id` of the response: `internal`.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Box<Details>>),
    /// Nothing was done; it is worth another try: `unavailable`.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(
        Json<Box<Details>>,
        /// Seconds to wait before the next try.
        #[oai(header = "Retry-After")]
        u32,
    ),
}

/// A refusal or a failure of an operation that changes something.
#[derive(Debug, ApiResponse)]
pub enum ChangeProblem {
    /// The request is malformed: no JSON, a member that is missing, unknown or of another type: `request-malformed`.
    #[oai(status = 400, content_type = "application/problem+json")]
    Malformed(Json<Box<Details>>),
    /// No access token, or one that is expired, ended, of another issuer or for another audience: `token-missing`, `token-invalid`.
    /// Or one that is bound to a key, without a proof for this request: `proof-invalid` (RFC 9449).
    /// Or its user signed in too long ago for what is dangerous: `authentication-too-old`.
    #[oai(status = 401, content_type = "application/problem+json")]
    Unauthorized(
        Json<Box<Details>>,
        /// How to authenticate (RFC 6750 §3); with `max_age` in seconds if it is only too long ago (RFC 9470 §3).
        #[oai(header = "WWW-Authenticate")]
        String,
    ),
    /// The token's scope or user does not suffice: `scope-insufficient`, `administrator-required`, `privilege-exceeded`.
    #[oai(status = 403, content_type = "application/problem+json")]
    Forbidden(
        Json<Box<Details>>,
        /// What would suffice (RFC 6750 §3).
        #[oai(header = "WWW-Authenticate")]
        String,
    ),
    /// There is no such thing: `not-found`.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Box<Details>>),
    /// The name is taken, or the state of the thing does not allow it: `already-exists`, `conflict`.
    #[oai(status = 409, content_type = "application/problem+json")]
    Conflict(Json<Box<Details>>),
    /// It is not as `If-Match` says, so nothing was changed: `precondition-failed`. Read it again.
    #[oai(status = 412, content_type = "application/problem+json")]
    Stale(Json<Box<Details>>),
    /// The body is longer than 64 KiB: `request-malformed`.
    #[oai(status = 413, content_type = "application/problem+json")]
    TooLong(Json<Box<Details>>),
    /// The body is not `application/json`: `request-malformed`.
    #[oai(status = 415, content_type = "application/problem+json")]
    UnsupportedType(Json<Box<Details>>),
    /// The body is read, but breaks a rule: `invalid`; `errors` tells which member, where that is known. Or its `Idempotency-Key` was used for
    /// another request: `idempotency-key-reused`.
    #[oai(status = 422, content_type = "application/problem+json")]
    Invalid(Json<Box<Details>>),
    /// The server made a mistake; its log has the rest under the `X-Request-Id` of the response: `internal`.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Box<Details>>),
    /// Nothing was done; it is worth another try: `unavailable`.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(
        Json<Box<Details>>,
        /// Seconds to wait before the next try.
        #[oai(header = "Retry-After")]
        u32,
    ),
}

impl Problem {
    /// `audience` is what a token of the API is for.
    pub fn token_missing(audience: &str) -> Self {
        let detail = format!("Send an access token for `{audience}` as `Authorization: Bearer …`.");
        // RFC 6750 §3.1: without a token there is no error code.
        Self::Unauthorized(Json(details(401, "token-missing", detail)), "Bearer realm=\"gatekey\"".to_owned())
    }

    pub fn token_invalid(audience: &str) -> Self {
        let detail = format!(
            "The access token is expired, revoked, malformed, of another issuer, or not for `{audience}`: ask for a new one with `resource={audience}`."
        );
        Self::Unauthorized(Json(details(401, "token-invalid", detail)), "Bearer realm=\"gatekey\", error=\"invalid_token\"".to_owned())
    }

    /// RFC 9449 §7.1: of a token that is bound to a key, whose proof is missing or is not for this request.
    fn proof_invalid(detail: &str) -> Self {
        let challenge = format!("DPoP realm=\"gatekey\", error=\"invalid_dpop_proof\", algs=\"{}\"", SIGNING_ALGS.join(" "));
        Self::Unauthorized(Json(details(401, "proof-invalid", detail)), challenge)
    }

    /// RFC 9470 §3: a sign-in that is at most `max_age` seconds old would do.
    pub fn authentication_too_old(max_age: i64) -> Self {
        let detail = format!(
            "This asks for a sign-in within the last {max_age} seconds: send the user to `/authorize` with `max_age={max_age}`, and use the new token."
        );
        let challenge = format!(
            "Bearer realm=\"gatekey\", error=\"insufficient_user_authentication\", error_description=\"A more recent sign-in is needed\", max_age=\"{max_age}\""
        );
        Self::Unauthorized(Json(details(401, "authentication-too-old", detail)), challenge)
    }

    pub fn scope_insufficient(scope: &str) -> Self {
        let detail = format!("The access token lacks the scope `{scope}`.");
        let challenge = format!("Bearer realm=\"gatekey\", error=\"insufficient_scope\", scope=\"{scope}\"");
        Self::Forbidden(Json(details(403, "scope-insufficient", detail)), challenge)
    }

    /// The user's role lacks what the token's scope has.
    pub fn role_insufficient(scope: &str) -> Self {
        let detail = format!("The role of the token's user does not reach as far as `{scope}`.");
        Self::Forbidden(Json(details(403, "administrator-required", detail)), BEYOND.to_owned())
    }

    pub fn administrator_required() -> Self {
        let detail = "The access token belongs to a user who is not an administrator.";
        Self::Forbidden(Json(details(403, "administrator-required", detail)), BEYOND.to_owned())
    }

    /// Something that has, or would get, more power than the caller has.
    pub fn privilege_exceeded(lacking: &str) -> Self {
        let detail = format!("It has, or would get, the power of `{lacking}` at this API, which you lack.");
        Self::Forbidden(Json(details(403, "privilege-exceeded", detail)), BEYOND.to_owned())
    }

    pub fn not_found(what: &str) -> Self {
        Self::NotFound(Json(details(404, "not-found", format!("There is no such {what}."))))
    }

    pub fn malformed(detail: String) -> Self {
        Self::Malformed(Json(details(400, "request-malformed", detail)))
    }

    fn unavailable(reason: &str) -> Self {
        tracing::error!(%reason, "unavailable");
        Self::Unavailable(Json(details(503, "unavailable", "Nothing was changed; try again in a second.")), 1)
    }

    pub fn internal(reason: &str) -> Self {
        tracing::error!(%reason, "internal error");
        Self::Internal(Json(details(500, "internal", "The log has the rest under the X-Request-Id of this response.")))
    }
}

/// RFC 6750 §3.1: "requires higher privileges than provided by the access token".
pub(super) const BEYOND: &str = "Bearer realm=\"gatekey\", error=\"insufficient_scope\"";

impl ChangeProblem {
    pub fn already_exists(what: &str, name: &str) -> Self {
        Self::Conflict(Json(details(409, "already-exists", format!("The {what} `{name}` exists already: choose another name, or change that one."))))
    }

    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::Conflict(Json(details(409, "conflict", detail)))
    }

    pub fn stale() -> Self {
        Self::Stale(Json(details(412, "precondition-failed", "It is not as `If-Match` says: read it again, and send your change with its new `ETag`.")))
    }

    /// The body as a whole breaks a rule.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::Invalid(Json(details(422, "invalid", detail)))
    }

    fn key_reused() -> Self {
        let detail = "This `Idempotency-Key` was sent with another body, or about another thing, within the last 24 hours: nothing was done. Make a key for each request.";
        Self::Invalid(Json(details(422, "idempotency-key-reused", detail)))
    }

    /// One member of the body breaks a rule.
    pub fn invalid_member(pointer: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(Json(of_member(pointer, detail.into())))
    }
}

/// One member of a body breaks a rule.
pub(super) fn of_member(pointer: &str, detail: String) -> Box<Details> {
    let errors = Some(vec![MemberProblem { pointer: pointer.to_owned(), detail: detail.clone() }]);
    Box::new(Details { errors, ..*details(422, "invalid", detail) })
}

/// The same refusal among those of an operation that has more of them: what the framework makes the document of is one enumeration each.
macro_rules! among {
    ($less:ty => $more:ty) => {
        impl From<$less> for $more {
            fn from(problem: $less) -> Self {
                type Less = $less;
                match problem {
                    Less::Malformed(details) => Self::Malformed(details),
                    Less::Unauthorized(details, challenge) => Self::Unauthorized(details, challenge),
                    Less::Forbidden(details, challenge) => Self::Forbidden(details, challenge),
                    Less::NotFound(details) => Self::NotFound(details),
                    Less::Internal(details) => Self::Internal(details),
                    Less::Unavailable(details, seconds) => Self::Unavailable(details, seconds),
                }
            }
        }
    };
}
pub(super) use among;

among!(Problem => ChangeProblem);

impl Problem {
    /// Of judging a token for `audience`.
    pub fn of_failure(failure: Failure, audience: &str) -> Self {
        match failure {
            Failure::Refused(error) if error.code == ErrorCode::InvalidToken => {
                tracing::info!(error = error.code.as_str(), reason = %error.reason, "refused");
                Self::token_invalid(audience)
            }
            Failure::Refused(error) if error.code == ErrorCode::InvalidDpopProof => {
                tracing::info!(error = error.code.as_str(), reason = %error.reason, "refused");
                Self::proof_invalid(&error.description)
            }
            Failure::Refused(error) => Self::internal(&error.reason),
            Failure::Unavailable(reason) => Self::unavailable(&reason),
        }
    }
}

/// Of judging the token.
impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::of_failure(failure, AUDIENCE)
    }
}

/// Of an operation. The texts of [`AdminError`] speak of commands; these speak of the API.
impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::NotFound { what, .. } => Self::not_found(what),
            AdminError::Exceeds(lacking) => Self::privilege_exceeded(&words(lacking)),
            AdminError::Unproven => too_old(),
            AdminError::Store(error) => Self::unavailable(&error.to_string()),
            other => Self::internal(&other.to_string()),
        }
    }
}

impl From<AdminError> for ChangeProblem {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Exists { what, name } => Self::already_exists(what, &name),
            AdminError::Stale => Self::stale(),
            AdminError::KeyReused => Self::key_reused(),
            AdminError::SetByFile(setting) => Self::conflict(format!("`{}` is in the settings file or the environment: change it there.", setting.as_str())),
            AdminError::Setting { setting, why } => Self::invalid_member(settings::pointer(setting), settings::sentence(setting, why)),
            AdminError::Client(refused) => Self::invalid(refused.to_string()),
            AdminError::PublicClient(_) => Self::conflict("The client is public and keeps no secret: only clients of the kinds `web` and `machine` have one."),
            AdminError::LastAdministrator(_) => Self::conflict(
                "Nobody would be left who administers and can sign in: give somebody else the role `administrator` first, who has a password. On the server `gatekey user` does it all the same.",
            ),
            AdminError::UserDisabled(_) => Self::conflict("The user is disabled, and no password would let them in: let them in again first."),
            AdminError::PasswordDeclared(_) => Self::conflict("The settings file says what the user's password is: it is changed there."),
            AdminError::Refused(reason) => Self::invalid(reason),
            other => Problem::from(other).into(),
        }
    }
}

fn words(scopes: AdminScopes) -> String {
    scopes.iter().map(AdminScope::as_str).collect::<Vec<_>>().join(" ")
}

/// What the errors of one API call it by.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// What its tokens are for.
    pub audience: &'static str,
    /// The command that prints its document.
    pub document: &'static str,
}

/// Those of the admin API.
pub const ADMIN: Words = Words { audience: AUDIENCE, document: "gatekey openapi" };

/// Of the framework: what it refused before an operation was reached.
pub fn of_error(error: poem::Error, words: Words, types: &Registry) -> Response {
    let document = words.document;
    if error.is_from_response() {
        return error.into_response(); // It is a `Problem` already.
    }
    if error.is::<AuthorizationError>() {
        return Problem::token_missing(words.audience).into_response();
    }
    if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
        return Problem::malformed(format!("The parameter `{name}` is malformed: {}.", plain(reason, types))).into_response();
    }
    // The framework counts the parts of the path instead of naming them.
    if let Some(ParsePathError { reason, .. }) = error.downcast_ref() {
        return Problem::malformed(format!("The id in the path is malformed: {}.", plain(reason, types))).into_response();
    }
    if error.is::<NotFoundError>() {
        return Problem::NotFound(Json(details(404, "not-found", format!("There is no such path: `{document}` prints those there are.")))).into_response();
    }
    if error.is::<MethodNotAllowedError>() {
        return of_status(MethodNotAllowedError.status(), "method-not-allowed", format!("`{document}` prints the operations there are."));
    }
    // What the body is to be is known before it is read.
    if error.is::<ContentTypeError>() {
        return of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, "request-malformed", "Send the body as `application/json`, and say so in `Content-Type`.");
    }
    if let Some(Misfit(problems)) = error.downcast_ref() {
        let detail = problems.iter().map(|problem| problem.detail.as_str()).collect::<Vec<_>>().join(" ");
        return Problem::Malformed(Json(Box::new(Details { errors: Some(problems.clone()), ..*details(400, "request-malformed", detail) }))).into_response();
    }
    if let Some(ParseRequestPayloadError { reason }) = error.downcast_ref() {
        return Problem::malformed(format!("The body does not fit: {}.", reason.trim_end_matches('.'))).into_response();
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
fn plain(reason: &str, types: &Registry) -> String {
    let bound = |name: &str| reason.strip_prefix("verification failed. ")?.strip_prefix(name)?.strip_prefix('(')?.split(',').next();
    if let Some(least) = bound("minimum") {
        return format!("it must be {least} or more");
    }
    if let Some(most) = bound("maximum") {
        return format!("it must be {most} or less");
    }
    // What a parser stumbled over says nothing of what it expected.
    const EXPECTED: [(&str, &str); 3] = [
        ("string_uuid", "it must be a UUID, such as 0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d"),
        ("integer(uint32)", "it must be a whole number"),
        ("string_date-time", "it must be a time as RFC 3339 has it, such as 2026-11-23T17:36:09Z"),
    ];
    let unread = reason.strip_prefix("failed to parse \"").and_then(|rest| rest.split('"').next());
    if let Some(words) = unread.and_then(|name| types.schemas.get(name)).filter(|schema| !schema.enum_items.is_empty()) {
        let words: Vec<String> = words.enum_items.iter().map(|word| format!("`{}`", word.as_str().unwrap_or_default())).collect();
        return format!("it must be one of {}", words.join(", "));
    }
    let expected = EXPECTED.into_iter().find(|(name, _)| unread == Some(name)).map(|(_, expected)| expected);
    expected.unwrap_or(reason).trim_end_matches('.').to_owned()
}
