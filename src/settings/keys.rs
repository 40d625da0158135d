//! `[keys]`: the signing keys that are kept ready.

use serde::Deserialize;

use super::SettingsError;
use super::known::{Key, Kind, key};
use super::sources::Sources;
use crate::domain::duration::{InvalidLifetime, Lifetime};
use crate::domain::signing_key::{SigningAlg, VERIFIERS_KEEP_SECONDS};

pub(super) const KEYS: &[Key] = &[
    key("keys.announce", Kind::Duration, "\"P3D\""),
    key("keys.rotate_every", Kind::Duration, "\"P30D\""),
    key("keys.algorithms", Kind::Texts, "[\"ES256\", \"RS256\"]"),
];

/// Which algorithms have a key, and how long a new key is shown before it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySettings {
    /// From its entry into the JWKS to its first signature; longer than verifiers go by an old JWKS, so that none meets a key it does not know.
    pub announce: Lifetime,
    /// How long a key signs before the next one does; `Unlimited`: until somebody makes the next one.
    pub rotate_every: Lifetime,
    /// The first one signs access tokens.
    pub algorithms: Vec<SigningAlg>,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self { announce: Lifetime::seconds(2 * 86_400), rotate_every: Lifetime::seconds(90 * 86_400), algorithms: vec![SigningAlg::Es256, SigningAlg::Rs256] }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    announce: Option<Lifetime>,
    rotate_every: Option<Period>,
    algorithms: Option<Vec<SigningAlg>>,
}

/// A duration, or `never`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Period(Lifetime);

impl TryFrom<String> for Period {
    type Error = InvalidLifetime;

    fn try_from(text: String) -> Result<Self, InvalidLifetime> {
        if text == "never" { Ok(Self(Lifetime::Unlimited)) } else { text.parse().map(Self) }
    }
}

impl Raw {
    pub(super) fn validated(self, sources: &Sources) -> Result<KeySettings, SettingsError> {
        let default = KeySettings::default();
        let settings = KeySettings {
            announce: self.announce.unwrap_or(default.announce),
            rotate_every: self.rotate_every.map_or(default.rotate_every, |period| period.0),
            algorithms: self.algorithms.unwrap_or(default.algorithms),
        };
        if !matches!(settings.announce, Lifetime::Limited(announce) if announce.num_seconds() > VERIFIERS_KEEP_SECONDS) {
            return Err(SettingsError::refused(
                sources,
                &["keys", "announce"],
                format!(
                    "`{}` does not fit: verifiers may go by a JWKS as old as {}, so write something longer, such as `\"P2D\"`",
                    settings.announce,
                    Lifetime::seconds(VERIFIERS_KEEP_SECONDS)
                ),
            ));
        }
        if !settings.rotate_every.is_longer_than(settings.announce) {
            return Err(SettingsError::refused(
                sources,
                &["keys", "rotate_every"],
                format!("`{}` does not fit: it must be longer than `keys.announce`, which is `{}`", settings.rotate_every, settings.announce),
            ));
        }
        let mut seen = Vec::new();
        for alg in &settings.algorithms {
            if seen.contains(alg) {
                return Err(SettingsError::refused(sources, &["keys", "algorithms"], format!("`{}` is there twice: remove one", alg.as_str())));
            }
            seen.push(*alg);
        }
        if settings.algorithms.is_empty() {
            return Err(SettingsError::refused(sources, &["keys", "algorithms"], "without an algorithm nothing can be signed: write `[\"ES256\"]`"));
        }
        Ok(settings)
    }
}
