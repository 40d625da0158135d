//! Gatekey: the authorization server you embed.
//!
//! An OpenID Connect issuer as a poem endpoint: users, sign-in sessions that last exactly as long as the admin says, silent
//! renewal by `prompt=none`, and refresh-token rotation that catches thieves and never logs out an honest client.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use gatekey::{Issuer, Settings};
//! use poem::{Route, Server, listener::TcpListener};
//!
//! let issuer = Issuer::builder(Settings::for_issuer("https://login.example.com/")?).build().await?;
//! let app = Route::new().nest("/", issuer.routes());
//! Server::new(TcpListener::bind("127.0.0.1:8080")).run(app).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # The house
//! Arrows point one way; a test holds them.
//! ```text
//! main, cli, demo  →  issuer (wiring)  →  http, admin  →  service  →  protocol | store | jose  →  domain
//! ```
//! - [`domain`]: the nouns. No IO, no database, no HTTP, no async.
//! - [`protocol`]: the rules. Pure functions; every MUST of an RFC is here, cited on its line.
//! - [`store`]: SQLite and PostgreSQL, the only layer that names diesel. [`jose`]: keys and signatures, the only one that names josekit.
//! - [`outbound`]: the requests that this server makes itself.
//! - [`service`]: where they meet, one file an endpoint: load → decide → apply → sign.
//! - [`http`]: a handler is a few lines: extract → service → render. [`admin`]: the same for the admin API, described by `openapi/`.
//! - [`settings`]: what an admin writes, read and judged. [`cli`]: one subcommand a file.
//!
//! Where is refresh-token reuse detection? The rule is [`protocol::token::refresh_token::decide`], the write
//! `store::refresh_families`, the endpoint `service::token`, the HTTP `http::token`.

#![forbid(unsafe_code)]

pub mod admin;
pub mod cli;
pub mod demo;
pub mod domain;
#[cfg(test)]
#[path = "../fuzz/properties/mod.rs"]
mod fuzzed;
pub mod http;
pub mod issuer;
pub mod jose;
pub mod outbound;
pub mod protocol;
pub mod service;
pub mod settings;
pub mod store;

pub use http::require_token::{RequireToken, TokenClaims};
pub use issuer::{BuildError, Issuer, IssuerBuilder};
pub use settings::Settings;
