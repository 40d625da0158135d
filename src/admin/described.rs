//! What the document says of the operations, to judge requests by: which methods a path answers to (`Allow`, RFC 9110 §15.5.6), which parameters its
//! query takes, and of what type bodies are. Read once, for the first request.

use std::sync::{Arc, LazyLock};

use poem::Request;
use poem::http::Method;
use poem_openapi::registry::Registry;
use poem_openapi::{OpenApi, OpenApiService};
use serde_json::Value;

use super::problem::Problem;

/// In the data of every request.
#[derive(Clone)]
pub struct Described(Arc<LazyLock<Read, Box<dyn FnOnce() -> Read + Send>>>);

struct Read {
    paths: Vec<Path>,
    types: Registry,
}

struct Path {
    template: Vec<String>,
    /// The value of the header.
    allow: String,
    operations: Vec<Operation>,
}

struct Operation {
    method: String,
    /// The names of the parameters of its query.
    query: Vec<String>,
}

impl Described {
    pub fn of<T: OpenApi + 'static>(service: fn() -> OpenApiService<T, ()>) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(move || {
            let mut types = Registry::new();
            T::register(&mut types);
            Read { paths: paths(&service().spec()), types }
        }))))
    }

    /// That of the API which a request is for.
    pub fn by(request: &Request) -> Result<&Self, Problem> {
        request.data::<Self>().ok_or_else(|| Problem::internal("a request without what the document says"))
    }

    /// The types of bodies, by their names.
    pub fn types(&self) -> &Registry {
        &self.0.types
    }

    /// The methods of a path below the API's, as the header tells them.
    pub fn allow(&self, path: &str) -> Option<&str> {
        at(&self.0.paths, path).map(|found| found.allow.as_str())
    }

    /// The parameters that the query of an operation takes; none of one that is not described.
    pub fn query(&self, method: &Method, path: &str) -> &[String] {
        query(&self.0.paths, method, path)
    }
}

/// Of the document as the framework writes it.
fn paths(spec: &str) -> Vec<Path> {
    let document: Value = serde_json::from_str(spec).unwrap_or_default();
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let path = |(path, operations): (&String, &Value)| {
        let operations: Vec<Operation> = operations.as_object().into_iter().flatten().map(operation).collect();
        let allow = operations.iter().map(|operation| operation.method.as_str()).collect::<Vec<_>>().join(", ");
        Path { template: path.split('/').map(str::to_owned).collect(), allow, operations }
    };
    paths.map(path).collect()
}

fn operation((method, described): (&String, &Value)) -> Operation {
    let parameters = described.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let name = |parameter: &Value| Some(parameter.get("name")?.as_str()?.to_owned()).filter(|_| parameter.get("in").is_some_and(|place| place == "query"));
    Operation { method: method.to_uppercase(), query: parameters.filter_map(name).collect() }
}

fn at<'a>(paths: &'a [Path], path: &str) -> Option<&'a Path> {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &[String]| template.len() == parts.len() && template.iter().zip(&parts).all(|(one, part)| one.starts_with('{') || one == part);
    // A name beats a placeholder.
    paths.iter().filter(|path| fits(&path.template)).min_by_key(|path| path.template.iter().filter(|one| one.starts_with('{')).count())
}

fn query<'a>(paths: &'a [Path], method: &Method, path: &str) -> &'a [String] {
    // RFC 9110 §9.3.2: HEAD is GET without the content.
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let operations = at(paths, path).into_iter().flat_map(|path| &path.operations);
    operations.filter(|operation| operation.method == method.as_str()).map(|operation| operation.query.as_slice()).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = r#"{"paths":{
        "/things":{"get":{"parameters":[{"name":"after","in":"query"},{"name":"If-Match","in":"header"},{"name":"limit","in":"query"}]},"post":{}},
        "/things/{id}":{"delete":{"parameters":[{"name":"id","in":"path"},{"name":"force","in":"query"}]}},
        "/things/check":{"post":{}}}}"#;

    #[test]
    fn a_path_answers_to_what_the_document_says() {
        let paths = paths(SPEC);
        let allow = |path: &str| at(&paths, path).map(|path| path.allow.as_str());
        assert_eq!(allow("/things"), Some("GET, POST"));
        assert_eq!(allow("/things/1"), Some("DELETE"));
        assert_eq!(allow("/things/check"), Some("POST"));
        assert_eq!(allow("/things/1/2"), None);
        assert!(super::paths("nonsense").is_empty());
    }

    #[test]
    fn a_query_takes_what_the_document_says() {
        let paths = paths(SPEC);
        assert_eq!(query(&paths, &Method::GET, "/things"), ["after", "limit"]);
        assert_eq!(query(&paths, &Method::HEAD, "/things"), ["after", "limit"]);
        assert_eq!(query(&paths, &Method::DELETE, "/things/1"), ["force"]);
        for (method, path) in [(Method::POST, "/things"), (Method::POST, "/things/check"), (Method::GET, "/things/1"), (Method::GET, "/other")] {
            assert!(query(&paths, &method, path).is_empty(), "{method} {path}");
        }
    }
}
