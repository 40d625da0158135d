//! What is wrong, or will not work, and what to change (`gatekey doctor`, `/diagnose`): facts in, findings out.

pub mod browser;
pub mod client;
pub mod fedcm;
pub mod server;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, but perhaps not as it was meant, or not with every library or browser.
    Note,
    /// Does not work.
    Problem,
}

impl Level {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem => "problem",
        }
    }
}

macro_rules! codes {
    ($($name:ident = $word:literal, $level:ident;)*) => {
        /// What was found. The words are stable: programs may go by them (`docs/diagnosis.md`).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($name,)* }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            pub const fn level(self) -> Level {
                match self { $(Self::$name => Level::$level,)* }
            }
        }
    };
}

codes! {
    SettingsRefused = "settings-refused", Problem;
    DatabaseMissing = "database-missing", Problem;
    DatabasePending = "database-pending", Problem;
    DatabaseUnusable = "database-unusable", Problem;
    NotSetUp = "not-set-up", Problem;
    MasterKeyUnusable = "master-key-unusable", Problem;
    DatabaseReady = "database-ready", Ok;
    SigningKeysUnreadable = "signing-keys-unreadable", Problem;
    SigningKeyMissing = "signing-key-missing", Note;
    SigningKeyAhead = "signing-key-ahead", Problem;
    SigningKeysReady = "signing-keys-ready", Ok;
    ProxyNotTrusted = "proxy-not-trusted", Problem;
    EverybodyTrusted = "everybody-trusted", Problem;
    ProxyTrusted = "proxy-trusted", Ok;
    ListensInTheClear = "listens-in-the-clear", Note;
    IssuerLocal = "issuer-local", Note;
    IssuerPort = "issuer-port", Note;
    DeviceBoundWithoutTls = "device-bound-without-tls", Note;
    ServerUnreachable = "server-unreachable", Problem;
    TlsRefused = "tls-refused", Problem;
    DiscoveryRedirected = "discovery-redirected", Problem;
    DiscoveryNotFound = "discovery-not-found", Problem;
    ProxyWithoutServer = "proxy-without-server", Problem;
    DiscoveryRefused = "discovery-refused", Problem;
    DiscoveryForeign = "discovery-foreign", Problem;
    IssuerMismatch = "issuer-mismatch", Problem;
    DiscoveryAnswers = "discovery-answers", Ok;
    ClockSkew = "clock-skew", Note;
    ClockWrong = "clock-wrong", Problem;
    ClockAgrees = "clock-agrees", Ok;
    ClientUnknown = "client-unknown", Problem;
    ClientOutdated = "client-outdated", Problem;
    ClientDisabled = "client-disabled", Problem;
    ClientEnabled = "client-enabled", Ok;
    ClientWithoutUsers = "client-without-users", Ok;
    SecretMissing = "secret-missing", Problem;
    SameSite = "same-site", Ok;
    CrossSite = "cross-site", Note;
    WebOriginMissing = "web-origin-missing", Problem;
    RedirectLocal = "redirect-local", Note;
    FrameWorks = "frame-works", Ok;
    FrameLimited = "frame-limited", Note;
    FrameWithoutCookie = "frame-without-cookie", Note;
    FramesRefused = "frames-refused", Note;
    RefreshWorks = "refresh-works", Ok;
    RefreshMissing = "refresh-missing", Note;
    OfflineAccessMissing = "offline-access-missing", Note;
    WindowWorks = "window-works", Ok;
    NotSilent = "not-silent", Problem;
    ConsentFirst = "consent-first", Note;
    AccessTokenShort = "access-token-short", Note;
    RefreshOverlapShort = "refresh-overlap-short", Note;
    Auth0Algorithm = "auth0-algorithm", Note;
    Auth0IssuerPath = "auth0-issuer-path", Note;
    Auth0IssuerSlash = "auth0-issuer-slash", Note;
    Auth0BareOrigin = "auth0-bare-origin", Note;
    Auth0Ready = "auth0-ready", Ok;
    BackchannelCleartext = "backchannel-cleartext", Problem;
    BackchannelNotAllowed = "backchannel-not-allowed", Problem;
    FrontchannelCrossSite = "frontchannel-cross-site", Note;
    FedcmIssuerPath = "fedcm-issuer-path", Problem;
    FedcmWithoutCookie = "fedcm-without-cookie", Problem;
    FedcmWellKnown = "fedcm-well-known", Note;
    FedcmWellKnownOwn = "fedcm-well-known-own", Ok;
    OriginUnknown = "origin-unknown", Note;
    OriginRegistered = "origin-registered", Ok;
    HostDiffers = "host-differs", Note;
    SchemeDiffers = "scheme-differs", Note;
    ForwardedForMissing = "forwarded-for-missing", Problem;
    ArrivesUnchanged = "arrives-unchanged", Ok;
    AddressAgrees = "address-agrees", Ok;
    FramingHeadersChanged = "framing-headers-changed", Problem;
    FramingHeadersAgree = "framing-headers-agree", Ok;
    CookieArrives = "cookie-arrives", Ok;
    CookieAbsent = "cookie-absent", Note;
    CookiesBlocked = "cookies-blocked", Note;
    StorageAccessGiven = "storage-access-given", Ok;
    StorageAccessUnsupported = "storage-access-unsupported", Note;
    FrameNotTried = "frame-not-tried", Note;
    FedcmAvailable = "fedcm-available", Ok;
    FedcmNotAllowed = "fedcm-not-allowed", Note;
    FedcmNotRegistered = "fedcm-not-registered", Note;
    FedcmMissing = "fedcm-missing", Note;
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub code: Code,
    /// What is so, in a sentence.
    pub text: String,
    /// What to change, where there is something.
    pub change: Option<String>,
}

impl Finding {
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), change: None }
    }

    #[must_use]
    pub fn change(self, change: impl Into<String>) -> Self {
        Self { change: Some(change.into()), ..self }
    }

    pub const fn level(&self) -> Level {
        self.code.level()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_words_of_their_own() {
        let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for word in words {
            assert!(word.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())), "{word}");
        }
    }
}
