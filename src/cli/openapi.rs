//! `gatekey openapi`: the descriptions of the APIs, to generate a client from.

use clap::Args;

use super::{Done, output};
use crate::issuer::Issuer;

/// Print the OpenAPI document of the admin API, or of the protocol's own endpoints
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  gatekey openapi > gatekey-admin.json\n  gatekey openapi --protocol > gatekey-protocol.json")]
pub(super) struct OpenApi {
    /// The endpoints of OAuth 2.0 and OpenID Connect instead: token, revocation, introspection, userinfo, metadata
    #[arg(long)]
    protocol: bool,
}

impl OpenApi {
    pub(super) fn run(self) -> Done {
        output::print(&if self.protocol { Issuer::protocol_document() } else { Issuer::admin_api_document() })
    }
}
