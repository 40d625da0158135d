//! The attack cases of docs/security-cases.md: each test carries its case's id. The attack, the answer it must get, the honest
//! request beside it, and a look at what is left afterwards.

mod client_authentication;
mod cors;
mod coverage;
mod exhaustion;
mod jose;
mod logout;
mod proxies;
mod refresh_tokens;
mod secrets;
mod tokens_at_apis;
