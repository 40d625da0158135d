//! A forgotten password: the one-time link that an administrator made opens a page on which its user sets a new one.
//!
//! The link opens nothing else: no session begins, the user signs in as always. Looking at the page uses nothing up, for what reads mail
//! before people do follows links.

use chrono::TimeDelta;

use super::known_browser::KnownBrowser;
use super::passwords::UnfitPassword;
use super::{Core, Failure, telling_end};
use crate::domain::event::{Actor, EventKind, Object};
use crate::domain::id::LinkId;
use crate::domain::secret::Secret;
use crate::domain::session::EndReason;
use crate::domain::user::User;
use crate::settings::IssuerUrl;
use crate::store::tree::{self, Node};
use crate::store::{events, one_time_links, users};

pub(crate) const PURPOSE: &str = "password_reset";

/// How long a link is good, unless somebody says otherwise.
pub const LIFETIME: TimeDelta = TimeDelta::hours(1);
/// The least and the most that may be said.
pub const SHORTEST: TimeDelta = TimeDelta::minutes(1);
pub const LONGEST: TimeDelta = TimeDelta::days(7);

/// What is handed to the user.
pub fn address(issuer: &IssuerUrl, secret: &Secret<String>) -> String {
    issuer.join(&format!("reset-password?link={}", secret.expose()))
}

/// Whose password the link would set now. `None`: it is used, expired, replaced, made up, or no password would let the user in.
pub async fn offered(core: &Core, secret: &Secret<String>) -> Result<Option<User>, Failure> {
    Ok(open_link(core, secret).await?.map(|(_, user)| user))
}

async fn open_link(core: &Core, secret: &Secret<String>) -> Result<Option<(LinkId, User)>, Failure> {
    let (now, digest) = (core.now(), secret.digest());
    let found = core.store.read(move |db| {
        let Some((link, user)) = one_time_links::find_open(db, PURPOSE, &digest, now)? else { return Ok(None) };
        Ok(users::find(db, user)?.map(|user| (link, user)))
    });
    // Of a user whose password the settings file says, it says so at each start.
    Ok(found.await?.filter(|(_, user)| user.disabled_at.is_none() && !core.declares_password_of(user)))
}

#[derive(Debug)]
pub enum Reset {
    /// It is set, and whoever was signed in is signed out. This browser is known from now on, by this value, as one that knows the password.
    Done {
        known: String,
    },
    LinkInvalid,
    Unfit(UnfitPassword),
}

/// Uses the link up and sets the password, in one transaction. Nothing is computed for who has no link that is good.
pub async fn finish(core: &Core, secret: &Secret<String>, password: Secret<String>, known: Option<&KnownBrowser>) -> Result<Reset, Failure> {
    let Some((link, user)) = open_link(core, secret).await? else { return Ok(Reset::LinkInvalid) };
    if let Err(unfit) = core.passwords.judge(&password) {
        return Ok(Reset::Unfit(unfit));
    }
    let hash = core.passwords.hash(password).await.map_err(|busy| Failure::Unavailable(busy.to_string()))?;
    let (id, now) = (user.id, core.now());
    let occasion = core.occasion(Actor::Anybody, now);
    let done = core.store.write_at_length(move |db| {
        // The user is held first, as whoever starts a reset or locks somebody out does it.
        let may = users::find_to_change(db, id)?.is_some_and(|user| user.disabled_at.is_none());
        if !may || !one_time_links::use_up(db, link, now)? {
            return Ok(false);
        }
        users::set_password(db, id, &hash, now)?;
        let ended = tree::end(db, &Node::User(id), EndReason::PasswordChanged, now)?;
        let event = occasion.event(EventKind::UserPasswordSet, Object::User(id)).with("by", "reset_link").with("link", link);
        events::record(db, &telling_end(event, EndReason::PasswordChanged, &ended))?;
        Ok(true)
    });
    if !done.await? {
        return Ok(Reset::LinkInvalid);
    }
    tracing::info!(event = "user.password_set", user = %id, by = "reset_link", "a user set a new password");
    Ok(Reset::Done { known: KnownBrowser::remember(core, known, core.throttle.account(&user.username), now) })
}
