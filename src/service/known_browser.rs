//! Which accounts a browser has been signed in with: told by a sealed cookie, so that nobody can slow down the owner of an account by
//! guessing at it from elsewhere (OWASP ASVS 5.0 §6.1.1). It opens nothing: it only names where failures are counted.

use super::Core;
use crate::domain::entropy::random;

/// The accounts a browser is known to, by their tags (see `service::throttle`); the last one signed in comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownBrowser {
    id: [u8; 16],
    accounts: Vec<AccountTag>,
}

/// Half of the keyed digest of a user name.
pub type AccountTag = [u8; 16];

/// The part of the seal that says what it is for.
const AAD: &[u8] = b"known browser";
/// Beyond these the oldest is forgotten: a cookie has an end.
const MOST_ACCOUNTS: usize = 8;

impl KnownBrowser {
    /// What the cookie says; `None` for one that this issuer did not seal.
    pub fn open(core: &Core, text: &str) -> Option<Self> {
        let plain = core.tickets.open_text(AAD, text)?;
        let (id, accounts) = plain.split_first_chunk::<16>()?;
        let accounts = accounts.chunks_exact(16).filter_map(|tag| tag.try_into().ok()).collect();
        Some(Self { id: *id, accounts })
    }

    pub fn id(&self) -> &[u8; 16] {
        &self.id
    }

    pub fn knows(&self, account: &AccountTag) -> bool {
        self.accounts.contains(account)
    }

    /// The cookie's value after a sign-in with this account.
    pub fn remember(core: &Core, before: Option<&Self>, account: AccountTag) -> String {
        let (id, old) = match before {
            Some(known) => (known.id, known.accounts.as_slice()),
            None => (random::<16>(core.entropy.as_ref()), [].as_slice()),
        };
        let accounts = std::iter::once(&account).chain(old.iter().filter(|tag| **tag != account)).take(MOST_ACCOUNTS);
        let plain: Vec<u8> = id.iter().chain(accounts.flatten()).copied().collect();
        core.tickets.seal_text(core.entropy.as_ref(), AAD, &plain)
    }
}
