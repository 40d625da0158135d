//! The pages as a whole: what a hostile text can do to them, what the forms say, what the files are.

use super::*;

fn theme() -> Theme {
    Theme { name: "Example Accounts".to_owned(), logo_url: None, accent: None, accent_dark: None, base_path: "/tenant/".to_owned() }
}

fn pages() -> Pages {
    Pages::new(&theme()).unwrap()
}

fn english(page: Page<'_>) -> String {
    pages().render(&page, &Language::English)
}

const SIGN_IN: SignIn<'static> = SignIn {
    csrf: "csrf-value",
    ticket: "ticket-value",
    to: None,
    application: Some("Notes"),
    username: "",
    confirm_identity: false,
    remember: None,
    problem: None,
};

const SETUP: Setup<'static> = Setup { csrf: "csrf-value", link: "link-value", username: "", name: "", email: "", min_length: 12, problems: &[] };

/// The start tags of an element.
fn tags<'a>(html: &'a str, element: &str) -> Vec<&'a str> {
    html.match_indices(&format!("<{element} ")).map(|(at, _)| &html[at..=at + html[at..].find('>').unwrap()]).collect()
}

/// The start tag of the input of that name.
fn input<'a>(html: &'a str, name: &str) -> &'a str {
    tags(html, "input").into_iter().find(|tag| tag.contains(&format!(" name=\"{name}\""))).unwrap_or_else(|| panic!("no input {name}"))
}

#[test]
fn threads_can_share_them() {
    fn shared<T: Send + Sync>() {}
    shared::<Pages>();
}

#[test]
fn every_page_is_a_whole_document_in_its_language() {
    let pages = pages();
    for page in samples::pages(&samples::OwnSamples::new()) {
        for language in Language::ALL {
            let html = pages.render(&page, &language);
            assert!(html.starts_with("<!doctype html>"), "{html:.60}");
            assert!(html.contains(&format!("<html lang=\"{}\" dir=\"ltr\">", language.tag())));
            for part in ["<meta name=\"viewport\"", "content=\"noindex, nofollow\"", "<h1", "<main>", "</html>"] {
                assert_eq!(html.matches(part).count(), 1, "{part} in {page:?}");
            }
            let title = html.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
            assert!(title.ends_with(" · Example Accounts") && title.len() > " · Example Accounts".len() + 3, "{title}");
            // The Content-Security-Policy allows neither inline styles nor handlers.
            assert!(!html.contains(" style=") && !html.contains("<style") && !html.contains(" onload=") && !html.contains(" onclick="));
            let scripted = matches!(page, Page::FormPost(_) | Page::WebMessage(_) | Page::Fedcm(_) | Page::SignedOut(SignedOut { nonce: Some(_), .. }));
            let scripted = scripted || matches!(page, Page::Diagnose(_) | Page::StorageAccess(StorageAccess { framed: true, .. }));
            assert_eq!(html.contains("<script"), scripted);
            assert!(html.matches(" autofocus").count() <= 1);
        }
    }
}

/// The forms carry their fields, and each is labelled and described by what stands on the page.
#[test]
fn labels_and_descriptions_point_at_what_is_there() {
    let pages = pages();
    for page in samples::pages(&samples::OwnSamples::new()) {
        let html = pages.render(&page, &Language::English);
        let ids: Vec<&str> = html.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        for id in &ids {
            assert_eq!(ids.iter().filter(|other| *other == id).count(), 1, "id {id} in {page:?}");
        }
        for attribute in ["aria-describedby", "aria-labelledby", "for"] {
            for value in html.split(&format!(" {attribute}=\"")).skip(1) {
                for id in value.split('"').next().unwrap().split(' ') {
                    assert!(ids.contains(&id), "{attribute} names {id}, which is not in {page:?}");
                }
            }
        }
        for tag in tags(&html, "input").into_iter().filter(|tag| !tag.contains("type=\"hidden\"")) {
            let id = tag.split(" id=\"").nth(1).or(tag.split("id=\"").nth(1)).unwrap().split('"').next().unwrap();
            assert!(html.contains(&format!("<label for=\"{id}\">")), "{tag}");
        }
        for tag in tags(&html, "form") {
            assert!(tag.contains("method=\"post\""), "{tag}");
        }
    }
}

#[test]
fn sign_in_posts_what_the_handler_reads() {
    let html = english(Page::SignIn(SIGN_IN));
    assert!(html.contains("<form method=\"post\" action=\"/tenant/login\">"));
    assert!(input(&html, "csrf").contains("value=\"csrf-value\"") && input(&html, "ticket").contains("value=\"ticket-value\""));
    assert!(input(&html, "username").contains("autocomplete=\"username\"") && input(&html, "username").contains(" autofocus"));
    assert!(input(&html, "password").contains("autocomplete=\"current-password\"") && !input(&html, "password").contains("value="));
    assert!(html.contains("to continue to <bdi class=\"name\">Notes</bdi>"));
}

#[test]
fn a_wrong_password_is_told_at_the_field_which_gets_the_focus() {
    let html = english(Page::SignIn(SignIn { username: "ada", problem: Some(SignInProblem::WrongCredentials), ..SIGN_IN }));
    let password = input(&html, "password");
    assert!(
        password.contains("aria-invalid=\"true\"") && password.contains("aria-describedby=\"password-error\"") && password.contains(" autofocus"),
        "{password}"
    );
    assert!(input(&html, "username").contains("value=\"ada\"") && !input(&html, "username").contains(" autofocus"));
    assert!(html.contains("<title>Error: Sign in"));

    let html = english(Page::SignIn(SignIn { problem: Some(SignInProblem::UsernameMissing), ..SIGN_IN }));
    assert!(input(&html, "username").contains("aria-describedby=\"username-error\"") && input(&html, "username").contains(" autofocus"));

    let html = english(Page::SignIn(SignIn { username: "ada", problem: Some(SignInProblem::TooManyAttempts { retry_after_seconds: 90 }), ..SIGN_IN }));
    assert!(html.contains("role=\"alert\"") && html.contains("Wait 2 minutes, then try again."), "{html}");
}

#[test]
fn setup_marks_each_wrong_field_and_focuses_the_first() {
    let problems = [SetupProblem::PasswordsDiffer, SetupProblem::EmailInvalid, SetupProblem::PasswordTooShort, SetupProblem::PasswordTooCommon];
    let html = english(Page::Setup(Setup { username: "ada", email: "nonsense", problems: &problems, ..SETUP }));
    for name in ["email", "password", "password_again"] {
        assert!(input(&html, name).contains("aria-invalid=\"true\""), "{name}");
    }
    assert!(input(&html, "email").contains(" autofocus") && input(&html, "email").contains("value=\"nonsense\""));
    assert!(!input(&html, "username").contains("aria-invalid"));
    assert!(html.contains("This password is too short.") && !html.contains("too easy to guess"), "the first problem of a field is told");
    assert!(input(&html, "password").contains("minlength=\"12\"") && input(&html, "password").contains("autocomplete=\"new-password\""));
    assert!(input(&html, "password").contains("aria-describedby=\"password-error password-hint\""));
    assert!(html.contains("action=\"/tenant/setup\"") && input(&html, "link").contains("value=\"link-value\""));
}

#[test]
fn decisions_are_buttons() {
    let account = Account { username: "ada", name: Some("Ada Lovelace") };
    let consent = Consent {
        csrf: "c",
        ticket: "t",
        application: "Notes",
        return_host: "notes.example.com",
        account,
        scopes: &["openid", "notes:read"],
        lasts: AccessLasts::Seconds(90 * 86_400),
    };
    let html = english(Page::Consent(consent));
    assert!(html.contains("action=\"/tenant/consent\"") && html.contains("action=\"/tenant/select-account\""));
    assert!(
        html.contains("name=\"decision\" value=\"allow\"")
            && html.contains("name=\"decision\" value=\"deny\"")
            && html.contains("name=\"account\" value=\"not-me\"")
    );
    assert!(html.contains("Know who you are") && html.contains("<bdi class=\"name\">notes:read</bdi>") && html.contains("notes.example.com"));
    assert!(html.contains("Access lasts 90 days at most"));
    let rows = [AccountRow { session: "the-session".to_owned(), username: "ada", name: None, over: false }];
    let html = english(Page::ChooseAccount(ChooseAccount { csrf: "c", ticket: "t", application: None, accounts: &rows }));
    assert!(html.contains("name=\"account\" value=\"the-session\"") && html.contains("name=\"account\" value=\"other\""));
    let html = english(Page::ConfirmLogout(ConfirmLogout { csrf: "c", ticket: "t", application: None, accounts: &rows }));
    assert!(html.contains("action=\"/tenant/oidc/logout/confirm\"") && html.contains("name=\"decision\" value=\"deny\"") && !html.contains("the-session"));
    let two = [rows[0].clone(), AccountRow { session: "another".to_owned(), ..rows[0].clone() }];
    let html = english(Page::ConfirmLogout(ConfirmLogout { csrf: "c", ticket: "t", application: None, accounts: &two }));
    assert!(html.contains("name=\"account\" value=\"the-session\"") && html.contains("name=\"account\" value=\"another\"") && html.contains("all accounts"));
}

/// Puts a text wherever a page takes one.
fn everywhere(text: &str) -> Vec<Page<'_>> {
    let account = Account { username: text, name: Some(text) };
    let row = AccountRow { session: text.to_owned(), username: text, name: Some(text), over: true };
    let rows: &[AccountRow<'_>] = Vec::leak(vec![row.clone(), row]);
    let now = crate::domain::clock::Timestamp::UNIX_EPOCH;
    let moment = Moment::of(now, now);
    let one = || -> &[&str] { Vec::leak(vec![text]) };
    let fields: &[(&str, &str)] = Vec::leak(vec![("state", text), (text, "x")]);
    vec![
        Page::SignIn(SignIn {
            csrf: text,
            ticket: text,
            to: Some(text),
            application: Some(text),
            username: text,
            confirm_identity: false,
            remember: None,
            problem: None,
        }),
        Page::SignIn(SignIn {
            csrf: text,
            ticket: text,
            to: None,
            application: Some(text),
            username: text,
            confirm_identity: true,
            remember: Some(true),
            problem: Some(SignInProblem::WrongCredentials),
        }),
        Page::Consent(Consent { csrf: text, ticket: text, application: text, return_host: text, account, scopes: one(), lasts: AccessLasts::WhileSignedIn }),
        Page::ChooseAccount(ChooseAccount { csrf: text, ticket: text, application: Some(text), accounts: rows }),
        Page::ConfirmLogout(ConfirmLogout { csrf: text, ticket: text, application: Some(text), accounts: rows }),
        Page::SignedOut(SignedOut { application: Some(text), return_to: Some(text), frames: one(), nonce: Some(text), others: true }),
        Page::Error(ErrorPage { kind: ErrorKind::RedirectMismatch, code: Some(text), detail: Some(text), request_id: text }),
        Page::Setup(Setup { csrf: text, link: text, username: text, name: text, email: text, min_length: 12, problems: &[] }),
        Page::SetupDone(SetupDone { username: text, console: true }),
        Page::Home(Home { issuer: text, account: Some(Account { username: text, name: None }) }),
        Page::Account(AccountPage {
            csrf: text,
            account,
            others: rows,
            another: true,
            told: Some(Told::AccessWithdrawn { application: text }),
            warnings: Vec::leak(vec![WarningCard { application: text, at: moment, device: DeviceName(Some(text)) }]),
            sessions: Vec::leak(vec![SessionCard {
                id: text.to_owned(),
                device: DeviceName(Some(text)),
                network: Some(text),
                here: false,
                remembered: false,
                since: moment,
                last_used: Ago::between(now, now),
                ends: None,
                ends_idle: None,
                applications: vec![text, text],
            }]),
            first: true,
            older: Some(text),
            applications: Vec::leak(vec![ApplicationCard {
                id: text,
                name: text,
                scopes: vec![text],
                first_party: true,
                offline: false,
                since: moment,
                last_used: None,
            }]),
            password_changed: moment,
            password_is_own: true,
        }),
        Page::ConfirmAction(ConfirmAction { csrf: text, ticket: text, account, action: ActionKind::Withdraw, problem: Some(ProofProblem::Wrong) }),
        Page::ChangePassword(ChangePassword { csrf: text, account, min_length: 8, declared: false, problem: None, new_problem: None }),
        Page::FormPost(FormPost { action: text, fields, nonce: "n", application: text }),
        Page::WebMessage(WebMessage { message: text, origin: text, application: text }),
    ]
}

/// The structure of a document: its tags without their values.
fn skeleton(html: &str) -> String {
    let mut tags = String::new();
    let (mut inside, mut quoted) = (false, false);
    for c in html.chars() {
        match c {
            '"' if inside => quoted = !quoted,
            '<' if !quoted => inside = true,
            '>' if inside && !quoted => {
                inside = false;
                tags.push('>');
            }
            _ => {}
        }
        if inside && !quoted {
            tags.push(c);
        }
    }
    tags
}

/// ER-07: whatever comes from outside is text, in every place and on every page.
#[test]
fn hostile_texts_are_inert() {
    let long = "<script>alert(1)</script>\"'".repeat(400);
    let hostile = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "\"><script>alert(1)</script>",
        "' onfocus='alert(1)' autofocus x='",
        "\" onfocus=\"alert(1)",
        "</title></textarea><svg onload=alert(1)>",
        "{{ 7777 * 7 }}{% raw %}",
        "&lt;script&gt;&#x3c;",
        "javascript:alert(1)",
        "{ $application }\u{0}\u{7}\r\n",
        "\u{202e}\u{2066}gnp.\u{200f}exe",
        &long,
    ];
    let pages = pages();
    // A plain word shows which tags are the pages' own.
    let plain: Vec<String> = everywhere("plain").iter().map(|page| skeleton(&pages.render(page, &Language::German))).collect();
    for text in hostile {
        for (page, expected) in everywhere(text).iter().zip(&plain) {
            let html = pages.render(page, &Language::German);
            assert_eq!(&skeleton(&html), expected, "{text:.40} changes the tags");
            assert!(!html.contains("<script>") && !html.contains("<img") && !html.contains("href=\"javascript:") && !html.contains("action=\"javascript:"));
            assert!(!html.contains("54439"), "templates are not made of values");
        }
    }
}

#[test]
fn names_cannot_turn_the_text_around_them() {
    let pages = pages();
    for page in everywhere("Notes\u{202e}\u{2067}\u{200f}X") {
        let html = pages.render(&page, &Language::English);
        let shown: String = skeleton_free(&html);
        assert!(!shown.contains(['\u{202e}', '\u{2067}', '\u{200f}']), "{page:?}");
    }
}

/// The text between the tags.
fn skeleton_free(html: &str) -> String {
    let mut shown = String::new();
    let (mut inside, mut quoted) = (false, false);
    for c in html.chars() {
        match c {
            '"' if inside => quoted = !quoted,
            '<' if !quoted => inside = true,
            '>' if inside && !quoted => inside = false,
            other if !inside => shown.push(other),
            _ => {}
        }
    }
    shown
}

/// `state` comes back as it was sent (RFC 6749 §4.1.2), whatever its length.
#[test]
fn form_post_carries_values_whole() {
    let state = "a&b=\"<'>é".repeat(1000);
    let html = english(Page::FormPost(FormPost {
        action: "https://app.example/cb?x=1&y=2",
        fields: &[("code", "abc"), ("state", &state)],
        nonce: "bm9uY2U",
        application: "Notes",
    }));
    let tag = tags(&html, "input").into_iter().find(|tag| tag.contains("name=\"state\"")).unwrap();
    let value = tag.split("value=\"").nth(1).unwrap().split('"').next().unwrap();
    let plain = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#x27;", "'").replace("&amp;", "&");
    assert_eq!(plain, state);
    assert!(html.contains("<script nonce=\"bm9uY2U\">"));
    assert!(html.contains("type=\"submit\""), "without a script there is a button");
}

/// RM-01 of a message: what it carries is data, whatever it looks like; and the script is the one that the policy names.
#[test]
fn a_message_carries_values_whole_and_no_script_of_theirs() {
    let message = serde_json::json!({ "response": { "state": "</script><script>alert(1)</script>\"'&\u{2028}é" } }).to_string();
    let page = WebMessage { message: &message, origin: "https://app.example", application: "Notes" };
    for html in [page.bare(), english(Page::WebMessage(page))] {
        assert_eq!(html.matches("<script").count(), 1, "{html}");
        let tag = tags(&html, "script").remove(0);
        let value = tag.split("data-message=\"").nth(1).unwrap().split('"').next().unwrap();
        let plain = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#x27;", "'").replace("&#39;", "'").replace("&amp;", "&");
        assert_eq!(plain, message);
        assert!(tag.contains("data-origin=\"https://app.example\""), "{tag}");
        assert!(html.contains(&format!(">{}</script>", WebMessage::SCRIPT)), "{html}");
    }
}

#[test]
fn assets_are_found_under_the_addresses_the_pages_name() {
    let pages = pages();
    let html = pages.render(&Page::SignIn(SIGN_IN), &Language::English);
    let addresses: Vec<&str> = tags(&html, "link").iter().map(|tag| tag.split("href=\"").nth(1).unwrap().split('"').next().unwrap()).collect();
    assert_eq!(addresses.len(), 3);
    for address in addresses {
        assert!(address.starts_with("/tenant/assets/"), "{address}");
        let asset = pages.asset(address).unwrap();
        assert!(asset.immutable && !asset.bytes.is_empty());
        let below = address.strip_prefix("/tenant/").unwrap();
        assert_eq!(pages.asset(below).unwrap().bytes, asset.bytes);
    }
    for absent in ["", "/", "assets/", "assets/gatekey.css", "assets/../Cargo.toml", "/tenant/assets/gatekey.0.css"] {
        assert!(pages.asset(absent).is_none(), "{absent}");
    }
}

#[test]
fn the_theme_is_checked() {
    let refused = |change: fn(&mut Theme)| {
        let mut theme = theme();
        change(&mut theme);
        Pages::new(&theme).err().unwrap().to_string()
    };
    assert!(refused(|t| t.accent = Some("red;}".to_owned())).contains("#rrggbb"));
    assert!(refused(|t| t.accent_dark = Some("#12".to_owned())).contains("`#12`"));
    assert!(refused(|t| t.logo_url = Some("javascript:alert(1)".to_owned())).contains("logo"));
    assert!(refused(|t| t.logo_url = Some("//evil.example/x".to_owned())).contains("logo"));
    assert!(refused(|t| t.name = " \u{202e}".to_owned()).contains("name"));
    assert!(refused(|t| t.base_path = "tenant".to_owned()).contains("base path"));
}

#[test]
fn a_logo_takes_the_place_of_the_key_and_its_origin_may_be_loaded() {
    assert_eq!(pages().img_src(), "'self' data:");
    let with = |logo: &str| Pages::new(&Theme { logo_url: Some(logo.to_owned()), ..theme() }).unwrap();
    assert_eq!(with("/static/logo.svg").img_src(), "'self' data:");
    let pages = with("https://cdn.example.com:8443/a/logo.svg?x=1");
    assert_eq!(pages.img_src(), "'self' data: https://cdn.example.com:8443");
    let html = pages.render(&Page::SignIn(SIGN_IN), &Language::English);
    assert!(html.contains("<img class=\"logo\"") && !html.contains("class=\"bow\""));
}
