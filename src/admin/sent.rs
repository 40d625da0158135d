//! How a request brought its access token: by `Authorization: Bearer`, which the framework reads, or by `DPoP` with a proof (RFC 9449 §7.1), which
//! is put before it as if it had come by the other. What it was stays with the request, and both ways are judged in one place.

use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{Request, Response};
use poem_openapi::auth::Bearer;

use crate::domain::dpop::SIGNING_ALGS;
use crate::protocol::bearer::Scheme;
use crate::protocol::discovery::below;
use crate::service::access_token::{LiveToken, Sent, admitted};
use crate::service::{Core, Failure};

const PROOF: HeaderName = HeaderName::from_static("dpop");

/// Which scheme the request's credentials are of, if it is one that brings an access token. One that the framework does not know it is spared.
pub fn scheme(request: &mut Request) -> Option<Scheme> {
    let credentials = request.headers().get(header::AUTHORIZATION)?.as_bytes();
    let is_of = |scheme: &Scheme| {
        let (name, rest) = credentials.split_at_checked(scheme.as_str().len()).unwrap_or_default();
        name.eq_ignore_ascii_case(scheme.as_str().as_bytes()) && rest.starts_with(b" ")
    };
    let scheme = [Scheme::Bearer, Scheme::Dpop].into_iter().find(is_of)?;
    if scheme == Scheme::Dpop {
        let token = credentials.get(Scheme::Dpop.as_str().len()..).unwrap_or_default();
        let credentials = HeaderValue::from_bytes(&[Scheme::Bearer.as_str().as_bytes(), token].concat());
        if let Ok(credentials) = credentials {
            request.headers_mut().insert(header::AUTHORIZATION, credentials);
        }
        request.set_data(scheme);
    }
    Some(scheme)
}

/// The token of a request to the API at `path`, if it lives and whoever sent it may.
pub async fn token(core: &Core, path: &str, request: &Request, bearer: &Bearer) -> Result<LiveToken, Failure> {
    let scheme = request.data::<Scheme>().copied().unwrap_or(Scheme::Bearer);
    // Only a proof is for an address.
    let url = if scheme == Scheme::Dpop { below(core.issuer(), path.trim_start_matches('/')) + request.uri().path() } else { String::new() };
    let proof = request.headers().get(PROOF).map(|proof| String::from_utf8_lossy(proof.as_bytes()).into_owned());
    let sent = Sent { scheme, token: &bearer.token, proof: proof.as_deref(), method: request.method().as_str(), url: &url };
    admitted(core, &sent).await
}

/// How a key is shown, to whoever brought no token or one by this scheme (RFC 9449 §7.1, §7.2).
pub fn challenge(scheme: Option<Scheme>, response: &mut Response) {
    let bearer = response.headers().get(header::WWW_AUTHENTICATE).and_then(|told| told.to_str().ok()?.strip_prefix("Bearer ")).map(str::to_owned);
    let Some(told) = bearer else { return };
    let by_proof = format!("DPoP {told}, algs=\"{}\"", SIGNING_ALGS.join(" "));
    let challenge = match scheme {
        Some(Scheme::Dpop) => by_proof,
        None if response.status() == StatusCode::UNAUTHORIZED => format!("Bearer {told}, {by_proof}"),
        _ => return,
    };
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
}
