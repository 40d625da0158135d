//! Events: what happened, who did it, when, from where and to what. They are written in the same unit of work as the change they
//! tell, are never changed, and never hold a secret: only what is a [`Fact`] can get into one.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::{Map, Value};

use super::acr::Acr;
use super::admin_scope::AdminRole;
use super::client::ClientMetadata;
use super::clock::Timestamp;
use super::duration::Lifetime;
use super::entropy::Entropy;
use super::group::{GroupName, Groups};
use super::id::{ClientId, EventId, GrantId, LinkId, SessionId, UserId};
use super::lifetime::LimitOverrides;
use super::scope::Scope;
use super::session::EndReason;
use super::signing_key::SigningAlg;
use super::user::User;

#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: EventId,
    pub at: Timestamp,
    pub kind: EventKind,
    pub actor: Actor,
    /// The address the request came from.
    pub network: Option<String>,
    /// The id under which the log tells more of the request.
    pub request_id: Option<String>,
    pub object: Object,
    /// Whom it concerns, whoever did it.
    pub user: Option<UserId>,
    pub detail: Detail,
}

macro_rules! vocabulary {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What happened. The words are stored and promised to others (docs/events.md): one is never renamed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $name,)*
        }

        impl EventKind {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

vocabulary! {
    /// Somebody proved who they are, and a session began or began anew.
    LoginSucceeded = "login.succeeded",
    /// So many sign-ins failed that the next ones have to wait.
    LoginLimitReached = "login.limit_reached",
    /// A session ended: by signing out, by its age, or because another one took its place.
    SessionEnded = "session.ended",
    /// Somebody ended a session, or all of a user's.
    SessionRevoked = "session.revoked",
    /// A refresh token chain that hangs on no session came to its end.
    GrantEnded = "grant.ended",
    /// Somebody, or the client itself, took a grant back.
    GrantRevoked = "grant.revoked",
    /// An old refresh token came back, and what it belonged to was ended.
    RefreshReuseDetected = "refresh.reuse_detected",
    /// An authorization code came a second time, and what the first use gave was ended.
    CodeReplayed = "code.replayed",
    ConsentGranted = "consent.granted",
    ConsentWithdrawn = "consent.withdrawn",
    UserCreated = "user.created",
    UserUpdated = "user.updated",
    UserDisabled = "user.disabled",
    UserEnabled = "user.enabled",
    UserPasswordSet = "user.password_set",
    /// Somebody made a link by which the user sets a new password.
    UserPasswordResetStarted = "user.password_reset_started",
    UserDeleted = "user.deleted",
    ClientCreated = "client.created",
    ClientUpdated = "client.updated",
    ClientDisabled = "client.disabled",
    ClientEnabled = "client.enabled",
    ClientSecretRotated = "client.secret_rotated",
    /// The secret before the present one was ended before its time.
    ClientPreviousSecretEnded = "client.previous_secret_ended",
    ClientDeleted = "client.deleted",
    KeyCreated = "key.created",
    KeyRetired = "key.retired",
    /// An application was not told of the end of a session, for so long that it is not tried any more.
    LogoutNoticeGaveUp = "logout_notice.gave_up",
    /// The limits of sessions and tokens are others now.
    LifetimePolicyChanged = "lifetime_policy.changed",
    /// A setting that may change while the server runs has another value.
    SettingChanged = "setting.changed",
    /// The first administrator was made by the link of the first start.
    SetupCompleted = "setup.completed",
    /// A start found that the database had been put back from a copy.
    DatabaseRestored = "database.restored",
}

impl EventKind {
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

/// Who did it. The words of the kinds are stored: one is never renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    User(UserId),
    Client(ClientId),
    /// Whoever may run `gatekey` on the machine.
    CommandLine,
    /// `gatekey.toml`, read at a start.
    SettingsFile,
    /// The server itself: because time passed, or because of what it found.
    Server,
    /// Somebody who had not proved who they are.
    Anybody,
}

impl Actor {
    pub const KINDS: [&str; 6] = ["user", "client", "command_line", "settings_file", "server", "anybody"];

    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Client(_) => "client",
            Self::CommandLine => "command_line",
            Self::SettingsFile => "settings_file",
            Self::Server => "server",
            Self::Anybody => "anybody",
        }
    }

    /// Which one, where there are several of a kind.
    pub fn id(&self) -> Option<String> {
        match self {
            Self::User(id) => Some(id.to_string()),
            Self::Client(id) => Some(id.to_string()),
            Self::CommandLine | Self::SettingsFile | Self::Server | Self::Anybody => None,
        }
    }

    pub fn parse(kind: &str, id: Option<&str>) -> Option<Self> {
        match (kind, id) {
            ("user", Some(id)) => id.parse().ok().map(Self::User),
            ("client", Some(id)) => ClientId::parse(id).ok().map(Self::Client),
            ("command_line", None) => Some(Self::CommandLine),
            ("settings_file", None) => Some(Self::SettingsFile),
            ("server", None) => Some(Self::Server),
            ("anybody", None) => Some(Self::Anybody),
            _ => None,
        }
    }
}

/// What it happened to. The words of the kinds are stored: one is never renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    User(UserId),
    Client(ClientId),
    Session(SessionId),
    /// What one authorization gave: a refresh token chain and its access tokens.
    Grant(GrantId),
    /// A signing key, by its `kid`.
    Key(String),
    LifetimePolicy,
    /// The issuer as a whole.
    Instance,
}

impl Object {
    pub const KINDS: [&str; 7] = ["user", "client", "session", "grant", "key", "lifetime_policy", "instance"];

    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Client(_) => "client",
            Self::Session(_) => "session",
            Self::Grant(_) => "grant",
            Self::Key(_) => "key",
            Self::LifetimePolicy => "lifetime_policy",
            Self::Instance => "instance",
        }
    }

    /// Which one, where there are several of a kind.
    pub fn id(&self) -> Option<String> {
        match self {
            Self::User(id) => Some(id.to_string()),
            Self::Client(id) => Some(id.to_string()),
            Self::Session(id) => Some(id.to_string()),
            Self::Grant(id) => Some(id.to_string()),
            Self::Key(kid) => Some(kid.clone()),
            Self::LifetimePolicy | Self::Instance => None,
        }
    }

    pub fn parse(kind: &str, id: Option<&str>) -> Option<Self> {
        match (kind, id) {
            ("user", Some(id)) => id.parse().ok().map(Self::User),
            ("client", Some(id)) => ClientId::parse(id).ok().map(Self::Client),
            ("session", Some(id)) => id.parse().ok().map(Self::Session),
            ("grant", Some(id)) => id.parse().ok().map(Self::Grant),
            ("key", Some(kid)) => Some(Self::Key(kid.to_owned())),
            ("lifetime_policy", None) => Some(Self::LifetimePolicy),
            ("instance", None) => Some(Self::Instance),
            _ => None,
        }
    }
}

/// A value that may stand in an event. To implement it for a type is to say that nothing in it is a secret; so it is not there for
/// `String`, in which anything could be, nor for [`Secret`](super::secret::Secret) and [`Digest`](super::secret::Digest):
///
/// ```compile_fail,E0277
/// use gatekey::domain::{event::Detail, secret::Secret};
/// Detail::default().with("password", Secret::new("hunter2".to_owned()));
/// ```
///
/// ```compile_fail,E0277
/// Detail::default().with("password", "hunter2".to_owned());
/// # use gatekey::domain::event::Detail;
/// ```
pub trait Fact {
    fn fact(&self) -> Value;
}

macro_rules! fact {
    ($($type:ty: $this:ident => $value:expr;)*) => {$(
        impl Fact for $type {
            fn fact(&self) -> Value {
                let $this = self;
                $value
            }
        }
    )*};
}

fact! {
    bool: this => Value::from(*this);
    u32: this => Value::from(*this);
    u64: this => Value::from(*this);
    i64: this => Value::from(*this);
    &'static str: this => Value::from(*this);
    EndReason: this => Value::from(this.as_str());
    SigningAlg: this => Value::from(this.as_str());
    Acr: this => Value::from(this.as_str());
    AdminRole: this => Value::from(this.as_str());
    Timestamp: this => Value::from(this.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
    Lifetime: this => Value::from(this.to_string());
    Scope: this => Value::from(this.to_string());
    UserId: this => Value::from(this.to_string());
    LinkId: this => Value::from(this.to_string());
    ClientId: this => Value::from(this.as_str());
    GroupName: this => Value::from(this.as_str());
    LimitOverrides: this => serde_json::to_value(this).unwrap_or_default();
    SessionId: this => Value::from(this.to_string());
    GrantId: this => Value::from(this.to_string());
    // The secret's digest is no part of the metadata.
    ClientMetadata: this => serde_json::to_value(this).unwrap_or_default();
}

/// The name of an account that is there or was, by which people find what happened to it.
#[derive(Debug, Clone, Copy)]
pub struct Username<'a>(pub &'a str);

impl Fact for Groups {
    fn fact(&self) -> Value {
        self.names().collect::<Vec<_>>().into()
    }
}

impl Fact for Username<'_> {
    fn fact(&self) -> Value {
        self.0.into()
    }
}

/// What an administrator may change of a user; the password's hash is left out.
impl Fact for User {
    fn fact(&self) -> Value {
        let profile = &self.profile;
        let mut fields = match profile.details.text().map(serde_json::from_str) {
            Some(Ok(Value::Object(details))) => details,
            _ => Map::new(),
        };
        let texts = [
            ("username", Some(&self.username)),
            ("name", profile.name.as_ref()),
            ("given_name", profile.given_name.as_ref()),
            ("family_name", profile.family_name.as_ref()),
            ("email", profile.email.as_ref()),
        ];
        fields.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?.as_str())))));
        fields.insert("email_verified".to_owned(), profile.email_verified.into());
        fields.insert("groups".to_owned(), self.groups.fact());
        fields.insert("role".to_owned(), self.role.fact());
        Value::Object(fields)
    }
}

impl<T: Fact> Fact for Option<T> {
    fn fact(&self) -> Value {
        self.as_ref().map_or(Value::Null, Fact::fact)
    }
}

impl<T: Fact> Fact for &T {
    fn fact(&self) -> Value {
        (*self).fact()
    }
}

/// A small JSON object that says more of an event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detail(Map<String, Value>);

impl Detail {
    #[must_use]
    pub fn with(mut self, name: &'static str, fact: impl Fact) -> Self {
        self.0.insert(name.to_owned(), fact.fact());
        self
    }

    /// What differs, as it was (`before`) and as it is (`after`); a field that is not there is `null`. Nothing if nothing does.
    #[must_use]
    pub fn with_changes(mut self, before: &impl Fact, after: &impl Fact) -> Self {
        let (before, after) = (before.fact(), after.fact());
        if before == after {
            return self;
        }
        let (before, after) = match (before, after) {
            (Value::Object(mut before), Value::Object(mut after)) => {
                let names: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
                for name in names {
                    if before.get(&name) == after.get(&name) {
                        before.remove(&name);
                        after.remove(&name);
                    } else {
                        before.entry(name.clone()).or_insert(Value::Null);
                        after.entry(name).or_insert(Value::Null);
                    }
                }
                (Value::Object(before), Value::Object(after))
            }
            other => other,
        };
        self.0.insert("before".to_owned(), before);
        self.0.insert("after".to_owned(), after);
        self
    }

    pub fn fields(&self) -> &Map<String, Value> {
        &self.0
    }

    /// As it is stored.
    pub fn text(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// What [`Detail::text`] wrote.
    pub fn from_text(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }
}

/// What the events of one unit of work share: who acts, when, and from where. It goes into the unit, where each event is made.
pub struct Occasion {
    pub at: Timestamp,
    pub actor: Actor,
    pub network: Option<String>,
    pub request_id: Option<String>,
    pub entropy: Arc<dyn Entropy>,
    /// How many events it has made.
    made: AtomicU16,
}

impl fmt::Debug for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Occasion").field("at", &self.at).field("actor", &self.actor).finish_non_exhaustive()
    }
}

impl Occasion {
    /// The server does something by itself, whoever's request made it look.
    pub fn of_server(at: Timestamp, entropy: &Arc<dyn Entropy>) -> Self {
        Self::new(at, Actor::Server, entropy)
    }

    /// `actor` does something, in answer to no request.
    pub fn new(at: Timestamp, actor: Actor, entropy: &Arc<dyn Entropy>) -> Self {
        Self { at, actor, network: None, request_id: None, entropy: Arc::clone(entropy), made: AtomicU16::new(0) }
    }

    pub fn event(&self, kind: EventKind, object: Object) -> Event {
        Event {
            id: EventId::generate_nth(self.at, self.made.fetch_add(1, Ordering::Relaxed), self.entropy.as_ref()),
            at: self.at,
            kind,
            actor: self.actor.clone(),
            network: self.network.clone(),
            request_id: self.request_id.clone(),
            // What happens to a user concerns that user.
            user: if let Object::User(id) = &object { Some(*id) } else { None },
            object,
            detail: Detail::default(),
        }
    }
}

impl Event {
    /// Whom it concerns.
    #[must_use]
    pub fn of(self, user: UserId) -> Self {
        Self { user: Some(user), ..self }
    }

    /// Says more of it.
    #[must_use]
    pub fn with(self, name: &'static str, fact: impl Fact) -> Self {
        Self { detail: self.detail.with(name, fact), ..self }
    }

    /// See [`Detail::with_changes`].
    #[must_use]
    pub fn with_changes(self, before: &impl Fact, after: &impl Fact) -> Self {
        Self { detail: self.detail.with_changes(before, after), ..self }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::client::ClientKind;

    /// The words are told to others, who look for them: dotted, lowercase, each once, and read back as what they were.
    #[test]
    fn the_vocabulary_is_sound() {
        let words: BTreeSet<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(words.len(), EventKind::ALL.len());
        for kind in EventKind::ALL {
            let word = kind.as_str();
            assert_eq!(EventKind::parse(word), Some(*kind));
            assert!(word.split('.').count() == 2 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'.' || b == b'_'), "{word}");
        }
    }

    #[test]
    fn actors_and_objects_are_read_back() {
        let (user, client) = (UserId(Uuid::from_u128(1)), ClientId::parse("app").unwrap());
        let actors = [Actor::User(user), Actor::Client(client.clone()), Actor::CommandLine, Actor::SettingsFile, Actor::Server, Actor::Anybody];
        assert_eq!(actors.each_ref().map(Actor::kind), Actor::KINDS);
        for actor in actors {
            assert_eq!(Actor::parse(actor.kind(), actor.id().as_deref()), Some(actor));
        }
        let objects = [
            Object::User(user),
            Object::Client(client),
            Object::Session(SessionId(Uuid::from_u128(2))),
            Object::Grant(GrantId(Uuid::from_u128(3))),
            Object::Key("kid".to_owned()),
            Object::LifetimePolicy,
            Object::Instance,
        ];
        assert_eq!(objects.each_ref().map(Object::kind), Object::KINDS);
        for object in objects {
            assert_eq!(Object::parse(object.kind(), object.id().as_deref()), Some(object));
        }
        assert_eq!((Actor::parse("user", None), Object::parse("instance", Some("x"))), (None, None));
    }

    #[test]
    fn a_change_tells_what_differs_and_nothing_else() {
        let before = ClientMetadata::defaults(ClientKind::Web, "Before");
        let after = ClientMetadata { name: "After".to_owned(), userinfo_signed_response_alg: Some(SigningAlg::Rs256), ..before.clone() };
        let told = Detail::default().with_changes(&before, &after);
        let expected = serde_json::json!({
            "before": {"name": "Before", "userinfo_signed_response_alg": null},
            "after": {"name": "After", "userinfo_signed_response_alg": "RS256"},
        });
        assert_eq!(Value::Object(told.fields().clone()), expected);
        assert_eq!(Detail::from_text(&told.text()).unwrap(), told);
        assert_eq!(Detail::default().with_changes(&before, &before), Detail::default());
    }
}
