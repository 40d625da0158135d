//! Parameters out of a JSON object, as Auth0's libraries may send them to the token and revocation endpoints.
//!
//! It means what the same members would mean as a form: text is text, a number or a truth is its text, `null` is left out, and a name
//! that comes twice is refused. A usual JSON map would silently keep the last one.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{MAX_PARAMS, Params, REPEATABLE, twice};
use crate::protocol::error::OAuthError;

/// What these endpoints read, or may come to read. A value of another shape here is a mistake to name; under any other name it is
/// ignored with the name (RFC 6749 §3.2).
const READ: [&str; 20] = [
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "refresh_token",
    "scope",
    "resource",
    "audience",
    "token",
    "token_type_hint",
    "device_code",
    "subject_token",
    "subject_token_type",
    "actor_token",
    "actor_token_type",
    "requested_token_type",
];

/// The same of an authorization request.
const READ_OF_REQUESTS: [&str; 21] = [
    "response_type",
    "response_mode",
    "redirect_uri",
    "client_id",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "prompt",
    "max_age",
    "login_hint",
    "id_token_hint",
    "acr_values",
    "ui_locales",
    "resource",
    "audience",
    "claims",
    "request",
    "request_uri",
];

impl Params {
    /// Reads a body of `application/json`.
    pub fn parse_json(body: &[u8]) -> Result<Self, OAuthError> {
        let object =
            serde_json::from_slice(body).map_err(|_| OAuthError::invalid_request("The body is not a JSON object: send the parameters as its members."))?;
        Self::from_object(object, &READ)
    }

    /// Reads the parameters of an authorization request out of a JSON object, as a page gives them to the browser (FedCM).
    pub fn parse_json_request(text: &str) -> Result<Self, OAuthError> {
        let object = serde_json::from_str(text)
            .map_err(|_| OAuthError::invalid_request("`params` is not a JSON object: give the parameters of the request as its members."))?;
        Self::from_object(object, &READ_OF_REQUESTS)
    }

    fn from_object(Object(members): Object, read: &[&str]) -> Result<Self, OAuthError> {
        if members.len() > MAX_PARAMS {
            return Err(OAuthError::invalid_request("Too many parameters."));
        }
        let mut pairs = Vec::with_capacity(members.len());
        for (i, (name, value)) in members.iter().enumerate() {
            // RFC 6749 §3.2: MUST NOT be included more than once; several resources come as one array.
            if members.iter().take(i).any(|(known, _)| known == name) {
                return Err(twice(name));
            }
            match value {
                Member::LeftOut => {}
                Member::Text(text) => pairs.push((name.clone(), text.clone())),
                Member::Texts(texts) if REPEATABLE.contains(&name.as_str()) => pairs.extend(texts.iter().map(|text| (name.clone(), text.clone()))),
                Member::Texts(_) | Member::Nested if read.contains(&name.as_str()) => {
                    return Err(OAuthError::invalid_request(format!("Parameter `{name}` is not a text: send it as a JSON string.")));
                }
                Member::Texts(_) | Member::Nested => {}
            }
        }
        Self::from_pairs(pairs)
    }
}

/// The members in the order they came, duplicates and all.
struct Object(Vec<(String, Member)>);

enum Member {
    Text(String),
    Texts(Vec<String>),
    LeftOut,
    Nested,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Value;
        impl<'de> Visitor<'de> for Value {
            type Value = Member;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_str<E>(self, text: &str) -> Result<Member, E> {
                Ok(Member::Text(text.to_owned()))
            }
            fn visit_bool<E>(self, truth: bool) -> Result<Member, E> {
                Ok(Member::Text(truth.to_string()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Member, E> {
                Ok(Member::Text(number.to_string()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Member, E> {
                Ok(Member::Text(number.to_string()))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Member, E> {
                Ok(Member::Text(number.to_string()))
            }
            fn visit_unit<E>(self) -> Result<Member, E> {
                Ok(Member::LeftOut)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Member, A::Error> {
                let (mut texts, mut all_texts) = (Vec::new(), true);
                while let Some(element) = seq.next_element()? {
                    match element {
                        Member::Text(text) => texts.push(text),
                        _ => all_texts = false,
                    }
                }
                Ok(if all_texts { Member::Texts(texts) } else { Member::Nested })
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Member, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Member::Nested)
            }
        }
        deserializer.deserialize_any(Value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(body: &str) -> Result<Params, OAuthError> {
        Params::parse_json(body.as_bytes())
    }

    #[test]
    fn it_means_what_the_form_would_mean() {
        let params = parse(r#"{"grant_type":"refresh_token","client_id":"a","max_age":3600,"x":true,"scope":null,"y":"","resource":["u:1","u:2"]}"#).unwrap();
        let form = Params::parse("grant_type=refresh_token&client_id=a&max_age=3600&x=true&scope=&y=&resource=u:1&resource=u:2").unwrap();
        assert_eq!(params.encode(), form.encode());
        assert_eq!(parse(r#"{"resource":"u:1"}"#).unwrap().all("resource"), ["u:1"]);
        let numbers = parse(r#"{"a":-7,"b":1.5,"c":18446744073709551615,"d":false}"#).unwrap();
        assert_eq!(numbers.encode(), "a=-7&b=1.5&c=18446744073709551615&d=false");
        // What is not known is ignored, whatever it is.
        assert_eq!(parse(r#"{"custom":{"a":1,"a":2},"list":["a",1],"client_id":"a"}"#).unwrap().encode(), "client_id=a");
    }

    /// RFC 6749 §3.2; RFC 8259 §4 leaves it to the reader, and the names are compared after their escapes are read.
    #[test]
    fn a_name_comes_once() {
        for body in [
            r#"{"client_id":"a","client_id":"b"}"#,
            r#"{"client_id":"a","client_id":"a"}"#,
            r#"{"client_id":"a","client\u005fid":"b"}"#,
            r#"{"client_id":null,"client_id":"b"}"#,
            r#"{"resource":"a","resource":"b"}"#,
            r#"{"custom":{},"custom":1}"#,
        ] {
            assert!(parse(body).unwrap_err().description.contains("more than once"), "{body}");
        }
    }

    /// A member counts whether it says something or not, so that a body of many has an end before anything is looked up in it.
    #[test]
    fn members_are_bounded() {
        let of = |count: usize, value: &str| parse(&format!("{{{}}}", (0..count).map(|i| format!("\"x{i}\":{value}")).collect::<Vec<_>>().join(",")));
        for value in ["\"a\"", "null", "{}"] {
            assert!(of(MAX_PARAMS, value).is_ok(), "{value}");
            assert!(of(MAX_PARAMS + 1, value).unwrap_err().description.contains("Too many"), "{value}");
        }
    }

    #[test]
    fn another_shape_is_named() {
        for (body, named) in [
            (r#"{"scope":["a","b"]}"#, "scope"),
            (r#"{"code":{"a":"b"}}"#, "code"),
            (r#"{"resource":["a",["b"]]}"#, "resource"),
            (r#"{"token":[1,{}]}"#, "token"),
        ] {
            assert!(parse(body).unwrap_err().description.contains(&format!("`{named}`")), "{body}");
        }
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
        for body in ["", "[]", "\"a\"", "null", "{", "{} x", "{'a':1}", "{\"a\":1e999}", "client_id=a", &deep] {
            assert!(parse(body).unwrap_err().description.contains("JSON object"), "{body}");
        }
    }

    proptest! {
        /// Any object of texts reads as the form of the same texts.
        #[test]
        fn an_object_of_texts_is_a_form(members in prop::collection::btree_map("\\PC{1,12}", "\\PC{0,20}", 0..8)) {
            let json = serde_json::to_vec(&members).unwrap();
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&members).finish();
            prop_assert_eq!(Params::parse_json(&json).unwrap().encode(), Params::parse(&form).unwrap().encode());
        }
    }
}
