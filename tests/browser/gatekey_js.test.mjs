// gatekey.js in Chromium over TLS, at an issuer of the same site and of another, with third-party cookies and without: which way it takes, and what it
// says when there is none.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { chromium } from 'playwright-core';

import { complaints, signIn } from '../support/chromium.mjs';
import { Deployment, Profile } from '../support/deployment.mjs';
import { USER, databasesOf, until } from '../support/gatekey.mjs';

const MODULE = readFileSync(join(import.meta.dirname, '../../src/http/gatekey_js/gatekey.js'));
const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,">
<button onclick="window.opened = client.signIn({ popup: true }).then(() => client.claims.sub, (error) => error.code)">Sign in in a window</button></html>`;
const FILES = { '/': ['text/html; charset=utf-8', PAGE], '/gatekey.js': ['text/javascript', MODULE] };

test('it is less than 4 KiB on the way', () => {
  const { length } = gzipSync(MODULE, { level: 9 });
  assert.ok(length < 4096, `${length} bytes`);
});

/** Runs in the page: makes the client, and takes the answer if the address has one. */
async function start({ from, ...options }) {
  const { createClient } = await import(from);
  window.changes = 0;
  window.client = createClient(options);
  client.addEventListener('change', () => changes++);
  const back = await client.handleRedirect();
  return back && { returnTo: back.returnTo, code: back.error?.code, reason: back.error?.reason };
}

/** Runs in the page: a token, and by which way; or why there is none. */
async function token(options) {
  try {
    return { token: await client.token(options), way: client.lastWay };
  } catch (error) {
    return { code: error.code, reason: error.reason, transient: error.transient };
  }
}

/** Runs in the page: so many seconds have passed. */
function pass(seconds) {
  const { now } = Date;
  Date.now = () => now() + seconds * 1000;
}

const FORCE = { force: true };

for (const kind of databasesOf(import.meta.url)) {
  for (const shape of ['same site', 'cross-site']) {
    describe(`${kind}, ${shape}`, () => {
      let deployment, profile, page, asked;

      before(async () => {
        deployment = await Deployment.start(kind, { shape, files: FILES, client: 'scope = "openid profile email offline_access"' });
      });
      after(() => deployment?.remove());
      afterEach(() => profile?.close());

      const options = (more) => ({ from: '/gatekey.js', issuer: deployment.issuer, clientId: 'app', scope: 'openid profile', ...more });

      async function open(thirdPartyCookies, more) {
        profile = await Profile.open(chromium, { thirdPartyCookies });
        asked = [];
        profile.context.on('request', (request) => {
          const { origin, pathname, searchParams } = new URL(request.url());
          if (!deployment.issuer.startsWith(origin)) return;
          const grant = pathname === '/oauth/token' ? new URLSearchParams(request.postData()).get('grant_type') : searchParams.get('response_mode');
          asked.push(`${pathname} ${grant ?? ''}`.trim());
        });
        page = await profile.context.newPage();
        await reopen(more);
      }
      async function reopen(more, at = '/') {
        await page.goto(`${deployment.application}${at}`);
        return begin(more);
      }
      const begin = (more, tab = page) => tab.evaluate(start, options(more));
      const renew = (more, tab = page) => tab.evaluate(token, more);
      const later = (seconds) => page.evaluate(pass, seconds);
      const times = (what) => asked.filter((one) => one === what).length;

      async function signedIn(thirdPartyCookies, more) {
        await open(thirdPartyCookies, more);
        await page.evaluate(() => void client.signIn({ returnTo: '/notes?of=today' }));
        await page.waitForURL(`${deployment.issuer}login**`);
        await signIn(page, USER);
        await page.waitForURL(`${deployment.application}/?**`);
        assert.deepEqual(await begin(more), { returnTo: '/notes?of=today', code: undefined, reason: undefined });
        assert.equal(page.url(), `${deployment.application}/`);
        assert.equal(await page.evaluate(() => client.lastWay), 'redirect');
      }

      async function permit() {
        const browser = await profile.context.newCDPSession(page);
        await browser.send('Browser.setPermission', { permission: { name: 'storage-access' }, setting: 'granted', origin: deployment.application, embeddedOrigin: deployment.issuer });
        return browser;
      }

      /** Ends the session at the issuer, in another tab. */
      async function signedOutElsewhere() {
        const other = await profile.context.newPage();
        await other.goto(`${deployment.issuer}oidc/logout`);
        await other.locator('button[name=decision][value=allow]').click();
        await other.waitForURL((url) => url.pathname === '/oidc/logout/confirm');
        await other.close();
      }

      test('a redirect there and back, and then the session check and the frame', async () => {
        await signedIn(true);
        const complained = complaints(page);
        const first = await renew();
        assert.equal(first.way, 'session');
        const second = await renew(FORCE);
        assert.equal(second.way, 'frame');
        assert.notEqual(second.token, first.token);
        assert.deepEqual(await renew(), { token: second.token, way: 'session' });
        assert.equal(times('/oauth/token refresh_token'), 0);
        // A page that was reloaded and had kept nothing.
        await reopen();
        assert.equal((await renew()).way, 'frame');
        assert.equal(await page.evaluate(() => client.claims.name), 'Alice Example');
        assert.deepEqual(complained, []);
        // Signed out elsewhere: the token in hand would last, the session check knows better.
        await renew();
        await signedOutElsewhere();
        await later(11);
        assert.deepEqual(await renew(), { code: 'login_required', reason: 'session_ended', transient: false });
        assert.equal(await page.evaluate(() => client.claims), undefined);
        assert.deepEqual(await renew(), { code: 'login_required', reason: 'signed_out', transient: false });
      });

      test('where third-party cookies are kept back', async () => {
        await signedIn(false);
        const silently = () => times('/authorize web_message');
        if (shape === 'same site') {
          assert.equal((await renew(FORCE)).way, 'frame');
          assert.equal(silently(), 1);
          return;
        }
        assert.equal((await renew(FORCE)).way, 'refresh');
        const before = silently();
        assert.ok(before > 0);
        // What is known of the browser is not tried again.
        assert.equal((await renew(FORCE)).way, 'refresh');
        assert.equal(silently(), before);
        // The user has allowed the cookies at this page.
        const browser = await permit();
        await reopen();
        assert.equal((await renew()).way, 'frame');
        await reopen({ ways: ['storage_access'] });
        assert.equal((await renew()).way, 'storage_access');
        await browser.send('Browser.resetPermissions');
        // A reload, with nothing kept: only the window itself is left. It is gone through once, and without a page of the issuer.
        await reopen();
        assert.deepEqual(await renew(), { code: 'login_required', reason: 'cookies_blocked', transient: false });
        await page.evaluate(() => void client.token({ redirect: true }));
        await page.waitForURL(`${deployment.application}/?code=**`);
        assert.deepEqual(await begin(), { returnTo: `${deployment.application}/`, code: undefined, reason: undefined });
        assert.equal(await page.evaluate(() => client.lastWay), 'redirect');
        assert.equal((await renew(FORCE)).way, 'refresh');
        // Nobody is signed in: there and back, and not again.
        await signedOutElsewhere();
        await reopen();
        await page.evaluate(() => void client.token({ redirect: true }));
        await page.waitForURL(`${deployment.application}/?error=**`);
        assert.deepEqual(await begin(), { returnTo: `${deployment.application}/`, code: 'login_required', reason: undefined });
        await reopen({}, '/?state=x');
        assert.equal((await renew({ redirect: true })).code, 'login_required');
        assert.equal(page.url(), `${deployment.application}/?state=x`);
      });

      test('a window, whichever cookies there are', async () => {
        await open(false);
        const button = page.getByRole('button');
        const window = async (act) => {
          const [opened] = await Promise.all([profile.context.waitForEvent('page'), button.click()]);
          await act(opened);
          return page.evaluate(() => window.opened);
        };
        assert.equal(await window((opened) => opened.close()), 'popup_closed');
        const sub = await window(async (opened) => {
          await opened.waitForURL(`${deployment.issuer}login**`);
          await signIn(opened, USER);
        });
        assert.equal(sub, await page.evaluate(() => client.claims.sub));
        assert.equal(await page.evaluate(() => client.lastWay), 'popup');
        // Signed in at the issuer already: it opens and closes by itself.
        assert.equal(await window(() => {}), sub);
        assert.equal((await renew(FORCE)).way, shape === 'same site' ? 'frame' : 'refresh');
        // A browser that opens none.
        assert.equal(await page.evaluate(() => ((window.open = () => null), client.signIn({ popup: true }).catch(({ code }) => code))), 'popup_blocked');
      });

      test('the deadlines are the issuer’s, by whichever clock', async () => {
        await signedIn(true);
        const [answer] = await Promise.all([page.waitForResponse(`${deployment.issuer}oauth/token`), renew({ force: true })]);
        const { expires_in, session_expires_at, session_idle_expires_at } = await answer.json();
        const near = (told, seconds) => assert.ok(told <= seconds * 1000 && told > (seconds - 5) * 1000, `${told} ${seconds}`);
        const told = await page.evaluate(() => client.deadlines);
        near(told.session, session_expires_at);
        near(told.idle, session_idle_expires_at);
        near(told.token, Date.now() / 1000 + expires_in);
        // This machine's clock is two hours fast: so are the deadlines, and what is left is the same.
        await later(7200);
        await renew(FORCE);
        const fast = await page.evaluate(() => client.deadlines);
        near(fast.session - 7_200_000, session_expires_at);
        near(fast.token - 7_200_000, Date.now() / 1000 + expires_in);
      });

      test('an answer that is lost is asked for again, and what may pass loses nothing', async () => {
        await signedIn(true);
        for (const [way, ways] of [['refresh', ['refresh']], ['frame', ['frame']]]) {
          await reopen({ ways, storage: 'local', scope: 'openid profile offline_access' }, '/');
          if (way === 'refresh') {
            await page.evaluate(() => void client.signIn());
            await page.waitForURL(`${deployment.application}/?code=**`);
            await begin({ ways, storage: 'local', scope: 'openid profile offline_access' });
          }
          for (let i = 0; i < 5; i++) {
            deployment.front.loseNextToken();
            const got = await renew(FORCE);
            assert.equal(got.way, way, JSON.stringify(got));
            assert.equal(deployment.front.lost.status, 200, 'it had been granted');
          }
        }
        await reopen({ ways: ['refresh'], storage: 'local', scope: 'openid profile offline_access' });
        const kept = () => page.evaluate(() => JSON.parse(Object.entries(localStorage).find(([name]) => name.startsWith('gatekey '))[1])?.refresh_token);
        const held = await kept();
        assert.ok(held);
        for (const [status, code] of [[503, 'temporarily_unavailable'], [429, 'temporarily_unavailable'], [0, 'network']]) {
          const sent = [];
          await page.route('**/oauth/token', (route) => {
            sent.push(new URLSearchParams(route.request().postData()).get('refresh_token'));
            return status ? route.fulfill({ status, contentType: 'text/plain', body: 'Later.', headers: { 'access-control-allow-origin': '*' } }) : route.abort();
          });
          const { code: said, transient } = await renew(FORCE);
          assert.deepEqual([said, transient, sent], [code, true, [held, held, held]]);
          await page.unroute('**/oauth/token');
          assert.equal(await kept(), held);
          // The token in hand goes on meanwhile.
          assert.equal((await renew()).way, 'session');
        }
        assert.equal((await renew(FORCE)).way, 'refresh');
        const reuse = ['event', 'list', '--json', '--kind', 'refresh.reuse_detected'];
        assert.equal(deployment.gatekey.run(reuse).trim(), '[]', 'no chain has ended');
      });
    });
  }
}
