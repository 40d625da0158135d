import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jwt.JWT;
import com.nimbusds.oauth2.sdk.AuthorizationCodeGrant;
import com.nimbusds.oauth2.sdk.AuthorizationGrant;
import com.nimbusds.oauth2.sdk.ErrorObject;
import com.nimbusds.oauth2.sdk.RefreshTokenGrant;
import com.nimbusds.oauth2.sdk.ResponseType;
import com.nimbusds.oauth2.sdk.Scope;
import com.nimbusds.oauth2.sdk.TokenRequest;
import com.nimbusds.oauth2.sdk.TokenResponse;
import com.nimbusds.oauth2.sdk.TokenRevocationRequest;
import com.nimbusds.oauth2.sdk.auth.ClientSecretBasic;
import com.nimbusds.oauth2.sdk.auth.Secret;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.oauth2.sdk.id.State;
import com.nimbusds.oauth2.sdk.pkce.CodeChallengeMethod;
import com.nimbusds.oauth2.sdk.pkce.CodeVerifier;
import com.nimbusds.oauth2.sdk.token.AccessToken;
import com.nimbusds.oauth2.sdk.token.RefreshToken;
import com.nimbusds.openid.connect.sdk.AuthenticationRequest;
import com.nimbusds.openid.connect.sdk.AuthenticationResponse;
import com.nimbusds.openid.connect.sdk.AuthenticationResponseParser;
import com.nimbusds.openid.connect.sdk.LogoutRequest;
import com.nimbusds.openid.connect.sdk.Nonce;
import com.nimbusds.openid.connect.sdk.OIDCTokenResponse;
import com.nimbusds.openid.connect.sdk.OIDCTokenResponseParser;
import com.nimbusds.openid.connect.sdk.Prompt;
import com.nimbusds.openid.connect.sdk.UserInfoRequest;
import com.nimbusds.openid.connect.sdk.UserInfoResponse;
import com.nimbusds.openid.connect.sdk.claims.IDTokenClaimsSet;
import com.nimbusds.openid.connect.sdk.claims.UserInfo;
import com.nimbusds.openid.connect.sdk.op.OIDCProviderMetadata;
import com.nimbusds.openid.connect.sdk.token.OIDCTokens;
import com.nimbusds.openid.connect.sdk.validators.IDTokenValidator;
import java.net.URI;

/** What an application does with the Nimbus SDK: docs/clients.md shows parts of this file. */
final class Application {
    /** What the issuer answered instead of what was asked for. */
    static final class Refused extends Exception {
        final ErrorObject error;

        Refused(ErrorObject error) {
            super(error.toString());
            this.error = error;
        }
    }

    /** What must be remembered while the user is at the issuer. */
    record Pending(State state, Nonce nonce, CodeVerifier verifier) {}

    private final OIDCProviderMetadata metadata;
    private final ClientID id;
    private final ClientSecretBasic authentication;
    private final URI redirectUri;
    private final IDTokenValidator validator;

    Application(String issuer, String clientId, String secret, URI redirectUri) throws Exception {
        metadata = OIDCProviderMetadata.resolve(new Issuer(issuer));
        id = new ClientID(clientId);
        authentication = secret == null ? null : new ClientSecretBasic(id, new Secret(secret));
        this.redirectUri = redirectUri;
        validator = new IDTokenValidator(metadata.getIssuer(), id, JWSAlgorithm.ES256, metadata.getJWKSetURI().toURL());
    }

    Pending pending() {
        return new Pending(new State(), new Nonce(), new CodeVerifier());
    }

    /** Where to send the browser to; a prompt may be null. */
    URI authorizationUrl(Pending asked, Prompt prompt) {
        return new AuthenticationRequest.Builder(ResponseType.CODE, new Scope("openid", "profile", "email", "offline_access"), id, redirectUri)
                .endpointURI(metadata.getAuthorizationEndpointURI())
                .state(asked.state())
                .nonce(asked.nonce())
                .codeChallenge(asked.verifier(), CodeChallengeMethod.S256)
                .prompt(prompt)
                .build()
                .toURI();
    }

    /** The browser has come back. */
    OIDCTokens finish(URI callback, Pending asked) throws Exception {
        AuthenticationResponse answer = AuthenticationResponseParser.parse(callback);
        if (!asked.state().equals(answer.getState()) || !metadata.getIssuer().equals(answer.getIssuer())) {
            throw new IllegalStateException("the answer is not to what was asked");
        }
        if (!answer.indicatesSuccess()) {
            throw new Refused(answer.toErrorResponse().getErrorObject());
        }
        var code = answer.toSuccessResponse().getAuthorizationCode();
        return tokens(new AuthorizationCodeGrant(code, redirectUri, asked.verifier()));
    }

    IDTokenClaimsSet verified(JWT idToken, Nonce nonce) throws Exception {
        return validator.validate(idToken, nonce);
    }

    /** Keep the refresh token of the answer in the place of the one sent. After a lost answer send the same one again. */
    OIDCTokens refresh(RefreshToken token) throws Exception {
        return tokens(new RefreshTokenGrant(token));
    }

    private OIDCTokens tokens(AuthorizationGrant grant) throws Exception {
        URI endpoint = metadata.getTokenEndpointURI();
        var request = authentication == null ? new TokenRequest.Builder(endpoint, id, grant) : new TokenRequest.Builder(endpoint, authentication, grant);
        TokenResponse answer = OIDCTokenResponseParser.parse(request.build().toHTTPRequest().send());
        if (!answer.indicatesSuccess()) {
            throw new Refused(answer.toErrorResponse().getErrorObject());
        }
        return ((OIDCTokenResponse) answer.toSuccessResponse()).getOIDCTokens();
    }

    UserInfo userInfo(AccessToken token) throws Exception {
        var answer = UserInfoResponse.parse(new UserInfoRequest(metadata.getUserInfoEndpointURI(), token).toHTTPRequest().send());
        if (!answer.indicatesSuccess()) {
            throw new Refused(answer.toErrorResponse().getErrorObject());
        }
        return answer.toSuccessResponse().getUserInfo();
    }

    void revoke(RefreshToken token) throws Exception {
        URI endpoint = metadata.getRevocationEndpointURI();
        var request = authentication == null ? new TokenRevocationRequest(endpoint, id, token) : new TokenRevocationRequest(endpoint, authentication, token);
        request.toHTTPRequest().send().ensureStatusCode(200);
    }

    /** Where to send the browser to, so that the session at the issuer ends too. */
    URI logoutUrl(JWT idToken, URI backTo, State state) {
        return new LogoutRequest(metadata.getEndSessionEndpointURI(), idToken, backTo, state).toURI();
    }
}
