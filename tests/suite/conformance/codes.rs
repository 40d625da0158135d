//! Modules about what comes again: codes and refresh tokens.

use chrono::TimeDelta;

use super::suite::{CALLBACK, CLIENT, SECOND_CLIENT, Suite, entropy, with};

pub async fn oidcc_codereuse(mut suite: Suite) {
    reuse(&mut suite, TimeDelta::zero()).await;
}

pub async fn oidcc_codereuse_30seconds(mut suite: Suite) {
    reuse(&mut suite, TimeDelta::seconds(30)).await;
}

async fn reuse(suite: &mut Suite, wait: TimeDelta) {
    let request = suite.request(CLIENT, "openid");
    let visit = suite.authorize(&request).await;
    let code = suite.code(&request, &visit);
    let tokens = suite.exchange(CLIENT, &request, &code).await;
    assert_eq!(suite.userinfo(&tokens.access_token).await.status.as_u16(), 200);
    suite.app.advance(wait);
    suite.invalid_grant(&suite.try_exchange(CLIENT, &code).await);
    // `EnsureHttpStatusCodeIs4xx`: the suite warns of an access token that still works.
    assert_eq!(suite.userinfo(&tokens.access_token).await.status.as_u16(), 401);
}

pub async fn oidcc_refresh_token(mut suite: Suite) {
    // `SetScopeInClientConfigurationToOpenIdOfflineAccessIfServerSupportsOfflineAccess`, `EnsureServerConfigurationSupportsRefreshToken`.
    let (scope, has) = ("openid offline_access", |list: &str, value: &str| suite.server[list].as_array().unwrap().iter().any(|one| one == value));
    assert!(has("scopes_supported", "offline_access") && has("grant_types_supported", "refresh_token"));
    let mut newest = Vec::new();
    for client in [CLIENT, SECOND_CLIENT] {
        // `AddPromptConsentToAuthorizationEndpointRequestIfScopeContainsOfflineAccess`.
        let request = with(suite.request(client, scope), "prompt", "consent");
        let visit = suite.authorize(&request).await;
        let code = suite.code(&request, &visit);
        let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
        let answer = suite.token_request(client, &fields).await;
        let first = suite.token_set(client, &request, &answer).await;
        let refresh_token = first.refresh_token.unwrap();
        // `EnsureRefreshTokenContainsAllowedCharactersOnly`, `EnsureMinimumRefreshTokenLength`, `EnsureMinimumRefreshTokenEntropy`.
        assert!(refresh_token.chars().all(|c| matches!(c, ' '..='~')) && refresh_token.len() * 8 >= 128 && entropy(&refresh_token) >= 96.0);
        suite.app.advance(TimeDelta::seconds(1));
        // `AddScopeToTokenEndpointRequest`, for the first client only.
        let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
        fields.extend((client.id == CLIENT.id).then_some(("scope", scope)));
        let answer = suite.token_request(client, &fields).await;
        // OIDC Core §12.2: no nonce after a refresh.
        let mut silent = request.clone();
        silent.remove("nonce");
        let second = suite.token_set(client, &silent, &answer).await;
        assert_ne!(first.access_token, second.access_token, "EnsureAccessTokenValuesAreDifferent");
        assert!(entropy(&second.access_token) >= 96.0, "EnsureMinimumAccessTokenEntropy");
        // `CompareIdTokenClaims`.
        for name in ["iss", "sub", "aud", "auth_time"] {
            assert_eq!(first.claims[name], second.claims[name], "{name}");
        }
        assert_ne!(first.claims["iat"], second.claims["iat"]);
        assert_eq!(first.claims.get("azp"), second.claims.get("azp"));
        assert_eq!(suite.userinfo(&second.access_token).await.status.as_u16(), 200);
        newest.push(second.refresh_token.unwrap());
    }
    // "Attempting to use refresh_token issued to client 2 with client 1".
    let stolen = [("grant_type", "refresh_token"), ("refresh_token", newest[1].as_str()), ("scope", scope)];
    suite.invalid_grant(&suite.token_request(CLIENT, &stolen).await);
    // The control: it is still good for the second one.
    assert_eq!(suite.token_request(SECOND_CLIENT, &stolen[..2]).await.status.as_u16(), 200);
}
