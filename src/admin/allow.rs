//! Which methods a path answers to: what a refused one is told (`Allow`, RFC 9110 §15.5.6).

use serde_json::Value;

/// The paths of the document, each with its methods.
pub struct Allow(Vec<(Vec<String>, String)>);

impl Allow {
    /// Of the document as the framework writes it.
    pub fn of(spec: &str) -> Self {
        let document: Value = serde_json::from_str(spec).unwrap_or_default();
        let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
        let methods = |path: &Value| path.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase()).collect::<Vec<_>>().join(", ");
        Self(paths.map(|(path, operations)| (path.split('/').map(str::to_owned).collect(), methods(operations))).collect())
    }

    /// The value of the header for a path below the API's.
    pub fn on(&self, path: &str) -> Option<&str> {
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |template: &[String]| template.len() == parts.len() && template.iter().zip(&parts).all(|(one, part)| one.starts_with('{') || one == part);
        // A name beats a placeholder.
        let found = self.0.iter().filter(|(template, _)| fits(template)).min_by_key(|(template, _)| template.iter().filter(|one| one.starts_with('{')).count());
        found.map(|(_, methods)| methods.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_answers_to_what_the_document_says() {
        let allow = Allow::of(r#"{"paths":{"/things":{"get":{},"post":{}},"/things/{id}":{"delete":{}},"/things/check":{"post":{}}}}"#);
        assert_eq!(allow.on("/things"), Some("GET, POST"));
        assert_eq!(allow.on("/things/1"), Some("DELETE"));
        assert_eq!(allow.on("/things/check"), Some("POST"));
        assert_eq!(allow.on("/things/1/2"), None);
        assert_eq!(Allow::of("nonsense").on("/things"), None);
    }
}
