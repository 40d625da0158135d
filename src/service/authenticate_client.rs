//! Client authentication at the token, revocation and introspection endpoints.

use std::sync::Arc;

use super::{Core, Failure};
use crate::domain::client::Client;
use crate::protocol::client_authentication::{authenticate, credentials, invalid_client};
use crate::protocol::params::Params;

/// The client that these credentials prove, or `invalid_client`.
pub async fn authenticate_client(core: &Core, authorization: Option<&str>, params: &Params) -> Result<Arc<Client>, Failure> {
    let credentials = credentials(authorization, params)?;
    let row = core.store.client(credentials.client_id.clone()).await?;
    let client = row.map(|row| core.clients.parse(row)).transpose()?;
    authenticate(&credentials, client.as_deref())?;
    // Nobody gets here without a client.
    client.ok_or_else(|| invalid_client("unknown client").into())
}
