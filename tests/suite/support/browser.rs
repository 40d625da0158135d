//! A browser: keeps cookies, follows redirects within the issuer, stops where one leads elsewhere.

use std::sync::Arc;

use gatekey::domain::clock::Clock;
use poem::http::Method;
use url::Url;

use super::cookie_jar::{CookieJar, Initiator};
use super::form::{Form, forms};
use super::network::{Answer, Network};

#[derive(Clone)]
pub struct Browser {
    network: Network,
    clock: Arc<dyn Clock>,
    pub jar: CookieJar,
    pub language: String,
    pub user_agent: String,
}

/// Where a navigation ended.
#[derive(Debug, Clone)]
pub enum Landing {
    /// A page of the issuer.
    Page(Answer),
    /// A redirect to another origin: that application's business.
    Left(Url),
}

impl Landing {
    pub fn page(self) -> Answer {
        match self {
            Self::Page(page) => page,
            Self::Left(url) => panic!("a page was expected, not a redirect to {url}"),
        }
    }

    pub fn left(self) -> Url {
        match self {
            Self::Left(url) => url,
            Self::Page(page) => panic!("a redirect to the application was expected, not a page: {} {}\n{}", page.status, page.url, page.text()),
        }
    }
}

/// Who asks, where the answer is shown: what the browser says of it in `Sec-Fetch-*`.
#[derive(Debug, Clone, Copy)]
pub struct Navigation {
    pub initiator: Initiator,
    pub site: &'static str,
    pub dest: &'static str,
    pub origin: Option<&'static str>,
}

/// The address bar, or a link of an application on another site.
pub const LINK: Navigation = Navigation { initiator: Initiator::CrossSiteTop, site: "cross-site", dest: "document", origin: None };
/// A hidden frame in an application on the same site.
pub const FRAME: Navigation = Navigation { initiator: Initiator::SameSite, site: "same-site", dest: "iframe", origin: None };
/// A hidden frame in an application on another site, where third-party cookies are allowed.
pub const CROSS_SITE_FRAME: Navigation = Navigation { initiator: Initiator::CrossSite, site: "cross-site", dest: "iframe", origin: None };
/// A form of one of the issuer's own pages.
pub const OWN_FORM: Navigation = Navigation { initiator: Initiator::SameSite, site: "same-origin", dest: "document", origin: None };
/// A form that an attacker's page submits by itself.
pub const FORGED: Navigation = Navigation { initiator: Initiator::CrossSite, site: "cross-site", dest: "document", origin: Some("https://evil.test") };

impl Browser {
    pub fn new(network: Network, clock: Arc<dyn Clock>) -> Self {
        Self { network, clock, jar: CookieJar::default(), language: "en".to_owned(), user_agent: "Browser of the tests".to_owned() }
    }

    /// The network it is on, for a request without its cookies.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What it would send there by itself, to a page that it has navigated to.
    pub fn cookies(&self, url: &Url) -> String {
        self.jar.header(url, Initiator::SameSite, self.clock.now()).unwrap_or_default()
    }

    /// The same browser, sent to another replica.
    pub fn through(&self, network: Network) -> Self {
        Self { network, ..self.clone() }
    }

    /// One request and its cookies; redirects are not followed.
    pub async fn request(&mut self, method: Method, url: &Url, navigation: Navigation, body: String) -> Answer {
        let now = self.clock.now();
        let cookies = self.jar.header(url, navigation.initiator, now);
        let own_origin = url.origin().ascii_serialization();
        let mut headers = vec![
            ("accept", "text/html"),
            ("accept-language", self.language.as_str()),
            ("user-agent", self.user_agent.as_str()),
            ("sec-fetch-site", navigation.site),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", navigation.dest),
        ];
        if let Some(cookies) = &cookies {
            headers.push(("cookie", cookies));
        }
        if method == Method::POST {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
            headers.push(("origin", navigation.origin.unwrap_or(&own_origin)));
        }
        let answer = self.network.send(method, url.as_str(), &headers, body).await;
        for cookie in answer.headers.get_all("set-cookie") {
            self.jar.set(url, cookie.to_str().unwrap(), now);
        }
        answer
    }

    /// Goes to a URL and follows redirects while they stay at its origin.
    pub async fn navigate(&mut self, url: &Url, navigation: Navigation) -> Landing {
        let answer = self.request(Method::GET, url, navigation, String::new()).await;
        self.follow(answer, navigation).await
    }

    pub async fn visit(&mut self, url: &str) -> Landing {
        self.navigate(&Url::parse(url).unwrap(), LINK).await
    }

    /// From an authorization URL to the application's answer: signs in and allows when a page asks for it.
    pub async fn authorize_as(&mut self, url: &Url, username: &str, password: &str) -> Url {
        let mut landing = self.visit(url.as_str()).await;
        if let Landing::Page(page) = &landing
            && page.text().contains("type=\"password\"")
        {
            let form = form_with(page, "password").fill("username", username).fill("password", password);
            landing = self.submit(&form, None).await;
        }
        if let Landing::Page(page) = &landing {
            landing = self.submit(&form_with(page, "decision"), Some("allow")).await;
        }
        landing.left()
    }

    async fn follow(&mut self, mut answer: Answer, navigation: Navigation) -> Landing {
        for _ in 0..10 {
            if !answer.status.is_redirection() {
                return Landing::Page(answer);
            }
            let next = answer.location().expect("a redirect says where to");
            if next.origin() != answer.url.origin() {
                return Landing::Left(next);
            }
            answer = self.request(Method::GET, &next, navigation, String::new()).await;
        }
        panic!("redirects go round in circles at {}", answer.url);
    }

    /// Submits a form of a page by pressing a button.
    pub async fn submit(&mut self, form: &Form, button: Option<&str>) -> Landing {
        let answer = self.submit_as(form, button, OWN_FORM).await;
        if answer.status.is_redirection() {
            // A redirect after POST must become a GET, or the password would travel on (RFC 9700 §4.12): ER-08.
            assert_eq!(answer.status.as_u16(), 303, "{}", answer.url);
        }
        self.follow(answer, OWN_FORM).await
    }

    /// The request of a submitted form, however it came to be submitted; redirects are not followed.
    pub async fn submit_as(&mut self, form: &Form, button: Option<&str>, navigation: Navigation) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form.pairs(button)).finish();
        assert!(form.method.eq_ignore_ascii_case("post"), "{form:?}");
        self.request(Method::POST, &form.action, navigation, body).await
    }
}

/// The form of a page that has a field.
pub fn form_with(page: &Answer, field: &str) -> Form {
    let all = forms(&page.url, page.text());
    all.iter()
        .find(|form| form.field(field).is_some())
        .cloned()
        .unwrap_or_else(|| panic!("no form with {field}: {} {}\n{}", page.status, page.url, page.text()))
}
