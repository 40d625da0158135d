//! What the flows share: databases, an application on a manual clock with seeded entropy, a browser, a relying party.

pub mod api;
pub mod app;
pub mod attack;
pub mod browser;
pub mod cookie_jar;
pub mod database;
pub mod dice;
pub mod dpop;
pub mod entropy;
pub mod form;
pub mod jwt;
pub mod log;
pub mod network;
pub mod openapi;
pub mod queries;
pub mod receiver;
pub mod relying_party;
pub mod rsa_key;
pub mod served;
pub mod statements;
mod tables;
