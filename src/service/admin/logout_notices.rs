//! Logout notices: what applications have still to be told, and trying it again.

use super::{Admin, AdminError};
use crate::domain::id::{ClientId, SessionId};
use crate::domain::logout_notice::LogoutNotice;
use crate::store::logout_notices;

impl Admin {
    /// Notices that no application has answered yet, of one client or of all, those after `after`.
    pub async fn logout_notices(&self, client: Option<ClientId>, after: Option<(SessionId, ClientId)>, limit: u32) -> Result<Vec<LogoutNotice>, AdminError> {
        Ok(self.store.scan(move |db| logout_notices::list(db, client.as_ref(), after.as_ref(), limit)).await?)
    }

    /// Has them sent now, given up or not: of one client or of all. How many.
    pub async fn retry_logout_notices(&self, client: Option<ClientId>) -> Result<u64, AdminError> {
        let now = self.now();
        Ok(self.store.write(move |db| logout_notices::retry(db, client.as_ref(), now)).await?)
    }
}
