//! Consents: what users have allowed applications.

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::caller::{AdminScope, Caller};
use super::page::{self, After};
use super::problem::Problem;
use super::sort::ConsentSort;
use super::{Api, Resource};
use crate::domain::clock::Timestamp;
use crate::domain::consent;
use crate::domain::id::{ClientId, UserId};
use crate::service::admin::listed::Order;

pub struct ConsentsApi;

/// What a user has allowed an application.
#[derive(Debug, Object)]
#[oai(example)]
struct Consent {
    client_id: String,
    /// Words with a space between: all that the user has ever said yes to.
    scope: String,
    /// When the user last said yes.
    granted_at: Timestamp,
}

/// Consents of one user.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct ConsentPage {
    items: Vec<Consent>,
    /// What to pass as `after` for the next page; absent on the last one.
    next: Option<String>,
}

impl From<consent::Consent> for Consent {
    fn from(consent: consent::Consent) -> Self {
        Self { client_id: consent.client_id.as_str().to_owned(), scope: consent.scope.to_string(), granted_at: consent.granted_at }
    }
}

impl Example for Consent {
    fn example() -> Self {
        let granted_at = Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(1_767_256_200);
        Self { client_id: "notes".to_owned(), scope: "openid profile".to_owned(), granted_at }
    }
}

impl Example for ConsentPage {
    fn example() -> Self {
        Self { items: vec![Consent::example()], next: Some(page::example("notes")) }
    }
}

#[derive(ApiResponse)]
enum Listed {
    /// A page of consents.
    #[oai(status = 200, content_type = "application/json")]
    Page(Json<ConsentPage>),
}

#[derive(ApiResponse)]
enum Withdrawn {
    /// It is withdrawn.
    #[oai(status = 204)]
    Gone,
}

#[OpenApi(tag = "Resource::Users")]
impl ConsentsApi {
    /// Lists what a user has consented to
    ///
    /// In the order of the applications' ids unless `sort` says otherwise. The operator's own applications ask for no consent. Needs the scope `consents:read`.
    #[oai(path = "/users/:id/consents", method = "get", operation_id = "consent_list")]
    async fn list(
        &self,
        #[oai(scope = "AdminScope::ConsentsRead")] caller: Caller,
        api: Data<&Api>,
        /// The user.
        id: Path<Uuid>,
        /// Only consents that come after a place: `next` of the page before, asked for with the same parameters.
        after: After,
        /// In which order they come: `client_id` unless it says otherwise.
        sort: Query<Option<ConsentSort>>,
        /// How many consents a page holds at most.
        #[oai(default = "page::default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u32>,
    ) -> Result<Listed, Problem> {
        caller.may(AdminScope::ConsentsRead)?;
        let from = after.place(|place| ClientId::parse(place).ok())?;
        let order = sort.0.map_or(Order::Ascending, Order::from);
        let found = api.admin.consents(UserId(id.0), order, from, page::asked(limit.0)).await?;
        let (found, next) = page::cut(found, limit.0, |consent| after.next(&consent.client_id));
        Ok(Listed::Page(Json(ConsentPage { items: found.into_iter().map(Consent::from).collect(), next })))
    }

    /// Withdraws what a user has consented to
    ///
    /// The application has to ask the user again, and what it was given for this user ends at once. Needs the scope `consents:withdraw`.
    #[oai(path = "/users/:id/consents/:client_id", method = "delete", operation_id = "consent_withdraw")]
    async fn withdraw(
        &self,
        #[oai(scope = "AdminScope::ConsentsWithdraw")] caller: Caller,
        api: Data<&Api>,
        /// The user.
        id: Path<Uuid>,
        /// The application.
        client_id: Path<String>,
    ) -> Result<Withdrawn, Problem> {
        caller.may(AdminScope::ConsentsWithdraw)?;
        // What cannot be an id is nobody's.
        let client = ClientId::parse(&client_id).map_err(|_| Problem::not_found("consent"))?;
        api.admin.acting_as(caller.actor()).withdraw_consent(UserId(id.0), &client).await?;
        Ok(Withdrawn::Gone)
    }
}
