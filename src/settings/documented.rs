//! `docs/configuration.md` and the code say the same.

use std::collections::BTreeMap;

use super::{Settings, known};

const REFERENCE: &str = include_str!("../../docs/configuration.md");

/// A row of the reference: key, type, default, meaning, example.
struct Row {
    kind: String,
    default: Option<String>,
    example: String,
}

fn code(cell: &str) -> Option<String> {
    cell.strip_prefix('`')?.strip_suffix('`').map(str::to_owned)
}

fn rows() -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for line in REFERENCE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [key, kind, default, meaning, example] = cells.as_slice() else { panic!("a row has five cells: {line}") };
        assert!(meaning.len() > 10, "{line}");
        let row = Row { kind: (*kind).to_owned(), default: code(default), example: code(example).unwrap_or_else(|| panic!("the example is code: {line}")) };
        assert!(rows.insert(code(key).unwrap(), row).is_none(), "documented twice: {line}");
    }
    rows
}

/// TOML of some keys: plain keys, tables, and the keys of one client and one user.
fn toml_of(values: &BTreeMap<String, String>) -> String {
    let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, value) in values {
        let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
        sections.entry(section.to_owned()).or_default().push(format!("{name} = {value}"));
    }
    let mut text = String::new();
    for (section, lines) in sections {
        match section.strip_suffix("[]") {
            Some(list) => text += &format!("[[{list}]]\n"),
            None if section.is_empty() => {}
            None => text += &format!("[{}]\n", section.replace("[]", "")),
        }
        text += &(lines.join("\n") + "\n");
    }
    text
}

#[test]
fn every_key_is_documented_and_nothing_else() {
    let documented: Vec<String> = rows().into_keys().collect();
    let mut known: Vec<String> = known::all().map(|key| key.path.to_owned()).collect();
    known.sort();
    assert_eq!(documented, known);
}

#[test]
fn the_documented_types_and_examples_are_the_codes() {
    for (path, row) in rows() {
        let key = known::find(&path).unwrap();
        assert_eq!((row.kind.as_str(), row.example.as_str()), (key.kind.name(), key.example), "{path}");
    }
}

/// Written out, the documented defaults are the defaults; and each key of an instance has one, but for the logo, the colours and the certificates.
#[test]
fn the_documented_defaults_are_the_codes() {
    let rows = rows();
    let none: Vec<&String> = rows.iter().filter(|(path, row)| row.default.is_none() && !path.contains("[]")).map(|(path, _)| path).collect();
    assert_eq!(none, ["branding.accent_color", "branding.accent_color_dark", "branding.logo_url", "logout.ca_file"]);
    let defaults: BTreeMap<String, String> =
        rows.iter().filter(|(path, _)| !path.contains("[]")).filter_map(|(path, row)| Some((path.clone(), row.default.clone()?))).collect();
    // One by one too: the value is not the default of a neighbour by accident of the whole.
    for (path, value) in &defaults {
        let one = Settings::from_toml(&toml_of(&BTreeMap::from([(path.clone(), value.clone())]))).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(format!("{one:?}"), format!("{:?}", Settings::default()), "{path}");
    }
    let whole = Settings::from_toml(&toml_of(&defaults)).unwrap();
    assert_eq!(format!("{whole:?}"), format!("{:?}", Settings::default()));
}

/// The defaults of a client and a user: with them written out, an `spa` client and a user are what they are without.
#[test]
fn the_documented_defaults_of_clients_and_users_are_the_codes() {
    let required = [
        ("clients[].id", "\"a\""),
        ("clients[].kind", "\"spa\""),
        ("clients[].redirect_uris", "[\"https://a.test/cb\"]"),
        ("users[].username", "\"u\""),
        ("lifetime_rules[].session_idle", "\"PT1H\""),
    ];
    let required: BTreeMap<String, String> = required.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let mut written = required.clone();
    for (path, row) in rows().into_iter().filter(|(path, _)| path.contains("[]")) {
        if let Some(default) = row.default {
            written.entry(path).or_insert(default);
        }
    }
    assert!(written.len() > required.len() + 5);
    let plain = Settings::from_toml(&toml_of(&required)).unwrap();
    assert_eq!(format!("{:?}", Settings::from_toml(&toml_of(&written)).unwrap()), format!("{plain:?}"));
}

/// Every documented example of an instance's key is accepted.
#[test]
fn the_examples_load() {
    let examples = rows().into_iter().filter(|(path, _)| !path.contains("[]")).map(|(path, row)| (path, row.example)).collect();
    Settings::from_toml(&toml_of(&examples)).unwrap();
}
