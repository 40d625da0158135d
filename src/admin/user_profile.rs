//! What is known of a user, as the API carries it.

use poem_openapi::Object;
use poem_openapi::types::Example;

use super::problem::ChangeProblem;
use crate::domain::profile::{self, Details, KeptDetails};
use crate::domain::user::{self, is_email, is_person_name};

/// The claims of OpenID Connect Core §5.1 that are known of a user; what is left out is not known.
#[derive(Debug, Clone, Default, Object)]
#[oai(rename = "UserProfile", example, skip_serializing_if_is_none, deny_unknown_fields)]
pub struct UserProfile {
    /// The full name, as it is shown.
    pub name: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub middle_name: Option<String>,
    pub nickname: Option<String>,
    /// The address of a page about the user.
    pub profile: Option<String>,
    /// The address of an image.
    pub picture: Option<String>,
    pub website: Option<String>,
    pub email: Option<String>,
    /// Whether the address is known to be this user's. Default: false.
    pub email_verified: Option<bool>,
    pub gender: Option<String>,
    /// `YYYY-MM-DD`, `0000-MM-DD` without the year, or `YYYY` alone.
    pub birthdate: Option<String>,
    /// A name of the time zone database.
    pub zoneinfo: Option<String>,
    /// A language tag (RFC 5646).
    pub locale: Option<String>,
    /// In E.164 form; `;ext=5678` adds an extension.
    pub phone_number: Option<String>,
    /// Whether the number is known to be this user's. Default: false.
    pub phone_number_verified: Option<bool>,
    pub address: Option<PostalAddress>,
}

/// A postal address (OpenID Connect Core §5.1.1).
#[derive(Debug, Clone, Default, Object)]
#[oai(rename = "PostalAddress", example, skip_serializing_if_is_none, deny_unknown_fields)]
pub struct PostalAddress {
    /// As it stands on a letter; lines are separated by a newline.
    pub formatted: Option<String>,
    pub street_address: Option<String>,
    pub locality: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    pub country: Option<String>,
}

impl UserProfile {
    /// What is to be kept; `at` is where it is in the body, as a JSON pointer.
    pub fn parse(self, at: &str) -> Result<user::Profile, ChangeProblem> {
        let refused = |member: &str, detail: &str| Err(ChangeProblem::invalid_member(&format!("{at}/{member}"), detail));
        for (member, text) in [("name", &self.name), ("given_name", &self.given_name), ("family_name", &self.family_name)] {
            if text.as_deref().is_some_and(|text| !is_person_name(text)) {
                return refused(member, "A name has 1 to 256 visible characters on one line.");
            }
        }
        if self.email.as_deref().is_some_and(|email| !is_email(email)) {
            return refused("email", "This is no e-mail address: write it as name@example.com.");
        }
        if self.email.is_none() && self.email_verified == Some(true) {
            return refused("email_verified", "There is no e-mail address to be verified: give `email` too.");
        }
        let details = Details {
            middle_name: self.middle_name,
            nickname: self.nickname,
            profile: self.profile,
            picture: self.picture,
            website: self.website,
            gender: self.gender,
            birthdate: self.birthdate,
            zoneinfo: self.zoneinfo,
            locale: self.locale,
            phone_number: self.phone_number,
            phone_number_verified: self.phone_number_verified,
            address: self.address.map(|address| profile::Address {
                formatted: address.formatted,
                street_address: address.street_address,
                locality: address.locality,
                region: address.region,
                postal_code: address.postal_code,
                country: address.country,
            }),
        };
        let details = match details.checked() {
            Ok(details) => details,
            Err(error) => return refused(&error.claim.replace('.', "/"), &format!("{error}.")),
        };
        Ok(user::Profile {
            name: self.name,
            given_name: self.given_name,
            family_name: self.family_name,
            email: self.email,
            email_verified: self.email_verified.unwrap_or(false),
            details: KeptDetails::of(&details),
        })
    }

    /// As it is kept; what was written by a later version and cannot be read here is an error.
    pub fn of(profile: &user::Profile) -> Result<Self, profile::CorruptDetails> {
        let details = profile.details.read()?;
        Ok(Self {
            name: profile.name.clone(),
            given_name: profile.given_name.clone(),
            family_name: profile.family_name.clone(),
            middle_name: details.middle_name,
            nickname: details.nickname,
            profile: details.profile,
            picture: details.picture,
            website: details.website,
            email_verified: profile.email.is_some().then_some(profile.email_verified),
            email: profile.email.clone(),
            gender: details.gender,
            birthdate: details.birthdate,
            zoneinfo: details.zoneinfo,
            locale: details.locale,
            phone_number: details.phone_number,
            phone_number_verified: details.phone_number_verified,
            address: details.address.map(|address| PostalAddress {
                formatted: address.formatted,
                street_address: address.street_address,
                locality: address.locality,
                region: address.region,
                postal_code: address.postal_code,
                country: address.country,
            }),
        })
    }
}

impl Example for UserProfile {
    fn example() -> Self {
        let text = |text: &str| Some(text.to_owned());
        Self {
            name: text("Alice Example"),
            given_name: text("Alice"),
            family_name: text("Example"),
            email: text("alice@example.com"),
            email_verified: Some(true),
            locale: text("de-AT"),
            address: Some(PostalAddress::example()),
            ..Self::default()
        }
    }
}

impl Example for PostalAddress {
    fn example() -> Self {
        Self { locality: Some("Vienna".to_owned()), postal_code: Some("1010".to_owned()), country: Some("Austria".to_owned()), ..Self::default() }
    }
}
