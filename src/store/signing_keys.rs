//! The table of signing keys. Private keys come here sealed.

use diesel::prelude::*;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::row::at;
use super::schema::signing_keys;
use super::sql_types::Instant;
use crate::domain::clock::Timestamp;
use crate::domain::signing_key::{SigningAlg, SigningKey};

#[derive(Queryable, Insertable)]
#[diesel(table_name = signing_keys, treat_none_as_default_value = false)]
struct SigningKeyRow {
    kid: String,
    alg: String,
    public_jwk: String,
    sealed_private: Vec<u8>,
    announced_at: Instant,
    active_from: Instant,
    retired_at: Option<Instant>,
}

impl TryFrom<SigningKeyRow> for SigningKey {
    type Error = StoreError;

    fn try_from(row: SigningKeyRow) -> Result<Self, StoreError> {
        let alg = SigningAlg::parse(&row.alg).ok_or_else(|| StoreError::corrupt("signing_keys", format_args!("unknown alg `{}`", row.alg)))?;
        Ok(Self {
            kid: row.kid,
            alg,
            public_jwk: row.public_jwk,
            sealed_private: row.sealed_private,
            announced_at: row.announced_at.0,
            active_from: row.active_from.0,
            retired_at: row.retired_at.map(|at| at.0),
        })
    }
}

/// Every key there ever was, oldest first: they are few.
pub fn list(conn: &mut Connection) -> Result<Vec<SigningKey>, StoreError> {
    let rows = signing_keys::table.order((signing_keys::active_from, signing_keys::kid)).load::<SigningKeyRow>(conn)?;
    rows.into_iter().map(SigningKey::try_from).collect()
}

/// Adds a key. `Conflict`: it is there already.
pub fn insert(conn: &mut Connection, key: &SigningKey) -> Result<(), StoreError> {
    let row = SigningKeyRow {
        kid: key.kid.clone(),
        alg: key.alg.as_str().to_owned(),
        public_jwk: key.public_jwk.clone(),
        sealed_private: key.sealed_private.clone(),
        announced_at: at(key.announced_at),
        active_from: at(key.active_from),
        retired_at: key.retired_at.map(at),
    };
    diesel::insert_into(signing_keys::table).values(row).execute(conn)?;
    Ok(())
}

/// Takes a key out of the JWKS from `retired_at` on. False: no such key.
pub fn set_retired(conn: &mut Connection, kid: &str, retired_at: Timestamp) -> Result<bool, StoreError> {
    Ok(diesel::update(signing_keys::table.find(kid)).set(signing_keys::retired_at.eq(Some(at(retired_at)))).execute(conn)? == 1)
}
