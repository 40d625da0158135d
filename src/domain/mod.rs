//! The nouns: what Gatekey talks about. No IO, no database, no HTTP, no async.

pub mod acr;
pub mod authorization_code;
pub mod claim;
pub mod client;
pub mod client_session;
pub mod clock;
pub mod consent;
pub mod duration;
pub mod entropy;
pub mod event;
pub mod group;
pub mod id;
pub mod lifetime;
pub mod lifetime_rule;
pub mod profile;
pub mod redirect_uri;
pub mod refresh_family;
pub mod scope;
pub mod secret;
pub mod sector;
pub mod session;
pub mod signing_key;
pub mod throttle;
pub mod user;
