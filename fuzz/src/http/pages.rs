#[path = "../../../src/http/pages/language.rs"]
mod language;

pub use language::Language;
