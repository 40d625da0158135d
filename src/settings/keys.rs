//! `[keys]`: the signing keys that are kept ready.

use serde::Deserialize;

use super::SettingsError;
use super::known::{Key, Kind, key};
use super::sources::Sources;
use crate::domain::duration::Lifetime;
use crate::domain::signing_key::{JWKS_MAX_AGE_SECONDS, SigningAlg};

pub(super) const KEYS: &[Key] = &[key("keys.announce", Kind::Duration, "\"P2D\""), key("keys.algorithms", Kind::Texts, "[\"ES256\", \"RS256\"]")];

/// Which algorithms have a key, and how long a new key is shown before it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySettings {
    /// From its entry into the JWKS to its first signature; longer than the JWKS may be cached, so that no verifier meets a key it does not know.
    pub announce: Lifetime,
    /// The first one signs access tokens.
    pub algorithms: Vec<SigningAlg>,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self { announce: Lifetime::seconds(86_400), algorithms: vec![SigningAlg::Es256, SigningAlg::Rs256] }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    announce: Option<Lifetime>,
    algorithms: Option<Vec<SigningAlg>>,
}

impl Raw {
    pub(super) fn validated(self, sources: &Sources) -> Result<KeySettings, SettingsError> {
        let default = KeySettings::default();
        let settings = KeySettings { announce: self.announce.unwrap_or(default.announce), algorithms: self.algorithms.unwrap_or(default.algorithms) };
        if !matches!(settings.announce, Lifetime::Limited(announce) if announce.num_seconds() > JWKS_MAX_AGE_SECONDS) {
            return Err(SettingsError::refused(
                sources,
                &["keys", "announce"],
                format!(
                    "`{}` does not fit: verifiers keep the JWKS for {}, so write something longer, such as `\"P1D\"`",
                    settings.announce,
                    Lifetime::seconds(JWKS_MAX_AGE_SECONDS)
                ),
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
