//! The one integration-test binary. Flows run on SQLite and on PostgreSQL: `tests/run` starts one and sets
//! `GATEKEY_TEST_POSTGRES_URL`.

// A test says what it expects by failing; the rules that forbid this elsewhere are for the server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod account;
mod accounts;
mod auth0_logout;
mod backchannel_logout;
mod backup;
mod bodies;
mod claims;
mod client_authentication;
mod code_flow;
mod commands;
mod conformance;
mod consent;
mod cors;
mod doctor;
mod embedding;
mod events;
mod found_over;
mod frontchannel_logout;
mod held;
mod hostile;
mod idling;
mod keys;
mod layers;
mod left_open;
mod lifetime_policy;
mod lifetimes;
mod logout;
mod model;
mod narrowing;
mod offline_access;
mod online_access;
mod openapi;
mod outage;
mod pairwise;
mod policy_explain;
mod policy_impact;
mod policy_matrix;
mod query_plans;
mod races;
mod refresh;
mod remember_me;
mod restore;
mod security;
mod session_management;
mod setup;
mod signed_answers;
mod silent;
mod start_up;
mod store_contract;
mod support;
mod sweeping;
mod throttle;
