//! Users: the people who sign in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::{Example, ToJSON};
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};
use uuid::Uuid;

use super::body::Body;
use super::caller::{AdminScope, Caller};
use super::idempotency::{self, answered, replayed, still_there};
use super::page::{self, After};
use super::problem::{ChangeProblem, Problem};
use super::reach::Reach;
use super::sort::{ListProblem, UserOrder, UserSort, name_mark, name_marked};
use super::user_profile::UserProfile;
use super::{Api, Resource, etag};
use crate::domain::admin_scope::AdminRole;
use crate::domain::clock::Timestamp;
use crate::domain::group::{GroupName, Groups};
use crate::domain::id::UserId;
use crate::domain::user::{self, USERNAME_RULE, is_username, normal_username};
use crate::service::admin::listed::State;
use crate::service::admin::{AdminError, NewUser as Account, Outcome, UserFilter};

pub struct UsersApi;

/// What an administrator is for; each role is a bundle of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", remote = "AdminRole")]
pub enum Role {
    /// May do everything.
    Administrator,
    /// Helps users: sees who they are, starts resets of their passwords, ends their sessions, withdraws consents.
    Support,
    /// Registers applications and reads what concerns them.
    Developer,
    /// Reads everything and changes nothing.
    Auditor,
}

/// Whether a user may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum UserState {
    Active,
    /// Locked out, by `user_disable`.
    Disabled,
}

impl From<UserState> for State {
    fn from(state: UserState) -> Self {
        match state {
            UserState::Active => Self::Live,
            UserState::Disabled => Self::Ended,
        }
    }
}

/// A user: somebody who can sign in.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
pub struct User {
    /// The `sub` of the tokens. It never changes.
    id: Uuid,
    /// What is typed to sign in; lowercase.
    username: String,
    profile: UserProfile,
    /// The groups the user is in, by name. Lifetime rules may be for a group.
    groups: Vec<String>,
    /// What the user may do at this API; absent: nothing.
    role: Option<Role>,
    /// Whether there is a password to sign in with.
    has_password: bool,
    /// When the user was disabled; absent while they may sign in.
    disabled_at: Option<Timestamp>,
    /// Whether the user is declared in the settings file, which wins at each start.
    managed_by_file: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Users: of a search in the order of what was found, else in the order they were created or the one that was asked for.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct UserPage {
    items: Vec<User>,
    /// What to pass as `after` for the next page; absent on the last one.
    next: Option<String>,
}

/// What is kept of a user, as a whole.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none, deny_unknown_fields)]
struct UserMetadata {
    /// What is typed to sign in: 1 to 128 visible characters without spaces. The case of letters does not matter.
    username: String,
    /// Default: nothing is known.
    profile: Option<UserProfile>,
    /// Each 1 to 64 lowercase letters, digits or the signs `-_.:`. Default: none.
    groups: Option<Vec<String>>,
}

impl UserMetadata {
    fn parse(self) -> Result<(String, user::Profile, Groups), ChangeProblem> {
        let username = normal_username(&self.username);
        if !is_username(&username) {
            return Err(ChangeProblem::invalid_member("/username", format!("It does not fit: {USERNAME_RULE}.")));
        }
        let group =
            |(i, name): (usize, String)| GroupName::parse(&name).map_err(|error| ChangeProblem::invalid_member(&format!("/groups/{i}"), format!("{error}.")));
        let groups = self.groups.unwrap_or_default().into_iter().enumerate().map(group).collect::<Result<Vec<_>, _>>()?;
        Ok((username, self.profile.unwrap_or_default().parse("/profile")?, Groups::of(groups)))
    }
}

impl User {
    pub fn of(user: &user::User) -> Result<Self, AdminError> {
        Ok(Self {
            id: user.id.0,
            username: user.username.clone(),
            profile: UserProfile::of(&user.profile)?,
            groups: user.groups.names().map(str::to_owned).collect(),
            role: user.role.map(Role::from),
            has_password: user.password_hash.is_some(),
            disabled_at: user.disabled_at,
            managed_by_file: user.managed_by_file,
            created_at: user.created_at,
            updated_at: user.updated_at,
        })
    }
}

impl Example for User {
    fn example() -> Self {
        let created = Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(1_767_256_200);
        Self {
            id: Uuid::from_u128(0x0198_c5f2_7d3e_7b52_8c3a_61f0_2e4d_9a18),
            username: "alice".to_owned(),
            profile: UserProfile::example(),
            groups: vec!["staff".to_owned()],
            role: Some(Role::Support),
            has_password: true,
            disabled_at: None,
            managed_by_file: false,
            created_at: created,
            updated_at: created,
        }
    }
}

impl Example for UserPage {
    fn example() -> Self {
        let user = User::example();
        Self { next: Some(page::example(user.id)), items: vec![user] }
    }
}

impl Example for UserMetadata {
    fn example() -> Self {
        Self { username: "alice".to_owned(), profile: Some(UserProfile::example()), groups: Some(vec!["staff".to_owned()]) }
    }
}

#[derive(ApiResponse)]
enum Listed {
    /// A page of users.
    #[oai(status = 200, content_type = "application/json")]
    Page(Json<UserPage>),
}

#[derive(ApiResponse)]
pub enum Shown {
    /// The user, as they are now.
    #[oai(status = 200, content_type = "application/json")]
    User(
        Json<User>,
        /// What to send as `If-Match` with a change (RFC 9110 §8.8.3).
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Created {
    /// The user.
    #[oai(status = 201, content_type = "application/json")]
    User(
        Json<User>,
        /// What to send as `If-Match` with a change (RFC 9110 §8.8.3).
        #[oai(header = "ETag")]
        String,
        /// `true` if it was done before, and this is the answer of then.
        #[oai(header = "Idempotent-Replayed")]
        Option<String>,
    ),
}

#[derive(ApiResponse)]
enum Deleted {
    /// The user is gone.
    #[oai(status = 204)]
    Gone,
}

pub fn shown(user: &user::User) -> Result<Shown, AdminError> {
    let user = User::of(user)?;
    let tag = etag::of(&user);
    Ok(Shown::User(Json(user), tag))
}

/// Where a search goes on: who was found last, and by what.
fn mark((text, user): &(String, UserId)) -> String {
    format!("{user}.{}", URL_SAFE_NO_PAD.encode(text))
}

fn marked(text: &str) -> Option<(String, UserId)> {
    let (user, found) = text.split_once('.')?;
    let found = String::from_utf8(URL_SAFE_NO_PAD.decode(found).ok()?).ok()?;
    // PostgreSQL takes no text with a NUL.
    (!found.contains('\0')).then_some((found, user.parse().ok()?))
}

#[OpenApi(tag = "Resource::Users")]
impl UsersApi {
    /// Lists users
    ///
    /// In the order they were created unless `sort` says otherwise; of a search in the order of what was found. Needs the scope `users:read`.
    #[oai(path = "/users", method = "get", operation_id = "user_list")]
    #[allow(clippy::too_many_arguments)]
    async fn list(
        &self,
        #[oai(scope = "AdminScope::UsersRead")] caller: Caller,
        api: Data<&Api>,
        /// Only users whose name or e-mail address begins with this. The case of letters does not matter.
        #[oai(validator(max_length = 254))]
        search: Query<Option<String>>,
        /// Only users who come after a place: `next` of the page before, asked for with the same parameters.
        after: After,
        /// How many users a page holds at most. Of a search, or where more than one thing is asked for, it may be fewer though there is a next page.
        #[oai(default = "page::default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u32>,
        /// Only users in the group of this name.
        group: Query<Option<String>>,
        /// Only users who may sign in, or only those who were disabled.
        state: Query<Option<UserState>>,
        /// Only users with this role.
        role: Query<Option<Role>>,
        /// In which order they come. By name is for the list of everybody alone, without `group`, `state` and `role`; a `search` has an order of its
        /// own, and takes none. Default: `created_at`.
        sort: Query<Option<UserSort>>,
    ) -> Result<Listed, ListProblem> {
        caller.may(AdminScope::UsersRead)?;
        let group = group.0.map(|name| GroupName::parse(&name).map_err(|error| Problem::malformed(format!("The parameter `group` is malformed: {error}."))));
        let filter = UserFilter { group: group.transpose()?, role: role.0.map(AdminRole::from), state: state.0.map(State::from) };
        let search = search.0.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let (found, next) = match (search, UserOrder::from(sort.0)) {
            (Some(_), _) if sort.is_some() => return Err(ListProblem::sort("a search has an order of its own. Leave out `sort`, or `search`.")),
            (Some(text), _) => {
                let from = after.place(marked)?;
                let (found, next) = api.admin.search_users(text, filter, from, limit.0).await?;
                (found, next.as_ref().map(|next| after.next(mark(next))))
            }
            (None, UserOrder::Name(_)) if !filter.is_empty() => {
                return Err(ListProblem::sort("by name comes everybody only. Leave out `group`, `state` and `role`, or sort by `created_at`."));
            }
            (None, UserOrder::Name(order)) => {
                let from = after.place(name_marked)?;
                let found = api.admin.users_by_name(order, from, limit.0).await?;
                (found.items, found.next.as_deref().map(|next| after.next(name_mark(next))))
            }
            (None, UserOrder::Time(order)) => {
                let from = after.place(|place| place.parse::<UserId>().ok())?;
                let found = api.admin.users_page(filter, order, from, limit.0).await?;
                (found.items, found.next.map(|next| after.next(next)))
            }
        };
        Ok(Listed::Page(Json(UserPage { items: found.iter().map(User::of).collect::<Result<_, _>>()?, next })))
    }

    /// Creates a user
    ///
    /// Without a password: this API neither reads nor sets one; the user sets it, by the link of `user_start_password_reset`. Needs the scope
    /// `users:write`. What the settings file gives to a user of this name counts as power held, for at the next start they have it: it takes every
    /// scope of that role, and a recent sign-in.
    #[oai(path = "/users", method = "post", operation_id = "user_create")]
    async fn create(
        &self,
        #[oai(scope = "AdminScope::UsersWrite")] caller: Caller,
        api: Data<&Api>,
        /// Makes it safe to send the request again: with the same key it is done once, and answered as the first time, for 24 hours. 1 to 255
        /// printable ASCII characters.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        new: Body<UserMetadata>,
    ) -> Result<Created, ChangeProblem> {
        caller.may(AdminScope::UsersWrite)?;
        let once = idempotency::once(&api, &caller, "user_create", key.0.as_deref(), &[&new.0.to_json_string()])?;
        let (username, profile, groups) = new.0.parse()?;
        Reach::of(&caller, &api).username(&username)?;
        let (admin, new) = (api.admin.acting_as(caller.actor()), Account { username, profile, groups, role: None, password_hash: None });
        let render = |user: &user::User| User::of(user).map(|user| user.to_json_string()).unwrap_or_default();
        let (user, again) = match admin.once(once, render, |memo| admin.create_user_once(new, memo)).await? {
            Outcome::Done(user) => (User::of(&user)?, None),
            Outcome::Replayed(replay) => {
                let user: User = answered(&replay)?;
                still_there("user", admin.user_of_id(UserId(user.id)).await, |_| true)?;
                (user, replayed())
            }
        };
        let tag = etag::of(&user);
        Ok(Created::User(Json(user), tag, again))
    }

    /// Shows a user
    ///
    /// Needs the scope `users:read`.
    #[oai(path = "/users/:id", method = "get", operation_id = "user_show")]
    async fn show(
        &self,
        #[oai(scope = "AdminScope::UsersRead")] caller: Caller,
        api: Data<&Api>,
        /// The user.
        id: Path<Uuid>,
    ) -> Result<Shown, Problem> {
        caller.may(AdminScope::UsersRead)?;
        Ok(shown(&api.admin.user_of_id(UserId(id.0)).await?)?)
    }

    /// Replaces what is known of a user
    ///
    /// As a whole: what the body leaves out is no longer known. Sessions go on; who changes from one group to another is judged by the rules of
    /// that one from the next use on. Needs the scope `users:write`, and every scope of this API that the user has or would get, by their role or by what the
    /// settings file gives to the user of the name before or after, for at the next start they have it; if that is any, a recent sign-in.
    #[oai(path = "/users/:id", method = "put", operation_id = "user_replace")]
    async fn replace(
        &self,
        #[oai(scope = "AdminScope::UsersWrite")] caller: Caller,
        api: Data<&Api>,
        /// The user.
        id: Path<Uuid>,
        /// The `ETag` of the user as it was read: nothing is changed if it is another by now (RFC 9110 §13.1.1).
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        metadata: Body<UserMetadata>,
    ) -> Result<Shown, ChangeProblem> {
        caller.may(AdminScope::UsersWrite)?;
        let (username, profile, groups) = metadata.0.parse()?;
        let reach = Reach::of(&caller, &api);
        let change = move |user: &mut user::User| {
            etag::check(if_match.0.as_deref(), &User::of(user)?)?;
            reach.user_now(user)?;
            reach.username(&username)?;
            (user.username, user.profile, user.groups) = (username, profile, groups);
            Ok(())
        };
        Ok(shown(&api.admin.acting_as(caller.actor()).update_user(UserId(id.0), Box::new(change)).await?)?)
    }

    /// Deletes a user
    ///
    /// With all sessions, consents and refresh tokens. `conflict` for the last one who administers. Needs the scope `users:write`, every scope of
    /// this API that the user has, by their role or by what the settings file gives, and a recent sign-in.
    #[oai(path = "/users/:id", method = "delete", operation_id = "user_delete")]
    async fn delete(
        &self,
        #[oai(scope = "AdminScope::UsersWrite")] caller: Caller,
        api: Data<&Api>,
        /// The user.
        id: Path<Uuid>,
        /// The `ETag` of the user as it was read: nothing is deleted if it is another by now (RFC 9110 §13.1.1).
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ChangeProblem> {
        caller.may_now(AdminScope::UsersWrite)?;
        let reach = Reach::of(&caller, &api);
        let guard = move |user: &user::User| {
            etag::check(if_match.0.as_deref(), &User::of(user)?)?;
            reach.user(user)
        };
        api.admin.acting_as(caller.actor()).delete_user_if(UserId(id.0), Box::new(guard)).await?;
        Ok(Deleted::Gone)
    }
}
