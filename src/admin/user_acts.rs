//! What is done to a user: locked out and let in again, signed out everywhere, given a role.

use poem::web::Data;
use poem_openapi::param::{Header, Path};
use poem_openapi::payload::Json;
use poem_openapi::types::{Example, MaybeUndefined};
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::body::Body;
use super::caller::{AdminScope, Caller};
use super::problem::{ChangeProblem, Problem};
use super::reach::Reach;
use super::users::{Role, Shown, User, shown};
use super::{Api, Resource, etag};
use crate::domain::admin_scope::AdminRole;
use crate::domain::id::UserId;
use crate::domain::user;

pub struct UserActsApi;

/// How much was ended that had not ended before.
#[derive(Debug, Object)]
#[oai(example)]
struct EndedSessions {
    /// Browsers that were signed in.
    sessions: u64,
    /// Applications' shares in them.
    client_sessions: u64,
    /// Refresh token families.
    refresh_families: u64,
}

/// The role of a user.
#[derive(Debug, Object)]
#[oai(example, deny_unknown_fields)]
struct RoleOfUser {
    /// What the user may do at this API; `null`: nothing.
    role: MaybeUndefined<Role>,
}

impl Example for EndedSessions {
    fn example() -> Self {
        Self { sessions: 2, client_sessions: 5, refresh_families: 3 }
    }
}

impl Example for RoleOfUser {
    fn example() -> Self {
        Self { role: MaybeUndefined::Value(Role::Support) }
    }
}

#[derive(ApiResponse)]
enum Ended {
    /// What was ended; nothing, if nothing lived.
    #[oai(status = 200, content_type = "application/json")]
    Counts(Json<EndedSessions>),
}

#[OpenApi(tag = "Resource::Users")]
impl UserActsApi {
    /// Disables a user
    ///
    /// The user cannot sign in, and is signed out everywhere at once. Doing it again changes nothing and is no error. `conflict` for the last one
    /// who administers. Needs the scope `users:write`, and every scope of this API that the user has, by their role or by what the settings file gives;
    /// of a user who has any, a recent sign-in.
    #[oai(path = "/users/:id/disable", method = "post", operation_id = "user_disable")]
    async fn disable(
        &self,
        #[oai(scope = "AdminScope::UsersWrite")] caller: Caller,
        api: Data<&Api>,
        /// The user.
        id: Path<Uuid>,
    ) -> Result<Shown, ChangeProblem> {
        caller.may(AdminScope::UsersWrite)?;
        let reach = Reach::of(&caller, &api);
        let guard = move |user: &user::User| reach.user_now(user);
        Ok(shown(&api.admin.acting_as(caller.actor()).disable_user_if(UserId(id.0), Box::new(guard)).await?)?)
    }

    /// Lets a disabled user in again
    ///
    /// What was ended stays ended. Doing it again changes nothing and is no error. Needs the scope `users:write`, and every scope of this API
    /// that the user has, by their role or by what the settings file gives; of a user who has any, a recent sign-in.
    #[oai(path = "/users/:id/enable", method = "post", operation_id = "user_enable")]
    async fn enable(
        &self,
        #[oai(scope = "AdminScope::UsersWrite")] caller: Caller,
        api: Data<&Api>,
        /// The user.
        id: Path<Uuid>,
    ) -> Result<Shown, Problem> {
        caller.may(AdminScope::UsersWrite)?;
        let reach = Reach::of(&caller, &api);
        let guard = move |user: &user::User| reach.user_now(user);
        Ok(shown(&api.admin.acting_as(caller.actor()).enable_user_if(UserId(id.0), Box::new(guard)).await?)?)
    }

    /// Ends all sessions of a user
    ///
    /// With all that hangs on them, and the refresh tokens that would outlive them. The user may sign in again at once. Needs the scope
    /// `sessions:end`; of a user who has power at this API, by their role or by what the settings file gives, a recent sign-in.
    #[oai(path = "/users/:id/sessions/end", method = "post", operation_id = "user_end_sessions")]
    async fn end_sessions(
        &self,
        #[oai(scope = "AdminScope::SessionsEnd")] caller: Caller,
        api: Data<&Api>,
        /// The user.
        id: Path<Uuid>,
    ) -> Result<Ended, Problem> {
        caller.may(AdminScope::SessionsEnd)?;
        let reach = Reach::of(&caller, &api);
        let guard = move |user: &user::User| reach.proof_of_user(user);
        let ended = api.admin.acting_as(caller.actor()).end_sessions_of_if(UserId(id.0), Box::new(guard)).await?;
        Ok(Ended::Counts(Json(EndedSessions { sessions: ended.sessions, client_sessions: ended.client_sessions, refresh_families: ended.families })))
    }

    /// Gives a user a role, or takes it away
    ///
    /// From the user's next call on. `conflict` where the last one who administers would lose that role. Needs the scope `roles:grant`, every scope
    /// of this API that the role before and the role after have, and a recent sign-in.
    #[oai(path = "/users/:id/role", method = "put", operation_id = "user_set_role")]
    async fn set_role(
        &self,
        #[oai(scope = "AdminScope::RolesGrant")] caller: Caller,
        api: Data<&Api>,
        /// The user.
        id: Path<Uuid>,
        /// The `ETag` of the user as it was read: nothing is changed if it is another by now (RFC 9110 §13.1.1).
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        role: Body<RoleOfUser>,
    ) -> Result<Shown, ChangeProblem> {
        caller.may_now(AdminScope::RolesGrant)?;
        let role = match role.0.role {
            MaybeUndefined::Value(role) => Some(AdminRole::from(role)),
            MaybeUndefined::Null => None,
            MaybeUndefined::Undefined => return Err(ChangeProblem::invalid_member("/role", "Name the role; `null` takes it away.")),
        };
        let reach = Reach::of(&caller, &api);
        let change = move |user: &mut user::User| {
            etag::check(if_match.0.as_deref(), &User::of(user)?)?;
            reach.user(user)?;
            reach.role(role)?;
            user.role = role;
            Ok(())
        };
        Ok(shown(&api.admin.acting_as(caller.actor()).update_user(UserId(id.0), Box::new(change)).await?)?)
    }
}
