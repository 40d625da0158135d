//! How an access token comes to a resource of this server (RFC 6750 §2, RFC 9449 §7.1).

use super::error::OAuthError;
use crate::domain::dpop::KeyThumbprint;

/// The scheme of `Authorization` that a token comes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Whoever has it may use it (RFC 6750). In a form body, too.
    Bearer,
    /// Only who holds the key that it is bound to (RFC 9449).
    Dpop,
}

impl Scheme {
    /// The token of such a header, if it is of either scheme. Their names have no case (RFC 9110 §11.1).
    pub fn split(credentials: &str) -> Option<(Self, &str)> {
        let (scheme, token) = credentials.split_once(' ')?;
        let scheme = [Self::Bearer, Self::Dpop].into_iter().find(|known| known.as_str().eq_ignore_ascii_case(scheme))?;
        Some((scheme, token.trim()))
    }

    /// By which a token is to be sent.
    pub const fn of(bound_to: Option<&KeyThumbprint>) -> Self {
        if bound_to.is_some() { Self::Dpop } else { Self::Bearer }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// The places a token was found in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Presented<'a> {
    /// `Authorization: Bearer` (§2.1), or `DPoP`.
    pub header: Option<(Scheme, &'a str)>,
    /// `access_token` in a form body (§2.2).
    pub body: Option<&'a str>,
    /// Whether `access_token` is in the query. It is never read there: addresses are logged and kept (§2.3, RFC 9700 §4.3.2).
    pub in_query: bool,
}

/// The token, if there is one. §2: clients MUST NOT use more than one method, so which of two was meant is not for us to guess.
pub fn token<'a>(presented: Presented<'a>) -> Result<Option<(Scheme, &'a str)>, OAuthError> {
    match presented {
        Presented { header: Some(_), body: Some(_), .. } => {
            Err(OAuthError::invalid_request("The access token came in the header and in the body: send it once."))
        }
        Presented { header: Some(_), in_query: true, .. } | Presented { body: Some(_), in_query: true, .. } => {
            Err(OAuthError::invalid_request("The access token came in the query too: send it once, in the Authorization header."))
        }
        Presented { header, body, .. } => Ok(header.or(body.map(|token| (Scheme::Bearer, token)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_method_and_never_the_query() {
        let (a, b) = (Some((Scheme::Bearer, "a")), Some("b"));
        let judge = |header, body, in_query| token(Presented { header, body, in_query });
        assert_eq!(judge(a, None, false), Ok(a));
        assert_eq!(judge(Some((Scheme::Dpop, "a")), None, false), Ok(Some((Scheme::Dpop, "a"))));
        assert_eq!(judge(None, b, false), Ok(Some((Scheme::Bearer, "b"))));
        assert_eq!(judge(None, None, false), Ok(None));
        assert_eq!(judge(None, None, true), Ok(None));
        assert!(judge(a, b, false).is_err() && judge(a, None, true).is_err() && judge(None, b, true).is_err());
        // The same one twice is twice.
        assert!(judge(a, Some("a"), false).is_err());
    }

    #[test]
    fn schemes_have_no_case_and_are_no_prefixes() {
        assert_eq!(Scheme::split("bEARER  t "), Some((Scheme::Bearer, "t")));
        assert_eq!(Scheme::split("dpop t"), Some((Scheme::Dpop, "t")));
        for other in ["Basic t", "DPoPx t", "Bearer", "DPoP", "", " t"] {
            assert_eq!(Scheme::split(other), None, "{other}");
        }
    }
}
