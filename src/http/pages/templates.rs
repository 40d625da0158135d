//! The templates, compiled into the program, and the environment that renders them: strict about the undefined, escaping always.

use std::sync::{Arc, OnceLock};

use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, escape_formatter};

use super::language::Language;
use super::messages::Messages;
use super::text;

/// The pages of one language. Its messages are read for the first of them, and each template at its first use: a server that shows no page,
/// or not all of them, need not hold them (2.4 MiB for both languages). That all of them can be used is held by the tests.
pub(super) struct Templates {
    language: Language,
    environment: OnceLock<Result<Environment<'static>, String>>,
}

impl Templates {
    pub(super) fn of(language: Language) -> Self {
        Self { language, environment: OnceLock::new() }
    }

    /// The error is for the log.
    pub(super) fn render(&self, name: &str, values: Value) -> Result<String, String> {
        let environment = self.environment.get_or_init(|| Messages::of(self.language).map(environment));
        let environment = environment.as_ref().map_err(Clone::clone)?;
        environment.get_template(name).and_then(|template| template.render(values)).map_err(|error| format!("{error:#}"))
    }
}

/// Name and source of every template.
pub(super) const ALL: [(&str, &str); 24] = [
    ("base.html", include_str!("templates/base.html")),
    ("parts.html", include_str!("templates/parts.html")),
    ("sign_in.html", include_str!("templates/sign_in.html")),
    ("consent.html", include_str!("templates/consent.html")),
    ("choose_account.html", include_str!("templates/choose_account.html")),
    ("confirm_logout.html", include_str!("templates/confirm_logout.html")),
    ("signed_out.html", include_str!("templates/signed_out.html")),
    ("error.html", include_str!("templates/error.html")),
    ("setup.html", include_str!("templates/setup.html")),
    ("setup_done.html", include_str!("templates/setup_done.html")),
    ("home.html", include_str!("templates/home.html")),
    ("own_parts.html", include_str!("templates/own_parts.html")),
    ("account.html", include_str!("templates/account.html")),
    ("confirm_action.html", include_str!("templates/confirm_action.html")),
    ("change_password.html", include_str!("templates/change_password.html")),
    ("reset_password.html", include_str!("templates/reset_password.html")),
    ("reset_password_done.html", include_str!("templates/reset_password_done.html")),
    ("form_post.html", include_str!("templates/form_post.html")),
    ("fedcm_window.html", include_str!("templates/fedcm_window.html")),
    ("web_message.html", include_str!("templates/web_message.html")),
    ("diagnose.html", include_str!("templates/diagnose.html")),
    ("reference.html", include_str!("templates/reference.html")),
    ("storage_access.html", include_str!("templates/storage_access.html")),
    ("console.html", include_str!("templates/console.html")),
];

/// The environment of one language.
fn environment(messages: Messages) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    // The default escapes slashes too, which addresses are full of; in text and quoted attributes a slash means nothing.
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() => escape_formatter(out, state, &Value::from_safe_string(text::escape(text))),
        _ => escape_formatter(out, state, value),
    });
    let plain = Arc::new(messages);
    let rich = Arc::clone(&plain);
    environment.add_function("t", move |id: &str, values: Kwargs| plain.text(id, values));
    environment.add_function("rich", move |id: &str, values: Kwargs| rich.rich(id, values));
    environment.add_function("span", |seconds: u64| Value::from(Serde(text::Span::rounded(seconds))));
    environment.add_filter("display", |value: &str| text::display(value));
    environment.add_filter("web_address", |value: &str| text::web_address(value));
    environment.add_filter("initial", |value: &str| text::initial(value));
    environment.set_loader(|name| Ok(ALL.iter().find(|(known, _)| *known == name).map(|(_, source)| (*source).to_owned())));
    environment
}
