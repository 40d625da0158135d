//! What is known of a person beyond name and e-mail: the other claims of OIDC Core §5.1, each judged when it is set.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// The claims of OIDC Core §5.1 that have no column of their own. Every one may be unset. It serializes as the claims themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// The address of the person's profile page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    /// `YYYY-MM-DD`, `0000-MM-DD` without the year, or `YYYY` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birthdate: Option<String>,
    /// A name of the IANA time zone database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zoneinfo: Option<String>,
    /// A language tag (RFC 5646).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// E.164, with an RFC 3966 extension if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// There exactly when there is a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number_verified: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
}

/// A postal address (OIDC Core §5.1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// As it stands on a letter; lines are separated by a newline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street_address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// Why a detail cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{claim}` does not fit: {rule}")]
pub struct InvalidDetail {
    /// `birthdate`, `address.country`.
    pub claim: &'static str,
    pub rule: &'static str,
}

const SHORT_TEXT: &str = "write 1 to 200 visible characters on one line";
const LINES: &str = "write 1 to 500 visible characters; several lines are allowed";
const WEB_ADDRESS: &str = "write an http or https URL of at most 2048 characters, such as https://example.com/alice";
const BIRTHDATE: &str = "write YYYY-MM-DD, 0000-MM-DD to leave the year out, or YYYY alone";
const ZONEINFO: &str = "write a name of the time zone database, such as Europe/Berlin";
const LOCALE: &str = "write a language tag, such as en or de-AT";
const PHONE_NUMBER: &str = "write it in E.164 form, a + and up to 15 digits such as +14155550123, with ;ext=5678 for an extension";
const VERIFIED_NOTHING: &str = "there is no phone number to be verified: set `phone_number` too";

impl Details {
    /// Judges each detail, and puts them in their one form: an empty address is none, and a number is verified or not.
    pub fn checked(mut self) -> Result<Self, InvalidDetail> {
        let judge = |claim, value: &Option<String>, fits: fn(&str) -> bool, rule| match value {
            Some(value) if !fits(value) => Err(InvalidDetail { claim, rule }),
            _ => Ok(()),
        };
        judge("middle_name", &self.middle_name, is_line, SHORT_TEXT)?;
        judge("nickname", &self.nickname, is_line, SHORT_TEXT)?;
        judge("gender", &self.gender, is_line, SHORT_TEXT)?;
        judge("profile", &self.profile, is_web_address, WEB_ADDRESS)?;
        judge("picture", &self.picture, is_web_address, WEB_ADDRESS)?;
        judge("website", &self.website, is_web_address, WEB_ADDRESS)?;
        judge("birthdate", &self.birthdate, is_birthdate, BIRTHDATE)?;
        judge("zoneinfo", &self.zoneinfo, is_zone, ZONEINFO)?;
        judge("locale", &self.locale, is_language_tag, LOCALE)?;
        judge("phone_number", &self.phone_number, is_phone_number, PHONE_NUMBER)?;
        if let Some(address) = &self.address {
            judge("address.formatted", &address.formatted, are_lines, LINES)?;
            judge("address.street_address", &address.street_address, are_lines, LINES)?;
            judge("address.locality", &address.locality, is_line, SHORT_TEXT)?;
            judge("address.region", &address.region, is_line, SHORT_TEXT)?;
            judge("address.postal_code", &address.postal_code, is_line, SHORT_TEXT)?;
            judge("address.country", &address.country, is_line, SHORT_TEXT)?;
        }
        if self.phone_number.is_none() && self.phone_number_verified == Some(true) {
            return Err(InvalidDetail { claim: "phone_number_verified", rule: VERIFIED_NOTHING });
        }
        self.address = self.address.filter(|address| *address != Address::default());
        self.phone_number_verified = self.phone_number.is_some().then(|| self.phone_number_verified.unwrap_or(false));
        Ok(self)
    }
}

/// [`Details`] as they are kept: one JSON text, which is read only where something of it is told. An account's row is read with every
/// refresh and every `prompt=none`, and most of those tell nothing of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptDetails(Option<String>);

/// A kept text that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored details of an account cannot be read: {0}")]
pub struct CorruptDetails(String);

impl KeptDetails {
    /// The details, already [`checked`](Details::checked).
    pub fn of(details: &Details) -> Self {
        if *details == Details::default() { Self(None) } else { Self(serde_json::to_string(details).ok()) }
    }

    /// As the database has them.
    pub fn from_text(text: Option<String>) -> Self {
        Self(text)
    }

    pub fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }

    pub fn read(&self) -> Result<Details, CorruptDetails> {
        self.0.as_deref().map_or(Ok(Details::default()), |text| serde_json::from_str(text).map_err(|error| CorruptDetails(error.to_string())))
    }
}

fn has_visible_ends(text: &str) -> bool {
    !text.is_empty() && text.trim() == text
}

fn is_line(text: &str) -> bool {
    has_visible_ends(text) && text.chars().count() <= 200 && !text.chars().any(char::is_control)
}

fn are_lines(text: &str) -> bool {
    has_visible_ends(text) && text.chars().count() <= 500 && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r'))
}

/// Whatever a browser would run when it is followed is no web address.
pub fn is_web_address(text: &str) -> bool {
    let plain = text.len() <= 2048 && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    plain && url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// OIDC Core §5.1: ISO 8601-1 `YYYY-MM-DD`; the year may be `0000`, or stand alone.
fn is_birthdate(text: &str) -> bool {
    let digits = |part: &str, length| part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
    match text.split('-').collect::<Vec<_>>().as_slice() {
        [year] => digits(year, 4) && *year != "0000",
        [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2) => {
            let (year, month, day) = (year.parse(), month.parse(), day.parse());
            matches!((year, month, day), (Ok(year), Ok(month), Ok(day)) if NaiveDate::from_ymd_opt(year, month, day).is_some())
        }
        _ => false,
    }
}

fn is_zone(text: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b));
    text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.split('/').all(part)
}

fn is_language_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().is_some_and(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic()));
    language && text.len() <= 35 && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// OIDC Core §5.1: E.164; an extension as in RFC 3966 §5.
fn is_phone_number(text: &str) -> bool {
    let digits = |part: &str, lengths: std::ops::RangeInclusive<usize>| lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let (number, extension) = text.split_once(";ext=").map_or((text, None), |(number, extension)| (number, Some(extension)));
    number.strip_prefix('+').is_some_and(|number| digits(number, 2..=15) && !number.starts_with('0')) && extension.is_none_or(|ext| digits(ext, 1..=10))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(details: Details) -> &'static str {
        details.checked().unwrap_err().claim
    }

    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn birthdates() {
        for good in ["1990-02-28", "2000-02-29", "0000-02-29", "1815", "1990-12-31"] {
            assert!(is_birthdate(good), "{good}");
        }
        for bad in ["", "0000", "1990-2-3", "1990-02-30", "1900-02-29", "90-02-03", "1990-02", "1990-02-03T00:00", "+990-02-03", "1990-02-03-", "٠٠٠٠"] {
            assert!(!is_birthdate(bad), "{bad}");
        }
    }

    #[test]
    fn phone_numbers() {
        for good in ["+14155550123", "+49301234567", "+14155550123;ext=5678"] {
            assert!(is_phone_number(good), "{good}");
        }
        for bad in ["", "+", "14155550123", "+0155550123", "+1 415 555 0123", "+1234567890123456", "+1415;ext=", "+1415;ext=x", "+1415;ext=1;ext=2", "+١٢٣٤"]
        {
            assert!(!is_phone_number(bad), "{bad}");
        }
    }

    #[test]
    fn zones_and_languages() {
        for good in ["Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "UTC", "America/Port-au-Prince"] {
            assert!(is_zone(good), "{good}");
        }
        for bad in ["", "/", "Europe/", "Europe Berlin", "+01:00", "../etc/passwd"] {
            assert!(!is_zone(bad), "{bad}");
        }
        for good in ["en", "de-AT", "zh-Hant-TW", "sl-rozaj"] {
            assert!(is_language_tag(good), "{good}");
        }
        for bad in ["", "e", "de_AT", "de-", "de--AT", "-de", "12", "en-US-verylongsubtag"] {
            assert!(!is_language_tag(bad), "{bad}");
        }
    }

    #[test]
    fn web_addresses_run_nothing() {
        assert!(is_web_address("https://example.com/alice?x=1#y"));
        for bad in ["", "example.com", "javascript:alert(1)", "data:text/html,x", "https:// x", "java\nscript:x", "file:///etc/passwd", "https://"] {
            assert!(!is_web_address(bad), "{bad}");
        }
    }

    #[test]
    fn a_refusal_names_the_claim_and_what_to_write() {
        let error = Details { birthdate: text("3.2.1990"), ..Details::default() }.checked().unwrap_err();
        assert_eq!(error.to_string(), "`birthdate` does not fit: write YYYY-MM-DD, 0000-MM-DD to leave the year out, or YYYY alone");
        assert_eq!(refused(Details { address: Some(Address { country: text("D\nE"), ..Address::default() }), ..Details::default() }), "address.country");
        assert_eq!(refused(Details { phone_number_verified: Some(true), ..Details::default() }), "phone_number_verified");
        assert_eq!(refused(Details { nickname: text(" ally"), ..Details::default() }), "nickname");
    }

    #[test]
    fn what_is_kept_has_one_form() {
        let empty = Details { address: Some(Address::default()), phone_number_verified: Some(false), ..Details::default() }.checked().unwrap();
        assert_eq!(KeptDetails::of(&empty), KeptDetails::default());
        let number = Details { phone_number: text("+14155550123"), ..Details::default() }.checked().unwrap();
        assert_eq!(KeptDetails::of(&number).text(), Some(r#"{"phone_number":"+14155550123","phone_number_verified":false}"#));
        assert!(KeptDetails::from_text(text("{")).read().is_err());
    }

    proptest! {
        #[test]
        fn details_survive_being_kept(nickname in "[a-z]{1,9}", street in "[A-Z][a-z]{0,9}(\n[a-z]{1,9})?", verified: bool) {
            let details = Details {
                nickname: Some(nickname),
                phone_number: text("+4930123456"),
                phone_number_verified: Some(verified),
                address: Some(Address { street_address: Some(street), ..Address::default() }),
                ..Details::default()
            };
            let details = details.checked().unwrap();
            prop_assert_eq!(KeptDetails::of(&details).read().unwrap(), details);
        }

        #[test]
        fn no_text_is_a_panic(text in "\\PC{0,40}") {
            for fits in [is_line, are_lines, is_web_address, is_birthdate, is_zone, is_language_tag, is_phone_number] {
                fits(&text);
            }
        }
    }
}
