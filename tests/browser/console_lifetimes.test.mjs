// The console's lifetimes, tried out before they are saved; and what takes a recent sign-in (RFC 9470): to the password and back, with the act still in hand.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { CALLBACK, admin as adminOf, age, begin, end, heading, prove, signedInto, visitor as visitorOf } from '../support/console.mjs';
import { databasesOf } from '../support/gatekey.mjs';

const BOB = { name: 'bob', password: 'wrong donkey battery clip' };
const CLIENTS = `
[[clients]]
id = "notes"
name = "Notes"
kind = "spa"
first_party = true
redirect_uris = ["${CALLBACK}"]
`;

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let gatekey, browser;

    before(async () => {
      ({ gatekey, browser } = await begin(chromium, kind, { clients: CLIENTS }, (gatekey) => {
        gatekey.createUser(BOB.name, BOB.password);
        gatekey.run(['user', 'update', BOB.name, '--groups', 'staff']);
      }));
      await signedInto(gatekey, 'notes', BOB);
    });
    after(() => end({ gatekey, browser }));

    const admin = (place) => adminOf(gatekey, place);
    const visitor = (options) => visitorOf(browser, gatekey, options);

    test('a rule is refused at its field, tried out, saved, explained for a user at a client, changed, and deleted', async () => {
      const { context, page, heard } = await visitor({ place: '#/lifetimes' });
      await page.getByText('The settings hold for everybody.').waitFor();
      await page.getByRole('img', { name: /^From signing in\. Session: 30 days, unused 14 days\./ }).waitFor();

      await page.getByRole('button', { name: 'New rule' }).click();
      const dialog = page.getByRole('dialog');
      const idle = dialog.getByLabel('A session that is not used');
      assert.equal(await dialog.getByRole('button', { name: 'Try it out' }).isDisabled(), true);
      await dialog.getByLabel('In the group').fill('staff');
      await idle.fill('a week');
      await dialog.getByRole('button', { name: 'Try it out' }).click();
      await dialog.locator('.field.wrong').filter({ hasText: 'A session that is not used' }).locator('.error').waitFor();
      await idle.fill('PT30M');
      await dialog.getByText('For people in the group staff, a session ends when it is not used for 30 minutes.').waitFor();
      await dialog.getByRole('button', { name: 'Try it out' }).click();
      await dialog.getByText('Ends nothing at once').waitFor();
      // Unused until tomorrow, Bob’s session will have ended, and with it what hangs on it; by the settings it would not.
      const tomorrow = dialog.getByRole('row').filter({ hasText: 'Within a day' });
      assert.deepEqual((await tomorrow.locator('td').allInnerTexts()).map((text) => /^\d+/.exec(text)[0]), ['0', '1']);
      await dialog.getByRole('button', { name: 'Save' }).click();
      const rules = page.locator('.rules');
      await rules.getByText('For people in the group staff, a session ends when it is not used for 30 minutes.').waitFor();

      const explain = page.getByRole('region', { name: 'What holds for somebody' });
      await explain.getByLabel('User').fill('bob');
      await explain.getByLabel('Client').fill('notes');
      await explain.getByRole('button', { name: 'Explain' }).click();
      const fact = explain.locator('.facts div').filter({ hasText: 'A session that is not used' });
      await fact.getByText('30 minutes').waitFor();
      assert.equal((await fact.locator('dd').innerText()).replaceAll('\u00a0', ' '), '30 minutes, by the rule for people in the group staff · instead of 14 days by the settings');
      // What was the answer to another question does not stand below an error.
      await explain.getByLabel('User').fill('nobody');
      await explain.getByRole('button', { name: 'Explain' }).click();
      await explain.getByText('Nobody has this name.').waitFor();
      assert.equal(await explain.locator('.facts').count(), 0);
      await explain.getByLabel('User').fill('bob');
      await explain.getByRole('button', { name: 'Explain' }).click();
      await fact.getByText('30 minutes').waitFor();

      // One for a client is told for what it is: it ends no session.
      await page.getByRole('button', { name: 'New rule' }).click();
      await dialog.getByLabel('At the client').fill('notes');
      await dialog.getByLabel('Refresh tokens, at most').fill('PT1S');
      await dialog.getByRole('button', { name: 'Try it out' }).click();
      await dialog.getByText('Ends 1 refresh token family at once').waitFor();
      await dialog.getByText('Sessions go on for other applications').waitFor();
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      assert.equal(await rules.locator('> li').count(), 1);

      await rules.getByRole('button', { name: 'Change' }).click();
      await dialog.getByLabel('A session, however much it is used').fill('P7D');
      await dialog.getByRole('button', { name: 'Try it out' }).click();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await rules.getByText('a session lasts at most 7 days').waitFor();

      // Somebody else sets another rule meanwhile: this one is not deleted unseen.
      await rules.getByRole('button', { name: 'Delete' }).click();
      await dialog.getByText('The rules that are left decide instead.').waitFor();
      gatekey.run(['policy', 'set', '--group', 'editors', 'session_idle=PT1H']);
      await dialog.getByRole('button', { name: 'Delete the rule' }).click();
      await dialog.getByRole('alert').getByText('Somebody else changed this meanwhile').waitFor();
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      await page.reload();
      await rules.locator('> li').nth(1).waitFor();
      await rules.locator('> li').filter({ hasText: 'staff' }).getByRole('button', { name: 'Delete' }).click();
      await dialog.getByRole('button', { name: 'Delete the rule' }).click();
      await page.waitForFunction(() => document.querySelectorAll('.rules > li').length === 1);
      assert.deepEqual(heard(), []);
      await context.close();
    });

    /** Somebody whose sign-in was an hour ago; the page has a token that says so. */
    async function stale(place) {
      const visit = await visitor({ place });
      await age(gatekey, visit.page);
      return visit;
    }

    test('a client is not deleted by an old sign-in; after the password the same dialog stands there, as it was filled', async () => {
      gatekey.run(['client', 'create', 'old-shop', '--kind', 'web', '--name', 'Old shop', '--redirect-uri', 'https://shop.example.test/']);
      const { context, page, heard } = await stale('#/clients/old-shop');
      await page.getByRole('button', { name: 'Delete' }).click();
      const dialog = page.getByRole('dialog', { name: 'Delete Old shop?' });
      await dialog.getByRole('textbox').fill('old-shop');
      await dialog.getByRole('button', { name: 'Delete the client' }).click();
      await prove(gatekey, page, '#/clients/old-shop');
      assert.equal(await dialog.getByRole('textbox').inputValue(), 'old-shop');
      assert.match(gatekey.run(['client', 'list']), /old-shop/);
      // It is in no storage of the browser any more.
      assert.deepEqual(await page.evaluate(() => Object.keys(sessionStorage)), []);
      await dialog.getByRole('button', { name: 'Delete the client' }).click();
      await heading(page, 'Clients');
      assert.doesNotMatch(gatekey.run(['client', 'list']), /old-shop/);
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('so with a rule that was written and tried out', async () => {
      const { context, page, heard } = await stale('#/lifetimes');
      await page.getByRole('button', { name: 'New rule' }).click();
      const dialog = page.getByRole('dialog', { name: 'New rule' });
      const typed = async () => [await dialog.getByLabel('In the group').inputValue(), await dialog.getByLabel('Refresh tokens, at most').inputValue()];
      await dialog.getByLabel('In the group').fill('typists');
      await dialog.getByLabel('Refresh tokens, at most').fill('P3D');
      await dialog.getByRole('button', { name: 'Try it out' }).click();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await prove(gatekey, page, '#/lifetimes');
      assert.deepEqual(await typed(), ['typists', 'P3D']);
      assert.doesNotMatch(gatekey.run(['policy', 'show']), /typists/);
      await dialog.getByRole('button', { name: 'Try it out' }).click();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await page.locator('.rules .sentence').getByText('typists').waitFor();
      assert.match(gatekey.run(['policy', 'show']), /typists/);
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('so with the form of a client, of a new one, and of a user who has a role', async () => {
      const { context, page, heard } = await stale('#/clients/notes');
      await page.getByRole('button', { name: 'Edit' }).click();
      const client = page.getByRole('dialog', { name: 'Edit Notes' });
      const more = client.getByLabel('Its pages may ask by the browser’s account chooser (FedCM)');
      const typed = async () => [await client.getByLabel('Name').inputValue(), await client.getByLabel('Redirect URIs').inputValue(), await more.isChecked()];
      const changed = ['Notes & more', `${CALLBACK}\nhttp://127.0.0.1:9/other`, true];
      await client.getByLabel('Name').fill(changed[0]);
      // A first-party client that is led elsewhere.
      await client.getByLabel('Redirect URIs').fill(changed[1]);
      await client.getByText('More', { exact: true }).click();
      await more.check();
      await client.getByRole('button', { name: 'Save' }).click();
      await prove(gatekey, page, '#/clients/notes');
      assert.deepEqual(await typed(), changed);
      await client.getByRole('button', { name: 'Save' }).click();
      await heading(page, changed[0]);
      await page.locator('.facts').getByText('http://127.0.0.1:9/other').waitFor();

      gatekey.ageSignIns();
      await page.goto(admin('#/clients/new/machine'));
      await page.reload();
      await page.getByLabel('Name').fill('Night watch');
      await page.getByLabel('APIs its tokens are for').fill('urn:gatekey:admin');
      await page.getByLabel('Scope').fill('events:read');
      await page.getByLabel('Client id').fill('watch-1');
      await page.getByRole('button', { name: 'Register' }).click();
      await prove(gatekey, page, '#/clients/new/machine');
      const fields = ['Name', 'APIs its tokens are for', 'Scope', 'Client id'];
      assert.deepEqual(await Promise.all(fields.map((label) => page.getByLabel(label).inputValue())), ['Night watch', 'urn:gatekey:admin', 'events:read', 'watch-1']);
      assert.doesNotMatch(gatekey.run(['client', 'list']), /watch-1/);
      await page.getByRole('button', { name: 'Register' }).click();
      await heading(page, 'Night watch is registered');
      // Another new one is empty.
      await page.getByRole('link', { name: 'Register another' }).click();
      await page.getByRole('link', { name: /^A machine|machine/i }).first().click();
      assert.equal(await page.getByLabel('Name').inputValue(), '');

      gatekey.run(['user', 'create', 'dora', '--role', 'auditor'], 'ninth horse battery staple\n');
      gatekey.ageSignIns();
      await page.goto(admin('#/users'));
      await page.reload();
      await page.getByRole('link', { name: 'dora', exact: true }).click();
      await heading(page, 'dora');
      const place = new URL(page.url()).hash;
      await page.getByRole('button', { name: 'Edit' }).click();
      const user = page.getByRole('dialog', { name: 'Edit dora' });
      await user.getByLabel('Groups').fill('night shift');
      await user.getByRole('button', { name: 'Save' }).click();
      await prove(gatekey, page, place);
      assert.equal(await user.getByLabel('Groups').inputValue(), 'night shift');
      await user.getByRole('button', { name: 'Save' }).click();
      await page.locator('.facts').getByRole('link', { name: 'shift' }).waitFor();
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('so with a role that was chosen, and with a key; who changes their mind there finds no dialog at another place', async () => {
      const { context, page, heard } = await stale('#/users');
      await page.getByRole('link', { name: 'bob', exact: true }).click();
      await heading(page, 'bob');
      const place = new URL(page.url()).hash;
      await page.getByRole('button', { name: 'Role' }).click();
      const role = page.getByRole('dialog', { name: 'Role of bob' });
      await role.getByRole('combobox').selectOption('auditor');
      await role.getByRole('button', { name: 'Save' }).click();
      await prove(gatekey, page, place);
      assert.equal(await role.getByRole('combobox').inputValue(), 'auditor');
      await role.getByRole('button', { name: 'Save' }).click();
      await page.locator('.facts').getByText('auditor').waitFor();

      gatekey.ageSignIns();
      await page.goto(admin('#/keys'));
      await page.reload();
      await page.getByRole('button', { name: 'New key' }).click();
      const key = page.getByRole('dialog', { name: 'New key' });
      await key.getByLabel('Algorithm').selectOption('RS256');
      await key.getByLabel('It signs at once').check();
      await key.getByRole('button', { name: 'Make a key that signs at once' }).click();
      await page.getByRole('dialog', { name: 'Confirm that it is you' }).getByRole('button', { name: 'Stay here' }).click();
      // Nothing was done, and everything is as it was.
      assert.deepEqual([await key.getByLabel('Algorithm').inputValue(), await key.getByLabel('It signs at once').isChecked()], ['RS256', true]);
      await key.getByRole('button', { name: 'Make a key that signs at once' }).click();
      await prove(gatekey, page, '#/keys');
      await key.waitFor();
      assert.deepEqual([await key.getByLabel('Algorithm').inputValue(), await key.getByLabel('It signs at once').isChecked()], ['RS256', true]);
      await key.getByRole('button', { name: 'Cancel' }).click();
      await page.reload();
      await heading(page, 'Keys');
      await page.getByRole('table', { name: 'Keys for RS256' }).waitFor();
      assert.equal(await page.getByRole('dialog').count(), 0);
      assert.equal(await page.getByRole('table', { name: 'Keys for RS256' }).getByRole('row').count(), 2);
      assert.deepEqual(heard(), []);
      await context.close();
    });
  });
}
