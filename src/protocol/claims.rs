//! The `claims` parameter (OIDC Core §5.5): claims asked for one by one, beside those of the scope.
//!
//! What it asks for is never more than the client may have by its registered scope. That a claim cannot be told is no error, essential or not
//! (§5.5.1): it is left out. Two claims are conditions all the same: `sub` with a value, and an essential `acr` with values.

use serde_json::{Map, Value};

use super::error::OAuthError;
use super::json;
use crate::domain::acr::Acr;
use crate::domain::claim::{Claim, ClaimSet, NamedClaims};
use crate::domain::scope::Scope;

/// What a request asks for by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimsRequest {
    pub named: NamedClaims,
    /// The values that `sub` was asked for with. Each list must hold who is signed in (§5.5.1).
    subjects: Vec<Vec<String>>,
    /// The values that `acr` was asked for with as essential (§5.5.1.1).
    essential_acrs: Option<Vec<String>>,
}

/// More than any honest request has, and nothing that costs.
const LONGEST: usize = 4096;
/// Identity assurance requests are some eight deep; what is not understood is ignored, not refused.
const DEEPEST: usize = 16;

impl ClaimsRequest {
    /// Reads the parameter; `allowed` is the scope that is registered for the client.
    pub fn parse(text: Option<&str>, allowed: &Scope) -> Result<Self, OAuthError> {
        let Some(text) = text else { return Ok(Self::default()) };
        if text.len() > LONGEST {
            return Err(OAuthError::invalid_request("`claims` is longer than 4096 bytes."));
        }
        let request = json::parse(text).map_err(|_| malformed("it is not JSON, or names something twice"))?;
        if depth(&request) > DEEPEST {
            return Err(malformed("it is nested too deeply"));
        }
        let Value::Object(request) = request else {
            return Err(malformed("it is not a JSON object with the members `userinfo` and `id_token`"));
        };
        let (userinfo, id_token) = (member(&request, "userinfo")?, member(&request, "id_token")?);
        let mut subjects = Vec::new();
        let mut named = |claims: &[(&str, Wish)]| {
            subjects.extend(claims.iter().filter(|(name, _)| *name == "sub").filter_map(|(_, wish)| wish.values.clone()));
            // Language tags (§5.2) and claims that are not known here are not an error: there is nothing to tell.
            claims.iter().filter_map(|(name, _)| Claim::parse(name)).collect::<ClaimSet>().within(allowed)
        };
        let named = NamedClaims { id_token: named(&id_token), userinfo: named(&userinfo) };
        let essential_acrs = id_token.into_iter().find(|(name, wish)| *name == "acr" && wish.essential).and_then(|(_, wish)| wish.values);
        Ok(Self { named, subjects, essential_acrs })
    }

    /// Whether it asks for somebody in particular.
    pub fn names_somebody(&self) -> bool {
        !self.subjects.is_empty()
    }

    /// Whether this person, by the name the client knows, is whom the request asks for: nobody else will do (OIDC Core §3.1.2.2).
    pub fn are_of(&self, subject: impl FnOnce() -> String) -> bool {
        if self.subjects.is_empty() {
            return true;
        }
        let subject = subject();
        self.subjects.iter().all(|values| values.contains(&subject))
    }

    /// Whether a sign-in of this level will do (OIDC Core §5.5.1.1): one of those asked for, or a higher one. A voluntary request always does.
    pub fn accept_acr(&self, acr: Acr) -> bool {
        self.essential_acrs.as_ref().is_none_or(|acrs| acrs.iter().filter_map(|wanted| Acr::parse(wanted)).any(|wanted| acr.satisfies(wanted)))
    }
}

/// How a claim was asked for.
#[derive(Default)]
struct Wish {
    essential: bool,
    /// `value` or `values`, of `sub` and `acr` only: for no other claim does another value refuse anything.
    values: Option<Vec<String>>,
}

/// The claims of `userinfo` or `id_token`.
fn member<'a>(request: &'a Map<String, Value>, name: &'static str) -> Result<Vec<(&'a str, Wish)>, OAuthError> {
    match request.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Object(claims)) => claims.iter().map(|(claim, wish)| Ok((claim.as_str(), self::wish(claim, wish)?))).collect(),
        Some(_) => Err(malformed("`userinfo` and `id_token` must be objects")),
    }
}

/// §5.5.1: null, or an object with `essential`, `value` and `values`; other members are ignored.
fn wish(claim: &str, wish: &Value) -> Result<Wish, OAuthError> {
    let wish = match wish {
        Value::Null => return Ok(Wish::default()),
        Value::Object(wish) => wish,
        _ => return Err(malformed("each claim must be null or an object with `essential`, `value` or `values`")),
    };
    let essential = match wish.get("essential") {
        None => false,
        Some(Value::Bool(essential)) => *essential,
        Some(_) => return Err(malformed("`essential` must be true or false")),
    };
    let values = match (wish.get("value"), wish.get("values")) {
        (None, None) => None,
        (Some(value), None) => Some(vec![value]),
        (None, Some(Value::Array(values))) if !values.is_empty() => Some(values.iter().collect()),
        (None, Some(_)) => return Err(malformed("`values` must be a list with a value at least")),
        (Some(_), Some(_)) => return Err(malformed("a claim may have `value` or `values`, not both")),
    };
    let values = match values {
        Some(values) if matches!(claim, "sub" | "acr") => {
            let texts: Option<Vec<String>> = values.into_iter().map(|value| value.as_str().map(str::to_owned)).collect();
            Some(texts.ok_or_else(|| malformed("the values of `sub` and `acr` must be texts"))?)
        }
        _ => None,
    };
    Ok(Wish { essential, values })
}

fn malformed(why: &str) -> OAuthError {
    OAuthError::invalid_request(format!("`claims` cannot be read (OIDC Core section 5.5): {why}."))
}

/// How many objects and lists are inside each other. The JSON parser has bounded it already, so this cannot run out of stack.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::error::ErrorCode;

    fn parse(text: &str) -> Result<ClaimsRequest, OAuthError> {
        ClaimsRequest::parse(Some(text), &Scope::parse("openid profile email phone address").unwrap())
    }

    /// The example of OIDC Core §5.5.
    #[test]
    fn the_example_of_the_specification() {
        let request = parse(
            r#"{"userinfo": {"given_name": {"essential": true}, "nickname": null, "email": {"essential": true}, "email_verified": {"essential": true},
                 "picture": null, "http://example.info/claims/groups": null},
                "id_token": {"auth_time": {"essential": true}, "acr": {"values": ["urn:mace:incommon:iap:silver"]}}}"#,
        )
        .unwrap();
        assert_eq!(request.named.userinfo.to_string(), "given_name nickname picture email email_verified");
        assert!(request.named.id_token.is_empty());
        assert!(request.accept_acr(Acr::Password), "§5.5.1.1: not essential, so voluntary");
    }

    /// Least privilege: what the client may not have by scope it may not have by name.
    #[test]
    fn only_claims_of_the_registered_scope() {
        let text = r#"{"userinfo": {"name": null, "email": null, "phone_number": {"essential": true}}, "id_token": {"email": null, "address": null}}"#;
        let request = ClaimsRequest::parse(Some(text), &Scope::parse("openid email").unwrap()).unwrap();
        assert_eq!((request.named.userinfo.to_string(), request.named.id_token.to_string()), ("email".to_owned(), "email".to_owned()));
    }

    #[test]
    fn a_subject_is_a_condition_wherever_it_is_asked_for() {
        let of = |request: &ClaimsRequest, subject: &str| request.are_of(|| subject.to_owned());
        let one = parse(r#"{"id_token": {"sub": {"value": "alice"}}}"#).unwrap();
        assert!(of(&one, "alice") && !of(&one, "bob"));
        let some = parse(r#"{"userinfo": {"sub": {"values": ["alice", "bob"]}}}"#).unwrap();
        assert!(of(&some, "alice") && of(&some, "bob") && !of(&some, "carol"));
        let both = parse(r#"{"userinfo": {"sub": {"values": ["alice", "bob"]}}, "id_token": {"sub": {"value": "bob"}}}"#).unwrap();
        assert!(!of(&both, "alice") && of(&both, "bob"));
        assert!([&one, &some, &both].into_iter().all(ClaimsRequest::names_somebody));
        for any in [r#"{"id_token": {"sub": null}}"#, r#"{"id_token": {"sub": {"essential": true}}}"#, "{}"] {
            assert!(of(&parse(any).unwrap(), "carol") && !parse(any).unwrap().names_somebody(), "{any}");
        }
    }

    #[test]
    fn only_an_essential_acr_refuses() {
        let accepts = |text: &str| parse(text).unwrap().accept_acr(Acr::Password);
        assert!(!accepts(r#"{"id_token": {"acr": {"essential": true, "values": ["mfa"]}}}"#));
        assert!(!accepts(r#"{"id_token": {"acr": {"essential": true, "value": "mfa"}}}"#));
        assert!(accepts(r#"{"id_token": {"acr": {"essential": true, "values": ["mfa", "urn:gatekey:acr:pwd"]}}}"#));
        assert!(!accepts(r#"{"id_token": {"acr": {"essential": true, "values": ["urn:gatekey:acr:pwdx", "pwd", ""]}}}"#));
        assert!(accepts(r#"{"id_token": {"acr": {"essential": true}}}"#));
        assert!(accepts(r#"{"id_token": {"acr": {"values": ["mfa"]}}}"#));
        assert!(accepts(r#"{"userinfo": {"acr": {"essential": true, "values": ["mfa"]}}}"#), "it is a claim of the ID token");
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        let text = r#"{"userinfo": {"name#ja-Kana-JP": null, "verified_claims": {"verification": {"trust_framework": null}}, "email": {"purpose": "x", "value": 7}},
                       "id_token": null, "credential": {"x": [1]}}"#;
        assert_eq!(parse(text).unwrap().named.userinfo.to_string(), "email");
    }

    /// DS-04: and by length or shape before anything else.
    #[test]
    fn what_is_malformed_is_refused() {
        let deep = format!(r#"{{"x": {}1{}}}"#, "[".repeat(40), "]".repeat(40));
        let bottomless = format!(r#"{{"x": {}"#, "[".repeat(4000));
        for text in [
            "null",
            "[]",
            "7",
            "{",
            "\"userinfo\"",
            r#"{"userinfo": []}"#,
            r#"{"id_token": "email"}"#,
            r#"{"userinfo": {"email": true}}"#,
            r#"{"userinfo": {"email": {"essential": "yes"}}}"#,
            r#"{"id_token": {"acr": {"values": "pwd"}}}"#,
            r#"{"id_token": {"acr": {"values": []}}}"#,
            r#"{"id_token": {"acr": {"value": "a", "values": ["a"]}}}"#,
            r#"{"id_token": {"sub": {"value": 7}}}"#,
            &deep,
            &bottomless,
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{text}");
            assert!(error.description.contains("claims"), "{}", error.description);
        }
    }

    /// What is well-formed is refused for its size alone, just beyond the bound.
    #[test]
    fn length_and_depth_are_bounded() {
        let long = |length: usize| {
            let frame = r#"{"userinfo": {"": null}}"#;
            parse(&frame.replace("\"\"", &format!("\"{}\"", "x".repeat(length - frame.len()))))
        };
        assert!(long(LONGEST).is_ok());
        assert!(long(LONGEST + 1).unwrap_err().description.contains("4096"));
        // Lists and objects alike, the outermost counted.
        let lists = |depth: usize| parse(&format!(r#"{{"x": {}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1)));
        let objects = |depth: usize| parse(&format!("{}{{}}{}", r#"{"x":"#.repeat(depth - 1), "}".repeat(depth - 1)));
        // The deepest of many counts.
        let beside = |depth: usize| parse(&format!(r#"{{"a": [1, {{}}], "x": [{}{}, 2], "z": null}}"#, "[".repeat(depth - 2), "]".repeat(depth - 2)));
        for nested in [&lists as &dyn Fn(usize) -> _, &objects, &beside] {
            assert!(nested(DEEPEST).is_ok());
            assert!(nested(DEEPEST + 1).unwrap_err().description.contains("nested too deeply"));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
            let _ = parse(&text);
        }

        /// Whatever is asked for, what is named is within the registered scope.
        #[test]
        fn never_more_than_registered(names in prop::collection::btree_set("(name|email|phone_number|address|nickname|iss|x)", 0..7), scope in "(profile |email |phone ){0,3}") {
            let scope = Scope::parse(&scope).unwrap();
            let members: Vec<String> = names.iter().map(|name| format!("\"{name}\": null")).collect();
            let text = format!("{{\"userinfo\": {{{0}}}, \"id_token\": {{{0}}}}}", members.join(","));
            let named = ClaimsRequest::parse(Some(&text), &scope).unwrap().named;
            prop_assert_eq!(named.userinfo, named.id_token);
            for claim in named.userinfo.iter() {
                prop_assert!(scope.contains(claim.scope()) && names.iter().any(|name| name == claim.as_str()));
            }
        }
    }
}
