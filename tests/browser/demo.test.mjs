// The demo, as somebody uses it who has just started it: opens the page, signs in, presses every button. At the issuer's site and at another, in a browser
// that keeps third-party cookies back and in one that does not: which way of renewal it shows.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { allow, complaints, signIn } from '../support/chromium.mjs';
import { Profile } from '../support/deployment.mjs';
import { ENVIRONMENT, freePort, until } from '../support/gatekey.mjs';

let demo, addresses, user;

before(async () => {
  const [issuer, app, api] = [await freePort(), await freePort(), await freePort()];
  demo = spawn(process.env.GATEKEY_BIN, ['demo', '--issuer-port', issuer, '--app-port', app, '--api-port', api].map(String), { env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  let ended = false;
  demo.on('exit', () => (ended = true));
  demo.stdout.on('data', (chunk) => (printed += chunk));
  demo.stderr.on('data', (chunk) => (printed += chunk));
  // It says what to open and whom to sign in as: that is all a newcomer has.
  const said = await until('the demo says what to open', () => {
    if (ended) throw new Error(`the demo ended:\n${printed}`);
    return /Open\s+(\S+)\s+or\s+(\S+)[\s\S]*Sign in\s+as (\S+) with the password (.+)/.exec(printed);
  });
  addresses = { 'same site': said[1], 'cross-site': said[2] };
  user = { name: said[3], password: said[4].trim() };
});

after(async () => {
  if (demo) {
    const exited = new Promise((resolve) => demo.on('exit', (code) => resolve(code)));
    demo.kill('SIGTERM');
    assert.equal(await exited, 0, 'SIGTERM is a clean end');
  }
});

for (const shape of ['same site', 'cross-site']) {
  for (const thirdPartyCookies of [true, false]) {
    describe(`${shape}, third-party cookies ${thirdPartyCookies ? 'allowed' : 'kept back'}`, () => {
      const blocked = shape === 'cross-site' && !thirdPartyCookies;
      let profile, page, problems, address;

      before(async () => {
        address = addresses[shape];
        profile = await Profile.open(chromium, { thirdPartyCookies });
        page = await profile.context.newPage();
        problems = complaints(page);
      });
      after(() => profile?.close());

      /** Presses a button and waits for what it says beneath. */
      async function press(id) {
        await page.locator(`#${id}`).click();
        const result = page.locator(`[data-result="${id}"][data-kind]`);
        await page.locator(`#${id}[aria-disabled="false"]`).waitFor();
        await result.filter({ hasText: /\S/ }).waitFor();
        return { kind: await result.getAttribute('data-kind'), text: await result.innerText() };
      }

      const generation = async () => Number(await page.locator('#generation').innerText());
      /** Which way the page shows as the last one used. */
      const way = () => page.locator('.way.last').getAttribute('data-way');

      test('sign in', async () => {
        await page.goto(address);
        await page.locator('#sign-in').click();
        await signIn(page, user);
        await page.waitForURL((url) => url.href.startsWith(address) || url.pathname === '/consent');
        if (!page.url().startsWith(address)) await allow(page);
        await page.locator('#signed-in').waitFor();
        assert.match(await page.locator('#name').innerText(), /\S/);
        assert.equal(page.url(), address, 'the code is gone from the address');
        for (const clock of ['session', 'idle', 'token']) {
          assert.match(await page.locator(`[data-clock="${clock}"] .digits`).innerText(), /\d/, clock);
        }
        assert.equal(await page.locator('.sites [aria-current]').getAttribute('href'), address);
      });

      test('renew silently: a new token, no page, and the way is shown', async () => {
        const { kind, text } = await press('renew');
        assert.equal(kind, 'good', text);
        assert.equal(page.url(), address);
        assert.equal(await way(), blocked ? 'refresh' : 'frame');
        assert.match(text, blocked ? /Refresh token/ : /Hidden frame/);
      });

      test('refresh: one generation on', async () => {
        const before = await generation();
        assert.equal((await press('refresh')).kind, 'good');
        assert.equal(await generation(), before + 1);
        assert.equal(await way(), 'refresh');
      });

      test('lose a response and retry: the same successor', async () => {
        const before = await generation();
        const { kind, text } = await press('lose');
        assert.equal(kind, 'good', text);
        assert.match(text, /same token, byte for byte/);
        await until('one generation on', async () => (await generation()) === before + 1);
      });

      test('call the API: the token in hand, after a session check', async () => {
        const { kind, text } = await press('call');
        assert.equal(kind, 'good', text);
        assert.ok((await page.locator('[data-result="call"] .notes li').count()) > 0);
        assert.equal(await way(), 'session');
      });

      test('replay an old token: the chain ends, the session does not', async () => {
        const { kind, text } = await press('replay');
        assert.equal(kind, 'good', text);
        assert.match(text, /refused/);
        if (blocked) {
          // No cookie in a frame, and no refresh token: the window itself goes to the issuer and comes back.
          await page.locator('#renew').click();
          await page.locator('.way.last[data-way=redirect]').waitFor();
          await page.locator('#signed-in').waitFor();
          assert.equal(page.url(), address);
        } else {
          assert.equal((await press('renew')).kind, 'good');
          assert.equal(await way(), 'frame');
        }
        assert.equal((await press('refresh')).kind, 'good');
      });

      test('a reload finds the session again, without a page of the issuer', async () => {
        await page.reload();
        await page.locator('#signed-in').waitFor();
      });

      test('sign out', async () => {
        await page.locator('#sign-out').click();
        await page.locator('#signed-out').waitFor();
        assert.match(await page.locator('#goodbye').innerText(), /signed out/);
        await page.reload();
        await page.locator('#signed-out').waitFor();
        assert.ok(await page.locator('#signed-in').isHidden());
      });

      test('nothing was complained of', () => {
        // A browser that keeps cookies back says so itself when the frame asks for them.
        assert.deepEqual(problems.filter((one) => !(blocked && one.startsWith('requestStorageAccess: '))), []);
      });
    });
  }
}
