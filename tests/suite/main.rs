//! The one integration-test binary. Flows run on SQLite and on PostgreSQL: `tests/run` starts one and sets
//! `GATEKEY_TEST_POSTGRES_URL`.

// A test says what it expects by failing; the rules that forbid this elsewhere are for the server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod layers;
mod support;
//! The one integration-test binary.

mod store_contract;
