//! Groups: which there are, and who is put into them and taken out.

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::caller::{AdminScope, Caller};
use super::page::{self, After};
use super::problem::{ChangeProblem, Problem};
use super::reach::Reach;
use super::sort::GroupSort;
use super::users::{Shown, shown};
use super::{Api, Resource};
use crate::domain::group::GroupName;
use crate::domain::id::UserId;
use crate::domain::user;
use crate::service::admin::GroupInfo;
use crate::service::admin::listed::Order;

pub struct GroupsApi;

/// A group of users, by which lifetime rules may be for them. It is there as soon as somebody is in it or a rule is for it, and gone when neither is.
#[derive(Debug, Object)]
#[oai(example)]
struct Group {
    name: String,
    /// How many users are in it.
    members: u64,
    /// How many lifetime rules are for it.
    rules: u64,
}

/// Groups.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct GroupPage {
    items: Vec<Group>,
    /// What to pass as `after` for the next page; absent on the last one.
    next: Option<String>,
}

impl From<GroupInfo> for Group {
    fn from(group: GroupInfo) -> Self {
        Self { name: group.name, members: group.members, rules: group.rules }
    }
}

impl Example for Group {
    fn example() -> Self {
        Self { name: "staff".to_owned(), members: 214, rules: 1 }
    }
}

impl Example for GroupPage {
    fn example() -> Self {
        let group = Group::example();
        Self { next: Some(page::example(&group.name)), items: vec![group] }
    }
}

#[derive(ApiResponse)]
enum Listed {
    /// A page of groups.
    #[oai(status = 200, content_type = "application/json")]
    Page(Json<GroupPage>),
}

#[derive(ApiResponse)]
enum Removed {
    /// The user is not in the group.
    #[oai(status = 204)]
    Gone,
}

fn name_of(path: &str) -> Result<GroupName, Problem> {
    GroupName::parse(path).map_err(|error| Problem::malformed(format!("The name in the path is malformed: {error}.")))
}

#[OpenApi(tag = "Resource::Groups")]
impl GroupsApi {
    /// Lists groups
    ///
    /// By name unless `sort` says otherwise, each with how many users are in it and how many lifetime rules are for it. Who is in one is told by `user_list` with `group`.
    /// Needs the scope `users:read`.
    #[oai(path = "/groups", method = "get", operation_id = "group_list")]
    async fn list(
        &self,
        #[oai(scope = "AdminScope::UsersRead")] caller: Caller,
        api: Data<&Api>,
        /// Only groups that come after a place: `next` of the page before, asked for with the same parameters.
        after: After,
        /// In which order they come: `name` unless it says otherwise.
        sort: Query<Option<GroupSort>>,
        /// How many groups a page holds at most.
        #[oai(default = "page::default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u32>,
    ) -> Result<Listed, Problem> {
        caller.may(AdminScope::UsersRead)?;
        let from = after.place(|place| GroupName::parse(place).ok())?;
        let order = sort.0.map_or(Order::Ascending, Order::from);
        let found = api.admin.groups(order, from, page::asked(limit.0)).await?;
        let (found, next) = page::cut(found, limit.0, |group| after.next(&group.name));
        Ok(Listed::Page(Json(GroupPage { items: found.into_iter().map(Group::from).collect(), next })))
    }

    /// Puts a user into a group
    ///
    /// From the next use on the user's sessions are judged by the rules for it. One who is in it stays as they are, and that is no error. Needs
    /// the scope `users:write`, and every scope of this API that the user has, by their role or by what the settings file gives; of a user who has any,
    /// a recent sign-in.
    #[oai(path = "/groups/:name/members/:user_id", method = "put", operation_id = "group_add_member")]
    async fn add(
        &self,
        #[oai(scope = "AdminScope::UsersWrite")] caller: Caller,
        api: Data<&Api>,
        /// The group: 1 to 64 lowercase letters, digits or the signs `-_.:`. It need not be there yet.
        name: Path<String>,
        /// The user.
        user_id: Path<Uuid>,
    ) -> Result<Shown, ChangeProblem> {
        caller.may(AdminScope::UsersWrite)?;
        let (group, reach) = (name_of(&name.0)?, Reach::of(&caller, &api));
        let guard = move |user: &user::User| reach.user_now(user);
        Ok(shown(&api.admin.acting_as(caller.actor()).add_to_group(UserId(user_id.0), group, Box::new(guard)).await?)?)
    }

    /// Takes a user out of a group
    ///
    /// One who is not in it stays as they are, and that is no error. Needs the scope `users:write`, and every scope of this API that the user
    /// has, by their role or by what the settings file gives; of a user who has any, a recent sign-in.
    #[oai(path = "/groups/:name/members/:user_id", method = "delete", operation_id = "group_remove_member")]
    async fn remove(
        &self,
        #[oai(scope = "AdminScope::UsersWrite")] caller: Caller,
        api: Data<&Api>,
        /// The group.
        name: Path<String>,
        /// The user.
        user_id: Path<Uuid>,
    ) -> Result<Removed, Problem> {
        caller.may(AdminScope::UsersWrite)?;
        let (group, reach) = (name_of(&name.0)?, Reach::of(&caller, &api));
        let guard = move |user: &user::User| reach.user_now(user);
        api.admin.acting_as(caller.actor()).remove_from_group(UserId(user_id.0), group, Box::new(guard)).await?;
        Ok(Removed::Gone)
    }
}
