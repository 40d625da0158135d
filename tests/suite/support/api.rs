//! An API that a document describes, called as its callers do.

use std::sync::OnceLock;

use poem::http::Method;
use serde_json::Value;

use super::app::App;
use super::network::Answer;
use super::openapi::Document;

pub struct Api {
    /// Where it is, below the issuer.
    path: &'static str,
    printed: fn() -> String,
    document: OnceLock<Document>,
}

impl Api {
    /// `printed`: its document, as the program prints it.
    pub const fn new(path: &'static str, printed: fn() -> String) -> Self {
        Self { path, printed, document: OnceLock::new() }
    }

    pub fn document(&self) -> &Document {
        self.document.get_or_init(|| Document::of(&(self.printed)()))
    }

    /// Every answer of an operation is one that the document names, in its words; nobody keeps it, and no cookie comes with it.
    pub async fn request(&self, app: &App, method: Method, path: &str, token: Option<&str>, headers: &[(&str, &str)], body: &str) -> Answer {
        let url = format!("{}{}{path}", app.issuer, self.path);
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut all: Vec<(&str, &str)> = bearer.as_deref().map(|value| ("authorization", value)).into_iter().collect();
        if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "content-type") {
            all.push(("content-type", "application/json"));
        }
        all.extend(headers);
        let answer = app.network.send(method.clone(), &url, &all, body).await;
        assert_eq!((answer.header("cache-control"), answer.header("set-cookie")), (Some("no-store"), None), "{path}");
        assert!(answer.header("x-request-id").is_some(), "{path}");
        let below = path.split('?').next().unwrap();
        if self.document().covers(&method, below) {
            self.document().holds(&method, below, &answer);
        }
        answer
    }

    /// What is there.
    pub async fn get(&self, app: &App, path: &str, token: &str) -> Value {
        let answer = self.request(app, Method::GET, path, Some(token), &[], "").await;
        assert_eq!(answer.status.as_u16(), 200, "{path} {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
        answer.json()
    }
}
