// The console's users: finding, creating and changing them, their sessions, what they have allowed, and what roles let somebody see.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { allow, focused, signIn, tabTo } from '../support/chromium.mjs';
import { CALLBACK, PAYLOADS, admin as adminOf, authorizeUrl, begin, end, harmed, heading, isRefusal, redeem, visitor as visitorOf } from '../support/console.mjs';
import { USER, databasesOf } from '../support/gatekey.mjs';

const SUPPORT = { name: 'sue', password: 'helpful horse battery staple' };
const CLIENT = `
[[clients]]
id = "notes"
name = "Notes"
kind = "spa"
redirect_uris = ["${CALLBACK}"]
`;

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let gatekey, browser;

    before(async () => {
      ({ gatekey, browser } = await begin(chromium, kind, { clients: CLIENT }, (gatekey) => gatekey.run(['user', 'create', SUPPORT.name, '--role', 'support'], `${SUPPORT.password}\n`)));
    });
    after(() => end({ gatekey, browser }));

    const admin = (place) => adminOf(gatekey, place);
    const visitor = (options) => visitorOf(browser, gatekey, options);
    const names = (page) => page.locator('td.first a').allInnerTexts();
    const list = (page, expected) => page.waitForFunction((expected) => JSON.stringify([...document.querySelectorAll('td.first a')].map((a) => a.textContent)) === expected, JSON.stringify(expected));

    /** A person who signs in to the application, allows it what it asks, and stays. */
    async function signedIn(who) {
      const context = await browser.newContext({ locale: 'en-US', userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0' });
      const page = await context.newPage();
      await page.route('http://127.0.0.1:9/**', (route) => route.fulfill({ contentType: 'text/html', body: '<title>Notes</title>' }));
      await page.goto(authorizeUrl(gatekey, 'notes', 'openid profile').href);
      await signIn(page, who);
      await page.waitForURL('**/consent?**');
      await allow(page);
      await page.waitForURL('http://127.0.0.1:9/**');
      await redeem(gatekey, 'notes', new URL(page.url()).searchParams.get('code'));
      return context;
    }

    test('a user is created without a password, found as one types, changed unless somebody was faster, and deleted', async () => {
      const { context, page, heard } = await visitor({ place: '#/users' });
      await heading(page, 'Users');
      await page.getByRole('button', { name: 'New user' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('A user is made without a password').waitFor();
      await dialog.getByLabel('User name').fill('Carol');
      await dialog.getByLabel('E-mail').fill('not an address');
      await dialog.getByRole('button', { name: 'Create' }).click();
      await dialog.locator('.field.wrong').filter({ hasText: 'E-mail' }).locator('.error').waitFor();
      await dialog.getByLabel('E-mail').fill('carol@example.test');
      await dialog.getByLabel('Groups').fill('staff, editors');
      await dialog.getByRole('button', { name: 'Create' }).click();
      await heading(page, 'carol');
      await page.getByText('There is no password yet').waitFor();
      await page.locator('.facts').getByText('editors').waitFor();

      // As one types; the focus stays where one types.
      await page.getByRole('link', { name: 'Users' }).first().click();
      await list(page, ['carol', SUPPORT.name, USER.name]);
      await page.getByRole('searchbox', { name: 'Search users' }).pressSequentially('CAR');
      await list(page, ['carol']);
      assert.equal(page.url(), admin('#/users?search=CAR'));
      await page.getByRole('searchbox', { name: 'Search users' }).fill('nobody');
      await page.getByText('No user name and no e-mail address begins with “nobody”.').waitFor();
      await page.getByRole('searchbox', { name: 'Search users' }).fill('');
      await list(page, ['carol', SUPPORT.name, USER.name]);

      await page.getByRole('link', { name: 'carol' }).click();
      await page.getByRole('button', { name: 'Edit' }).click();
      await dialog.getByLabel(/^Name/).fill('Carol Jones');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Carol Jones').first().waitFor();

      // Somebody else was faster: nothing is written over, and what there is now is shown.
      await page.getByRole('button', { name: 'Edit' }).click();
      gatekey.run(['user', 'update', 'carol', '--name', 'Carol Smith']);
      await dialog.getByLabel(/^Name/).fill('Carol Brown');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.getByRole('alert').getByText('Somebody else changed this meanwhile').waitFor();
      await dialog.getByRole('button', { name: 'Show what it is now' }).click();
      await page.getByText('Carol Smith').first().waitFor();

      await page.getByRole('button', { name: 'Delete' }).click();
      const confirm = page.getByRole('dialog', { name: 'Delete carol?' });
      await confirm.getByText('Ends 0 sessions').waitFor();
      assert.equal(await confirm.getByRole('button', { name: 'Delete the user' }).isDisabled(), true);
      await confirm.getByRole('textbox').fill('carol');
      await confirm.getByRole('button', { name: 'Delete the user' }).click();
      await heading(page, 'Users');
      await list(page, [SUPPORT.name, USER.name]);
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('a user without a password gets the link to one, told once; who follows it sets it and signs in', async () => {
      const { context, page, heard } = await visitor({ place: '#/users' });
      await heading(page, 'Users');
      await page.getByRole('button', { name: 'New user' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('User name').fill('gina');
      await dialog.getByRole('button', { name: 'Create' }).click();
      await page.getByRole('button', { name: 'First password' }).click();
      await dialog.getByLabel('The link is good for').selectOption('A day');
      await dialog.getByRole('button', { name: 'Make the link' }).click();
      const link = await page.locator('.secret code').innerText();
      await page.reload();
      await heading(page, 'gina');
      assert.equal((await page.locator('main').innerText()).includes(link), false, 'the link is told once');

      const theirs = await browser.newContext({ locale: 'en-US' });
      const other = await theirs.newPage();
      await other.goto(link);
      for (const field of await other.locator('input[type=password]').all()) await field.fill('a first horse battery staple');
      await other.keyboard.press('Enter');
      await other.waitForFunction(() => !document.querySelector('input[type=password]'));
      await other.goto(admin(''));
      await other.waitForURL('**/login?**');
      await signIn(other, { name: 'gina', password: 'a first horse battery staple' });
      await other.getByRole('heading', { name: 'You are not an administrator' }).waitFor();
      await theirs.close();

      await page.reload();
      await page.locator('.facts').getByText('may sign in').waitFor();
      await page.getByRole('button', { name: 'Reset password' }).click();
      await dialog.getByText('all their sessions and refresh tokens end').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('link', { name: 'What happened' }).click();
      await page.locator('.event').getByText('gina set a new password by a link.').waitFor();
      await page.locator('.event').getByText('alice made a link by which gina sets a new password.').waitFor();
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('where a user is signed in and to what; a consent is withdrawn, sessions are ended, the user disabled and enabled, each with what it ends', async () => {
      const dora = { name: 'dora', password: 'quiet horse battery staple' };
      gatekey.createUser(dora.name, dora.password);
      const theirs = [await signedIn(dora)];
      const { context, page, heard } = await visitor({ place: '#/users?search=dora' });
      await page.getByRole('link', { name: 'dora' }).click();
      const sessions = page.getByRole('table', { name: 'Sessions of this user' });
      await sessions.getByRole('link', { name: 'Notes' }).waitFor();
      const consents = page.getByRole('table', { name: 'Consents of this user' });
      await consents.getByText('openid profile').waitFor();
      await consents.getByRole('button', { name: 'Withdraw' }).click();
      await page.getByRole('dialog').getByText('has to ask the user again').waitFor();
      await page.getByRole('button', { name: 'Withdraw the consent' }).click();
      await page.getByText('Nothing was asked').waitFor();

      await page.getByRole('button', { name: 'End all' }).click();
      await page.getByRole('dialog').getByText('Ends 1 session:').waitFor();
      await page.getByRole('button', { name: 'End them all' }).click();
      await page.getByRole('status').getByText('Ended 1 session').waitFor();
      await page.getByText('Signed in nowhere').waitFor();

      theirs.push(await signedIn(dora));
      await page.reload();
      await sessions.getByRole('link', { name: 'Firefox on Linux' }).waitFor();
      await page.getByRole('button', { name: 'Disable' }).click();
      await page.getByRole('dialog').getByText('Ends 1 session, with every token').waitFor();
      await page.getByRole('button', { name: 'Disable the user' }).click();
      await page.locator('.facts').getByText('disabled').waitFor();
      await page.getByText('Signed in nowhere').waitFor();
      await page.getByRole('button', { name: 'Enable' }).click();
      await page.getByRole('button', { name: 'Enable the user' }).click();
      await page.locator('.facts').getByText('may sign in').waitFor();
      // What was ended is a click away.
      await page.getByRole('link', { name: 'Ended sessions' }).click();
      await heading(page, 'Sessions');
      await page.getByText('user disabled').waitFor();
      await page.waitForFunction(() => document.querySelector('[aria-label=User]').value === 'dora');
      assert.deepEqual(await names(page), ['Firefox on Linux', 'Firefox on Linux']);
      assert.deepEqual(heard(), []);
      for (const one of theirs) await one.close();
      await context.close();
    });

    test('a role is given and taken; who has it sees what it reaches, and of the rest who can', async () => {
      gatekey.createUser('eve', 'another horse battery staple');
      const { context, page, heard } = await visitor({ place: '#/users?search=eve' });
      await page.getByRole('link', { name: 'eve', exact: true }).click();
      for (const [role, shown] of [['auditor', 'auditor'], ['', 'none']]) {
        await page.getByRole('button', { name: 'Role' }).click();
        await page.getByRole('dialog').getByRole('combobox').selectOption(role);
        await page.getByRole('button', { name: 'Save' }).click();
        await page.locator('.facts div').filter({ has: page.getByText('Role', { exact: true }) }).getByText(shown).waitFor();
      }
      assert.deepEqual(heard(), []);
      await context.close();

      const support = await visitor({ who: SUPPORT, place: '#/sessions' });
      await support.page.getByRole('cell', { name: SUPPORT.name }).first().waitFor();
      await support.page.goto(admin('#/keys'));
      await support.page.getByRole('alert').getByText('Your account may not do this. Administrators, developers and auditors can.').waitFor();
      await support.page.getByRole('link', { name: 'Users' }).click();
      await support.page.getByRole('link', { name: 'eve', exact: true }).click();
      await support.page.getByText('Administrators can change, disable and delete users. Administrators can give roles.').waitFor();
      assert.deepEqual(await support.page.locator('.page-head').getByRole('button').allInnerTexts(), ['Reset password']);
      // A role that shrinks meanwhile: what is open is refused where it stands, and is then not offered any more.
      await support.page.goto(admin('#/sessions'));
      const end = support.page.getByRole('button', { name: /^End / });
      await end.first().click();
      gatekey.run(['user', 'update', SUPPORT.name, '--role', 'auditor']);
      await support.page.getByRole('button', { name: 'End 1 session' }).click();
      await support.page.getByRole('dialog').getByRole('alert').getByText('Your account may not do this').waitFor();
      await support.page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
      await support.page.getByText('Administrators and the support can end sessions and refresh tokens.').waitFor();
      assert.equal(await end.count(), 0);
      gatekey.run(['user', 'update', SUPPORT.name, '--role', 'support']);
      assert.deepEqual(support.heard(), []);
      await support.context.close();
    });

    test('users are filtered by group, role and state, and the filter is the address', async () => {
      for (const [name, groups] of [['hank', 'drivers'], ['ines', 'drivers,cooks'], ['jack', 'cooks']]) {
        gatekey.createUser(name, 'seventh horse battery staple');
        gatekey.run(['user', 'update', name, '--groups', groups]);
      }
      gatekey.run(['user', 'disable', 'ines']);
      const { context, page, heard } = await visitor({ place: '#/users' });
      await page.getByRole('link', { name: 'jack', exact: true }).click();
      await page.locator('.facts').getByRole('link', { name: 'cooks' }).click();
      await list(page, ['jack', 'ines']);
      assert.equal(page.url(), admin('#/users?group=cooks'));
      await page.getByLabel('State').selectOption('disabled');
      await list(page, ['ines']);
      await page.getByLabel('Group').fill('drivers');
      await page.getByLabel('State').selectOption('active');
      await list(page, ['hank']);
      await page.getByRole('link', { name: 'All users' }).click();
      await page.getByLabel('Role').selectOption('support');
      await list(page, [SUPPORT.name]);
      await page.getByRole('searchbox').fill('nobody');
      await page.getByText('of those that the filter leaves').waitFor();
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('users come newest first, oldest first or by name, and the order is the address; sessions and families newest first', async () => {
      gatekey.createUser('adam', 'sixth horse battery staple');
      const { context, page, heard } = await visitor({ place: '#/users' });
      const order = page.getByLabel('Order');
      const shown = async (first) => {
        await page.waitForFunction((first) => document.querySelector('td.first a')?.textContent === first, first);
        return names(page);
      };
      const newest = await shown('adam');
      assert.ok(newest.length > 2 && newest.at(-1) === USER.name, newest.join());
      await order.selectOption('Oldest first');
      assert.deepEqual(await shown(USER.name), newest.toReversed());
      assert.equal(page.url(), admin('#/users?sort=oldest'));
      await order.selectOption('Name A–Z');
      assert.deepEqual(await shown('adam'), newest.toSorted());
      assert.equal(page.url(), admin('#/users?sort=name'));
      // By name the server has everybody only, and a search has its own order.
      await page.getByLabel('Role').selectOption('support');
      await list(page, [SUPPORT.name]);
      assert.deepEqual(await order.locator('option').allInnerTexts(), ['Newest first', 'Oldest first']);
      await page.getByRole('link', { name: 'All users' }).click();
      assert.deepEqual(await shown('adam'), newest.toSorted());
      await page.getByRole('searchbox').fill('sue');
      await list(page, [SUPPORT.name]);
      assert.equal(await order.count(), 0);
      for (const place of ['sessions', 'families']) {
        await page.goto(admin(`#/${place}?state=all`));
        await heading(page, place === 'sessions' ? 'Sessions' : 'Refresh token families');
        await page.locator(`td.first a[href*="#/${place}/"]`).first().waitFor();
        const ids = await page.locator('td.first a').evaluateAll((links) => links.map((link) => link.hash));
        // The ids tell when they were made.
        assert.deepEqual(ids, ids.toSorted().toReversed());
        assert.ok(ids.length > 1, place);
      }
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('the ways that are offered are those that the role reaches, on a desk, by keyboard and on a phone; in another role they are others', async () => {
      const all = ['Overview', 'Users', 'Sessions', 'Clients', 'Lifetimes', 'Keys', 'Events', 'Settings'];
      const lacking = { administrator: [], auditor: [], support: ['Keys', 'Settings'], developer: ['Users', 'Sessions', 'Settings'] };
      for (const [role, without] of Object.entries(lacking)) {
        const who = { name: `a-${role}`, password: 'ninth horse battery staple' };
        gatekey.run(['user', 'create', who.name, '--role', role], `${who.password}\n`);
        const { context, page, heard } = await visitor({ who });
        await heading(page, 'Overview');
        const offered = all.filter((title) => !without.includes(title));
        const navigation = page.getByRole('navigation', { name: 'Console' });
        assert.deepEqual(await navigation.getByRole('link').allInnerTexts(), offered, role);
        for (const title of offered.slice(1)) {
          await tabTo(page, new RegExp(`^${title}$`));
          await page.keyboard.press('Enter');
          await heading(page, title);
          await page.waitForFunction(() => !document.querySelector('.loading'));
          assert.equal(await page.getByRole('alert').count(), 0, `${role}: ${title}`);
          // From the heading, which has the focus, back to the ways.
          await page.waitForFunction((title) => document.activeElement?.textContent === title, title);
          await page.getByRole('link', { name: 'Skip to the page' }).focus();
        }
        // What is not offered is refused at its address, too.
        for (const title of without) {
          await page.goto(admin(`#/${title.toLowerCase()}`));
          await page.getByRole('alert').getByText('Your account may not do this').waitFor();
        }
        assert.deepEqual(heard(), []);
        await context.close();
      }

      const who = { name: 'a-auditor', password: 'ninth horse battery staple' };
      const { context, page, heard } = await visitor({ who, viewport: { width: 390, height: 844 }, hasTouch: true });
      await heading(page, 'Overview');
      const menu = page.getByRole('dialog', { name: 'Menu' });
      await page.getByRole('button', { name: 'Menu' }).click();
      assert.deepEqual(await menu.getByRole('navigation').getByRole('link').allInnerTexts(), all);
      gatekey.run(['user', 'update', who.name, '--role', 'support']);
      await menu.getByRole('link', { name: 'Keys' }).click();
      await page.getByRole('alert').getByText('Your account may not do this').waitFor();
      await page.getByRole('button', { name: 'Menu' }).click();
      await menu.getByRole('link', { name: 'Settings' }).waitFor({ state: 'detached' });
      assert.deepEqual(await menu.getByRole('navigation').getByRole('link').allInnerTexts(), all.filter((title) => !lacking.support.includes(title)));
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('by keyboard alone: finding a user, opening a dialog, and leaving it where one was', async () => {
      gatekey.createUser('fred', 'fifth horse battery staple');
      const { context, page, heard } = await visitor({ place: '#/users' });
      await heading(page, 'Users');
      await page.getByRole('cell', { name: 'fred' }).first().waitFor();
      await tabTo(page, /^Search users$|^$/);
      await page.keyboard.type('fred');
      await list(page, ['fred']);
      await tabTo(page, /^fred$/);
      await page.keyboard.press('Enter');
      await heading(page, 'fred');
      await tabTo(page, /^Edit$/);
      await page.keyboard.press('Enter');
      await page.getByRole('dialog', { name: 'Edit fred' }).waitFor();
      await page.keyboard.press('Escape');
      await page.waitForFunction(() => document.activeElement?.textContent === 'Edit');
      assert.equal(await focused(page), 'Edit');
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('UI-14: what users are called, by themselves or by others, is text', async () => {
      const { context, page, problems } = await visitor({ place: '#/users' });
      await heading(page, 'Users');
      for (const [i, name] of PAYLOADS.entries()) gatekey.run(['user', 'create', `h${i}${name.replace(/[\s\u202e]/g, '').toLowerCase()}`, '--name', name, '--email', `h${i}@example.test`], 'hostile horse battery staple\n');
      for (const [i, name] of PAYLOADS.entries()) {
        await page.goto(admin(`#/users?search=h${i}`));
        await page.reload();
        await page.locator('td.first a').click();
        await page.getByText(`h${i}@example.test`).waitFor();
        // The positive control: both are there, whole, as text.
        assert.equal(await page.locator('h1').innerText(), `h${i}${name.replace(/[\s\u202e]/g, '').toLowerCase()}`);
        assert.equal((await page.locator('.lead').innerText()).replaceAll('\u202e', ''), name.replaceAll('\u202e', ''));
        assert.deepEqual(await harmed(page), [undefined, 0]);
      }
      assert.deepEqual(problems.filter((line) => !isRefusal(line)), []);
      await context.close();
    });
  });
}
