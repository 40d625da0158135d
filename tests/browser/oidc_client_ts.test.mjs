// oidc-client-ts, as published, at an issuer of the same site and at one of another site, with third-party cookies and without.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';
import { WebSocket } from 'ws';

import { complaints, signIn } from '../support/chromium.mjs';
import { Deployment, Profile } from '../support/deployment.mjs';
import { Firefox, signIn as signInByBidi } from '../support/firefox.mjs';
import { DATABASES, USER } from '../support/gatekey.mjs';

const LIBRARY = readFileSync(join(import.meta.dirname, 'node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js'));
const HTML = 'text/html; charset=utf-8';
const HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,"><script src="/library.js"></script>';
const FILES = {
  '/': [HTML, HEAD],
  // Where the answer to a silent request comes back to, in the frame.
  '/silent': [HTML, `${HEAD}<script>new oidc.UserManager({ authority: location.origin, client_id: '-', redirect_uri: location.href }).signinSilentCallback()</script>`],
  '/library.js': ['text/javascript', LIBRARY],
};

/** Runs in the page: makes the manager, and takes the answer if the address has one. */
async function start(settings) {
  if (settings.dpop) settings.dpop.store = new oidc.IndexedDbDPoPStore();
  window.users = new oidc.UserManager(settings);
  window.signedOut = new Promise((resolve) => users.events.addUserSignedOut(resolve));
  const user = /[?&](code|error)=/.test(location.search) ? await users.signinRedirectCallback() : await users.getUser();
  return user && { sub: user.profile.sub, token: user.access_token };
}

/** Runs in the page: a token, or why there is none. */
async function token(how) {
  try {
    return { token: (await users.signinSilent(how)).access_token };
  } catch (error) {
    return { error: error.error ?? String(error) };
  }
}

for (const kind of DATABASES) {
  for (const shape of ['same site', 'cross-site']) {
    describe(`${kind}, ${shape}`, () => {
      let deployment, profile, page;

      before(async () => {
        deployment = await Deployment.start(kind, { shape, files: FILES });
      });
      after(() => deployment?.remove());
      afterEach(() => profile?.close());

      const settings = (more) => ({
        authority: deployment.issuer,
        client_id: 'app',
        redirect_uri: `${deployment.application}/`,
        silent_redirect_uri: `${deployment.application}/silent`,
        post_logout_redirect_uri: `${deployment.application}/signed-out`,
        scope: 'openid profile email',
        automaticSilentRenew: false,
        monitorSession: true,
        checkSessionIntervalInSeconds: 1,
        revokeTokenTypes: ['refresh_token'],
        ...more,
      });
      // It asks silently too, whenever it likes.
      const UNWATCHED = { monitorSession: false };
      const FRAME = { forceIframeAuth: true };

      async function signedIn(thirdPartyCookies, more) {
        profile = await Profile.open(chromium, { thirdPartyCookies });
        page = await profile.context.newPage();
        return signedInWith(signIn, more);
      }

      /** Signs in on `page`, by a redirect there and back. */
      async function signedInWith(type, more) {
        await page.goto(`${deployment.application}/`);
        assert.equal(await page.evaluate(start, settings(more)), null);
        await page.evaluate(() => void users.signinRedirect());
        await page.waitForURL(`${deployment.issuer}login**`);
        await type(page, USER);
        await page.waitForURL(`${deployment.application}/?**`);
        return page.evaluate(start, settings(more));
      }

      test('DPoP: tokens are bound to a key of the browser\'s, by frame and by refresh token', async () => {
        const bound = { dpop: { bind_authorization_code: true }, ...UNWATCHED };
        const tokens = [(await signedIn(true, bound)).token];
        for (const how of [undefined, undefined, FRAME, undefined]) {
          const renewed = await page.evaluate(token, how);
          assert.ok(renewed.token, JSON.stringify(renewed));
          tokens.push(renewed.token);
        }
        const keys = new Set(tokens.map((token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).cnf.jkt));
        assert.deepEqual([new Set(tokens).size, keys.size], [5, 1]);
        const userinfo = (url) => users.getUser().then(async (user) => {
          const ask = async (scheme, headers) => (await fetch(url, { headers: { authorization: `${scheme} ${user.access_token}`, ...headers } })).status;
          return [user.token_type, await ask('Bearer', {}), await ask('DPoP', {}), await ask('DPoP', { dpop: await users.dpopProof(url, user, 'GET') })];
        });
        assert.deepEqual(await page.evaluate(userinfo, `${deployment.issuer}userinfo`), ['DPoP', 401, 401, 200]);
        // What is refused is told as it is: no header makes the library take it for something else.
        await page.evaluate(() => users.revokeTokens(['refresh_token']));
        assert.ok((await page.evaluate(token)).token, 'by the frame');
      });

      test('by frame and by refresh token, and a sign-out elsewhere is noticed', async () => {
        const { token: first } = await signedIn(true);
        const complained = complaints(page);
        const asked = [];
        page.on('request', (request) => asked.push(`${new URL(request.url()).pathname} ${new URLSearchParams(request.postData() ?? '').get('grant_type') ?? ''}`.trim()));
        const tokens = new Set([first]);
        for (const how of [FRAME, undefined, FRAME, undefined]) tokens.add((await page.evaluate(token, how)).token);
        assert.equal(tokens.size, 5);
        assert.ok(!tokens.has(undefined));
        assert.equal(asked.filter((one) => one === '/silent').length, 2);
        assert.equal(asked.filter((one) => one === '/oauth/token refresh_token').length, 2);
        // Given back: the frame is the way that is left.
        await page.evaluate(() => users.revokeTokens());
        assert.ok((await page.evaluate(token)).token);
        assert.equal(asked.filter((one) => one === '/silent').length, 3);
        assert.deepEqual(complained, []);
        // Signed out at the issuer, in another window of the same browser.
        const other = await profile.context.newPage();
        await other.goto(`${deployment.issuer}oidc/logout`);
        await other.locator('button[name=decision][value=allow]').click();
        await page.evaluate(() => window.signedOut);
        assert.deepEqual(await page.evaluate(token, FRAME), { error: 'login_required' });
      });

      test('where third-party cookies are kept back', async () => {
        await signedIn(false, UNWATCHED);
        assert.ok((await page.evaluate(token)).token, 'by refresh token');
        if (shape === 'same site') {
          assert.ok((await page.evaluate(token, FRAME)).token);
          return;
        }
        assert.deepEqual(await page.evaluate(token, FRAME), { error: 'login_required' });
        const browser = await profile.context.newCDPSession(page);
        await browser.send('Browser.setPermission', { permission: { name: 'storage-access' }, setting: 'granted', origin: deployment.application, embeddedOrigin: deployment.issuer });
        assert.ok((await page.evaluate(token, FRAME)).token);
        assert.deepEqual(deployment.front.answered.filter((one) => one.startsWith('GET /authorize')).slice(-2), ['GET /authorize 401', 'GET /authorize 303']);
      });

      if (kind !== 'sqlite') return;

      for (const refuse of shape === 'cross-site' ? [false, true] : [false]) {
        test(`in Firefox ${refuse ? 'that takes no cookies of third parties' : 'as it ships'}`, async () => {
          profile = await Firefox.open(WebSocket, { thirdPartyCookies: false, refuse });
          page = await profile.newPage();
          assert.ok((await signedInWith(signInByBidi, UNWATCHED)).token);
          assert.ok((await page.evaluate(token)).token, 'by refresh token');
          // As it ships, it lets the frame of an issuer have its cookies where the user has signed in from.
          const { token: silent, error } = await page.evaluate(token, FRAME);
          if (refuse) assert.equal(error, 'login_required');
          else assert.ok(silent, error);
        });
      }
    });
  }
}
