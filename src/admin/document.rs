//! The document as generators of SDKs read it, where the framework writes the same thing in a way that some of them do not.

use std::mem;

use serde_json::{Map, Value};

/// Pretty, in the order it came in, with a newline at its end.
pub fn for_generators(spec: String) -> String {
    let mut text = serde_json::from_str::<Value>(&spec)
        .and_then(|mut document| {
            mend(&mut document);
            serde_json::to_string_pretty(&document)
        })
        .unwrap_or(spec);
    text.push('\n');
    text
}

fn mend(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mend),
        Value::Object(members) => {
            say_it_once(members);
            say_what_is_asked(members);
            if let Some(Value::Object(headers)) = members.get_mut("headers") {
                *headers = mem::take(headers).into_iter().map(|(name, header)| (as_written(name), header)).collect();
            }
            members.values_mut().for_each(mend);
        }
        _ => {}
    }
}

/// A member of a type of its own, with a description: the framework adds the description to both and makes a type of "any" of it, which
/// openapi-python-client refuses to join with an enumeration.
fn say_it_once(schema: &mut Map<String, Value>) {
    let description = schema.get("description").cloned();
    if let Some(Value::Array(all)) = schema.get_mut("allOf") {
        all.retain(|one| !one.as_object().is_some_and(|one| one.len() == 1 && one.get("description") == description.as_ref()));
    }
}

/// The refusals are those of one type for many operations: of a sign-in that is too old those speak that ask for one.
fn say_what_is_asked(operation: &mut Map<String, Value>) {
    let asks = operation.get("description").and_then(Value::as_str).is_some_and(|text| text.contains("recent sign-in"));
    if asks || !operation.contains_key("operationId") {
        return;
    }
    let Some(Value::String(text)) = operation.get_mut("responses").and_then(|all| all.get_mut("401")?.get_mut("description")) else { return };
    if let Some(at) = text.find("\nOr its user signed in too long ago") {
        text.truncate(at);
    }
}

/// The framework shouts the names of headers, and those that are made of them read like it.
fn as_written(name: String) -> String {
    match name.as_str() {
        "ETAG" => "ETag".to_owned(),
        "IDEMPOTENT-REPLAYED" => "Idempotent-Replayed".to_owned(),
        "RETRY-AFTER" => "Retry-After".to_owned(),
        "WWW-AUTHENTICATE" => "WWW-Authenticate".to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mended(mut value: Value) -> Value {
        mend(&mut value);
        value
    }

    #[test]
    fn a_description_is_said_once() {
        let alone = json!({"description": "How.", "allOf": [{"$ref": "#/components/schemas/Way"}]});
        let twice = json!({"description": "How.", "allOf": [{"$ref": "#/components/schemas/Way"}, {"description": "How."}]});
        assert_eq!(mended(json!({"properties": {"way": twice}})), json!({"properties": {"way": alone}}));
        assert_eq!(mended(alone.clone()), alone);
        // What says more stays.
        let more = json!({"description": "How.", "allOf": [{"$ref": "#/components/schemas/Way"}, {"description": "How.", "nullable": true}]});
        assert_eq!(mended(more.clone()), more);
        let other = json!({"description": "How.", "allOf": [{"$ref": "#/components/schemas/Way"}, {"description": "Another."}]});
        assert_eq!(mended(other.clone()), other);
    }

    #[test]
    fn only_who_asks_for_a_recent_sign_in_speaks_of_it() {
        let both = "No access token.\nOr its user signed in too long ago for what is dangerous.";
        let operation = |does: &str, refuses: &str| json!({"operationId": "x", "description": does, "responses": {"401": {"description": refuses}}});
        assert_eq!(mended(operation("Needs a recent sign-in.", both)), operation("Needs a recent sign-in.", both));
        assert_eq!(mended(operation("Needs nothing.", both)), operation("Needs nothing.", "No access token."));
    }

    #[test]
    fn headers_are_called_as_they_are_written() {
        let named = |names: &[&str]| json!({"401": {"headers": names.iter().map(|name| ((*name).to_owned(), json!({}))).collect::<Map<_, _>>()}});
        assert_eq!(
            mended(named(&["WWW-AUTHENTICATE", "RETRY-AFTER", "ETAG", "IDEMPOTENT-REPLAYED", "X-Other"])),
            named(&["WWW-Authenticate", "Retry-After", "ETag", "Idempotent-Replayed", "X-Other"])
        );
    }

    #[test]
    fn what_is_no_document_stays_as_it_is() {
        assert_eq!(for_generators("{".to_owned()), "{\n");
        assert_eq!(for_generators("{\"b\":1,\"a\":2}".to_owned()), "{\n  \"b\": 1,\n  \"a\": 2\n}\n");
    }
}
