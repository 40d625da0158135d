// What an application does with oidc-client-ts: docs/clients.md shows parts of this file.
import { UserManager } from 'oidc-client-ts';

export function manager({ issuer, client_id, redirect_uri, post_logout_redirect_uri }, ...navigators) {
  const settings = {
    authority: issuer,
    client_id,
    redirect_uri,
    popup_redirect_uri: redirect_uri,
    silent_redirect_uri: redirect_uri,
    post_logout_redirect_uri,
    popup_post_logout_redirect_uri: post_logout_redirect_uri,
    scope: 'openid profile email offline_access',
    loadUserInfo: true,
    automaticSilentRenew: true, // By refresh token while there is one, else by prompt=none in an iframe.
    revokeTokenTypes: ['refresh_token'], // The access tokens that came from it end with it.
  };
  return new UserManager(settings, ...navigators);
}

/** The library sends no nonce of its own accord. */
export const signIn = (users) => users.signinPopup({ nonce: crypto.randomUUID() });

/** Renews without a page. After a lost answer call it again: the same refresh token is sent. */
export const renew = (users) => users.signinSilent();

/** On the session at the issuer, without the refresh token. */
export const silently = (users) => users.signinSilent({ forceIframeAuth: true, nonce: crypto.randomUUID() });

export async function signOut(users) {
  await users.revokeTokens();
  await users.signoutPopup(); // With id_token_hint, so that nobody is asked.
}
