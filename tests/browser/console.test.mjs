// The console at /admin as administrators have it, in Chromium: signing in and staying signed in, what it says when it may not, and each page.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { complaints, focused, signIn, tabTo } from '../support/chromium.mjs';
import { CALLBACK, PAYLOADS, admin as adminOf, begin, end, harmed, heading, isRefusal, makeAdministrator, signedInto, visitor as visitorOf } from '../support/console.mjs';
import { Gatekey, USER, databasesOf, freePort } from '../support/gatekey.mjs';

/** More than a page of a list holds. */
const BRANCHES = Array.from({ length: 60 }, (_, i) => `outlet-${String(i).padStart(2, '0')}`);
const BOB = { name: 'bob', password: 'wrong donkey battery clip' };
for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let gatekey, browser;

    before(async () => {
      const named = PAYLOADS.map((name, i) => `
[[clients]]
id = "named-${i}"
name = ${JSON.stringify(name)}
kind = "web"
redirect_uris = ["https://app.example.test/callback"]
`).join('');
      const branches = BRANCHES.map((id, i) => `[[clients]]\nid = "${id}"\nname = "Branch ${i}"\nkind = "web"\nredirect_uris = ["https://${id}.example.test/callback"]\n`).join('\n');
      ({ gatekey, browser } = await begin(chromium, kind, { clients: named + branches }, (gatekey) => gatekey.createUser(BOB.name, BOB.password)));
    });
    after(() => end({ gatekey, browser }));

    const admin = (place) => adminOf(gatekey, place);
    const visitor = (options) => visitorOf(browser, gatekey, options);

    test('signing in leads back to the place; a reload asks for nothing; signing out is told, and the next sign-in is one click', async () => {
      const { context, page, heard } = await visitor({ place: '#/sessions' });
      await heading(page, 'Sessions');
      await page.reload();
      await heading(page, 'Sessions');
      assert.equal(page.url(), admin('#/sessions'));
      // Nothing of the sign-in is left in the browser for another script or the next person at this machine.
      const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
      assert.equal(kept, '[{},{}]');

      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.waitForURL('**/login?**');
      await signIn(page, USER);
      await heading(page, 'Overview');
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('the token is renewed by rotation, silently', async () => {
      const { context, page, heard } = await visitor();
      await heading(page, 'Overview');
      // As if the token in hand had come to its end: the API refuses it once.
      let refused = 0;
      await context.route('**/admin/api/v1/**', (route) => {
        if (refused++ > 0) return route.continue();
        return route.fulfill({ status: 401, headers: { 'WWW-Authenticate': 'Bearer realm="gatekey", error="invalid_token"' }, contentType: 'application/problem+json', body: '{}' });
      });
      const renewed = page.waitForRequest((request) => request.url().endsWith('/oauth/token') && request.postData().includes('grant_type=refresh_token'));
      await page.getByRole('link', { name: 'Sessions' }).click();
      await renewed;
      await heading(page, 'Sessions');
      await page.getByRole('cell', { name: 'Chrome on Linux' }).first().waitFor();
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('a session is shown and ended, and who sat there is told, keeping the place', async () => {
      const { context, page, heard } = await visitor({ place: '#/sessions' });
      const other = await visitor({ place: '#/', userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0' });
      await heading(other.page, 'Overview');
      await page.reload();
      const row = page.getByRole('row').filter({ hasText: 'Firefox on Linux' });
      await row.getByRole('link', { name: 'Firefox on Linux' }).click();
      await heading(page, 'Firefox on Linux');
      await page.getByText('urn:gatekey:acr:pwd').waitFor();
      // One application's share, by itself: the console's own, which renews by the session and goes on.
      const shares = page.getByRole('table', { name: 'Applications in this session' });
      await shares.getByRole('button', { name: 'End gatekey-console' }).click();
      const asked = page.getByRole('dialog', { name: 'End this application’s share?' });
      await asked.getByText('gatekey-console loses at once what it was given in this session, and has to ask anew. The session goes on').waitFor();
      await asked.getByRole('button', { name: 'End 1 share' }).click();
      await asked.waitFor({ state: 'detached' });
      await other.page.getByRole('link', { name: 'Users' }).click();
      await other.page.getByRole('link', { name: BOB.name, exact: true }).waitFor();
      await page.getByRole('link', { name: 'What happened' }).click();
      await page.locator('.event').getByText(/ended the share of .* in a session of alice\./).waitFor();
      await page.goBack();
      const end = page.getByRole('button', { name: 'End', exact: true });
      await end.click();
      const dialog = page.getByRole('dialog', { name: 'End this session?' });
      await dialog.getByText('Ends 1 session: Firefox on Linux').waitFor();
      // Escape changes its mind, and the focus is where it was.
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      await page.waitForFunction(() => document.activeElement?.textContent === 'End');
      await page.keyboard.press('Enter');
      await dialog.getByRole('button', { name: 'End 1 session' }).click();
      await page.locator('.facts').getByText('revoked by admin').waitFor();

      await other.page.getByRole('link', { name: 'Sessions' }).click();
      const told = other.page.getByRole('dialog', { name: 'You are signed out' });
      await told.getByRole('button', { name: 'Sign in' }).click();
      await other.page.waitForURL('**/login?**');
      await signIn(other.page, USER);
      await heading(other.page, 'Sessions');
      assert.deepEqual([...heard(), ...other.heard()], []);
      await context.close();
      await other.context.close();
    });

    test('who is no administrator reads so, and may come as somebody else', async () => {
      const { context, page, heard } = await visitor({ who: BOB });
      await page.getByRole('heading', { name: 'You are not an administrator' }).waitFor();
      assert.equal(await page.getByRole('navigation').count(), 0);
      await page.getByRole('button', { name: 'Use another account' }).click();
      await page.waitForURL('**/select-account?**');
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('a refusal is told in the server’s words with its number, and can be tried again; so is no answer at all', async () => {
      const { context, page, heard } = await visitor();
      await heading(page, 'Overview');
      let answer = { status: 503, headers: { 'X-Request-Id': 'the-number', 'Retry-After': '1' }, contentType: 'application/problem+json', body: JSON.stringify({ type: 'urn:gatekey:problem:unavailable', title: 'The service is busy', status: 503, detail: 'Nothing was changed; try again in a second.' }) };
      await context.route('**/admin/api/v1/sessions**', (route) => (answer === null ? route.continue() : answer === 'none' ? route.abort() : route.fulfill(answer)));
      await page.getByRole('link', { name: 'Sessions' }).click();
      const alert = page.getByRole('alert');
      await alert.getByText('Nothing was changed').waitFor();
      await alert.getByText('the-number').waitFor();
      answer = 'none';
      await alert.getByRole('button', { name: 'Try again' }).click();
      await alert.getByText('The server cannot be reached').waitFor();
      answer = null;
      await alert.getByRole('button', { name: 'Try again' }).click();
      await page.getByRole('cell', { name: 'Chrome on Linux' }).first().waitFor();
      await page.goto(admin('#/sessions/00000000-0000-7000-8000-000000000000'));
      await alert.getByText('There is no such session.').waitFor();
      await page.goto(admin('#/nowhere'));
      await heading(page, 'There is no such page');
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('by keyboard: skip link, navigation, the focus on the heading of the page that came', async () => {
      const { context, page, heard } = await visitor();
      await heading(page, 'Overview');
      await page.keyboard.press('Tab');
      assert.equal(await focused(page), 'Skip to the page');
      await page.keyboard.press('Enter');
      assert.equal(await focused(page), 'Overview');
      await page.keyboard.press('Shift+Tab');
      await tabTo(page, /^Skip to the page$/);
      await tabTo(page, /^Sessions$/);
      await page.keyboard.press('Enter');
      await heading(page, 'Sessions');
      await page.waitForFunction(() => document.activeElement?.tagName === 'H1');
      assert.equal(await focused(page), 'Sessions');
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('a client is registered, step by step, shown, changed and deleted; each refusal is at its field', async () => {
      const { context, page, heard } = await visitor({ place: '#/clients' });
      await page.getByRole('cell', { name: 'gatekey-console' }).waitFor();
      await page.getByRole('link', { name: 'New client' }).click();
      await page.getByRole('link', { name: /^Web application on a server/ }).click();
      await heading(page, 'New client: Web application on a server');
      await page.getByLabel('Name').fill('Photos & Films');
      assert.equal(await page.getByLabel('Client id').inputValue(), 'photos-films');
      await page.getByLabel('Redirect URIs').fill('not an address');
      await page.getByRole('button', { name: 'Register' }).click();
      await page.locator('.field.wrong').filter({ hasText: 'Redirect URIs' }).locator('.error').waitFor();
      await page.getByLabel('Redirect URIs').fill('https://photos.example.test/callback');
      await page.getByRole('button', { name: 'Register' }).click();
      await heading(page, 'Photos & Films is registered');
      const secret = await page.locator('.secret code').innerText();
      // It is the one the server takes.
      const asked = await fetch(new URL('oauth/token', gatekey.issuer), { method: 'POST', headers: { Authorization: `Basic ${Buffer.from(`photos-films:${secret}`).toString('base64')}` }, body: new URLSearchParams({ grant_type: 'authorization_code', code: 'none', redirect_uri: 'https://photos.example.test/callback', code_verifier: 'v'.repeat(43) }) });
      assert.equal((await asked.json()).error, 'invalid_grant');
      await page.getByRole('button', { name: 'Python (Flask)' }).click();
      await page.getByText('client_id="photos-films"').waitFor();

      await page.getByRole('link', { name: 'Show the client' }).click();
      await heading(page, 'Photos & Films');
      assert.equal((await page.locator('main').innerText()).includes(secret), false, 'the secret is told once');
      await page.getByRole('button', { name: 'Edit' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Name').fill('Pictures');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await heading(page, 'Pictures');

      // Somebody else has changed it meanwhile: nothing is written over.
      gatekey.run(['client', 'update', 'photos-films', '--name', 'Paintings']);
      await page.getByRole('button', { name: 'Edit' }).click();
      await dialog.getByLabel('Name').fill('Prints');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.getByRole('alert').waitFor();
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      await page.reload();
      await heading(page, 'Paintings');

      await page.getByRole('button', { name: 'Delete' }).click();
      const confirm = page.getByRole('dialog', { name: 'Delete Paintings?' });
      assert.equal(await confirm.getByRole('button', { name: 'Delete the client' }).isDisabled(), true);
      await confirm.getByRole('textbox').fill('photos-films');
      await confirm.getByRole('button', { name: 'Delete the client' }).click();
      await heading(page, 'Clients');
      await page.getByRole('cell', { name: 'gatekey-console' }).waitFor();
      assert.equal(await page.getByRole('cell', { name: 'photos-films' }).count(), 0);
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('clients are found as one types, by state and in each order, by keyboard too; the address says which, and the next page keeps to it', async () => {
      gatekey.run(['client', 'create', 'kiosk', '--kind', 'spa', '--name', 'Newest branch', '--redirect-uri', CALLBACK]);
      gatekey.run(['client', 'update', 'outlet-07', '--disable']);
      const { context, page, heard } = await visitor({ place: '#/clients' });
      const search = page.getByRole('searchbox', { name: 'Search clients' });
      const [state, order] = [page.getByLabel('State'), page.getByLabel('Order')];
      const ids = () => page.locator('tbody td:nth-child(2) code').allInnerTexts();
      const shown = async (expected) => {
        await page.waitForFunction((expected) => [...document.querySelectorAll('tbody td:nth-child(2) code')].map((id) => id.textContent).join() === expected, expected.join());
      };
      const further = () => page.getByRole('button', { name: 'Show more' });

      // In the id and in the name, whatever the case; the focus stays where one types.
      await search.pressSequentially('BRANCH 1');
      await shown(['outlet-01', ...BRANCHES.slice(10, 20)]);
      assert.equal(page.url(), admin('#/clients?search=BRANCH+1'));
      assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), 'Search clients');
      await search.fill('ET-0');
      await shown(BRANCHES.slice(0, 10));
      await search.fill('nothing like it');
      await page.getByText('No name and no client id has “nothing like it” in it.').waitFor();

      const all = ['kiosk', ...BRANCHES];
      await search.fill('branch');
      for (const [name, word, expected] of [
        ['Client id Z–A', 'id-back', all.toReversed()],
        ['Newest first', 'newest', ['kiosk', ...BRANCHES.toReversed()]],
        ['Oldest first', 'oldest', [...BRANCHES, 'kiosk']],
        ['Client id A–Z', 'id', all],
      ]) {
        await order.selectOption(name);
        await shown(expected.slice(0, 50));
        assert.equal(page.url(), admin(`#/clients?search=branch&sort=${word}`));
        await further().click();
        await shown(expected);
        assert.equal(await further().count(), 0, name);
        // When they were registered is seen where that is the order.
        assert.equal(await page.getByRole('columnheader', { name: 'Registered' }).count(), word === 'newest' || word === 'oldest' ? 1 : 0, name);
      }

      await order.selectOption('Newest first');
      await search.focus();
      await page.keyboard.press('Tab');
      assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), 'State');
      await page.keyboard.press('D');
      await shown(['outlet-07']);
      assert.equal(page.url(), admin('#/clients?search=branch&sort=newest&state=disabled'));
      await page.reload();
      await shown(['outlet-07']);
      assert.deepEqual([await search.inputValue(), await state.inputValue(), await order.inputValue()], ['branch', 'disabled', 'newest']);
      await search.fill('branch 8');
      await page.getByText('No name and no client id has “branch 8” in it, of those that the filter leaves.').waitFor();
      await tabTo(page, /All clients/);
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.querySelector('tbody code')?.textContent === 'kiosk');
      assert.equal((await ids()).length, 50);
      // What one was looking for is not asked for again when the typing rests.
      await page.waitForTimeout(400);
      assert.deepEqual([page.url(), await search.inputValue(), await state.inputValue()], [admin('#/clients?sort=newest'), '', '']);
      gatekey.run(['client', 'delete', 'kiosk', '--yes']);
      assert.deepEqual(heard(), []);
      await context.close();
    });

    test('after the first administrator is made, a tour of what is really done leads from a first application to how long its session lasts', async () => {
      const fresh = await Gatekey.install(kind);
      await fresh.start();
      const context = await browser.newContext({ locale: 'en-US' });
      const page = await context.newPage();
      const problems = complaints(page);
      await page.goto(/https?:\/\/\S+setup\?link=[\w-]+/.exec(fresh.log)[0]);
      await page.getByLabel('Username').fill('root');
      for (const field of await page.locator('input[type=password]').all()) await field.fill(USER.password);
      await page.keyboard.press('Enter');
      await page.getByRole('link', { name: 'Open the console' }).click();
      await page.waitForURL('**/login?**');
      await signIn(page, { name: 'root', password: USER.password });
      const tour = page.getByRole('complementary');
      await tour.getByRole('heading', { name: 'Register a first application' }).waitFor();
      await tour.getByRole('link', { name: 'Register an application' }).click();
      await page.getByRole('link', { name: /^Page in a browser/ }).click();
      await page.getByLabel('Name').fill('First');
      await page.getByLabel('Redirect URIs').fill(CALLBACK);
      await page.getByRole('button', { name: 'Register' }).click();
      await heading(page, 'First is registered');
      await page.getByText("clientId: 'first'").waitFor();
      // It waits for a sign-in, here or on another page, and goes on by itself.
      await tour.getByRole('heading', { name: 'Paste its code, and sign in to it' }).waitFor();
      await page.reload();
      await tour.getByRole('heading', { name: 'Paste its code, and sign in to it' }).waitFor();
      await signedInto(fresh, 'first', { name: 'root', password: USER.password });
      await tour.getByRole('link', { name: 'Show the session' }).click();
      await page.getByRole('table', { name: 'Applications in this session' }).getByRole('link', { name: 'First' }).waitFor();
      await tour.getByRole('button', { name: 'Go on' }).click();
      await tour.getByRole('link', { name: 'Show the lifetimes' }).click();
      await heading(page, 'Lifetimes');
      await tour.getByRole('button', { name: 'Done' }).click();
      await tour.waitFor({ state: 'detached' });
      await page.goto(adminOf(fresh, '#/'));
      await page.reload();
      await page.getByText('Version').waitFor();
      assert.equal(await tour.count(), 0);
      assert.deepEqual(problems, []);
      await context.close();
      await fresh.remove();
    });

    test('the tour can be left, and does not come back', async () => {
      const fresh = await Gatekey.install(kind);
      makeAdministrator(fresh);
      await fresh.start();
      const { context, page, heard } = await visitorOf(browser, fresh, { place: '#/sessions' });
      const tour = page.getByRole('complementary');
      await tour.getByRole('button', { name: 'Leave the tour' }).click();
      await tour.waitFor({ state: 'detached' });
      await page.reload();
      await heading(page, 'Sessions');
      await page.getByRole('cell', { name: USER.name }).first().waitFor();
      assert.equal(await tour.count(), 0);
      assert.deepEqual(heard(), []);
      await context.close();
      await fresh.remove();
    });

    test('UI-14: names of clients and what browsers say of themselves are text', async () => {
      const hostile = '<img src=x onerror=window.hit=1><script>window.hit=1</script>';
      const { context, page, problems } = await visitor({ place: '#/clients', userAgent: `Mozilla/5.0 ${hostile}` });
      await page.getByRole('cell', { name: 'gatekey-console' }).waitFor();
      for (const [i, name] of PAYLOADS.entries()) {
        await page.goto(admin('#/clients'));
        await page.getByRole('row').filter({ hasText: `named-${i}` }).getByRole('link').click();
        await page.locator('.facts code', { hasText: `named-${i}` }).waitFor();
        // The positive control: it is there, whole, as text.
        const shown = await page.locator('h1').innerText();
        assert.equal(shown.replaceAll('\u202e', ''), name.replaceAll('\u202e', ''));
      }
      await page.goto(admin('#/sessions'));
      await page.getByRole('link', { name: 'onerror' }).first().click();
      await page.getByText(hostile).first().waitFor();
      assert.deepEqual(await harmed(page), [undefined, 0]);
      // The control: a script of the page itself cannot make markup of a text.
      assert.equal(await page.evaluate(() => { try { document.body.innerHTML = '<p>'; return 'made'; } catch (error) { return error.name; } }), 'TypeError');
      assert.deepEqual(problems.filter((line) => !isRefusal(line) && !line.includes('TrustedHTML')), []);
      await context.close();
    });

    test('UI-01: no page of another origin, nor of this one, shows it in a frame', async () => {
      const port = await freePort();
      const server = http.createServer((request, answer) => answer.setHeader('content-type', 'text/html').end(`<!doctype html><title>Evil</title><iframe src="${admin()}"></iframe>`));
      await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
      const { context, page } = await visitor();
      await heading(page, 'Overview');
      const refused = page.waitForEvent('console', (message) => /frame-ancestors|X-Frame-Options/i.test(message.text()));
      await page.goto(`http://localhost:${port}/`);
      await refused;
      assert.equal(await page.frames().find((frame) => frame !== page.mainFrame()).locator('#console').count(), 0);
      // The control: it is the page that is not to be framed, not the browser that cannot.
      await page.goto(admin());
      await heading(page, 'Overview');
      await context.close();
      server.close();
    });

    test('on a phone and on a desk, light and dark, nothing is cut off', async () => {
      for (const colorScheme of ['light', 'dark']) {
        for (const viewport of [{ width: 1280, height: 900 }, { width: 390, height: 844 }, { width: 320, height: 700 }]) {
          const { context, page, heard } = await visitor({ colorScheme, viewport, hasTouch: viewport.width < 500 });
          for (const [place, name] of [['#/', 'Overview'], ['#/sessions', 'Sessions'], ['#/clients', 'Clients'], ['#/clients/named-1', PAYLOADS[1]], ['#/clients/new/spa', 'New client: Page in a browser'], ['#/users', 'Users'], ['#/families', 'Refresh token families'], ['#/lifetimes', 'Lifetimes'], ['#/keys', 'Keys'], ['#/events', 'Events'], ['#/settings', 'Settings']]) {
            await page.goto(admin(place));
            await heading(page, name);
            await page.waitForFunction(() => !document.querySelector('.loading'));
            const cut = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
            assert.ok(cut <= 0, `${place} ${viewport.width}: ${cut}`);
          }
          const [red] = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).map(Number));
          assert.equal(red < 128, colorScheme === 'dark');
          if (viewport.width < 500) {
            await page.getByRole('button', { name: 'Menu' }).click();
            await page.getByRole('dialog', { name: 'Menu' }).getByRole('link', { name: 'Overview' }).click();
            await heading(page, 'Overview');
          }
          assert.deepEqual(heard(), []);
          await context.close();
        }
      }
    });
  });
}
