//! Errors of the account API: problem details as those of the admin API, but for what only one of them has.

use chrono::TimeDelta;
use poem_openapi::ApiResponse;
use poem_openapi::payload::Json;

use crate::admin::problem::{self, Details, among, details};
use crate::domain::account_scope::AUDIENCE;
use crate::service::Failure;

/// A refusal or a failure of an operation that takes no body.
#[derive(Debug, ApiResponse)]
pub enum Problem {
    /// The request is malformed: `request-malformed`.
    #[oai(status = 400, content_type = "application/problem+json")]
    Malformed(Json<Box<Details>>),
    /// No access token, or one that is expired, ended, of another issuer or for another audience: `token-missing`, `token-invalid`.
    /// Or one that is bound to a key, without a proof for this request: `proof-invalid` (RFC 9449).
    /// Or its user signed in too long ago for this: `authentication-too-old`.
    #[oai(status = 401, content_type = "application/problem+json")]
    Unauthorized(
        Json<Box<Details>>,
        /// How to authenticate (RFC 6750 §3); with `max_age` in seconds if it is only too long ago (RFC 9470 §3).
        #[oai(header = "WWW-Authenticate")]
        String,
    ),
    /// The token's scope does not suffice, or it belongs to no user: `scope-insufficient`, `user-required`.
    #[oai(status = 403, content_type = "application/problem+json")]
    Forbidden(
        Json<Box<Details>>,
        /// What would suffice (RFC 6750 §3).
        #[oai(header = "WWW-Authenticate")]
        String,
    ),
    /// There is no such thing, or it is not this user's: `not-found`.
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

/// A refusal or a failure of an operation that takes a body.
#[derive(Debug, ApiResponse)]
pub enum ChangeProblem {
    /// The request is malformed: no JSON, a member that is missing, unknown or of another type: `request-malformed`.
    #[oai(status = 400, content_type = "application/problem+json")]
    Malformed(Json<Box<Details>>),
    /// No access token, or one that is expired, ended, of another issuer or for another audience: `token-missing`, `token-invalid`.
    /// Or one that is bound to a key, without a proof for this request: `proof-invalid` (RFC 9449).
    /// Or its user signed in too long ago for this: `authentication-too-old`.
    #[oai(status = 401, content_type = "application/problem+json")]
    Unauthorized(
        Json<Box<Details>>,
        /// How to authenticate (RFC 6750 §3); with `max_age` in seconds if it is only too long ago (RFC 9470 §3).
        #[oai(header = "WWW-Authenticate")]
        String,
    ),
    /// The token's scope does not suffice, or it belongs to no user: `scope-insufficient`, `user-required`.
    #[oai(status = 403, content_type = "application/problem+json")]
    Forbidden(
        Json<Box<Details>>,
        /// What would suffice (RFC 6750 §3).
        #[oai(header = "WWW-Authenticate")]
        String,
    ),
    /// There is no such thing, or it is not this user's: `not-found`.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Box<Details>>),
    /// The state of the account does not allow it: `conflict`.
    #[oai(status = 409, content_type = "application/problem+json")]
    Conflict(Json<Box<Details>>),
    /// The body is longer than 64 KiB: `request-malformed`.
    #[oai(status = 413, content_type = "application/problem+json")]
    TooLong(Json<Box<Details>>),
    /// The body is not `application/json`: `request-malformed`.
    #[oai(status = 415, content_type = "application/problem+json")]
    UnsupportedType(Json<Box<Details>>),
    /// The body is read, but breaks a rule: `invalid`; `errors` tells which member.
    #[oai(status = 422, content_type = "application/problem+json")]
    Invalid(Json<Box<Details>>),
    /// Too many attempts have failed; nothing was looked at: `too-many-attempts`.
    #[oai(status = 429, content_type = "application/problem+json")]
    TooManyAttempts(
        Json<Box<Details>>,
        /// Seconds to wait before the next try.
        #[oai(header = "Retry-After")]
        u64,
    ),
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

impl ChangeProblem {
    pub fn conflict(detail: &str) -> Self {
        Self::Conflict(Json(details(409, "conflict", detail)))
    }

    /// One member of the body breaks a rule.
    pub fn invalid_member(pointer: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(Json(problem::of_member(pointer, detail.into())))
    }

    /// It can be tried again after this long.
    pub fn too_many_attempts(wait: TimeDelta) -> Self {
        // Rounded up: whoever waits so long is not told to wait again.
        let seconds = u64::try_from(wait.num_milliseconds()).unwrap_or(0).div_ceil(1000).max(1);
        let detail = format!("Too many attempts were wrong, so nothing was looked at: try again in {seconds} seconds.");
        Self::TooManyAttempts(Json(details(429, "too-many-attempts", detail)), seconds)
    }
}

among!(Problem => ChangeProblem);
among!(problem::Problem => Problem);

impl From<Failure> for ChangeProblem {
    fn from(failure: Failure) -> Self {
        Problem::from(failure).into()
    }
}

impl Problem {
    pub fn token_invalid() -> Self {
        problem::Problem::token_invalid(AUDIENCE).into()
    }

    pub fn scope_insufficient(scope: &str) -> Self {
        problem::Problem::scope_insufficient(scope).into()
    }

    pub fn authentication_too_old(max_age: i64) -> Self {
        problem::Problem::authentication_too_old(max_age).into()
    }

    pub fn not_found(what: &str) -> Self {
        problem::Problem::not_found(what).into()
    }

    pub fn no_such_page() -> Self {
        problem::Problem::malformed("The parameter `after` is malformed: pass `next` of the page before.".to_owned()).into()
    }

    /// A token by `client_credentials`.
    pub fn user_required() -> Self {
        let detail = "The access token was given to an application that acts for itself: this API is for users.";
        Self::Forbidden(Json(details(403, "user-required", detail)), problem::BEYOND.to_owned())
    }
}

/// Of judging the token, and of what is done then.
impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        problem::Problem::of_failure(failure, AUDIENCE).into()
    }
}
