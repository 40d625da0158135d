//! Holds the arrows of the architecture: which module of `src` may name which other, and which package lives where.
//!
//! The checker is a pure function over (path, text) pairs, so that its own tests can plant violations.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A module at the top of `src`, and the others it may name. Arrows point one way; what is not listed is forbidden.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("cli", &["issuer", "demo", "settings", "service", "protocol", "store", "jose", "domain"]),
    ("demo", &["issuer", "settings", "service", "protocol", "domain"]),
    ("issuer", &["http", "admin", "settings", "service", "protocol", "store", "jose", "outbound", "seams", "domain"]),
    ("admin", &["service", "protocol", "domain"]),
    ("http", &["service", "protocol", "domain"]),
    ("service", &["settings", "protocol", "store", "jose", "outbound", "seams", "domain"]),
    ("outbound", &["protocol", "domain"]),
    ("seams", &["domain"]),
    ("settings", &["domain"]),
    ("store", &["domain"]),
    ("jose", &["domain"]),
    ("protocol", &["domain"]),
    ("domain", &[]),
];

/// A package, and the modules that may name it.
const PACKAGES: &[(&str, &[&str])] = &[
    ("diesel", &["store"]),
    ("diesel_migrations", &["store"]),
    ("r2d2", &["store"]),
    ("libsqlite3_sys", &["store"]),
    ("pq_sys", &["store"]),
    ("josekit", &["jose"]),
    ("openssl", &["jose", "outbound"]),
    ("openssl_probe", &["outbound"]),
    ("tokio_openssl", &["outbound"]),
    ("chacha20poly1305", &["jose"]),
    ("hkdf", &["jose"]),
    ("poem", &["http", "admin", "demo", "issuer", "cli"]),
    ("poem_openapi", &["admin"]),
    ("pulldown_cmark", &["http"]),
    ("hyper", &["cli", "outbound"]),
    ("hyper_util", &["cli", "outbound"]),
    ("rustix", &["cli", "service"]),
    ("figment", &["settings"]),
    ("getrandom", &["domain"]),
    ("psl", &["domain"]),
];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"];

const MOST_LINES: usize = 500;

/// Every broken rule, as `path: what is wrong`.
fn violations(files: &[(String, String)]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for (path, text) in files {
        let parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
        if let Some(name) = parts.iter().find(|part| EMPTY_NAMES.contains(part)) {
            found.insert(format!("{path}: `{name}` does not say what is inside"));
        }
        let lines = text.lines().count();
        if lines > MOST_LINES {
            found.insert(format!("{path}: {lines} lines; {MOST_LINES} is the most: split it by what its parts own"));
        }
        let module = parts[0];
        if module == "lib" {
            continue; // It declares the modules and names the public ones.
        }
        let Some((_, may_name)) = ARROWS.iter().find(|(name, _)| *name == module) else {
            found.insert(format!("{path}: `{module}` is in no layer: add it to ARROWS in tests/suite/layers.rs"));
            continue;
        };
        let tokens = tokens(text);
        for other in modules_named(&tokens, module_depth(&parts)) {
            // A name that is no module is an item that lib.rs re-exports; those belong to whoever embeds the crate.
            if other != module && !may_name.contains(&other.as_str()) {
                found.insert(format!("{path}: `{module}` may not name `{other}`"));
            }
        }
        for (package, homes) in PACKAGES {
            if !homes.contains(&module) && names_package(&tokens, package) {
                found.insert(format!("{path}: `{package}` belongs to {}", homes.join(", ")));
            }
        }
    }
    found.into_iter().collect()
}

/// How many `super` lead from the module that a file is to the crate's root.
fn module_depth(parts: &[&str]) -> usize {
    if parts.last() == Some(&"mod") { parts.len() - 1 } else { parts.len() }
}

/// Identifiers and signs of Rust source, without comments, strings and character literals. `::` is one token.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut tokens: Vec<String> = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < chars.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 1;
                i += 2;
                while i < chars.len() && depth > 0 {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                }
            }
            '"' => {
                i += 1;
                while i < chars.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i += 1;
            }
            // A character literal has its closing quote; a lifetime has none.
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < chars.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            c if c.is_alphabetic() || c == '_' => {
                let start = i;
                while at(i).is_alphanumeric() || at(i) == '_' {
                    i += 1;
                }
                let word: String = chars[start..i].iter().collect();
                let hashes = (0..).take_while(|n| at(i + n) == '#').count();
                // A raw string has no escapes; it ends with its quote and as many hashes.
                if matches!(word.as_str(), "r" | "br" | "cr") && at(i + hashes) == '"' {
                    i += hashes + 1;
                    while i < chars.len() && !(at(i) == '"' && (1..=hashes).all(|n| at(i + n) == '#')) {
                        i += 1;
                    }
                    i += hashes + 1;
                } else {
                    tokens.push(word);
                }
            }
            ':' if at(i + 1) == ':' => {
                tokens.push("::".to_owned());
                i += 2;
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push(c.to_string());
                }
                i += 1;
            }
        }
    }
    tokens
}

/// The top modules that paths from the root name: `crate::x`, `gatekey::x` (from the binary), `super::…::x`, and groups of them.
fn modules_named(tokens: &[String], depth: usize) -> BTreeSet<String> {
    let at = |i: usize| tokens.get(i).map_or("", String::as_str);
    let mut named = BTreeSet::new();
    let mut nested = 0; // A `mod tests { … }` inside the file is one level further from the root.
    let mut braces: Vec<bool> = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        match at(i) {
            "{" => {
                let module = i >= 2 && at(i - 2) == "mod";
                nested += usize::from(module);
                braces.push(module);
            }
            "}" => nested -= usize::from(braces.pop().unwrap_or(false)),
            "super" if at(i.wrapping_sub(1)) != "::" => {
                let supers = (0..).take_while(|n| at(i + 2 * n) == "super" && at(i + 2 * n + 1) == "::").count();
                if supers >= depth + nested && supers > 0 {
                    named.extend(after_root(tokens, i + 2 * supers));
                    i += 2 * supers;
                    continue;
                }
            }
            "crate" | "gatekey" if at(i + 1) == "::" && at(i.wrapping_sub(1)) != "::" => named.extend(after_root(tokens, i + 2)),
            _ => {}
        }
        i += 1;
    }
    named
}

/// The first names of what follows `root::`: one name, or each item of a group.
fn after_root(tokens: &[String], start: usize) -> Vec<String> {
    let at = |i: usize| tokens.get(i).map_or("", String::as_str);
    if at(start) != "{" {
        return module_name(at(start)).into_iter().collect();
    }
    let mut names = Vec::new();
    let mut depth = 0;
    for i in start..tokens.len() {
        match at(i) {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(at(i), "{" | ",") {
            names.extend(module_name(at(i + 1)));
        }
    }
    names
}

/// Modules are lowercase; types and macros that lib.rs re-exports are judged by where they live, not here.
fn module_name(word: &str) -> Option<String> {
    word.starts_with(|c: char| c.is_lowercase()).then(|| word.to_owned())
}

/// Whether a path or an attribute begins with the package.
fn names_package(tokens: &[String], package: &str) -> bool {
    let at = |i: usize| tokens.get(i).map_or("", String::as_str);
    (0..tokens.len()).filter(|i| at(*i) == package).any(|i| {
        let before = at(i.wrapping_sub(1));
        // `::diesel::…` is the package; `other::diesel::…` is not.
        let root = before != "." && (before != "::" || !at(i.wrapping_sub(2)).starts_with(|c: char| c.is_alphanumeric() || c == '_'));
        root && (at(i + 1) == "::" || matches!(before, "use" | "crate") || (before == "[" && at(i + 1) == "("))
    })
}

fn read(dir: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            read(&path, &format!("{name}/"), files);
        } else if name.ends_with(".rs") {
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn the_arrows_hold() {
    let mut files = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut files);
    assert!(files.iter().any(|(path, _)| path == "lib.rs"), "src was read");
    let found = violations(&files);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn the_tests_have_telling_names_too() {
    let mut files = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite"), "lib/", &mut files);
    let found: Vec<String> = violations(&files).into_iter().filter(|violation| violation.contains("does not say")).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// The checker catches what is planted, and nothing else.
#[test]
fn planted_violations_are_caught() {
    let one = |path: &str, text: &str| violations(&[(path.to_owned(), text.to_owned())]);
    for (path, text, expected) in [
        ("domain/user.rs", "use crate::store::users;", "`domain` may not name `store`"),
        ("domain/mod.rs", "use super::store;", "`domain` may not name `store`"),
        ("domain/user.rs", "use super::super::store;", "`domain` may not name `store`"),
        ("domain/user.rs", "mod tests { use super::super::super::http; }", "`domain` may not name `http`"),
        ("protocol/token/refresh_token.rs", "fn f() { crate::service::token::g() }", "`protocol` may not name `service`"),
        ("service/token.rs", "use crate::{domain::id, http::{a, b}};", "`service` may not name `http`"),
        ("store/users.rs", "use crate::settings::Settings;", "`store` may not name `settings`"),
        ("http/token.rs", "pub(crate) use crate::store;", "`http` may not name `store`"),
        ("main.rs", "use gatekey::issuer;", "`main` may not name `issuer`"),
        ("service/token.rs", "use diesel::prelude::*;", "`diesel` belongs to store"),
        ("service/token.rs", "#[diesel(table_name = x)] struct A;", "`diesel` belongs to store"),
        ("service/token.rs", "#[derive(::diesel::Queryable)] struct A;", "`diesel` belongs to store"),
        ("service/token.rs", "fn f() -> poem::Response { todo() }", "`poem` belongs to http, admin, demo, issuer, cli"),
        ("http/api.rs", "use poem_openapi::Object;", "`poem_openapi` belongs to admin"),
        ("service/keys.rs", "use {josekit::jws, std::fmt};", "`josekit` belongs to jose"),
        ("service/keys.rs", "use openssl as tls;", "`openssl` belongs to jose, outbound"),
        ("cli/serve.rs", "let x = figment::Figment::new();", "`figment` belongs to settings"),
        ("http/utils/a.rs", "", "`utils` does not say what is inside"),
        ("http/helpers.rs", "", "`helpers` does not say what is inside"),
        ("surprise.rs", "", "`surprise` is in no layer"),
    ] {
        let found = one(path, text);
        assert!(found.len() == 1 && found[0].contains(expected), "{path}: {text}\n  expected: {expected}\n  found: {found:?}");
    }
    assert_eq!(one("store/long.rs", &"\n".repeat(501)).len(), 1);

    for (path, text) in [
        ("domain/user.rs", "// crate::store\n/* /* diesel:: */ crate::http */ const A: &str = \"crate::store \\\" diesel::x\";"),
        ("domain/user.rs", "const A: &str = r#\"crate::store \" poem::\"#; const Q: char = '\"'; const E: char = '\\''; fn f<'a>(x: &'a str) {}"),
        ("domain/user.rs", "use super::id; mod tests { use super::super::id; use super::*; }"),
        ("store/long.rs", "use diesel::prelude::*; use crate::domain::id; #[diesel(x)] struct A;"),
        ("service/token.rs", "use crate::{jose, protocol::{http, cli}, store as db}; let poem = 1; self.diesel(x); a::diesel::b();"),
        ("main.rs", "fn main() { gatekey::cli::run() }"),
        ("lib.rs", "pub use crate::issuer::Issuer;"),
    ] {
        assert_eq!(one(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}
