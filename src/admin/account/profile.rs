//! Who the user is.

use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::caller::{AccountScope, Caller};
use super::problem::Problem;
use super::{Api, Resource};
use crate::admin::user_profile::UserProfile;
use crate::domain::clock::Timestamp;
use crate::service::Failure;

pub struct ProfileApi;

/// An account, as its user may see it.
#[derive(Debug, Object)]
#[oai(example)]
struct Account {
    /// Who the user is to your application: the `sub` of its tokens.
    sub: String,
    /// What the user signs in with.
    username: String,
    profile: UserProfile,
    /// When the account was made.
    created_at: Timestamp,
    /// When the password was last changed.
    password_changed_at: Timestamp,
    /// Whether the user can change the password. One that the issuer's settings file declares is not changed here.
    password_changeable: bool,
}

impl Example for Account {
    fn example() -> Self {
        let created_at = Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(1_767_256_200);
        Self {
            sub: "0198c5f2-7d3e-7b52-8c3a-61f02e4d9a18".to_owned(),
            username: "alice".to_owned(),
            profile: UserProfile::example(),
            created_at,
            password_changed_at: created_at + chrono::TimeDelta::days(40),
            password_changeable: true,
        }
    }
}

#[derive(ApiResponse)]
enum Shown {
    /// The account.
    #[oai(status = 200, content_type = "application/json")]
    Account(Json<Account>),
}

#[OpenApi(tag = "Resource::Account")]
impl ProfileApi {
    /// Shows the account
    ///
    /// All that is known of the user, whichever of the scopes `profile`, `email`, `address` and `phone` the application has. Needs the scope
    /// `account:profile:read`.
    #[oai(path = "/profile", method = "get", operation_id = "account_show")]
    async fn show(&self, #[oai(scope = "AccountScope::ProfileRead")] caller: Caller, api: Data<&Api>) -> Result<Shown, Problem> {
        let user = caller.may(AccountScope::ProfileRead)?;
        Ok(Shown::Account(Json(Account {
            sub: caller.subject(),
            username: user.username.clone(),
            profile: UserProfile::of(&user.profile).map_err(Failure::from)?,
            created_at: user.created_at,
            password_changed_at: user.password_changed_at,
            password_changeable: user.password_hash.is_some() && !api.core.declares_password_of(user),
        })))
    }
}
