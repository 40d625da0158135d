// The console's overview: how much happened, as the server counted it, drawn and in figures.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { signIn } from '../support/chromium.mjs';
import { begin, end, heading, visitor as visitorOf } from '../support/console.mjs';
import { USER, databasesOf, until } from '../support/gatekey.mjs';

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let gatekey, browser;

    before(async () => {
      ({ gatekey, browser } = await begin(chromium, kind));
    });
    after(() => end({ gatekey, browser }));

    test('what happened is drawn, said in words, and there as figures, for a day, a week and a month', async () => {
      const stranger = await browser.newContext({ locale: 'en-US' });
      const wrong = await stranger.newPage();
      await wrong.goto(new URL('admin', gatekey.issuer).href);
      await wrong.waitForURL('**/login?**');
      const refused = wrong.waitForResponse((response) => response.request().method() === 'POST');
      await signIn(wrong, { name: USER.name, password: 'not the password' });
      await refused;
      await stranger.close();

      const { context, page, heard } = await visitorOf(browser, gatekey);
      await heading(page, 'Overview');
      await page.getByRole('img', { name: /^Live sessions: 1 now/ }).waitFor();
      // The server writes down what it counts some times a minute.
      const said = (title) => page.getByRole('img', { name: new RegExp(`^${title}, in `) }).getAttribute('aria-label');
      await until('what was counted is written down', async () => {
        await page.reload();
        return (await said('Sign-ins')).startsWith('Sign-ins, in 24 hours: 1 signed in, 1 failed.');
      }, 40);
      assert.match(await said('Renewals'), /^Renewals, in 24 hours: [1-9]\d* silent, 0 by refresh token\./);
      assert.match(await said('Old refresh tokens that came back'), /: 0 came back\./);
      for (const range of ['7 days', '30 days']) {
        await page.getByRole('button', { name: range }).click();
        await page.getByRole('img', { name: new RegExp(`^Sign-ins, in ${range}: 1 signed in, 1 failed\\.`) }).waitFor();
      }
      await page.getByText('The figures as a table').click();
      const today = page.getByRole('row').filter({ hasText: '(not over)' });
      assert.deepEqual((await today.locator('td').allInnerTexts()).slice(0, 2), ['1', '1']);
      assert.equal(await page.getByRole('row').count(), 31);
      await page.getByRole('link', { name: 'Who is signed in' }).click();
      await heading(page, 'Sessions');
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('where it cannot be read that is said, and the rest of the page is there', async () => {
      const { context, page, heard } = await visitorOf(browser, gatekey);
      await heading(page, 'Overview');
      await context.route('**/admin/api/v1/statistics**', (route) => route.abort());
      await page.getByRole('button', { name: '7 days' }).click();
      await page.getByRole('alert').getByText('The server cannot be reached').waitFor();
      await page.getByText('Version').waitFor();
      await context.unroute('**/admin/api/v1/statistics**');
      await page.getByRole('alert').getByRole('button', { name: 'Try again' }).click();
      await page.getByRole('alert').waitFor({ state: 'detached' });
      await page.getByRole('img', { name: /^Sign-ins, in 7 days/ }).waitFor();
      assert.deepEqual(heard(), []);
      await context.close();
    });
  });
}
