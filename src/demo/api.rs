//! The demo's API: one resource, for whoever holds an access token that the issuer made for it.
//! All of the checking is done before it is reached, by the one line in [`super`] that puts `require_token` before it.

use poem::handler;
use poem::web::{Data, Json};
use serde::Serialize;

use crate::TokenClaims;

/// The scope value that reading notes takes.
pub(super) const SCOPE: &str = "notes:read";

#[derive(Serialize)]
struct Notes {
    /// Whose notes they are.
    subject: String,
    scope: &'static str,
    notes: [&'static str; 3],
}

/// `GET /notes`
#[handler]
pub(super) fn notes(token: Data<&TokenClaims>) -> Json<Notes> {
    let notes = [
        "The engine weaves algebraic patterns as the loom weaves flowers and leaves.",
        "Note G: work out the numbers of Bernoulli, without a human head having done it first.",
        "It originates nothing. It does whatever we know how to order it to do.",
    ];
    Json(Notes { subject: token.subject.clone(), scope: SCOPE, notes })
}
