//! Gatekey: the authorization server you embed.
//!
//! Arrows point one way: `main, cli → issuer → http, admin → service → protocol | store | jose → domain`.

#![forbid(unsafe_code)]

pub mod admin;
pub mod cli;
pub mod demo;
pub mod domain;
pub mod http;
pub mod issuer;
pub mod jose;
pub mod protocol;
pub mod service;
pub mod settings;
pub mod store;
