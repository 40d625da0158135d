//! The pages people see: sign-in, consent, accounts, sign-out, errors, setup. They are made on the server, work without a script, and load
//! one stylesheet, one sheet of colours and one icon from the issuer itself.
//!
//! `Pages` renders strings; the handlers add status and headers. What the settings say (colours, logo, name) is judged when `Pages` is made;
//! templates and messages are part of the program, and the tests render all of them.

mod assets;
mod console;
mod diagnose;
mod language;
mod messages;
mod moment;
mod own_page;
mod page;
mod palette;
mod reference;
#[cfg(test)]
mod samples;
mod storage_access;
mod templates;
#[cfg(test)]
mod tests;
mod text;

use minijinja::context;
use minijinja::value::{Serde, Value};

pub use assets::Asset;
pub use console::Console;
pub use diagnose::{Diagnose, FindingRow};
pub use language::Language;
pub use moment::{Ago, Moment};
pub use own_page::{
    AccountPage, ActionKind, ApplicationCard, ChangePassword, ConfirmAction, DeviceName, NewPasswordProblem, ProofProblem, ResetPassword, SessionCard, Told,
    WarningCard,
};
pub use page::{
    AccessLasts, Account, AccountRow, ChooseAccount, ConfirmLogout, Consent, ErrorKind, ErrorPage, FedcmWindow, FormPost, Home, Page, Setup, SetupDone,
    SetupProblem, SignIn, SignInProblem, SignedOut, WebMessage,
};
pub use reference::{Access, Answer, Body, Group, Kind, Operation, Parameter, Reference, Schema, Scheme};
pub use storage_access::StorageAccess;

use assets::Versioned;
use palette::{Colour, Palette};
use templates::Templates;

/// What the operator may change about the looks.
#[derive(Debug, Clone)]
pub struct Theme {
    /// The name of the sign-in service, as people know it.
    pub name: String,
    /// An image in the place of the key: an http(s) address, or a path on the issuer's own origin.
    pub logo_url: Option<String>,
    /// `#rgb` or `#rrggbb`: buttons, links, the key.
    pub accent: Option<String>,
    /// The accent of the dark scheme; without it `accent` serves both.
    pub accent_dark: Option<String>,
    /// The issuer's path, beginning and ending with `/`.
    pub base_path: String,
}

/// Why the pages cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("branding: `{0}` is no colour: write it as #rrggbb")]
    Colour(String),
    #[error("branding: `{0}` is no address of a logo: give an http(s) address, or a path that begins with one `/`")]
    Logo(String),
    #[error("branding: the name of the service is empty: give it the name people will read on the sign-in page")]
    Name,
    #[error("the base path `{0}` must begin and end with `/`")]
    BasePath(String),
}

/// All pages in all languages, and the files they load.
pub struct Pages {
    english: Templates,
    german: Templates,
    /// What every page needs: name, logo, addresses of the files.
    site: Value,
    base_path: String,
    files: [Versioned; 4],
    img_src: String,
    accent: (String, String),
}

impl Pages {
    /// Judges what the theme says. What it takes, every page can be rendered with.
    pub fn new(theme: &Theme) -> Result<Self, PageError> {
        let colour = |text: &Option<String>| text.as_deref().map(|text| Colour::parse(text).ok_or_else(|| PageError::Colour(text.to_owned()))).transpose();
        let palette = Palette::new(colour(&theme.accent)?, colour(&theme.accent_dark)?);
        let base_path = theme.base_path.clone();
        if !base_path.starts_with('/') || !base_path.ends_with('/') || base_path.starts_with("//") {
            return Err(PageError::BasePath(base_path));
        }
        let name = text::display(&theme.name);
        if name.is_empty() {
            return Err(PageError::Name);
        }
        let img_src = theme.logo_url.as_deref().map_or_else(|| Ok(String::new()), logo_origin)?;

        let files = [
            Versioned::new("gatekey", "css", "text/css; charset=utf-8", include_str!("assets/gatekey.css").to_owned()),
            Versioned::new("theme", "css", "text/css; charset=utf-8", palette.stylesheet()),
            Versioned::new("reference", "css", "text/css; charset=utf-8", include_str!("assets/reference.css").to_owned()),
            Versioned::new("mark", "svg", "image/svg+xml", palette.favicon()),
        ];
        let [stylesheet, colours, reference, icon] = &files;
        let site = context! {
            name,
            logo => theme.logo_url.clone(),
            base => base_path.clone(),
            stylesheet => format!("{base_path}{}", stylesheet.path),
            colours => format!("{base_path}{}", colours.path),
            reference => format!("{base_path}{}", reference.path),
            icon => format!("{base_path}{}", icon.path),
            ground_light => palette.light.ground.to_string(),
            ground_dark => palette.dark.ground.to_string(),
        };
        let accent = (palette.light.accent.to_string(), palette.light.on_accent.to_string());
        Ok(Self { english: Templates::of(Language::English), german: Templates::of(Language::German), site, base_path, files, img_src, accent })
    }

    /// The page as an HTML document.
    pub fn render(&self, page: &Page<'_>, language: &Language) -> String {
        shown(self.try_render(page, *language))
    }

    /// `ui_locales` first, then `Accept-Language`, then English.
    pub fn choose_language(ui_locales: Option<&str>, accept_language: Option<&str>) -> Language {
        Language::choose(ui_locales, accept_language)
    }

    /// The file at a path below the issuer's, with or without the base path in front: `assets/gatekey.….css`.
    pub fn asset(&self, path: &str) -> Option<Asset<'_>> {
        let below = path.strip_prefix(self.base_path.as_str()).unwrap_or(path).trim_start_matches('/');
        self.files.iter().find(|file| file.path == below).map(Versioned::asset)
    }

    /// The sources of `img-src` in the Content-Security-Policy of a page.
    pub fn img_src(&self) -> String {
        format!("'self' data:{}{}", if self.img_src.is_empty() { "" } else { " " }, self.img_src)
    }

    /// The colour of buttons, and that of the text on them.
    pub fn accent(&self) -> (&str, &str) {
        (&self.accent.0, &self.accent.1)
    }

    fn try_render(&self, page: &Page<'_>, language: Language) -> Result<String, String> {
        let templates = match language {
            Language::English => &self.english,
            Language::German => &self.german,
        };
        let (template, content) = match page {
            Page::SignIn(page) => ("sign_in.html", Value::from(Serde(page))),
            Page::Consent(page) => ("consent.html", Value::from(Serde(page))),
            Page::ChooseAccount(page) => ("choose_account.html", Value::from(Serde(page))),
            Page::ConfirmLogout(page) => ("confirm_logout.html", Value::from(Serde(page))),
            Page::SignedOut(page) => ("signed_out.html", Value::from(Serde(page))),
            Page::Error(page) => ("error.html", Value::from(Serde(page))),
            Page::Setup(page) => ("setup.html", context! { ..setup_problems(page.problems), ..Value::from(Serde(page)) }),
            Page::SetupDone(page) => ("setup_done.html", Value::from(Serde(page))),
            Page::Home(page) => ("home.html", Value::from(Serde(page))),
            Page::Account(page) => ("account.html", Value::from(Serde(page))),
            Page::ConfirmAction(page) => ("confirm_action.html", Value::from(Serde(page))),
            Page::ChangePassword(page) => ("change_password.html", Value::from(Serde(page))),
            Page::ResetPassword(page) => ("reset_password.html", Value::from(Serde(page))),
            Page::ResetPasswordDone => ("reset_password_done.html", Value::UNDEFINED),
            Page::FormPost(page) => ("form_post.html", Value::from(Serde(page))),
            Page::WebMessage(page) => ("web_message.html", Value::from(Serde(page))),
            Page::Diagnose(page) => ("diagnose.html", Value::from(Serde(page))),
            Page::StorageAccess(page) => ("storage_access.html", Value::from(Serde(page))),
            Page::Reference(page) => ("reference.html", Value::from(Serde(page))),
            Page::Fedcm(page) => ("fedcm_window.html", Value::from(Serde(page))),
        };
        templates.render(template, context! { page => content, site => self.site.clone(), lang => language.tag(), dir => language.direction() })
    }
}

/// Each page is rendered by the tests in every language and state, so only a fault of the program leads to an error; the answer is still a page.
fn shown(rendered: Result<String, String>) -> String {
    rendered.unwrap_or_else(|error| {
        tracing::error!(error, "a page could not be rendered");
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Error</title><p>This page could not be shown. Please go back and try again.</p></html>"
            .to_owned()
    })
}

/// The first problem of each field, the first wrong field in the order of the page, and the problem that is of no field.
fn setup_problems(problems: &[SetupProblem]) -> Value {
    let of = |field: Option<&str>| problems.iter().find(|problem| problem.field() == field).map(|problem| Value::from(Serde(problem)));
    let first = ["username", "name", "email", "password", "password_again"].into_iter().find(|field| of(Some(field)).is_some());
    context! {
        wrong => context! {
            username => of(Some("username")),
            name => of(Some("name")),
            email => of(Some("email")),
            password => of(Some("password")),
            password_again => of(Some("password_again")),
        },
        first,
        general => of(None),
    }
}

/// The origin a logo is loaded from; empty for the issuer's own.
fn logo_origin(address: &str) -> Result<String, PageError> {
    let refused = || PageError::Logo(address.to_owned());
    if address.starts_with('/') {
        return if address.starts_with("//") || address.contains(['\\', '\t', '\n', '\r']) { Err(refused()) } else { Ok(String::new()) };
    }
    let url = url::Url::parse(address).map_err(|_| refused())?;
    if matches!(url.scheme(), "http" | "https") { Ok(url.origin().ascii_serialization()) } else { Err(refused()) }
}
