//! The `prompt` parameter (OIDC Core §3.1.2.1).

use crate::protocol::error::OAuthError;

/// A value of `prompt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    None,
    Login,
    Consent,
    SelectAccount,
}

/// The set of values asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompts(Vec<Prompt>);

impl Prompts {
    pub fn parse(text: Option<&str>) -> Result<Self, OAuthError> {
        let mut prompts = Vec::new();
        for word in text.unwrap_or_default().split(' ').filter(|w| !w.is_empty()) {
            let prompt = match word {
                "none" => Prompt::None,
                "login" => Prompt::Login,
                "consent" => Prompt::Consent,
                "select_account" => Prompt::SelectAccount,
                _ => return Err(OAuthError::invalid_request("`prompt` may hold `none`, `login`, `consent` and `select_account`.")),
            };
            if !prompts.contains(&prompt) {
                prompts.push(prompt);
            }
        }
        // OIDC Core §3.1.2.1: none with any other value is an error.
        if prompts.contains(&Prompt::None) && prompts.len() > 1 {
            return Err(OAuthError::invalid_request("`prompt=none` stands alone: it cannot be combined with another value."));
        }
        Ok(Self(prompts))
    }

    pub fn has(&self, prompt: Prompt) -> bool {
        self.0.contains(&prompt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(&str, Prompt); 4] =
        [("none", Prompt::None), ("login", Prompt::Login), ("consent", Prompt::Consent), ("select_account", Prompt::SelectAccount)];

    /// OIDC Core §3.1.2.1: every subset of the four values; `none` stands alone.
    #[test]
    fn every_combination() {
        for subset in 0u32..16 {
            let chosen: Vec<(&str, Prompt)> = ALL.iter().enumerate().filter(|(i, _)| subset & (1 << i) != 0).map(|(_, one)| *one).collect();
            let text = chosen.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" ");
            let legal = !text.contains("none") || chosen.len() == 1;
            match Prompts::parse(Some(&text)) {
                Ok(prompts) => {
                    assert!(legal, "{text}");
                    assert!(ALL.iter().all(|(word, prompt)| prompts.has(*prompt) == chosen.iter().any(|(other, _)| other == word)), "{text}");
                }
                Err(error) => assert!(!legal && error.code.as_str() == "invalid_request", "{text}"),
            }
        }
    }

    #[test]
    fn spaces_order_and_repetition_do_not_matter_but_spelling_does() {
        assert_eq!(Prompts::parse(None).unwrap(), Prompts::default());
        assert!(Prompts::parse(Some("  consent  login consent ")).unwrap().has(Prompt::Login));
        assert!(Prompts::parse(Some("none none")).unwrap().has(Prompt::None), "the same value twice is one");
        for odd in ["None", "create", "login,consent", "none\u{a0}", "login\tconsent"] {
            assert!(Prompts::parse(Some(odd)).is_err(), "{odd:?}");
        }
    }
}
