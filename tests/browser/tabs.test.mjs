// Several tabs of one application renew at once with one refresh token, and answers get lost: nobody is signed out.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { signIn } from '../support/chromium.mjs';
import { Deployment, Profile } from '../support/deployment.mjs';
import { DATABASES, USER } from '../support/gatekey.mjs';

const TABS = 4;
const ROUNDS = 15;
const LOST = 100;

const library = (path) => readFileSync(join(import.meta.dirname, 'node_modules', path));
const page = (script) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,"><script src="/${script}"></script>`;
const FILES = {
  '/': ['text/html; charset=utf-8', page('auth0.js')],
  '/oidc': ['text/html; charset=utf-8', page('oidc.js')],
  '/gatekey': ['text/html; charset=utf-8', page('none.js')],
  '/auth0.js': ['text/javascript', library('@auth0/auth0-spa-js/dist/auth0-spa-js.production.js')],
  '/oidc.js': ['text/javascript', library('oidc-client-ts/dist/browser/oidc-client-ts.min.js')],
  '/gatekey.js': ['text/javascript', readFileSync(join(import.meta.dirname, '../../src/http/gatekey_js/gatekey.js'))],
  '/none.js': ['text/javascript', ''],
};

/** What each library does in a page: `start` takes the answer to a sign-in if the address has one, `renew` gives a token or an error. */
const LIBRARIES = {
  'auth0-spa-js': {
    path: '/',
    async start({ issuer, redirect_uri }) {
      const client = new auth0.Auth0Client({ domain: issuer.slice(0, -1), clientId: 'app', useRefreshTokens: true, cacheLocation: 'localstorage', authorizationParams: { redirect_uri } });
      window.signIn = () => client.loginWithRedirect();
      window.renew = () => client.getTokenSilently({ cacheMode: 'off' });
      if (/[?&]code=/.test(location.search)) await client.handleRedirectCallback();
    },
  },
  'oidc-client-ts': {
    path: '/oidc',
    async start({ issuer, redirect_uri }) {
      const userStore = new oidc.WebStorageStateStore({ store: localStorage });
      const users = new oidc.UserManager({ authority: issuer, client_id: 'app', redirect_uri, scope: 'openid offline_access', userStore, automaticSilentRenew: false });
      window.signIn = () => users.signinRedirect();
      window.renew = async () => (await users.signinSilent()).access_token;
      if (/[?&]code=/.test(location.search)) await users.signinRedirectCallback();
    },
  },
  'gatekey.js': {
    path: '/gatekey',
    // One tab renews, and those that had asked meanwhile take its token.
    shares: true,
    async start({ issuer, redirect_uri }) {
      const { createClient } = await import('/gatekey.js');
      const client = createClient({ issuer, clientId: 'app', redirectUri: redirect_uri, scope: 'openid offline_access' });
      window.signIn = () => client.signIn();
      window.renew = () => client.token({ force: true });
      await client.handleRedirect();
      window.way = () => client.lastWay;
    },
  },
  // The same without a word between the tabs: each has the refresh token of the same chain, and renews for itself. Two of them: of more, one can
  // be late by two renewals on a busy machine, which no server can tell from a thief. That is what locks are for.
  'gatekey.js, deaf': {
    path: '/gatekey',
    count: 2,
    async start({ issuer, redirect_uri }) {
      window.BroadcastChannel = class {
        postMessage() {}
      };
      Object.defineProperty(navigator, 'locks', { value: { request: (name, work) => work() } });
      const { createClient } = await import('/gatekey.js');
      const client = createClient({ issuer, clientId: 'app', redirectUri: redirect_uri, scope: 'openid offline_access', storage: 'local', ways: ['refresh'] });
      window.signIn = () => client.signIn();
      window.renew = () => client.token({ force: true });
      await client.handleRedirect();
    },
  },
};

/** Runs in the page: renews at this moment, or at once; the token, or the error. */
async function renewal(moment) {
  if (moment) await new Promise((resolve) => setTimeout(resolve, moment - Date.now()));
  try {
    return { token: await window.renew() };
  } catch (error) {
    return { error: String(error) };
  }
}

for (const kind of DATABASES) {
  for (const processes of [1, 2]) {
    describe(`${kind}, ${processes === 1 ? 'one process' : 'two processes'}`, () => {
      let deployment, profile;

      before(async () => {
        deployment = await Deployment.start(kind, { shape: 'cross-site', files: FILES, client: 'id_token_signed_response_alg = "RS256"', processes });
        profile = await Profile.open(chromium, { thirdPartyCookies: false });
      });
      after(async () => {
        await profile?.close();
        await deployment?.remove();
      });

      for (const [name, { path, start, shares, count = TABS }] of Object.entries(LIBRARIES)) {
        const address = () => `${deployment.application}${path}`;

        async function tab() {
          const opened = await profile.context.newPage();
          await opened.goto(address());
          await opened.evaluate(start, { issuer: deployment.issuer, redirect_uri: address() });
          return opened;
        }

        test(`${name}: every tab at once, and lost answers`, async () => {
          await profile.context.clearCookies();
          const first = await tab();
          await first.evaluate(() => void window.signIn());
          await first.waitForURL(`${deployment.issuer}login**`);
          await signIn(first, USER);
          await first.waitForURL(`${address()}?**`);
          await first.evaluate(start, { issuer: deployment.issuer, redirect_uri: address() });
          const tabs = [first];
          while (tabs.length < count) tabs.push(await tab());
          const tokens = new Set();
          for (let round = 0; round < ROUNDS; round++) {
            const moment = Date.now() + 200;
            for (const { token, error } of await Promise.all(tabs.map((one) => one.evaluate(renewal, moment)))) {
              assert.equal(error, undefined, `round ${round}`);
              tokens.add(token);
            }
          }
          assert.ok(shares ? tokens.size >= ROUNDS && tokens.size <= count * ROUNDS : tokens.size === count * ROUNDS, `${tokens.size}`);
          // The server renews, and the answer does not come. auth0-spa-js asks again by itself; with oidc-client-ts it is the application that does.
          let asked = 0;
          for (let i = 0; i < LOST; i++) {
            deployment.front.loseNextToken();
            for (;;) {
              asked++;
              const { error } = await first.evaluate(renewal);
              if (!error) break;
              assert.match(error, /Failed to fetch/);
              assert.ok(name === 'oidc-client-ts' && asked <= 2 * (i + 1), error);
            }
            assert.equal(deployment.front.lost.status, 200, 'it had been granted');
          }
          assert.ok((await tabs[count - 1].evaluate(renewal)).token);
          const reuse = ['event', 'list', '--json', '--kind', 'refresh.reuse_detected'];
          assert.equal(deployment.gatekey.run(reuse).trim(), '[]', 'no chain has ended');
        });
      }
    });
  }
}
