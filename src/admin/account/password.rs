//! A new password, for whoever knows the present one.

use poem::web::Data;
use poem_openapi::types::{Example, Password};
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::caller::{AccountScope, Caller};
use super::problem::{ChangeProblem, Problem};
use super::{Api, Resource};
use crate::admin::body::Body;
use crate::domain::secret::Secret;
use crate::service::account::password::{Change, change_by_token};

pub struct PasswordApi;

/// The present password, and what it is to be.
#[derive(Object)]
#[oai(example, deny_unknown_fields)]
struct NewPassword {
    /// What the user signs in with until now.
    current_password: Password,
    /// What the user will sign in with.
    new_password: Password,
}

impl Example for NewPassword {
    fn example() -> Self {
        Self { current_password: Password("the one until now".to_owned()), new_password: Password("correct horse battery staple".to_owned()) }
    }
}

#[derive(ApiResponse)]
enum Changed {
    /// It is changed.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(tag = "Resource::Account")]
impl PasswordApi {
    /// Changes the password
    ///
    /// For whoever knows the present one. Every session of the user ends, also the one that the access token comes from, and every refresh token
    /// with the access tokens that came of it: send the user to sign in with the new password. A wrong present password is counted and slowed
    /// like a failed sign-in. Needs the scope `account:password:change` and a recent sign-in.
    #[oai(path = "/password", method = "put", operation_id = "password_change")]
    async fn change(
        &self,
        #[oai(scope = "AccountScope::PasswordChange")] caller: Caller,
        api: Data<&Api>,
        new: Body<NewPassword>,
    ) -> Result<Changed, ChangeProblem> {
        let (user, here) = caller.may_now(AccountScope::PasswordChange)?;
        let Body(NewPassword { current_password: Password(current), new_password: Password(new) }) = new;
        if current.is_empty() {
            return Err(ChangeProblem::invalid_member("/current_password", "The present password is needed."));
        }
        match change_by_token(&api.core, user, here, Secret::new(current), Secret::new(new), caller.by()).await? {
            Change::Done(()) => Ok(Changed::Done),
            Change::Wrong => Err(ChangeProblem::invalid_member("/current_password", "This is not the present password.")),
            Change::Unfit(unfit) => Err(ChangeProblem::invalid_member("/new_password", sentence(&unfit.to_string()))),
            Change::Wait(wait) => Err(ChangeProblem::too_many_attempts(wait)),
            Change::Declared => Err(ChangeProblem::conflict("The password is declared in the issuer's settings file, which would undo a change.")),
            Change::NotSignedIn => Err(Problem::token_invalid().into()),
        }
    }
}

/// A reason as a sentence.
fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).chain(['.']).collect()).unwrap_or_default()
}
