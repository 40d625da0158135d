// The console's events, keys, refresh token families, and what may be done with a client as a whole.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { CALLBACK, PAYLOADS, VERIFIER, admin as adminOf, begin, end, harmed, heading, isRefusal, signedInto, token, visitor as visitorOf } from '../support/console.mjs';
import { USER, databasesOf } from '../support/gatekey.mjs';

const BOB = { name: 'bob', password: 'wrong donkey battery clip' };
const CLIENTS = `
[keys]
announce = "P2D"

[[clients]]
id = "photos"
name = "Photos"
kind = "spa"
first_party = true
redirect_uris = ["${CALLBACK}"]
refresh_overlap = "PT0S"
`;

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let gatekey, browser;

    before(async () => {
      ({ gatekey, browser } = await begin(chromium, kind, { clients: CLIENTS }, (gatekey) => gatekey.createUser(BOB.name, BOB.password)));
    });
    after(() => end({ gatekey, browser }));

    const admin = (place) => adminOf(gatekey, place);
    const visitor = (options) => visitorOf(browser, gatekey, options);
    /** Bob signs in to the application; its refresh token. */
    const signedIn = async () => (await signedInto(gatekey, 'photos', BOB)).refresh_token;
    const renew = (refresh_token) => token(gatekey, 'photos', { grant_type: 'refresh_token', refresh_token });

    test('an old refresh token comes back: the event says so, the family says where and how late, and leads to both', async () => {
      const first = await signedIn();
      await renew((await renew(first)).refresh_token);
      assert.equal((await renew(first)).error, 'invalid_grant');
      const { context, page, heard } = await visitor({ place: '#/events' });
      const event = page.locator('.event.alarm').first();
      await event.getByText('An old refresh token of bob came back at Photos: its family was ended.').waitFor();
      await event.getByText('Details').click();
      for (const told of ['refresh.reuse_detected', '127.0.0.1']) await event.getByText(told).first().waitFor();
      await event.locator('.facts div').filter({ hasText: 'Presented' }).getByText('1').waitFor();
      await event.getByRole('link', { name: 'family', exact: true }).click();
      await heading(page, 'Refresh token family');
      await page.getByText('The token of generation 1 was presented').waitFor();
      await page.getByText('when generation 3 was the newest').waitFor();
      await page.locator('.facts').getByText('reuse detected').waitFor();
      await page.getByText('2 times, last').waitFor();
      assert.equal(await page.getByRole('button', { name: 'End' }).count(), 0);

      // One that lives is ended here.
      await signedIn();
      await page.goto(admin('#/families?client=photos'));
      await page.locator('td.first a').first().click();
      await page.getByText('Nothing out of the ordinary').waitFor();
      await page.getByRole('button', { name: 'End' }).click();
      await page.getByRole('dialog').getByText('Ends 1 refresh token family').waitFor();
      await page.getByRole('button', { name: 'End 1 family' }).click();
      await page.locator('.facts').getByText('revoked by admin').waitFor();
      await page.locator('.event').getByText(`${USER.name} ended a refresh token family of bob.`).waitFor();
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('events are filtered by user, kind, object and day, and the filter is the address; what it leaves is saved as lines', async () => {
      gatekey.run(['client', 'create', 'wiki', '--kind', 'spa', '--name', 'Wiki', '--redirect-uri', 'https://wiki.example.test/']);
      gatekey.run(['client', 'update', 'wiki', '--name', 'The wiki']);
      const { context, page, heard } = await visitor({ place: '#/events' });
      const sentences = () => page.locator('.event .line p').allInnerTexts();
      const only = (pattern) => page.waitForFunction((source) => [...document.querySelectorAll('.event .line p')].length > 0 && [...document.querySelectorAll('.event .line p')].every((p) => new RegExp(source).test(p.textContent)), pattern.source);
      await page.locator('.event').first().waitFor();

      await page.getByLabel('What', { exact: true }).selectOption('client.updated');
      await only(/^The command line changed name of The wiki/);
      await page.locator('.event summary').click();
      const row = page.getByRole('row').filter({ hasText: 'name' });
      assert.deepEqual(await row.locator('td').allInnerTexts(), ['Wiki', 'The wiki']);
      await page.getByRole('link', { name: 'All that happened to this client' }).click();
      await page.locator('.event').nth(1).waitFor();
      await only(/The wiki/);
      assert.equal((await sentences()).length, 2);
      assert.equal(page.url(), admin('#/events?object=wiki'));

      await page.getByRole('link', { name: 'Everything', exact: true }).click();
      await page.locator('.event').nth(2).waitFor();
      await page.getByLabel('User').fill('bob');
      await only(/\bbob\b/);
      await page.getByLabel('User').fill('nobody');
      await page.keyboard.press('Enter');
      await page.getByText('Nobody has this name.').waitFor();
      await page.getByLabel('User').fill('');
      // Today, by the reader's own calendar, as it comes from the page; and the days before it, in which nothing happened.
      const [today, yesterday] = await page.evaluate(() => [0, 1].map((ago) => new Date(Date.now() - ago * 86_400_000 - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 10)));
      await page.getByLabel('To', { exact: true }).fill(yesterday);
      await page.getByText('Nothing that this filter leaves').waitFor();
      await page.getByLabel('To', { exact: true }).fill(today);
      await page.getByLabel('From').fill(today);
      await page.getByText('The command line registered The wiki.').waitFor();

      const shown = (await sentences()).length;
      const saved = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Export' }).click();
      const file = await saved;
      assert.match(file.suggestedFilename(), /^events-\d{4}-\d\d-\d\d\.ndjson$/);
      const lines = (await readFile(await file.path(), 'utf8')).trimEnd().split('\n').map((line) => JSON.parse(line));
      assert.equal(lines.length, shown);
      assert.ok(lines.some(({ kind, object }) => kind === 'client.updated' && object.id === 'wiki'));
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('older events come by pages', async () => {
      const { context, page, heard } = await visitor({ place: '#/users' });
      await heading(page, 'Users');
      // More than a page of them, by the API itself.
      for (let i = 0; i < 26; i++) for (const act of ['disable', 'enable']) gatekey.run(['user', act, BOB.name]);
      await page.goto(admin('#/events'));
      await page.locator('.event').nth(49).waitFor();
      assert.equal(await page.locator('.event').count(), 50);
      while (await page.getByRole('button', { name: 'Show older ones' }).count()) {
        const before = await page.locator('.event').count();
        await page.getByRole('button', { name: 'Show older ones' }).click();
        await page.waitForFunction((before) => document.querySelectorAll('.event').length > before, before);
      }
      await page.locator('.event').last().getByText(/created the user alice/).waitFor();
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('the next key is made and announced, one that has signed nothing is retired, and the one that signs is not', async () => {
      const { context, page, heard } = await visitor({ place: '#/keys' });
      const keys = page.getByRole('table', { name: 'Keys for ES256' });
      await keys.getByText('signs until the next one does').waitFor();
      await page.getByText('The server makes the next key by itself, in time.').waitFor();
      assert.equal(await keys.getByRole('button', { name: 'Retire' }).count(), 0);
      await page.getByRole('button', { name: 'New key' }).click();
      const dialog = page.getByRole('dialog', { name: 'New key' });
      await dialog.getByText('Nobody notices.').waitFor();
      await dialog.getByLabel('It signs at once').check();
      await dialog.getByRole('button', { name: 'Make a key that signs at once' }).waitFor();
      await dialog.getByLabel('It signs at once').uncheck();
      await dialog.getByRole('button', { name: 'Make the next key' }).click();
      await keys.getByText('announced').waitFor();
      await page.getByText('the next one is published, and takes over in').waitFor();
      await keys.getByRole('button', { name: 'Retire' }).click();
      await page.getByRole('dialog').getByText('It has signed nothing yet.').waitFor();
      await page.getByRole('button', { name: 'Retire the key' }).click();
      await keys.getByText('retired').waitFor();
      await page.goto(admin('#/events?kind=key.retired'));
      await page.locator('.event').getByText(/^alice retired the signing key …[\w-]+ \(ES256\)\.$/).waitFor();
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('a client gets a new secret, told once; it loses all it has; it is disabled and enabled', async () => {
      const { client_secret: old } = JSON.parse(gatekey.run(['client', 'create', 'shop', '--kind', 'web', '--name', 'Shop', '--redirect-uri', 'https://shop.example.test/callback', '--json']));
      const { context, page, heard } = await visitor({ place: '#/clients/shop' });
      const asks = async (secret) => (await (await fetch(new URL('oauth/token', gatekey.issuer), { method: 'POST', headers: { Authorization: `Basic ${Buffer.from(`shop:${secret}`).toString('base64')}` }, body: new URLSearchParams({ grant_type: 'authorization_code', code: 'none', redirect_uri: 'https://shop.example.test/callback', code_verifier: VERIFIER }) })).json()).error;
      const dialog = page.getByRole('dialog');
      /** Makes a secret; the one before works on for so long. */
      const anew = async (overlap) => {
        await page.getByRole('button', { name: 'New secret' }).click();
        await dialog.getByLabel('The secret it has now').selectOption(overlap);
        await dialog.getByRole('button', { name: 'Make a new secret' }).click();
        await dialog.waitFor({ state: 'detached' });
        return page.locator('.secret code').innerText();
      };
      const beside = await anew('For a day');
      assert.deepEqual([await asks(old), await asks(beside)], ['invalid_grant', 'invalid_grant'], 'both work');
      await page.getByText('works until').waitFor();
      await page.getByRole('button', { name: 'End the old secret' }).click();
      await dialog.getByText('has not got the new secret yet').waitFor();
      await dialog.getByRole('button', { name: 'End the old secret' }).click();
      await page.getByRole('status').getByText('Only the new secret works now.').waitFor();
      assert.deepEqual([await asks(old), await asks(beside)], ['invalid_client', 'invalid_grant']);
      const secret = await anew('It is dead at once: others may know it');
      assert.deepEqual([await asks(beside), await asks(secret)], ['invalid_client', 'invalid_grant']);
      await page.reload();
      await heading(page, 'Shop');
      assert.equal((await page.locator('main').innerText()).includes(secret), false, 'the secret is told once');

      const refresh = await signedIn();
      await page.goto(admin('#/clients/photos'));
      await page.getByRole('button', { name: 'End everything' }).click();
      await page.getByRole('dialog').getByText(/It loses its share in \d+ sessions? and \d+ refresh token famil/).waitFor();
      await page.getByRole('button', { name: 'End it all' }).click();
      await page.getByRole('status').getByText(/^Ended .*refresh token famil/).waitFor();
      assert.equal((await renew(refresh)).error, 'invalid_grant');
      await page.getByRole('button', { name: 'Disable' }).click();
      await page.getByRole('dialog').getByText('Nobody can sign in to it until somebody enables it').waitFor();
      await page.getByRole('button', { name: 'Disable the client' }).click();
      await page.locator('.facts').getByText('disabled').waitFor();
      await page.getByRole('button', { name: 'Enable' }).click();
      await page.getByRole('button', { name: 'Enable the client' }).click();
      await page.locator('.facts').getByText('in use').waitFor();
      await page.getByRole('link', { name: 'Its sessions' }).click();
      await heading(page, 'Sessions');
      await page.getByText('Nobody of these is signed in now.').waitFor();
      await page.getByLabel('State').selectOption('ended');
      await page.getByRole('cell', { name: 'bob' }).first().waitFor();
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('UI-14: what events tell of names and changes is text', async () => {
      for (const [i, name] of PAYLOADS.entries()) {
        gatekey.run(['client', 'create', `hostile-${i}`, '--kind', 'spa', '--name', name, '--redirect-uri', 'https://hostile.example.test/']);
        gatekey.run(['client', 'update', `hostile-${i}`, '--name', `${name} again`]);
      }
      const { context, page, problems } = await visitor({ place: '#/events' });
      await page.locator('.event').first().waitFor();
      for (const [i, name] of PAYLOADS.entries()) {
        await page.goto(admin(`#/events?object=hostile-${i}`));
        await page.locator('.event').nth(1).waitFor();
        await page.waitForFunction(() => document.querySelectorAll('.event .line bdi').length === 2);
        for (const summary of await page.locator('.event summary').all()) await summary.click();
        // The positive control: it is there, whole, as text.
        const text = (await page.locator('.events').innerText()).replaceAll('\u202e', '');
        assert.ok(text.includes(`${name} again`.replaceAll('\u202e', '')), name);
        assert.deepEqual(await harmed(page), [undefined, 0]);
      }
      assert.deepEqual(problems.filter((line) => !isRefusal(line)), []);
      await context.close();
    });
  });
}
