//! PKCE (RFC 7636), S256 only: `plain` protects from nobody who can read the request.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::OAuthError;
use crate::domain::secret::{Digest, same};

/// Reads `code_challenge` and `code_challenge_method`. Without `required` both may be left out; half of it never counts.
pub fn challenge(challenge: Option<&str>, method: Option<&str>, required: bool) -> Result<Option<String>, OAuthError> {
    let Some(challenge) = challenge else {
        if !required && method.is_none() {
            return Ok(None);
        }
        return Err(OAuthError::invalid_request("Parameter `code_challenge` is missing: this server requires PKCE (RFC 7636) with method S256."));
    };
    // RFC 7636 §4.3: an absent method means `plain`.
    if method != Some("S256") {
        return Err(OAuthError::invalid_request("`code_challenge_method` must be `S256`."));
    }
    let canonical = URL_SAFE_NO_PAD.decode(challenge).is_ok_and(|bytes| bytes.len() == 32);
    if !canonical {
        return Err(OAuthError::invalid_request("`code_challenge` must be the base64url of a SHA-256, 43 characters without padding."));
    }
    Ok(Some(challenge.to_owned()))
}

/// RFC 7636 §4.1: 43 to 128 unreserved characters.
pub fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

/// Does the token request fit the authorization request? RFC 9700 §2.1.1: a verifier that comes for a code without a challenge is a
/// downgrade, whatever the client is registered with: somebody took the challenge out of the request.
pub fn fits(challenge: Option<&str>, verifier: Option<&str>, required: bool) -> bool {
    match (challenge, verifier) {
        (Some(challenge), Some(verifier)) => verify(verifier, challenge),
        (None, None) => !required,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// RFC 7636 §4.6.
pub fn verify(verifier: &str, challenge: &str) -> bool {
    is_verifier(verifier) && same(URL_SAFE_NO_PAD.encode(Digest::of(verifier.as_bytes()).0).as_bytes(), challenge.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn knows_the_example_of_the_rfc() {
        assert!(verify(VERIFIER, CHALLENGE));
        assert!(!verify(CHALLENGE, CHALLENGE));
        assert_eq!(challenge(Some(CHALLENGE), Some("S256"), true).unwrap().as_deref(), Some(CHALLENGE));
    }

    /// RFC 9700 §2.1.1. PK-05.
    #[test]
    fn both_halves_or_none() {
        assert_eq!(challenge(None, None, false), Ok(None));
        assert!(challenge(None, None, true).is_err());
        let both = (Some(CHALLENGE), Some(VERIFIER));
        for required in [true, false] {
            assert!(fits(both.0, both.1, required));
            assert!(!fits(None, both.1, required) && !fits(both.0, None, required) && !fits(both.0, Some(CHALLENGE), required));
        }
        assert!(fits(None, None, false) && !fits(None, None, true));
    }

    /// PK-06.
    #[test]
    fn refuses_wrong_syntax() {
        for (text, method) in [
            (Some(CHALLENGE), None),
            (Some(CHALLENGE), Some("plain")),
            (None, Some("S256")),
            (Some("short"), Some("S256")),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="), Some("S256")),
        ] {
            assert!(challenge(text, method, true).is_err(), "{text:?} {method:?}");
            assert!(challenge(text, method, false).is_err(), "not required is not unread: {text:?} {method:?}");
        }
        assert!(!is_verifier(&"a".repeat(42)) && !is_verifier(&"a".repeat(129)) && !is_verifier(&format!("{}+", "a".repeat(43))));
        assert!(is_verifier(&"a".repeat(43)) && is_verifier(&"a".repeat(128)));
    }
}
