//! What introspection says of a token (RFC 7662 §2.2), and to whom.

use serde_json::{Map, Value, json};

use super::access_token;
use crate::domain::client::Client;

/// May this caller learn about the token? Its owner may, and so may an API it is for (RFC 7662 §4): a confidential client
/// with one of the token's audiences among its resources.
pub fn may_see(caller: &Client, claims: &Map<String, Value>) -> bool {
    let owner = claims.get("client_id").and_then(Value::as_str) == Some(caller.id.as_str());
    owner || caller.metadata.resources.iter().any(|resource| access_token::is_for(claims, resource))
}

/// The answer for everything that is not a live token the caller may see: nothing but this (RFC 7662 §2.2).
pub fn inactive() -> Map<String, Value> {
    Map::from_iter([("active".to_owned(), json!(false))])
}

pub fn active(claims: &Map<String, Value>, token_type: &str, username: Option<&str>) -> Map<String, Value> {
    let mut answer = claims.clone();
    answer.retain(|name, _| !access_token::PRIVATE.contains(&name.as_str()));
    answer.insert("active".into(), json!(true));
    answer.insert("token_type".into(), json!(token_type));
    if let Some(username) = username {
        answer.insert("username".into(), json!(username));
    }
    answer
}
