//! The pages of a user's own, and the way to them over the sign-in page.
//!
//! Where to go after signing in is a word of this list and never an address, so no link to the sign-in page can lead elsewhere.

use poem::Response;

use super::{App, headers};
use crate::protocol::params::Params;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnPage {
    Account,
    Password,
    /// Closes the window that a browser opened so that its user signs in (FedCM).
    Fedcm,
}

impl OwnPage {
    const ALL: [Self; 3] = [Self::Account, Self::Password, Self::Fedcm];

    /// The word that `to` may be.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Password => "password",
            Self::Fedcm => "fedcm",
        }
    }

    /// The page that `to` asks for, if it is one.
    pub fn asked_for(params: Option<&Params>) -> Option<Self> {
        let word = params?.get("to")?;
        Self::ALL.into_iter().find(|page| page.as_str() == word)
    }

    /// Where it is.
    pub fn address(self, app: &App) -> String {
        let path = match self {
            Self::Account => "account",
            Self::Password => "account/password",
            Self::Fedcm => "fedcm/signed-in",
        };
        format!("{}{path}", app.base_path())
    }

    /// To the sign-in page, and then here.
    pub fn sign_in(self, app: &App) -> Response {
        headers::see_other(&format!("{}login?to={}", app.base_path(), self.as_str()))
    }
}
