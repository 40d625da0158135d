//! An authorization code as it travels: its facts without their names, sealed. A usual one is some 200 bytes, where JSON would take 480. Another
//! version of this file does not read it; nobody holds a code longer than a minute.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Core;
use crate::domain::acr::Acr;
use crate::domain::authorization_code::AuthorizationCode;
use crate::domain::claim::{ClaimSet, NamedClaims};
use crate::domain::clock::Timestamp;
use crate::domain::dpop::KeyThumbprint;
use crate::domain::id::{ClientId, GrantId, SessionId, UserId};
use crate::domain::refresh_family::Grant;
use crate::domain::scope::Scope;

/// So that a secret scanner knows one when it sees one.
const PREFIX: &str = "gk_ac_";
const AAD: &[u8] = b"authorization code";
/// Of what is below. Another order, or a field more, is another version.
const VERSION: u8 = 1;

/// Instants are microseconds since 1970.
#[derive(Serialize, Deserialize)]
struct Packed<'a> {
    version: u8,
    id: Uuid,
    user_id: Uuid,
    session_id: Uuid,
    client_id: &'a str,
    redirect_uri: Option<&'a str>,
    scope: Scope,
    resources: Vec<String>,
    auth_time: i64,
    acr: &'a str,
    id_token_claims: ClaimSet,
    userinfo_claims: ClaimSet,
    nonce: Option<&'a str>,
    code_challenge: Option<&'a str>,
    dpop_jkt: Option<KeyThumbprint>,
    issued_at: i64,
    expires_at: i64,
}

/// Seals a code.
pub fn seal(core: &Core, code: AuthorizationCode) -> String {
    core.codes.seal_text_after(PREFIX, core.entropy.as_ref(), AAD, &pack(code))
}

/// Opens a presented code; `None` for anything that we did not seal.
pub fn open(core: &Core, text: &str) -> Option<AuthorizationCode> {
    unpack(&core.codes.open_text(AAD, text.strip_prefix(PREFIX)?)?)
}

fn pack(code: AuthorizationCode) -> Vec<u8> {
    let packed = Packed {
        version: VERSION,
        id: code.id.0,
        user_id: code.user_id.0,
        session_id: code.session_id.0,
        client_id: code.client_id.as_str(),
        redirect_uri: code.redirect_uri.as_deref(),
        scope: code.grant.scope,
        resources: code.grant.resources,
        auth_time: code.grant.auth_time.timestamp_micros(),
        acr: code.grant.acr.as_str(),
        id_token_claims: code.grant.claims.id_token,
        userinfo_claims: code.grant.claims.userinfo,
        nonce: code.nonce.as_deref(),
        code_challenge: code.code_challenge.as_deref(),
        dpop_jkt: code.dpop_jkt,
        issued_at: code.issued_at.timestamp_micros(),
        expires_at: code.expires_at.timestamp_micros(),
    };
    // Text and numbers are always written; what were not would be a code that opens nothing.
    postcard::to_extend(&packed, Vec::with_capacity(384)).unwrap_or_default()
}

fn unpack(bytes: &[u8]) -> Option<AuthorizationCode> {
    let packed: Packed<'_> = postcard::from_bytes(bytes).ok().filter(|packed: &Packed<'_>| packed.version == VERSION)?;
    let own = |text: Option<&str>| text.map(str::to_owned);
    Some(AuthorizationCode {
        id: GrantId(packed.id),
        client_id: ClientId::parse(packed.client_id).ok()?,
        redirect_uri: own(packed.redirect_uri),
        user_id: UserId(packed.user_id),
        session_id: SessionId(packed.session_id),
        grant: Grant {
            scope: packed.scope,
            resources: packed.resources,
            auth_time: Timestamp::from_timestamp_micros(packed.auth_time)?,
            acr: Acr::parse(packed.acr)?,
            claims: NamedClaims { id_token: packed.id_token_claims, userinfo: packed.userinfo_claims },
        },
        nonce: own(packed.nonce),
        code_challenge: own(packed.code_challenge),
        dpop_jkt: packed.dpop_jkt,
        issued_at: Timestamp::from_timestamp_micros(packed.issued_at)?,
        expires_at: Timestamp::from_timestamp_micros(packed.expires_at)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(texts: &[String], numbers: [i64; 3], ids: [u128; 3], bits: [bool; 6]) -> AuthorizationCode {
        let text = |index: usize| texts[index].clone();
        let at = |micros: i64| Timestamp::from_timestamp_micros(micros).unwrap();
        let claims = |there: bool| if there { ClaimSet::parse("email phone_number") } else { ClaimSet::default() };
        AuthorizationCode {
            id: GrantId(Uuid::from_u128(ids[0])),
            client_id: ClientId::parse("app").unwrap(),
            redirect_uri: bits[0].then(|| text(0)),
            user_id: UserId(Uuid::from_u128(ids[1])),
            session_id: SessionId(Uuid::from_u128(ids[2])),
            grant: Grant {
                scope: Scope::parse(if bits[1] { "openid email" } else { "" }).unwrap(),
                resources: if bits[2] { vec![text(1), text(2)] } else { Vec::new() },
                auth_time: at(numbers[0]),
                acr: Acr::Password,
                claims: NamedClaims { id_token: claims(bits[1]), userinfo: claims(bits[2]) },
            },
            nonce: bits[3].then(|| text(3)),
            code_challenge: bits[4].then(|| text(4)),
            dpop_jkt: bits[5].then(|| KeyThumbprint::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap()),
            issued_at: at(numbers[1]),
            expires_at: at(numbers[2]),
        }
    }

    proptest! {
        /// All of it comes back, to the microsecond; a part of it is nothing, and so is another version.
        #[test]
        fn what_is_packed_is_unpacked(
            texts in prop::collection::vec("\\PC{0,40}", 5),
            numbers in prop::array::uniform3(-1_000_000_000_000_000i64..4_000_000_000_000_000),
            ids in any::<[u128; 3]>(),
            bits in any::<[bool; 6]>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let code = code(&texts, numbers, ids, bits);
            let mut packed = pack(code.clone());
            prop_assert_eq!(unpack(&packed), Some(code));
            prop_assert_eq!(unpack(&packed[..cut.index(packed.len())]), None);
            packed[0] = 2;
            prop_assert_eq!(unpack(&packed), None);
        }

        #[test]
        fn garbage_is_no_code(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(unpack(&bytes), None);
        }
    }
}
