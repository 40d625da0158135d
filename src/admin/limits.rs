//! Limits, as clients and lifetime rules carry them.

use poem_openapi::Object;
use poem_openapi::types::Example;

use super::problem::ChangeProblem;
use crate::domain::duration::Lifetime;
use crate::domain::lifetime::{self, Limit, LimitOverrides};

/// Limits that somebody has set; what is absent comes from elsewhere. Each is an ISO 8601 duration (`PT15M`, `PT8H`, `P30D`) or `unlimited`.
#[derive(Debug, Clone, Default, Object)]
#[oai(rename = "Limits", example, skip_serializing_if_is_none, deny_unknown_fields)]
pub struct Limits {
    /// How long a session lasts at most, however much it is used.
    pub session_absolute: Option<String>,
    /// How long a session lasts without being used.
    pub session_idle: Option<String>,
    /// `session_absolute` for a session that the browser forgets when it is closed; the shorter of the two counts.
    pub unremembered_absolute: Option<String>,
    /// `session_idle` for a session that the browser forgets when it is closed; the shorter of the two counts.
    pub unremembered_idle: Option<String>,
    /// How long an application's share in a session lasts at most.
    pub client_session_absolute: Option<String>,
    /// How long an application's share in a session lasts without being used.
    pub client_session_idle: Option<String>,
    /// How long a refresh token family lasts at most.
    pub refresh_absolute: Option<String>,
    /// How long a refresh token family lasts without being used.
    pub refresh_idle: Option<String>,
    /// How long an access token lasts.
    pub access_token: Option<String>,
    /// How long an ID token lasts.
    pub id_token: Option<String>,
    /// How long an authorization code may be redeemed: at most 60 seconds.
    pub code: Option<String>,
}

impl Limits {
    fn named(&self, limit: Limit) -> Option<&String> {
        match limit {
            Limit::SessionAbsolute => self.session_absolute.as_ref(),
            Limit::SessionIdle => self.session_idle.as_ref(),
            Limit::UnrememberedAbsolute => self.unremembered_absolute.as_ref(),
            Limit::UnrememberedIdle => self.unremembered_idle.as_ref(),
            Limit::ClientSessionAbsolute => self.client_session_absolute.as_ref(),
            Limit::ClientSessionIdle => self.client_session_idle.as_ref(),
            Limit::RefreshAbsolute => self.refresh_absolute.as_ref(),
            Limit::RefreshIdle => self.refresh_idle.as_ref(),
            Limit::AccessToken => self.access_token.as_ref(),
            Limit::IdToken => self.id_token.as_ref(),
            Limit::Code => self.code.as_ref(),
        }
    }

    /// The limits; `at` is where they are in the body, as a JSON pointer.
    pub fn parse(&self, at: &str) -> Result<LimitOverrides, ChangeProblem> {
        let mut limits = LimitOverrides::default();
        for limit in Limit::ALL {
            let Some(text) = self.named(limit) else { continue };
            let value: Lifetime = text.parse().map_err(|error| ChangeProblem::invalid_member(&format!("{at}/{}", limit.as_str()), format!("{error}.")))?;
            limits.set(limit, Some(value));
        }
        if let Err((limit, why)) = limits.check() {
            return Err(ChangeProblem::invalid_member(&format!("{at}/{}", limit.as_str()), format!("{why}.")));
        }
        Ok(limits)
    }
}

impl From<&LimitOverrides> for Limits {
    fn from(limits: &LimitOverrides) -> Self {
        let text = |limit| limits.get(limit).map(|value| value.to_string());
        Self {
            session_absolute: text(Limit::SessionAbsolute),
            session_idle: text(Limit::SessionIdle),
            unremembered_absolute: text(Limit::UnrememberedAbsolute),
            unremembered_idle: text(Limit::UnrememberedIdle),
            client_session_absolute: text(Limit::ClientSessionAbsolute),
            client_session_idle: text(Limit::ClientSessionIdle),
            refresh_absolute: text(Limit::RefreshAbsolute),
            refresh_idle: text(Limit::RefreshIdle),
            access_token: text(Limit::AccessToken),
            id_token: text(Limit::IdToken),
            code: text(Limit::Code),
        }
    }
}

impl From<&lifetime::Limits> for Limits {
    fn from(limits: &lifetime::Limits) -> Self {
        let mut all = LimitOverrides::default();
        Limit::ALL.into_iter().for_each(|limit| all.set(limit, Some(limits.get(limit))));
        Self::from(&all)
    }
}

impl Example for Limits {
    fn example() -> Self {
        Self { session_idle: Some("PT8H".to_owned()), access_token: Some("PT5M".to_owned()), ..Self::default() }
    }
}
