//! Events: what happened.

use super::{Admin, AdminError};
use crate::domain::event::Event;
use crate::domain::id::EventId;
use crate::store::events::{self, Between, Filter};
use crate::store::listed::{Order, Page};

impl Admin {
    /// The newest first, those older than `before`.
    pub async fn events(&self, filter: Filter, before: Option<EventId>, limit: u32) -> Result<Vec<Event>, AdminError> {
        Ok(self.store.scan(move |db| events::list(db, &filter, before, limit)).await?)
    }

    /// By time, or the other way round, page by page, each as soon as any other: one may hold fewer than `limit` though there are more.
    pub async fn events_page(&self, filter: Filter, order: Order, between: Between, limit: u32) -> Result<Page<Event, EventId>, AdminError> {
        Ok(self.store.scan(move |db| events::page(db, &filter, order, between, limit)).await?)
    }
}
