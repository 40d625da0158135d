//! Entity tags (RFC 9110 §8.8.3): what somebody changes is what they had read.

use poem_openapi::types::ToJSON;

use crate::domain::secret::Digest;
use crate::service::admin::AdminError;

/// The tag of a representation: another one as soon as anything in it is another.
pub fn of(representation: &impl ToJSON) -> String {
    let Digest(bytes) = Digest::of(representation.to_json_string().as_bytes());
    let text: String = bytes.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{text}\"")
}

/// Whether `If-Match` (RFC 9110 §13.1.1) allows the change: it is not there, says `*`, or lists the tag. Weak tags never match (§8.8.3.2).
pub fn check(if_match: Option<&str>, representation: &impl ToJSON) -> Result<(), AdminError> {
    let Some(wanted) = if_match else { return Ok(()) };
    let now = of(representation);
    if wanted.trim() == "*" || wanted.split(',').any(|tag| tag.trim() == now) { Ok(()) } else { Err(AdminError::Stale) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_matches_what_it_was_made_of() {
        let (one, other) = ("one".to_owned(), "other".to_owned());
        let tag = of(&one);
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() == 26, "{tag}");
        for fits in [None, Some("*"), Some(tag.as_str()), Some(&*format!("\"x\", {tag}"))] {
            assert!(check(fits, &one).is_ok(), "{fits:?}");
        }
        assert!(check(None, &other).is_ok() && check(Some("*"), &other).is_ok());
        for differs in [format!("W/{tag}"), "\"\"".to_owned(), String::new(), tag.trim_matches('"').to_owned(), of(&other)] {
            assert!(matches!(check(Some(&differs), &one), Err(AdminError::Stale)), "{differs}");
        }
    }
}
