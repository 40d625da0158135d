//! The page that the console is started from. It is English, as the console is, and has nothing in it of whoever asks.

use minijinja::context;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use super::{Pages, shown};

/// What the console has to know before it can ask.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Console<'a> {
    /// Byte for byte.
    pub issuer: &'a str,
    pub client_id: &'a str,
    /// What it asks for, with spaces between.
    pub scope: &'a str,
    /// What each role of administrators reaches, as JSON: the scopes by the name of the role.
    pub roles: &'a str,
    /// The path of the folder of its files.
    pub folder: &'a str,
    /// Which module a bare name means: JSON without `<`, allowed by its hash.
    pub import_map: &'a str,
    /// The modules, so that the browser asks for all of them at once.
    pub modules: &'a [&'a str],
}

impl Pages {
    /// The page as an HTML document.
    pub fn console(&self, console: &Console<'_>) -> String {
        let import_map = Value::from_safe_string(console.import_map.to_owned());
        shown(self.english.render("console.html", context! { page => Value::from(Serde(console)), import_map, site => self.site.clone() }))
    }
}
