//! `gatekey key`: the keys that sign tokens.

use clap::Subcommand;
use serde_json::json;

use super::client::word;
use super::output::{self, time, time_or};
use super::{Done, Place};
use crate::domain::signing_key::{KeyState, SigningAlg};
use crate::jose::key_ring::KeyInfo;
use crate::service::admin::{Activation, is_out_of_time};

/// List, rotate and retire signing keys
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// List signing keys and where each stands
    #[command(after_help = "Examples:\n  gatekey key list\n  gatekey key list --json")]
    List {
        /// Those that are gone from the JWKS too
        #[arg(long)]
        all: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make the next key: it is shown in the JWKS for `keys.announce`, then it signs
    #[command(after_help = "\
Examples:
  gatekey key rotate
  gatekey key rotate --alg RS256
  gatekey key rotate --now             the old key is known to others: then retire it too")]
    Rotate {
        /// ES256, RS256, PS256 or EdDSA
        #[arg(long, default_value = "ES256", value_parser = word::<SigningAlg>)]
        alg: SigningAlg,
        /// Sign with it at once; verifiers that keep the JWKS refuse the first tokens
        #[arg(long)]
        now: bool,
    },
    /// Take a key out of the JWKS now: the tokens it signed are refused from here on
    #[command(after_help = "Example:\n  gatekey key retire 4pOeRlHQmcXz0f0bIgQhBXdzhWsYV2Jr5hCRcZZsfY8")]
    Retire {
        /// The key's id, `kid`; it may begin with a hyphen
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

impl Key {
    pub(super) fn run(self, place: &Place) -> Done {
        match self {
            Self::List { all, json } => {
                let keys = place.administer(async |admin, settings| {
                    let keys = admin.keys(&settings.lifetimes).await?;
                    let now = admin.clock.now();
                    for key in keys.iter().filter(|key| is_out_of_time(key, settings.keys.announce, now)) {
                        let from = time(key.active_from);
                        eprintln!(
                            "gatekey: warning: {} signs from {from} only: it was made by a clock that was far ahead; the next one does not wait for it. Set that clock, then: gatekey key retire {0}",
                            key.kid
                        );
                    }
                    Ok(keys)
                })?;
                list(keys.into_iter().filter(|key| all || key.state != KeyState::Retired).collect(), json)
            }
            Self::Rotate { alg, now } => {
                let key = place.administer(async |admin, settings| {
                    let activation = if now { Activation::AtOnce } else { Activation::Announced(settings.keys.announce) };
                    Ok(admin.rotate_key(alg, activation, &settings.lifetimes).await?)
                })?;
                output::print(&format!("Made {} key {}; it signs from {}\n", alg.as_str(), key.kid, time(key.active_from)))
            }
            Self::Retire { kid } => {
                place.administer(async |admin, settings| Ok(admin.retire_key(&kid, &settings.lifetimes).await?))?;
                output::print(&format!("Retired {kid}\n"))
            }
        }
    }
}

fn list(keys: Vec<KeyInfo>, json: bool) -> Done {
    if json {
        return output::json(&json!(keys));
    }
    let state = |key: &KeyInfo| match key.state {
        KeyState::Announced => "announced",
        KeyState::Active => "active",
        KeyState::Retiring => "retiring",
        KeyState::Retired => "retired",
    };
    let row = |key: &KeyInfo| {
        vec![key.kid.clone(), key.alg.as_str().to_owned(), state(key).to_owned(), time(key.announced_at), time(key.active_from), time_or(key.retires_at, "")]
    };
    output::table(&["kid", "alg", "state", "announced", "signs from", "leaves the JWKS"], &keys.iter().map(row).collect::<Vec<_>>())
}
