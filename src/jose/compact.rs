//! The compact serialization of a JWS (RFC 7515 §7.1), read as strictly as it is written: one spelling per token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::key_ring::VerifyError;

/// More than any token made here; whatever is longer is not looked at.
pub(super) const LONGEST_TOKEN: usize = 16 * 1024;

/// The header of our tokens has these three members and never another. So `jwk`, `jku`, `x5u`, `x5c` (a key brought along by
/// the token), `crit` and `b64` (rules brought along by the token; RFC 7515 §4.1.11) are refused unread, and so is a member
/// given twice (RFC 7515 §4).
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub alg: String,
    pub kid: String,
    pub typ: String,
}

/// A token taken apart. Nothing in it is believed yet.
pub(super) struct Parts<'a> {
    pub header: Header,
    pub payload: Vec<u8>,
    pub signature: Vec<u8>,
    /// ASCII(BASE64URL(header) || '.' || BASE64URL(payload)), as it came (RFC 7515 §5.2).
    pub signing_input: &'a str,
}

pub(super) fn parse(token: &str) -> Result<Parts<'_>, VerifyError> {
    if token.len() > LONGEST_TOKEN {
        return Err(VerifyError::TooLong);
    }
    let (signing_input, signature) = token.rsplit_once('.').ok_or(VerifyError::Malformed)?;
    // A further '.' stays in one of the parts, where the decoder refuses it.
    let (header, payload) = signing_input.split_once('.').ok_or(VerifyError::Malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| VerifyError::Malformed);
    let header = decode(header)?;
    // RFC 7515 §4: a JSON object. Without this line a list of the three values would be read as well.
    if !header.trim_ascii_start().starts_with(b"{") {
        return Err(VerifyError::Malformed);
    }
    let header = serde_json::from_slice(&header).map_err(|_| VerifyError::Malformed)?;
    Ok(Parts { header, payload: decode(payload)?, signature: decode(signature)?, signing_input })
}

/// BASE64URL(header) || '.' || BASE64URL(payload), with room for the signature.
pub(super) fn signing_input(header: &[u8], payload: &[u8], signature_length: usize) -> String {
    let encoded = |bytes: usize| bytes.div_ceil(3) * 4;
    let mut text = String::with_capacity(encoded(header.len()) + encoded(payload.len()) + encoded(signature_length) + 2);
    URL_SAFE_NO_PAD.encode_string(header, &mut text);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut text);
    text
}

/// The finished token.
pub(super) fn with_signature(mut signing_input: String, signature: &[u8]) -> String {
    signing_input.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut signing_input);
    signing_input
}

/// Media types compare without case, and `application/` may be left away (RFC 7515 §4.1.9).
pub(super) fn is_one_of(typ: &str, allowed: &[&str]) -> bool {
    const PREFIX: &str = "application/";
    let short = |text: &str| match text.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest.to_ascii_lowercase(),
        _ => text.to_ascii_lowercase(),
    };
    allowed.iter().any(|allowed| short(typ) == short(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_compare_without_case_and_with_or_without_the_prefix() {
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            for allowed in ["at+jwt", "application/at+jwt"] {
                assert!(is_one_of(typ, &["JWT", allowed]), "{typ} as {allowed}");
            }
        }
        for typ in ["", "JWT", "at+jwt ", "xat+jwt", "application/", "application/application/at+jwt", "text/at+jwt", "jwt+at"] {
            assert!(!is_one_of(typ, &["at+jwt"]), "{typ}");
        }
        assert!(!is_one_of("at+jwt", &[]));
    }
}
