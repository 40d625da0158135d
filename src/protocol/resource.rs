//! Resource indicators (RFC 8707): which APIs an access token is for.
//!
//! `audience`, as Auth0 and its libraries call one, is read where there is no `resource`.

use super::error::{ErrorCode, OAuthError};
use super::params::Params;

/// What the request names, each registered for the client; without any, the client's first resource.
pub fn requested(params: &Params, registered: &[String]) -> Result<Vec<String>, OAuthError> {
    let (parameter, named) = named(params);
    if named.iter().any(|r| !registered.contains(r)) {
        return Err(OAuthError::new(ErrorCode::InvalidTarget, format!("`{parameter}` names an API that is not registered for this client.")));
    }
    if named.is_empty() { Ok(registered.first().cloned().into_iter().collect()) } else { Ok(each_once(named)) }
}

/// The APIs, and the parameter that names them. Where both are there `resource` counts: only it has a specification.
fn named(params: &Params) -> (&'static str, Vec<String>) {
    let resources = params.all("resource");
    if resources.is_empty() { ("audience", params.all("audience")) } else { ("resource", resources) }
}

fn each_once(named: Vec<String>) -> Vec<String> {
    let mut once: Vec<String> = Vec::with_capacity(named.len());
    for resource in named {
        if !once.contains(&resource) {
            once.push(resource);
        }
    }
    once
}

/// What a token request narrows a grant to (RFC 8707 §2.2): a subset, or all of it.
pub fn narrowed(params: &Params, granted: &[String]) -> Result<Vec<String>, OAuthError> {
    let (parameter, named) = named(params);
    if named.iter().any(|r| !granted.contains(r)) {
        return Err(OAuthError::new(ErrorCode::InvalidTarget, format!("`{parameter}` names an API that was not part of the grant.")));
    }
    Ok(if named.is_empty() { granted.to_vec() } else { each_once(named) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn what_is_registered_may_be_named_and_the_first_stands_for_none() {
        let registered = list(&["https://a.test/", "https://b.test/"]);
        let asked = |text: &str| requested(&Params::parse(text).unwrap(), &registered);
        assert_eq!(asked("").unwrap(), ["https://a.test/"]);
        assert_eq!(asked("resource=https://b.test/").unwrap(), ["https://b.test/"]);
        assert_eq!(asked("resource=https://b.test/&resource=https://a.test/").unwrap(), ["https://b.test/", "https://a.test/"]);
        for odd in ["resource=https://c.test/", "resource=https://a.test", "resource=https://a.test/&resource=https://c.test/"] {
            assert_eq!(asked(odd).unwrap_err().code, ErrorCode::InvalidTarget, "{odd}");
        }
        assert_eq!(requested(&Params::default(), &[]).unwrap(), [""; 0]);
    }

    #[test]
    fn an_audience_is_a_resource_where_there_is_none() {
        let registered = list(&["https://a.test/", "https://b.test/"]);
        for judge in [requested, narrowed] {
            let asked = |text: &str| judge(&Params::parse(text).unwrap(), &registered);
            assert_eq!(asked("audience=https://b.test/").unwrap(), ["https://b.test/"]);
            assert_eq!(asked("audience=https://c.test/&resource=https://b.test/").unwrap(), ["https://b.test/"]);
            assert_eq!(asked("audience=").unwrap(), asked("").unwrap());
            for odd in ["audience=https://c.test/", "audience=https://b.test", "audience=https://a.test/+https://b.test/", "audience=default"] {
                let refused = asked(odd).unwrap_err();
                assert!(refused.code == ErrorCode::InvalidTarget && refused.description.starts_with("`audience` names an API"), "{odd}: {refused:?}");
            }
            assert!(asked("resource=https://c.test/").unwrap_err().description.starts_with("`resource` names an API"));
        }
    }

    /// RFC 8707 §2.2: a token may be for fewer than the grant, never for more.
    #[test]
    fn a_grant_may_be_narrowed() {
        let granted = list(&["https://a.test/", "https://b.test/"]);
        let asked = |text: &str| narrowed(&Params::parse(text).unwrap(), &granted);
        assert_eq!(asked("").unwrap(), granted);
        assert_eq!(asked("resource=https://b.test/").unwrap(), ["https://b.test/"]);
        assert_eq!(asked("resource=https://b.test/&resource=https://c.test/").unwrap_err().code, ErrorCode::InvalidTarget);
    }
}
