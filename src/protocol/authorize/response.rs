//! The answer to the application, in the response mode it asked for. `iss` is in every one (RFC 9207 §2).

use super::target::{ResponseMode, ResponseTarget};
use crate::domain::id::UserId;
use crate::protocol::error::OAuthError;
use crate::protocol::urlencoded::append_pair;

/// What the HTTP layer does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizationResponse {
    /// 303 See Other to this URL.
    Redirect(String),
    /// A page whose form posts these fields to `action`.
    FormPost { action: String, fields: Vec<(&'static str, String)> },
    /// A page that hands these fields to the page that opened or framed it, if that is of `origin`. It may be framed by `ancestors` alone.
    WebMessage { origin: String, ancestors: Vec<String>, fields: Vec<(&'static str, String)> },
    /// What the browser hands to the page that asked it (FedCM).
    Fedcm(Handed),
}

/// The answer to a request by FedCM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    /// With whose it is: by that the browser remembers which account the page is signed in with.
    Code {
        code: String,
        account: UserId,
    },
    Refusal(OAuthError),
}

/// `account`: whose the code is. `session_state`: for applications that watch the session (Session Management 1.0 §2).
pub fn code(target: &ResponseTarget, issuer: &str, code: &str, account: UserId, session_state: Option<String>) -> AuthorizationResponse {
    if target.is_fedcm() {
        return AuthorizationResponse::Fedcm(Handed::Code { code: code.to_owned(), account });
    }
    let mut fields = vec![("code", code.to_owned())];
    fields.extend(session_state.map(|session_state| ("session_state", session_state)));
    render(target, fields, issuer, target.may_frame_codes())
}

pub fn error(target: &ResponseTarget, issuer: &str, error: &OAuthError) -> AuthorizationResponse {
    if target.is_fedcm() {
        return AuthorizationResponse::Fedcm(Handed::Refusal(error.clone()));
    }
    render(target, vec![("error", error.code.as_str().to_owned()), ("error_description", error.description.to_string())], issuer, target.may_frame_refusals())
}

fn render(target: &ResponseTarget, mut fields: Vec<(&'static str, String)>, issuer: &str, ancestors: &[String]) -> AuthorizationResponse {
    fields.extend(target.state().map(|state| ("state", state.to_owned())));
    fields.push(("iss", issuer.to_owned()));
    let uri = target.redirect_uri();
    let redirect = |before: char| {
        let mut url = String::with_capacity(uri.len() + 64 + fields.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>());
        url.push_str(uri);
        url.push(before);
        for (i, (name, value)) in fields.iter().enumerate() {
            append_pair(&mut url, i == 0, name, value);
        }
        AuthorizationResponse::Redirect(url)
    };
    match target.mode() {
        // RFC 6749 §3.1.2: a query that the registered URI has is kept. What is handed over by FedCM does not come here.
        ResponseMode::Query | ResponseMode::Fedcm => redirect(if uri.contains('?') { '&' } else { '?' }),
        ResponseMode::Fragment => redirect('#'),
        ResponseMode::FormPost => AuthorizationResponse::FormPost { action: uri.to_owned(), fields },
        // A target of this mode has an origin.
        ResponseMode::WebMessage => {
            AuthorizationResponse::WebMessage { origin: target.origin().unwrap_or_default().to_owned(), ancestors: ancestors.to_vec(), fields }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::{ClientKind, ClientMetadata};
    use crate::domain::redirect_uri::RedirectUri;
    use crate::protocol::authorize::target;
    use crate::protocol::error::ErrorCode;
    use crate::protocol::params::Params;
    use crate::protocol::session::tests::a_client;

    const ISSUER: &str = "https://id.test/";
    const ADA: UserId = UserId(uuid::Uuid::from_u128(1));

    fn to(redirect_uri: &str, more: &[(&str, &str)]) -> ResponseTarget {
        let redirect_uris = vec![RedirectUri::parse(redirect_uri).unwrap()];
        let metadata = ClientMetadata { redirect_uris, ..ClientMetadata::defaults(ClientKind::Native, "App") };
        let client = a_client("app", metadata);
        let pairs = [("client_id", "app"), ("redirect_uri", redirect_uri)].into_iter().chain(more.iter().copied());
        let params = Params::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
        target(&params, Some(&client)).unwrap()
    }

    fn redirect(url: &str) -> AuthorizationResponse {
        AuthorizationResponse::Redirect(url.to_owned())
    }

    /// RFC 6749 §4.1.2, RFC 9207 §2, and §3.1.2: a query that is registered stays in front.
    #[test]
    fn a_code_travels_in_the_query() {
        let answer = |uri, more: &[(&str, &str)]| code(&to(uri, more), ISSUER, "c", ADA, None);
        assert_eq!(answer("https://app.test/cb", &[]), redirect("https://app.test/cb?code=c&iss=https%3A%2F%2Fid.test%2F"));
        assert_eq!(
            answer("https://app.test/cb?tenant=1", &[("state", "a&b=\"c\"")]),
            redirect("https://app.test/cb?tenant=1&code=c&state=a%26b%3D%22c%22&iss=https%3A%2F%2Fid.test%2F")
        );
        assert_eq!(answer("com.example.app:/cb", &[]), redirect("com.example.app:/cb?code=c&iss=https%3A%2F%2Fid.test%2F"));
    }

    /// OAuth 2.0 Multiple Response Type Encoding Practices §2.1; Form Post Response Mode §2: the same fields, each by its mode.
    #[test]
    fn it_travels_as_it_was_asked_for() {
        let state = ("state", "s t");
        assert_eq!(
            code(&to("https://app.test/cb?x=1", &[state, ("response_mode", "fragment")]), ISSUER, "c", ADA, None),
            redirect("https://app.test/cb?x=1#code=c&state=s+t&iss=https%3A%2F%2Fid.test%2F")
        );
        let AuthorizationResponse::FormPost { action, fields } =
            code(&to("https://app.test/cb", &[state, ("response_mode", "form_post")]), ISSUER, "c", ADA, Some("h.s".to_owned()))
        else {
            panic!("not a form");
        };
        let expected = [("code", "c"), ("session_state", "h.s"), ("state", "s t"), ("iss", ISSUER)].map(|(name, value)| (name, value.to_owned()));
        assert_eq!((action.as_str(), fields.as_slice()), ("https://app.test/cb", expected.as_slice()));
    }

    /// RM-04: for the origin of the redirect URI, whatever the request says of a place.
    #[test]
    fn a_message_is_for_the_registered_origin() {
        let asked = [("state", "s"), ("response_mode", "web_message"), ("web_message_uri", "https://evil.test"), ("web_message_target", "*")];
        let target = to("https://app.test:8443/cb?x=1", &asked);
        let AuthorizationResponse::WebMessage { origin, ancestors, fields } = code(&target, ISSUER, "c", ADA, None) else { panic!("not a message") };
        assert_eq!((origin.as_str(), ancestors.join(" ").as_str()), ("https://app.test:8443", "https://app.test:8443"));
        assert_eq!(fields, [("code", "c"), ("state", "s"), ("iss", ISSUER)].map(|(name, value)| (name, value.to_owned())));
        let AuthorizationResponse::WebMessage { fields, .. } = error(&target, ISSUER, &OAuthError::new(ErrorCode::LoginRequired, "Login required")) else {
            panic!("not a message")
        };
        assert_eq!(fields.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["error", "error_description", "state", "iss"]);
    }

    /// RFC 6749 §4.1.2.1, RFC 9207 §2: with the description for the developer, never the reason for the log.
    #[test]
    fn a_refusal_travels_the_same_way() {
        let refusal = OAuthError::new(ErrorCode::LoginRequired, "Login required").because("expired_idle");
        assert_eq!(
            error(&to("https://app.test/cb", &[("state", "s")]), ISSUER, &refusal),
            redirect("https://app.test/cb?error=login_required&error_description=Login+required&state=s&iss=https%3A%2F%2Fid.test%2F")
        );
    }
}
