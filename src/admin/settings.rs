//! Settings that may change while the server runs.

use poem::web::Data;
use poem_openapi::param::Header;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::body::Body;
use super::caller::{AdminScope, Caller};
use super::problem::{ChangeProblem, Problem};
use super::{Api, Resource, etag};
use crate::domain::duration::Lifetime;
use crate::domain::running_setting::{self, Running, RunningSetting};
use crate::service::running_settings::Configured;

pub struct SettingsApi;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case", remote = "running_setting::Source")]
enum SettingSource {
    /// Nobody has set it.
    Default,
    /// The settings file or the environment names it: it is changed there, and not here.
    File,
    /// It was set by this API.
    Api,
}

/// A setting as it is now.
#[derive(Debug, Object)]
#[oai(rename = "RunningSetting", example)]
struct Setting {
    /// A duration of ISO 8601, or `unlimited`.
    value: String,
    source: SettingSource,
}

/// The settings that may change while the server runs.
#[derive(Debug, Object)]
#[oai(example)]
struct RunningSettings {
    /// How long an event is kept.
    events_retention: Setting,
    /// How long a session or refresh token family that has ended can still be seen.
    sessions_keep_ended: Setting,
    /// How long a signing key signs before the next one does.
    keys_rotate_every: Setting,
}

/// What is to be set, as a whole: a setting that is absent or null has the value of the settings file, or the default, again.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none, deny_unknown_fields)]
struct SettingsChange {
    /// A duration of ISO 8601 from `P1D`, or `unlimited`. What is older is deleted within the hour.
    events_retention: Option<String>,
    /// A duration of ISO 8601, or `unlimited`.
    sessions_keep_ended: Option<String>,
    /// A duration of ISO 8601 that is longer than `keys.announce`, or `unlimited`: the next key is made by hand.
    keys_rotate_every: Option<String>,
}

impl From<&Running> for Setting {
    fn from(running: &Running) -> Self {
        Self { value: running.value.to_string(), source: running.source.into() }
    }
}

impl RunningSettings {
    fn of(all: &[Running]) -> Self {
        let one = |wanted: RunningSetting| {
            let found = all.iter().find(|running| running.setting == wanted);
            found.map_or(Setting { value: String::new(), source: SettingSource::Default }, Setting::from)
        };
        Self {
            events_retention: one(RunningSetting::EventsRetention),
            sessions_keep_ended: one(RunningSetting::SessionsKeepEnded),
            keys_rotate_every: one(RunningSetting::KeysRotateEvery),
        }
    }
}

/// The member of a change that sets it.
pub fn pointer(setting: RunningSetting) -> &'static str {
    match setting {
        RunningSetting::EventsRetention => "/events_retention",
        RunningSetting::SessionsKeepEnded => "/sessions_keep_ended",
        RunningSetting::KeysRotateEvery => "/keys_rotate_every",
    }
}

/// Why it may not be so, as a sentence.
pub fn sentence(setting: RunningSetting, why: &str) -> String {
    format!("`{}`: {why}.", setting.as_str())
}

impl SettingsChange {
    fn parse(self) -> Result<Vec<(RunningSetting, Lifetime)>, ChangeProblem> {
        let members = [
            (RunningSetting::EventsRetention, self.events_retention),
            (RunningSetting::SessionsKeepEnded, self.sessions_keep_ended),
            (RunningSetting::KeysRotateEvery, self.keys_rotate_every),
        ];
        let named = members.into_iter().filter_map(|(setting, text)| Some((setting, text?)));
        let parsed = |(setting, text): (RunningSetting, String)| match text.parse::<Lifetime>() {
            Ok(value) => Ok((setting, value)),
            Err(error) => Err(ChangeProblem::invalid_member(pointer(setting), sentence(setting, &error.to_string()))),
        };
        named.map(parsed).collect()
    }
}

impl Example for Setting {
    fn example() -> Self {
        Self { value: "P400D".to_owned(), source: SettingSource::Default }
    }
}

impl Example for RunningSettings {
    fn example() -> Self {
        Self {
            events_retention: Setting { value: "P730D".to_owned(), source: SettingSource::Api },
            sessions_keep_ended: Setting { value: "P90D".to_owned(), source: SettingSource::Default },
            keys_rotate_every: Setting { value: "P30D".to_owned(), source: SettingSource::File },
        }
    }
}

impl Example for SettingsChange {
    fn example() -> Self {
        Self { events_retention: Some("P730D".to_owned()), sessions_keep_ended: None, keys_rotate_every: None }
    }
}

#[derive(ApiResponse)]
enum Shown {
    /// The settings as they are now.
    #[oai(status = 200, content_type = "application/json")]
    Settings(
        Json<RunningSettings>,
        /// What to send as `If-Match` with a change (RFC 9110 §8.8.3).
        #[oai(header = "ETag")]
        String,
    ),
}

fn shown(all: &[Running]) -> Shown {
    let settings = RunningSettings::of(all);
    let tag = etag::of(&settings);
    Shown::Settings(Json(settings), tag)
}

#[OpenApi(tag = "Resource::Settings")]
impl SettingsApi {
    /// Shows the settings that may change while the server runs
    ///
    /// Needs the scope `settings:read`.
    #[oai(path = "/settings", method = "get", operation_id = "settings_show")]
    async fn show(&self, #[oai(scope = "AdminScope::SettingsRead")] caller: Caller, api: Data<&Api>) -> Result<Shown, Problem> {
        caller.may(AdminScope::SettingsRead)?;
        Ok(shown(&api.admin.running_settings(Configured::of(&api.core.settings)).await?))
    }

    /// Replaces the settings that may change while the server runs
    ///
    /// As a whole: what the body leaves out has the value of the settings file, or the default, again. What the file or the environment names is
    /// changed there (409). Every replica goes by it at the next use. Needs the scope `settings:write` and a recent sign-in.
    #[oai(path = "/settings", method = "put", operation_id = "settings_replace")]
    async fn replace(
        &self,
        #[oai(scope = "AdminScope::SettingsWrite")] caller: Caller,
        api: Data<&Api>,
        /// The `ETag` of the settings as they were read: nothing is changed if they are others by now (RFC 9110 §13.1.1).
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        change: Body<SettingsChange>,
    ) -> Result<Shown, ChangeProblem> {
        caller.may_now(AdminScope::SettingsWrite)?;
        let change = change.0.parse()?;
        let guard = move |there: &Vec<Running>| etag::check(if_match.0.as_deref(), &RunningSettings::of(there));
        let configured = Configured::of(&api.core.settings);
        Ok(shown(&api.admin.acting_as(caller.actor()).replace_running_settings(configured, change, Box::new(guard)).await?))
    }
}
