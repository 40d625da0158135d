// The page /diagnose in a browser: opened from the application by a link, and held by it in a frame; with what only a browser can show to be wrong.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, afterEach, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { complaints, signIn } from '../support/chromium.mjs';
import { Deployment, Profile } from '../support/deployment.mjs';
import { Front } from '../support/front.mjs';
import { Gatekey, USER, databasesOf, freePort, until } from '../support/gatekey.mjs';

const PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,"><a href="">Diagnosis</a></html>';
const FILES = { '/': ['text/html; charset=utf-8', PAGE] };

for (const kind of databasesOf(import.meta.url)) {
  test(`${kind}: gatekey doctor finds nothing wrong with a proxy that rewrites the host`, async () => {
    const gatekey = await Gatekey.install(kind);
    const replica = await gatekey.replica();
    const heard = [];
    const proxy = http.createServer((request, answer) => {
      const headers = { ...request.headers, host: 'machine.internal:8080', 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'https' };
      heard.push(request.url);
      request.pipe(http.request(new URL(request.url, replica.url), { method: request.method, headers }, (answered) => answered.pipe(answer.writeHead(answered.statusCode, answered.headers))));
    });
    try {
      await new Promise((resolve) => proxy.listen(gatekey.port, '127.0.0.1', resolve));
      // It runs beside the proxy, so the proxy must go on answering.
      const { findings, problems } = JSON.parse(await gatekey.runBeside(['doctor', '--json']));
      assert.equal(problems, 0);
      assert.deepEqual(findings.map(({ code }) => code).slice(-3), ['issuer-local', 'discovery-answers', 'clock-agrees']);
      assert.deepEqual(heard, ['/.well-known/openid-configuration']);
    } finally {
      proxy.closeAllConnections();
      proxy.close();
      await replica.stop();
      await gatekey.remove();
    }
  });

  for (const shape of ['same site', 'cross-site']) {
    describe(`${kind}, ${shape}`, () => {
      let deployment, profile, page;

      before(async () => {
        deployment = await Deployment.start(kind, { shape, files: FILES, client: 'fedcm = true' });
      });
      after(() => deployment?.remove());
      afterEach(() => profile?.close());

      const address = (issuer = deployment.issuer) => `${issuer}diagnose?client_id=app`;

      async function open({ thirdPartyCookies = true, signedIn = true } = {}) {
        profile = await Profile.open(chromium, { thirdPartyCookies });
        page = await profile.context.newPage();
        if (signedIn) {
          await page.goto(`${deployment.issuer}login`);
          await signIn(page, USER);
          await page.waitForURL(deployment.issuer);
        }
        await page.goto(`${deployment.application}/`);
      }

      /** What stands in the page, once the browser has been looked at: its codes, by heading. */
      async function told(where) {
        await where.locator('#waiting').waitFor({ state: 'detached' });
        return where.evaluate(() => [...document.querySelectorAll('ul.findings')].map((list) => [...list.querySelectorAll('code')].map((code) => code.textContent)));
      }

      async function byLink(url = address()) {
        await page.evaluate((url) => (document.querySelector('a').href = url), url);
        await page.getByRole('link').click();
        await page.waitForURL('**/diagnose?**');
        return told(page);
      }

      async function inFrame(src = address(), allow = '') {
        await page.evaluate(async ({ src, allow }) => {
          document.querySelector('iframe')?.remove();
          const frame = document.createElement('iframe');
          frame.src = src;
          frame.allow = allow;
          await new Promise((resolve) => ((frame.onload = resolve), document.body.append(frame)));
        }, { src, allow });
        return page.frames().at(-1);
      }

      const near = shape === 'same site' ? ['same-site', 'frame-works'] : ['cross-site', 'frame-limited'];

      test('opened by a link', async () => {
        await open();
        const complained = complaints(page);
        const [application, way, browser] = await byLink();
        assert.deepEqual(application, ['client-enabled', 'origin-registered', ...near]);
        // The tests' proxy is named nowhere.
        assert.deepEqual(way, ['proxy-not-trusted']);
        assert.deepEqual(browser, ['address-agrees', 'clock-agrees', 'framing-headers-agree', 'cookie-arrives', 'frame-not-tried', 'fedcm-available']);
        // In German, and after a reload, which tells the server no origin but that of the page itself.
        await page.goto(`${address()}&ui_locales=de&origin=${deployment.application}`);
        assert.deepEqual((await told(page))[2], browser);
        assert.match(await page.locator('main').innerText(), /Stille Erneuerung/);
        assert.deepEqual(complained, []);
      });

      test('nobody is signed in', async () => {
        await open({ signedIn: false });
        assert.equal((await byLink())[2][3], 'cookie-absent');
      });

      test('in a frame, with third-party cookies and without', async () => {
        await open();
        assert.deepEqual((await told(await inFrame()))[2], ['address-agrees', 'clock-agrees', 'framing-headers-agree', 'cookie-arrives', 'fedcm-not-allowed']);
        assert.equal((await told(await inFrame(address(), 'identity-credentials-get')))[2][4], 'fedcm-available');
        await profile.close();
        await open({ thirdPartyCookies: false });
        const withheld = (await told(await inFrame()))[2][3];
        assert.equal(withheld, shape === 'same site' ? 'cookie-arrives' : 'cookies-blocked');
        if (shape === 'same site') return;
        const browser = await profile.context.newCDPSession(page);
        await browser.send('Browser.setPermission', { permission: { name: 'storage-access' }, setting: 'granted', origin: deployment.application, embeddedOrigin: deployment.issuer });
        assert.equal((await told(await inFrame()))[2][3], 'storage-access-given');
      });

      test('an origin that is not registered', async () => {
        await open();
        await page.goto(deployment.application.replace(/\/\/[^:]+/, '//evil.other.test'));
        await inFrame();
        await until('the frame stays empty', () => page.frames().at(-1).url() === 'chrome-error://chromewebdata/');
        const [application, , browser] = await byLink();
        assert.deepEqual(application, ['client-enabled', 'web-origin-missing', 'cross-site']);
        assert.ok(browser.includes('framing-headers-agree'));
        assert.ok(!(await page.content()).includes(deployment.application), 'the registered one is not told');
      });

      test('a clock that is wrong', async () => {
        await open();
        for (const [seconds, code, words] of [[-3600, 'clock-wrong', /3\d{3} s behind/], [30, 'clock-skew', /(29|30) s ahead of/]]) {
          const tab = await profile.context.newPage();
          await tab.addInitScript((by) => {
            const now = Date.now;
            Date.now = () => now() + by * 1000;
          }, seconds);
          await tab.goto(address());
          assert.equal((await told(tab))[2][1], code);
          assert.match(await tab.locator('#browser').innerText(), words);
          await tab.close();
        }
      });

      test('a proxy at another address, that rewrites the host and adds headers', async () => {
        await open();
        const port = await freePort();
        const other = `https://wrong.example.test:${port}/`;
        const front = await Front.listen(port, deployment.certificates, ...deployment.replicas.map((replica) => replica.url));
        try {
          front.toServer = { host: 'machine.internal:8080', 'x-forwarded-proto': 'http' };
          front.toBrowser = { 'x-frame-options': 'DENY', 'cross-origin-opener-policy': 'same-origin' };
          const [, way, browser] = await byLink(address(other));
          assert.deepEqual(way, ['host-differs', 'scheme-differs', 'proxy-not-trusted']);
          assert.deepEqual(browser, ['issuer-mismatch', 'clock-agrees', 'framing-headers-changed', 'cookie-absent', 'frame-not-tried', 'fedcm-available']);
          const said = await page.locator('main').innerText();
          assert.ok(said.includes(`finds the server at ${other}, but it answers as the issuer ${deployment.issuer}: another host`), said);
          assert.ok(said.includes('X-Frame-Options: DENY') && !said.includes('internal'), said);
          assert.match(deployment.gatekey.log, /another host name.*machine\.internal:8080/);
          // A policy that is taken away, or doubled, is told too; and where only the host is rewritten, nothing is wrong.
          front.toBrowser = { 'content-security-policy': "frame-ancestors 'self'" };
          assert.equal((await (await page.goto(`${address(other)}&origin=${deployment.application}`), told(page)))[2][2], 'framing-headers-changed');
        } finally {
          await front.close();
        }
        deployment.front.toServer = { host: 'machine.internal:8080' };
        await page.goto(`${address()}&origin=${deployment.application}`);
        const [, way, browser] = await told(page);
        assert.deepEqual(way, ['host-differs', 'proxy-not-trusted']);
        assert.deepEqual(browser.slice(0, 4), ['address-agrees', 'clock-agrees', 'framing-headers-agree', 'cookie-arrives']);
        deployment.front.toServer = {};
      });

      test('without scripts it says what the server knows', async () => {
        await open();
        const tab = await profile.context.newPage();
        await (await profile.context.newCDPSession(tab)).send('Emulation.setScriptExecutionDisabled', { value: true });
        await tab.goto(`${address()}&origin=${deployment.application}`);
        const said = await tab.locator('main').innerText();
        assert.match(said, /is registered for this client/);
        assert.match(said, /If nothing appears here, this browser runs no scripts/);
      });
    });
  }
}
