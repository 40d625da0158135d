//! The `sid` a client sees (OpenID Connect Back-Channel Logout 1.0 §2.1): derived, stored nowhere, another one for every client,
//! so that two clients cannot join what they know of a browser.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::derive;
use crate::domain::id::{ClientId, SessionId};
use crate::domain::secret::Secret;

#[derive(Clone)]
pub struct Deriver(Hmac<Sha256>);

impl Deriver {
    #[allow(clippy::needless_pass_by_value)] // the caller's copy is wiped
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        Self(derive::keyed_mac(&key))
    }

    /// base64url of the first 16 bytes of HMAC-SHA-256(key, session id ‖ client id): 22 characters. The session id has a fixed
    /// length, so the two parts cannot be read in another way.
    pub fn sid(&self, session_id: SessionId, client_id: &ClientId) -> String {
        let mac = self.0.clone().chain_update(session_id.0.as_bytes()).chain_update(client_id.as_str()).finalize().into_bytes();
        let (half, _) = mac.split_at(16);
        URL_SAFE_NO_PAD.encode(half)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    proptest! {
        #[test]
        fn it_depends_on_the_key_the_session_and_the_client(
            key in any::<[u8; 32]>(), other_key in any::<[u8; 32]>(), session in any::<u128>(), other_session in any::<u128>(),
            client in "[a-z]{1,12}", other_client in "[a-z]{1,12}",
        ) {
            let sid = |key: [u8; 32], session: u128, client: &str| {
                Deriver::new(Secret::new(key)).sid(SessionId(Uuid::from_u128(session)), &ClientId::parse(client).unwrap())
            };
            let base = sid(key, session, &client);
            prop_assert_eq!(base.len(), 22);
            prop_assert_eq!(&sid(key, session, &client), &base);
            prop_assert_eq!(sid(other_key, session, &client) == base, key == other_key);
            prop_assert_eq!(sid(key, other_session, &client) == base, session == other_session);
            prop_assert_eq!(sid(key, session, &other_client) == base, client == other_client);
        }
    }
}
