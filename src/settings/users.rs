//! `[[users]]`: people declared in the file. A clear password never is: a hash, or none and `gatekey user set-password`.

use crate::domain::user::{USERNAME_RULE, is_email, is_username};
use serde::Deserialize;

use super::SettingsError;
use super::known::{Key, Kind, key};
use super::sources::Sources;
use crate::domain::admin_scope::AdminRole;
use crate::domain::group::{GroupName, Groups};
use crate::domain::profile::{Address, Details, KeptDetails};
use crate::domain::secret::Secret;
use crate::domain::user::{Profile, normal_username};

pub(super) const KEYS: &[Key] = &[
    key("users[].username", Kind::Text, "\"alice\""),
    key("users[].name", Kind::Text, "\"Alice Example\""),
    key("users[].given_name", Kind::Text, "\"Alice\""),
    key("users[].family_name", Kind::Text, "\"Example\""),
    key("users[].email", Kind::Text, "\"alice@example.com\""),
    key("users[].email_verified", Kind::Flag, "true"),
    key("users[].middle_name", Kind::Text, "\"Beth\""),
    key("users[].nickname", Kind::Text, "\"Ally\""),
    key("users[].profile", Kind::Text, "\"https://people.example.com/alice\""),
    key("users[].picture", Kind::Text, "\"https://people.example.com/alice.jpg\""),
    key("users[].website", Kind::Text, "\"https://alice.example.com/\""),
    key("users[].gender", Kind::Text, "\"female\""),
    key("users[].birthdate", Kind::Text, "\"1990-12-31\""),
    key("users[].zoneinfo", Kind::Text, "\"Europe/Berlin\""),
    key("users[].locale", Kind::Text, "\"de-AT\""),
    key("users[].phone_number", Kind::Text, "\"+14155550123\""),
    key("users[].phone_number_verified", Kind::Flag, "true"),
    key("users[].address.formatted", Kind::Text, "\"1 Example Street\\nVienna\""),
    key("users[].address.street_address", Kind::Text, "\"1 Example Street\""),
    key("users[].address.locality", Kind::Text, "\"Vienna\""),
    key("users[].address.region", Kind::Text, "\"Vienna\""),
    key("users[].address.postal_code", Kind::Text, "\"1010\""),
    key("users[].address.country", Kind::Text, "\"Austria\""),
    key("users[].groups", Kind::Texts, "[\"staff\"]"),
    key("users[].admin", Kind::Flag, "true"),
    key("users[].role", Kind::Text, "\"support\""),
    key("users[].password_hash", Kind::Text, "\"$argon2id$v=19$m=19456,t=2,p=1$…\""),
];

/// A user of the settings file.
#[derive(Debug, Clone)]
pub struct DeclaredUser {
    /// In its normal form.
    pub username: String,
    pub profile: Profile,
    pub groups: Groups,
    pub role: Option<AdminRole>,
    /// A PHC string (argon2id). `None`: the password is left as it is.
    pub password_hash: Option<Secret<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    username: String,
    name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    email: Option<String>,
    email_verified: Option<bool>,
    middle_name: Option<String>,
    nickname: Option<String>,
    profile: Option<String>,
    picture: Option<String>,
    website: Option<String>,
    gender: Option<String>,
    birthdate: Option<String>,
    zoneinfo: Option<String>,
    locale: Option<String>,
    phone_number: Option<String>,
    phone_number_verified: Option<bool>,
    address: Option<Address>,
    groups: Option<Vec<GroupName>>,
    admin: Option<bool>,
    role: Option<String>,
    password_hash: Option<PasswordHash>,
}

pub(super) fn validated(raw: Vec<Raw>, sources: &Sources) -> Result<Vec<DeclaredUser>, SettingsError> {
    let mut users: Vec<DeclaredUser> = Vec::with_capacity(raw.len());
    for (i, raw) in raw.into_iter().enumerate() {
        let at = i.to_string();
        let refused = |name: &str, message: String| SettingsError::refused(sources, &["users", &at, name], message);
        let username = normal_username(&raw.username);
        if !is_username(&username) {
            return Err(refused("username", format!("`{}` does not fit: {USERNAME_RULE}", raw.username)));
        }
        if users.iter().any(|user| user.username == username) {
            return Err(refused("username", format!("`{username}` is declared twice: give each user another name")));
        }
        if raw.email.as_deref().is_some_and(|email| !is_email(email)) {
            return Err(refused("email", "this is no e-mail address: write `\"name@example.com\"`".to_owned()));
        }
        let role = role_of(raw.admin, raw.role.as_deref()).map_err(|why| refused("role", why))?;
        let details = Details {
            middle_name: raw.middle_name,
            nickname: raw.nickname,
            profile: raw.profile,
            picture: raw.picture,
            website: raw.website,
            gender: raw.gender,
            birthdate: raw.birthdate,
            zoneinfo: raw.zoneinfo,
            locale: raw.locale,
            phone_number: raw.phone_number,
            phone_number_verified: raw.phone_number_verified,
            address: raw.address,
        };
        let details = details.checked().map_err(|error| {
            let mut path = vec!["users", at.as_str()];
            path.extend(error.claim.split('.'));
            SettingsError::refused(sources, &path, error.rule)
        })?;
        users.push(DeclaredUser {
            username,
            profile: Profile {
                name: raw.name,
                given_name: raw.given_name,
                family_name: raw.family_name,
                email: raw.email,
                email_verified: raw.email_verified.unwrap_or(false),
                details: KeptDetails::of(&details),
            },
            groups: Groups::of(raw.groups.unwrap_or_default()),
            role,
            password_hash: raw.password_hash.map(|hash| hash.0),
        });
    }
    Ok(users)
}

/// `admin = true` is the role `administrator`, under the name that it had before there were others.
fn role_of(admin: Option<bool>, word: Option<&str>) -> Result<Option<AdminRole>, String> {
    let Some(word) = word else { return Ok((admin == Some(true)).then_some(AdminRole::Administrator)) };
    let Some(role) = AdminRole::parse(word) else {
        return Err(format!("`{word}` is no role: write {}", AdminRole::ALL.map(|role| format!("`{}`", role.as_str())).join(", ")));
    };
    if admin.is_some_and(|admin| admin != (role == AdminRole::Administrator)) {
        return Err(format!("`role = \"{word}\"` and `admin` contradict each other: leave `admin` out"));
    }
    Ok(Some(role))
}

/// A PHC string of argon2id.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct PasswordHash(Secret<String>);

impl TryFrom<String> for PasswordHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = Secret::new(text);
        if is_argon2id(text.expose()) {
            Ok(Self(text))
        } else {
            // The text is not repeated: it may be the password itself.
            Err("this is no argon2id hash: write what `gatekey user hash-password` prints, a text that begins with `$argon2id$v=19$m=`")
        }
    }
}

/// `$argon2id$v=19$m=…,t=…,p=…$salt$hash`
fn is_argon2id(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("$argon2id$v=19$") else { return false };
    let parts: Vec<&str> = rest.split('$').collect();
    let [parameters, salt, hash] = parts.as_slice() else { return false };
    let numbers = ["m=", "t=", "p="];
    let given: Vec<&str> = parameters.split(',').collect();
    let base64 = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b));
    given.len() == numbers.len()
        && given.iter().zip(numbers).all(|(given, name)| given.strip_prefix(name).is_some_and(|number| number.parse::<u32>().is_ok_and(|n| n > 0)))
        && [salt, hash].into_iter().all(base64)
}
