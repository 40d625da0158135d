//! How long things last: the limits in force, and what may be put over them.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::duration::Lifetime;

/// One of the limits, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    SessionAbsolute,
    SessionIdle,
    UnrememberedAbsolute,
    UnrememberedIdle,
    ClientSessionAbsolute,
    ClientSessionIdle,
    RefreshAbsolute,
    RefreshIdle,
    AccessToken,
    IdToken,
    Code,
}

impl Limit {
    pub const ALL: [Self; 11] = [
        Self::SessionAbsolute,
        Self::SessionIdle,
        Self::UnrememberedAbsolute,
        Self::UnrememberedIdle,
        Self::ClientSessionAbsolute,
        Self::ClientSessionIdle,
        Self::RefreshAbsolute,
        Self::RefreshIdle,
        Self::AccessToken,
        Self::IdToken,
        Self::Code,
    ];

    /// As it is written in settings, commands and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SessionAbsolute => "session_absolute",
            Self::SessionIdle => "session_idle",
            Self::UnrememberedAbsolute => "unremembered_absolute",
            Self::UnrememberedIdle => "unremembered_idle",
            Self::ClientSessionAbsolute => "client_session_absolute",
            Self::ClientSessionIdle => "client_session_idle",
            Self::RefreshAbsolute => "refresh_absolute",
            Self::RefreshIdle => "refresh_idle",
            Self::AccessToken => "access_token",
            Self::IdToken => "id_token",
            Self::Code => "code",
        }
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|limit| limit.as_str() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::as_str).collect();
            format!("there is no limit `{text}`: they are {}", names.join(", "))
        })
    }
}

/// The limits in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub session_absolute: Lifetime,
    pub session_idle: Lifetime,
    /// Of a session that the browser is not to remember: the shorter of these and those above counts.
    pub unremembered_absolute: Lifetime,
    pub unremembered_idle: Lifetime,
    pub client_session_absolute: Lifetime,
    pub client_session_idle: Lifetime,
    pub refresh_absolute: Lifetime,
    pub refresh_idle: Lifetime,
    pub access_token: Lifetime,
    pub id_token: Lifetime,
    /// At most 60 seconds (FAPI 2.0 §5.3.2.1-11).
    pub code: Lifetime,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            session_absolute: Lifetime::seconds(30 * 86_400),
            session_idle: Lifetime::seconds(14 * 86_400),
            unremembered_absolute: Lifetime::seconds(86_400),
            unremembered_idle: Lifetime::seconds(2 * 3600),
            client_session_absolute: Lifetime::Unlimited,
            client_session_idle: Lifetime::Unlimited,
            refresh_absolute: Lifetime::seconds(90 * 86_400),
            refresh_idle: Lifetime::seconds(30 * 86_400),
            access_token: Lifetime::seconds(600),
            id_token: Lifetime::seconds(600),
            code: Lifetime::seconds(60),
        }
    }
}

/// Limits that somebody sets for one client or in one rule; what is absent comes from elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitOverrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_absolute: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_idle: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unremembered_absolute: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unremembered_idle: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_session_absolute: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_session_idle: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_absolute: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_idle: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Lifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Lifetime>,
}

/// Why a limit cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLimit {
    #[error("it would end as it begins: write a duration such as `PT8H`")]
    Zero,
    /// `exp` is required in both (RFC 9068 §2.2, OIDC Core §2), and a key could never retire while a token signed with it lives.
    #[error("a token must end: write a duration such as `PT10M`, and make the session or the refresh token long instead")]
    EndlessToken,
    #[error("an authorization code lives for `PT60S` at most (FAPI 2.0 §5.3.2.1)")]
    LongCode,
}

/// Whether `value` may be the limit.
pub fn check(limit: Limit, value: Lifetime) -> Result<(), InvalidLimit> {
    match (limit, value) {
        (_, value) if value == Lifetime::seconds(0) => Err(InvalidLimit::Zero),
        (Limit::AccessToken | Limit::IdToken, Lifetime::Unlimited) => Err(InvalidLimit::EndlessToken),
        (Limit::Code, value) if value.is_longer_than(Lifetime::seconds(60)) => Err(InvalidLimit::LongCode),
        _ => Ok(()),
    }
}

impl Limits {
    pub const fn get(&self, limit: Limit) -> Lifetime {
        match limit {
            Limit::SessionAbsolute => self.session_absolute,
            Limit::SessionIdle => self.session_idle,
            Limit::UnrememberedAbsolute => self.unremembered_absolute,
            Limit::UnrememberedIdle => self.unremembered_idle,
            Limit::ClientSessionAbsolute => self.client_session_absolute,
            Limit::ClientSessionIdle => self.client_session_idle,
            Limit::RefreshAbsolute => self.refresh_absolute,
            Limit::RefreshIdle => self.refresh_idle,
            Limit::AccessToken => self.access_token,
            Limit::IdToken => self.id_token,
            Limit::Code => self.code,
        }
    }

    /// From the sign-in: how long a session lasts that the browser is to remember, or is not. Not to be remembered never makes it longer.
    pub fn absolute_of(&self, remembered: bool) -> Lifetime {
        if remembered { self.session_absolute } else { shorter(self.session_absolute, self.unremembered_absolute) }
    }

    /// The same from its last use.
    pub fn idle_of(&self, remembered: bool) -> Lifetime {
        if remembered { self.session_idle } else { shorter(self.session_idle, self.unremembered_idle) }
    }

    /// The limits that `value` gives by their names.
    pub fn each(mut value: impl FnMut(Limit) -> Lifetime) -> Self {
        Self {
            session_absolute: value(Limit::SessionAbsolute),
            session_idle: value(Limit::SessionIdle),
            unremembered_absolute: value(Limit::UnrememberedAbsolute),
            unremembered_idle: value(Limit::UnrememberedIdle),
            client_session_absolute: value(Limit::ClientSessionAbsolute),
            client_session_idle: value(Limit::ClientSessionIdle),
            refresh_absolute: value(Limit::RefreshAbsolute),
            refresh_idle: value(Limit::RefreshIdle),
            access_token: value(Limit::AccessToken),
            id_token: value(Limit::IdToken),
            code: value(Limit::Code),
        }
    }

    /// The first limit that cannot be.
    pub fn check(&self) -> Result<(), (Limit, InvalidLimit)> {
        Limit::ALL.into_iter().try_for_each(|limit| check(limit, self.get(limit)).map_err(|why| (limit, why)))
    }
}

fn shorter(one: Lifetime, other: Lifetime) -> Lifetime {
    if one.is_longer_than(other) { other } else { one }
}

impl LimitOverrides {
    pub const fn get(&self, limit: Limit) -> Option<Lifetime> {
        match limit {
            Limit::SessionAbsolute => self.session_absolute,
            Limit::SessionIdle => self.session_idle,
            Limit::UnrememberedAbsolute => self.unremembered_absolute,
            Limit::UnrememberedIdle => self.unremembered_idle,
            Limit::ClientSessionAbsolute => self.client_session_absolute,
            Limit::ClientSessionIdle => self.client_session_idle,
            Limit::RefreshAbsolute => self.refresh_absolute,
            Limit::RefreshIdle => self.refresh_idle,
            Limit::AccessToken => self.access_token,
            Limit::IdToken => self.id_token,
            Limit::Code => self.code,
        }
    }

    pub const fn set(&mut self, limit: Limit, value: Option<Lifetime>) {
        *match limit {
            Limit::SessionAbsolute => &mut self.session_absolute,
            Limit::SessionIdle => &mut self.session_idle,
            Limit::UnrememberedAbsolute => &mut self.unremembered_absolute,
            Limit::UnrememberedIdle => &mut self.unremembered_idle,
            Limit::ClientSessionAbsolute => &mut self.client_session_absolute,
            Limit::ClientSessionIdle => &mut self.client_session_idle,
            Limit::RefreshAbsolute => &mut self.refresh_absolute,
            Limit::RefreshIdle => &mut self.refresh_idle,
            Limit::AccessToken => &mut self.access_token,
            Limit::IdToken => &mut self.id_token,
            Limit::Code => &mut self.code,
        } = value;
    }

    /// Those that are set.
    pub fn iter(&self) -> impl Iterator<Item = (Limit, Lifetime)> {
        Limit::ALL.into_iter().filter_map(|limit| Some((limit, self.get(limit)?)))
    }

    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The first of them that cannot be.
    pub fn check(&self) -> Result<(), (Limit, InvalidLimit)> {
        self.iter().try_for_each(|(limit, value)| check(limit, value).map_err(|why| (limit, why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_set_is_the_one_that_is_read() {
        for (i, limit) in (1i64..).zip(Limit::ALL) {
            let mut overrides = LimitOverrides::default();
            overrides.set(limit, Some(Lifetime::seconds(i)));
            assert_eq!(overrides.iter().collect::<Vec<_>>(), [(limit, Lifetime::seconds(i))]);
            assert_eq!(serde_json::to_string(&overrides).unwrap(), format!("{{\"{}\":\"PT{i}S\"}}", limit.as_str()));
            assert_eq!(limit.as_str().parse(), Ok(limit));
        }
        let limits = Limits::each(|limit| Lifetime::seconds(limit as i64));
        assert!(Limit::ALL.into_iter().all(|limit| limits.get(limit) == Lifetime::seconds(limit as i64)));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(check(Limit::SessionIdle, Lifetime::seconds(0)), Err(InvalidLimit::Zero));
        assert_eq!(check(Limit::AccessToken, Lifetime::Unlimited), Err(InvalidLimit::EndlessToken));
        assert_eq!(check(Limit::IdToken, Lifetime::Unlimited), Err(InvalidLimit::EndlessToken));
        assert_eq!(check(Limit::Code, Lifetime::seconds(61)), Err(InvalidLimit::LongCode));
        assert_eq!(check(Limit::Code, Lifetime::Unlimited), Err(InvalidLimit::LongCode));
        assert_eq!(check(Limit::Code, Lifetime::seconds(60)), Ok(()));
        assert_eq!(check(Limit::SessionAbsolute, Lifetime::Unlimited), Ok(()));
        assert_eq!(Limits::default().check(), Ok(()));
        let overrides = LimitOverrides { session_idle: Some(Lifetime::seconds(60)), refresh_idle: Some(Lifetime::seconds(0)), ..LimitOverrides::default() };
        assert_eq!(overrides.check(), Err((Limit::RefreshIdle, InvalidLimit::Zero)));
    }
}
