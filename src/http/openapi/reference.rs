//! From a document to what its page shows.

// To ask a JSON value for what it does not have is answered with null, and never panics.
#![allow(clippy::indexing_slicing)]

use pulldown_cmark::{Parser, html};
use serde_json::{Map, Value};

use crate::http::pages::{Access, Answer, Body, Group, Kind, Operation, Parameter, Reference, Schema, Scheme};

/// A document being read.
struct Source<'a>(&'a Value);

/// `server` is where the operations are, without the slash at its end.
pub fn reference(document: &Value, server: String, address: &'static str, others: Vec<(&'static str, &'static str)>) -> Reference {
    let source = Source(document);
    Reference {
        title: text(&document["info"]["title"]),
        version: text(&document["info"]["version"]),
        description: markdown(&document["info"]["description"]),
        server,
        document: address,
        others,
        groups: source.groups(),
        schemes: members(&document["components"]["securitySchemes"]).map(|(name, scheme)| source.scheme(name, scheme)).collect(),
        schemas: members(&document["components"]["schemas"]).map(|(name, schema)| source.schema(name, schema)).collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// HTML of a description (OpenAPI 3.0 §4.5: CommonMark). The documents are our own: what they say is not hostile.
fn markdown(value: &Value) -> String {
    let mut written = String::new();
    html::push_html(&mut written, Parser::new(value.as_str().unwrap_or_default()));
    written
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn last(reference: &str) -> String {
    reference.rsplit('/').next().unwrap_or_default().to_owned()
}

impl Source<'_> {
    /// What is meant, where a reference stands for it.
    fn meant<'a>(&'a self, value: &'a Value) -> &'a Value {
        value["$ref"].as_str().and_then(|reference| self.0.pointer(reference.trim_start_matches('#'))).unwrap_or(value)
    }

    fn groups(&self) -> Vec<Group> {
        let of = |name: &str| {
            let all = members(&self.0["paths"]).flat_map(|(path, methods)| members(methods).map(move |(method, operation)| (path, method, operation)));
            all.filter(|(_, _, operation)| operation["tags"][0] == name).map(|(path, method, operation)| self.operation(path, method, operation)).collect()
        };
        let tags = items(&self.0["tags"]).map(|tag| (text(&tag["name"]), markdown(&tag["description"])));
        tags.map(|(name, description)| Group { operations: of(&name), name, description }).filter(|group| !group.operations.is_empty()).collect()
    }

    fn operation(&self, path: &str, method: &str, operation: &Value) -> Operation {
        let parameters = items(&operation["parameters"]).map(|parameter| {
            let parameter = self.meant(parameter);
            Parameter {
                name: text(&parameter["name"]),
                place: parameter["in"].as_str().map(str::to_owned),
                required: parameter["required"] == true,
                kind: self.kind(&parameter["schema"]),
                description: markdown(&parameter["description"]),
            }
        });
        Operation {
            id: text(&operation["operationId"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(&operation["summary"]),
            description: markdown(&operation["description"]),
            access: items(&operation["security"]).flat_map(access).collect(),
            parameters: parameters.collect(),
            bodies: self.bodies(&self.meant(&operation["requestBody"])["content"]),
            answers: members(&operation["responses"]).map(|(status, answer)| self.answer(status, self.meant(answer))).collect(),
        }
    }

    fn answer(&self, status: &str, answer: &Value) -> Answer {
        // That every answer has an id is said once, above.
        let telling = |name: &&String| !name.eq_ignore_ascii_case("x-request-id");
        Answer {
            status: status.to_owned(),
            good: status.starts_with(['2', '3']),
            description: markdown(&answer["description"]),
            bodies: self.bodies(&answer["content"]),
            codes: members(&answer["content"]).flat_map(|(_, body)| members(&body["examples"])).map(|(name, _)| name.clone()).collect(),
            headers: members(&answer["headers"]).map(|(name, _)| name).filter(telling).map(|name| canonical(name)).collect(),
        }
    }

    fn bodies(&self, content: &Value) -> Vec<Body> {
        members(content).map(|(media_type, body)| Body { media_type: media_type.clone(), kind: self.kind(&body["schema"]) }).collect()
    }

    fn scheme(&self, name: &str, scheme: &Value) -> Scheme {
        let mut scopes: Map<String, Value> = Map::new();
        for (_, flow) in members(&scheme["flows"]) {
            scopes.extend(members(&flow["scopes"]).map(|(scope, meaning)| (scope.clone(), meaning.clone())));
        }
        let scopes = scopes.into_iter().map(|(scope, meaning)| (scope, text(&meaning))).collect();
        Scheme { name: name.to_owned(), description: markdown(&scheme["description"]), scopes }
    }

    fn schema(&self, name: &str, schema: &Value) -> Schema {
        let required = |name: &str| items(&schema["required"]).any(|required| required == name);
        let fields: Vec<Parameter> = members(&schema["properties"])
            .map(|(name, member)| Parameter {
                name: name.clone(),
                place: None,
                required: required(name),
                kind: self.kind(member),
                description: markdown(&self.described(member)["description"]),
            })
            .collect();
        let example = Some(&schema["example"]).filter(|example| !example.is_null()).map(|example| format!("{example:#}"));
        let kind = if fields.is_empty() { Some(self.kind(schema)) } else { None };
        Schema { name: name.to_owned(), description: markdown(&schema["description"]), members: fields, kind, example }
    }

    /// Where the description of a member is: beside a reference it stands in a list of its own.
    fn described<'a>(&'a self, member: &'a Value) -> &'a Value {
        items(&member["allOf"]).find(|part| part["description"].is_string()).unwrap_or(member)
    }

    fn kind(&self, schema: &Value) -> Kind {
        if let Some(reference) = schema["$ref"].as_str() {
            return Kind { schema: Some(last(reference)), ..Kind::default() };
        }
        for (list, between) in [("allOf", ""), ("oneOf", " or "), ("anyOf", " or ")] {
            let parts: Vec<Kind> =
                items(&schema[list]).filter(|part| part["$ref"].is_string() || part["type"].is_string()).map(|part| self.kind(part)).collect();
            if let Some(first) = parts.first().cloned() {
                let words: Vec<String> = parts.into_iter().map(|part| format!("{} {}", part.text, part.schema.unwrap_or_default()).trim().to_owned()).collect();
                return if words.len() == 1 { first } else { Kind { text: words.join(between), ..Kind::default() } };
            }
        }
        if schema["type"] == "array" {
            let item = self.kind(&schema["items"]);
            return Kind { text: format!("array of {}", item.text).trim().to_owned(), rules: rules(schema), ..item };
        }
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object() && schema["properties"].is_null()) {
            let value = self.kind(values);
            return Kind { text: format!("object of {}", value.text).trim().to_owned(), ..value };
        }
        let name = match (schema["type"].as_str(), schema["format"].as_str()) {
            (Some("string"), Some(format)) => format,
            (Some(name), _) => name,
            (None, _) => "any",
        };
        let values = items(&schema["enum"]).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
        Kind { text: name.to_owned(), schema: None, values, rules: rules(schema) }
    }
}

/// The ways of one alternative, or that it needs none.
fn access(way: &Value) -> Vec<Access> {
    let ways: Vec<Access> = members(way).map(|(scheme, scopes)| Access { scheme: Some(scheme.clone()), scopes: items(scopes).map(text).collect() }).collect();
    if ways.is_empty() { vec![Access { scheme: None, scopes: Vec::new() }] } else { ways }
}

/// What else a value must be, in a few words each.
fn rules(schema: &Value) -> Vec<String> {
    let number = |name: &str| schema[name].as_f64().map(|number| number.to_string());
    let between = |least: &str, most: &str, what: &str| match (number(least), number(most)) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}{what}")),
        (Some(least), None) => Some(format!("{least}{what} or more")),
        (None, Some(most)) => Some(format!("{most}{what} or less")),
        (None, None) => None,
    };
    let default = Some(&schema["default"])
        .filter(|value| !value.is_null())
        .map(|value| format!("by default {}", value.as_str().map_or(value.to_string(), str::to_owned)));
    let nullable = (schema["nullable"] == true).then(|| "or null".to_owned());
    let all =
        [between("minimum", "maximum", ""), between("minLength", "maxLength", " characters"), between("minItems", "maxItems", " items"), default, nullable];
    all.into_iter().flatten().collect()
}

/// A header as people write it, whatever the document does.
fn canonical(name: &str) -> String {
    let part = |part: &str| match part.to_ascii_lowercase().as_str() {
        "etag" => "ETag".to_owned(),
        "www" => "WWW".to_owned(),
        lower => lower.chars().enumerate().map(|(index, letter)| if index == 0 { letter.to_ascii_uppercase() } else { letter }).collect(),
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}
