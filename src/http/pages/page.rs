//! What each page shows: one struct a page, filled by the handlers, read by the templates.
//!
//! Every text here may be hostile (client names, what was typed, what an application sent): the templates escape it, and names that are
//! shown to people also lose their control and direction characters (`text`). Values of hidden fields travel untouched.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::diagnose::Diagnose;
use super::own_page::{AccountPage, ChangePassword, ConfirmAction, ResetPassword};
use super::reference::Reference;
use super::storage_access::StorageAccess;
use super::text::{self, Span};
use crate::domain::id::SessionId;
use crate::domain::user::User;

/// A page, with all it needs.
#[derive(Debug, Clone, Copy)]
pub enum Page<'a> {
    SignIn(SignIn<'a>),
    Consent(Consent<'a>),
    ChooseAccount(ChooseAccount<'a>),
    ConfirmLogout(ConfirmLogout<'a>),
    SignedOut(SignedOut<'a>),
    Error(ErrorPage<'a>),
    Setup(Setup<'a>),
    SetupDone(SetupDone<'a>),
    Home(Home<'a>),
    Account(AccountPage<'a>),
    ConfirmAction(ConfirmAction<'a>),
    ChangePassword(ChangePassword<'a>),
    ResetPassword(ResetPassword<'a>),
    ResetPasswordDone,
    FormPost(FormPost<'a>),
    WebMessage(WebMessage<'a>),
    StorageAccess(StorageAccess<'a>),
    Fedcm(FedcmWindow<'a>),
    Diagnose(Diagnose<'a>),
    Reference(&'a Reference),
}

/// The person an account belongs to, as pages name them.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Account<'a> {
    pub username: &'a str,
    /// The full name, when the profile has one.
    pub name: Option<&'a str>,
}

/// Username and password; posts `csrf`, `ticket`, `username`, `password`, `remember` if the box is there and ticked, and `to` if there is one, to
/// `login`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SignIn<'a> {
    pub csrf: &'a str,
    /// The sealed authorization request; empty when no application asked.
    pub ticket: &'a str,
    /// The page of this server's own to go to then: a word of its own list, never an address.
    pub to: Option<&'a str>,
    /// The name of the application that asks.
    pub application: Option<&'a str>,
    /// What was typed before, else `login_hint`, else empty.
    pub username: &'a str,
    /// Somebody is signed in, and the application wants to know that it is still them (`prompt=login`, `max_age`).
    pub confirm_identity: bool,
    /// Whether "stay signed in" is ticked; `None`: it is not offered.
    pub remember: Option<bool>,
    pub problem: Option<SignInProblem>,
}

/// Why the sign-in page is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SignInProblem {
    UsernameMissing,
    PasswordMissing,
    /// Wrong name, wrong password or disabled account: the page does not tell which.
    WrongCredentials,
    TooManyAttempts {
        retry_after_seconds: u64,
    },
    /// The session ended while the person was away.
    SessionExpired,
    /// The page was open for too long (CSRF value or ticket out of date).
    FormExpired,
    /// The browser did not send back the cookie of the form.
    CookiesBlocked,
    /// The database or the password workers are overloaded or down.
    Unavailable,
}

/// What an application asks for; posts `csrf`, `ticket`, `decision` (`allow` or `deny`) to `consent`,
/// and "not you?" posts `csrf`, `ticket`, `account=not-me` to `select-account`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Consent<'a> {
    pub csrf: &'a str,
    pub ticket: &'a str,
    pub application: &'a str,
    /// Where the browser goes next: the host of the redirect URI. Shown, for it is what cannot be made up.
    pub return_host: &'a str,
    pub account: Account<'a>,
    /// The scope values asked for, in the order to show.
    pub scopes: &'a [&'a str],
    pub lasts: AccessLasts,
}

/// For how long the application keeps what it is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLasts {
    /// No `offline_access`: while the person is signed in here.
    WhileSignedIn,
    /// The absolute lifetime of the refresh family.
    Seconds(u64),
    /// An unlimited refresh family: until the person or an admin withdraws it.
    UntilWithdrawn,
}

impl Serialize for AccessLasts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View {
            kind: &'static str,
            span: Option<Span>,
        }
        let (kind, span) = match self {
            Self::WhileSignedIn => ("while-signed-in", None),
            Self::Seconds(seconds) => ("span", Some(Span::rounded(*seconds))),
            Self::UntilWithdrawn => ("until-withdrawn", None),
        };
        View { kind, span }.serialize(serializer)
    }
}

/// One of several accounts to choose from.
#[derive(Debug, Clone, Serialize)]
pub struct AccountRow<'a> {
    /// Its session in this browser: what the button sends.
    pub session: String,
    pub username: &'a str,
    pub name: Option<&'a str>,
    /// The password is asked for next.
    pub over: bool,
}

impl<'a> AccountRow<'a> {
    pub fn of(session: &SessionId, user: &'a User, over: bool) -> Self {
        Self { session: session.to_string(), username: &user.username, name: user.profile.name.as_deref(), over }
    }
}

/// Those who are signed in, or another account; posts `csrf`, `ticket`, `account` (the session, or `other`) to `select-account`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ChooseAccount<'a> {
    pub csrf: &'a str,
    pub ticket: &'a str,
    pub application: Option<&'a str>,
    pub accounts: &'a [AccountRow<'a>],
}

/// Asks before signing out (OpenID Connect RP-Initiated Logout 1.0 §2); posts `csrf`, `ticket`, and `decision` (`allow`: all accounts, or `deny`) or
/// `account` (the session of one of several), to `oidc/logout/confirm`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ConfirmLogout<'a> {
    pub csrf: &'a str,
    pub ticket: &'a str,
    /// The application that sent the person here, when it is known.
    pub application: Option<&'a str>,
    /// Who is signed in; one at least.
    pub accounts: &'a [AccountRow<'a>],
}

/// The end of a sign-out without a place to return to.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SignedOut<'a> {
    pub application: Option<&'a str>,
    /// A validated address of the application; anything but http(s) is not linked.
    pub return_to: Option<&'a str>,
    /// Other accounts are still signed in.
    pub others: bool,
    /// Addresses of applications that are told by a frame each.
    pub frames: &'a [&'a str],
    /// With frames and an address to return to: the nonce of `script-src` for the script that goes there when all have loaded.
    pub nonce: Option<&'a str>,
}

/// Something went wrong, and there is nowhere safe to send the browser.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ErrorPage<'a> {
    pub kind: ErrorKind,
    /// The OAuth error code, for the application's developer.
    pub code: Option<&'a str>,
    /// The public text of the error (English, as sent on the wire), for the application's developer.
    pub detail: Option<&'a str>,
    /// The id under which the log tells the reason.
    pub request_id: &'a str,
}

/// What to tell the person on an error page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The application's request is malformed.
    InvalidRequest,
    /// No such client, or it is disabled.
    UnknownClient,
    /// The redirect URI is not one of the client's.
    RedirectMismatch,
    /// The ticket or the form is out of date, and what to return to is not known.
    Expired,
    /// The browser withholds cookies.
    CookiesBlocked,
    /// The one-time link to the set-up was used before, is out of date or was never given out.
    LinkInvalid,
    /// The same of one to a new password, or another has taken its place.
    ResetLinkInvalid,
    /// A form came from another site or another browser.
    Forbidden,
    NotFound,
    TooManyRequests,
    Unavailable,
    Internal,
}

impl ErrorKind {
    pub const ALL: [Self; 12] = [
        Self::InvalidRequest,
        Self::UnknownClient,
        Self::RedirectMismatch,
        Self::Expired,
        Self::CookiesBlocked,
        Self::LinkInvalid,
        Self::ResetLinkInvalid,
        Self::Forbidden,
        Self::NotFound,
        Self::TooManyRequests,
        Self::Unavailable,
        Self::Internal,
    ];
}

/// Creates the first admin; posts `link`, `csrf`, `username`, `name`, `email`, `password`, `password_again` to `setup`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Setup<'a> {
    pub csrf: &'a str,
    /// The secret of the one-time link.
    pub link: &'a str,
    pub username: &'a str,
    pub name: &'a str,
    pub email: &'a str,
    /// The least number of characters of a password.
    pub min_length: u32,
    /// Each problem is shown at its field; the first wrong field in the order of the page gets the focus.
    pub problems: &'a [SetupProblem],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetupProblem {
    UsernameMissing,
    UsernameInvalid,
    UsernameTaken,
    NameInvalid,
    EmailInvalid,
    PasswordMissing,
    PasswordTooShort,
    PasswordTooLong,
    PasswordTooCommon,
    PasswordsDiffer,
    /// Not about a field: shown above the form.
    FormExpired,
    /// Not about a field: shown above the form.
    Unavailable,
}

impl SetupProblem {
    pub const ALL: [Self; 12] = [
        Self::UsernameMissing,
        Self::UsernameInvalid,
        Self::UsernameTaken,
        Self::NameInvalid,
        Self::EmailInvalid,
        Self::PasswordMissing,
        Self::PasswordTooShort,
        Self::PasswordTooLong,
        Self::PasswordTooCommon,
        Self::PasswordsDiffer,
        Self::FormExpired,
        Self::Unavailable,
    ];

    /// The form field it belongs to.
    pub(super) fn field(self) -> Option<&'static str> {
        match self {
            Self::UsernameMissing | Self::UsernameInvalid | Self::UsernameTaken => Some("username"),
            Self::NameInvalid => Some("name"),
            Self::EmailInvalid => Some("email"),
            Self::PasswordMissing | Self::PasswordTooShort | Self::PasswordTooLong | Self::PasswordTooCommon => Some("password"),
            Self::PasswordsDiffer => Some("password_again"),
            Self::FormExpired | Self::Unavailable => None,
        }
    }
}

/// The first admin exists.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SetupDone<'a> {
    pub username: &'a str,
    /// Whether there is a console to go on in.
    pub console: bool,
}

/// The issuer's root, for the curious.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Home<'a> {
    pub issuer: &'a str,
    /// Who is signed in, if somebody is.
    pub account: Option<Account<'a>>,
}

/// Sends the authorization response as a form (OAuth 2.0 Form Post Response Mode): at once by a script, by a button without one.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct FormPost<'a> {
    /// The validated redirect URI; must be http(s), for a browser posts to nothing else.
    pub action: &'a str,
    pub fields: &'a [(&'a str, &'a str)],
    /// The nonce of `script-src` in this answer's Content-Security-Policy.
    pub nonce: &'a str,
    pub application: &'a str,
}

/// Hands the authorization response to the page that opened it, or holds it in a frame: at once, by a script; without one it cannot be done.
#[derive(Debug, Clone, Copy)]
pub struct WebMessage<'a> {
    /// JSON.
    pub message: &'a str,
    /// Who may get it.
    pub origin: &'a str,
    pub application: &'a str,
}

impl WebMessage<'_> {
    /// The same for everybody, so that a policy can name it by its hash. It has no character that HTML would have to spell otherwise.
    pub const SCRIPT: &'static str =
        "const data = document.currentScript.dataset; (window.opener || window.parent).postMessage(JSON.parse(data.message), data.origin);";

    /// The page for a frame, which nobody sees.
    pub fn bare(&self) -> String {
        let (message, origin, script) = (text::escape(self.message), text::escape(self.origin), Self::SCRIPT);
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>-</title><script data-message=\"{message}\" data-origin=\"{origin}\">{script}</script></html>"
        )
    }
}

impl Serialize for WebMessage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut page = serializer.serialize_struct("WebMessage", 4)?;
        page.serialize_field("message", self.message)?;
        page.serialize_field("origin", self.origin)?;
        page.serialize_field("application", self.application)?;
        page.serialize_field("script", Self::SCRIPT)?;
        page.end()
    }
}

/// Ends a window that a browser opened for FedCM: tells it that the user has signed in, or hands it a code.
#[derive(Debug, Clone, Copy)]
pub struct FedcmWindow<'a> {
    /// With the account that it is of.
    pub code: Option<(&'a str, &'a str)>,
}

impl FedcmWindow<'_> {
    /// The same for everybody, as that of [`WebMessage`]. A browser without FedCM opens no such window.
    pub const SCRIPT: &'static str = "const { code, account } = document.currentScript.dataset; if (code) window.IdentityProvider?.resolve(code, { accountId: account }); else window.IdentityProvider?.close();";
}

impl Serialize for FedcmWindow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (code, account) = self.code.unwrap_or_default();
        let mut page = serializer.serialize_struct("FedcmWindow", 3)?;
        page.serialize_field("code", code)?;
        page.serialize_field("account", account)?;
        page.serialize_field("script", Self::SCRIPT)?;
        page.end()
    }
}
