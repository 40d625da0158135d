// angular-auth-oidc-client, as published, in a small Angular application, at an issuer of the same site and at one of another site.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { buildSync } from 'esbuild';
import { chromium } from 'playwright-core';

import { complaints, signIn } from '../support/chromium.mjs';
import { Deployment, Profile } from '../support/deployment.mjs';
import { USER, databasesOf } from '../support/gatekey.mjs';

const { outputFiles } = buildSync({
  entryPoints: [join(import.meta.dirname, 'angular/application.ts')],
  bundle: true,
  format: 'esm',
  minify: true,
  write: false,
  tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
});
const HTML = 'text/html; charset=utf-8';
const HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,">';
const FILES = {
  '/': [HTML, `${HEAD}<base href="/"><app-root></app-root><script type="module" src="/application.js"></script>`],
  '/application.js': ['text/javascript', outputFiles[0].contents],
  // Where the answer to a silent request comes back to, in the frame.
  '/silent': [HTML, `${HEAD}<script>parent.dispatchEvent(new CustomEvent('oidc-silent-renew-message', { detail: location }))</script>`],
};

/** Runs in the page: what the first value of an observable of the library is, or its error. */
const first = ([name, ...rest]) =>
  new Promise((resolve) => {
    window.oidc[name](...rest).subscribe({ next: (value) => resolve(value), error: (error) => resolve({ failed: String(error) }) });
  });

for (const kind of databasesOf(import.meta.url)) {
  for (const shape of kind === 'sqlite' ? ['same site', 'cross-site'] : ['cross-site']) {
    describe(`${kind}, ${shape}`, () => {
      let deployment, profile, page, asked;

      before(async () => {
        deployment = await Deployment.start(kind, { shape, files: FILES });
      });
      after(() => deployment?.remove());
      afterEach(() => profile?.close());

      const call = (...what) => page.evaluate(first, what);
      const ready = () => page.waitForFunction(() => window.login);
      const refreshed = () => asked.filter((one) => one === '/oauth/token refresh_token').length;
      const framed = () => asked.filter((one) => one === '/silent').length;

      /** Signs in on that page by a redirect there and back. */
      async function signedIn(path, thirdPartyCookies) {
        profile = await Profile.open(chromium, { thirdPartyCookies });
        await profile.context.addInitScript((issuer) => void (window.issuer = issuer), deployment.issuer);
        page = await profile.context.newPage();
        asked = [];
        page.on('request', (request) => asked.push(`${new URL(request.url()).pathname} ${new URLSearchParams(request.postData() ?? '').get('grant_type') ?? ''}`.trim()));
        await page.goto(`${deployment.application}${path}`);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.waitForURL(`${deployment.issuer}login**`);
        await signIn(page, USER);
        await page.waitForURL(`${deployment.application}${path}**`);
        await page.getByText('Alice Example').waitFor();
        await ready();
        assert.equal(await page.evaluate(() => window.login.isAuthenticated), true);
        assert.equal((await call('getUserData')).email, 'alice@example.test');
      }

      test('by frame; a sign-out elsewhere is noticed', async () => {
        await signedIn('/', true);
        const complained = complaints(page);
        const tokens = new Set([await call('getAccessToken')]);
        for (let i = 0; i < 2; i++) tokens.add((await call('forceRefreshSession')).accessToken);
        assert.equal(tokens.size, 3);
        assert.equal(framed(), 2);
        assert.equal(refreshed(), 0);
        assert.deepEqual(complained, []);
        // Signed out at the issuer, in another window of the same browser: the library asks once, when the page loads.
        const other = await profile.context.newPage();
        await other.goto(`${deployment.issuer}oidc/logout`);
        await other.locator('button[name=decision][value=allow]').click();
        await other.getByRole('heading').waitFor();
        await page.reload();
        await ready();
        await page.evaluate(() => new Promise((resolve) => window.oidc.checkSessionChanged$.subscribe((changed) => changed && resolve())));
        const { isAuthenticated, errorMessage } = await call('forceRefreshSession');
        assert.deepEqual({ isAuthenticated, errorMessage }, { isAuthenticated: false, errorMessage: 'login_required' });
      });

      test('by refresh token, with third-party cookies kept back; revoked, signed out', async () => {
        await signedIn('/refresh', false);
        const tokens = new Set([await call('getRefreshToken')]);
        for (let i = 1; i <= 2; i++) {
          const { isAuthenticated } = await call('forceRefreshSession');
          assert.equal(isAuthenticated, true);
          assert.equal(refreshed(), i);
          tokens.add(await call('getRefreshToken'));
        }
        assert.equal(tokens.size, 3, 'each answer brings the next one');
        assert.equal(framed(), 0);
        // A reload: it is remembered.
        await page.reload();
        await page.getByText('Alice Example').waitFor();
        await ready();
        const access = await call('getAccessToken');
        assert.equal((await page.evaluate(async ([url, token]) => (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status, [`${deployment.issuer}userinfo`, access])), 200);
        await page.getByRole('button', { name: 'Sign out' }).click();
        await page.waitForURL(`${deployment.application}/signed-out`);
        assert.equal(asked.filter((one) => one === '/oauth/revoke').length, 2);
        // Nothing is left: neither tokens nor the session.
        await page.goto(`${deployment.application}/refresh`);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.waitForURL(`${deployment.issuer}login**`);
      });
    });
  }
}
