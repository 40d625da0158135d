//! The table of the lifetime policy's rules, and the mark by which a running server notices that one has changed.

use diesel::prelude::*;
use serde_json::{Map, Value};

use super::connection::{AnyConnection as Connection, on_each};
use super::error::StoreError;
use super::meta;
use super::row::{acr, at, client_id};
use super::schema::lifetime_rules;
use super::sql_types::Instant;
use crate::domain::acr::Acr;
use crate::domain::group::GroupName;
use crate::domain::id::ClientId;
use crate::domain::lifetime::{Limit, LimitOverrides};
use crate::domain::lifetime_rule::{LifetimeRule, Selector};

const TABLE: &str = "lifetime_rules";

/// Where the mark is kept in `meta`: another text after each change. Every row of a client is read with it.
pub(super) const MARK: &str = "lifetime_rules";

#[derive(Queryable, Insertable)]
#[diesel(table_name = lifetime_rules)]
struct LifetimeRuleRow {
    client_id: String,
    group_name: String,
    acr: String,
    limits: String,
    managed_by_file: bool,
    updated_at: Instant,
}

/// A column that is empty for anybody.
fn word(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

impl TryFrom<LifetimeRuleRow> for LifetimeRule {
    type Error = StoreError;

    fn try_from(row: LifetimeRuleRow) -> Result<Self, StoreError> {
        let group = some(row.group_name).map(|name| GroupName::parse(&name)).transpose();
        Ok(Self {
            selector: Selector {
                client: some(row.client_id).map(|id| client_id(TABLE, id)).transpose()?,
                group: group.map_err(|_| StoreError::corrupt(TABLE, "group_name is no name of a group"))?,
                acr: some(row.acr).map(|text| acr(TABLE, &text)).transpose()?,
            },
            limits: limits_of(&row.limits)?,
            managed_by_file: row.managed_by_file,
            updated_at: row.updated_at.0,
        })
    }
}

impl TryFrom<&LifetimeRule> for LifetimeRuleRow {
    type Error = StoreError;

    fn try_from(rule: &LifetimeRule) -> Result<Self, StoreError> {
        let (client_id, group_name, acr) = key(&rule.selector);
        Ok(Self {
            client_id,
            group_name,
            acr,
            limits: serde_json::to_string(&rule.limits).map_err(|error| StoreError::Query(error.to_string()))?,
            managed_by_file: rule.managed_by_file,
            updated_at: at(rule.updated_at),
        })
    }
}

fn key(selector: &Selector) -> (String, String, String) {
    let Selector { client, group, acr } = selector;
    (word(client.as_ref().map(ClientId::as_str)), word(group.as_ref().map(GroupName::as_str)), word(acr.map(|acr| acr.as_str())))
}

/// Every rule, in the order of their selectors: an instance has a handful.
pub fn all(conn: &mut Connection) -> Result<Vec<LifetimeRule>, StoreError> {
    let query = lifetime_rules::table.order((lifetime_rules::client_id, lifetime_rules::group_name, lifetime_rules::acr));
    on_each!(conn, query.load::<LifetimeRuleRow>(conn))?.into_iter().filter(is_known).map(LifetimeRule::try_from).collect()
}

/// Whether this program knows the acr of a rule: one that a newer program wrote is of no session here.
fn is_known(row: &LifetimeRuleRow) -> bool {
    row.acr.is_empty() || Acr::parse(&row.acr).is_some()
}

/// The limits that this program knows; a newer one may know more.
fn limits_of(text: &str) -> Result<LimitOverrides, StoreError> {
    let corrupt = |error: serde_json::Error| StoreError::corrupt(TABLE, format_args!("limits: {error}"));
    let mut fields: Map<String, Value> = serde_json::from_str(text).map_err(corrupt)?;
    fields.retain(|name, _| name.parse::<Limit>().is_ok());
    serde_json::from_value(Value::Object(fields)).map_err(corrupt)
}

/// The mark of now; `None`: there never was a rule.
pub fn mark(conn: &mut Connection) -> Result<Option<String>, StoreError> {
    meta::get(conn, MARK)
}

/// Keeps others from changing rules until the transaction ends. `mark` becomes the mark: a text that was never used before.
pub fn begin_change(conn: &mut Connection, mark: &str) -> Result<(), StoreError> {
    meta::insert_once(conn, MARK, "")?;
    meta::set(conn, MARK, mark)
}

/// Writes a rule, over the one of the same selector if there is one. Only after [`begin_change`].
pub fn put(conn: &mut Connection, rule: &LifetimeRule) -> Result<(), StoreError> {
    remove(conn, &rule.selector)?;
    diesel::insert_into(lifetime_rules::table).values(LifetimeRuleRow::try_from(rule)?).execute(conn)?;
    Ok(())
}

/// False: there was none. Only after [`begin_change`].
pub fn remove(conn: &mut Connection, selector: &Selector) -> Result<bool, StoreError> {
    Ok(diesel::delete(lifetime_rules::table.find(key(selector))).execute(conn)? == 1)
}

/// The rules that are for one client, whoever else they are for.
pub fn of_client(conn: &mut Connection, client: &ClientId) -> Result<Vec<LifetimeRule>, StoreError> {
    let query = lifetime_rules::table.filter(lifetime_rules::client_id.eq(client.as_str()));
    query.load::<LifetimeRuleRow>(conn)?.into_iter().filter(is_known).map(LifetimeRule::try_from).collect()
}
