//! Client authentication at the token, revocation and introspection endpoints.

use super::{Core, Failure};
use crate::domain::client::Client;
use crate::protocol::client_authentication::{authenticate, credentials};
use crate::protocol::params::Params;
use crate::store::clients;

/// The client that these credentials prove, or `invalid_client`.
pub async fn authenticate_client(core: &Core, authorization: Option<&str>, params: &Params) -> Result<Client, Failure> {
    let credentials = credentials(authorization, params)?;
    let id = credentials.client_id.clone();
    let client = core.store.read(move |db| clients::find(db, &id)).await?;
    Ok(authenticate(&credentials, client.as_ref())?.clone())
}
