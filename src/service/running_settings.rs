//! Settings that change while the server runs. They are kept in the database and read at each use, so every replica feels a change at the next
//! one. What the settings file names is the file's: there nobody changes it but by the file.

use crate::domain::duration::Lifetime;
use crate::domain::running_setting::{Running, RunningSetting, Source};
use crate::settings::{EventSettings, KeySettings, SessionSettings, Settings};
use crate::store::{Connection, Store, StoreError, meta};

/// What the settings say of them.
#[derive(Debug, Clone, Copy)]
pub struct Configured {
    values: [(RunningSetting, Lifetime, Source); 3],
    pub announce: Lifetime,
}

impl Configured {
    pub fn of(settings: &Settings) -> Self {
        let values = RunningSetting::ALL.map(|setting| {
            let (value, default) = match setting {
                RunningSetting::EventsRetention => (settings.events.retention, EventSettings::default().retention),
                RunningSetting::SessionsKeepEnded => (settings.sessions.keep_ended, SessionSettings::default().keep_ended),
                RunningSetting::KeysRotateEvery => (settings.keys.rotate_every, KeySettings::default().rotate_every),
            };
            // A host that embeds the issuer names nothing, but sets what it means.
            let named = settings.named.0.contains(&setting) || value != default;
            (setting, value, if named { Source::File } else { Source::Default })
        });
        Self { values, announce: settings.keys.announce }
    }

    /// Each as it is now.
    pub fn read(&self, db: &mut Connection) -> Result<Vec<Running>, StoreError> {
        self.values.iter().map(|(setting, value, source)| self.one(db, *setting, *value, *source)).collect()
    }

    fn one(&self, db: &mut Connection, setting: RunningSetting, value: Lifetime, source: Source) -> Result<Running, StoreError> {
        if source == Source::File {
            return Ok(Running { setting, value, source });
        }
        let Some(text) = meta::get(db, &key(setting))? else { return Ok(Running { setting, value, source }) };
        let value: Lifetime = text.parse().map_err(|_| StoreError::Corrupt(format!("meta: {} is no duration", setting.as_str())))?;
        // One that was set before `keys.announce` became longer does not fit any more.
        let fits = setting.check(value, self.announce).is_ok();
        Ok(if fits { Running { setting, value, source: Source::Api } } else { Running { setting, value: self.of_setting(setting), source } })
    }

    fn of_setting(&self, wanted: RunningSetting) -> Lifetime {
        self.values.iter().find(|(setting, ..)| *setting == wanted).map_or(Lifetime::Unlimited, |(_, value, _)| *value)
    }
}

/// Where it is kept.
pub fn key(setting: RunningSetting) -> String {
    format!("setting {}", setting.as_str())
}

/// The value of one, now.
pub async fn value(store: &Store, settings: &Settings, wanted: RunningSetting) -> Result<Lifetime, StoreError> {
    let configured = Configured::of(settings);
    let all = store.read(move |db| configured.read(db)).await?;
    Ok(all.iter().find(|running| running.setting == wanted).map_or_else(|| configured.of_setting(wanted), |running| running.value))
}
