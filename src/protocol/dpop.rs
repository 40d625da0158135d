//! Demonstrating Proof of Possession (RFC 9449): whether a proof is for the request that it came with, and what a bound token asks of who brings it.

use chrono::TimeDelta;

use super::bearer::Scheme;
use super::error::{ErrorCode, OAuthError};
use crate::domain::clock::Timestamp;
use crate::domain::dpop::{DpopProof, KeyThumbprint};
use crate::domain::secret::{Digest, same};

/// How far the clock of whoever makes proofs may be from this server's, either way: what browsers' clocks are known to be wrong by.
pub const WINDOW: TimeDelta = TimeDelta::minutes(5);

/// A proof is remembered this much longer than it is taken: a replica whose clock is behind may take it still.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(5);

/// More than any random name is long. What is bounded can be kept, and looked for (RFC 9449 §11.1).
const LONGEST_JTI: usize = 256;

/// The request that a proof came with.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub method: &'a str,
    /// Its address by this server's own settings, never by what a header says.
    pub url: &'a str,
    /// The access token that it brings to a resource.
    pub access_token: Option<&'a str>,
}

/// RFC 9449 §4.3, 3 and 8 to 12. The signature is verified.
pub fn judge(proof: &DpopProof, request: &Request<'_>, now: Timestamp) -> Result<(), OAuthError> {
    if proof.jti.is_empty() || proof.jti.len() > LONGEST_JTI {
        return Err(OAuthError::invalid_dpop_proof(format!("The proof needs a `jti` of 1 to {LONGEST_JTI} bytes.")));
    }
    // RFC 9110 §9.1: methods have case.
    if proof.htm != request.method {
        return Err(OAuthError::invalid_dpop_proof("The proof is for another method: `htm` must be that of the request."));
    }
    let asked = normal(request.url);
    if asked.is_none() || normal(&proof.htu) != asked {
        return Err(OAuthError::invalid_dpop_proof("The proof is for another address: `htu` must be that of the request, without query and fragment.")
            .because(format!("htu `{}` is not `{}`", proof.htu.chars().take(200).flat_map(char::escape_debug).collect::<String>(), request.url)));
    }
    let age = Timestamp::from_timestamp(proof.iat, 0).map(|at| now.signed_duration_since(at));
    if age.is_none_or(|age| age.abs() > WINDOW) {
        let reason = age.map_or_else(|| "made at no time".to_owned(), |age| format!("made {} seconds ago", age.num_seconds()));
        return Err(OAuthError::invalid_dpop_proof(format!(
            "The proof was not made within {} minutes of now: is the clock right where it was made?",
            WINDOW.num_minutes()
        ))
        .because(reason));
    }
    if let Some(token) = request.access_token {
        let expected = KeyThumbprint::of(&Digest::of(token.as_bytes()));
        if !proof.ath.as_ref().is_some_and(|ath| same(ath.as_bytes(), expected.as_str().as_bytes())) {
            return Err(OAuthError::invalid_dpop_proof("The proof is for another access token, or for none: `ath` must be the digest of this one."));
        }
    }
    Ok(())
}

/// Until when it must be known that the proof was used.
pub fn remembered_until(proof: &DpopProof) -> Timestamp {
    Timestamp::from_timestamp(proof.iat, 0).unwrap_or_default() + WINDOW + CLOCKS_APART
}

/// An address as it is compared (RFC 9449 §4.3, 9): without query and fragment, normalised by its syntax and scheme (RFC 3986 §6.2.2, §6.2.3).
fn normal(address: &str) -> Option<String> {
    // RFC 3986 §2: what browsers mend is no address, and what names a user is none of ours.
    let written = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\`".contains(&byte);
    if !address.bytes().all(written) {
        return None;
    }
    let url = url::Url::parse(address).ok()?;
    if !matches!(url.scheme(), "https" | "http") || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    // Elsewhere than in a path nothing is mended.
    if url.host_str().is_none_or(|host| host.contains(left_raw)) {
        return None;
    }
    Some(url.origin().ascii_serialization() + &percent_normal(url.path())?)
}

/// What stands in no address by RFC 3986 §2, so that in a path it can mean nothing but its encoding. Those who parse URLs do not agree on it: the
/// URL Standard encodes `{`, `}` and `^`, and leaves `|`; those of before it leave `^` too, and other libraries all of them.
const fn left_raw(char: char) -> bool {
    matches!(char, '^' | '{' | '|' | '}')
}

/// RFC 3986 §6.2.2.1 and §6.2.2.2: upper-case digits, what needs no encoding is not encoded, and what needs it is. `None` if a `%` begins
/// nothing (§2.1).
fn percent_normal(path: &str) -> Option<String> {
    let (mut normal, mut rest) = (String::with_capacity(path.len()), path);
    while let Some((before, after)) = rest.split_once('%') {
        let (digits, behind) = after.split_at_checked(2)?;
        let byte = digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())??;
        push_encoded(&mut normal, before);
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            normal.push(char::from(byte));
        } else {
            normal.push_str(&format!("%{byte:02X}"));
        }
        rest = behind;
    }
    push_encoded(&mut normal, rest);
    Some(normal)
}

fn push_encoded(normal: &mut String, path: &str) {
    for char in path.chars() {
        if left_raw(char) {
            normal.push_str(&format!("%{:02X}", u32::from(char)));
        } else {
            normal.push(char);
        }
    }
}

/// What a client whose tokens must be bound is told when it brings no proof (RFC 9449 §5.2).
pub fn required() -> OAuthError {
    OAuthError::invalid_dpop_proof("This client is registered with `dpop_bound_access_tokens`: send a proof in the header `DPoP`.")
}

pub fn replayed() -> OAuthError {
    OAuthError::invalid_dpop_proof("The proof was used before: make one for each request, with a `jti` of its own.")
}

/// RFC 9449 §5: a bound refresh token is for who holds the key. Nobody else so much as harms it by asking for tokens.
pub fn may_refresh(bound_to: Option<&KeyThumbprint>, shown: Option<&KeyThumbprint>) -> Result<(), OAuthError> {
    match (bound_to, shown) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(OAuthError::invalid_dpop_proof("The refresh token is bound to a key: send a proof of it in the header `DPoP`.")),
        (Some(key), Some(shown)) if key == shown => Ok(()),
        (Some(_), Some(_)) => Err(OAuthError::invalid_refresh_token("bound to another key")),
    }
}

/// RFC 9449 §7.1 and §7.2: a bound token by `DPoP` with a proof of its key, any other by `Bearer`, and neither by the other's scheme.
pub fn may_present(bound_to: Option<&KeyThumbprint>, scheme: Scheme, shown: Option<&KeyThumbprint>) -> Result<(), OAuthError> {
    match (bound_to, scheme) {
        (None, Scheme::Bearer) => Ok(()),
        (None, Scheme::Dpop) => {
            Err(OAuthError::new(ErrorCode::InvalidToken, "The access token is not bound to a key: it is no token for `Authorization: DPoP`."))
        }
        (Some(_), Scheme::Bearer) => {
            // RFC 6750 §3.1: there was no proof to be judged.
            let description = "The access token is bound to a key: send it by `Authorization: DPoP`, with a proof in the header `DPoP`.";
            Err(OAuthError::new(ErrorCode::InvalidToken, description))
        }
        (Some(key), Scheme::Dpop) => match shown {
            Some(shown) if shown == key => Ok(()),
            Some(_) => Err(OAuthError::invalid_token("bound to another key than the proof's")),
            None => Err(OAuthError::invalid_dpop_proof("The access token is bound to a key: send a proof of it in the header `DPoP`.")),
        },
    }
}

#[cfg(test)]
mod tests;
