//! How an access token comes to a resource of this server (RFC 6750 §2).

use super::error::OAuthError;

/// The places a token was found in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Presented<'a> {
    /// `Authorization: Bearer` (§2.1).
    pub header: Option<&'a str>,
    /// `access_token` in a form body (§2.2).
    pub body: Option<&'a str>,
    /// Whether `access_token` is in the query. It is never read there: addresses are logged and kept (§2.3, RFC 9700 §4.3.2).
    pub in_query: bool,
}

/// The token, if there is one. §2: clients MUST NOT use more than one method, so which of two was meant is not for us to guess.
pub fn token<'a>(presented: Presented<'a>) -> Result<Option<&'a str>, OAuthError> {
    match presented {
        Presented { header: Some(_), body: Some(_), .. } => {
            Err(OAuthError::invalid_request("The access token came in the header and in the body: send it once."))
        }
        Presented { header: Some(_), in_query: true, .. } | Presented { body: Some(_), in_query: true, .. } => {
            Err(OAuthError::invalid_request("The access token came in the query too: send it once, in the Authorization header."))
        }
        Presented { header, body, .. } => Ok(header.or(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_method_and_never_the_query() {
        let (a, b) = (Some("a"), Some("b"));
        let judge = |header, body, in_query| token(Presented { header, body, in_query });
        assert_eq!(judge(a, None, false), Ok(a));
        assert_eq!(judge(None, b, false), Ok(b));
        assert_eq!(judge(None, None, false), Ok(None));
        assert_eq!(judge(None, None, true), Ok(None));
        assert!(judge(a, b, false).is_err() && judge(a, None, true).is_err() && judge(None, b, true).is_err());
        // The same one twice is twice.
        assert!(judge(a, a, false).is_err());
    }
}
