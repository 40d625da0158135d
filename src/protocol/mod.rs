//! The rules: pure functions `decide(facts, policy, now) -> Decision`. No async, no clock, no randomness, no IO.
//! Every MUST of an RFC lives here, cited on the line that enforces it.

pub mod access_token;
pub mod account;
pub mod admin_privilege;
pub mod authorize;
pub mod bearer;
pub mod claims;
pub mod client_authentication;
pub mod device_bound;
pub mod diagnosis;
pub mod discovery;
pub mod dpop;
pub mod end_session;
pub mod error;
pub mod fedcm;
pub mod id_token;
pub mod idempotency_key;
pub mod introspection;
pub mod json;
pub mod lifetime_policy;
pub mod logout_notice;
pub mod logout_token;
pub mod params;
pub mod pkce;
pub mod reach;
pub mod resource;
pub mod revocation;
pub mod session;
pub mod session_state;
pub mod sweep;
pub mod throttle;
pub mod token;
pub mod urlencoded;
pub mod userinfo;
