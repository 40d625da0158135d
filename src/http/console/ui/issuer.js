// The issuer and this page's part in it: who is signed in, and the token for the admin API.
import { createClient } from '../../../../gatekey.js';

export const { issuer, client: clientId, scope, service, logo } = document.documentElement.dataset;

/** The address of a path below the issuer, which may be nested below any path of its host. */
export const at = (path) => issuer.replace(/\/?$/, `/${path}`);

/** A page of another origin has none of the issuer's cookies and no registered address: it can only send people to the right one. */
export const inPlace = location.origin === new URL(issuer).origin;

const page = at('admin');
const SIGNED_OUT = 'gatekey-console signed out';

/** Tokens stay in memory: a page that is loaded anew asks the issuer in a hidden frame. */
export const gatekey = inPlace && isSecureContext ? createClient({ issuer, clientId, redirectUri: page, scope, resource: 'urn:gatekey:admin', ways: ['session', 'refresh', 'frame'] }) : null;

/** Leads to the sign-in page and then back to this place. `max_age`: how old a sign-in may be, in seconds. */
export function signIn(more = {}) {
  sessionStorage.removeItem(SIGNED_OUT);
  return gatekey.signIn({ returnTo: location.href, ...more });
}

export function signOut() {
  sessionStorage.setItem(SIGNED_OUT, '1');
  return gatekey.signOut({ returnTo: page });
}

/**
 * Takes what the sign-in page answered, or asks whether somebody is signed in. `in`, `leaving` (to the sign-in page), `out` (somebody signed
 * out here on purpose), or an error.
 */
export async function begin() {
  const back = await gatekey.handleRedirect();
  if (back) {
    const there = URL.canParse(back.returnTo) ? new URL(back.returnTo) : null;
    if (there?.origin === location.origin && there.pathname === location.pathname) history.replaceState(null, '', there.href);
    if (back.error) throw back.error;
    return 'in';
  }
  if (sessionStorage.getItem(SIGNED_OUT)) return 'out';
  try {
    await gatekey.token();
    return 'in';
  } catch (error) {
    if (!/^(login|consent|interaction|account_selection)_required$/.test(error.code)) throw error;
    await signIn();
    return 'leaving';
  }
}
