//! From what there is to what the page shows.

use super::JustDone;
use crate::domain::clock::Timestamp;
use crate::domain::id::ClientId;
use crate::domain::user::User;
use crate::http::authorize::in_order_of_weight;
use crate::http::pages::{Account, AccountPage, AccountRow, Ago, ApplicationCard, DeviceName, Moment, SessionCard, Told, WarningCard};
use crate::protocol::account::Place;
use crate::service::account::SignedIn;
use crate::service::account::overview::Overview;

pub(super) fn person(user: &User) -> Account<'_> {
    Account { username: &user.username, name: user.profile.name.as_deref() }
}

pub(super) fn told(done: Option<&JustDone>) -> Option<Told<'_>> {
    done.map(|done| match done {
        JustDone::SessionEnded => Told::SessionEnded,
        JustDone::OthersEnded => Told::OthersEnded,
        JustDone::Withdrawn { application } => Told::AccessWithdrawn { application },
        JustDone::PasswordChanged => Told::PasswordChanged,
    })
}

/// What stands on the page, each thing with its own card.
pub(super) struct Cards<'a> {
    pub others: &'a [AccountRow<'a>],
    /// Whether the browser may be signed in with one more account.
    pub another: bool,
    pub sessions: &'a [SessionCard<'a>],
    pub applications: &'a [ApplicationCard<'a>],
    pub warnings: &'a [WarningCard<'a>],
    pub older: Option<&'a str>,
}

impl<'a> Cards<'a> {
    pub(super) fn page(&self, csrf: &'a str, signed_in: &'a SignedIn, told: Option<Told<'a>>, first: bool, declared: bool, now: Timestamp) -> AccountPage<'a> {
        AccountPage {
            csrf,
            account: person(&signed_in.user),
            told,
            others: self.others,
            another: self.another,
            warnings: self.warnings,
            sessions: self.sessions,
            first,
            older: self.older,
            applications: self.applications,
            password_changed: Moment::of(signed_in.user.password_changed_at, now),
            password_is_own: !declared,
        }
    }
}

pub(super) fn others(others: &[SignedIn]) -> Vec<AccountRow<'_>> {
    others.iter().map(|other| AccountRow::of(&other.session.id, &other.user, false)).collect()
}

fn name<'a>(overview: &'a Overview, id: &ClientId) -> Option<&'a str> {
    overview.clients.get(id).map(|client| client.metadata.name.as_str())
}

pub(super) fn sessions<'a>(overview: &'a Overview, signed_in: &SignedIn, now: Timestamp) -> Vec<SessionCard<'a>> {
    let card = |place: &'a Place| {
        let (session, deadlines) = (&place.session, place.deadlines);
        let idle = deadlines.idle.filter(|idle| deadlines.absolute.is_none_or(|absolute| *idle < absolute));
        SessionCard {
            id: session.id.to_string(),
            device: DeviceName(session.user_agent.as_deref()),
            network: session.network.as_deref(),
            here: session.id == signed_in.session.id,
            remembered: session.remembered,
            since: Moment::of(session.created_at, now),
            last_used: Ago::between(session.last_used_at, now),
            ends: deadlines.absolute.map(|at| Moment::of(at, now)),
            ends_idle: idle.map(|at| Moment::of(at, now)),
            applications: place.clients.iter().filter_map(|id| name(overview, id)).collect(),
        }
    };
    overview.places.iter().map(card).collect()
}

pub(super) fn applications(overview: &Overview, now: Timestamp) -> Vec<ApplicationCard<'_>> {
    let cards = overview.accesses.iter().filter_map(|access| {
        let client = overview.clients.get(&access.client_id)?;
        Some(ApplicationCard {
            id: access.client_id.as_str(),
            name: &client.metadata.name,
            scopes: in_order_of_weight(&access.scope),
            first_party: client.metadata.first_party,
            offline: access.offline,
            since: Moment::of(access.since, now),
            last_used: access.last_used_at.map(|at| Ago::between(at, now)),
        })
    });
    cards.collect()
}

pub(super) fn warnings(overview: &Overview, now: Timestamp) -> Vec<WarningCard<'_>> {
    let cards = overview.warnings.iter().filter_map(|warning| {
        let application = name(overview, &warning.client_id)?;
        Some(WarningCard { application, at: Moment::of(warning.at, now), device: DeviceName(warning.user_agent.as_deref()) })
    });
    cards.collect()
}
