// What cookies can and cannot do to a sign-in, in a real browser and over TLS: a neighbour who sets them, one who knows a value before, and pages of
// another site with which they travel. Why there is one cookie for pages and frames: docs/sessions.md.
import assert from 'node:assert/strict';
import https from 'node:https';
import { after, afterEach, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { allow, signIn } from '../support/chromium.mjs';
import { Deployment, Profile } from '../support/deployment.mjs';
import { USER, databasesOf, freePort } from '../support/gatekey.mjs';
import { UserAgent, forms } from '../support/user_agent.mjs';

const PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,"><p>Application</p></html>';
const FILES = { '/': ['text/html; charset=utf-8', PAGE] };
const MALLORY = { name: 'mallory', password: 'another horse, another battery' };
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

/** Runs in a page of another site: sends a form to the issuer, as its user would have to ask for. */
function post({ action, fields, target }) {
  const form = document.createElement('form');
  Object.assign(form, { method: 'post', action, target });
  for (const [name, value] of Object.entries(fields)) form.append(Object.assign(document.createElement('input'), { name, value }));
  document.body.append(form);
  form.submit();
}

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let deployment, neighbour, sets, profile, context, page;

    before(async () => {
      deployment = await Deployment.start(kind, { shape: 'cross-site', files: FILES, client: '[[clients]]\nid = "third"\nname = "A third party"\nkind = "spa"\nredirect_uris = ["https://third.example.test/"]' });
      deployment.gatekey.createUser(MALLORY.name, MALLORY.password);
      // Somebody else's server, at another host of the issuer's domain.
      const port = await freePort();
      const { key, cert } = deployment.certificates;
      const server = https.createServer({ key, cert }, (request, answer) => answer.writeHead(200, { 'content-type': 'text/html', 'set-cookie': sets }).end(PAGE));
      await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
      neighbour = { server, url: `https://sub.example.test:${port}/` };
    });
    after(async () => {
      neighbour?.server.closeAllConnections();
      neighbour?.server.close();
      await deployment?.remove();
    });
    afterEach(() => profile?.close());

    const at = (path) => `${deployment.issuer}${path}`;
    const authorize = (more) => at(`authorize?${new URLSearchParams({ client_id: 'app', response_type: 'code', redirect_uri: `${deployment.application}/`, scope: 'openid', state: 's', nonce: 'n', code_challenge: CHALLENGE, code_challenge_method: 'S256', ...more })}`);
    const ours = async () => (await context.cookies(deployment.issuer)).filter(({ name }) => name.startsWith('__Host-gatekey-'));
    const session = async () => (await ours()).find(({ name }) => /^__Host-gatekey-[0-9a-f]{8}$/.test(name));

    async function open() {
      profile = await Profile.open(chromium, { thirdPartyCookies: true });
      ({ context } = profile);
      page = await context.newPage();
    }

    async function signedIn(user = USER) {
      await page.goto(at('login'));
      await signIn(page, user);
      await page.waitForURL(deployment.issuer);
    }

    /** Who it is, by what a hidden frame of the application is answered and what the issuer's page says. */
    async function whoIsSignedIn() {
      const tab = await context.newPage();
      await tab.goto(authorize({ prompt: 'none' }));
      const { code, error } = Object.fromEntries(new URL(tab.url()).searchParams);
      await tab.goto(deployment.issuer);
      const name = /signed in as (.*)\./.exec(await tab.locator('main').innerText())?.[1] ?? null;
      await tab.close();
      assert.equal(code ? 'somebody' : error, name ? 'somebody' : 'login_required');
      return name;
    }

    async function toss(cookies) {
      sets = cookies;
      await page.goto(neighbour.url);
    }

    /** The names that the issuer's cookies have, as a neighbour can work them out: the issuer's address is no secret. */
    async function names() {
      const probe = new UserAgent(deployment.issuer, deployment.replicas[0].url);
      await probe.authorize(authorize(), MALLORY);
      const cookies = [...probe.cookies];
      return { probe, base: cookies.map(([name]) => name).find((name) => /-[0-9a-f]{8}$/.test(name)) };
    }

    const tossed = (base, value) => {
      const plain = base.slice('__Host-'.length);
      return ['', '-2', '-browser', '-known', '-state'].flatMap((end) => [
        `${base}${end}=${value}; Domain=example.test; Path=/; Secure; SameSite=None`,
        `${base}${end}=${value}; Domain=example.test; Path=/authorize; Secure`,
        `${base}${end}=${value}; Domain=auth.example.test; Path=/; Secure`,
        `${base.toLowerCase()}${end}=${value}; Domain=example.test; Path=/; Secure`,
        `${base.toUpperCase()}${end}=${value}; Domain=example.test; Path=/login; Secure`,
        `=${base}${end}=${value}; Domain=example.test; Path=/; Secure`,
        `\t${base}${end}=${value}; Domain=example.test; Path=/; Secure`,
        Buffer.from(`\u2000${base}${end}=${value}; Domain=example.test; Path=/; Secure`).toString('latin1'),
        `__Secure-${plain}${end}=${value}; Domain=example.test; Path=/; Secure`,
        `${plain}${end}=${value}; Domain=example.test; Path=/login; Secure`,
        `${plain}${end}=${value}; Domain=example.test; Path=/; Secure`,
      ]);
    };

    test('UI-07 cookies that a neighbour sets before a sign-in are not kept, and after it change nothing', async () => {
      await open();
      const { probe, base } = await names();
      // A session of the neighbour's own: the value opens something.
      const planted = probe.cookies.get(base);
      await toss(tossed(base, planted));
      const arrived = (await context.cookies(deployment.issuer)).filter(({ value }) => value === planted);
      assert.ok(arrived.length >= 5, 'the neighbour did set cookies for the issuer');
      assert.deepEqual(arrived.filter(({ name }) => /^__host-/i.test(name)), [], 'and none with the prefix');
      assert.equal(await whoIsSignedIn(), null, 'nobody is signed in as the neighbour');
      await signedIn();
      const fresh = await session();
      assert.notEqual(fresh.value, planted);
      assert.equal(await whoIsSignedIn(), 'Alice Example');
      // And once more, beside what is there.
      await toss(tossed(base, planted));
      assert.equal((await session()).value, fresh.value);
      assert.equal(await whoIsSignedIn(), 'Alice Example');
      // Signing out signs out.
      await page.goto(at('oidc/logout'));
      await allow(page);
      await page.waitForURL(at('oidc/logout/confirm'));
      assert.equal(await whoIsSignedIn(), null);
    });

    test('UI-07 very many cookies, and very big ones: nobody is locked out for longer than they are there', async () => {
      await open();
      await signedIn();
      // What a browser keeps for one domain has an end, and the session can fall off it: then the user signs in again, and can.
      await toss(Array.from({ length: 400 }, (_, i) => `junk${i}=x; Domain=example.test; Path=/; Secure; SameSite=None`));
      if ((await whoIsSignedIn()) === null) await signedIn();
      assert.equal(await whoIsSignedIn(), 'Alice Example');
      await context.clearCookies({ domain: '.example.test' });
      // As many bytes as proxies pass on: nothing is cut off.
      await toss(Array.from({ length: 3 }, (_, i) => `big${i}=${'x'.repeat(3500)}; Domain=example.test; Path=/; Secure; SameSite=None`));
      assert.equal(await whoIsSignedIn(), 'Alice Example');
      // More than that is refused, by whoever stands first; the session is there when they are gone.
      await toss(Array.from({ length: 30 }, (_, i) => `big${i}=${'x'.repeat(3500)}; Domain=example.test; Path=/; Secure; SameSite=None`));
      const [refused] = await Promise.all([page.waitForResponse((one) => one.url() === deployment.issuer), page.goto(deployment.issuer).catch(() => null)]);
      assert.equal(refused.status(), 431);
      await context.clearCookies({ domain: '.example.test' });
      assert.equal(await whoIsSignedIn(), 'Alice Example');
    });

    // No page can plant these, as the first test shows; somebody who had the device for a minute could.
    test('UI-07 a value that somebody knew before a sign-in opens nothing after it', async () => {
      await open();
      const { probe, base } = await names();
      const mallorys = probe.cookies.get(base);
      const forged = Buffer.alloc(32, 7).toString('base64url');
      const plant = (name, value) => context.addCookies([{ name, value, domain: new URL(deployment.issuer).hostname, path: '/', secure: true, httpOnly: true, sameSite: 'None' }]);
      /** What the value opens for whoever knows it. */
      const opens = async (value) => {
        const elsewhere = new UserAgent(deployment.issuer, deployment.replicas[0].url);
        elsewhere.cookies.set(base, value);
        const { html } = await elsewhere.visit(new URL(deployment.issuer));
        return /Alice Example/.test(html) ? 'alice' : html.includes('oidc/logout') ? 'mallory' : null;
      };
      // A value that is nobody's.
      await plant(base, forged);
      await signedIn();
      assert.ok((await ours()).every(({ value }) => !value.includes(forged)));
      assert.equal(await opens(forged), null);
      // The control: the one that was given.
      assert.equal(await opens((await session()).value), 'alice');
      // That of an old session of the same user.
      await context.clearCookies();
      const old = new UserAgent(deployment.issuer, deployment.replicas[0].url);
      await old.authorize(authorize(), USER);
      await plant(base, old.cookies.get(base));
      await page.goto(authorize({ prompt: 'login' }));
      await signIn(page, USER);
      await page.waitForURL(`${deployment.application}/?**`);
      const now = (await ours()).filter(({ name }) => name.startsWith(base) && !/-(browser|known|state)$/.test(name));
      assert.ok(now.every(({ value }) => value.split('.')[0] !== old.cookies.get(base)), 'signing in again is a new session');
      assert.equal(await opens(old.cookies.get(base)), null, 'the old one ended');
    });

    test('UI-02 UI-03 UI-04 the cookie travels with the forms of another site, and none of them does anything', async () => {
      await open();
      await signedIn();
      const before = await session();
      assert.equal(before.sameSite, 'None');
      // What mallory can get for himself: the values of forms, good for his own browser.
      const mallory = new UserAgent(deployment.issuer, deployment.replicas[0].url);
      const login = await mallory.visit(new URL(at('login')));
      const { fields } = forms(login.html)[0];
      const csrf = fields.find(({ name }) => name === 'csrf').value;
      const consent = await mallory.visit(new URL(authorize({ client_id: 'third', redirect_uri: 'https://third.example.test/' })));
      const ticket = forms(consent.html)[0].fields.find(({ name }) => name === 'ticket').value;
      const credentials = { username: MALLORY.name, password: MALLORY.password };
      const attempts = [
        ['login', { ...credentials, csrf }],
        ['login', { ...credentials, csrf, ticket }],
        ['login', { ...credentials }],
        ['consent', { csrf, ticket, decision: 'allow' }],
        ['select-account', { csrf, ticket, account: 'other' }],
        ['oidc/logout/confirm', { csrf, ticket, decision: 'allow' }],
        ['account/sessions/end-others', { csrf }],
        ['account/sessions/end', { csrf, session: 'x' }],
        ['account/applications/withdraw', { csrf, client: 'app' }],
        ['account/switch', { csrf, session: 'x' }],
        ['account/confirm', { csrf, ticket, password: USER.password }],
        ['account/password', { csrf, current: USER.password, password: 'chosen by somebody else', password_again: 'chosen by somebody else' }],
      ];
      for (const [path, fields] of attempts) {
        for (const target of ['_self', 'frame']) {
          const tab = await context.newPage();
          await tab.goto(`${deployment.application}/`);
          await tab.evaluate(() => document.body.append(Object.assign(document.createElement('iframe'), { name: 'frame' })));
          const [answer] = await Promise.all([
            tab.waitForResponse((one) => one.url() === at(path) && one.request().method() === 'POST'),
            tab.evaluate(post, { action: at(path), fields, target }),
          ]);
          const sent = await answer.request().allHeaders();
          assert.ok(sent.cookie?.includes(`${before.name}=${before.value}`), `${path}, ${target}: the cookie was sent`);
          assert.equal(sent['sec-fetch-site'], 'cross-site');
          assert.equal(answer.status(), 403, `${path}, ${target}`);
          assert.equal((await answer.allHeaders())['set-cookie'], undefined, `${path}, ${target}`);
          await tab.close();
        }
      }
      assert.equal((await session()).value, before.value);
      assert.equal(await whoIsSignedIn(), 'Alice Example');
      // A request to sign out asks, wherever it comes from.
      await page.goto(`${deployment.application}/`);
      await page.evaluate(post, { action: at('oidc/logout'), fields: {}, target: '_self' });
      await page.waitForURL(`${at('oidc/logout')}**`);
      assert.equal(await whoIsSignedIn(), 'Alice Example');
      // The controls: the same forms, from the pages they belong to.
      await page.goto(at('oidc/logout'));
      await allow(page);
      await page.waitForURL(at('oidc/logout/confirm'));
      assert.equal(await whoIsSignedIn(), null);
      await signedIn();
      assert.equal(await whoIsSignedIn(), 'Alice Example');
    });

    test('UI-02 nobody is signed in by another site, with cookies or without', async () => {
      await open();
      const mallory = new UserAgent(deployment.issuer, deployment.replicas[0].url);
      const login = await mallory.visit(new URL(at('login')));
      const csrf = forms(login.html)[0].fields.find(({ name }) => name === 'csrf').value;
      for (const visited of [false, true]) {
        if (visited) await page.goto(at('login'));
        const known = await ours();
        await page.goto(`${deployment.application}/`);
        const [answer] = await Promise.all([
          page.waitForResponse((one) => one.url() === at('login')),
          page.evaluate(post, { action: at('login'), fields: { username: MALLORY.name, password: MALLORY.password, csrf }, target: '_self' }),
        ]);
        assert.equal(answer.status(), 403);
        assert.deepEqual(await ours(), known);
        assert.equal(await whoIsSignedIn(), null);
      }
    });
  });
}
