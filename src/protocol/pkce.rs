//! PKCE (RFC 7636), S256 only: `plain` protects from nobody who can read the request.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::OAuthError;
use crate::domain::secret::{Digest, same};

/// Reads `code_challenge` and `code_challenge_method`. Both are required of every client (RFC 9700 §2.1.1).
pub fn challenge(challenge: Option<&str>, method: Option<&str>) -> Result<String, OAuthError> {
    let Some(challenge) = challenge else {
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
    Ok(challenge.to_owned())
}

/// RFC 7636 §4.1: 43 to 128 unreserved characters.
pub fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
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
        assert_eq!(challenge(Some(CHALLENGE), Some("S256")).unwrap(), CHALLENGE);
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
            assert!(challenge(text, method).is_err(), "{text:?} {method:?}");
        }
        assert!(!is_verifier(&"a".repeat(42)) && !is_verifier(&"a".repeat(129)) && !is_verifier(&format!("{}+", "a".repeat(43))));
        assert!(is_verifier(&"a".repeat(43)) && is_verifier(&"a".repeat(128)));
    }
}
