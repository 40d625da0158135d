//! `Idempotency-Key`: a name that a caller gives to one request, so that sending it again does nothing twice
//! (draft-ietf-httpapi-idempotency-key-header).

use chrono::TimeDelta;

/// For how long an answer is known under its key.
pub const KEPT: TimeDelta = TimeDelta::hours(24);

const LONGEST: usize = 255;

/// 1 to 255 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not 1 to 255 printable ASCII characters, as they are or as a quoted string")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// Reads the header's value. By §2.1 it is a string of structured fields (RFC 9651 §3.3.3), `"…"`; many callers send it without the quotes,
    /// and mean the same.
    pub fn parse(header: &str) -> Result<Self, InvalidIdempotencyKey> {
        let text = header.trim_matches([' ', '\t']);
        let key = match text.strip_prefix('"') {
            Some(quoted) => unquoted(quoted).ok_or(InvalidIdempotencyKey)?,
            None => text.to_owned(),
        };
        let printable = key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if printable && (1..=LONGEST).contains(&key.len()) { Ok(Self(key)) } else { Err(InvalidIdempotencyKey) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What stands in the quotes, of which the first one is gone; only `"` and `\` may be escaped.
fn unquoted(text: &str) -> Option<String> {
    let (mut key, mut characters) = (String::new(), text.chars());
    loop {
        match characters.next()? {
            // Nothing may follow: parameters have no meaning here.
            '"' => return characters.next().is_none().then_some(key),
            '\\' => key.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            other => key.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(header: &str) -> Option<String> {
        IdempotencyKey::parse(header).ok().map(|key| key.0)
    }

    #[test]
    fn a_key_means_the_same_with_and_without_quotes() {
        let uuid = "8e03978e-40d5-43e8-bc93-6894a57f9324";
        for header in [uuid.to_owned(), format!("\"{uuid}\""), format!(" \"{uuid}\"\t")] {
            assert_eq!(parsed(&header).as_deref(), Some(uuid), "{header}");
        }
        assert_eq!(parsed(r#""a \"b\" \\""#).as_deref(), Some(r#"a "b" \"#));
        assert_eq!(parsed(r"a\b c").as_deref(), Some(r"a\b c"));
        assert_eq!(parsed(&"x".repeat(255)), Some("x".repeat(255)));
        assert_eq!(parsed(&format!("\"{}\"", "x".repeat(255))), Some("x".repeat(255)));
    }

    #[test]
    fn anything_else_is_refused() {
        let (long, quoted) = ("x".repeat(256), format!("\"{}\"", "x".repeat(256)));
        for header in
            ["", " ", "\"\"", "\"", "\"open", "\"a\"b", "\"a\";b=1", r#""a\b""#, r#""a\"#, "a\nb", "a\u{7f}", "\"\u{1}\"", "ä", "\"ä\"", &long, &quoted]
        {
            assert_eq!(IdempotencyKey::parse(header), Err(InvalidIdempotencyKey), "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn every_key_can_be_sent_in_quotes(key in "[ -~]{1,255}") {
            let header = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(parsed(&header), Some(key));
        }
    }
}
