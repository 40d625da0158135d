//! The page that shows an OpenAPI document to people.
//!
//! What the documents say is in English, as everything for developers is; HTML in them was made of their Markdown by `http::openapi`.

use serde::Serialize;

/// A document, as its page shows it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Reference {
    pub title: String,
    pub version: String,
    /// HTML.
    pub description: String,
    /// Where the operations are.
    pub server: String,
    /// The document itself, below the issuer's path.
    pub document: &'static str,
    /// The pages of the other documents, and their titles.
    pub others: Vec<(&'static str, &'static str)>,
    pub groups: Vec<Group>,
    pub schemes: Vec<Scheme>,
    pub schemas: Vec<Schema>,
}

/// Operations on one kind of thing.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    pub name: String,
    /// HTML.
    pub description: String,
    pub operations: Vec<Operation>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    pub summary: String,
    /// HTML.
    pub description: String,
    /// The ways to say who calls; any of them will do.
    pub access: Vec<Access>,
    pub parameters: Vec<Parameter>,
    /// What is sent; several media types are several ways.
    pub bodies: Vec<Body>,
    pub answers: Vec<Answer>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Access {
    /// Of [`Reference::schemes`]; `None`: without any.
    pub scheme: Option<String>,
    pub scopes: Vec<String>,
}

/// A parameter of a request, or a member of an object.
#[derive(Debug, Clone, Serialize)]
pub struct Parameter {
    pub name: String,
    /// `path`, `query` or `header`; of a member nothing.
    pub place: Option<String>,
    pub required: bool,
    pub kind: Kind,
    /// HTML.
    pub description: String,
}

/// What a value is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Kind {
    /// In words: `string`, `uuid`, `array of`.
    pub text: String,
    /// The schema of that name.
    pub schema: Option<String>,
    /// The values there are, if they are few.
    pub values: Vec<String>,
    /// `1 to 200`, `by default 50`.
    pub rules: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Body {
    pub media_type: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub status: String,
    /// Whether it is what was asked for.
    pub good: bool,
    /// HTML.
    pub description: String,
    pub bodies: Vec<Body>,
    /// What an error may be called there.
    pub codes: Vec<String>,
    pub headers: Vec<String>,
}

/// How a caller says who it is.
#[derive(Debug, Clone, Serialize)]
pub struct Scheme {
    pub name: String,
    /// HTML.
    pub description: String,
    /// Each with what it allows.
    pub scopes: Vec<(String, String)>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Schema {
    pub name: String,
    /// HTML.
    pub description: String,
    pub members: Vec<Parameter>,
    /// Of what is no object.
    pub kind: Option<Kind>,
    /// JSON.
    pub example: Option<String>,
}

#[cfg(test)]
impl Reference {
    /// One of everything, for the pages' own tests.
    pub(super) fn sample() -> Self {
        let kind = Kind { text: "array of".to_owned(), schema: Some("Thing".to_owned()), values: vec!["one".to_owned()], rules: vec!["1 to 200".to_owned()] };
        let parameter = |place: Option<&str>, required| Parameter {
            name: "id".to_owned(),
            place: place.map(str::to_owned),
            required,
            kind: kind.clone(),
            description: "<p>Which.</p>".to_owned(),
        };
        let body = Body { media_type: "application/json".to_owned(), kind: kind.clone() };
        let answer = |status: &str, good| Answer {
            status: status.to_owned(),
            good,
            description: "<p>It is this.</p>".to_owned(),
            bodies: vec![body.clone()],
            codes: vec!["invalid_request".to_owned()],
            headers: vec!["Retry-After".to_owned()],
        };
        let operation = Operation {
            id: "thing_show".to_owned(),
            method: "GET".to_owned(),
            path: "/things/{id}".to_owned(),
            summary: "Shows a thing".to_owned(),
            description: "<p>All of it.</p>".to_owned(),
            access: vec![Access { scheme: Some("token".to_owned()), scopes: vec!["things:read".to_owned()] }, Access { scheme: None, scopes: Vec::new() }],
            parameters: vec![parameter(Some("path"), true), parameter(Some("query"), false)],
            bodies: vec![body.clone()],
            answers: vec![answer("200", true), answer("404", false)],
        };
        let plain = Operation { id: "thing_list".to_owned(), access: Vec::new(), parameters: Vec::new(), bodies: Vec::new(), ..operation.clone() };
        let thing = Schema {
            name: "Thing".to_owned(),
            description: "<p>A thing.</p>".to_owned(),
            members: vec![parameter(None, true), parameter(None, false)],
            kind: None,
            example: Some("{}".to_owned()),
        };
        let choice = Schema { name: "Choice".to_owned(), members: Vec::new(), kind: Some(kind.clone()), example: None, ..thing.clone() };
        Self {
            title: "Things".to_owned(),
            version: "1.0.0".to_owned(),
            description: "<p>Of things.</p>".to_owned(),
            server: "https://id.example.com/things".to_owned(),
            document: "openapi/things.json",
            others: vec![("openapi/others", "Others")],
            groups: vec![Group { name: "Things".to_owned(), description: String::new(), operations: vec![operation, plain] }],
            schemes: vec![Scheme { name: "token".to_owned(), description: String::new(), scopes: vec![("things:read".to_owned(), "Read things".to_owned())] }],
            schemas: vec![thing, choice],
        }
    }
}
