//! An application: what it is registered with against where it runs, what its library expects, and what browsers let through.

use std::borrow::Cow;
use std::fmt::Display;

use chrono::TimeDelta;
use url::{Host, Url};

use super::{Code, Finding};
use crate::domain::client::{Client, ClientKind, ClientMetadata, GrantType};
use crate::domain::duration::Lifetime;
use crate::domain::logout_uri::LogoutUri;
use crate::domain::scope::OFFLINE_ACCESS;
use crate::domain::signing_key::SigningAlg;
use crate::domain::site::{Nearness, nearness, registrable_domain};
use crate::protocol::reach::Reach;

/// Libraries renew a token this long before its end: one that lives no longer is never good enough.
const RENEWED_BEFORE: TimeDelta = TimeDelta::seconds(60);
/// A library that lost an answer sends the same refresh token again after up to this long.
const RETRIES: TimeDelta = TimeDelta::seconds(10);

#[derive(Debug, Clone)]
pub struct ClientFacts<'a> {
    pub client: &'a Client,
    /// The issuer, byte for byte.
    pub issuer: &'a str,
    /// Whether the session's cookie is `SameSite=None`, so that it may travel in a frame of another site.
    pub cookie_in_foreign_frames: bool,
    /// How long its access tokens live, for a user in no group.
    pub access_token: Lifetime,
    /// Where logout notices may be sent.
    pub reach: &'a Reach,
}

pub fn diagnose(facts: &ClientFacts<'_>) -> Vec<Finding> {
    let (client, metadata) = (facts.client, &facts.client.metadata);
    let mut found = Vec::new();
    found.push(match client.disabled_at {
        None => Finding::new(Code::ClientEnabled, format!("the client {} is enabled", client.id)),
        Some(_) => Finding::new(Code::ClientDisabled, format!("the client {} is disabled: everything it asks for is refused", client.id))
            .change(format!("gatekey client update {} --enable", client.id)),
    });
    if !metadata.is_public() && client.secret_digest.is_none() {
        let text = "it has to prove itself by a secret, and has none: the token endpoint refuses it";
        found.push(Finding::new(Code::SecretMissing, text).change(format!("gatekey client rotate-secret {}", client.id)));
    }
    if !metadata.grant_types.contains(&GrantType::AuthorizationCode) {
        found.push(Finding::new(Code::ClientWithoutUsers, "it acts for itself: nobody signs in, and nothing is renewed silently"));
        return found;
    }
    let pages = Pages::of(facts);
    found.extend(pages.findings(facts));
    found.extend(renewal(facts, &pages));
    if metadata.kind == ClientKind::Spa {
        found.extend(auth0(facts, &pages));
    }
    found.extend(logout(facts));
    found.extend(super::fedcm::diagnose(facts));
    found
}

/// How to set something: where the client is declared.
fn set(client: &Client, in_file: impl Display, by_command: impl Display) -> String {
    if client.managed_by_file {
        format!("in gatekey.toml, in the client {}: {in_file}", client.id)
    } else {
        format!("gatekey client update {} {by_command}", client.id)
    }
}

/// A list is replaced as a whole, so all of it is named.
fn set_list(client: &Client, key: &str, flag: &str, there: impl Iterator<Item = String>, missing: &[&str]) -> String {
    let all: Vec<String> = there.chain(missing.iter().map(|one| (*one).to_owned())).collect();
    let quoted: Vec<String> = all.iter().map(|one| format!("\"{one}\"")).collect();
    let flags: Vec<String> = all.iter().map(|one| format!("{flag} {}", word(one))).collect();
    set(client, format_args!("{key} = [{}]", quoted.join(", ")), flags.join(" "))
}

/// As a shell takes it for one word. A redirect URI may have an `&` in it, or a `$(`, and the command is there to be copied.
fn word(text: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/@%+=,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) { text.into() } else { format!("'{}'", text.replace('\'', r"'\''")).into() }
}

/// The origins that the application's pages have.
struct Pages(Vec<(String, Nearness)>);

impl Pages {
    fn of(facts: &ClientFacts<'_>) -> Self {
        let metadata = &facts.client.metadata;
        let mut origins: Vec<String> = Vec::new();
        // A native application has no page of its own, whatever its redirect URI looks like.
        if matches!(metadata.kind, ClientKind::Spa | ClientKind::Web) {
            let named = metadata
                .redirect_uris
                .iter()
                .filter_map(|uri| uri.origin().map(str::to_owned))
                .chain(metadata.web_origins.iter().map(|origin| origin.as_str().to_owned()));
            for origin in named {
                if !origins.contains(&origin) {
                    origins.push(origin);
                }
            }
        }
        Self(origins.into_iter().map(|origin| (nearness(&origin, facts.issuer), origin)).map(|(near, origin)| (origin, near)).collect())
    }

    fn findings(&self, facts: &ClientFacts<'_>) -> Vec<Finding> {
        let (client, metadata) = (facts.client, &facts.client.metadata);
        let mut found = Vec::new();
        found.extend(self.0.iter().map(|(origin, near)| how_near(origin, facts.issuer, *near)));
        if metadata.kind == ClientKind::Spa {
            let missing: Vec<&str> = self.0.iter().map(|(origin, _)| origin.as_str()).filter(|origin| !is_web_origin(metadata, origin)).collect();
            for origin in &missing {
                let text = format!(
                    "{origin} is not in `web_origins`: pages there cannot read what the token endpoint answers (CORS), and no storage access is asked for"
                );
                let there = metadata.web_origins.iter().map(|origin| origin.as_str().to_owned());
                found.push(Finding::new(Code::WebOriginMissing, text).change(set_list(client, "web_origins", "--web-origin", there, &missing)));
            }
        }
        if facts.issuer.starts_with("https:") && metadata.kind != ClientKind::Native {
            for uri in metadata.redirect_uris.iter().filter(|uri| uri.as_str().starts_with("http:")) {
                let text = format!("the redirect URI {} leads to the user's own machine: whatever listens there gets codes of this client", uri.as_str());
                found.push(
                    Finding::new(Code::RedirectLocal, text)
                        .change("for development; take it away when the application is live, or give development a client of its own"),
                );
            }
        }
        found
    }
}

/// Where the application is, seen from the issuer.
pub(super) fn how_near(origin: &str, issuer: &str, near: Nearness) -> Finding {
    match near {
        Nearness::SameOrigin => Finding::new(Code::SameSite, format!("{origin} is the issuer's own origin")),
        Nearness::SameSite => Finding::new(Code::SameSite, format!("{origin} is on the issuer's site: its frames get the session's cookie in every browser")),
        Nearness::CrossSite => {
            let site = |url: &str| registrable_domain(url).unwrap_or_default();
            let (mine, issuers) = (site(origin), site(issuer));
            let why = if mine == issuers { format!("{mine}, but https and http are two sites") } else { format!("{mine} and {issuers} are two sites") };
            let text = format!("{origin} is on another site than the issuer ({why}): browsers may keep the session's cookie from its frames");
            Finding::new(Code::CrossSite, text)
                .change("serve application and issuer below one domain, such as app.example.com and id.example.com, or rely on refresh tokens")
        }
    }
}

pub(super) fn is_web_origin(metadata: &ClientMetadata, origin: &str) -> bool {
    metadata.web_origins.iter().any(|known| known.as_str() == origin)
}

/// Which ways there are to get a new token without asking the user, and what each lacks.
fn renewal(facts: &ClientFacts<'_>, pages: &Pages) -> Vec<Finding> {
    let (client, metadata) = (facts.client, &facts.client.metadata);
    let refreshes = metadata.grant_types.contains(&GrantType::RefreshToken);
    let mut found = Vec::new();
    if !metadata.may_be_framed && !pages.0.is_empty() {
        let text = "`may_be_framed` is false: silent requests from a frame are answered `interaction_required`";
        found.push(Finding::new(Code::FramesRefused, text).change(format!(
            "that is safest if it renews by refresh token; if it is to renew in a frame: {}",
            set(client, "may_be_framed = true", "--may-be-framed true")
        )));
    }
    for (origin, near) in &pages.0 {
        if metadata.may_be_framed {
            found.push(frame(metadata, facts.cookie_in_foreign_frames, origin, *near));
        }
        let everywhere = metadata.may_be_framed && *near != Nearness::CrossSite;
        if metadata.kind == ClientKind::Spa && !everywhere && !refreshes {
            let limited = metadata.may_be_framed && facts.cookie_in_foreign_frames;
            let whose = if limited { " in a browser that keeps third-party cookies back (Safari, Firefox)" } else { "" };
            let text = format!("at {origin} nothing renews silently{whose}: there is no refresh token, and no frame that works");
            found.push(Finding::new(Code::NotSilent, text).change(allow_refresh(client)));
        }
    }
    found.push(if refreshes {
        Finding::new(Code::RefreshWorks, "it may renew by refresh token, in every browser and wherever it is")
    } else {
        Finding::new(Code::RefreshMissing, "it is not registered for the grant `refresh_token`: a library that is set to use refresh tokens gets none")
            .change(allow_refresh(client))
    });
    if refreshes && !metadata.scope.contains(OFFLINE_ACCESS) {
        let text = "`offline_access` is not in its scope and is left out where it asks for it: its refresh tokens end with the session";
        let with = metadata.scope.clone().with(OFFLINE_ACCESS);
        let change = set(client, format_args!("scope = \"{with}\""), format_args!("--scope {}", word(&with.to_string())));
        found.push(Finding::new(Code::OfflineAccessMissing, text).change(format!("nothing, if that is meant; else: {change}")));
    }
    if !pages.0.is_empty() {
        found.push(Finding::new(
            Code::WindowWorks,
            "a redirect of the whole window with `prompt=none`, and a window of its own (popup, after a click), get the session's cookie in every browser",
        ));
    }
    if metadata.kind == ClientKind::Native && metadata.redirect_uris.iter().any(|uri| !uri.as_str().starts_with("https:")) {
        let text = "it is native and has a redirect URI that is not https, which another program may claim: with that one its users are asked each time, and `prompt=none` says `consent_required`";
        found.push(
            Finding::new(Code::ConsentFirst, text).change("renew by refresh token, or use an https redirect URI that the system ties to the application"),
        );
    } else if !metadata.first_party {
        let text = "it is not first-party: until a user has allowed it, `prompt=none` says `consent_required`, and the first sign-in shows the consent page";
        let change = set(client, "first_party = true", "--first-party true");
        found.push(
            Finding::new(Code::ConsentFirst, text).change(format!("send such users to a sign-in without `prompt`; if the application is your own: {change}")),
        );
    }
    if let Lifetime::Limited(lifetime) = facts.access_token
        && lifetime <= RENEWED_BEFORE
    {
        let text = format!(
            "access tokens live for {}: libraries renew them a minute before their end, so auth0-spa-js asks for a new one at every call",
            facts.access_token
        );
        found.push(
            Finding::new(Code::AccessTokenShort, text)
                .change("let `access_token` be longer than PT1M, such as PT5M: gatekey policy explain says where it comes from"),
        );
    }
    if let Lifetime::Limited(overlap) = metadata.refresh_overlap
        && refreshes
        && overlap < RETRIES
    {
        let text = format!(
            "`refresh_overlap` is {}: a second tab, or a retry after a lost answer, that comes later with the same refresh token ends the chain",
            metadata.refresh_overlap
        );
        let default = ClientMetadata::DEFAULT_REFRESH_OVERLAP;
        let change = set(client, format_args!("refresh_overlap = \"{default}\""), format_args!("--refresh-overlap {default}"));
        found.push(Finding::new(Code::RefreshOverlapShort, text).change(change));
    }
    found
}

fn allow_refresh(client: &Client) -> String {
    set(client, "grant_types = [\"authorization_code\", \"refresh_token\"]", "--grant-type authorization_code --grant-type refresh_token")
}

/// Whether a hidden frame renews there.
pub(super) fn frame(metadata: &ClientMetadata, cookie_in_foreign_frames: bool, origin: &str, near: Nearness) -> Finding {
    if near != Nearness::CrossSite {
        return Finding::new(Code::FrameWorks, format!("a hidden frame with `prompt=none` renews at {origin} in every browser"));
    }
    if !cookie_in_foreign_frames {
        let text = format!(
            "a hidden frame at {origin} never gets the session's cookie: `cookies.same_site` is \"lax\", and no storage access changes that; the answer is `login_required`"
        );
        return Finding::new(Code::FrameWithoutCookie, text).change("set `cookies.same_site` to \"none\", or renew by refresh token");
    }
    let otherwise = if is_web_origin(metadata, origin) {
        "where they are kept back, it does if the user has given the page storage access, and else hears `login_required`, at once"
    } else {
        "where they are kept back it hears `login_required`, for storage access is asked for the origins in `web_origins` only"
    };
    let text = format!("a hidden frame at {origin} renews where the browser lets third-party cookies through; {otherwise}");
    Finding::new(Code::FrameLimited, text).change("renew by refresh token, and have the frame as the second way")
}

/// What auth0-spa-js takes for granted. It is one library of many, so these are notes.
fn auth0(facts: &ClientFacts<'_>, pages: &Pages) -> Vec<Finding> {
    let (client, metadata) = (facts.client, &facts.client.metadata);
    let mut found = Vec::new();
    let alg = metadata.id_token_signed_response_alg;
    if alg != SigningAlg::Rs256 {
        let text = format!("its ID tokens are signed with {}: auth0-spa-js takes RS256 only", alg.as_str());
        found.push(
            Finding::new(Code::Auth0Algorithm, text)
                .change(format!("for that library: {}", set(client, "id_token_signed_response_alg = \"RS256\"", "--alg RS256"))),
        );
    }
    if Url::parse(facts.issuer).is_ok_and(|issuer| issuer.path() != "/") {
        let text = format!("the issuer {} has a path: auth0-spa-js asks at the root of the host only", facts.issuer);
        found.push(Finding::new(Code::Auth0IssuerPath, text).change("for that library, give the issuer a host name of its own"));
    } else if !facts.issuer.ends_with('/') {
        let text = format!("the issuer {} does not end with a slash: auth0-spa-js expects one in `iss`", facts.issuer);
        found.push(
            Finding::new(Code::Auth0IssuerSlash, text)
                .change("for that library, set its option `issuer` to the issuer as it is, if that is https; or let `issuer` end with `/`, which voids refresh tokens and cookies of the old one"),
        );
    }
    let bare = |origin: &&str| !metadata.redirect_uris.iter().any(|uri| uri.as_str() == *origin);
    let missing: Vec<&str> = pages.0.iter().map(|(origin, _)| origin.as_str()).filter(bare).collect();
    if !missing.is_empty() {
        let text = format!(
            "not a redirect URI: {}; auth0-spa-js uses the bare origin for silent requests and windows when `redirect_uri` is not set",
            missing.join(", ")
        );
        let there = metadata.redirect_uris.iter().map(|uri| uri.as_str().to_owned());
        let change = set_list(client, "redirect_uris", "--redirect-uri", there, &missing);
        found.push(Finding::new(Code::Auth0BareOrigin, text).change(format!("for that library, set `authorizationParams.redirect_uri`, or: {change}")));
    }
    if found.is_empty() {
        found.push(Finding::new(Code::Auth0Ready, "auth0-spa-js finds what it takes for granted"));
    }
    found
}

fn logout(facts: &ClientFacts<'_>) -> Vec<Finding> {
    let metadata = &facts.client.metadata;
    let backchannel = metadata.backchannel_logout_uri.as_ref().and_then(|uri| backchannel(facts, uri));
    let frontchannel = metadata.frontchannel_logout_uri.as_ref().filter(|uri| nearness(uri.as_str(), facts.issuer) == Nearness::CrossSite).map(|uri| {
        let text = format!("the front-channel logout page {} is framed on another site: where third-party cookies are kept back it finds none of its own cookies, and can end nothing", uri.as_str());
        Finding::new(Code::FrontchannelCrossSite, text).change("hear of it from server to server (`backchannel_logout_uri`), or let the check-session frame notice")
    });
    backchannel.into_iter().chain(frontchannel).collect()
}

fn backchannel(facts: &ClientFacts<'_>, uri: &LogoutUri) -> Option<Finding> {
    let url = Url::parse(uri.as_str()).ok()?;
    if url.scheme() == "http" && !facts.reach.development {
        let text = format!("the back-channel logout URI {} is plain http: nothing is sent there", uri.as_str());
        return Some(Finding::new(Code::BackchannelCleartext, text).change("register an https address"));
    }
    // A name is judged when something is sent, by the addresses that it has then.
    let refused = match url.host()? {
        Host::Ipv4(address) => !facts.reach.allows(address.into()),
        Host::Ipv6(address) => !facts.reach.allows(address.into()),
        Host::Domain(name) => (name == "localhost" || name.ends_with(".localhost")) && !facts.reach.allows(std::net::Ipv4Addr::LOCALHOST.into()),
    };
    refused.then(|| {
        let text = format!("the back-channel logout URI {} is no public address: nothing is sent there", uri.as_str());
        Finding::new(Code::BackchannelNotAllowed, text).change("if the address is yours, list it in `logout.allow_networks`")
    })
}

#[cfg(test)]
mod tests;
