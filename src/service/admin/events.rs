//! Events: what happened.

use super::{Admin, AdminError};
use crate::domain::event::Event;
use crate::domain::id::EventId;
use crate::store::events::{self, Filter};

impl Admin {
    /// The newest first, those older than `before`.
    pub async fn events(&self, filter: Filter, before: Option<EventId>, limit: u32) -> Result<Vec<Event>, AdminError> {
        Ok(self.store.scan(move |db| events::list(db, &filter, before, limit)).await?)
    }
}
