//! The forms of a page: enough HTML for pages that are well formed, which ours must be.

use url::Url;

#[derive(Debug, Clone)]
pub struct Form {
    pub action: Url,
    pub method: String,
    pub fields: Vec<Field>,
}

/// An input or a button that has a name.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub value: String,
    /// `hidden`, `text`, `password`, …; `submit` for buttons.
    pub kind: String,
}

impl Form {
    /// Fills the one field of a kind or name.
    pub fn fill(mut self, name: &str, value: &str) -> Self {
        let field = self.fields.iter_mut().find(|field| field.name == name);
        field.unwrap_or_else(|| panic!("the form has no field {name}")).value = value.to_owned();
        self
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The hidden fields, and what the page shows.
    pub fn without(mut self, name: &str) -> Self {
        let before = self.fields.len();
        self.fields.retain(|field| field.name != name);
        assert!(self.fields.len() < before, "the form has no field {name}");
        self
    }

    /// What the first button sends: of an account chooser, the account that was chosen last.
    pub fn first_button(&self) -> &str {
        &self.fields.iter().find(|field| field.kind == "submit").unwrap_or_else(|| panic!("no button: {self:?}")).value
    }

    /// What a browser sends when this button is pressed (`None`: one that has no name).
    pub fn pairs(&self, button: Option<&str>) -> Vec<(String, String)> {
        let pressed = |field: &Field| button.is_some_and(|value| field.value == value);
        if let Some(value) = button {
            assert!(self.fields.iter().any(|f| f.kind == "submit" && f.value == value), "no button {value}: {:?}", self.fields);
        }
        self.fields.iter().filter(|f| f.kind != "submit" || pressed(f)).map(|f| (f.name.clone(), f.value.clone())).collect()
    }
}

/// Every form of a page, in order.
pub fn forms(base: &Url, html: &str) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut inside = false;
    for tag in tags(html) {
        let attribute = |name: &str| tag.1.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        match tag.0.as_str() {
            "form" => {
                let action = base.join(&attribute("action").unwrap_or_default()).unwrap();
                forms.push(Form { action, method: attribute("method").unwrap_or_else(|| "get".to_owned()), fields: Vec::new() });
                inside = true;
            }
            "/form" => inside = false,
            "input" | "button" if inside => {
                let kind = attribute("type").unwrap_or_else(|| if tag.0 == "button" { "submit" } else { "text" }.to_owned());
                let unchecked = kind == "checkbox" && attribute("checked").is_none();
                if let (Some(name), Some(form), false) = (attribute("name"), forms.last_mut(), unchecked) {
                    let value = attribute("value").unwrap_or_default();
                    form.fields.push(Field { name, value, kind });
                }
            }
            _ => {}
        }
    }
    forms
}

type Tag = (String, Vec<(String, String)>);

/// Tags with their attributes, in order; text and comments are left out.
pub fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let name_end = rest.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(rest.len());
        let name = rest[..name_end].trim_end_matches('/').to_ascii_lowercase();
        let name = if rest.starts_with('/') { format!("/{}", name.trim_start_matches('/')) } else { name };
        rest = &rest[name_end..];
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            if rest.is_empty() || rest.starts_with('>') {
                break;
            }
            let end = rest.find(|c: char| c.is_whitespace() || c == '=' || c == '>' || c == '/').unwrap_or(rest.len()).max(1);
            let key = rest[..end].to_ascii_lowercase();
            rest = rest[end..].trim_start();
            let mut value = String::new();
            if let Some(after) = rest.strip_prefix('=') {
                let after = after.trim_start();
                let quote = after.chars().next().filter(|c| matches!(c, '"' | '\'')).unwrap_or_else(|| panic!("an attribute without quotes: {key}"));
                let (text, left) = after[1..].split_once(quote).unwrap();
                value = unescape(text);
                rest = left;
            }
            attributes.push((key, value));
        }
        tags.push((name, attributes));
    }
    tags
}

/// Character references to characters.
pub fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let Some((name, left)) = after.split_once(';') else {
            panic!("a bare & in {text}");
        };
        let number = name.strip_prefix("#x").map(|hex| u32::from_str_radix(hex, 16)).or_else(|| name.strip_prefix('#').map(str::parse));
        out.push(match (name, number) {
            ("amp", _) => '&',
            ("lt", _) => '<',
            ("gt", _) => '>',
            ("quot", _) => '"',
            ("apos", _) => '\'',
            (_, Some(Ok(code))) => char::from_u32(code).unwrap(),
            _ => panic!("unknown reference &{name};"),
        });
        rest = left;
    }
    out + rest
}

#[test]
fn forms_are_read_as_a_browser_reads_them() {
    let base = Url::parse("https://id.test/authorize?x=1").unwrap();
    let page = r#"<!doctype html><!-- <form> --><p>a &lt; b</p><form method="post" action="&#x2f;login?a=1&amp;b=2">
        <input type="hidden" name="t" value="&quot;&lt;&#x27;"/><input name=u autocomplete="username" required><button name="choice" value="allow">Yes</button></form>"#
        .replace("name=u", "name='u'");
    let forms = forms(&base, &page);
    assert_eq!(forms.len(), 1);
    assert_eq!(forms[0].action.as_str(), "https://id.test/login?a=1&b=2");
    let pairs = forms[0].clone().fill("u", "alice").pairs(Some("allow"));
    assert_eq!(pairs, [("t", "\"<'"), ("u", "alice"), ("choice", "allow")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert_eq!(forms[0].pairs(None).len(), 2);
}
