// The user's own page as a person without a mouse has it: where the focus is, what the controls are called, what fits on a phone.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { LAUNCH, allow, complaints, focused, signIn, tabTo } from '../support/chromium.mjs';
import { DATABASES, Gatekey, USER, freePort } from '../support/gatekey.mjs';

const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'; // RFC 7636 Appendix B
const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';
const NEW_PASSWORD = 'wrong donkey battery clip';

/** Everything that Tab stops at, from the top of the page to its end. */
async function stops(page) {
  const all = [];
  await page.evaluate(() => document.activeElement.blur());
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => document.activeElement === document.body)) break;
    all.push(await focused(page));
  }
  return all;
}

/** What was done is said, and has the focus, so that Tab goes on from there. */
async function told(page, text) {
  await page.getByRole('status').filter({ hasText: text }).waitFor();
  assert.equal(await focused(page), text);
}

for (const kind of DATABASES) {
  describe(kind, () => {
    let gatekey, application, origin, browser;

    before(async () => {
      const port = await freePort();
      origin = `http://localhost:${port}`;
      application = http.createServer((request, answer) => answer.end('application'));
      await new Promise((resolve) => application.listen(port, '127.0.0.1', resolve));
      gatekey = await Gatekey.install(kind, {
        clients: `
[[clients]]
id = "notes"
name = "Notes"
kind = "spa"
redirect_uris = ["${origin}/callback"]
`,
      });
      gatekey.createUser();
      await gatekey.start();
      browser = await chromium.launch(LAUNCH);
    });
    after(async () => {
      await browser?.close();
      application?.closeAllConnections();
      application?.close();
      await gatekey?.remove();
    });

    /** A browser of its own, signed in at the application, which has redeemed its code. */
    async function visitor(options = {}) {
      const context = await browser.newContext({ locale: 'en-US', ...options });
      const page = await context.newPage();
      const problems = complaints(page);
      const url = new URL('authorize', gatekey.issuer);
      const redirect_uri = `${origin}/callback`;
      const request = { client_id: 'notes', response_type: 'code', redirect_uri, scope: 'openid email offline_access', state: 's', code_challenge: CHALLENGE, code_challenge_method: 'S256' };
      url.search = new URLSearchParams(request);
      await page.goto(url.href);
      await page.locator('input[name=username]').fill(USER.name);
      await page.locator('input[name=password]').fill(USER.password);
      await page.locator('input[name=password]').press('Enter');
      await page.waitForURL((at) => at.origin === origin || at.pathname === '/consent');
      if (new URL(page.url()).origin !== origin) await allow(page);
      await page.waitForURL(`${redirect_uri}?**`);
      const fields = { client_id: 'notes', grant_type: 'authorization_code', code: new URL(page.url()).searchParams.get('code'), redirect_uri, code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk' };
      const answer = await fetch(new URL('oauth/token', gatekey.issuer), { method: 'POST', body: new URLSearchParams(fields) });
      assert.equal(answer.status, 200);
      return { context, page, problems };
    }

    const signedIn = async (page) => {
      await page.goto(new URL('account', gatekey.issuer).href);
      return new URL(page.url()).pathname === '/account';
    };

    test('by keyboard alone: sign in, sign out elsewhere, withdraw, change the password', async () => {
      const phone = await visitor({ userAgent: PHONE });
      const context = await browser.newContext({ locale: 'en-US', javaScriptEnabled: true });
      const page = await context.newPage();
      const problems = complaints(page);
      // Not signed in: over the sign-in page, and back.
      await page.goto(new URL('account', gatekey.issuer).href);
      assert.equal(await focused(page), 'Username');
      await page.keyboard.type(USER.name);
      await page.keyboard.press('Tab');
      await page.keyboard.type(USER.password);
      await page.keyboard.press('Enter');
      await page.waitForURL('**/account');

      // The order is the order of the page, and each button says what it is about.
      assert.deepEqual(await stops(page), ['Sign out', 'Sign in with another account as well', 'Sign out here Safari on iOS', 'Sign out everywhere else', 'Withdraw access Notes', 'Change password']);

      await tabTo(page, /^Sign out here Safari on iOS$/);
      await page.keyboard.press('Enter');
      await told(page, 'That browser is signed out.');
      assert.equal(await signedIn(phone.page), false);
      await page.keyboard.press('Tab');
      assert.equal(await focused(page), 'Sign out', 'and Tab goes on from there');

      await tabTo(page, /^Withdraw access Notes$/);
      await page.keyboard.press('Space');
      await told(page, 'Notes no longer has access to your account.');
      assert.equal(await page.getByText('No application has access to your account.').count(), 1);

      await tabTo(page, /^Change password$/);
      await page.keyboard.press('Enter');
      await page.waitForURL('**/account/password');
      assert.equal(await focused(page), 'Current password');
      for (const text of ['not it', NEW_PASSWORD, NEW_PASSWORD]) {
        await page.keyboard.type(text);
        await page.keyboard.press('Tab');
      }
      assert.equal(await focused(page), 'Save');
      await page.keyboard.press('Enter');
      await page.getByText('This is not your password. Try again.').waitFor();
      assert.equal(await focused(page), 'Current password', 'the field that is wrong has the focus');
      const described = await page.evaluate(() => document.getElementById(document.activeElement.getAttribute('aria-describedby')).textContent);
      assert.equal(described, 'This is not your password. Try again.');
      for (const text of [USER.password, NEW_PASSWORD, NEW_PASSWORD]) {
        await page.keyboard.type(text);
        await page.keyboard.press('Tab');
      }
      await page.keyboard.press('Enter');
      await told(page, 'Your password is changed. You are signed out everywhere else.');
      assert.equal(await signedIn(page), true);
      assert.deepEqual([...problems.filter((line) => !line.includes('422')), ...phone.problems], []);
      await context.close();
      await phone.context.close();
      gatekey.run(['user', 'set-password', USER.name], `${USER.password}\n`);
    });

    test('on a phone and on a desk, light and dark, in both languages, nothing is cut off and everything can be touched', async () => {
      const phone = await visitor({ userAgent: PHONE });
      for (const locale of ['en-US', 'de-DE']) {
        for (const colorScheme of ['light', 'dark']) {
          for (const viewport of [{ width: 1280, height: 900 }, { width: 390, height: 844 }, { width: 320, height: 700 }]) {
            const { context, page, problems } = await visitor({ locale, colorScheme, viewport, hasTouch: viewport.width < 500 });
            for (const path of ['account', 'account/password']) {
              await page.goto(new URL(path, gatekey.issuer).href);
              const cut = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
              assert.equal(cut, 0, `${path} ${viewport.width} ${locale}`);
              // WCAG 2.2 §2.5.8 wants 24; a thumb wants more.
              const small = await page.evaluate(() => [...document.querySelectorAll('main button, main a.primary, main a.secondary, main a.quiet')].filter((element) => element.getBoundingClientRect().height < 44).map((element) => element.textContent));
              assert.deepEqual(small, [], `${path} ${viewport.width}`);
            }
            const background = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).map(Number));
            assert.equal(background[0] < 128, colorScheme === 'dark');
            assert.deepEqual(problems, []);
            await context.close();
          }
        }
      }
      assert.deepEqual(phone.problems, []);
      await phone.context.close();
    });

    test('without JavaScript too; and the password is asked when the sign-in was long ago', async () => {
      const phone = await visitor({ userAgent: PHONE });
      const context = await browser.newContext({ locale: 'en-US', javaScriptEnabled: false });
      const page = await context.newPage();
      await page.goto(new URL('account', gatekey.issuer).href);
      await signIn(page, USER);
      await page.waitForURL('**/account');
      if (kind === 'postgres') {
        // Nobody waits ten minutes: the sign-ins are moved back where the test can reach the database.
        execFileSync('psql', ['--quiet', '--no-psqlrc', gatekey.database, '--command', "UPDATE users SET password_changed_at = password_changed_at - interval '1 day'; UPDATE sessions SET auth_time = auth_time - interval '1 hour'"]);
        await page.getByRole('button', { name: 'Sign out everywhere else' }).click();
        await page.waitForURL('**/account/confirm?ticket=**');
        await page.locator('input[type=password]').fill('not it');
        await page.locator('input[type=password]').press('Enter');
        await page.getByText('This is not your password. Try again.').waitFor();
        assert.equal(await signedIn(phone.page), true);
        await page.locator('input[type=password]').fill(USER.password);
        await page.locator('input[type=password]').press('Enter');
      } else {
        await page.getByRole('button', { name: 'Sign out everywhere else' }).click();
      }
      await page.waitForURL('**/account?done=**');
      assert.equal(await page.getByText('You are now signed in here and nowhere else.').count(), 1);
      assert.equal(await signedIn(phone.page), false);
      await context.close();
      await phone.context.close();
    });
  });
}
