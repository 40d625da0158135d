//! The layers that read what comes from outside, compiled for the fuzzer as a crate of their own.
//!
//! They know nothing of database, server and pages, so this builds in a minute where the whole of Gatekey takes many, and every byte that is
//! instrumented is a byte that is searched. The sources are the server's own files; only the roof over them is another.

#![allow(dead_code)]

#[path = "../../src/domain/mod.rs"]
pub mod domain;
#[path = "../properties/mod.rs"]
pub mod fuzzed;
pub mod http;
#[path = "../../src/jose/mod.rs"]
pub mod jose;
#[path = "../../src/protocol/mod.rs"]
pub mod protocol;

pub use fuzzed::holds;
