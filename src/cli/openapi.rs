//! `gatekey openapi`: the descriptions of the APIs, to generate a client from.

use clap::Args;

use super::{Done, output};
use crate::issuer::Issuer;

/// Print the OpenAPI document of the admin API, of the account API, or of the protocol's own endpoints
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatekey openapi > gatekey-admin.json\n  gatekey openapi --account > gatekey-account.json\n  gatekey openapi --protocol > gatekey-protocol.json"
)]
pub(super) struct OpenApi {
    /// The endpoints of OAuth 2.0 and OpenID Connect instead: token, revocation, introspection, userinfo, metadata
    #[arg(long)]
    protocol: bool,
    /// The account API instead: what applications let their users do with their own account
    #[arg(long, conflicts_with = "protocol")]
    account: bool,
}

impl OpenApi {
    pub(super) fn run(self) -> Done {
        output::print(&match self {
            Self { protocol: true, .. } => Issuer::protocol_document(),
            Self { account: true, .. } => Issuer::account_api_document(),
            Self { .. } => Issuer::admin_api_document(),
        })
    }
}
