//! An event, as the API tells it.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde_json::Value;
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::event;

/// Who did it.
#[derive(Debug, Object)]
#[oai(rename = "EventActor", example, skip_serializing_if_is_none)]
pub struct Actor {
    /// `user`, `client`, `command_line`, `settings_file`, `server` or `anybody`. More words may come.
    kind: String,
    /// Which one, where there are several of a kind.
    id: Option<String>,
}

/// What it happened to.
#[derive(Debug, Object)]
#[oai(rename = "EventObject", example, skip_serializing_if_is_none)]
pub struct Thing {
    /// `user`, `client`, `session`, `grant` (a refresh token family), `key`, `lifetime_policy` or `instance`. More words may come.
    kind: String,
    /// Which one, where there are several of a kind.
    id: Option<String>,
}

/// Something that happened. Events are never changed, and hold no secret.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
pub struct Event {
    /// The order of ids is the order of time.
    pub id: Uuid,
    at: Timestamp,
    /// What happened, such as `session.revoked`. More words may come.
    kind: String,
    actor: Actor,
    object: Thing,
    /// Whom it concerns, whoever did it.
    user_id: Option<Uuid>,
    /// The address the request came from.
    network: Option<String>,
    /// The `X-Request-Id` of the request, under which the log has more.
    request_id: Option<String>,
    /// What more there is to say: an object, whose members depend on the kind.
    detail: Value,
}

impl From<&event::Event> for Event {
    fn from(event: &event::Event) -> Self {
        Self {
            id: event.id.0,
            at: event.at,
            kind: event.kind.as_str().to_owned(),
            actor: Actor { kind: event.actor.kind().to_owned(), id: event.actor.id() },
            object: Thing { kind: event.object.kind().to_owned(), id: event.object.id() },
            user_id: event.user.map(|user| user.0),
            network: event.network.clone(),
            request_id: event.request_id.clone(),
            detail: Value::Object(event.detail.fields().clone()),
        }
    }
}

impl Example for Actor {
    fn example() -> Self {
        Self { kind: "client".to_owned(), id: Some("notes".to_owned()) }
    }
}

impl Example for Thing {
    fn example() -> Self {
        Self { kind: "grant".to_owned(), id: Some("019b78dd-d0a1-7c44-a1b3-6c1d8f0e2b35".to_owned()) }
    }
}

impl Example for Event {
    fn example() -> Self {
        Self {
            id: Uuid::from_u128(0x019b_78f4_22c0_7d10_9c2e_4e6a_1f5b_7a09),
            at: Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(1_767_256_200),
            kind: event::EventKind::RefreshReuseDetected.as_str().to_owned(),
            actor: Actor::example(),
            object: Thing::example(),
            user_id: Some(Uuid::from_u128(0x0198_c5f2_7d3e_7b52_8c3a_61f0_2e4d_9a18)),
            network: Some("192.0.2.17".to_owned()),
            request_id: Some("9f1c2d3e4b5a6978".to_owned()),
            detail: serde_json::json!({ "reason": "reuse_detected" }),
        }
    }
}
