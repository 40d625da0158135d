//! The request that is being answered: where it came from, and the id under which the log tells the rest. Events say both.
//!
//! It goes along with the task that answers, so that no function between the request and the event has to hand it on. What runs by
//! itself, or for a command, answers no request, and its events say neither.

use std::net::IpAddr;
use std::sync::Arc;

use crate::domain::clock::Timestamp;
use crate::domain::entropy::Entropy;
use crate::domain::event::{Actor, Occasion};

/// A request as events tell of it.
#[derive(Debug, Clone)]
pub struct Request {
    pub id: Arc<str>,
    pub network: Option<IpAddr>,
}

tokio::task_local! {
    static ANSWERED: Request;
}

/// Does `work` as the answer to `request`.
pub async fn answering<F: Future>(request: Request, work: F) -> F::Output {
    ANSWERED.scope(request, work).await
}

/// Where the request that is being answered came from, as far as that is known.
pub(super) fn network() -> Option<IpAddr> {
    ANSWERED.try_with(|request| request.network).ok().flatten()
}

/// See [`Core::occasion`](super::Core::occasion).
pub(super) fn occasion(actor: Actor, at: Timestamp, entropy: &Arc<dyn Entropy>) -> Occasion {
    let mut occasion = Occasion::new(at, actor, entropy);
    // Outside of a request there is nothing to say.
    let _ = ANSWERED.try_with(|request| {
        occasion.network = request.network.map(|address| address.to_string());
        occasion.request_id = Some(request.id.to_string());
    });
    occasion
}
