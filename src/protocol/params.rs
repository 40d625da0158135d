//! Request parameters as they came: names and values, a duplicate refused (RFC 6749 §3.1).

use super::error::OAuthError;

/// Parameters of a request. A parameter without a value counts as left out (RFC 6749 §3.1).
#[derive(Clone, Default)]
pub struct Params(Vec<(String, String)>);

/// Parameters that may come more than once.
const REPEATABLE: [&str; 1] = ["resource"]; // RFC 8707 §2

/// More than any client sends.
const MAX_PARAMS: usize = 100;

impl Params {
    /// Reads `application/x-www-form-urlencoded` text: a query or a body.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        Self::from_pairs(form_urlencoded::parse(text.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned())))
    }

    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, OAuthError> {
        let mut params = Vec::new();
        for (name, value) in pairs {
            if value.is_empty() {
                continue;
            }
            // RFC 6749 §3.1 and §3.2: MUST NOT be included more than once. First-wins and last-wins are both holes.
            if !REPEATABLE.contains(&name.as_str()) && params.iter().any(|(known, _)| *known == name) {
                let known: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
                return Err(OAuthError::invalid_request(format!("Parameter `{known}` is there more than once: send it once.")));
            }
            if params.len() == MAX_PARAMS {
                return Err(OAuthError::invalid_request("Too many parameters."));
            }
            params.push((name, value));
        }
        Ok(Self(params))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }

    pub fn require(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::invalid_request(format!("Parameter `{name}` is missing.")))
    }

    /// As `application/x-www-form-urlencoded` text again.
    pub fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

/// Values can be secrets: only the names are shown.
impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RU-13.
    #[test]
    fn a_duplicate_is_refused_in_any_order() {
        for query in ["redirect_uri=good&redirect_uri=evil", "redirect_uri=evil&redirect_uri=good", "state=a&x=1&state=a"] {
            assert!(Params::parse(query).is_err(), "{query}");
        }
        assert_eq!(Params::parse("resource=a&resource=b").unwrap().all("resource"), ["a", "b"]);
        assert_eq!(Params::parse("state=a&nonce=b").unwrap().get("state"), Some("a"));
    }

    #[test]
    fn an_empty_value_is_left_out() {
        assert_eq!(Params::parse("state=").unwrap().get("state"), None);
    }

    proptest! {
        #[test]
        fn values_survive_the_round_trip(value in "\\PC{1,40}") {
            let params = Params::from_pairs([("state".to_owned(), value.clone())]).unwrap();
            let again = Params::parse(&params.encode()).unwrap();
            prop_assert_eq!(again.get("state"), Some(value.as_str()));
        }
    }
}
