//! The attack cases of docs/security-cases.md: each test carries its case's id. The attack, the answer it must get, the honest
//! request beside it, and a look at what is left afterwards.

mod account;
mod accounts;
mod audit_trail;
mod client_authentication;
mod code_races;
mod codes;
mod consent;
mod cors;
mod coverage;
mod diagnose;
pub mod dpop;
mod dpop_first_key;
mod dpop_refresh_tokens;
mod errors;
mod exhaustion;
mod forms;
mod jose;
mod logout;
mod mix_up;
mod one_time;
mod online_access;
mod outbound;
mod pages;
mod password_reset;
mod pkce;
mod prompt;
mod proxies;
mod redirect_uri;
mod refresh_tokens;
mod response_mode;
pub mod secrets;
mod state_nonce;
mod storage_access;
mod tokens_at_apis;
