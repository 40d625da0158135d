//! The user's own pages: what there is of them, the password asked again, a new password.

use chrono::TimeDelta;
use serde::{Serialize, Serializer};

use super::moment::{Ago, Moment};
use super::page::{Account, AccountRow};
use crate::domain::user_agent::{Device, beginning};

/// Where somebody is signed in, and what has access. Its forms post `csrf` and, where they are about one thing, its id as `session` or
/// `application`, to addresses below `account`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AccountPage<'a> {
    pub csrf: &'a str,
    pub account: Account<'a>,
    /// The other accounts that this browser is signed in with; posts `csrf` and `session` to `account/switch`.
    pub others: &'a [AccountRow<'a>],
    /// Whether it may be signed in with one more.
    pub another: bool,
    /// What has just been done: it gets the focus.
    pub told: Option<Told<'a>>,
    pub warnings: &'a [WarningCard<'a>],
    /// This browser first.
    pub sessions: &'a [SessionCard<'a>],
    /// The first page; the next ones show sessions alone.
    pub first: bool,
    /// The query of the page with the older sessions.
    pub older: Option<&'a str>,
    pub applications: &'a [ApplicationCard<'a>],
    pub password_changed: Moment,
    /// Whether it can be changed here: the settings file does not say what it is.
    pub password_is_own: bool,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Told<'a> {
    SessionEnded,
    OthersEnded,
    AccessWithdrawn { application: &'a str },
    PasswordChanged,
}

/// A browser somebody is signed in with.
#[derive(Debug, Clone, Serialize)]
pub struct SessionCard<'a> {
    pub id: String,
    pub device: DeviceName<'a>,
    pub network: Option<&'a str>,
    /// The browser that shows this page.
    pub here: bool,
    /// Whether the browser keeps it when it is closed.
    pub remembered: bool,
    pub since: Moment,
    pub last_used: Ago,
    /// When it ends whatever is done, and when if it is not used before that.
    pub ends: Option<Moment>,
    pub ends_idle: Option<Moment>,
    /// The names of the applications seen in it.
    pub applications: Vec<&'a str>,
}

/// What a browser is called.
#[derive(Debug, Clone, Copy)]
pub struct DeviceName<'a>(pub Option<&'a str>);

impl Serialize for DeviceName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View {
            browser: Option<&'static str>,
            system: Option<&'static str>,
            text: Option<String>,
        }
        let text = self.0.filter(|text| !text.trim().is_empty());
        let known = text.and_then(Device::of);
        let other = text.filter(|_| known.is_none()).map(beginning);
        View { browser: known.map(|device| device.browser), system: known.map(|device| device.system), text: other }.serialize(serializer)
    }
}

/// An application that can do something in the user's name.
#[derive(Debug, Clone, Serialize)]
pub struct ApplicationCard<'a> {
    pub id: &'a str,
    pub name: &'a str,
    /// The scope values, in the order to show.
    pub scopes: Vec<&'a str>,
    /// It belongs to the service, and asks nobody.
    pub first_party: bool,
    pub offline: bool,
    pub since: Moment,
    pub last_used: Option<Ago>,
}

/// An old refresh token came back.
#[derive(Debug, Clone, Serialize)]
pub struct WarningCard<'a> {
    pub application: &'a str,
    pub at: Moment,
    pub device: DeviceName<'a>,
}

/// The password once more before something is ended; posts `csrf`, `ticket`, `password` to `account/confirm`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ConfirmAction<'a> {
    pub csrf: &'a str,
    pub ticket: &'a str,
    pub account: Account<'a>,
    pub action: ActionKind,
    pub problem: Option<ProofProblem>,
}

/// What waits for the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    EndSession,
    EndOthers,
    Withdraw,
}

/// Why the present password is asked once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ProofProblem {
    Missing,
    Wrong,
    TooManyAttempts { retry_after_seconds: u64 },
    Unavailable,
}

impl ProofProblem {
    /// Rounds up, so that nobody comes a moment too early.
    pub fn wait(wait: TimeDelta) -> Self {
        Self::TooManyAttempts { retry_after_seconds: u64::try_from(wait.num_milliseconds()).unwrap_or(0).div_ceil(1000) }
    }
}

/// A new password; posts `csrf`, `password` (the present one), `new_password`, `password_again` to `account/password`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ChangePassword<'a> {
    pub csrf: &'a str,
    pub account: Account<'a>,
    /// The least number of characters.
    pub min_length: u32,
    /// It cannot be changed here.
    pub declared: bool,
    pub problem: Option<ProofProblem>,
    pub new_problem: Option<NewPasswordProblem>,
}

/// A new password in place of one that was forgotten; posts `link`, `csrf`, `new_password`, `password_again` to `reset-password`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ResetPassword<'a> {
    pub csrf: &'a str,
    /// The secret of the one-time link.
    pub link: &'a str,
    /// Whose it is.
    pub account: Account<'a>,
    /// The least number of characters.
    pub min_length: u32,
    pub problem: Option<NewPasswordProblem>,
}

/// What is wrong with the new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewPasswordProblem {
    Missing,
    TooShort,
    TooLong,
    Differ,
}
