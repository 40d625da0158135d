use proptest::prelude::*;

use super::*;
use crate::domain::redirect_uri::{RedirectUri, WebOrigin};
use crate::domain::scope::Scope;
use crate::domain::secret::Digest;
use crate::protocol::diagnosis::Level;
use crate::protocol::session::tests::a_client;

const ISSUER: &str = "https://id.example.com/";

fn uris(uris: &[&str]) -> Vec<RedirectUri> {
    uris.iter().map(|uri| RedirectUri::parse(uri).unwrap()).collect()
}

fn origins(origins: &[&str]) -> Vec<WebOrigin> {
    origins.iter().map(|origin| WebOrigin::parse(origin).unwrap()).collect()
}

fn client(kind: ClientKind, change: impl FnOnce(&mut ClientMetadata)) -> Client {
    let mut metadata = ClientMetadata::defaults(kind, "App");
    change(&mut metadata);
    let secret_digest = (!metadata.is_public()).then(|| Digest::of(b"secret"));
    Client { secret_digest, ..a_client("app", metadata) }
}

/// A page at the issuer's site with which nothing is wrong.
fn page(change: impl FnOnce(&mut ClientMetadata)) -> Client {
    client(ClientKind::Spa, |metadata| {
        metadata.redirect_uris = uris(&["https://app.example.com", "https://app.example.com/callback"]);
        metadata.web_origins = origins(&["https://app.example.com"]);
        metadata.id_token_signed_response_alg = SigningAlg::Rs256;
        metadata.first_party = true;
        change(metadata);
    })
}

fn found(client: &Client, issuer: &str, cookie_in_foreign_frames: bool) -> Vec<Finding> {
    let reach = Reach::default();
    let found = diagnose(&ClientFacts { client, issuer, cookie_in_foreign_frames, access_token: Lifetime::seconds(600), reach: &reach });
    for finding in &found {
        assert_eq!(finding.change.is_some(), finding.level() != Level::Ok, "{finding:?}");
    }
    found
}

fn words(found: &[Finding]) -> Vec<&'static str> {
    found.iter().map(|finding| finding.code.as_str()).collect()
}

/// The codes but for those that say that something is as it should be.
fn told(client: &Client, issuer: &str) -> Vec<&'static str> {
    found(client, issuer, true).iter().filter(|finding| finding.level() != Level::Ok).map(|finding| finding.code.as_str()).collect()
}

#[test]
fn a_page_with_which_nothing_is_wrong() {
    let found = found(&page(|_| ()), ISSUER, true);
    assert_eq!(words(&found), ["client-enabled", "same-site", "frame-works", "refresh-works", "window-works", "auth0-ready"]);
}

/// Each thing that is wrong, by itself, is told, and nothing else is.
#[test]
fn one_thing_wrong_is_one_thing_told() {
    type Change = fn(&mut ClientMetadata);
    let cases: [(&[&str], Change); 12] = [
        (&["auth0-algorithm"], |metadata| metadata.id_token_signed_response_alg = SigningAlg::Es256),
        (&["auth0-bare-origin"], |metadata| metadata.redirect_uris = uris(&["https://app.example.com/callback"])),
        (&["consent-first"], |metadata| metadata.first_party = false),
        (&["frames-refused"], |metadata| metadata.may_be_framed = false),
        (&["refresh-missing"], |metadata| metadata.grant_types = vec![GrantType::AuthorizationCode]),
        (&["offline-access-missing"], |metadata| metadata.scope = Scope::parse("openid").unwrap()),
        (&["refresh-overlap-short"], |metadata| metadata.refresh_overlap = Lifetime::seconds(9)),
        (&["web-origin-missing"], |metadata| metadata.web_origins = Vec::new()),
        (&["frames-refused", "not-silent", "refresh-missing"], |metadata| {
            metadata.may_be_framed = false;
            metadata.grant_types = vec![GrantType::AuthorizationCode];
        }),
        (&["backchannel-cleartext"], |metadata| metadata.backchannel_logout_uri = Some(LogoutUri::parse("http://localhost:1/out").unwrap())),
        (&["backchannel-not-allowed"], |metadata| metadata.backchannel_logout_uri = Some(LogoutUri::parse("https://10.0.0.1/out").unwrap())),
        (&["backchannel-not-allowed"], |metadata| metadata.backchannel_logout_uri = Some(LogoutUri::parse("https://localhost/out").unwrap())),
    ];
    for (expected, change) in cases {
        assert_eq!(told(&page(change), ISSUER), expected);
    }
    let public = page(|metadata| {
        metadata.backchannel_logout_uri = Some(LogoutUri::parse("https://app.example.com/out").unwrap());
        metadata.frontchannel_logout_uri = Some(LogoutUri::parse("https://app.example.com/out").unwrap());
    });
    assert_eq!(told(&public, ISSUER), Vec::<&str>::new());
    assert_eq!(told(&page(|_| ()), "https://id.example.com"), ["auth0-issuer-slash"]);
    assert_eq!(told(&page(|_| ()), "https://id.example.com/tenant/"), ["auth0-issuer-path"]);
    let disabled = Client { disabled_at: Some(public.created_at), ..public };
    assert_eq!(told(&disabled, ISSUER), ["client-disabled"]);
}

/// The table of docs/sessions.md, "Silent renewal".
#[test]
fn what_renews_where() {
    let abroad = |change: fn(&mut ClientMetadata)| {
        page(|metadata| {
            metadata.redirect_uris = uris(&["https://app.example.org"]);
            metadata.web_origins = origins(&["https://app.example.org"]);
            change(metadata);
        })
    };
    let without_refresh: fn(&mut ClientMetadata) = |metadata| metadata.grant_types = vec![GrantType::AuthorizationCode];
    let renewal = |client: &Client, none: bool| {
        let words = words(&found(client, ISSUER, none));
        words.into_iter().filter(|word| !["client-enabled", "auth0-ready"].contains(word)).collect::<Vec<_>>()
    };
    assert_eq!(renewal(&page(|_| ()), false), ["same-site", "frame-works", "refresh-works", "window-works"], "lax is enough on one site");
    assert_eq!(renewal(&abroad(|_| ()), true), ["cross-site", "frame-limited", "refresh-works", "window-works"]);
    assert_eq!(renewal(&abroad(|_| ()), false), ["cross-site", "frame-without-cookie", "refresh-works", "window-works"]);
    assert_eq!(renewal(&abroad(without_refresh), true), ["cross-site", "frame-limited", "not-silent", "refresh-missing", "window-works"]);
    let foreign_page = abroad(|metadata| metadata.frontchannel_logout_uri = Some(LogoutUri::parse("https://app.example.org/out").unwrap()));
    assert_eq!(renewal(&foreign_page, true).last(), Some(&"frontchannel-cross-site"));
    let at_home = page(|metadata| {
        metadata.redirect_uris = uris(&["http://localhost:3000"]);
        metadata.web_origins = origins(&["http://localhost:3000"]);
    });
    assert_eq!(renewal(&at_home, true), ["cross-site", "redirect-local", "frame-limited", "refresh-works", "window-works"]);
    let developed = words(&found(&at_home, "http://localhost:8080/", true));
    assert!(developed.contains(&"same-site") && !developed.contains(&"redirect-local"), "{developed:?}");
}

#[test]
fn other_kinds_hear_what_concerns_them() {
    let web = client(ClientKind::Web, |metadata| {
        metadata.redirect_uris = uris(&["https://site.example.org/cb"]);
        metadata.first_party = true;
    });
    assert_eq!(told(&web, ISSUER), ["cross-site", "frame-limited"], "no CORS, no auth0-spa-js");
    let without_secret = Client { secret_digest: None, ..web };
    assert_eq!(told(&without_secret, ISSUER), ["secret-missing", "cross-site", "frame-limited"]);
    let native = client(ClientKind::Native, |metadata| metadata.redirect_uris = uris(&["http://127.0.0.1/callback"]));
    assert_eq!(words(&found(&native, ISSUER, true)), ["client-enabled", "refresh-works", "consent-first"]);
    let machine = client(ClientKind::Machine, |_| ());
    assert_eq!(words(&found(&machine, ISSUER, true)), ["client-enabled", "client-without-users"]);
}

#[test]
fn a_token_that_is_always_about_to_end() {
    let (client, reach) = (page(|_| ()), Reach::default());
    let told = |access_token| {
        let found = diagnose(&ClientFacts { client: &client, issuer: ISSUER, cookie_in_foreign_frames: true, access_token, reach: &reach });
        words(&found).contains(&"access-token-short")
    };
    assert_eq!([60, 61].map(|seconds| told(Lifetime::seconds(seconds))), [true, false]);
}

/// What is to be changed is said for the place where the client is declared, and lists are named whole.
#[test]
fn the_change_is_one_that_can_be_made() {
    let page = page(|metadata| metadata.redirect_uris = uris(&["https://app.example.com/cb", "https://beta.example.com/cb"]));
    let change = |client: &Client| found(client, ISSUER, true).into_iter().find(|finding| finding.code == Code::WebOriginMissing).unwrap().change.unwrap();
    assert_eq!(change(&page), "gatekey client update app --web-origin https://app.example.com --web-origin https://beta.example.com");
    let declared = Client { managed_by_file: true, ..page };
    assert_eq!(change(&declared), r#"in gatekey.toml, in the client app: web_origins = ["https://app.example.com", "https://beta.example.com"]"#);
}

/// A command is there to be copied: what is registered stands in it as one word, and runs nothing.
#[test]
fn a_command_is_safe_to_copy() {
    for (text, expected) in [
        ("https://app.example.com:8443/a-b_c.d~e@f%20+g=h,i", "https://app.example.com:8443/a-b_c.d~e@f%20+g=h,i"),
        ("https://app.example.com/cb?a=1&b=$(id)", "'https://app.example.com/cb?a=1&b=$(id)'"),
        ("https://app.example.com/;ls", "'https://app.example.com/;ls'"),
        ("https://app.example.com/it's", r"'https://app.example.com/it'\''s'"),
        ("openid profile", "'openid profile'"),
        ("", "''"),
    ] {
        assert_eq!(word(text), expected);
    }
    let change = |client: &Client, code| found(client, ISSUER, true).into_iter().find(|finding| finding.code == code).unwrap().change.unwrap();
    let one = page(|metadata| metadata.redirect_uris = uris(&["https://app.example.com/cb?a=$(id)&b"]));
    assert!(change(&one, Code::Auth0BareOrigin).ends_with("--redirect-uri 'https://app.example.com/cb?a=$(id)&b' --redirect-uri https://app.example.com"));
    let other = page(|metadata| metadata.scope = Scope::parse("openid a$(id)`id`").unwrap());
    assert!(change(&other, Code::OfflineAccessMissing).ends_with("--scope 'a$(id)`id` offline_access openid'"));
}

proptest! {
    /// Of every page it is said once on which site it is, and, if frames are allowed, once what a frame does there; it is `not-silent` exactly when neither a frame nor a
    /// refresh token works in every browser.
    #[test]
    fn every_page_is_judged_once(hosts in prop::collection::btree_set(0usize..5, 1..5), framed in any::<bool>(), refresh in any::<bool>(), none in any::<bool>()) {
        const HOSTS: [&str; 5] = ["https://id.example.com", "https://app.example.com", "https://example.com:8443", "https://app.example.org", "http://localhost:3000"];
        let chosen: Vec<&str> = hosts.into_iter().map(|host| HOSTS[host]).collect();
        let client = page(|metadata| {
            metadata.redirect_uris = uris(&chosen);
            metadata.web_origins = origins(&chosen);
            metadata.may_be_framed = framed;
            if !refresh {
                metadata.grant_types = vec![GrantType::AuthorizationCode];
            }
        });
        let words = words(&found(&client, ISSUER, none));
        let count = |wanted: &[&str]| words.iter().filter(|word| wanted.contains(word)).count();
        let abroad = chosen.iter().filter(|host| !host.contains("example.com")).count();
        prop_assert_eq!((count(&["same-site"]), count(&["cross-site"])), (chosen.len() - abroad, abroad));
        prop_assert_eq!(count(&["frame-works", "frame-limited", "frame-without-cookie"]), if framed { chosen.len() } else { 0 });
        let stuck = if framed { abroad } else { chosen.len() };
        prop_assert_eq!(count(&["not-silent"]), if refresh { 0 } else { stuck });
    }
}
