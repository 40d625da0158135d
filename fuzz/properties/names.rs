//! Small languages: scope, prompt, PKCE, durations.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;

use super::{halves, text};
use crate::domain::claim::ClaimSet;
use crate::domain::duration::Lifetime;
use crate::domain::scope::Scope;
use crate::domain::secret::Digest;
use crate::protocol::authorize::{Prompt, Prompts};
use crate::protocol::pkce;

/// Two scopes, one a line.
pub fn scope(data: &[u8]) {
    let text = text(data);
    let (one, other) = halves(&text);
    let (Ok(a), Ok(b)) = (Scope::parse(one), Scope::parse(other)) else {
        let allowed = |text: &str| text.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\');
        assert!(!allowed(one) || !allowed(other), "RFC 6749 §3.3: every text of these characters is a scope");
        return;
    };
    let printed = a.to_string();
    let again = Scope::parse(&printed).expect("what is printed is a scope");
    assert_eq!(again, a);
    assert_eq!(again.to_string(), printed);
    assert_eq!(serde_json::from_str::<Scope>(&serde_json::to_string(&a).unwrap()).unwrap(), a);
    let words: Vec<&str> = a.iter().collect();
    assert!(words.windows(2).all(|pair| pair[0] < pair[1]), "sorted, each once");
    assert!(words.iter().all(|word| !word.is_empty() && one.split(' ').any(|sent| sent == *word)), "nothing that was not sent");
    assert!(one.split(' ').filter(|word| !word.is_empty()).all(|word| a.contains(word)), "everything that was");

    let both = a.intersection(&b);
    assert!(both.is_subset(&a) && both.is_subset(&b));
    assert!(a.is_subset(&a.union(&b)) && b.is_subset(&a.union(&b)));
    assert!(a.difference(&b).intersection(&b).is_empty());
    assert_eq!(a.difference(&b).union(&both), a);
    // What is narrowed never tells more (RFC 6749 §6).
    assert!(ClaimSet::of_scope(&both).iter().all(|claim| a.contains(claim.scope()) && b.contains(claim.scope())));
}

pub fn prompt(data: &[u8]) {
    let text = text(data);
    let known = [("none", Prompt::None), ("login", Prompt::Login), ("consent", Prompt::Consent), ("select_account", Prompt::SelectAccount)];
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let all_known = words.iter().all(|word| known.iter().any(|(name, _)| name == word));
    // OIDC Core §3.1.2.1: `none` stands alone.
    let legal = all_known && (!words.contains(&"none") || words.iter().all(|word| *word == "none"));
    let parsed = Prompts::parse(Some(&text));
    assert_eq!(parsed.is_ok(), legal);
    if let Ok(prompts) = parsed {
        assert!(known.iter().all(|(name, prompt)| prompts.has(*prompt) == words.contains(name)));
    }
}

/// A verifier and a challenge, one a line.
pub fn pkce(data: &[u8]) {
    let text = text(data);
    let (verifier, challenge) = halves(&text);
    if let Ok(read) = pkce::challenge(Some(challenge), Some("S256"), true) {
        assert_eq!(read.as_deref(), Some(challenge));
        let bytes = URL_SAFE_NO_PAD.decode(challenge).unwrap();
        assert_eq!((bytes.len(), URL_SAFE_NO_PAD.encode(bytes)), (32, challenge.to_owned()), "one spelling");
    }
    for (method, required) in [(None, true), (None, false), (Some(verifier), true), (Some(verifier), false)] {
        if method == Some("S256") {
            continue;
        }
        assert!(pkce::challenge(Some(challenge), method, required).is_err(), "S256 only");
    }
    let own = URL_SAFE_NO_PAD.encode(Digest::of(verifier.as_bytes()).0);
    // RFC 7636 §4.6.
    assert_eq!(pkce::verify(verifier, &own), pkce::is_verifier(verifier));
    assert_eq!(pkce::verify(verifier, challenge), pkce::is_verifier(verifier) && challenge == own);
    if pkce::is_verifier(verifier) {
        assert!(pkce::challenge(Some(&own), Some("S256"), true).is_ok());
    }
}

pub fn duration(data: &[u8]) {
    let text = text(data);
    let Ok(lifetime) = text.parse::<Lifetime>() else { return };
    let printed = lifetime.to_string();
    assert_eq!(printed.parse::<Lifetime>().as_ref(), Ok(&lifetime), "{printed}");
    assert_eq!(serde_json::from_str::<Lifetime>(&serde_json::to_string(&lifetime).unwrap()).unwrap(), lifetime);
    let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    assert!(lifetime.after(start).is_none_or(|end| end >= start), "nothing ends before it began");
    // Whatever has an end has it in a year that everything can write, with an hour to spare.
    assert!(lifetime.after(start).is_none_or(|end| end + chrono::TimeDelta::hours(1) < DateTime::from_timestamp(100_000_000_000, 0).unwrap()), "{printed}");
    assert!(text != "unlimited" || lifetime == Lifetime::Unlimited);
}
