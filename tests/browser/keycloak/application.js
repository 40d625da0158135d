// What an application does with keycloak-js: docs/clients.md shows parts of this file.
import Keycloak from './keycloak.js';

/** `provider` is the issuer's address or its metadata. */
async function start(provider, page) {
  const keycloak = new Keycloak({ oidcProvider: provider, clientId: 'app' });
  await keycloak.init({
    onLoad: 'check-sso', // Asks in a hidden frame who is signed in; nobody need be.
    redirectUri: page,
    silentCheckSsoRedirectUri: new URL('silent', page).href,
    checkLoginIframe: false, // It speaks to the frame in Keycloak's own way.
    scope: 'openid profile email',
  });
  return keycloak;
}

/** For an application on another origin: its own server passes the token endpoint on. */
async function passedOn(issuer, page) {
  const metadata = await (await fetch(new URL('.well-known/openid-configuration', issuer))).json();
  return { ...metadata, token_endpoint: new URL('oauth/token', page).href };
}

/** In the place of `updateToken`: another instance asks again in the frame. */
const renew = (provider, page) => start(provider, page);

Object.assign(window, { Keycloak, start, passedOn, renew });
