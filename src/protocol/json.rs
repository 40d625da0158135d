//! JSON from outside. A name that comes twice in one object is refused: RFC 8259 §4 leaves open which of the two counts, and two readers
//! of one text must not see different things in it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads a text. How deep it may be is bounded by the parser.
pub fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str::<Strict>(text).map(|strict| strict.0)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Strict, E> {
        Number::from_f64(value).map(|number| Strict(number.into())).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Strict(list.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Strict, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name is there twice"));
            }
        }
        Ok(Strict(object.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// JO-04.
    #[test]
    fn a_name_twice_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"[{"a":{"b":1,"c":2,"b":3}}]"#, r#"{"a":null,"b":[],"a":null}"#] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(r#"{"a":{"a":[{"a":1},{"a":2}]},"A":1}"#).is_ok());
        for deep in ["[", "{\"a\":"] {
            assert!(parse(&deep.repeat(100_000)).is_err(), "and nesting ends somewhere");
        }
    }

    /// RFC 8259 §3: each kind of value is read as what it is.
    #[test]
    fn every_kind_of_value_is_read() {
        for text in [
            "null",
            "true",
            "false",
            "0",
            "7",
            "-7",
            "18446744073709551615",
            "-9223372036854775808",
            "1.5",
            "-2e3",
            "\"a\"",
            "\"\\u00e4\"",
            "[]",
            "[1,[2]]",
            "{}",
        ] {
            assert_eq!(parse(text).unwrap(), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
        assert!(parse("1e999").is_err());
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            let members = prop::collection::btree_map("\\PC{0,4}", inner.clone(), 0..6);
            prop_oneof![prop::collection::vec(inner, 0..6).prop_map(Value::from), members.prop_map(|members| members.into_iter().collect())]
        })
    }

    proptest! {
        /// What it reads is what everybody reads.
        #[test]
        fn otherwise_it_reads_as_others_do(text in r#"[\[\]{}:,"ab01.e\-ntruls ]{0,30}"#) {
            if let Ok(value) = parse(&text) {
                prop_assert_eq!(value, serde_json::from_str::<Value>(&text).unwrap());
            }
        }

        /// And what others write it reads.
        #[test]
        fn what_others_write_is_read(value in any_value()) {
            let text = value.to_string();
            prop_assert_eq!(parse(&text).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
        }
    }
}
