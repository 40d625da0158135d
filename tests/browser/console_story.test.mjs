// A story from the first click to the last event: an application is registered in the console, a person signs in to it with the very code that the
// console gave, an old refresh token comes back, and a lifetime that was tried out first ends the session.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { LAUNCH, allow, complaints, signIn } from '../support/chromium.mjs';
import { admin as adminOf, heading, makeAdministrator, visitor as visitorOf } from '../support/console.mjs';
import { DATABASES, Gatekey, freePort } from '../support/gatekey.mjs';

const BOB = { name: 'bob', password: 'wrong donkey battery clip' };
/** How long the session has left when its lifetime is set, in seconds: enough to see it live on, short enough to wait for. */
const LEFT = 20;

for (const kind of DATABASES) {
  describe(kind, () => {
    let gatekey, browser, server, application;
    /** The application's code. */
    let code = '';

    before(async () => {
      gatekey = await Gatekey.install(kind);
      makeAdministrator(gatekey);
      gatekey.createUser(BOB.name, BOB.password);
      await gatekey.start();
      const port = await freePort();
      server = http.createServer((request, answer) => {
        const [type, text] = request.url === '/code.js' ? ['text/javascript', code] : ['text/html', '<!doctype html><meta charset="utf-8"><title>Stories</title><link rel="icon" href="data:,"><script type="module" src="/code.js"></script>'];
        answer.setHeader('content-type', `${type}; charset=utf-8`).end(text);
      });
      await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
      application = `http://localhost:${port}/`;
      browser = await chromium.launch(LAUNCH);
    });
    after(async () => {
      await browser?.close();
      server?.close();
      await gatekey?.remove();
    });

    test('a client, a sign-in, a session, a token that comes back, a lifetime, an end', { timeout: 180_000 }, async () => {
      // The application is registered, and its code is what the console gives.
      const { context, page, heard } = await visitorOf(browser, gatekey, { place: '#/clients/new' });
      await page.getByRole('link', { name: /^Page in a browser/ }).click();
      await page.getByLabel('Name').fill('Stories');
      await page.getByLabel('Redirect URIs').fill(application);
      // Without `offline_access`: nothing of it is to outlive the session.
      await page.getByLabel('Scope').fill('openid profile email');
      await page.getByRole('button', { name: 'Register' }).click();
      await heading(page, 'Stories is registered');
      const given = await page.locator('.snippet code').innerText();
      // Its last lines are for whoever calls an API: here the test asks.
      code = `${given.slice(0, given.indexOf('// From buttons'))}\nwindow.gatekey = gatekey;\ndocument.title = 'Ready';`;

      // Elsewhere, a person signs in to it.
      const theirs = await browser.newContext({ locale: 'en-US', userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0' });
      const app = await theirs.newPage();
      const complained = complaints(app);
      const ready = () => app.waitForFunction(() => document.title === 'Ready');
      await app.goto(application);
      await ready();
      await app.evaluate(() => void window.gatekey.signIn({ returnTo: location.href }));
      await app.waitForURL('**/login?**');
      await signIn(app, BOB);
      await app.waitForURL('**/consent?**');
      const redeemed = app.waitForResponse((response) => response.url().endsWith('/oauth/token'));
      await allow(app);
      await app.waitForURL(application);
      const { refresh_token: first } = await (await redeemed).json();
      const signedInAt = Date.now();
      await ready();
      assert.ok(await app.evaluate(() => window.gatekey.token()));

      // The session is there, with the application.
      await page.goto(adminOf(gatekey, '#/sessions'));
      const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: BOB.name }) });
      await row.getByRole('link', { name: 'Firefox on Linux' }).click();
      await heading(page, 'Firefox on Linux');
      const session = page.url();
      await page.getByRole('table', { name: 'Applications in this session' }).getByRole('link', { name: 'Stories' }).waitFor();

      // A thief has a copy of the first refresh token, and uses it when its owner has gone on.
      const renewal = async (refresh_token) => (await fetch(new URL('oauth/token', gatekey.issuer), { method: 'POST', body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'stories', refresh_token }) })).json();
      await renewal((await renewal(first)).refresh_token);
      assert.equal((await renewal(first)).error, 'invalid_grant');
      await page.goto(adminOf(gatekey, '#/events?kind=refresh.reuse_detected'));
      const reuse = page.locator('.event.alarm');
      await reuse.getByText('An old refresh token of bob came back at Stories: its family was ended.').waitFor();
      await reuse.getByRole('link', { name: 'family', exact: true }).click();
      await page.getByText('The token of generation 1 was presented').waitFor();
      // The session goes on: the application renews by it.
      assert.ok(await app.evaluate(() => window.gatekey.token({ force: true })));

      // The person comes into a group, and the group gets a lifetime. It is tried out first.
      await page.goto(adminOf(gatekey, '#/users?search=bob'));
      await page.getByRole('link', { name: 'bob', exact: true }).click();
      await page.getByRole('button', { name: 'Edit' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Groups').fill('readers');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await page.locator('.facts').getByText('readers').waitFor();
      await page.goto(adminOf(gatekey, '#/lifetimes'));
      await page.getByRole('button', { name: 'New rule' }).first().click();
      await dialog.getByLabel('In the group').fill('readers');
      const absolute = dialog.getByLabel('A session, however much it is used');
      await absolute.fill('PT1S');
      await dialog.getByText('For people in the group readers, a session lasts at most 1 second.').waitFor();
      await dialog.getByRole('button', { name: 'Try it out' }).click();
      await dialog.getByText(/^Ends 1 session/).waitFor();
      await dialog.getByRole('button', { name: /^Save: end 1 session/ }).waitFor();
      // That was not meant. What was tried out is forgotten with the first letter that is another.
      const lasts = Math.ceil((Date.now() - signedInAt) / 1000) + LEFT;
      await absolute.fill(`PT${lasts}S`);
      await dialog.getByRole('button', { name: 'Try it out' }).click();
      await dialog.getByText(/^Ends nothing at once/).waitFor();
      await dialog.getByRole('button', { name: 'Save', exact: true }).click();
      await page.getByText(/^For people in the group readers, a session lasts at most/).waitFor();

      // It lives, and says for how long yet; then it is over, seen by nobody but the console; then the application hears of it.
      await page.goto(session);
      await page.getByText(/^in \d+ seconds at the latest/).waitFor();
      await page.locator('.facts').getByText('past its lifetime').waitFor({ timeout: (LEFT + 20) * 1000 });
      assert.equal(await app.evaluate(() => window.gatekey.token({ force: true }).then(() => 'a token', ({ code }) => code)), 'login_required');
      await page.locator('.facts').getByText('expired absolute').first().waitFor();
      await page.getByRole('link', { name: 'What happened' }).click();
      await page.locator('.event').getByText(/^A session of bob ended: its time was over\./).waitFor();

      assert.deepEqual(heard(), []);
      assert.deepEqual(complained.filter((line) => !/Failed to load resource/.test(line)), []);
      await theirs.close();
      await context.close();
    });
  });
}
