//! Where settings come from: one TOML file, the environment, the flags; merged by figment, which remembers for every value where it came from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};

use super::SettingsError;
use super::error::is_text;
use super::known::{self, Kind};
use crate::domain::secret::Secret;

/// The settings file that is read when none is named and it is there.
pub const DEFAULT_FILE: &str = "gatekey.toml";
pub(super) const PREFIX: &str = "GATEKEY_";

/// What flags of a command set, over everything else.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--issuer`
    pub issuer: Option<String>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--database`
    pub database_url: Option<String>,
}

/// The merged sources, and what is needed to say where a value came from.
pub(super) struct Sources {
    pub(super) figment: Figment,
    pub(super) master_key: Option<Secret<String>>,
    variables: BTreeMap<String, String>,
    file: Option<(String, String)>,
}

impl Sources {
    pub(super) fn read(file: Option<&Path>, variables: impl IntoIterator<Item = (String, String)>, flags: Flags) -> Result<Self, SettingsError> {
        let named = file.is_some();
        let path = file.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_path_buf);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => Some((path.display().to_string(), text)),
            Err(error) if !named && error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(SettingsError::of_file(
                    path.display(),
                    "there is no such settings file: correct the name after --config, or write one with `gatekey init`",
                ));
            }
            Err(_) if path.is_dir() => {
                let inside = path.join(DEFAULT_FILE);
                return Err(SettingsError::of_file(
                    path.display(),
                    format!("this is a directory: name the settings file in it, such as `{}`", inside.display()),
                ));
            }
            Err(error) => {
                return Err(SettingsError::of_file(path.display(), format!("the settings file cannot be read ({error}): make it readable for this user")));
            }
        };
        Self::merge(text, variables.into_iter().collect(), flags)
    }

    pub(super) fn without_file(variables: impl IntoIterator<Item = (String, String)>, flags: Flags) -> Result<Self, SettingsError> {
        Self::merge(None, variables.into_iter().collect(), flags)
    }

    pub(super) fn of_text(text: &str) -> Result<Self, SettingsError> {
        Self::merge(Some((DEFAULT_FILE.to_owned(), text.to_owned())), BTreeMap::new(), Flags::default())
    }

    fn merge(file: Option<(String, String)>, mut variables: BTreeMap<String, String>, flags: Flags) -> Result<Self, SettingsError> {
        let mut figment = Figment::new();
        if let Some((name, text)) = &file {
            figment = figment.merge(Layer::file(name, text)?);
        }
        // Taken out before anything is merged: no error or debug text can then show it.
        let master_key = variables.remove("GATEKEY_MASTER_KEY").filter(|text| !text.is_empty()).map(Secret::new);
        figment = figment.merge(Layer::environment(&variables)).merge(Layer::flags(flags));
        Ok(Self { figment, master_key, variables, file })
    }

    /// Where the first text with a NUL is. PostgreSQL stores none, so no setting may bring one into the database.
    pub(super) fn text_with_nul(&self) -> Option<Vec<String>> {
        fn search(value: &Value, path: &mut Vec<String>) -> bool {
            let mut inside = |part: String, value: &Value| {
                path.push(part);
                let found = search(value, path);
                if !found {
                    path.pop();
                }
                found
            };
            match value {
                Value::String(_, text) => text.contains('\0'),
                Value::Dict(_, dict) => dict.iter().any(|(name, value)| inside(name.clone(), value)),
                Value::Array(_, items) => items.iter().enumerate().any(|(i, value)| inside(i.to_string(), value)),
                _ => false,
            }
        }
        let root: Value = self.figment.data().ok()?.remove(&Profile::Default).map(Value::from)?;
        let mut path = Vec::new();
        search(&root, &mut path).then_some(path)
    }

    /// A variable of the environment, for `secret_env`.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Whether the environment sets the top-level key `field`.
    pub(super) fn is_variable(&self, field: &str) -> bool {
        self.variables.contains_key(&format!("{PREFIX}{}", field.to_ascii_uppercase()))
    }

    /// Where the value at `path` (or the nearest table above it) came from.
    pub(super) fn origin(&self, path: &[String]) -> Option<String> {
        let root: Value = self.figment.data().ok()?.remove(&Profile::Default).map(Value::from)?;
        let mut value = &root;
        let mut tag = None;
        for part in path {
            let next = match value {
                Value::Dict(_, dict) => dict.get(part),
                Value::Array(_, items) => part.parse::<usize>().ok().and_then(|i| items.get(i)),
                _ => None,
            };
            let Some(next) = next else { break };
            (value, tag) = (next, Some(next.tag()));
        }
        let metadata = self.figment.get_metadata(tag?)?;
        Some(match metadata.name.as_ref() {
            "environment" => {
                let levels: Vec<String> =
                    path.iter().take_while(|part| !part.bytes().all(|b| b.is_ascii_digit())).map(|part| part.to_ascii_uppercase()).collect();
                format!("variable {PREFIX}{}", levels.join("__"))
            }
            "flags" => format!("flag --{}", path.first()?),
            _ => {
                let (name, text) = self.file.as_ref()?;
                line_of(text, path).map_or_else(|| name.clone(), |line| format!("{name}, line {line}"))
            }
        })
    }
}

/// The line on which the value at `path` (or the nearest table above it) is written.
fn line_of(text: &str, path: &[String]) -> Option<usize> {
    use toml::de::{DeTable, DeValue};
    let root = DeTable::parse(text).ok()?;
    let mut table = Some(root.get_ref());
    let mut items = None;
    let mut at = None;
    for part in path {
        let value = if let Some(table) = table {
            let (key, value) = table.iter().find(|(key, _)| key.get_ref() == part)?;
            at = Some(key.span().start);
            value.get_ref()
        } else if let Some(items) = items {
            let items: &toml::de::DeArray<'_> = items;
            let item = items.get(part.parse::<usize>().ok()?)?;
            at = Some(item.span().start);
            item.get_ref()
        } else {
            break;
        };
        (table, items) = match value {
            DeValue::Table(table) => (Some(table), None),
            DeValue::Array(items) => (None, Some(items)),
            _ => (None, None),
        };
    }
    at.map(|offset| line_at(text, offset))
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}

/// One source, as figment takes it.
struct Layer {
    metadata: Metadata,
    dict: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

impl Layer {
    fn file(name: &str, text: &str) -> Result<Self, SettingsError> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let origin = error.span().map_or_else(|| name.to_owned(), |span| format!("{name}, line {}", line_at(text, span.start)));
            SettingsError::of_file(origin, format!("this is not TOML: {}", error.message().replace('\n', ", ")))
        })?;
        let dict = Value::serialize(&table).ok().and_then(Value::into_dict).unwrap_or_default();
        Ok(Self { metadata: Metadata::named("file").source(Source::File(name.into())), dict })
    }

    fn environment(variables: &BTreeMap<String, String>) -> Self {
        let mut dict = Dict::new();
        for (name, value) in variables {
            let Some(levels) = name.strip_prefix(PREFIX).filter(|rest| !is_foreign(rest)) else { continue };
            let path: Vec<String> = levels.split("__").map(str::to_ascii_lowercase).collect();
            let value = typed(known::find(&path.join(".")).map(|key| key.kind), value);
            insert(&mut dict, &path, value);
        }
        Self { metadata: Metadata::named("environment"), dict }
    }

    fn flags(flags: Flags) -> Self {
        let mut dict = Dict::new();
        if let Some(issuer) = flags.issuer {
            dict.insert("issuer".into(), issuer.into());
        }
        if let Some(listen) = flags.listen {
            dict.insert("listen".into(), listen.into());
        }
        if let Some(url) = flags.database_url {
            dict.insert("database".into(), Value::from(Dict::from([("url".to_owned(), Value::from(url))])));
        }
        Self { metadata: Metadata::named("flags"), dict }
    }
}

/// A text where a table belongs (`GATEKEY_DATABASE=x` beside `GATEKEY_DATABASE__URL=y`) is left there, to be refused.
fn insert(dict: &mut Dict, path: &[String], value: Value) {
    match path {
        [] => {}
        [last] => {
            dict.insert(last.clone(), value);
        }
        [parent, rest @ ..] => {
            if let Value::Dict(_, inner) = dict.entry(parent.clone()).or_insert_with(|| Value::from(Dict::new())) {
                insert(inner, rest, value);
            }
        }
    }
}

/// Names that others put into the environment: Kubernetes announces a service called `gatekey` to every pod as
/// `GATEKEY_SERVICE_HOST`, `GATEKEY_PORT_8080_TCP` and so on; `GATEKEY_CONFIG` names the file; `GATEKEY_TEST_…` is the test suite's.
fn is_foreign(rest: &str) -> bool {
    rest == "CONFIG" || rest == "PORT" || ["SERVICE_HOST", "SERVICE_PORT", "PORT_", "TEST_"].iter().any(|prefix| rest.starts_with(prefix))
}

/// A variable is always text: what it stands for is told by the key's kind.
fn typed(kind: Option<Kind>, text: &str) -> Value {
    match kind {
        Some(kind) if is_text(kind) => Value::from(text),
        Some(Kind::Texts) if !text.trim_start().starts_with('[') => {
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect::<Vec<_>>().into()
        }
        _ => text.parse().unwrap_or_else(|_| Value::from(text)),
    }
}
