//! What is told of a person (OIDC Core §5.1), for userinfo and the ID token alike.

use serde_json::{Map, Value, json};

use crate::domain::claim::{Claim, ClaimSet};
use crate::domain::profile::{CorruptDetails, Details};
use crate::domain::scope::Scope;
use crate::domain::user::User;

/// The scope values that ask for claims (OIDC Core §5.4), with `openid` itself: they speak of a person, so a machine's token has none.
pub const SCOPES: [&str; 5] = ["openid", "profile", "email", "address", "phone"];

/// The `typ` of a signed answer's header. Libraries know no other; that it is no ID token is told by its having no `exp`.
pub const TYP: &str = "JWT";

/// The claims about `user` that are in `told`; one that is unset is left out (OIDC Core §5.3.2). `subject` is who the user is to this client.
pub fn claims(subject: &str, user: &User, told: ClaimSet) -> Result<Map<String, Value>, CorruptDetails> {
    let details = if told.iter().any(is_detail) { user.profile.details.read()? } else { Details::default() };
    let mut claims = Map::new();
    claims.insert("sub".into(), subject.into());
    for claim in told.iter() {
        if let Some(value) = value(claim, user, &details) {
            claims.insert(claim.as_str().into(), value);
        }
    }
    Ok(claims)
}

/// At userinfo: all that the scope asks for, and what was asked for by name.
pub fn told_at_userinfo(scope: &Scope, named: ClaimSet) -> ClaimSet {
    ClaimSet::of_scope(scope).union(named)
}

/// In the ID token: what `profile` and `email` ask for, and what was asked for by name. Address and phone are left to userinfo, as OIDC
/// Core §5.4 has it for all of them: an ID token travels on as `id_token_hint`, in addresses and logs.
pub fn told_in_id_token(scope: &Scope, named: ClaimSet) -> ClaimSet {
    ClaimSet::of_scope(scope).iter().filter(|claim| matches!(claim.scope(), "profile" | "email")).collect::<ClaimSet>().union(named)
}

const fn is_detail(claim: Claim) -> bool {
    !matches!(claim, Claim::Name | Claim::FamilyName | Claim::GivenName | Claim::PreferredUsername | Claim::UpdatedAt | Claim::Email | Claim::EmailVerified)
}

fn value(claim: Claim, user: &User, details: &Details) -> Option<Value> {
    let text = |value: &Option<String>| value.as_deref().map(Value::from);
    let profile = &user.profile;
    match claim {
        Claim::Name => text(&profile.name),
        Claim::FamilyName => text(&profile.family_name),
        Claim::GivenName => text(&profile.given_name),
        Claim::MiddleName => text(&details.middle_name),
        Claim::Nickname => text(&details.nickname),
        Claim::PreferredUsername => Some(user.username.as_str().into()),
        Claim::Profile => text(&details.profile),
        Claim::Picture => text(&details.picture),
        Claim::Website => text(&details.website),
        Claim::Gender => text(&details.gender),
        Claim::Birthdate => text(&details.birthdate),
        Claim::Zoneinfo => text(&details.zoneinfo),
        Claim::Locale => text(&details.locale),
        Claim::UpdatedAt => Some(user.updated_at.timestamp().into()),
        Claim::Email => text(&profile.email),
        // What is verified is the address: without one there is nothing to say.
        Claim::EmailVerified => profile.email.is_some().then(|| profile.email_verified.into()),
        Claim::Address => details.address.as_ref().map(|address| json!(address)),
        Claim::PhoneNumber => text(&details.phone_number),
        Claim::PhoneNumberVerified => details.phone_number.as_ref().and(details.phone_number_verified).map(Value::from),
    }
}

/// The claims that discovery announces: what a token says of itself, then what is told of a person.
pub fn supported() -> Vec<&'static str> {
    let of_tokens = ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash", "session_expiry"];
    of_tokens.into_iter().chain(Claim::ALL.map(Claim::as_str)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::profile::{Address, KeptDetails};
    use crate::protocol::session::tests::user;

    fn full() -> User {
        let text = |value: &str| Some(value.to_owned());
        let details = Details {
            middle_name: text("Beth"),
            nickname: text("Ally"),
            profile: text("https://people.test/alice"),
            picture: text("https://people.test/alice.jpg"),
            website: text("https://alice.test/"),
            gender: text("female"),
            birthdate: text("1990-12-31"),
            zoneinfo: text("Europe/Vienna"),
            locale: text("de-AT"),
            phone_number: text("+14155550123"),
            phone_number_verified: Some(true),
            address: Some(Address { formatted: text("1 Example Street\nVienna"), country: text("Austria"), ..Address::default() }),
        };
        let mut user = user();
        user.profile.name = text("Alice Example");
        user.profile.given_name = text("Alice");
        user.profile.family_name = text("Example");
        user.profile.email = text("alice@example.test");
        user.profile.details = KeptDetails::of(&details.checked().unwrap());
        user
    }

    fn names(claims: &Map<String, Value>) -> String {
        claims.keys().map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// OIDC Core §5.1 and §5.4: every standard claim is said when it is set and its scope is there.
    #[test]
    fn a_full_profile_tells_every_claim() {
        let told = told_at_userinfo(&Scope::parse("openid profile email address phone").unwrap(), ClaimSet::default());
        let claims = claims("me", &full(), told).unwrap();
        assert_eq!(claims.len(), 1 + Claim::ALL.len(), "{}", names(&claims));
        assert_eq!(claims["address"], json!({"formatted": "1 Example Street\nVienna", "country": "Austria"}));
        assert_eq!((&claims["phone_number_verified"], &claims["email_verified"]), (&json!(true), &json!(false)));
        assert!(claims["updated_at"].is_i64(), "OIDC Core §5.1: a number");
    }

    /// OIDC Core §5.3.2: what is unset is left out, not null and not empty.
    #[test]
    fn an_empty_profile_tells_what_there_is() {
        let told = ClaimSet::from_iter(Claim::ALL);
        let claims = claims("me", &user(), told).unwrap();
        assert_eq!(names(&claims), "sub preferred_username updated_at");
    }

    #[test]
    fn the_id_token_leaves_address_and_phone_to_userinfo_unless_named() {
        let scope = Scope::parse("openid email address phone").unwrap();
        assert_eq!(told_in_id_token(&scope, ClaimSet::default()).to_string(), "email email_verified");
        assert_eq!(told_in_id_token(&scope, ClaimSet::parse("phone_number")).to_string(), "email email_verified phone_number");
    }

    /// Only what tells something of the details reads them.
    #[test]
    fn details_are_read_only_when_told() {
        let mut broken = user();
        broken.profile.details = KeptDetails::from_text(Some("{".into()));
        assert!(claims("me", &broken, ClaimSet::parse("name email preferred_username")).is_ok());
        assert!(claims("me", &broken, ClaimSet::parse("nickname")).is_err());
    }

    /// OIDC Discovery §3, `claims_supported`: each claim that may be told is announced, once.
    #[test]
    fn what_may_be_told_is_announced() {
        let announced = supported();
        let told = claims("me", &full(), ClaimSet::from_iter(Claim::ALL)).unwrap();
        assert!(told.keys().all(|name| announced.contains(&name.as_str())), "{}", names(&told));
        let once: std::collections::BTreeSet<&str> = announced.iter().copied().collect();
        assert!(once.len() == announced.len() && once.is_superset(&["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash"].into()));
    }
}
