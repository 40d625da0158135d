// Drives an application that uses openid-client. What is said and heard is told in tests/support/client_program.mjs.
import { createRequire } from 'node:module';

import * as oidc from 'openid-client';

import { hear, open, refused, say, tokens } from '../../support/said.mjs';
import { begin, discover, finish, refresh, signOut } from './application.mjs';

const settings = JSON.parse(await hear());
const config = await discover(settings);
const { version } = createRequire(import.meta.url)('openid-client/package.json');
say({ step: 'discovery', library: 'openid-client', version });

async function signIn(parameters) {
  const { url, expected } = await begin(config, settings.redirect_uri, parameters);
  return finish(config, await open(url), expected);
}

const first = await signIn();
const oldest = tokens('code_pkce', first);
const { sub } = first.claims();
say({ step: 'id_token_verified', sub });
const person = await oidc.fetchUserInfo(config, first.access_token, sub);
say({ step: 'userinfo', sub: person.sub, email: person.email });

say({ lose: 'the next answer of the token endpoint' });
await hear();
await refused('answer_lost', refresh(config, oldest));
const second = tokens('retried', await refresh(config, oldest));
tokens('refresh_rotated', await refresh(config, second));
const third = tokens('refresh_replayed', await refresh(config, second));
await refused('old_refresh_refused', refresh(config, oldest));
await refused('family_ended', refresh(config, third));

const silent = await signIn({ prompt: 'none' });
const token = tokens('silent', silent);
const { url, state } = await signOut(config, silent, settings.post_logout_redirect_uri);
say({ step: 'revoked' });
await refused('refresh_after_revocation', refresh(config, token));
await refused('userinfo_after_revocation', oidc.fetchUserInfo(config, silent.access_token, sub));
say({ step: 'logout', state_matches: new URL(await open(url)).searchParams.get('state') === state });
await refused('error', signIn({ prompt: 'none' }));
if (settings.client_secret) {
  const other = await discover({ ...settings, client_secret: `${settings.client_secret}x` });
  await refused('wrong_secret', refresh(other, token));
}
process.exit(0);
