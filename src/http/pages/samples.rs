//! Pages with sample content in every state, rendered once at start.

use super::page::{
    AccessLasts, Account, ChooseAccount, ConfirmLogout, Consent, ErrorKind, ErrorPage, FormPost, Home, Page, Setup, SetupDone, SetupProblem, SignIn,
    SignInProblem, SignedOut,
};

const ACCOUNT: Account<'static> = Account { username: "ada", name: Some("Ada Lovelace") };
const NAMELESS: Account<'static> = Account { username: "ada", name: None };

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

const SCOPES: [&str; 7] = ["openid", "profile", "email", "address", "phone", "offline_access", "notes:read"];

/// Every page, in every state that has words of its own.
pub(super) fn pages() -> Vec<Page<'static>> {
    let sign_in = SignIn { csrf: "c", ticket: "t", application: Some("Notes"), username: "ada", confirm_identity: false, problem: None };
    let consent = Consent {
        csrf: "c",
        ticket: "t",
        application: "Notes",
        return_host: "notes.example.com",
        account: ACCOUNT,
        scopes: &SCOPES,
        lasts: AccessLasts::Seconds(90 * 86_400),
    };
    let choose = ChooseAccount { csrf: "c", ticket: "t", application: Some("Notes"), account: ACCOUNT };
    let logout = ConfirmLogout { csrf: "c", ticket: "t", application: Some("Notes"), account: ACCOUNT };
    let error =
        ErrorPage { kind: ErrorKind::Internal, code: Some("server_error"), detail: Some("The request could not be completed."), request_id: "0197-sample" };
    let setup = Setup { csrf: "c", link: "l", username: "", name: "", email: "", min_length: 10, problems: &[] };

    let mut pages = vec![
        Page::SignIn(sign_in),
        Page::SignIn(SignIn { application: None, username: "", ..sign_in }),
        Page::SignIn(SignIn { confirm_identity: true, ..sign_in }),
        Page::SignIn(SignIn { confirm_identity: true, application: None, ..sign_in }),
        Page::Consent(consent),
        Page::Consent(Consent { account: NAMELESS, lasts: AccessLasts::WhileSignedIn, scopes: &[], ..consent }),
        Page::Consent(Consent { lasts: AccessLasts::UntilWithdrawn, ..consent }),
        Page::Consent(Consent { lasts: AccessLasts::Seconds(1), ..consent }),
        Page::Consent(Consent { lasts: AccessLasts::Seconds(3600), ..consent }),
        Page::ChooseAccount(choose),
        Page::ChooseAccount(ChooseAccount { application: None, account: NAMELESS, ..choose }),
        Page::ConfirmLogout(logout),
        Page::ConfirmLogout(ConfirmLogout { application: None, account: NAMELESS, ..logout }),
        Page::SignedOut(SignedOut { application: Some("Notes"), return_to: Some("https://notes.example.com/") }),
        Page::SignedOut(SignedOut { application: None, return_to: None }),
        Page::SignedOut(SignedOut { application: None, return_to: Some("https://notes.example.com/") }),
        Page::Error(ErrorPage { code: None, detail: None, ..error }),
        Page::Error(ErrorPage { code: None, ..error }),
        Page::Setup(setup),
        Page::Setup(Setup { problems: &SetupProblem::ALL, ..setup }),
        Page::SetupDone(SetupDone { username: "ada" }),
        Page::Home(Home { issuer: "https://id.example.com/", account: None }),
        Page::Home(Home { issuer: "https://id.example.com/", account: Some(Account { username: "ada", name: Some("Ada Lovelace") }) }),
        Page::FormPost(FormPost { action: "https://notes.example.com/callback", fields: &[("code", "c"), ("state", "s")], nonce: "n", application: "Notes" }),
    ];
    pages.extend(PROBLEMS.into_iter().map(|problem| Page::SignIn(SignIn { problem: Some(problem), ..sign_in })));
    pages.extend(ErrorKind::ALL.into_iter().map(|kind| Page::Error(ErrorPage { kind, ..error })));
    pages.extend(SetupProblem::ALL.iter().map(|problem| Page::Setup(Setup { problems: std::slice::from_ref(problem), ..setup })));
    pages
}
