//! What the browser is told of who is signed in here (Login Status API): without it, it asks nothing by FedCM.
//!
//! Only where the answer fills the window: no page of another site learns it, or changes it, by an image or a frame of ours.

use poem::Response;
use poem::http::{HeaderName, HeaderValue};

use super::visit::Visit;

const SET_LOGIN: HeaderName = HeaderName::from_static("set-login");

/// Somebody is, or goes on being.
pub fn signed_in(visit: &Visit, response: &mut Response) {
    tell(visit, response, "logged-in");
}

/// Nobody is any more.
pub fn signed_out(visit: &Visit, response: &mut Response) {
    tell(visit, response, "logged-out");
}

fn tell(visit: &Visit, response: &mut Response, status: &'static str) {
    if visit.top_level {
        response.headers_mut().insert(SET_LOGIN, HeaderValue::from_static(status));
    }
}
