// Several accounts in one browser, and a browser that is not to be remembered, as people have them: by keyboard, on a phone and on a desk.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { LAUNCH, complaints, focused, tabTo } from '../support/chromium.mjs';
import { DATABASES, Gatekey, USER, freePort } from '../support/gatekey.mjs';

const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'; // RFC 7636 Appendix B
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const OTHER = { name: 'bartholomew', password: 'another horse battery staple' };
const SIZES = [{ width: 1280, height: 900 }, { width: 390, height: 844 }, { width: 320, height: 700 }];

for (const kind of DATABASES) {
  describe(kind, () => {
    let gatekey, application, origin, browser;

    before(async () => {
      const port = await freePort();
      origin = `http://localhost:${port}`;
      application = http.createServer((request, answer) => answer.end('application'));
      await new Promise((resolve) => application.listen(port, '127.0.0.1', resolve));
      gatekey = await Gatekey.install(kind, {
        settings: '[sessions]\nremember_me = "ask"\n',
        clients: `
[[clients]]
id = "notes"
name = "Notes"
kind = "spa"
first_party = true
redirect_uris = ["${origin}/callback"]
`,
      });
      gatekey.createUser();
      gatekey.createUser(OTHER.name, OTHER.password);
      await gatekey.start();
      browser = await chromium.launch(LAUNCH);
    });
    after(async () => {
      await browser?.close();
      application?.closeAllConnections();
      application?.close();
      await gatekey?.remove();
    });

    const authorize = (more = {}) => {
      const url = new URL('authorize', gatekey.issuer);
      const request = { client_id: 'notes', response_type: 'code', redirect_uri: `${origin}/callback`, scope: 'openid', state: 's', code_challenge: CHALLENGE, code_challenge_method: 'S256' };
      url.search = new URLSearchParams({ ...request, ...more });
      return url.href;
    };

    /** Who the application is told it is, when it redeems the code that the page has arrived with. */
    const user = async (page) => {
      await page.waitForURL(`${origin}/callback?**`);
      const fields = { client_id: 'notes', grant_type: 'authorization_code', code: new URL(page.url()).searchParams.get('code'), redirect_uri: `${origin}/callback`, code_verifier: VERIFIER };
      const answer = await (await fetch(new URL('oauth/token', gatekey.issuer), { method: 'POST', body: new URLSearchParams(fields) })).json();
      return JSON.parse(Buffer.from(answer.id_token.split('.')[1], 'base64url')).sub;
    };

    const signIn = async (page, { name, password }, more) => {
      await page.goto(authorize({ prompt: 'login', ...more }));
      await page.locator('input[name=username]').fill(name);
      await page.locator('input[name=password]').fill(password);
      await page.locator('input[name=password]').press('Enter');
      return user(page);
    };

    const sessions = async (context) => (await context.cookies(gatekey.issuer)).filter(({ name }) => /^__Host-gatekey-[0-9a-f]{8}(-\d)?$/.test(name));

    test('"stay signed in": by keyboard; without it the cookie goes with the browser', async () => {
      for (const ticked of [false, true]) {
        const context = await browser.newContext({ locale: 'en-US' });
        const page = await context.newPage();
        const problems = complaints(page);
        await page.goto(authorize());
        // The focus comes when the page is drawn.
        await page.waitForFunction(() => document.activeElement?.id === 'username');
        await page.keyboard.type(USER.name);
        await page.keyboard.press('Tab');
        await page.keyboard.type(USER.password);
        await page.keyboard.press('Tab');
        assert.equal(await focused(page), 'Stay signed in');
        if (ticked) await page.keyboard.press('Space');
        await page.keyboard.press('Enter');
        await user(page);
        const [cookie] = await sessions(context);
        assert.equal(cookie.expires === -1, !ticked, `${cookie.expires}`);
        const state = (await context.cookies(gatekey.issuer)).find(({ name }) => name.endsWith('-state'));
        assert.equal(state.expires === -1, !ticked);
        // Silently: it stays what it is.
        await page.goto(authorize({ prompt: 'none' }));
        await user(page);
        assert.equal((await sessions(context))[0].expires === -1, !ticked);
        // The words of the box are part of it.
        await page.goto(new URL('login', gatekey.issuer).href);
        await page.getByText('Stay signed in').click();
        assert.equal(await page.locator('#remember').isChecked(), true);
        assert.deepEqual(problems, []);
        await context.close();
      }
    });

    test('two accounts: chosen by keyboard, each with what is its own, one signed out', async () => {
      const context = await browser.newContext({ locale: 'en-US' });
      const page = await context.newPage();
      const problems = complaints(page);
      const [first, second] = [await signIn(page, USER), await signIn(page, OTHER)];
      assert.notEqual(first, second);
      assert.equal((await sessions(context)).length, 2);
      // The chooser: the last chosen first, and somebody else.
      await page.goto(authorize({ prompt: 'select_account' }));
      await tabTo(page, /bartholomew/);
      await tabTo(page, /alice/);
      await page.keyboard.press('Enter');
      assert.equal(await user(page), first);
      await page.goto(authorize());
      assert.equal(await user(page), first, 'chosen last');
      await page.goto(authorize({ login_hint: OTHER.name }));
      assert.equal(await user(page), second);
      // The own page leads to the other.
      await page.goto(new URL('account', gatekey.issuer).href);
      await tabTo(page, /bartholomew/);
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.querySelector('.account .who')?.innerText.includes('bartholomew'));
      // Signing out asks whom.
      await page.goto(new URL('oidc/logout', gatekey.issuer).href);
      await tabTo(page, /^Sign out .*bartholomew/);
      await page.keyboard.press('Enter');
      await page.getByText('Other accounts are still signed in here.').waitFor();
      assert.equal((await sessions(context)).length, 1);
      await page.goto(authorize({ prompt: 'none' }));
      assert.equal(await user(page), first);
      assert.deepEqual(problems, []);
      await context.close();
    });

    test('on a phone and on a desk, light and dark, in both languages, nothing is cut off and everything can be touched', async () => {
      for (const locale of ['en-US', 'de-DE']) {
        for (const colorScheme of ['light', 'dark']) {
          const context = await browser.newContext({ locale, colorScheme });
          const page = await context.newPage();
          const problems = complaints(page);
          await signIn(page, USER);
          await signIn(page, OTHER);
          for (const viewport of SIZES) {
            await page.setViewportSize(viewport);
            for (const [path, url] of [
              ['login', new URL('login', gatekey.issuer).href],
              ['chooser', authorize({ prompt: 'select_account' })],
              ['account', new URL('account', gatekey.issuer).href],
              ['logout', new URL('oidc/logout', gatekey.issuer).href],
            ]) {
              await page.goto(url);
              const where = `${path} ${viewport.width} ${locale} ${colorScheme}`;
              const cut = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
              assert.equal(cut, 0, where);
              const small = await page.evaluate(() => [...document.querySelectorAll('main button, main a.row, main .check label')].filter((element) => element.getBoundingClientRect().height < 44).map((element) => element.innerText));
              assert.deepEqual(small, [], where);
              if (process.env.PICTURES) await page.screenshot({ path: `${process.env.PICTURES}/${kind}-${where.replaceAll(' ', '-')}.png`, fullPage: true });
            }
          }
          assert.deepEqual(problems, []);
          await context.close();
        }
      }
    });
  });
}
