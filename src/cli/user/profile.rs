//! The flags that say who somebody is, for `create` and `update` alike, and how `show` prints it.

use clap::Args;
use serde_json::{Map, Value};

use crate::cli::Failure;
use crate::cli::output::yes;
use crate::domain::profile::{Address, Details, KeptDetails};
use crate::domain::user::Profile;

/// An empty text removes what was there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(in crate::cli) struct Options {
    /// The full name
    #[arg(long)]
    name: Option<String>,
    #[arg(long)]
    given_name: Option<String>,
    #[arg(long)]
    family_name: Option<String>,
    #[arg(long)]
    middle_name: Option<String>,
    #[arg(long)]
    nickname: Option<String>,
    #[arg(long)]
    email: Option<String>,
    /// The address is known to be this user's
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    email_verified: Option<bool>,
    /// In E.164 form, such as +14155550123
    #[arg(long, value_name = "NUMBER")]
    phone_number: Option<String>,
    /// The number is known to be this user's
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    phone_number_verified: Option<bool>,
    /// The URL of a page about this user
    #[arg(long, value_name = "URL")]
    profile: Option<String>,
    /// The URL of an image
    #[arg(long, value_name = "URL")]
    picture: Option<String>,
    #[arg(long, value_name = "URL")]
    website: Option<String>,
    #[arg(long)]
    gender: Option<String>,
    /// YYYY-MM-DD, 0000-MM-DD without the year, or YYYY
    #[arg(long, value_name = "DATE")]
    birthdate: Option<String>,
    /// A time zone, such as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    zoneinfo: Option<String>,
    /// A language tag, such as de-AT
    #[arg(long, value_name = "TAG")]
    locale: Option<String>,
    /// The address as on a letter, with newlines
    #[arg(long, value_name = "TEXT")]
    address_formatted: Option<String>,
    /// Street and house number
    #[arg(long, value_name = "TEXT")]
    address_street: Option<String>,
    /// The city or town
    #[arg(long, value_name = "TEXT")]
    address_locality: Option<String>,
    /// The state or province
    #[arg(long, value_name = "TEXT")]
    address_region: Option<String>,
    #[arg(long, value_name = "TEXT")]
    address_postal_code: Option<String>,
    #[arg(long, value_name = "TEXT")]
    address_country: Option<String>,
}

impl Options {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is named is replaced, the rest stays. An address or number that changes is verified only when that is said with it.
    pub(super) fn apply(self, profile: &mut Profile) -> Result<(), Failure> {
        fn replace(old: &mut Option<String>, new: Option<String>) -> bool {
            let Some(new) = new else { return false };
            let new = Some(new).filter(|new| !new.is_empty());
            let changed = *old != new;
            *old = new;
            changed
        }
        replace(&mut profile.name, self.name);
        replace(&mut profile.given_name, self.given_name);
        replace(&mut profile.family_name, self.family_name);
        if replace(&mut profile.email, self.email) {
            profile.email_verified = false;
        }
        profile.email_verified = self.email_verified.unwrap_or(profile.email_verified);
        if profile.email.is_none() && profile.email_verified {
            return Err(Failure("there is no e-mail address to be verified: give --email too".to_owned()));
        }

        let mut details = profile.details.read()?;
        replace(&mut details.middle_name, self.middle_name);
        replace(&mut details.nickname, self.nickname);
        replace(&mut details.profile, self.profile);
        replace(&mut details.picture, self.picture);
        replace(&mut details.website, self.website);
        replace(&mut details.gender, self.gender);
        replace(&mut details.birthdate, self.birthdate);
        replace(&mut details.zoneinfo, self.zoneinfo);
        replace(&mut details.locale, self.locale);
        if replace(&mut details.phone_number, self.phone_number) {
            details.phone_number_verified = None;
        }
        details.phone_number_verified = self.phone_number_verified.or(details.phone_number_verified);
        let mut address = details.address.take().unwrap_or_default();
        replace(&mut address.formatted, self.address_formatted);
        replace(&mut address.street_address, self.address_street);
        replace(&mut address.locality, self.address_locality);
        replace(&mut address.region, self.address_region);
        replace(&mut address.postal_code, self.address_postal_code);
        replace(&mut address.country, self.address_country);
        details.address = Some(address);
        profile.details = KeptDetails::of(&details.checked()?);
        Ok(())
    }
}

/// As `show` prints it: what is unset is left out, but for name and e-mail.
pub(super) fn rows(profile: &Profile) -> Result<Vec<(&'static str, String)>, Failure> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut rows = vec![
        ("name", text(&profile.name)),
        ("given name", text(&profile.given_name)),
        ("family name", text(&profile.family_name)),
        ("email", text(&profile.email)),
        ("email verified", yes(profile.email_verified)),
    ];
    let details = profile.details.read()?;
    let Address { formatted, street_address, locality, region, postal_code, country } = details.address.unwrap_or_default();
    let more = [
        ("middle name", details.middle_name),
        ("nickname", details.nickname),
        ("phone number", details.phone_number),
        ("phone number verified", details.phone_number_verified.map(yes)),
        ("profile", details.profile),
        ("picture", details.picture),
        ("website", details.website),
        ("gender", details.gender),
        ("birthdate", details.birthdate),
        ("zoneinfo", details.zoneinfo),
        ("locale", details.locale),
        // One line each: a property is one.
        ("address", formatted.map(|formatted| formatted.lines().collect::<Vec<_>>().join(", "))),
        ("street address", street_address.map(|street| street.lines().collect::<Vec<_>>().join(", "))),
        ("locality", locality),
        ("region", region),
        ("postal code", postal_code),
        ("country", country),
    ];
    rows.extend(more.into_iter().filter_map(|(name, value)| Some((name, value?))));
    Ok(rows)
}

/// The claims as they are told to applications; what is unset is left out.
pub(super) fn details(profile: &Profile) -> Result<Map<String, Value>, Failure> {
    let details: Details = profile.details.read()?;
    Ok(serde_json::to_value(details)?.as_object().cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn what_is_named_is_replaced_and_an_empty_text_removes() {
        let mut profile = Profile::default();
        let first = Options {
            email: some("a@example.com"),
            email_verified: Some(true),
            nickname: some("Ally"),
            phone_number: some("+14155550123"),
            phone_number_verified: Some(true),
            address_country: some("Austria"),
            ..Options::default()
        };
        first.apply(&mut profile).unwrap();
        let second = Options { locale: some("de"), address_locality: some("Vienna"), ..Options::default() };
        second.apply(&mut profile).unwrap();
        let details = profile.details.read().unwrap();
        assert_eq!((details.nickname, details.locale, details.phone_number_verified), (some("Ally"), some("de"), Some(true)));
        assert_eq!(details.address, Some(Address { locality: some("Vienna"), country: some("Austria"), ..Address::default() }));
        assert!(profile.email_verified);

        let third = Options { nickname: some(""), email: some("b@example.com"), phone_number: some("+14155550199"), ..Options::default() };
        third.apply(&mut profile).unwrap();
        let details = profile.details.read().unwrap();
        assert_eq!((details.nickname, details.phone_number_verified, profile.email_verified), (None, Some(false), false));
    }

    #[test]
    fn nothing_is_verified_that_is_not_there() {
        let error = Options { email_verified: Some(true), ..Options::default() }.apply(&mut Profile::default()).unwrap_err();
        assert!(error.0.contains("--email"), "{}", error.0);
        let error = Options { phone_number_verified: Some(true), ..Options::default() }.apply(&mut Profile::default()).unwrap_err();
        assert!(error.0.contains("phone_number"), "{}", error.0);
    }
}
