//! The keys there are: one list, made of each section's own. It types the environment's values, finds the nearest key
//! to a misspelt one, and is what `docs/configuration.md` and the template of `gatekey init` are checked against.

use super::{
    admin, branding, clients, cookies, database, events, issuer, keys, lifetime_rules, lifetimes, log, logout, master_key, passwords, server, sessions,
    throttle, trust_proxy, users,
};

/// One key of the settings.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// `database.url`; a key of each `[[clients]]` is `clients[].id`.
    pub path: &'static str,
    pub kind: Kind,
    /// A value as it is written in TOML.
    pub example: &'static str,
}

/// What kind of value a key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Whole,
    Flag,
    Duration,
    Texts,
}

impl Kind {
    pub(super) const fn phrase(self) -> &'static str {
        match self {
            Self::Text => "a text in quotes",
            Self::Whole => "a whole number",
            Self::Flag => "`true` or `false`",
            Self::Duration => "an ISO 8601 duration or `\"unlimited\"`",
            Self::Texts => "a list of texts",
        }
    }

    /// As the reference calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Whole => "whole number",
            Self::Flag => "true or false",
            Self::Duration => "duration",
            Self::Texts => "list of texts",
        }
    }
}

pub(super) const fn key(path: &'static str, kind: Kind, example: &'static str) -> Key {
    Key { path, kind, example }
}

/// Every key, in the order of the reference.
pub fn all() -> impl Iterator<Item = &'static Key> {
    let sections: [&'static [Key]; 19] = [
        issuer::KEYS,
        server::KEYS,
        database::KEYS,
        master_key::KEYS,
        lifetimes::KEYS,
        lifetime_rules::KEYS,
        sessions::KEYS,
        events::KEYS,
        passwords::KEYS,
        throttle::KEYS,
        keys::KEYS,
        cookies::KEYS,
        logout::KEYS,
        admin::KEYS,
        branding::KEYS,
        log::KEYS,
        trust_proxy::KEYS,
        clients::KEYS,
        users::KEYS,
    ];
    sections.into_iter().flatten()
}

pub(super) fn find(path: &str) -> Option<&'static Key> {
    all().find(|key| key.path == path)
}

/// What was probably meant by `unknown`, found beside `siblings` (names) or else anywhere (a key in the wrong section).
pub(super) fn nearest(unknown: &str, parent: &str, siblings: &[&str]) -> Option<String> {
    let in_place = |name: &str| if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") };
    if let Some(name) = nearest_of(unknown, siblings.iter().copied()) {
        return Some(in_place(name));
    }
    let last = |path: &'static str| path.rsplit('.').next().unwrap_or(path);
    let name = nearest_of(unknown, all().map(|key| last(key.path)))?;
    all().map(|key| key.path).find(|path| last(path) == name).map(str::to_owned)
}

/// The candidate nearest to `text`, if one is near enough that a slip of the hand explains it.
pub fn nearest_of<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_ascii_lowercase().replace('-', "_");
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&text, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .map(|(_, candidate)| candidate)
}
