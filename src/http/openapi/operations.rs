//! The endpoints: what each takes, and what it answers.

use serde_json::{Map, Value, json};

use super::answers::{answer, client_refused, errors, json_of, of_every_request, response, schema};
use super::schemas;
use crate::protocol::dpop::{replayed, required};
use crate::protocol::error::{ErrorCode, OAuthError};

/// Whoever authenticates by the form, or needs not to, sends no header.
const BY_HEADER_OR_FORM: [(&str, &[&str]); 1] = [("client_secret_basic", &[])];

pub fn paths() -> Value {
    json!({
        "/oauth/token": { "post": token_issue() },
        "/oauth/revoke": { "post": token_revoke() },
        "/oauth/introspect": { "post": token_introspect() },
        "/userinfo": { "get": userinfo_show(), "post": userinfo_show_by_form() },
        "/.well-known/openid-configuration": { "get": metadata_show() },
        "/.well-known/oauth-authorization-server": { "get": metadata_show_oauth() },
        "/.well-known/jwks.json": { "get": keys_show() },
        "/healthz": { "get": health_show() },
        "/readyz": { "get": readiness_show() },
    })
}

/// What tells an operation from the others.
struct Operation {
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    description: &'static str,
    parameters: Vec<Value>,
    /// The form that it takes.
    form: Option<&'static str>,
    security: Vec<Value>,
    /// By status.
    answers: Vec<(&'static str, Value)>,
    with_database: bool,
}

impl Operation {
    fn told(self) -> Value {
        let mut told = Map::new();
        let mut set = |name: &str, value: Value| told.insert(name.to_owned(), value);
        set("operationId", self.id.into());
        set("tags", json!([self.tag]));
        set("summary", self.summary.into());
        set("description", self.description.into());
        if !self.parameters.is_empty() {
            set("parameters", self.parameters.into());
        }
        if let Some(form) = self.form {
            let content = json!({ "application/x-www-form-urlencoded": { "schema": schema(form) } });
            set("requestBody", json!({ "required": true, "content": content }));
        }
        let mut answers: Map<String, Value> = self.answers.into_iter().map(|(status, answer)| (status.to_owned(), answer)).collect();
        for (status, answer) in of_every_request(self.form.is_some(), self.with_database) {
            answers.entry(status).or_insert(answer);
        }
        set("responses", answers.into());
        set("security", self.security.into());
        told.into()
    }
}

/// The client's header, or nothing there: then the form says who it is.
fn client() -> Vec<Value> {
    let mut ways: Vec<Value> = BY_HEADER_OR_FORM.iter().map(|(scheme, scopes)| json!({ *scheme: scopes })).collect();
    ways.push(json!({}));
    ways
}

fn user() -> Value {
    json!({ "access_token": ["openid"] })
}

fn header(name: &str, description: &str) -> Value {
    json!({ "name": name, "in": "header", "description": description, "required": false, "schema": { "type": "string" } })
}

fn refusal(code: ErrorCode, description: &'static str) -> OAuthError {
    OAuthError::new(code, description)
}

fn missing(name: &str) -> OAuthError {
    OAuthError::invalid_request(format!("Parameter `{name}` is missing."))
}

fn token_issue() -> Value {
    let refused = errors(
        "The request is malformed, or the grant is refused (RFC 6749 §5.2): the examples are the codes there are. Which of the possible \
reasons `invalid_grant` has is told to nobody but the log.",
        &[
            missing("grant_type"),
            OAuthError::invalid_refresh_token(""),
            refusal(ErrorCode::UnauthorizedClient, "This client is not registered for this `grant_type`."),
            refusal(ErrorCode::UnsupportedGrantType, "`grant_type` may be `authorization_code`, `refresh_token` or `client_credentials`."),
            refusal(ErrorCode::InvalidScope, "`scope` asks for more than is registered for this client."),
            refusal(ErrorCode::InvalidTarget, "`resource` names an API that is not registered for this client."),
            required(),
        ],
        &[],
    );
    Operation {
        id: "token_issue",
        tag: "Tokens",
        summary: "Gets tokens",
        description: "The token endpoint (RFC 6749 §3.2). By `grant_type`:\n\n\
- `authorization_code` redeems the code that the browser brought (§4.1.3); with PKCE it needs `code_verifier` (RFC 7636 §4.5). A code works once.\n\
- `refresh_token` renews (§6). The answer holds the next refresh token: keep that one from then on. Sending the old one again within the \
server's overlap, because an answer was lost or two tabs asked at once, gives the same successor; later it is taken for stolen, and the grant ends.\n\
- `client_credentials` is for a machine that acts for itself (§4.4): no user, no refresh token, no ID token.\n\n\
`scope` and `resource` narrow what the token is for (RFC 6749 §3.3, RFC 8707 §2). With a proof in the header `DPoP` the access token is bound to \
the key that made it, and of a client without a secret the refresh token is too (RFC 9449 §5): that one is renewed with a proof of the same key only.",
        parameters: vec![header(
            "DPoP",
            "A proof that whoever asks holds a key (RFC 9449 §4.2): a JWT of the type `dpop+jwt` for `POST` and the address of this endpoint, one for each request; with the same refresh token or code it may come again. Left out: \
a bearer token is asked for, which is refused to a client that is registered with `dpop_bound_access_tokens`, and for a refresh token that is bound.",
        )],
        form: Some("TokenRequest"),
        security: client(),
        answers: vec![
            ("200", answer("The tokens (RFC 6749 §5.1).", json_of("TokenResponse", &schemas::token_response()), &[])),
            ("400", refused),
            ("401", client_refused()),
        ],
        with_database: true,
    }
    .told()
}

fn token_revoke() -> Value {
    let unsupported = "A machine's access token cannot be revoked: it is short-lived; disable the client to stop it at once.";
    Operation {
        id: "token_revoke",
        tag: "Tokens",
        summary: "Gives a token back",
        description: "Revocation (RFC 7009): a refresh token ends with every token that came from the same grant; so does an access token's grant, \
when an access token is given back. The session of the browser goes on, but for a refresh token with `online_access`, which stands for the \
session and ends it. A token that is unknown, over or somebody else's is answered `200` too, and nothing happens (§2.2).",
        parameters: Vec::new(),
        form: Some("RevocationRequest"),
        security: client(),
        answers: vec![
            ("200", answer("It is of no use from now on. Empty.", Value::Null, &[])),
            (
                "400",
                errors(
                    "The request is malformed (`invalid_request`), or a machine's access token was sent, which works until it expires (RFC 7009 \
§2.2.1: `unsupported_token_type`).",
                    &[missing("token"), refusal(ErrorCode::UnsupportedTokenType, unsupported)],
                    &[],
                ),
            ),
            ("401", client_refused()),
        ],
        with_database: true,
    }
    .told()
}

fn token_introspect() -> Value {
    Operation {
        id: "token_introspect",
        tag: "Tokens",
        summary: "Looks into a token",
        description: "Introspection (RFC 7662), for clients with a secret. It tells of a token to the client it was given to, and of an access \
token to an API that the token is for: a client with one of its audiences among its registered resources. Everybody else, and whoever asks about a \
token that is over, is answered `{\"active\": false}`.",
        parameters: Vec::new(),
        form: Some("IntrospectionRequest"),
        security: client(),
        answers: vec![
            ("200", answer("Whether the token works, and what it says (RFC 7662 §2.2).", json_of("IntrospectionResponse", &schemas::introspection()), &[])),
            ("400", errors("The request is malformed: `invalid_request`.", &[missing("token")], &[])),
            ("401", client_refused()),
        ],
        with_database: true,
    }
    .told()
}

fn userinfo(id: &'static str, summary: &'static str, description: &'static str, form: Option<&'static str>, security: Vec<Value>) -> Value {
    let shown = json!({
        "application/json": { "schema": schema("UserInfo"), "example": schemas::user_info() },
        "application/jwt": { "schema": { "type": "string", "description": "The same claims, signed, with `iss` and `aud`, as a JWT (RFC 7519 §3.1)." } },
    });
    let twice = OAuthError::invalid_request("The access token came in the header and in the body: send it once.");
    let mut refused = errors(
        "No access token, or one that is expired, ended, of another issuer or not sent by its own scheme, `Bearer` or `DPoP` (RFC 6750 §3.1): `invalid_token`. \
Or one that is bound to a key, by `DPoP` without a proof for this request (RFC 9449 §7.1): `invalid_dpop_proof`. Without a token the body is empty.",
        &[OAuthError::invalid_token(""), replayed()],
        &["WWW-Authenticate_Token"],
    );
    if let Some(members) = refused.as_object_mut() {
        // RFC 6750 §3.1: no error code for who brought no token.
        members.insert("x-may-be-empty".to_owned(), true.into());
    }
    Operation {
        id,
        tag: "User",
        summary,
        description,
        parameters: vec![header(
            "DPoP",
            "The proof that goes with a token that is bound to a key (RFC 9449 §7.1), which comes as `Authorization: DPoP …`: a JWT of the type `dpop+jwt` for the \
method and the address of this request and, by `ath`, this access token, used once. A bearer token goes without.",
        )],
        form,
        security,
        answers: vec![
            ("200", answer("The claims that the token's scope and the request's `claims` parameter ask for, as far as they are set.", shown, &[])),
            (
                "400",
                errors("The request is malformed, or the token came in two places (RFC 6750 §2): `invalid_request`.", &[twice], &["WWW-Authenticate_Told"]),
            ),
            ("401", refused),
            (
                "403",
                errors(
                    "The token lacks the scope `openid`, as every machine's does (RFC 6750 §3.1): `insufficient_scope`.",
                    &[refusal(ErrorCode::InsufficientScope, "The access token lacks the scope `openid`.")],
                    &["WWW-Authenticate_Token"],
                ),
            ),
        ],
        with_database: true,
    }
    .told()
}

fn userinfo_show() -> Value {
    let description = "Userinfo (OpenID Connect Core §5.3): the claims about the user whose access token this is. It needs the scope `openid`. For \
a client registered with `userinfo_signed_response_alg` the answer is a JWT (§5.3.2).";
    userinfo("userinfo_show", "Tells who the user is", description, None, vec![user()])
}

fn userinfo_show_by_form() -> Value {
    let description = "The same by POST (OpenID Connect Core §5.3.1). The access token may be in the form instead of the header (RFC 6750 §2.2), not in \
both.";
    userinfo("userinfo_show_by_form", "Tells who the user is, asked by a form", description, Some("UserInfoRequest"), vec![user(), json!({})])
}

/// Public, and kept by caches.
fn public(id: &'static str, summary: &'static str, description: &'static str, content: Value) -> Value {
    Operation {
        id,
        tag: "Metadata",
        summary,
        description,
        parameters: vec![header("If-None-Match", "The `ETag` of the answer that is at hand (RFC 9110 §13.1.2): if it is still true, `304` says so.")],
        form: None,
        security: Vec::new(),
        answers: vec![
            ("200", answer("For everybody, from any origin.", content, &["ETag", "Cache-Control"])),
            ("304", answer("Nothing has changed. Empty.", Value::Null, &["ETag", "Cache-Control"])),
            ("400", response("Malformed")),
        ],
        with_database: false,
    }
    .told()
}

fn metadata_show() -> Value {
    let description = "OpenID Connect Discovery 1.0 §4: where the endpoints are, and what the issuer can do.";
    public("metadata_show", "Shows the issuer's metadata", description, json_of("Metadata", &schemas::metadata_example()))
}

fn metadata_show_oauth() -> Value {
    let description = "The same document where OAuth clients look for it (RFC 8414 §3). For an issuer below a path, the host serves it at its root \
too, with the path behind (§3.1).";
    public("metadata_show_oauth", "Shows the same for OAuth clients", description, json_of("Metadata", &schemas::metadata_example()))
}

fn keys_show() -> Value {
    let description = "The public keys that tokens are verified with (RFC 7517 §5). A new key is here for longer than a verifier keeps the set before it \
signs, and an old one until the last token it signed has expired.";
    public("keys_show", "Shows the public keys", description, json_of("JsonWebKeySet", &schemas::key_set()))
}

fn health(id: &'static str, summary: &'static str, description: &'static str, answers: Vec<(&'static str, Value)>) -> Value {
    let mut answers = answers;
    answers.push(("400", response("Malformed")));
    Operation { id, tag: "Health", summary, description, parameters: Vec::new(), form: None, security: Vec::new(), answers, with_database: false }.told()
}

fn health_show() -> Value {
    let ok = answer("It lives.", json_of("Health", &json!({ "status": "ok" })), &[]);
    health("health_show", "Tells that the process lives", "Whatever its database does. For whoever restarts it.", vec![("200", ok)])
}

fn readiness_show() -> Value {
    let ok = answer("It wants requests, and its database answers.", json_of("Readiness", &json!({ "status": "ok", "database": "postgres" })), &[]);
    let not =
        answer("It is stopping, or its database does not answer: send nobody here.", json_of("Readiness", &json!({ "status": "draining" })), &["Retry-After"]);
    let description = "For load balancers: whether this process should be sent requests.";
    health("readiness_show", "Tells whether it wants requests", description, vec![("200", ok), ("503", not)])
}
