//! Is the request well-formed, and may this client send it? Refusals here are redirects.

use chrono::TimeDelta;

use super::prompt::Prompts;
use super::target::{ResponseMode, ResponseTarget};
use crate::domain::client::{Client, GrantType};
use crate::domain::dpop::KeyThumbprint;
use crate::domain::scope::{OFFLINE_ACCESS, ONLINE_ACCESS, OPENID, Scope};
use crate::protocol::claims::ClaimsRequest;
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::params::Params;
use crate::protocol::{pkce, resource};

/// A valid authorization request.
#[derive(Debug, Clone)]
pub struct AuthorizationRequest {
    pub target: ResponseTarget,
    /// What was asked for and is allowed to the client.
    pub scope: Scope,
    pub resources: Vec<String>,
    pub claims: ClaimsRequest,
    pub nonce: Option<String>,
    pub code_challenge: Option<String>,
    /// The key that must be shown for the code.
    pub dpop_jkt: Option<KeyThumbprint>,
    pub prompts: Prompts,
    pub max_age: Option<TimeDelta>,
    pub login_hint: Option<String>,
    /// Not yet verified.
    pub id_token_hint: Option<String>,
}

impl AuthorizationRequest {
    /// What the user must have allowed: the scope, and that of each claim asked for by name (CS-03).
    pub fn scope_to_allow(&self) -> Scope {
        self.claims.named.scopes().fold(self.scope.clone(), Scope::with)
    }

    /// Whether `allowed` covers all of that.
    pub fn is_within(&self, allowed: &Scope) -> bool {
        self.scope.is_subset(allowed) && self.claims.named.scopes().all(|scope| allowed.contains(scope))
    }
}

/// Longer values would make a code that does not fit in a URL.
const MAX_NONCE: usize = 512;
const MAX_REQUEST: usize = 12 * 1024;

pub fn validate(params: &Params, target: ResponseTarget, client: &Client) -> Result<AuthorizationRequest, OAuthError> {
    refuse_request_objects(params)?;
    match params.get("response_mode").map(ResponseMode::parse) {
        Some(None) => return Err(OAuthError::invalid_request("`response_mode` may be `query`, `fragment`, `form_post` or `web_message`.")),
        Some(Some(mode)) if mode != target.mode() => {
            return Err(OAuthError::invalid_request(format!("`response_mode={}` needs a redirect URI that begins with `https:` or `http:`.", mode.as_str())));
        }
        _ => {}
    }
    // RFC 9700 §2.1.2: no token in a front channel, so `code` is the only response type.
    match params.require("response_type")? {
        "code" => {}
        _ => return Err(OAuthError::new(ErrorCode::UnsupportedResponseType, "`response_type` must be `code`.")),
    }
    if !client.metadata.grant_types.contains(&GrantType::AuthorizationCode) {
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, "This client is not registered for the authorization code grant."));
    }
    // The request travels on in the address of the sign-in page.
    if !params.fits_encoded(MAX_REQUEST) {
        return Err(OAuthError::invalid_request("The request is longer than 12 KiB."));
    }
    let nonce = params.get("nonce").map(str::to_owned);
    if nonce.as_ref().is_some_and(|nonce| nonce.len() > MAX_NONCE) {
        return Err(OAuthError::invalid_request("`nonce` is longer than 512 bytes."));
    }
    let scope = scope(params, client)?;
    // A code that no redirect URI is bound to is bound by its challenge alone.
    let needs_pkce = client.metadata.require_pkce || target.is_fedcm();
    Ok(AuthorizationRequest {
        // OIDC Core §5.5: of OpenID requests only.
        claims: ClaimsRequest::parse(params.get("claims").filter(|_| scope.contains(OPENID)), &client.metadata.scope)?,
        scope,
        resources: resource::requested(params, &client.metadata.resources)?,
        nonce,
        code_challenge: pkce::challenge(params.get("code_challenge"), params.get("code_challenge_method"), needs_pkce)?,
        dpop_jkt: dpop_jkt(params)?,
        prompts: Prompts::parse(params.get("prompt"))?,
        max_age: max_age(params)?,
        login_hint: params.get("login_hint").map(str::to_owned),
        id_token_hint: params.get("id_token_hint").map(str::to_owned),
        target,
    })
}

/// RFC 10017: a script that has got into a page of the client could ask silently from a frame, so a client that never does so may have it refused.
/// Whether it happens in a frame is the browser's word (Fetch Metadata), which no page can change.
pub fn refuse_frame(client: &Client, framed: bool) -> Result<(), OAuthError> {
    if framed && !client.metadata.may_be_framed {
        return Err(OAuthError::new(ErrorCode::InteractionRequired, "This client is registered with `may_be_framed = false`, so it cannot ask from a frame.")
            .because("framed"));
    }
    Ok(())
}

/// OIDC Core §6.1, §6.2 and §7.2.1: what is not supported is refused by name, never ignored.
fn refuse_request_objects(params: &Params) -> Result<(), OAuthError> {
    for (name, code) in
        [("request", ErrorCode::RequestNotSupported), ("request_uri", ErrorCode::RequestUriNotSupported), ("registration", ErrorCode::RegistrationNotSupported)]
    {
        if params.get(name).is_some() {
            return Err(OAuthError::new(code, format!("Parameter `{name}` is not supported: send the parameters themselves.")));
        }
    }
    Ok(())
}

/// OIDC Core §3.1.2.1: values that are not understood or not allowed are ignored; the answer names what was granted.
fn scope(params: &Params, client: &Client) -> Result<Scope, OAuthError> {
    let requested = Scope::parse(params.get("scope").unwrap_or_default()).map_err(|e| OAuthError::new(ErrorCode::InvalidScope, e.to_string()))?;
    let granted = requested.retain(|word| match word {
        // OIDC Core §11: it asks for refresh tokens, and is ignored where none can be given.
        OFFLINE_ACCESS if !client.metadata.grant_types.contains(&GrantType::RefreshToken) => false,
        ONLINE_ACCESS if !client.metadata.may_ask_for_online_access() => false,
        word => client.metadata.scope.contains(word),
    });
    // One token cannot both end with the session and outlive it.
    if granted.contains(ONLINE_ACCESS) && granted.contains(OFFLINE_ACCESS) {
        return Err(OAuthError::invalid_request("`scope` may have `online_access` or `offline_access`, not both."));
    }
    if granted.is_empty() {
        return Err(OAuthError::new(
            ErrorCode::InvalidScope,
            "None of the requested scope is allowed to this client: ask for `openid`, or have the scope registered.",
        ));
    }
    Ok(granted)
}

/// RFC 9449 §10. Of a form that no key has it is refused: the application believes its code to be bound.
fn dpop_jkt(params: &Params) -> Result<Option<KeyThumbprint>, OAuthError> {
    let key = params.get("dpop_jkt").map(KeyThumbprint::parse).transpose();
    key.map_err(|_| OAuthError::invalid_request("`dpop_jkt` must be the JWK thumbprint of a key, 43 characters of base64url."))
}

fn max_age(params: &Params) -> Result<Option<TimeDelta>, OAuthError> {
    let Some(text) = params.get("max_age") else { return Ok(None) };
    let digits = !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
    let age = digits.then(|| text.parse::<i64>().ok()).flatten().and_then(TimeDelta::try_seconds);
    age.map(Some).ok_or_else(|| OAuthError::invalid_request("`max_age` must be a whole number of seconds, 0 or more."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::{ClientKind, ClientMetadata};
    use crate::domain::redirect_uri::RedirectUri;
    use crate::protocol::authorize::target;
    use crate::protocol::session::tests::a_client;

    fn client(change: impl FnOnce(&mut ClientMetadata)) -> Client {
        let mut metadata = ClientMetadata::defaults(ClientKind::Spa, "App");
        metadata.redirect_uris = vec![RedirectUri::parse("https://app.test/cb").unwrap()];
        change(&mut metadata);
        a_client("app", metadata)
    }

    fn validated(client: &Client, more: &str) -> Result<AuthorizationRequest, OAuthError> {
        let base = "client_id=app&redirect_uri=https://app.test/cb&response_type=code&code_challenge_method=S256\
                    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let params = Params::parse(&format!("{base}&{more}")).unwrap();
        validate(&params, target(&params, Some(client)).unwrap(), client)
    }

    #[test]
    fn a_frame_is_refused_to_a_client_that_may_not_be_framed() {
        let (default, not_framed) = (client(|_| {}), client(|metadata| metadata.may_be_framed = false));
        assert!(refuse_frame(&default, true).is_ok() && refuse_frame(&default, false).is_ok() && refuse_frame(&not_framed, false).is_ok());
        assert_eq!(refuse_frame(&not_framed, true).unwrap_err().code, ErrorCode::InteractionRequired);
    }

    /// OIDC Core §11: where no refresh token can be given, it is ignored; alone it is nothing.
    #[test]
    fn offline_access_needs_the_refresh_grant() {
        let scope = |client: &Client, scope: &str| validated(client, &format!("scope={scope}")).map(|request| request.scope.to_string());
        let with = client(|_| {});
        assert_eq!(scope(&with, "openid+offline_access").unwrap(), "offline_access openid");
        let without = client(|metadata| metadata.grant_types = vec![GrantType::AuthorizationCode]);
        assert_eq!(scope(&without, "openid+offline_access").unwrap(), "openid");
        assert_eq!(scope(&without, "offline_access").unwrap_err().code, ErrorCode::InvalidScope);
        // And the client that may ask for it: one that is registered for other things is given those, one that is for nothing nothing.
        assert_eq!(scope(&client(|metadata| metadata.scope = Scope::parse("openid").unwrap()), "openid+offline_access").unwrap(), "openid");
        let of_none = client(|metadata| metadata.scope = Scope::default());
        for asked in ["openid+offline_access", "offline_access", ""] {
            assert_eq!(scope(&of_none, asked).unwrap_err().code, ErrorCode::InvalidScope, "{asked}");
        }
    }

    /// `online_access` is for clients with a secret and the refresh grant, and never beside `offline_access`.
    #[test]
    fn online_access_is_for_whom_it_can_be_given() {
        let web = |registered: &'static str| {
            move |metadata: &mut ClientMetadata| {
                let redirect_uris = std::mem::take(&mut metadata.redirect_uris);
                *metadata = ClientMetadata { redirect_uris, scope: Scope::parse(registered).unwrap(), ..ClientMetadata::defaults(ClientKind::Web, "App") };
            }
        };
        let scope = |client: &Client, scope: &str| validated(client, &format!("scope={scope}")).map(|request| request.scope.to_string());
        let both = "openid+online_access+offline_access";
        let with = client(web("openid offline_access online_access"));
        assert_eq!(scope(&with, "openid+online_access").unwrap(), "online_access openid");
        assert_eq!(scope(&with, "openid+offline_access").unwrap(), "offline_access openid");
        let error = scope(&with, both).unwrap_err();
        assert!(error.code == ErrorCode::InvalidRequest && error.description.contains("online_access"), "{error:?}");
        // What is not registered is ignored, also beside the other.
        assert_eq!(scope(&client(web("openid online_access")), both).unwrap(), "online_access openid");
        assert_eq!(scope(&client(web("openid offline_access")), both).unwrap(), "offline_access openid");
        let without = client(|metadata| {
            web("openid online_access")(metadata);
            metadata.grant_types = vec![GrantType::AuthorizationCode];
        });
        assert_eq!(scope(&without, "openid+online_access").unwrap(), "openid");
        // Whatever it is registered with, one without a secret is given none.
        let public = client(|metadata| metadata.scope = Scope::parse("openid online_access offline_access").unwrap());
        assert_eq!(scope(&public, both).unwrap(), "offline_access openid");
        assert_eq!(scope(&public, "online_access").unwrap_err().code, ErrorCode::InvalidScope);
    }

    /// OIDC Core §5.5: by name, no more than by scope; and of OpenID requests only.
    #[test]
    fn claims_are_of_openid_requests() {
        let claims = "claims=%7B%22userinfo%22:%7B%22email%22:null,%22phone_number%22:null%7D%7D";
        let request = validated(&client(|_| {}), &format!("scope=openid&{claims}")).unwrap();
        assert_eq!(request.claims.named.userinfo.to_string(), "email");
        assert_eq!(request.scope_to_allow().to_string(), "email openid");
        assert!(request.is_within(&Scope::parse("openid email").unwrap()) && !request.is_within(&Scope::parse("openid").unwrap()));
        let plain = validated(&client(|_| {}), &format!("scope=profile&{claims}")).unwrap();
        assert!(plain.claims.named.is_empty());
        assert_eq!(validated(&client(|_| {}), "scope=openid&claims=x").unwrap_err().code, ErrorCode::InvalidRequest);
    }

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    /// The request of a client that does all right, with these parameters instead or besides; an empty value leaves one out.
    fn asked(client: &Client, more: &[(&str, &str)]) -> Result<AuthorizationRequest, OAuthError> {
        let base = [
            ("client_id", "app"),
            ("redirect_uri", "https://app.test/cb"),
            ("response_type", "code"),
            ("scope", "openid"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let pairs = base.iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name)).chain(more);
        let params = Params::from_pairs(pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap();
        validate(&params, target(&params, Some(client)).unwrap(), client)
    }

    fn refused(more: &[(&str, &str)]) -> ErrorCode {
        asked(&client(|_| {}), more).expect_err(&format!("{more:?}")).code
    }

    /// OIDC Core §3.1.2.1, RFC 7636 §4.3, RFC 8707 §2: each parameter is read into its place.
    #[test]
    fn what_was_asked_for_is_there() {
        let client = client(|metadata| metadata.resources = vec!["https://api.test/".to_owned()]);
        let more = [
            ("nonce", "n-0S6_WzA2Mj"),
            ("max_age", "300"),
            ("prompt", "login"),
            ("login_hint", "ada"),
            ("id_token_hint", "e30.e30.x"),
            ("resource", "https://api.test/"),
            ("x", "unknown parameters are ignored (RFC 6749 section 3.1)"),
        ];
        let request = asked(&client, &more).unwrap();
        assert_eq!((request.nonce.as_deref(), request.max_age), (Some("n-0S6_WzA2Mj"), Some(TimeDelta::seconds(300))));
        assert_eq!((request.login_hint.as_deref(), request.id_token_hint.as_deref()), (Some("ada"), Some("e30.e30.x")));
        assert_eq!((request.code_challenge.as_deref(), request.resources), (Some(CHALLENGE), vec!["https://api.test/".to_owned()]));
        assert_eq!((request.prompts, request.scope.to_string()), (Prompts::parse(Some("login")).unwrap(), "openid".to_owned()));
        let bare = asked(&client, &[]).unwrap();
        assert!(bare.nonce.is_none() && bare.max_age.is_none() && bare.login_hint.is_none() && bare.id_token_hint.is_none());
    }

    /// RFC 6749 §4.1.2.1, RFC 9700 §2.1.2: no token through the browser.
    #[test]
    fn code_is_the_only_response_type() {
        for odd in ["token", "id_token", "code id_token", "Code", "none"] {
            assert_eq!(refused(&[("response_type", odd)]), ErrorCode::UnsupportedResponseType, "{odd}");
        }
        assert_eq!(refused(&[("response_type", "")]), ErrorCode::InvalidRequest);
        let machine = client(|metadata| metadata.grant_types = vec![GrantType::RefreshToken, GrantType::ClientCredentials]);
        assert_eq!(asked(&machine, &[]).unwrap_err().code, ErrorCode::UnauthorizedClient);
    }

    /// Multiple Response Type Encoding Practices §2.1, Form Post Response Mode §2.
    #[test]
    fn a_response_mode_that_is_not_possible_is_refused() {
        for mode in ["query", "fragment", "form_post", "web_message"] {
            assert_eq!(asked(&client(|_| {}), &[("response_mode", mode)]).unwrap().target.mode().as_str(), mode);
        }
        assert_eq!(refused(&[("response_mode", "query.jwt")]), ErrorCode::InvalidRequest);
        let native = client(|metadata| {
            metadata.kind = ClientKind::Native;
            metadata.redirect_uris = vec![RedirectUri::parse("com.example.app:/cb").unwrap()];
        });
        let with = |mode| asked(&native, &[("redirect_uri", "com.example.app:/cb"), ("response_mode", mode)]);
        assert!(with("fragment").is_ok());
        for mode in ["form_post", "web_message"] {
            assert!(with(mode).unwrap_err().description.contains(mode));
        }
    }

    /// OIDC Core §6.1, §6.2, §7.2.1.
    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        assert_eq!(refused(&[("request", "e30.e30.x")]), ErrorCode::RequestNotSupported);
        assert_eq!(refused(&[("request_uri", "https://app.test/request")]), ErrorCode::RequestUriNotSupported);
        assert_eq!(refused(&[("registration", "{}")]), ErrorCode::RegistrationNotSupported);
    }

    /// OIDC Core §3.1.2.1: `max_age` is a number of seconds. Zero is one: it asks for a sign-in now.
    #[test]
    fn max_age_is_a_whole_number_of_seconds() {
        let read = |text| asked(&client(|_| {}), &[("max_age", text)]).map(|request| request.max_age);
        for (text, seconds) in [("0", 0), ("00060", 60), ("86400", 86_400), ("999999999999", 999_999_999_999)] {
            assert_eq!(read(text).unwrap(), Some(TimeDelta::seconds(seconds)), "{text}");
        }
        for odd in ["-1", "+1", "1.5", "1e3", " 1", "1 ", "ten", "0x10", "\u{661}", "1000000000000", "99999999999999999999"] {
            assert_eq!(read(odd).expect_err(odd).code, ErrorCode::InvalidRequest, "{odd}");
        }
    }

    /// What travels on in addresses and in the code has a length; the refusal says which one.
    #[test]
    fn lengths_are_bounded_and_up_to_them_all_is_well() {
        assert!(asked(&client(|_| {}), &[("nonce", &"x".repeat(MAX_NONCE))]).is_ok());
        let error = asked(&client(|_| {}), &[("nonce", &"x".repeat(MAX_NONCE + 1))]).unwrap_err();
        assert!(error.code == ErrorCode::InvalidRequest && error.description.contains("nonce"), "{}", error.description);
        // 12 KiB, spelled out: the address of the sign-in page must fit where addresses are read.
        let base = format!(
            "client_id=app&redirect_uri=https%3A%2F%2Fapp.test%2Fcb&response_type=code&scope=openid&code_challenge={CHALLENGE}&code_challenge_method=S256&ui_locales="
        );
        let with = |total: usize| asked(&client(|_| {}), &[("ui_locales", &"x".repeat(total - base.len()))]);
        assert!(with(12_288).is_ok());
        assert!(with(12_289).unwrap_err().description.contains("12 KiB"));
    }

    /// OIDC Core §3.1.2.1, RFC 6749 §3.3: what is not allowed is left out, and without anything allowed there is nothing to ask for.
    #[test]
    fn scope_is_narrowed_to_what_is_registered() {
        let scope = |text| asked(&client(|_| {}), &[("scope", text)]).map(|request| request.scope.to_string());
        assert_eq!(scope("openid email admin:all").unwrap(), "email openid");
        for nothing in ["admin:all", ""] {
            assert_eq!(scope(nothing).unwrap_err().code, ErrorCode::InvalidScope, "{nothing}");
        }
        assert_eq!(scope("openid \"").unwrap_err().code, ErrorCode::InvalidScope);
    }

    /// RFC 7636 §4.4.1, RFC 9700 §2.1.1; RFC 8707 §2.
    #[test]
    fn the_rules_of_the_other_parameters_hold() {
        assert_eq!(refused(&[("code_challenge", ""), ("code_challenge_method", "")]), ErrorCode::InvalidRequest);
        assert_eq!(refused(&[("code_challenge_method", "plain")]), ErrorCode::InvalidRequest);
        assert_eq!(refused(&[("prompt", "none login")]), ErrorCode::InvalidRequest);
        assert_eq!(refused(&[("resource", "https://api.test/")]), ErrorCode::InvalidTarget);
        let confidential = client(|metadata| metadata.require_pkce = false);
        assert_eq!(asked(&confidential, &[("code_challenge", ""), ("code_challenge_method", "")]).unwrap().code_challenge, None);
    }
}
