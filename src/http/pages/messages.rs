//! The texts of the pages, one fluent bundle a language, read once.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind};

use super::language::Language;
use super::text;

const ENGLISH: &str = include_str!("messages/en.ftl");
const GERMAN: &str = include_str!("messages/de.ftl");

/// The messages of one language.
pub(super) struct Messages {
    bundle: FluentBundle<FluentResource>,
}

impl Messages {
    /// The error is for the log.
    pub(super) fn of(language: Language) -> Result<Self, String> {
        Self::read(language, source(language))
    }

    fn read(language: Language, source: &str) -> Result<Self, String> {
        let broken = |why: String| format!("the messages of language `{}` cannot be used: {why}", language.tag());
        let tag = language.tag().parse().map_err(|_| broken("its tag is not a language tag".to_owned()))?;
        let resource = FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| broken(format!("{errors:?}")))?;
        let mut bundle = FluentBundle::new_concurrent(vec![tag]);
        // Names are isolated by <bdi>; marks of fluent would end up in titles.
        bundle.set_use_isolating(false);
        bundle.add_resource(resource).map_err(|errors| broken(format!("{errors:?}")))?;
        Ok(Self { bundle })
    }

    /// The message as plain text; the template escapes it. Values are cleaned for display.
    pub(super) fn text(&self, id: &str, values: Kwargs) -> Result<String, Error> {
        self.format(id, values, text::display)
    }

    /// The message as HTML, each text value escaped, isolated in direction and marked as a name. Message files hold no markup (tested).
    pub(super) fn rich(&self, id: &str, values: Kwargs) -> Result<Value, Error> {
        self.format(id, values, |value| format!("<bdi class=\"name\">{}</bdi>", text::escape(&text::display(value)))).map(Value::from_safe_string)
    }

    fn format(&self, id: &str, values: Kwargs, show: impl Fn(&str) -> String) -> Result<String, Error> {
        let missing = || Error::new(ErrorKind::UndefinedError, format!("no message `{id}`"));
        let pattern = self.bundle.get_message(id).ok_or_else(missing)?.value().ok_or_else(missing)?;
        let mut args = FluentArgs::new();
        let names: Vec<String> = values.args().map(str::to_owned).collect();
        for name in names {
            let value: Value = values.get(&name)?;
            let shown = match (i64::try_from(value.clone()), value.as_str()) {
                (_, Some(word)) => FluentValue::from(show(word)),
                (Ok(number), None) => FluentValue::from(number),
                (Err(_), None) => return Err(Error::new(ErrorKind::InvalidOperation, format!("message `{id}`: `{name}` is neither text nor number"))),
            };
            args.set(name, shown);
        }
        let mut errors = Vec::new();
        let said = self.bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
        match errors.first() {
            None => Ok(said),
            Some(error) => Err(Error::new(ErrorKind::InvalidOperation, format!("message `{id}`: {error}"))),
        }
    }
}

fn source(language: Language) -> &'static str {
    match language {
        Language::English => ENGLISH,
        Language::German => GERMAN,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::templates;
    use super::*;

    /// The ids of a message file, each with the variables it names.
    fn contents(language: Language) -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut current = String::new();
        for line in source(language).lines().filter(|line| !line.starts_with('#')) {
            if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
                current = line.split('=').next().unwrap().trim().to_owned();
                assert!(found.insert(current.clone(), BTreeSet::new()).is_none(), "{current} stands twice in {language:?}");
            }
            for piece in line.split('$').skip(1) {
                let variable: String = piece.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-').collect();
                found.get_mut(&current).unwrap().insert(variable);
            }
        }
        found
    }

    #[test]
    fn all_languages_say_the_same_things() {
        let english = contents(Language::English);
        assert!(english.len() > 60);
        for language in Language::ALL {
            assert_eq!(contents(language), english, "{language:?}");
        }
    }

    #[test]
    fn messages_hold_no_markup() {
        for language in Language::ALL {
            assert!(!source(language).replace("->", "").contains(['<', '>', '&', '"']), "{language:?}");
        }
    }

    #[test]
    fn templates_and_messages_name_each_other() {
        let known = contents(Language::English);
        let mut used = BTreeSet::new();
        for (name, source) in templates::ALL {
            // A message is named in quotes; a name that ends in `-` is the start of a computed one.
            for piece in source.split('\'').skip(1).step_by(2) {
                let is_prefix = piece.ends_with('-');
                let matching: Vec<&String> = known.keys().filter(|id| if is_prefix { id.starts_with(piece) } else { *id == piece }).collect();
                used.extend(matching.iter().map(|id| (*id).clone()));
                let _ = name;
            }
            for call in ["t('", "rich('"] {
                for piece in source.split(call).skip(1) {
                    let id = piece.split('\'').next().unwrap();
                    assert!(known.keys().any(|k| k == id || (id.ends_with('-') && k.starts_with(id))), "{name} uses the unknown message `{id}`");
                }
            }
        }
        used.extend(known.keys().filter(|id| id.starts_with("span-")).cloned());
        let unused: Vec<_> = known.keys().filter(|id| !used.contains(*id)).collect();
        assert!(unused.is_empty(), "no template uses {unused:?}");
    }

    #[test]
    fn a_broken_message_file_is_refused() {
        let told = Messages::read(Language::English, "a = { $x\n").err().unwrap();
        assert!(told.contains("`en`"), "{told}");
    }

    #[test]
    fn missing_messages_and_values_are_errors() {
        let messages = Messages::read(Language::English, "hello = Hello { $who }\n").unwrap();
        assert!(messages.text("absent", Kwargs::from_iter(Vec::<(String, Value)>::new())).is_err());
        assert!(messages.text("hello", Kwargs::from_iter(Vec::<(String, Value)>::new())).is_err());
        let hostile = Kwargs::from_iter([("who", Value::from("<b>\u{202e}"))]);
        assert_eq!(messages.rich("hello", hostile).unwrap().to_string(), "Hello <bdi class=\"name\">&lt;b&gt;</bdi>");
    }
}
