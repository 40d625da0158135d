//! A network inside the process: requests go to a poem endpoint as they would over a socket, without one.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use poem::endpoint::{BoxEndpoint, EndpointExt};
use poem::http::uri::Scheme;
use poem::http::{HeaderMap, HeaderValue, Method, StatusCode};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Body, Endpoint, IntoEndpoint, Request, Response};
use serde_json::Value;
use url::Url;

/// A server that answers every host.
#[derive(Clone)]
pub struct Network {
    server: Arc<BoxEndpoint<'static, Response>>,
    /// Where requests come from; none, as over a Unix socket, unless a test says one.
    address: Option<IpAddr>,
}

impl Network {
    pub fn new<E: IntoEndpoint>(routes: E) -> Self
    where
        E::Endpoint: 'static,
    {
        Self { server: Arc::new(routes.into_endpoint().map_to_response().boxed()), address: None }
    }

    /// The same server, asked from this address.
    pub fn seen_from(&self, address: &str) -> Self {
        Self { address: Some(address.parse().unwrap()), ..self.clone() }
    }

    pub async fn send(&self, method: Method, url: &str, headers: &[(&str, &str)], body: impl Into<String>) -> Answer {
        self.send_body(method, url, headers, body.into().into()).await
    }

    /// The same with a body that need not be whole yet.
    pub async fn send_body(&self, method: Method, url: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let url = Url::parse(url).unwrap();
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let mut request = poem::http::Request::builder().method(method).uri(target).header("host", host);
        for (name, value) in headers {
            // Bytes: what a text cannot say can be sent all the same.
            request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let peer = self.address.map_or_else(RemoteAddr::default, |ip| RemoteAddr(SocketAddr::new(ip, 40_000).into()));
        let request = Request::from_parts((parts, LocalAddr::default(), peer, Scheme::HTTP).into(), body);
        let mut response = self.server.get_response(request).await;
        let body = response.take_body().into_vec().await.unwrap();
        Answer { url, status: response.status(), headers: response.headers().clone(), body }
    }

    pub async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, url, headers, "").await
    }

    pub async fn post_form(&self, url: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend(headers);
        self.send(Method::POST, url, &all, body).await
    }
}

/// A whole response, and the URL it came from.
#[derive(Debug, Clone)]
pub struct Answer {
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The one value of a header; two would be an error in the server.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next();
        assert!(values.next().is_none(), "{name} came twice: {:?}", self.headers);
        first.map(|value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {} {}", self.status, self.text()))
    }

    /// Where it redirects to.
    pub fn location(&self) -> Option<Url> {
        self.header("location").map(|location| self.url.join(location).unwrap())
    }

    /// The OAuth error of a JSON answer.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no error: {} {}", self.status, self.text())).to_owned()
    }
}

/// A query parameter, which must come once.
pub fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut values = url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let first = values.next();
    assert!(values.next().is_none(), "{name} came twice: {url}");
    first
}
