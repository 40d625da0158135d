// The page that asks for storage access, in a frame of an application: granted where it may be, one button where it may not, and what is renewed afterwards.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';
import { WebSocket } from 'ws';

import { complaints, signIn } from '../support/chromium.mjs';
import { Deployment, Profile } from '../support/deployment.mjs';
import { Firefox, signIn as signInByBidi } from '../support/firefox.mjs';
import { USER, databasesOf, until } from '../support/gatekey.mjs';

const PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,"><p>Application</p></html>';
const FILES = { '/': ['text/html; charset=utf-8', PAGE] };

/** Runs in the application: shows an address in a frame, and keeps what the issuer says. */
function show({ src, issuer, allow }) {
  window.heard = [];
  window.onmessage = ({ origin, data, source }) => {
    if (origin === new URL(issuer).origin && source === window.frame.contentWindow) heard.push(data);
  };
  document.querySelector('iframe')?.remove();
  window.frame = document.createElement('iframe');
  if (allow) frame.allow = allow;
  frame.width = 300;
  frame.height = 120;
  frame.src = src;
  window.loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
  document.body.append(frame);
}

const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

for (const kind of databasesOf(import.meta.url)) {
  for (const shape of ['same site', 'cross-site']) {
    describe(`${kind}, ${shape}`, () => {
      let deployment, profile, page;

      before(async () => {
        deployment = await Deployment.start(kind, { shape, files: FILES });
      });
      after(() => deployment?.remove());
      afterEach(() => profile?.close());

      const silent = (more) => `${new URLSearchParams({ client_id: 'app', response_type: 'code', response_mode: 'web_message', prompt: 'none', redirect_uri: `${deployment.application}/`, scope: 'openid', state: 's', nonce: 'n', code_challenge: CHALLENGE, code_challenge_method: 'S256', ...more })}`;
      const address = (more) => `${deployment.issuer}storage-access?${new URLSearchParams({ client_id: 'app', origin: deployment.application, ...more })}`;
      const framed = (src, allow) => page.evaluate(show, { src, issuer: deployment.issuer, allow });
      const heard = async (count = 1) => {
        await page.waitForFunction((count) => heard.length >= count, count);
        return page.evaluate(() => heard);
      };
      /** What a hidden frame hears: a code, or why there is none. */
      async function renewed(src = `${deployment.issuer}authorize?${silent()}`) {
        await framed(src);
        const { response } = (await heard()).find(({ type }) => type === 'authorization_response');
        return response.code ? 'code' : response.error;
      }
      const answered = () => deployment.front.answered.filter((one) => one.startsWith('GET /authorize'));
      const inFrame = () => page.frames().find((frame) => frame.url().startsWith(`${deployment.issuer}storage-access`));

      async function signedIn(thirdPartyCookies) {
        profile = await Profile.open(chromium, { thirdPartyCookies });
        page = await profile.context.newPage();
        await page.goto(`${deployment.issuer}login`);
        await signIn(page, USER);
        await page.waitForURL(deployment.issuer);
        await page.goto(`${deployment.application}/`);
      }

      async function permit() {
        const browser = await profile.context.newCDPSession(page);
        await browser.send('Browser.setPermission', { permission: { name: 'storage-access' }, setting: 'granted', origin: deployment.application, embeddedOrigin: deployment.issuer });
      }

      test('where cookies pass, it is granted at once', async () => {
        await signedIn(true);
        const complained = complaints(page);
        await framed(address());
        assert.deepEqual(await heard(), [{ type: 'storage_access', granted: true }]);
        assert.equal(await renewed(), 'code');
        assert.deepEqual(complained, []);
      });

      test('where they are kept back, the browser asks or refuses, and the frame says which', async () => {
        await signedIn(false);
        const complained = complaints(page);
        await framed(address());
        if (shape === 'same site') {
          assert.deepEqual(await heard(), [{ type: 'storage_access', granted: true }]);
          assert.equal(await renewed(), 'code');
          return;
        }
        assert.deepEqual(await heard(), [{ type: 'storage_access', granted: false, reason: 'click_needed' }]);
        // All of it is to be seen in 300 by 120.
        const button = inFrame().getByRole('button', { name: 'Stay signed in' });
        assert.ok(await button.isVisible());
        const { width, height } = await inFrame().evaluate(() => ({ width: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight }));
        assert.ok(width <= 300 && height <= 120, `${width} × ${height}`);
        // Nobody answers the question of a browser without a window: it refuses.
        await button.click();
        assert.deepEqual((await heard(2))[1], { type: 'storage_access', granted: false, reason: 'denied' });
        assert.match(await inFrame().locator('[data-state=refused]').innerText(), /did not allow it/);
        assert.equal(await renewed(), 'login_required');
        // The browser says itself that it refuses.
        assert.deepEqual(complained.filter((one) => !one.startsWith('requestStorageAccess: ')), []);

        // With the user's permission: at once, and then a frame that knows nothing of all this renews, by being asked twice.
        await permit();
        await framed(address());
        assert.deepEqual(await heard(), [{ type: 'storage_access', granted: true }]);
        assert.equal(await renewed(), 'code');
        assert.deepEqual(answered().slice(-2), ['GET /authorize 401', 'GET /authorize 200']);
      });

      test('it goes on to a request in the same frame', async () => {
        await signedIn(shape === 'same site');
        if (shape === 'cross-site') await permit();
        await framed(address({ request: silent() }));
        const [told, { response }] = await heard(2);
        assert.deepEqual(told, { type: 'storage_access', granted: true });
        assert.ok(response.code, JSON.stringify(response));
        // The cookies were there: nothing had to be asked twice.
        assert.deepEqual(answered().slice(-1), ['GET /authorize 200']);
        assert.notEqual(answered().at(-2), 'GET /authorize 401');
      });

      test('a browser that has no such thing', async () => {
        await signedIn(false);
        await profile.context.addInitScript(() => delete Document.prototype.requestStorageAccess);
        await page.reload();
        await framed(address());
        assert.deepEqual(await heard(), [{ type: 'storage_access', granted: false, reason: 'unsupported' }]);
        assert.match(await inFrame().locator('[data-state=unsupported]').innerText(), /can’t do this here/);
      });

      test('UI-01 a page of another origin neither shows it nor hears of it', async () => {
        await signedIn(true);
        await page.goto(deployment.application.replace(/\/\/[^:]+/, '//evil.other.test'));
        for (const origin of [deployment.application, new URL(page.url()).origin]) {
          const [answer] = await Promise.all([page.waitForResponse((one) => one.url().startsWith(`${deployment.issuer}storage-access`)), framed(address({ origin }))]);
          assert.equal(answer.status(), origin === deployment.application ? 200 : 400);
          await page.evaluate(() => loaded);
          await until('the frame stays empty', () => page.frames().at(-1).url() === 'chrome-error://chromewebdata/');
          assert.deepEqual(await page.evaluate(() => heard), []);
        }
        // The control.
        await page.goto(`${deployment.application}/`);
        await framed(address());
        assert.deepEqual(await heard(), [{ type: 'storage_access', granted: true }]);
      });

      test('in a window of its own it leads back', async () => {
        await signedIn(true);
        await page.goto(address());
        assert.match(await page.locator('main').innerText(), /Nothing to do here/);
        await page.getByRole('link', { name: 'Back to The application' }).click();
        await page.waitForURL(`${deployment.application}/`);
      });

      async function inFirefox(refuse) {
        profile = await Firefox.open(WebSocket, { thirdPartyCookies: false, refuse });
        page = await profile.newPage();
        await page.goto(`${deployment.issuer}login`);
        await signInByBidi(page, USER);
        await page.waitForURL(deployment.issuer);
        await page.goto(`${deployment.application}/`);
      }
      const said = async (count = 1) => {
        await until('what the frame says', async () => (await page.evaluate(() => window.heard.length)) >= count);
        return page.evaluate(() => window.heard);
      };
      const silently = async () => {
        await framed(`${deployment.issuer}authorize?${silent()}`);
        const [{ response }] = await said();
        return response.code ? 'code' : response.error;
      };
      const granted = { type: 'storage_access', granted: true };
      const needed = { type: 'storage_access', granted: false, reason: 'click_needed' };

      test('in Firefox a click gives it, and it lasts', async () => {
        await inFirefox(false);
        if (shape === 'same site') {
          await framed(address());
          assert.deepEqual(await said(), [granted]);
          assert.equal(await silently(), 'code');
          return;
        }
        assert.equal(await silently(), 'login_required');
        await framed(address());
        assert.deepEqual(await said(), [needed]);
        await (await page.frame(`${deployment.issuer}storage-access**`)).click('button');
        assert.deepEqual(await said(2), [needed, granted]);
        assert.equal(await silently(), 'code');
        assert.deepEqual(answered().slice(-2), ['GET /authorize 401', 'GET /authorize 200']);
        // Another load of the application's page: no click.
        await page.goto(`${deployment.application}/`);
        await framed(address());
        assert.deepEqual(await said(), [granted]);
      });

      if (shape === 'same site') return;

      test('in a Firefox that is set to keep no cookies of third parties, a click gives nothing', async () => {
        await inFirefox(true);
        await framed(address());
        assert.deepEqual(await said(), [needed]);
        await (await page.frame(`${deployment.issuer}storage-access**`)).click('button');
        assert.deepEqual(await said(2), [needed, { type: 'storage_access', granted: false, reason: 'denied' }]);
        assert.equal(await silently(), 'login_required');
      });
    });
  }
}
