// What an application does with openid-client: docs/clients.md shows parts of this file.
import * as oidc from 'openid-client';

/** A client without a secret proves itself by PKCE alone. */
export function discover({ issuer, client_id, client_secret }) {
  const authentication = client_secret ? oidc.ClientSecretBasic(client_secret) : oidc.None();
  return oidc.discovery(new URL(issuer), client_id, undefined, authentication);
}

/** The address to send the browser to, and what must be remembered meanwhile. */
export async function begin(config, redirect_uri, parameters = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const expected = { pkceCodeVerifier: verifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce(), idTokenExpected: true };
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri,
    scope: 'openid profile email offline_access',
    state: expected.expectedState,
    nonce: expected.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...parameters,
  });
  return { url, expected };
}

/** The browser has come back with `callback`: state, issuer, code, ID token and nonce are checked. */
export const finish = (config, callback, expected) => oidc.authorizationCodeGrant(config, new URL(callback), expected);

/** Keep the refresh token of the answer in the place of the one sent. After a lost answer send the same one again. */
export const refresh = (config, token) => oidc.refreshTokenGrant(config, token);

/** Gives the refresh token back; the address to send the browser to ends the session at the issuer too. */
export async function signOut(config, { refresh_token, id_token }, post_logout_redirect_uri) {
  await oidc.tokenRevocation(config, refresh_token);
  const state = oidc.randomState();
  return { state, url: oidc.buildEndSessionUrl(config, { id_token_hint: id_token, post_logout_redirect_uri, state }) };
}
