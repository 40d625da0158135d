//! What is wrong with the settings, in one line: where it came from, which key, and what to write instead.

use std::fmt;

use figment::error::{Actual, Kind as Cause};

use super::known::{self, Kind};
use super::sources::{PREFIX, Sources};

/// Settings that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    /// The file (with the line), variable or flag it came from; `None` for a value that a program gave.
    pub origin: Option<String>,
    /// The key as the reference names it.
    pub key: Option<String>,
    pub message: String,
}

impl std::error::Error for SettingsError {}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "`{key}`: ")?;
        }
        f.write_str(&self.message)
    }
}

impl SettingsError {
    pub(super) fn of_key(key: &str, message: impl fmt::Display) -> Self {
        Self { origin: None, key: Some(key.to_owned()), message: message.to_string() }
    }

    pub(super) fn of_file(file: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { origin: Some(file.to_string()), key: None, message: message.to_string() }
    }

    /// A value that was read well but breaks a rule; `path` finds where it came from.
    pub(super) fn refused(sources: &Sources, path: &[&str], message: impl fmt::Display) -> Self {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        Self { origin: sources.origin(&path), key: Some(name(&path)), message: message.to_string() }
    }

    /// The first thing figment and serde found.
    pub(super) fn explain(sources: &Sources, error: figment::Error) -> Self {
        let path = error.path.clone();
        let origin = sources.origin(&path);
        let key = name(&path);
        let known = known::find(key.trim_end_matches("[]"));
        let message = match &error.kind {
            Cause::UnknownField(field, siblings) => {
                let message = unknown_variable(sources, &path).unwrap_or_else(|| unknown_key(&path, field, siblings));
                return Self { origin, key: None, message };
            }
            Cause::UnknownVariant(found, variants) => {
                let list = variants.iter().map(|variant| format!("`\"{variant}\"`")).collect::<Vec<_>>().join(", ");
                match known::nearest_of(found, variants.iter().copied()) {
                    Some(variant) => format!("`{found}` is not one of {list}: did you mean `\"{variant}\"`?"),
                    None => format!("`{found}` is not one of {list}: write one of them"),
                }
            }
            Cause::MissingField(field) => format!("`{field}` is missing: add it{}", example(&format!("{key}.{field}").replace("[].[]", "[]"), field)),
            Cause::Message(text) => text.clone(),
            Cause::InvalidType(actual, expected) | Cause::InvalidValue(actual, expected) => match known {
                Some(known) => format!("{} does not fit: write {}, such as `{}`", found(actual), known.kind.phrase(), known.example),
                None if matches!(actual, Actual::Map) => format!("a table does not fit: write {expected}"),
                None if key.ends_with("[]") || expected == "a sequence" => {
                    format!("{} does not fit: write `[[{}]]` on a line of its own and its keys below", found(actual), key.trim_end_matches("[]"))
                }
                None => format!("{} does not fit: write `[{key}]` on a line of its own and its keys below", found(actual)),
            },
            other => match known {
                Some(known) => format!("{other}: write {}, such as `{}`", known.kind.phrase(), known.example),
                None => other.to_string(),
            },
        };
        Self { origin, key: Some(key).filter(|key| !key.is_empty()), message }
    }
}

/// A secret typed into the wrong place must not be printed, so texts are shown only where a number or a flag was expected and only when short.
fn found(actual: &Actual) -> String {
    match actual {
        Actual::Str(text) if text.len() <= 20 => format!("`\"{text}\"`"),
        Actual::Str(_) => "a text".to_owned(),
        Actual::Bool(value) => format!("`{value}`"),
        Actual::Unsigned(value) => format!("`{value}`"),
        Actual::Signed(value) => format!("`{value}`"),
        Actual::Float(value) => format!("`{value}`"),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a table".to_owned(),
        _ => "this value".to_owned(),
    }
}

fn example(path: &str, field: &str) -> String {
    known::find(path).map(|known| format!(", such as `{field} = {}`", known.example)).unwrap_or_default()
}

/// `GATEKEY_DATABASE_URL`: one underscore where two part a section from its key.
fn unknown_variable(sources: &Sources, path: &[String]) -> Option<String> {
    let [field] = path else { return None };
    sources.is_variable(field).then_some(())?;
    let meant = known::all().map(|key| key.path).find(|known| known.contains('.') && known.replace('.', "_") == *field)?;
    let variable = meant.to_ascii_uppercase().replace('.', "__");
    Some(format!("`{field}` is not a known key: two underscores part a section from its key: did you mean `{PREFIX}{variable}`?"))
}

fn unknown_key(path: &[String], field: &str, siblings: &[&'static str]) -> String {
    let parent = name(path.split_last().map_or(&[], |(_, parent)| parent));
    let full = name(path);
    match (parent.as_str(), field) {
        ("", "master_key") => {
            return "a master key does not belong in a settings file: put it in a file of mode 0600 and name that in `master_key_file`, or in the variable GATEKEY_MASTER_KEY".to_owned();
        }
        ("clients[]", "secret" | "client_secret") => {
            return format!(
                "`{full}` is unknown, because a secret in clear does not belong in a settings file: write `secret_digest`, `secret_file` or `secret_env`, or leave it out and run `gatekey client rotate-secret`"
            );
        }
        ("users[]", "password") => {
            return format!(
                "`{full}` is unknown, because a password in clear does not belong in a settings file: write `password_hash` (`gatekey user hash-password` makes one), or leave it out and run `gatekey user set-password`"
            );
        }
        _ => {}
    }
    match known::nearest(field, &parent, siblings) {
        Some(near) => format!("`{full}` is not a known key: did you mean `{near}`?"),
        None => format!("`{full}` is not a known key: remove it; known here are {}", siblings.join(", ")),
    }
}

/// `clients[].redirect_uris[]`: the place in a list is told by the line.
pub(super) fn name(path: &[String]) -> String {
    let mut name = String::new();
    for part in path {
        if part.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() {
            name.push_str("[]");
        } else {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(part);
        }
    }
    name
}

/// Whether an environment variable of this key is taken as text, whatever it looks like.
pub(super) fn is_text(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Duration)
}
