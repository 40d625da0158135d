//! Pages with sample content in every state, which the tests render.

use std::borrow::Cow;

use chrono::TimeDelta;

use super::diagnose::{Diagnose, FindingRow};
use super::moment::{Ago, Moment};
use super::own_page::{
    AccountPage, ActionKind, ApplicationCard, ChangePassword, ConfirmAction, DeviceName, NewPasswordProblem, ProofProblem, ResetPassword, SessionCard, Told,
    WarningCard,
};
use super::page::{
    AccessLasts, Account, AccountRow, ChooseAccount, ConfirmLogout, Consent, ErrorKind, ErrorPage, FedcmWindow, FormPost, Home, Page, Setup, SetupDone,
    SetupProblem, SignIn, SignInProblem, SignedOut, WebMessage,
};
use super::reference::Reference;
use super::storage_access::StorageAccess;
use crate::domain::clock::Timestamp;

const ACCOUNT: Account<'static> = Account { username: "ada", name: Some("Ada Lovelace") };
const NAMELESS: Account<'static> = Account { username: "ada", name: None };

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";

const PROBLEMS: [SignInProblem; 8] = [
    SignInProblem::UsernameMissing,
    SignInProblem::PasswordMissing,
    SignInProblem::WrongCredentials,
    SignInProblem::TooManyAttempts { retry_after_seconds: 60 },
    SignInProblem::SessionExpired,
    SignInProblem::FormExpired,
    SignInProblem::CookiesBlocked,
    SignInProblem::Unavailable,
];

const FRAMES: [&str; 1] = ["https://notes.example.com/logout?iss=https%3A%2F%2Fid.example.com%2F&sid=s"];

const FOUND: [FindingRow<'static>; 3] = [
    FindingRow { code: "origin-registered", level: "ok", text: Cow::Borrowed("registered"), change: None },
    FindingRow { code: "cross-site", level: "note", text: Cow::Borrowed("on another site"), change: Some(Cow::Borrowed("nothing")) },
    FindingRow { code: "web-origin-missing", level: "problem", text: Cow::Borrowed("not registered"), change: Some(Cow::Borrowed("add it")) },
];

const SCOPES: [&str; 15] = [
    "openid",
    "profile",
    "email",
    "address",
    "phone",
    "account:profile:read",
    "account:sessions:read",
    "account:sessions:end",
    "account:applications:read",
    "account:applications:withdraw",
    "account:password:change",
    "account:activity:read",
    "offline_access",
    "online_access",
    "notes:read",
];

/// Every page, in every state that has words of its own.
pub(super) fn pages(own: &OwnSamples) -> Vec<Page<'_>> {
    let sign_in =
        SignIn { csrf: "c", ticket: "t", to: None, application: Some("Notes"), username: "ada", confirm_identity: false, remember: None, problem: None };
    let consent = Consent {
        csrf: "c",
        ticket: "t",
        application: "Notes",
        return_host: "notes.example.com",
        account: ACCOUNT,
        scopes: &SCOPES,
        lasts: AccessLasts::Seconds(90 * 86_400),
    };
    let one = own.accounts.get(..1).unwrap_or_default();
    let choose = ChooseAccount { csrf: "c", ticket: "t", application: Some("Notes"), accounts: &own.accounts };
    let logout = ConfirmLogout { csrf: "c", ticket: "t", application: Some("Notes"), accounts: one };
    let error =
        ErrorPage { kind: ErrorKind::Internal, code: Some("server_error"), detail: Some("The request could not be completed."), request_id: "0197-sample" };
    let setup = Setup { csrf: "c", link: "l", username: "", name: "", email: "", min_length: 10, problems: &[] };

    let signed_out = SignedOut { application: None, return_to: None, frames: &[], nonce: None, others: false };

    let mut pages = vec![
        Page::SignIn(sign_in),
        Page::SignIn(SignIn { application: None, username: "", ..sign_in }),
        Page::SignIn(SignIn { remember: Some(false), ..sign_in }),
        Page::SignIn(SignIn { remember: Some(true), ..sign_in }),
        Page::SignIn(SignIn { confirm_identity: true, ..sign_in }),
        Page::SignIn(SignIn { confirm_identity: true, application: None, ..sign_in }),
        Page::Consent(consent),
        Page::Consent(Consent { account: NAMELESS, lasts: AccessLasts::WhileSignedIn, scopes: &[], ..consent }),
        Page::Consent(Consent { lasts: AccessLasts::UntilWithdrawn, ..consent }),
        Page::Consent(Consent { lasts: AccessLasts::Seconds(1), ..consent }),
        Page::Consent(Consent { lasts: AccessLasts::Seconds(3600), ..consent }),
        Page::ChooseAccount(choose),
        Page::ChooseAccount(ChooseAccount { application: None, accounts: one, ..choose }),
        Page::ConfirmLogout(logout),
        Page::ConfirmLogout(ConfirmLogout { application: None, accounts: &own.accounts, ..logout }),
        Page::SignedOut(SignedOut { application: Some("Notes"), return_to: Some("https://notes.example.com/"), ..signed_out }),
        Page::SignedOut(signed_out),
        Page::SignedOut(SignedOut { others: true, ..signed_out }),
        Page::SignedOut(SignedOut { return_to: Some("https://notes.example.com/"), ..signed_out }),
        Page::SignedOut(SignedOut { return_to: Some("https://notes.example.com/"), frames: &FRAMES, nonce: Some("n"), ..signed_out }),
        Page::Error(ErrorPage { code: None, detail: None, ..error }),
        Page::Error(ErrorPage { code: None, ..error }),
        Page::Setup(setup),
        Page::Setup(Setup { problems: &SetupProblem::ALL, ..setup }),
        Page::SetupDone(SetupDone { username: "ada", console: true }),
        Page::SetupDone(SetupDone { username: "ada", console: false }),
        Page::Home(Home { issuer: "https://id.example.com/", account: None }),
        Page::Home(Home { issuer: "https://id.example.com/", account: Some(Account { username: "ada", name: Some("Ada Lovelace") }) }),
        Page::FormPost(FormPost { action: "https://notes.example.com/callback", fields: &[("code", "c"), ("state", "s")], nonce: "n", application: "Notes" }),
        Page::Fedcm(FedcmWindow { code: None }),
        Page::Fedcm(FedcmWindow { code: Some(("c", "0197-ada")) }),
        Page::WebMessage(WebMessage { message: "{}", origin: "https://notes.example.com", application: "Notes" }),
    ];
    pages.push(Page::SignIn(SignIn { application: None, to: Some("account"), ..sign_in }));
    pages.extend([None, Some("https://notes.example.com")].map(|origin| {
        let (client, application, issuer) = ("notes", "Notes", "https://id.example.com/");
        Page::Diagnose(Diagnose { client, application, issuer, origin, page: &FOUND, way: &FOUND })
    }));
    pages.extend([true, false].map(|framed| {
        Page::StorageAccess(StorageAccess { application: "Notes", origin: "https://notes.example.com", next: "/authorize?prompt=none", framed })
    }));
    pages.push(Page::Reference(&own.reference));
    pages.extend(own.pages());
    pages.extend(PROBLEMS.into_iter().map(|problem| Page::SignIn(SignIn { problem: Some(problem), ..sign_in })));
    pages.extend(ErrorKind::ALL.into_iter().map(|kind| Page::Error(ErrorPage { kind, ..error })));
    pages.extend(SetupProblem::ALL.iter().map(|problem| Page::Setup(Setup { problems: std::slice::from_ref(problem), ..setup })));
    pages
}

/// What stands on the user's own page.
pub(super) struct OwnSamples {
    sessions: [SessionCard<'static>; 4],
    applications: [ApplicationCard<'static>; 2],
    warnings: [WarningCard<'static>; 2],
    accounts: [AccountRow<'static>; 2],
    reference: Reference,
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

impl OwnSamples {
    pub(super) fn new() -> Self {
        let (moment, near) = (Moment::of(NOW + TimeDelta::days(30), NOW), Moment::of(NOW, NOW));
        let session = |here: bool, text: Option<&'static str>, ends: Option<Moment>, ends_idle: Option<Moment>, seconds: i64| SessionCard {
            id: "0197-sample".to_owned(),
            device: DeviceName(text),
            network: here.then_some("192.0.2.1"),
            here,
            remembered: !here,
            since: moment,
            last_used: Ago::between(NOW, NOW + TimeDelta::seconds(seconds)),
            ends,
            ends_idle,
            applications: if here { vec!["Notes", "Mail"] } else { vec![] },
        };
        let application = |first_party: bool| ApplicationCard {
            id: "notes",
            name: "Notes",
            scopes: if first_party { vec![] } else { SCOPES.to_vec() },
            first_party,
            offline: !first_party,
            since: moment,
            last_used: first_party.then(|| Ago::between(NOW, NOW)),
        };
        let warning = |text| WarningCard { application: "Notes", at: near, device: DeviceName(text) };
        Self {
            sessions: [
                session(true, Some(FIREFOX), Some(moment), Some(near), 5),
                session(false, Some("curl/8.8.0"), Some(moment), None, 120),
                session(false, None, None, Some(near), 7200),
                session(false, None, None, None, 400_000),
            ],
            applications: [application(false), application(true)],
            warnings: [warning(Some(FIREFOX)), warning(None)],
            accounts: [
                AccountRow { session: "0197-ada".to_owned(), username: "ada", name: Some("Ada Lovelace"), over: false },
                AccountRow { session: "0197-charles".to_owned(), username: "charles", name: None, over: true },
            ],
            reference: Reference::sample(),
        }
    }

    fn pages(&self) -> Vec<Page<'_>> {
        let page = AccountPage {
            csrf: "c",
            account: ACCOUNT,
            others: &[],
            another: true,
            told: None,
            warnings: &self.warnings,
            sessions: &self.sessions,
            first: true,
            older: Some("0197-sample"),
            applications: &self.applications,
            password_changed: Moment::of(NOW + TimeDelta::days(30), NOW),
            password_is_own: true,
        };
        let confirm = ConfirmAction { csrf: "c", ticket: "t", account: ACCOUNT, action: ActionKind::EndSession, problem: None };
        let change = ChangePassword { csrf: "c", account: NAMELESS, min_length: 8, declared: false, problem: None, new_problem: None };
        let reset = ResetPassword { csrf: "c", link: "l", account: NAMELESS, min_length: 8, problem: None };
        let mut pages = vec![
            Page::ResetPassword(reset),
            Page::ResetPasswordDone,
            Page::Account(page),
            Page::Account(AccountPage { warnings: &[], older: None, applications: &[], password_is_own: false, account: NAMELESS, ..page }),
            Page::Account(AccountPage { others: &self.accounts, ..page }),
            Page::Account(AccountPage { others: &self.accounts, another: false, ..page }),
            Page::Account(AccountPage { first: false, sessions: &[], older: None, ..page }),
            Page::ConfirmAction(ConfirmAction { action: ActionKind::EndOthers, ..confirm }),
            Page::ConfirmAction(ConfirmAction { action: ActionKind::Withdraw, account: NAMELESS, ..confirm }),
            Page::ConfirmAction(confirm),
            Page::ChangePassword(change),
            Page::ChangePassword(ChangePassword { declared: true, ..change }),
        ];
        let told = [Told::SessionEnded, Told::OthersEnded, Told::AccessWithdrawn { application: "Notes" }, Told::PasswordChanged];
        pages.extend(told.map(|told| Page::Account(AccountPage { told: Some(told), ..page })));
        for problem in [ProofProblem::Missing, ProofProblem::Wrong, ProofProblem::TooManyAttempts { retry_after_seconds: 60 }, ProofProblem::Unavailable] {
            pages.push(Page::ConfirmAction(ConfirmAction { problem: Some(problem), ..confirm }));
            pages.push(Page::ChangePassword(ChangePassword { problem: Some(problem), ..change }));
        }
        for problem in [NewPasswordProblem::Missing, NewPasswordProblem::TooShort, NewPasswordProblem::TooLong, NewPasswordProblem::Differ] {
            pages.push(Page::ChangePassword(ChangePassword { new_problem: Some(problem), ..change }));
            pages.push(Page::ResetPassword(ResetPassword { problem: Some(problem), ..reset }));
        }
        pages
    }
}
