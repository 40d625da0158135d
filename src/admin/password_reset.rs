//! A user has forgotten the password: an administrator starts, the user finishes, and nobody else learns it.

use chrono::TimeDelta;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::body::OptionalBody;
use super::caller::{AdminScope, Caller};
use super::problem::ChangeProblem;
use super::reach::Reach;
use super::{Api, Resource};
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use crate::domain::user;
use crate::service::admin::AdminError;
use crate::service::password_reset::{LIFETIME, LONGEST, SHORTEST, address};

pub struct PasswordResetApi;

/// How a password reset is to be.
#[derive(Debug, Default, Object)]
#[oai(example, skip_serializing_if_is_none, deny_unknown_fields)]
struct PasswordResetRequest {
    /// How many seconds the link is good: from 60, a minute, to 604800, seven days. Default: 3600, an hour.
    expires_in: Option<u32>,
}

/// A password reset that was started.
#[derive(Object)]
#[oai(example)]
struct PasswordReset {
    /// Opens a page of the issuer on which the user sets a new password. It works once. Whoever has it can do that: hand it to the user and to
    /// nobody else. It is told here and nowhere again.
    link: String,
    /// Until when it works.
    expires_at: Timestamp,
}

impl Example for PasswordResetRequest {
    fn example() -> Self {
        Self { expires_in: Some(86_400) }
    }
}

impl Example for PasswordReset {
    fn example() -> Self {
        Self {
            link: "https://id.example.com/reset-password?link=the-link-is-shown-here-and-nowhere-again-xxx".to_owned(),
            expires_at: Timestamp::UNIX_EPOCH + TimeDelta::seconds(1_767_342_600),
        }
    }
}

#[derive(ApiResponse)]
enum Started {
    /// The link; those that the user had before work no more.
    #[oai(status = 201, content_type = "application/json")]
    Reset(Json<PasswordReset>),
}

#[OpenApi(tag = "Resource::Users")]
impl PasswordResetApi {
    /// Starts a password reset
    ///
    /// Makes a link by which the user sets a new password. Until it is used the old password stays good and nobody is signed out; then all
    /// sessions and refresh tokens of the user end. It dies unused with the next one, with a change of password or role, and when the user is
    /// disabled. `conflict` for a user who is disabled, or whose password the settings file says. Needs the scope `users:reset-password`, every
    /// scope of this API that the user's role has, and a recent sign-in.
    #[oai(path = "/users/:id/password-reset", method = "post", operation_id = "user_start_password_reset")]
    async fn start(
        &self,
        #[oai(scope = "AdminScope::UsersResetPassword")] caller: Caller,
        api: Data<&Api>,
        /// The user.
        id: Path<Uuid>,
        request: OptionalBody<PasswordResetRequest>,
    ) -> Result<Started, ChangeProblem> {
        caller.may_now(AdminScope::UsersResetPassword)?;
        let lifetime = request.0.expires_in.map_or(LIFETIME, |seconds| TimeDelta::seconds(i64::from(seconds)));
        if !(SHORTEST..=LONGEST).contains(&lifetime) {
            return Err(ChangeProblem::invalid_member("/expires_in", "A link is good for 60 seconds at least and 604800, seven days, at most."));
        }
        let (reach, core) = (Reach::of(&caller, &api), api.core.clone());
        let guard = move |user: &user::User| {
            reach.user(user)?;
            if core.declares_password_of(user) { Err(AdminError::PasswordDeclared(user.username.clone())) } else { Ok(()) }
        };
        let reset = api.admin.acting_as(caller.actor()).start_password_reset(UserId(id.0), lifetime, Box::new(guard)).await?;
        Ok(Started::Reset(Json(PasswordReset { link: address(&api.core.settings.issuer, &reset.secret), expires_at: reset.expires_at })))
    }
}
