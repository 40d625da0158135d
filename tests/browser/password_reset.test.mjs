// A password reset as its user has it: by the keyboard alone, without a script, on a phone and on a desk, light and dark, in both languages.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { LAUNCH, complaints, signIn } from '../support/chromium.mjs';
import { Gatekey, USER, databasesOf } from '../support/gatekey.mjs';

const NEW = 'wrong donkey battery clip';
const LONG_NAME = 'somebody-with-a-long-name-'.repeat(4);

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let gatekey, browser;

    before(async () => {
      gatekey = await Gatekey.install(kind);
      gatekey.createUser();
      gatekey.createUser(LONG_NAME);
      await gatekey.start();
      browser = await chromium.launch(LAUNCH);
    });
    after(async () => {
      await browser?.close();
      await gatekey?.remove();
    });

    const newLink = (name) => gatekey.run(['user', 'reset-password', name]).trim().split('\n').at(-1);

    test('the link sets the password once, and its user signs in with it', async () => {
      const link = newLink(USER.name);
      const context = await browser.newContext({ locale: 'en-US', javaScriptEnabled: false });
      const page = await context.newPage();
      const problems = complaints(page);
      await page.goto(link);
      await page.getByRole('heading', { name: 'Choose a new password' }).waitFor();
      await page.getByText(USER.name, { exact: true }).first().waitFor();
      // Two that differ: told beside the field, which has the focus; nothing is sent back.
      await page.getByLabel('New password', { exact: true }).fill(NEW);
      await page.keyboard.press('Tab');
      await page.keyboard.type('another');
      await page.keyboard.press('Enter');
      await page.getByText('The two new passwords differ').waitFor();
      for (const field of await page.locator('input[type=password]').all()) {
        assert.equal(await field.inputValue(), '');
        await field.fill(NEW);
      }
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Your new password is set' }).waitFor();
      await page.getByRole('link', { name: 'Sign in' }).click();
      await signIn(page, { name: USER.name, password: NEW });
      await page.waitForURL('**/account');
      await page.goto(link);
      await page.getByRole('heading', { name: 'This link no longer works' }).waitFor();
      assert.deepEqual(problems.filter((problem) => !problem.includes('400') && !problem.includes('422')), []);
      await context.close();
    });

    test('it fits, whatever the screen, and begins at the password', async () => {
      const link = newLink(LONG_NAME);
      for (const width of [1280, 390, 320]) {
        for (const [colorScheme, locale, title] of [['light', 'en-US', 'Choose a new password'], ['dark', 'de-DE', 'Neues Passwort wählen']]) {
          const context = await browser.newContext({ viewport: { width, height: 844 }, colorScheme, locale });
          const page = await context.newPage();
          await page.goto(link);
          await page.getByRole('heading', { name: title }).waitFor();
          assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${width} ${locale}: nothing is cut off`);
          assert.equal(await page.evaluate(() => document.activeElement.id), 'new_password');
          const ground = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).reduce((sum, part) => sum + Number(part), 0));
          assert.equal(ground < 300, colorScheme === 'dark', `${ground}`);
          await context.close();
        }
      }
    });
  });
}
