//! Client authentication at the token, revocation and introspection endpoints.

use std::sync::Arc;

use super::known_clients::KnownClient;
use super::{Core, Failure};
use crate::protocol::client_authentication::{authenticate, credentials, invalid_client};
use crate::protocol::params::Params;

/// The client that these credentials prove, or `invalid_client`.
pub async fn authenticate_client(core: &Core, authorization: Option<&str>, params: &Params) -> Result<Arc<KnownClient>, Failure> {
    let credentials = credentials(authorization, params)?;
    let client = core.clients.get(&core.store, &credentials.client_id).await?;
    authenticate(&credentials, client.as_deref().map(|client| &**client), core.now())?;
    // Nobody gets here without a client.
    client.ok_or_else(|| invalid_client("unknown client").into())
}
