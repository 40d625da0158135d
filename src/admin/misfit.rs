//! Where a body does not fit its type, by the schema that the document has of it. The framework says what it met, not where, of a member that is
//! missing not even that it is, and it takes a number for a text: `1E5` would be `100000.0`.

use poem::error::ResponseError;
use poem::http::StatusCode;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde_json::Value;

use super::problem::MemberProblem;

/// As many as anybody reads: a list may have thousands.
const MOST: usize = 20;

/// A body that is JSON, but not of its type: which members are wrong, and how.
#[derive(Debug, thiserror::Error)]
#[error("the body does not fit")]
pub struct Misfit(pub Vec<MemberProblem>);

impl ResponseError for Misfit {
    fn status(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}

/// What of a body is wrong by the types of its members. No value of it is repeated: it may be a secret.
pub fn of<T: Type>(types: &Registry, body: &Value) -> Vec<MemberProblem> {
    let mut found = Found { registry: types, problems: Vec::new() };
    found.value(&T::schema_ref(), body, "");
    found.problems
}

struct Found<'a> {
    registry: &'a Registry,
    problems: Vec<MemberProblem>,
}

impl<'a> Found<'a> {
    fn says(&mut self, pointer: &str, what: &str) {
        if self.problems.len() < MOST {
            let whom = if pointer.is_empty() { "The body".to_owned() } else { format!("The member `{pointer}`") };
            self.problems.push(MemberProblem { pointer: pointer.to_owned(), detail: format!("{whom} {what}.") });
        }
    }

    /// A reference is followed, also where it stands beside a description.
    fn schema<'b>(&self, schema: &'b MetaSchemaRef) -> Option<&'b MetaSchema>
    where
        'a: 'b,
    {
        match schema {
            MetaSchemaRef::Reference(name) => self.registry.schemas.get(name),
            MetaSchemaRef::Inline(inline) => match inline.all_of.iter().find(|one| matches!(one, MetaSchemaRef::Reference(_))) {
                Some(reference) => self.schema(reference),
                None => Some(inline),
            },
        }
    }

    fn value(&mut self, schema: &MetaSchemaRef, value: &Value, at: &str) {
        let Some(schema) = self.schema(schema) else { return };
        if !schema.enum_items.is_empty() {
            if !schema.enum_items.contains(value) {
                let words: Vec<String> = schema.enum_items.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
                self.says(at, &format!("must be one of {}", words.join(", ")));
            }
            return;
        }
        match (schema.ty, value) {
            ("object", Value::Object(members)) => {
                for name in schema.required.iter().filter(|name| !members.contains_key(**name)) {
                    self.says(&below(at, name), "is missing");
                }
                for (name, member) in members {
                    match schema.properties.iter().find(|(known, _)| known == name) {
                        // A member that may be left out may be null too.
                        Some((known, _)) if member.is_null() && !schema.required.contains(known) => {}
                        Some((_, of)) => self.value(of, member, &below(at, name)),
                        None => self.says(&below(at, name), "is unknown"),
                    }
                }
            }
            ("array", Value::Array(items)) => {
                let Some(of) = &schema.items else { return };
                items.iter().enumerate().for_each(|(index, item)| self.value(of, item, &format!("{at}/{index}")));
            }
            (kind, value) => {
                if let Some(wanted) = wanted(kind, schema.format, value) {
                    self.says(at, &format!("must be {wanted}"));
                }
            }
        }
    }
}

/// What a value should be, if it is not.
fn wanted(kind: &str, format: Option<&str>, value: &Value) -> Option<&'static str> {
    let (fits, wanted) = match (kind, format) {
        ("object", _) => (false, "an object"),
        ("array", _) => (false, "a list"),
        ("boolean", _) => (value.is_boolean(), "true or false"),
        ("integer", Some("uint32")) => (value.as_u64().is_some_and(|number| u32::try_from(number).is_ok()), "a whole number from 0 to 4294967295"),
        ("integer", _) => (value.is_i64() || value.is_u64(), "a whole number"),
        ("string", Some("uuid")) => (value.as_str().is_some_and(|text| text.parse::<uuid::Uuid>().is_ok()), "a UUID"),
        ("string", _) => (value.is_string(), "a text"),
        _ => return None,
    };
    (!fits).then_some(wanted)
}

/// The pointer of a member (RFC 6901 §3).
fn below(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admin::clients::NewClient;

    fn found(body: &Value) -> Vec<(String, String)> {
        let mut types = Registry::new();
        NewClient::register(&mut types);
        of::<NewClient>(&types, body).into_iter().map(|problem| (problem.pointer, problem.detail)).collect()
    }

    #[test]
    fn each_member_is_named_with_what_it_should_be() {
        let owned = |all: &[(&str, &str)]| all.iter().map(|(pointer, detail)| ((*pointer).to_owned(), (*detail).to_owned())).collect::<Vec<_>>();
        assert!(found(&json!({"id": "site", "metadata": {"kind": "web", "name": "Site", "scope": null}})).is_empty());
        assert_eq!(
            found(&json!({"metadata": {"redirect_uris": "x", "lifetimes": {"code": []}, "a/b~c": 1}})),
            owned(&[
                ("/id", "The member `/id` is missing."),
                ("/metadata/name", "The member `/metadata/name` is missing."),
                ("/metadata/kind", "The member `/metadata/kind` is missing."),
                ("/metadata/redirect_uris", "The member `/metadata/redirect_uris` must be a list."),
                ("/metadata/lifetimes/code", "The member `/metadata/lifetimes/code` must be a text."),
                ("/metadata/a~1b~0c", "The member `/metadata/a~1b~0c` is unknown."),
            ])
        );
        let kinds = "The member `/metadata/kind` must be one of `spa`, `native`, `web`, `machine`.";
        assert_eq!(
            found(&json!({"id": null, "metadata": {"kind": "cli", "name": 1, "web_origins": [{}, true]}})),
            owned(&[
                ("/id", "The member `/id` must be a text."),
                ("/metadata/kind", kinds),
                ("/metadata/name", "The member `/metadata/name` must be a text."),
                ("/metadata/web_origins/0", "The member `/metadata/web_origins/0` must be a text."),
                ("/metadata/web_origins/1", "The member `/metadata/web_origins/1` must be a text."),
            ])
        );
        assert_eq!(found(&json!([])), owned(&[("", "The body must be an object.")]));
    }

    #[test]
    fn a_long_list_of_mistakes_is_cut() {
        assert_eq!(found(&json!({"id": "site", "metadata": {"kind": "web", "name": "Site", "resources": vec![Value::Null; 1000]}})).len(), MOST);
    }
}
