//! The commented `gatekey.toml` that `gatekey init` writes: every key, switched off: at its default, or with an example.

/// Loads as the defaults; so does every line of it switched on, but for the examples.
pub const TEMPLATE: &str = include_str!("template.toml");
