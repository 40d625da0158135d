//! Request parameters as they came: names and values, a duplicate refused (RFC 6749 §3.1).

mod json;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::error::OAuthError;
use super::urlencoded::{encoded_len, stands_for_itself};

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
        let mut params = Self(Vec::with_capacity(8));
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            params.add(decoded(name)?, decoded(value)?)?;
        }
        Ok(params)
    }

    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, OAuthError> {
        let mut params = Self::default();
        for (name, value) in pairs {
            params.add(name, value)?;
        }
        Ok(params)
    }

    fn add(&mut self, name: String, value: String) -> Result<(), OAuthError> {
        if value.is_empty() {
            return Ok(());
        }
        // RFC 6749 §3.1 and §3.2: MUST NOT be included more than once. First-wins and last-wins are both holes.
        if self.get(&name).is_some() && !REPEATABLE.contains(&name.as_str()) {
            return Err(twice(&name));
        }
        if self.0.len() == MAX_PARAMS {
            return Err(OAuthError::invalid_request("Too many parameters."));
        }
        self.0.push((name, value));
        Ok(())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }

    /// Names and values, in the order in which they came.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    pub fn require(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::invalid_request(format!("Parameter `{name}` is missing.")))
    }

    /// As `application/x-www-form-urlencoded` text again.
    pub fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// Whether [`Params::encode`] is at most so long.
    pub fn fits_encoded(&self, most: usize) -> bool {
        // No byte becomes more than three: usually that is enough to know.
        let at_most: usize = self.0.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
        at_most <= most || self.encoded_len() <= most
    }

    /// The length of [`Params::encode`], without making it.
    fn encoded_len(&self) -> usize {
        // A `=` in each, an `&` between two.
        let signs = self.0.len() + self.0.len().saturating_sub(1);
        signs + self.0.iter().map(|(name, value)| encoded_len(name) + encoded_len(value)).sum::<usize>()
    }
}

/// Bytes that are no UTF-8 are refused, not replaced: what a form parser makes U+FFFD would make many secrets one, and give back
/// another `state` than was sent.
fn decoded(part: &str) -> Result<String, OAuthError> {
    if stands_for_itself(part) {
        return Ok(part.to_owned());
    }
    let part = part.replace('+', " ");
    percent_decode_str(&part).decode_utf8().map(Cow::into_owned).map_err(|_| OAuthError::invalid_request("A parameter is not UTF-8."))
}

fn twice(name: &str) -> OAuthError {
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
    OAuthError::invalid_request(format!("Parameter `{name}` is there more than once: send it once."))
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
        for query in ["state=", "state", "&state=&", "state=&state="] {
            let params = Params::parse(query).unwrap();
            assert_eq!((params.get("state"), params.encode().as_str()), (None, ""), "{query}");
        }
    }

    /// RFC 6749 §4.1.2.1: the refusal says what is missing or there twice; a name comes from outside, so only what a name may look like is said
    /// again, and not more than is readable.
    #[test]
    fn a_refusal_names_the_parameter() {
        let params = Params::parse("a=1").unwrap();
        assert_eq!(params.require("a"), Ok("1"));
        assert!(params.require("code").unwrap_err().description.contains("`code`"));
        let twice = |name: &str| Params::parse(&format!("{name}=1&{name}=1")).unwrap_err().description.into_owned();
        assert!(twice("code_challenge").contains("`code_challenge`"));
        assert!(twice("a%0Ab%3Cscript%3E7").contains("`abscript7`"));
        assert!(twice(&"x".repeat(1000)).contains(&format!("`{}`", "x".repeat(40))));
    }

    #[test]
    fn their_number_is_bounded() {
        let of = |count: usize| Params::parse(&(0..count).map(|i| format!("x{i}=1")).collect::<Vec<_>>().join("&"));
        assert_eq!(of(MAX_PARAMS).unwrap().encoded_len(), of(MAX_PARAMS).unwrap().encode().len());
        assert!(of(MAX_PARAMS + 1).unwrap_err().description.contains("Too many"));
    }

    /// Tokens, codes and secrets are values; a log may have the names.
    #[test]
    fn no_value_is_printed() {
        let printed = format!("{:?}", Params::parse("client_id=app&client_secret=hush").unwrap());
        assert!(printed.contains("client_secret") && !printed.contains("hush") && !printed.contains("app\""), "{printed}");
    }

    /// JO-11.
    #[test]
    fn what_is_no_utf_8_is_refused() {
        for query in ["state=%ff", "state=%c0%af", "state=%ed%a0%80", "%ff=x", "state=a%e2%82", "x=1&state=%f5%80%80%80"] {
            assert!(Params::parse(query).is_err(), "{query}");
        }
        for (query, state) in [
            ("state=%F0%9F%98%80", "\u{1f600}"),
            ("state=%EF%BF%BD", "\u{fffd}"),
            ("state=%00", "\0"),
            ("state=%EF%BB%BFx", "\u{feff}x"),
            ("state=%zz%", "%zz%"),
        ] {
            assert_eq!(Params::parse(query).unwrap().get("state"), Some(state), "{query}");
        }
    }

    proptest! {
        /// Read as the WHATWG's form parser reads it, where that replaces nothing.
        #[test]
        fn it_reads_forms_as_browsers_write_them(text in "[a-c=&+%0-9A-F]{0,40}") {
            let lossy: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
            if let Ok(params) = Params::parse(&text) {
                let kept: Vec<(String, String)> = lossy.into_iter().filter(|(_, value)| !value.is_empty()).collect();
                prop_assert_eq!(params.0, kept);
            }
        }

        #[test]
        fn values_survive_the_round_trip(value in "\\PC{1,40}") {
            let params = Params::from_pairs([("state".to_owned(), value.clone())]).unwrap();
            let again = Params::parse(&params.encode()).unwrap();
            prop_assert_eq!(again.get("state"), Some(value.as_str()));
        }

        #[test]
        fn the_encoded_length_is_that_of_the_encoded_text(pairs in prop::collection::btree_map("\\PC{0,5}", "\\PC{1,20}", 0..4)) {
            let params = Params::from_pairs(pairs).unwrap();
            let length = params.encode().len();
            prop_assert_eq!(params.encoded_len(), length);
            prop_assert!(params.fits_encoded(length) && (length == 0 || !params.fits_encoded(length - 1)));
        }
    }
}
