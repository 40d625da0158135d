//! The objects that are sent and answered.

use serde_json::{Map, Value, json};

use super::EXAMPLE_ISSUER;
use super::answers::schema;
use crate::domain::claim::Claim;
use crate::protocol::discovery::metadata;

pub fn all() -> Value {
    json!({
        "TokenRequest": token_request(),
        "TokenResponse": token_response_schema(),
        "RevocationRequest": token_form("What is given back, and by whom (RFC 7009 §2.1)."),
        "IntrospectionRequest": token_form("What is asked about, and by whom (RFC 7662 §2.1)."),
        "IntrospectionResponse": introspection_schema(),
        "UserInfoRequest": user_info_request(),
        "UserInfo": user_info_schema(),
        "Address": address(),
        "Metadata": metadata_schema(),
        "JsonWebKeySet": key_set_schema(),
        "JsonWebKey": key_schema(),
        "OAuthError": error_schema(),
        "Health": health("What a process that lives says.", false),
        "Readiness": health("Whether requests are wanted.", true),
    })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn seconds_since_1970(description: &str) -> Value {
    json!({ "type": "integer", "format": "int64", "description": description })
}

fn object(description: &str, required: &[&str], properties: Value, example: Value) -> Value {
    let mut object = Map::new();
    object.insert("type".to_owned(), "object".into());
    object.insert("description".to_owned(), description.into());
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    object.insert("properties".to_owned(), properties);
    object.insert("example".to_owned(), example);
    object.into()
}

fn client_id() -> Value {
    text("Who asks (RFC 6749 §2.3.1, §3.2.1), unless the `Authorization` header says it.")
}

fn client_secret() -> Value {
    json!({ "type": "string", "format": "password", "description": "The secret of a client registered for `client_secret_post` (RFC 6749 §2.3.1)." })
}

fn token_request() -> Value {
    object(
        "A token request. Which members belong to which `grant_type` is said at each.",
        &["grant_type"],
        json!({
            "grant_type": { "type": "string", "enum": ["authorization_code", "refresh_token", "client_credentials"], "description": "What the tokens are asked for with (RFC 6749 §4.1.3, §6, §4.4.2)." },
            "code": text("`authorization_code`: the code that the browser brought. It works once."),
            "redirect_uri": text("`authorization_code`: where the code was sent to, byte for byte as in the authorization request (RFC 6749 §4.1.3); left out if it was left out there."),
            "code_verifier": text("`authorization_code`: what the `code_challenge` of the authorization request was made from (RFC 7636 §4.5)."),
            "refresh_token": text("`refresh_token`: the newest one that the client was given."),
            "scope": text("`refresh_token`: narrows what the access token is for (RFC 6749 §6). `client_credentials`: what is asked for, values separated by spaces; without it, all that is registered."),
            "resource": {
                "type": "array",
                "items": { "type": "string" },
                "description": "The APIs that the access token is for (RFC 8707 §2), each registered for the client. In the form the parameter comes once for each.",
            },
            "audience": text("Where there is no `resource`: the one API that the access token is for, under the name that Auth0's libraries know."),
            "client_id": client_id(),
            "client_secret": client_secret(),
        }),
        json!({ "grant_type": "client_credentials", "scope": "sessions:read", "resource": ["urn:gatekey:admin"] }),
    )
}

pub fn token_response() -> Value {
    json!({
        "access_token": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiIwMTk4YzVmMiJ9.c2lnbmF0dXJl",
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "openid email",
        "refresh_token": "gk_rt_d9sP3gECAwQFBncIiQoLDA0ODxAAAAAAAAABApKipyzAe-5j4CR6dVbtxecqz3TQ3OcCQTV5rSzxTtmX",
        "id_token": "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIwMTk4YzVmMiJ9.c2lnbmF0dXJl",
        "session_expires_at": 1_767_355_200,
        "session_idle_expires_at": 1_767_262_320,
    })
}

fn token_response_schema() -> Value {
    object(
        "Tokens (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).",
        &["access_token", "token_type", "expires_in", "scope"],
        json!({
            "access_token": text("What APIs are called with, as `Authorization: Bearer …` or `DPoP …`: a JWT (RFC 9068), but to the client just a text."),
            "token_type": { "type": "string", "enum": ["Bearer", "DPoP"], "description": "How it is sent (RFC 6750); `DPoP`, with a proof, if the request for it came with one (RFC 9449 §5)." },
            "expires_in": { "type": "integer", "format": "int64", "minimum": 0, "description": "For how many seconds the access token works." },
            "scope": text("What it is for, values separated by spaces. It may be less than was asked for."),
            "refresh_token": text("What the next tokens are asked for with. Absent for a machine, and for a client that is not registered for `refresh_token`."),
            "id_token": text("Who signed in (OpenID Connect Core §2), a signed JWT. There with the scope `openid`."),
            "session_expires_at": seconds_since_1970("When the user's session ends, whatever the user does, in seconds since 1970. Absent if never, and for a machine."),
            "session_idle_expires_at": seconds_since_1970("When it ends if it is not used, in seconds since 1970. Absent if never, and for a machine."),
        }),
        token_response(),
    )
}

fn token_form(description: &str) -> Value {
    object(
        description,
        &["token"],
        json!({
            "token": text("An access token or a refresh token."),
            "token_type_hint": text("`access_token` or `refresh_token`. Not needed: a token says what it is."),
            "client_id": client_id(),
            "client_secret": client_secret(),
        }),
        json!({ "token": "gk_rt_d9sP3gECAwQFBncIiQoLDA0ODxAAAAAAAAABApKipyzAe-5j4CR6dVbtxecqz3TQ3OcCQTV5rSzxTtmX", "client_id": "my-app" }),
    )
}

pub fn introspection() -> Value {
    json!({
        "active": true,
        "token_type": "Bearer",
        "iss": EXAMPLE_ISSUER,
        "sub": "0198c5f2-7d3e-7b52-8c3a-61f02e4d9a18",
        "aud": ["https://api.example.com/", EXAMPLE_ISSUER],
        "client_id": "my-app",
        "scope": "openid email",
        "jti": "019b78dd-d040-7a10-9f11-5d2f0a9b8c7d",
        "iat": 1_767_258_720,
        "exp": 1_767_259_620,
        "auth_time": 1_767_256_200,
        "acr": "urn:gatekey:acr:pwd",
        "amr": ["pwd"],
        "sid": "w3mFyH4KqvE1c0XJ6T2rZA",
        "username": "alice",
    })
}

fn introspection_schema() -> Value {
    object(
        "What a token says, if it works and the caller may know (RFC 7662 §2.2). Otherwise there is nothing but `active`.",
        &["active"],
        json!({
            "active": { "type": "boolean", "description": "Whether the token works at this moment." },
            "token_type": { "type": "string", "enum": ["Bearer", "DPoP", "refresh_token"], "description": "An access token, by how it is sent, or a refresh token." },
            "cnf": {
                "type": "object",
                "required": ["jkt"],
                "properties": { "jkt": text("The JWK thumbprint of the key (RFC 7638).") },
                "description": "The key that the token is bound to: whoever sends it must show a proof of it (RFC 9449 §6.2).",
            },
            "iss": text("The issuer."),
            "sub": text("Who the user is to the client that the token was given to; of a machine's token, the client."),
            "aud": {
                "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
                "description": "The APIs that an access token is for: one as a text, several as an array (RFC 7519 §4.1.3).",
            },
            "client_id": text("The client that the token was given to."),
            "scope": text("What it is for, values separated by spaces."),
            "jti": text("The access token's own id."),
            "iat": seconds_since_1970("When it was made, in seconds since 1970."),
            "exp": seconds_since_1970("When it expires, in seconds since 1970; of a refresh token, when it ends if it is not used. Absent if never."),
            "auth_time": seconds_since_1970("When the user signed in, in seconds since 1970."),
            "acr": text("How: the class of the sign-in, one of `acr_values_supported` in the metadata."),
            "amr": { "type": "array", "items": { "type": "string" }, "description": "By what means (RFC 8176)." },
            "sid": text("The session, as the client knows it."),
            "username": text("The user's name for signing in. Absent for a machine, and where users have pairwise subjects."),
        }),
        introspection(),
    )
}

fn user_info_request() -> Value {
    object(
        "The access token, if it is not in the header.",
        &[],
        json!({ "access_token": text("The access token (RFC 6750 §2.2).") }),
        json!({ "access_token": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiIwMTk4YzVmMiJ9.c2lnbmF0dXJl" }),
    )
}

pub fn user_info() -> Value {
    json!({
        "sub": "0198c5f2-7d3e-7b52-8c3a-61f02e4d9a18",
        "name": "Alice Example",
        "preferred_username": "alice",
        "updated_at": 1_767_256_200,
        "email": "alice@example.com",
        "email_verified": true,
        "address": address_example(),
    })
}

/// Every claim there is, by its kind.
fn user_info_schema() -> Value {
    let mut properties = Map::new();
    properties
        .insert("sub".to_owned(), text("Who the user is to this client; it never changes. Compare it with that of the ID token (OpenID Connect Core §5.3.2)."));
    for claim in Claim::ALL {
        let of_scope = format!("Needs the scope `{}`.", claim.scope());
        let property = match claim {
            Claim::EmailVerified | Claim::PhoneNumberVerified => json!({ "type": "boolean", "description": of_scope }),
            Claim::UpdatedAt => seconds_since_1970(&format!("When the profile was changed, in seconds since 1970. {of_scope}")),
            Claim::Address => schema("Address"),
            _ => text(&of_scope),
        };
        properties.insert(claim.as_str().to_owned(), property);
    }
    object("Claims about a user (OpenID Connect Core §5.1). What is not set is left out.", &["sub"], properties.into(), user_info())
}

fn address_example() -> Value {
    json!({ "formatted": "1 Example Street\n1010 Vienna", "street_address": "1 Example Street", "locality": "Vienna", "postal_code": "1010", "country": "Austria" })
}

fn address() -> Value {
    object(
        "A postal address (OpenID Connect Core §5.1.1). Needs the scope `address`.",
        &[],
        json!({
            "formatted": text("As it stands on a letter; lines are separated by a newline."),
            "street_address": text("Street and number."),
            "locality": text("City or locality."),
            "region": text("State, province or region."),
            "postal_code": text("Postal code."),
            "country": text("Country."),
        }),
        address_example(),
    )
}

pub fn metadata_example() -> Value {
    metadata(EXAMPLE_ISSUER)
}

/// Its members are those that the server announces, and are always there.
fn metadata_schema() -> Value {
    let example = metadata_example();
    let mut properties = Map::new();
    for (name, value) in example.as_object().into_iter().flatten() {
        let property = match value {
            Value::Bool(_) => json!({ "type": "boolean" }),
            Value::Array(_) => json!({ "type": "array", "items": { "type": "string" } }),
            _ => json!({ "type": "string", "format": "uri" }),
        };
        properties.insert(name.clone(), property);
    }
    let required: Vec<String> = properties.keys().cloned().collect();
    let required: Vec<&str> = required.iter().map(String::as_str).collect();
    object("Where the endpoints are, and what they can do (OpenID Connect Discovery 1.0 §3, RFC 8414 §2).", &required, properties.into(), example)
}

pub fn key_set() -> Value {
    json!({ "keys": [key()] })
}

fn key() -> Value {
    json!({
        "use": "sig",
        "alg": "ES256",
        "kid": "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
        "crv": "P-256",
        "kty": "EC",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    })
}

fn key_set_schema() -> Value {
    let keys = json!({ "keys": { "type": "array", "items": schema("JsonWebKey"), "description": "Each by its `kid`; the order means nothing." } });
    object("Public keys (RFC 7517 §5).", &["keys"], keys, key_set())
}

fn key_schema() -> Value {
    object(
        "A public key (RFC 7517 §4). `n` and `e` are there for `RSA`, `crv` and `x` for `EC` and `OKP`, `y` for `EC` (RFC 7518 §6, RFC 8037 §2).",
        &["kty", "use", "alg", "kid"],
        json!({
            "kty": text("The kind of key: `EC`, `RSA` or `OKP`."),
            "use": text("`sig`: it verifies signatures."),
            "alg": text("The one algorithm it is for."),
            "kid": text("What the header of a token names it by: its thumbprint (RFC 7638)."),
            "crv": text("The curve."),
            "x": text("A coordinate, base64url; of an `OKP`, the key."),
            "y": text("A coordinate, base64url."),
            "n": text("The modulus, base64url."),
            "e": text("The exponent, base64url."),
        }),
        key(),
    )
}

fn error_schema() -> Value {
    object(
        "Why a request was refused (RFC 6749 §5.2).",
        &["error", "error_description"],
        json!({
            "error": text("What programs go by: one of the codes that the response names."),
            "error_description": text("What people can do about it. Its wording may change, but for that of `invalid_grant`."),
        }),
        json!({ "error": "invalid_grant", "error_description": "Unknown or invalid refresh token." }),
    )
}

fn health(description: &str, with_database: bool) -> Value {
    let status = text(if with_database { "`ok`, `draining` or `database unavailable`." } else { "`ok`." });
    if !with_database {
        return object(description, &["status"], json!({ "status": status }), json!({ "status": "ok" }));
    }
    let database = json!({ "type": "string", "enum": ["sqlite", "postgres"], "description": "The kind of database; there if it answers." });
    object(description, &["status"], json!({ "status": status, "database": database }), json!({ "status": "ok", "database": "sqlite" }))
}
