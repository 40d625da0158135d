//! The commented `gatekey.toml` that `gatekey init` writes: every key, switched off, at its default.

/// Loads as the defaults; so does every line of it switched on (but for the examples of a client and a user).
pub const TEMPLATE: &str = include_str!("template.toml");
