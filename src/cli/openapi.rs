//! `gatekey openapi`: the description of the admin API, to generate a client from.

use clap::Args;

use super::{Done, output};
use crate::issuer::Issuer;

/// Print the OpenAPI document of the admin API
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  gatekey openapi > gatekey-admin.json")]
pub(super) struct OpenApi {}

impl OpenApi {
    pub(super) fn run(self) -> Done {
        output::print(&Issuer::admin_api_document())
    }
}
