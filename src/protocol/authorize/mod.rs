//! The authorization endpoint (RFC 6749 §3.1, OIDC Core §3.1.2), in this order:
//!
//! 1. [`target`]: which client, which redirect URI. Until here a mistake is an error page; from here on it is a redirect.
//! 2. [`validate`]: the request is well-formed and allowed to this client.
//! 3. [`account`]: which of the accounts that the browser is signed in with answers it.
//! 4. [`decide`]: issue a code, ask for a sign-in or consent, or refuse.
//! 5. [`response`]: the answer in the response mode asked for.

pub mod account;
mod decide;
mod prompt;
pub mod response;
mod target;
mod validate;

pub use decide::{Decision, Facts, Interaction, SignedIn, Why, decide, is_allowed};
pub use prompt::{Prompt, Prompts};
pub use target::{MAX_STATE, ResponseMode, ResponseTarget, TargetError, fedcm_target, target};
pub use validate::{AuthorizationRequest, refuse_frame, validate};
