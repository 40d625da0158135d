//! Which accounts a browser has been signed in with: told by a sealed cookie, so that nobody can slow down the owner of an account by
//! guessing at it from elsewhere (OWASP ASVS 5.0 §6.1.1). It opens nothing: it only names where failures are counted.

use super::Core;
use crate::domain::clock::Timestamp;
use crate::domain::entropy::random;

/// The accounts a browser is known to, by their tags (see `service::throttle`); the last one signed in comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownBrowser {
    id: [u8; 16],
    accounts: Vec<Known>,
}

/// A browser that is known to an account by the password of today. Only [`KnownBrowser::known_to`] makes one: a cookie that names other
/// accounts, or an old password, is no way around what strangers are counted by.
#[derive(Debug, Clone, Copy)]
pub struct KnownTo<'a> {
    browser: &'a KnownBrowser,
}

impl KnownTo<'_> {
    pub fn id(&self) -> &[u8; 16] {
        &self.browser.id
    }
}

/// Half of the keyed digest of a user name.
pub type AccountTag = [u8; 16];

/// An account, and since when it had the password that it was signed in with. Another one makes the browser a stranger again: whoever
/// had the old one may be whom it was changed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    tag: AccountTag,
    password_since: [u8; 8],
}

/// The part of the seal that says what it is for, and in what form.
const AAD: &[u8] = b"known browser 2";
/// Beyond these the oldest is forgotten: a cookie has an end.
const MOST_ACCOUNTS: usize = 8;

impl KnownBrowser {
    /// What the cookie says; `None` for one that this issuer did not seal.
    pub fn open(core: &Core, text: &str) -> Option<Self> {
        let plain = core.tickets.open_text(AAD, text)?;
        let (id, accounts) = plain.split_first_chunk::<16>()?;
        let known = |entry: &[u8]| {
            let (tag, rest) = entry.split_first_chunk::<16>()?;
            Some(Known { tag: *tag, password_since: rest.try_into().ok()? })
        };
        Some(Self { id: *id, accounts: accounts.chunks_exact(24).filter_map(known).collect() })
    }

    /// Whether it has been signed in with the account, by whatever password.
    pub fn has_met(&self, account: &AccountTag) -> bool {
        self.accounts.iter().any(|known| known.tag == *account)
    }

    /// As one that is known to the account: if it has been signed in with it by the password that it has since then.
    pub fn known_to(&self, account: &AccountTag, password_since: Timestamp) -> Option<KnownTo<'_>> {
        self.accounts.contains(&Known { tag: *account, password_since: micros(password_since) }).then_some(KnownTo { browser: self })
    }

    /// The cookie's value after a sign-in with this account, by the password that it has since then.
    pub fn remember(core: &Core, before: Option<&Self>, tag: AccountTag, password_since: Timestamp) -> String {
        let (id, old) = match before {
            Some(known) => (known.id, known.accounts.as_slice()),
            None => (random::<16>(core.entropy.as_ref()), [].as_slice()),
        };
        let newest = Known { tag, password_since: micros(password_since) };
        let accounts = std::iter::once(&newest).chain(old.iter().filter(|known| known.tag != tag)).take(MOST_ACCOUNTS);
        let plain: Vec<u8> = id.iter().chain(accounts.flat_map(|known| known.tag.iter().chain(&known.password_since))).copied().collect();
        core.tickets.seal_text(core.entropy.as_ref(), AAD, &plain)
    }
}

/// As both databases keep it.
fn micros(instant: Timestamp) -> [u8; 8] {
    instant.timestamp_micros().to_be_bytes()
}
