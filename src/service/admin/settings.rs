//! Settings that change while the server runs: looking at them, changing them.

use super::{Admin, AdminError, Guard};
use crate::domain::duration::Lifetime;
use crate::domain::event::{EventKind, Object};
use crate::domain::running_setting::{Running, RunningSetting, Source};
use crate::service::running_settings::{Configured, key};
use crate::store::{events, meta};

impl Admin {
    pub async fn running_settings(&self, configured: Configured) -> Result<Vec<Running>, AdminError> {
        Ok(self.store.read(move |db| configured.read(db)).await?)
    }

    /// Replaces what was set, as a whole: what `change` does not name is as the file or the default says. `guard` sees them as they are.
    pub async fn replace_running_settings(
        &self,
        configured: Configured,
        change: Vec<(RunningSetting, Lifetime)>,
        guard: Guard<Vec<Running>>,
    ) -> Result<Vec<Running>, AdminError> {
        let occasion = self.occasion(self.now());
        let changed = self.store.write(move |db| {
            // Of two that change them, the second sees what the first made of them.
            meta::lock(db, "running settings")?;
            let before = configured.read(db)?;
            if let Err(refused) = guard(&before) {
                return Ok(Err(refused));
            }
            for (setting, value) in &change {
                if before.iter().any(|running| running.setting == *setting && running.source == Source::File) {
                    return Ok(Err(AdminError::SetByFile(*setting)));
                }
                if let Err(why) = setting.check(*value, configured.announce) {
                    return Ok(Err(AdminError::Setting { setting: *setting, why }));
                }
            }
            for setting in RunningSetting::ALL {
                match change.iter().find(|(named, _)| *named == setting) {
                    Some((_, value)) => meta::set(db, &key(setting), &value.to_string())?,
                    None => drop(meta::remove(db, &key(setting))?),
                }
            }
            let after = configured.read(db)?;
            for (before, after) in before.iter().zip(&after).filter(|(before, after)| before.value != after.value) {
                let event = occasion.event(EventKind::SettingChanged, Object::Instance).with("setting", after.setting.as_str());
                events::record(db, &event.with("before", before.value).with("after", after.value))?;
            }
            Ok(Ok(after))
        });
        let after = changed.await??;
        tracing::info!(event = "setting.changed", "settings were changed while the server runs");
        Ok(after)
    }
}
