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
