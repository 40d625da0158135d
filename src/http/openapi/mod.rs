//! The document of the protocol's own endpoints, `openapi/gatekey-protocol.json`: what a generated client needs to get its token.
//!
//! The endpoints are plain handlers, so what they take and answer is written here by hand, from the same constants where there are
//! any; `tests/suite/openapi_protocol.rs` holds it against the running server. `/authorize` is not in it: a browser goes there, no
//! generated client does.

mod answers;
mod operations;
mod reference;
mod schemas;
pub mod served;

use serde_json::{Map, Value, json};

/// The version of OpenAPI, that of the admin API's document.
const OPENAPI: &str = "3.0.0";

/// What stands for the issuer until one is there, without the slash at its end.
const DEFAULT_ISSUER: &str = "http://localhost:8080";

/// What examples are of.
const EXAMPLE_ISSUER: &str = "https://id.example.com/";

const DESCRIPTION: &str = "\
The endpoints of OAuth 2.0 and OpenID Connect that programs call at a Gatekey issuer: get tokens, give them back, look into them, ask who \
the user is, read the issuer's metadata and keys.

**Signing a user in** begins in the browser, at the address that the metadata names as `authorization_endpoint` (RFC 6749 §4.1, OpenID \
Connect Core §3.1). It is a page, not an API, so it is not described here; the code it gives is redeemed at `POST /oauth/token`.

**Who the client is** is said in the one way it is registered for (RFC 6749 §2.3): `client_secret_basic`, id and secret in the \
`Authorization` header, each form-encoded first; `client_secret_post`, both in the form; `none`, only `client_id` in the form, for a client that \
can keep no secret. Any other way is refused with `invalid_client`.

**Requests** carry a form. At the token and revocation endpoints a JSON object with the same members is read too, for libraries that send \
one. A body is at most 64 KiB; a parameter comes once, but for `resource`; one without a value counts as left out; unknown ones are ignored.

**Errors** are JSON objects with `error` and `error_description` (RFC 6749 §5.2). Programs go by `error`; the description is for people. \
`500` and `503` are plain text, so that no client takes an outage for a refusal and drops its refresh token: after `503`, send the same \
request again once `Retry-After` seconds are over; nothing was done. A method that an address does not have is answered `405` with `Allow` \
(in the document: the response `MethodNotAllowed`).

**Every answer** has an `X-Request-Id`, under which the server's log tells the rest. What holds tokens or says something of a user is \
`Cache-Control: no-store`.

**Pages of other origins** may read the metadata and the keys; the answers of the token, revocation and userinfo endpoints only those of \
the client's registered web origins (CORS). Introspection is for servers.";

/// The document: pretty, in an order that does not change, with a newline at its end.
pub fn document() -> String {
    printed(&protocol())
}

fn printed(document: &Value) -> String {
    format!("{document:#}\n")
}

fn protocol() -> Value {
    json!({
        "openapi": OPENAPI,
        "info": {
            "title": "Gatekey protocol endpoints",
            "description": DESCRIPTION,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{
            "url": "{issuer}",
            "description": "An issuer",
            "variables": { "issuer": { "default": DEFAULT_ISSUER, "description": "The issuer as in its metadata, without the slash at its end" } },
        }],
        "tags": [
            { "name": "Tokens", "description": "Getting tokens, giving them back, looking into them." },
            { "name": "User", "description": "Who the user is." },
            { "name": "Metadata", "description": "What the issuer says of itself, for everybody." },
            { "name": "Health", "description": "For load balancers and monitors." },
        ],
        "paths": operations::paths(),
        "components": {
            "schemas": schemas::all(),
            "responses": answers::shared(),
            "headers": answers::headers(),
            "securitySchemes": security_schemes(),
        },
    })
}

fn security_schemes() -> Value {
    let scopes: Map<String, Value> = [
        ("openid", "Sign the user in: an ID token, and `sub` at userinfo"),
        ("profile", "Name, picture and the like"),
        ("email", "E-mail address"),
        ("address", "Postal address"),
        ("phone", "Phone number"),
        ("offline_access", "A refresh token that outlives the session"),
        ("online_access", "A refresh token that stays the same and stands for the session; for clients with a secret"),
    ]
    .map(|(name, meaning)| (name.to_owned(), meaning.into()))
    .into_iter()
    .collect();
    json!({
        "client_secret_basic": {
            "type": "http",
            "scheme": "basic",
            "description": "Client id and secret (RFC 6749 §2.3.1, RFC 7617), each form-encoded first. Where a secret may come in the form \
    instead, or none is needed, the operation says so by an alternative without a scheme: `client_id` and `client_secret` are members of its form then.",
        },
        "access_token": {
            "type": "oauth2",
            "description": "A user's access token of this issuer, sent as `Authorization: Bearer …` (RFC 6750 §2.1), or, \
    if it is bound to a key, as `Authorization: DPoP …` with a proof in the header `DPoP` (RFC 9449 §7.1). The URLs are those of the \
    default issuer: the metadata of yours names its own.",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": format!("{DEFAULT_ISSUER}/authorize"),
                    "tokenUrl": format!("{DEFAULT_ISSUER}/oauth/token"),
                    "refreshUrl": format!("{DEFAULT_ISSUER}/oauth/token"),
                    "scopes": scopes,
                },
            },
        },
    })
}
