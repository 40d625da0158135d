//! What introspection says of a token (RFC 7662 §2.2), and to whom.

use serde_json::{Map, Value, json};

use super::access_token;
use crate::domain::client::Client;

/// May this caller learn about the token? Its owner may, and so may an API it is for (RFC 7662 §4): a confidential client
/// with one of the token's audiences among its resources. The issuer itself, the audience of tokens for userinfo, is nobody's API,
/// whatever was registered: who could see those would see every user's.
pub fn may_see(caller: &Client, claims: &Map<String, Value>) -> bool {
    let owner = claims.get("client_id").and_then(Value::as_str) == Some(caller.id.as_str());
    let issuer = claims.get("iss").and_then(Value::as_str);
    owner || caller.metadata.resources.iter().any(|resource| issuer != Some(resource) && access_token::is_for(claims, resource))
}

/// The answer for everything that is not a live token the caller may see: nothing but this (RFC 7662 §2.2).
pub fn inactive() -> Map<String, Value> {
    Map::from_iter([("active".to_owned(), json!(false))])
}

pub fn active(mut answer: Map<String, Value>, token_type: &str, username: Option<&str>) -> Map<String, Value> {
    answer.retain(|name, _| !access_token::PRIVATE.contains(&name.as_str()));
    answer.insert("active".into(), json!(true));
    answer.insert("token_type".into(), json!(token_type));
    if let Some(username) = username {
        answer.insert("username".into(), json!(username));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::{ClientKind, ClientMetadata};
    use crate::protocol::session::tests::a_client;

    fn caller(id: &str, resources: &[&str]) -> Client {
        let metadata = ClientMetadata { resources: resources.iter().map(|r| (*r).to_owned()).collect(), ..ClientMetadata::defaults(ClientKind::Web, "Caller") };
        a_client(id, metadata)
    }

    fn claims() -> Map<String, Value> {
        let Value::Object(claims) = json!({"client_id": "app", "aud": ["https://api.test/"], "sub": "1", "gid": "g", "userinfo_claims": "email"}) else {
            unreachable!()
        };
        claims
    }

    /// RFC 7662 §4: the owner, and whom the token is for.
    #[test]
    fn who_may_see() {
        assert!(may_see(&caller("app", &[]), &claims()));
        assert!(may_see(&caller("api", &["https://other.test/", "https://api.test/"]), &claims()));
        assert!(!may_see(&caller("api", &["https://other.test/"]), &claims()));
        assert!(!may_see(&caller("api", &[]), &claims()));
        let mut ours = claims();
        ours.insert("iss".to_owned(), json!("https://id.test/"));
        ours.insert("aud".to_owned(), json!(["https://api.test/", "https://id.test/"]));
        assert!(!may_see(&caller("api", &["https://id.test/"]), &ours));
        assert!(may_see(&caller("api", &["https://id.test/", "https://api.test/"]), &ours));
        let nobodys = Map::from_iter([("aud".to_owned(), json!("https://api.test/"))]);
        assert!(!may_see(&caller("app", &[]), &nobodys));
    }

    #[test]
    fn what_is_said() {
        assert_eq!(Value::Object(inactive()), json!({"active": false}));
        let expected = json!({"client_id": "app", "aud": ["https://api.test/"], "sub": "1", "active": true, "token_type": "Bearer", "username": "ada"});
        assert_eq!(Value::Object(active(claims(), "Bearer", Some("ada"))), expected);
        assert!(!active(claims(), "Bearer", None).contains_key("username"));
    }
}
