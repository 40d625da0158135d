//! The first start on a database that was put back from a copy: what was given out before is refused from then on.

use std::sync::Arc;

use super::Failure;
use crate::domain::clock::Timestamp;
use crate::domain::entropy::Entropy;
use crate::domain::event::{EventKind, Object, Occasion};
use crate::store::restored::{self, Sign};
use crate::store::{Store, StoreError, events};

/// Since when codes are good; whoever is the first to notice says so in the log.
pub async fn notice(store: &Store, now: Timestamp, entropy: &Arc<dyn Entropy>) -> Result<Option<Timestamp>, Failure> {
    let identity = store.read(restored::identity).await?;
    let occasion = Occasion::of_server(now, entropy);
    let notice = store.write(move |db| {
        let notice = restored::notice(db, &identity, now)?;
        if let Some(sign) = notice.now {
            events::record(db, &occasion.event(EventKind::DatabaseRestored, Object::Instance).with("why", why(sign)))?;
        }
        Ok(notice)
    });
    let notice = notice.await?;
    if let Some(sign) = notice.now {
        let why = why(sign);
        tracing::warn!(
            event = "database.restored",
            why,
            "the database was restored: authorization codes and one-time links given out before now are refused; what was ended or changed since the copy is as it was in the copy"
        );
    }
    Ok(notice.restored_at)
}

const fn why(sign: Sign) -> &'static str {
    match sign {
        Sign::Marked => "it is a copy that was put back",
        Sign::Moved => "it is another file, database or server than at the last start",
    }
}

/// For a database that was put back in a way that leaves no sign: the next start is the first after a restore.
pub async fn mark(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    store.write(move |db| restored::mark(db, now)).await
}
