//! Modules about what is told of a person.

use gatekey::domain::profile::{Address, Details, KeptDetails};
use gatekey::settings::Settings;
use poem::http::Method;
use serde_json::{Map, Value, json};
use url::Url;

use super::suite::{CLIENT, Parameters, Suite, TokenSet, with};
use crate::support::browser::LINK;
use crate::support::network::Answer;

/// Of alice everything is known: the suite warns of a claim of a scope that is not there.
pub fn fill_in(settings: &mut Settings) {
    let text = |value: &str| Some(value.to_owned());
    let details = Details {
        middle_name: text("Beth"),
        nickname: text("Ally"),
        profile: text("https://people.example.test/alice"),
        picture: text("https://people.example.test/alice.jpg"),
        website: text("https://alice.example.test/"),
        gender: text("female"),
        birthdate: text("1990-12-31"),
        zoneinfo: text("Europe/Vienna"),
        locale: text("de-AT"),
        phone_number: text("+14155550123"),
        phone_number_verified: Some(true),
        address: Some(Address {
            formatted: text("1 Example Street\n1010 Vienna\nAustria"),
            street_address: text("1 Example Street"),
            locality: text("Vienna"),
            region: text("Vienna"),
            postal_code: text("1010"),
            country: text("Austria"),
        }),
    };
    let alice = settings.users.iter_mut().find(|user| user.username == "alice").unwrap();
    alice.profile.given_name = text("Alice");
    alice.profile.family_name = text("Example");
    alice.profile.details = KeptDetails::of(&details.checked().unwrap());
}

/// `AbstractValidateOpenIdStandardClaims`, and `updated_at` as `AbstractUpdatedAtValid` has it: whatever of OIDC Core §5.1 is there has its type.
pub fn standard_claims(claims: &Map<String, Value>, now: i64) {
    let text = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty() && !text.eq_ignore_ascii_case("null"));
    for (name, value) in claims {
        let fits = match name.as_str() {
            "sub" | "name" | "given_name" | "family_name" | "middle_name" | "nickname" | "preferred_username" | "profile" | "picture" | "website" | "email"
            | "gender" | "zoneinfo" | "locale" | "phone_number" => text(value),
            "email_verified" | "phone_number_verified" => value.is_boolean(),
            "birthdate" => text(value) && value.as_str().is_some_and(|date| date.len() == 4 || chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok()),
            "updated_at" => value.as_i64().is_some_and(|at| at > 0 && at <= now),
            "address" => {
                let parts = ["formatted", "street_address", "locality", "region", "postal_code", "country"];
                value.as_object().is_some_and(|address| address.iter().all(|(name, value)| parts.contains(&name.as_str()) && text(value)))
            }
            // `EnsureMemberValuesInClaimNameReferenceToMemberNamesInClaimSources`: there are no claims of others.
            "_claim_names" | "_claim_sources" => false,
            _ => true,
        };
        assert!(fits, "{name}: {value}");
    }
}

/// What the checks of all userinfo answers are: `EnsureHttpStatusCodeIs200`, `EnsureContentTypeJson`, `ValidateUserInfoStandardClaims`,
/// `EnsureUserInfoContainsSub`, and the same `sub` as in the ID token.
fn userinfo(suite: &Suite, tokens: &TokenSet, answer: &Answer) -> Map<String, Value> {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    assert!(answer.header("content-type").unwrap().starts_with("application/json"));
    let claims = answer.json().as_object().unwrap().clone();
    standard_claims(&claims, suite.app.seconds());
    assert!(claims["sub"].is_string());
    assert_eq!(claims["sub"], tokens.claims["sub"], "VerifyUserInfoAndIdTokenInTokenEndpointSameSub");
    claims
}

pub async fn oidcc_userinfo_get(mut suite: Suite) {
    let request = suite.request(CLIENT, "openid");
    let (_, tokens) = suite.flow(CLIENT, &request).await;
    let answer = suite.userinfo(&tokens.access_token).await;
    userinfo(&suite, &tokens, &answer);
}

pub async fn oidcc_userinfo_post_header(mut suite: Suite) {
    let request = suite.request(CLIENT, "openid");
    let (_, tokens) = suite.flow(CLIENT, &request).await;
    let bearer = format!("Bearer {}", tokens.access_token);
    let answer = suite.app.network.send(Method::POST, &suite.endpoint("userinfo_endpoint"), &[("authorization", &bearer)], "").await;
    userinfo(&suite, &tokens, &answer);
}

/// The suite only warns where this is not supported; here it is.
pub async fn oidcc_userinfo_post_body(mut suite: Suite) {
    let request = suite.request(CLIENT, "openid");
    let (_, tokens) = suite.flow(CLIENT, &request).await;
    let answer = suite.app.network.post_form(&suite.endpoint("userinfo_endpoint"), &[], &[("access_token", &tokens.access_token)]).await;
    userinfo(&suite, &tokens, &answer);
}

/// The claims of a scope (`VerifyScopesReturnedInUserInfoClaims`).
const SCOPES: [(&str, &[&str]); 5] = [
    ("openid", &["sub"]),
    (
        "profile",
        &[
            "name",
            "given_name",
            "family_name",
            "middle_name",
            "nickname",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
            "preferred_username",
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("address", &["address"]),
    ("phone", &["phone_number", "phone_number_verified"]),
];

/// `AbstractOIDCCReturnedClaimsServerTest`: userinfo has every claim of the scopes asked for. Ours has no other.
async fn returned(suite: &mut Suite, request: &Parameters, visit_by: Order) -> (TokenSet, Map<String, Value>) {
    let offered = suite.server["scopes_supported"].as_array().unwrap().clone();
    let scope = request["scope"].clone();
    assert!(scope.split(' ').all(|value| offered.contains(&Value::from(value))), "OIDCCCheckScopesSupportedContainScopeTest");
    let tokens = match visit_by {
        Order::Plain => suite.flow(CLIENT, request).await.1,
        Order::Reversed => {
            // `BuildPlainRedirectToAuthorizationEndpointReorderedParams`.
            let url = Url::parse_with_params(&suite.endpoint("authorization_endpoint"), request.iter().rev()).unwrap();
            let landing = suite.browser.navigate(&url, LINK).await;
            let visit = suite.go_on(landing).await;
            let code = suite.code(request, &visit);
            suite.exchange(CLIENT, request, &code).await
        }
    };
    let answer = suite.userinfo(&tokens.access_token).await;
    let claims = userinfo(suite, &tokens, &answer);
    let mut expected: Vec<&str> =
        SCOPES.iter().filter(|(name, _)| scope.split(' ').any(|value| value == *name)).flat_map(|(_, claims)| *claims).copied().collect();
    let mut found: Vec<&str> = claims.keys().map(String::as_str).collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected, "VerifyScopesReturnedInUserInfoClaims");
    (tokens, claims)
}

enum Order {
    Plain,
    Reversed,
}

pub async fn oidcc_scope_profile(mut suite: Suite) {
    let request = suite.request(CLIENT, "openid profile");
    returned(&mut suite, &request, Order::Plain).await;
}

pub async fn oidcc_scope_email(mut suite: Suite) {
    let request = suite.request(CLIENT, "openid email");
    let (tokens, claims) = returned(&mut suite, &request, Order::Plain).await;
    only_the_email(&tokens, &claims);
}

/// `EnsureIdTokenDoesNotContainName`, `EnsureUserInfoDoesNotContainName`. `EnsureIdTokenDoesNotContainEmailForScopeEmail` warns: the claims of
/// `email` are in the ID token too, by choice.
fn only_the_email(tokens: &TokenSet, claims: &Map<String, Value>) {
    assert_eq!((tokens.claims.get("name"), claims.get("name")), (None, None));
    assert_eq!(tokens.claims["email"], claims["email"]);
}

pub async fn oidcc_scope_address(mut suite: Suite) {
    let request = suite.request(CLIENT, "openid address");
    returned(&mut suite, &request, Order::Plain).await;
}

pub async fn oidcc_scope_phone(mut suite: Suite) {
    let request = suite.request(CLIENT, "openid phone");
    returned(&mut suite, &request, Order::Plain).await;
}

pub async fn oidcc_scope_all(mut suite: Suite) {
    let request = suite.request(CLIENT, "openid email phone address profile");
    returned(&mut suite, &request, Order::Plain).await;
}

pub async fn oidcc_alternate_happy_flow(mut suite: Suite) {
    let request = suite.request(CLIENT, "email openid");
    let (tokens, claims) = returned(&mut suite, &request, Order::Reversed).await;
    only_the_email(&tokens, &claims);
}

pub async fn oidcc_claims_essential(mut suite: Suite) {
    assert_eq!(suite.server["claims_parameter_supported"], true, "CheckDiscEndpointClaimsParameterSupported");
    let claims = json!({"userinfo": {"name": {"essential": true}}}).to_string();
    let request = with(suite.request(CLIENT, "openid"), "claims", &claims);
    let (_, tokens) = suite.flow(CLIENT, &request).await;
    let answer = suite.userinfo(&tokens.access_token).await;
    let told = userinfo(&suite, &tokens, &answer);
    assert_eq!(told["name"], "Alice Example", "EnsureUserInfoContainsName");
    assert_eq!(tokens.claims.get("name"), None, "EnsureIdTokenDoesNotContainName");
}
