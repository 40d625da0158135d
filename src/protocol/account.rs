//! What the user's own page shows of the tree: what could still be used is there, what could not is not. Judged as it is when it is used,
//! so the page and the other endpoints never disagree.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::Value;

use crate::domain::acr::Acr;
use crate::domain::client::Client;
use crate::domain::client_session::ClientSession;
use crate::domain::clock::Timestamp;
use crate::domain::consent::Consent;
use crate::domain::event::{Actor, Event, EventKind, Object};
use crate::domain::id::{ClientId, EventId, GrantId, SessionId, UserId};
use crate::domain::lifetime::Limits;
use crate::domain::refresh_family::RefreshFamily;
use crate::domain::scope::{OFFLINE_ACCESS, Scope};
use crate::domain::session::{EndReason, Session};
use crate::domain::tenure::Tenure;
use crate::domain::user::User;
use crate::protocol::session::{Deadlines, judge};
use crate::protocol::token::outlives_session;
use crate::protocol::token::refresh_token::{Facts, usable};

/// How long a sign-in proves who is there, for what must not be done by whoever finds a browser open (OWASP ASVS 5.0 §7.5.1, §7.5.3).
pub const PROOF_LASTS: TimeDelta = TimeDelta::minutes(10);

/// Whether the user has proved lately who they are.
pub fn is_proved(session: &Session, now: Timestamp) -> bool {
    proves(session.auth_time, now)
}

/// Whether a sign-in at `auth_time` still proves who is there.
pub fn proves(auth_time: Timestamp, now: Timestamp) -> bool {
    now.signed_duration_since(auth_time) < PROOF_LASTS
}

/// Where a user is signed in.
#[derive(Debug, Clone)]
pub struct Place {
    pub session: Session,
    pub deadlines: Deadlines,
    /// The applications seen in it, the last used first.
    pub clients: Vec<ClientId>,
}

/// An application that can do something in the user's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    pub client_id: ClientId,
    /// What it may do.
    pub scope: Scope,
    /// Whether it may while the user is away.
    pub offline: bool,
    /// When the user last said yes; of an application that need not ask, when it was first used of what is there.
    pub since: Timestamp,
    /// `None`: nothing that it was given is in use.
    pub last_used_at: Option<Timestamp>,
}

/// A family with what it hangs on.
pub struct FamilyOf<'a> {
    pub family: &'a RefreshFamily,
    pub session: Option<&'a Session>,
    pub client_session: Option<&'a ClientSession>,
    /// Of its client.
    pub tenure: &'a Tenure,
}

/// What is known of a user. Clients are those that the rest names; what is of a client that is not among them is left out.
pub struct Known<'a> {
    pub user: &'a User,
    pub sessions: &'a [Session],
    pub client_sessions: &'a [ClientSession],
    pub families: &'a [FamilyOf<'a>],
    pub consents: &'a [Consent],
    pub clients: &'a BTreeMap<ClientId, &'a Client>,
    /// The limits in force for this user, signed in like that: at an application, or where none asks.
    pub limits: &'a dyn Fn(Option<&ClientId>, Acr) -> Limits,
}

/// The sessions that can be used, in the order they came.
pub fn places(known: &Known<'_>, now: Timestamp) -> Vec<Place> {
    let place = |session: &Session| {
        let deadlines = judge(session, known.user, None, &(known.limits)(None, session.acr), now).ok()?;
        let mut seen: Vec<&ClientSession> =
            known.client_sessions.iter().filter(|seen| seen.session_id == session.id && lives(known, session, seen, now)).collect();
        seen.sort_by_key(|seen| std::cmp::Reverse(seen.last_used_at));
        Some(Place { session: session.clone(), deadlines, clients: seen.into_iter().map(|seen| seen.client_id.clone()).collect() })
    };
    known.sessions.iter().filter_map(place).collect()
}

fn lives(known: &Known<'_>, session: &Session, client_session: &ClientSession, now: Timestamp) -> bool {
    let limits = (known.limits)(Some(&client_session.client_id), session.acr);
    known.clients.contains_key(&client_session.client_id)
        && client_session.ended.is_none()
        && judge(session, known.user, Some(client_session), &limits, now).is_ok()
}

/// One application's part of what is there.
#[derive(Default)]
struct Part {
    scope: Scope,
    offline: bool,
    began: Option<Timestamp>,
    used: Option<Timestamp>,
}

impl Part {
    fn seen(&mut self, began: Timestamp, used: Timestamp) {
        self.began = Some(self.began.map_or(began, |earlier| earlier.min(began)));
        self.used = Some(self.used.map_or(used, |later| later.max(used)));
    }
}

/// The applications that the user has allowed something, or that have something which can be used; the last used first.
pub fn accesses(known: &Known<'_>, now: Timestamp) -> Vec<Access> {
    let mut parts: BTreeMap<&ClientId, Part> = BTreeMap::new();
    for client_session in known.client_sessions {
        let session = known.sessions.iter().find(|session| session.id == client_session.session_id);
        if session.is_some_and(|session| lives(known, session, client_session, now)) {
            parts.entry(&client_session.client_id).or_default().seen(client_session.created_at, client_session.last_used_at);
        }
    }
    for of in known.families {
        let Some(client) = known.clients.get(&of.family.client_id) else { continue };
        // As they are where the family is used: by the session it hangs on, or where that is gone, by the sign-in it was granted in.
        let limits = (known.limits)(Some(&client.id), of.session.map_or(of.family.grant.acr, |session| session.acr));
        let consent = known.consents.iter().find(|consent| consent.client_id == client.id);
        let facts = Facts { family: of.family, user: Some(known.user), session: of.session, client_session: of.client_session, consent, tenure: of.tenure };
        if usable(&facts, client, &limits, now).is_ok() {
            let part = parts.entry(&of.family.client_id).or_default();
            part.seen(of.family.created_at, of.family.last_used_at);
            part.scope = part.scope.union(&of.family.grant.scope);
            part.offline |= outlives_session(&of.family.grant, client);
        }
    }
    for consent in known.consents {
        parts.entry(&consent.client_id).or_default();
    }
    let access = |(id, part): (&ClientId, Part)| {
        let client = known.clients.get(id)?;
        let consent = known.consents.iter().find(|consent| consent.client_id == *id);
        // What was allowed counts, also while nothing of it is in use: nobody is asked again for it. What the client may no longer
        // ask for is not there, whoever allowed it.
        let scope = consent.map_or(part.scope, |consent| consent.scope.clone()).intersection(&client.metadata.scope);
        Some(Access {
            client_id: id.clone(),
            offline: part.offline || scope.contains(OFFLINE_ACCESS),
            scope,
            since: consent.map(|consent| consent.granted_at).or(part.began)?,
            last_used_at: part.used,
        })
    };
    let mut accesses: Vec<Access> = parts.into_iter().filter_map(access).collect();
    accesses.sort_by_key(|access| std::cmp::Reverse(access.last_used_at));
    accesses
}

/// What of the audit trail is the user's to know.
pub const KINDS: [EventKind; 11] = [
    EventKind::LoginSucceeded,
    EventKind::SessionEnded,
    EventKind::SessionRevoked,
    EventKind::GrantEnded,
    EventKind::GrantRevoked,
    EventKind::RefreshReuseDetected,
    EventKind::CodeReplayed,
    EventKind::ConsentGranted,
    EventKind::ConsentWithdrawn,
    EventKind::UserPasswordSet,
    EventKind::UserPasswordResetStarted,
];

/// Who did something to an account, as its user is told: which administrator it was is not theirs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    User,
    Application,
    Administrator,
    /// Whoever had the link of a password reset.
    ResetLink,
    /// Because time passed, or because of what it found.
    Server,
}

impl Who {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Application => "application",
            Self::Administrator => "administrator",
            Self::ResetLink => "reset_link",
            Self::Server => "server",
        }
    }
}

/// Something that happened to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    pub id: EventId,
    pub at: Timestamp,
    pub kind: EventKind,
    pub by: Who,
    /// The application that it was about, or that did it.
    pub application: Option<ClientId>,
    pub session: Option<SessionId>,
    /// Where the request came from; not of an administrator's.
    pub network: Option<String>,
    /// Why something ended: the word of an [`EndReason`].
    pub reason: Option<String>,
}

/// An event as the user whom it concerns is told of it; `owner` says which client a grant was given to.
pub fn happened(event: &Event, user: UserId, owner: impl FnOnce(GrantId) -> Option<ClientId>) -> Happened {
    let word = |name: &str| event.detail.fields().get(name).and_then(Value::as_str);
    let named = |name: &str| word(name).and_then(|id| ClientId::parse(id).ok());
    let reason = word("reason");
    let by = match &event.actor {
        // A machine at the admin API is an application only to that.
        _ if reason == Some(EndReason::RevokedByAdmin.as_str()) => Who::Administrator,
        // A page of the application did it in the user's browser: the user need not have known.
        Actor::User(_) if event.kind == EventKind::ConsentWithdrawn && word("by") == Some("fedcm") => Who::Application,
        Actor::User(id) if *id == user => Who::User,
        Actor::User(_) | Actor::CommandLine | Actor::SettingsFile => Who::Administrator,
        Actor::Client(_) => Who::Application,
        Actor::Anybody if word("by") == Some("reset_link") => Who::ResetLink,
        Actor::Server | Actor::Anybody => Who::Server,
    };
    let by_object = match &event.object {
        Object::Client(id) => Some(id.clone()),
        _ => None,
    };
    let by_actor = match &event.actor {
        Actor::Client(id) if by == Who::Application => Some(id.clone()),
        _ => None,
    };
    let by_grant = match &event.object {
        Object::Grant(id) => owner(*id),
        _ => None,
    };
    Happened {
        id: event.id,
        at: event.at,
        kind: event.kind,
        by,
        application: by_object.or(named("client")).or(named("application")).or(by_actor).or(by_grant),
        session: if let Object::Session(id) = &event.object { Some(*id) } else { None },
        network: event.network.clone().filter(|_| matches!(by, Who::User | Who::Application | Who::ResetLink)),
        reason: reason.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::client::{ClientKind, ClientMetadata};
    use crate::domain::duration::Lifetime;
    use crate::domain::session::Ended;
    use crate::protocol::session::tests::{a_client, at, session, user};
    use crate::protocol::token::refresh_token;

    fn id(text: &str) -> ClientId {
        ClientId::parse(text).unwrap()
    }

    fn client(name: &str, first_party: bool) -> Client {
        let metadata = ClientMetadata { first_party, ..ClientMetadata::defaults(ClientKind::Spa, name) };
        a_client(name, metadata)
    }

    fn by_id(clients: &[Client; 2]) -> BTreeMap<ClientId, &Client> {
        clients.iter().map(|client| (client.id.clone(), client)).collect()
    }

    fn client_session(client: &str, last_used: i64) -> ClientSession {
        ClientSession { session_id: session().id, client_id: id(client), created_at: at(0), last_used_at: at(last_used), ended: None, last_ended_at: None }
    }

    fn family(client: &str, scope: &str, last_used: i64) -> RefreshFamily {
        RefreshFamily { client_id: id(client), last_used_at: at(last_used), ..refresh_token::tests::family(scope) }
    }

    fn consent(client: &str, scope: &str) -> Consent {
        Consent { user_id: UserId(Uuid::from_u128(1)), client_id: id(client), scope: Scope::parse(scope).unwrap(), granted_at: at(5) }
    }

    #[test]
    fn a_proof_lasts_ten_minutes() {
        assert!(is_proved(&session(), at(599)) && !is_proved(&session(), at(600)));
    }

    #[test]
    fn only_what_can_be_used_is_a_place() {
        let (user, both) = (user(), [client("notes", false), client("own", true)]);
        let limits = |of: Option<&ClientId>, _| match of {
            Some(_) => Limits { client_session_idle: Lifetime::seconds(50), ..Limits::default() },
            None => Limits { session_absolute: Lifetime::seconds(150), ..Limits::default() },
        };
        let other = Session { id: SessionId(Uuid::from_u128(3)), created_at: at(-100), ..session() };
        let ended = Session { ended: Some(Ended { at: at(1), reason: EndReason::Logout }), ..session() };
        let sessions = [other.clone(), session(), ended];
        let seen = [client_session("notes", 3), client_session("own", 4), client_session("gone", 5)];
        let known = Known { user: &user, sessions: &sessions, client_sessions: &seen, families: &[], consents: &[], clients: &by_id(&both), limits: &limits };
        let shown = |now| -> Vec<(SessionId, Vec<ClientId>)> { places(&known, at(now)).into_iter().map(|place| (place.session.id, place.clients)).collect() };
        assert_eq!(shown(10), [(other.id, vec![]), (session().id, vec![id("own"), id("notes")])]);
        assert_eq!(shown(53), [(session().id, vec![id("own")])], "the other is past its limit, and so is one application");
        assert_eq!(shown(150), []);
    }

    #[test]
    fn access_is_what_was_allowed_or_what_is_in_use() {
        let (user, both, sessions) = (user(), [client("notes", false), client("own", true)], [session()]);
        let consents = [consent("notes", "openid email offline_access calendar")];
        let seen = [client_session("own", 7)];
        let family = family("own", "openid profile", 9);
        let of = FamilyOf { family: &family, session: sessions.first(), client_session: seen.first(), tenure: &Tenure::UNBROKEN };
        let known = Known {
            user: &user,
            sessions: &sessions,
            client_sessions: &seen,
            families: &[of],
            consents: &consents,
            clients: &by_id(&both),
            limits: &|_, _| Limits::default(),
        };
        let [own, notes] = accesses(&known, at(10)).try_into().unwrap();
        assert_eq!(
            (own.client_id, own.scope.to_string(), own.offline, own.since, own.last_used_at),
            (id("own"), "openid profile".into(), false, at(0), Some(at(9)))
        );
        assert_eq!((notes.client_id, notes.offline, notes.since, notes.last_used_at), (id("notes"), true, at(5), None));
        assert_eq!(notes.scope.to_string(), "email offline_access openid", "what the client may not ask for is not there");
        // When its session is over, the application that was never allowed anything has nothing.
        let left: Vec<ClientId> = accesses(&known, at(40 * 86_400)).into_iter().map(|access| access.client_id).collect();
        assert_eq!(left, [id("notes")]);
    }

    #[test]
    fn a_family_that_outlives_its_session_is_access_while_away() {
        let (user, both) = (user(), [client("notes", false), client("own", true)]);
        let clients = by_id(&both);
        let family = family("own", "openid offline_access", 9);
        let ended = Session { ended: Some(Ended { at: at(1), reason: EndReason::Logout }), ..session() };
        let of = || FamilyOf { family: &family, session: Some(&ended), client_session: None, tenure: &Tenure::UNBROKEN };
        let known =
            Known { user: &user, sessions: &[], client_sessions: &[], families: &[of()], consents: &[], clients: &clients, limits: &|_, _| Limits::default() };
        assert!(accesses(&known, at(10)).first().is_some_and(|access| access.offline));
        let changed = User { password_changed_at: at(1), ..user.clone() };
        assert_eq!(accesses(&Known { user: &changed, families: &[of()], ..known }, at(10)), []);
    }

    #[test]
    fn access_hangs_on_its_own_session_and_its_own_consent() {
        let (user, both, sessions) = (user(), [client("notes", false), client("own", true)], [session()]);
        let clients = by_id(&both);
        let elsewhere = ClientSession { session_id: SessionId(Uuid::from_u128(3)), ..client_session("own", 7) };
        let none = Known {
            user: &user,
            sessions: &sessions,
            client_sessions: &[],
            families: &[],
            consents: &[],
            clients: &clients,
            limits: &|_, _| Limits::default(),
        };
        let ids = |known: &Known<'_>| accesses(known, at(10)).into_iter().map(|access| access.client_id).collect::<Vec<_>>();
        assert_eq!(ids(&Known { client_sessions: &[elsewhere], ..none }), [], "that session is gone");
        assert_eq!(ids(&Known { client_sessions: &[client_session("own", 7)], ..none }), [id("own")]);

        let consents = [consent("own", "openid"), consent("notes", "openid email")];
        let family = family("notes", "openid email", 9);
        let of = FamilyOf { family: &family, session: sessions.first(), client_session: None, tenure: &Tenure::UNBROKEN };
        let [notes, _] = accesses(&Known { families: &[of], consents: &consents, ..none }, at(10)).try_into().unwrap();
        assert_eq!((notes.client_id, notes.last_used_at), (id("notes"), Some(at(9))));
    }

    /// An application of the operator's own needs no consent: what an older one leaves out it may have all the same.
    #[test]
    fn what_outlives_the_session_is_told_whatever_was_allowed_before() {
        let (user, both, sessions) = (user(), [client("notes", false), client("own", true)], [session()]);
        let (clients, consents, family) = (by_id(&both), [consent("own", "openid")], family("own", "openid offline_access", 9));
        let of = FamilyOf { family: &family, session: sessions.first(), client_session: None, tenure: &Tenure::UNBROKEN };
        let known = Known {
            user: &user,
            sessions: &sessions,
            client_sessions: &[],
            families: &[of],
            consents: &consents,
            clients: &clients,
            limits: &|_, _| Limits::default(),
        };
        assert!(accesses(&known, at(10)).first().is_some_and(|access| access.offline));
    }

    fn event(kind: EventKind, actor: Actor, object: Object, detail: &str) -> Event {
        Event {
            id: EventId(Uuid::from_u128(9)),
            at: at(7),
            kind,
            actor,
            network: Some("192.0.2.1".to_owned()),
            request_id: Some("r".to_owned()),
            object,
            user: Some(user().id),
            detail: crate::domain::event::Detail::from_text(detail).unwrap(),
        }
    }

    #[test]
    fn whoever_did_it_is_told_without_saying_which_administrator() {
        let (me, other, session) = (user().id, UserId(Uuid::from_u128(77)), Object::Session(session().id));
        let revoked = r#"{"reason":"revoked_by_admin"}"#;
        for (actor, detail, by, network) in [
            (Actor::User(me), "{}", Who::User, true),
            (Actor::User(other), "{}", Who::Administrator, false),
            (Actor::User(other), revoked, Who::Administrator, false),
            (Actor::Client(id("robot")), revoked, Who::Administrator, false),
            (Actor::Client(id("notes")), r#"{"reason":"revoked_by_client"}"#, Who::Application, true),
            (Actor::CommandLine, "{}", Who::Administrator, false),
            (Actor::SettingsFile, "{}", Who::Administrator, false),
            (Actor::Server, "{}", Who::Server, false),
            (Actor::Anybody, "{}", Who::Server, false),
            (Actor::Anybody, r#"{"by":"reset_link"}"#, Who::ResetLink, true),
        ] {
            let told = happened(&event(EventKind::SessionRevoked, actor.clone(), session.clone(), detail), me, |_| None);
            assert_eq!((told.by, told.network.is_some(), told.session.is_some()), (by, network, true), "{actor:?} {detail}");
            assert_eq!(told.application, (by == Who::Application).then(|| id("notes")), "{actor:?} {detail}");
        }
        let withdrawn = |by: &str| {
            let told = event(EventKind::ConsentWithdrawn, Actor::User(me), Object::Client(id("notes")), &format!(r#"{{"by":"{by}","application":"page"}}"#));
            happened(&told, me, |_| None)
        };
        assert_eq!((withdrawn("account_page").by, withdrawn("fedcm").by), (Who::User, Who::Application));
        assert_eq!(withdrawn("account_api").application, Some(id("notes")), "whose access it was");
    }

    #[test]
    fn the_application_is_told_from_wherever_it_is_known() {
        let (me, grant) = (user().id, GrantId(Uuid::from_u128(5)));
        let of = |actor: Actor, object: Object, detail: &str| {
            happened(&event(EventKind::GrantEnded, actor, object, detail), me, |found| (found == grant).then(|| id("notes"))).application
        };
        assert_eq!(of(Actor::Server, Object::Grant(grant), r#"{"client":"page"}"#), Some(id("page")));
        assert_eq!(of(Actor::Server, Object::Grant(grant), "{}"), Some(id("notes")));
        assert_eq!(of(Actor::Client(id("own")), Object::Grant(grant), "{}"), Some(id("own")));
        assert_eq!(of(Actor::User(me), Object::Session(session().id), r#"{"application":"page"}"#), Some(id("page")));
        assert_eq!(of(Actor::User(me), Object::User(me), r#"{"client":7}"#), None);
        let told = happened(&event(EventKind::SessionEnded, Actor::Server, Object::Session(session().id), r#"{"reason":"expired_idle"}"#), me, |_| None);
        assert_eq!((told.reason.as_deref(), told.at, told.kind), (Some("expired_idle"), at(7), EventKind::SessionEnded));
        let words = [Who::User, Who::Application, Who::Administrator, Who::ResetLink, Who::Server].map(Who::as_str);
        assert_eq!(words, ["user", "application", "administrator", "reset_link", "server"]);
        assert!(KINDS.contains(&EventKind::UserPasswordResetStarted) && KINDS.contains(&EventKind::UserPasswordSet));
    }
}
