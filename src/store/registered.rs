//! What all clients are registered with: read of each of them no more than is asked, so that ten thousand cost little.

use std::collections::BTreeSet;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::row::client_id;
use super::schema::clients;
use super::sql_types::Instant;
use crate::domain::clock::Timestamp;
use crate::domain::id::ClientId;
use crate::domain::lifetime::LimitOverrides;
use crate::domain::signing_key::SigningAlg;

const TABLE: &str = "clients";
/// Clients read at once.
const PAGE: i64 = 500;

/// The column that the database itself makes of the metadata: the limits of a client that has any. Only those are in its index.
const LIFETIMES: &str = "clients.lifetimes";
const HAS_LIFETIMES: &str = "clients.lifetimes > ''";

fn parsed<T: DeserializeOwned>(column: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(TABLE, format_args!("{column}: {error}")))
}

/// The limits that clients are registered with, those of several once.
pub fn limits(conn: &mut Connection) -> Result<Vec<LimitOverrides>, StoreError> {
    let query = clients::table.filter(sql::<Bool>(HAS_LIFETIMES)).select(sql::<Text>(LIFETIMES)).distinct();
    query.load::<String>(conn)?.iter().map(|text| parsed("lifetimes", text)).collect()
}

/// What a client is registered with for lifetimes: a rule for that client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredLimits {
    pub client: ClientId,
    pub limits: LimitOverrides,
    /// When the client was last changed.
    pub updated_at: Timestamp,
}

/// The clients that are registered with limits, by their ids in the order of the bytes.
pub fn with_limits(conn: &mut Connection) -> Result<Vec<RegisteredLimits>, StoreError> {
    let query = clients::table.filter(sql::<Bool>(HAS_LIFETIMES)).select((clients::id, sql::<Text>(LIFETIMES), clients::updated_at));
    let rows = query.load::<(String, String, Instant)>(conn)?.into_iter();
    let found = rows
        .map(|(id, text, updated_at)| Ok(RegisteredLimits { client: client_id(TABLE, id)?, limits: parsed("lifetimes", &text)?, updated_at: updated_at.0 }));
    let mut found = found.collect::<Result<Vec<_>, StoreError>>()?;
    found.sort_by(|one, other| one.client.cmp(&other.client));
    Ok(found)
}

#[derive(Deserialize)]
struct Signed {
    #[serde(default)]
    id_token_signed_response_alg: SigningAlg,
    #[serde(default)]
    userinfo_signed_response_alg: Option<SigningAlg>,
}

/// What the ID tokens or userinfo of some client are signed with.
pub fn signing_algs(conn: &mut Connection) -> Result<BTreeSet<SigningAlg>, StoreError> {
    let (mut algs, mut after) = (BTreeSet::new(), String::new());
    loop {
        let page = clients::table.filter(clients::id.gt(&after)).order(clients::id).limit(PAGE).select((clients::id, clients::metadata));
        let page = page.load::<(String, String)>(conn)?;
        for (_, metadata) in &page {
            let signed: Signed = parsed("metadata", metadata)?;
            algs.insert(signed.id_token_signed_response_alg);
            algs.extend(signed.userinfo_signed_response_alg);
        }
        let Some((last, _)) = page.into_iter().next_back() else { return Ok(algs) };
        after = last;
    }
}

/// As they were judged when they were registered.
#[derive(Deserialize)]
struct Places {
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default)]
    web_origins: Vec<String>,
}

/// Where the applications are: the redirect URIs and the web origins of every client that is not disabled.
pub fn addresses(conn: &mut Connection) -> Result<Vec<String>, StoreError> {
    let rows = clients::table.filter(clients::disabled_at.is_null()).select(clients::metadata).load::<String>(conn)?;
    let mut addresses = Vec::new();
    for row in rows {
        let Places { redirect_uris, web_origins } = parsed("metadata", &row)?;
        addresses.extend(redirect_uris.into_iter().chain(web_origins));
    }
    Ok(addresses)
}

/// The web origins of every client that is not disabled: what a CORS preflight is judged by, since it names no client.
pub fn origins(conn: &mut Connection) -> Result<Vec<(ClientId, Vec<String>)>, StoreError> {
    let rows =
        clients::table.filter(clients::disabled_at.is_null()).order(clients::id).select((clients::id, clients::metadata)).load::<(String, String)>(conn)?;
    let origins = rows.into_iter().map(|(id, metadata)| Ok((client_id(TABLE, id)?, parsed::<Places>("metadata", &metadata)?.web_origins)));
    origins.collect()
}
