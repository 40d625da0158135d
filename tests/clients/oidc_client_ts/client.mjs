// Drives an application that uses oidc-client-ts. There is no browser here: storage is in memory, and where the library would
// open a window or an iframe, a navigator (its own seam, the second argument of UserManager) asks the harness to. The demo's
// tests in tests/browser run the same library in Chromium, windows and iframes included.
import { User, Version } from 'oidc-client-ts';

import { hear, open, refused, say, tokens } from '../../support/said.mjs';
import { manager, renew, signIn, silently } from './application.mjs';

const settings = JSON.parse(await hear());
const browser = {
  prepare: async () => ({ navigate: async ({ url }) => ({ url: await open(url) }), close() {} }),
  callback: async () => {},
};
const users = manager(settings, browser, browser, browser);
const metadata = await users.metadataService.getMetadata();
say({ step: 'discovery', library: 'oidc-client-ts', version: Version });

const user = await signIn(users);
const oldest = tokens('code_pkce', user);
say({ step: 'id_token_verified', sub: user.profile.sub });
say({ step: 'userinfo', sub: user.profile.sub, email: user.profile.email });

/** As if this application had only this refresh token: the one it stored. */
async function renewWith(refresh_token) {
  await users.storeUser(new User({ ...user, refresh_token }));
  return renew(users);
}

say({ lose: 'the next answer of the token endpoint' });
await hear();
await refused('answer_lost', renew(users));
const second = tokens('retried', await renew(users));
tokens('refresh_rotated', await renew(users));
const third = tokens('refresh_replayed', await renewWith(second));
await refused('old_refresh_refused', renewWith(oldest));
await refused('family_ended', renewWith(third));

const silent = await silently(users);
const token = tokens('silent', silent);
await users.revokeTokens();
say({ step: 'revoked' });
await refused('refresh_after_revocation', renewWith(token));
const answer = await fetch(metadata.userinfo_endpoint, { headers: { authorization: `Bearer ${silent.access_token}` } });
say({ step: 'userinfo_after_revocation', type: 'Response', status: answer.status });

await users.storeUser(silent);
await users.signoutPopup();
say({ step: 'logout', state_matches: (await users.getUser()) === null });
await refused('error', silently(users));
users.stopSilentRenew();
process.exit(0);
