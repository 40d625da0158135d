//! An OpenAPI document as a judge of answers: what the server says must be something that the document names, in the words it names.
//!
//! The schemas are judged by a JSON Schema validator, stricter than the document is to its readers: a member that no schema names is an
//! error here, because whoever reads the document would never learn of it.

use std::collections::BTreeSet;

use jsonschema::{Draft, Validator};
use poem::http::Method;
use serde_json::{Map, Value, json};

use super::network::Answer;

pub struct Document {
    value: Value,
    /// The schemas and what else is referred to, made strict.
    components: Value,
}

/// The operation and the status that an answer was found to be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    pub operation: String,
    pub status: u16,
}

/// Headers that say what to do next: none of them is sent that the document does not name.
const TELLING: [&str; 7] = ["www-authenticate", "retry-after", "etag", "location", "allow", "accept-encoding", "link"];

impl Document {
    pub fn of(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap();
        let mut components = value["components"].clone();
        strict(&mut components);
        Self { value, components }
    }

    pub fn json(&self) -> &Value {
        &self.value
    }

    /// Every (operation, status) in the document.
    pub fn named(&self) -> BTreeSet<Named> {
        let mut all = BTreeSet::new();
        for (_, _, operation) in self.operations() {
            let id = operation["operationId"].as_str().unwrap();
            all.extend(operation["responses"].as_object().unwrap().keys().map(|status| Named { operation: id.to_owned(), status: status.parse().unwrap() }));
        }
        all
    }

    /// Path template, method in capitals, operation.
    pub fn operations(&self) -> Vec<(&str, String, &Value)> {
        let mut all = Vec::new();
        for (path, methods) in self.value["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                all.push((path.as_str(), method.to_uppercase(), operation));
            }
        }
        all
    }

    /// Whether the document has an operation of this method at this path.
    pub fn covers(&self, method: &Method, path: &str) -> bool {
        self.operations().iter().any(|(template, named, _)| named == method.as_str() && fits(template, path))
    }

    /// Fails unless the document names this answer to this method at this path (below the document's server, without a query).
    pub fn holds(&self, method: &Method, path: &str, answer: &Answer) -> Named {
        match self.judge(method, path, answer) {
            Ok(named) => named,
            Err(problem) => panic!(
                "{method} {path} was answered {} {:?} {:?}\nand the document: {problem}",
                answer.status,
                answer.headers,
                String::from_utf8_lossy(&answer.body)
            ),
        }
    }

    pub fn judge(&self, method: &Method, path: &str, answer: &Answer) -> Result<Named, String> {
        let operations = self.operations();
        let here: Vec<_> = operations.iter().filter(|(template, ..)| fits(template, path)).collect();
        if here.is_empty() {
            return Err("has no such path".to_owned());
        }
        let status = answer.status.as_u16();
        let Some((_, _, operation)) = here.iter().find(|(_, named, _)| named == method.as_str()) else {
            let refused = self.value["components"]["responses"].get("MethodNotAllowed").filter(|_| status == 405).ok_or("has no such method there")?;
            self.response(refused, answer)?;
            return Ok(Named { operation: "none".to_owned(), status });
        };
        let id = operation["operationId"].as_str().unwrap();
        let response = operation["responses"].get(status.to_string()).ok_or_else(|| format!("{id} does not name the status {status}"))?;
        self.response(self.resolved(response), answer).map_err(|problem| format!("{id} {status}: {problem}"))?;
        Ok(Named { operation: id.to_owned(), status })
    }

    fn response(&self, response: &Value, answer: &Answer) -> Result<(), String> {
        let none = Map::new();
        let headers = response["headers"].as_object().unwrap_or(&none);
        for (name, header) in headers {
            let header = self.resolved(header);
            match answer.header(&name.to_lowercase()) {
                Some(text) => self.header(&header["schema"], text).map_err(|problem| format!("the header {name}: {problem}"))?,
                None if header["required"] == true => return Err(format!("the header {name} is missing")),
                None => {}
            }
        }
        if let Some(more) = TELLING.iter().find(|name| answer.headers.contains_key(**name) && !headers.keys().any(|named| named.eq_ignore_ascii_case(name))) {
            return Err(format!("the header {more} is not named"));
        }
        let bodies = response["content"].as_object().unwrap_or(&none);
        let Some(sent) = answer.header("content-type") else {
            let may_be_empty = bodies.is_empty() || response["x-may-be-empty"] == true;
            return if may_be_empty && answer.body.is_empty() { Ok(()) } else { Err("a body of no type".to_owned()) };
        };
        let media_type = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let Some((_, body)) = bodies.iter().find(|(named, _)| media_type(named) == media_type(sent)) else {
            return Err(format!("the type {sent} is not named"));
        };
        let value = if media_type(sent).ends_with("json") && media_type(sent) != "application/x-ndjson" {
            serde_json::from_slice(&answer.body).map_err(|error| format!("not JSON: {error}"))?
        } else {
            Value::from(std::str::from_utf8(&answer.body).map_err(|error| error.to_string())?)
        };
        self.value_of(&body["schema"], &value)?;
        // Where errors are named by examples, by their codes, those are the codes there are.
        let codes = body["examples"].as_object().filter(|examples| examples.values().all(|example| example["value"]["error"].is_string()));
        match (codes, value["error"].as_str()) {
            (Some(codes), Some(code)) if !codes.contains_key(code) => Err(format!("the error `{code}` is not named")),
            _ => Ok(()),
        }
    }

    fn header(&self, schema: &Value, text: &str) -> Result<(), String> {
        let number = matches!(schema["type"].as_str(), Some("integer" | "number"));
        let value = if number { serde_json::from_str(text).map_err(|_| format!("not a number: {text}"))? } else { Value::from(text) };
        self.value_of(schema, &value)
    }

    /// Whether a value fits a schema of this document.
    pub fn value_of(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let mut schema = schema.clone();
        strict(&mut schema);
        let errors: Vec<String> = self.validator(&schema).iter_errors(value).map(|error| format!("{} at `{}`", error, error.instance_path())).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }

    fn validator(&self, schema: &Value) -> Validator {
        // Beside `$ref` nothing counts in this draft, so what is referred to stands at the root of another schema.
        let root = json!({ "allOf": [schema], "components": self.components });
        // The schemas of OpenAPI 3.0 are those of this draft, but for `nullable` and `example`.
        jsonschema::options().with_draft(Draft::Draft4).should_validate_formats(true).build(&root).unwrap_or_else(|error| panic!("no schema: {error}"))
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.value.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("{reference} leads nowhere")),
            None => value,
        }
    }

    /// Every example, and every default, with what is wrong with it: where it stands, and why it does not fit. And how many there are.
    pub fn examples(&self) -> (usize, Vec<String>) {
        let (mut count, mut wrong) = (0, Vec::new());
        self.examples_below(&self.value, "#", &mut count, &mut wrong);
        (count, wrong)
    }

    fn examples_below(&self, value: &Value, at: &str, count: &mut usize, wrong: &mut Vec<String>) {
        let mut judge = |schema: &Value, example: &Value, what: &str| {
            *count += 1;
            if let Err(problem) = self.value_of(schema, example) {
                wrong.push(format!("{at} {what}: {problem}"));
            }
        };
        match value {
            Value::Object(members) => {
                // A media type, a parameter or a header has its schema beside the example; a schema is one.
                let schema = members.get("schema").unwrap_or(value);
                let is_schema = members.contains_key("schema") || members.get("type").is_some_and(Value::is_string);
                if is_schema && !at.ends_with("/properties") {
                    if let Some(example) = members.get("example") {
                        judge(schema, example, "example");
                    }
                    if let Some(default) = members.get("default") {
                        judge(schema, default, "default");
                    }
                    if let Some(Value::Object(examples)) = members.get("examples") {
                        for (name, example) in examples {
                            judge(schema, &example["value"], name);
                        }
                    }
                }
                for (name, member) in members.iter().filter(|(name, _)| !matches!(name.as_str(), "example" | "examples" | "default")) {
                    self.examples_below(member, &format!("{at}/{name}"), count, wrong);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.examples_below(item, &format!("{at}/{index}"), count, wrong);
                }
            }
            _ => {}
        }
    }
}

/// Whether a path is of a template: `{name}` stands for one part.
fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(path).all(|(named, part)| named == &part || (named.starts_with('{') && named.ends_with('}') && !part.is_empty()))
}

/// A schema as the validator knows it: `nullable` (OpenAPI 3.0 §4.7.24.1) said by types, and no member that is not named.
fn strict(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(strict);
            let one_type = members.get("type").and_then(Value::as_str).map(str::to_owned);
            if let Some(one_type) = one_type {
                if members.get("nullable") == Some(&Value::Bool(true)) {
                    members.insert("type".to_owned(), json!([one_type, "null"]));
                }
                let closed = one_type == "object" && members.get("properties").is_some_and(Value::is_object);
                if closed && !members.contains_key("additionalProperties") {
                    members.insert("additionalProperties".to_owned(), false.into());
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strict),
        _ => {}
    }
}
