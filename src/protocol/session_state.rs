//! The session state (Session Management 1.0 §2, §3): what an application compares, through a frame of the issuer, to learn that somebody
//! signed in or out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::id::ClientId;
use crate::domain::secret::Digest;

/// `hash.salt`. The frame computes the same from what its cookie says (`http/check_session/frame.js`): for this client at this origin it is
/// the same only while the browser is in the same state. Where nobody is signed in the frame
/// has an empty `browser_state`.
pub fn session_state(client_id: &ClientId, origin: &str, browser_state: &str, salt: [u8; 16]) -> String {
    let salt = URL_SAFE_NO_PAD.encode(salt);
    let Digest(hash) = Digest::of(format!("{client_id} {origin} {browser_state} {salt}").as_bytes());
    format!("{}.{salt}", URL_SAFE_NO_PAD.encode(hash))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Computed with `printf %s 'app https://app.test state AAECAwQFBgcICQoLDA0ODw' | openssl dgst -sha256 -binary | basenc --base64url`.
    #[test]
    fn it_is_what_the_frame_computes() {
        let salt: [u8; 16] = std::array::from_fn(|i| i as u8);
        let client = ClientId::parse("app").unwrap();
        assert_eq!(session_state(&client, "https://app.test", "state", salt), "QOi2xYclU83ijEKMnwWAQm9n2FVDPoB5RvbvVkFfIXc.AAECAwQFBgcICQoLDA0ODw");
    }

    proptest! {
        /// §2: it MUST NOT contain a space; and it is another one for another client, origin, state or salt.
        #[test]
        fn it_depends_on_all_of_it(a in "[a-z]{1,8}", b in "[a-z]{1,8}", salt in any::<[u8; 16]>()) {
            let of = |client: &str, origin: &str, state: &str| session_state(&ClientId::parse(client).unwrap(), origin, state, salt);
            let base = of("app", "https://app.test", "s");
            prop_assert!(!base.contains(' '));
            prop_assert_eq!(of(&a, "https://app.test", &b) == base, a == "app" && b == "s");
            prop_assert_ne!(of("app", "https://app.test:8443", "s"), base.clone());
            prop_assert_ne!(session_state(&ClientId::parse("app").unwrap(), "https://app.test", "s", salt.map(|byte| !byte)), base);
        }
    }
}
