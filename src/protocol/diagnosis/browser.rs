//! A page of an application in a browser that is open at it (`/diagnose`): what the server sees of the request, and what only the browser sees.
//!
//! It is read by anybody who knows a `client_id`. So nothing here names what the application is registered with, who else there is, or
//! where the server runs: only whether what the request itself brought is right.

use chrono::TimeDelta;
use url::Url;

use super::client::{frame, how_near, is_web_origin};
use super::server::{difference, skew};
use super::{Code, Finding};
use crate::domain::client::Client;
use crate::domain::clock::Timestamp;
use crate::domain::site::nearness;

/// What the server sees of a request for the page.
#[derive(Debug, Clone)]
pub struct PageFacts<'a> {
    pub client: &'a Client,
    /// The issuer, byte for byte.
    pub issuer: &'a str,
    /// Whether the session's cookie is `SameSite=None`, so that it may travel in a frame of another site.
    pub cookie_in_foreign_frames: bool,
    /// The origin of the application's page, if the request says it.
    pub origin: Option<&'a str>,
    pub arrived: Arrived<'a>,
}

/// What proxies made of the request on its way.
#[derive(Debug, Clone, Default)]
pub struct Arrived<'a> {
    /// `Host`, or what HTTP/2 has in its place.
    pub host: Option<&'a str>,
    pub forwarded_host: Option<&'a str>,
    pub forwarded_proto: Option<&'a str>,
    pub forwarded_for: bool,
    /// Whether it came from an address in `trust_proxy`; unknown over a Unix socket.
    pub from_trusted: Option<bool>,
}

/// The application and its page.
pub fn page(facts: &PageFacts<'_>) -> Vec<Finding> {
    let (client, metadata) = (facts.client, &facts.client.metadata);
    let mut found = vec![Finding::new(Code::ClientEnabled, format!("the client {} is enabled", client.id))];
    let Some(origin) = facts.origin else {
        let text = "which page opened this one is not known: the browser did not say";
        found.push(
            Finding::new(Code::OriginUnknown, text).change("open it from the application, by a link or in a frame, or add &origin=https://… to the address"),
        );
        return found;
    };
    if is_web_origin(metadata, origin) {
        found.push(Finding::new(Code::OriginRegistered, format!("{origin} is registered for this client")));
    } else {
        let text = format!(
            "{origin} is not in `web_origins`: pages there cannot read what the token endpoint answers (CORS), hold no frame of this server, and no storage access is asked for"
        );
        found.push(Finding::new(Code::WebOriginMissing, text).change(format!("if it is the application's, add \"{origin}\" to the client's `web_origins`")));
    }
    let near = nearness(origin, facts.issuer);
    found.push(how_near(origin, facts.issuer, near));
    if !metadata.may_be_framed {
        let text = "`may_be_framed` is false: silent requests from a frame are answered `interaction_required`";
        found.push(
            Finding::new(Code::FramesRefused, text)
                .change("that is safest if it renews by refresh token; if it is to renew in a frame, set the client's `may_be_framed` to true"),
        );
    } else if is_web_origin(metadata, origin) {
        found.push(frame(metadata, facts.cookie_in_foreign_frames, origin, near));
    }
    found
}

/// Host and port of the issuer, as a browser writes them in `Host`.
fn authority(issuer: &str) -> Option<String> {
    Url::parse(issuer).ok().map(|url| url[url::Position::BeforeHost..url::Position::AfterPort].to_owned())
}

/// The way here: what arrived against what the issuer is. What arrived is not told: it may be the name of a machine behind the proxy.
pub fn way(facts: &PageFacts<'_>) -> Vec<Finding> {
    let arrived = &facts.arrived;
    let https = facts.issuer.starts_with("https:");
    let mut found = Vec::new();
    let default_port = |host: &str| host.strip_suffix(if https { ":443" } else { ":80" }).unwrap_or(host).to_ascii_lowercase();
    let host = arrived.forwarded_host.and_then(|hosts| hosts.split(',').next()).or(arrived.host).map(|host| default_port(host.trim()));
    if host.is_some() && host != authority(facts.issuer) {
        let text = "the request arrived under another host name than the issuer's: a proxy rewrites `Host`, or the browser is at another address";
        found.push(Finding::new(Code::HostDiffers, text).change(
            "nothing, if the browser is at the issuer's address (see below): Gatekey goes by neither `Host` nor `X-Forwarded-Host`; the server's log has the names that arrived",
        ));
    }
    if let Some(proto) = arrived.forwarded_proto.and_then(|protos| protos.split(',').next()).map(str::trim)
        && !proto.eq_ignore_ascii_case(if https { "https" } else { "http" })
    {
        let text =
            format!("the proxy says that it was asked over another scheme (`X-Forwarded-Proto`) than the issuer's, {}", if https { "https" } else { "http" });
        found.push(
            Finding::new(Code::SchemeDiffers, text)
                .change("let the proxy answer over the issuer's scheme only, or say what it was asked over; Gatekey does not read the header"),
        );
    }
    if https {
        match (arrived.from_trusted, arrived.forwarded_for) {
            (Some(false), _) => {
                let text = "the request came from an address that is not in `trust_proxy`: if that is the proxy's, the server takes all visitors for one";
                let change = "add the proxy's address to `trust_proxy`, and let the proxy send X-Forwarded-For";
                found.push(Finding::new(Code::ProxyNotTrusted, text).change(change));
            }
            (Some(true), false) => {
                let text = "the proxy does not say whom it was asked by: the server takes all visitors for one";
                found.push(Finding::new(Code::ForwardedForMissing, text).change("let the proxy send X-Forwarded-For, with the visitor's address at its end"));
            }
            (Some(true), true) | (None, _) => {}
        }
    }
    if found.is_empty() {
        found.push(Finding::new(Code::ArrivesUnchanged, "the request arrived under the issuer's own name, and from where it may"));
    }
    found
}

/// What only the browser knows, as the page's script tells it, and what came with that request.
#[derive(Debug, Clone, Default)]
pub struct BrowserFacts<'a> {
    /// Where the browser finds the server: the address of the page, up to its last slash.
    pub seen: Option<&'a str>,
    /// By the browser's clock.
    pub asked_at: Option<Timestamp>,
    pub framed: bool,
    /// Whether a session's cookie came; whoever it is.
    pub cookie: bool,
    /// `document.hasStorageAccess()`; `None`: the browser has no such thing.
    pub access: Option<bool>,
    /// `Sec-Fetch-Storage-Access: inactive`: the cookies are kept back, and the user has allowed them.
    pub inactive: bool,
    pub fedcm: Fedcm,
    pub headers: FramingHeaders<'a>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fedcm {
    #[default]
    Missing,
    /// In a frame that was not given `allow="identity-credentials-get"`.
    NotAllowed,
    Available,
}

/// The headers of the page that say who may hold it in a frame, as the browser got them.
#[derive(Debug, Clone, Default)]
pub struct FramingHeaders<'a> {
    pub frame_options: Option<&'a str>,
    pub policy: Option<&'a str>,
    pub opener_policy: Option<&'a str>,
}

/// This browser. `now` is the server's.
pub fn browser(page: &PageFacts<'_>, facts: &BrowserFacts<'_>, now: Timestamp) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(facts.seen.map(|seen| address(page.issuer, seen)));
    found.extend(facts.asked_at.map(|asked_at| clock(asked_at, now)));
    found.push(framing(page, &facts.headers));
    found.extend(cookies(facts));
    found.push(match facts.fedcm {
        Fedcm::Available | Fedcm::NotAllowed if !page.client.metadata.fedcm => {
            Finding::new(Code::FedcmNotRegistered, "this browser has FedCM, but the client may not use it")
                .change("if it is to renew by FedCM, set the client's `fedcm` to true")
        }
        Fedcm::Available => Finding::new(Code::FedcmAvailable, "this browser has FedCM"),
        Fedcm::NotAllowed => Finding::new(Code::FedcmNotAllowed, "this browser has FedCM, but this frame may not use it")
            .change("give the frame allow=\"identity-credentials-get\"; the application's own page needs nothing"),
        Fedcm::Missing => Finding::new(Code::FedcmMissing, "this browser has no FedCM, or not at this page").change("renew in another way in this browser"),
    });
    found
}

fn address(issuer: &str, seen: &str) -> Finding {
    if seen.trim_end_matches('/') == issuer.trim_end_matches('/') {
        return Finding::new(Code::AddressAgrees, format!("this browser is at the issuer's address, {issuer}"));
    }
    let text = format!("this browser finds the server at {seen}, but it answers as the issuer {issuer}: {}", difference(seen, issuer));
    Finding::new(Code::IssuerMismatch, text)
        .change("let browsers and applications use the issuer's address only, by a redirect of the proxy, or correct `issuer`: cookies are kept for one address, and `iss` is compared byte for byte")
}

fn clock(asked_at: Timestamp, now: Timestamp) -> Finding {
    let ahead = asked_at.signed_duration_since(now);
    let (by, which) = if ahead > TimeDelta::zero() { (ahead, "ahead of") } else { (-ahead, "behind") };
    let code = skew(by);
    if code == Code::ClockAgrees {
        return Finding::new(code, "the clocks of this browser and of the server agree");
    }
    let text = format!("the clock of this browser is {} s {which} the server's: libraries in it may refuse the server's tokens", by.num_seconds());
    Finding::new(code, text).change("set the clock of the device, and let NTP set the server's; libraries can be given a leeway")
}

/// What the page was sent with, against what the browser got.
fn framing(page: &PageFacts<'_>, got: &FramingHeaders<'_>) -> Finding {
    let holder = page.origin.filter(|origin| page.client.metadata.may_be_framed && is_web_origin(&page.client.metadata, origin));
    let ancestors = |policy: &str| {
        let directive = policy.split(';').map(str::trim).find_map(|directive| directive.strip_prefix("frame-ancestors "))?;
        Some(directive.trim().to_owned())
    };
    let expected = holder.unwrap_or("'none'");
    let wrong = match (got.frame_options, got.policy) {
        (_, None) => Some("takes `Content-Security-Policy` away".to_owned()),
        (_, Some(policy)) if policy.contains(',') => Some("adds a second `Content-Security-Policy`, and browsers obey both".to_owned()),
        (_, Some(policy)) if ancestors(policy).as_deref() != Some(expected) => Some("changes `frame-ancestors` in `Content-Security-Policy`".to_owned()),
        (Some(options), _) if holder.is_some() => Some(format!("adds `X-Frame-Options: {options}`, which keeps silent answers out of frames")),
        _ if got.opener_policy.is_some() => Some("adds `Cross-Origin-Opener-Policy`, which cuts windows off from the application that opened them".to_owned()),
        _ => None,
    };
    match wrong {
        Some(wrong) => Finding::new(Code::FramingHeadersChanged, format!("something between the server and this browser {wrong}"))
            .change("let the proxy, or the extension, pass these headers on as the server sends them"),
        None => Finding::new(Code::FramingHeadersAgree, format!("who may hold a frame reaches this browser as it was sent: {expected}")),
    }
}

fn cookies(facts: &BrowserFacts<'_>) -> Vec<Finding> {
    let here = if facts.framed { "in this frame" } else { "in this window" };
    if facts.cookie {
        let mut found = vec![Finding::new(Code::CookieArrives, format!("the session's cookie comes {here}"))];
        found.extend((!facts.framed).then(not_tried));
        return found;
    }
    if !facts.framed {
        let text = "no session's cookie comes in this window: nobody is signed in in this browser, or it keeps all cookies back";
        return vec![Finding::new(Code::CookieAbsent, text).change("sign in in this browser, and load this page again"), not_tried()];
    }
    if facts.inactive {
        let text = "the browser keeps cookies back from this frame, and the user has given this page storage access: silent requests are asked for twice by themselves, and renew";
        return vec![Finding::new(Code::StorageAccessGiven, text)];
    }
    vec![match facts.access {
        Some(true) => Finding::new(Code::CookieAbsent, "cookies pass in this frame, but none of a session comes: nobody is signed in in this browser")
            .change("sign in in this browser, and load this page again"),
        Some(false) => Finding::new(
            Code::CookiesBlocked,
            "this browser keeps cookies back from this frame (third-party cookies), and has no storage access for it: silent requests hear `login_required`",
        )
        .change("renew by refresh token, serve both below one domain, or ask the user for storage access by the page /storage-access, which takes one click"),
        None => Finding::new(Code::StorageAccessUnsupported, "no session's cookie comes in this frame, and the browser has no Storage Access API to say why")
            .change("sign in in this browser and load this page again; if it stays so, renew by refresh token"),
    }]
}

fn not_tried() -> Finding {
    Finding::new(Code::FrameNotTried, "in a window of its own every browser sends the cookies: what it does in a frame is not seen here")
        .change("put this page's address into a frame of the application, and read it there")
}

#[cfg(test)]
mod tests;
