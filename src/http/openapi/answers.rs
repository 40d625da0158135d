//! What the endpoints answer when they do not do what was asked: each status with its body and its headers.

use poem::http::header;
use serde_json::{Map, Value, json};

use crate::http::arrival::Refusal;
use crate::http::{error, methods};
use crate::protocol::bearer::Scheme;
use crate::protocol::client_authentication::invalid_client;
use crate::protocol::dpop::replayed;
use crate::protocol::error::{ErrorCode, OAuthError};

/// A reference to a schema of this document.
pub fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A reference to a header.
fn header_of(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

/// A reference to a response.
pub fn response(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}

/// A response with the headers of all of them, and these.
pub fn answer(description: &str, content: Value, headers: &[&str]) -> Value {
    let mut all: Map<String, Value> = Map::new();
    for name in ["X-Request-Id"].iter().chain(headers) {
        let shown = name.split('_').next().unwrap_or(name);
        all.insert(shown.to_owned(), header_of(name));
    }
    let mut answer = Map::new();
    answer.insert("description".to_owned(), description.into());
    answer.insert("headers".to_owned(), all.into());
    if !content.is_null() {
        answer.insert("content".to_owned(), content);
    }
    answer.into()
}

/// A body of a schema, with an example.
pub fn json_of(name: &str, example: &Value) -> Value {
    json!({ "application/json": { "schema": schema(name), "example": example } })
}

/// Errors by their codes, each with an example: no other code is answered there.
pub fn errors(description: &str, refusals: &[OAuthError], headers: &[&str]) -> Value {
    let named: Map<String, Value> = refusals
        .iter()
        .map(|refusal| (refusal.code.as_str().to_owned(), json!({ "value": { "error": refusal.code.as_str(), "error_description": refusal.description } })))
        .collect();
    answer(description, json!({ "application/json": { "schema": schema("OAuthError"), "examples": named } }), headers)
}

/// RFC 6749 §5.2: whoever is not the client it says it is.
pub fn client_refused() -> Value {
    errors("The client is not who it says it is (RFC 6749 §5.2): `invalid_client`.", &[invalid_client("an example")], &["WWW-Authenticate_Basic"])
}

/// What may befall every request, before it is read and after.
pub fn of_every_request(with_body: bool, with_database: bool) -> Map<String, Value> {
    let mut answers = Map::new();
    if with_body {
        answers.insert("408".to_owned(), response("TooSlow"));
    }
    answers.insert("413".to_owned(), response("TooLong"));
    answers.insert("415".to_owned(), response("Encoded"));
    answers.insert("500".to_owned(), response("Mistake"));
    if with_database {
        answers.insert("503".to_owned(), response("Unavailable"));
    }
    answers
}

fn before_it_is_read(description: &str, refusal: &Refusal, headers: &[&str]) -> Value {
    errors(description, &[OAuthError::new(ErrorCode::InvalidRequest, refusal.text())], headers)
}

/// A refusal of the head of a request, where nothing else is refused with this status.
pub fn malformed() -> Value {
    before_it_is_read("A header that decides something came twice: `invalid_request`.", &Refusal::Twice(header::HOST), &[])
}

fn text(example: &str) -> Value {
    json!({ "text/plain": { "schema": { "type": "string" }, "example": example } })
}

/// Responses that several operations have.
pub fn shared() -> Value {
    json!({
        "Malformed": malformed(),
        "TooSlow": before_it_is_read("The body did not arrive in time (RFC 9110 §15.5.9): `invalid_request`.", &Refusal::TooSlow, &[]),
        "TooLong": before_it_is_read("The body is longer than this server reads (RFC 9110 §15.5.14): `invalid_request`.", &Refusal::TooLong, &[]),
        "Encoded": before_it_is_read("The body has a content coding; none is read (RFC 9110 §15.5.16): `invalid_request`.", &Refusal::Encoded, &["Accept-Encoding"]),
        "Mistake": answer("The server made a mistake; its log has the rest under the `X-Request-Id` of the answer.", text(error::MISTAKE), &[]),
        "Unavailable": answer("Busy, or cut off from the database (RFC 9110 §15.6.4). Nothing was done: send the same request again.", text(error::UNAVAILABLE), &["Retry-After"]),
        "MethodNotAllowed": answer("The address has no such method (RFC 9110 §15.5.6).", text(methods::NO_SUCH_METHOD), &["Allow"]),
    })
}

/// Headers, by the name that a response has them under, and what tells two of one name apart.
pub fn headers() -> Value {
    let of = |description: &str, required: bool, example: &str| json!({ "description": description, "required": required, "schema": { "type": "string" }, "example": example });
    let basic = error::BASIC_CHALLENGE;
    let retry_after: u64 = error::RETRY_AFTER.to_str().ok().and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
    let (bearer, bound) = (error::challenge(Scheme::Bearer, &OAuthError::invalid_token("")), error::challenge(Scheme::Dpop, &replayed()));
    json!({
        "X-Request-Id": of("Under this id the server's log tells the rest.", true, "019b78ddd0407a109f115d2f0a9b8c7d"),
        "WWW-Authenticate_Basic": of("How a client with a secret authenticates (RFC 7617 §2).", true, basic.to_str().unwrap_or_default()),
        "WWW-Authenticate_Token": {
            "description": "What is wrong with the access token, by the scheme that it came by, or with its proof (RFC 6750 §3, RFC 9449 §7.1); without a \
    token, only how to bring one, by either scheme. `algs` are those that proofs may be signed with.",
            "required": true,
            "schema": { "type": "string" },
            "examples": {
                "without": { "summary": "There was no token.", "value": error::token_challenge() },
                "bearer": { "summary": "A bearer token that does not work.", "value": bearer },
                "bound": { "summary": "A proof that was used before.", "value": bound },
            },
        },
        "WWW-Authenticate_Told": of("What is wrong with how the access token came (RFC 6750 §3), unless the request was refused before it was read.", false, &bearer),
        "Retry-After": {
            "description": "Seconds to wait before the next try (RFC 9110 §10.2.3).",
            "required": true,
            "schema": { "type": "integer", "format": "int32", "minimum": 0 },
            "example": retry_after,
        },
        "Allow": of("The methods that the address has (RFC 9110 §10.2.1).", true, "POST, OPTIONS"),
        "Accept-Encoding": of("The content codings that are read: none (RFC 9110 §12.5.3).", true, "identity"),
        "ETag": of("To be sent back as `If-None-Match` (RFC 9110 §8.8.3).", true, "\"0a1b2c3d4e5f6071\""),
        "Cache-Control": of("For how long the answer may be kept (RFC 9111 §5.2.2).", true, "public, max-age=3600"),
    })
}
