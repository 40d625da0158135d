//! Gatekey as programs meet it: over TCP, through its endpoints alone. Shared by what drives a real server from outside.

mod flow;
mod http;

pub use flow::{Browser, CLIENT, Tokens, authorize, form, redeem, refresh, silent};
pub use http::{Answer, Http};
