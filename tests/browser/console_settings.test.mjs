// The console's settings: looked at, changed unless somebody was faster, made shorter only when what that deletes was read; and who may.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { focused, tabTo } from '../support/chromium.mjs';
import { admin as adminOf, age, begin, end, prove, visitor as visitorOf } from '../support/console.mjs';
import { databasesOf } from '../support/gatekey.mjs';

const AUDITOR = { name: 'audrey', password: 'careful horse battery staple' };
const SUPPORT = { name: 'sue', password: 'helpful horse battery staple' };
const FILE = `
[sessions]
keep_ended = "P10D"
`;

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let gatekey, browser;

    before(async () => {
      ({ gatekey, browser } = await begin(chromium, kind, { settings: FILE }, (gatekey) => {
        gatekey.run(['user', 'create', AUDITOR.name, '--role', 'auditor'], `${AUDITOR.password}\n`);
        gatekey.run(['user', 'create', SUPPORT.name, '--role', 'support'], `${SUPPORT.password}\n`);
      }));
    });
    after(() => end({ gatekey, browser }));

    const admin = (place) => adminOf(gatekey, place);
    const visitor = (options) => visitorOf(browser, gatekey, { place: '#/settings', ...options });
    /** What the page says of one; its dialog is not of it. */
    const setting = (page, key) => page.locator('.setting > div:first-child').filter({ has: page.getByText(key, { exact: true }) });
    const open = async (page, key) => {
      await page.getByRole('button', { name: `Change ${key}` }).click();
      return page.getByRole('dialog');
    };

    test('a setting is changed beside the others, refused at its field, not written over, and given back; the events tell of it', async () => {
      const { context, page, heard } = await visitor();
      const [events, sessions, keys] = ['events.retention', 'sessions.keep_ended', 'keys.rotate_every'].map((key) => setting(page, key));
      await events.getByText('Events are kept for 400 days.').waitFor();
      await events.getByText('the default').waitFor();
      // What the file names is not changed here.
      await sessions.getByText('can be seen for 10 days more').waitFor();
      await sessions.getByText('from the settings file').waitFor();
      assert.equal(await page.getByRole('button', { name: 'Change sessions.keep_ended' }).count(), 0);
      assert.equal(await page.getByRole('button', { name: 'Change events.retention' }).count(), 1);

      let dialog = await open(page, 'events.retention');
      const field = dialog.getByLabel('Events are kept for');
      assert.equal(await dialog.getByRole('button', { name: 'Save' }).isDisabled(), true);
      await field.fill('a week');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.locator('.field.wrong .error').waitFor();
      assert.equal(await field.getAttribute('aria-invalid'), 'true');
      await field.fill('P730D');
      await dialog.getByText('From now on events are kept for 730 days.').waitFor();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await events.getByText('Events are kept for 730 days.').waitFor();
      await events.getByText('set here').waitFor();

      // A rule that the server alone knows.
      await open(page, 'keys.rotate_every');
      await dialog.getByLabel('A key signs for').fill('PT1H');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.getByText('must be longer than `keys.announce`').first().waitFor();
      await dialog.getByLabel('A key signs for').fill('unlimited');
      await dialog.getByText('makes no key by itself any more').waitFor();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await keys.getByText('A key signs until somebody makes the next one.').waitFor();
      await page.goto(admin('#/keys'));
      await page.getByText('The next key is made by hand: keys.rotate_every has no limit.').waitFor();
      await page.getByText('; the next one is made by hand.').first().waitFor();
      await page.goto(admin('#/settings'));
      await events.getByText('Events are kept for 730 days.').waitFor();

      // In another tab somebody is faster: nothing is written over, and what there is now is shown.
      await open(page, 'events.retention');
      assert.equal(await field.inputValue(), 'P730D');
      const other = await context.newPage();
      await other.goto(admin('#/settings'));
      const faster = await open(other, 'events.retention');
      await faster.getByLabel('Events are kept for').fill('P800D');
      await faster.getByRole('button', { name: 'Save' }).click();
      await setting(other, 'events.retention').getByText('800 days').waitFor();
      await other.close();
      await field.fill('P900D');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.getByRole('alert').getByText('Somebody else changed this meanwhile').waitFor();
      await dialog.getByRole('button', { name: 'Show what it is now' }).click();
      await events.getByText('Events are kept for 800 days.').waitFor();

      // Empty is the default again. What that is, the server alone knows: it may be shorter.
      await open(page, 'events.retention');
      await field.fill('');
      await dialog.getByRole('button', { name: 'Go on' }).click();
      await dialog.getByText('If the default is shorter than 800 days').waitFor();
      await dialog.getByRole('button', { name: 'Save and delete' }).click();
      await events.getByText('the default').waitFor();
      await events.getByText('Events are kept for 400 days.').waitFor();
      await keys.getByText('set here').waitFor();

      await page.getByRole('link', { name: 'What was changed, and by whom' }).click();
      const told = page.locator('.event');
      await told.getByText('alice set events.retention: it was 800 days, and is 400 days.').waitFor();
      await told.getByText('alice set keys.rotate_every: it was 90 days, and is without limit.').waitFor();
      assert.equal(await told.count(), 4);
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('a shorter time names what it deletes before it is saved, by keyboard; another value is asked about again', async () => {
      const { context, page, heard } = await visitor();
      await tabTo(page, /^Change events\.retention$/);
      await page.keyboard.press('Enter');
      const dialog = page.getByRole('dialog', { name: 'Events' });
      await dialog.waitFor();
      await tabTo(page, /^Events are kept for$/);
      await page.keyboard.type('P30D');
      await page.keyboard.press('Enter');
      await dialog.getByText('Events older than 30 days are deleted at the next sweep').waitFor();
      // It is what has the focus: one more Enter saves nothing.
      await page.waitForFunction(() => document.activeElement?.className === 'impact');
      await page.keyboard.press('Enter');
      await dialog.getByRole('button', { name: 'Save and delete' }).waitFor();
      await dialog.getByRole('textbox').fill('P20D');
      assert.equal(await dialog.getByRole('button', { name: 'Save and delete' }).count(), 0);
      await dialog.getByRole('button', { name: 'Go on' }).click();
      await dialog.getByText('Events older than 20 days are deleted').waitFor();
      await page.keyboard.press('Escape');
      await page.waitForFunction(() => document.activeElement?.textContent === 'Change events.retention');
      await setting(page, 'events.retention').getByText('Events are kept for 400 days.').waitFor();

      await page.keyboard.press('Enter');
      await dialog.waitFor();
      await tabTo(page, /^Events are kept for$/);
      await page.keyboard.type('P30D');
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.activeElement?.className === 'impact');
      await tabTo(page, /^Save and delete$/);
      await page.keyboard.press('Enter');
      await setting(page, 'events.retention').getByText('Events are kept for 30 days.').waitFor();
      await page.waitForFunction(() => document.activeElement?.textContent === 'Change events.retention');
      assert.equal(await focused(page), 'Change events.retention');
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('whose sign-in is old comes back from the password to what was typed and read, with nothing saved', async () => {
      const { context, page, heard } = await visitor();
      await age(gatekey, page);
      const dialog = await open(page, 'keys.rotate_every');
      await dialog.getByLabel('A key signs for').fill('P40D');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await prove(gatekey, page, '#/settings');
      assert.equal(await dialog.getByLabel('A key signs for').inputValue(), 'P40D');
      assert.equal(await setting(page, 'keys.rotate_every').getByText('A key signs for 40 days').count(), 0);
      await dialog.getByRole('button', { name: 'Save' }).click();
      await setting(page, 'keys.rotate_every').getByText('A key signs for 40 days, then the next one does.').waitFor();
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('who only reads, reads; who may not even that is told', async () => {
      const auditor = await visitor({ who: AUDITOR });
      await setting(auditor.page, 'sessions.keep_ended').getByText('can be seen for 10 days more').waitFor();
      await auditor.page.getByText('Administrators can change them.').waitFor();
      assert.equal(await auditor.page.getByRole('main').getByRole('button').count(), 0);
      assert.deepEqual(auditor.heard(), []);
      await auditor.context.close();
      const support = await visitor({ who: SUPPORT });
      await support.page.getByRole('alert').getByText('Your account may not do this. Administrators and auditors can.').waitFor();
      assert.equal(await support.page.getByText('Events are kept').count(), 0);
      assert.deepEqual(support.heard(), []);
      await support.context.close();
    });
  });
}
