//! An issuer at the path of its own URL. The framework's `nest` answers a path that is no text by itself, in its own words, so the path is
//! taken off here: what is below it is the issuer's to answer, whatever it is.

use poem::endpoint::BoxEndpoint;
use poem::error::NotFoundError;
use poem::http::Uri;
use poem::http::uri::PathAndQuery;
use poem::{Endpoint, Request, Response, Result, Route};

/// A route that leads everything below `path` to the endpoints. `path` has no slash at its end; at the root of a host it is empty.
pub fn below(path: &str, endpoints: BoxEndpoint<'static, Response>) -> Route {
    // What the star stands for is not looked at: of a path that is no text the framework does not tell it.
    let all = Below { path: path.to_owned(), endpoints };
    if path.is_empty() {
        return Route::new().at("/*--below", all);
    }
    let all = std::sync::Arc::new(all);
    Route::new().at(path, all.clone()).at(format!("{path}/*--below"), all)
}

struct Below {
    path: String,
    endpoints: BoxEndpoint<'static, Response>,
}

impl Endpoint for Below {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        if !self.path.is_empty() {
            *request.uri_mut() = without(request.uri(), &self.path).ok_or(NotFoundError)?;
        }
        self.endpoints.call(request).await
    }
}

fn without(uri: &Uri, path: &str) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(path)?;
    let rest = if rest.starts_with('/') { PathAndQuery::try_from(rest) } else { PathAndQuery::try_from(format!("/{rest}")) };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(rest.ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_taken_off_and_nothing_else() {
        let taken = |uri: &str| without(&uri.parse().unwrap(), "/auth").map(|uri| uri.to_string());
        for (uri, rest) in [
            ("/auth", "/"),
            ("/auth/", "/"),
            ("/auth?a=/auth", "/?a=/auth"),
            ("/auth/admin/api/v1/users/%FF?x=%FF", "/admin/api/v1/users/%FF?x=%FF"),
            ("https://id.example.test/auth/userinfo", "https://id.example.test/userinfo"),
        ] {
            assert_eq!(taken(uri).as_deref(), Some(rest), "{uri}");
        }
        assert_eq!(taken("/other"), None);
    }
}
